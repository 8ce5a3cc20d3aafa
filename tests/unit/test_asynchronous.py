"""Correlations with leads and lags: against plain loops, other software, and closes hours apart."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm

from regimecorr.errors import DataError
from regimecorr.indicators.asynchronous import (
    dimson,
    lead_lag_correlation,
    overlapping_weights,
)
from regimecorr.indicators.frequency import aggregate

RHO = 0.5


def pair(n, seed, rho=RHO, scale=(1.0, 1.0)):
    rng = np.random.default_rng(seed)
    x, e = rng.standard_normal((2, n))
    return scale[0] * x, scale[1] * (rho * x + np.sqrt(1 - rho**2) * e)


def closes_apart(n, late, seed):
    """The second leg closes before a share ``late`` of the news of its day."""
    day, evening = (np.stack(pair(n, [seed, k])) for k in range(2))
    day, evening = np.sqrt(1.0 - late) * day, np.sqrt(late) * evening
    return (day + evening)[0, 1:], day[1, 1:] + evening[1, :-1]


class TestAgainstOracles:
    def test_weight_one_is_pearson_and_least_squares(self):
        x, y = pair(300, 0, scale=(0.03, 0.01))
        found = lead_lag_correlation(x, y, [1.0])
        assert found.correlation == pytest.approx(np.corrcoef(x, y)[0, 1], abs=1e-12)
        assert found.beta == pytest.approx(np.polyfit(y, x, 1)[0], rel=1e-10)

    @pytest.mark.parametrize("lags", [1, 2, 4])
    def test_plain_loops(self, lags):
        x, y = pair(80, 1, scale=(2.0, 0.3))
        u, v = x - x.mean(), y - y.mean()

        def summed(a, b):
            return sum(a[t] * b[s] for t in range(80) for s in range(80) if abs(t - s) <= lags)

        found = lead_lag_correlation(x, y, np.ones(lags + 1))
        both, first, second = summed(u, v), summed(u, u), summed(v, v)
        assert found.correlation == pytest.approx(both / np.sqrt(first * second), rel=1e-10)
        assert found.beta == pytest.approx(both / second, rel=1e-10)

    def test_scholes_and_williams_betas(self):
        """Their slopes on the row before, the same and the next, over one plus twice the slope of
        the market on its past; the correlation is the geometric mean of both directions.
        """
        x, y = closes_apart(20_000, 1 / 3, 2)

        def beta(a, m):
            slopes = [
                np.polyfit(m[1:-1], a[1:-1], 1)[0],
                np.polyfit(m[:-2], a[1:-1], 1)[0],
                np.polyfit(m[2:], a[1:-1], 1)[0],
            ]
            return sum(slopes) / (1.0 + 2.0 * np.corrcoef(m[1:], m[:-1])[0, 1])

        found = lead_lag_correlation(x, y, [1.0, 1.0])
        assert found.beta == pytest.approx(beta(x, y), abs=2e-3)
        assert found.correlation == pytest.approx(np.sqrt(beta(x, y) * beta(y, x)), abs=2e-3)

    @pytest.mark.parametrize("rows", [2, 3, 5])
    def test_overlapping_sums_are_bartlett_weights(self, rows):
        x, y = closes_apart(5_000, 1 / 3, 3)
        sums = aggregate(np.column_stack([x, y]), rows, 1)
        found = lead_lag_correlation(x, y, overlapping_weights(rows))
        assert found.correlation == pytest.approx(np.corrcoef(sums.T)[0, 1], abs=2e-3)

    @pytest.mark.parametrize("lags", [1, 3])
    def test_dimson_is_least_squares(self, lags):
        x, y = closes_apart(400, 1 / 3, 4)
        x = 3.0 * x

        def fitted(a, b):
            design = np.column_stack(
                [b[lags + k : b.size - lags + k] for k in range(-lags, lags + 1)]
            )
            return sm.OLS(a[lags : a.size - lags], sm.add_constant(design)).fit()

        forward, backward = fitted(x, y), fitted(y, x)
        found = dimson(x, y, lags)
        assert found.beta == pytest.approx(forward.params[1:].sum(), rel=1e-9)
        ratio = y.std() / x.std()
        mean = 0.5 * (forward.params[1:].sum() * ratio + backward.params[1:].sum() / ratio)
        assert found.correlation == pytest.approx(mean, rel=1e-9)

    def test_influence_is_leaving_a_row_out(self):
        x, y = pair(40, 5)
        u, v = x - x.mean(), y - y.mean()
        found = lead_lag_correlation(x, y, [1.0])
        for t in (0, 17, 39):
            rest = np.arange(40) != t
            r = (u @ v - u[t] * v[t]) / np.sqrt((u[rest] @ u[rest]) * (v[rest] @ v[rest]))
            assert found.influence[t, 0] == pytest.approx(39 * (found.correlation - r), rel=1e-9)

    @pytest.mark.parametrize("estimate", [lambda x, y: lead_lag_correlation(x, y, [1, 1]), dimson])
    def test_windows_are_read_by_themselves(self, estimate):
        x, y = closes_apart(200, 1 / 3, 6)
        stacked = estimate(np.stack([x[:100], x[60:160]]), np.stack([y[:100], y[60:160]]))
        alone = estimate(x[60:160], y[60:160])
        assert stacked.correlation[1] == pytest.approx(alone.correlation, rel=1e-12)
        np.testing.assert_allclose(stacked.influence[1], alone.influence, rtol=1e-9)


class TestClosesApart:
    @pytest.mark.parametrize("hours", [0, 4, 8])
    def test_what_the_clock_takes(self, hours):
        late = hours / 24
        x, y = closes_apart(150_000, late, 7)
        found = {h: lead_lag_correlation(x, y, overlapping_weights(h)) for h in (1, 2, 3, 5)}
        for h, one in found.items():
            assert one.correlation == pytest.approx((1.0 - late / h) * RHO, abs=0.012)
        assert lead_lag_correlation(x, y, [1, 1]).correlation == pytest.approx(RHO, abs=0.015)
        assert dimson(x, y).correlation == pytest.approx(RHO, abs=0.012)
        assert dimson(x, y).beta == pytest.approx(RHO, abs=0.012)

    def test_prices_that_are_stale_at_random(self):
        """Cohen et al.: delays of any law; the returns of the stale leg are autocorrelated."""
        x, y = pair(150_000, 8)
        log_price = np.cumsum(y)
        traded = np.random.default_rng(9).random(y.size) < 0.6
        last = np.maximum.accumulate(np.where(traded, np.arange(y.size), 0))
        stale = np.diff(log_price[last])
        found = [
            float(lead_lag_correlation(x[1:], stale, np.ones(k + 1)).correlation) for k in (0, 1, 6)
        ]
        assert found[0] < 0.35
        assert found[0] < found[1] < found[2]
        assert found[2] == pytest.approx(RHO, abs=0.02)

    def test_errors_are_those_of_repeated_samples(self):
        estimates, errors = [], []
        for seed in range(600):
            x, y = closes_apart(250, 1 / 3, 1000 + seed)
            both = lead_lag_correlation(x, y, [1, 1]), dimson(x, y)
            estimates.append([b.correlation for b in both])
            errors.append([b.influence[:, 0].std() / np.sqrt(250) for b in both])
        ratio = np.mean(errors, axis=0) / np.std(estimates, axis=0)
        np.testing.assert_allclose(ratio, 1.0, atol=0.1)


class TestInvariance:
    @pytest.mark.parametrize("estimate", [lambda x, y: lead_lag_correlation(x, y, [1, 1]), dimson])
    def test_units_order_and_sign(self, estimate):
        x, y = closes_apart(300, 1 / 3, 11)
        one = estimate(x, y)
        r = pytest.approx(one.correlation, rel=1e-9)
        assert estimate(y, x).correlation == r
        assert estimate(5.0 + 0.01 * x, y).correlation == r
        assert -estimate(-x, y).correlation == r
        assert estimate(100.0 * x, y).beta == pytest.approx(100.0 * one.beta, rel=1e-9)

    def test_a_constant_leg_has_no_correlation(self):
        x = np.random.default_rng(12).standard_normal(100)
        assert np.isnan(lead_lag_correlation(x, np.zeros(100), [1, 1]).correlation)
        assert np.isnan(dimson(np.zeros(100), x).correlation)

    def test_leads_and_lags_that_are_collinear(self):
        """A leg that moves once, outside the rows of a lead; one that goes up and down in turn."""
        x = np.random.default_rng(15).standard_normal((2, 100))
        once, bounce = np.zeros(100), np.tile([1.0, -1.0], 50)
        once[0] = 1.0
        found = dimson(np.stack([x[0], x[0], x[0]]), np.stack([once, bounce, x[1]]))
        assert np.isnan(found.correlation).tolist() == [True, True, False]
        assert found.correlation[2] == pytest.approx(dimson(x[0], x[1]).correlation, rel=1e-12)

    def test_no_long_run_variance(self):
        bounce = np.tile([1.0, -1.0], 50)
        other = np.random.default_rng(13).standard_normal(100)
        assert np.isnan(lead_lag_correlation(other, bounce, [1, 1]).correlation)


def test_bad_input():
    x = np.random.default_rng(14).standard_normal(50)
    with pytest.raises(DataError, match="shapes"):
        lead_lag_correlation(x, x[1:], [1])
    with pytest.raises(DataError, match="at least 51 are needed"):
        lead_lag_correlation(x, x[::-1], np.ones(42))
    with pytest.raises(DataError, match="50 rows are too few for 44"):
        dimson(x, x[::-1], 11)
