"""Scores of probabilities: hand values, scikit-learn's values, identities, bands by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from regimecorr.errors import ModelError
from regimecorr.evaluation.binned import bin_table, calibration_error
from regimecorr.evaluation.blocks import BlockBootstrap
from regimecorr.evaluation.ranking import auc, auc_estimate
from regimecorr.evaluation.scores import (
    brier_score,
    brier_skill,
    corp_decomposition,
    log_score,
    murphy_decomposition,
    recalibrated,
)


def sample(seed, n=300, rounded=None):
    """Forecasts that rank but are over-confident."""
    rng = np.random.default_rng(seed)
    p = rng.beta(1.2, 1.5, n)
    y = (rng.random(n) < 0.25 + 0.4 * p).astype(float)
    return (p if rounded is None else p.round(rounded)), y


class TestAgainstSklearn:
    @pytest.mark.parametrize("seed", [0, 1, 2])
    @pytest.mark.parametrize("rounded", [None, 1])
    def test_brier_log_and_auc(self, seed, rounded):
        p, y = sample(seed, rounded=rounded)
        assert brier_score(p, y) == pytest.approx(brier_score_loss(y, p), rel=1e-12)
        clipped = np.clip(p, 0.01, 0.99)
        assert log_score(p, y) == pytest.approx(log_loss(y, clipped), rel=1e-12)
        assert auc(p, y) == pytest.approx(roc_auc_score(y, p), rel=1e-12)

    @pytest.mark.parametrize("rounded", [None, 1])
    def test_recalibrated(self, rounded):
        p, y = sample(3, rounded=rounded)
        theirs = IsotonicRegression(y_min=0.0, y_max=1.0).fit(p, y).predict(p)
        np.testing.assert_allclose(recalibrated(p, y), theirs, atol=1e-12)


class TestHandValues:
    def test_certain_forecasts(self):
        assert brier_score([0, 1, 1], [0, 1, 0]) == pytest.approx(1 / 3)
        # ln of .99 twice and of .01 once
        expected = -(2 * math.log(0.99) + math.log(0.01)) / 3
        assert log_score([0, 1, 1], [0, 1, 0]) == pytest.approx(expected)

    def test_always_transient_loses_to_the_base_rate(self):
        y = np.repeat([1, 0], [45, 55])
        assert brier_score(np.zeros(100), y) == pytest.approx(0.45)
        assert brier_skill(np.zeros(100), y).value == pytest.approx(1 - 0.45 / (0.45 * 0.55))

    def test_a_bin_contains_its_left_end(self):
        table = bin_table([0.3, 0.7, 1.0, 0.0], [1, 0, 1, 0])
        assert table["count"].tolist() == [1, 0, 0, 1, 0, 0, 0, 1, 0, 1]
        assert table.loc[9, "forecast"] == 1.0
        assert math.isnan(table.loc[1, "observed"])

    def test_calibration_error(self):
        # two bins: 3 at .2 with mean outcome 1/3, 2 at .9 with mean outcome 1/2
        error = calibration_error([0.2, 0.2, 0.2, 0.9, 0.9], [1, 0, 0, 1, 0], n_sim=99)
        assert error.value == pytest.approx(0.6 * (1 / 3 - 0.2) + 0.4 * 0.4)

    def test_ties_count_half(self):
        assert auc([0.5] * 4, [0, 1, 1, 0]) == 0.5
        assert auc([0.2, 0.5, 0.5, 0.9], [0, 0, 1, 1]) == pytest.approx(3.5 / 4)


class TestMurphy:
    def test_by_hand(self):
        parts = murphy_decomposition([0.2, 0.2, 0.8, 0.8, 0.8], [0, 1, 1, 1, 0], bins=None)
        assert parts.reliability == pytest.approx(0.4 * 0.3**2 + 0.6 * (0.8 - 2 / 3) ** 2)
        assert parts.resolution == pytest.approx(0.4 * 0.1**2 + 0.6 * (2 / 3 - 0.6) ** 2)
        assert parts.uncertainty == pytest.approx(0.24)

    @pytest.mark.parametrize("bins", [None, 1, 7, 10])
    @pytest.mark.parametrize("rounded", [None, 1])
    def test_identity(self, bins, rounded):
        p, y = sample(4, rounded=rounded)
        p = np.minimum(p, 0.9)  # 0.9 and 1 share the last bin
        parts = murphy_decomposition(p, y, bins)
        total = parts.reliability - parts.resolution + parts.uncertainty
        assert parts.brier == pytest.approx(total + parts.within, abs=1e-14)
        if bins is None or (rounded == 1 and bins == 10):  # one forecast in every bin
            assert parts.within == pytest.approx(0.0, abs=1e-14)
        else:
            assert abs(parts.within) > 1e-5

    def test_corp_identity_and_limits(self):
        p, y = sample(5)
        parts = corp_decomposition(p, y)
        total = parts.miscalibration - parts.discrimination + parts.uncertainty
        assert parts.brier == pytest.approx(total, abs=1e-14)
        assert parts.miscalibration > 0.01 < parts.discrimination
        # nothing to gain once recalibrated; the ranking is the same
        again = corp_decomposition(recalibrated(p, y), y)
        assert again.miscalibration == pytest.approx(0.0, abs=1e-14)
        assert again.discrimination == pytest.approx(parts.discrimination, abs=1e-14)

    def test_corp_of_a_reversed_ranking(self):
        parts = corp_decomposition([0.9, 0.8, 0.2, 0.1], [0, 0, 1, 1])
        assert parts.discrimination == pytest.approx(0.0)
        assert parts.miscalibration == pytest.approx(parts.brier - 0.25)


class TestCalibrationError:
    @staticmethod
    def sensible(rng, n=398):
        """Probabilities about .44 with the spread of a forecaster of skill .05."""
        return rng.beta(8.4, 10.7, n)

    def test_perfect_forecaster_at_398(self):
        # the panel forecaster's spread, about .15
        rng = np.random.default_rng(0)
        found = [
            calibration_error(p, rng.random(398) < p, n_sim=499, rng=i)
            for i, p in enumerate(rng.beta(4.4, 5.6, 398) for _ in range(20))
        ]
        assert np.mean([e.median for e in found]) == pytest.approx(0.048, abs=0.002)
        assert np.mean([e.upper for e in found]) == pytest.approx(0.075, abs=0.003)
        narrow = rng.beta(13, 16, 398)
        assert calibration_error(narrow, rng.random(398) < narrow).median < 0.043

    def test_band_covers_a_perfect_forecaster(self):
        rng = np.random.default_rng(1)
        inside, p_values = [], []
        for i in range(200):
            p = self.sensible(rng, 200)
            error = calibration_error(p, rng.random(200) < p, n_sim=199, rng=i)
            inside.append(error.value <= error.upper)
            p_values.append(error.pvalue)
        assert 0.90 <= np.mean(inside) <= 0.985
        assert stats.kstest(p_values, "uniform").pvalue > 0.001

    def test_over_confidence_is_seen(self):
        p, y = sample(6, 400)
        error = calibration_error(p, y)
        assert error.value > error.upper
        assert error.pvalue < 0.01

    def test_clustered_outcomes_need_the_wider_band(self):
        rng = np.random.default_rng(2)
        years = np.repeat(np.arange(18), 20)
        inside = []
        for i in range(120):
            p = self.sensible(rng, 360)
            shock = np.sqrt(0.2) * rng.standard_normal(18)[years]
            own = np.sqrt(0.8) * rng.standard_normal(360)
            error = calibration_error(
                p, shock + own < stats.norm.ppf(p), blocks=years, n_sim=199, rng=i
            )
            inside.append([error.value <= error.upper, error.value <= error.block_upper])
        independent, clustered = np.mean(inside, axis=0)
        assert independent < 0.85
        assert 0.89 <= clustered <= 1.0

    def test_chunks_of_simulation_do_not_matter(self, monkeypatch):
        p, y = sample(7)
        whole = calibration_error(p, y, n_sim=200)
        monkeypatch.setattr("regimecorr.evaluation.binned._CHUNK", 7 * p.size)
        parts = calibration_error(p, y, n_sim=200)
        assert (whole.median, whole.upper) == (parts.median, parts.upper)


class TestAuc:
    def test_delong_against_placements(self):
        p, y = sample(8, 60, rounded=1)
        ones, zeros = p[y == 1], p[y == 0]
        wins = (ones[:, None] > zeros) + 0.5 * (ones[:, None] == zeros)
        variance = wins.mean(axis=1).var(ddof=1) / ones.size
        variance += wins.mean(axis=0).var(ddof=1) / zeros.size
        area = auc_estimate(p, y)
        assert area.value == pytest.approx(wins.mean())
        assert area.error == pytest.approx(np.sqrt(variance))
        assert area.lower < area.value < area.upper

    def test_delong_covers(self):
        rng = np.random.default_rng(9)
        truth = stats.norm.cdf(0.6 / np.sqrt(2))
        inside = []
        for _ in range(400):
            y = np.repeat([0, 1], [40, 40])
            p = stats.norm.cdf(rng.standard_normal(80) + 0.6 * y)
            area = auc_estimate(p, y)
            inside.append(area.lower <= truth <= area.upper)
        assert 0.92 <= np.mean(inside) <= 0.98

    @pytest.mark.parametrize("rounded", [None, 1])
    def test_resamples_are_aucs_of_repeated_rows(self, rounded):
        p, y = sample(10, 120, rounded=rounded)
        years = np.arange(120) // 12
        area = auc_estimate(p, y, blocks=years, n_boot=99, rng=4)
        weights = BlockBootstrap(years, 99, 4).weights().astype(int)
        slow = [roc_auc_score(np.repeat(y, w), np.repeat(p, w)) for w in weights]
        assert area.error == pytest.approx(np.std(slow, ddof=1))
        half = stats.t.ppf(0.975, 9) * area.error
        assert (area.lower, area.upper) == pytest.approx((area.value - half, area.value + half))

    def test_nothing_to_rank(self):
        assert math.isnan(auc([0.2, 0.4], [1, 1]))
        assert "only outcomes 1" in auc_estimate([0.2, 0.4], [1, 1]).reason
        constant = auc_estimate([0.4, 0.4, 0.4], [1, 0, 1])
        assert constant.value == 0.5
        assert math.isnan(constant.error)
        assert "equal" in constant.reason
        perfect = auc_estimate([0.1, 0.2, 0.8, 0.9], [0, 0, 1, 1])
        assert (perfect.value, math.isnan(perfect.error)) == (1.0, True)
        few = auc_estimate([0.1, 0.8, 0.6, 0.9], [0, 1, 0, 0], blocks=[1, 1, 2, 2])
        assert "2 calendar blocks" in few.reason


class TestSkill:
    def test_reference_by_hand(self):
        skill = brier_skill([0.2, 0.6], [0, 1], [0.5, 0.5])
        assert skill.value == pytest.approx(1 - 0.1 / 0.25)
        assert brier_skill([0.2, 0.6], [0, 1], 0.5).value == skill.value

    def test_own_base_rate_is_taken_anew_in_every_resample(self):
        p, y = sample(11, 120)
        years = np.arange(120) // 12
        skill = brier_skill(p, y, blocks=years, n_boot=99, rng=4)
        weights = BlockBootstrap(years, 99, 4).weights().astype(int)
        slow = []
        for w in weights:
            drawn_p, drawn_y = np.repeat(p, w), np.repeat(y, w)
            slow.append(1 - np.mean((drawn_p - drawn_y) ** 2) / drawn_y.var())
        assert skill.error == pytest.approx(np.std(slow, ddof=1))

    def test_interval_covers(self):
        rng = np.random.default_rng(12)
        strong = rng.beta(8.4, 10.7, 400_000)
        base = strong.mean()
        truth = 1 - np.mean(strong * (1 - strong)) / (base * (1 - base))
        inside = []
        for i in range(300):
            years = rng.choice(15, 300, p=rng.dirichlet(np.full(15, 2.0)))
            p = rng.beta(8.4, 10.7, 300)
            skill = brier_skill(p, rng.random(300) < p, blocks=years, n_boot=199, rng=i)
            inside.append(skill.lower <= truth <= skill.upper)
        assert 0.91 <= np.mean(inside) <= 0.985

    def test_no_error_without_blocks_or_with_few(self):
        p, y = sample(13, 30)
        assert brier_skill(p, y).reason == "no blocks given"
        few = brier_skill(p, y, blocks=np.arange(30) // 15)
        assert math.isfinite(few.value)
        assert math.isnan(few.error)
        assert "at least 3" in few.reason

    def test_reference_without_error(self):
        found = brier_skill([0.2, 0.3], [0, 0], blocks=[1, 2])
        assert math.isnan(found.value)
        assert found.reason == "the reference makes no error"


class TestBadInput:
    @pytest.mark.parametrize(
        ("p", "y", "message"),
        [
            ([], [], "at least 1"),
            ([0.2, 0.3], [1], "one length"),
            ([0.2, np.nan], [1, 0], "1 of 2 forecasts"),
            ([0.2, 1.2], [1, 0], "probabilities"),
            ([0.2, 0.3], [1, 2], "outcome is 2"),
            (["a", "b"], [1, 0], "numbers"),
        ],
    )
    def test_refused_with_a_reason(self, p, y, message):
        for score in (brier_score, log_score, auc, corp_decomposition, calibration_error):
            with pytest.raises(ModelError, match=message):
                score(p, y)

    def test_options(self):
        with pytest.raises(ModelError, match="clip"):
            log_score([0.5], [1], clip=0.5)
        with pytest.raises(ModelError, match="bins"):
            bin_table([0.5], [1], bins=0)
        with pytest.raises(ModelError, match="ci_prob"):
            calibration_error([0.5], [1], ci_prob=95)
        with pytest.raises(ModelError, match="give one for each"):
            calibration_error([0.5, 0.6], [1, 0], blocks=[1])
        with pytest.raises(ModelError, match="n_boot"):
            BlockBootstrap([1, 2, 3], 10)
