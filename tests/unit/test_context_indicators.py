"""Base, year over year, drawdown and rolling beta, against loops and statsmodels."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from regimecorr.errors import DataError
from regimecorr.indicators.beta import rolling_beta
from regimecorr.indicators.trend import drawdown, rebased, year_over_year


def walk(n: int, seed: int = 0, columns: str = "AB") -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    days = pd.bdate_range("2019-01-02", periods=n)
    steps = 0.01 * rng.standard_normal((n, len(columns)))
    return pd.DataFrame(100.0 * np.exp(steps.cumsum(axis=0)), days, list(columns))


class TestTrend:
    def test_rebased_is_100_on_the_row_and_keeps_ratios(self):
        prices = walk(50)
        found = rebased(prices, 10)
        assert (found.iloc[0] == 100.0).all()
        assert found.index[0] == prices.index[10]
        expected = 100.0 * prices.iloc[10:].to_numpy() / prices.iloc[10].to_numpy()
        np.testing.assert_allclose(found, expected)

    @pytest.mark.parametrize("row", [-1, 50])
    def test_rebased_on_no_row(self, row):
        with pytest.raises(DataError, match="50 rows"):
            rebased(walk(50), row)

    def test_year_over_year_of_a_loop(self):
        prices = walk(900)
        found = year_over_year(prices)
        for day in prices.index[[0, 100, 260, 261, 400, 899]]:
            target = day - pd.DateOffset(years=1)
            earlier = prices.loc[:target]
            if earlier.empty:
                assert found.loc[day].isna().all()
            else:
                expected = prices.loc[day] / earlier.iloc[-1] - 1.0
                np.testing.assert_allclose(found.loc[day], expected)

    def test_a_leap_day_looks_back_to_the_last_of_february(self):
        days = pd.to_datetime(["2023-02-28", "2023-03-01", "2024-02-29"])
        found = year_over_year(pd.DataFrame({"A": [10.0, 20.0, 12.0]}, days))
        assert found["A"].iloc[-1] == pytest.approx(0.2)

    def test_drawdown_of_a_loop(self):
        prices = walk(300)["A"]
        highest, expected = 0.0, []
        for price in prices:
            highest = max(highest, price)
            expected.append(price / highest - 1.0)
        np.testing.assert_allclose(drawdown(prices.to_frame())["A"], expected)

    @pytest.mark.parametrize("figure", [year_over_year, drawdown])
    def test_later_prices_change_nothing(self, figure):
        prices = walk(700)
        changed = prices.copy()
        changed.iloc[600:] *= 3.0
        pd.testing.assert_frame_equal(figure(prices).iloc[:600], figure(changed).iloc[:600])


class TestRollingBeta:
    @pytest.mark.parametrize(("window", "lags"), [(90, 3), (252, 4), (500, 5)])
    def test_slope_and_error_of_statsmodels(self, window, lags):
        rng = np.random.default_rng(1)
        x = rng.standard_t(5, 1500)
        y = 0.3 + 0.8 * x + rng.standard_normal(1500) * (1.0 + np.abs(x))
        found = rolling_beta(y, x, window)
        assert np.isnan(found.beta[: window - 1]).all()
        for t in (window - 1, 999, 1000, 1001, 1499):
            rows = slice(t - window + 1, t + 1)
            fit = sm.OLS(y[rows], sm.add_constant(x[rows])).fit(
                cov_type="HAC", cov_kwds={"maxlags": lags}
            )
            assert found.beta[t] == pytest.approx(fit.params[1], rel=1e-10)
            assert found.error[t] == pytest.approx(fit.bse[1], rel=1e-9)

    def test_units(self):
        x, y = np.random.default_rng(2).standard_normal((2, 400))
        plain, scaled = rolling_beta(y, x, 90), rolling_beta(1e-4 * y, 1e3 * x, 90)
        np.testing.assert_allclose(scaled.beta, 1e-7 * plain.beta, rtol=1e-9)
        np.testing.assert_allclose(scaled.error, 1e-7 * plain.error, rtol=1e-9)

    def test_the_error_covers_where_volatility_follows_the_benchmark(self):
        rng = np.random.default_rng(3)
        hits = []
        for _ in range(400):
            x = rng.standard_normal(252)
            y = x + rng.standard_normal(252) * (0.5 + np.abs(x))
            found = rolling_beta(y, x, 252)
            hits.append(abs(found.beta[-1] - 1.0) < 1.96 * found.error[-1])
        assert 0.89 < np.mean(hits) < 0.98

    def test_a_benchmark_that_stands_still_has_no_beta(self):
        rng = np.random.default_rng(4)
        x, y = np.r_[np.full(60, 0.1), rng.standard_normal(60)], rng.standard_normal(120)
        found = rolling_beta(y, x, 50)
        assert np.isnan(found.beta[49:60]).all()
        assert np.isfinite(found.beta[60:]).all()

    @pytest.mark.parametrize(
        ("y", "x", "window", "message"),
        [
            (np.ones(5), np.ones(6), 10, "shapes"),
            (np.ones(30), np.r_[np.ones(29), np.nan], 10, "finite"),
            (np.ones(30), np.ones(30), 9, "at least 10"),
            (np.ones(30), np.ones(30), 10.0, "whole number"),
        ],
    )
    def test_bad_input(self, y, x, window, message):
        with pytest.raises(DataError, match=message):
            rolling_beta(y, x, window)

    def test_window_longer_than_the_data(self):
        assert np.isnan(rolling_beta(np.ones(20), np.ones(20), 30).beta).all()
