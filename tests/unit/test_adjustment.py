"""Error correction and shares of price discovery: statsmodels, plain algebra, known markets."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from statsmodels.tsa.vector_ar.vecm import VECM

from regimecorr.errors import DataError
from regimecorr.indicators.adjustment import error_correction, gonzalo_granger, hasbrouck
from regimecorr.indicators.cointegration import johansen

A = np.array([-0.03, 0.06])


def markets(n, seed, adjustment=A, correlation=0.0, slope=1.0, below=None):
    """Log prices whose gap closes by ``adjustment`` a row, below zero by ``below``."""
    rng = np.random.default_rng(seed)
    e = rng.standard_normal((n, 2))
    e[:, 1] = correlation * e[:, 0] + np.sqrt(1.0 - correlation**2) * e[:, 1]
    out = np.zeros((n + 1, 2))
    for t in range(n):
        gap = out[t, 0] - slope * out[t, 1]
        pull = below if below is not None and gap < 0 else adjustment
        out[t + 1] = out[t] + np.asarray(pull) * gap + e[t]
    return 0.01 * out


class TestErrorCorrection:
    @pytest.mark.parametrize("lags", [0, 1, 3])
    def test_against_statsmodels(self, lags):
        logs = markets(700, 0, slope=0.8)
        slope = johansen(logs, lags).slope
        found = error_correction(logs, slope=slope, lags=lags)
        theirs = VECM(logs, k_ar_diff=lags, coint_rank=1, deterministic="co").fit()
        np.testing.assert_allclose(found.adjustment, theirs.alpha.ravel(), rtol=1e-7)
        assert slope == pytest.approx(-theirs.beta[1, 0] / theirs.beta[0, 0], rel=1e-8)
        scale = (found.n - 2 - 2 * lags) / found.n  # theirs is the maximum-likelihood one
        np.testing.assert_allclose(scale * found.omega, theirs.sigma_u, rtol=1e-7)

    def test_asymmetric_form_against_statsmodels(self):
        logs = markets(500, 1, correlation=0.4)
        found = error_correction(logs, lags=2)
        gap, changes = logs[:, 0] - logs[:, 1], np.diff(logs, axis=0)
        s = gap[2:-1] - gap[2:-1].mean()
        past = np.column_stack([changes[1:-1], changes[:-2]])
        design = np.column_stack([np.clip(s, 0, None), np.clip(s, None, 0), np.ones(s.size), past])
        for leg in range(2):
            fitted = sm.OLS(changes[2:, leg], design).fit(cov_type="HC3")
            assert found.above[leg] == pytest.approx(fitted.params[0], rel=1e-8)
            assert found.below[leg] == pytest.approx(fitted.params[1], rel=1e-8)
            assert found.above_error[leg] == pytest.approx(fitted.bse[0], rel=1e-8)
            assert found.below_error[leg] == pytest.approx(fitted.bse[1], rel=1e-8)
            wald = fitted.wald_test(np.r_[1.0, -1.0, np.zeros(5)], use_f=False, scalar=True)
            assert found.asymmetry[leg] == pytest.approx(wald.pvalue, rel=1e-7)
            alike = sm.OLS(changes[2:, leg], np.column_stack([s, design[:, 2:]])).fit(
                cov_type="HC3"
            )
            assert found.adjustment[leg] == pytest.approx(alike.params[0], rel=1e-8)
            assert found.error[leg] == pytest.approx(alike.bse[0], rel=1e-8)

    def test_joint_test_of_both_legs(self):
        """Equations stacked by hand, HC3 by a plain sum over rows."""
        logs = markets(300, 2, correlation=0.6)
        found = error_correction(logs, lags=0)
        gap, y = logs[:, 0] - logs[:, 1], np.diff(logs, axis=0)
        s = gap[:-1] - gap[:-1].mean()
        x = np.column_stack([np.clip(s, 0, None), np.clip(s, None, 0), np.ones(s.size)])
        inverse = np.linalg.inv(x.T @ x)
        b = inverse @ x.T @ y
        meat = np.zeros((6, 6))
        for row, e in zip(x, y - x @ b, strict=True):
            score = np.kron(e / (1 - row @ inverse @ row), row)
            meat += np.outer(score, score)
        bread = np.kron(np.eye(2), inverse)
        contrast = np.kron(np.eye(2), [1.0, -1.0, 0.0])
        difference = b[0] - b[1]
        covariance = contrast @ bread @ meat @ bread @ contrast.T
        statistic = difference @ np.linalg.solve(covariance, difference)
        assert found.asymmetry_both == pytest.approx(np.exp(-0.5 * statistic), rel=1e-8)

    def test_influence_has_the_robust_errors(self):
        found = error_correction(markets(600, 3), lags=1)
        errors = np.sqrt((found.influence**2).sum(axis=0)) / found.n
        np.testing.assert_allclose(errors, found.error, rtol=1e-10)

    def test_sees_who_adjusts(self):
        leader, follower = error_correction(markets(2000, 4, adjustment=(0.0, 0.08))).adjustment
        assert leader == pytest.approx(0.0, abs=0.02)
        assert follower == pytest.approx(0.08, abs=0.03)

    def test_asymmetry_is_found_where_it_is(self):
        one_sided = error_correction(markets(3000, 5, (0.0, 0.12), below=(0.0, 0.02)))
        assert one_sided.asymmetry[1] < 0.001
        assert one_sided.asymmetry_both < 0.001
        assert one_sided.asymmetry[0] > 0.01

    def test_size(self):
        rejected = [
            error_correction(markets(600, [6, k], correlation=0.3)).asymmetry_both < 0.05
            for k in range(150)
        ]
        assert 1 <= sum(rejected) <= 17

    def test_bad_input(self):
        logs = markets(100, 7)
        with pytest.raises(DataError, match="lags=-1"):
            error_correction(logs, lags=-1)
        with pytest.raises(DataError, match="lags=9 "):
            error_correction(logs, lags=9)
        with pytest.raises(DataError, match="slope=nan"):
            error_correction(logs, slope=np.nan)
        with pytest.raises(DataError, match="no gap that moves"):
            error_correction(np.column_stack([logs[:, 0], logs[:, 0]]))
        with pytest.raises(DataError, match="finite"):
            error_correction(np.where(logs == logs.max(), np.nan, logs))


class TestShares:
    def test_known_markets(self):
        """With independent shocks of one size: 2/3, and 4/5 in both orderings."""
        found = error_correction(markets(60_000, 8))
        assert gonzalo_granger(found.adjustment) == pytest.approx(2 / 3, abs=0.05)
        low, high = hasbrouck(found.adjustment, found.omega)
        assert (low, high) == pytest.approx((0.8, 0.8), abs=0.06)
        assert high - low < 0.02

    def test_a_leg_that_never_adjusts_is_the_market(self):
        assert gonzalo_granger([0.0, 0.06]) == 1.0
        assert hasbrouck([0.0, 0.06], np.diag([1.0, 4.0])) == pytest.approx((1.0, 1.0))
        assert gonzalo_granger([-0.03, 0.0]) == 0.0

    def test_information_share_by_the_long_run_impact(self):
        """Impulse responses run to their end give the common row of the long-run impact."""
        omega = np.array([[1.0, 0.5], [0.5, 2.0]])
        a, dynamics = np.array([-0.05, 0.1]), np.array([[0.1, 0.05], [-0.1, 0.2]])
        impact = np.empty((2, 2))
        for shock in range(2):
            level = np.eye(2)[shock]
            change = level.copy()
            for _ in range(3000):
                change = a * (level[0] - level[1]) + dynamics @ change
                level = level + change
            impact[:, shock] = level
        np.testing.assert_allclose(impact[0], impact[1], atol=1e-10)
        psi = impact[0]
        bounds = []
        for order in ([0, 1], [1, 0]):
            factor = np.linalg.cholesky(omega[np.ix_(order, order)])
            shares = (psi[order] @ factor) ** 2 / (psi @ omega @ psi)
            bounds.append(shares[order.index(0)])
        assert hasbrouck(a, omega) == pytest.approx((min(bounds), max(bounds)), rel=1e-8)
        assert max(bounds) - min(bounds) > 0.1

    def test_bounds_of_the_legs_mirror_each_other(self):
        omega = np.array([[1.0, 0.3], [0.3, 0.5]])
        low, high = hasbrouck([-0.02, 0.05], omega)
        # The gap from the other side.
        assert hasbrouck([-0.05, 0.02], omega[::-1, ::-1]) == pytest.approx((1 - high, 1 - low))

    def test_nothing_adjusts(self):
        with pytest.raises(DataError, match="Neither leg adjusts"):
            hasbrouck([0.0, 0.0], np.eye(2))
