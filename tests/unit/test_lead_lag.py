"""Cross-correlations and Granger tests: against other software, size, power, the trap of closes."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm

from regimecorr.errors import DataError
from regimecorr.indicators.lead_lag import cross_correlation, granger


def follower(rng, n, lag, strength):
    """Series x, and y that follows it ``lag`` rows later."""
    x, e = rng.standard_normal((2, n + lag))
    return x[lag:], strength * x[:n] + e[lag:]


def rows_of(rng, n, n_boot=200):
    return rng.integers(0, n, (n_boot, n))


class TestCrossCorrelation:
    def test_is_the_correlation_of_the_shifted_series(self):
        rng = np.random.default_rng(0)
        x, y = follower(rng, 300, 2, 0.5)
        found = cross_correlation(x, y, [-4, 0, 2], rows_of(rng, 300))
        expected = [
            np.corrcoef(x[4:], y[:-4])[0, 1],
            np.corrcoef(x, y)[0, 1],
            np.corrcoef(x[:-2], y[2:])[0, 1],
        ]
        np.testing.assert_allclose(found.correlation, expected, atol=1e-12)

    def test_error_without_a_link(self):
        rng = np.random.default_rng(1)
        x, y = rng.standard_normal((2, 1000))
        found = cross_correlation(x, y, np.arange(1, 11), rows_of(rng, 1000))
        np.testing.assert_allclose(found.error, 1 / np.sqrt(1000), rtol=0.25)

    def test_error_sees_common_volatility(self):
        """With a common scale the products are wilder than 1 / sqrt(n) says."""
        rng = np.random.default_rng(2)
        scale = np.exp(np.repeat(rng.standard_normal(50), 40))
        x, y = rng.standard_normal((2, 2000)) * scale
        found = cross_correlation(x, y, [1, 2, 3], rows_of(rng, 2000))
        assert np.all(found.error > 1.3 / np.sqrt(2000))

    def test_error_of_the_bands_is_that_of_the_products(self):
        """With rows drawn one by one: Dalla, Giraitis and Phillips's robust error."""
        rng = np.random.default_rng(7)
        x, y = follower(rng, 800, 2, 0.8)
        found = cross_correlation(x, y, [-1, 2], rows_of(rng, 800, 4000))
        for k, error, null in zip(found.lags, found.error, found.null_error, strict=True):
            earlier, here = (x[:-k], y[k:]) if k > 0 else (x[-k:], y[:k])
            product = (earlier - earlier.mean()) * (here - here.mean())
            robust = np.sqrt(np.sum(product**2)) / (product.size * earlier.std() * here.std())
            assert null == pytest.approx(robust, rel=0.05)
            assert (null > 1.3 * error) == (k == 2)  # a strong link is in the products' squares
        # The bands are made of it: about two of it for each lag, the same multiple for all at once.
        np.testing.assert_allclose(found.pointwise() / found.null_error, 1.96, atol=0.12)
        at_once, other = found.band() / found.null_error
        assert at_once == pytest.approx(other)
        assert at_once == pytest.approx(2.24, abs=0.12)

    def test_joint_band_holds_all_lags(self):
        rng = np.random.default_rng(3)
        outside = 0
        for _ in range(100):
            x, y = rng.standard_normal((2, 300))
            found = cross_correlation(x, y, np.arange(1, 9), rows_of(rng, 300))
            outside += bool(np.any(np.abs(found.correlation) > found.band(0.9)))
        assert 2 <= outside <= 20

    def test_finds_who_leads(self):
        rng = np.random.default_rng(4)
        x, y = follower(rng, 1500, 3, 0.2)
        lags = np.array([-3, -2, 2, 3])
        found = cross_correlation(x, y, lags, rows_of(rng, 1500))
        np.testing.assert_array_equal(np.abs(found.correlation) > found.band(), lags == 3)

    def test_bad_input(self):
        x = np.random.default_rng(5).standard_normal(100)
        with pytest.raises(DataError, match="fewer than 50 pairs"):
            cross_correlation(x, x, [60], np.zeros((2, 100), dtype=np.int64))
        with pytest.raises(DataError, match="shapes"):
            cross_correlation(x, x[1:], [1], np.zeros((2, 100), dtype=np.int64))
        with pytest.raises(DataError, match="finite"):
            cross_correlation(np.where(x > 2, np.nan, x), x, [1], np.zeros((2, 100), dtype=int))


class TestGranger:
    @pytest.mark.parametrize("with_gap", [False, True])
    @pytest.mark.parametrize("skip", [0, 1])
    def test_against_statsmodels(self, with_gap, skip):
        rng = np.random.default_rng(10)
        x, y = follower(rng, 400, 2, 0.15)
        gap = np.cumsum(x - y)
        lags, last = 3, 3 + skip
        columns = [np.ones(400 - last)]
        if with_gap:
            columns.append(gap[last - 1 - skip : 399 - skip])
        for series in (y, x):
            columns += [series[last - k : 400 - k] for k in range(1 + skip, last + 1)]
        options = (
            {"cov_type": "HAC", "cov_kwds": {"maxlags": last}} if skip else {"cov_type": "HC3"}
        )
        fitted = sm.OLS(y[last:], np.column_stack(columns)).fit(**options)
        wald = fitted.wald_test(np.eye(len(columns))[-3:], use_f=False, scalar=True)
        found = granger(x, y, lags, skip=skip, gap=gap if with_gap else None)
        assert found.statistic == pytest.approx(wald.statistic, rel=1e-9)
        assert found.pvalue == pytest.approx(wald.pvalue, rel=1e-8)
        assert found.df == 3
        assert found.total == pytest.approx(fitted.params[-3:].sum(), rel=1e-9)

    def test_size_under_heteroskedasticity(self):
        rng = np.random.default_rng(11)
        rejected = 0
        for _ in range(200):
            scale = np.exp(0.7 * np.repeat(rng.standard_normal(20), 25))
            x, y = rng.standard_normal((2, 500)) * scale
            rejected += granger(x, y, 3).pvalue < 0.05
        assert 1 <= rejected <= 20

    def test_close_of_another_hour_is_no_lead(self):
        """The asset's day ends after the benchmark's: its news of the evening come a day later.

        A plain autoregression sees a lead, at later lags too; without the row before it does not.
        """
        rng = np.random.default_rng(12)
        plain = skipped = 0
        for _ in range(100):
            evening, day, own = rng.standard_normal((3, 800))
            asset = day + 0.6 * evening + 0.5 * own
            benchmark = day + 0.6 * np.concatenate([[0.0], evening[:-1]])
            plain += granger(asset, benchmark, 5).pvalue < 0.05
            skipped += granger(asset, benchmark, 5, skip=1).pvalue < 0.05
        assert plain == 100
        assert skipped <= 13

    def test_a_later_lead_is_still_seen(self):
        x, y = follower(np.random.default_rng(15), 1500, 3, 0.2)
        assert granger(x, y, 5, skip=1).pvalue < 1e-6
        assert granger(y, x, 5, skip=1).pvalue > 0.01

    def test_error_correction_is_controlled_for(self):
        """A leg that closes the gap is moved by the level, not by lagged returns."""
        rng = np.random.default_rng(13)
        n = 1500
        a = np.cumsum(rng.standard_normal(n))
        b = np.zeros(n)
        for t in range(1, n):
            b[t] = b[t - 1] + 0.1 * (a[t - 1] - b[t - 1]) + rng.standard_normal()
        x, y, gap = np.diff(a), np.diff(b), (a - b)[1:]
        assert granger(x, y, 3).pvalue < 1e-4
        assert granger(x, y, 3, gap=gap).pvalue > 0.01

    def test_bad_input(self):
        x = np.random.default_rng(14).standard_normal(100)
        with pytest.raises(DataError, match="at least 1"):
            granger(x, x[::-1], 0)
        with pytest.raises(DataError, match="at least 0"):
            granger(x, x[::-1], 2, skip=-1)
        with pytest.raises(DataError, match="too few for 30 lags"):
            granger(x, x[::-1], 30)
