"""Closings of one gap, their intervals, and random walks from the same gaps."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats

from regimecorr.episodes.closing import read_closings, share_interval
from regimecorr.episodes.walks import Opening, compare, leader_test, walk_counts
from regimecorr.events import Gap


def gap_of(z, sd=1.0):
    return Gap(z * sd, z, 0.0, sd)


def opening_of(z, volatility=(1.0, 1.0), row=0, rows=252, sd=None):
    sd = 6.5 * float(np.hypot(*volatility)) if sd is None else sd
    return Opening(row, row + rows, gap_of(z, sd), np.array(volatility, dtype=float))


def frame_of(*closings):
    """Observed closings as (pathway, direction)."""
    rows = [{"pathway": p, "direction": d, "story": "both" if d else "open"} for p, d in closings]
    return pd.DataFrame(rows, columns=["pathway", "direction", "story"], dtype=object)


def noise(n=2000, seed=0, scale=(1.0, 1.0)):
    return np.random.default_rng(seed).standard_normal((n, 2)) * scale


class TestStories:
    """z, asset move, benchmark move in units of the gap's sd, and what happened."""

    @pytest.mark.parametrize(
        ("z", "asset", "benchmark", "story", "pathway"),
        [
            (-2.0, 1.7, 0.1, "laggard rallied", "asset-led"),
            (-2.0, -0.1, -1.7, "leader fell", "benchmark-led"),
            (-2.0, 0.9, -0.8, "both", "asset-led"),
            (-2.0, 1.6, 0.0, "laggard rallied", "asset-led"),
            (-2.0, 0.0, -1.6, "leader fell", "benchmark-led"),
            (2.0, 0.1, 1.7, "laggard rallied", "benchmark-led"),
            (2.0, -1.7, -0.1, "leader fell", "asset-led"),
            (2.0, -0.8, 0.9, "both", "benchmark-led"),
            (2.0, 0.3, 0.2, "open", "open"),
        ],
    )
    def test_story_names_the_legs_that_closed_it(self, z, asset, benchmark, story, pathway):
        found = read_closings(gap_of(z, 0.2), np.array([[[0.2 * asset, 0.2 * benchmark]]])).iloc[0]
        assert (found["story"], found["pathway"]) == (story, pathway)

    def test_a_path_not_seen_yet_is_open(self):
        found = read_closings(gap_of(1.0), np.empty((2, 0, 2)))
        assert list(found["story"]) == ["open", "open"]
        assert (found["rows"] == 0).all()


class TestShareInterval:
    def test_short_closings_have_none(self):
        moves = np.tile([-0.12, 0.0], (9, 1))
        found = share_interval(gap_of(1.5), moves, 99, 0.95, np.random.default_rng(0))
        assert np.isnan([found.lower, found.upper, found.led]).all()
        assert "9 rows, fewer than 10" in found.note

    def test_legs_are_resampled_together(self):
        # Mirrored rows split every closing in halves; legs resampled apart would not.
        step = np.random.default_rng(1).normal(-0.05, 0.1, 40)
        moves = np.column_stack([step, -step])
        found = share_interval(gap_of(1.5), moves, 199, 0.95, np.random.default_rng(0))
        assert (found.lower, found.upper) == pytest.approx((0.5, 0.5))
        assert found.note == ""

    def test_wider_for_a_noisier_split(self):
        rng = np.random.default_rng(2)
        common = rng.normal(0.0, 1.0, 60)
        widths = []
        for scale in (0.01, 0.1):
            moves = np.column_stack([-0.03 + scale * common, 0.01 + scale * common])
            found = share_interval(gap_of(1.5), moves, 399, 0.9, np.random.default_rng(0))
            assert found.lower < 0.75 < found.upper
            widths.append(found.upper - found.lower)
        assert widths[1] > 5.0 * widths[0]

    def test_too_few_closings_are_told(self):
        # One jump closes it: without that row no resampled path does.
        moves = np.vstack([np.zeros((29, 2)), [[-1.0, 0.0]]])
        found = share_interval(gap_of(1.5), moves, 99, 0.99, np.random.default_rng(0))
        assert "of 99 resampled paths closed the gap" in found.note

    @staticmethod
    def coverage(volatility, n_closings, n_boot, seed):
        """How often the interval holds the share that such walks have on average."""
        rng = np.random.default_rng(seed)
        opening = opening_of(1.5, volatility)
        expected = volatility[0] ** 2 / np.sum(np.square(volatility))
        held = []
        while len(held) < n_closings:
            moves = rng.standard_normal((252, 2)) * volatility
            rows = int(read_closings(opening.gap, moves[None])["rows"].iloc[0])
            if rows < 10:
                continue
            found = share_interval(opening.gap, moves[:rows], n_boot, 0.95, rng)
            if not found.note:
                held.append(found.lower <= expected <= found.upper)
        return float(np.mean(held))

    def test_coverage_in_brief(self):
        assert 0.9 <= self.coverage((2.0, 1.0), 120, 199, 5) <= 1.0

    @pytest.mark.slow
    @pytest.mark.parametrize("volatility", [(1.0, 1.0), (3.0, 1.0)])
    def test_coverage(self, volatility):
        assert 0.945 <= self.coverage(volatility, 1500, 399, 6) <= 0.99


class TestWalks:
    @staticmethod
    def expected(volatility, z, rows):
        """Share closed and asset-led share of the closed, for a Brownian path."""
        a, b = volatility
        far = (abs(z) - 0.5) * 6.5 / np.sqrt(rows)
        lean = (a / b - b / a) / 2.0
        led = integrate.quad(lambda x: 2 * stats.norm.pdf(x) * stats.norm.cdf(lean * x), far, 12)[0]
        closed = 2.0 * stats.norm.sf(far)
        return closed, led / closed

    @pytest.mark.parametrize(("volatility", "z"), [((1.0, 1.0), 1.5), ((3.0, 1.0), -1.5)])
    def test_gaussian_walks_meet_the_formula(self, volatility, z):
        opening = opening_of(z, volatility, rows=1000)
        found = compare(frame_of(), [opening], noise(), 4000, 0.95, np.random.default_rng(0)).walks
        closed, led = self.expected(volatility, z, 1000)
        # Daily steps find a closing a little later than a continuous path does.
        assert found.loc["gaussian", "closed"] == pytest.approx(closed, abs=0.04)
        assert found.loc["gaussian", "asset_led"] == pytest.approx(led, abs=0.03)

    def test_no_horizon_leaves_the_ratio_of_volatilities(self):
        closed, led = self.expected((3.0, 1.0), 1.5, 1e9)
        assert closed == pytest.approx(1.0, abs=1e-3)
        assert led == pytest.approx(2.0 / np.pi * np.arctan(3.0), abs=1e-3)

    def test_bootstrap_walks_have_each_legs_volatility(self):
        returns, opening = noise(scale=(3.0, 1.0)), opening_of(1.5, (3.0, 1.0))
        walks = compare(frame_of(), [opening], returns, 1500, 0.95, np.random.default_rng(0)).walks
        assert walks.loc["bootstrap", "asset_led"] == pytest.approx(
            walks.loc["gaussian", "asset_led"], abs=0.04
        )
        assert walks.loc["bootstrap", "closed"] == pytest.approx(
            walks.loc["gaussian", "closed"], abs=0.06
        )

    def test_bootstrap_walks_are_independent(self):
        # Equal returns never move the gap, unless the legs are resampled on their own.
        leg = noise()[:, :1]
        walks = compare(
            frame_of(),
            [opening_of(1.0)],
            np.hstack([leg, leg]),
            300,
            0.95,
            np.random.default_rng(0),
        ).walks
        assert walks.loc["bootstrap", "closed"] > 0.5

    def test_bootstrap_walks_have_no_drift(self):
        returns = noise() + np.array([2.0, -2.0])
        shares = compare(
            frame_of(), [opening_of(1.5)], returns, 300, 0.95, np.random.default_rng(0)
        ).shares
        assert shares.loc[("pathway", "open"), "bootstrap"] < 0.6
        assert shares.loc[("direction", "asset-led down"), "bootstrap"] > 0.1

    def test_overlapping_episodes_watch_the_same_rows(self):
        # Four equal gaps are then led by one leg; four apart would be so one time in eight.
        observed = frame_of(*[("asset-led", "down")] * 4)
        same = [opening_of(1.0)] * 4
        apart = [opening_of(1.0, row=300 * i) for i in range(4)]
        p = {
            name: compare(observed, gaps, noise(), 800, 0.95, np.random.default_rng(0)).walks
            for name, gaps in (("same", same), ("apart", apart))
        }
        assert p["same"].loc["gaussian", "pvalue"] > 0.9
        assert 0.08 < p["apart"].loc["gaussian", "pvalue"] < 0.3

    def test_pvalue_of_the_quiet_leg_leading(self):
        gaps = [opening_of(1.0, (5.0, 1.0), row=300 * i) for i in range(5)]
        observed = frame_of(*[("benchmark-led", "up")] * 5)
        found = compare(
            observed, gaps, noise(scale=(5.0, 1.0)), 999, 0.95, np.random.default_rng(0)
        )
        for walk in ("gaussian", "bootstrap"):
            row = found.walks.loc[walk]
            assert row["pvalue"] == row["min_pvalue"] < 0.02
        assert found.shares.loc[("pathway", "benchmark-led"), "observed"] == 1.0

    @pytest.mark.parametrize("walk", ["gaussian", "bootstrap"])
    def test_size(self, walk):
        # Records of the walks themselves: a p-value at most alpha no more often than alpha.
        gaps = [opening_of(1.0, (2.0, 1.0), row=130 * i) for i in range(6)]
        returns = noise(1600, scale=(2.0, 1.0))
        null = walk_counts(walk, gaps, returns, 999, np.random.default_rng(1))
        seen = walk_counts("gaussian", gaps, returns, 600, np.random.default_rng(2))
        p = np.array([leader_test(each[:2], null[:, :2], 6, 0.95)[4] for each in seen])
        p = p[np.isfinite(p)]
        assert len(p) > 500
        for alpha in (0.1, 0.2, 0.5):
            assert np.mean(p <= alpha) <= alpha + 3.0 * np.sqrt(alpha * (1 - alpha) / len(p))
        assert np.mean(p <= 0.5) > 0.1

    def test_nothing_watched_is_open(self):
        found = compare(
            frame_of(("open", "")),
            [opening_of(1.0, rows=0)],
            noise(),
            99,
            0.95,
            np.random.default_rng(0),
        )
        assert (found.shares.loc["story"].loc["open", ["observed", "gaussian"]] == 1.0).all()
        assert found.walks.isna().all(axis=None)
