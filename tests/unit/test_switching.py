"""What a regime model answers: scores, errors, forecasts, first passage, appended rows."""

from __future__ import annotations

import dataclasses
import itertools
import warnings

import numpy as np
import pandas as pd
import pytest

import regimecorr as rc
from regimecorr.errors import ConvergenceWarning, DegenerateRegimeWarning, ModelError
from regimecorr.kernels.density import log_density
from regimecorr.models.switching.chain import RegimeParams, stationary, stationary_slopes
from regimecorr.models.switching.coordinates import pack, unpack
from regimecorr.models.switching.emissions import PairEmission

TWO = RegimeParams(np.array([[0.1], [0.65]]), np.array([[0.98, 0.02], [0.03, 0.97]]), 7.0)
THREE = RegimeParams(
    np.array([[-0.2], [0.3], [0.7]]),
    np.array([[0.95, 0.03, 0.02], [0.02, 0.96, 0.02], [0.01, 0.04, 0.95]]),
    np.inf,
)


def simulated(n: int, seed: int, p: RegimeParams = TWO) -> np.ndarray:
    rng = np.random.default_rng(seed)
    state, out = 0, np.empty((n, 2))
    for t in range(n):
        state = rng.choice(p.n_regimes, p=p.transition[state])
        e = rng.standard_normal(2)
        if np.isfinite(p.nu):
            e *= np.sqrt((p.nu - 2) / rng.chisquare(p.nu))
        r = p.own[state, 0]
        out[t] = e[0], r * e[0] + np.sqrt(1 - r * r) * e[1]
    return out


@pytest.fixture(scope="module")
def z() -> np.ndarray:
    return simulated(1500, 0)


@pytest.fixture(scope="module")
def fitted(z):
    return rc.SwitchingCorrelation(margins=None).fit(z)


class TestScores:
    @pytest.mark.parametrize("params", [TWO, THREE], ids=["two, t", "three, normal"])
    @pytest.mark.parametrize("uniform", [False, True])
    def test_are_the_derivatives(self, z, params, uniform):
        k = params.n_regimes
        emission = PairEmission(z[:300])
        p = dataclasses.replace(params, first=np.full(k, 1.0 / k) if uniform else None)
        theta = p.vector
        rows, score = p.scores(emission)
        for i in range(theta.size):
            step = np.zeros(theta.size)
            step[i] = 1e-5 * max(theta[i], 0.05)
            high, low = (p.from_vector(theta + s * step).filter(emission)[0] for s in (1, -1))
            numeric = (high - low) / (2 * step[i])
            size = np.abs(numeric).max()
            np.testing.assert_allclose(score[:, i] / size, numeric / size, atol=1e-7)
        value, gradient = p.gradient(emission)
        assert rows.sum() == pytest.approx(p.filter(emission)[0].sum(), rel=1e-12)
        assert value == pytest.approx(rows.sum(), rel=1e-12)
        np.testing.assert_allclose(gradient, score.sum(axis=0), rtol=1e-8, atol=1e-8)

    def test_likelihood_is_the_sum_over_all_paths(self, z):
        for first in (None, np.array([0.5, 0.5]), np.array([1.0, 0.0])):
            p = dataclasses.replace(TWO, first=first)
            total = 0.0
            for path in itertools.product(range(2), repeat=9):
                chance = p.start[path[0]]
                for a, b in itertools.pairwise(path):
                    chance *= p.transition[a, b]
                density = sum(log_density(*z[t], p.own[s, 0], p.nu) for t, s in enumerate(path))
                total += chance * np.exp(density)
            assert p.scores(PairEmission(z[:9]))[0].sum() == pytest.approx(np.log(total), rel=1e-12)

    def test_stationary_distribution_moves_with_the_moves(self):
        slopes = stationary_slopes(THREE.transition)
        theta = THREE.vector
        for i in range(6):
            step = np.zeros(theta.size)
            step[3 + i] = 1e-6
            high, low = (
                stationary(THREE.from_vector(theta + s * step).transition) for s in (1, -1)
            )
            np.testing.assert_allclose(slopes[i], (high - low) / 2e-6, atol=1e-7)

    def test_one_impossible_row_is_survived(self, z):
        wild = z[:400].copy()
        wild[200] = [60.0, -60.0]
        p = RegimeParams(np.array([[0.2], [0.9]]), TWO.transition, np.inf)
        rows, score = p.scores(PairEmission(wild))
        assert np.isfinite(rows).all()
        assert np.isfinite(score).all()
        assert np.isfinite(p.gradient(PairEmission(wild))[1]).all()

    @pytest.mark.parametrize("params", [TWO, THREE])
    def test_coordinates(self, z, params):
        emission = PairEmission(z)
        back = params.from_vector(params.vector)
        np.testing.assert_allclose(back.transition, params.transition)
        u = pack(emission, params)
        wide, slopes = unpack(emission, u, params)
        np.testing.assert_allclose(wide.vector, params.vector, rtol=1e-9)
        for i in range(u.size):
            step = 1e-6 * np.eye(u.size)[i]
            high, low = (unpack(emission, u + s * step, params)[0].vector for s in (1, -1))
            np.testing.assert_allclose(slopes[:, i], (high - low) / 2e-6, atol=1e-8)


class TestFit:
    def test_optimum(self, z, fitted):
        theta = fitted._found.vector
        best = fitted.correlation_loglikelihood
        for i in range(theta.size):
            for side in (-1, 1):
                step = np.zeros(theta.size)
                step[i] = side * 0.05 * theta[i]
                near = fitted._found.from_vector(theta + step)
                assert near.filter(PairEmission(z))[0].sum() < best
        assert fitted.converged
        assert fitted.convergence["newton_gain"] < 1e-9
        assert fitted.loglikelihoods[0] == pytest.approx(best, abs=1e-6)
        assert (np.diff(fitted.loglikelihoods) <= 0).all()

    def test_standard_errors(self, z, fitted):
        """Against numeric second differences of the likelihood itself."""
        theta = fitted._found.vector
        k = theta.size
        size = np.array([1e-3, 1e-3, 1e-4, 1e-4, 1e-2])
        hessian = np.empty((k, k))

        def value(shift):
            return fitted._found.from_vector(theta + shift).filter(PairEmission(z))[0].sum()

        for i, j in itertools.product(range(k), repeat=2):
            a, b = np.eye(k)[i] * size[i], np.eye(k)[j] * size[j]
            cross = value(a + b) - value(a - b) - value(b - a) + value(-a - b)
            hessian[i, j] = cross / (4 * size[i] * size[j])
        inverse = np.linalg.inv(-hessian)
        # moves and probabilities of staying have the same errors with two regimes
        np.testing.assert_allclose(
            fitted.standard_errors("hessian"), np.sqrt(np.diag(inverse)), rtol=2e-2
        )
        scores = fitted._found.scores(PairEmission(z))[1]
        opg = np.linalg.inv(scores.T @ scores)
        np.testing.assert_allclose(fitted.standard_errors("opg"), np.sqrt(np.diag(opg)), rtol=1e-6)
        robust = inverse @ (scores.T @ scores) @ inverse
        np.testing.assert_allclose(fitted.std_errors, np.sqrt(np.diag(robust)), rtol=4e-2)

    def test_duration_errors_by_the_delta_method(self, fitted):
        stay = fitted.params[["p_low", "p_high"]].to_numpy()
        errors = fitted.std_errors[["p_low", "p_high"]].to_numpy()
        np.testing.assert_allclose(fitted.duration_std_errors, errors / (1 - stay) ** 2, rtol=1e-9)

    @pytest.mark.parametrize("dist", ["normal", "t"])
    def test_three_regimes(self, dist):
        sample = simulated(4000, 3, THREE)
        result = rc.SwitchingCorrelation(n_regimes=3, dist=dist, margins=None).fit(sample)
        assert list(result.regime_correlations.index) == ["low", "middle", "high"]
        np.testing.assert_allclose(result.regime_correlations, THREE.own[:, 0], atol=0.15)
        assert (np.diff(result.regime_correlations) > 0).all()

    def test_first_row(self, z):
        """The regime of the first row as a parameter is never worse than a fixed guess."""
        found = {
            name: rc.SwitchingCorrelation(initial=name, margins=None).fit(z)
            for name in ("stationary", "uniform", "estimated")
        }
        best = found["estimated"].correlation_loglikelihood
        assert best > found["uniform"].correlation_loglikelihood
        assert best > found["stationary"].correlation_loglikelihood
        assert sorted(found["estimated"]._found.start) == [0.0, 1.0]
        with pytest.raises(ModelError, match="initial="):
            rc.SwitchingCorrelation(initial="random")

    def test_criteria(self, z, fitted):
        n = len(z)
        assert fitted.bic == pytest.approx(5 * np.log(n) - 2 * fitted.correlation_loglikelihood)
        p = fitted.smoothed_probabilities.to_numpy()
        assert fitted.icl == pytest.approx(fitted.bic - 2 * np.sum(p * np.log(p)))
        assert fitted.icl > fitted.bic

    def test_no_regimes_at_all(self):
        """One constant correlation: told as flat, on a bound, or as a regime without rows."""
        sample = simulated(1000, 5, RegimeParams(np.array([[0.4], [0.4]]), TWO.transition, np.inf))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            result = rc.SwitchingCorrelation(dist="normal", margins=None).fit(sample)
        kinds = {w.category for w in caught}
        assert np.isfinite(result.params).all()
        assert result.message or kinds & {DegenerateRegimeWarning, ConvergenceWarning}

    def test_flat_directions_have_no_errors(self):
        """Two regimes at one correlation: moves are not identified, and a sandwich would say 0."""
        sample = simulated(800, 0, RegimeParams(np.array([[0.5], [0.5]]), TWO.transition, np.inf))
        flat = 0
        for seed in range(100, 112):
            truth = RegimeParams(np.array([[0.5], [0.5]]), TWO.transition, np.inf)
            sample = simulated(800, seed, truth)
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                result = rc.SwitchingCorrelation(dist="normal", margins=None).fit(sample)
            if "flat" not in result.message:
                continue
            flat += 1
            assert any(w.category is DegenerateRegimeWarning for w in caught)
            assert "flat" in result.summary()
            for kind in ("sandwich", "opg", "hessian"):
                moves = result.standard_errors(kind)[["p_low", "p_high"]]
                assert np.isnan(moves).any()
                assert not (moves < 1e-3).any()
            assert np.isnan(result.duration_std_errors).any()
        assert flat > 0

    def test_draws_at_a_bound_stay_there(self):
        rng = np.random.default_rng(0)
        first, other = rng.standard_normal((2, 600))
        both = np.column_stack([first, 0.9999 * first + np.sqrt(1 - 0.9999**2) * other])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = rc.SwitchingCorrelation(dist="normal", margins=None).fit(both)
            assert (result.simulate(400, 20, 1).correlation > 0.9).all()
            assert (result.forecast(20)["q05"] > 0.9).all()

    def test_returns_are_no_residuals(self, z):
        for spec in (rc.SwitchingCorrelation(margins=None), rc.SwitchingDCC(margins=None)):
            with pytest.raises(ModelError, match="standardized residuals"):
                spec.fit(0.01 * z)
        with pytest.raises(ModelError, match="standardized residuals"):
            rc.test_regimes(0.01 * z, margins=None)
        wild = z.copy()
        wild[700] = 60.0
        rc.SwitchingCorrelation(margins=None).fit(wild)

    def test_summary(self, fitted):
        text = fitted.summary()
        assert "std error" in text
        assert "starts agree" in text
        assert f"{fitted.icl:.3f}" in text
        assert "rho_low" in repr(fitted)


class TestFutures:
    def test_forecast_by_powers_of_the_transition(self, fitted):
        table = fitted.forecast(40)
        today = fitted.filtered_probabilities.iloc[-1].to_numpy()
        P = fitted.transition.to_numpy()
        for h in (1, 7, 40):
            ahead = today @ np.linalg.matrix_power(P, h)
            np.testing.assert_allclose(table.loc[h, ["low", "high"]], ahead, rtol=1e-10)
            assert table.loc[h, "mean"] == pytest.approx(ahead @ fitted.regime_correlations)
        assert (table["q05"] <= table["q50"]).all()
        assert (table["q50"] <= table["q95"]).all()

    def test_quantiles_are_those_of_simulated_correlations(self, fitted):
        table = fitted.forecast(30, n_draws=400, rng=1)
        futures = fitted.simulate(40_000, 30, 2, n_draws=400)
        for h in (1, 30):
            for q in (0.05, 0.5, 0.95):
                simulated_value = np.quantile(futures.correlation[:, h - 1], q)
                assert table.loc[h, f"q{100 * q:02.0f}"] == pytest.approx(simulated_value, abs=0.05)

    def test_without_parameter_uncertainty_quantiles_are_regimes(self, z):
        known = {"rho_low": 0.1, "rho_high": 0.65, "p_low": 0.98, "p_high": 0.97, "nu": 7.0}
        table = rc.SwitchingCorrelation(margins=None).filter(z, known).forecast(300)
        assert set(table["q05"]) <= {0.1, 0.65}
        assert (table.loc[300, ["q05", "q95"]] == [0.1, 0.65]).all()

    @pytest.mark.parametrize("regime", ["low", "high"])
    def test_first_passage_by_simulation(self, z, regime):
        known = {"rho_low": 0.1, "rho_high": 0.65, "p_low": 0.98, "p_high": 0.97, "nu": 7.0}
        result = rc.SwitchingCorrelation(margins=None).filter(z, known)
        found = result.first_passage(regime, 60)
        paths = result.simulate(20_000, 60, 1).correlation
        goal = known[f"rho_{regime}"]
        for h in (1, 20, 60):
            share = (paths[:, :h] == goal).any(axis=1).mean()
            assert found[h] == pytest.approx(share, abs=0.015)
        assert (np.diff(found) >= 0).all()

    def test_append_is_one_filter_over_all_rows(self):
        returns = rc.simulate("recurrent", n_obs=1400, rng=2).returns
        head = rc.SwitchingCorrelation().fit(returns.iloc[:1200])
        longer = head.append(returns.iloc[1200:])
        assert longer.n_obs == 1400
        pd.testing.assert_series_equal(longer.params, head.params)
        pd.testing.assert_series_equal(longer.std_errors, head.std_errors)
        np.testing.assert_allclose(longer.filtered.iloc[:1200], head.filtered, rtol=1e-10)
        whole = rc.SwitchingCorrelation(margins=None).filter(longer.margins.std_resid, head.params)
        np.testing.assert_allclose(longer.filtered, whole.filtered, rtol=1e-9)

    def test_bad_arguments(self, fitted):
        with pytest.raises(ModelError, match="regime='middle'"):
            fitted.first_passage("middle", 10)
        with pytest.raises(ModelError, match="horizon=0"):
            fitted.forecast(0)
        with pytest.raises(ModelError, match="quantiles="):
            fitted.forecast(5, quantiles=(0.5, 1.0))
        with pytest.raises(ModelError, match="differ"):
            fitted.forecast(5, quantiles=(0.5, 0.5))
        close = fitted.forecast(2, quantiles=(0.02, 0.025, 0.975), n_draws=20)
        assert list(close.columns[-3:]) == ["q02", "q2.5", "q97.5"]
        with pytest.raises(ModelError, match="kind="):
            fitted.standard_errors("robust")
        known = {"rho_low": 0.1, "rho_high": 0.65, "p_low": 0.98, "p_high": 0.97, "nu": 7.0}
        given = rc.SwitchingCorrelation(margins=None).filter(
            np.array([[i % 3 - 1, i % 5 - 2] for i in range(200)], dtype=float), known
        )
        with pytest.raises(ModelError, match=r"fit\(\)"):
            _ = given.std_errors
        with pytest.raises(ModelError, match=r"fit\(\)"):
            _ = given.convergence
