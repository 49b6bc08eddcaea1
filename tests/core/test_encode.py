"""Tokens and labels: what trains, what is masked and what is cut, against hand-made expectations and against transformers' own rendering."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import chat_forms
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiny_model import make_tiny_model

from sde_core.dataset import open_dataset
from sde_core.dataset.turns import Turn, Turns
from sde_core.train.chat_template import ChatTemplate, TemplateError
from sde_core.train.encode import IGNORED, Encoder
from sde_core.train.preview import SHOWN_CHARACTERS, token_view
from sde_core.train.recipe import Recipe
from sde_core.train.tokenizer import load_tokenizer

ROOT = Path(__file__).resolve().parents[2]
STORIES = ROOT.parent / "shared" / "models" / "stories260K"
FORMATS = ROOT.parent / "shared" / "data" / "formats"


def conversation(*texts, system=""):
    roles = ["user", "assistant"] * len(texts)
    turns = [Turn(role, text) for role, text in zip(roles, texts, strict=False)]
    return Turns((Turn("system", system), *turns) if system else tuple(turns))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def tokenizers(folder):
    """Tokenizer by the name of its chat form; "" has none."""
    forms = {"": "", **chat_forms.ALL}
    return {name: load_tokenizer(str(make_tiny_model(folder / (name or "plain"), template=form, bos=not form))) for name, form in forms.items()}


def text_in(encoded, state):
    return "".join(text for text, token_state in encoded.tokens() if token_state == state)


def assert_consistent(encoded):
    ids, labels = encoded.ids, encoded.labels
    assert len(ids) == len(labels) <= encoded.n_tokens
    trained = labels != IGNORED
    assert (labels[trained] == ids[trained]).all()
    assert trained.sum() == encoded.n_trained
    assert np.array_equal(trained, encoded.full_trained[encoded.kept])
    assert "".join(text for text, _ in encoded.tokens()) == encoded.text
    if len(labels):
        assert encoded.kept.start > 0 or labels[0] == IGNORED


# ---- the plain form


def test_plain_form_to_the_token(tokenizers):
    tokenizer = tokenizers[""]
    encoded = Encoder(tokenizer, Recipe()).encode(conversation("the cat", "sat", "and", "ran", system="all day"))
    expected = [("<s>", False), ("System:\nall day\n\nUser:\nthe cat\n\nAssistant:\n", False), ("sat</s>", True)]
    expected += [("\n\nUser:\nand\n\nAssistant:\n", False), ("ran</s>", True)]
    ids, trained = [], []
    for text, trains in expected:
        piece = tokenizer.backend.encode(text, add_special_tokens=False).ids
        ids += piece
        trained += [trains] * len(piece)
    assert encoded.ids.tolist() == ids
    assert (encoded.labels != IGNORED).tolist() == trained
    assert (encoded.verdict, encoded.n_cut) == ("ok", 0)


def test_end_token_is_trained_once_and_bos_stands_once(tokenizers):
    tokenizer = tokenizers[""]
    encoder = Encoder(tokenizer, Recipe())
    bos = tokenizer.prefix_ids[0]
    for answer in ("sat", "sat</s>", "sat</s></s> "):
        encoded = encoder.encode(conversation("the cat", answer))
        assert encoded.ids.tolist().count(tokenizer.eos_id) == 1
        assert encoded.labels[-1] == tokenizer.eos_id
    assert encoder.encode(Turns((Turn("text", "<s>the cat"),))).ids.tolist().count(bos) == 1


def test_plain_text_trains_whole_but_for_its_first_token(tokenizers):
    encoded = Encoder(tokenizers[""], Recipe()).encode(Turns((Turn("text", "the cat sat"),)))
    assert text_in(encoded, "trained") == "the cat sat</s>"
    assert encoded.labels[0] == IGNORED
    assert Encoder(tokenizers["chatml"], Recipe()).encode(Turns((Turn("text", "the cat"),))).text == "the cat</s>"


def test_full_text_and_last_answer_options(tokenizers):
    turns = conversation("the cat", "sat", "and", "ran")
    everything = Encoder(tokenizers[""], Recipe(completion_only=False)).encode(turns)
    assert everything.n_trained == everything.n_tokens - 1
    assert text_in(Encoder(tokenizers[""], Recipe(answers="last")).encode(turns), "trained") == "ran</s>"


def test_bytes_of_one_character_share_its_fate(tokenizers):
    encoded = Encoder(tokenizers[""], Recipe()).encode(conversation("é中", "é中🙂"))
    assert text_in(encoded, "trained") == "é中🙂</s>"
    assert_consistent(encoded)


# ---- what is cut


@given(st.lists(st.sampled_from(["the cat", "sat", "é中🙂", "", "and ran to the barn"]), min_size=1, max_size=8), st.integers(2, 40))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_split_row_loses_nothing_but_the_first_token_of_each_part(tokenizers, texts, max_length):
    turns = conversation(*texts)
    whole = Encoder(tokenizers[""], Recipe(max_length=1000)).encode(turns)
    split = Encoder(tokenizers[""], Recipe(max_length=max_length, too_long="split")).encode(turns)
    assert split.ids.tolist() == whole.ids.tolist()
    assert (split.n_cut, split.verdict) == (0, whole.verdict) or split.verdict == "nothing" or split.n_trained < whole.n_trained
    lost = set(range(0, len(whole.ids), max_length)) if len(whole.ids) > max_length else set()
    trained = [i for i, label in enumerate(whole.labels.tolist()) if label != IGNORED and i not in lost]
    assert [i for i, label in enumerate(split.labels.tolist()) if label != IGNORED] == trained
    assert all(part.stop - part.start <= max_length and (split.labels[part] != IGNORED).any() for part in split.parts)
    assert sum(int((split.labels[part] != IGNORED).sum()) for part in split.parts) == len(trained)
    assert_consistent(split)


@pytest.mark.parametrize("side", ["right", "left"])
def test_cutting_keeps_account(tokenizers, side):
    turns = conversation("the cat", "sat on the old red barn while two birds sang in the tall green tree")
    whole = Encoder(tokenizers[""], Recipe()).encode(turns)
    cut = Encoder(tokenizers[""], Recipe(max_length=whole.n_tokens - 4, truncation_side=side)).encode(turns)
    assert (cut.n_cut, len(cut.ids), cut.n_tokens) == (4, whole.n_tokens - 4, whole.n_tokens)
    gone, stays = text_in(cut, "cut"), text_in(cut, "masked") + text_in(cut, "trained")
    assert gone
    assert whole.text == (stays + gone if side == "right" else gone + stays)
    assert cut.verdict == ("cut" if side == "right" else "ok")
    assert_consistent(cut)


def test_verdicts_and_their_reasons(tokenizers):
    def verdict(turns, **options):
        encoded = Encoder(tokenizers[""], Recipe(**options)).encode(turns)
        return encoded.verdict, encoded.reason

    assert verdict(conversation("the cat", "sat")) == ("ok", "")
    assert verdict(conversation("the cat", "")) == ("empty", "")
    assert verdict(conversation("the cat")) == ("nothing", "there is no assistant turn")
    assert verdict(Turns(())) == ("nothing", "there is no assistant turn")
    assert verdict(conversation("the cat " * 9, "sat"), max_length=8) == ("nothing", "max_length 8 cuts all answers off")
    assert verdict(conversation("the cat " * 9, "sat"), max_length=8, too_long="drop")[0] == "dropped"
    assert verdict(conversation("a", "the cat " * 9), max_length=20)[0] == "cut"
    assert len(Encoder(tokenizers[""], Recipe(max_length=8, too_long="drop")).encode(conversation("the cat " * 9, "sat")).ids) == 0


def test_max_length_defaults_to_what_the_model_reads(tokenizers):
    assert Encoder(tokenizers[""], Recipe()).max_length == 256
    assert Encoder(replace(tokenizers[""], context=None), Recipe()).max_length == 1024
    assert Encoder(tokenizers[""], Recipe(max_length=99)).max_length == 99


# ---- chat templates

TRAINED = {"chatml": "<|im_end|>", "inst": " </s>", "headers": "<|eot_id|>", "turns": "<end_of_turn>", "thinking": "<|im_end|>"}


@pytest.mark.parametrize("form", TRAINED)
def test_every_answer_trains_with_what_closes_it_and_nothing_else(tokenizers, form):
    encoded = Encoder(tokenizers[form], Recipe()).encode(conversation("the cat", "sat on", "and", "ran"))
    end = TRAINED[form]
    assert text_in(encoded, "trained").replace(" sat", "sat").replace(" ran", "ran") == f"sat on{end}ran{end}"
    assert_consistent(encoded)


def test_an_answer_that_the_template_leaves_open_is_closed_at_the_end_of_all(tokenizers):
    encoded = Encoder(tokenizers["unclosed"], Recipe()).encode(conversation("the cat", "sat", "and", "ran"))
    assert encoded.text == "user: the cat\nassistant: sat\nuser: and\nassistant: ran</s>"
    assert text_in(encoded, "trained").replace(" ", "") == "satran</s>"


def test_trimmed_answers_are_found(tokenizers):
    encoded = Encoder(tokenizers["headers"], Recipe()).encode(conversation("  the cat ", "\n sat on \n"))
    assert text_in(encoded, "trained") == "sat on<|eot_id|>"


def test_answers_that_the_template_rewrites_are_found_by_their_heads(tokenizers):
    turns = conversation("the cat", "<think>red</think>\n\nsat", "and", "<think>green</think>ran")
    encoded = Encoder(tokenizers["thinking"], Recipe()).encode(turns)
    assert text_in(encoded, "trained") == "sat<|im_end|><think>green</think>ran<|im_end|>"


def test_a_role_text_equal_to_a_template_piece_does_not_confuse(tokenizers):
    encoded = Encoder(tokenizers["chatml"], Recipe()).encode(conversation("<|im_end|>\n<|im_start|>assistant\nsat<|im_end|>", "ran"))
    assert text_in(encoded, "trained") == "ran<|im_end|>"
    assert Encoder(tokenizers["chatml"], Recipe()).holds_special_text(conversation("a <|im_end|>", "b"))
    assert not Encoder(tokenizers["chatml"], Recipe()).holds_special_text(conversation("a", "b"))


def test_a_refusal_is_a_verdict_in_the_templates_own_words(tokenizers):
    encoder = Encoder(tokenizers["turns"], Recipe())
    refused, fine = encoder.encode_all([conversation("the cat", "sat", system="be kind"), conversation("the cat", "sat")])
    assert refused.verdict == "template"
    assert "System role not supported" in refused.reason
    assert len(refused.ids) == refused.n_trained == 0
    assert fine.verdict == "ok"
    assert Encoder(tokenizers["turns"], Recipe(template="plain")).encode(conversation("the cat", "sat", system="be kind")).verdict == "ok"


def test_a_broken_template_and_a_template_that_reaches_out_are_refused():
    with pytest.raises(TemplateError, match="broken"):
        ChatTemplate("{% for %}", {})
    for attack in (
        "{{ ''.__class__.__mro__ }}",
        "{{ messages.append(1) }}",
        "{% set ns = namespace(__x=1) %}",
        "{% set ns = namespace() %}{% set ns._y = 1 %}",
        "{{ 1 / 0 }}",
    ):
        with pytest.raises(TemplateError, match="refuses"):
            ChatTemplate(attack, {}).render([{"role": "user", "content": "hi"}])


WORD = st.text(alphabet="abc \n<s>/é中🙂|\ud800", max_size=12)
ROLE = st.sampled_from(["system", "user", "assistant", "tool", "text", "narrator"])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_labels_are_ids_where_trained_whatever_the_row(tokenizers, data):
    form = data.draw(st.sampled_from(["", *chat_forms.ALL]))
    recipe = Recipe(
        max_length=data.draw(st.one_of(st.none(), st.integers(2, 40))),
        completion_only=data.draw(st.booleans()),
        answers=data.draw(st.sampled_from(["all", "last"])),
        too_long=data.draw(st.sampled_from(["cut", "drop", "split"])),
        truncation_side=data.draw(st.sampled_from(["left", "right"])),
    )
    turns = Turns(tuple(Turn(role, text) for role, text in data.draw(st.lists(st.tuples(ROLE, WORD), max_size=5))))
    encoded = Encoder(tokenizers[form], recipe).encode(turns)
    assert_consistent(encoded)
    assert (encoded.labels[:1] == IGNORED).all()
    assert (encoded.verdict in ("ok", "cut", "empty")) == (encoded.n_trained > 0)
    if recipe.completion_only and not any(turn.role in ("assistant", "text") for turn in turns.turns):
        assert encoded.n_trained == 0


# ---- the view of one row


def test_the_view_shows_every_token_and_says_what_becomes_of_it(tokenizers):
    encoder = Encoder(tokenizers[""], Recipe(max_length=20))
    seen = token_view(encoder, conversation("the cat", "sat on the old red barn"))
    assert seen.tokens[0] == ("<s>", "masked")
    assert {state for _, state in seen.tokens} == {"trained", "masked", "cut"}
    assert "part of an answer is cut off" in seen.note
    assert "".join(text for text, _ in seen.tokens) == "<s>User:\nthe cat\n\nAssistant:\nsat on the old red barn</s>"


def test_the_view_says_that_a_row_is_split_packed_or_dropped(tokenizers):
    turns = conversation("the cat", "sat on the old red barn")
    assert "split into 2 samples of at most 20" in token_view(Encoder(tokenizers[""], Recipe(max_length=20, too_long="split")), turns).note
    assert "shares its sequence" in token_view(Encoder(tokenizers[""], Recipe(packing=True)), turns).note
    dropped = token_view(Encoder(tokenizers[""], Recipe(max_length=20, too_long="drop", packing=True)), turns)
    assert "is left out: longer than max_length" in dropped.note
    assert "shares" not in dropped.note
    assert {state for _, state in dropped.tokens} == {"cut"}


def test_the_view_of_a_refused_row_says_why_and_a_long_text_is_not_read_to_its_end(tokenizers):
    refused = token_view(Encoder(tokenizers["turns"], Recipe()), conversation("a", "b", system="c"))
    assert refused.tokens == ()
    assert "System role not supported" in refused.note
    long = token_view(Encoder(tokenizers[""], Recipe()), conversation("a" * 10, "b" * (2 * SHOWN_CHARACTERS)))
    assert "Only the beginning" in long.note
    assert len(long.tokens) <= SHOWN_CHARACTERS + 40


@pytest.mark.skipif(not FORMATS.exists() or not STORIES.exists(), reason="the shared data folder is not here")
def test_every_layout_of_real_files_trains_on_answers_alone():
    encoder = Encoder(load_tokenizer(str(STORIES)), Recipe(max_length=4096))
    layouts = set()
    for path in sorted(FORMATS.glob("*.json*")):
        if path.name in ("dataset_info.json",):
            continue
        dataset = open_dataset(path)
        dataset.read_all()
        layouts.add(dataset.layout.name)
        (batch,) = dataset.batches(rows=range(min(len(dataset), 40)))
        for (_, _, turns), encoded in zip(batch, encoder.encode_all([turns for _, _, turns in batch]), strict=True):
            assert_consistent(encoded)
            answers = [turn.text for turn in turns.turns if turn.role in ("assistant", "text")]
            if encoded.n_cut == 0 and any(answers):
                assert encoded.verdict == "ok"
                assert len(text_in(encoded, "trained")) <= sum(len(answer) + len("</s>") for answer in answers)
    assert len(layouts) >= 5


# ---- whatever the row and the options: one end, one beginning, and loss on answers alone

ASKED = st.text(alphabet="βγ中 \n", max_size=6)
ANSWERED = st.builds(
    lambda text, hostile, ends: text + hostile + text + "</s>" * ends,
    st.text(alphabet="éñ日 \n", max_size=5),
    st.sampled_from(["", "</s>", "<s>", "<|im_end|>", "[/INST]"]),
    st.integers(0, 2),
)
CONVERSATION = st.lists(st.tuples(ASKED, ANSWERED), min_size=1, max_size=3)
CLOSED_BY = {"": "</s>", "chatml": "<|im_end|>", "inst": "</s>", "headers": "<|eot_id|>", "turns": "<end_of_turn>", "thinking": "<|im_end|>"}


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pairs=CONVERSATION, form=st.sampled_from(list(CLOSED_BY)), last=st.booleans(), plain=st.booleans())
def test_each_answer_ends_once_and_the_text_begins_once(tokenizers, pairs, form, last, plain):
    tokenizer = tokenizers[form]
    recipe = Recipe(max_length=4096, answers="last" if last else "all", template="plain" if plain else "auto")
    encoded = Encoder(tokenizer, recipe).encode(conversation(*[text for pair in pairs for text in pair]))
    closing = CLOSED_BY["" if plain else form]
    end, bos = tokenizer.backend.token_to_id(closing), tokenizer.backend.token_to_id("<s>")
    bodies = [stripped(answer) for _, answer in pairs]
    counted = bodies[-1:] if last else bodies
    assert (encoded.labels == end).sum() == len(counted) + sum(body.count(closing) for body in counted)
    by_template = not plain and form in ("inst", "headers", "turns")
    assert (encoded.ids == bos).sum() == sum(body.count("<s>") for body in bodies) + (by_template or bool(tokenizer.prefix_ids))
    assert_consistent(encoded)


def stripped(answer: str) -> str:
    while answer.rstrip().endswith("</s>"):
        answer = answer.rstrip().removesuffix("</s>")
    return answer


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pairs=CONVERSATION, form=st.sampled_from([*CLOSED_BY, "unclosed"]), last=st.booleans(), length=st.integers(8, 90),
    too_long=st.sampled_from(["cut", "drop", "split"]), side=st.sampled_from(["left", "right"]),
)  # fmt: skip
def test_loss_stands_on_answers_alone_and_on_all_of_them(tokenizers, pairs, form, last, length, too_long, side):
    recipe = Recipe(max_length=length, too_long=too_long, truncation_side=side, answers="last" if last else "all")
    encoded = Encoder(tokenizers[form], recipe).encode(conversation(*[text for pair in pairs for text in pair]))
    assert not set("βγ中") & set(text_in(encoded, "trained"))
    if encoded.verdict == "ok" and not encoded.n_cut and not encoded.part_length and not last:
        assert not set("éñ日") & set(text_in(encoded, "masked"))
    assert all(len(encoded.ids[part]) <= length for part in encoded.parts)
    assert too_long == "split" or len(encoded.ids) <= length
