"""Simulated correlations follow the recursion, and go on where the filter stops."""

from __future__ import annotations

import numpy as np
import pytest

from regimecorr.kernels.dcc_matrix import recursion, rescale
from regimecorr.kernels.dcc_paths import matrix_paths, pair_paths
from regimecorr.kernels.targeting import corrected_innovations

#: p, q, asymmetric, corrected (cDCC has no asymmetric term)
VARIANTS = [
    (1, 1, False, False),
    (2, 2, False, False),
    (1, 1, True, False),
    (2, 2, True, False),
    (1, 1, False, True),
    (2, 2, False, True),
    (3, 1, True, False),
    (1, 2, False, True),
    (0, 0, False, False),
]
DRAW = np.array([0, 0, 2, 1, 1, 2])
HORIZON = 25

every_variant = pytest.mark.parametrize("variant", VARIANTS, ids=str)


def correlations(Q):
    root = np.sqrt(np.diag(Q))
    return Q / np.outer(root, root)


def plain_path(shocks, a, b, g, corrected, c, x, neg, q):
    """Correlation matrices (n, N, N) and correlated shocks (n, N) of one path."""
    x, q = list(x), list(q)  # the newest first
    R, z = [], []
    for shock in shocks:
        Q = c + g * neg
        Q = Q + sum((w * m for w, m in zip(a, x, strict=True)), np.zeros_like(Q))
        Q = Q + sum((w * m for w, m in zip(b, q, strict=True)), np.zeros_like(Q))
        R.append(correlations(Q))
        z.append(np.linalg.cholesky(R[-1]) @ shock)
        e = z[-1] * np.sqrt(np.diag(Q)) if corrected else z[-1]
        neg = np.outer(np.minimum(z[-1], 0.0), np.minimum(z[-1], 0.0))
        x = [np.outer(e, e), *x][: len(a)]
        q = [Q, *q][: len(b)]
    return np.array(R), np.array(z)


class World:
    """Three draws of parameters and states, no two alike, and the paths' shocks."""

    def __init__(self, variant, size):
        self.p, self.q, self.asymmetric, self.corrected = variant
        rng = np.random.default_rng(2)

        def moments(*shape):
            root = rng.standard_normal((3, *shape, size, size)) + 2.0 * np.eye(size)
            return root @ np.swapaxes(root, -1, -2) / 5.0

        self.shocks = rng.standard_normal((DRAW.size, HORIZON, size))
        self.a = rng.uniform(0.02, 0.08, (3, self.p))
        self.b = rng.uniform(0.3, 0.4, (3, self.q))
        self.g = rng.uniform(0.02, 0.06, 3)
        self.c, self.neg = 0.2 * moments(), moments()
        self.x, self.past_q = moments(self.p), moments(self.q)

    def pair(self):
        blocks = (self.c, self.x, self.neg, self.past_q)
        rows = (np.ascontiguousarray(m[..., [0, 1, 0], [0, 1, 1]]) for m in blocks)
        flags = (self.asymmetric, self.corrected)
        return pair_paths(self.shocks, DRAW, self.a, self.b, self.g, *flags, *rows)

    def matrix(self, keep=True, before=0.0):
        size = self.shocks.shape[2]
        rho = np.full((DRAW.size * keep, HORIZON, size, size), np.nan)
        total = np.full((HORIZON, size, size), before)
        z = matrix_paths(
            *(self.shocks, DRAW, self.a, self.b, self.g, self.asymmetric, self.corrected),
            *(self.c, self.x, self.neg, self.past_q, rho, total),
        )
        return rho, total, z

    def expected(self):
        R, z = [], []
        for shocks, d in zip(self.shocks, DRAW, strict=True):
            state = (self.c[d], self.x[d], self.neg[d], self.past_q[d])
            g = self.g[d] if self.asymmetric else 0.0
            path = plain_path(shocks, self.a[d], self.b[d], g, self.corrected, *state)
            R.append(path[0])
            z.append(path[1])
        return np.array(R), np.array(z)


@every_variant
class TestRecursion:
    def test_pairs(self, variant):
        world = World(variant, 2)
        rho, z = world.pair()
        expected, shocks = world.expected()
        np.testing.assert_allclose(rho, expected[:, :, 0, 1], rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(z, shocks, rtol=1e-10, atol=1e-12)

    @pytest.mark.parametrize("size", [3, 5])
    def test_matrices(self, variant, size):
        world = World(variant, size)
        rho, total, z = world.matrix()
        expected, shocks = world.expected()
        np.testing.assert_allclose(rho, expected, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(z, shocks, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(total, expected.sum(axis=0), rtol=1e-10, atol=1e-12)

    def test_two_assets_are_a_pair(self, variant):
        world = World(variant, 2)
        rho, z = world.pair()
        matrices, _, same = world.matrix()
        np.testing.assert_allclose(matrices[:, :, 0, 1], rho, rtol=1e-12)
        np.testing.assert_allclose(same, z, rtol=1e-11, atol=1e-13)


class TestBuffers:
    def test_total_is_added_to_what_is_there(self):
        world = World((2, 2, True, False), 3)
        rho, total, _ = world.matrix(before=7.0)
        np.testing.assert_allclose(total, 7.0 + rho.sum(axis=0), rtol=1e-13)

    def test_nothing_is_kept_when_rho_has_no_rows(self):
        world = World((2, 2, True, False), 3)
        _, total, z = world.matrix()
        rho, same_total, same_z = world.matrix(keep=False)
        assert rho.shape == (0, HORIZON, 3, 3)
        np.testing.assert_array_equal(total, same_total)
        np.testing.assert_array_equal(z, same_z)

    def test_the_inputs_are_left_alone(self):
        world = World((2, 2, True, True), 2)
        fresh = World((2, 2, True, True), 2)
        world.pair()
        world.matrix()
        for name in ("shocks", "a", "b", "g", "c", "x", "neg", "past_q"):
            np.testing.assert_array_equal(getattr(world, name), getattr(fresh, name))


class TestContinuation:
    """Simulating the rows of the sample's second half from the state at its middle gives the
    filter's path.
    """

    n, half = 120, 70

    def sample(self, variant, size):
        """Residuals, filtered Q, and the arguments that continue the filter at the middle."""
        p, q, asymmetric, corrected = variant
        rng = np.random.default_rng(8)
        z = rng.standard_normal((self.n, size)) + 0.7 * rng.standard_normal((self.n, 1))
        a, b, g = np.array([0.05, 0.03, 0.02][:p]), np.array([0.5, 0.35][:q]), 0.04
        S = np.full((size, size), 0.3) + 0.7 * np.eye(size)
        N0 = 0.5 * S
        C = (1 - a.sum() - b.sum()) * S - g * asymmetric * N0
        e = corrected_innovations(z, a, b, 1.0)[0] if corrected else z
        neg = np.minimum(z, 0.0)
        Q = recursion(e, neg, a, b, g * asymmetric, asymmetric, C, S, S, N0)
        last = range(self.half - 1, -1, -1)
        x = np.array([np.outer(e[t], e[t]) for t in last[:p]]).reshape(1, p, size, size)
        past = np.array([Q[t] for t in last[:q]]).reshape(1, q, size, size)
        low = neg[self.half - 1]
        R = rescale(Q)[self.half : self.n]
        rest = z[self.half :]
        shocks = [
            np.linalg.solve(np.linalg.cholesky(r), row) for r, row in zip(R, rest, strict=True)
        ]
        dynamic = (a[None], b[None], np.array([g]), asymmetric, corrected)
        state = (C[None], x, np.outer(low, low)[None], past)
        return R, rest, (np.array(shocks)[None], np.zeros(1, dtype=int), *dynamic), state

    @every_variant
    def test_pair(self, variant):
        R, rest, args, state = self.sample(variant, 2)
        rows = (np.ascontiguousarray(m[..., [0, 1, 0], [0, 1, 1]]) for m in state)
        rho, z = pair_paths(*args, *rows)
        np.testing.assert_allclose(rho[0], R[:, 0, 1], atol=1e-10)
        np.testing.assert_allclose(z[0], rest, atol=1e-10)

    @every_variant
    def test_matrix(self, variant):
        R, rest, args, state = self.sample(variant, 4)
        rho = np.empty((1, len(rest), 4, 4))
        z = matrix_paths(*args, *state, rho, np.zeros(rho.shape[1:]))
        np.testing.assert_allclose(rho[0], R, atol=1e-10)
        np.testing.assert_allclose(z[0], rest, atol=1e-10)


def test_an_indefinite_correlation_gives_no_numbers():
    """Neither kernel may go on with shocks of no correlation at all."""
    c = np.array([[1.0, 0.9, -0.9], [0.9, 1.0, 0.9], [-0.9, 0.9, 1.0]])[None]
    nothing = np.empty((1, 0))
    z = matrix_paths(
        np.ones((1, 2, 3)),
        np.zeros(1, dtype=np.int64),
        nothing,
        nothing,
        np.zeros(1),
        False,
        False,
        c,
        np.empty((1, 0, 3, 3)),
        np.zeros((1, 3, 3)),
        np.empty((1, 0, 3, 3)),
        np.empty((0, 2, 3, 3)),
        np.zeros((2, 3, 3)),
    )
    assert np.isnan(z).all()
