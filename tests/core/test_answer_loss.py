"""Losses of answers with and without the instruction: against losses worked out by hand, kept, resumed, and as a job."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict

import numpy as np
import polars as pl
import pytest
from tiny_model import make_tiny_model

from sde_core.dataset import open_dataset
from sde_core.errors import CancelledError, ModelError
from sde_core.evaluate import answer_loss, loss_job
from sde_core.evaluate.answer_loss import STATES, AnswerLosses, answer_encoder, cached_answer_losses, measure_answer_losses, spearman
from sde_core.jobs import launch
from sde_core.project import Project
from sde_core.train.tokenizer import model_location

pytest.importorskip("torch")
pytest.importorskip("transformers")

ROWS = [
    {"instruction": "Where did the cat sit?", "output": "the cat sat on a mat"},
    {"instruction": "What sang in the tree?", "output": "two birds sang in the tall green tree all day long"},
    {"instruction": "Say nothing.", "output": ""},
    {"instruction": "", "output": "the dog ran to the old red barn"},
    {"instruction": "the cat sat on a mat and " * 60, "output": "the dog"},
    {"instruction": "Where did the cat sit?", "output": "the cat sat on a mat"},
    {"instruction": "Count.", "output": "the dog ran to the old red barn while two birds sang " * 20},
]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return str(make_tiny_model(tmp_path_factory.mktemp("model")))


@pytest.fixture
def data(write_jsonl):
    dataset = open_dataset(write_jsonl(ROWS))
    dataset.read_all()
    return dataset


def loss_by_hand(model, text, answer):
    """Mean negative log-likelihood of the answer and the end token, from the logits of one unpadded forward pass in double precision."""
    import torch
    from transformers import AutoModelForCausalLM

    tokenizer = answer_encoder(model).tokenizer
    ids = [*tokenizer.prefix_ids, *tokenizer.backend.encode(text, add_special_tokens=False).ids]
    count = len(tokenizer.backend.encode(answer + "</s>", add_special_tokens=False).ids)
    with torch.no_grad():
        logits = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float64)(torch.tensor([ids])).logits[0]
    log_p = logits - torch.logsumexp(logits, -1, keepdim=True)
    return float(np.mean([-log_p[place - 1, ids[place]] for place in range(len(ids) - count, len(ids))]))


def test_ratios_are_those_worked_out_by_hand(model, data):
    losses = measure_answer_losses(data, model)
    answer = ROWS[1]["output"]
    given = loss_by_hand(model, f"User:\n{ROWS[1]['instruction']}\n\nAssistant:\n{answer}</s>", answer)
    alone = loss_by_hand(model, f"Assistant:\n{answer}</s>", answer)
    assert losses.given_prompt[1] == pytest.approx(given, abs=1e-4)
    assert losses.alone[1] == pytest.approx(alone, abs=1e-4)
    assert losses.ifd_loss_ratio[1] == pytest.approx(given / alone, abs=1e-4)
    assert losses.perplexity_ratio[1] == pytest.approx(np.exp(given) / np.exp(alone), abs=1e-3)


def test_without_a_frame_both_losses_are_of_the_tokens_that_both_predict(tmp_path, write_jsonl):
    """The first token of an answer that stands alone is never predicted; then it counts on neither side."""
    import torch
    from transformers import AutoModelForCausalLM

    template = "{% for m in messages %}{{ m.content }}{% if m.role == 'assistant' %}</s>{% else %}|{% endif %}{% endfor %}"
    bare = str(make_tiny_model(tmp_path / "bare", template=template, bos=False))
    dataset = open_dataset(write_jsonl([ROWS[1]]))
    dataset.read_all()
    losses = measure_answer_losses(dataset, bare)
    encode = answer_encoder(bare).tokenizer.backend.encode
    answer = encode(f"{ROWS[1]['output']}</s>", add_special_tokens=False).ids
    asked = encode(f"{ROWS[1]['instruction']}|", add_special_tokens=False).ids
    language_model = AutoModelForCausalLM.from_pretrained(bare, dtype=torch.float64)

    def later_tokens(before):
        ids = [*before, *answer]
        with torch.no_grad():
            log_p = torch.log_softmax(language_model(torch.tensor([ids])).logits[0], -1)
        return float(np.mean([-log_p[place - 1, ids[place]] for place in range(len(before) + 1, len(ids))]))

    assert losses.tokens[0] == len(answer) - 1
    assert losses.given_prompt[0] == pytest.approx(later_tokens(asked), abs=1e-4)
    assert losses.alone[0] == pytest.approx(later_tokens([]), abs=1e-4)


def test_what_cannot_be_measured_says_why(model, data):
    losses = measure_answer_losses(data, model)
    told = [STATES[state] for state in losses.states]
    assert told[:6] == ["measured", "measured", "has no answer", "has no instruction", "its answer is cut off", "measured"]
    assert told[6] == "measured on the part of its answer that is not cut off"
    assert np.isnan(losses.ifd_loss_ratio[[2, 3, 4]]).all()
    assert np.isfinite(losses.ifd_loss_ratio[[0, 1, 5, 6]]).all()
    assert losses.ifd_loss_ratio[0] == losses.ifd_loss_ratio[5]
    assert losses.counts()["measured"] == 3
    unhelped = int((losses.ifd_loss_ratio >= 1).sum())
    assert losses.counts()["the instruction does not help (ratio ≥ 1)"] == unhelped


def test_a_cut_answer_is_compared_over_the_tokens_that_both_have(model, data):
    encoder = answer_encoder(model)
    given = encoder.encode(data.turns(6))
    assert given.verdict == "cut"
    assert measure_answer_losses(data, model).tokens[6] == given.n_trained


def test_batches_and_order_do_not_matter(model, data, monkeypatch):
    from sde_core.evaluate import causal_loss

    together = measure_answer_losses(data, model)
    monkeypatch.setattr(causal_loss, "TOKENS_PER_BATCH", 1)
    monkeypatch.setattr(answer_loss, "FIRST_ROWS", 2)
    monkeypatch.setattr(answer_loss, "MOST_ROWS", 2)
    alone = measure_answer_losses(data, model)
    assert together.given_prompt == pytest.approx(alone.given_prompt, abs=1e-5, nan_ok=True)
    assert together.alone == pytest.approx(alone.alone, abs=1e-5, nan_ok=True)


def test_batches_are_of_like_length_and_within_their_size():
    from sde_core.evaluate.causal_loss import batches_by_length

    lengths = [5, 40, 7, 38, 6, 200]
    batches = batches_by_length(lengths, 80)
    assert sorted(place for batch in batches for place in batch) == list(range(6))
    assert batches == [[5], [1, 3], [2, 4, 0]]


def test_is_kept_by_content_and_goes_on_where_it_was_stopped(model, data, tmp_path, monkeypatch, write_jsonl):
    monkeypatch.setattr(answer_loss, "FIRST_ROWS", 2)
    monkeypatch.setattr(answer_loss, "MOST_ROWS", 2)
    steps = []

    class AfterTwo:
        def is_set(self):
            return len(steps) > 2

    assert cached_answer_losses(data, model, cache_dir=tmp_path) is None
    with pytest.raises(CancelledError):
        measure_answer_losses(data, model, cache_dir=tmp_path, cancel=AfterTwo(), progress=lambda done, total: steps.append((done, total)))
    half = cached_answer_losses(data, model, cache_dir=tmp_path)
    assert 0 < half.known.sum() < len(ROWS)
    computed = []
    original = answer_loss._losses_of
    monkeypatch.setattr(answer_loss, "_losses_of", lambda batch, *rest: computed.extend(batch) or original(batch, *rest))
    whole = measure_answer_losses(data, model, cache_dir=tmp_path)
    assert whole.known.all()
    assert len(computed) == 6 - len({half.rows[i] for i in np.flatnonzero(half.known)} - {5})
    computed.clear()
    grown = open_dataset(write_jsonl([*ROWS[::-1], {"instruction": "New?", "output": "a new row"}], "grown.jsonl"))
    grown.read_all()
    again = measure_answer_losses(grown, model, cache_dir=tmp_path)
    assert len(computed) == 1
    assert again.given_prompt[:7] == pytest.approx(whole.given_prompt[::-1], nan_ok=True)


def test_progress_counts_every_batch_up_to_the_distinct_rows(model, data, monkeypatch):
    from sde_core.evaluate import causal_loss

    monkeypatch.setattr(causal_loss, "TOKENS_PER_BATCH", 1)
    seen = []
    measure_answer_losses(data, model, progress=lambda done, total: seen.append((done, total)))
    assert seen[0] == (0, 6)
    assert seen[-1] == (6, 6)
    assert len(set(seen)) > 3
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_parts_grow_until_they_take_their_time(monkeypatch):
    clock = iter(range(0, 10_000, 5))
    monkeypatch.setattr(answer_loss.time, "monotonic", lambda: next(clock))
    sizes = [len(part) for part in answer_loss._parts(np.arange(2000))]
    assert sizes[:4] == [32, 128, 512, 512]
    assert sum(sizes) == 2000


def test_another_model_or_form_shares_nothing(model, data, tmp_path, tmp_path_factory):
    measure_answer_losses(data, model, cache_dir=tmp_path)
    chat = "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    other = str(make_tiny_model(tmp_path_factory.mktemp("other"), template=chat))
    assert cached_answer_losses(data, other, cache_dir=tmp_path) is None
    assert measure_answer_losses(data, other, cache_dir=tmp_path).model_hash != measure_answer_losses(data, model, cache_dir=tmp_path).model_hash


def test_a_hub_model_is_named_by_its_revision_whichever_of_its_files_are_there(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    repository = tmp_path / "models--acme--small"
    (repository / "refs").mkdir(parents=True)
    names = [answer_loss.model_hash("acme/small")]
    for revision in ("1f", "2e"):
        (repository / "refs" / "main").write_text(revision)
        snapshot = repository / "snapshots" / revision
        snapshot.mkdir(parents=True)
        (snapshot / "config.json").write_text("{}")
        names.append(answer_loss.model_hash("acme/small"))
        (snapshot / "model.safetensors").write_bytes(b"fetched after the tokenizer")
        assert answer_loss.model_hash("acme/small") == names[-1]
    assert len(set(names)) == 3


def test_a_template_that_wants_a_user_first_gets_an_empty_instruction(data, tmp_path_factory):
    strict = (
        "{% if messages[0]['role'] != 'user' %}{{ raise_exception('user first') }}{% endif %}"
        "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    )
    losses = measure_answer_losses(data, str(make_tiny_model(tmp_path_factory.mktemp("strict"), template=strict)))
    assert np.isfinite(losses.ifd_loss_ratio[[0, 1, 5]]).all()


def test_weights_load_from_safetensors_only(model, data, tmp_path):
    import shutil

    folder = tmp_path / "pickled"
    shutil.copytree(model, folder)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match="no weights in safetensors"):
        measure_answer_losses(data, str(folder))


def test_spearman_is_that_of_scipy_and_leaves_rows_without_both_out():
    stats = pytest.importorskip("scipy.stats")
    draw = np.random.default_rng(0)
    a, b = draw.random(50).round(1), draw.random(50).round(1)
    a[3], b[7] = np.nan, np.nan
    both = np.isfinite(a) & np.isfinite(b)
    correlation, rows = spearman(a, b)
    assert rows == 48
    assert correlation == pytest.approx(stats.spearmanr(a[both], b[both]).statistic)
    assert np.isnan(spearman(a[:1], b[:1])[0])


def test_two_models_are_compared_by_rank(model, data, tmp_path_factory):
    other = str(make_tiny_model(tmp_path_factory.mktemp("bare"), bos=False))
    one, two = (measure_answer_losses(data, name).ifd_loss_ratio for name in (model, other))
    correlation, rows = spearman(one, two)
    assert rows == 4
    assert -1 <= correlation <= 1
    assert spearman(one, one)[0] == pytest.approx(1)


def test_loads_no_torch_to_find_what_was_measured(model, data, tmp_path):
    measure_answer_losses(data, model, cache_dir=tmp_path)
    code = (
        "import sys\nfrom pathlib import Path\nfrom sde_core.dataset import open_dataset\n"
        "from sde_core.evaluate.answer_loss import cached_answer_losses\n"
        f"d = open_dataset({data.path!r}); d.read_all()\n"
        f"assert cached_answer_losses(d, {model!r}, cache_dir=Path({str(tmp_path)!r})).known.all()\n"
        "assert not {'torch', 'transformers', 'sklearn'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ)


def test_a_killed_process_leaves_what_it_measured_and_nothing_is_measured_twice(model, data, tmp_path, monkeypatch):
    code = (
        "import os, signal\nfrom pathlib import Path\nfrom sde_core.dataset import open_dataset\nfrom sde_core.evaluate import answer_loss\n"
        "answer_loss.FIRST_ROWS = answer_loss.MOST_ROWS = 2\n"
        "def die_within_the_second_part(done, total):\n    if done > 2:\n        os.kill(os.getpid(), signal.SIGKILL)\n"
        f"d = open_dataset({data.path!r}); d.read_all()\n"
        f"answer_loss.measure_answer_losses(d, {model!r}, cache_dir=Path({str(tmp_path)!r}), progress=die_within_the_second_part)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, env=os.environ).returncode == -signal.SIGKILL
    kept = cached_answer_losses(data, model, cache_dir=tmp_path)
    known = {data.raw(int(row)) for row in kept.rows[kept.known]}
    assert 0 < len(known) < len({json.dumps(row) for row in ROWS})
    computed = []
    original = answer_loss._losses_of
    monkeypatch.setattr(answer_loss, "_losses_of", lambda batch, *rest: computed.extend(batch) or original(batch, *rest))
    assert measure_answer_losses(data, model, cache_dir=tmp_path).known.all()
    assert len(computed) == len({json.dumps(row) for row in ROWS}) - len(known)


@pytest.fixture
def sde(capfdbinary):
    from sde_core.cli.main import main

    def run(*arguments):
        code = main(list(arguments))
        out, err = capfdbinary.readouterr()
        return code, out.decode(), err.decode()

    return run


def test_the_command_measures_as_a_job_and_select_uses_it(sde, model, write_jsonl, tmp_path):
    path = str(write_jsonl(ROWS, "rows.jsonl"))
    refused = sde("select", path, "-k", "2", "--method", "ifd", "--model", model)
    assert refused[0] == 2
    assert "are not computed yet" in refused[2]
    assert f"sde ifd {path} --model {model}" in refused[2]
    code, out, err = sde("ifd", path, "--model", model, "-o", str(tmp_path / "scores.parquet"), "--json")
    assert code == 0, err
    told = json.loads(out)
    assert told["rows"] == 7
    assert told["counts"]["measured"] == 3
    table = pl.read_parquet(tmp_path / "scores.parquet")
    assert table.columns == ["row", "ifd_loss_ratio", "perplexity_ratio", "loss_given_prompt", "loss_alone", "answer_tokens", "state"]
    ratios = dict(zip(table["row"], table["ifd_loss_ratio"], strict=True))
    assert ratios[2] is None
    code, out, _ = sde("select", path, "-k", "2", "--method", "ifd", "--model", model, "--json")
    assert code == 0
    below = sorted((row for row, ratio in ratios.items() if ratio is not None and ratio < 1), key=lambda row: -ratios[row])
    chosen = [pick["row"] for pick in json.loads(out)["picks"]]
    assert chosen[: len(below)] == below[:2] or ratios[chosen[0]] == ratios[below[0]]


def test_the_command_tells_rank_correlation_states_and_doubts(sde, model, write_jsonl):
    path = str(write_jsonl(ROWS, "rows.jsonl"))
    dataset = open_dataset(path)
    dataset.read_all()
    measure_answer_losses(dataset, model, cache_dir=Project.of(path).cache_dir)
    code, out, err = sde("ifd", path, "--model", model, "--compare", model)
    assert code == 0
    assert out.splitlines()[0].split("\t") == [
        "row",
        "ifd_loss_ratio",
        "perplexity_ratio",
        "loss_given_prompt",
        "loss_alone",
        "answer_tokens",
        "state",
    ]
    assert len(out.splitlines()) == 8
    assert "1.000 over 4 rows" in err
    assert "has no answer 1" in err
    assert "The model hardly knows such text" in err
    missing = sde("ifd", path, "--model", model, "--compare", "")
    assert missing[0] == 2
    assert sde("ifd", path, "--model", model, "--compare", model, "--detach")[0] == 2


def test_the_command_measures_what_a_job_that_ran_already_did_not(sde, model, write_jsonl, tmp_path, monkeypatch):
    path = str(write_jsonl(ROWS, "rows.jsonl"))
    older = str(write_jsonl(ROWS[:2], "older.jsonl"))
    project = Project.of(path)
    spec = {"dataset": older, "layout": asdict(open_dataset(older).layout), "model": model_location(model), "cache": str(project.created().cache_dir)}
    job = launch(project.jobs_dir, loss_job.KIND, {**spec, "output": None}, title="of the rows as they were")
    running = iter([job, None])
    monkeypatch.setattr(loss_job, "running_answer_losses", lambda *_: next(running))
    code, out, err = sde("ifd", path, "--model", model)
    assert code == 0, err
    assert [line.split("\t")[-1] for line in out.splitlines()[1:]].count("measured") == 3
    assert next(running, "none is left") == "none is left"


def test_a_job_that_ran_already_is_said_not_to_write_the_table(sde, model, write_jsonl, tmp_path, monkeypatch):
    path = str(write_jsonl(ROWS, "rows.jsonl"))
    job = launch(Project.of(path).created().jobs_dir, loss_job.KIND, {"model": model_location(model)}, title="under way")
    monkeypatch.setattr(loss_job, "running_answer_losses", lambda *_: job)
    code, _, err = sde("ifd", path, "--model", model, "-o", str(tmp_path / "scores.csv"), "--detach")
    assert code == 0
    assert f"writes no {tmp_path / 'scores.csv'}" in err


def test_a_row_that_was_not_computed_has_no_state_in_the_table():
    losses, rows = np.asarray([1.0, np.nan]), np.arange(2)
    half = AnswerLosses(rows, losses, losses, rows, np.zeros(2, dtype=np.int8), np.asarray([True, False]), "", "")
    assert half.table()["state"].to_list() == ["measured", None]


def test_counts_of_nothing_are_empty():
    nothing = np.zeros(0)
    empty = AnswerLosses(nothing.astype(int), nothing, nothing, nothing.astype(int), nothing.astype(np.int8), nothing.astype(bool), "", "")
    assert empty.quantiles() == {}
    assert empty.table().height == 0
