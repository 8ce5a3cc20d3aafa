"""Regimes of more than two assets: positive definite matrices, exact optimum, futures."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy.stats import multivariate_normal, multivariate_t

import regimecorr as rc
from regimecorr.errors import ModelError
from regimecorr.models.switching.chain import RegimeParams
from regimecorr.models.switching.emissions import PairEmission
from regimecorr.models.switching.matrix_emission import MatrixEmission

NAMES = ("A", "B", "C", "D")
CHAIN = np.array([[0.98, 0.02], [0.03, 0.97]])
LOW = np.eye(4) + 0.1 * (1 - np.eye(4))
HIGH = np.array([
    [1.0, 0.7, 0.5, 0.6],
    [0.7, 1.0, 0.4, 0.5],
    [0.5, 0.4, 1.0, 0.3],
    [0.6, 0.5, 0.3, 1.0],
])  # fmt: skip


def simulated(n: int, seed: int, nu: float = np.inf) -> np.ndarray:
    rng = np.random.default_rng(seed)
    factors = np.linalg.cholesky([LOW, HIGH])
    state, out = 0, np.empty((n, 4))
    for t in range(n):
        state = rng.choice(2, p=CHAIN[state])
        e = rng.standard_normal(4)
        if np.isfinite(nu):
            e *= np.sqrt((nu - 2) / rng.chisquare(nu))
        out[t] = factors[state] @ e
    return out


@pytest.fixture(scope="module")
def z() -> np.ndarray:
    return simulated(1500, 0, 7.0)


@pytest.fixture(scope="module")
def emission(z) -> MatrixEmission:
    return MatrixEmission(z, NAMES)


@pytest.fixture(scope="module")
def fitted(z):
    return rc.SwitchingCorrelation(margins=None).fit(pd.DataFrame(z, columns=list(NAMES)))


class TestEmission:
    def test_coordinates_are_every_correlation_matrix(self, emission):
        own = np.random.default_rng(1).normal(0.0, 3.0, (50, 6))
        matrices = emission.matrices(own)
        np.testing.assert_allclose(np.diagonal(matrices, axis1=1, axis2=2), 1.0, rtol=1e-12)
        assert (np.linalg.eigvalsh(matrices) > 0.0).all()
        np.testing.assert_allclose(emission.coordinates(matrices), own, rtol=1e-6, atol=1e-8)
        reported = emission.reported(own)
        np.testing.assert_allclose(emission.from_reported(reported), own, rtol=1e-6, atol=1e-8)

    @pytest.mark.parametrize("nu", [np.inf, 6.0])
    def test_densities(self, emission, z, nu):
        own = emission.coordinates(np.array([LOW, HIGH]))
        found = emission.log_densities(own, nu)
        for k, matrix in enumerate((LOW, HIGH)):
            law = multivariate_normal(cov=matrix)
            if np.isfinite(nu):
                law = multivariate_t(shape=matrix * (nu - 2) / nu, df=nu)
            np.testing.assert_allclose(found[:, k], law.logpdf(z), rtol=1e-10)

    @pytest.mark.parametrize("nu", [np.inf, 6.0])
    def test_slopes(self, emission, nu):
        p = RegimeParams(np.random.default_rng(2).normal(0.0, 0.4, (2, 6)), CHAIN, nu)
        theta = p.vector
        rows, score = p.scores(emission)
        value, gradient = p.gradient(emission)
        assert value == pytest.approx(rows.sum(), rel=1e-12)
        np.testing.assert_allclose(gradient, score.sum(axis=0), rtol=1e-8, atol=1e-7)
        for i in range(theta.size):
            step = 1e-6 * np.eye(theta.size)[i]
            high, low = (p.from_vector(theta + s * step).filter(emission)[0] for s in (1, -1))
            numeric = (high - low) / 2e-6
            np.testing.assert_allclose(score[:, i], numeric, atol=1e-6 * np.abs(numeric).max())

    def test_reported_slopes(self, emission):
        own = np.random.default_rng(3).normal(0.0, 0.5, (2, 6))
        slopes = emission.reported_slopes(own)
        for c in range(6):
            step = 1e-6 * np.eye(6)[c]
            numeric = (emission.reported(own + step) - emission.reported(own - step)) / 2e-6
            np.testing.assert_allclose(slopes[:, :, c], numeric, atol=1e-8)

    def test_m_step_is_the_maximum(self, emission, z):
        weights = np.column_stack([np.ones(len(z)), np.zeros(len(z))])
        own = emission.coordinates(np.array([LOW, HIGH]))
        found = emission.update(own, np.inf, weights)
        best = emission.log_densities(found, np.inf)[:, 0].sum()
        rng = np.random.default_rng(4)
        for size in (1e-3, 1e-2, 0.1):
            near = found[:1] + size * rng.standard_normal((20, 6))
            assert (emission.log_densities(near, np.inf).sum(axis=0) < best + 1e-6).all()
        np.testing.assert_array_equal(found[1], own[1])  # a regime without rows stays

    def test_two_assets_are_the_pair(self, z):
        two = np.ascontiguousarray(z[:, :2])
        matrix, pair = MatrixEmission(two, NAMES[:2]), PairEmission(two)
        rho = np.array([[0.1], [0.6]])
        own = rho / np.sqrt(1.0 - rho**2)
        np.testing.assert_allclose(matrix.reported(own), rho, rtol=1e-12)
        for nu in (np.inf, 5.0):
            np.testing.assert_allclose(
                matrix.log_densities(own, nu), pair.log_densities(rho, nu), rtol=1e-10
            )
        weights = np.random.default_rng(0).random((len(z), 2))
        np.testing.assert_allclose(
            matrix.reported(matrix.update(own, 5.0, weights)),
            pair.update(rho, 5.0, weights),
            atol=1e-5,
        )


class TestFit:
    def test_recovers_the_matrices(self, fitted):
        table = fitted.regime_correlations
        assert list(fitted.smoothed_probabilities.columns) == ["low", "high"]
        np.testing.assert_allclose(table.loc["low"], LOW, atol=0.15)
        np.testing.assert_allclose(table.loc["high"], HIGH, atol=0.12)
        assert (np.linalg.eigvalsh(table.loc["low"]) > 0).all()
        assert fitted.converged
        assert fitted.n_free == 12 + 2 + 1

    def test_is_an_optimum(self, fitted, emission):
        theta = fitted._found.vector
        best = fitted.correlation_loglikelihood
        for i, side in itertools.product(range(theta.size), (-1, 1)):
            step = 0.03 * side * np.eye(theta.size)[i] * np.maximum(np.abs(theta), 0.01)
            assert fitted._found.from_vector(theta + step).filter(emission)[0].sum() < best
        assert (fitted.loglikelihoods > best - 1e-3).sum() >= 3

    def test_standard_errors_are_those_of_simulated_samples(self, fitted):
        """Errors of two correlations, the stay and nu against the spread over samples."""
        keys = ["rho_low(A, B)", "rho_high(B, D)", "p_low", "nu"]
        spec = rc.SwitchingCorrelation(margins=None, n_starts=1)
        histories = fitted.replicate(40, 5).returns
        found = [spec.fit(pd.DataFrame(h, columns=list(NAMES))).params[keys] for h in histories]
        spread = pd.DataFrame(found).std()
        ratio = fitted.standard_errors("hessian")[keys] / spread
        assert ratio.between(0.6, 1.6).all(), ratio

    def test_params_run_again(self, fitted, z):
        frame = pd.DataFrame(z, columns=list(NAMES))
        again = rc.SwitchingCorrelation(margins=None).filter(frame, fitted.params)
        assert again.correlation_loglikelihood == pytest.approx(
            fitted.correlation_loglikelihood, rel=1e-10
        )
        np.testing.assert_allclose(again.correlations, fitted.correlations, atol=1e-8)
        weights = fitted.filtered_probabilities.to_numpy()
        expected = weights[10, 0] * fitted.regime_correlations.loc["low"]
        expected = expected + weights[10, 1] * fitted.regime_correlations.loc["high"]
        np.testing.assert_allclose(fitted.correlations[10], expected)

    def test_futures(self, fitted):
        futures = fitted.simulate(400, 30, 1)
        assert futures.returns.shape == (400, 30, 4)
        assert futures.correlation.shape == (400, 30, 4, 4)
        assert futures.recent.shape == (400, 4, 4)
        assert (np.linalg.eigvalsh(futures.correlation) > 0).all()
        known = rc.SwitchingCorrelation(margins=None).filter(
            fitted.margins.std_resid, fitted.params
        )
        many = known.replicate(300, 2, n_obs=100)
        flat = many.returns.reshape(-1, 4)
        np.testing.assert_allclose(
            flat.T @ flat / len(flat), many.correlation.mean(axis=(0, 1)), atol=0.05
        )

    def test_forecast_by_pair(self, fitted):
        table = fitted.forecast(5, n_draws=100)
        ahead = table.loc[5, ["low", "high"]].to_numpy()
        levels = fitted.params[["rho_low(A, C)", "rho_high(A, C)"]].to_numpy()
        assert table.loc[5, "mean(A, C)"] == pytest.approx(ahead @ levels)
        assert (table["q05(A, C)"] <= table["q95(A, C)"]).all()

    def test_bad_input(self, z, fitted):
        with pytest.raises(ModelError, match="use correlations"):
            _ = fitted.filtered
        broken = fitted.params.copy()
        broken[["rho_low(A, B)", "rho_low(A, C)"]] = 0.95
        broken["rho_low(B, C)"] = -0.9
        frame = pd.DataFrame(z, columns=list(NAMES))
        with pytest.raises(ModelError, match="positive definite"):
            rc.SwitchingCorrelation(margins=None).filter(frame, broken)
        wide = np.random.default_rng(0).standard_normal((300, 21))
        with pytest.raises(ModelError, match="423 parameters"):
            rc.SwitchingCorrelation(margins=None).fit(wide)
        with pytest.raises(ModelError, match="two return series"):
            rc.SwitchingDCC(margins=None).fit(z)
