"""Bivariate standardized densities against scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal, multivariate_t

from regimecorr.kernels.density import constant_loglikelihood, density_table, log_density

ROWS = np.array([[0.0, 0.0], [1.2, -0.4], [-3.0, 2.5], [8.0, 7.0], [0.001, -9.0]])


def reference(z, rho, nu):
    shape = np.array([[1.0, rho], [rho, 1.0]])
    if np.isinf(nu):
        return multivariate_normal(cov=shape).logpdf(z)
    return multivariate_t(shape=shape * (nu - 2.0) / nu, df=nu).logpdf(z)


@pytest.mark.parametrize("nu", [2.1, 3.0, 7.5, 40.0, np.inf])
@pytest.mark.parametrize("rho", [-0.97, -0.3, 0.0, 0.55, 0.99])
def test_log_density(rho, nu):
    found = [log_density(x, y, rho, nu) for x, y in ROWS]
    np.testing.assert_allclose(found, reference(ROWS, rho, nu), rtol=1e-11)


@pytest.mark.parametrize("nu", [2.5, 6.0, np.inf])
def test_table_is_the_density_over_the_rows_maximum(nu):
    rho = np.tanh(np.linspace(-2.65, 2.65, 31))
    table, top = density_table(ROWS, rho, nu)
    expected = np.array([reference(ROWS, r, nu) for r in rho]).T
    np.testing.assert_allclose(top, expected.max(axis=1), rtol=1e-11)
    np.testing.assert_allclose(
        table, np.exp(expected - expected.max(axis=1, keepdims=True)), rtol=1e-9, atol=1e-300
    )
    assert (table.max(axis=1) == 1.0).all()


@pytest.mark.parametrize("nu", [2.05, 5.0, np.inf])
def test_table_survives_a_sixty_sigma_day(nu):
    rho = np.tanh(np.linspace(-2.65, 2.65, 31))
    table, top = density_table(np.array([[60.0, -60.0]]), rho, nu)
    assert np.isfinite(top).all()
    assert np.isfinite(table).all()
    np.testing.assert_allclose(top[0], reference(np.array([60.0, -60.0]), rho[0], nu), rtol=1e-10)


@pytest.mark.parametrize("nu", [4.0, np.inf])
def test_constant_loglikelihood(nu):
    z = np.random.default_rng(0).standard_normal((200, 2))
    np.testing.assert_allclose(
        constant_loglikelihood(z, 0.35, nu), reference(z, 0.35, nu).sum(), rtol=1e-12
    )


@pytest.mark.parametrize("nu", [5.0, 12.0, np.inf])
def test_unit_variance(nu):
    """The second moment of the density is one E r^2 = 2 in polar form."""
    radius = np.linspace(0.0, 2000.0, 200001)
    density = np.exp([log_density(r, 0.0, 0.0, nu) for r in radius])
    second = np.trapezoid(2.0 * np.pi * radius**3 * density, radius)
    assert second == pytest.approx(2.0, rel=2e-3)
