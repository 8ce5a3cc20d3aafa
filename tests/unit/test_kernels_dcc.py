"""DCC recursion, likelihood and scores against plain Python and numeric differentiation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal, multivariate_t

from regimecorr.kernels.dcc import dcc_correlation, dcc_loglikelihood, dcc_paths, dcc_scores


def plain_dcc(z, target, a, b, first=None):
    """Engle (2002) with matrices, as METHODS 1.1 states it: Q_1 = Qbar."""
    qbar = np.array([[1.0, target], [target, 1.0]])
    q = qbar if first is None else first
    rho = []
    for row in z:
        rho.append(q[0, 1] / np.sqrt(q[0, 0] * q[1, 1]))
        q = (1 - a - b) * qbar + a * np.outer(row, row) + b * q
    rho.append(q[0, 1] / np.sqrt(q[0, 0] * q[1, 1]))
    return np.array(rho), q


def plain_rows(z, rho, nu):
    out = []
    for row, r in zip(z, rho, strict=True):
        shape = np.array([[1.0, r], [r, 1.0]])
        if np.isinf(nu):
            out.append(multivariate_normal(cov=shape).logpdf(row))
        else:
            out.append(multivariate_t(shape=shape * (nu - 2) / nu, df=nu).logpdf(row))
    return np.array(out)


@pytest.fixture(scope="module")
def z():
    rng = np.random.default_rng(0)
    out = rng.standard_t(6, (400, 2)) * np.sqrt(4 / 6)
    out[:, 1] = 0.4 * out[:, 0] + np.sqrt(1 - 0.16) * out[:, 1]
    out[200] = [9.0, -8.0]
    return out


@pytest.mark.parametrize(
    ("target", "a", "b"), [(0.35, 0.05, 0.9), (-0.6, 0.02, 0.97), (0.2, 0.0, 0.0)]
)
def test_recursion(z, target, a, b):
    rho, q = dcc_correlation(z, target, a, b)
    expected, last = plain_dcc(z, target, a, b)
    np.testing.assert_allclose(rho, expected, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(q, [last[0, 0], last[1, 1], last[0, 1]], rtol=1e-12)
    assert rho.size == len(z) + 1
    assert (np.abs(rho) < 1).all()


@pytest.mark.parametrize("nu", [5.5, np.inf])
def test_loglikelihood(z, nu):
    rho, _ = dcc_correlation(z, 0.3, 0.04, 0.93)
    np.testing.assert_allclose(
        dcc_loglikelihood(z, rho[:-1], nu), plain_rows(z, rho[:-1], nu), rtol=1e-10
    )


@pytest.mark.parametrize("nu", [4.5, 30.0, np.inf])
def test_scores_are_the_derivatives_to_eight_digits(z, nu):
    theta = np.array([0.3, 0.04, 0.93, nu])
    rows, score = dcc_scores(z, *theta)

    def value(v):
        rho, _ = plain_dcc(z, *v[:3])
        return plain_rows(z, rho[:-1], v[3])

    np.testing.assert_allclose(rows, value(theta), rtol=1e-10)
    for i, step in enumerate((1e-4, 1e-4, 1e-4, 1e-2)):
        if i == 3 and np.isinf(nu):
            assert (score[:, 3] == 0).all()
            continue
        shift = np.eye(4)[i] * step
        # Four-point rule: the error is of the fourth order in the step.
        near = value(theta + shift) - value(theta - shift)
        far = value(theta + 2 * shift) - value(theta - 2 * shift)
        numeric = (8 * near - far) / (12 * step)
        scale = np.abs(numeric).max()
        np.testing.assert_allclose(score[:, i] / scale, numeric / scale, atol=2e-8)


def test_paths_follow_the_recursion():
    rng = np.random.default_rng(1)
    shocks = rng.standard_normal((6, 30, 2))
    draw = np.array([0, 0, 1, 1, 2, 2])
    target, a, b = (
        np.array([0.3, -0.2, 0.7]),
        np.array([0.05, 0.02, 0.0]),
        np.array([0.9, 0.97, 0.0]),
    )
    q = np.array([[1.2, 0.9, 0.4], [1.0, 1.0, -0.2], [0.8, 1.1, 0.6]])
    rho, z = dcc_paths(shocks, draw, target, a, b, q)
    for p in range(6):
        d = draw[p]
        first = np.array([[q[d, 0], q[d, 2]], [q[d, 2], q[d, 1]]])
        expected, _ = plain_dcc(z[p], target[d], a[d], b[d], first)
        np.testing.assert_allclose(rho[p], expected[:-1], rtol=1e-12)
        np.testing.assert_array_equal(z[p, :, 0], shocks[p, :, 0])
        mixed = rho[p] * shocks[p, :, 0] + np.sqrt(1 - rho[p] ** 2) * shocks[p, :, 1]
        np.testing.assert_allclose(z[p, :, 1], mixed, rtol=1e-12)


def test_paths_continue_the_sample(z):
    """Simulating the rows of the sample's second half from the state at its middle gives the
    filter's path.
    """
    _, q = dcc_correlation(z[:200], 0.3, 0.04, 0.93)
    whole, _ = dcc_correlation(z, 0.3, 0.04, 0.93)
    rest = z[200:]
    shocks = np.empty((1, 200, 2))
    shocks[0, :, 0] = rest[:, 0]
    r = whole[200:400]
    shocks[0, :, 1] = (rest[:, 1] - r * rest[:, 0]) / np.sqrt(1 - r**2)
    one = np.ones(1)
    rho, out = dcc_paths(shocks, np.zeros(1, dtype=int), 0.3 * one, 0.04 * one, 0.93 * one, q[None])
    np.testing.assert_allclose(rho[0], r, atol=1e-10)
    np.testing.assert_allclose(out[0], rest, atol=1e-10)
