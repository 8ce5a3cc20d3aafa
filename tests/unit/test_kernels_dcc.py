"""Pair recursion, densities and scores against plain matrices, scipy and numeric derivatives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from scipy.stats import multivariate_normal, multivariate_t

from regimecorr.kernels.dcc import (
    add_pair_scores,
    composite_scores,
    pair_correlation,
    pair_product_derivatives,
    pair_products,
    pair_recursion,
)

ORDERS = [(1, 1), (2, 2), (3, 1), (1, 2), (0, 0)]


def plain_recursion(e, neg, a, b, g, C, Q0, E0, N0):
    """``Q_t = C + sum a e e' + g n n' + sum b Q``, tomorrow's matrix included."""
    Q = []
    for t in range(len(e) + 1):
        now = C + g * (np.outer(neg[t - 1], neg[t - 1]) if t else N0)
        for lag in range(1, len(a) + 1):
            now = now + a[lag - 1] * (np.outer(e[t - lag], e[t - lag]) if t >= lag else E0)
        for lag in range(1, len(b) + 1):
            now = now + b[lag - 1] * (Q[t - lag] if t >= lag else Q0)
        Q.append(now)
    return np.array(Q)


def correlations(Q):
    root = np.sqrt(np.einsum("...ii->...i", Q))
    return Q / (root[..., :, None] * root[..., None, :])


def plain_density(z, R, nu):
    """Log density (n,) of rows with unit variances and correlation matrices R (n, N, N)."""
    if np.isinf(nu):
        return np.array([multivariate_normal(cov=r).logpdf(x) for x, r in zip(z, R, strict=True)])
    rows = zip(z, R * (nu - 2) / nu, strict=True)
    return np.array([multivariate_t(shape=r, df=nu).logpdf(x) for x, r in rows])


def packed(M):
    """Entries ``11, 22, 12``."""
    return M[..., [0, 1, 0], [0, 1, 1]]


def four_point(function, theta, i, step):
    """Derivative with an error of the fourth order in the step."""
    shift = np.eye(theta.size)[i] * step
    near = function(theta + shift) - function(theta - shift)
    far = function(theta + 2 * shift) - function(theta - 2 * shift)
    return (8 * near - far) / (12 * step)


def assert_same_slopes(found, numeric):
    scale = np.abs(numeric).max()
    assert scale > 0
    np.testing.assert_allclose(found / scale, numeric / scale, atol=2e-8)


@dataclass
class Problem:
    """A recursion whose every input depends on the parameters ``a, b[, g], s``.

    ``s`` moves the target. Constants and innovations move linearly with all parameters, which is
    more than any model asks for, so that every derivative that the kernels take is used.
    """

    p: int
    q: int
    asymmetric: bool
    size: int = 2
    n: int = 60
    moving: bool = True

    def __post_init__(self):
        rng = np.random.default_rng(11 + self.p + 7 * self.q + self.size)
        self.z = rng.standard_t(7, (self.n, self.size)) * np.sqrt(5 / 7)
        self.z += 0.5 * self.z[:, :1]
        self.z[self.n // 2] = 6.0 * (-1.0) ** np.arange(self.size)
        self.neg = np.minimum(self.z, 0.0)
        a = [0.05, 0.03, 0.02][: self.p]
        b = [[], [0.88], [0.5, 0.35]][self.q]
        g = [0.04] * self.asymmetric
        self.theta = np.array([*a, *b, *g, 0.0])
        self.k = self.theta.size
        S = np.full((self.size, self.size), 0.35) + 0.65 * np.eye(self.size)
        self.N0 = 0.4 * S + 0.1
        C = (1 - sum(a) - sum(b)) * S - sum(g) * self.N0
        # Q0 and E0 differ from the target and from each other: not to be mistaken for it.
        self.base = np.array([C, 1.1 * S + 0.05, 0.8 * S + 0.1 * np.eye(self.size)])
        slopes = 0.3 * rng.standard_normal((3, self.k, self.size, self.size))
        self.slopes = slopes + slopes.transpose(0, 1, 3, 2)
        # The further directions act through the constants alone.
        self.de = np.empty((self.p + self.q if self.moving else 0, self.n, self.size))
        self.de[:] = 0.3 * self.z * rng.standard_normal(self.de.shape)

    def inputs(self, theta):
        """``e, neg, a, b, g, C, Q0, E0, N0`` at any parameters."""
        moved = theta - self.theta
        e = self.z + np.einsum("k,kti->ti", moved[: len(self.de)], self.de)
        constants = self.base + np.einsum("k,mkij->mij", moved, self.slopes)
        last = self.p + self.q
        g = theta[last] if self.asymmetric else 0.0
        return e, self.neg, theta[: self.p], theta[self.p : last], g, *constants, self.N0

    def path(self, theta):
        return plain_recursion(*self.inputs(theta))

    def kernel_args(self):
        e, neg, a, b, g, C, Q0, E0, N0 = self.inputs(self.theta)
        dC, dQ0, dE0 = self.slopes
        constants = (C, dC, Q0, dQ0, E0, dE0, N0)
        return e, self.de, neg, (a, b, g, self.asymmetric, *constants)


def steps(problem):
    return np.full(problem.k, 2e-4)


@pytest.fixture(params=[(*order, g) for order in ORDERS for g in (False, True)], ids=str)
def problem(request):
    return Problem(*request.param)


def test_products():
    rng = np.random.default_rng(0)
    e, w = rng.standard_normal((2, 9, 4))
    expected = np.column_stack([e[:, 3] ** 2, e[:, 1] ** 2, e[:, 3] * e[:, 1]])
    np.testing.assert_array_equal(pair_products(e, 3, 1), expected)
    slopes = pair_product_derivatives(e, np.array([w, 2 * w]), 3, 1)
    # A product of linear functions is quadratic: its symmetric difference is exact.
    difference = (pair_products(e + w, 3, 1) - pair_products(e - w, 3, 1)) / 2
    np.testing.assert_allclose(slopes, [difference, 2 * difference], atol=1e-13)


class TestRecursion:
    def run(self, problem, n_directions=None):
        e, de, neg, (a, b, g, asymmetric, C, dC, Q0, dQ0, E0, dE0, N0) = problem.kernel_args()
        de, dC, dQ0, dE0 = (block[:n_directions] for block in (de, dC, dQ0, dE0))
        return pair_recursion(
            pair_products(e, 0, 1),
            pair_product_derivatives(e, de, 0, 1),
            pair_products(neg, 0, 1),
            *(a, b, g, asymmetric),
            *(packed(M).copy() for M in (C, dC, Q0, dQ0, E0, dE0, N0)),
        )

    def test_path(self, problem):
        Q, _ = self.run(problem)
        assert Q.shape == (problem.n + 1, 3)
        np.testing.assert_allclose(Q, packed(problem.path(problem.theta)), rtol=1e-12, atol=1e-14)

    def test_derivatives(self, problem):
        _, dQ = self.run(problem)
        for k, step in enumerate(steps(problem)):
            numeric = four_point(lambda v: packed(problem.path(v)), problem.theta, k, step)
            assert_same_slopes(dQ[:, k], numeric)

    @pytest.mark.parametrize("n", [1, 2])
    @pytest.mark.parametrize("order", [(3, 1, True), (2, 2, False)])
    def test_a_sample_shorter_than_the_lags(self, order, n):
        problem = Problem(*order, n=n)
        Q, dQ = self.run(problem)
        np.testing.assert_allclose(Q, packed(problem.path(problem.theta)), rtol=1e-12)
        for k, step in enumerate(steps(problem)):
            numeric = four_point(lambda v: packed(problem.path(v)), problem.theta, k, step)
            assert_same_slopes(dQ[:, k], numeric)

    def test_derivatives_when_the_innovations_are_fixed(self):
        problem = Problem(2, 2, True, moving=False)
        _, dQ = self.run(problem)
        for k, step in enumerate(steps(problem)):
            numeric = four_point(lambda v: packed(problem.path(v)), problem.theta, k, step)
            assert_same_slopes(dQ[:, k], numeric)

    @pytest.mark.parametrize("order", [(2, 2, True), (0, 0, False)])
    def test_no_direction_leaves_the_path_alone(self, order):
        """As when only the path is asked for: every block of derivatives is empty."""
        problem = Problem(*order)
        expected, _ = self.run(problem)
        Q, dQ = self.run(problem, n_directions=0)
        assert dQ.shape == (problem.n + 1, 0, 3)
        np.testing.assert_array_equal(Q, expected)

    def test_the_path_uses_the_past_alone(self):
        """Innovations from row 30 on change Q from row 31 on."""
        problem = Problem(2, 2, True)
        before, _ = self.run(problem)
        problem.z[30:] *= 2.0
        problem.neg[30:] *= 2.0
        after, _ = self.run(problem)
        np.testing.assert_array_equal(before[:31], after[:31])
        assert (before[31:] != after[31:]).all()


def test_correlation_and_its_derivatives():
    rng = np.random.default_rng(4)
    root = rng.standard_normal((20, 2, 2)) + 1.5 * np.eye(2)
    Q = root @ root.transpose(0, 2, 1)
    slopes = rng.standard_normal((3, 20, 2, 2))
    slopes += slopes.transpose(0, 1, 3, 2)
    rho, drho = pair_correlation(packed(Q), packed(slopes).transpose(1, 0, 2).copy())
    np.testing.assert_allclose(rho, correlations(Q)[:, 0, 1], rtol=1e-13)
    for k in range(3):

        def along(v, k=k):
            return correlations(Q + v[0] * slopes[k])[:, 0, 1]

        assert_same_slopes(drho[:, k], four_point(along, np.zeros(1), 0, 1e-5))


@pytest.mark.parametrize("nu", [2.3, 6.0, 80.0, np.inf])
class TestDensity:
    rho = np.tanh(np.linspace(-2.0, 2.0, 41))

    def rows(self, rho, nu):
        z = np.random.default_rng(5).standard_t(5, (40, 2))
        R = np.array([[[1.0, r], [r, 1.0]] for r in rho[:40]])
        return z, plain_density(z, R, nu)

    def test_scores_are_added(self, nu):
        """To what the buffers hold; the correlations may be one row longer than the sample."""
        z, expected = self.rows(self.rho, nu)
        slopes = np.array([np.linspace(-1.0, 1.0, 41), np.ones(41)]).T.copy()
        rows, score = np.full(40, 5.0), np.full((40, 3), 2.0)
        add_pair_scores(pair_products(z, 0, 1), self.rho, slopes, nu, rows, score)
        np.testing.assert_allclose(rows - 5.0, expected, rtol=1e-11, atol=1e-12)

        def by_rho(v):
            return self.rows(self.rho + v[0], nu)[1]

        numeric = four_point(by_rho, np.zeros(1), 0, 1e-5)
        for k in range(2):
            assert_same_slopes(score[:, k] - 2.0, numeric * slopes[:40, k])
        if np.isinf(nu):
            assert (score[:, 2] == 2.0).all()
        else:
            by_nu = four_point(lambda v: self.rows(self.rho, v[0])[1], np.array([nu]), 0, 1e-3)
            assert_same_slopes(score[:, 2] - 2.0, by_nu)


def plain_composite(problem, theta, nu, pairs):
    R = correlations(problem.path(theta)[:-1])
    rows = np.zeros(problem.n)
    for i, j in pairs:
        rows += plain_density(problem.z[:, [i, j]], R[:, [[i], [j]], [i, j]], nu)
    return rows


def assert_composite_scores(problem, nu, pairs):
    """Values against the oracle, derivatives against its four-point differences."""
    e, de, neg, rest = problem.kernel_args()
    rows, score = composite_scores(problem.z, e, de, neg, np.array(pairs), *rest, nu)
    assert score.shape == (problem.n, problem.k + 1)
    expected = plain_composite(problem, problem.theta, nu, pairs)
    np.testing.assert_allclose(rows, expected, rtol=1e-11, atol=1e-12)
    for k, step in enumerate(steps(problem)):
        numeric = four_point(
            lambda v: plain_composite(problem, v, nu, pairs), problem.theta, k, step
        )
        assert_same_slopes(score[:, k], numeric)
    if np.isinf(nu):
        assert (score[:, problem.k] == 0.0).all()
        return
    by_nu = four_point(
        lambda v: plain_composite(problem, problem.theta, v[0], pairs), np.array([nu]), 0, 1e-2
    )
    assert_same_slopes(score[:, problem.k], by_nu)


@pytest.mark.parametrize("nu", [5.0, np.inf])
class TestScores:
    @pytest.mark.parametrize("order", [(1, 1, False), (1, 1, True), (2, 2, True), (0, 0, False)])
    def test_one_pair(self, order, nu):
        assert_composite_scores(Problem(*order, n=40), nu, [(0, 1)])

    def test_pairs_are_summed(self, nu):
        assert_composite_scores(Problem(2, 1, True, size=4, n=24), nu, [(0, 1), (3, 1), (2, 3)])
