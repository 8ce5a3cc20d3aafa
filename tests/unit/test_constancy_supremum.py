"""Sup-LM, sup-Wald and known dates: their law, kernels, published sizes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import eigh_tridiagonal

from regimecorr.errors import ModelError
from regimecorr.inference.constancy import test_constancy as constancy
from regimecorr.inference.constancy.sup_law import TRIM_RANGE, sup_critical_values, sup_pvalue
from regimecorr.inference.constancy.supremum import lm_values, wald_values
from regimecorr.inference.known_dates import (
    change_statistic,
    sup_statistic,
)
from regimecorr.kernels.constancy import change_values, delete_one, wald_path


def residuals(rng, n, rho, nu=np.inf, reps=None):
    """Elliptical residuals (n, 2), or (reps, n, 2), along a correlation."""
    z = rng.standard_normal((reps or 1, n, 2))
    rho = np.broadcast_to(rho, n)
    z[..., 1] = rho * z[..., 0] + np.sqrt(1.0 - rho**2) * z[..., 1]
    if np.isfinite(nu):
        z *= np.sqrt((nu - 2.0) / rng.chisquare(nu, z.shape[:2]))[..., None]
    return z if reps else z[0]


def exceeded(level, trim, m=3000, terms=40):
    """Probability that the supremum is above a level, from the eigenvalues of the process.

    The root is an Ornstein-Uhlenbeck process of rate 1/2 in ln(s / (1 - s)), stationary at the
    start, killed at plus or minus the root of the level.
    """
    edge = np.sqrt(level)
    h = 2.0 * edge / m
    x = -edge + h * np.arange(1, m)
    law, right = np.exp(-0.5 * x**2), np.exp(-0.5 * (x + 0.5 * h) ** 2)
    left = np.exp(-0.5 * (x - 0.5 * h) ** 2)
    diagonal = -(right + left) / (2.0 * h * h * law)
    off = right[:-1] / (2.0 * h * h) / np.sqrt(law[:-1] * law[1:])
    values, vectors = eigh_tridiagonal(
        diagonal, off, select="i", select_range=(m - 1 - terms, m - 2)
    )
    weights = vectors.T @ np.sqrt(law)
    length = 2.0 * np.log((1.0 - trim) / trim)
    return 1.0 - float((np.exp(values * length) * weights**2).sum() * h / np.sqrt(2.0 * np.pi))


class TestLaw:
    @pytest.mark.parametrize("trim", [0.05, 0.10, 0.15, 0.175, 0.25])
    def test_simulated_pvalues_equal_the_exact_ones(self, trim):
        for level in (2.0, 5.0, 7.2, 8.8, 12.2, 15.5, 18.0):
            exact = exceeded(level, trim)
            error = np.sqrt(exact * (1.0 - exact) / 2_000_000)
            assert sup_pvalue(level, trim) == pytest.approx(exact, abs=5 * error + 6e-4 * exact)

    def test_tail_beyond_the_table(self):
        for level in (22.0, 26.0):
            assert sup_pvalue(level, 0.15) == pytest.approx(exceeded(level, 0.15), rel=0.06)
        assert 0.0 < sup_pvalue(200.0, 0.15) < 1e-30

    def test_published_values(self):
        """Hansen's p-values, and quantiles simulated on a grid, which are a little smaller."""
        for level, p in ((7.12, 0.0980), (8.68, 0.0484), (8.85, 0.0448), (12.16, 0.0096)):
            assert sup_pvalue(level, 0.15) == pytest.approx(p, rel=0.17)
            assert sup_pvalue(level, 0.15) > p
        for trim, row in (
            (0.15, (7.16, 8.75, 12.14)),
            (0.10, (7.63, 9.15, 12.55)),
            (0.05, (8.14, 9.64, 13.17)),
        ):
            found = sup_critical_values(trim).to_numpy()
            assert found == pytest.approx(row, abs=0.4)
            assert (found > row).all()

    def test_pvalue_too_small_for_floating_point(self):
        """Long samples with large breaks: no warning (warnings are errors here), no jump."""
        assert sup_pvalue(1400.0, 0.15) > 0.0
        assert sup_pvalue(5000.0, 0.15) == 0.0
        path = np.where(np.arange(3000) < 1500, 0.9, -0.9)
        z = residuals(np.random.default_rng(16), 3000, path)
        test = constancy(z, method="sup_wald", margins=None, robust=False)
        assert test.statistic > 3000.0
        assert test.pvalue == 0.0
        assert "<0.0001" in test.summary()

    def test_pvalues_fall_and_begin_at_one(self):
        for trim in (0.05, 0.111, 0.25):
            values = [sup_pvalue(s, trim) for s in np.linspace(0.0, 40.0, 400)]
            assert values[0] == 1.0
            assert (np.diff(values) <= 0.0).all()
            for level, critical in zip((0.1, 0.05, 0.01), sup_critical_values(trim), strict=True):
                assert sup_pvalue(critical, trim) == pytest.approx(level, rel=0.02)

    def test_a_shorter_range_has_smaller_suprema(self):
        assert sup_pvalue(8.0, 0.05) > sup_pvalue(8.0, 0.15) > sup_pvalue(8.0, 0.25)


class TestKernels:
    def test_delete_one(self):
        z = residuals(np.random.default_rng(0), 90, 0.5, 5.0) * [1.0, 30.0] + [4.0, -2.0]
        r, values = delete_one(*np.ascontiguousarray(z.T))
        assert r == pytest.approx(np.corrcoef(z.T)[0, 1], abs=1e-12)
        for row in (0, 31, 89):
            without = np.corrcoef(np.delete(z, row, axis=0).T)[0, 1]
            assert values[row] == pytest.approx(89 * (r - without) / (1 - r * r), rel=1e-8)

    def test_delete_one_is_the_influence_to_first_order(self):
        z = residuals(np.random.default_rng(1), 4000, 0.5)
        r, values = delete_one(*np.ascontiguousarray(z.T))
        u, v = ((z - z.mean(axis=0)) / z.std(axis=0)).T
        psi = (u * v - 0.5 * r * (u * u + v * v)) / (1 - r * r)
        assert values == pytest.approx(psi, abs=0.06)

    def test_wald_path_is_made_of_changes(self):
        x, y = np.ascontiguousarray(residuals(np.random.default_rng(2), 120, 0.4, 5.0).T)
        path = wald_path(x, y, 40, 80)
        assert path.shape == (41,)
        for k in (40, 55, 80):
            r0, r1, v0, v1 = change_values(x, y, k)
            assert r0 == pytest.approx(np.corrcoef(x[:k], y[:k])[0, 1], abs=1e-12)
            assert r1 == pytest.approx(np.corrcoef(x[k:], y[k:])[0, 1], abs=1e-12)
            expected = (np.arctanh(r0) - np.arctanh(r1)) ** 2 / (v0 + v1)
            assert path[k - 40] == pytest.approx(expected, rel=1e-10)

    def test_change_values_are_close_to_those_of_the_influence(self):
        """`known_dates` takes the influence function; single rows weigh little here."""
        x, y = np.ascontiguousarray(residuals(np.random.default_rng(3), 3000, 0.4).T)
        _, _, v0, v1 = change_values(x, y, 1300)
        assert np.sqrt(v0 + v1) == pytest.approx(float(change_statistic(x, y, 1300)[2]), rel=0.01)


class TestSup:
    def test_robust_lm_is_that_of_the_influence_function(self):
        z = residuals(np.random.default_rng(10), 500, 0.4, 5.0)
        value, row = sup_statistic(z[:, 0], z[:, 1])
        test = constancy(z, method="sup_lm", margins=None)
        assert test.statistic == pytest.approx(float(value), rel=1e-10)
        assert test.dates == (int(row),)
        assert test.path.max() == pytest.approx(test.statistic)
        assert test.path.idxmax() == int(row) - 1

    def test_textbook_lm_by_differences_of_the_density(self):
        z = residuals(np.random.default_rng(11), 300, 0.4)
        z = (z - z.mean(axis=0)) / z.std(axis=0)
        r = float(np.mean(z[:, 0] * z[:, 1]))

        def density(rho):
            form = z[:, 0] ** 2 + z[:, 1] ** 2 - 2 * rho * z[:, 0] * z[:, 1]
            return -0.5 * np.log(1 - rho**2) - 0.5 * form / (1 - rho**2)

        score = (density(r + 1e-6) - density(r - 1e-6)) / 2e-6
        second = (density(r + 1e-4) - 2 * density(r) + density(r - 1e-4)) / 1e-8
        information = -second.mean()
        sums = np.cumsum(score)
        for k in (45, 150, 255):
            share = k / 300
            expected = sums[k - 1] ** 2 / (300 * information * share * (1 - share))
            assert lm_values(z, 45, 255, False)[k - 45] == pytest.approx(expected, rel=1e-4)

    def test_textbook_wald_is_fishers(self):
        z = residuals(np.random.default_rng(12), 300, 0.4)
        values = wald_values(z, 45, 255, False)
        for k in (45, 200):
            z0 = np.arctanh(np.corrcoef(z[:k].T)[0, 1])
            z1 = np.arctanh(np.corrcoef(z[k:].T)[0, 1])
            expected = (z0 - z1) ** 2 / (1 / (k - 3) + 1 / (300 - k - 3))
            assert values[k - 45] == pytest.approx(expected, rel=1e-9)

    def test_sizes_under_t5_residuals(self):
        rng = np.random.default_rng(13)
        critical = sup_critical_values(0.15)["5%"]
        found = []
        for z in residuals(rng, 1000, 0.4, 5.0, reps=300):
            standard = (z - z.mean(axis=0)) / z.std(axis=0)
            found.append(
                [
                    form(standard, 150, 850, robust).max() > critical
                    for form in (lm_values, wald_values)
                    for robust in (True, False)
                ]
            )
        lm, plain_lm, wald, plain_wald = np.mean(found, axis=0)
        assert lm < 0.08
        assert wald < 0.10
        assert plain_lm > 0.2
        assert plain_wald > 0.15

    def test_breaks_are_found_near_the_end(self):
        path = np.where(np.arange(1000) < 830, 0.6, 0.0)
        z = residuals(np.random.default_rng(14), 1000, path, 6.0)
        for method in ("sup_lm", "sup_wald"):
            test = constancy(z, method=method, margins=None)
            assert test.pvalue < 0.01
            assert abs(test.dates[0] - 830) < 30
            assert test.details["before"] > 0.45 > test.details["after"]

    def test_too_short_for_the_trim(self):
        z = residuals(np.random.default_rng(15), 250, 0.4)
        with pytest.raises(ModelError, match="after 25 of 250 rows"):
            constancy(z, method="sup_lm", margins=None, trim=0.1)
        with pytest.raises(ModelError, match=r"trim=0\.3 must lie within 0\.05 and 0\.25"):
            constancy(z, method="sup_lm", margins=None, trim=0.3)
        assert TRIM_RANGE == (0.05, 0.25)
