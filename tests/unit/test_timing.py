"""`timing`: what each reading is, what is known when, and whether the state hangs on the clock."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t

import regimecorr as rc
from regimecorr.data.alignment import align
from regimecorr.data.windows import resolve
from regimecorr.errors import (
    DataError,
    ModelError,
    StaleDataWarning,
    UnknownAssetError,
    WindowError,
)
from regimecorr.events import legs, state_history
from regimecorr.indicators.asynchronous import dimson, lead_lag_correlation
from regimecorr.indicators.frequency import aggregate
from regimecorr.inference.timing.build import _days
from regimecorr.inference.timing.frequencies import figures, readings

OPTIONS = {"n_boot": 100}
READINGS = ["daily", "2-day", "3-day", "weekly", "scholes_williams", "dimson"]


def closing_early(late, n=1500, seed=0, rho=0.7):
    """Prices of two legs; the second closes before a share ``late`` of the news of its day."""
    rng = np.random.default_rng(seed)
    news = rng.standard_normal((2, n + 1, 2))
    news[..., 1] = rho * news[..., 0] + np.sqrt(1 - rho**2) * news[..., 1]
    day, evening = 0.01 * np.sqrt(1 - late) * news[0], 0.01 * np.sqrt(late) * news[1]
    returns = np.column_stack([(day + evening)[1:, 0], day[1:, 1] + evening[:-1, 1]])
    dates = pd.bdate_range("2016-01-04", periods=n)
    return pd.DataFrame(100.0 * np.exp(returns.cumsum(axis=0)), dates, columns=["A", "B"])


@pytest.fixture(scope="module")
def prices():
    return closing_early(1 / 3)


@pytest.fixture(scope="module")
def found(prices):
    return rc.timing(prices, **OPTIONS)


@pytest.fixture(scope="module")
def closes(market_data, eth_iwm):
    index = pd.read_csv(market_data / "russell2000.csv", index_col=0, parse_dates=True)
    return eth_iwm.assign(RUT=index["close"].reindex(eth_iwm.index))


class TestReadings:
    def test_daily_is_the_state_of_a_verdict(self, prices, found):
        pair = align(prices)
        history = state_history(*legs(pair.returns.to_numpy()), resolve(len(pair.dates), 90, 252))
        today = history.iloc[-1]
        row = found.correlations.loc["daily"]
        for name in ("r_short", "r_long", "reference", "midpoint"):
            assert row[name] == pytest.approx(today[name], abs=1e-12)
        assert row["state"] == today["state"] == found.state
        np.testing.assert_array_equal(found.states["daily"], history["state"])
        assert row["divergent_days"] == (history["state"] == "divergent").sum()

    def test_the_last_year_has_365_days(self):
        frame = pd.DataFrame({"state": "divergent"}, pd.date_range("2020-01-01", "2021-12-31"))
        assert _days(frame)["divergent_last_year"] == 365
        assert _days(frame) == {
            "divergent_days": 731,
            "divergent_last_year": 365,
            "known_days": 731,
        }
        gaps = frame.assign(state=np.where(np.arange(731) % 2, "", "divergent"))
        assert _days(gaps)["known_days"] == 366

    @pytest.mark.parametrize("rows", [2, 3])
    def test_sums_that_overlap(self, prices, found, rows):
        sums = np.log(prices).diff(rows).iloc[rows:]
        row = found.correlations.loc[f"{rows}-day"]
        assert row["r_short"] == pytest.approx(sums.iloc[-90:].corr().iloc[0, 1], abs=1e-10)
        assert row["reference"] == pytest.approx(sums.iloc[-342:-90].corr().iloc[0, 1], abs=1e-10)
        expected = sums["A"].rolling(252).corr(sums["B"])
        got = found.rolling[f"{rows}-day_long"].reindex(expected.index)
        np.testing.assert_allclose(got, expected, atol=1e-9)

    def test_weeks_are_calendar_weeks(self, prices, found):
        weekly = np.log(prices).resample("W-SUN").last().diff().dropna()
        row = found.correlations.loc["weekly"]
        assert row["r_short"] == pytest.approx(weekly.iloc[-18:].corr().iloc[0, 1], abs=1e-10)
        assert row["r_long"] == pytest.approx(weekly.iloc[-50:].corr().iloc[0, 1], abs=1e-10)
        assert row["reference"] == pytest.approx(weekly.iloc[-68:-18].corr().iloc[0, 1], abs=1e-10)

    def test_corrections_in_every_window(self, prices, found):
        returns = np.log(prices).diff().iloc[1:]
        for day in (-1, -400):
            stop = len(returns) + 1 + day
            x, y = returns.iloc[stop - 90 : stop].to_numpy().T
            at = found.rolling.iloc[day]
            expected = float(lead_lag_correlation(x, y, [1, 1]).correlation)
            assert at["scholes_williams_short"] == pytest.approx(expected, rel=1e-9)
            assert at["dimson_short"] == pytest.approx(float(dimson(x, y).correlation), rel=1e-9)
        assert found.correlations.loc["dimson", "r_short"] == at_last(found, "dimson_short")

    def test_betas(self, prices, found):
        x, y = np.log(prices).diff().iloc[-252:].to_numpy().T
        beta = found.correlations["beta_long"]
        assert beta["daily"] == pytest.approx(np.polyfit(y, x, 1)[0], rel=1e-9)
        assert beta["dimson"] == pytest.approx(float(dimson(x, y).beta), rel=1e-9)
        assert (found.correlations["beta_long_error"] > 0).all()

    def test_intervals_hold_their_estimates(self, found):
        c = found.correlations
        for size in ("short", "long"):
            assert (c[f"r_{size}_lower"] < c[f"r_{size}"]).all()
            assert (c[f"r_{size}"] < c[f"r_{size}_upper"]).all()
        # Five times fewer rows cost more than the clock does.
        assert c.loc["weekly", "r_long_error"] > 1.3 * c.loc["daily", "r_long_error"]

    @pytest.mark.parametrize("name", ["daily", "3-day", "scholes_williams"])
    def test_interval_is_that_of_students_t(self, prices, name):
        """On Fisher's scale where it is bounded, 1.5 rows per block less two degrees of freedom."""
        returns = np.log(prices).diff().iloc[1:].to_numpy()
        reading = next(r for r in readings(1) if r.name == name)
        one = figures(
            reading,
            returns,
            prices.index[1:],
            90,
            block=6.0,
            n_boot=100,
            ci_prob=0.9,
            rng=np.random.default_rng(0),
        )
        rows = 90 + (reading.rows - 1 if reading.kind == "sums" else 0)
        reach = t.ppf(0.95, 1.5 * rows / 6.0 - 2.0) * one.error
        if name == "scholes_williams":
            found, centre = np.array([one.lower, one.upper]), one.correlation
        else:
            found, centre = np.arctanh([one.lower, one.upper]), np.arctanh(one.correlation)
            reach /= 1.0 - one.correlation**2
        assert found == pytest.approx([centre - reach, centre + reach], rel=1e-9)

    def test_error_of_a_correlation(self):
        """Normal returns of one law: (1 - r^2) / sqrt(n)."""
        same = rc.timing(closing_early(0.0, seed=3), n_boot=400).correlations.loc["daily"]
        expected = (1.0 - same["r_long"] ** 2) / np.sqrt(252)
        assert same["r_long_error"] == pytest.approx(expected, rel=0.3)

    def test_short_windows_have_no_weeks(self, prices):
        short = rc.timing(prices, short_window=40, long_window=100, **OPTIONS)
        row = short.correlations.loc["weekly"]
        assert np.isnan(row["r_short"])
        assert row["state"] == ""
        assert row["known_days"] == 0
        assert short.correlations.loc["dimson", "state"] != ""
        assert "weekly" in short.summary()


def at_last(found, column):
    return pytest.approx(found.rolling[column].iloc[-1], rel=1e-12)


class TestTheClock:
    def test_it_takes_from_the_daily_correlation(self, found):
        c = found.correlations["r_long"]
        assert c["daily"] < c["2-day"] < c["scholes_williams"]
        assert found.rolling["daily_long"].mean() == pytest.approx(0.7 * 2 / 3, abs=0.04)
        assert found.rolling["3-day_long"].mean() == pytest.approx(0.7 * 8 / 9, abs=0.06)
        assert found.rolling["scholes_williams_long"].mean() == pytest.approx(0.7, abs=0.07)
        assert found.rolling["dimson_long"].mean() == pytest.approx(0.7, abs=0.07)

    def test_the_leg_that_closes_later_seems_to_lead(self, found):
        lagged = found.cross_correlation
        assert lagged.loc[1, "outside"]
        assert lagged.loc[1, "correlation"] == pytest.approx(0.7 / 3, abs=0.08)
        others = lagged.drop([0, 1])
        assert others["outside"].sum() <= 1
        assert (lagged["joint"].drop(0) > lagged["pointwise"].drop(0)).all()
        assert list(lagged.index) == list(range(-5, 6))

    def test_state_that_hangs_on_it(self):
        """The early leg's news arrives a day late altogether: nothing is left on the same row."""
        late = rc.timing(closing_early(1.0, seed=1), **OPTIONS)
        assert late.state == "weak"
        assert "scholes_williams" in late.other_states["aligned"]
        text = " ".join(late.summary().split())
        assert "DEPENDS ON THE TIMING: daily weak, but" in text
        assert "the clock is part of it" in text

    def test_state_that_does_not(self, found):
        same = rc.timing(closing_early(0.0, seed=2), **OPTIONS)
        assert same.other_states == {}
        assert "does not depend on the timing" in same.summary()
        assert "DEPENDS" not in same.summary()

    def test_a_difference_without_a_link_is_called_noise(self, found):
        table = found.correlations.assign(state="aligned")
        table.loc["weekly", "state"] = "strained"
        lagged = found.cross_correlation.assign(outside=False)
        other = dataclasses.replace(
            found, state="aligned", correlations=table, cross_correlation=lagged
        )
        assert other.other_states == {"strained": ("weekly",)}
        assert "noise explains it as well" in " ".join(other.summary().split())


class TestResult:
    def test_frames(self, prices, found):
        assert list(found.correlations.index) == READINGS
        assert list(found.states.columns) == READINGS
        assert len(found.rolling) == len(prices) - 1
        assert set(found.adjustment.index.get_level_values(0)) == {"daily", "3-day", "weekly"}

    def test_the_seed_decides(self, prices, found):
        again = rc.timing(prices, **OPTIONS)
        pd.testing.assert_frame_equal(found.correlations, again.correlations)
        pd.testing.assert_frame_equal(found.cross_correlation, again.cross_correlation)
        other = rc.timing(prices, rng=1, **OPTIONS).correlations
        assert not np.allclose(other["r_long_error"], found.correlations["r_long_error"])
        np.testing.assert_array_equal(other["r_long"], found.correlations["r_long"])

    def test_legs_can_change_places(self, prices, found):
        swapped = rc.timing(prices, asset="B", benchmark="A", **OPTIONS)
        for name in ("r_short", "r_long", "reference"):
            np.testing.assert_allclose(
                swapped.correlations[name], found.correlations[name], rtol=1e-9
            )
        np.testing.assert_allclose(
            swapped.cross_correlation["correlation"][::-1],
            found.cross_correlation["correlation"],
            rtol=1e-9,
        )
        share = "gonzalo_granger"
        one, two = (f.adjustment.loc[("daily", "ratio"), share] for f in (found, swapped))
        assert one == pytest.approx(1.0 - two, rel=1e-9)

    def test_summary_fits_and_repeats(self, found):
        lines = found.summary().splitlines()
        assert 15 <= len(lines) <= 32
        assert max(map(len, lines)) <= 100
        assert found.summary() == found.summary()

    def test_simulated_prices_are_said_to_be(self):
        world = rc.simulate("constant", n_obs=800, rng=1)
        assert rc.timing(world.prices, **OPTIONS).summary().startswith("SIMULATED")

    def test_json(self, found):
        data = json.loads(json.dumps(found.to_dict()))
        assert data["correlations"][0]["reading"] == "daily"
        assert data["adjustment"][0]["gap"] == "ratio"
        assert "<Timing A/B" in repr(found)


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"lags": 0}, DataError, "lags=0 must be"),
        ({"lags": 1.0}, DataError, "lags=1.0 must be"),
        ({"lags": 21}, DataError, "at most 20"),
        ({"max_lag": 21}, DataError, "max_lag=21"),
        ({"max_lag": True}, DataError, "max_lag=True"),
        ({"ci_prob": 1.0}, DataError, "ci_prob=1.0"),
        ({"n_boot": 99}, ModelError, "n_boot=99"),
        ({"short_window": 300}, WindowError, "must be shorter"),
        ({"asset": "C"}, UnknownAssetError, "'C'"),
    ],
)
def test_bad_input(prices, options, error, text):
    with pytest.raises(error, match=text):
        rc.timing(prices, **options)


def test_one_series_twice(prices):
    twice = prices.assign(B=5.0 * prices["A"])
    with pytest.raises(DataError, match="one series"):
        rc.timing(twice, **OPTIONS)


class TestALegThatDoesNotTrade:
    def test_in_the_window_of_today(self, prices):
        still = prices.assign(B=prices["B"].where(np.arange(len(prices)) < 1400, 50.0))
        with (
            pytest.warns(StaleDataWarning, match="keeps one price"),
            pytest.raises(DataError, match="constant over a whole window"),
        ):
            rc.timing(still, **OPTIONS)

    def test_before(self, prices):
        """Windows without a correlation have no state; the others are read as ever."""
        still = prices.assign(B=prices["B"].where(~np.isin(np.arange(1500), range(400, 800)), 50.0))
        with pytest.warns(StaleDataWarning, match="keeps one price"):
            found = rc.timing(still, **OPTIONS)
        inside = found.states.index[720]
        assert (found.states.loc[inside] == "").all()
        assert found.rolling.loc[inside].isna().all()
        assert (found.states.iloc[-1] != "").all()


class TestMarket:
    def test_days_of_divergence_with_the_etf_and_the_index(self, closes):
        """9 and 21 rows of state divergent: daily returns, 90 and 252 rows, from 2016 to 2026."""
        found = rc.timing(closes, asset="ETH", benchmark="IWM", **OPTIONS)
        assert found.correlations.loc["daily", "divergent_days"] == 9
        assert found.alternatives.loc["ETH / RUT", "divergent_days"] == 21
        days = found.states.index[found.states["daily"] == "divergent"]
        assert (days[0], days[-1]) == (pd.Timestamp("2021-02-04"), pd.Timestamp("2023-11-24"))

    def test_the_state_hangs_on_the_column_on_some_days(self, closes):
        found = rc.timing(closes, asset="ETH", benchmark="IWM", as_of="2023-11-30", **OPTIONS)
        assert found.state == "strained"
        assert "ETH / RUT" in found.other_states["divergent"]

    def test_tokyo_closes_before_new_york_opens(self, market_data):
        panel = pd.read_csv(market_data / "panel_daily.csv", index_col=0, parse_dates=True)
        found = rc.timing(panel.loc["2010":, ["SPY", "N225"]], as_of="2025-12-30", **OPTIONS)
        lagged = found.cross_correlation
        assert lagged.loc[1, "correlation"] > 2.0 * lagged.loc[0, "correlation"]
        assert lagged.loc[1, "outside"]
        assert not lagged.loc[-1, "outside"]
        whole = found.rolling.mean()
        assert whole["daily_long"] < 0.25
        assert whole["scholes_williams_long"] > 0.45
        assert whole["weekly_long"] > 0.45


def test_aggregate_is_shared(prices):
    """The 3-day reading is that of the sensitivity table of a verdict."""
    values = np.log(prices).diff().iloc[1:].to_numpy()
    sums = aggregate(values, 3, 1)[-90:]
    found = rc.timing(prices, **OPTIONS).correlations
    assert found.loc["3-day", "r_short"] == pytest.approx(np.corrcoef(sums.T)[0, 1], rel=1e-10)
