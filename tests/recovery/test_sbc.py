"""Ranks of true parameters among posterior draws are uniform (benchmarks/sbc.py)."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from regimecorr.models.bayes import RegimePriors
from regimecorr.models.bayes.chains import make_chain
from regimecorr.models.bayes.joint import BLOCKS
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


def space(margins=None, **priors):
    return ParameterSpace(make_chain("change_point", 2), RegimePriors(**priors), "normal", margins)


def test_reduced(sbc):
    """Few simulations show gross errors: ranks are uniform, and those under another prior not."""
    options = {"tune": 100, "draws": 200, "seed": 1}
    priors = {"durations": 60.0, "level": (0.3, 0.3)}
    right, _ = sbc.ranks(sbc.Sampler(space(**priors), 100), 16, **options)
    assert set(right) == {"levels[0]", "levels[1]", "leave", "log_likelihood"}
    assert sbc.judge(right)["p_bonferroni"] > LEAST
    shifted = sbc.Sampler(space(durations=60.0, level=(0.8, 0.05)), 100)
    wrong, _ = sbc.ranks(shifted, 8, truth=space(**priors), **options)
    assert sbc.judge(wrong)["p_bonferroni"] < LEAST


def test_reduced_joint(sbc, monkeypatch):
    """Margins are ranked with the rest; volatilities in other units do not pass."""
    monkeypatch.setattr(sbc, "MOST_ROUNDS", 1)  # short chains do for gross errors
    options = {"tune": 125, "draws": 100, "seed": 2}
    sampler = sbc.Sampler(space(sbc.MARGINS, durations=60.0), 40)
    right, _ = sbc.ranks(sampler, 5, **options)
    legs = {f"{name}[{i}]" for name in BLOCKS for i in range(2)}
    assert set(right) == legs | {"levels[0]", "levels[1]", "leave", "log_likelihood"}
    assert sbc.judge(right)["p_bonferroni"] > LEAST
    louder = space(replace(sbc.MARGINS, scale=3.0 * sbc.MARGINS.scale), durations=60.0)
    wrong, _ = sbc.ranks(sampler, 5, truth=louder, **options)
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


def test_returns_have_the_volatility_of_the_margins(sbc):
    """The margins' own filter takes the simulated returns back to the residuals."""
    joint = sbc.CASES["change points, t, joint margins"]
    values = joint.sample(1, np.random.default_rng(3))
    returns = sbc.simulate(joint, values, 200, np.random.default_rng(4))
    z = sbc.simulate(sbc.CASES["change points, t"], values, 200, np.random.default_rng(4))
    ours = sbc.holding(joint, returns).regimes(values)
    residuals, log_volatility = ours.residuals(0, returns)
    np.testing.assert_allclose(residuals, z, rtol=1e-9)
    volatility = (returns - ours.margins.theta[0, 0]) / z
    assert log_volatility == pytest.approx(np.log(volatility).sum())


@pytest.mark.slow
@pytest.mark.parametrize(
    "case",
    [
        "recurrent, t",
        "recurrent, normal",
        "change points, t",
        "change points, t, joint margins",
        "nesting, t",
    ],
)
def test_calibration(sbc, case):
    found = sbc.study(case, 64, seed=11)
    assert found["p_bonferroni"] > LEAST, found
