"""Claims about signals, on samples in which they work, do not, or work the other way."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pandas as pd
import pytest

from regimecorr.data.alignment import align
from regimecorr.indicators.momentum import macd, relative_strength
from regimecorr.inference.claims import signals
from regimecorr.inference.claims.sample import ClaimSample
from regimecorr.inference.claims.signals import TESTS, Comparison, likely_power, next_return

MOMENTUM = {"basis": "returns", "neutral": [40.0, 60.0], "horizon": 5}
STRONG = {"basis": "returns", "level": 0.5, "windows": ["30D", "90D"], "horizon": 5}


@pytest.fixture(autouse=True)
def _few_simulations(monkeypatch):
    """The power is tested by itself."""
    monkeypatch.setattr(signals, "_SIMULATED", 2)


def sample_of(returns, cut=None, n_boot=100, seed=0):
    days = pd.bdate_range("2014-01-01", periods=len(returns) + 1)
    steps = np.vstack([np.zeros((1, 2)), returns])
    prices = pd.DataFrame(100.0 * np.exp(np.cumsum(steps, axis=0)), days, ["A", "B"])
    whole = align(prices)
    pair = align(prices, as_of=None if cut is None else days[cut])
    return ClaimSample(pair, whole, prices[[]], None, None, None, (), n_boot, seed)


def same(first, second):
    for field in fields(first):
        if field.name != "out_of_sample":
            np.testing.assert_equal(getattr(first, field.name), getattr(second, field.name))


def noise(rng, n, rho=0.4):
    x, e = 0.01 * rng.standard_t(6, (2, n))
    return np.column_stack([rho * x + np.sqrt(1 - rho**2) * e, x])


def answering(rng, n, pull, neutral=(40.0, 60.0)):
    """The asset drifts by ``pull`` on every row after one on which the signal is given."""
    returns = noise(rng, n)
    logs = np.zeros(n + 1)
    for t in range(n):
        if t > 40:
            past = np.exp(logs[max(0, t - 150) : t + 1])
            rsi, above = relative_strength(past)[-1], macd(past).histogram[-1]
            returns[t, 0] += pull * (neutral[0] <= rsi <= neutral[1] and above > 0.0)
        logs[t + 1] = logs[t] + returns[t, 0]
    return returns


def following(rng, n, strength):
    """In every other year the correlation is high and the asset follows the last quarter."""
    high = (np.arange(n) // 252) % 2 == 0
    x, e = 0.01 * rng.standard_normal((2, n))
    rho = np.where(high, 0.8, 0.0)
    asset = rho * x + np.sqrt(1 - rho**2) * e
    level = np.concatenate([[0.0], np.cumsum(x)])
    trend = np.zeros(n)
    trend[63:] = np.sign(level[63:-1] - level[:-64])
    return np.column_stack([asset + strength * trend * high, x])


class TestComparison:
    def test_next_return(self):
        returns = np.array([1.0, 2.0, 4.0, 8.0])
        np.testing.assert_array_equal(next_return(returns, 2), [6.0, 12.0, np.nan, np.nan])
        assert np.isnan(next_return(returns, 4)).all()

    def test_a_signal_on_the_wrong_side_is_not_used(self):
        rng = np.random.default_rng(0)
        signal = rng.random(400) < 0.5
        y = np.where(signal, -1.0, 1.0) + 0.1 * rng.standard_normal(400)
        one = np.ones((400, 1))
        wrong = Comparison.of(y, one, signal.astype(float), 1, 50)
        right = Comparison.of(-y, one, signal.astype(float), 1, 50)
        assert wrong.plain_gain == 0.0
        assert right.plain_gain > 0.9

    def test_forecasts_do_not_look_ahead(self):
        rng = np.random.default_rng(1)
        y, signal = rng.standard_normal(300), (rng.random(300) < 0.4).astype(float)
        changed = y.copy()
        changed[200:] += 5.0
        one = np.ones((300, 1))
        first, second = (Comparison.of(v, one, signal, 10, 50) for v in (y, changed))
        np.testing.assert_array_equal(first.with_signal[:210], second.with_signal[:210])
        np.testing.assert_array_equal(first.without[:210], second.without[:210])


def spells(rng, n):
    """Signal in spells of ten rows, a quarter of the time."""
    state, out = 0.0, np.zeros(n)
    for t in range(n):
        state = 1.0 - state if rng.random() < (0.1 if state else 0.03) else state
        out[t] = state
    return out


class TestPower:
    def test_is_the_share_of_samples_that_reject(self, monkeypatch):
        """Samples with the effect, made by themselves, against what one without it is told."""
        monkeypatch.setattr(signals, "_SIMULATED", 60)
        rng, rejected, n = np.random.default_rng(2), [], 1500
        one = np.ones((n, 1))
        for seed in range(60):
            sample, signal = sample_of(noise(rng, n), seed=seed), spells(rng, n)
            y = next_return(sample.returns[:, 0], 1)
            x = (signal - signal[:-1].mean()) / signal[:-1].std()
            y = np.sqrt(1 - 0.1**2) * y + 0.1 * np.nanstd(y) * x
            found = Comparison.of(y, one, signal, 1).evidence(sample, 1, test="")
            rejected.append(found.pvalue < 0.05)
        said = likely_power(sample, y, one, signal, 1)
        assert 0.4 < said < 1.0
        assert said == pytest.approx(np.mean(rejected), abs=0.2)
        # What signal and outcome have to do with each other here does not matter.
        assert likely_power(sample, y + x, one, signal, 1) == pytest.approx(said, abs=0.05)
        assert likely_power(sample, y, one, signal, 1, windows=3) < said

    def test_longer_horizons_have_less(self, monkeypatch):
        monkeypatch.setattr(signals, "_SIMULATED", 40)
        rng, n = np.random.default_rng(3), 1500
        sample, signal = sample_of(noise(rng, n)), spells(rng, n)
        powers = [
            likely_power(sample, next_return(sample.returns[:, 0], h), np.ones((n, 1)), signal, h)
            for h in (1, 21)
        ]
        assert powers[1] < powers[0] - 0.2

    def test_is_told(self, monkeypatch):
        monkeypatch.setattr(signals, "likely_power", lambda *_, windows=1, **__: 0.7 / windows)
        returns = following(np.random.default_rng(4), 1400, 0.001)
        for name, options, power in (
            ("momentum_signal", MOMENTUM, 0.7),
            ("strong_signal", STRONG, 0.35),
        ):
            found = TESTS[name](sample_of(returns), **options)
            assert found.power == pytest.approx(power)
            assert "Power: if signal and outcome had a correlation of 0.1" in found.note


class TestMomentumSignal:
    def test_true(self):
        sample = sample_of(answering(np.random.default_rng(10), 1800, 0.005))
        found = TESTS["momentum_signal"](sample, **MOMENTUM)
        assert found.pvalue < 0.05
        assert found.lower > 0.0
        assert not found.contradicted

    def test_wrong_way_round(self):
        sample = sample_of(answering(np.random.default_rng(11), 1800, -0.005))
        found = TESTS["momentum_signal"](sample, **MOMENTUM)
        assert found.contradicted
        assert not found.pvalue < 0.5

    def test_size(self):
        rng = np.random.default_rng(12)
        rejected = 0
        for seed in range(40):
            found = TESTS["momentum_signal"](sample_of(noise(rng, 1300), seed=seed), **MOMENTUM)
            rejected += found.pvalue < 0.1
        assert rejected <= 10

    def test_too_few_rows(self):
        found = TESTS["momentum_signal"](
            sample_of(noise(np.random.default_rng(13), 700)), **MOMENTUM
        )
        assert "at least 756 are needed" in found.uninformative

    def test_a_rare_signal(self):
        sample = sample_of(noise(np.random.default_rng(14), 1000))
        found = TESTS["momentum_signal"](sample, **{**MOMENTUM, "neutral": [49.99, 50.01]})
        assert "the signal is given on" in found.uninformative

    def test_within_divergences_only(self):
        sample = sample_of(noise(np.random.default_rng(15), 1800, rho=0.0))
        found = TESTS["momentum_signal"](sample, **MOMENTUM, where="divergences")
        every = TESTS["momentum_signal"](sample, **MOMENTUM)
        assert found.uninformative or found.estimate != every.estimate

    def test_later_rows_change_nothing(self):
        returns = answering(np.random.default_rng(16), 1200, 0.002)
        changed = returns.copy()
        changed[1100:] *= -2.0
        found = [
            TESTS["momentum_signal"](sample_of(r, cut=1100), **MOMENTUM) for r in (returns, changed)
        ]
        same(*found)
        assert found[0].out_of_sample


class TestStrongSignal:
    def test_true(self):
        sample = sample_of(following(np.random.default_rng(20), 2200, 0.003))
        found = TESTS["strong_signal"](sample, **STRONG)
        assert found.pvalue < 0.05
        assert not found.contradicted

    def test_it_may_only_foretell_the_next_correlation(self):
        """A persistent correlation says what the next one is, and nothing of returns."""
        sample = sample_of(following(np.random.default_rng(21), 2200, 0.0))
        found = TESTS["strong_signal"](sample, **STRONG)
        assert not found.pvalue < 0.05
        gains = [
            float(part.split(")")[0]) for part in found.note.split("out-of-sample gain ")[2::2]
        ]
        assert len(gains) == 2
        assert min(gains) > 0.1

    def test_wrong_way_round(self):
        sample = sample_of(following(np.random.default_rng(22), 2200, -0.003))
        found = TESTS["strong_signal"](sample, **STRONG)
        assert found.contradicted

    def test_size(self):
        rng = np.random.default_rng(23)
        rejected = 0
        for seed in range(30):
            sample = sample_of(following(rng, 1300, 0.0), seed=seed)
            rejected += TESTS["strong_signal"](sample, **STRONG).pvalue < 0.1
        assert rejected <= 8

    def test_never_strong(self):
        sample = sample_of(noise(np.random.default_rng(24), 1200, rho=-0.5))
        found = TESTS["strong_signal"](sample, **STRONG)
        assert "the signal is given on" in found.uninformative

    def test_too_few_rows(self):
        found = TESTS["strong_signal"](sample_of(noise(np.random.default_rng(25), 700)), **STRONG)
        assert "are needed" in found.uninformative

    def test_later_rows_change_nothing(self):
        returns = following(np.random.default_rng(26), 1400, 0.001)
        changed = returns.copy()
        changed[1250:] *= -2.0
        same(
            *(TESTS["strong_signal"](sample_of(r, cut=1250), **STRONG) for r in (returns, changed))
        )


def test_blocks_are_longer_than_the_horizon():
    """With blocks of a day the overlap of outcomes would pass for information."""
    sample = sample_of(noise(np.random.default_rng(30), 1500))
    found = TESTS["momentum_signal"](sample, **{**MOMENTUM, "horizon": 21})
    assert "blocks of two horizons" in found.note
    rng = np.random.default_rng(31)
    errors = []
    for horizon in (1, 21):
        outcome = next_return(sample.returns[:, 0], horizon)
        signal = np.repeat(rng.random(75) < 0.5, 20).astype(float)
        compared = Comparison.of(outcome, np.ones((1500, 1)), signal, horizon, 300)
        evidence = compared.evidence(sample, horizon, test="")
        errors.append(evidence.uninformative or (evidence.upper - evidence.lower))
    if all(isinstance(error, float) for error in errors):
        assert errors[1] > 2.0 * errors[0]
    else:
        pytest.fail(f"no comparison: {errors}")
