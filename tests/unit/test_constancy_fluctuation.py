"""Fluctuation of a correlation: formulas, published sizes and powers, ranks, the bootstrap."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import rankdata, spearmanr

from regimecorr.inference.constancy import test_constancy as constancy
from regimecorr.inference.constancy.fluctuation import (
    fluctuation_path,
    long_run_sd,
    prefix_correlations,
    psi_values,
    rank_influence,
    rank_products,
    sums_path,
)
from regimecorr.inference.constancy.paths import moving_blocks
from regimecorr.inference.known_dates import long_run_variance
from regimecorr.kernels.constancy import bartlett_variance, fluctuation_maxima

CRITICAL = 1.3581


def residuals(rng, reps, n, rho, nu=None):
    """Samples (reps, n, 2), elliptical, along a correlation (a number, or by row)."""
    z = rng.standard_normal((reps, n, 2))
    rho = np.broadcast_to(rho, n)
    z[..., 1] = rho * z[..., 0] + np.sqrt(1.0 - rho**2) * z[..., 1]
    if nu is not None:
        z *= np.sqrt((nu - 2.0) / rng.chisquare(nu, (reps, n)))[..., None]
    return z


def garch(rng, reps, n, rho, alpha=0.08, beta=0.90, burn=300):
    """Normal GARCH(1,1) returns (reps, n, 2) of a constant correlation."""
    z = residuals(rng, reps, n + burn, rho)
    h, x = np.ones((reps, 2)), np.empty_like(z)
    for t in range(n + burn):
        x[:, t] = np.sqrt(h) * z[:, t]
        h = (1.0 - alpha - beta) + alpha * x[:, t] ** 2 + beta * h
    return x[:, burn:]


def rejections(samples):
    return float((np.abs(fluctuation_path(samples)).max(axis=-1) > CRITICAL).mean())


class TestFormulas:
    def test_prefix_correlations_are_those_of_the_first_rows(self):
        z = 5.0 + 1e-3 * residuals(np.random.default_rng(0), 1, 80, 0.5)[0]
        found = prefix_correlations(z)
        assert np.isnan(found[0])
        for j in (2, 3, 17, 80):
            assert found[j - 1] == pytest.approx(np.corrcoef(z[:j].T)[0, 1], abs=1e-9)

    def test_a_constant_beginning_has_no_correlation(self):
        z = residuals(np.random.default_rng(1), 1, 60, 0.5)[0]
        z[:4, 0] = z[0, 0]
        assert np.isnan(prefix_correlations(z)[:4]).all()
        path = fluctuation_path(z)
        assert np.isfinite(path).all()
        assert (path[:4] == 0.0).all()

    def test_path_by_hand(self):
        z = residuals(np.random.default_rng(2), 1, 120, 0.3, 5)[0]
        u, v = ((z - z.mean(axis=0)) / z.std(axis=0)).T
        r = float(np.mean(u * v))
        psi = u * v - 0.5 * r * (u**2 + v**2)
        assert psi_values(z) == pytest.approx(psi, abs=1e-12)
        d = psi @ psi / 120
        for lag in range(1, int(np.log(120))):
            d += 2.0 * (1.0 - lag / int(np.log(120))) * (psi[lag:] @ psi[:-lag]) / 120
        assert long_run_sd(psi) == pytest.approx(np.sqrt(d), rel=1e-12)
        path = fluctuation_path(z)
        for j in (2, 60, 119):
            value = j / np.sqrt(120) * (np.corrcoef(z[:j].T)[0, 1] - r) / np.sqrt(d)
            assert path[j - 1] == pytest.approx(value, abs=1e-10)
        assert path[-1] == 0.0

    def test_stacked_samples_are_read_one_by_one(self):
        z = residuals(np.random.default_rng(3), 6, 90, 0.4).reshape(2, 3, 90, 2)
        stacked = fluctuation_path(z)
        assert stacked.shape == (2, 3, 90)
        assert stacked[1, 2] == pytest.approx(fluctuation_path(z[1, 2]), abs=1e-12)

    def test_scale_and_order_of_the_assets_do_not_matter(self):
        z = residuals(np.random.default_rng(4), 1, 200, 0.4, 5)[0]
        path = fluctuation_path(z)
        assert fluctuation_path(z[:, ::-1] * [3.0, 1e4] + 7.0) == pytest.approx(path, abs=1e-8)
        assert fluctuation_path(z * [1.0, -1.0]) == pytest.approx(-path, abs=1e-10)

    def test_kernel_equals_the_path_of_resampled_pairs(self):
        rng = np.random.default_rng(5)
        z = residuals(rng, 1, 150, 0.4, 5)[0]
        rows = np.vstack([np.arange(150), rng.integers(0, 150, (5, 150))])
        found = fluctuation_maxima(
            np.ascontiguousarray(z[:, 0]), np.ascontiguousarray(z[:, 1]), rows, 5
        )
        assert found == pytest.approx(np.abs(fluctuation_path(z[rows])).max(axis=-1), rel=1e-9)

    def test_kernel_of_the_long_run_variance(self):
        x = np.cumsum(np.random.default_rng(6).standard_normal(100)) + 50.0
        for bandwidth in (1, 2, 7):
            assert bartlett_variance(x, bandwidth) == pytest.approx(
                float(long_run_variance(x, bandwidth)), rel=1e-10
            )


class TestPublished:
    """Wied, Krämer and Dehling (2012), Tables 1 and 2, and simulations of raw GARCH returns."""

    @pytest.mark.parametrize(("rho", "size"), [(-0.5, 0.040), (0.0, 0.035), (0.5, 0.041)])
    def test_size_under_t5(self, rho, size):
        found = rejections(residuals(np.random.default_rng(10), 2000, 500, rho, 5))
        assert found == pytest.approx(size, abs=3.5 * np.sqrt(size / 2000))

    @pytest.mark.parametrize(("n", "power"), [(500, 0.587), (1000, 0.830)])
    def test_power_under_t5(self, n, power):
        path = np.where(np.arange(n) < n // 2, 0.5, 0.7)
        found = rejections(residuals(np.random.default_rng(11), 1000, n, path, 5))
        assert found == pytest.approx(power, abs=0.055)

    def test_raw_garch_returns_are_rejected_too_often(self):
        found = rejections(garch(np.random.default_rng(12), 1500, 1000, 0.5))
        assert found == pytest.approx(0.089, abs=0.025)
        assert rejections(residuals(np.random.default_rng(12), 1500, 1000, 0.5)) < 0.06


class TestRanks:
    def test_influence_is_that_of_a_deleted_row(self):
        z = residuals(np.random.default_rng(20), 1, 300, 0.5)[0]
        whole = spearmanr(*z.T).statistic
        found = rank_influence(z)
        assert found.mean() == pytest.approx(0.0, abs=1e-12)
        for row in (0, 50, 123, 299):
            without = spearmanr(*np.delete(z, row, axis=0).T).statistic
            # Jackknife values agree to O(1 / n); the influence ranges over some three units.
            assert 299 * (whole - without) == pytest.approx(found[row], abs=0.04)

    def test_influence_by_a_double_sum_with_ties(self):
        z = np.round(residuals(np.random.default_rng(21), 1, 60, 0.5)[0], 1)
        above = 1.0 - rankdata(z, axis=0) / 60
        raw = np.empty(60)
        for t in range(60):
            a = np.mean((z[:, 0] >= z[t, 0]) * above[:, 1])
            b = np.mean((z[:, 1] >= z[t, 1]) * above[:, 0])
            raw[t] = 12.0 * (above[t, 0] * above[t, 1] - a - b)
        assert rank_influence(z) == pytest.approx(raw - raw.mean(), abs=1e-10)

    def test_published_form_by_its_formula(self):
        z = residuals(np.random.default_rng(22), 1, 90, 0.5)[0]
        j = np.arange(1, 91)
        above = 1.0 - rankdata(z, axis=0) / 90
        rho = 3.0 * (4.0 / j * np.cumsum(above[:, 0] * above[:, 1]) - 1.0)
        lrv = float(long_run_variance(12.0 * above[:, 0] * above[:, 1]))
        expected = np.max(j * np.abs(rho - rho[-1])) / np.sqrt(90 * lrv)
        assert np.abs(sums_path(rank_products(z))).max() == pytest.approx(expected, rel=1e-10)

    def test_monotone_transforms_do_not_matter(self):
        z = residuals(np.random.default_rng(23), 1, 300, 0.5)[0]
        one = constancy(z, method="spearman", margins=None)
        bent = np.column_stack([np.sinh(z[:, 0]), np.cbrt(z[:, 1]) * 1.3])
        other = constancy(bent, method="spearman", margins=None)
        assert other.statistic == pytest.approx(one.statistic, rel=1e-12)

    def test_size_and_power_of_both_forms(self):
        """At .5 to .7 the published form, which moves with the margins' ranks, sees little."""
        rng = np.random.default_rng(24)
        forms = (rank_influence, rank_products)

        def shares(rho):
            found = [
                [np.abs(sums_path(form(z))).max() > CRITICAL for form in forms]
                for z in residuals(rng, 400, 1000, rho, 5)
            ]
            return np.mean(found, axis=0)

        assert (shares(0.4) < 0.08).all()
        power = shares(np.where(np.arange(1000) < 500, 0.5, 0.7))
        assert power[0] > 0.9
        assert power[1] < 0.25


class TestBootstrap:
    def test_blocks_are_runs_of_rows(self):
        rows = moving_blocks(103, 10, 50, np.random.default_rng(30))
        assert rows.shape == (50, 103)
        assert rows.min() >= 0
        assert rows.max() < 103
        steps = np.diff(rows, axis=1)
        inside = np.arange(1, 103) % 10 != 0
        assert (steps[:, inside] == 1).all()
        assert (steps[:, ~inside] != 1).any()
        # Every start is drawn, the last possible one too.
        many = moving_blocks(20, 10, 4000, np.random.default_rng(31))
        assert set(many[:, 0]) == set(range(11))

    def test_pvalue_counts_and_seed(self):
        z = residuals(np.random.default_rng(32), 1, 400, 0.4, 5)[0]
        options = {"method": "cusum_bootstrap", "margins": None, "n_boot": 199}
        one, two = constancy(z, rng=1, **options), constancy(z, rng=1, **options)
        assert one.pvalue == two.pvalue
        assert one.pvalue * 200 == pytest.approx(round(one.pvalue * 200))
        assert one.statistic == pytest.approx(constancy(z, margins=None).statistic, rel=1e-12)
        rows = moving_blocks(400, 7, 199, np.random.default_rng(1))
        draws = np.abs(fluctuation_path(z[rows])).max(axis=-1)
        assert one.details["block_length"] == 7
        assert one.pvalue == (1 + np.sum(draws >= one.statistic)) / 200
        assert one.critical_values["5%"] == pytest.approx(
            np.quantile(draws, 0.95, method="higher"), rel=1e-9
        )

    def test_size_with_raw_garch_returns(self):
        """Long blocks repair what volatility clusters do to the asymptotic test (.089)."""
        samples = garch(np.random.default_rng(33), 300, 1000, 0.5)
        found = [
            constancy(x, method="cusum_bootstrap", robust=False, n_boot=99, rng=i).pvalue <= 0.05
            for i, x in enumerate(samples)
        ]
        assert np.mean(found) < 0.09

    def test_break_is_found_and_dated(self):
        z = residuals(
            np.random.default_rng(34), 1, 800, np.where(np.arange(800) < 500, 0.7, 0.1), 5
        )[0]
        test = constancy(z, method="cusum_bootstrap", margins=None, n_boot=199)
        assert test.pvalue == 1 / 200
        assert abs(test.dates[0] - 500) < 40
