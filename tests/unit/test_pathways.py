"""Who closed the gaps of a pair, positioning at the start, and the test between them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import regimecorr as rc
from regimecorr.episodes.detect import find_episodes
from regimecorr.episodes.pathways import episode_pathways
from regimecorr.episodes.positioning import POSITIONING, positioning_at
from regimecorr.episodes.walks import OUTCOMES
from regimecorr.errors import ModelError
from regimecorr.inference.positioning import test_positioning as positioning_test

CHART = {"basis": "levels", "reference": "overlapping"}
MIRROR = {"asset-led": "benchmark-led", "benchmark-led": "asset-led"}


@pytest.fixture(scope="module")
def prices():
    return rc.simulate("recurrent", n_obs=4000, rng=0).prices


@pytest.fixture(scope="module")
def chart(prices):
    return episode_pathways(prices, **CHART, n_boot=199)


class TestPathways:
    @pytest.mark.parametrize(
        "options",
        [
            {"basis": "returns"},
            {"basis": "levels", "reference": "overlapping"},
            {"basis": "log_levels", "reference": "overlapping", "start": "crossing"},
            CHART | {"short_window": "90D", "long_window": "365D", "horizon": "365D"},
            CHART | {"start": "day", "refractory": 60, "threshold": 0.1, "merge": 5},
        ],
    )
    def test_agrees_with_the_episodes(self, prices, options):
        found = episode_pathways(prices, **options, n_boot=99).episodes
        plain = find_episodes(prices, **options)
        assert len(found) > 1
        shared = ["start", "r_short", "reference", "gap_z", "asset_move", "benchmark_move"]
        shared += ["pathway", "direction", "asset_share"]
        pd.testing.assert_frame_equal(found[shared], plain[shared])

    def test_closing_is_the_first_row_in_a_plain_loop(self, prices, chart):
        logs = np.log(prices.to_numpy())
        spread = logs[:, 0] - logs[:, 1]
        for _, each in chart.episodes.iterrows():
            t = prices.index.get_loc(each["start"])
            frozen = spread[t - 251 : t + 1]
            z = (spread - frozen.mean()) / frozen.std(ddof=1)
            assert each["gap_z"] == pytest.approx(z[t])
            hit = [
                u
                for u in range(t + 1, min(t + 252, len(z) - 1) + 1)
                if abs(z[u]) <= 0.5 or z[u] * z[t] < 0
            ]
            if abs(z[t]) <= 0.5:
                assert each["pathway"] == "no gap"
            elif not hit:
                assert each["pathway"] == "open"
                assert np.isnan(each["rows"])
            else:
                u = hit[0]
                assert (each["rows"], each["closed_on"]) == (u - t, prices.index[u])
                assert each["asset_share"] == pytest.approx(
                    (logs[u, 0] - logs[t, 0]) / (spread[u] - spread[t])
                )
                up = {1.0: "up", -1.0: "down"}
                assert each["benchmark_direction"] == up[np.sign(logs[u, 1] - logs[t, 1])]
                assert each["asset_direction"] == up[np.sign(logs[u, 0] - logs[t, 0])]

    def test_shares_and_sorts_add_up(self, chart):
        closed = chart.closed
        assert len(closed) >= 3
        np.testing.assert_allclose(closed["asset_share"] + closed["benchmark_share"], 1.0)
        gaps = (chart.episodes["pathway"] != "no gap").sum()
        by = chart.shares.groupby(level="by").sum()
        assert (by["episodes"] == gaps).all()
        np.testing.assert_allclose(by[["observed", "gaussian", "bootstrap"]], 1.0)
        assert list(chart.shares.index) == [(k, v) for k in OUTCOMES for v in OUTCOMES[k]]
        for name in ("asset-led", "benchmark-led", "open"):
            mine = (chart.episodes["pathway"] == name).sum()
            assert chart.shares.loc[("pathway", name), "episodes"] == mine

    def test_swapping_the_legs_mirrors_everything(self, prices, chart):
        swapped = episode_pathways(prices, asset="B", benchmark="A", **CHART, n_boot=199)
        one, two = chart.episodes, swapped.episodes
        assert list(prices.columns) == ["A", "B"]
        np.testing.assert_allclose(one["gap_z"], -two["gap_z"])
        assert list(one["pathway"].replace(MIRROR)) == list(two["pathway"])
        assert list(one["story"]) == list(two["story"])
        np.testing.assert_allclose(one["asset_share"], two["benchmark_share"])
        np.testing.assert_allclose(one["asset_share_lower"], 1.0 - two["asset_share_upper"])
        known, other = chart.positioning, swapped.positioning
        np.testing.assert_allclose(known["asset_trend"], other["benchmark_trend"])
        np.testing.assert_allclose(known["relative_drawdown"], -other["relative_drawdown"])

    def test_intervals_or_reasons(self, chart):
        episodes = chart.episodes
        given = episodes["asset_share_lower"].notna()
        assert given.any()
        assert (given == (episodes["interval_note"] == "")).all()
        assert (given <= (episodes["rows"] >= 10)).all()
        inside = episodes[given]
        assert (inside["asset_share_lower"] <= inside["asset_share_upper"]).all()
        assert inside["asset_led_resampled"].between(0.0, 1.0).all()

    def test_data_that_end_early_are_told(self, prices, chart):
        first = chart.episodes[chart.episodes["rows"] > 3].iloc[0]
        t = prices.index.get_loc(first["start"])
        cut = episode_pathways(prices, as_of=prices.index[t + 2], **CHART, n_boot=99)
        last = cut.episodes.iloc[-1]
        assert (last["start"], last["watched"]) == (first["start"], 2)
        assert last["pathway"] == "open"
        assert not last["complete"]
        assert "may still close" in cut.summary()

    def test_on_the_day_itself(self, prices, chart):
        today = chart.episodes[chart.episodes["pathway"] != "no gap"]["start"].iloc[-1]
        found = episode_pathways(prices, as_of=today, **CHART, n_boot=99)
        assert found.episodes.iloc[-1]["watched"] == 0
        assert found.episodes.iloc[-1]["pathway"] == "open"

    def test_seed_decides(self, prices, chart):
        again = episode_pathways(prices, **CHART, n_boot=199, rng=np.random.default_rng(0))
        pd.testing.assert_frame_equal(again.episodes, chart.episodes)
        pd.testing.assert_frame_equal(again.walks, chart.walks)
        other = episode_pathways(prices, **CHART, n_boot=199, rng=1)
        assert not other.shares["gaussian"].equals(chart.shares["gaussian"])
        pd.testing.assert_frame_equal(other.positioning, chart.positioning)

    def test_summary_tells_the_findings(self, chart):
        text = chart.summary()
        for word in ("A against B", "90-row and 252-row", "asset-led", "Gaussian walks", "p = "):
            assert word in text
        assert "episodes of A and B" in repr(chart)

    def test_no_episode(self, prices, chart):
        found = episode_pathways(prices, threshold=-0.95, n_boot=99)
        assert found.episodes.empty
        assert found.positioning.empty
        pd.testing.assert_series_equal(found.episodes.dtypes, chart.episodes.dtypes)
        pd.testing.assert_series_equal(found.positioning.dtypes, chart.positioning.dtypes)
        assert found.shares.index.equals(chart.shares.index)
        assert (found.shares["episodes"] == 0).all()
        assert found.shares[["observed", "gaussian", "bootstrap"]].isna().all(axis=None)
        assert list(found.walks.columns) == list(chart.walks.columns)
        assert found.closed.empty
        assert "No divergence was found" in found.summary()
        with pytest.raises(ModelError, match="0 gaps closed"):
            positioning_test(found)

    @pytest.mark.parametrize(
        ("option", "message"),
        [({"n_boot": 98}, "n_boot=98"), ({"ci_prob": 1.0}, "ci_prob=1.0")],
    )
    def test_options_are_checked(self, prices, option, message):
        with pytest.raises(ModelError, match=message):
            episode_pathways(prices, **option)


class TestPositioning:
    def test_measures_by_hand(self):
        logs = np.column_stack([np.linspace(0.0, 3.0, 301), np.linspace(1.0, -2.0, 301)])
        found = positioning_at(logs)
        assert set(found) | {"gap_z"} == set(POSITIONING)
        assert found["asset_drawdown"] == 0.0
        assert found["benchmark_drawdown"] == pytest.approx(-3.0)
        assert found["asset_trend"] == pytest.approx(0.995)
        assert found["benchmark_momentum_63"] == pytest.approx(-0.63)
        assert found["asset_momentum_252"] == pytest.approx(2.52)
        assert found["relative_drawdown"] == pytest.approx(3.0)
        assert found["relative_momentum_252"] == pytest.approx(5.04)

    def test_missing_where_rows_are(self):
        found = positioning_at(np.zeros((199, 2)))
        missing = {name for name, value in found.items() if np.isnan(value)}
        legs = ("asset", "benchmark", "relative")
        assert missing == {f"{leg}_{m}" for leg in legs for m in ("trend", "momentum_252")}
        assert not np.isnan(positioning_at(np.zeros((253, 2)))["asset_momentum_252"])
        assert np.isnan(positioning_at(np.zeros((252, 2)))["asset_momentum_252"])

    @pytest.mark.parametrize("windows", [(90, 252), ("90D", "365D")])
    def test_later_prices_change_nothing(self, prices, windows):
        options = CHART | {"short_window": windows[0], "long_window": windows[1], "merge": 20}
        before = episode_pathways(prices, **options, n_boot=99).positioning
        for day in before["start"].iloc[1::2]:
            later = prices.index > day
            changed = prices.copy()
            factors = np.random.default_rng(0).uniform(0.2, 5.0, (later.sum(), 2))
            changed.loc[later] *= factors
            after = episode_pathways(changed, **options, n_boot=99).positioning
            n = int((before["start"] <= day).sum())
            pd.testing.assert_frame_equal(after.iloc[:n], before.iloc[:n])


class TestAssociation:
    FRAME = pd.DataFrame(
        {
            "pathway": ["asset-led"] * 3 + ["benchmark-led"] * 2 + ["open", "no gap"],
            "relative_trend": [-0.3, -0.2, 0.0, 0.1, 0.2, 0.3, np.nan],
        }
    )

    def test_a_rule_that_never_failed_cannot_reach_the_level(self):
        found = positioning_test(self.FRAME, predictor="relative_trend", above=0.0)
        assert found.n_obs == 5
        assert found.table.loc["fisher", "pvalue"] == pytest.approx(0.1)
        assert found.table.loc["fisher", "min_pvalue"] == pytest.approx(0.1)
        assert not found.attainable
        score = positioning_test(self.FRAME, predictor="relative_trend").table
        assert score.loc["permutation", "estimate"] == pytest.approx(-0.5 / 3 - 0.15)
        assert np.isnan(score.loc["fisher", "pvalue"])

    def test_result_and_its_closed_frame_agree(self, chart):
        assert set(chart.closed["pathway"]) == {"asset-led", "benchmark-led"}
        one = positioning_test(chart, predictor="relative_momentum_63", alternative="less", rng=1)
        two = positioning_test(
            chart.closed, predictor="relative_momentum_63", alternative="less", rng=1
        )
        pd.testing.assert_frame_equal(one.table, two.table)
        assert one.n_obs == len(chart.closed)
        assert one.alternative == "less"

    def test_frames_of_several_pairs_are_pooled(self):
        found = positioning_test(pd.concat([self.FRAME] * 2), predictor="relative_trend", above=0.0)
        assert found.n_obs == 10
        assert found.table.loc["fisher", "pvalue"] == pytest.approx(1 / 210)

    def test_what_came_later_is_no_predictor(self, chart):
        with pytest.raises(ModelError, match="'asset_share' is unknown; use one of gap_z"):
            positioning_test(chart, predictor="asset_share")

    def test_frames_are_checked(self):
        with pytest.raises(ModelError, match="no column 'pathway'"):
            positioning_test(self.FRAME[["relative_trend"]], predictor="relative_trend")
        one_kind = self.FRAME[self.FRAME["pathway"] != "benchmark-led"]
        with pytest.raises(ModelError, match="3 gaps closed, 3 led by the asset"):
            positioning_test(one_kind, predictor="relative_trend")
        with pytest.raises(ModelError, match="missing for 1 of 5"):
            positioning_test(
                self.FRAME.replace({"relative_trend": {0.1: np.nan}}), predictor="relative_trend"
            )


class TestMarket:
    def test_who_closed_the_gaps_of_eth(self, eth_iwm):
        found = episode_pathways(
            eth_iwm,
            as_of="2026-01-15",
            **CHART,
            short_window="90D",
            long_window="365D",
            merge=1,
            n_boot=199,
        )
        told = found.episodes.set_index("start").loc["2021":]
        assert told.index.strftime("%Y-%m-%d").tolist() == [
            "2021-05-12",
            "2022-12-12",
            "2023-03-30",
            "2023-05-08",
            "2024-07-29",
            "2024-09-20",
            "2025-10-31",
            "2025-12-26",
        ]
        assert (told["pathway"] + " " + told["direction"]).str.strip().tolist() == [
            "open",
            "asset-led up",
            "benchmark-led up",
            "asset-led down",
            "asset-led down",
            "asset-led up",
            "asset-led down",
            "asset-led up",
        ]
        # Nearly all closings are ETH's because ETH moves most: the walks say the same.
        assert found.walks["asset_led"].between(0.8, 0.95).all()
        assert (found.walks["pvalue"] > 0.3).all()
