"""Which leg adjusts, other series of the same underlying, and what is known when, in `timing`."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

import regimecorr as rc
from regimecorr.indicators.adjustment import error_correction
from regimecorr.indicators.cointegration import johansen
from regimecorr.inference.timing.closing import adjustment_table

OPTIONS = {"n_boot": 100}


def closing_early(late, n=1500, seed=0, rho=0.7):
    """Prices of two legs; the second closes before a share ``late`` of the news of its day."""
    rng = np.random.default_rng(seed)
    news = rng.standard_normal((2, n + 1, 2))
    news[..., 1] = rho * news[..., 0] + np.sqrt(1 - rho**2) * news[..., 1]
    day, evening = 0.01 * np.sqrt(1 - late) * news[0], 0.01 * np.sqrt(late) * news[1]
    returns = np.column_stack([(day + evening)[1:, 0], day[1:, 1] + evening[:-1, 1]])
    dates = pd.bdate_range("2016-01-04", periods=n)
    return pd.DataFrame(100.0 * np.exp(returns.cumsum(axis=0)), dates, columns=["A", "B"])


def tied():
    """A leader and a follower that closes a twelfth of the gap a row."""
    rng = np.random.default_rng(5)
    leader = np.cumsum(0.01 * rng.standard_normal(1200))
    follower = np.zeros(1200)
    for row in range(1, 1200):
        pull = 0.08 * (leader[row - 1] - follower[row - 1])
        follower[row] = follower[row - 1] + pull + 0.01 * rng.standard_normal()
    return pd.DataFrame(
        np.exp(np.column_stack([leader, follower])),
        pd.bdate_range("2016-01-04", periods=1200),
        columns=["A", "B"],
    )


@pytest.fixture(scope="module")
def prices():
    return closing_early(1 / 3)


@pytest.fixture(scope="module")
def found(prices):
    return rc.timing(prices, **OPTIONS)


@pytest.fixture(scope="module")
def three(prices):
    rng = np.random.default_rng(6)
    index = prices["B"] * np.exp(0.004 * rng.standard_normal(len(prices)))
    table = prices.rename(columns={"A": "ETH", "B": "IWM"}).assign(RUT=index, OTHER=index**2)
    return table, rc.timing(table, asset="ETH", benchmark="IWM", **OPTIONS)


class TestAdjustment:
    def test_rows_are_what_error_correction_finds(self, prices, found):
        logs = np.log(prices.to_numpy())
        expected = error_correction(logs[::-1][::3][::-1], lags=2)
        row = found.adjustment.loc[("3-day", "ratio")]
        assert row["asset"] == pytest.approx(expected.adjustment[0], rel=1e-12)
        assert row["benchmark_error"] == pytest.approx(expected.error[1], rel=1e-12)
        assert row["p_symmetric"] == pytest.approx(expected.asymmetry_both, rel=1e-10)
        weekly = np.log(prices.resample("W-SUN").last().to_numpy())
        slope = found.adjustment.loc[("weekly", "estimated"), "slope"]
        again = error_correction(weekly, slope=slope, lags=1)
        assert found.adjustment.loc[("weekly", "estimated"), "asset"] == pytest.approx(
            again.adjustment[0], rel=1e-12
        )

    @pytest.mark.parametrize("rank", [0, 1, 2])
    def test_both_tests_must_find_the_relation(self, monkeypatch, rank):
        """Johansen's rank counts beside the p-value where the slope is estimated."""

        def ranked(logs, lags):
            return dataclasses.replace(johansen(logs, lags), rank=rank)

        monkeypatch.setattr("regimecorr.inference.timing.closing.johansen", ranked)
        table = adjustment_table(tied(), 1, n_boot=100, ci_prob=0.95, rng=np.random.default_rng(0))
        daily = table.loc["daily"]
        assert daily.loc["estimated", "p_unit_root"] < 0.05
        assert daily.loc["estimated", "cointegrated"] == (rank == 1)
        assert daily.loc["ratio", "cointegrated"]

    def test_interval_of_the_share(self):
        """Its width beside that by the delta method, both adjustments uncertain alike."""
        rng = np.random.default_rng(7)
        logs = np.zeros((1500, 2))
        for row in range(1, 1500):
            gap = logs[row - 1, 0] - logs[row - 1, 1]
            logs[row] = logs[row - 1] + [-0.06 * gap, 0.06 * gap] + 0.01 * rng.standard_normal(2)
        prices = pd.DataFrame(np.exp(logs), pd.bdate_range("2016-01-04", periods=1500))
        table = adjustment_table(prices, 1, n_boot=999, ci_prob=0.9, rng=np.random.default_rng(0))
        row, found = table.loc[("daily", "ratio")], error_correction(logs, lags=1)
        a1, a2 = found.adjustment
        slope = np.array([a2, -a1]) / (a2 - a1) ** 2
        covariance = np.cov(found.influence.T) / found.n
        half = 1.645 * np.sqrt(slope @ covariance @ slope)
        width = row["gonzalo_granger_upper"] - row["gonzalo_granger_lower"]
        assert width == pytest.approx(2.0 * half, rel=0.15)

    def test_nothing_that_closes_is_said(self):
        apart = rc.timing(rc.simulate("constant", n_obs=900, rng=4).prices, **OPTIONS)
        assert not apart.adjustment["cointegrated"].any()
        assert any("Nothing shows a gap that closes: no test" in note for note in apart.notes)

    def test_a_follower_is_found(self):
        found = rc.timing(tied(), **OPTIONS)
        daily = found.adjustment.loc[("daily", "ratio")]
        assert daily["cointegrated"]
        assert daily["gonzalo_granger_lower"] < 1.0 < daily["gonzalo_granger_upper"] + 0.1
        assert daily["gonzalo_granger_lower"] > 0.6
        assert daily["hasbrouck_upper"] > 0.9
        assert not any("no test finds" in note for note in found.notes)

    def test_the_clock_is_always_warned_of(self, found):
        assert "24:00 UTC" in found.notes[0]
        assert "16:00 New York" in found.notes[0]


class TestAlternatives:
    def test_columns_of_the_same_underlying_are_read_too(self, three):
        table, found = three
        assert list(found.alternatives.index) == ["ETH / RUT"]
        own = rc.timing(table, asset="ETH", benchmark="RUT", **OPTIONS).correlations.loc["daily"]
        row = found.alternatives.loc["ETH / RUT"]
        for name in ("r_short", "r_long", "reference"):
            assert row[name] == pytest.approx(own[name], abs=1e-12)
        for name in ("state", "divergent_days", "divergent_last_year", "known_days"):
            assert row[name] == own[name]
        assert "ETH / RUT" in found.summary()

    def test_a_state_that_hangs_on_the_column(self, three):
        _, found = three
        other = dataclasses.replace(
            found, alternatives=found.alternatives.assign(state="divergent")
        )
        assert "ETH / RUT" in other.other_states["divergent"]

    def test_one_that_cannot_be_read_says_why(self, three):
        table, _ = three
        short = table.assign(RUT=table["RUT"].where(table.index > table.index[-300]))
        found = rc.timing(short, asset="ETH", benchmark="IWM", **OPTIONS)
        assert "600" in found.alternatives.loc["ETH / RUT", "reason"]
        assert "ETH / RUT" not in found.summary()

    def test_the_pair_the_other_way_round_is_none(self, prices):
        same = prices.rename(columns={"A": "IWM", "B": "RUT"})
        assert rc.timing(same, **OPTIONS).alternatives.empty

    def test_none(self, found):
        assert found.alternatives.empty


class TestWhatIsKnown:
    def test_later_rows_change_nothing(self, prices):
        day = prices.index[1199]
        changed = prices.copy()
        changed.iloc[1200:] = changed.iloc[1200:] ** 1.5
        one = rc.timing(changed, as_of=day, **OPTIONS)
        two = rc.timing(prices.iloc[:1200], **OPTIONS)
        pd.testing.assert_frame_equal(one.correlations, two.correlations)
        pd.testing.assert_frame_equal(one.adjustment, two.adjustment)
        assert one.as_of == day

    @pytest.mark.parametrize("weekday", [4, 2])
    def test_rolling_values_are_as_they_were_known(self, prices, found, weekday):
        """On a Wednesday the week that is not over ends with the day, on that day only."""
        day = prices.index[1150:1199][prices.index[1150:1199].day_of_week == weekday][-1]
        then = rc.timing(prices, as_of=day, **OPTIONS)
        before = then.rolling.index[: None if weekday == 4 else -1]
        pd.testing.assert_frame_equal(
            then.rolling.loc[before], found.rolling.loc[before], check_freq=False, rtol=1e-9
        )
        pd.testing.assert_frame_equal(
            then.states.loc[before], found.states.loc[before], check_freq=False
        )
        daily = [name for name in then.rolling if not name.startswith("weekly")]
        pd.testing.assert_frame_equal(
            then.rolling[daily], found.rolling.loc[:day, daily], check_freq=False, rtol=1e-9
        )
