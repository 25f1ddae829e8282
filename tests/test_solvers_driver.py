"""The loop: outcomes, frozen samples, budgets, resumption."""

from __future__ import annotations

import io
from functools import partial
from itertools import pairwise

import pytest
import torch
from solver_problems import normal, phase_retrieval, quadratic, rosenbrock, separable

from solvers import LBFGS, Patience, Status, driver, minimise
from solvers import basis as rows

CURVATURES = torch.logspace(0, 2, 30, dtype=torch.float64)
bowl = separable(quadratic(CURVATURES))


def counting(energy):
    """The energy, and the list of the index sets with which it was called."""
    calls = []

    def counted(x, index):
        calls.append(index.tolist())
        return energy(x, index)

    return counted, calls


def test_sixty_four_rosenbrocks_each_as_if_alone():
    start = 1 + 0.3 * normal(64, 20)
    energy = separable(rosenbrock)
    together = minimise(energy, start, max_steps=500, tolerance=1e-18)
    assert together.status == [Status.converged] * 64
    assert together.values.max() <= 1e-18
    for i in (0, 17, 63):
        alone = minimise(energy, start[i : i + 1], max_steps=500, tolerance=1e-18)
        assert torch.equal(alone.x[0], together.x[i])


def test_every_outcome_in_one_batch():
    def energy(x, index):
        values, gradients = bowl(x, index)
        lost, wall = index == 1, index == 2
        values[lost] = torch.nan
        gradients[wall] *= -1  # a wrong gradient: no step along it lowers the energy
        return values, gradients

    start = normal(5, 30)
    tolerance = torch.tensor([1e-2, 1e-2, 1e-2, 1e-30, 1e9], dtype=torch.float64)
    result = minimise(energy, start, max_steps=40, tolerance=tolerance)
    names = [s.name for s in result.status]
    assert names == ["converged", "nonfinite", "line_search_failed", "max_steps", "converged"]
    assert result.evaluations[1] == 1 and result.evaluations[4] == 1
    assert result.steps.tolist()[1:3] == [0, 0] and result.steps[3] == 40 and result.steps[4] == 0
    for i in (1, 2, 4):
        assert torch.equal(result.x[i], start[i])
    assert result.values[1].isinf() and result.values[0] <= 1e-2


@pytest.mark.parametrize(("lost", "status"), [(4, "converged"), (8, "line_search_failed")])
def test_a_search_that_fails_is_repeated_along_the_gradient(lost, status):
    """Energies are lost for one search of four trials, or for two in a row."""
    points = []

    def energy(x, index):
        points.append(x.clone())
        values, gradients = bowl(x, index)
        return (values * torch.nan if 10 <= len(points) - 1 < 10 + lost else values), gradients

    paths = []
    result = minimise(
        energy,
        normal(1, 30),
        LBFGS(max_trials=4),
        tolerance=1e-8,
        callback=lambda progress: paths.append(progress.x()),
    )
    assert result.status[0].name == status
    x = paths[9]  # where the searches fail
    assert torch.equal(paths[13], x)
    step, gradient = (points[14] - x)[0], bowl(x, None)[1][0]
    torch.testing.assert_close(step / step.norm(), -gradient / gradient.norm())


def test_a_sample_that_falls_too_slowly_has_stalled():
    """Steepest descent: the steep bowls creep, the round one ends before it can stall."""
    shapes = [torch.logspace(0, decades, 30, dtype=torch.float64) for decades in (4, 0.2, 3)]

    def energy(x, index):
        parts = [separable(quadratic(shapes[i]))(x[n][None], None) for n, i in enumerate(index)]
        return tuple(torch.cat(part) for part in zip(*parts, strict=True))

    start, patience, seen = normal(3, 30), Patience(steps=15, gain=0.3), []
    run = partial(minimise, energy, start, LBFGS(history=0), tolerance=1e-6, max_steps=400)
    result = run(
        patience=patience, callback=lambda p: seen.append((int(p.steps[0]), float(p.values[0])))
    )
    assert [status.name for status in result.status] == ["stalled", "converged", "stalled"]
    path = dict(seen)  # the last energy of every step
    looks = [path[step] for step in sorted(path) if step and step % 15 == 0]
    falls = [now / before for before, now in pairwise(looks)]
    assert result.steps[0] == 15 * len(looks)
    assert falls[-1] > 0.7 >= max(falls[:-1])
    without = run()
    assert without.steps[0] > result.steps[0] and without.values[0] < result.values[0]
    assert torch.equal(without.x[1], result.x[1])


def test_a_run_resumes_with_the_patience_it_had():
    patience, states = Patience(steps=10, gain=0.9), []
    run = partial(minimise, bowl, normal(3, 30), LBFGS(history=0), max_steps=300, patience=patience)
    whole = run(callback=lambda progress: states.append(progress.state()))
    assert {status.name for status in whole.status} == {"stalled"}
    again = run(resume=states[len(states) // 2])
    assert torch.equal(again.x, whole.x) and torch.equal(again.steps, whole.steps)


def test_statuses_name_a_remedy():
    for status in Status:
        assert status.sentence.count(". ") + 1 >= (1 if status is Status.converged else 2)


def test_finished_samples_are_no_longer_evaluated():
    energy, calls = counting(bowl)
    tolerance = torch.tensor([1e-12, 1e3, 1.0, 1e-4], dtype=torch.float64)
    result = minimise(energy, normal(4, 30), tolerance=tolerance, max_steps=300)
    for i in range(4):
        assert sum(i in call for call in calls) == result.evaluations[i]
        assert all(i in call for call in calls[: result.evaluations[i]])
    assert calls[0] == [0, 1, 2, 3] and calls[-1] == [0]


def test_a_rare_check_for_finished_samples_changes_no_result(monkeypatch):
    """On an accelerator finished samples stay in the batch until the next check, frozen."""
    start = normal(6, 30)
    tolerance = torch.logspace(2, -8, 6, dtype=torch.float64)
    often = minimise(bowl, start, LBFGS(4), tolerance=tolerance, max_steps=30)
    monkeypatch.setattr(driver, "CHECK_EVERY", {"cpu": 7})
    energy, calls = counting(bowl)
    rarely = minimise(energy, start, LBFGS(4), tolerance=tolerance, max_steps=30)
    assert len(set(map(len, calls))) > 1 and len(calls) % 7 == 0
    assert torch.equal(often.x, rarely.x) and often.status == rarely.status
    assert torch.equal(often.evaluations, rarely.evaluations)
    assert torch.equal(often.steps, rarely.steps)


def test_products_of_the_whole_batch_agree_with_those_sample_by_sample(monkeypatch):
    """The way of the accelerators, taken on the CPU."""
    basis, vectors = normal(3, 4, 9, 32), normal(3, 4, 2, 32)
    weights = normal(3, 9)
    single = rows.dots(basis, vectors), rows.combine(weights, basis)
    monkeypatch.setattr(rows, "_parts", lambda basis: [slice(len(basis))])
    torch.testing.assert_close(rows.dots(basis, vectors), single[0])
    torch.testing.assert_close(rows.combine(weights, basis), single[1])
    torch.testing.assert_close(single[0], torch.einsum("bkrc,bkvc->brv", basis, vectors))
    torch.testing.assert_close(single[1], torch.einsum("br,bkrc->bkc", weights, basis))


@pytest.mark.parametrize("limits", [{"max_steps": 7}, {"max_evaluations": 9}, {"max_steps": 0}])
def test_budgets_are_kept_to_the_letter(limits):
    energy, calls = counting(separable(rosenbrock))
    result = minimise(energy, normal(3, 20), **limits)
    assert result.status == [Status.max_steps] * 3
    for name, limit in limits.items():
        assert getattr(result, name.removeprefix("max_")).tolist() == [limit] * 3
    assert len(calls) == result.evaluations.max()


def test_the_energy_never_rises():
    seen = []
    energy = separable(phase_retrieval(24, seed=3))
    minimise(energy, normal(4, 24), max_steps=60, callback=lambda p: seen.append(p.values.clone()))
    rise = torch.stack(seen[1:]) / torch.stack(seen[:-1]) - 1
    assert rise[torch.isfinite(rise)].max() <= 1e-13


@pytest.mark.parametrize("stop", [1, 2, 40, 105, 115])
def test_an_interrupted_run_resumes_to_the_same_bits(stop):
    energy, start = separable(rosenbrock), 1 + 0.5 * normal(5, 20)
    options = {"method": LBFGS(7), "max_steps": 300, "tolerance": 1e-16}
    whole = minimise(energy, start, **options)
    assert whole.evaluations.min() < 130 < whole.evaluations.max()
    file = io.BytesIO()

    def interrupt(progress):
        if progress.evaluations.max() == stop:
            torch.save(progress.state(), file)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        minimise(energy, start, callback=interrupt, **options)
    file.seek(0)
    resumed = minimise(energy, start, resume=torch.load(file, weights_only=True), **options)
    assert torch.equal(resumed.x, whole.x) and torch.equal(resumed.values, whole.values)
    assert torch.equal(resumed.evaluations, whole.evaluations)
    assert resumed.status == whole.status


def test_a_finished_run_resumes_to_itself():
    states = []
    result = minimise(bowl, normal(2, 30), max_steps=5, callback=lambda p: states.append(p.state()))
    energy, calls = counting(bowl)
    again = minimise(energy, normal(2, 30), max_steps=5, resume=states[-1])
    assert not calls and torch.equal(again.x, result.x) and again.status == result.status


def test_progress_tells_where_each_sample_is():
    seen = []

    def watch(progress):
        x = progress.x()
        assert x.shape == (3, 5, 6)
        exact = bowl(x.flatten(1), None)[0]
        torch.testing.assert_close(progress.values, exact)
        seen.append((progress.active.sum().item(), progress.steps.tolist()))

    tolerance = torch.tensor([1e-8, 10.0, 1e-2], dtype=torch.float64)

    def energy(x, index):
        values, gradients = bowl(x.flatten(1), index)
        return values, gradients.reshape(x.shape)

    result = minimise(energy, normal(3, 5, 6), tolerance=tolerance, callback=watch, max_steps=200)
    assert seen[0][1] == [0, 0, 0] and seen[-1] == (0, result.steps.tolist())
    assert [n for n, _ in seen] == sorted((n for n, _ in seen), reverse=True)


@pytest.mark.parametrize("noise_free", [True, False])
def test_float32_comes_to_the_resolution_of_its_type(noise_free):
    """The values may be float64 or as rough as float32 makes them: the path must not stall."""
    function = phase_retrieval(64, seed=5)
    exact = separable(function)

    def energy(x, index):
        values, gradients = exact(x.double() if noise_free else x, index)
        return values, gradients.float()

    start = normal(4, 64, seed=6, dtype=torch.float32)
    result = minimise(energy, start, max_steps=300, tolerance=1e-11)
    reference = minimise(exact, start.double(), max_steps=300, tolerance=1e-11)
    assert result.x.dtype == torch.float32 and result.values.dtype == torch.float64
    assert result.status == reference.status
    assert result.evaluations.sum() <= 1.2 * reference.evaluations.sum()


@pytest.mark.parametrize(
    ("start", "options", "message"),
    [
        (torch.zeros(3, 4, dtype=torch.int64), {}, "float32 or float64"),
        (torch.zeros(3), {}, "shape"),
        (torch.zeros(3, 30), {"tolerance": torch.zeros(2)}, "3 samples"),
        (torch.zeros(3, 30), {"max_steps": -1}, "max_steps"),
        (torch.zeros(3, 30), {"max_evaluations": 0}, "max_evaluations"),
        (torch.zeros(3, 30), {"resume": {}}, "lacks 'x'"),
    ],
)
def test_wrong_arguments_are_refused(start, options, message):
    with pytest.raises(ValueError, match=message):
        minimise(bowl, start, **options)


def test_an_energy_of_the_wrong_shape_is_refused():
    with pytest.raises(ValueError, match=r"shape \(3,\)"):
        minimise(lambda x, index: (x.sum(), x), torch.ones(3, 30))


def test_a_state_of_another_run_is_refused():
    states = []
    minimise(bowl, normal(2, 30), max_steps=1, callback=lambda p: states.append(p.state()))
    with pytest.raises(ValueError, match=r"method\.basis"):
        minimise(bowl, normal(2, 30), LBFGS(3), resume=states[0])
    with pytest.raises(ValueError, match="2 samples, the start has 3"):
        minimise(bowl, normal(3, 30), resume=states[0])
