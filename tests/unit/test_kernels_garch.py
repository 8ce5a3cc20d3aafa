"""GARCH recursions, scores and fits against plain Python, numeric differentiation and arch."""

from __future__ import annotations

import numpy as np
import pytest
from arch.univariate import EGARCH as ArchEGARCH
from arch.univariate import GARCH as ArchGARCH
from arch.univariate import ConstantMean, Normal, StudentsT
from scipy.special import digamma, gammaln
from scipy.stats import norm
from scipy.stats import t as student

from regimecorr.kernels.garch import garch_path, garch_paths, garch_scores, garch_variance
from regimecorr.models.margins import GARCH

NAMES = ("mu", "omega", "alpha", "gamma", "beta", "nu")
NONE = np.empty((0, 6)), np.empty(0), np.empty((0, 5))
#: mu, omega, alpha, gamma, beta: no optimum of the series, so no derivative vanishes.
PARAMETERS = {
    "GARCH": (0.06, 0.05, 0.09, 0.0, 0.85),
    "GJR": (0.06, 0.05, 0.06, 0.07, 0.84),
    "EGARCH": (0.06, 0.01, 0.18, -0.07, 0.94),
}
VOLS = list(PARAMETERS)


def plain_variance(resid, omega, alpha, gamma, beta, backcast, exponential=False):
    """Conditional variances, tomorrow's included."""
    if not exponential:
        h = [omega + alpha * backcast + 0.5 * gamma * backcast + beta * backcast]
        for e in resid:
            h.append(omega + (alpha + gamma * (e < 0)) * e**2 + beta * h[-1])
        return np.array(h)
    log_h = [omega + beta * np.log(backcast)]
    for e in resid:
        z = e / np.exp(0.5 * log_h[-1])
        news = alpha * (np.abs(z) - np.sqrt(2 / np.pi)) + gamma * z
        log_h.append(omega + news + beta * log_h[-1])
    return np.exp(log_h)


def plain_rows(series, theta, backcast, exponential):
    """Log density of every row, by scipy, and the standardized residuals."""
    resid = series - theta[0]
    sd = np.sqrt(plain_variance(resid, *theta[1:5], backcast, exponential)[:-1])
    nu = theta[5]
    if np.isinf(nu):
        return norm.logpdf(resid, scale=sd), resid / sd
    return student.logpdf(resid, nu, scale=sd * np.sqrt((nu - 2) / nu)), resid / sd


def constants(nu):
    """Logarithm of the normalising constant of a unit-variance density, and its derivative."""
    if np.isinf(nu):
        return -0.5 * np.log(2 * np.pi), 0.0
    value = gammaln((nu + 1) / 2) - gammaln(nu / 2) - 0.5 * np.log(np.pi * (nu - 2))
    return value, 0.5 * digamma((nu + 1) / 2) - 0.5 * digamma(nu / 2) - 0.5 / (nu - 2)


def four_point(function, theta, i, step):
    """Derivative with an error of the fourth order in the step."""
    shift = np.eye(theta.size)[i] * step
    near = function(theta + shift) - function(theta - shift)
    far = function(theta + 2 * shift) - function(theta - 2 * shift)
    return (8 * near - far) / (12 * step)


def arch_model(series, vol, dist):
    model = ConstantMean(series)
    model.volatility = ArchEGARCH(1, 1, 1) if vol == "EGARCH" else ArchGARCH(1, vol == "GJR", 1)
    model.distribution = Normal() if dist == "normal" else StudentsT()
    return model


def arch_params(theta, vol):
    """Our parameters as arch takes them: no gamma in GARCH, no nu for normal errors."""
    kept = [v for name, v in zip(NAMES, theta, strict=True) if name != "gamma" or vol != "GARCH"]
    return np.array(kept if np.isfinite(theta[5]) else kept[:-1])


@pytest.fixture(scope="module")
def series():
    """Percent returns of a GARCH-t world."""
    rng = np.random.default_rng(3)
    z = rng.standard_t(6, 1500) * np.sqrt(4 / 6)
    out, h = [], 1.5
    for shock in z:
        e = np.sqrt(h) * shock
        out.append(0.05 + e)
        h = 0.03 + (0.06 + 0.05 * (e < 0)) * e**2 + 0.88 * h
    return np.array(out)


class TestVariance:
    @pytest.mark.parametrize("vol", VOLS)
    def test_plain_python(self, series, vol):
        args = (*PARAMETERS[vol][1:], 1.7, vol == "EGARCH")
        np.testing.assert_allclose(
            garch_variance(series, *args), plain_variance(series, *args), rtol=1e-12
        )

    @pytest.mark.parametrize("vol", VOLS)
    @pytest.mark.parametrize("dist", ["normal", "t"])
    def test_arch(self, series, vol, dist):
        model = arch_model(series, vol, dist)
        mu, *rest = PARAMETERS[vol]
        nu = np.inf if dist == "normal" else 6.0
        fixed = model.fix(arch_params((mu, *rest, nu), vol))
        # arch takes its backcast at its starting values, where the mean is the sample's.
        backcast = model.volatility.backcast(series - series.mean())
        if vol == "EGARCH":
            backcast = np.exp(backcast)
        h = garch_variance(series - mu, *rest, backcast, vol == "EGARCH")
        np.testing.assert_allclose(np.sqrt(h[:-1]), fixed.conditional_volatility, rtol=1e-10)
        ahead = fixed.forecast(horizon=1).variance.to_numpy()[-1, 0]
        assert h[-1] == pytest.approx(ahead, rel=1e-10)

    def test_an_explosive_egarch_stays_finite(self):
        series = np.array([0.5, -1e6, 0.3, 2.0, -0.1])
        h = garch_variance(series, 0.0, 5.0, -3.0, 0.9, 1.0, True)
        assert h[2] == pytest.approx(np.exp(600.0))
        assert np.isfinite(h).all()
        theta = np.array([0.0, 0.0, 5.0, -3.0, 0.9, np.inf])
        total, gradient = garch_scores(series, theta, 1.0, True, *constants(np.inf), *NONE)
        assert np.isfinite(total)
        assert np.isfinite(gradient).all()


@pytest.mark.parametrize("vol", VOLS)
@pytest.mark.parametrize("nu", [5.5, np.inf])
class TestScores:
    def test_likelihood_of_arch(self, series, vol, nu):
        theta = np.array([*PARAMETERS[vol], nu])
        model = arch_model(series, vol, "normal" if np.isinf(nu) else "t")
        expected = model.fix(arch_params(theta, vol)).loglikelihood
        backcast = ArchGARCH().backcast(series - series.mean())
        args = (series, theta, backcast, vol == "EGARCH", *constants(nu))
        assert garch_scores(*args, *NONE)[0] == pytest.approx(expected, abs=1e-8)

    def test_derivatives(self, series, vol, nu):
        exponential = vol == "EGARCH"
        series = series[:400]
        theta = np.array([*PARAMETERS[vol], nu])
        # The densities have a kink in mu where a residual is zero: stay in the widest gap.
        around = np.sort(series[np.abs(series - theta[0]) < 0.05])
        gap = np.argmax(np.diff(around))
        theta[0] = around[gap : gap + 2].mean()
        score, resid, dresid = np.empty((400, 6)), np.empty(400), np.empty((400, 5))
        args = (series, theta, 1.2, exponential, *constants(nu))
        total, gradient = garch_scores(*args, score, resid, dresid)
        rows, expected = plain_rows(series, theta, 1.2, exponential)
        assert total == pytest.approx(rows.sum(), rel=1e-12)
        np.testing.assert_allclose(resid, expected, rtol=1e-11)
        np.testing.assert_allclose(score.sum(axis=0), gradient, rtol=1e-10, atol=1e-9)
        for i in range(6):
            if i == 5 and np.isinf(nu):
                assert (score[:, 5] == 0).all()
                continue
            step = 1e-2 if i == 5 else 2e-4
            assert i > 0 or np.abs(series - theta[0]).min() > 2 * step

            def function(v):
                return np.array(plain_rows(series, v, 1.2, exponential))

            slope, moved = four_point(function, theta, i, step)
            scale = np.abs(slope).max()
            np.testing.assert_allclose(score[:, i] / scale, slope / scale, atol=2e-8)
            assert gradient[i] == pytest.approx(slope.sum(), abs=2e-8 * np.abs(slope).sum())
            if i < 5:
                scale = np.abs(moved).max()
                np.testing.assert_allclose(dresid[:, i] / scale, moved / scale, atol=2e-8)

    def test_empty_buffers_change_nothing(self, series, vol, nu):
        theta = np.array([*PARAMETERS[vol], nu])
        args = (series, theta, 1.2, vol == "EGARCH", *constants(nu))
        buffers = np.empty((1500, 6)), np.empty(1500), np.empty((1500, 5))
        total, gradient = garch_scores(*args, *buffers)
        again, same = garch_scores(*args, *NONE)
        assert total == again
        np.testing.assert_array_equal(gradient, same)


@pytest.mark.parametrize("vol", VOLS)
@pytest.mark.parametrize("dist", ["normal", "t"])
class TestFit:
    def test_estimates_and_robust_errors_of_arch(self, series, vol, dist):
        result = GARCH(vol=vol, dist=dist).fit(series[:, None])
        options = {"ftol": 1e-13, "maxiter": 1000}
        fit = arch_model(series, vol, dist).fit(disp="off", options=options)
        assert result.converged
        assert result.loglikelihood.iloc[0] == pytest.approx(fit.loglikelihood, abs=1e-7)
        found = result.params.iloc[0]
        ours = arch_params(found.to_numpy(), vol)
        assert ours[0] == pytest.approx(fit.params.iloc[0], abs=1e-5)
        np.testing.assert_allclose(ours[1:], fit.params.to_numpy()[1:], rtol=1e-5)
        # The estimates are inside: no parameter is on a bound, so arch's sandwich holds.
        assert found["alpha"] > 0.01
        errors = result.std_errors.iloc[0].dropna()
        np.testing.assert_allclose(errors, fit.std_err, rtol=0.01)

    def test_margins_reproduce_their_own_volatility(self, series, vol, dist):
        """`Margin.draw` runs the kernel with ``backcast``: it must give ``volatility`` back."""
        result = GARCH(vol=vol, dist=dist).fit(series[:, None])
        mu, *rest, _ = result.params.iloc[0]
        backcast = result.legs[0].backcast
        h = plain_variance(series - mu, *rest, backcast, vol == "EGARCH")
        np.testing.assert_allclose(np.sqrt(h[:-1]), result.volatility.iloc[:, 0], rtol=1e-10)
        np.testing.assert_allclose(
            (series - mu) / np.sqrt(h[:-1]), result.std_resid.iloc[:, 0], rtol=1e-10
        )


class TestPaths:
    @pytest.mark.parametrize("vol", VOLS)
    def test_path_and_variance_are_one_recursion(self, vol):
        z = np.random.default_rng(0).standard_normal(300)
        out = np.empty(300)
        mu, omega, alpha, gamma, beta = PARAMETERS[vol]
        exponential = vol == "EGARCH"
        garch_path(z, mu, omega, alpha, gamma, beta, 1.3, exponential, out)
        # A backcast that makes the first variance 1.3.
        if exponential:
            backcast = np.exp((np.log(1.3) - omega) / beta)
        else:
            backcast = (1.3 - omega) / (alpha + 0.5 * gamma + beta)
        h = plain_variance(out - mu, omega, alpha, gamma, beta, backcast, exponential)
        assert h[0] == pytest.approx(1.3)
        np.testing.assert_allclose(out, mu + np.sqrt(h[:-1]) * z, rtol=1e-9, atol=1e-12)

    def test_an_explosive_egarch_path_stays_finite(self):
        out = np.empty(4)
        garch_path(np.array([1.0, 900.0, 1.0, -1.0]), 0.0, 0.0, 2.0, 0.0, 0.9, 1.0, True, out)
        assert np.isfinite(out).all()
        assert out[2] == pytest.approx(np.exp(300.0))

    @pytest.mark.parametrize("exponential", [False, True])
    def test_paths_use_each_draws_parameters(self, exponential):
        rng = np.random.default_rng(1)
        z = rng.standard_normal((4, 20))
        draw = np.array([1, 0, 2, 0])
        mu = np.array([0.0, 0.2, -0.1])
        omega = np.array([0.01, 0.03, 0.02])
        alpha, gamma, beta = omega + 0.03, omega * 2, 0.9 - omega
        variance = np.array([1.0, 3.0, 0.4])
        blocks = (mu, omega, alpha, gamma, beta, variance)
        found = garch_paths(z, draw, *blocks, exponential)
        for p, d in enumerate(draw):
            h = variance[d]
            for t in range(20):
                e = np.sqrt(h) * z[p, t]
                assert found[p, t] == pytest.approx(mu[d] + e, rel=1e-10)
                if exponential:
                    news = alpha[d] * (abs(z[p, t]) - np.sqrt(2 / np.pi)) + gamma[d] * z[p, t]
                    h = np.exp(omega[d] + news + beta[d] * np.log(h))
                else:
                    h = omega[d] + (alpha[d] + gamma[d] * (e < 0)) * e**2 + beta[d] * h
