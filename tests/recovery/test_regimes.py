"""Errors of regime estimates, size and power of the test for regimes, against what was wanted.

The simulations are those of benchmarks/regime_recovery.py and benchmarks/regime_tests.py.
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def script(name: str):
    spec = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def record(name: str) -> dict:
    return json.loads((ROOT / "docs" / "_results" / f"{name}.json").read_text())


@pytest.fixture(scope="module")
def recovery():
    return script("regime_recovery")


@pytest.fixture(scope="module")
def tests_of_regimes():
    return script("regime_tests")


def test_errors_of_the_low_correlation(recovery):
    """Sixty samples: the standard error of a root mean squared error is about a tenth of it."""
    found = recovery.replicate(2000, 60)
    assert found["rho_low"]["rmse"] < 1.3 * recovery.RSDC[2000]["rho_low"]
    assert found["rho_high"]["rmse"] < 1.3 * recovery.RSDC[2000]["rho_high"]
    assert abs(found["rho_low"]["bias"]) < 0.03
    assert found["rho_low"]["coverage"] > 0.8


def near(found: dict) -> bool:
    """Within one Monte-Carlo error of what RSDC publishes over 100 replications, or below."""
    return found["rmse"] <= found["rsdc"] + found["rsdc_error"]


def test_recorded_errors_are_near_those_of_rsdc():
    found = record("regime_recovery")
    assert found["replications"] >= 1000
    assert found["500"]["rho_low"]["rmse"] <= found["500"]["rho_low"]["rsdc"]
    assert all(near(found[n]["rho_low"]) for n in ("1000", "2000"))


def test_size_and_power(tests_of_regimes):
    """A hundred samples of 500 rows: the standard error of a size of .05 is about .03."""
    size = tests_of_regimes.rejections("size, t5", 100, 500, 3)
    assert size["0.05"] <= 0.14
    assert size["0.1"] <= 0.22
    power = tests_of_regimes.rejections("power, .2/.7, 50 and 33 days, t5", 30, 1000, 3)
    assert power["0.05"] >= 0.8
    # normal errors take fat tails for regimes: the same statistic, wrongly used
    wrong = tests_of_regimes.rejections("t5 data, normal likelihood (wrong)", 30, 500, 3)
    assert wrong["0.05"] >= 0.5


def test_recorded_sizes():
    found = record("regime_tests")["rejected"]
    for case in ("size, normal", "size, t5", "size, GARCH-t5, margins fitted"):
        assert found[case]["replications"] >= 1000
        assert 0.03 <= found[case]["0.05"] <= 0.07


@pytest.mark.slow
@pytest.mark.parametrize("case", ["size, normal", "size, t5", "size, GARCH-t5, margins fitted"])
def test_size_in_full(tests_of_regimes, case):
    found = tests_of_regimes.rejections(case, 1000, 1000, 6)
    assert 0.03 <= found["0.05"] <= 0.07


@pytest.mark.slow
@pytest.mark.parametrize("n", [500, 1000, 2000])
def test_errors_in_full(recovery, n):
    found = recovery.replicate(n, 1000)
    known = record("regime_recovery")[str(n)]["rho_low"]
    assert found["rho_low"]["rmse"] <= 1.1 * known["rmse"]
