"""Tests and bands of scores keep their level when years share shocks.

The simulation is that of benchmarks/score_tests.py.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from regimecorr.evaluation.ranking import auc

ROOT = Path(__file__).resolve().parents[2]
SAFE = ("DM by years", "skill", "AUC", "ECE by years", "PIT")


@pytest.fixture(scope="module")
def simulation():
    path = ROOT / "benchmarks" / "score_tests.py"
    spec = importlib.util.spec_from_file_location("score_tests", path)
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "score_tests", module)  # dataclasses look their module up,
        patch.syspath_prepend(path.parent)  # other processes import it
        spec.loader.exec_module(module)
        yield module


@pytest.fixture(scope="module")
def many(simulation):
    """Samples with a large shock, put end to end."""
    rng = np.random.default_rng(0)
    known = simulation.known_share()
    samples = [simulation.draw(18, 0.5, 0.3, known, rng) for _ in range(400)]
    return [
        np.concatenate([getattr(s, name) for s in samples], axis=-1)
        for name in ("perfect", "rivals", "outcome", "transform")
    ]


def test_each_column_has_a_level(simulation, many):
    """The perfect forecaster is calibrated and of skill .07, the rivals equal, transforms uniform.

    With 7,200 years, each of 22 forecasts with shared shocks, the error of a mean is about .003.
    """
    p, rivals, y, u = many
    assert y.mean() == pytest.approx(simulation.BASE_RATE, abs=0.012)
    for forecast in (p, *rivals):
        for low, high in ((0.2, 0.4), (0.4, 0.5), (0.5, 0.7)):
            among = (forecast >= low) & (forecast < high)
            assert (y - forecast)[among].mean() == pytest.approx(0.0, abs=0.015)
    base = simulation.BASE_RATE
    skill = 1.0 - np.mean((p - y) ** 2) / (base * (1.0 - base))
    assert skill == pytest.approx(simulation.SKILL, abs=0.008)
    assert np.var(p) / (base * (1.0 - base)) == pytest.approx(simulation.SKILL, rel=0.02)
    assert auc(p, y) == pytest.approx(simulation.expected_auc(simulation.known_share()), abs=0.01)
    first, second = np.mean((rivals - y) ** 2, axis=1)
    assert first == pytest.approx(second, abs=0.001)
    assert stats.kstest(u, "uniform").statistic < 0.015


def test_shock_is_the_share_in_common(simulation):
    """Outcomes' latent rest: correlation within a year, none between years, none without shock."""
    rng, known = np.random.default_rng(1), simulation.known_share()
    for shock in (0.0, 0.3):
        within, between = [], []
        for _ in range(200):
            sample = simulation.draw(8, 0.5, shock, known, rng)
            rest = stats.norm.ppf(sample.transform)
            first = np.searchsorted(sample.year, np.unique(sample.year))
            alone = np.append(first, rest.size)[1:] - first == 1
            pair = first[~alone]
            within.append(np.mean(rest[pair] * rest[pair + 1]))
            between.append(np.mean(rest[first[:-1]] * rest[first[1:]]))
        assert np.mean(within) == pytest.approx(shock, abs=0.08)
        assert np.mean(between) == pytest.approx(0.0, abs=0.08)


def test_levels_with_shared_shocks(simulation):
    """120 samples: the standard error of a share of .95 is .02, of the diagrams' (30) about .03."""
    found = simulation.study(18, 0.5, 0.3, 120, 30, n_boot=199, n_curves=99)["columns"]
    for name in SAFE:
        level, share = simulation.LEVELS[name], found[name]["share"]
        assert found[name]["samples"] == 120
        assert abs(share - level) <= 0.065, (name, share)
    assert 0.80 <= found["diagram by years"]["share"] <= 0.98
    # what takes outcomes as independent fails, and lags do not serve a panel
    assert found["ECE, independent"]["share"] < 0.75
    assert found["diagram, independent"]["share"] < 0.85
    assert found["DM by lags"]["share"] > 0.05
    assert found["skill, percentiles"]["share"] < found["skill"]["share"]


def test_levels_of_independent_outcomes(simulation):
    found = simulation.study(8, 0.0, 0.0, 120, 30, n_boot=199, n_curves=99)["columns"]
    for name in (*SAFE, "skill, rate known", "ECE, independent"):
        assert abs(found[name]["share"] - simulation.LEVELS[name]) <= 0.065, name
    for name in simulation.DIAGRAMS:
        assert 0.82 <= found[name]["share"] <= 0.97


def test_processes_do_not_matter(simulation):
    one, two = (
        simulation.study(8, 0.5, 0.1, 4, 2, n_boot=99, n_curves=99, n_jobs=jobs) for jobs in (1, 2)
    )
    assert one == two
    assert one["columns"]["diagram by years"]["samples"] == 2


def test_the_page_is_filled_from_the_record(simulation):
    """The table in docs/theory/scores.md is that of the record, and what is read off it holds."""
    record = json.loads((ROOT / "docs" / "_results" / "score_tests.json").read_text())
    page = (ROOT / "docs" / "theory" / "scores.md").read_text()
    assert record["levels"] == simulation.LEVELS
    for row in record["rows"]:
        shares = [f"{row['columns'][c]['share']:.3f}".removeprefix("0") for c in simulation.LEVELS]
        parts = (f"{row[k]:.1f}".removeprefix("0") if row[k] else "0" for k in ("common", "shock"))
        assert f"| {row['years']} | {' | '.join([*parts, *shares])} |" in page
        assert abs(row["difference of the rivals over its error"]) < 3.5
    settings = [(row["years"], row["common"], row["shock"]) for row in record["rows"]]
    assert settings == list(product(simulation.YEARS, simulation.COMMON, simulation.SHOCKS))


def test_what_the_page_reads_off_the_record():
    record = json.loads((ROOT / "docs" / "_results" / "score_tests.json").read_text())

    def span(*names, **where):
        rows = [r for r in record["rows"] if all(r[key] == value for key, value in where.items())]
        shares = [row["columns"][name]["share"] for row in rows for name in names]
        return round(min(shares), 2), round(max(shares), 2)

    assert span("DM by years", "PIT") == (0.03, 0.06)
    assert span("DM by lags") == (0.10, 0.16)
    assert span("skill", shock=0.0) == (0.91, 0.95)
    assert span("skill", shock=0.3) == (0.98, 0.99)
    assert span("skill, rate known", "AUC") == (0.92, 0.94)
    assert span("skill, percentiles") == (0.78, 0.92)
    assert span("ECE by years") == (0.94, 0.96)
    assert span("ECE, independent", shock=0.3)[1] < 0.70
    assert span("diagram by years") == (0.90, 0.93)
    assert span("diagram, independent", shock=0.3)[1] < 0.80
    shown = [row["skill found, mean"] for row in record["rows"]]
    assert 0.4 < min(shown) / record["skill"] < 0.55
    assert all(0.12 <= row["spread of the forecasts"] <= 0.135 for row in record["rows"])
