"""R's generator, RSDC's own samples, and the recorded errors of our estimates on them."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest

import regimecorr as rc

ROOT = Path(__file__).resolve().parents[2]


def script(name: str):
    spec = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    path = sys.path.copy()
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path[:] = path
    return module


@pytest.fixture(scope="module")
def data():
    return script("rsdc_data")


@pytest.fixture(scope="module")
def record() -> dict:
    file = ROOT / "docs" / "_results" / "regime_recovery.json"
    return json.loads(file.read_text(encoding="utf-8"))["rsdc_samples"]


def test_uniforms_and_normals_are_those_of_r(data):
    """``set.seed(42); runif(3)`` and so on, as R prints them."""
    assert data.RGenerator(42).uniform(3) == pytest.approx(
        [0.9148060, 0.9370754, 0.2861395], abs=5e-8
    )
    assert data.RGenerator(42).normal(3) == pytest.approx(
        [1.37095845, -0.56469817, 0.36312841], abs=5e-9
    )
    assert data.RGenerator(123).normal(3) == pytest.approx(
        [-0.56047565, -0.23017749, 1.55870831], abs=5e-9
    )


def test_uniforms_go_on(data):
    once = data.RGenerator(7)
    assert np.r_[once.uniform(700), once.uniform(700)] == pytest.approx(
        data.RGenerator(7).uniform(1400), abs=0.0
    )


def test_samples_are_those_that_r_draws(data):
    """First and last rows of two samples, drawn by R 4.2.2 with mvtnorm 1.1-3."""
    states, z = data.sample_of(500, 1)
    assert states[:6].tolist() == [1, 1, 1, 1, 0, 0]
    drawn = [
        [-0.50240302691, -1.06601740637],
        [0.36534057556, 0.17686119726],
        [1.16097526108, 0.28572550112],
        [0.82953303063, 0.68369255370],
        [0.71300606211, 1.33260925350],
        [0.22773151326, 0.16990322527],
    ]
    assert z[:6] == pytest.approx(np.array(drawn), abs=1e-10)
    states, z = data.sample_of(2000, 100)
    assert states.sum() == 695
    drawn = [[-1.38757488, -0.86951413], [0.05263953, 0.29817434], [1.09888246, -0.59441651]]
    assert z[-3:] == pytest.approx(np.array(drawn), abs=1e-8)


@pytest.mark.parametrize(
    ("sample", "theirs"),
    [
        (1, [0.869779, 0.706705, 0.210867, 0.751845]),
        (2, [0.843664, 0.667689, 0.213307, 0.753117]),
        (3, [0.936599, 0.821507, 0.215254, 0.738956]),
    ],
)
def test_estimates_are_those_of_rsdc_but_for_the_first_row(data, sample, theirs):
    """RSDC's search (DEoptim, then L-BFGS-B) run in R on the same samples of 2,000 rows.

    Its chain makes a step from equal probabilities before the first row; ours starts in the
    stationary distribution.
    """
    result = rc.SwitchingCorrelation(dist="normal", margins=None).fit(
        data.sample_of(2000, sample)[1]
    )
    found = result.params[["p_low", "p_high", "rho_low", "rho_high"]].to_numpy()
    assert found == pytest.approx(theirs, abs=0.005)


def test_recorded_errors_against_those_that_rsdc_publishes(data, record):
    """On RSDC's own samples, no Monte-Carlo error between them, to three digits.

    At 2,000 rows ours is .0681 and theirs .0676: the regime of the first row makes the difference.
    """
    assert record["replications"] == 100
    for n, table in data.PUBLISHED.items():
        found = record[str(n)]["parameters"]["rho_low"]
        assert found["rsdc"] == table["rho_low"][0]
        assert round(found["rmse"], 3) <= round(found["rsdc"], 3)


def test_recorded_estimates_are_the_highest_maxima_where_regimes_are_identified(record):
    for n in ("1000", "2000"):
        assert record[n]["missed"] == 0
        for found in record[n]["parameters"].values():
            assert found["highest"] == found["rmse"]
    # With 500 rows one sample in nine has its highest maximum at regimes of a day or two.
    assert record["500"]["missed"] <= 12


@pytest.mark.slow
@pytest.mark.parametrize("n", [500, 1000, 2000])
def test_errors_on_all_samples(record, n):
    found = script("regime_recovery").on_rsdc_samples(n)
    assert found["missed"] <= record[str(n)]["missed"]
    for name, known in record[str(n)]["parameters"].items():
        assert found["parameters"][name]["rmse"] == pytest.approx(known["rmse"], abs=2e-3)
