"""The context of a pair: figures, what is known when, text, picture, data."""

from __future__ import annotations

import dataclasses
import inspect
import json
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import regimecorr as rc
from regimecorr.events import read_gap
from regimecorr.indicators.macro import MacroSeries
from regimecorr.indicators.momentum import macd, relative_strength
from regimecorr.indicators.publication import Publication
from regimecorr.inference.context.build import context
from regimecorr.inference.context.result import Context
from regimecorr.plotting.context import plot_conditional, plot_context, plot_gap

FRAMES = [f.name for f in dataclasses.fields(Context) if f.type in ("pd.DataFrame", pd.DataFrame)]
NAMES = ["WALCL", "NFCI", "VIX", "DTWEXBGS", "DGS10"]


def make_macro(index: pd.DatetimeIndex, seed: int = 5) -> pd.DataFrame:
    """Series on the days on which theirs are observed: Wednesdays, Fridays, business days."""
    days = pd.bdate_range(index[0] - pd.Timedelta(days=600), index[-1] + pd.Timedelta(days=60))
    walk = np.random.default_rng(seed).standard_normal((len(days), 5)).cumsum(axis=0)
    macro = pd.DataFrame(walk, days, NAMES)
    macro.loc[macro.index.day_of_week != 2, "WALCL"] = np.nan
    macro.loc[macro.index.day_of_week != 4, "NFCI"] = np.nan
    return macro


@pytest.fixture(scope="module")
def prices():
    return rc.simulate("recurrent", n_obs=1400, rng=2).prices


@pytest.fixture(scope="module")
def macro(prices):
    return make_macro(prices.index)


@pytest.fixture(scope="module")
def found(prices, macro):
    return context(prices, macro=macro, n_boot=100, start="2001-01-01")


@pytest.fixture(scope="module")
def plain(prices):
    return context(prices, n_boot=100)


@pytest.fixture(scope="module")
def day(prices):
    return prices.index[1100]


@pytest.fixture(scope="module")
def then(prices, macro, day):
    return context(prices, macro=macro, as_of=day, n_boot=100)


class TestName:
    def test_no_module_stands_in_for_the_function(self):
        assert not isinstance(getattr(rc, "context", context), ModuleType)

    def test_opens_like_the_other_functions_on_a_pair(self):
        first, *rest = inspect.signature(context).parameters.values()
        assert first.name == "prices"
        assert [p.name for p in rest[:4]] == ["asset", "benchmark", "as_of", "macro"]
        assert {p.kind for p in rest} == {inspect.Parameter.KEYWORD_ONLY}


class TestFigures:
    def test_overlay_is_100_on_the_first_row_from_the_start(self, found, prices):
        assert (found.overlay.iloc[0] == 100.0).all()
        first = found.overlay.index[0]
        assert first == prices.index[prices.index.searchsorted(pd.Timestamp("2001-01-01"))]
        growth = prices.iloc[-1] / prices.loc[first]
        np.testing.assert_allclose(found.overlay.iloc[-1], 100.0 * growth)

    def test_overlay_starts_with_the_prices_by_default(self, plain, prices):
        assert plain.overlay.index[0] == prices.index[0]

    def test_momentum_is_that_of_each_leg(self, found, prices):
        for leg, name in (("asset", "A"), ("benchmark", "B")):
            values = prices[name].to_numpy()
            np.testing.assert_allclose(found.momentum[f"{leg}_rsi"], relative_strength(values))
            lines = macd(values)
            np.testing.assert_allclose(found.momentum[f"{leg}_macd"], lines.line)
            np.testing.assert_allclose(found.momentum[f"{leg}_signal"], lines.signal)
            np.testing.assert_allclose(found.momentum[f"{leg}_histogram"], lines.histogram)
            slow = prices[name].ewm(span=26, adjust=False).mean()
            percent = found.momentum[f"{leg}_macd_percent"].iloc[-1]
            assert percent == pytest.approx(100.0 * lines.line[-1] / slow.iloc[-1], rel=1e-6)

    def test_momentum_is_read_on_the_legs_own_days(self, prices):
        """A coin trades at weekends: its RSI is that of its own chart, not of the common days."""
        every = pd.date_range(prices.index[0], prices.index[-1])
        rng = np.random.default_rng(8)
        coin = pd.Series(np.exp(0.03 * rng.standard_normal(len(every)).cumsum()), every)
        stock = prices["B"]
        found = context({"COIN": coin, "STOCK": stock}, n_boot=100)
        own = pd.Series(relative_strength(coin.to_numpy()), every)
        expected = own.reindex(found.prices.index)
        np.testing.assert_allclose(found.momentum["asset_rsi"], expected)
        common = relative_strength(found.prices["COIN"].to_numpy())
        assert abs(found.momentum["asset_rsi"] - common).iloc[30:].mean() > 1.0

    def test_gap_of_the_last_row_is_that_of_the_definition(self, found, prices):
        gap = read_gap(np.log(prices.to_numpy()), 252)
        last = found.gap.iloc[-1]
        np.testing.assert_allclose(
            [last["level"], last["mean"], last["sd"], last["z"]],
            [gap.level, gap.mean, gap.sd, gap.z],
            rtol=1e-9,
        )

    def test_beta_of_the_last_window(self, found):
        returns = np.diff(np.log(found.prices.to_numpy()), axis=0)
        for name, window in (("short", 90), ("long", 252)):
            slope = np.polyfit(returns[-window:, 1], returns[-window:, 0], 1)[0]
            assert found.beta[name].iloc[-1] == pytest.approx(slope)

    def test_year_over_year_and_drawdown(self, found, prices):
        before = prices.loc[: prices.index[-1] - pd.DateOffset(years=1)].iloc[-1]
        np.testing.assert_allclose(found.year_over_year.iloc[-1], prices.iloc[-1] / before - 1.0)
        np.testing.assert_allclose(found.drawdown.iloc[-1], prices.iloc[-1] / prices.max() - 1.0)

    def test_returns_are_sorted_by_the_state_at_the_close_before(self, found):
        """The return of row i runs from the close of row i - 1, where the state was known."""
        returns = np.diff(np.log(found.prices.to_numpy()), axis=0)
        state = found.states["VIX"].to_numpy()[:-1]
        for name, value in (("high", 1.0), ("low", 0.0)):
            row = found.conditional.loc[("VIX", name)]
            chosen = returns[state == value]
            assert row["rows"] == len(chosen)
            assert row["correlation"] == pytest.approx(np.corrcoef(chosen.T)[0, 1])
        assert list(found.contrasts.index) == [*NAMES, "risk_on"]

    def test_every_frame_by_date_has_the_rows_of_the_prices(self, found):
        for name in ("momentum", "year_over_year", "drawdown", "beta", "gap", "macro", "states"):
            assert getattr(found, name).index.equals(found.prices.index)


class TestNothingLooksAhead:
    def same(self, one: Context, other: Context) -> None:
        for name in FRAMES:
            pd.testing.assert_frame_equal(getattr(one, name), getattr(other, name), obj=name)
        assert one.summary() == other.summary()

    def test_later_rows_change_nothing(self, prices, macro, day, then):
        rng = np.random.default_rng(1)
        changed, later = prices.copy(), macro.copy()
        changed.loc[changed.index > day] *= np.exp(rng.standard_normal((300, 2)))
        later.loc[later.index > day] = 1e6
        self.same(then, context(changed, macro=later, as_of=day, n_boot=100))

    def test_it_is_what_was_said_on_the_day(self, prices, macro, day, then):
        self.same(then, context(prices.loc[:day], macro=macro.loc[:day], n_boot=100))

    def test_what_is_observed_but_not_published_is_not_used(self, prices, macro, day, then):
        changed = macro.copy()
        for name in NAMES:
            known = {
                "WALCL": Publication(days=1),
                "NFCI": Publication(days=3, after_close=False),
                "VIX": Publication(days=0),
                "DTWEXBGS": Publication(days=0, weekday=0),
                "DGS10": Publication(days=1),
            }[name].known_from(pd.DatetimeIndex(macro.index))
            secret = known > day
            assert macro.loc[secret, name].loc[:day].notna().any() or name in ("WALCL", "NFCI")
            changed.loc[secret, name] = 1e6
        assert not changed.loc[:day].equals(macro.loc[:day])
        self.same(then, context(prices, macro=changed, as_of=day, n_boot=100))

    def test_what_was_published_is_used(self, prices, macro, day, then):
        changed = macro.copy()
        observed = then.today.loc["DGS10", "observed"]
        changed.loc[observed, "DGS10"] += 5.0
        other = context(prices, macro=changed, as_of=day, n_boot=100)
        assert other.today.loc["DGS10", "value"] == then.today.loc["DGS10", "value"] + 5.0

    def test_the_frames_of_an_earlier_day_are_the_first_rows_of_later_ones(self, found, then):
        names = ["momentum", "year_over_year", "drawdown", "beta", "gap", "macro", "states"]
        for name in names:
            early, late = getattr(then, name), getattr(found, name)
            pd.testing.assert_frame_equal(early, late.iloc[: len(early)], obj=name, rtol=1e-8)

    def test_macro_values_by_row_of_a_loop(self, found, macro):
        rules = {"WALCL": Publication(days=1, max_age=21), "DGS10": Publication(days=1)}
        for name, rule in rules.items():
            present = macro[name].dropna()
            known = rule.known_from(pd.DatetimeIndex(present.index))
            for row in (0, 1, 2, 3, 4, 777, -1):
                today = found.macro.index[row]
                assert found.macro[name].iloc[row] == present[np.asarray(known <= today)].iloc[-1]

    def test_later_prices_are_not_even_checked(self, prices, day, then):
        table = prices.copy()
        table.loc[table.index[-1], "A"] = np.nan
        table.loc[table.index[-1], "B"] = 0.0
        found = context(table, as_of=day, n_boot=100)
        pd.testing.assert_frame_equal(found.momentum, then.momentum)

    def test_as_of_a_weekend_uses_no_price_of_the_weekend(self, prices):
        every = pd.date_range(prices.index[0], prices.index[-1])
        coin = pd.Series(np.linspace(1.0, 2.0, len(every)) ** 2, every)
        coin *= np.exp(0.02 * np.random.default_rng(0).standard_normal(len(every)))
        friday = prices.index[prices.index.day_of_week == 4][250]
        table = {"COIN": coin, "STOCK": prices["B"]}
        one, two = (context(table, as_of=friday + pd.Timedelta(days=k), n_boot=100) for k in (0, 2))
        self.same(one, two)


class TestToday:
    def test_says_what_was_known_and_since_when(self, found, macro):
        today = found.today.loc["DGS10"]
        assert today["value"] == macro.loc[today["observed"], "DGS10"]
        assert today["observed"] <= found.as_of - pd.Timedelta(days=2)
        known = macro["DGS10"].loc[: today["observed"]].dropna()
        assert today["threshold"] == known.iloc[-64]
        rising = today["value"] > today["threshold"]
        assert today["state"] == ("rising" if rising else "not rising")
        state = found.states["DGS10"]
        assert (state.loc[today["since"] :] == float(rising)).all()
        before = state.loc[: today["since"]].iloc[:-1]
        assert before.empty or before.iloc[-1] != float(rising)
        assert today["published"] == "1 business day later, after the close"

    def test_revised_series_are_marked(self, found):
        assert found.today["revised"].to_dict() == {
            "WALCL": False,
            "NFCI": True,
            "VIX": False,
            "DTWEXBGS": True,
            "DGS10": False,
            "risk_on": True,
        }

    def test_a_series_that_ended_is_unknown(self, prices, macro):
        ended = macro[["VIX"]].copy()
        ended.loc[prices.index[-40] :] = np.nan
        found = context(prices, macro=ended, n_boot=100)
        assert found.today.loc["VIX", "state"] == "unknown"
        assert pd.isna(found.today.loc["VIX", "since"])
        assert "implied volatility: not published lately" in found.summary()

    def test_own_declarations(self, prices, macro):
        own = MacroSeries(
            title="my index", publication=Publication(days=5), words=("hot", "cold"), span=20
        )
        table = macro[["VIX"]].rename(columns={"VIX": "MINE"})
        found = context(prices, macro=table, macro_series={"MINE": own}, n_boot=100)
        assert found.today.loc["MINE", "state"] in ("hot", "cold")
        assert "5 business days later" in found.today.loc["MINE", "published"]
        assert "risk_on" not in found.states


class TestAnswers:
    def test_summary(self, found):
        text = found.summary()
        lines = text.splitlines()
        assert lines[0] == "SIMULATED PRICES"
        assert "no part of any probability" in lines[1]
        assert max(map(len, lines)) <= 100
        for key in ("Prices", "Year", "Drawdown", "Momentum", "Beta", "Price gap", "Gap record"):
            assert any(line.startswith(key) for line in lines), key
        for name in NAMES:
            assert sum(line.startswith(f"  {name} ") for line in lines) == 2, name
        row = found.conditional.loc[("VIX", "high")]
        assert f"high {row['correlation']:+.2f} [{row['lower']:+.2f}, {row['upper']:+.2f}]" in text
        assert "(revised later)" in text
        assert "nan" not in text.split()

    def test_summary_counts_matured_gaps_and_distances_of_both_signs(self, found):
        z = np.r_[np.linspace(-1.0, 1.0, len(found.gap) - 1), -0.75]
        record = found.gap_record.copy()
        record.loc["observed", ["matured", "closed", "asset_led", "median_rows"]] = 8, 0.5, 0.25, 40
        made = dataclasses.replace(found, gap=found.gap.assign(z=z), gap_record=record)
        assert len(made.gaps) != 8
        paragraphs = dict(made.sections()[0][1])
        assert paragraphs["Price gap"].endswith("behind; as far from zero on 25% of all rows")
        assert paragraphs["Gap record"].startswith("4 of 8 gaps of 2 standard deviations closed")
        assert "A led 1 of 4" in paragraphs["Gap record"]

    def test_summary_without_macro(self, plain):
        text = plain.summary()
        assert "Liquidity" not in text
        assert "Correlation" not in text
        assert plain.macro.empty
        assert plain.conditional.empty

    def test_summary_of_a_short_history(self, prices):
        text = context(prices.iloc[:601], long_window=500, n_boot=100).summary()
        assert "whose 252 rows have passed" in text
        assert "nan" not in text.split()

    def test_to_dict(self, found):
        plain = json.loads(json.dumps(found.to_dict(), allow_nan=False))
        assert plain["schema_version"] == 1
        assert "prices" not in plain
        assert plain["as_of"] == f"{found.as_of:%Y-%m-%d}"
        assert len(plain["gap"]) == len(found.prices)
        assert plain["gap"][0]["z"] is None
        assert plain["gap"][-1]["z"] == pytest.approx(found.gap["z"].iloc[-1])
        assert plain["gap"][-1]["date"] == plain["as_of"]
        first = plain["conditional"][0]
        assert (first["series"], first["state"]) == ("WALCL", "high")
        assert plain["today"][2]["series"] == "VIX"
        assert plain["settings"]["macd_spans"] == [12, 26, 9]

    def test_repr_is_short_and_has_no_address(self, found):
        assert repr(found) == f"<Context A/B {found.as_of:%Y-%m-%d}: 1401 rows, 5 macro series>"

    def test_frozen(self, found):
        with pytest.raises(dataclasses.FrozenInstanceError):
            found.asset = "C"

    def test_the_same_seed_gives_the_same_answer(self, prices, macro, found):
        again = context(prices, macro=macro, n_boot=100, start="2001-01-01")
        for name in FRAMES:
            pd.testing.assert_frame_equal(getattr(found, name), getattr(again, name))
        other = context(prices, macro=macro, n_boot=100, rng=1)
        assert not other.conditional["lower"].equals(found.conditional["lower"])
        pd.testing.assert_series_equal(
            other.conditional["correlation"], found.conditional["correlation"]
        )

    def test_macro_changes_nothing_else(self, plain, found):
        for name in ("gap_record", "gaps", "momentum", "beta"):
            pd.testing.assert_frame_equal(getattr(plain, name), getattr(found, name))


class TestPicture:
    def test_panels(self, found):
        figure = found.plot()
        assert isinstance(figure, Figure)
        titles = [ax.get_title(loc="left") for ax in figure.axes]
        assert titles == [
            f"Prices ({found.overlay.index[0]:%Y-%m-%d} = 100)",
            "Year over year",
            "Drawdown",
            "RSI, last 252 rows",
            "MACD, last 252 rows",
            "Rolling beta",
            "Log-price gap (closed in the band)",
            "Correlation by state at the close before",
        ]
        assert figure.get_suptitle() == f"SIMULATED  Context of A / B, {found.as_of:%Y-%m-%d}"
        last = figure.axes[-1]
        labels = [tick.get_text() for tick in last.get_yticklabels()]
        assert labels == [*NAMES, "risk_on"]
        dots = [line for line in last.lines if line.get_marker() == "o"]
        drawn = np.concatenate([line.get_xdata() for line in dots])
        high = found.conditional["correlation"].xs("high", level=1)
        low = found.conditional["correlation"].xs("low", level=1)
        np.testing.assert_allclose(drawn, np.r_[high, low])

    def test_without_macro_the_last_panel_is_left_out(self, plain):
        assert len(plain.plot().axes) == 7

    def test_made_from_frames(self, found):
        figure = plot_context(
            found.overlay,
            found.year_over_year,
            found.momentum,
            found.drawdown,
            found.beta,
            found.gap,
            pd.DataFrame(),
        )
        assert not figure.get_suptitle().startswith("SIMULATED")

    def test_panels_draw_on_the_callers_axes(self, found):
        ax = Figure().subplots()
        assert plot_gap(found.gap, 2.0, ax=ax) is ax
        np.testing.assert_allclose(ax.lines[-1].get_ydata(), found.gap["z"])
        assert plot_conditional(found.conditional).get_xlabel().startswith("correlation")


def test_eth_and_iwm(eth_iwm, market_data):
    """What the commentary of January 2026 could look at, as published by then."""
    macro = pd.read_csv(market_data / "macro_daily.csv", index_col=0, parse_dates=True)
    panel = pd.read_csv(market_data / "panel_daily.csv", index_col=0, parse_dates=True)
    macro = macro.join(panel[["VIX", "DXY"]], how="outer")
    # Every series of the file is declared.
    found = context(eth_iwm, as_of="2026-01-15", macro=macro, n_boot=100)
    today = found.today
    assert len(found.macro.columns) == 28
    observed = {name: f"{day:%m-%d}" for name, day in today["observed"].items() if pd.notna(day)}
    # Thursday: Wednesday's balance sheet comes at 16:30, after the close.
    assert observed["WALCL"] == "01-07"
    assert observed["NFCI"] == "01-09"
    assert observed["VIX"] == "01-14"
    assert observed["DGS10"] == "01-13"
    assert observed["DTWEXBGS"] == "01-09"
    assert today.loc["VIX", "value"] == 16.75
    assert today.loc["WALCL", "value"] == 6573602.0
    # Nothing in the record says that a gap must close: none of five did within a year.
    record = found.gap_record.loc["observed"]
    assert (record["matured"], record["closed"]) == (5.0, 0.0)
    assert abs(found.gap["z"].iloc[-1]) < 0.5
    # No state of the world has its own correlation, once the number of series is paid for.
    assert found.contrasts["adjusted"].min() > 0.2
