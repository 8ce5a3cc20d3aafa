"""Diebold and Mariano's test: published and independent values, size, power, odd samples."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.tsa import stattools

from regimecorr.errors import ModelError
from regimecorr.evaluation.blocks import calendar_blocks
from regimecorr.evaluation.comparison import diebold_mariano, hln_factor, overlap_lag


class TestReferences:
    def test_another_program(self):
        # the example of the PyPI package dieboldmariano (one-sided, horizon 1)
        truth = np.array([10, 20, 30, 40, 50])
        first = (np.array([11, 21, 29, 42, 53]) - truth) ** 2.0
        second = (np.array([13, 26, 24, 40, 59]) - truth) ** 2.0
        test = diebold_mariano(first, second, alternative="less")
        assert test.statistic == pytest.approx(-2.2229922805746782, rel=1e-12)
        assert test.pvalue == pytest.approx(0.04515565862099125, rel=1e-10)

    def test_factor_by_hand(self):
        assert hln_factor(10, 1) == pytest.approx(math.sqrt(9 / 10))
        # n = 20, h = 4: (20 + 1 - 8 + 4 * 3 / 20) / 20 = 13.6 / 20
        assert hln_factor(20, 4) == pytest.approx(math.sqrt(0.68))

    def test_rectangular_error_by_hand(self):
        d = np.array([1.0, 3.0, 2.0, 4.0, 6.0, 8.0])
        c = d - 4.0
        variance = (c @ c + 2.0 * c[:-1] @ c[1:]) / 6.0
        test = diebold_mariano(d, np.zeros(6), lag=1)
        assert test.kernel == "rectangular"
        expected = 4.0 / math.sqrt(variance / 6.0) * hln_factor(6, 2)
        assert test.statistic == pytest.approx(expected)
        assert test.pvalue == pytest.approx(2.0 * stats.t.sf(expected, 5))

    @pytest.mark.skipif(
        not hasattr(stattools, "diebold_mariano_test"), reason="statsmodels before 0.15"
    )
    @pytest.mark.parametrize("lag", [1, 3])
    def test_statsmodels_where_the_rectangle_fails(self, lag):
        # alternating differences have no positive rectangular variance: Bartlett weights
        rng = np.random.default_rng(0)
        truth = np.zeros(40)
        first = np.sqrt(2.0 + np.tile([0.5, -0.5], 20) + 0.1 * rng.standard_normal(40))
        second = np.sqrt(1.98 + 0.1 * rng.standard_normal(40))
        theirs = stattools.diebold_mariano_test(
            truth, first, second, lags=lag, harvey_adj=True, horizon=lag + 1
        )
        ours = diebold_mariano(first**2, second**2, lag=lag)
        assert ours.kernel == "bartlett"
        assert ours.statistic == pytest.approx(theirs.statistic, rel=1e-8)
        assert ours.pvalue == pytest.approx(theirs.pvalue, rel=1e-8)

    def test_clustered_error_by_hand(self):
        d, labels = np.array([1.0, 2.0, 3.0, 6.0, 5.0]), ["a", "a", "b", "b", "c"]
        mean = 17.0 / 5.0
        sums = np.array([3.0 - 2 * mean, 9.0 - 2 * mean, 5.0 - mean])
        test = diebold_mariano(d, np.zeros(5), blocks=labels, n_boot=99)
        assert test.error == pytest.approx(math.sqrt(1.5 * (sums**2).sum()) / 5.0)
        assert test.statistic == pytest.approx(mean / test.error)


class TestOverlap:
    def test_counts_open_outcomes(self):
        made = pd.to_datetime(["2001-01-01", "2001-06-01", "2001-12-31", "2002-06-03"])
        assert overlap_lag(made, made + pd.Timedelta(days=364)) == 1
        assert overlap_lag(made, made + pd.Timedelta(days=365)) == 2
        assert overlap_lag(made, made) == 0

    def test_order_of_rows_does_not_matter(self):
        rng = np.random.default_rng(1)
        made = pd.to_datetime("2001-01-01") + pd.to_timedelta(rng.integers(0, 3000, 200), unit="D")
        known = made + pd.Timedelta(days=366)
        turned = rng.permutation(200)
        assert overlap_lag(made, known) == overlap_lag(made[turned], known[turned])

    def test_blocks_of_years(self):
        dates = pd.Series(pd.to_datetime(["1999-12-31", "2000-01-03", "2001-05-05"]))
        assert calendar_blocks(dates).tolist() == [1999, 2000, 2001]
        assert calendar_blocks(dates, 3).tolist() == [1998, 1998, 2001]
        with pytest.raises(ModelError, match="1 of 2 dates"):
            calendar_blocks(pd.to_datetime(["2001-01-01", None]))


def panel_losses(rng, years=18, n=300, gain=0.0):
    """Brier scores of two forecasters whose errors share yearly shocks, as outcomes do."""
    year = rng.choice(years, n, p=rng.dirichlet(np.full(years, 1.5)))
    level = -0.15 + 0.35 * rng.standard_normal(n)
    shock = np.sqrt(0.2) * rng.standard_normal(years)[year]
    y = shock + np.sqrt(0.8) * rng.standard_normal(n) < level
    losses = []
    for extra in (0.0, gain):
        noise = 0.3 * rng.standard_normal(n) + 0.3 * rng.standard_normal(years)[year]
        losses.append((stats.norm.cdf(level + (1.0 + extra) * noise) - y) ** 2)
    return *losses, year


class TestSizeAndPower:
    def test_blocks_have_their_size(self):
        rng = np.random.default_rng(2)
        p = []
        for i in range(500):
            first, second, year = panel_losses(rng)
            p.append(diebold_mariano(first, second, blocks=year, n_boot=199, rng=i).pvalue)
        assert 0.02 <= np.mean(np.array(p) <= 0.05) <= 0.08

    def test_overlapping_horizons_have_their_size(self):
        # moving averages of 4 shocks; without lags the test rejects far too often
        rng = np.random.default_rng(3)
        p = []
        for _ in range(1000):
            d = np.convolve(rng.standard_normal(203), np.ones(4), "valid")
            p.append([diebold_mariano(d, np.zeros(200), lag=lag).pvalue for lag in (3, 0)])
        with_lags, without = np.mean(np.array(p) <= 0.05, axis=0)
        assert 0.03 <= with_lags <= 0.08
        assert without > 0.2

    def test_power(self):
        rng = np.random.default_rng(4)
        p = []
        for i in range(40):
            first, second, year = panel_losses(rng, gain=5.0)
            p.append(diebold_mariano(first, second, blocks=year, n_boot=199, rng=i).pvalue)
        assert np.mean(np.array(p) <= 0.05) > 0.8

    @pytest.mark.slow
    @pytest.mark.parametrize("years", [6, 10, 18])
    def test_blocks_have_their_size_in_full(self, years):
        rng = np.random.default_rng([5, years])
        p = []
        for i in range(2000):
            first, second, year = panel_losses(rng, years)
            p.append(diebold_mariano(first, second, blocks=year, n_boot=499, rng=i).pvalue)
        assert 0.03 <= np.mean(np.array(p) <= 0.05) <= 0.08


class TestReading:
    def test_swapped_forecasters_mirror(self):
        first, second, year = panel_losses(np.random.default_rng(6), gain=0.5)
        for options in ({"lag": 2}, {"blocks": year, "n_boot": 199}):
            one = diebold_mariano(first, second, **options)
            other = diebold_mariano(second, first, **options)
            assert one.statistic == pytest.approx(-other.statistic)
            assert one.pvalue == pytest.approx(other.pvalue)
            assert (one.lower, one.upper) == pytest.approx((-other.upper, -other.lower))
            less = diebold_mariano(first, second, alternative="less", **options)
            greater = diebold_mariano(second, first, alternative="greater", **options)
            assert less.pvalue == pytest.approx(greater.pvalue)

    def test_same_seed_same_answer(self):
        first, second, year = panel_losses(np.random.default_rng(7))
        one = diebold_mariano(first, second, blocks=year, rng=5)
        assert one == diebold_mariano(first, second, blocks=year, rng=5)
        assert one.pvalue != diebold_mariano(first, second, blocks=year, rng=6).pvalue
        assert f"{one.n_blocks} blocks" in one.summary()

    def test_missing_losses_are_left_out(self):
        first, second, year = panel_losses(np.random.default_rng(8))
        gaps = first.copy()
        gaps[:50] = np.nan
        one = diebold_mariano(gaps, second, blocks=year, n_boot=99)
        other = diebold_mariano(first[50:], second[50:], blocks=year[50:], n_boot=99)
        assert one == other
        assert one.n_obs == 250

    def test_no_test_with_reason(self):
        same = diebold_mariano([0.1, 0.2, 0.3], [0.1, 0.2, 0.3])
        assert math.isnan(same.pvalue)
        assert "constant" in same.reason
        assert "no test" in same.summary()
        few = diebold_mariano([0.1, 0.2, 0.4], [0.3, 0.1, 0.1], blocks=[1, 1, 2])
        assert math.isnan(few.pvalue)
        assert "2 calendar blocks" in few.reason
        assert few.mean_difference == pytest.approx(0.2 / 3)

    def test_three_blocks_promise_little(self):
        rng = np.random.default_rng(9)
        test = diebold_mariano(rng.random(60), 5 + rng.random(60), blocks=np.arange(60) // 20)
        # one resample in nine holds a single block and has no error at all
        assert test.pvalue > 0.05
        assert test.upper == math.inf

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"lag": 3}, "lag=3"),
            ({"lag": -1}, "lag=-1"),
            ({"alternative": "better"}, "alternative"),
            ({"blocks": [1, 2]}, "2 blocks for 3 losses"),
            ({"ci_prob": 1.0}, "ci_prob"),
        ],
    )
    def test_bad_options(self, options, message):
        with pytest.raises(ModelError, match=message):
            diebold_mariano([0.1, 0.2, 0.4], [0.3, 0.1, 0.1], **options)

    def test_bad_losses(self):
        with pytest.raises(ModelError, match="infinite"):
            diebold_mariano([0.1, np.inf, 0.2], [0.1, 0.2, 0.3])
        with pytest.raises(ModelError, match="1 cases"):
            diebold_mariano([0.1, np.nan], [0.1, 0.2])
        with pytest.raises(ModelError, match="one length"):
            diebold_mariano([0.1, 0.3], [0.1])
