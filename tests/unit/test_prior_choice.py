"""How much past outcomes may move the coefficients: the width of their prior is learned."""

from __future__ import annotations

import numpy as np
import pytest

from regimecorr.evaluation.calibration import PRIORS, clipped_logit, recalibrate

WIDTHS = [prior.sd[2] for prior in PRIORS]
#: The panel forecast as it stands; the prior's centre.
PERFECT = (0.0, 0.0, 1.0)
#: A panel forecast that says little beside the pool.
BAD = (0.8, 1.0, 0.0)
BETWEEN = (0.2, 0.2, 0.8)


def past(seed, n, truth, *, years=20, shock=0.0):
    """Outcomes of some years under true coefficients; those of one year may share a shock."""
    rng = np.random.default_rng(seed)
    raw, panel = rng.uniform(0.05, 0.95, (2, n))
    block = np.sort(rng.integers(0, years, n))
    logit = np.array(truth) @ np.array([np.ones(n), clipped_logit(raw), clipped_logit(panel)])
    logit += shock * rng.standard_normal(years)[block]
    outcome = (rng.random(n) < 1.0 / (1.0 + np.exp(-logit))).astype(float)
    return raw, outcome, panel, block


def by_hand(raw, outcome, panel, block) -> float:
    """The narrowest prior within one standard error of the best, out of fold."""
    names, counts = np.unique(block, return_counts=True)
    runs, seen = {}, 0
    for name, count in zip(names, counts, strict=True):  # runs of blocks, alike in outcomes
        seen += count
        runs[name] = (seen - 1) * 5 // len(outcome)
    run = np.array([runs[b] for b in block])
    losses = []
    for prior in PRIORS:
        loss = dict.fromkeys(names, 0.0)
        for k in sorted(set(runs.values())):
            rest = run != k
            fit = recalibrate(raw[rest], outcome[rest], panel[rest], prior=prior)
            p = fit.apply(raw, panel)
            for i in np.flatnonzero(~rest):
                loss[block[i]] -= np.log(p[i] if outcome[i] else 1.0 - p[i])
        losses.append(np.array(list(loss.values())))
    best = min(losses, key=lambda loss: loss.sum())
    for prior, loss in zip(PRIORS, losses, strict=True):
        behind = loss - best
        if behind.sum() <= np.sqrt((behind**2).sum()):
            return prior.sd[2]
    raise AssertionError


class TestChoice:
    @pytest.mark.parametrize("shock", [0.0, 0.5])
    @pytest.mark.parametrize("n", [300, 3000])
    def test_a_perfect_panel_forecast_stays_as_it_is(self, n, shock):
        """However many outcomes there are, and whatever the years share."""
        widths = []
        for seed in range(6):
            raw, outcome, panel, block = past(seed, n, PERFECT, shock=shock)
            found = recalibrate(raw, outcome, panel, blocks=block)
            widths.append(found.prior_sd)
            if found.prior_sd == WIDTHS[0]:
                np.testing.assert_allclose(found.coefficients, PERFECT, atol=0.05)
        assert widths.count(WIDTHS[0]) >= 5

    def test_a_bad_one_is_corrected_by_many_independent_outcomes(self):
        for seed in range(3):
            raw, outcome, panel, block = past(seed, 2000, BAD, years=40)
            for blocks in (None, block):
                found = recalibrate(raw, outcome, panel, blocks=blocks)
                assert found.prior_sd >= WIDTHS[-2]
                np.testing.assert_allclose(found.coefficients, BAD, atol=0.2)

    def test_a_few_outcomes_correct_it_less(self):
        widths = []
        for seed in range(5):
            raw, outcome, panel, _ = past(seed, 60, BETWEEN)
            # Twenty blocks, the fewest that may choose.
            few = recalibrate(raw, outcome, panel, blocks=np.arange(60) // 3)
            raw, outcome, panel, block = past(seed, 6000, BETWEEN, years=40)
            many = recalibrate(raw, outcome, panel, blocks=block)
            widths.append((few.prior_sd, many.prior_sd))
            distance = [np.abs(np.subtract(f.coefficients, BETWEEN)).max() for f in (few, many)]
            assert distance[1] < 0.1 < distance[0]
        few_width, many_width = np.median(widths, axis=0)
        assert few_width < many_width

    @pytest.mark.parametrize("seed", range(8))
    def test_it_is_the_one_standard_error_rule(self, seed):
        """Between the extremes; years of unequal size that share a shock."""
        sample = past(seed, 350, BETWEEN, years=20, shock=0.4)
        raw, outcome, panel, block = sample
        assert recalibrate(raw, outcome, panel, blocks=block).prior_sd == by_hand(*sample)

    def test_the_rule_chose_different_widths(self):
        chosen = {by_hand(*past(seed, 350, BETWEEN, years=20, shock=0.4)) for seed in range(8)}
        assert len(chosen) >= 3

    def test_labels_of_blocks_are_names_in_order(self):
        raw, outcome, panel, block = past(3, 350, BETWEEN)
        one = recalibrate(raw, outcome, panel, blocks=block)
        assert recalibrate(raw, outcome, panel, blocks=1990 + 3 * block) == one

    def test_nineteen_years_choose_nothing(self):
        """Their standard error is not known; twenty choose."""
        for years, widths in ((4, WIDTHS[:1]), (19, WIDTHS[:1]), (20, WIDTHS[-2:])):
            raw, outcome, panel, block = past(0, 2000, BAD, years=years)
            assert len(np.unique(block)) == years
            found = recalibrate(raw, outcome, panel, blocks=block)
            assert found.prior_sd in widths
            if years < 20:
                narrow = recalibrate(raw, outcome, panel, blocks=block, prior=PRIORS[0])
                assert found.coefficients == narrow.coefficients
        # Outcomes that share nothing are blocks of one.
        assert recalibrate(raw[:19], outcome[:19], panel[:19]).prior_sd == WIDTHS[0]
        assert recalibrate(*past(0, 2000, BAD)[:3]).prior_sd == WIDTHS[-1]

    def test_the_pool_alone_takes_the_place_of_the_panel(self):
        """Without a panel forecast the prior is the pool as it stands."""
        rng = np.random.default_rng(0)
        p = rng.uniform(0.05, 0.95, 2000)
        good = recalibrate(p, rng.random(2000) < p, blocks=np.arange(2000) // 100)
        assert good.prior_sd == WIDTHS[0]
        np.testing.assert_allclose(good.coefficients, (0.0, 1.0, 0.0), atol=0.1)
        sure = recalibrate(p, rng.random(2000) < 0.4 + 0.2 * p, blocks=np.arange(2000) // 100)
        assert sure.prior_sd >= WIDTHS[-2]
        assert sure.coefficients[1] < 0.4


class TestCovariance:
    @pytest.mark.parametrize("truth", [PERFECT, BETWEEN, BAD])
    def test_it_is_that_of_the_widest_prior(self, truth):
        """A narrow prior makes the forecast better; it does not make the coefficients known."""
        raw, outcome, panel, block = past(2, 400, truth, shock=0.3)
        found = recalibrate(raw, outcome, panel, blocks=block)
        wide = recalibrate(raw, outcome, panel, blocks=block, prior=PRIORS[-1])
        assert found.covariance == wide.covariance
        narrow = recalibrate(raw, outcome, panel, blocks=block, prior=PRIORS[0])
        assert np.trace(narrow.covariance) < 0.1 * np.trace(wide.covariance)
        if truth == PERFECT:
            assert found.coefficients == narrow.coefficients

    def test_what_outcomes_leave_open_is_as_wide_as_the_prior(self):
        """Forecasts of one half say nothing of the weights, something of the intercept."""
        outcome = np.arange(60) % 3 == 0
        found = recalibrate(np.full(60, 0.5), outcome, np.full(60, 0.5), blocks=np.arange(60) // 6)
        covariance = np.array(found.covariance)
        np.testing.assert_allclose(covariance[1:, 1:], np.diag([0.25, 0.25]), atol=1e-12)
        np.testing.assert_allclose(covariance[0, 1:], 0.0, atol=1e-12)
        assert 0.0 < covariance[0, 0] < 0.1
        np.testing.assert_allclose(found.coefficients[1:], [0.0, 1.0], atol=1e-12)

    def test_years_that_share_a_shock_say_less(self):
        raw, outcome, panel, block = past(5, 1500, PERFECT, shock=1.0)
        together = recalibrate(raw, outcome, panel, blocks=block)
        alone = recalibrate(raw, outcome, panel)
        assert together.covariance[0][0] > 3.0 * alone.covariance[0][0]

    def test_it_covers_the_truth(self):
        """Of 60 samples whose years share shocks, the intercept is within two errors in most."""
        inside = 0
        for seed in range(60):
            raw, outcome, panel, block = past(seed, 400, BETWEEN, years=25, shock=0.4)
            found = recalibrate(raw, outcome, panel, blocks=block, prior=PRIORS[-1])
            error = np.sqrt(np.diag(found.covariance))
            inside += int(np.all(np.abs(np.subtract(found.coefficients, BETWEEN)) < 2.5 * error))
        assert inside >= 54
