"""Claims about the strength of the link, on samples in which they are true, false or unknowable."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pandas as pd
import pytest

from regimecorr.data.alignment import align
from regimecorr.errors import DataError
from regimecorr.inference.claims.evidence import Evidence
from regimecorr.inference.claims.link import TESTS, dimson_beta, overlapping
from regimecorr.inference.claims.risk_appetite import risk_states
from regimecorr.inference.claims.sample import ClaimSample
from regimecorr.inference.claims.weights import (
    bootstrap,
    correlation,
    covariances,
    draws,
    least_squares,
    longer_blocks,
    partial_correlation_of,
    weakest,
)

SINCE = "2018-01-01"


def sample_of(returns, cut=None, macro=None, n_boot=100, seed=0, names="AB"):
    """Sample of returns (n, k) on business days from 2014, tried at row ``cut``.

    Columns A and B are the pair; C is the peer and D the market, if there are such columns.
    """
    days = pd.bdate_range("2014-01-01", periods=len(returns) + 1)
    steps = np.vstack([np.zeros((1, len(names))), returns])
    prices = pd.DataFrame(100.0 * np.exp(np.cumsum(steps, axis=0)), days, list(names))
    whole = align(prices[["A", "B"]])
    pair = align(prices[["A", "B"]], as_of=None if cut is None else days[cut])
    peer, market = (name if name in names else None for name in "CD")
    rest = prices.drop(columns=["A", "B"])
    return ClaimSample(pair, whole, rest, peer, market, macro, (), n_boot, seed)


def linked(rng, n, beta, noise=0.01):
    """Benchmark with fat tails, asset with a beta (scalar or by row)."""
    benchmark = 0.01 * rng.standard_t(6, n)
    return np.column_stack([beta * benchmark + noise * rng.standard_normal(n), benchmark])


def same(first, second):
    """Everything but the out-of-sample outcome is equal."""
    for field in fields(first):
        if field.name != "out_of_sample":
            np.testing.assert_equal(getattr(first, field.name), getattr(second, field.name))


def after(n, since=SINCE):
    return np.asarray(pd.bdate_range("2014-01-01", periods=n + 1)[1:] >= pd.Timestamp(since))


class TestWeights:
    def test_weighted_figures_are_those_of_the_resampled_rows(self):
        rng = np.random.default_rng(0)
        x = rng.standard_normal((200, 3)) + 5.0
        rows = rng.integers(0, 200, (4, 200))
        weights = draws(rows, 200)
        design = np.column_stack([np.ones(200), x[:, 1:]])
        slopes, matrices = least_squares(design, x[:, 0], weights), covariances(x, weights)
        for i, row in enumerate(rows):
            np.testing.assert_allclose(
                slopes[i], np.linalg.lstsq(design[row], x[row, 0], rcond=None)[0], rtol=1e-8
            )
            np.testing.assert_allclose(matrices[i], np.cov(x[row].T, ddof=0), atol=1e-10)
            assert correlation(x[:, 0], x[:, 1], weights)[i] == pytest.approx(
                np.corrcoef(x[row, 0], x[row, 1])[0, 1]
            )

    def test_partial_correlation_is_that_of_residuals(self):
        x = np.random.default_rng(1).standard_normal((300, 3)) @ np.array(
            [[1.0, 0.5, 0.2], [0.0, 1.0, 0.7], [0.0, 0.0, 1.0]]
        )
        found = partial_correlation_of(covariances(x, np.ones((1, 300))), 0, 1, 2)[0]
        design = np.column_stack([np.ones(300), x[:, 2]])
        left = x[:, :2] - design @ np.linalg.lstsq(design, x[:, :2], rcond=None)[0]
        assert found == pytest.approx(np.corrcoef(left.T)[0, 1])

    def test_singular_sample_is_unknown(self):
        design = np.column_stack([np.ones(10), np.arange(10) < 2])
        weights = np.ones((2, 10))
        weights[1, :2] = 0.0
        found = least_squares(design, np.arange(10.0), weights)
        assert np.isfinite(found[0]).all()
        assert np.isnan(found[1]).all()

    def test_longer_blocks_begin_where_shorter_ones_do(self):
        sample = sample_of(linked(np.random.default_rng(2), 700, 1.0), n_boot=5)
        long, short = longer_blocks(sample, 60.0, 1.0), longer_blocks(sample, 5.0, 1.0)
        begins = np.flatnonzero(np.diff(long[0]) % 700 != 1) + 1
        np.testing.assert_array_equal(long[0][begins], short[0][begins])
        assert 3 < begins.size < 30

    def test_sums_over_rows(self):
        x = np.random.default_rng(3).standard_normal((10, 2))
        found = overlapping(x, 3)
        assert np.isnan(found[:2]).all()
        np.testing.assert_allclose(found[5], x[3:6].sum(axis=0))


class TestBetaAbove:
    def test_lead_and_lag_recover_a_late_close(self):
        """Half of the benchmark's day is in the asset's day before."""
        rng = np.random.default_rng(10)
        parts = rng.standard_normal((3001, 2))
        benchmark = parts[:-1].sum(axis=1)
        asset = 1.5 * (parts[:-1, 1] + parts[1:, 0])
        one = np.ones((1, 3000))
        assert dimson_beta(asset, benchmark, one)[0] == pytest.approx(1.5, abs=0.12)
        plain = np.polyfit(benchmark, asset, 1)[0]
        assert plain == pytest.approx(0.75, abs=0.08)

    def test_true(self):
        found = TESTS["beta_above"](
            sample_of(linked(np.random.default_rng(11), 1500, 1.6)), basis="returns", level=1.0
        )
        assert found.pvalue == found.min_pvalue == pytest.approx(1 / 101)
        assert found.lower < 1.6 < found.upper
        assert not found.contradicted

    def test_refuted(self):
        found = TESTS["beta_above"](
            sample_of(linked(np.random.default_rng(12), 1500, 0.5)), basis="returns", level=1.0
        )
        assert found.contradicted
        assert found.pvalue > 0.9

    def test_power_is_the_share_of_samples_that_reject(self):
        rng = np.random.default_rng(15)
        said, rejected = [], []
        for seed in range(30):
            null, true = (linked(rng, 700, beta, noise=0.03) for beta in (1.0, 1.3))
            found = TESTS["beta_above"](
                sample_of(null, seed=seed), basis="returns", level=1.0, beyond=0.3
            )
            assert "Power: if it were 1.3" in found.note
            said.append(found.power)
            found = TESTS["beta_above"](sample_of(true, seed=seed), basis="returns", level=1.0)
            rejected.append(found.pvalue < 0.05)
        assert 0.2 < np.mean(said) < 0.8
        assert np.mean(said) == pytest.approx(np.mean(rejected), abs=0.2)

    def test_size_at_the_level(self):
        rng = np.random.default_rng(13)
        pvalues = [
            TESTS["beta_above"](
                sample_of(linked(rng, 700, 1.0), seed=seed), basis="returns", level=1.0
            ).pvalue
            for seed in range(60)
        ]
        assert np.mean(np.array(pvalues) < 0.1) < 0.24
        assert 0.3 < np.mean(pvalues) < 0.7

    def test_later_rows_change_nothing(self):
        returns = linked(np.random.default_rng(14), 900, 1.2)
        changed = returns.copy()
        changed[800:, 0] *= -3.0
        found = [
            TESTS["beta_above"](sample_of(r, cut=800), basis="returns", level=1.0)
            for r in (returns, changed)
        ]
        same(*found)
        assert found[0].out_of_sample != found[1].out_of_sample


class TestWeakeningLink:
    def weakening(self, rng, n, beta, lift):
        """Beta and lift of a positive year of the benchmark, before and after the date."""
        late = after(n)
        cycle = 0.0015 * np.sign(np.sin(2 * np.pi * np.arange(n) / 700.0))
        benchmark = cycle + 0.006 * rng.standard_normal(n)
        level = np.concatenate([[0.0], np.cumsum(benchmark)])
        year = np.zeros(n)
        year[252:] = np.sign(level[252:-1] - level[:-253])
        slope, gain = (np.where(late, v[1], v[0]) for v in (beta, lift))
        asset = slope * benchmark + gain * year + 0.01 * rng.standard_normal(n)
        return np.column_stack([asset, benchmark])

    def test_true(self):
        returns = self.weakening(np.random.default_rng(20), 2400, (2.0, 0.5), (0.004, 0.0))
        found = TESTS["weakening_link"](sample_of(returns), basis="returns", since=SINCE)
        assert found.pvalue < 0.05
        assert found.power > 0.8
        assert not found.contradicted

    def test_a_weaker_beta_alone_is_not_enough(self):
        returns = self.weakening(np.random.default_rng(21), 2400, (2.0, 0.5), (0.003, 0.003))
        found = TESTS["weakening_link"](sample_of(returns), basis="returns", since=SINCE)
        assert found.pvalue > 0.05
        assert "lift" in found.test

    def test_a_stronger_beta_refutes_it(self):
        returns = self.weakening(np.random.default_rng(22), 2400, (0.5, 2.0), (0.004, 0.0))
        found = TESTS["weakening_link"](sample_of(returns), basis="returns", since=SINCE)
        assert found.contradicted
        assert found.estimate == pytest.approx(1.5, abs=0.4)

    def test_size(self):
        rng = np.random.default_rng(23)
        rejected = 0
        for seed in range(25):
            returns = self.weakening(rng, 1600, (1.0, 1.0), (0.0, 0.0))
            sample = sample_of(returns, seed=seed)
            rejected += TESTS["weakening_link"](sample, basis="returns", since=SINCE).pvalue < 0.1
        assert rejected <= 4

    def test_refuted_though_the_lift_is_unknown(self):
        """The benchmark only rose, so no year of it was negative."""
        rng = np.random.default_rng(3)
        returns = linked(rng, 1800, np.where(after(1800), 2.0, 0.2))
        returns[:, 1] += 0.01
        found = TESTS["weakening_link"](sample_of(returns), basis="returns", since=SINCE)
        assert found.contradicted
        assert np.isnan(found.power)

    def test_date_that_is_none(self):
        returns = linked(np.random.default_rng(3), 1800, 1.0)
        with pytest.raises(DataError, match="since is 'soon'"):
            TESTS["weakening_link"](sample_of(returns), basis="returns", since="soon")

    def test_too_few_rows_since(self):
        returns = linked(np.random.default_rng(24), 700, 1.0)
        found = TESTS["weakening_link"](sample_of(returns), basis="returns", since="2016-08-01")
        assert "fewer than 126 rows" in found.uninformative
        assert found.replicates.size == 0

    def test_later_rows_change_nothing(self):
        returns = self.weakening(np.random.default_rng(25), 1700, (1.0, 0.8), (0.001, 0.0))
        changed = returns.copy()
        changed[1500:] *= -2.0
        same(
            *(
                TESTS["weakening_link"](sample_of(r, cut=1500), basis="returns", since=SINCE)
                for r in (returns, changed)
            )
        )


class TestRiskOn:
    def macro(self, rng, n):
        """VIX in long waves, and a weekly balance sheet, by date of observation."""
        days = pd.bdate_range("2012-01-02", periods=n + 520)
        wave = np.sin(2 * np.pi * np.arange(len(days)) / 180.0)
        vix = pd.Series(20.0 + 5.0 * wave + rng.standard_normal(len(days)), days)
        weeks = days[days.day_of_week == 2]
        assets = pd.Series(1e6 * (1.0 + 0.1 * np.sin(np.arange(len(weeks)) / 12.0)), weeks)
        return pd.concat([vix.rename("VIX"), assets.rename("WALCL")], axis=1)

    def in_states(self, rng, n, on, off):
        """Pair whose correlation follows the majority of the states."""
        macro = self.macro(rng, n)
        benchmark = 0.01 * rng.standard_normal(n)
        noise = 0.01 * rng.standard_normal(n)
        shell = sample_of(np.column_stack([noise, benchmark]), macro=macro)
        states = risk_states(shell, shell.pair.prices).mean(axis=1, skipna=False).to_numpy()
        rho = np.where(states > 0.5, on, off)
        return np.column_stack([rho * benchmark + np.sqrt(1 - rho**2) * noise, benchmark]), macro

    def test_true(self):
        returns, macro = self.in_states(np.random.default_rng(40), 1500, 0.75, 0.1)
        found = TESTS["high_in_risk_on"](
            sample_of(returns, macro=macro), basis="returns", level=0.5
        )
        assert found.pvalue < 0.05
        assert found.estimate == pytest.approx(0.75, abs=0.05)
        assert found.power > 0.8

    def test_refuted(self):
        returns, macro = self.in_states(np.random.default_rng(41), 1500, 0.2, 0.7)
        found = TESTS["high_in_risk_on"](
            sample_of(returns, macro=macro), basis="returns", level=0.5
        )
        assert found.contradicted

    def test_size_at_the_level(self):
        rng = np.random.default_rng(42)
        rejected = 0
        for seed in range(30):
            returns, macro = self.in_states(rng, 900, 0.5, 0.5)
            sample = sample_of(returns, macro=macro, seed=seed)
            rejected += TESTS["high_in_risk_on"](sample, basis="returns", level=0.5).pvalue < 0.1
        assert rejected <= 8

    def test_states_are_known_the_day_before(self):
        rng = np.random.default_rng(43)
        macro = self.macro(rng, 800)
        sample = sample_of(linked(rng, 800, 1.0), macro=macro)
        day = sample.pair.prices.index[500]
        changed = macro.copy()
        changed.loc[day:, "VIX"] = 1.0
        changed.loc[day - pd.Timedelta(days=1) :, "WALCL"] *= 50.0
        other = sample_of(linked(np.random.default_rng(43), 800, 1.0), macro=changed)
        first = risk_states(sample, sample.pair.prices)
        second = risk_states(other, sample.pair.prices)
        pd.testing.assert_frame_equal(first.loc[:day], second.loc[:day])
        assert not first.equals(second)

    def test_publication_lag(self):
        """A jump observed on Wednesday counts for the return that begins on Friday's close."""
        rng = np.random.default_rng(44)
        sample = sample_of(linked(rng, 700, 1.0))
        weeks = pd.date_range("2012-01-04", "2017-01-01", freq="7D")
        jump = pd.Timestamp("2016-03-02")
        macro = pd.DataFrame({"WALCL": 100.0 - 0.1 * np.arange(len(weeks))}, index=weeks)
        macro.loc[jump, "WALCL"] += 50.0
        sample = sample_of(linked(rng, 700, 1.0), macro=macro)
        state = risk_states(sample, sample.pair.prices)["liquidity"]
        assert state.loc[:"2016-03-04"].dropna().eq(0.0).all()
        assert state.loc["2016-03-07"] == 1.0

    def test_missing(self):
        rng = np.random.default_rng(45)
        for macro in (None, pd.DataFrame({"NFCI": [0.1]}, index=[pd.Timestamp("2014-01-01")])):
            sample = sample_of(linked(rng, 700, 1.0), macro=macro)
            found = TESTS["high_in_risk_on"](sample, basis="returns", level=0.5)
            assert found.uninformative.startswith("not tested")

    def test_too_few_rows(self):
        rng = np.random.default_rng(46)
        macro = self.macro(rng, 700)
        macro["VIX"] = np.linspace(60.0, 5.0, len(macro))
        macro["WALCL"] = np.linspace(1.0, 9.0, len(macro))
        found = TESTS["high_in_risk_on"](
            sample_of(linked(rng, 700, 1.0), macro=macro), basis="returns", level=0.5
        )
        assert "risk-off rows" in found.uninformative

    def test_later_rows_change_nothing(self):
        returns, macro = self.in_states(np.random.default_rng(47), 1200, 0.6, 0.3)
        changed, other = returns.copy(), macro.copy()
        changed[1000:] *= -2.0
        other.loc[pd.bdate_range("2014-01-01", periods=1002)[1001] :] *= 3.0
        same(
            *(
                TESTS["high_in_risk_on"](
                    sample_of(r, cut=1000, macro=m), basis="returns", level=0.5
                )
                for r, m in ((returns, macro), (changed, other))
            )
        )


def test_bootstrap_reads_the_sample_first():
    weights = np.array([[2.0, 0.0], [0.0, 2.0]])
    values = np.array([1.0, 3.0])
    estimate, replicates = bootstrap(lambda w: w @ values / w.sum(axis=1), weights)
    assert estimate == 2.0
    np.testing.assert_array_equal(replicates, values)


class TestWeakest:
    """A claim that says two things needs both, and one refuted part refutes it."""

    strong = Evidence(test="strong", statistic=4.0, pvalue=0.001)
    weak = Evidence(test="weak", statistic=0.5, pvalue=0.3)
    refuted = Evidence(test="refuted", statistic=1.0, pvalue=0.2, contradicted=True)
    unknown = Evidence(test="unknown", uninformative="no data")

    @pytest.mark.parametrize(
        ("first", "second", "told"),
        [
            ("strong", "weak", "weak"),
            ("weak", "refuted", "refuted"),
            ("strong", "unknown", "unknown"),
            ("unknown", "refuted", "refuted"),
        ],
    )
    def test_which_part_is_told(self, first, second, told):
        for order in ((first, second), (second, first)):
            found = weakest([getattr(self, name) for name in order], order)
            assert found.test == f"{told} (the weakest part of the claim: {told})"
            assert found.contradicted is (told == "refuted")
            assert bool(found.uninformative) is (told == "unknown")
