"""The grid filter against full transition matrices and against the sum over all paths."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy.stats import multivariate_normal, multivariate_t

from regimecorr.kernels.density import density_table
from regimecorr.kernels.grid import draw_cell, grid_filter, grid_smoother, sample_backward
from regimecorr.models.grid import local_moves


def log_densities(z, rho, nu):
    out = np.empty((len(z), len(rho)))
    for j, r in enumerate(rho):
        shape = np.array([[1.0, r], [r, 1.0]])
        if np.isinf(nu):
            out[:, j] = multivariate_normal(cov=shape).logpdf(z)
        else:
            out[:, j] = multivariate_t(shape=shape * (nu - 2) / nu, df=nu).logpdf(z)
    return out


def matrix(hazard, prior, up, down):
    """The transition matrix, cell by cell as the module's docstring defines it."""
    size = len(prior)
    P = np.zeros((size, size))
    for j in range(size):
        for k in range(size):
            local = up[j] * (k == j + 1) + down[j] * (k == j - 1) + (1 - up[j] - down[j]) * (k == j)
            P[j, k] = hazard * prior[k] + (1 - hazard) * local
    return P


def chain(size, seed=0, hazard=0.07, moving=True):
    rng = np.random.default_rng(seed)
    rho = np.tanh(np.linspace(-1.5, 1.5, size))
    prior = rng.dirichlet(np.ones(size))
    start = rng.dirichlet(np.ones(size))
    up = rng.uniform(0.0, 0.4, size) * moving
    down = rng.uniform(0.0, 0.4, size) * moving
    up[-1] = down[0] = 0.0
    return rho, start, hazard, prior, up, down


def run(z, nu, c, tail):
    rho, start, hazard, prior, up, down = c
    table, top = density_table(z, rho, nu)
    return grid_filter(z, table, top, rho, nu, start, hazard, prior, up, down, tail)


def forward(z, nu, c):
    """Plain forward algorithm in logs with full matrices."""
    rho, start, hazard, prior, up, down = c
    P = matrix(hazard, prior, up, down)
    dens = log_densities(z, rho, nu)
    state, rows, filtered = start, [], []
    with np.errstate(divide="ignore"):
        for t in range(len(z)):
            ahead = state if t == 0 else state @ P
            joint = np.log(ahead) + dens[t]
            top = joint.max()
            rows.append(top + np.log(np.exp(joint - top).sum()))
            state = np.exp(joint - rows[-1])
            filtered.append(state)
    return np.array(rows), np.array(filtered), P


def backward(filtered, P):
    smooth = [filtered[-1]]
    for t in range(len(filtered) - 2, -1, -1):
        ahead = filtered[t] @ P
        ratio = np.divide(smooth[0], ahead, out=np.zeros_like(ahead), where=ahead > 0)
        smooth.insert(0, filtered[t] * (P @ ratio))
    return np.array(smooth)


def every_path(z, nu, c):
    """Joint probability of every cell path, by brute force."""
    rho, start, hazard, prior, up, down = c
    P = matrix(hazard, prior, up, down)
    dens = np.exp(log_densities(z, rho, nu))
    paths = list(product(range(len(rho)), repeat=len(z)))
    weight = []
    for path in paths:
        w = start[path[0]] * dens[0, path[0]]
        for t in range(1, len(z)):
            w *= P[path[t - 1], path[t]] * dens[t, path[t]]
        weight.append(w)
    return np.array(paths), np.array(weight)


@pytest.mark.parametrize("nu", [4.5, np.inf])
@pytest.mark.parametrize("seed", [0, 1, 2])
class TestAgainstEveryPath:
    def test_likelihood_filter_and_smoother(self, seed, nu):
        z = np.random.default_rng(seed + 10).standard_normal((5, 2)) * 1.3
        c = chain(4, seed)
        paths, weight = every_path(z, nu, c)
        rows, mean, last = run(z, nu, c, len(z))
        assert rows.sum() == pytest.approx(np.log(weight.sum()), rel=1e-10)
        for t in range(len(z)):
            seen = every_path(z[: t + 1], nu, c)
            prob = np.array([seen[1][seen[0][:, t] == k].sum() for k in range(4)]) / seen[1].sum()
            np.testing.assert_allclose(last[t], prob, atol=1e-12)
            assert mean[t] == pytest.approx(prob @ c[0], abs=1e-12)
        smooth = grid_smoother(last, c[0], *c[2:])
        for t in range(len(z)):
            expected = (weight * c[0][paths[:, t]]).sum() / weight.sum()
            assert smooth[t] == pytest.approx(expected, abs=1e-11)

    def test_sampled_paths_have_the_posterior_frequencies(self, seed, nu):
        z = np.random.default_rng(seed + 10).standard_normal((4, 2)) * 1.3
        c = chain(3, seed, hazard=0.2)
        paths, weight = every_path(z, nu, c)
        _, _, last = run(z, nu, c, 4)
        n = 60000
        cells = sample_backward(last, *c[2:], np.random.default_rng(5).random((n, 4)))
        code = cells @ (3 ** np.arange(4))
        expected = np.zeros(81)
        expected[paths @ (3 ** np.arange(4))] = weight / weight.sum()
        found = np.bincount(code, minlength=81) / n
        error = np.sqrt(expected * (1 - expected) / n)
        assert (np.abs(found - expected) < 4.5 * error + 2e-5).all()


class TestAgainstFullMatrices:
    @pytest.mark.parametrize("nu", [5.0, np.inf])
    @pytest.mark.parametrize(("hazard", "moving"), [(0.02, True), (0.0, True), (0.02, False), (0.0, False)])
    def test_long_series(self, nu, hazard, moving):
        z = np.random.default_rng(1).standard_normal((300, 2))
        c = chain(41, 3, hazard, moving)
        rows, filtered, P = forward(z, nu, c)
        found, mean, last = run(z, nu, c, 300)
        np.testing.assert_allclose(P.sum(axis=1), 1.0)
        np.testing.assert_allclose(found, rows, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(last, filtered, atol=1e-10)
        np.testing.assert_allclose(mean, filtered @ c[0], atol=1e-10)
        smooth = backward(filtered, P) @ c[0]
        np.testing.assert_allclose(grid_smoother(last, c[0], *c[2:]), smooth, atol=1e-8)

    def test_the_tail_holds_the_last_rows(self):
        z = np.random.default_rng(1).standard_normal((50, 2))
        c = chain(9, 3)
        np.testing.assert_array_equal(run(z, 5.0, c, 7)[2], run(z, 5.0, c, 50)[2][-7:])

    @pytest.mark.parametrize("nu", [2.5, np.inf])
    def test_sixty_sigma_day_underflows_and_stays_right(self, nu):
        """Cells that fit the day best are all but ruled out before: the mass underflows in plain arithmetic."""
        rng = np.random.default_rng(2)
        z = rng.standard_normal((200, 2)) @ np.linalg.cholesky([[1, 0.95], [0.95, 1]]).T
        z[120] = [60.0, -60.0]
        rho, _, _, _, _, _ = c = chain(31, 4, 0.0)
        c = (rho, c[1], 0.0, c[3], np.zeros(31), np.zeros(31))
        rows, filtered, _ = forward(z, nu, c)
        found, mean, last = run(z, nu, c, 200)
        assert np.isfinite(found).all()
        np.testing.assert_allclose(found, rows, rtol=1e-9, atol=1e-8)
        # Cells once at 1e-300 cannot come back from denormal numbers; the mean agrees where they do not matter.
        np.testing.assert_allclose(mean[:120], (filtered @ rho)[:120], atol=1e-10)
        assert (np.abs(mean) < 1).all()

    def test_sixty_sigma_day_with_jumps(self):
        rng = np.random.default_rng(2)
        z = rng.standard_normal((200, 2)) @ np.linalg.cholesky([[1, 0.95], [0.95, 1]]).T
        z[120] = [60.0, -60.0]
        c = chain(31, 4, 1e-3)
        rows, filtered, P = forward(z, np.inf, c)
        found, mean, last = run(z, np.inf, c, 200)
        np.testing.assert_allclose(found, rows, rtol=1e-9, atol=1e-8)
        np.testing.assert_allclose(last, filtered, atol=1e-9)
        np.testing.assert_allclose(
            grid_smoother(last, c[0], *c[2:]), backward(filtered, P) @ c[0], atol=1e-7
        )


def test_draw_cell_inverts_the_distribution():
    weights = np.array([0.0, 2.0, 0.0, 1.0, 1.0, 0.0])
    u = np.linspace(0, 1, 2001)[:-1]
    picks = np.array([draw_cell(weights, v) for v in u])
    np.testing.assert_allclose(np.bincount(picks, minlength=6) / 2000, weights / 4, atol=1e-3)
    assert draw_cell(weights, 0.9999999999999999) == 4


class TestLocalMoves:
    """Birth-death chain with the drift and variance of an AR(1) step."""

    def test_probabilities(self):
        grid = np.linspace(-2.65, 2.65, 91)
        up, down = local_moves(grid, np.array([0.3]), np.array([0.96]), np.array([0.05]))
        assert (up >= 0).all()
        assert (down >= 0).all()
        assert (up + down <= 1 + 1e-12).all()
        assert up[0, -1] == 0
        assert down[0, 0] == 0

    @pytest.mark.parametrize("half_life", [15.0, 40.0, 100.0, 250.0])
    @pytest.mark.parametrize("spread", [0.1, 0.2, 0.4])
    def test_the_declared_settings_keep_their_stationary_spread(self, half_life, spread):
        """The filter and the simulation of `DriftingCorrelation` must be the same process."""
        from regimecorr.models.drifting import DriftingCorrelation

        z = np.random.default_rng(0).standard_normal((200, 2))
        phi = 0.5 ** (1 / half_life)
        given = {
            "mean": 0.0,
            "phi": phi,
            "sigma": spread * np.sqrt(1 - phi**2),
            "spread": spread,
            "nu": 8.0,
        }
        result = DriftingCorrelation(kind="mean_reverting", margins=None).filter(z, given)
        s, grid = result._settings, result._grid
        P = matrix(0.0, s.prior[0], s.up[0], s.down[0])
        value, vector = np.linalg.eig(P.T)
        stationary = np.real(vector[:, np.argmax(value.real)])
        stationary /= stationary.sum()
        mean = stationary @ grid
        found = np.sqrt(stationary @ (grid - mean) ** 2)
        assert found == pytest.approx(spread, rel=0.05)

    @pytest.mark.parametrize("annual_sd", [0.06, 0.12, 0.24, 0.48, 0.96])
    def test_random_walk_keeps_its_step(self, annual_sd):
        grid = np.linspace(-2.65, 2.65, 91)
        sigma = annual_sd / np.sqrt(252)
        up, down = local_moves(grid, np.zeros(1), np.ones(1), np.array([sigma]))
        step = np.sqrt((up + down)[0, 45]) * (grid[1] - grid[0])
        assert step == pytest.approx(sigma, rel=0.03)
