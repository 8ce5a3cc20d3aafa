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
        for m in ("500", "1000"):
            for k in ("0", "125", "250"):
                cell = record["breaks"][m]["0.6 to 0"][k]
                assert cell["page"]["detected"] > 0.9, (m, k)
                assert cell["page"]["median delay"] < 130, (m, k)

    def test_page_is_sooner_after_a_while(self, record):
        for m in ("500", "1000"):
            cell = record["breaks"][m]["0.6 to 0"]["250"]
            assert cell["page"]["mean delay"] < cell["cusum"]["mean delay"], m

    def test_published_sizes(self, record):
        """Their design but for the GARCH parameters; both are shares of about 1,000 samples."""
        for row in record["published"]:
            allowed = 4.0 * np.hypot(row["s.e."], row["s.e."]) + 0.02
            assert row["share"] == pytest.approx(row["paper"], abs=allowed), row


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
        assert all(-1 <= row < 250 for row, _ in found)


def test_outcomes_are_counted_right(simulation):
    found = [(5, -1), (12, 9), (19, 14), (-1, -1)]
    cell = simulation.outcome(found, 10)
    assert cell["early"] == 0.25
    assert cell["detected"] == 0.5
    assert cell["mean delay"] == 6.5
    assert cell["median delay"] == 10.0
    assert cell["date error"] == 2.5
    assert simulation.outcome([(-1, -1), (-1, -1)], 3)["median delay"] is None


def test_chart_rules_read_the_window(simulation):
    rng = np.random.default_rng(0)
    x = rng.standard_normal(500)
    y = np.where(np.arange(500) < 300, x, -x) + rng.standard_normal(500)
    frame = pd.DataFrame({"A": x, "B": y})
    found = simulation.chart_alarms(frame, 300, 200)
    below = next(
        t for t in range(300, 500) if np.corrcoef(x[t - 89 : t + 1], y[t - 89 : t + 1])[0, 1] < 0
    )
    assert found["chart: 90 rows below zero"] == (below - 300, -1)
    assert found["chart: 90 rows below half"][0] < below - 300
