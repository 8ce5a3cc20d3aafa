"""GARCH recursions against plain Python and against arch."""

from __future__ import annotations

import numpy as np
import pytest
from arch.univariate import GARCH as ArchGARCH
from arch.univariate import ConstantMean, Normal, StudentsT

from regimecorr.kernels.garch import garch_path, garch_paths, garch_variance
from regimecorr.models.margins import GARCH


def plain_variance(resid, omega, alpha, gamma, beta, backcast):
    h = [omega + alpha * backcast + 0.5 * gamma * backcast + beta * backcast]
    for e in resid:
        h.append(omega + (alpha + gamma * (e < 0)) * e**2 + beta * h[-1])
    return np.array(h)


@pytest.fixture(scope="module")
def series():
    """Percent returns of a GARCH-t world."""
    rng = np.random.default_rng(3)
    z = rng.standard_t(6, 1500) * np.sqrt(4 / 6)
    out, h = [], 1.5
    for shock in z:
        e = np.sqrt(h) * shock
        out.append(0.05 + e)
        h = 0.03 + (0.06 + 0.05 * (e < 0)) * e**2 + 0.88 * h
    return np.array(out)


def test_variance_against_plain_python(series):
    args = (0.02, 0.05, 0.04, 0.9, 1.7)
    np.testing.assert_allclose(
        garch_variance(series, *args), plain_variance(series, *args), rtol=1e-13
    )


@pytest.mark.parametrize("asymmetric", [0, 1])
@pytest.mark.parametrize("dist", [Normal, StudentsT])
def test_variance_against_arch_at_its_own_parameters(series, asymmetric, dist):
    model = ConstantMean(series)
    model.volatility = ArchGARCH(1, asymmetric, 1)
    model.distribution = dist()
    fit = model.fit(disp="off")
    mu, omega, alpha, *rest = fit.params.to_numpy()
    gamma, beta = (rest[0], rest[1]) if asymmetric else (0.0, rest[0])
    # arch takes its backcast at its starting values, where the mean is the sample's.
    backcast = model.volatility.backcast(series - series.mean())
    h = garch_variance(series - mu, omega, alpha, gamma, beta, backcast)
    np.testing.assert_allclose(np.sqrt(h[:-1]), fit.conditional_volatility, rtol=1e-8)
    ahead = fit.forecast(horizon=1).variance.to_numpy()[-1, 0]
    assert h[-1] == pytest.approx(ahead, rel=1e-8)


@pytest.mark.parametrize("vol", ["GARCH", "GJR"])
@pytest.mark.parametrize("dist", ["normal", "t"])
def test_fitted_margins_reproduce_their_own_volatility(series, vol, dist):
    """`MarginsResult.draw` runs the kernel with ``backcast``: it must give ``volatility`` back."""
    result = GARCH(vol=vol, dist=dist).fit(series[:, None])
    mu, omega, alpha, gamma, beta, _ = result.params.iloc[0]
    h = garch_variance(series - mu, omega, alpha, gamma, beta, result.backcast[0])
    np.testing.assert_allclose(np.sqrt(h[:-1]), result.volatility.iloc[:, 0], rtol=1e-7)


@pytest.mark.parametrize("gamma", [0.0, 0.08])
def test_path_and_variance_are_one_recursion(gamma):
    z = np.random.default_rng(0).standard_normal(300)
    out = np.empty(300)
    garch_path(z, 0.1, 0.02, 0.05, gamma, 0.9, 1.3, out)
    h = [1.3]
    for e in out - 0.1:
        h.append(0.02 + (0.05 + gamma * (e < 0)) * e**2 + 0.9 * h[-1])
    np.testing.assert_allclose(out, 0.1 + np.sqrt(h[:-1]) * z, rtol=1e-10)


def test_paths_use_each_draws_parameters_and_each_legs():
    rng = np.random.default_rng(1)
    z = rng.standard_normal((4, 20, 2))
    draw = np.array([1, 0, 1, 0])
    mu = np.array([[0.0, 0.1], [0.2, 0.3]])
    omega = np.array([[0.01, 0.02], [0.03, 0.04]])
    alpha, gamma, beta = omega + 0.03, omega * 2, 0.9 - omega
    variance = np.array([[1.0, 2.0], [3.0, 4.0]])
    found = garch_paths(z, draw, mu, omega, alpha, gamma, beta, variance)
    for p in range(4):
        for leg in range(2):
            cell = (draw[p], leg)
            out = np.empty(20)
            garch_path(
                np.ascontiguousarray(z[p, :, leg]),
                *(block[cell] for block in (mu, omega, alpha, gamma, beta, variance)),
                out,
            )
            np.testing.assert_array_equal(found[p, :, leg], out)
            assert found[p, 0, leg] == pytest.approx(
                mu[cell] + np.sqrt(variance[cell]) * z[p, 0, leg]
            )
