"""Simulated futures at known parameters against simulators written a second time in plain numpy.

Distributions are compared through the share of paths below the other simulator's quantiles, whose
Monte-Carlo error
is known exactly.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.stats import multivariate_normal, multivariate_t

from regimecorr.models.breaks import BreakCorrelation
from regimecorr.models.constant import ConstantCorrelation
from regimecorr.models.dcc import DCC
from regimecorr.models.drifting import DriftingCorrelation
from regimecorr.models.margins import GARCH
from regimecorr.models.switching import SwitchingCorrelation

T, HORIZON, N = 400, 60, 16000
LEVELS = np.array([0.05, 0.25, 0.5, 0.75, 0.95])


def t_shocks(rng, nu, *shape):
    e = rng.standard_normal((*shape, 2))
    if np.isfinite(nu):
        e *= np.sqrt((nu - 2) / rng.chisquare(nu, shape))[..., None]
    return e


def correlated(e, rho):
    return np.stack([e[..., 0], rho * e[..., 0] + np.sqrt(1 - rho**2) * e[..., 1]], axis=-1)


def fresh(paths, horizon=HORIZON):
    block = paths[:, horizon // 2 : horizon]
    block = block - block.mean(axis=1, keepdims=True)
    cross = (block[..., 0] * block[..., 1]).sum(axis=1)
    return cross / np.sqrt((block[..., 0] ** 2).sum(axis=1) * (block[..., 1] ** 2).sum(axis=1))


def same_law(ours, theirs, slack=0.0):
    """Share of ours below each quantile of theirs; 4.5 standard errors of both samples, plus
    discretisation.
    """
    at = np.quantile(theirs, LEVELS)
    share = (ours[:, None] <= at).mean(axis=0)
    error = np.sqrt(LEVELS * (1 - LEVELS) * (1 / len(ours) + 1 / len(theirs)))
    np.testing.assert_array_less(np.abs(share - LEVELS), 4.5 * error + slack)


def densities(z, rho, nu):
    out = np.empty((len(z), len(rho)))
    for j, r in enumerate(rho):
        shape = np.array([[1.0, r], [r, 1.0]])
        law = (
            multivariate_normal(cov=shape)
            if np.isinf(nu)
            else multivariate_t(shape=shape * (nu - 2) / nu, df=nu)
        )
        out[:, j] = law.pdf(z)
    return out


def filter_matrix(dens, start, P):
    filtered, state = [], start
    for t, row in enumerate(dens):
        state = (state if t == 0 else state @ P) * row
        state = state / state.sum()
        filtered.append(state)
    return np.array(filtered)


def choose(rng, weights):
    """One index per row of weights."""
    cumulative = np.cumsum(weights, axis=1)
    u = rng.random(len(weights)) * cumulative[:, -1]
    return (cumulative < u[:, None]).sum(axis=1)


def backward_paths(rng, filtered, P, rows, n):
    """Joint smoothed draws of the last rows."""
    cells = np.empty((n, rows), dtype=int)
    cells[:, -1] = choose(rng, np.tile(filtered[-1], (n, 1)))
    for k in range(2, rows + 1):
        cells[:, -k] = choose(rng, filtered[-k][None, :] * P.T[cells[:, -k + 1]])
    return cells


@pytest.fixture(scope="module")
def z():
    rng = np.random.default_rng(11)
    rho = np.where(np.arange(T) < 300, 0.6, 0.15)
    return correlated(t_shocks(rng, 6.0, T), rho)


@pytest.fixture
def rng():
    return np.random.default_rng(77)


RECENT = 25


class TestFutures:
    @pytest.mark.parametrize("nu", [5.0, np.inf])
    def test_constant(self, z, rng, nu):
        result = ConstantCorrelation(margins=None).filter(z, {"rho": 0.45, "nu": nu})
        futures = result.simulate(N, HORIZON, 1)
        assert np.allclose(futures.correlation, 0.45)
        assert np.allclose(futures.recent, 0.45)
        same_law(fresh(futures.returns), fresh(correlated(t_shocks(rng, nu, N, HORIZON), 0.45)))

    @pytest.mark.parametrize("nu", [5.0, np.inf])
    def test_dcc(self, z, rng, nu):
        a, b, target = 0.06, 0.9, 0.4
        params = {"a": a, "b": b} | ({"nu": nu} if np.isfinite(nu) else {})
        spec = DCC(dist="t" if np.isfinite(nu) else "normal", margins=None)
        futures = spec.filter(z, params, target=target).simulate(N, HORIZON, 1, recent=RECENT)
        q = np.array([1.0, 1.0, target])
        base, history = np.array([1.0, 1.0, target]), []
        for x, y in z:
            history.append(q[2] / np.sqrt(q[0] * q[1]))
            q = (1 - a - b) * base + a * np.array([x * x, y * y, x * y]) + b * q
        assert np.allclose(futures.recent, np.mean(history[-RECENT:]))
        e, state, out = t_shocks(rng, nu, N, HORIZON), np.tile(q, (N, 1)), np.empty((N, HORIZON, 2))
        for h in range(HORIZON):
            rho = state[:, 2] / np.sqrt(state[:, 0] * state[:, 1])
            out[:, h] = correlated(e[:, h], rho)
            x, y = out[:, h].T
            state = (1 - a - b) * base + a * np.column_stack([x * x, y * y, x * y]) + b * state
        assert np.allclose(futures.correlation[:, 0], q[2] / np.sqrt(q[0] * q[1]))
        same_law(fresh(futures.returns), fresh(out))

    def test_switching(self, z, rng):
        nu, rho, stay = 6.0, np.array([0.0, 0.7]), np.array([0.97, 0.985])
        P = np.array([[stay[0], 1 - stay[0]], [1 - stay[1], stay[1]]])
        params = {"rho_low": 0.0, "rho_high": 0.7, "p_low": stay[0], "p_high": stay[1], "nu": nu}
        result = SwitchingCorrelation(margins=None).filter(z, params)
        futures = result.simulate(N, HORIZON, 1, recent=RECENT)
        start = np.array([1 - stay[1], 1 - stay[0]]) / (2 - stay.sum())
        filtered = filter_matrix(densities(z, rho, nu), start, P)
        np.testing.assert_allclose(result.filtered_probabilities, filtered, atol=1e-10)
        cells = backward_paths(rng, filtered, P, RECENT, N)
        ours = np.bincount(np.rint(futures.recent / 0.7 * RECENT).astype(int), minlength=RECENT + 1)
        theirs = np.bincount(cells.sum(axis=1), minlength=RECENT + 1)
        error = np.sqrt(theirs * (1 - theirs / N) * 2) + 2
        assert (np.abs(ours - theirs) < 4.5 * error).all()
        s, path = cells[:, -1], np.empty((N, HORIZON))
        for h in range(HORIZON):
            s = (rng.random(N) < P[s, 1]).astype(int)
            path[:, h] = rho[s]
        same_law(fresh(futures.returns), fresh(correlated(t_shocks(rng, nu, N, HORIZON), path)))
        # State and future belong to one path: without that, recent and next-day correlation were
        # independent.
        ours = np.corrcoef(futures.recent, futures.correlation[:, 0])[0, 1]
        theirs = np.corrcoef(rho[cells].mean(axis=1), path[:, 0])[0, 1]
        assert ours == pytest.approx(theirs, abs=0.04)

    def test_break(self, z, rng):
        nu, hazard, mean, sd = 6.0, 1 / 80, 0.2, 0.5
        params = {"hazard": hazard, "level_mean": mean, "level_sd": sd, "nu": nu}
        futures = (
            BreakCorrelation(margins=None).filter(z, params).simulate(N, HORIZON, 1, recent=RECENT)
        )
        grid = np.linspace(-2.6, 2.6, 401)
        prior = np.exp(-0.5 * ((grid - mean) / sd) ** 2)
        prior /= prior.sum()
        P = hazard * prior[None, :] + (1 - hazard) * np.eye(grid.size)
        filtered = filter_matrix(densities(z, np.tanh(grid), nu), prior, P)
        cells = backward_paths(rng, filtered, P, RECENT, N)
        same_law(futures.recent, np.tanh(grid[cells]).mean(axis=1), slack=0.005)
        level, path = grid[cells[:, -1]], np.empty((N, HORIZON))
        for h in range(HORIZON):
            new = rng.random(N) < hazard
            level = np.where(new, mean + sd * rng.standard_normal(N), level)
            path[:, h] = np.tanh(level)
        same_law(fresh(futures.returns), fresh(correlated(t_shocks(rng, nu, N, HORIZON), path)))
        same_law(futures.correlation[:, -1], path[:, -1], slack=0.005)

    @pytest.mark.parametrize(
        ("kind", "mean", "phi", "sigma", "spread"),
        [
            ("random_walk", 0.0, 1.0, 0.03, 0.5),
            ("mean_reverting", 0.35, 0.97, 0.04, 0.165),
            # The quickest and widest of the declared settings: half-life 15, spread .4.
            ("mean_reverting", 0.35, 0.5 ** (1 / 15), 0.4 * np.sqrt(1 - 0.5 ** (2 / 15)), 0.4),
        ],
    )
    def test_drifting(self, z, rng, kind, mean, phi, sigma, spread):
        nu = 6.0
        params = {"mean": mean, "phi": phi, "sigma": sigma, "spread": spread, "nu": nu}
        result = DriftingCorrelation(kind=kind, margins=None).filter(z, params)
        futures = result.simulate(N, HORIZON, 1, recent=RECENT)
        grid = np.linspace(-2.65, 2.65, 331)  # exact Gaussian steps, not a birth-death chain
        start = np.exp(-0.5 * ((grid - mean) / spread) ** 2)
        step = grid[None, :] - (mean + phi * (grid[:, None] - mean))
        P = np.exp(-0.5 * (step / sigma) ** 2)
        P /= P.sum(axis=1, keepdims=True)
        filtered = filter_matrix(densities(z, np.tanh(grid), nu), start / start.sum(), P)
        cells = backward_paths(rng, filtered, P, RECENT, N)
        same_law(futures.recent, np.tanh(grid[cells]).mean(axis=1), slack=0.02)
        level, path = grid[cells[:, -1]], np.empty((N, HORIZON))
        for h in range(HORIZON):
            level = mean + phi * (level - mean) + sigma * rng.standard_normal(N)
            path[:, h] = np.tanh(level)
        f = np.arctanh(futures.correlation)
        inside = np.abs(f).max(axis=1) < 2.6  # not held at the limit
        step = (f[:, 1:] - mean - phi * (f[:, :-1] - mean))[inside]
        assert step.std() == pytest.approx(sigma, rel=0.01)
        same_law(futures.correlation[:, 0], path[:, 0], slack=0.02)
        same_law(
            fresh(futures.returns),
            fresh(correlated(t_shocks(rng, nu, N, HORIZON), path)),
            slack=0.01,
        )


class TestThroughMargins:
    def test_dcc_through_garch(self, z, rng):
        """Returns are rebuilt from tomorrow's variances; Pearson correlation of raw returns, not
        of residuals.
        """
        mu, omega = np.array([0.001, -0.0005]), np.array([2e-5, 1e-6])
        alpha, beta = np.array([0.12, 0.05]), np.array([0.85, 0.94])
        returns, h = np.empty((T, 2)), omega / (1 - alpha - beta)
        for t in range(T):
            returns[t] = mu + np.sqrt(h) * z[t]
            h = omega + alpha * (returns[t] - mu) ** 2 + beta * h
        fitted = GARCH().fit(returns)
        nothing = {"free": (), "basis": np.empty((0, 0))}  # estimates without uncertainty
        legs = tuple(dataclasses.replace(leg, **nothing) for leg in fitted.legs)
        fitted = dataclasses.replace(fitted, legs=legs)
        a, b, nu, target = 0.05, 0.9, 6.0, 0.4
        result = DCC(dist="t").filter(
            returns, {"a": a, "b": b, "nu": nu}, margins=fitted, target=target
        )
        futures = result.simulate(N, HORIZON, 1)
        m, w, al, _, be, _ = fitted.params.to_numpy().T
        v = fitted.volatility.to_numpy()[-1] ** 2
        resid = fitted.std_resid.to_numpy()
        v = w + al * (returns[-1] - m) ** 2 + be * v
        base = q = np.array([1.0, 1.0, target])
        for x, y in resid:
            q = (1 - a - b) * base + a * np.array([x * x, y * y, x * y]) + b * q
        e, state = t_shocks(rng, nu, N, HORIZON), np.tile(q, (N, 1))
        variance, out = np.tile(v, (N, 1)), np.empty((N, HORIZON, 2))
        for k in range(HORIZON):
            shocks = correlated(e[:, k], state[:, 2] / np.sqrt(state[:, 0] * state[:, 1]))
            out[:, k] = m + np.sqrt(variance) * shocks
            variance = w + al * (out[:, k] - m) ** 2 + be * variance
            x, y = shocks.T
            state = (1 - a - b) * base + a * np.column_stack([x * x, y * y, x * y]) + b * state
        same_law(fresh(futures.returns), fresh(out))
        for leg in range(2):
            same_law(futures.returns[:, 0, leg], out[:, 0, leg])
            same_law(futures.returns[:, :, leg].sum(axis=1), out[:, :, leg].sum(axis=1))
            same_law(np.abs(futures.returns[:, -1, leg]), np.abs(out[:, -1, leg]))

    def test_margin_draws_spread_tomorrows_variance(self, z):
        returns = 0.01 * z
        fitted = GARCH().fit(returns)
        draws = fitted.draw(400, np.random.default_rng(0))
        for leg, drawn in zip(fitted.legs, draws, strict=True):
            assert np.unique(drawn.omega).size == 400
            persistence = drawn.alpha + drawn.beta
            assert persistence.max() < 1
            assert drawn.variance.min() > 0
            d = 7
            h = leg.backcast * persistence[d] + drawn.omega[d]
            for r in leg.series:
                square = (r - drawn.mu[d]) ** 2
                h = drawn.omega[d] + drawn.alpha[d] * square + drawn.beta[d] * h
            assert drawn.variance[d] == pytest.approx(h, rel=1e-10)


class TestReplicate:
    def test_constant_moments(self, z):
        result = ConstantCorrelation(margins=None).filter(z, {"rho": 0.45, "nu": 8.0})
        r = result.replicate(400, 1, n_obs=500).returns.reshape(-1, 2)
        assert r.mean() == pytest.approx(0.0, abs=0.01)
        np.testing.assert_allclose(np.cov(r.T), [[1, 0.45], [0.45, 1]], atol=0.02)
        kurtosis = (r[:, 0] ** 4).mean()
        assert kurtosis == pytest.approx(3 + 6 / 4, abs=0.5)

    def test_switching_moments(self, z):
        params = {"rho_low": 0.0, "rho_high": 0.7, "p_low": 0.95, "p_high": 0.98, "nu": 8.0}
        result = SwitchingCorrelation(margins=None).filter(z, params)
        f = result.replicate(400, 1, n_obs=500)
        high = f.correlation == 0.7
        assert high.mean() == pytest.approx(0.05 / 0.07, abs=0.015)
        assert high[:, 0].mean() == pytest.approx(0.05 / 0.07, abs=0.1)
        stay = (high[:, 1:] & high[:, :-1]).sum() / high[:, :-1].sum()
        assert stay == pytest.approx(0.98, abs=0.002)
        assert np.corrcoef(f.returns.reshape(-1, 2).T)[0, 1] == pytest.approx(0.5, abs=0.02)

    def test_dcc_starts_at_its_target_and_keeps_it(self, z):
        result = DCC(margins=None).filter(z, {"a": 0.04, "b": 0.93}, target=0.4)
        f = result.replicate(600, 1, n_obs=400)
        assert np.allclose(f.correlation[:, 0], 0.4)
        # E q12 / sqrt(q11 q22) lies a little below the target.
        assert f.correlation.mean() == pytest.approx(0.4, abs=0.015)
        assert np.corrcoef(f.returns.reshape(-1, 2).T)[0, 1] == pytest.approx(0.4, abs=0.015)

    def test_break_levels_and_waiting_times(self, z):
        params = {"hazard": 0.01, "level_mean": 0.3, "level_sd": 0.5, "nu": 8.0}
        f = BreakCorrelation(margins=None).filter(z, params).replicate(1500, 1, n_obs=300)
        level = np.arctanh(f.correlation)
        assert level.mean() == pytest.approx(0.3, abs=0.05)
        assert level[:, 0].std() == pytest.approx(0.5, abs=0.05)
        assert (np.diff(level, axis=1) != 0).mean() == pytest.approx(0.01, abs=0.001)

    def test_through_margins_the_variance_is_the_samples(self, z):
        returns = z * np.array([0.03, 0.012])
        result = ConstantCorrelation().fit(returns)
        f = result.replicate(300, 1)
        assert f.returns.shape == (300, T, 2)
        np.testing.assert_allclose(f.returns.std(axis=(0, 1)), returns.std(axis=0), rtol=0.15)

    def test_constant_levels_come_from_the_posterior(self, z):
        """ "Grid models: drawn from the posterior": as wide as `simulate`'s, not as the prior or
        the grid.
        """
        result = ConstantCorrelation(margins=None).fit(z)
        level = np.arctanh(result.simulate(6000, 1, 1).correlation[:, 0])
        replicated = np.arctanh(result.replicate(6000, 1, n_obs=1).correlation[:, 0])
        assert replicated.mean() == pytest.approx(level.mean(), abs=0.01)
        assert replicated.std() == pytest.approx(level.std(), rel=0.1)

    def test_random_walk_histories_look_like_the_sample(self):
        """On a sample whose correlation stays near .6, posterior replicates must not start
        anywhere.
        """
        rng = np.random.default_rng(5)
        z = correlated(t_shocks(rng, 8.0, 1500), 0.6)
        result = DriftingCorrelation(margins=None).fit(z)
        first = result.replicate(2000, 1, n_obs=1).correlation[:, 0]
        assert np.median(first) == pytest.approx(0.6, abs=0.15)
        assert np.quantile(first, 0.75) - np.quantile(first, 0.25) < 0.35


class TestParameterUncertainty:
    SPECS = {
        "constant": ConstantCorrelation(margins=None),
        "dcc": DCC(dist="t", margins=None),
        "reverting": DriftingCorrelation(kind="mean_reverting", margins=None),
        "switching": SwitchingCorrelation(margins=None),
        "break": BreakCorrelation(margins=None),
        "drift": DriftingCorrelation(margins=None),
    }

    @pytest.mark.parametrize("name", sorted(SPECS))
    @pytest.mark.filterwarnings("ignore::regimecorr.errors.DegenerateRegimeWarning")
    def test_fresh_correlation_varies_more_when_the_sample_is_short(self, name):
        spread = {250: 0.0, 2500: 0.0}
        for seed in range(3):
            z = correlated(t_shocks(np.random.default_rng(seed), 8.0, 2500), 0.4)
            for rows in spread:
                futures = self.SPECS[name].fit(z[-rows:]).simulate(2000, 252, 1)
                spread[rows] += np.arctanh(fresh(futures.returns, 252)).var()
        assert spread[250] > 1.1 * spread[2500]


@pytest.mark.parametrize("name", ["break", "drift", "reverting", "switching", "dcc"])
def test_models_can_change_within_the_horizon(name, z):
    futures = TestParameterUncertainty.SPECS[name].fit(z).simulate(400, 252, 1)
    moved = np.abs(np.diff(futures.correlation, axis=1)).max(axis=1) > 0
    assert moved.mean() > 0.05


class TestUnableToChangeIsRejected:
    @pytest.mark.parametrize(
        "durations", [(np.inf,), (126.0, np.inf), (np.nan,), (1.0,), (0.0,), ()]
    )
    def test_durations(self, durations):
        from regimecorr.errors import ModelError

        with pytest.raises(ModelError):
            BreakCorrelation(expected_durations=durations)

    @pytest.mark.parametrize(
        "options", [{"level_sd": (0.0,)}, {"level_sd": ()}, {"level_sd": (-0.5,)}, {"mean_sd": 0.0}]
    )
    def test_levels(self, options):
        """A break to a level without spread changes nothing."""
        from regimecorr.errors import ModelError

        with pytest.raises(ModelError):
            BreakCorrelation(**options)

    @pytest.mark.parametrize(
        "options",
        [
            {"annual_sd": (0.0,)},
            {"annual_sd": ()},
            {"kind": "mean_reverting", "spreads": (0.0,)},
            {"kind": "mean_reverting", "half_lives": (0.0,)},
            {"kind": "walk"},
            {"level_sd": 0.0},
        ],
    )
    def test_drift(self, options):
        from regimecorr.errors import ModelError

        with pytest.raises(ModelError):
            DriftingCorrelation(**options)
