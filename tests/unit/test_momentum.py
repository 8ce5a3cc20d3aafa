"""Momentum indicators against the published worksheets."""

from __future__ import annotations

import numpy as np
import pytest

from regimecorr.errors import DataError
from regimecorr.indicators.momentum import (
    exponential_average,
    macd,
    relative_strength,
    trailing_return,
)

# Worksheet of StockCharts' ChartSchool, "Relative Strength Index (RSI)": closes, RSI(14).
RSI_CLOSES = [
    44.3389, 44.0902, 44.1497, 43.6124, 44.3278, 44.8264, 45.0955, 45.4245, 45.8433, 46.0826,
    45.8931, 46.0328, 45.6140, 46.2820, 46.2820, 46.0028, 46.0328, 46.4116, 46.2222, 45.6439,
    46.2122, 46.2521, 45.7137, 46.4515, 45.7835, 45.3548, 44.0288, 44.1783, 44.2181, 44.5672,
    43.4205, 42.6628, 43.1314,
]  # fmt: skip
RSI_14 = [
    70.53, 66.32, 66.55, 69.41, 66.36, 57.97, 62.93, 63.26, 56.06, 62.38, 54.71, 50.42, 39.99,
    41.46, 41.87, 45.46, 37.30, 33.08, 37.77,
]  # fmt: skip

# Worksheet of InvestExcel, "How to Calculate MACD in Excel": closes of Apple in 2013.
MACD_CLOSES = [
    459.99, 448.85, 446.06, 450.81, 442.80, 448.97, 444.57, 441.40, 430.47, 420.05, 431.14, 425.66,
    430.58, 431.72, 437.87, 428.43, 428.35, 432.50, 443.66, 455.72, 454.49, 452.08, 452.73, 461.91,
    463.58, 461.14, 452.08, 442.66, 428.91, 429.79, 431.99, 427.72, 423.20, 426.21, 426.98, 435.69,
    434.33, 429.80, 419.85, 426.24,
]  # fmt: skip


class TestPublishedWorksheets:
    def test_rsi(self):
        found = relative_strength(RSI_CLOSES)
        assert np.isnan(found[:14]).all()
        np.testing.assert_allclose(found[14:], RSI_14, atol=0.006)
        assert found[14] == pytest.approx(70.53278948, abs=1e-8)
        assert found[-1] == pytest.approx(37.77295211, abs=1e-8)

    def test_macd(self):
        found = macd(MACD_CLOSES)
        assert np.isnan(found.line[:25]).all()
        assert np.isnan(found.signal[:33]).all()
        assert found.line[25] == pytest.approx(8.275269503907623, abs=1e-9)
        assert found.line[31] == pytest.approx(0.10298149119910249, abs=1e-9)
        assert found.signal[33] == pytest.approx(3.037525868733945, abs=1e-9)
        assert found.signal[39] == pytest.approx(-1.338100412582993, abs=1e-9)
        np.testing.assert_allclose(found.histogram, found.line - found.signal)

    def test_first_exponential_averages(self):
        assert exponential_average(MACD_CLOSES, 12)[11] == pytest.approx(440.8975, abs=1e-10)
        assert exponential_average(MACD_CLOSES, 26)[25] == pytest.approx(443.289615, abs=1e-6)


class TestByHand:
    def test_average_of_a_loop(self):
        values = np.random.default_rng(0).standard_normal(60).cumsum()
        expected = values[:10].mean()
        for value in values[10:]:
            expected += 2.0 / 11.0 * (value - expected)
        assert exponential_average(values, 10)[-1] == pytest.approx(expected, rel=1e-12)

    def test_line_lags_a_straight_price_by_half_the_spans(self):
        found = macd(np.arange(100.0))
        np.testing.assert_allclose(found.line[25:], (25 - 11) / 2.0)
        np.testing.assert_allclose(found.histogram[33:], 0.0, atol=1e-9)

    def test_only_rises_and_only_falls(self):
        rising = np.arange(1.0, 40.0)
        np.testing.assert_allclose(relative_strength(rising)[14:], 100.0)
        np.testing.assert_allclose(relative_strength(rising[::-1])[14:], 0.0, atol=1e-12)

    def test_a_price_that_stands_still_is_neutral(self):
        np.testing.assert_allclose(relative_strength(np.full(30, 5.0))[14:], 50.0)

    def test_trailing_return(self):
        prices = np.exp([0.0, 0.1, 0.3, 0.2])
        np.testing.assert_allclose(trailing_return(prices, 2), [np.nan, np.nan, 0.3, 0.1])


class TestProperties:
    def test_scale_does_not_matter(self):
        prices = np.exp(np.random.default_rng(1).standard_normal(80).cumsum() * 0.02)
        np.testing.assert_allclose(relative_strength(prices), relative_strength(1000.0 * prices))
        np.testing.assert_allclose(macd(1000.0 * prices).line, 1000.0 * macd(prices).line)

    def test_up_and_down_are_mirrored(self):
        prices = 100.0 + np.random.default_rng(2).standard_normal(80).cumsum()
        np.testing.assert_allclose(
            relative_strength(prices)[14:] + relative_strength(200.0 - prices)[14:], 100.0
        )

    def test_later_prices_change_nothing(self):
        prices = 100.0 + np.random.default_rng(3).standard_normal(90).cumsum()
        changed = prices.copy()
        changed[60:] *= 2.0
        np.testing.assert_array_equal(
            relative_strength(prices)[:60], relative_strength(changed)[:60]
        )
        np.testing.assert_array_equal(macd(prices).histogram[:60], macd(changed).histogram[:60])


class TestBadInput:
    @pytest.mark.parametrize("span", [0, -1, 2.5, True])
    def test_span(self, span):
        with pytest.raises(DataError, match="at least 1"):
            relative_strength([1.0, 2.0, 3.0], span)

    def test_hole(self):
        with pytest.raises(DataError, match="missing at row 2"):
            exponential_average([1.0, 2.0, np.nan, 3.0], 2)

    def test_table(self):
        with pytest.raises(DataError, match="2 dimensions"):
            relative_strength(np.ones((30, 2)))

    def test_order_of_spans(self):
        with pytest.raises(DataError, match="fast=26 must be below slow=12"):
            macd(np.arange(60.0), fast=26, slow=12)

    def test_too_few_rows_are_unknown(self):
        assert np.isnan(relative_strength(np.arange(10.0))).all()
        assert np.isnan(macd(np.arange(20.0)).signal).all()
