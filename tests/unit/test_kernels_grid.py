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


def matrix(hazard, prior, up, down, reach=1):
    """The transition matrix, cell by cell as the module's docstring defines it."""
    size = len(prior)
    P = np.zeros((size, size))
    for j in range(size):
        for k in range(size):
            local = (
                up[j] * (k == j + reach)
                + down[j] * (k == j - reach)
                + (1 - up[j] - down[j]) * (k == j)
            )
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
        smooth, _ = grid_smoother(last, c[0], *c[2:])
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
    @pytest.mark.parametrize(
        ("hazard", "moving"), [(0.02, True), (0.0, True), (0.02, False), (0.0, False)]
    )
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
        np.testing.assert_allclose(grid_smoother(last, c[0], *c[2:])[0], smooth, atol=1e-8)

    def test_the_tail_holds_the_last_rows(self):
        z = np.random.default_rng(1).standard_normal((50, 2))
        c = chain(9, 3)
        np.testing.assert_array_equal(run(z, 5.0, c, 7)[2], run(z, 5.0, c, 50)[2][-7:])

    @pytest.mark.parametrize("nu", [2.5, np.inf])
    def test_sixty_sigma_day_underflows_and_stays_right(self, nu):
        """Cells that fit the day best are all but ruled out before: the mass underflows in plain
        arithmetic.
        """
        rng = np.random.default_rng(2)
        z = rng.standard_normal((200, 2)) @ np.linalg.cholesky([[1, 0.95], [0.95, 1]]).T
        z[120] = [60.0, -60.0]
        rho, _, _, _, _, _ = c = chain(31, 4, 0.0)
        c = (rho, c[1], 0.0, c[3], np.zeros(31), np.zeros(31))
        rows, filtered, _ = forward(z, nu, c)
        found, mean, _ = run(z, nu, c, 200)
        assert np.isfinite(found).all()
        np.testing.assert_allclose(found, rows, rtol=1e-9, atol=1e-8)
        # Cells once at 1e-300 cannot come back from denormal numbers; the mean agrees where they
        # do not matter.
        np.testing.assert_allclose(mean[:120], (filtered @ rho)[:120], atol=1e-10)
        assert (np.abs(mean) < 1).all()

    def test_sixty_sigma_day_with_jumps(self):
        rng = np.random.default_rng(2)
        z = rng.standard_normal((200, 2)) @ np.linalg.cholesky([[1, 0.95], [0.95, 1]]).T
        z[120] = [60.0, -60.0]
        c = chain(31, 4, 1e-3)
        rows, filtered, P = forward(z, np.inf, c)
        found, _, last = run(z, np.inf, c, 200)
        np.testing.assert_allclose(found, rows, rtol=1e-9, atol=1e-8)
        np.testing.assert_allclose(last, filtered, atol=1e-9)
        np.testing.assert_allclose(
            grid_smoother(last, c[0], *c[2:])[0], backward(filtered, P) @ c[0], atol=1e-7
        )


def test_draw_cell_inverts_the_distribution():
    weights = np.array([0.0, 2.0, 0.0, 1.0, 1.0, 0.0])
    u = np.linspace(0, 1, 2001)[:-1]
    picks = np.array([draw_cell(weights, v) for v in u])
    np.testing.assert_allclose(np.bincount(picks, minlength=6) / 2000, weights / 4, atol=1e-3)
    assert draw_cell(weights, 0.9999999999999999) == 4


@pytest.mark.parametrize("reach", [2, 3])
class TestReach:
    """Steps of several cells, against full matrices."""

    @staticmethod
    def wide_chain(size, reach, hazard):
        rho, start, _, prior, up, down = chain(size, 5)
        up[size - reach :] = 0.0
        down[:reach] = 0.0
        return rho, start, hazard, prior, up, down

    @pytest.mark.parametrize("hazard", [0.0, 0.03])
    def test_filter_and_smoother(self, reach, hazard):
        z = np.random.default_rng(4).standard_normal((200, 2))
        rho, start, _, prior, up, down = self.wide_chain(31, reach, hazard)
        P = matrix(hazard, prior, up, down, reach)
        np.testing.assert_allclose(P.sum(axis=1), 1.0)
        dens = np.exp(log_densities(z, rho, 6.0))
        filtered, rows, state = [], [], start
        for t in range(200):
            weight = (state if t == 0 else state @ P) * dens[t]
            rows.append(np.log(weight.sum()))
            state = weight / weight.sum()
            filtered.append(state)
        table, top = density_table(z, rho, 6.0)
        moves = (hazard, prior, up, down)
        found, mean, last = grid_filter(z, table, top, rho, 6.0, start, *moves, 200, reach)
        np.testing.assert_allclose(found, rows, atol=1e-9)
        np.testing.assert_allclose(last, filtered, atol=1e-10)
        np.testing.assert_allclose(mean, np.array(filtered) @ rho, atol=1e-10)
        smooth = backward(np.array(filtered), P) @ rho
        np.testing.assert_allclose(grid_smoother(last, rho, *moves, reach)[0], smooth, atol=1e-8)

    def test_backward_sampling(self, reach):
        size, n = 6, 40000
        rho, start, _, prior, up, down = self.wide_chain(size, reach, 0.1)
        P = matrix(0.1, prior, up, down, reach)
        z = np.random.default_rng(4).standard_normal((30, 2))
        table, top = density_table(z, rho, 6.0)
        moves = (0.1, prior, up, down)
        _, _, last = grid_filter(z, table, top, rho, 6.0, start, *moves, 2, reach)
        uniforms = np.random.default_rng(1).random((n, 2))
        cells = sample_backward(last, *moves, uniforms, reach)
        joint = last[0][:, None] * P * (last[1] / (last[0] @ P))[None, :]
        found = np.zeros((size, size))
        np.add.at(found, (cells[:, 0], cells[:, 1]), 1 / n)
        assert (np.abs(found - joint) < 4.5 * np.sqrt(joint * (1 - joint) / n) + 1e-5).all()


class TestLocalMoves:
    """Birth-death chain with the drift and variance of an AR(1) step."""

    GRID = np.linspace(-2.65, 2.65, 91)

    def test_probabilities(self):
        up, down, reach = local_moves(self.GRID, np.array([0.3]), np.array([0.96]), np.array([0.1]))
        assert reach[0] > 1
        assert (up >= 0).all()
        assert (down >= 0).all()
        assert (up + down <= 1 + 1e-12).all()
        assert (up[0, -reach[0] :] == 0).all()
        assert (down[0, : reach[0]] == 0).all()

    @pytest.mark.parametrize("half_life", [15.0, 40.0, 100.0, 250.0])
    @pytest.mark.parametrize("spread", [0.1, 0.2, 0.4])
    def test_the_declared_settings_keep_their_stationary_spread(self, half_life, spread):
        """The filter and the simulation of `DriftingCorrelation` must be the same process."""
        phi = np.array([0.5 ** (1 / half_life)])
        sigma = spread * np.sqrt(1 - phi**2)
        up, down, reach = local_moves(self.GRID, np.zeros(1), phi, sigma)
        P = matrix(0.0, np.zeros(91), up[0], down[0], reach[0])
        # Cells that the steps never join keep their own mass: start from the stationary law.
        law = np.exp(-0.5 * (self.GRID / spread) ** 2)
        law = law / law.sum() @ np.linalg.matrix_power(P, 5000)
        mean = law @ self.GRID
        assert mean == pytest.approx(0.0, abs=1e-6)
        assert np.sqrt(law @ (self.GRID - mean) ** 2) == pytest.approx(spread, rel=0.05)

    @pytest.mark.parametrize("annual_sd", [0.06, 0.12, 0.24, 0.48, 0.96])
    def test_random_walk_keeps_its_step(self, annual_sd):
        sigma = annual_sd / np.sqrt(252)
        up, down, reach = local_moves(self.GRID, np.zeros(1), np.ones(1), np.array([sigma]))
        step = np.sqrt((up + down)[0, 45]) * (self.GRID[1] - self.GRID[0]) * reach[0]
        assert step == pytest.approx(sigma, rel=0.01)
