"""`align`: the pair, the cut, the checks and the report."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from regimecorr import errors
from regimecorr.data import align, load_prices

N = 900


def walk(seed: int, n: int = N) -> np.ndarray:
    return 100.0 * np.exp(0.01 * np.random.default_rng(seed).standard_normal(n).cumsum())


def table(n: int = N) -> pd.DataFrame:
    days = pd.bdate_range("2019-01-01", periods=n)
    return pd.DataFrame({"A": walk(1, n), "B": walk(2, n)}, index=days)


def changed(place: int | slice, value: object, column: str = "B") -> pd.DataFrame:
    result = table()
    result.iloc[place, result.columns.get_loc(column)] = value
    return result


class TestChoice:
    def test_order_of_columns(self) -> None:
        pair = align(table())
        assert (pair.asset, pair.benchmark) == ("A", "B")
        assert pair.prices.columns.tolist() == ["A", "B"]

    @pytest.mark.parametrize("names", [{"asset": "B"}, {"benchmark": "A"}])
    def test_one_name_implies_the_other(self, names: dict[str, str]) -> None:
        pair = align(table(), **names)
        assert (pair.asset, pair.benchmark) == ("B", "A")

    def test_more_columns_need_names(self) -> None:
        three = table().assign(C=walk(3))
        with pytest.raises(errors.DataError, match=r"3 assets \(A, B, C\).*name both"):
            align(three)
        with pytest.raises(errors.DataError, match="name both"):
            align(three, asset="C")
        assert align(three, asset="C", benchmark="A").prices.columns.tolist() == ["C", "A"]

    def test_same_name(self) -> None:
        with pytest.raises(errors.DuplicateAssetError, match="both 'A'"):
            align(table(), asset="A", benchmark="A")

    def test_unknown_name(self) -> None:
        with pytest.raises(errors.UnknownAssetError, match=r"'Z'.*Available: A, B"):
            align(table(), asset="Z")

    @pytest.mark.parametrize("names", [{"asset": 3}, {"benchmark": ("A",)}])
    def test_name_that_is_no_text(self, names: dict[str, object]) -> None:
        with pytest.raises(errors.DataError, match=r"names are strings. Available: 'A', 'B'"):
            align(table(), **names)  # type: ignore[arg-type]

    def test_one_column(self) -> None:
        with pytest.raises(errors.DataError, match="one asset"):
            align(table()[["A"]])

    @pytest.mark.parametrize(
        ("bad", "words"), [({"min_rows": 1}, "min_rows"), ({"max_gap_days": 0}, "max_gap_days")]
    )
    def test_limits(self, bad: dict[str, int], words: str) -> None:
        with pytest.raises(errors.DataError, match=words):
            align(table(), **bad)


class TestReturns:
    def test_from_price_before_to_price(self) -> None:
        pair = align(table())
        assert pair.returns.shape == (N - 1, 2)
        assert pair.returns.index.equals(pair.prices.index[1:])
        expected = np.log(pair.prices["A"].iloc[5] / pair.prices["A"].iloc[4])
        assert pair.returns["A"].iloc[4] == pytest.approx(expected, abs=1e-15)

    def test_weekend_moves_are_cumulated(self) -> None:
        days = pd.date_range("2019-01-01", periods=1300)
        coin = pd.Series(walk(1, 1300), days)
        stock = pd.Series(walk(2, 1300), days)[days.day_of_week < 5]
        pair = align({"COIN": coin, "STOCK": stock})
        monday = pair.returns.index[pair.returns.index.day_of_week == 0][3]
        friday = monday - pd.Timedelta(days=3)
        assert pair.returns.loc[monday, "COIN"] == pytest.approx(
            np.log(coin[monday] / coin[friday])
        )
        report = pair.report
        assert report.rows_asset == 1300
        assert report.rows_kept == report.rows_benchmark == len(stock)
        assert report.dropped_asset == 1300 - len(stock)
        assert report.dropped_benchmark == 0
        assert report.weekend_moves_cumulated == (pair.returns.index.day_of_week == 0).sum()
        assert report.longest_gap_days == 3
        assert pair.provenance["notes"] == ["days of COIN alone or STOCK alone dropped"]


class TestAsOf:
    @pytest.mark.parametrize(
        "as_of",
        [
            "2022-01-05",
            dt.date(2022, 1, 5),
            dt.datetime(2022, 1, 5, 16),
            pd.Timestamp("2022-01-05", tz="UTC"),
            np.datetime64("2022-01-05"),
        ],
    )
    def test_kinds(self, as_of: object) -> None:
        pair = align(table(), as_of=as_of)  # type: ignore[arg-type]
        assert pair.prices.index[-1] == pd.Timestamp("2022-01-05")
        assert "cut at 2022-01-05" in pair.provenance["notes"]

    def test_weekend_takes_friday(self) -> None:
        assert align(table(), as_of="2022-01-09").report.last == "2022-01-07"

    def test_a_few_days_after_the_end(self) -> None:
        last = table().index[-1]
        assert align(table(), as_of=last + pd.Timedelta(days=7)).report.rows_kept == N
        with pytest.raises(errors.AsOfError, match="8 days after the last common row"):
            align(table(), as_of=last + pd.Timedelta(days=8))

    def test_before_the_beginning(self) -> None:
        with pytest.raises(errors.AsOfError, match=r"before the first common row.*2019-01-01 to"):
            align(table(), as_of="2018-12-31")

    @pytest.mark.parametrize("as_of", ["soon", "01/02/2022", 20220105, pd.NaT, ""])
    def test_unreadable(self, as_of: object) -> None:
        with pytest.raises(errors.AsOfError, match="as_of"):
            align(table(), as_of=as_of)  # type: ignore[arg-type]

    def test_too_early(self) -> None:
        with pytest.raises(
            errors.TooFewRowsError, match="common prices up to 2019-06-03; at least"
        ):
            align(table(), as_of="2019-06-03")

    def test_later_prices_are_not_looked_at(self) -> None:
        as_of = table().index[700]
        later = changed(slice(750, 800), -5.0)
        one, other = align(table(), as_of=as_of), align(later, as_of=as_of)
        pd.testing.assert_frame_equal(one.prices, other.prices)
        assert one.report == other.report
        assert one.provenance["sha256"] == other.provenance["sha256"]


class TestChecks:
    @pytest.mark.parametrize("value", [0.0, -3.0])
    def test_not_positive(self, value: float) -> None:
        with pytest.raises(errors.NonPositivePriceError, match=rf"B is {value:g} on 2019-01-31"):
            align(changed(22, value))

    def test_spread_is_no_returns(self) -> None:
        spread = table().assign(B=walk(2) - walk(3))
        with pytest.raises(errors.NonPositivePriceError):
            align(spread)

    @pytest.mark.parametrize(("scale", "remedy"), [(0.01, r"returns\.cumsum"), (1.0, "/ 100")])
    def test_returns(self, scale: float, remedy: str) -> None:
        draws = scale * np.random.default_rng(0).standard_t(4, N)
        with pytest.raises(errors.ReturnsNotPricesError, match=f"B looks like returns.*{remedy}"):
            align(table().assign(B=draws))

    def test_gross_returns(self) -> None:
        draws = 1.0005 + 0.012 * np.random.default_rng(0).standard_normal(N)
        with pytest.raises(errors.ReturnsNotPricesError, match="gross returns"):
            align(table().assign(B=draws))

    def test_pegged_price_is_no_gross_returns(self) -> None:
        draws = np.random.default_rng(0).standard_normal(N)
        peg = np.ones(N)
        for row in range(1, N):
            peg[row] = 1.0 + 0.5 * (peg[row - 1] - 1.0) + 0.006 * draws[row]
        assert align(table().assign(B=peg)).report.rows_kept == N

    def test_constant(self) -> None:
        with pytest.raises(errors.ConstantPriceError, match="B has the same log return 0"):
            align(table().assign(B=5.0))

    def test_constant_growth(self) -> None:
        with pytest.raises(errors.ConstantPriceError, match=r"same log return 0.0001"):
            align(table().assign(B=np.exp(1e-4 * np.arange(N))))

    @pytest.mark.parametrize(("power", "r"), [(1, r"\+1.0"), (-1, "-1.0"), (2, r"\+1.0")])
    def test_one_series_under_two_names(self, power: int, r: str) -> None:
        both = table()
        both["B"] = 3.0 * both["A"] ** power
        with pytest.raises(errors.DuplicateAssetError, match=f"A and B have a correlation of {r}"):
            align(both)

    @pytest.mark.parametrize(("noise", "refused"), [(1e-6, True), (1e-5, True), (1e-4, False)])
    def test_nearly_one_series(self, noise: float, refused: bool) -> None:
        both = table()
        both["B"] = both["A"] * np.exp(noise * np.random.default_rng(3).standard_normal(N))
        if refused:
            with pytest.raises(errors.DuplicateAssetError, match=r"\+0\.99999\d+ .*beyond 0.99999"):
                align(both)
        else:
            assert align(both).report.rows_kept == N

    def test_too_few_rows(self) -> None:
        short = table(599)
        with pytest.raises(errors.TooFewRowsError, match="599 common prices; at least 600") as one:
            align(short)
        assert "A has 599 (2019-01-01 to" in str(one.value)
        assert align(short, min_rows=599).report.rows_kept == 599

    def test_no_overlap(self) -> None:
        a = table()["A"]
        with pytest.raises(errors.TooFewRowsError, match="do not overlap at all"):
            align({"A": a, "B": a.set_axis(a.index + pd.Timedelta(days=9000))})

    def test_shifted_calendars(self) -> None:
        days = pd.date_range("2019-01-01", periods=1800)
        a, b = pd.Series(walk(1), days[::2]), pd.Series(walk(2), days[1::2])
        with pytest.raises(errors.TooFewRowsError, match="share no day"):
            align({"A": a, "B": b})

    def test_hole(self) -> None:
        holed = changed(slice(100, 125), np.nan)
        with pytest.raises(errors.MissingValuesError) as caught:
            align(holed)
        words = "between 2019-05-20 and 2019-06-25, 36 days; the limit is max_gap_days=30"
        assert words in str(caught.value)
        assert 'prices.loc["2019-06-25":]' in str(caught.value)
        assert align(holed, max_gap_days=36).report.longest_gap_end == "2019-06-25"


class TestReport:
    def test_stale_run_warns_at_the_caller(self) -> None:
        stale = changed(slice(100, 112), 50.0)
        with pytest.warns(errors.StaleDataWarning, match="B keeps one price for 11 rows") as seen:
            pair = align(stale)
        assert seen[0].filename == __file__
        assert pair.report.stale_benchmark.rows == 11
        assert pair.report.stale_benchmark.end == "2019-06-05"
        assert pair.report.stale_asset.rows == 0

    def test_short_run_does_not_warn(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            report = align(changed(slice(100, 111), 50.0)).report
        assert report.stale_benchmark.rows == 10

    def test_dictionary_and_text(self) -> None:
        report = align(table()).report
        told = json.loads(json.dumps(report.to_dict()))
        assert told["rows_kept"] == N
        assert told["stale_asset"] == {"rows": 0, "end": None}
        assert str(report).count("\n") == 1
        assert "A / B: 900 common prices" in str(report)

    def test_frozen(self) -> None:
        pair = align(table())
        with pytest.raises(dataclasses.FrozenInstanceError):
            pair.report.rows_kept = 3  # type: ignore[misc]
        with pytest.raises(dataclasses.FrozenInstanceError):
            pair.prices = table()  # type: ignore[misc]

    def test_callers_frame_is_unchanged(self) -> None:
        given = table()
        before = given.copy(deep=True)
        kept = align(given).prices
        kept.iloc[0, 0] = -1.0
        pd.testing.assert_frame_equal(given, before)
        assert given.attrs == {}

    def test_simulated_survives(self) -> None:
        prices = load_prices(table())
        prices.attrs["provenance"]["simulated"] = True
        assert align(prices).provenance["simulated"] is True


class TestRealData:
    def test_eth_and_iwm_from_2016(self, market_data: Path) -> None:
        eth = load_prices(market_data / "eth_usd.csv")["close"]
        iwm = load_prices(market_data / "iwm.csv", columns=["close"])["close"]
        pair = align({"ETH": eth["2016":], "IWM": iwm["2016":]})
        report = pair.report
        assert (report.rows_asset, report.rows_benchmark) == (3885, 2674)
        assert (report.rows_kept, report.dropped_asset, report.dropped_benchmark) == (2673, 1212, 1)
        assert (report.first, report.last) == ("2016-01-04", "2026-08-20")
        assert report.longest_gap_days == 4
        assert pair.prices.loc["2020-03-18", "IWM"] == pytest.approx(99.97, abs=0.01)

    def test_every_common_day(self, market_data: Path) -> None:
        panel = load_prices(market_data / "panel_daily.csv", columns=["ETH", "IWM", "RUT"])
        assert len(panel.dropna()) == 2774
        assert align(panel, asset="ETH", benchmark="RUT").report.rows_kept == 2774

    def test_negative_oil(self, market_data: Path) -> None:
        with pytest.raises(errors.NonPositivePriceError, match=r"WTI_SPOT is .* on 2020-04-20"):
            align(market_data / "panel_daily.csv", asset="WTI_SPOT", benchmark="SPX")
