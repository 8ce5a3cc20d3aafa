"""Romano-Wolf: against the algorithm as it is written, its error rate and its power."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from regimecorr.errors import ModelError
from regimecorr.inference.stepdown import romano_wolf


def stepwise_rejections(statistics, replicates, k):
    """The stepdown algorithm at level k / (B + 1), from its critical values (2005, section 3).

    The critical value of a family is the k-th largest of the replicates' maxima over it; all
    statistics above are rejected, and it starts again with the rest.
    """
    family = set(range(len(statistics)))
    rejected = set()
    while family:
        members = sorted(family)
        maxima = sorted((max(row[j] for j in members) for row in replicates), reverse=True)
        critical = maxima[k - 1]
        new = {j for j in family if statistics[j] > critical}
        if not new:
            break
        rejected |= new
        family -= new
    return rejected


def pvalues_by_levels(statistics, replicates):
    """The smallest level at which every statistic is rejected."""
    n_boot = len(replicates)
    out = np.ones(len(statistics))
    for k in range(n_boot, 0, -1):
        for j in stepwise_rejections(statistics, replicates, k):
            out[j] = k / (n_boot + 1)
    return out


def equicorrelated(rng, shape, rho):
    common = rng.standard_normal((*shape[:-1], 1))
    return np.sqrt(rho) * common + np.sqrt(1.0 - rho) * rng.standard_normal(shape)


class TestAlgorithm:
    @pytest.mark.parametrize("seed", range(6))
    @pytest.mark.parametrize("rho", [0.0, 0.8])
    def test_is_the_stepwise_one(self, seed, rho):
        rng = np.random.default_rng(seed)
        replicates = equicorrelated(rng, (39, 6), rho)
        statistics = equicorrelated(rng, (6,), rho) + np.array([3.0, 2.0, 1.0, 0.0, 0.0, -1.0])
        np.testing.assert_allclose(
            romano_wolf(statistics, replicates), pvalues_by_levels(statistics, replicates)
        )

    def test_ties_share_a_p_value(self):
        rng = np.random.default_rng(1)
        statistics = np.array([1.2, 2.0, 1.2, 2.0])
        replicates = rng.standard_normal((59, 4))
        adjusted = romano_wolf(statistics, replicates)
        assert adjusted[0] == adjusted[2]
        assert adjusted[1] == adjusted[3]
        np.testing.assert_allclose(adjusted, pvalues_by_levels(statistics, replicates))

    def test_one_claim_is_its_rank(self):
        replicates = np.arange(19.0)[:, None]
        assert romano_wolf([16.5], replicates) == pytest.approx([(1 + 2) / 20])

    def test_order_of_claims_does_not_matter(self):
        rng = np.random.default_rng(2)
        statistics, replicates = rng.standard_normal(7) + 1.0, rng.standard_normal((99, 7))
        order = rng.permutation(7)
        np.testing.assert_array_equal(
            romano_wolf(statistics, replicates)[order],
            romano_wolf(statistics[order], replicates[:, order]),
        )

    def test_never_below_the_claims_own_p_value(self):
        rng = np.random.default_rng(3)
        statistics, replicates = rng.standard_normal(9) + 1.0, rng.standard_normal((199, 9))
        own = (1 + (replicates >= statistics).sum(axis=0)) / 200
        adjusted = romano_wolf(statistics, replicates)
        assert (adjusted >= own).all()
        assert (adjusted > own).any()
        assert np.all(np.diff(adjusted[np.argsort(-statistics)]) >= 0.0)


class TestUntestable:
    def test_nan_leaves_the_family(self):
        rng = np.random.default_rng(4)
        statistics, replicates = np.array([2.2, 1.8, 0.3]), rng.standard_normal((99, 3))
        wide = np.insert(statistics, 1, np.nan)
        for filler in (np.nan, 50.0):
            adjusted = romano_wolf(wide, np.insert(replicates, 1, filler, axis=1))
            assert np.isnan(adjusted[1])
            np.testing.assert_array_equal(
                np.delete(adjusted, 1), romano_wolf(statistics, replicates)
            )

    def test_all_nan(self):
        assert np.isnan(romano_wolf([np.nan, np.nan], np.full((9, 2), np.nan))).all()

    def test_a_replicate_without_statistic_does_not_exceed(self):
        replicates = np.array([[1.0], [-np.inf], [3.0]])
        assert romano_wolf([2.0], replicates) == pytest.approx([2 / 4])

    @pytest.mark.parametrize(
        ("statistics", "replicates", "message"),
        [
            ([1.0, 2.0], np.zeros((9, 3)), r"\(9, 3\) do not fit 2 statistics"),
            ([1.0, 2.0], np.zeros(2), r"shape \(B, 2\)"),
            ([1.0, 2.0], np.zeros((0, 2)), r"\(0, 2\)"),
            ([[1.0], [2.0]], np.zeros((9, 2)), "2 dimensions"),
            ([1.0, np.inf], np.zeros((9, 2)), "statistic 1 is inf"),
            ([1.0, 2.0], np.array([[0.0, np.nan]] * 4), "4 of 4 replicates of statistic 1"),
            ([1.0, 2.0], np.array([[np.inf, 0.0]] * 4), "4 of 4 replicates of statistic 0"),
        ],
    )
    def test_bad_input_says_what_is_wrong(self, statistics, replicates, message):
        with pytest.raises(ModelError, match=message):
            romano_wolf(statistics, replicates)


def false_rejections(n_sim, rho, means, seed, alpha=0.05, n_boot=199):
    """Shares of samples with a false rejection: stepdown, and every claim at its own p-value.

    Means of 60 fat-tailed, dependent rows; replicates resample rows and are centred.
    """
    rng = np.random.default_rng(seed)
    null = means <= 0.0
    adjusted_errors, naive_errors, n = 0, 0, 60
    for _ in range(n_sim):
        data = equicorrelated(rng, (n, means.size), rho)
        data = data * np.sqrt(3.0 / rng.chisquare(5, n))[:, None] + means
        centre, spread = data.mean(axis=0), data.std(axis=0, ddof=1)
        weights = rng.multinomial(n, np.full(n, 1.0 / n), size=n_boot) / n
        moved = weights @ data
        spreads = np.sqrt((weights @ (data - centre) ** 2 - (moved - centre) ** 2) * n / (n - 1))
        statistics = centre / spread * np.sqrt(n)
        replicates = (moved - centre) / spreads * np.sqrt(n)
        own = (1 + (replicates >= statistics).sum(axis=0)) / (n_boot + 1)
        adjusted_errors += bool((romano_wolf(statistics, replicates)[null] <= alpha).any())
        naive_errors += bool((own[null] <= alpha).any())
    return adjusted_errors / n_sim, naive_errors / n_sim


class TestErrorRate:
    """At 5 %; the standard error of 600 samples is .009."""

    @pytest.mark.parametrize("rho", [0.3, 0.9])
    def test_all_nulls_true(self, rho):
        adjusted, naive = false_rejections(600, rho, np.zeros(10), seed=11)
        assert 0.02 <= adjusted <= 0.078
        assert naive > 0.09  # without adjustment the bound is missed

    def test_some_nulls_false(self):
        means = np.array([1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0])
        adjusted, naive = false_rejections(600, 0.6, means, seed=12)
        assert 0.02 <= adjusted <= 0.078
        assert naive > 0.09

    @pytest.mark.slow
    @pytest.mark.parametrize("rho", [0.0, 0.3, 0.6, 0.9])
    @pytest.mark.parametrize("n_false", [0, 4])
    def test_in_many_worlds(self, rho, n_false):
        means = np.zeros(12)
        means[:n_false] = 1.0
        adjusted, _ = false_rejections(4000, rho, means, seed=13)
        assert 0.03 <= adjusted <= 0.062


class TestPower:
    def test_above_bonferroni_under_strong_dependence(self):
        rng = np.random.default_rng(21)
        n_claims, n_sim, rejected = 20, 400, np.zeros(2)
        replicates = equicorrelated(rng, (999, n_claims), 0.9)
        for _ in range(n_sim):
            statistics = equicorrelated(rng, (n_claims,), 0.9) + 2.3
            bonferroni = n_claims * stats.norm.sf(statistics)  # with the exact null
            rejected += [
                (romano_wolf(statistics, replicates) <= 0.05).mean(),
                (bonferroni <= 0.05).mean(),
            ]
        stepdown, bonferroni = rejected / n_sim
        assert stepdown > bonferroni + 0.15

    def test_stepping_down_rejects_more_than_one_step(self):
        rng = np.random.default_rng(22)
        replicates = rng.standard_normal((999, 10))
        means = np.r_[np.full(8, 4.0), 2.4, 2.4]
        gained = 0
        for _ in range(200):
            statistics = rng.standard_normal(10) + means
            one_step = (1 + (replicates.max(axis=1)[:, None] >= statistics).sum(axis=0)) / 1000
            adjusted = romano_wolf(statistics, replicates)
            assert np.all(adjusted <= one_step)
            gained += int(((adjusted <= 0.05) & (one_step > 0.05)).sum())
        assert gained > 60
