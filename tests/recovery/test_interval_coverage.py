"""A verdict's interval holds the probability computed under the true parameters.

The simulation is that of benchmarks/interval_coverage.py; see there what is true.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from joblib.externals.loky import get_reusable_executor

import regimecorr as rc
from regimecorr.kernels.density import log_density

PATH = Path(__file__).resolve().parents[2] / "benchmarks" / "interval_coverage.py"
#: The reduced simulation: shorter histories, fewer paths, four worlds of every member.
REDUCED = {"n_paths": 400, "n_true": 4000, "n_obs": (900, 1100)}


@pytest.fixture(scope="module")
def study():
    spec = importlib.util.spec_from_file_location("interval_coverage", PATH)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def reduced(study):
    return study.cases(24, seed=3, **REDUCED)


def test_coverage(study, reduced):
    """Sixteen of 24 at least: fewer by chance in .03 % of runs at .90, 14 % at .74, 92 % at .5."""
    found = study.summarise(reduced)
    assert found["pool"]["covered"] >= 16, found["pool"]
    assert found["member"]["covered"] >= 16, found["member"]
    assert found["pool"]["correlation"] > 0.5
    # An interval from 0 to 1 would cover as well.
    assert found["pool"]["mean width"] < 0.6


def test_intervals_are_those_of_assess(study, reduced):
    """Of the full pool, and with all prior weight on the true family."""
    case = reduced[2]
    rng = np.random.default_rng([3, case.number])
    world, prices, _ = study.find_day(case.world.member, rng, REDUCED["n_obs"])
    assert world.params == case.world.params
    for which, prior in (("pool", None), ("family", {study.FAMILY_OF[world.member]: 1.0})):
        v = rc.assess(
            prices,
            calibration=None,
            family_prior=prior,
            n_paths=REDUCED["n_paths"],
            rng=case.number,
        )
        assert (v.p_structural, *v.interval) == case.verdicts[which]
        assert v.state == case.state in ("divergent", "strained")


def test_worlds_do_not_depend_on_the_number_of_processes(study, reduced, monkeypatch):
    monkeypatch.syspath_prepend(PATH.parent)
    get_reusable_executor().shutdown()  # older processes do not know the path
    again = study.cases(2, seed=3, **REDUCED, n_jobs=2)
    for one, other in zip(again, reduced, strict=False):
        assert study.row(one) == study.row(other)


def test_true_margins_give_back_the_shocks(study):
    """The residuals under the true margins are t shocks of unit variance, uncorrelated in time."""
    rng = np.random.default_rng(4)
    world = study.draw_world("constant", rng)
    prices = study.history(world, 20_000, rng)
    margins = world.margins(np.log(prices).diff().iloc[1:])
    z = margins.z
    squares = z**2 - 1.0
    nu = world.params["nu"]
    spread = np.sqrt((2.0 + 6.0 / (nu - 4.0)) / len(z))
    assert np.all(np.abs(squares.mean(axis=0)) < 4.5 * spread)
    memory = [np.corrcoef(squares[1:, i], squares[:-1, i])[0, 1] for i in (0, 1)]
    assert np.all(np.abs(memory) < 4.5 / np.sqrt(len(z)))
    assert np.corrcoef(z.T)[0, 1] == pytest.approx(world.params["rho"], abs=0.05)


@pytest.mark.parametrize("member", ["break", "reverting", "drift"])
def test_filtered_state_against_particles(study, member):
    """Moments of the hidden Fisher z today, against a particle filter written in plain numpy."""
    rng = np.random.default_rng([5, len(member)])
    world = study.draw_world(member, rng)
    p = world.params
    prices = study.history(world, 300, rng)
    margins = world.margins(np.log(prices).diff().iloc[1:])
    z = np.ascontiguousarray(margins.z)
    grid, state = study.filtered_state(world, z)
    size, runs = 20_000, []
    for _ in range(5):
        first = study._first_law(world)
        f = np.clip(rng.normal(*first, size), -study.Z_LIMIT, study.Z_LIMIT)
        for t, (x, y) in enumerate(z):
            if t > 0 and member == "break":
                f = np.where(rng.random(size) < p["hazard"], rng.normal(*first, size), f)
            elif t > 0:
                f = p["mean"] + p["phi"] * (f - p["mean"]) + p["sigma"] * rng.standard_normal(size)
            f = np.clip(f, -study.Z_LIMIT, study.Z_LIMIT)
            rho = np.tanh(f)
            form = (x * x + y * y - 2.0 * rho * x * y) / (1.0 - rho**2)
            logs = -0.5 * np.log(1.0 - rho**2) - (0.5 * p["nu"] + 1.0) * np.log1p(
                form / (p["nu"] - 2.0)
            )
            weights = np.exp(logs - logs.max())
            # Systematic resampling.
            at = (np.arange(size) + rng.random()) / size * weights.sum()
            f = f[np.minimum(np.searchsorted(np.cumsum(weights), at), size - 1)]
        runs.append((f.mean(), f.std()))
    exact = state @ grid, np.sqrt(state @ (grid - state @ grid) ** 2)
    error = np.std(runs, axis=0, ddof=1) / np.sqrt(len(runs))
    np.testing.assert_array_less(np.abs(np.mean(runs, axis=0) - exact), 6.0 * error + 1e-3)
    assert exact[1] > 0.02


def test_true_probability_counts_the_event(study, reduced):
    """Under a correlation far from the midpoint the event is certain, or impossible."""
    rng = np.random.default_rng(6)
    world, prices, _ = study.find_day("constant", rng, (900, 1000))
    pair = study.align(prices)
    here = study.situation(pair.returns.to_numpy(), 90, 252)
    events = study.Events(pair, "returns", here, 90, 252)
    for rho, wanted in ((-0.9, 1.0), (0.95, 0.0)):
        other = study.World("constant", world.params | {"rho": rho}, world.garch, {})
        p, package = study.true_probability(other, pair.returns, events, 2000, rng)
        assert p == package == wanted


def test_package_filter_agrees(reduced, study):
    """The package's grids, with a birth-death chain for steps, make nearly the same of the truth.

    Both are shares of 4,000 paths, so their differences have a standard error of up to .011.
    """
    hidden = [c for c in reduced if c.world.member not in study.EXACT]
    differences = np.array([c.p_true - c.p_package for c in hidden])
    assert len(hidden) == 12
    assert np.abs(differences).max() < 0.05
    assert abs(differences.mean()) < 0.02


def test_densities_of_the_particles(study):
    """What the particle filter above takes for the density is the package's, up to a constant."""
    nu, x, y = 6.0, 0.7, -1.2
    logs = []
    for rho in (-0.4, 0.3):
        form = (x * x + y * y - 2.0 * rho * x * y) / (1.0 - rho**2)
        own = -0.5 * np.log(1.0 - rho**2) - (0.5 * nu + 1.0) * np.log1p(form / (nu - 2.0))
        logs.append(own - log_density(x, y, rho, nu))
    assert logs[0] == pytest.approx(logs[1])


@pytest.mark.slow
def test_coverage_in_full(study):
    """200 worlds, as recorded in docs/_results/interval_coverage.json."""
    found = study.summarise(study.cases(200))
    assert 0.85 <= found["pool"]["coverage"] <= 0.97, found["pool"]
