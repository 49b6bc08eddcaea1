"""Screen 4 by its keys."""

from __future__ import annotations

import json
import threading

import numpy as np
import pytest

from sde_core.checks.duplicates import find_duplicates
from sde_core.dataset import open_dataset
from sde_core.progress import raise_if_cancelled
from sde_tui import session_duplicates
from sde_tui.screens.duplicates_drawing import diff_lines, shortened, signed
from sde_tui.widgets.spans import plain, width_of

BRIDGE = "The long wooden bridge across the narrow valley was built by two brothers from the old village near the mill"
HOSTILE = "The parcel \x1b]52;c;aGk=\x07 came with [/INST] a note that said to open it by the old door of the northern gate"


def row(text, answer, **fields):
    return {"instruction": text, "output": answer, **fields}


@pytest.fixture
def copies(tmp_path):
    """Rows 0, 2 and 9 are exact copies, 3 has other form, 4 and 7 near; 6 and 8 hostile near-duplicates; row 5 cannot be read; 1 and 10 stand alone."""
    near = BRIDGE.replace("narrow", "deep")
    records = [
        row(BRIDGE, "Yes.", id="a"), row("What is rye bread made of?", "Rye flour."), row(BRIDGE, "Yes.", id="b"), row(BRIDGE.upper() + "!", "yes"),
        row(near, "Yes."), None, row(HOSTILE, "Do not."), row(BRIDGE, "Yes, indeed."),
        row(HOSTILE.replace("northern", "southern"), "Do not."), row(BRIDGE, "Yes.", id="c"), row("How far is the moon from here?", "Far."),
    ]  # fmt: skip
    path = tmp_path / "copies.jsonl"
    path.write_text("".join((json.dumps(record) if record else "{oops") + "\n" for record in records), encoding="utf-8")
    return path


def listed(sde):
    """The groups of the list: (kind, kept row, members)."""
    part = sde.session.duplicates
    return [(group.kind, group.keeper, [member.row for member in group.members[1:]]) for group in map(part.group, range(len(part)))]


async def test_groups_are_the_engines(open_app, copies):
    index = find_duplicates(open_dataset(str(copies)))
    kept = index.kept(index.groups(0.8).outer())
    async with open_app(copies) as sde:
        await sde.press("4")
        assert listed(sde) == [("near", 0, [2, 3, 4, 7, 9]), ("near", 6, [8])]
        assert sde.session.duplicates.to_drop == len(kept.dropped) == 6
        assert "= exact 1   ≡ normalised 1   ≈ near 2   ~ semantic off" in sde.text
        assert "2 groups · 6 of 10 rows go, first stays" in sde.text
        assert "[ alike ≥ 0.80 ]" in sde.text


async def test_the_screen_at_80_by_24(open_app, copies):
    async with open_app(copies) as sde:
        await sde.press("4")
        await sde.press("right")
        sde.golden("duplicates")


async def test_side_by_side_marks_changed_words_with_a_sign(open_app, copies):
    async with open_app(copies) as sde:
        await sde.press("4")
        await sde.press("right", "right")
        assert "✓ keep 0  ✗ drop 4 · near 0." in sde.text
        assert "[−narrow]" in sde.text
        assert "[+deep]" in sde.text
        half = next(line for line in sde.lines if "[+deep]" in line)
        assert "│" in half
        await sde.press("v")
        assert not any("│" in line and "[+deep]" in line for line in sde.lines)
        assert sum("✓ " in line or "✗ " in line for line in sde.lines) >= 3


async def test_members_come_round_and_name_the_fields_that_differ(open_app, copies):
    async with open_app(copies) as sde:
        await sde.press("4")
        shown = []
        for _ in range(6):
            shown.append(sde.app.screen.member.row)
            await sde.press("right")
        assert shown == [2, 3, 4, 7, 9, 2]
        await sde.press("left", "left")
        assert sde.app.screen.member.row == 9
        assert "exact copy · id differs" in sde.text
        await sde.press("down")
        assert sde.app.screen.member.row == 8
        await sde.press_only("right")
        assert "no further row" in sde.flashed


async def test_the_threshold_moves_without_comparing_again(open_app, copies, monkeypatch):
    async with open_app(copies) as sde:
        await sde.press("4")
        monkeypatch.setattr("sde_core.checks.duplicates.find_duplicates", None)
        before = sde.session.duplicates.index
        await sde.press(*["right_square_bracket"] * 4)
        assert "[ alike ≥ 1.00 ]" in sde.text
        assert listed(sde) == [("normalised", 0, [2, 3, 9])]
        await sde.press_only("right_square_bracket")
        assert "strictest" in sde.flashed
        await sde.press(*["left_square_bracket"] * 11)
        assert "[ alike ≥ 0.50 ]" in sde.text
        assert "down to 0.50 only" in sde.flashed
        assert len(listed(sde)) == 2
        assert sde.session.duplicates.index is before


async def test_only_one_kind(open_app, copies):
    async with open_app(copies) as sde:
        await sde.press("4")
        await sde.press("o", "down", "enter")
        assert listed(sde) == [("exact", 0, [2, 9])]
        assert "1 exact group · 2 of 10 rows go" in sde.text
        await sde.press("o", "up", "enter")
        assert len(listed(sde)) == 2


async def test_keeping_one_of_this_group_is_a_decision_with_reasons(open_app, copies):
    async with open_app(copies) as sde:
        await sde.press("4")
        await sde.press("down", "a")
        decisions = sde.session.decisions
        assert decisions.state.rejected_rows().tolist() == [8]
        assert decisions.reason(8).startswith("near-duplicate (0.")
        assert decisions.reason(8).endswith("of row 6, which comes first")
        assert listed(sde) == [("near", 0, [2, 3, 4, 7, 9])]
        await sde.press("u")
        assert decisions.counts == (0, 0)
        assert len(listed(sde)) == 2


async def test_keeping_one_of_all_groups_asks_with_the_exact_number(open_app, copies):
    async with open_app(copies) as sde:
        await sde.press("4")
        await sde.press("A")
        assert "Reject 6 rows, keeping one row of each of 2 groups?" in sde.text
        await sde.press("n")
        assert sde.session.decisions.counts == (0, 0)
        await sde.press("A", "y")
        assert sde.session.decisions.state.rejected_rows().tolist() == [2, 3, 4, 7, 8, 9]
        assert len(sde.session.decisions.log) == 1
        assert sde.session.decisions.reason(3) == "normalised duplicate of row 0, which comes first"
        assert "No duplicates are left." in sde.text
        await sde.press("u")
        assert len(listed(sde)) == 2
        await sde.press("U")
        assert listed(sde) == []


async def test_rejected_rows_are_no_keepers_and_accepted_rows_are(open_app, copies):
    async with open_app(copies) as sde:
        sde.session.decisions.reject([0], "bad")
        sde.session.decisions.accept([8])
        await sde.settle()
        await sde.press("4")
        assert listed(sde) == [("near", 2, [3, 4, 7, 9]), ("near", 8, [6])]


async def test_policies(open_app, copies):
    async with open_app(copies) as sde:
        await sde.press("4")
        await sde.press("p", "down", "enter")
        assert listed(sde)[0] == ("near", 7, [0, 2, 3, 4, 9])
        assert "longest answer stays" in sde.text
        await sde.press("p", "down", "enter")
        assert "Score the rules on screen 6 first" in sde.flashed
        assert sde.session.duplicates.wishes.policy == "longest"
        quality = np.linspace(0, 1, 11).astype(np.float32)
        sde.session.quality_provider = lambda: (np.arange(11), quality)
        await sde.press("p", "down", "enter")
        assert listed(sde) == [("near", 9, [0, 2, 3, 4, 7]), ("near", 8, [6])]
        await sde.press("p", "down", "enter")
        assert "most common answer stays" in sde.text


async def test_this_one_is_kept_instead(open_app, copies):
    async with open_app(copies) as sde:
        await sde.press("4")
        await sde.press("right", "i")
        assert listed(sde)[0] == ("near", 3, [0, 2, 4, 7, 9])
        assert "first stays (1 by hand)" in sde.text
        await sde.press("a")
        assert sde.session.decisions.reason(0) == "normalised duplicate of row 3, which was chosen"


async def test_enter_opens_the_rows_and_backspace_returns_to_the_group(open_app, copies):
    async with open_app(copies) as sde:
        await sde.press("4")
        await sde.press("down", "enter")
        assert sde.app.screen.NAME == "records"
        assert [int(row) for row in sde.session.records.view.rows] == [6, 8]
        assert "near duplicates of row 6" in sde.text
        await sde.press("backspace")
        assert sde.app.screen.NAME == "duplicates"
        assert sde.app.screen.group.keeper == 6


async def test_prompts_alone_are_compared_in_a_thread(open_app, copies):
    async with open_app(copies) as sde:
        await sde.press("4")
        await sde.press("c", "down", "enter")
        assert sde.session.duplicates.index.params.part == "prompt"
        assert "prompts" in sde.lines[2]
        await sde.press("c", "down", "enter")
        assert "answers" in sde.lines[2]
        assert ("normalised", 0, [2, 3, 4, 9]) in listed(sde)


async def test_by_meaning_on_and_off(open_app, tmp_path):
    path = tmp_path / "meaning.jsonl"
    texts = ["How can I reset my account password?", "What is the way to reset the password of my account?", "The bakery sells rye bread."]
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    async with open_app(path) as sde:
        await sde.press("4")
        assert listed(sde) == []
        assert "No duplicates were found." in sde.text
        await sde.press("s")
        cosine = float(sde.session.duplicates.index.vectors[0] @ sde.session.duplicates.index.vectors[1])
        sde.session.duplicates.wish(semantic=0.8)
        await sde.settle()
        assert listed(sde) == [("semantic", 0, [1])]
        assert f"{cosine:.2f}" in sde.text
        await sde.press("o", "end", "enter")
        await sde.press("right_square_bracket")
        assert "[ cosine ≥ 0.81 ]" in sde.text
        await sde.press("s")
        assert listed(sde) == []
        assert sde.session.duplicates.wishes.kind == ""


async def test_hostile_text_is_shown_and_harmless(open_app, copies):
    async with open_app(copies, size=(120, 40)) as sde:
        await sde.press("4")
        await sde.press("down")
        assert "\x1b" not in sde.text
        assert "[/INST]" in sde.text
        assert "␛]52" in sde.text
        assert "[−northern]" in sde.text
        assert "[+southern]" in sde.text


async def test_progress_is_shown_and_ctrl_x_stops(open_app, copies, monkeypatch):
    started = threading.Event()

    def slow(dataset, wishes, known, cache_dir, cancel, progress):
        progress(3, 10)
        started.set()
        cancel.wait()
        raise_if_cancelled(cancel)

    monkeypatch.setattr(session_duplicates, "_index", slow)
    async with open_app(copies) as sde:
        await sde.press_only("4")
        await sde.meanwhile(started.is_set)
        await sde.press_only("2", "4")
        assert "Comparing rows" in sde.text
        assert "ctrl+x stops" in sde.text
        await sde.press("ctrl+x")
        assert not sde.session.duplicates.running
        assert "r compares all rows" in sde.text
        monkeypatch.undo()
        await sde.press("r")
        assert len(listed(sde)) == 2


async def test_large_files_wait_for_r(open_app, copies, monkeypatch):
    monkeypatch.setattr(session_duplicates, "AUTOMATIC_ROWS", 3)
    async with open_app(copies) as sde:
        await sde.press("4")
        assert "Not compared yet: r compares" in sde.text
        await sde.press_only("a")
        assert "Not compared yet" in sde.flashed
        await sde.press("r")
        assert len(listed(sde)) == 2


async def test_edited_texts_make_the_groups_stale(open_app, copies):
    async with open_app(copies) as sde:
        await sde.press("4")
        change = type(
            "Change", (), {"row": 1, "path": ("instruction",), "before": "What is rye bread made of?", "after": "How far is the moon from here?"}
        )
        sde.session.decisions.edit([change])
        await sde.settle()
        await sde.press("down")
        assert sde.session.duplicates.stale
        assert "Texts were edited since: r compares again" in sde.text
        await sde.press("r")
        assert not sde.session.duplicates.stale


async def test_another_layout_forgets_the_groups(open_app, copies):
    async with open_app(copies) as sde:
        await sde.press("4")
        sde.session.set_layout(type(sde.session.dataset.layout)("prompt-response", {"prompt": "instruction", "answer": "output"}))
        await sde.settle()
        assert len(listed(sde)) == 2
        assert sde.session.duplicates.index.compared.rows.tolist() == [0, 1, 2, 3, 4, 6, 7, 8, 9, 10]


async def test_the_command_gives_the_same_groups(open_app, copies, capsysbinary):
    from sde_core.cli.main import main

    async with open_app(copies) as sde:
        await sde.press("4")
        await sde.press("left_square_bracket", "p", "down", "enter")
        command = sde.app.screen.command_line()
        mine = {(kind, kept, tuple(sorted([kept, *rows]))) for kind, kept, rows in listed(sde)}
    assert command.startswith("sde dups ")
    assert command.endswith(" --near 0.75 --keep longest")
    import shlex

    assert main([*shlex.split(command)[1:], "--json"]) == 0
    groups = json.loads(capsysbinary.readouterr().out)["groups"]
    assert mine <= {(group["kind"], group["keep"], tuple(group["rows"])) for group in groups}


async def test_y_copies_the_rows_of_the_group(open_app, copies):
    async with open_app(copies) as sde:
        await sde.press("4")
        await sde.press("down")
        assert sde.app.screen.copied() == ("the rows of this group", "6 8")


# ---- drawing


def diff_of(first, second):
    from sde_core.checks.duplicates.word_diff import word_diff

    return word_diff(first, second)


@pytest.mark.parametrize("width", [30, 60, 76, 120])
@pytest.mark.parametrize("stacked", [False, True])
def test_no_drawn_line_is_wider_than_the_pane(width, stacked):
    diff = diff_of(BRIDGE * 3 + "日本語" * 30, BRIDGE * 3 + "日本人" * 30)
    assert all(width_of(line) <= width for line in diff_lines(diff, width, 5, whole=True, stacked=stacked))


def test_long_equal_stretches_are_shortened_only_where_they_do_not_fit():
    words = " ".join(f"w{n}" for n in range(200))
    diff = diff_of(f"{words} left {words}", f"{words} right {words}")
    short = "\n".join(map(plain, diff_lines(diff, 76, 10, whole=False, stacked=True)))
    assert "w199 [−left] w0" in short
    assert "w199 [+right] w0" in short
    assert "⋯190 words⋯" in short
    whole = "\n".join(map(plain, diff_lines(diff, 76, 10, whole=True, stacked=True)))
    assert "⋯" not in whole
    tall = "\n".join(map(plain, diff_lines(diff, 76, 400, whole=False, stacked=True)))
    assert tall == whole


def test_shortening_keeps_what_stands_beside_a_change():
    diff = diff_of("a b c d", "a x c d")
    assert list(shortened(diff.segments)) == list(diff.segments)


def test_changes_stand_in_brackets_behind_a_sign_and_blanks_are_seen():
    assert signed("  two words\n", "−") == "  [−two words]\n"
    assert signed("  ", "+") == "[+··]"
    assert signed("\n", "+") == "[+⏎\n]"
