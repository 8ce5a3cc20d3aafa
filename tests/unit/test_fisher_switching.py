"""The Markov regression on a Fisher z: what it answers, and the defect that it has."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from statsmodels.tsa.regime_switching.markov_regression import MarkovRegression

import regimecorr as rc
from regimecorr.errors import (
    ConvergenceWarning,
    EstimationError,
    ModelError,
    StaleDataWarning,
    TooFewRowsError,
    UnknownAssetError,
    WindowError,
)
from regimecorr.kernels.hamilton import hamilton_filter
from regimecorr.models import fisher
from regimecorr.models.fisher import fisher_switching
from regimecorr.models.switching.chain import stationary

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def prices() -> pd.DataFrame:
    return rc.simulate("recurrent", n_obs=900, rng=2).prices


@pytest.fixture(scope="module")
def result(prices):
    return fisher_switching(prices, window=60, n_starts=2)


class TestAnswer:
    def test_regimes_are_sorted_and_probabilities_follow(self, result):
        assert list(result.regime_correlations.index) == ["low", "high"]
        assert result.regime_correlations["low"] < result.regime_correlations["high"]
        for frame in (result.filtered_probabilities, result.smoothed_probabilities):
            np.testing.assert_allclose(frame.sum(axis=1), 1.0)
            assert frame.index.equals(result.correlation.index)
            weighted = (frame.mul(result.correlation, axis=0)).sum() / frame.sum()
            assert weighted["low"] < weighted["high"]

    @pytest.mark.parametrize("k", [2, 3])
    def test_transition_runs_from_row_to_column(self, prices, k):
        """P(S_t | t-1) = filtered_{t-1} @ transition, whatever order statsmodels keeps."""
        found = fisher_switching(prices, window=60, n_regimes=k, n_starts=1)
        np.testing.assert_allclose(found.transition.sum(axis=1), 1.0)
        raw = found.statsmodels
        order = np.argsort([raw.params[raw.model.parameters[i, "exog"]][0] for i in range(k)])
        predicted = raw.predicted_marginal_probabilities[1:, order]
        ahead = found.filtered_probabilities.to_numpy()[:-1] @ found.transition.to_numpy()
        np.testing.assert_allclose(ahead, predicted, atol=1e-8)
        stay = np.diag(found.transition)
        np.testing.assert_allclose(found.expected_durations, 1.0 / (1.0 - stay))

    @pytest.mark.parametrize("switching_variance", [False, True])
    def test_likelihood_and_filter_are_those_of_our_own(self, prices, switching_variance):
        found = fisher_switching(
            prices, window=60, n_starts=1, switching_variance=switching_variance
        )
        z = np.arctanh(found.correlation.to_numpy())
        mean = np.arctanh(found.regime_correlations.to_numpy())
        raw = found.statsmodels
        variance = np.broadcast_to(raw.params[raw.model.parameters["variance"]], 2)
        if (
            raw.params[raw.model.parameters[0, "exog"]]
            > raw.params[raw.model.parameters[1, "exog"]]
        ):
            variance = variance[::-1]
        dens = -0.5 * np.log(2 * np.pi * variance) - 0.5 * (z[:, None] - mean) ** 2 / variance
        matrix = np.ascontiguousarray(found.transition)
        rows, _, filtered = hamilton_filter(dens, matrix, stationary(matrix))
        assert rows.sum() == pytest.approx(found.loglikelihood, abs=1e-6)
        np.testing.assert_allclose(filtered, found.filtered_probabilities, atol=1e-8)
        parameters = 6 if switching_variance else 5
        assert found.bic == pytest.approx(parameters * np.log(len(z)) - 2 * found.loglikelihood)

    def test_it_is_an_optimum(self, result):
        model, best = result.statsmodels.model, np.array(result.statsmodels.params)
        for i, step in enumerate(1e-3 * np.maximum(np.abs(best), 1e-3)):
            for sign in (-1.0, 1.0):
                other = best.copy()
                other[i] += sign * step
                assert model.loglike(other) <= result.loglikelihood + 1e-6

    def test_starts_are_kept_best_first(self, prices):
        found = fisher_switching(prices, window=60, n_starts=3)
        assert found.loglikelihoods.size == 3
        assert np.all(np.diff(found.loglikelihoods) <= 0)
        assert found.loglikelihoods[0] == pytest.approx(found.loglikelihood, abs=1e-6)

    def test_what_is_modelled(self, prices, result):
        expected = rc.rolling_correlation(prices, window=60).dropna()
        pd.testing.assert_series_equal(
            result.correlation, expected, check_names=False, check_freq=False
        )
        assert (result.on, result.window) == ("rolling", 60)
        dcc = fisher_switching(prices, on="dcc", n_starts=1)
        returns = np.log(prices).diff().iloc[1:]
        pd.testing.assert_series_equal(
            dcc.correlation, rc.DCC().fit(returns).filtered, check_names=False, check_freq=False
        )
        assert (dcc.on, dcc.window) == ("dcc", 0)
        assert "DCC's memory" in dcc.summary()

    def test_names_choose_the_pair(self, prices):
        wide = prices.assign(C=prices["A"].to_numpy()[::-1])
        one = fisher_switching(wide, asset="B", benchmark="A", window=60, n_starts=1)
        two = fisher_switching(prices, window=60, n_starts=1)
        pd.testing.assert_series_equal(one.regime_correlations, two.regime_correlations)
        with pytest.raises(UnknownAssetError, match="ETH"):
            fisher_switching(prices, asset="ETH")

    def test_seed_decides(self, prices):
        runs = [fisher_switching(prices, window=60, n_starts=3, rng=s) for s in (5, 5)]
        np.testing.assert_array_equal(runs[0].loglikelihoods, runs[1].loglikelihoods)
        assert runs[0].summary() == runs[1].summary()

    def test_reads_well_and_is_frozen(self, result):
        text = result.summary()
        for part in ("60-row correlation", "low", "high", "converged", "defect", "59 of 60 rows"):
            assert part in text
        assert repr(result).startswith("<FisherSwitchingResult on the 60-row correlation: low ")
        with pytest.raises(dataclasses.FrozenInstanceError):
            result.converged = False


class TestTrouble:
    def test_not_converged_is_said_with_the_reason(self, prices, monkeypatch):
        monkeypatch.setattr(fisher, "_OPTIMISER_STEPS", 1)
        monkeypatch.setattr(fisher, "_EM_STEPS", 1)
        with pytest.warns(ConvergenceWarning, match="used up its"):
            found = fisher_switching(prices, window=60, n_starts=1)
        assert not found.converged
        assert "NOT converged: the optimiser used up" in found.summary()
        assert "largest gradient" in found.message

    @pytest.mark.parametrize("failure", ["raises", "not finite"])
    def test_no_finite_likelihood(self, prices, monkeypatch, failure):
        """What statsmodels does with a row that is unlikely in every regime."""

        def broken(self, *arguments, **options):
            if failure == "raises":
                raise np.linalg.LinAlgError("SVD did not converge")
            return SimpleNamespace(llf=np.nan, params=np.zeros(5))

        monkeypatch.setattr(MarkovRegression, "fit", broken)
        reason = "SVD did not converge" if failure == "raises" else "likelihood is not finite"
        with pytest.raises(EstimationError, match=rf"failed from all of 2 starts .*{reason}"):
            fisher_switching(prices, window=60, n_starts=2)

    def test_a_start_that_fails_is_left_out(self, prices, monkeypatch):
        original, calls = MarkovRegression.fit, []

        def first_fails(self, *arguments, **options):
            calls.append(1)
            if len(calls) == 1:
                raise RuntimeError("Steady-state probabilities could not be constructed.")
            return original(self, *arguments, **options)

        monkeypatch.setattr(MarkovRegression, "fit", first_fails)
        found = fisher_switching(prices, window=60, n_starts=2)
        assert found.converged
        assert found.loglikelihoods.size == 1

    def test_a_correlation_that_never_moves(self, prices, monkeypatch):
        flat = pd.Series(0.4, index=prices.index[1:])
        monkeypatch.setattr(fisher, "_dcc", lambda pair: flat)
        with pytest.raises(ModelError, match="never moves \\(DCC found no dynamics\\)"):
            fisher_switching(prices, on="dcc")

    def test_a_correlation_of_one(self, prices):
        logs = np.log(prices)
        moves = logs.diff().iloc[1:]
        moves.iloc[200:300, 1] = 2.0 * moves.iloc[200:300, 0]
        tied = np.exp(pd.concat([logs.iloc[:1], moves]).cumsum())
        with pytest.raises(ModelError, match=r"is 1\.0 on|is 0\.99999"):
            fisher_switching(tied, window=60)

    def test_a_price_that_stands_still(self, prices):
        stale = prices.copy()
        stale.iloc[300:400, 1] = stale.iloc[300, 1]
        with (
            pytest.warns(StaleDataWarning),
            pytest.raises(ModelError, match=r"is nan on .* did not move"),
        ):
            fisher_switching(stale, window=60)

    @pytest.mark.parametrize(
        ("options", "error", "message"),
        [
            ({"on": "levels"}, ModelError, "on='levels' is unknown"),
            ({"window": 5}, WindowError, "at least 10"),
            ({"window": 60.0}, WindowError, "whole number"),
            ({"n_regimes": 1}, ModelError, "n_regimes=1"),
            ({"n_starts": 0}, ModelError, "n_starts=0"),
            ({"window": 800}, TooFewRowsError, "1000"),
        ],
    )
    def test_bad_options(self, prices, options, error, message):
        with pytest.raises(error, match=message):
            fisher_switching(prices, **options)


@pytest.fixture(scope="module")
def script():
    path = ROOT / "scripts" / "fisher_defect.py"
    spec = importlib.util.spec_from_file_location("fisher_defect", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class TestDefect:
    def test_constant_correlation_shows_regimes(self, script):
        """A reduced run of the script: what the baseline finds and the regime model does not."""
        found = script.study(4, seed=7)
        rolling = found["fisher_switching, 90-row correlation"]
        assert rolling["BIC prefers two regimes, share"] == 1.0
        assert rolling["Wald test finds a difference, share"] == 1.0
        assert rolling["difference, median"] > 0.1
        assert rolling["duration, median"] > 40
        assert found["SwitchingCorrelation"]["BIC prefers two regimes, share"] <= 0.25

    def test_the_record_says_the_same(self):
        """And the docstring quotes it."""
        found = json.loads((ROOT / "docs" / "_results" / "fisher_defect.json").read_text())
        rolling = found["fisher_switching, 90-row correlation"]
        dcc = found["fisher_switching, DCC's correlation"]
        regimes = found["SwitchingCorrelation"]["BIC prefers two regimes, share"]
        assert rolling["series"] >= 100
        assert rolling["BIC prefers two regimes, share"] > 0.95
        assert regimes < 0.05
        text = " ".join(fisher_switching.__doc__.split())
        moving = dcc["series with a correlation that moves"] / dcc["series"]
        for quoted in (
            f"On {rolling['series']} simulated pairs",
            f"to one on {rolling['BIC prefers two regimes, share']:.0%} of them".replace("%", " %"),
            f"different on {rolling['Wald test finds a difference, share']:.0%}".replace("%", " %"),
            f"{rolling['difference, median']:.2f} apart",
            f"lasting {rolling['duration, median']:.0f} rows",
            f"dynamics on {moving:.0%} of the pairs".replace("%", " %"),
            f"on {dcc['BIC prefers two regimes, share']:.0%} of those".replace("%", " %"),
            f"constant correlation on {regimes:.0%}".replace("%", " %"),
        ):
            assert quoted in text
