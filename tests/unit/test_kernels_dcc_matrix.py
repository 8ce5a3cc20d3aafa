"""Matrix recursion, likelihood, scores and adjoint against numpy, scipy and differences."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import digamma, gammaln
from scipy.stats import multivariate_normal, multivariate_t

from regimecorr.kernels.dcc import composite_scores
from regimecorr.kernels.dcc_matrix import (
    adjoint,
    cholesky_upper,
    full_rows,
    full_scores,
    inverse_from_cholesky,
    next_q,
    recursion,
    rescale,
    row_density,
    slope_by_q,
    solve_cholesky,
)


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


def plain_density(z, Q, nu):
    """Log density (n,) of rows with unit variances and the correlations of Q (n, N, N)."""
    R = correlations(Q)
    if np.isinf(nu):
        return np.array([multivariate_normal(cov=r).logpdf(x) for x, r in zip(z, R, strict=True)])
    rows = zip(z, R * (nu - 2) / nu, strict=True)
    return np.array([multivariate_t(shape=r, df=nu).logpdf(x) for x, r in rows])


def constants(size, nu):
    """Logarithm of the density's normalising constant, and its derivative by nu."""
    if np.isinf(nu):
        return -0.5 * size * np.log(2 * np.pi), 0.0
    half = 0.5 * (nu + size)
    value = gammaln(half) - gammaln(nu / 2) - 0.5 * size * np.log(np.pi * (nu - 2))
    return value, 0.5 * digamma(half) - 0.5 * digamma(nu / 2) - 0.5 * size / (nu - 2)


def four_point(function, at, direction, step):
    """Derivative along a direction, with an error of the fourth order in the step."""
    shift = step * direction
    near = function(at + shift) - function(at - shift)
    far = function(at + 2 * shift) - function(at - 2 * shift)
    return (8 * near - far) / (12 * step)


def assert_same_slopes(found, numeric):
    scale = np.abs(numeric).max()
    assert scale > 0
    np.testing.assert_allclose(found / scale, numeric / scale, atol=2e-8)


class Problem:
    """A recursion whose constants and innovations move linearly with ``a, b[, g], s``."""

    def __init__(self, p, q, asymmetric, size=4, n=30):
        rng = np.random.default_rng(3 + p + 5 * q)
        self.p, self.q, self.asymmetric = p, q, asymmetric
        self.z = rng.standard_normal((n, size)) + 0.6 * rng.standard_normal((n, 1))
        self.z[n // 2] *= 4.0
        # Independent of z: the kernels may not read one in the place of another.
        self.e = self.z * np.exp(0.1 * rng.standard_normal((n, size)))
        self.neg = np.minimum(self.z, 0.0) - 0.05
        a = [0.06, 0.04, 0.02][:p]
        b = [[], [0.85], [0.5, 0.3]][q]
        g = [0.03] * asymmetric
        self.theta = np.array([*a, *b, *g, 0.0])
        S = correlations(np.cov(rng.standard_normal((size, 40)) + rng.standard_normal(40)))
        self.N0 = 0.4 * S + 0.05
        C = (1 - sum(a) - sum(b)) * S - sum(g) * self.N0
        self.base = np.array([C, 1.1 * S + 0.05, 0.8 * S + 0.1 * np.eye(size)])
        slopes = 0.2 * rng.standard_normal((3, self.theta.size, size, size))
        self.slopes = slopes + slopes.transpose(0, 1, 3, 2)
        self.de = 0.3 * self.e * rng.standard_normal((p + q, n, size))

    def inputs(self, theta):
        """``e, neg, a, b, g, C, Q0, E0, N0`` at any parameters."""
        moved = theta - self.theta
        e = self.e + np.einsum("k,kti->ti", moved[: len(self.de)], self.de)
        constants = self.base + np.einsum("k,mkij->mij", moved, self.slopes)
        last = self.p + self.q
        g = theta[last] if self.asymmetric else 0.0
        return e, self.neg, theta[: self.p], theta[self.p : last], g, *constants, self.N0

    def rows(self, theta, nu):
        return plain_density(self.z, plain_recursion(*self.inputs(theta))[:-1], nu)

    def score_args(self):
        e, neg, a, b, g, C, Q0, E0, N0 = self.inputs(self.theta)
        dC, dQ0, dE0 = self.slopes
        return e, self.de, neg, a, b, g, self.asymmetric, C, dC, Q0, dQ0, E0, dE0, N0


def positive(size, seed=0):
    root = np.random.default_rng(seed).standard_normal((size, size + 3))
    return root @ root.T / size


@pytest.mark.parametrize("size", [1, 2, 7])
class TestCholesky:
    def test_factor(self, size):
        A = positive(size)
        U = np.zeros((size, size))
        assert cholesky_upper(A, U)
        np.testing.assert_allclose(U, np.linalg.cholesky(A).T, rtol=1e-11)

    def test_inverse(self, size):
        A = positive(size)
        V, out = np.full((2, size, size), np.nan)
        inverse_from_cholesky(np.linalg.cholesky(A).T.copy(), V, out)
        np.testing.assert_allclose(out, np.linalg.inv(A), rtol=1e-9, atol=1e-12)
        np.testing.assert_array_equal(out, out.T)
        lower = np.linalg.inv(np.linalg.cholesky(A))
        np.testing.assert_allclose(np.tril(V), np.tril(lower), rtol=1e-9, atol=1e-12)

    def test_solve(self, size):
        A = positive(size)
        rhs, out = np.linspace(-1.0, 2.0, size), np.full(size, np.nan)
        solve_cholesky(np.linalg.cholesky(A).T.copy(), rhs, out)
        np.testing.assert_allclose(out, np.linalg.solve(A, rhs), rtol=1e-9, atol=1e-12)

    @pytest.mark.parametrize("lowest", [-1e-3, 0.0, np.nan])
    def test_no_factor_unless_positive(self, size, lowest):
        A = np.diag(np.r_[np.ones(size - 1), lowest])
        assert not cholesky_upper(A, np.zeros((size, size)))


@pytest.mark.parametrize("order", [(1, 1, False), (2, 2, True), (3, 1, True), (0, 0, False)])
class TestRecursion:
    def test_path(self, order):
        problem = Problem(*order)
        e, neg, a, b, g, *constants = problem.inputs(problem.theta)
        Q = recursion(e, neg, a, b, g, problem.asymmetric, *constants)
        expected = plain_recursion(e, neg, a, b, g, *constants)
        assert Q.shape == (31, 4, 4)
        np.testing.assert_allclose(Q, expected, rtol=1e-12, atol=1e-14)

    def test_one_row(self, order):
        """Row 5 follows from the rows before it and leaves all others alone."""
        problem = Problem(*order)
        e, neg, a, b, g, *constants = problem.inputs(problem.theta)
        expected = plain_recursion(e, neg, a, b, g, *constants)
        Q = expected.copy()
        Q[5:] = np.nan
        next_q(5, e, neg, a, b, g, problem.asymmetric, *constants, Q)
        np.testing.assert_allclose(Q[:6], expected[:6], rtol=1e-12, atol=1e-14)
        assert np.isnan(Q[6:]).all()


def test_rescale():
    Q = np.array([positive(5, seed) for seed in range(6)])
    R = rescale(Q)
    np.testing.assert_allclose(R, correlations(Q), rtol=1e-13)
    assert (np.einsum("tii->ti", R) == 1.0).all()


@pytest.mark.parametrize("nu", [4.5, np.inf])
class TestDensity:
    def test_rows(self, nu):
        Q = np.array([positive(4, seed) for seed in range(20)])
        z = np.random.default_rng(1).standard_normal((20, 4)) * 2
        found = full_rows(z, Q, nu, constants(4, nu)[0])
        np.testing.assert_allclose(found, plain_density(z, Q, nu), rtol=1e-11)

    def test_row_and_its_slopes(self, nu):
        Q, z = positive(4, 9), np.array([0.5, -2.0, 1.0, 0.1])
        const, dconst = constants(4, nu)
        U, V, slope = np.zeros((3, 4, 4))
        u, x = np.empty((2, 4))
        value, by_nu, weight = row_density(z, Q, nu, const, dconst, U, u, x)
        assert value == pytest.approx(plain_density(z[None], Q[None], nu)[0], rel=1e-12)
        np.testing.assert_allclose(u, z * np.sqrt(np.diag(Q)), rtol=1e-13)
        np.testing.assert_allclose(x, np.linalg.solve(Q, u), rtol=1e-10)
        if np.isfinite(nu):
            numeric = four_point(
                lambda v: plain_density(z[None], Q[None], v)[0], nu, np.float64(1.0), 1e-3
            )
            assert by_nu == pytest.approx(numeric, rel=1e-8)
        else:
            assert (by_nu, weight) == (0.0, 1.0)
        slope_by_q(z, Q, weight, U, u, x, V, slope)
        np.testing.assert_allclose(slope, slope.T, rtol=1e-9, atol=1e-12)
        assert_same_slopes(
            slope + slope.T,
            symmetric_slopes(lambda M: plain_density(z[None], M[None], nu)[0], Q),
        )


def symmetric_slopes(function, M):
    """Numeric derivatives along ``E_ij + E_ji``, the sum of the two entries' derivatives."""
    out = np.empty(M.shape)
    for i, j in np.ndindex(M.shape):
        unit = np.zeros(M.shape)
        unit[i, j] += 1.0
        unit[j, i] += 1.0
        out[i, j] = four_point(function, M, unit, 2e-4)
    return out


@pytest.mark.parametrize("nu", [5.0, np.inf])
class TestScores:
    @pytest.mark.parametrize("order", [(1, 1, False), (2, 2, True), (1, 2, True), (3, 0, False)])
    def test_values_and_derivatives(self, order, nu):
        problem = Problem(*order, n=20)
        rows, score = full_scores(problem.z, *problem.score_args(), nu, *constants(4, nu))
        np.testing.assert_allclose(rows, problem.rows(problem.theta, nu), rtol=1e-11)
        for k, unit in enumerate(np.eye(problem.theta.size)):
            numeric = four_point(lambda v: problem.rows(v, nu), problem.theta, unit, 2e-4)
            assert_same_slopes(score[:, k], numeric)
        if np.isinf(nu):
            assert (score[:, -1] == 0.0).all()
        else:
            one = np.float64(1.0)
            by_nu = four_point(lambda v: problem.rows(problem.theta, v), nu, one, 1e-2)
            assert_same_slopes(score[:, -1], by_nu)

    def test_two_assets_are_a_pair(self, nu):
        problem = Problem(2, 2, True, size=2)
        args = problem.score_args()
        rows, score = full_scores(problem.z, *args, nu, *constants(2, nu))
        e, de, neg, *rest = args
        pairs = np.array([[0, 1]])
        composite = composite_scores(problem.z, e, de, neg, pairs, *rest, nu)
        np.testing.assert_allclose(rows, composite[0], rtol=1e-12)
        np.testing.assert_allclose(score, composite[1], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("nu", [5.0, np.inf])
class TestAdjoint:
    names = ("z", "e", "neg", "C", "Q0", "E0", "N0")

    def parts(self, order, nu):
        """Inputs by name, the log-likelihood as their function, and the kernel's answer."""
        problem = Problem(*order, size=3, n=12)
        e, neg, a, b, g, *constants_ = problem.inputs(problem.theta)
        inputs = dict(zip(self.names, (problem.z, e, neg, *constants_), strict=True))

        def total(**changed):
            z, e, neg, C, Q0, E0, N0 = (changed.get(name, inputs[name]) for name in self.names)
            Q = plain_recursion(e, neg, a, b, g, C, Q0, E0, N0)
            return plain_density(z, Q[:-1], nu).sum()

        z, e, neg, C, Q0, E0, N0 = inputs.values()
        dynamic = (a, b, g, problem.asymmetric)
        found = adjoint(z, e, neg, *dynamic, C, Q0, E0, N0, nu, constants(3, nu)[0])
        return inputs, total, dict(zip(self.names, found, strict=True))

    @pytest.mark.parametrize("name", names)
    def test_derivatives(self, name, nu):
        inputs, total, found = self.parts((2, 2, True), nu)
        at = inputs[name]

        def function(value):
            return total(**{name: value})

        if at.shape == (3, 3):
            by_entries = found[name] + found[name].T
            assert_same_slopes(by_entries, symmetric_slopes(function, at))
            return
        numeric = np.empty(at.shape)
        for index in np.ndindex(at.shape):
            unit = np.zeros(at.shape)
            unit[index] = 1.0
            numeric[index] = four_point(function, at, unit, 2e-4)
        assert_same_slopes(found[name], numeric)

    def test_innovations_of_the_last_row_and_what_no_term_uses(self, nu):
        _, _, found = self.parts((1, 1, False), nu)
        for name in ("e", "neg"):
            assert (found[name][-1] == 0.0).all()
        assert (found["neg"] == 0.0).all()
        assert (found["N0"] == 0.0).all()
        assert (found["e"][:-1] != 0.0).all()


class TestNotPositiveDefinite:
    """The constant is indefinite, and Q halves its distance to it row by row."""

    C = 0.5 * np.array([[1.0, 0.7, -0.7], [0.7, 1.0, 0.7], [-0.7, 0.7, 1.0]])
    a, b = np.zeros(1), np.array([0.5])
    n = 6

    def path(self):
        z = np.ones((self.n, 3))
        eye = np.eye(3)
        Q = plain_recursion(z, z, self.a, self.b, 0.0, self.C, eye, eye, eye)[:-1]
        bad = np.linalg.eigvalsh(Q).min(axis=1) <= 0.0
        assert bad.tolist() == [False] + [True] * 5
        return z, Q, bad

    def test_rows(self):
        z, Q, bad = self.path()
        Q = np.concatenate([Q, Q[:1]])  # positive definite again
        z = np.vstack([z, z[:1]])
        bad = np.r_[bad, False]
        found = full_rows(z, Q, np.inf, constants(3, np.inf)[0])
        np.testing.assert_array_equal(np.isnan(found), bad)
        np.testing.assert_allclose(found[~bad], plain_density(z[~bad], Q[~bad], np.inf))

    @pytest.mark.parametrize("nu", [5.0, np.inf])
    def test_scores(self, nu):
        """No row counts from the first that has no density."""
        z, Q, bad = self.path()
        nothing = np.zeros((2, 3, 3))
        eye = np.eye(3)
        rows, _ = full_scores(
            *(z, z, np.empty((0, self.n, 3)), z, self.a, self.b, 0.0, False),
            *(self.C, nothing, eye, nothing, eye, nothing, eye, nu, *constants(3, nu)),
        )
        np.testing.assert_array_equal(np.isnan(rows), bad)
        np.testing.assert_allclose(rows[~bad], plain_density(z[~bad], Q[~bad], nu))

    def test_adjoint(self):
        z, _, bad = self.path()
        eye = np.eye(3)
        found = adjoint(z, z, z, self.a, self.b, 0.0, False, self.C, eye, eye, eye, np.inf, 0.0)
        assert np.isnan(found[0][bad]).all()
        assert np.isnan(found[3]).all()
