"""Intervals of the DCC family hold the truth as often as they say (benchmarks/dcc_coverage.py)."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

PATH = Path(__file__).resolve().parents[2] / "benchmarks" / "dcc_coverage.py"


@pytest.fixture(scope="module")
def simulation():
    spec = importlib.util.spec_from_file_location("dcc_coverage", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def check(found: dict, names: tuple[str, ...], low: float, high: float) -> None:
    for name in names:
        for stages in ("two-step", "three-stage"):
            assert low <= found[name][f"coverage {stages}"] <= high, (name, stages, found[name])


@pytest.mark.parametrize("case", ["DCC, normal errors", "cDCC, t(6) errors, t likelihood"])
def test_coverage(simulation, case):
    """Sixty replications: the standard error of a share of .93 is .033."""
    found = simulation.study(case, 60)
    assert found["converged"] >= 0.97
    check(found, ("a", "b"), 0.83, 1.0)
    assert 0.83 <= found["target"]["coverage three-stage"] <= 1.0
    assert abs(found["a"]["bias"]) < 0.004
    assert abs(found["b"]["bias"]) < 0.015
    assert 0.88 <= found["band coverage"] <= 0.99


def test_targeting_on_a_long_path(simulation):
    """Aielli (2013): cDCC's target is consistent, DCC's is not; on the same path they differ."""
    found = simulation.targeting(n_obs=60_000, n_paths=4)
    assert abs(found["cdcc"] - 0.5) < 3.0 * found["standard error"] < 0.03
    assert 0.006 < found["cdcc"] - found["dcc"] < 0.015


@pytest.mark.slow
@pytest.mark.parametrize(
    "case",
    [
        "DCC, normal errors",
        "DCC, t(6) errors, normal likelihood",
        "DCC, t(6) errors, t likelihood",
        "cDCC, normal errors",
        "cDCC, t(6) errors, t likelihood",
    ],
)
def test_coverage_in_full(simulation, case):
    found = simulation.study(case, 400)
    check(found, ("a", "b"), 0.90, 0.98)
    if case.startswith("cDCC"):  # DCC's target is not the process's
        assert 0.89 <= found["target"]["coverage three-stage"] <= 0.98


@pytest.mark.slow
def test_targeting_in_full(simulation):
    found = simulation.targeting()
    assert abs(found["cdcc"] - 0.5) < 3.0 * found["standard error"] < 0.012
    assert found["dcc"] < 0.5 - 2.0 * found["standard error"]
    assert np.isfinite(list(found.values())).all()
