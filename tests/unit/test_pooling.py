"""Pool weights, perturbed weights, the interval, and what happens when members fail."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import pytest
from scipy.stats import beta

import regimecorr as rc
from regimecorr.errors import EstimationError, ModelError
from regimecorr.evaluation import pool as pool_module
from regimecorr.evaluation.pooling import (
    FAMILIES,
    member_priors,
    perturbed_weights,
    pool_weights,
    probability_interval,
    without_noise,
)


def interval(halves, p):
    return probability_interval(without_noise(halves[:, 0], halves[:, 1], p), p)


MEMBERS = [m for names in FAMILIES.values() for m in names]


class TestWeights:
    def test_formula(self):
        scores = {"a": -1000.0, "b": -1001.5, "c": -1003.0}
        priors = {"a": 0.2, "b": 0.5, "c": 0.3}
        raw = np.array([0.2 * np.exp(3.0), 0.5 * np.exp(1.5), 0.3])
        np.testing.assert_allclose(list(pool_weights(scores, priors).values()), raw / raw.sum())

    def test_huge_scores_do_not_overflow(self):
        weights = pool_weights({"a": -1e7, "b": 1e7}, {"a": 0.5, "b": 0.5})
        assert weights == {"a": 0.0, "b": 1.0}

    def test_failed_and_excluded_members_weigh_nothing(self):
        weights = pool_weights(
            {"a": np.nan, "b": -5.0, "c": 0.0, "d": -5.0}, {"a": 0.4, "b": 0.3, "c": 0.0, "d": 0.3}
        )
        assert weights == pytest.approx({"a": 0.0, "b": 0.5, "c": 0.0, "d": 0.5})

    def test_nobody_left(self):
        with pytest.raises(ModelError):
            pool_weights({"a": np.nan, "b": -1.0}, {"a": 1.0, "b": 0.0})

    def test_a_familys_prior_is_shared_by_its_members(self):
        priors = member_priors(None)
        assert sum(priors.values()) == pytest.approx(1.0)
        for names in FAMILIES.values():
            assert sum(priors[n] for n in names) == pytest.approx(0.2)
        given = member_priors({"break": 3.0, "mean_reverting": 1.0})
        assert given["break"] == pytest.approx(0.75)
        assert given["dcc"] == given["reverting"] == pytest.approx(0.125)
        assert given["constant"] == 0.0

    @pytest.mark.parametrize(
        "bad", [{"no": 1.0}, {"break": -1.0}, {"break": 0.0}, {}, {"break": np.nan}]
    )
    def test_bad_priors(self, bad):
        with pytest.raises(ModelError):
            member_priors(bad)


class TestPerturbedWeights:
    def test_every_draw_is_one_member_taken_with_its_weight(self):
        weights = np.array([0.5, 0.3, 0.2, 0.0])
        drawn = perturbed_weights(weights, 400_000, np.random.default_rng(0))
        np.testing.assert_array_equal(np.sort(drawn, axis=1), [[0.0, 0.0, 0.0, 1.0]] * 400_000)
        assert (drawn[:, 3] == 0).all()
        np.testing.assert_allclose(drawn.mean(axis=0), weights, atol=0.003)

    def test_one_dominant_member(self):
        drawn = perturbed_weights(np.array([1 - 1e-9, 1e-9]), 1000, np.random.default_rng(0))
        assert np.isfinite(drawn).all()
        np.testing.assert_allclose(drawn.sum(axis=1), 1.0)


class TestInterval:
    @pytest.mark.parametrize("n_inner", [10, 20, 200])
    def test_recovers_the_between_draw_quantiles(self, n_inner):
        """True probabilities Beta(6, 9); estimates from two halves of a few paths, far noisier
        than they.
        """
        rng = np.random.default_rng(n_inner)
        true = rng.beta(6, 9, 20000)
        halves = rng.binomial(n_inner // 2, true[:, None], (20000, 2)) / (n_inner // 2)
        low, high = interval(halves, 6 / 15)
        # Ten paths can only give tenths, so quantiles of the shrunken draws lie on a lattice.
        tolerance = 0.03 if n_inner == 10 else 0.025
        assert low == pytest.approx(beta(6, 9).ppf(0.05), abs=tolerance)
        assert high == pytest.approx(beta(6, 9).ppf(0.95), abs=tolerance)
        # It would be far too wide with the Monte-Carlo noise left in.
        if n_inner == 10:
            raw = np.quantile(halves.mean(axis=1), [0.05, 0.95])
            assert raw[1] - raw[0] > 1.25 * (high - low)

    def test_pure_noise_gives_a_narrow_interval(self):
        rng = np.random.default_rng(1)
        halves = rng.binomial(10, 0.4, (20000, 2)) / 10
        low, high = interval(halves, 0.4)
        assert high - low < 0.08

    @pytest.mark.parametrize("seed", range(20))
    def test_two_hundred_noisy_draws_never_collapse_to_a_point(self, seed):
        """Forty paths a draw and a true width of .1: by luck the halves may not covary at all."""
        rng = np.random.default_rng(seed)
        true = rng.normal(0.4, 0.03, 200)
        halves = rng.binomial(10, true[:, None], (200, 2)) / 10
        low, high = interval(halves, 0.4)
        assert 0.05 < high - low < 0.3

    @pytest.mark.parametrize("p", [0.0, 0.02, 0.5, 0.98, 1.0])
    def test_contains_p_and_stays_in_the_unit_interval(self, p):
        rng = np.random.default_rng(2)
        skewed = np.where(rng.random((200, 2)) < 0.04, 1.0, 0.0)
        for halves in (skewed, np.zeros((200, 2)), np.ones((200, 2)), rng.random((200, 2))):
            low, high = interval(halves, p)
            assert 0.0 <= low <= p <= high <= 1.0


@dataclass(frozen=True)
class Broken:
    """A specification whose fit fails."""

    reason: str = "the optimiser ran away"
    hazards = np.array([0.01])

    def fit(self, returns, *, margins=None):
        raise ValueError(self.reason)


@pytest.fixture(scope="module")
def prices():
    for seed in range(40):
        world = rc.simulate("one_break", n_obs=900, nu=8.0, rng=seed)
        here = world.prices
        from regimecorr.events import situation

        if situation(world.returns.to_numpy(), 90, 252).state != "weak":
            return here
    raise AssertionError


class TestFailedMembers:
    @pytest.mark.parametrize("name", ["switching", "break", "dcc"])
    def test_one_failure_is_shown_and_weighs_nothing(self, prices, monkeypatch, name):
        monkeypatch.setitem(pool_module.SPECS, name, Broken())
        verdict = rc.assess(prices, calibration=None, n_paths=400, rng=1)
        row = verdict.models.loc[name]
        assert row["weight"] == 0.0
        assert row["reason"] == "ValueError: the optimiser ran away"
        assert np.isnan(row["p_structural"])
        assert not row["converged"]
        others = verdict.models.loc[[m for m in MEMBERS if m != name]]
        assert others["weight"].sum() == pytest.approx(1.0)
        assert verdict.p_structural == pytest.approx(
            (others["weight"] * others["p_structural"]).sum()
        )
        assert verdict.interval[0] <= verdict.p_structural <= verdict.interval[1]

    def test_two_failures_raise_and_name_both(self, prices, monkeypatch):
        monkeypatch.setitem(pool_module.SPECS, "dcc", Broken("first reason"))
        monkeypatch.setitem(pool_module.SPECS, "drift", Broken("second reason"))
        with pytest.raises(EstimationError, match="first reason") as caught:
            rc.assess(prices, calibration=None, n_paths=400, rng=1)
        assert "second reason" in str(caught.value)

    def test_not_finite_futures_count_as_failed(self, prices, monkeypatch):
        from regimecorr.models.constant import ConstantResult

        original = ConstantResult.simulate

        def poisoned(self, *args, **kwargs):
            futures = original(self, *args, **kwargs)
            futures.returns[0, 0, 0] = np.nan
            return futures

        monkeypatch.setattr(ConstantResult, "simulate", poisoned)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            verdict = rc.assess(prices, calibration=None, n_paths=400, rng=1)
        assert verdict.models.loc["constant", "weight"] == 0.0
        assert "finite" in verdict.models.loc["constant", "reason"]


def test_weights_of_a_verdict_follow_from_its_scores(prices):
    verdict = rc.assess(
        prices,
        calibration=None,
        n_paths=400,
        rng=1,
        family_prior={"break": 2, "drift": 1, "constant": 1},
    )
    table = verdict.models.loc[list(MEMBERS)]
    raw = table["prior"] * np.exp(table["score"] - table["score"].max())
    np.testing.assert_allclose(table["weight"], raw / raw.sum(), rtol=1e-10)
    assert table.loc["dcc", "weight"] == 0.0
    np.testing.assert_allclose(table["prior"][["break", "drift", "constant"]], [0.5, 0.25, 0.25])
