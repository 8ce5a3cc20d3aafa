"""Durations of episodes: figures of the parts, delete-one, censoring rules, edge cases."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import regimecorr as rc
from regimecorr.episodes.aft import constant_hazard, fit_aft
from regimecorr.episodes.durations import MIN_ENDINGS, episode_durations
from regimecorr.episodes.survival import kaplan_meier, median_duration
from regimecorr.errors import DataError, EstimationError, ModelError


def frame(rows, states, **columns):
    """Episodes as find_episodes gives them; the state "" is censored."""
    return pd.DataFrame(
        {
            "start": pd.bdate_range("2010-01-04", periods=len(rows), freq="250B"),
            "rows": rows,
            "censored": [state == "" for state in states],
            "resolved_into": states,
            **columns,
        }
    )


class TestEpisodeDurations:
    ROWS = [30, 68, 89, 61, 38, 43, 12]
    STATES = ["strained", "aligned", "weak", "strained", "strained", "weak", ""]

    def test_figures_are_those_of_the_parts(self):
        result = episode_durations(frame(self.ROWS, self.STATES))
        assert (result.n_episodes, result.n_censored, result.n_recovered) == (7, 1, 4)
        assert result.n_ended == 6
        observed = [state != "" for state in self.STATES]
        curve = kaplan_meier(self.ROWS, observed)
        pd.testing.assert_frame_equal(result.survival, curve)
        assert result.median == median_duration(curve)
        assert result.at_horizons.loc[63.0, "survival"] == pytest.approx(2 / 6)
        assert result.at_horizons.loc[63.0, "recovers"] == pytest.approx(3 / 6)
        assert result.at_horizons.loc[63.0, "reference_decays"] == pytest.approx(1 / 6)
        fit = fit_aft(self.ROWS, observed, grid=1.0)
        weibull = result.aft.loc["weibull"]
        assert weibull["shape"] == fit.shape
        assert (weibull["scale_lower"], weibull["scale_upper"]) == fit.scale_interval
        test = constant_hazard(self.ROWS, observed, grid=1.0)
        assert (weibull["lr"], weibull["pvalue"]) == (test.statistic, test.pvalue)
        assert result.aft.loc["loglogistic", ["lr", "pvalue"]].isna().all()
        assert result.effects.empty
        assert result.notes == ()

    def test_delete_one(self):
        result = episode_durations(frame(self.ROWS, self.STATES))
        assert len(result.delete_one) == 7
        for i, row in result.delete_one.iterrows():
            rest = [j for j in range(7) if j != i]
            alone = episode_durations(frame(self.ROWS, self.STATES).iloc[rest])
            for horizon in (21, 63, 126, 252):
                want = alone.at_horizons.loc[horizon, "survival"]
                assert row[f"survival_{horizon}"] == pytest.approx(want, nan_ok=True)
            assert row["shape"] == pytest.approx(alone.aft.loc["weibull", "shape"])
            assert row["median"] == alone.median.estimate
        # without the longest, the shape is another one
        assert result.delete_one["shape"].std() > 0.05

    def test_few_endings_say_so(self):
        few = episode_durations(frame(self.ROWS, self.STATES))
        assert not few.parametric
        assert "Only 6 episodes ended, fewer than 10: the Kaplan-Meier curve" in few.summary()
        rng = np.random.default_rng(0)
        rows = np.ceil(40 * rng.weibull(0.5, 40)).astype(int)
        many = episode_durations(frame(rows, ["strained"] * 40))
        assert many.parametric
        assert "Only" not in many.summary()
        assert many.aft.loc["weibull", "pvalue"] < 0.05
        assert "the less likely it is to end" in many.summary()
        edge = episode_durations(frame(rows[:MIN_ENDINGS], ["strained"] * MIN_ENDINGS))
        assert edge.parametric

    def test_reading_follows_the_test(self):
        rng = np.random.default_rng(1)
        flat = episode_durations(frame(rng.geometric(0.05, 40), ["weak"] * 40))
        assert flat.aft.loc["weibull", "pvalue"] > 0.05
        assert "neither more nor less likely" in flat.summary()
        rising = episode_durations(frame(np.ceil(40 * rng.weibull(3, 40)), ["weak"] * 40))
        assert "the more likely it is to end" in rising.summary()

    def test_provisional_and_unreadable_are_censored(self):
        states = ["strained", "strained", "strained", "strained"]
        episodes = frame([10, 20, 30, 40], states, provisional=[False, False, False, True])
        episodes.loc[1, "resolved_into"] = ""
        result = episode_durations(episodes)
        assert (result.n_episodes, result.n_censored) == (4, 2)
        assert result.survival["events"].tolist() == [0, 1, 0, 1, 0]
        assert "unreadable" in result.notes[0]
        assert "recently" in result.notes[1]
        assert result.notes[1] in result.summary()

    def test_back_on_the_last_row_is_a_recovery(self):
        episodes = frame([10, 20, 30], ["weak"] * 3, rows_back=[10.0, 50.0, np.nan])
        result = episode_durations(episodes)
        assert result.n_recovered == 1
        assert result.incidence.iloc[-1]["recovers"] == pytest.approx(1 / 3)

    def test_ages(self):
        episodes = frame([3, 6, 3, 4], ["strained", "strained", "", "weak"], age=[0, 0, 4, 5])
        result = episode_durations(episodes)
        want = kaplan_meier([3, 6, 7, 9], [1, 1, 0, 1], entry=[0, 0, 4, 5])
        pd.testing.assert_frame_equal(result.survival, want)
        assert result.delete_one["rows"].tolist() == [3, 6, 3, 4]

    def test_truncated_without_age_are_left_out(self):
        flags = [True, False, False, False, False, False, False]
        episodes = frame(self.ROWS, self.STATES, truncated=flags)
        result = episode_durations(episodes)
        assert result.n_episodes == 6
        assert "1 episode under way" in result.notes[0]
        assert episode_durations(episodes.assign(age=0)).n_episodes == 7
        with pytest.raises(DataError, match=r"no episodes.*Left out"):
            episode_durations(episodes.iloc[:1])

    def test_a_curve_at_zero_too_early_is_told(self):
        episodes = frame([3, 9, 9], ["strained"] * 3, age=[0, 5, 6])
        result = episode_durations(episodes)
        assert "later spells were watched" in result.notes[0]

    def test_all_censored(self):
        result = episode_durations(frame([10, 20, 30], ["", "", ""]))
        assert result.n_ended == 0
        assert result.median.estimate == np.inf
        assert result.survival["survival"].tolist() == [1.0] * 4
        assert result.aft.isna().all(axis=None)
        assert "0 of 3 spells ended" in result.notes[0]
        assert (result.incidence[["recovers", "reference_decays"]] == 0).all(axis=None)
        assert "not reached" in result.summary()

    @pytest.mark.parametrize(("state", "censored"), [("strained", 0), ("", 1)])
    def test_one_episode(self, state, censored):
        result = episode_durations(frame([17], [state]))
        assert (result.n_episodes, result.n_censored) == (1, censored)
        assert len(result.delete_one) == 1
        assert result.delete_one["shape"].isna().all()
        assert "1 episode" in result.summary()
        assert result.median == ((17.0, 0.0, np.inf) if state else (np.inf, 0.0, np.inf))

    def test_no_episode(self):
        with pytest.raises(DataError, match="no episodes"):
            episode_durations(frame(self.ROWS, self.STATES).iloc[:0])

    def test_covariates(self):
        rng = np.random.default_rng(2)
        depth = rng.uniform(-0.5, 0, 60)
        rows = np.ceil(40 * np.exp(-3 * (depth - depth.mean())) * rng.weibull(1.5, 60))
        result = episode_durations(
            frame(rows, ["strained"] * 60, depth=depth, gap_z=rng.standard_normal(60)),
            covariates=["depth", "gap_z"],
        )
        assert result.effects.index.names == ["model", "covariate"]
        effect = result.effects.loc[("weibull", "depth")]
        assert effect["lower"] < -3 < effect["upper"] < 0
        assert result.effects.loc[("weibull", "gap_z"), "pvalue"] > 0.05
        assert "weibull depth: time ratio" in result.summary()
        few = frame(self.ROWS[:3], self.STATES[:3], depth=depth[:3])
        with pytest.raises(EstimationError, match="more endings"):
            episode_durations(few.iloc[:2], covariates=["depth"])

    @pytest.mark.parametrize(
        ("change", "match"),
        [
            ({"rows": [0, 1, 2]}, "positive"),
            ({"rows": [1.5, 1, 2]}, "whole rows"),
            ({"rows": [1, np.nan, 2]}, "position 1"),
            ({"resolved_into": ["strained", "divergent", "weak"]}, "'divergent'"),
            ({"age": [0, np.nan, 1]}, "age is nan"),
            ({"age": [0, -1, 1]}, "age is -1"),
            ({"censored": [0, 2, 1]}, "censored"),
        ],
    )
    def test_bad_columns(self, change, match):
        episodes = frame([5, 6, 7], ["strained"] * 3).assign(**change)
        with pytest.raises(DataError, match=match):
            episode_durations(episodes)

    def test_bad_options(self):
        episodes = frame(self.ROWS, self.STATES)
        for horizons in ((), (0,), (21, np.nan)):
            with pytest.raises(ModelError, match="horizons"):
                episode_durations(episodes, horizons=horizons)
        with pytest.raises(DataError, match="no column 'depth'"):
            episode_durations(episodes, covariates=["depth"])
        with pytest.raises(DataError, match="no column 'rows'"):
            episode_durations(episodes.drop(columns="rows"))

    def test_reads_what_find_episodes_gives(self):
        prices = rc.simulate("recurrent", n_obs=5000, rng=3).prices
        episodes = rc.find_episodes(prices)
        before = episodes.copy()
        result = episode_durations(episodes, horizons=[63], ci_prob=0.9)
        pd.testing.assert_frame_equal(episodes, before)
        assert result.n_episodes == len(episodes) > 3
        assert result.at_horizons.index.tolist() == [63.0]
        assert result.summary() == episode_durations(episodes, horizons=[63], ci_prob=0.9).summary()
        assert "90 %" in result.summary()
        assert repr(result).startswith(f"<DurationResult: {len(episodes)} episodes")
