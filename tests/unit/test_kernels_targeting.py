"""cDCC's exact targeting against plain Python, the matrix recursion and numeric derivatives."""

from __future__ import annotations

import numpy as np
import pytest

from regimecorr.kernels.dcc_matrix import recursion
from regimecorr.kernels.targeting import corrected_adjoint, corrected_innovations

PARAMETERS = [
    ((0.06,), (0.9,)),
    ((0.05, 0.04), (0.5, 0.35)),
    ((0.05, 0.02, 0.03), (0.85,)),
    ((0.08,), (0.4, 0.45)),
    ((0.2,), ()),
]

every_setting = pytest.mark.parametrize(
    ("a", "b", "before"), [(np.array(a), np.array(b), x) for a, b in PARAMETERS for x in (1.0, 0.0)]
)


@pytest.fixture(scope="module")
def z():
    rng = np.random.default_rng(0)
    out = rng.standard_t(6, (50, 3)) * np.sqrt(4 / 6)
    out[20] = [8.0, -7.0, 0.0]
    return out


def plain_targeting(z, a, b, before):
    """Aielli (2013): ``q_t = (1 - A - B) + sum a z^2 q + sum b q`` for every asset.

    Before the sample ``z^2 q`` is ``before`` and ``q`` is 1.
    """
    q = np.empty(z.shape)
    squares = [np.full(z.shape[1], before)] * len(a)  # the newest first
    past = [np.ones(z.shape[1])] * len(b)
    for t, row in enumerate(z):
        q[t] = 1.0 - np.sum(a) - np.sum(b)
        q[t] += sum(w * x for w, x in zip(a, squares, strict=True))
        q[t] += sum(w * x for w, x in zip(b, past, strict=True))
        squares = [row**2 * q[t], *squares][: len(a)]
        past = [q[t], *past][: len(b)]
    return z * np.sqrt(q), q


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


@every_setting
class TestInnovations:
    def test_values(self, z, a, b, before):
        e, q, _ = corrected_innovations(z, a, b, before)
        innovations, diagonals = plain_targeting(z, a, b, before)
        np.testing.assert_allclose(e, innovations, rtol=1e-12)
        np.testing.assert_allclose(q, diagonals, rtol=1e-12)
        # q_1 = 1, but for the shocks that are set to zero.
        np.testing.assert_allclose(q[0], 1.0 - (1.0 - before) * a.sum(), rtol=1e-13)

    def test_the_diagonal_is_that_of_the_matrix_recursion(self, z, a, b, before):
        """With any target of unit diagonal, run on the innovations."""
        e, q, _ = corrected_innovations(z, a, b, before)
        S = np.full((3, 3), -0.2) + 1.2 * np.eye(3)
        C = (1.0 - a.sum() - b.sum()) * S
        Q = recursion(e, np.minimum(z, 0.0), a, b, 0.0, False, C, S, before * S, np.eye(3))
        np.testing.assert_allclose(np.einsum("tii->ti", Q)[:-1], q, rtol=1e-11)

    def test_derivatives(self, z, a, b, before):
        _, _, de = corrected_innovations(z, a, b, before)
        assert de.shape == (a.size + b.size, *z.shape)

        def innovations(theta):
            return plain_targeting(z, theta[: a.size], theta[a.size :], before)[0]

        theta = np.r_[a, b]
        for k, unit in enumerate(np.eye(theta.size)):
            assert_same_slopes(de[k], four_point(innovations, theta, unit, 1e-4))


@every_setting
class TestAdjoint:
    def test_derivatives_of_a_function_of_the_innovations(self, z, a, b, before):
        """``F = sum w sin(e) + sum_t (e_t' M e_{t-1})``, with its derivatives by e written out."""
        z = z[10:30].copy()
        rng = np.random.default_rng(1)
        w, M = rng.standard_normal(z.shape), rng.standard_normal((3, 3))

        def function(z):
            e = plain_targeting(z, a, b, before)[0]
            return (w * np.sin(e)).sum() + (e[1:] @ M * e[:-1]).sum()

        e, q = plain_targeting(z, a, b, before)
        by_e = w * np.cos(e)
        by_e[1:] += e[:-1] @ M.T
        by_e[:-1] += e[1:] @ M
        found = corrected_adjoint(z, q, by_e, a, b)
        numeric = np.empty(z.shape)
        for index in np.ndindex(z.shape):
            unit = np.zeros(z.shape)
            unit[index] = 1.0
            numeric[index] = four_point(function, z, unit, 2e-4)
        assert_same_slopes(found, numeric)
