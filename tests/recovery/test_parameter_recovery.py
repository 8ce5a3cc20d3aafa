"""Parameters recovered from simulated data, log-likelihoods and marginal likelihoods against
second implementations.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy.integrate import dblquad
from scipy.special import logsumexp
from scipy.stats import multivariate_normal, multivariate_t

from regimecorr.models.breaks import BreakCorrelation
from regimecorr.models.constant import ConstantCorrelation
from regimecorr.models.dcc import DCC
from regimecorr.models.drifting import DriftingCorrelation
from regimecorr.models.margins import GARCH
from regimecorr.models.switching import SwitchingCorrelation


def shocks(rng, nu, n):
    e = rng.standard_normal((n, 2))
    return e if np.isinf(nu) else e * np.sqrt((nu - 2) / rng.chisquare(nu, n))[:, None]


def residuals(rho, nu, seed, n=None):
    rng = np.random.default_rng(seed)
    rho = np.asarray(rho, dtype=float)
    e = shocks(rng, nu, n or rho.size)
    return np.column_stack([e[:, 0], rho * e[:, 0] + np.sqrt(1 - rho**2) * e[:, 1]])


def log_law(z, rho, nu):
    """Log density of every row at one correlation, by scipy."""
    shape = np.array([[1.0, rho], [rho, 1.0]])
    if np.isinf(nu):
        return multivariate_normal(cov=shape).logpdf(z)
    return multivariate_t(shape=shape * (nu - 2) / nu, df=nu).logpdf(z)


def regimes(stay, n, seed):
    rng = np.random.default_rng(seed)
    s, out = int(rng.random() < 0.5), []
    for _ in range(n):
        s = s if rng.random() < stay[s] else 1 - s
        out.append(s)
    return np.array(out)


class TestGarch:
    @pytest.mark.parametrize("gamma", [0.0, 0.08])
    def test_parameters(self, gamma):
        rng = np.random.default_rng(1)
        mu, omega, alpha, beta = 5e-4, 2e-6, 0.06, 0.9 - gamma / 2
        z = shocks(rng, 7.0, 6000)
        returns, h = np.empty((6000, 2)), np.full(2, 1e-4)
        for t in range(6000):
            e = np.sqrt(h) * z[t]
            returns[t] = mu + e
            h = omega + (alpha + gamma * (e < 0)) * e**2 + beta * h
        result = GARCH(vol="GJR" if gamma else "GARCH", dist="t").fit(returns)
        names = ["mu", "omega", "alpha", "gamma", "beta"]
        errors = result.std_errors[names].fillna(0.0).to_numpy()
        truth = np.array([mu, omega, alpha, gamma, beta])
        found = result.params[names].to_numpy()
        assert (np.abs(found - truth) <= 4.5 * errors + 1e-12).all()
        assert (errors[:, [0, 2, 4]] > 0).all()
        np.testing.assert_allclose(found[:, 2], alpha, atol=0.03)
        np.testing.assert_allclose(found[:, 4], beta, atol=0.05)
        np.testing.assert_allclose(result.params["nu"], 7.0, atol=2.5)
        np.testing.assert_allclose(result.std_resid.std(), 1.0, atol=0.03)

    def test_joint_loglikelihood_is_that_of_the_returns(self):
        rng = np.random.default_rng(2)
        returns = residuals(np.full(600, 0.4), 6.0, 3) * np.array([0.02, 0.01])
        del rng
        fitted = GARCH().fit(returns)
        result = DCC(dist="t").fit(returns, margins=fitted)
        nu, vol = result.params["nu"], fitted.volatility.to_numpy()
        total = 0.0
        for t in range(600):
            r = result.filtered.iloc[t]
            d = np.diag(vol[t])
            cov = d @ np.array([[1, r], [r, 1]]) @ d
            law = multivariate_t(fitted.params["mu"].to_numpy(), cov * (nu - 2) / nu, df=nu)
            total += law.logpdf(returns[t])
        assert result.loglikelihood == pytest.approx(total, rel=1e-9)


class TestConstant:
    def test_recovery(self):
        result = ConstantCorrelation(margins=None).fit(residuals(np.full(4000, 0.5), 6.0, 0))
        assert result.params["rho"] == pytest.approx(0.5, abs=4.5 * 0.75 / np.sqrt(4000) * 1.2)
        assert result.params["nu"] == pytest.approx(6.0, abs=1.5)
        posterior = np.arctanh(result.simulate(4000, 1, 1).correlation[:, 0])
        # Information of a t5..t8 pair on Fisher z: (nu + 2) / (nu + 4) a row.
        assert posterior.std() == pytest.approx(np.sqrt(10 / 8 / 4000), rel=0.1)

    def test_filter_loglikelihood(self):
        z = residuals(np.full(300, 0.3), 6.0, 1)
        result = ConstantCorrelation(margins=None).filter(z, {"rho": 0.3, "nu": 5.0})
        assert result.loglikelihood == pytest.approx(log_law(z, 0.3, 5.0).sum(), rel=1e-10)
        assert result.score == result.loglikelihood

    @pytest.mark.parametrize(("rho", "nu"), [(0.2, 6.0), (-0.7, 4.0), (0.9, 12.0)])
    def test_marginal_likelihood_against_quadrature(self, rho, nu):
        """N(0, .5^2) on Fisher z, log-uniform nu on (2.2, 100), integrated by scipy."""
        z = residuals(np.full(250, rho), nu, 7)
        result = ConstantCorrelation(margins=None).fit(z)
        square, cross = (z**2).sum(axis=1), z[:, 0] * z[:, 1]

        def loglik(f, v):
            one = 1 - np.tanh(f) ** 2
            form = (square - 2 * np.tanh(f) * cross) / one
            head = np.log(v / 2) - np.log(np.pi * (v - 2)) - 0.5 * np.log(one)
            return (head - 0.5 * (v + 2) * np.log1p(form / (v - 2))).sum()

        check = log_law(z, np.tanh(0.4), 5.0).sum()
        assert loglik(0.4, 5.0) == pytest.approx(check, rel=1e-11)
        top = result.score

        def joint(f, u):
            prior = np.exp(-0.5 * (f / 0.5) ** 2) / (0.5 * np.sqrt(2 * np.pi))
            return np.exp(loglik(f, np.exp(u)) - top) * prior / np.log(100 / 2.2)

        centre = np.arctanh(rho)
        value, _ = dblquad(
            joint, np.log(2.2), np.log(100), centre - 0.8, centre + 0.8, epsabs=1e-4, epsrel=1e-4
        )
        assert result.score == pytest.approx(top + np.log(value), abs=0.1)

    def test_filtered_path_knows_nothing_of_later_rows(self):
        """At t the posterior mean given returns to t; the grid must not leak the answer."""
        z = residuals(np.full(2000, 0.6), np.inf, 3)
        result = ConstantCorrelation(dist="normal", margins=None).fit(z)
        grid = np.linspace(-3, 3, 2401)
        logs = -0.5 * (grid / 0.5) ** 2
        rho = np.tanh(grid)
        for t in range(40):
            form = (z[t] @ z[t] - 2 * rho * z[t, 0] * z[t, 1]) / (1 - rho**2)
            logs = logs - 0.5 * np.log(1 - rho**2) - 0.5 * form
            weight = np.exp(logs - logs.max())
            if t in (0, 5, 39):
                expected = (weight @ rho) / weight.sum()
                assert result.filtered.iloc[t] == pytest.approx(expected, abs=0.02)


class TestDcc:
    def test_recovery(self):
        rng = np.random.default_rng(0)
        e = shocks(rng, 8.0, 6000)
        a, b, target = 0.05, 0.92, 0.4
        base = q = np.array([1.0, 1.0, target])
        z = np.empty((6000, 2))
        for t in range(6000):
            r = q[2] / np.sqrt(q[0] * q[1])
            z[t] = e[t, 0], r * e[t, 0] + np.sqrt(1 - r * r) * e[t, 1]
            q = (1 - a - b) * base + a * np.array([*(z[t] ** 2), z[t, 0] * z[t, 1]]) + b * q
        result = DCC(dist="t", margins=None).fit(z)
        assert result.converged
        error = result.std_errors
        assert abs(result.params["a"] - a) < 4.5 * error["a"] < 0.06
        assert abs(result.params["b"] - b) < 4.5 * error["b"] < 0.12
        assert result.params["nu"] == pytest.approx(8.0, abs=1.5)
        assert result.target.iloc[0, 1] == pytest.approx(target, abs=0.08)
        rows = [
            log_law(row, r, result.params["nu"]) for row, r in zip(z, result.filtered, strict=True)
        ]
        assert result.correlation_loglikelihood == pytest.approx(np.sum(rows), rel=1e-10)
        assert result.score == pytest.approx(np.sum(rows) - 2.0 * np.log(6000), rel=1e-10)

    def test_no_dynamics(self):
        result = DCC(margins=None).fit(residuals(np.full(2500, 0.5), np.inf, 5))
        assert result.filtered.std() < 0.05


class TestSwitching:
    @pytest.mark.parametrize(
        ("stay", "rho", "n"), [((0.9, 0.9), (0.0, 0.85), 5000), ((0.99, 0.99), (0.0, 0.6), 4000)]
    )
    def test_recovery(self, stay, rho, n):
        s = regimes(stay, n, 1)
        z = residuals(np.array(rho)[s], 8.0, 2)
        result = SwitchingCorrelation(margins=None).fit(z)
        assert result.converged
        assert result.params["rho_low"] == pytest.approx(rho[0], abs=0.1)
        assert result.params["rho_high"] == pytest.approx(rho[1], abs=0.07)
        for key, p in zip(("p_low", "p_high"), stay, strict=True):
            assert 1 - result.params[key] == pytest.approx(1 - p, rel=0.5)
        if stay[0] > 0.95:
            right = (result.smoothed_probabilities["high"] > 0.5) == (s == 1)
            assert right.mean() > 0.9
        np.testing.assert_allclose(result.filtered_probabilities.sum(axis=1), 1.0, atol=1e-10)

    def test_filter_loglikelihood_by_forward_algorithm(self):
        z = residuals(np.full(300, 0.3), 6.0, 1)
        params = {"rho_low": 0.1, "rho_high": 0.6, "p_low": 0.97, "p_high": 0.95, "nu": 5.0}
        result = SwitchingCorrelation(margins=None).filter(z, params)
        P = np.array([[0.97, 0.03], [0.05, 0.95]])
        dens = np.column_stack([log_law(z, 0.1, 5.0), log_law(z, 0.6, 5.0)])
        logs = np.log([0.05 / 0.08, 0.03 / 0.08]) + dens[0]
        for row in dens[1:]:
            logs = logsumexp(logs[:, None] + np.log(P), axis=0) + row
        assert result.loglikelihood == pytest.approx(logsumexp(logs), rel=1e-11)

    def test_the_fit_beats_the_truth(self):
        s = regimes((0.98, 0.98), 3000, 4)
        z = residuals(np.array([0.0, 0.7])[s], 8.0, 5)
        fit = SwitchingCorrelation(margins=None).fit(z)
        truth = {"rho_low": 0.0, "rho_high": 0.7, "p_low": 0.98, "p_high": 0.98, "nu": 8.0}
        known = SwitchingCorrelation(margins=None).filter(z, truth)
        assert known.loglikelihood < fit.loglikelihood < known.loglikelihood + 15
        assert fit.score == pytest.approx(fit.correlation_loglikelihood - 2.5 * np.log(3000))


class TestBreak:
    def test_filtered_level_after_a_break_and_hazard(self):
        z = residuals(np.where(np.arange(1500) < 1000, 0.7, 0.0), 8.0, 3)
        result = BreakCorrelation(margins=None).fit(z)
        assert result.filtered.iloc[990] == pytest.approx(0.7, abs=0.08)
        assert result.filtered.iloc[-1] == pytest.approx(0.0, abs=0.12)
        assert result.filtered.iloc[1250] == pytest.approx(0.0, abs=0.2)
        # The smoothed path knows the date to within weeks.
        assert result.smoothed.iloc[960] > 0.6
        assert result.smoothed.iloc[1040] < 0.2
        by_hazard = result.settings.groupby("hazard")["posterior"].sum()
        assert by_hazard[by_hazard.index < 1 / 400].sum() > 0.5

    def test_hazard_of_frequent_breaks(self):
        rng = np.random.default_rng(8)
        level, rho = 0.3, []
        for _ in range(4000):
            if rng.random() < 1 / 126:
                level = np.tanh(rng.normal(0.3, 0.5))
            rho.append(level)
        result = BreakCorrelation(margins=None).fit(residuals(np.array(rho), 8.0, 9))
        by_hazard = result.settings.groupby("hazard")["posterior"].sum()
        assert by_hazard[by_hazard.index > 1 / 400].sum() > 0.9

    def test_filter_loglikelihood_by_full_matrices(self):
        z = residuals(np.full(220, 0.4), 6.0, 2)
        params = {"hazard": 0.02, "level_mean": 0.3, "level_sd": 0.4, "nu": 6.0}
        result = BreakCorrelation(margins=None).filter(z, params)
        grid = np.linspace(-2.6, 2.6, 601)
        prior = np.exp(-0.5 * ((grid - 0.3) / 0.4) ** 2)
        prior /= prior.sum()
        dens = np.column_stack([log_law(z, np.tanh(g), 6.0) for g in grid])
        state, total = prior, 0.0
        for t in range(220):
            ahead = state if t == 0 else 0.98 * state + 0.02 * prior
            joint = np.log(ahead) + dens[t]
            total += logsumexp(joint)
            state = np.exp(joint - logsumexp(joint))
        assert result.loglikelihood == pytest.approx(total, abs=1e-3)

    @pytest.mark.parametrize("rho", [0.3, 0.93])
    def test_marginal_likelihood_by_a_fine_grid_of_means(self, rho):
        """The prior N(0, .4^2) of the mean level, integrated over all of it and not near the
        estimate only.
        """
        z = residuals(np.full(750, rho), 6.0, 5)
        spec = BreakCorrelation(margins=None)
        result = spec.fit(z)
        durations, sds = (126.0, 252.0, 504.0, 1008.0, 2016.0, 4032.0), (0.25, 0.5)
        means = np.arange(-1.2, 1.81, 0.15)
        log_nodes = np.log(result._nodes)
        logs = []
        for d, s, m in product(durations, sds, means):
            known = [
                spec.filter(
                    z, {"hazard": 1 / d, "level_mean": m, "level_sd": s, "nu": nu}
                ).loglikelihood
                for nu in result._nodes
            ]
            # The same nodes of nu: only the integral over the mean is in question.
            step = np.diff(log_nodes).mean() / np.log(100 / 2.2)
            prior = np.log(0.15 / (0.4 * np.sqrt(2 * np.pi))) - 0.5 * (m / 0.4) ** 2 - np.log(12)
            logs.append(logsumexp(known) + np.log(step) + prior)
        assert result.score == pytest.approx(logsumexp(logs), abs=0.3)


class TestDrifting:
    def test_random_walk(self):
        rng = np.random.default_rng(3)
        f = np.clip(0.4 + np.cumsum(0.48 / np.sqrt(252) * rng.standard_normal(3000)), -1.5, 1.5)
        result = DriftingCorrelation(margins=None).fit(residuals(np.tanh(f), 8.0, 4))
        posterior = result.settings.set_index("sigma")["posterior"]
        assert posterior[posterior.index > 0.2 / np.sqrt(252)].sum() > 0.9
        assert np.corrcoef(result.smoothed, np.tanh(f))[0, 1] > 0.85
        assert ((result.smoothed - np.tanh(f)) ** 2).mean() < (
            (result.filtered - np.tanh(f)) ** 2
        ).mean()

    def test_mean_reverting(self):
        rng = np.random.default_rng(5)
        phi, spread = 0.5 ** (1 / 100), 0.4
        f, out = 0.4, []
        for e in rng.standard_normal(4000):
            f = 0.4 + phi * (f - 0.4) + spread * np.sqrt(1 - phi**2) * e
            out.append(f)
        result = DriftingCorrelation(kind="mean_reverting", margins=None).fit(
            residuals(np.tanh(out), 8.0, 6)
        )
        table = result.settings
        assert table.loc[table["spread"] == 0.4, "posterior"].sum() > 0.8
        assert result.params["mean"] == pytest.approx(0.4, abs=0.2)

    @pytest.mark.parametrize("half_life", [15.0, 40.0, 100.0])
    @pytest.mark.parametrize("spread", [0.1, 0.4])
    def test_filter_loglikelihood_by_exact_gaussian_steps(self, half_life, spread):
        phi = 0.5 ** (1 / half_life)
        sigma = spread * np.sqrt(1 - phi**2)
        rng = np.random.default_rng(1)
        f, path = 0.4, []
        for e in rng.standard_normal(800):
            f = 0.4 + phi * (f - 0.4) + sigma * e
            path.append(f)
        z = residuals(np.tanh(path), 6.0, 2)
        params = {"mean": 0.4, "phi": phi, "sigma": sigma, "spread": spread, "nu": 6.0}
        result = DriftingCorrelation(kind="mean_reverting", margins=None).filter(z, params)
        grid = np.linspace(-2.65, 2.65, 531)
        start = np.exp(-0.5 * ((grid - 0.4) / spread) ** 2)
        P = np.exp(-0.5 * ((grid[None, :] - 0.4 - phi * (grid[:, None] - 0.4)) / sigma) ** 2)
        P /= P.sum(axis=1, keepdims=True)
        dens = np.column_stack([log_law(z, np.tanh(g), 6.0) for g in grid])
        state, total = start / start.sum(), 0.0
        for t in range(len(z)):
            weight = (state if t == 0 else state @ P) * np.exp(dens[t] - dens[t].max())
            total += np.log(weight.sum()) + dens[t].max()
            state = weight / weight.sum()
        assert result.loglikelihood == pytest.approx(total, abs=0.3)

    @pytest.mark.slow
    def test_marginal_likelihood_by_a_fine_grid_of_means(self):
        """Five nodes of the mean, .12 apart with one on the estimate, overstate it."""
        z = residuals(np.full(4000, 0.5), 6.0, 5)
        spec = DriftingCorrelation(kind="mean_reverting", margins=None)
        result = spec.fit(z)
        nu = result._nodes
        logs = []
        means = np.arctanh(0.5) + np.arange(-0.6, 0.601, 0.015)
        for h, s, m in product((15.0, 40.0, 100.0, 250.0), (0.1, 0.2, 0.4), means):
            phi = 0.5 ** (1 / h)
            known = [
                spec.filter(
                    z,
                    {"mean": m, "phi": phi, "sigma": s * np.sqrt(1 - phi**2), "spread": s, "nu": v},
                ).loglikelihood
                for v in nu
            ]
            prior = np.log(0.015 / (0.5 * np.sqrt(2 * np.pi))) - 0.5 * (m / 0.5) ** 2 - np.log(12)
            logs.append(
                logsumexp(known) + np.log(np.diff(np.log(nu)).mean() / np.log(100 / 2.2)) + prior
            )
        assert result.score == pytest.approx(logsumexp(logs), abs=0.3)
