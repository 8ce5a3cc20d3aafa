"""Change of a correlation at a known date, and at any: formulas, size, power."""

from __future__ import annotations

import numpy as np
import pytest

from regimecorr.errors import ModelError
from regimecorr.indicators.lead_lag import influence
from regimecorr.inference.known_dates import (
    change_statistic,
    long_run_variance,
    sup_statistic,
    sup_test,
)


def pairs(rng, reps, n, rho, nu=None):
    """Pairs (2, reps, n) with correlation rho; elliptical t with nu degrees of freedom."""
    x, e = rng.standard_normal((2, reps, n))
    y = rho * x + np.sqrt(1.0 - rho**2) * e
    scale = 1.0 if nu is None else np.sqrt(nu / rng.chisquare(nu, (reps, n)))
    return np.stack([x * scale, y * scale])


class TestFormulas:
    def test_influence_is_the_derivative_by_an_added_row(self):
        x, y = pairs(np.random.default_rng(0), 1, 400, 0.5)[:, 0]
        r, psi = influence(x, y)
        assert r == pytest.approx(np.corrcoef(x, y)[0, 1], abs=1e-12)
        assert psi.mean() == pytest.approx(0.0, abs=1e-12)
        for row in (3, 77):
            weights = np.ones(400)
            step = 1e-5
            moved = []
            for sign in (1.0, -1.0):
                weights[row] = 1.0 + sign * step
                moved.append(np.cov(x, y, aweights=weights, ddof=0))
            rs = [c[0, 1] / np.sqrt(c[0, 0] * c[1, 1]) for c in moved]
            assert (rs[0] - rs[1]) / (2.0 * step) * 400 == pytest.approx(psi[row], rel=1e-4)

    def test_long_run_variance_by_hand(self):
        x = np.array([1.0, -1.0, 2.0, -2.0])
        # g(0) = 10 / 4; g(1) = (-1 - 2 - 4) / 4; weight 1 - 1 / 2.
        assert long_run_variance(x, bandwidth=2) == pytest.approx(2.5 + 2 * 0.5 * (-7 / 4))
        assert long_run_variance(x, bandwidth=1) == pytest.approx(2.5)

    def test_long_run_variance_of_a_moving_average(self):
        e = np.random.default_rng(1).standard_normal((200, 2000))
        x = e[:, 1:] + 0.5 * e[:, :-1]
        assert long_run_variance(x, bandwidth=20).mean() == pytest.approx(2.25, rel=0.04)

    def test_elliptical_variance(self):
        """Long-run sd of psi is (1 - r^2) sqrt(1 + kappa), kappa = 2 / (nu - 4)."""
        x, y = pairs(np.random.default_rng(2), 400, 1000, 0.4, nu=12)
        expected = (1 - 0.4**2) ** 2 * (1 + 2 / 8)
        assert long_run_variance(influence(x, y)[1]).mean() == pytest.approx(expected, rel=0.05)

    def test_stacked_samples_are_read_one_by_one(self):
        x, y = pairs(np.random.default_rng(3), 3, 200, 0.3)
        stacked = change_statistic(x, y, 90)
        for i in range(3):
            single = change_statistic(x[i], y[i], 90)
            assert float(single[3]) == pytest.approx(stacked[3][i], rel=1e-12)
        values, rows = sup_statistic(x, y)
        assert sup_statistic(x[1], y[1]) == (pytest.approx(values[1]), rows[1])

    def test_sign_follows_the_fall(self):
        rng = np.random.default_rng(4)
        x = np.concatenate([pairs(rng, 1, 300, 0.7)[:, 0], pairs(rng, 1, 300, 0.0)[:, 0]], axis=1)
        before, after, _, statistic = change_statistic(*x, 300)
        assert statistic < -5.0
        assert after < before
        mirrored = change_statistic(-x[0], x[1], 300)[3]
        assert mirrored == pytest.approx(-statistic, rel=1e-10)


class TestSize:
    """METHODS 2: 1000 rows against 250, correlation .4; Fisher's z rejects 19 % with t(5)."""

    @pytest.mark.parametrize("nu", [None, 5])
    def test_known_date(self, nu):
        x, y = pairs(np.random.default_rng(10), 1500, 1250, 0.4, nu)
        statistic = change_statistic(x, y, 1000)[3]
        rejected = np.mean(np.abs(statistic) > 1.96)
        assert 0.03 < rejected < 0.085
        if nu is not None:
            r0, r1, _, _ = change_statistic(x, y, 1000)
            fisher = (np.arctanh(r1) - np.arctanh(r0)) / np.sqrt(1 / 997 + 1 / 247)
            assert np.mean(np.abs(fisher) > 1.96) > 0.14

    def test_sup_quantiles(self):
        """Andrews' limit with trimming of 15 %: 7.2 and 8.8 at 10 and 5 %."""
        x, y = pairs(np.random.default_rng(11), 2000, 1000, 0.3)
        values, _ = sup_statistic(x, y)
        assert np.quantile(values, 0.90) == pytest.approx(7.16, abs=0.55)
        assert np.quantile(values, 0.95) == pytest.approx(8.75, abs=0.75)

    def test_bootstrap_of_sup_test(self):
        rng = np.random.default_rng(12)
        x, y = pairs(rng, 60, 400, 0.3, nu=6)
        rejected = [
            sup_test(x[i], y[i], rng.integers(0, 400, (99, 400))).pvalue <= 0.1 for i in range(60)
        ]
        assert np.mean(rejected) < 0.22


class TestPower:
    def test_break_is_dated(self):
        rng = np.random.default_rng(20)
        before, after = pairs(rng, 1, 500, 0.6)[:, 0], pairs(rng, 1, 400, 0.0)[:, 0]
        x, y = np.concatenate([before, after], axis=1)
        found = sup_test(x, y, rng.integers(0, 900, (199, 900)))
        assert found.pvalue == pytest.approx(1 / 200)
        assert abs(found.row - 500) < 40


class TestBadInput:
    def test_shapes(self):
        with pytest.raises(ModelError, match="shapes"):
            sup_test(np.ones(100), np.ones(90), np.zeros((1, 100), dtype=np.int64))

    def test_constant_series(self):
        with pytest.raises(ModelError, match="constant"):
            sup_test(np.ones(100), np.arange(100.0), np.zeros((1, 100), dtype=np.int64))

    @pytest.mark.parametrize("trim", [0.0, 0.5])
    def test_trim(self, trim):
        x, y = pairs(np.random.default_rng(31), 1, 400, 0.2)[:, 0]
        with pytest.raises(ModelError, match="trim"):
            sup_test(x, y, np.zeros((1, 400), dtype=np.int64), trim)

    def test_too_short_for_the_trim(self):
        x, y = pairs(np.random.default_rng(32), 1, 100, 0.2)[:, 0]
        with pytest.raises(ModelError, match="too few"):
            sup_test(x, y, np.zeros((1, 100), dtype=np.int64))
