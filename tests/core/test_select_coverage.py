"""Coverage figures against a dense computation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sde_core.cli.main import main
from sde_core.errors import CancelledError
from sde_core.select import RowFeatures, SelectionParams, coverage, coverage_of, select
from sde_core.select.coverage import LENGTH_EDGES, Clusters, distances_to_nearest
from sde_core.select.coverage_table import column_names, coverage_lines, share_lines
from sde_core.select.vendi import vendi_score

N = 300
GENERATOR = np.random.default_rng(1)
VECTORS = GENERATOR.standard_normal((N, 8)).astype(np.float32)
VECTORS /= np.linalg.norm(VECTORS, axis=1, keepdims=True)
QUALITY = GENERATOR.random(N)
LABELS = ["a"] * 200 + ["b"] * 90 + [""] * 10
LENGTHS = GENERATOR.integers(0, 20_000, N)
ROWS = np.arange(N) * 2
FEATURES = RowFeatures(ROWS, VECTORS, QUALITY, LABELS, LENGTHS)


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch):
    monkeypatch.setattr(coverage, "BLOCK_ROWS", 37)
    monkeypatch.setattr(coverage, "SPREAD_ROWS", 13)


def proposal(k=60, **params):
    return select(ROWS, VECTORS, QUALITY, SelectionParams(k, **params))


def test_figures_equal_a_dense_computation():
    selection = proposal()
    found = coverage_of(FEATURES, selection).proposal
    chosen = np.asarray(selection.rows) // 2
    left_out = np.setdiff1d(np.arange(N), chosen)
    distances = 1 - (VECTORS[left_out] @ VECTORS[chosen].T).max(axis=1)
    assert found.rows == 60
    assert found.mean_distance == pytest.approx(distances.mean(), abs=1e-5)
    assert found.covering_radius == pytest.approx(distances.max(), abs=1e-5)
    apart = VECTORS[chosen] @ VECTORS[chosen].T
    np.fill_diagonal(apart, -1)
    assert found.spread == pytest.approx((1 - apart.max(axis=1)).mean(), abs=1e-5)
    assert found.mean_quality == pytest.approx(QUALITY[chosen].mean())
    assert dict(found.classes) == {label: sum(LABELS[i] == label for i in chosen) for label in ("a", "b", "")}
    assert found.length_quantiles[1] == np.median(LENGTHS[chosen])
    assert found.length_histogram == tuple(np.histogram(LENGTHS[chosen], bins=[*LENGTH_EDGES, np.inf])[0])


def test_full_random_and_proposal_stand_side_by_side():
    found = coverage_of(FEATURES, proposal(seed=9))
    assert (found.full.rows, found.proposal.rows, found.random.rows) == (N, 60, 60)
    assert (found.full.mean_distance, found.full.covering_radius) == (0, 0)
    assert [label for label, _ in found.full.classes] == [label for label, _ in found.proposal.classes] == ["a", "b", ""]
    for profile in (found.full, found.proposal, found.random):
        assert sum(profile.length_histogram) == sum(count for _, count in profile.classes) == profile.rows
    assert set(dict(found.random.classes).values()) != {0}
    assert found.proposal.mean_quality > found.random.mean_quality
    random = proposal(method="random", seed=9)
    assert coverage_of(FEATURES, random).proposal == found.random
    assert found.full.spread is None
    assert found.proposal.spread > found.random.spread
    assert orjson.loads(orjson.dumps(found.to_json()))["seed"] == 9


def test_kcenter_covers_with_a_smaller_radius_than_random():
    found = coverage_of(FEATURES, proposal(method="kcenter"))
    assert found.proposal.covering_radius < found.random.covering_radius


def test_a_sample_is_said_to_be_one_and_its_radius_is_a_lower_bound():
    selection = proposal()
    whole, part = coverage_of(FEATURES, selection), coverage_of(FEATURES, selection, sample=50)
    assert whole.measured_rows is None
    assert part.measured_rows == 50
    assert part.proposal.covering_radius <= whole.proposal.covering_radius
    assert part.proposal.mean_distance == pytest.approx(whole.proposal.mean_distance, abs=0.05)
    assert coverage_of(FEATURES, selection, sample=240).measured_rows is None


def test_everything_chosen_leaves_no_distance():
    found = coverage_of(FEATURES, proposal(N)).proposal
    assert (found.mean_distance, found.covering_radius) == (0, 0)


def test_without_labels_and_quality_there_are_none():
    bare = RowFeatures(ROWS, VECTORS, None, None, LENGTHS)
    found = coverage_of(bare, proposal()).proposal
    assert found.classes == ()
    assert found.mean_quality is None


def test_distances_can_be_stopped():
    class Stopped:
        def is_set(self) -> bool:
            return True

    with pytest.raises(CancelledError):
        distances_to_nearest(VECTORS, np.arange(10), np.arange(N), Stopped())


def test_empty_rows_are_near_to_nothing_and_do_not_count():
    vectors = VECTORS.copy()
    selection = proposal()
    empty = next(i for i in range(N) if i * 2 not in selection.rows)
    before = coverage_of(FEATURES, selection).proposal
    vectors[empty] = 0
    after = coverage_of(RowFeatures(ROWS, vectors, QUALITY, LABELS, LENGTHS), selection).proposal
    assert after.covering_radius <= before.covering_radius < 1


# ---- clusters, tokens, Vendi, and the table


CLUSTERS = Clusters(("big · ones", "small · ones"), np.where(np.arange(N) % 3 == 0, 1, 0) - 2 * (np.arange(N) == 7))
TOKENS = GENERATOR.integers(1, 900, N)
COUNTED = replace(FEATURES, tokens=TOKENS, token_source="4 characters a token")


def test_clusters_tokens_and_vendi_are_those_of_the_rows():
    selection = proposal()
    chosen = np.asarray(selection.rows) // 2
    found = coverage_of(COUNTED, selection, clusters=CLUSTERS)
    assert dict(found.proposal.clusters) == {name: int((CLUSTERS.codes[chosen] == place).sum()) for place, name in enumerate(CLUSTERS.names)}
    assert sum(count for _, count in found.full.clusters) == N - 1
    assert found.proposal.tokens == TOKENS[chosen].sum()
    assert found.full.token_quantiles == tuple(np.quantile(TOKENS, (0.1, 0.5, 0.9)))
    assert sum(found.random.token_histogram) == 60
    assert found.proposal.vendi == pytest.approx(vendi_score(VECTORS[chosen]), rel=1e-5)
    assert 1 < found.random.vendi <= found.full.vendi * 1.2 <= 8 * 1.2
    assert found.token_source == "4 characters a token"


@pytest.mark.parametrize(("k", "seed"), [(60, 0), (60, 5), (70, 0)])
def test_what_is_taken_from_an_earlier_coverage_is_what_would_be_measured(k, seed):
    earlier = coverage_of(COUNTED, proposal(), clusters=CLUSTERS)
    selection = proposal(k, seed=seed, balance=0.9)
    assert coverage_of(COUNTED, selection, clusters=CLUSTERS, earlier=earlier) == coverage_of(COUNTED, selection, clusters=CLUSTERS)


def test_the_table_says_every_figure_in_three_columns():
    found = coverage_of(COUNTED, proposal(seed=4), clusters=CLUSTERS, sample=50)
    lines = {line.name: line for line in coverage_lines(found, groups=2)}
    assert column_names(found) == ("all", "proposal", "random 4")
    assert lines["rows"].full == "300"
    assert lines["tokens"].proposal == f"{found.proposal.tokens:,}"
    assert "4 characters a token" in lines["tokens"].meaning
    assert lines["Vendi score"].random == f"{found.random.vendi:,.1f}"
    assert lines["covering radius"].full == "–"
    assert lines["covering radius"].proposal == f"≥{found.proposal.covering_radius:.3f}"
    assert lines["tokens, 50 %"].full == f"{np.median(TOKENS):,.0f}"
    assert len(lines["characters ▁▃█"].full) == len(LENGTH_EDGES)
    assert lines["a"].full == "66.7%"
    assert lines["2 more classes"].full == "33.3%"
    assert {"big · ones", "small · ones"} <= set(lines)


def test_what_was_not_measured_has_no_line():
    bare = RowFeatures(ROWS, VECTORS, None, None, LENGTHS)
    names = {line.name for line in coverage_lines(coverage_of(bare, proposal()))}
    assert "rows" in names
    assert not names & {"tokens", "mean quality", "tokens, 50 %", "tokens ▁▃█"}


@given(st.integers(0, 6))
def test_the_shares_of_all_classes_add_up_however_few_lines_there_are(most):
    lines = share_lines(coverage_of(FEATURES, proposal(10)), "classes", most)
    assert len(lines) <= most
    if most:
        assert sum(float(line.full.rstrip("%")) for line in lines) == pytest.approx(100, abs=0.2)


def test_the_command_tells_the_shares_of_topics_when_asked(tmp_path, capsys):
    path = tmp_path / "rows.jsonl"
    kinds = ("bake the bread with flour", "tune the piano strings", "plant tomato seeds outside", "fix the bicycle chain")
    rows = [{"instruction": f"How do I {kinds[i % 4]} number {i}?", "output": f"Take care of {kinds[i % 4]}, step {i}."} for i in range(60)]
    path.write_text("".join(f"{orjson.dumps(row).decode()}\n" for row in rows))
    shares = []
    for asked in ([], ["--coverage"]):
        assert main(["select", str(path), "-k", "12", "--quality", "none", "--json", *asked]) == 0
        shares.append(orjson.loads(capsys.readouterr().out)["coverage"]["proposal"]["clusters"])
    assert shares[0] == []
    assert sum(count for _, count in shares[1]) == 12
