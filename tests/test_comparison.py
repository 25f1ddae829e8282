"""The comparison from fields to a card and its report, on fields of known law."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace

import h5py
import pytest
import torch
from known_fields import gaussian_fields, lognormal_fields
from matplotlib.figure import Figure

from synth.errors import InputError, UsageError
from synth.estimation import surrogates
from synth.evaluation.card import read_card
from synth.evaluation.comparison import compare
from synth.evaluation.statistics import Batch, Frame
from synth.evaluation.statistics.onepoint import Histogram
from synth.field import Ensemble, Field
from synth.report.figures import draw
from synth.report.images import fields_figure

SETS = ("real", "synthetic", "gaussian", "phase")


def lognormal(n, seed, shape=(64, 64)):
    return Field.from_array(lognormal_fields(n, shape, -3.0, seed), boundary="periodic")


def gaussian(n, seed, shape=(64, 64)):
    return Field.from_array(gaussian_fields(n, shape, -3.0, seed), boundary="periodic")


@dataclass
class Model:
    family: str


@pytest.fixture(scope="module")
def different():
    return compare(lognormal(8, 1), gaussian(8, 2), model=Model("wph+marginal"))


@pytest.fixture(scope="module")
def same():
    return compare(lognormal(8, 1), lognormal(8, 3))


def test_fields_of_one_process_are_indistinguishable(same):
    assert same.verdict == "indistinguishable"
    comparison = same.comparisons[0]
    assert comparison.p > 0.05
    assert {row.verdict for row in comparison.statistics} <= {"indistinguishable", "close"}
    assert comparison.memorisation["verdict"] == "none"
    assert 0.6 < comparison.diversity["ratio"] < 1.6


def test_a_gaussian_model_of_a_lognormal_field_is_different(different):
    assert different.verdict == "different"
    rows = {row.name: row for row in different.comparisons[0].statistics}
    for name in ("histogram", "kurtosis", "flatness"):
        assert rows[name].verdict == "different"
        assert rows[name].p < 0.05
        assert rows[name].ratio > 1.25
    assert different.comparisons[0].worst in rows


def test_the_skill_of_another_draw_is_one_and_of_a_gaussian_zero(same):
    again = compare(lognormal(8, 1), lognormal(8, 3), seed=4)
    for card in (same, again):
        skill = {row.name: row.skill for row in card.comparisons[0].statistics}
        assert skill["flatness"] == pytest.approx(1, abs=0.3)
    rows = {row.name: row for row in same.comparisons[0].statistics}
    assert rows["flatness"].controls["gaussian"]["verdict"] == "different"
    assert rows["spectrum"].controls["gaussian"]["verdict"] != "different"


def test_statistics_that_the_model_matched_are_marked(different, same):
    matched = {row.name: row.matched for row in different.comparisons[0].statistics}
    assert matched["spectrum"] and matched["histogram"] and not matched["flatness"]
    assert {row.matched for row in same.comparisons[0].statistics} == {None}
    made = Ensemble(lognormal(6, 2), [], provenance={"model": "wph-C"})
    rows = compare(lognormal(6, 1), made).comparisons[0].statistics
    assert {row.name for row in rows if row.matched} >= {"spectrum", "phase-coherence"}


def test_copies_are_different_whatever_their_statistics():
    real = lognormal(6, 1)
    copies = real.load()[..., ::-1].copy()
    card = compare(real, Field.from_array(copies, boundary="periodic"))
    assert card.verdict == "different"
    assert "copy" in card.comparisons[0].sentence
    assert card.comparisons[0].memorisation["copies"] == list(range(6))


def test_few_fields_are_underpowered_and_one_is_never_indistinguishable():
    assert compare(lognormal(4, 1), lognormal(8, 2)).verdict == "underpowered"
    card = compare(lognormal(1, 1, (128, 128)), lognormal(5, 2, (128, 128)))
    assert card.verdict in ("close", "different")
    for row in card.comparisons[0].statistics:
        assert row.p is row.smallest_bias is row.ratio_band is None
        assert row.controls["gaussian"]["verdict"] in ("close", "different")
    four = compare(lognormal(1, 1, (128, 128)), lognormal(4, 2, (128, 128)))
    assert four.verdict == "underpowered"
    assert "5 synthetic fields and more" in four.comparisons[0].sentence


def test_the_report_on_one_field_says_how_that_was_judged(tmp_path):
    card = compare(lognormal(1, 1), lognormal(5, 2))
    html = slim(card).write(tmp_path / "report").read_text()
    assert "further from the others" in html
    assert "smallest visible" not in html and "permutation bands" not in html


def test_the_histogram_of_a_field_of_two_values_is_seen():
    x = (gaussian_fields(8, (64, 64), -2.0, seed=1) > 1).float()
    curves = {name: Histogram().drawn(Batch(x, Frame((64, 64)))).numpy() for name in SETS}
    ax = Figure().subplots()
    draw(Histogram().panels(Frame((64, 64)))[0], ax, curves)
    dots = [line for line in ax.lines if line.get_marker() == "o"]
    assert [len(line.get_xdata()) for line in dots] == [2] * len(SETS)


@pytest.mark.parametrize("shape", [(600,), (20, 24, 32)])
def test_series_and_cubes_are_compared(shape):
    card = compare(lognormal(6, 1, shape), gaussian(6, 2, shape))
    assert card.comparisons[0].statistics[0].name == "spectrum"
    rows = {row.name: row.verdict for row in card.comparisons[0].statistics}
    assert rows["mean-sd"] == rows["flatness"] == "different"


def test_several_sets_stand_side_by_side_and_outcomes_are_counted(tmp_path):
    outcomes = [{"status": "converged", "mismatch_sigma": 0.05}] * 6
    outcomes[2] = {"status": "max_steps", "mismatch_sigma": 0.4}
    card = compare(
        lognormal(6, 1),
        [Ensemble(lognormal(6, 2), outcomes), gaussian(6, 3)],
        names=["good", "$bad_"],
        model=[Model("wph"), None],
    )
    good, bad = card.comparisons
    assert (good.name, bad.name) == ("good", "$bad_")
    assert good.verdict != "different" and bad.verdict == "different"
    assert good.fit == {
        "converged": 5,
        "n": 6,
        "mismatch_sigma_median": 0.05,
        "mismatch_sigma_worst": 0.4,
    }
    assert bad.fit is None
    assert {row.matched for row in good.statistics} == {True, False}
    assert {row.matched for row in bad.statistics} == {None}
    data = card.to_dict()
    assert data["statistics"] == data["comparisons"][0]["statistics"]
    html = slim(card).write(tmp_path / "report").read_text()
    for comparison in card.comparisons:
        assert comparison.sentence in html and f"All scores of {comparison.name}" in html
    assert html.count("<small>") == 3 * 3  # statistics x (sets and the control)
    with pytest.raises(InputError, match="2 synthetic sets and 1 model"):
        compare(lognormal(6, 1), [lognormal(6, 2), gaussian(6, 3)], model=[Model("wph")])
    with pytest.raises(InputError, match="several reports"):
        compare(lognormal(6, 1), [lognormal(6, 2)] * 6)
    with pytest.raises(InputError, match="name of its own"):
        compare(lognormal(6, 1), [lognormal(6, 2)], names=["real"])


def test_the_same_seed_gives_the_same_card_and_progress_reaches_its_end(same):
    seen = []
    again = compare(lognormal(8, 1), lognormal(8, 3), progress=seen.append)
    assert seen[-1]["done"] == seen[-1]["n"]
    first, second = (card.to_dict() for card in (same, again))
    assert first["statistics"] == second["statistics"]


def slim(card):
    """The card with a few of its statistics: one panel, several, and categories."""
    names = ("spectrum", "kurtosis", "increments")
    sets = tuple(
        replace(c, statistics=tuple(r for r in c.statistics if r.name in names), worst="kurtosis")
        for c in card.comparisons
    )
    kept = [s for s in card.evidence.statistics if s.name in names]
    return replace(card, comparisons=sets, evidence=replace(card.evidence, statistics=kept))


def test_the_report_is_whole_and_needs_nothing_from_elsewhere(different, tmp_path):
    different = slim(different)
    target = tmp_path / "out" / "field.report"
    page = different.write(target)
    assert page == target / "report.html"
    html = page.read_text()
    assert "Different" in html and different.comparisons[0].sentence in html
    assert not re.findall(r"""(?:src|href)=["'](?!data:|#)""", html)
    assert "@import" not in html and "url(http" not in html
    for row in different.comparisons[0].statistics:
        assert f'id="{row.name}"' in html
        for suffix in ("png", "pdf"):
            assert (target / "figures" / f"{row.name}.{suffix}").stat().st_size > 1000
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(ids) == len(set(ids)), "figures must not share ids, or they take each other's clips"
    assert list(target.parent.iterdir()) == [target]

    data = read_card(target / "card.json")
    keys = {"name", "matched", "value", "p", "ratio", "spread", "skill", "verdict"}
    assert all(keys <= set(row) for row in data["statistics"])
    assert {"verdict", "statistics", "memorisation", "diversity", "report"} <= set(data)
    assert data["report"] == str(page)

    with pytest.raises(UsageError, match="overwrite"):
        different.write(target)
    different.write(target, overwrite=True)
    (target / "card.json").write_text(json.dumps({**data, "schema_version": 99}))
    with pytest.raises(UsageError, match="schema version"):
        read_card(target / "card.json")


@pytest.mark.parametrize("units, shown", [("1", set()), ("K", {"K"})])
def test_a_pure_number_has_no_unit(different, units, shown):
    figure = fields_figure(different.evidence, units)
    assert {ax.get_ylabel() for ax in figure.axes} - {""} == shown


def test_a_gaussian_model_of_real_turbulence_is_different(shared_data):
    with h5py.File(shared_data / "vorticity_2d_256.h5") as file:
        x = file["vorticity"][:, ::2, ::2]
    real = Field.from_array(x, ("sample", "y", "x"), boundary="periodic")
    flat = surrogates.gaussian(torch.from_numpy(real.load()), 8, True, seed=3)
    card = compare(real, Field.from_array(flat, boundary="periodic"))
    rows = {row.name: row.verdict for row in card.comparisons[0].statistics}
    for name in ("histogram", "flatness", "bispectrum", "minkowski", "phase-coherence"):
        assert rows[name] == "different", name
    assert rows["spectrum"] != "different" and rows["mean-sd"] != "different"
