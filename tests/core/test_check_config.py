"""`sde.toml`: thresholds, what fails, silences; every mistake names its line."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sde_core.checks.config import CheckConfig, Silence, config_for, find_config, read_config, row_key, silence_text, silenced_by
from sde_core.checks.config_edit import add_silence, remove_silence
from sde_core.checks.findings import Finding
from sde_core.checks.report import CheckInfo, CheckReport
from sde_core.errors import InputError, UsageError
from tests.core.checked import clean_chats, opened

KNOWN = ("mojibake", "rare-class", "odd-answer")
WHOLE = """fail_on = "warning"

[thresholds]
near = 0.9

[[silence]]
check = "rare-class"
field = "source"
reason = "new kiosks"

[[silence]]
rows = "3,10-12"
keys = ["00000000000000ff"]
reason = "looked at by hand"
"""


def read(tmp_path, text):
    path = tmp_path / "sde.toml"
    path.write_text(text, encoding="utf-8")
    return read_config(path, KNOWN)


def test_a_whole_file(tmp_path):
    config = read(tmp_path, WHOLE)
    assert config == CheckConfig(
        tmp_path / "sde.toml",
        "warning",
        {"near": 0.9},
        (
            Silence("new kiosks", "rare-class", "source", line=6),
            Silence("looked at by hand", rows=((3, 3), (10, 12)), keys=frozenset({"00000000000000ff"}), line=11),
        ),
    )
    assert read(tmp_path, "") == CheckConfig(tmp_path / "sde.toml")


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        ('[[silence]]\ncheck = "mojibake"\nreason = "  "', "line 3: a silence has no reason", "reason ="),
        (
            'fail_on = "error"\n[[silence]]\nreason = "x"\ncheck = "mojibake"\n\n[[silence]]\ncheck = "mojibake"',
            "line 6: a silence has no reason",
            "",
        ),
        ('[[silence]]\ncheck = "mojobake"\nreason = "x"', "line 1: there is no check named 'mojobake'", "Did you mean 'mojibake'?"),
        ('[[silence]]\nreason = "x"', "line 1: a silence names nothing", "check, a field"),
        ('[[silence]]\nreason = "x"\nrow = "1"', "line 1: there is no entry named 'row'", "Did you mean 'rows'?"),
        ('[[silence]]\nreason = "x"\nrows = "9-3"', "'9-3' is not a row number", "10-20"),
        ('[[silence]]\nreason = "x"\nrows = "all"', "'all' is not a row number", ""),
        ('[[silence]]\nreason = "x"\nkeys = ["ff"]', "not record keys", "16 hexadecimal"),
        ('[[silence]]\nreason = 7\nrows = "1"', "line 1: reason is '7'", "text"),
        ('silence = "mojibake"', "line 1: silence is not a list", "[[silence]]"),
        ('silence = [{check = "mojibake"}]', "silence 1: a silence has no reason", ""),
        ('\nfail_on = "info"', "line 2: fail_on is 'info'", '"error" or "warning"'),
        ("failon = 1", "line 1: there is no entry named 'failon'", "Did you mean 'fail_on'?"),
        ("thresholds = 3", "line 1: thresholds is not a table", "[thresholds]"),
        ("[thresholds]\nneer = 0.9", "line 2: there is no threshold named 'neer'", "Did you mean 'near'?"),
        ('[thresholds]\nnear = "high"', "line 2: the threshold near is 'high'", "number"),
        ("[thresholds]\nnear = true", "line 2: the threshold near is 'True'", "number"),
    ],
)
def test_a_mistake_names_its_line_and_the_way_out(tmp_path, text, said, hint):
    with pytest.raises(UsageError) as caught:
        read(tmp_path, text)
    assert said in caught.value.message
    assert str(tmp_path / "sde.toml") in caught.value.message
    assert hint in caught.value.hint


def test_what_is_no_toml_or_cannot_be_read(tmp_path):
    with pytest.raises(InputError, match=r"not valid TOML: .*line 2"):
        read(tmp_path, "\nfail_on = = 2")
    (tmp_path / "sde.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="cannot be read"):
        read_config(tmp_path / "sde.toml", KNOWN)


def test_the_nearest_file_counts_up_to_the_repository(tmp_path, monkeypatch):
    top = tmp_path / "repository"
    data = top / "sets" / "made" / "data.jsonl"
    data.parent.mkdir(parents=True)
    (top / ".git").mkdir()
    (tmp_path / "sde.toml").write_text("")
    assert find_config(str(data)) is None
    assert config_for(str(data), KNOWN) == CheckConfig()
    (top / "sde.toml").write_text('fail_on = "error"')
    assert find_config(str(data)) == top / "sde.toml"
    assert config_for(str(data), KNOWN).fail_on == "error"
    (data.parent / "sde.toml").write_text("")
    assert find_config(str(data)) == data.parent / "sde.toml"
    assert config_for(str(data), KNOWN, top / "sde.toml").fail_on == "error"
    monkeypatch.chdir(top)
    assert find_config("hf://datasets/some/where") == top / "sde.toml"


# ---- what a silence covers

KEYS = {row: row_key(row) for row in range(100)}


def finding(check="mojibake", rows=(3,), field="text"):
    return Finding(check, "warning", rows, "Said.", "shown", field)


@pytest.mark.parametrize(
    ("silence", "covered"),
    [
        (Silence("r", check="mojibake"), True),
        (Silence("r", check="odd-answer"), False),
        (Silence("r", field="text"), True),
        (Silence("r", field="other"), False),
        (Silence("r", check="mojibake", field="other"), False),
        (Silence("r", rows=((0, 3),)), True),
        (Silence("r", rows=((4, 9),)), False),
        (Silence("r", keys=frozenset({row_key(3)})), True),
        (Silence("r", keys=frozenset({row_key(4)})), False),
    ],
)
def test_what_a_silence_covers(silence, covered):
    assert silence.covers(finding(), KEYS) is covered


def test_a_finding_is_silenced_where_all_of_its_rows_are():
    partly = Silence("r", rows=((3, 3),))
    assert not partly.covers(finding(rows=(3, 4)), KEYS)
    assert Silence("r", rows=((3, 3),), keys=frozenset({row_key(4)})).covers(finding(rows=(3, 4)), KEYS)
    assert not partly.covers(finding(rows=()), KEYS)
    assert Silence("r", check="mojibake").covers(finding(rows=()), KEYS)


def test_the_first_silence_counts():
    first, second = Silence("one", check="mojibake"), Silence("two", field="text")
    assert silenced_by([finding(), finding("odd-answer"), finding("odd-answer", field="")], [first, second], KEYS) == [first, second, None]


def test_a_report_shows_what_was_silenced_and_can_take_it_back(tmp_path):
    dataset = opened(tmp_path, clean_chats(5))
    report = CheckReport(5, 0, (CheckInfo("mojibake", "M"), CheckInfo("odd-answer", "O")), (finding(), finding("odd-answer", (4,))))
    key = row_key(int(dataset.keys()[4]))
    quiet = report.with_silences((Silence("by hand", keys=frozenset({key})), Silence("never", rows=((9, 9),))), dataset)
    assert quiet.counts == {"mojibake": 1}
    assert quiet.silenced_counts == {("odd-answer", "by hand"): 1}
    assert quiet.to_json(dataset)["silenced"] == [{"check": "odd-answer", "reason": "by hand", "findings": 1}]
    assert quiet.with_silences((), dataset) == report
    assert [action.check for action in quiet.actions()] == ["mojibake"]


@given(
    st.builds(
        Silence,
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip).map(str.strip),
        st.sampled_from(["mojibake", "odd-answer"]),
        st.text(st.characters(exclude_categories=["Cs"])),
        st.just(((3, 3), (7, 9))) | st.just(()),
        st.sets(st.integers(0, 2**64 - 1).map(row_key)).map(frozenset),
        st.just(1),
    )
)
def test_what_is_written_reads_back(tmp_path_factory, silence):
    path = tmp_path_factory.mktemp("config") / "sde.toml"
    path.write_bytes(silence_text(silence).encode())
    assert read_config(path, KNOWN).silences == (silence,)


# ---- the command


def test_the_gate_follows_the_file_and_the_command_line_wins(tmp_path, capfdbinary):
    from sde_core.cli.main import main

    path = opened(
        tmp_path, [*clean_chats(40), {"messages": [{"role": "user", "content": "What about number 99?"}, {"role": "assistant", "content": ""}]}]
    ).path
    config = tmp_path / "sde.toml"

    def check(*arguments):
        code = main(["check", path, *arguments])
        return code, *(stream.decode() for stream in capfdbinary.readouterr())

    assert check()[0] == 0
    config.write_text('fail_on = "error"')
    assert check()[0] == 1
    config.write_text(
        'fail_on = "error"\n[[silence]]\ncheck = "empty-answer"\nreason = "prompts alone, \u001b[2J on purpose"'.replace("\x1b", "\\u001b")
    )
    code, out, _ = check()
    assert code == 0
    assert "Nothing found that is not silenced." in out
    assert "1 finding" in out.split("Silenced by")[1]
    assert "prompts alone, ␛[2J on purpose" in out
    shown = json.loads(check("--json")[1])
    assert shown["findings"] == []
    assert shown["silenced"][0]["findings"] == 1
    config.write_text('[[silence]]\ncheck = "empty-answer"\nreason = ""')
    code, out, err = check()
    assert (code, out) == (2, "")
    assert "line 3" in err
    other = tmp_path / "other.toml"
    other.write_text("")
    assert check("--config", str(other), "--fail-on", "error")[0] == 1


def test_a_silence_that_cannot_be_taken_out_leaves_the_file_as_it_was(tmp_path):
    text = '[[silence]]\ncheck = "mojibake"\nrows = [\n  1,\n  2,\n]\nreason = "x"\n'
    silence = read(tmp_path, text).silences[0]
    with pytest.raises(UsageError, match="by itself"):
        remove_silence(tmp_path / "sde.toml", silence, KNOWN)
    assert (tmp_path / "sde.toml").read_text(encoding="utf-8") == text


def test_silences_come_and_go_and_other_lines_keep_their_ends(tmp_path):
    path = tmp_path / "sde.toml"
    path.write_bytes(b'fail_on = "error"\r\n# ours\r\n')
    add_silence(path, Silence("looked at", "mojibake"))
    (silence,) = read_config(path, KNOWN).silences
    assert remove_silence(path, silence, KNOWN).silences == ()
    assert path.read_bytes().rstrip(b"\n") == b'fail_on = "error"\r\n# ours\r'
