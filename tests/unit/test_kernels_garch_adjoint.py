"""GARCH residuals and their adjoint: against the fitted margins, their scores, and differences."""

from __future__ import annotations

import numpy as np
import pytest

import regimecorr as rc
from regimecorr.kernels.garch import garch_scores
from regimecorr.kernels.garch_adjoint import garch_adjoint, garch_residuals

ROWS = [0, 1, 2, 4]  # mu, omega, alpha, beta among the margin's six


@pytest.fixture(scope="module")
def margins():
    return rc.GARCH().fit(rc.simulate("constant", n_obs=400, rng=2).returns)


@pytest.fixture(scope="module")
def inputs(margins):
    """Returns, parameters, backcasts of the fitted margins."""
    theta = np.column_stack([leg.theta[ROWS] for leg in margins.legs])
    return margins.returns.to_numpy(), theta, np.array([leg.backcast for leg in margins.legs])


def differences(function, theta, step=1e-6):
    out = np.empty_like(theta)
    for at in np.ndindex(theta.shape):
        up, down = theta.copy(), theta.copy()
        up[at] += step
        down[at] -= step
        out[at] = (function(up) - function(down)) / (2.0 * step)
    return out


def test_residuals_are_the_fitted_margins(margins, inputs):
    z, log_volatility = garch_residuals(*inputs)
    np.testing.assert_allclose(z, margins.z, rtol=1e-10, atol=1e-12)
    assert log_volatility == pytest.approx(margins.log_volatility, rel=1e-12)


def test_adjoint_of_the_normal_likelihood_is_the_score(inputs):
    """Away from the optimum, where the score does not vanish."""
    returns, theta, backcast = inputs
    theta = theta * np.array([2.0, 1.3, 0.8, 0.95])[:, None]
    z, _ = garch_residuals(returns, theta, backcast)
    found = garch_adjoint(returns, theta, backcast, -z, -1.0)
    for i in range(2):
        full = np.zeros(6)
        full[ROWS] = theta[:, i]
        full[5] = np.inf
        nothing = np.empty((0, 6)), np.empty(0), np.empty((0, 5))
        series = np.ascontiguousarray(returns[:, i])
        _, score = garch_scores(series, full, backcast[i], False, 0.0, 0.0, *nothing)
        np.testing.assert_allclose(found[:, i], score[ROWS], rtol=1e-9)


@pytest.mark.parametrize("weight", [0.0, -1.7])
@pytest.mark.parametrize(
    "theta",
    [
        [[0.1, -0.2], [0.05, 0.4], [0.08, 0.3], [0.9, 0.2]],
        [[0.0, 0.3], [0.7, 0.01], [0.0, 0.05], [0.0, 0.949]],
    ],
)
def test_adjoint_is_the_derivative(theta, weight):
    rng = np.random.default_rng(0)
    returns, d_z, backcast = rng.standard_normal((80, 2)), rng.normal(size=(80, 2)), np.ones(2)
    theta = np.array(theta)

    def function(values):
        z, log_volatility = garch_residuals(returns, values, backcast)
        return (d_z * z).sum() + weight * log_volatility

    found = garch_adjoint(returns, theta, backcast, d_z, weight)
    expected = differences(function, theta)
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-5)


def test_a_vanishing_variance_is_held():
    """A sampler's stray step asks for no variance at all: everything stays finite."""
    rng = np.random.default_rng(0)
    returns, backcast = rng.standard_normal((50, 1)), np.ones(1)
    theta = np.array([[0.0], [1e-320], [0.0], [1e-3]])
    z, log_volatility = garch_residuals(returns, theta, backcast)
    np.testing.assert_allclose(z[10:], 1e6 * returns[10:], rtol=1e-12)
    assert np.isfinite(log_volatility)
    slopes = garch_adjoint(returns, theta, backcast, z, -1.0)
    assert np.all(np.isfinite(slopes))
    # Held from the first row on, nothing but the mean matters.
    theta[3] = 0.0
    slopes = garch_adjoint(returns, theta, backcast, z, -1.0)
    np.testing.assert_array_equal(slopes[1:], 0.0)
    assert slopes[0, 0] == pytest.approx(-1e6 * z.sum(), rel=1e-12)
