"""Rates of false alarms and delays on record, and the simulation that made them runs.

The simulation is benchmarks/monitoring.py.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import regimecorr as rc

ROOT = Path(__file__).resolve().parents[2]
DEFAULTS = ("page", "cusum")


@pytest.fixture(scope="module")
def record():
    path = ROOT / "docs" / "_results" / "monitoring.json"
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def simulation():
    path = ROOT / "benchmarks" / "monitoring.py"
    spec = importlib.util.spec_from_file_location("monitoring", path)
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "monitoring", module)
        patch.syspath_prepend(path.parent)
        spec.loader.exec_module(module)
        yield module


@pytest.mark.slow
class TestRecord:
    @pytest.mark.parametrize("m", ["500", "1000"])
    @pytest.mark.parametrize("length", ["0.5", "1"])
    def test_default_forms_hold_their_level(self, record, m, length):
        """3 to 7 % at 5 % on GARCH-t5 returns after margins of the history, 1,000 runs or more."""
        assert record["n"] >= 1000
        for rule in DEFAULTS:
            assert 0.03 <= record["quiet"]["GARCH-t5"][m][rule][length]["share"] <= 0.07, rule

    def test_the_textbook_form_does_not(self, record):
        quiet = record["quiet"]["GARCH-t5"]["500"]
        assert quiet["cusum, textbook"]["1"]["share"] > 0.07
        assert quiet["cusum, correlations of residuals"]["1"]["share"] > 0.07

    def test_large_breaks_are_found_whenever_they_come(self, record):
        for m, by_break in record["breaks"].items():
            for k, cell in by_break["0.6 to 0"].items():
                for rule in ("page", "cusum", "bayes, above 0.95"):
                    assert cell[rule]["detected"] > 0.9, (m, k, rule)
                    assert cell[rule]["median delay"] < 130, (m, k, rule)

    def test_page_is_sooner_after_a_while_and_no_later_at_the_start(self, record):
        """The grounds of the default."""
        for by_break in (cells["0.6 to 0"] for cells in record["breaks"].values()):
            for k, cell in by_break.items():
                page, cusum = (cell[rule]["mean delay"] for rule in DEFAULTS)
                assert page < cusum + (5.0 if k == "0" else 0.0), k

    def test_published_sizes(self, record):
        """Their design; both are shares of about 1,000 samples."""
        assert len(record["published"]) == 24
        for row in record["published"]:
            allowed = 4.0 * np.hypot(row["s.e."], row["s.e."])
            assert row["share"] == pytest.approx(row["paper"], abs=allowed), row

    def test_the_textbook_form_needs_a_design_without_moving_correlation(self, record):
        """Persistence does little; mixing one series alone makes the correlation itself move."""
        for row in record["published"]:
            if row["gamma"] < 0.4:
                assert abs(row["persistent"] - row["share"]) < 0.05, row
                assert row["one-sided"] > row["share"] + 0.05, row


def test_the_simulation_runs_and_does_not_depend_on_the_processes(simulation):
    world = simulation.quiet_worlds(250)["GARCH-t5"]

    def job(rng):
        return simulation.alarms(world(rng), 250, (0.5, 1.0))

    one = simulation.parallel(job, 2, 0, 1)
    assert one == simulation.parallel(job, 2, 0, 2)
    rules = set(one[0])
    assert set(simulation.SUMS) < rules
    assert {"chart: 90 rows below zero", "bayes, above 0.95"} < rules
    for found in one[0].values():
        assert len(found) == 2
        assert all(row is None or 0 <= row < 250 for row, _ in found)


def test_the_other_designs_have_the_same_correlation(simulation):
    """A correlation of .5; that of volatile rows of the first series differs if one-sided."""
    found = {}
    for name in ("persistent", "one-sided"):
        x = np.concatenate(
            [simulation.DESIGNS[name](5000, rng) for rng in np.random.default_rng(0).spawn(40)]
        )
        assert np.corrcoef(x.T)[0, 1] == pytest.approx(0.5, abs=0.03)
        wild = np.convolve(x[:, 0] ** 2, np.ones(20) / 20)[: len(x)]
        loud = np.roll(wild, 1) > 2.0 * np.mean(wild)
        found[name] = np.corrcoef(x[loud].T)[0, 1]
    assert found["one-sided"] > found["persistent"] + 0.05


def test_one_monitor_serves_shorter_periods(simulation):
    """Alarms of the period of half the length are those of a monitor of that horizon."""
    rows = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        world = simulation.along(lambda _: np.where(np.arange(600) < 380, 0.6, 0.2))
        returns = world(rng)
        whole = rc.monitor(returns, start=300, horizon=300, robust=False)
        half = rc.monitor(returns, start=300, horizon=150, robust=False)
        found = simulation.crossings(whole, (0.5, 1.0))
        assert found[0][0] == (None if half.alarm is None else half.alarm - 300)
        assert found[1][0] == (None if whole.alarm is None else whole.alarm - 300)
        rows.append(found[0][0] is not None)
    assert 0 < sum(rows) < 8


def test_the_published_design(simulation):
    """Variances of .0667, a correlation of .5 both ways, and volatility of their persistence."""
    x = simulation.paper_pair(200_000, np.random.default_rng(0))
    np.testing.assert_allclose(x.var(axis=0), 0.01 / 0.15, rtol=0.03)
    assert np.corrcoef(x.T)[0, 1] == pytest.approx(0.5, abs=0.01)
    a, b = np.sqrt(1.5), np.sqrt(0.5)
    legs = x @ np.linalg.inv(np.array([[a + b, a - b], [a - b, a + b]]) / 2.0)
    squares = legs**2 - (legs**2).mean(axis=0)
    for leg, (alpha, beta) in zip(squares.T, ((0.05, 0.80), (0.10, 0.75)), strict=True):
        one = alpha * (1 - alpha * beta - beta**2) / (1 - 2 * alpha * beta - beta**2)
        for lag in (1, 2):
            own = np.mean(leg[lag:] * leg[:-lag]) / np.mean(leg**2)
            assert own == pytest.approx(one * (alpha + beta) ** (lag - 1), abs=0.015)


def test_outcomes_are_counted_right(simulation):
    found = [(5, None), (12, 9), (19, 14), (None, None)]
    cell = simulation.outcome(found, 10)
    assert cell["early"] == 0.25
    assert cell["detected"] == 0.5
    assert cell["mean delay"] == 6.5
    assert cell["median delay"] == 10.0
    assert cell["date error"] == 2.5
    assert simulation.outcome([(None, None), (None, None)], 3)["median delay"] is None
    assert simulation.outcome([(4, -2), (6, None)], 0)["date error"] == 2.0


def test_chart_rules_read_the_window(simulation):
    rng = np.random.default_rng(0)
    x = rng.standard_normal(500)
    y = np.where(np.arange(500) < 300, x, -x) + rng.standard_normal(500)
    frame = pd.DataFrame({"A": x, "B": y})
    found = simulation.chart_alarms(frame, 300, 200)
    below = next(
        t for t in range(300, 500) if np.corrcoef(x[t - 89 : t + 1], y[t - 89 : t + 1])[0, 1] < 0
    )
    assert found["chart: 90 rows below zero"] == (below - 300, None)
    assert found["chart: 90 rows below half"][0] < below - 300
