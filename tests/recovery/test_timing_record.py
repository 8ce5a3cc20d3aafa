"""Bias, coverage and sizes of `timing` on record are right, and the simulation runs.

The simulation is benchmarks/timing.py.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
CORRECTED = ("scholes_williams", "dimson")


@pytest.fixture(scope="module")
def record():
    path = ROOT / "docs" / "_results" / "timing.json"
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def simulation():
    path = ROOT / "benchmarks" / "timing.py"
    spec = importlib.util.spec_from_file_location("timing", path)
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(path.parent)
        patch.setitem(sys.modules, "timing", module)
        spec.loader.exec_module(module)
        yield module


@pytest.mark.slow
class TestRecord:
    def test_every_reading_estimates_its_target(self, record):
        for row in record["correlations"]:
            off = row["bias"] + record["correlation"] - row["target"]
            # Fewer rows, and weeks, leave a small-sample bias towards zero.
            small = 12.0 / row["rows"] * (1.0 if row["reading"] == "weekly" else 0.6)
            assert abs(off) < 3.5 * row["bias, s.e."] + small, row

    def test_daily_is_biased_and_corrections_are_not(self, record):
        rows = {(r["hours"], r["rows"], r["reading"]): r for r in record["correlations"]}
        daily = rows[8, 1000, "daily"]
        assert daily["bias"] < -0.14
        assert daily["covers truth"] < 0.2
        for name in CORRECTED:
            assert abs(rows[8, 1000, name]["bias"]) < 0.02
            assert rows[8, 1000, name]["covers truth"] > 0.9
            assert rows[8, 1000, name]["rmse"] < 0.5 * daily["rmse"]

    def test_coverage(self, record):
        for row in record["correlations"]:
            assert 0.88 <= row["covers target"] <= 0.98, row

    def test_sizes(self, record):
        """3 to 7 % at 5 %, with the Monte-Carlo error of fewer samples."""
        for row in record["ccf"].values():
            room = 2.0 * max(0.0, row["s.e."] - 0.007)
            assert 0.03 - room <= row["joint"] <= 0.07 + room
            assert 0.03 <= row["pointwise"] <= 0.07
        for row in record["adjustment"].values():
            room = 2.0 * max(0.0, (0.05 * 0.95 / row["n"]) ** 0.5 - 0.007)
            for name in ("asset", "benchmark", "both"):
                assert 0.03 - room <= row[name] <= 0.07 + room, row
            assert row["Gonzalo-Granger"] >= 0.88 - room


def test_the_simulation_does_not_depend_on_the_processes(simulation):
    one, two = (simulation.ccf(2, n_jobs) for n_jobs in (1, 2))
    assert one == two


def test_what_a_few_samples_show(simulation):
    """Daily correlations far below the truth, corrected ones near it."""
    streams = np.random.default_rng(0).spawn(25)
    found = np.array([simulation.measured(1000, 8, rng) for rng in streams])[:, :, 0]
    mean = dict(zip((r.name for r in simulation.readings(1)), found.mean(axis=0), strict=True))
    assert mean["daily"] == pytest.approx(1 / 3, abs=0.03)
    assert mean["3-day"] == pytest.approx(4 / 9, abs=0.035)
    for name in CORRECTED:
        assert mean[name] == pytest.approx(0.5, abs=0.035)


def test_the_world_has_the_closes_it_says(simulation):
    sample = simulation.asynchronous(60_000, 8, np.random.default_rng(1)).to_numpy()
    x, y = sample.T
    assert np.corrcoef(x, y)[0, 1] == pytest.approx(1 / 3, abs=0.04)
    assert np.corrcoef(x[:-1], y[1:])[0, 1] == pytest.approx(1 / 6, abs=0.04)
    assert np.corrcoef(x[1:], y[:-1])[0, 1] == pytest.approx(0.0, abs=0.03)
    assert y.std() / x.std() == pytest.approx(1.0, abs=0.03)


def test_adjustment_of_a_few_samples(simulation):
    found = np.array([simulation.adjusted(1000, rng) for rng in np.random.default_rng(2).spawn(20)])
    assert (found[:, [2, 6]] <= 0.05).mean() <= 0.2
    assert found[:, [3, 7]].mean() <= 0.25
