"""Tse's test: derivatives by differences, the joint optimum, sizes, many assets."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import chi2

import regimecorr as rc
from regimecorr.errors import ModelError
from regimecorr.inference.constancy import test_constancy as constancy
from regimecorr.inference.constancy.inputs import read_sample
from regimecorr.inference.constancy.score import _gaussian_scores, _Moments
from regimecorr.models.margins import MarginsResult


def elliptical(rng, n, rho, nu=np.inf, assets=2):
    root = np.linalg.cholesky((1.0 - rho) * np.eye(assets) + rho)
    z = rng.standard_normal((n, assets)) @ root.T
    if np.isfinite(nu):
        z *= np.sqrt((nu - 2.0) / rng.chisquare(nu, n))[:, None]
    return z


def moments(returns, margins):
    sample = read_sample(returns, margins, raw=False, pair=False)
    return _Moments(sample, sample.margins)


def weighted_mean_score(z, past, weights):
    """Mean score of delta (n_pairs,) with all moments weighted."""
    w = weights / weights.sum()
    centred = z - w @ z
    u = centred / np.sqrt(w @ centred**2)
    inverse = np.linalg.inv((u * w[:, None]).T @ u)
    star = u @ inverse
    i, j = np.triu_indices(z.shape[1], 1)
    return w @ ((star[:, i] * star[:, j] - inverse[i, j]) * past)


def log_density(x, theta, past):
    """Rows of the normal log density with means, standard deviations, correlation and delta."""
    m1, m2, s1, s2, rho, delta = theta
    r = rho + delta * past
    u, v = (x[:, 0] - m1) / s1, (x[:, 1] - m2) / s2
    form = (u * u + v * v - 2 * r * u * v) / (1 - r * r)
    return -0.5 * np.log(1 - r * r) - np.log(s1) - np.log(s2) - 0.5 * form


class TestTextbook:
    def test_equals_the_outer_product_form_at_the_joint_optimum(self):
        """With constant variances the sample moments are the joint maximum of likelihood."""
        x = elliptical(np.random.default_rng(0), 500, 0.4)
        products = np.r_[0.0, x[:-1, 0] * x[:-1, 1]]
        theta = [*x.mean(axis=0), *x.std(axis=0), np.corrcoef(x.T)[0, 1], 0.0]
        scores = []
        for k in range(6):
            step = np.eye(6)[k] * 1e-5
            high = log_density(x, np.array(theta) + step, products)
            low = log_density(x, np.array(theta) - step, products)
            scores.append((high - low) / 2e-5)
        s = np.array(scores).T
        assert s[:, :5].sum(axis=0) == pytest.approx(0.0, abs=1e-4)
        total = s.sum(axis=0)
        expected = total @ np.linalg.solve(s.T @ s, total)
        test = constancy(x, method="tse", margins=None, robust=False)
        assert test.statistic == pytest.approx(expected, rel=1e-5)
        assert test.pvalue == pytest.approx(chi2.sf(expected, 1), rel=1e-4)

    @pytest.mark.parametrize("dist", ["normal", "t"])
    def test_scores_of_a_margin_by_differences(self, dist):
        returns = 100 * rc.simulate("constant", n_obs=400, rng=1).returns
        leg = rc.GARCH(vol="GJR", dist=dist).fit(returns).legs[0]
        own, slopes = _gaussian_scores(leg, leg.std_resid)
        assert own.shape == slopes.shape == (400, 5)
        for column, position in enumerate((0, 1, 2, 3, 4)):
            sides = []
            for sign in (1.0, -1.0):
                theta = leg.theta.copy()
                theta[position] += sign * 1e-6
                moved = dataclasses.replace(leg, theta=theta)
                density = -np.log(moved.volatility) - 0.5 * moved.std_resid**2
                sides.append((density, moved.std_resid))
            by_density = (sides[0][0] - sides[1][0]) / 2e-6
            by_residual = (sides[0][1] - sides[1][1]) / 2e-6
            assert own[:, column] == pytest.approx(by_density, rel=1e-4, abs=1e-4)
            assert slopes[:, column] == pytest.approx(by_residual, rel=1e-4, abs=1e-4)

    def test_published_sizes(self):
        """Constant variances, 1,000 rows: .056 under normal, .075 under t5 residuals."""
        rng = np.random.default_rng(2)
        for nu, size in ((np.inf, 0.056), (5.0, 0.075)):
            found = [
                constancy(z, method="tse", margins=None, robust=False).pvalue <= 0.05
                for z in (elliptical(rng, 1000, 0.4, nu) for _ in range(600))
            ]
            assert np.mean(found) == pytest.approx(size, abs=3.2 * np.sqrt(size / 600))

    def test_margins_of_other_arch_models_are_refused(self):
        arch_model = pytest.importorskip("arch").arch_model
        returns = 100 * rc.simulate("constant", n_obs=400, rng=3).returns
        from regimecorr.models.arch_margins import margins_from_arch

        fits = [
            arch_model(returns[c], mean="AR", lags=1, rescale=False).fit(disp="off")
            for c in returns
        ]
        margins = margins_from_arch(fits)
        with pytest.raises(ModelError, match="robust=True"):
            constancy(margins.returns, method="tse", margins=margins, robust=False)
        assert 0 < constancy(margins.returns, method="tse", margins=margins).pvalue <= 1


class TestRobust:
    @pytest.mark.parametrize("assets", [2, 3])
    def test_rows_are_the_influence_on_the_mean_score(self, assets):
        """Derivatives by the weight of a row, through means, variances and correlations."""
        z = elliptical(np.random.default_rng(10), 300, 0.4, 6.0, assets)
        found = moments(z, None)
        corrected = found.corrected() - found.delta.mean(axis=0)
        assert found.delta.mean(axis=0) == pytest.approx(
            weighted_mean_score(z, found.past, np.ones(300)), abs=1e-12
        )
        for row in (1, 40, 299):
            sides = []
            for sign in (1.0, -1.0):
                weights = np.ones(300)
                weights[row] += sign * 1e-5
                sides.append(weighted_mean_score(z, found.past, weights))
            slope = 300 * (sides[0] - sides[1]) / 2e-5
            assert corrected[row] == pytest.approx(slope, rel=1e-4, abs=1e-5)

    def test_derivatives_by_the_parameters_of_the_margins(self):
        returns = 100 * rc.simulate("constant", n_obs=500, nu=6.0, rng=11).returns
        margins = rc.GARCH(vol="GJR").fit(returns)
        base = moments(returns, margins)
        for k, leg in enumerate(margins.legs):
            for column, position in enumerate(leg.free):
                step = 1e-5 * max(abs(leg.theta[position]), 0.01)
                sides = []
                for sign in (1.0, -1.0):
                    theta = leg.theta.copy()
                    theta[position] += sign * step
                    moved = dataclasses.replace(leg, theta=theta)
                    z = base.z.copy()
                    z[:, k] = moved.std_resid
                    sides.append(weighted_mean_score(z, base.past, np.ones(500)))
                slope = (sides[0] - sides[1]) / (2 * step)
                # The rows with and without a unit influence of this parameter.
                rows = []
                for value in (1.0, 0.0):
                    influence = np.zeros_like(leg.influence)
                    influence[:, column] = value
                    stub = _stub(leg, influence)
                    legs = tuple(
                        stub if m == k else _stub(other) for m, other in enumerate(margins.legs)
                    )
                    rows.append(moments(returns, MarginsResult(margins.returns, legs)).corrected())
                assert (rows[0] - rows[1])[7] == pytest.approx(slope, rel=1e-3, abs=1e-6)

    def test_permutations_by_loops(self):
        z = elliptical(np.random.default_rng(12), 250, 0.4, 6.0, 3)
        found = moments(z, None)
        draws = found.permuted(5, np.random.default_rng(0))
        rng = np.random.default_rng(0)
        for value in draws:
            order = rng.permutation(250)
            rows = np.array([found.rho[order[t]] * found.past[t] for t in range(250)])
            total = rows.sum(axis=0)
            assert value == pytest.approx(total @ np.linalg.inv(rows.T @ rows) @ total, rel=1e-8)

    def test_scale_and_order_of_the_assets_do_not_matter(self):
        returns = rc.simulate("constant", n_obs=500, nu=6.0, rng=13).returns
        one = constancy(returns, method="tse")
        other = constancy(100 * returns[["B", "A"]], method="tse")
        assert other.statistic == pytest.approx(one.statistic, rel=1e-5)

    def test_dependence_on_the_last_row_is_found(self):
        rng = np.random.default_rng(14)
        z = np.empty((1500, 2))
        last = 0.0
        for t, (e1, e2) in enumerate(rng.standard_normal((1500, 2))):
            r = np.tanh(0.4 + 0.15 * last)
            z[t] = e1, r * e1 + np.sqrt(1 - r * r) * e2
            last = z[t, 0] * z[t, 1]
        for robust in (True, False):
            test = constancy(z, method="tse", margins=None, robust=robust)
            assert test.pvalue <= 0.01

    def test_many_assets(self):
        z = elliptical(np.random.default_rng(15), 600, 0.3, 8.0, 4)
        for robust in (True, False):
            test = constancy(z, method="tse", margins=None, robust=robust, n_boot=99)
            assert test.details["df"] == 6
            assert test.pvalue > 0.01
        with pytest.raises(ModelError, match="too many for 220 rows"):
            constancy(
                elliptical(np.random.default_rng(16), 220, 0.3, assets=8),
                method="tse",
                margins=None,
            )

    def test_margins_fitted_on_a_part_are_refused(self):
        returns = rc.simulate("constant", n_obs=500, rng=17).returns
        longer = rc.GARCH().fit(returns[:400]).append(returns[400:])
        with pytest.raises(ModelError, match="400 of the 500 rows"):
            constancy(longer.returns, method="tse", margins=longer)


def _stub(leg, influence=None):
    influence = np.zeros_like(leg.influence) if influence is None else influence
    return SimpleNamespace(
        name=leg.name,
        std_resid=leg.std_resid,
        volatility=leg.volatility,
        residual_slopes=leg.residual_slopes,
        influence=influence,
        converged=True,
    )
