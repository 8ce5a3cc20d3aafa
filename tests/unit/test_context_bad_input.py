"""What `context` refuses, and what it does not even look at."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import regimecorr as rc
from regimecorr.errors import AsOfError, DataError, ModelError, NonPositivePriceError, WindowError
from regimecorr.indicators.macro import MacroSeries
from regimecorr.indicators.publication import Publication
from regimecorr.inference.context.build import context

#: A value that is out before the close of its own day.
MORNING = MacroSeries(title="of the morning", publication=Publication(days=0, after_close=False))


def hours(macro, by):
    return macro.set_axis(macro.index + pd.Timedelta(hours=by))


@pytest.fixture(scope="module")
def prices():
    return rc.simulate("recurrent", n_obs=1400, rng=2).prices


@pytest.fixture(scope="module")
def macro(prices):
    days = pd.bdate_range(prices.index[0], prices.index[-1] + pd.Timedelta(days=60))
    walk = np.random.default_rng(5).standard_normal((len(days), 2)).cumsum(axis=0)
    return pd.DataFrame(walk, days, ["NFCI", "VIX"])


class TestBadInput:
    @pytest.mark.parametrize(
        ("options", "error", "message"),
        [
            ({"n_boot": 99}, ModelError, "n_boot=99"),
            ({"gap_opens": 0.5}, DataError, "gap_opens=0.5"),
            ({"gap_opens": np.nan}, DataError, "gap_opens=nan"),
            ({"gap_opens": "2"}, DataError, "gap_opens='2'"),
            ({"ci_prob": 95}, DataError, "ci_prob=95"),
            ({"ci_prob": "95 %"}, DataError, "ci_prob='95 %'"),
            ({"start": "2050-01-01"}, DataError, "start=2050-01-01 leaves"),
            ({"start": "soon"}, DataError, "start is 'soon'"),
            ({"as_of": "1990-01-01"}, AsOfError, "before the first"),
            ({"short_window": 252}, WindowError, "must be shorter"),
            ({"long_window": 1400}, WindowError, "need 90"),
            ({"rsi_span": 0}, DataError, "span=0"),
            ({"macd_spans": (26, 12, 9)}, DataError, "fast=26"),
            ({"macd_spans": (12, 26)}, DataError, "macd_spans"),
            ({"macd_spans": None}, DataError, "macd_spans=None"),
        ],
    )
    def test_options(self, prices, options, error, message):
        with pytest.raises(error, match=message):
            context(prices, **options)

    def test_mass_of_the_intervals(self, prices, macro):
        with pytest.raises(DataError, match="ci_prob=95"):
            context(prices, macro=macro, ci_prob=95)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda m: m.reset_index(drop=True), "DatetimeIndex"),
            (lambda m: m["VIX"], "DataFrame"),
            (lambda m: m.tz_localize("UTC"), "UTC"),
            (lambda m: m.iloc[::-1], "sorted"),
            (lambda m: pd.concat([m.iloc[:1], m]), "more than once"),
            (lambda m: pd.concat([m, hours(m, 9)]).sort_index(), "more than once"),
            (lambda m: m.assign(VIX="high"), "no numbers"),
            (lambda m: m.replace(m["VIX"].iloc[3], np.inf), "VIX is infinite"),
            (lambda m: m.rename(columns={"VIX": "M2"}), "When M2 is published"),
            (lambda m: m.rename(columns={"VIX": "risk_on"}), "none 'risk_on'"),
            (lambda m: m.rename(columns={"VIX": "NFCI"}), "names of their own"),
        ],
    )
    def test_macro(self, prices, macro, change, message):
        with pytest.raises(DataError, match=message):
            context(prices, macro=change(macro), n_boot=100)

    def test_later_rows_of_macro_are_not_looked_at(self, prices, macro):
        later = macro.astype(object)
        later.iloc[-1] = "soon"
        context(prices, macro=later, n_boot=100)

    def test_a_time_of_day_changes_nothing(self, prices, macro):
        plain, timed = (
            context(prices, macro=m[["VIX"]], macro_series={"VIX": MORNING}, n_boot=100)
            for m in (macro, hours(macro, 16))
        )
        pd.testing.assert_frame_equal(plain.today, timed.today)
        pd.testing.assert_frame_equal(plain.states, timed.states)

    def test_a_zero_on_a_day_of_one_leg_alone(self, prices):
        table = prices.copy()
        table.loc[table.index[900], "A"] = np.nan
        table.loc[table.index[900], "B"] = 0.0
        with pytest.raises(NonPositivePriceError, match="B is 0"):
            context(table, n_boot=100)

    def test_the_callers_frames_are_left_alone(self, prices, macro):
        mine, theirs = prices.copy(), macro.copy()
        context(mine, macro=theirs, n_boot=100)
        pd.testing.assert_frame_equal(mine, prices)
        pd.testing.assert_frame_equal(theirs, macro)
