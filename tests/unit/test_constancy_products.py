"""Tests on products of residuals: Engle and Sheppard's, Bera and Kim's."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.optimize import minimize
from scipy.special import gammaln
from scipy.stats import chi2

from regimecorr.inference.constancy import test_constancy as constancy
from regimecorr.inference.constancy.products import (
    against,
    fourth_harmonic,
    information_statistic,
    lagged_products,
    regression_statistic,
    whitened_products,
)
from regimecorr.kernels.constancy import sign_replicates


def elliptical(rng, n, rho, nu=np.inf, assets=2):
    """Residuals (n, assets), equally correlated."""
    root = np.linalg.cholesky((1.0 - rho) * np.eye(assets) + rho)
    z = rng.standard_normal((n, assets)) @ root.T
    if np.isfinite(nu):
        z *= np.sqrt((nu - 2.0) / rng.chisquare(nu, n))[:, None]
    return z


def standardised(z):
    return (z - z.mean(axis=0)) / z.std(axis=0)


def test_replicates_as_large_as_the_statistic_count():
    replicates = np.repeat(np.arange(1.0, 11.0), 10)[:99]
    pvalue, law, critical = against(replicates, 10.0)
    assert pvalue == 10 / 100
    assert law == "99 resamples"
    assert critical.tolist() == [9.0, 10.0, 10.0]


class TestEngleSheppard:
    @pytest.mark.parametrize("assets", [2, 4])
    def test_whitened_products(self, assets):
        z = standardised(elliptical(np.random.default_rng(0), 300, 0.4, 6, assets))
        products = whitened_products(z)
        assert products.shape == (300, assets * (assets - 1) // 2)
        # Whitened by the sample's own correlation: every mean is zero, so a constant tests nothing.
        assert products.mean(axis=0) == pytest.approx(0.0, abs=1e-12)
        root = np.real(np.asarray(_inverse_root(z.T @ z / 300)))
        e = z @ root
        assert products[:, 0] == pytest.approx(e[:, 0] * e[:, 1], abs=1e-10)

    @pytest.mark.parametrize(("assets", "lags"), [(2, 1), (2, 5), (3, 2)])
    def test_regression_statistic_by_statsmodels(self, assets, lags):
        z = standardised(elliptical(np.random.default_rng(1), 400, 0.4, 6, assets))
        y = whitened_products(z)
        design = np.column_stack(
            [y[lags - k : 400 - k].ravel() for k in range(1, lags + 1)],
        )
        fit = sm.OLS(y[lags:].ravel(), sm.add_constant(design)).fit()
        d = fit.params
        expected = d @ fit.model.exog.T @ fit.model.exog @ d / fit.mse_resid
        assert regression_statistic(y, lags) == pytest.approx(expected, rel=1e-9)
        test = constancy(z, method="engle_sheppard", margins=None, robust=False, lags=lags)
        assert test.statistic == pytest.approx(expected, rel=1e-9)
        assert test.pvalue == pytest.approx(chi2.sf(expected, lags), rel=1e-9)

    def test_degrees_of_freedom(self):
        """One less than in the paper: .048 and .013 at 5 %, normal residuals, one lag."""
        rng = np.random.default_rng(2)
        found = np.array(
            [
                regression_statistic(whitened_products(standardised(elliptical(rng, 1000, 0.4))), 1)
                for _ in range(1500)
            ]
        )
        assert np.mean(found > chi2.isf(0.05, 1)) == pytest.approx(0.048, abs=0.018)
        assert np.mean(found > chi2.isf(0.05, 2)) == pytest.approx(0.013, abs=0.010)

    def test_robust_statistic_by_loops(self):
        z = standardised(elliptical(np.random.default_rng(3), 250, 0.4, 6, 3))
        y, total = whitened_products(z), 0.0
        for lag in (1, 2, 3):
            terms = np.array([y[t] @ y[t - lag] for t in range(lag, 250)])
            total += terms.sum() ** 2 / (terms @ terms)
        test = constancy(z, method="engle_sheppard", margins=None, lags=3, n_boot=99)
        assert test.statistic == pytest.approx(total, rel=1e-10)

    def test_signs_by_loops(self):
        rng = np.random.default_rng(4)
        y = rng.standard_normal((60, 2))
        lagged = lagged_products(y, 3)
        assert lagged[:1].tolist() == [[0.0, 0.0, 0.0]]
        squares = (lagged**2).sum(axis=0)
        signs = rng.integers(0, 2, (4, 60)) * 2.0 - 1.0
        expected = []
        for s in signs:
            flipped = lagged_products(y * s[:, None], 3)
            expected.append((flipped.sum(axis=0) ** 2 / squares).sum())
        assert sign_replicates(lagged, squares, signs) == pytest.approx(expected, rel=1e-10)
        assert sign_replicates.py_func(lagged, squares, signs) == pytest.approx(expected)

    def test_size_under_t5_and_power_against_dcc(self):
        rng = np.random.default_rng(5)

        def share(make, reps):
            draws = [
                constancy(make(), method="engle_sheppard", margins=None, n_boot=99, rng=i)
                for i in range(reps)
            ]
            return np.mean([test.pvalue <= 0.05 for test in draws])

        assert share(lambda: elliptical(rng, 600, 0.4, 5.0), 300) < 0.09
        assert share(lambda: _dcc(rng, 1500), 60) > 0.6

    def test_under_fat_tails_the_default_has_more_power_than_the_textbook_form(self):
        """As docs/theory/constancy.md says: .88 and .46 of 250 samples of regimes like these."""
        rng = np.random.default_rng(5)
        found = np.zeros((60, 2), dtype=bool)
        for i in range(60):
            z = np.vstack([elliptical(rng, 50, (0.7, 0.1)[k % 2], 5) for k in range(20)])
            for j, robust in enumerate((True, False)):
                options = {"method": "engle_sheppard", "margins": None, "rng": i}
                found[i, j] = constancy(z, robust=robust, **options).pvalue <= 0.05
        default, textbook = found.mean(axis=0)
        assert default > textbook + 0.2


class TestBeraKim:
    def test_statistic_by_its_formula(self):
        z = standardised(elliptical(np.random.default_rng(10), 400, 0.4))
        r = float(np.mean(z[:, 0] * z[:, 1]))
        v1 = (z[:, 0] - r * z[:, 1]) / np.sqrt(1 - r**2)
        v2 = (z[:, 1] - r * z[:, 0]) / np.sqrt(1 - r**2)
        total = np.sum(v1**2 * v2**2 - 1 - 2 * r**2)
        expected = total**2 / (4 * 400 * (1 + 4 * r**2 + r**4))
        assert information_statistic(z) == pytest.approx(expected, rel=1e-10)
        test = constancy(z, method="bera_kim", margins=None, robust=False)
        assert test.pvalue == pytest.approx(chi2.sf(expected, 1), rel=1e-8)

    def test_harmonics_of_the_product(self):
        """v1^2 v2^2 = q^2 / 8 (1 + 2 r^2 + cos 4 theta - 4 r cos 2 theta)."""
        rng = np.random.default_rng(11)
        for r in (-0.6, 0.0, 0.3, 0.8):
            x, y = rng.standard_normal((2, 50))
            v = (x - r * y) * (y - r * x) / (1 - r**2)
            a, b = (x + y) / np.sqrt(2 + 2 * r), (x - y) / np.sqrt(2 - 2 * r)
            theta, q = np.arctan2(b, a), a * a + b * b
            harmonics = 1 + 2 * r**2 + np.cos(4 * theta) - 4 * r * np.cos(2 * theta)
            assert v**2 == pytest.approx(q**2 / 8 * harmonics, rel=1e-9, abs=1e-12)

    def test_fourth_harmonic_by_its_formula(self):
        """Nu by a search of its own, the cosine as a polynomial."""
        z = standardised(elliptical(np.random.default_rng(16), 500, 0.4, 6.0))
        x, y = z.T

        def minus_density(theta):
            r, nu = np.tanh(theta[0]), 2.0 + np.exp(theta[1])
            form = (x * x + y * y - 2.0 * r * x * y) / (1.0 - r * r)
            constant = gammaln(0.5 * nu + 1.0) - gammaln(0.5 * nu) - np.log(nu - 2.0)
            rows = (
                constant - 0.5 * np.log(1.0 - r * r) - (0.5 * nu + 1.0) * np.log1p(form / (nu - 2))
            )
            return -rows.sum()

        found = minimize(minus_density, [0.4, 1.0], method="Nelder-Mead", options={"xatol": 1e-8})
        nu, r = 2.0 + np.exp(found.x[1]), float(np.mean(x * y))
        a, b = (x + y) / np.sqrt(2.0 + 2.0 * r), (x - y) / np.sqrt(2.0 - 2.0 * r)
        q = a**2 + b**2
        cosine = (a**4 - 6.0 * a**2 * b**2 + b**4) / q**2
        rows = (q / (nu - 2.0 + q)) ** 2 * cosine
        statistic, ours = fourth_harmonic(z)
        assert ours == pytest.approx(nu, rel=1e-4)
        assert statistic == pytest.approx(rows.sum() ** 2 / (rows**2).sum(), rel=1e-4)

    def test_sign_and_order_of_the_assets_do_not_matter(self):
        z = standardised(elliptical(np.random.default_rng(12), 600, 0.4, 5.0))
        one, nu = fourth_harmonic(z)
        for other in (z[:, ::-1], z * [1.0, -1.0], -z):
            again, nu_again = fourth_harmonic(np.ascontiguousarray(other))
            assert again == pytest.approx(one, rel=1e-5)
            assert nu_again == pytest.approx(nu, rel=1e-4)

    def test_size_under_normal_and_t5_residuals(self):
        rng = np.random.default_rng(13)
        for nu in (np.inf, 5.0):
            found = np.array(
                [
                    (information_statistic(z), fourth_harmonic(z)[0])
                    for z in (standardised(elliptical(rng, 1000, 0.4, nu)) for _ in range(700))
                ]
            )
            plain, robust = (found > chi2.isf(0.05, 1)).mean(axis=0)
            assert robust == pytest.approx(0.05, abs=0.03)
            if np.isinf(nu):
                assert plain == pytest.approx(0.05, abs=0.03)
            else:
                assert plain > 0.99

    def test_random_correlation_is_found_whatever_the_tails(self):
        rng = np.random.default_rng(14)
        found = []
        for _ in range(60):
            z = rng.standard_normal((1000, 2))
            r = np.where(rng.random(1000) < 0.5, 0.0, 0.8)
            z[:, 1] = r * z[:, 0] + np.sqrt(1 - r**2) * z[:, 1]
            z *= np.sqrt(3.0 / rng.chisquare(5, 1000))[:, None]
            found.append(constancy(z, method="bera_kim", margins=None).pvalue <= 0.05)
        assert np.mean(found) > 0.9

    def test_residuals_that_are_not_elliptical_are_rejected(self):
        """The note says so: without another source of information they look alike."""
        rng = np.random.default_rng(15)
        shocks = rng.standard_t(5.0, (3000, 2)) * np.sqrt(0.6)
        z = np.column_stack([shocks[:, 0], 0.45 * shocks[:, 0] + np.sqrt(0.7975) * shocks[:, 1]])
        test = constancy(z, method="bera_kim", margins=None)
        assert test.pvalue < 0.01
        assert "elliptical" in test.summary()


def _inverse_root(matrix):
    from scipy.linalg import inv, sqrtm

    return inv(sqrtm(matrix))


def _dcc(rng, n, a=0.05, b=0.92, rho=0.4):
    q = np.array([1.0, 1.0, rho])
    out = np.empty((n, 2))
    for t, (e1, e2) in enumerate(rng.standard_normal((n, 2))):
        r = q[2] / np.sqrt(q[0] * q[1])
        z1, z2 = e1, r * e1 + np.sqrt(1 - r * r) * e2
        out[t] = z1, z2
        q = (1 - a - b) * np.array([1, 1, rho]) + a * np.array([z1 * z1, z2 * z2, z1 * z2]) + b * q
    return out
