"""Kaplan-Meier and cumulative incidence: published results, other software, hand counts."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy import stats
from statsmodels.duration.survfunc import CumIncidenceRight, SurvfuncRight

from regimecorr.episodes.survival import (
    cumulative_incidence,
    kaplan_meier,
    median_duration,
    survival_at,
)
from regimecorr.errors import DataError, ModelError

# Freireich et al. (1963), weeks of remission in leukaemia; Kalbfleisch and Prentice (2002) p. 2.
MERCAPTOPURINE = np.array(
    [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
)
RELAPSED = np.array([1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0], dtype=bool)


def censored_sample(n, seed, *, shape=0.8, scale=20.0, last=60.0):
    rng = np.random.default_rng(seed)
    time, limit = scale * rng.weibull(shape, n), rng.uniform(0.0, last, n)
    return np.minimum(time, limit), time <= limit


class TestKaplanMeier:
    def test_leukaemia_as_published(self):
        # Collett (2003) example 2.4 ff. and Stata's sts list: survival, Greenwood error and
        # log-log band at the times of relapse.
        published = {
            6: (21, 3, 0.8571, 0.0764, 0.6197, 0.9516),
            7: (17, 1, 0.8067, 0.0869, 0.5631, 0.9228),
            10: (15, 1, 0.7529, 0.0963, 0.5032, 0.8894),
            13: (12, 1, 0.6902, 0.1068, 0.4316, 0.8491),
            16: (11, 1, 0.6275, 0.1141, 0.3675, 0.8049),
            22: (7, 1, 0.5378, 0.1282, 0.2678, 0.7468),
            23: (6, 1, 0.4482, 0.1346, 0.1881, 0.6801),
        }
        curve = kaplan_meier(MERCAPTOPURINE, RELAPSED)
        for week, row in published.items():
            assert curve.loc[week].to_numpy() == pytest.approx(row, abs=6e-5)
        assert list(curve.columns) == [
            *("at_risk", "events", "survival"),
            *("std_error", "lower", "upper"),
        ]
        assert curve.index.name == "time"
        median = median_duration(curve)
        assert median.estimate == 23.0
        assert median.lower == 13.0
        assert median.upper == np.inf

    def test_by_hand_with_ties(self):
        curve = kaplan_meier([2, 2, 3, 3, 5], [1, 1, 1, 0, 1])
        # 5 at risk, 2 end; 3 at risk, 1 ends (the one censored at 3 counts); 1 at risk, 1 ends
        assert curve["survival"].tolist() == pytest.approx([1, 3 / 5, 3 / 5 * 2 / 3, 0])
        assert curve["at_risk"].tolist() == [5, 5, 3, 1]
        greenwood = 2 / (5 * 3) + 1 / (3 * 2)
        assert curve.loc[3.0, "std_error"] == pytest.approx(0.4 * np.sqrt(greenwood))
        assert curve.loc[5.0, ["std_error", "lower", "upper"]].isna().all()

    @pytest.mark.parametrize("seed", range(5))
    def test_agrees_with_scipy(self, seed):
        time, observed = censored_sample(40, seed)
        time = np.ceil(time)
        curve = kaplan_meier(time, observed, ci_prob=0.9)
        sf = stats.ecdf(stats.CensoredData.right_censored(time, ~observed)).sf
        mine = curve.loc[sf.quantiles]
        assert mine["survival"].to_numpy() == pytest.approx(sf.probabilities, abs=1e-12)
        inside = mine["lower"].notna().to_numpy()
        assert inside.sum() > 10
        np.testing.assert_array_equal(inside, (sf.probabilities > 0) & (sf.probabilities < 1))
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # no band where the curve is 0
            band = sf.confidence_interval(0.9, method="log-log")
        for name, theirs in (("lower", band.low), ("upper", band.high)):
            np.testing.assert_allclose(mine[name][inside], theirs.probabilities[inside])

    def test_late_entries_by_hand(self):
        # Spells first seen at ages 0, 0, 4, 5; ends at 3, 6, 7(censored), 9.
        curve = kaplan_meier([3, 6, 7, 9], [1, 1, 0, 1], entry=[0, 0, 4, 5])
        # at 3: two are watched. At 6: spells 2, 3, 4. At 9: the last.
        assert curve["at_risk"].tolist() == [2, 2, 3, 2, 1]
        assert curve["survival"].tolist() == pytest.approx([1, 1 / 2, 1 / 2 * 2 / 3, 1 / 3, 0])
        # A spell that is first seen at 6 was not at risk at 6.
        later = kaplan_meier([3, 6, 7, 9], [1, 1, 0, 1], entry=[0, 0, 6, 5])
        assert later.loc[6.0, "at_risk"] == 2

    @pytest.mark.parametrize("seed", range(3))
    def test_late_entries_agree_with_statsmodels(self, seed):
        rng = np.random.default_rng(seed)
        time, observed = np.ceil(rng.exponential(30, 60)) + 5, rng.random(60) < 0.7
        entry = np.where(rng.random(60) < 0.5, 0.0, np.floor(rng.random(60) * time * 0.5))
        entry = np.minimum(entry, time - 1)
        theirs = SurvfuncRight(time, observed.astype(int), entry=entry)
        mine = kaplan_meier(time, observed, entry=entry).loc[theirs.surv_times]
        assert mine["at_risk"].to_numpy() == pytest.approx(theirs.n_risk)
        assert mine["survival"].to_numpy() == pytest.approx(theirs.surv_prob, abs=1e-12)
        alive = theirs.surv_prob > 0
        assert mine["std_error"].to_numpy()[alive] == pytest.approx(theirs.surv_prob_se[alive])

    def test_truncation_removes_the_bias_of_seeing_long_spells_only(self):
        rng = np.random.default_rng(0)
        age = rng.uniform(0, 60, 20_000)
        time = rng.exponential(30, 20_000)
        seen = time > age
        time, age = time[seen], age[seen]
        every = np.ones(time.size, dtype=bool)
        assert kaplan_meier(time, every, entry=age).loc[:30.0, "survival"].iloc[
            -1
        ] == pytest.approx(np.exp(-1), abs=0.03)
        assert kaplan_meier(time, every).loc[:30.0, "survival"].iloc[-1] > 0.5

    def test_bands_cover(self):
        hits = 0
        for seed in range(300):
            time, observed = censored_sample(40, seed)
            row = survival_at(kaplan_meier(time, observed), [15.0]).iloc[0]
            hits += row["lower"] <= np.exp(-((15 / 20) ** 0.8)) <= row["upper"]
        # Monte-Carlo error 1.3 points
        assert 0.91 <= hits / 300 <= 0.985

    def test_units_do_not_matter(self):
        one = kaplan_meier(MERCAPTOPURINE, RELAPSED)
        two = kaplan_meier(2 * MERCAPTOPURINE, RELAPSED)
        assert two.index.tolist() == [2 * t for t in one.index]
        np.testing.assert_array_equal(one.to_numpy(), two.to_numpy())

    def test_horizons_beyond_the_last_spell(self):
        open_ended = survival_at(kaplan_meier([5, 8, 12], [1, 1, 0]), [4, 8, 12, 13])
        assert open_ended["survival"].tolist()[:3] == pytest.approx([1, 1 / 3, 1 / 3])
        assert open_ended.loc[13.0, ["survival", "lower", "upper"]].isna().all()
        assert open_ended["at_risk"].tolist() == [3, 2, 1, 0]
        closed = survival_at(kaplan_meier([5, 8, 12], [1, 1, 1]), [13])
        assert closed["survival"].tolist() == [0.0]

    def test_median_of_what_never_ends(self):
        median = median_duration(kaplan_meier([10, 20, 30], [0, 0, 0]))
        assert median == (np.inf, 0.0, np.inf)
        # one of 200 ended: shorter medians are excluded up to the last time watched
        rare = median_duration(kaplan_meier(np.arange(1.0, 201.0), np.arange(200) == 0))
        assert rare == (np.inf, 200.0, np.inf)

    @pytest.mark.parametrize(
        ("durations", "observed", "entry", "match"),
        [
            ([], [], None, "no durations"),
            ([5, 0], [1, 1], None, "must be positive"),
            ([5, -2], [1, 1], None, "-2"),
            ([5, np.nan], [1, 1], None, "position 1"),
            ([5, np.inf], [1, 1], None, "inf"),
            ([5, "x"], [1, 1], None, "numbers"),
            ([[5, 6]], [1, 1], None, "dimensions"),
            ([5, 6], [1], None, "one value a spell"),
            ([5, 6], [1, 2], None, "True and False"),
            ([5, 6], [1, np.nan], None, "observed is nan"),
            ([5, 6], [1, 1], [0, 6], "entry age 6"),
            ([5, 6], [1, 1], [0, -1], "at least 0"),
            ([5, 6], [1, 1], [0], "1 entry ages"),
        ],
    )
    def test_bad_input(self, durations, observed, entry, match):
        with pytest.raises(DataError, match=match):
            kaplan_meier(durations, observed, entry=entry)

    @pytest.mark.parametrize("ci_prob", [0.0, 1.0, 95, np.nan])
    def test_bad_probability(self, ci_prob):
        with pytest.raises(ModelError, match="ci_prob"):
            kaplan_meier([5], [1], ci_prob=ci_prob)


class TestCumulativeIncidence:
    NAMES = ("recovers", "reference_decays")

    @pytest.mark.parametrize("seed", range(4))
    def test_agrees_with_statsmodels(self, seed):
        rng = np.random.default_rng(seed)
        time = np.ceil(rng.exponential(20, 50))
        kind = rng.integers(0, 3, 50)
        time[0], kind[0] = time.max() + 1, 0  # theirs has no error where all at risk end
        labels = np.array(["", *self.NAMES], dtype=object)[kind]
        mine = cumulative_incidence(time, labels, names=self.NAMES)
        theirs = CumIncidenceRight(time, kind)
        for k, name in enumerate(self.NAMES):
            at = mine.loc[theirs.times]
            assert at[name].to_numpy() == pytest.approx(theirs.cinc[k], abs=1e-12)
            assert at[f"{name}_std_error"].to_numpy() == pytest.approx(theirs.cinc_se[k], abs=1e-9)

    def test_adds_up_with_survival(self):
        rng = np.random.default_rng(0)
        time = np.ceil(rng.exponential(20, 80))
        labels = np.array(["", *self.NAMES], dtype=object)[rng.integers(0, 3, 80)]
        entry = np.floor(rng.random(80) * time / 2)
        mine = cumulative_incidence(time, labels, names=self.NAMES, entry=entry)
        curve = kaplan_meier(time, labels != "", entry=entry)
        total = mine[list(self.NAMES)].sum(axis=1) + curve["survival"]
        assert total.to_numpy() == pytest.approx(1.0, abs=1e-12)

    def test_one_ending_mirrors_kaplan_meier(self):
        labels = np.where(RELAPSED, "end", "").astype(object)
        mine = cumulative_incidence(MERCAPTOPURINE, labels, names=("end",))
        curve = kaplan_meier(MERCAPTOPURINE, RELAPSED)
        np.testing.assert_allclose(mine["end"], 1 - curve["survival"], atol=1e-12)
        np.testing.assert_allclose(mine["end_std_error"], curve["std_error"], atol=1e-9)
        np.testing.assert_allclose(mine["end_lower"], 1 - curve["upper"], atol=1e-9)
        np.testing.assert_allclose(mine["end_upper"], 1 - curve["lower"], atol=1e-9)

    def test_by_hand(self):
        mine = cumulative_incidence([1, 2, 2, 4], ["a", "b", "", "a"], names=("a", "b"))
        assert mine["a"].tolist() == pytest.approx([0, 1 / 4, 1 / 4, 3 / 4])
        assert mine["b"].tolist() == pytest.approx([0, 0, 1 / 4, 1 / 4])

    def test_is_unbiased_and_its_errors_hold(self):
        # exponential rates 1/30 and 1/60: F_1(20) = 2/3 (1 - exp(-1))
        truth = 2 / 3 * (1 - np.exp(-1))
        estimates, errors = [], []
        rng = np.random.default_rng(1)
        for _ in range(200):
            t1, t2, c = rng.exponential(30, 60), rng.exponential(60, 60), rng.uniform(10, 80, 60)
            time = np.minimum(np.minimum(t1, t2), c)
            labels = np.select([c == time, t1 == time], ["", "a"], "b").astype(object)
            row = cumulative_incidence(time, labels, names=("a", "b")).loc[:20.0].iloc[-1]
            estimates.append(row["a"])
            errors.append(row["a_std_error"])
        assert np.mean(estimates) == pytest.approx(truth, abs=0.015)
        assert np.mean(errors) == pytest.approx(np.std(estimates), rel=0.15)

    def test_bad_endings(self):
        with pytest.raises(DataError, match="'c'"):
            cumulative_incidence([1, 2], ["a", "c"], names=("a",))
        with pytest.raises(DataError, match="shape"):
            cumulative_incidence([1, 2], ["a"], names=("a",))
