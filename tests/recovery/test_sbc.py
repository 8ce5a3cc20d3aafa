"""Ranks of true parameters among posterior draws are uniform (benchmarks/sbc.py)."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from regimecorr.models.bayes import RegimePriors
from regimecorr.models.bayes.chains import make_chain
from regimecorr.models.bayes.parameters import ParameterSpace

PATH = Path(__file__).resolve().parents[2] / "benchmarks" / "sbc.py"
#: Smallest p-value that passes, after Bonferroni: one false alarm in a thousand runs.
LEAST = 1e-3


@pytest.fixture(scope="module")
def sbc():
    spec = importlib.util.spec_from_file_location("sbc", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def space(**priors):
    return ParameterSpace(make_chain("change_point", 2), RegimePriors(**priors), "normal")


def test_reduced(sbc):
    """Few simulations show gross errors: ranks are uniform, and those under another prior not."""
    options = {"n_obs": 100, "tune": 100, "draws": 200, "seed": 1}
    priors = {"durations": 60.0, "level": (0.3, 0.3)}
    right, _ = sbc.ranks(space(**priors), 16, **options)
    assert set(right) == {"levels[0]", "levels[1]", "leave", "log_likelihood"}
    assert sbc.judge(right)["p_bonferroni"] > LEAST
    shifted = space(durations=60.0, level=(0.8, 0.05))
    wrong, _ = sbc.ranks(shifted, 8, truth=space(**priors), **options)
    assert sbc.judge(wrong)["p_bonferroni"] < LEAST


def test_judgement(sbc):
    """Uniform ranks pass; shifted, too wide and too narrow ones do not."""
    rng = np.random.default_rng(0)
    size = sbc.N_RANKED
    even = {"a": rng.integers(0, size + 1, 400).tolist(), "b": list(range(size + 1)) * 4}
    assert sbc.judge(even)["p_bonferroni"] > 0.01
    for a, b in [(1.0, 1.5), (2.0, 2.0), (0.6, 0.6)]:
        bent = np.floor(rng.beta(a, b, 400) * (size + 1)).astype(int)
        assert sbc.judge(even | {"c": bent.tolist()})["p_bonferroni"] < LEAST


def test_samples_follow_the_model(sbc):
    """Regime and tails of the simulated residuals are those of the values."""
    ours = ParameterSpace(make_chain("nesting", 3), RegimePriors(), "t")
    values = ours.sample(1, np.random.default_rng(0))
    values |= {
        "level": np.array([1.2]),
        "gap": np.array([[1.2]]),
        "leave": np.array([[0.02, 0.01]]),
        "hazard": np.array([[1e-9]]),
        "nu_excess": np.array([6.0]),
    }
    z = sbc.simulate(ours, values, 30_000, np.random.default_rng(1))
    assert np.corrcoef(z.T)[0, 1] == pytest.approx(2.0 / 3.0 * np.tanh(1.2), abs=0.06)
    np.testing.assert_allclose(z.var(axis=0), 1.0, atol=0.06)
    assert np.mean(z**4) == pytest.approx(3.0 * 6.0 / 4.0, rel=0.25)


@pytest.mark.slow
@pytest.mark.parametrize(
    "case", ["recurrent, t", "recurrent, normal", "change points, t", "nesting, t"]
)
def test_calibration(sbc, case):
    found = sbc.study(case, 64, seed=11)
    assert found["p_bonferroni"] > LEAST, found
