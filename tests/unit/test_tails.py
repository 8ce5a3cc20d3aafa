"""Downside beta and exceedance correlation: by hand, and for normal returns."""

from __future__ import annotations

import numpy as np
import pytest

from regimecorr.errors import DataError
from regimecorr.indicators.tails import downside_beta, exceedance_correlation


class TestDownsideBeta:
    def test_by_hand(self):
        asset, benchmark = [1.0, -3.0, -5.0, -6.0], [2.0, -1.0, -2.0, -3.0]
        assert downside_beta(asset, benchmark, 0.0) == pytest.approx((3 + 10 + 18) / 14)
        slope = np.polyfit(benchmark[1:], asset[1:], 1)[0]
        assert downside_beta(asset, benchmark, 0.0, centred=True) == pytest.approx(slope)

    def test_stacked(self):
        rng = np.random.default_rng(0)
        a, b = rng.standard_normal((2, 4, 200))
        low = np.quantile(b, 0.2, axis=1)
        found = downside_beta(a, b, low)
        for i in range(4):
            assert found[i] == pytest.approx(downside_beta(a[i], b[i], low[i]))

    def test_linear_asset_has_its_beta(self):
        b = np.random.default_rng(1).standard_normal(500)
        assert downside_beta(1.7 * b, b, -1.0) == pytest.approx(1.7)
        assert downside_beta(1.7 * b + 3.0, b, -1.0, centred=True) == pytest.approx(1.7)

    def test_two_rows_are_unknown(self):
        assert np.isnan(downside_beta([-1.0, -1.0, 1.0], [-1.0, -2.0, 1.0], 0.0))

    def test_shapes(self):
        with pytest.raises(DataError, match="must be the same"):
            downside_beta(np.ones(3), np.ones(4), 0.0)


class TestExceedanceCorrelation:
    @pytest.mark.parametrize("rho", [-0.4, 0.0, 0.5, 0.8])
    def test_normal_quadrant(self, rho):
        """Moments of a bivariate normal in its lower quadrant (Rosenbaum 1961)."""
        rng = np.random.default_rng(2)
        x, e = rng.standard_normal((2, 400_000))
        y = rho * x + np.sqrt(1 - rho**2) * e
        p = 0.25 + np.arcsin(rho) / (2 * np.pi)
        mean = (1 + rho) / (2 * np.sqrt(2 * np.pi) * p)
        square = 1 + rho * np.sqrt(1 - rho**2) / (2 * np.pi * p)
        product = rho + np.sqrt(1 - rho**2) / (2 * np.pi * p)
        expected = (product - mean**2) / (square - mean**2)
        assert exceedance_correlation(x, y, 0.0, 0.0) == pytest.approx(expected, abs=0.01)

    def test_rows_above_do_not_matter(self):
        rng = np.random.default_rng(3)
        a, b = rng.standard_normal((2, 100))
        changed = np.where((a > 0) | (b > 0), a + 5.0 * (a > 0), a)
        assert exceedance_correlation(a, b, 0.0, 0.0) == exceedance_correlation(changed, b, 0, 0)
