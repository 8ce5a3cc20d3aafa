"""What is on record of `find_breaks` is right, and the simulation that made it runs.

The simulation is benchmarks/break_dates.py.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def record():
    path = ROOT / "docs" / "_results" / "break_dates.json"
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def simulation():
    path = ROOT / "benchmarks" / "break_dates.py"
    spec = importlib.util.spec_from_file_location("break_dates", path)
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "break_dates", module)
        patch.syspath_prepend(path.parent)
        spec.loader.exec_module(module)
        yield module


@pytest.mark.slow
class TestRecord:
    def test_found_where_there_is_none(self, record):
        """3 to 7 % at 5 % on GARCH-t5 returns, 1,000 and 2,500 rows, 1,000 runs or more."""
        for rows in ("1,000 rows", "2,500 rows"):
            row = record["none"][rows]["sup_lm"]
            assert row["n"] >= 1000
            assert 0.03 <= row["share"] <= 0.07, rows

    def test_coverage_of_breaks_of_three_tenths(self, record):
        for world, block in record["breaks"].items():
            if world.startswith((".6 to .3", ".3 to .6")):
                row = block["sup_lm"]["coverage"]
                assert row["share"] == pytest.approx(record["ci_prob"], abs=0.03), world

    def test_the_default_sees_the_ends(self, record):
        block = record["breaks"][".6 to .2, 90 before the end of 1,000"]
        published = block["fluctuation, unweighted"]["found"]["share"]
        assert block["sup_lm"]["found"]["share"] > published + 0.3

    def test_published_power(self, record):
        """Wied et al. (2012), Table 2: .830; here margins are fitted first."""
        block = record["breaks"][".5 to .7 in the middle of 1,000"]
        row = block["fluctuation, unweighted"]["found"]
        assert row["share"] == pytest.approx(0.83, abs=4.0 * row["s.e."] + 0.04)


@pytest.mark.slow
class TestSeededRecord:
    def test_level(self):
        """3 to 7 % at 5 %, with the Monte-Carlo error of fewer samples."""
        for world, block in seeded_record()["none"].items():
            row = block["seeded"]
            room = 2.0 * max(0.0, (0.05 * 0.95 / row["n"]) ** 0.5 - 0.007)
            assert 0.03 - room <= row["first test"] <= 0.07 + room, world
            assert row["share"] <= 0.07 + room, world

    def test_a_change_that_passes(self):
        block = seeded_record()["breaks"][".5, .1 for 150 rows, .5 in 1,500"]
        right = {search: row["right number"]["share"] for search, row in block.items()}
        assert right["seeded"] > right["binary"] + 0.4


def seeded_record():
    path = ROOT / "docs" / "_results" / "seeded_breaks.json"
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.slow
def test_the_simulation_runs_and_does_not_depend_on_the_processes(simulation, monkeypatch):
    monkeypatch.setattr(simulation, "N_BOOT", 199)
    steps = (600, (0.7, 0.1), (300,), 5.0)
    world = simulation.along(lambda rng: simulation.stepwise(steps))
    one, two = (simulation.numbers(world, 2, 0, n_jobs) for n_jobs in (1, 2))
    assert one == two
    assert set(one) == set(simulation.FORMS)
    assert one["sup_lm"]["share"] == 1.0


def test_figures_of_a_world(simulation, monkeypatch):
    monkeypatch.setattr(simulation, "N_BOOT", 199)
    monkeypatch.setattr(simulation, "RESAMPLES", 19)
    steps = (600, (0.8, -0.2), (300,), 5.0)
    samples = simulation.parallel(lambda rng: simulation.one_sample(steps, rng), 4, 0, 1)
    row = simulation.figures(samples, "sup_lm", steps)
    assert row["right number"]["share"] >= 0.5
    assert row["date error"] < 20
    assert row["length"] < 100
    others = simulation.intervals(samples, steps)
    assert others["hull of Eo and Morley's set"]["length"] > others["find_breaks"]["length"]


def test_bai_law(simulation):
    """Quantiles of the argmax as tabulated by Bai (1997): 7.7 at 95 %, 11.0 at 97.5 %."""
    assert simulation.argmax_law(7.687) == pytest.approx(0.95, abs=1e-4)
    assert simulation.argmax_law(11.03) == pytest.approx(0.975, abs=1e-4)


def test_the_split_of_largest_likelihood(simulation):
    rng = np.random.default_rng(0)
    z = simulation.correlated(simulation.stepwise((300, (0.8, -0.2), (140,), 5.0)), 5.0, rng)
    assert simulation.likelihood_split(z, 5.0) == pytest.approx(140, abs=10)
