"""`load_prices`: long tables, a row for each asset and day."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from regimecorr import errors
from regimecorr.data.alignment import align
from regimecorr.data.prices import load_prices

DAYS = pd.date_range("2024-01-29", periods=4)
WIDE = pd.DataFrame({"SPY": [10.5, 11.0, np.nan, 8.0], "IWM": [1.0, 2.0, 3.0, 4.0]}, DAYS)


def long(date: str = "date", asset: str = "ticker", price: str = "close") -> pd.DataFrame:
    """Melt the wide table; the day without a price of SPY has no row."""
    melted = WIDE.rename_axis(date).reset_index()
    return melted.melt(date, var_name=asset, value_name=price).dropna(ignore_index=True)


def same(prices: pd.DataFrame, expected: pd.DataFrame = WIDE) -> None:
    pd.testing.assert_frame_equal(
        prices, expected.rename_axis("date"), check_freq=False, check_index_type=False,
        check_column_type=False, check_names=False,
    )  # fmt: skip


class TestReading:
    @pytest.mark.parametrize("asset", ["ticker", "Symbol", "ASSET", "Instrument", "isin", "name",
                                       "security", "Ticker Symbol", "coin", "permno"])  # fmt: skip
    @pytest.mark.parametrize(
        "price", ["close", "Price", "value", "PX_LAST", "adj_close", "quote €"]
    )
    def test_synonyms(self, asset: str, price: str) -> None:
        prices = load_prices(long("when", asset, price))
        same(prices)
        notes = prices.attrs["provenance"]["notes"]
        assert notes[0] == f"long table: prices {price!r} of the assets in {asset!r}"

    @pytest.mark.parametrize("kind", ["csv", "parquet"])
    def test_files(self, tmp_path: Path, kind: str) -> None:
        path = tmp_path / f"x.{kind}"
        if kind == "csv":
            long().to_csv(path, index=False)
        else:
            pytest.importorskip("pyarrow")
            long().astype({"ticker": "category"}).to_parquet(path)
        same(load_prices(path))

    @pytest.mark.parametrize("keys", [["date", "ticker"], ["ticker", "date"], ["date"], ["ticker"]])
    def test_dates_and_assets_in_the_index(self, keys: list[str]) -> None:
        same(load_prices(long().set_index(keys)))

    def test_index_without_names(self) -> None:
        same(load_prices(long().set_index(["date", "ticker"]).rename_axis([None, None])))
        same(load_prices(long().set_index(["ticker", "date"]).rename_axis([None, None])))

    def test_stacked(self) -> None:
        both = pd.concat({"Close": WIDE, "Adj Close": WIDE / 2}, axis=1, names=["Price", "Ticker"])
        stacked = both.stack(level="Ticker", future_stack=True)  # noqa: PD013
        same(load_prices(stacked))
        same(load_prices(stacked, price="adj close"), WIDE / 2)
        same(load_prices(stacked.reset_index()))

    def test_by_day_or_by_asset(self) -> None:
        by_day = long().sort_values(["date", "ticker"], ascending=[True, False])
        same(load_prices(by_day))
        same(load_prices(by_day.reset_index(drop=True)))

    def test_newest_first(self) -> None:
        prices = load_prices(long()[::-1])
        same(prices, WIDE[["IWM", "SPY"]])
        assert "reversed: rows were newest first" in prices.attrs["provenance"]["notes"]

    def test_columns(self) -> None:
        table = long().astype({"close": object})
        table.loc[table["ticker"] == "SPY", "close"] = "n/a"
        same(load_prices(table, columns=["IWM"]), WIDE[["IWM"]])
        same(load_prices(long(), columns=["IWM", "SPY"]), WIDE[["IWM", "SPY"]])
        with pytest.raises(errors.UnknownAssetError, match=r"no asset 'SPX'.*'SPY'.*SPY, IWM"):
            load_prices(long(), columns=["SPX"])

    def test_one_asset(self) -> None:
        same(load_prices(long().query("ticker == 'IWM'")), WIDE[["IWM"]])

    def test_numbers_as_names(self) -> None:
        table = long(asset="permno")
        table["permno"] = table["permno"].map({"SPY": 84398, "IWM": 88222})
        expected = WIDE.set_axis(["84398", "88222"], axis=1)
        same(load_prices(table.astype({"permno": int})), expected)
        same(load_prices(table.astype({"permno": float})), expected)

    def test_row_numbers_are_no_assets(self) -> None:
        same(load_prices(long().assign(id=range(7))))

    def test_other_columns(self) -> None:
        table = long().assign(open=1.0, Volume=5, **{"Adj Close": long()["close"] / 2})
        prices = load_prices(table)
        same(prices)
        assert prices.attrs["provenance"]["price"] == {"field": "close", "adjusted": False}
        same(load_prices(table, price="AdjClose"), WIDE / 2)
        assert load_prices(table, price="open")["IWM"].tolist() == [1.0] * 4

    def test_spaces_around_names(self) -> None:
        table = long()
        table.loc[1, "ticker"] = " SPY "
        same(load_prices(table))

    def test_zone_and_time_of_day(self) -> None:
        table = long()
        table["date"] = (table["date"] + pd.Timedelta(hours=16)).dt.tz_localize("America/New_York")
        prices = load_prices(table)
        same(prices)
        assert prices.attrs["provenance"]["notes"][0].startswith("time zone America/New_York")

    def test_a_field_in_every_row(self) -> None:
        parts = {"Close": WIDE, "adj_close": WIDE / 2, "Volume": WIDE * 9}
        table = pd.concat([
            p.rename_axis("date").reset_index().melt("date", var_name="ticker").assign(field=name)
            for name, p in parts.items()
        ]).dropna()  # fmt: skip
        same(load_prices(table))
        prices = load_prices(table, price="adj close")
        same(prices, WIDE / 2)
        assert prices.attrs["provenance"]["price"] == {"field": "adj close", "adjusted": True}
        mixed = table[(table["field"] == "Close") ^ (table["ticker"] == "IWM")]
        mixed = mixed[mixed["field"] != "Volume"]
        with pytest.raises(errors.DataError, match="are mixed"):
            load_prices(mixed)

    def test_a_large_table(self) -> None:
        rng = np.random.default_rng(1)
        days = pd.bdate_range("2000-01-03", periods=500, name="date")
        names = pd.Index([f"S{n:03}" for n in range(200)], name="ticker")
        wide = pd.DataFrame(rng.uniform(1, 9, (500, 200)), days, names)
        wide = wide.where(rng.uniform(size=wide.shape) > 0.1)
        table = wide.stack().rename("close").reset_index()  # noqa: PD013
        same(load_prices(table, columns=list(names)), wide)
        text = table.astype({"date": str})
        same(load_prices(text, columns=list(names)), wide)
        text.loc[70_000, "date"] = None
        with pytest.raises(errors.DataError, match=r"Row 70001 of .* has no date"):
            load_prices(text)
        text.loc[70_000, "date"] = "soon"
        with pytest.raises(errors.DateColumnError, match="No column holds dates in every row"):
            load_prices(text)

    def test_align(self) -> None:
        rng = np.random.default_rng(2)
        days = pd.bdate_range("2015-01-01", periods=700)
        walk = 50 * np.exp(0.01 * rng.standard_normal((700, 2)).cumsum(axis=0))
        wide = pd.DataFrame(walk, days.rename("date"), ["A", "B"])
        table = wide.reset_index().melt("date", var_name="asset", value_name="price")
        expected = align(wide)
        found = align(table)
        pd.testing.assert_frame_equal(found.returns, expected.returns)
        assert (found.asset, found.benchmark) == ("A", "B")


class TestNotLong:
    """Wide tables stay wide."""

    def test_assets_called_like_headers(self) -> None:
        wide = WIDE.set_axis(["name", "Coin"], axis=1)
        same(load_prices(wide), wide)
        text = wide.astype(str)
        same(load_prices(text), wide)

    def test_repeated_days_of_a_wide_table(self) -> None:
        with pytest.raises(errors.DuplicateDateError, match="stands 2 times"):
            load_prices(WIDE.iloc[[0, 1, 1]])


class TestAmbiguous:
    def test_two_columns_of_assets(self) -> None:
        table = long().assign(name="fund")
        with pytest.raises(errors.DataError, match=r"2 columns can name .*'ticker', 'name'.*asset"):
            load_prices(table)
        same(load_prices(table.rename(columns={"ticker": "asset"})))

    def test_assets_under_no_such_name(self) -> None:
        with pytest.raises(errors.DuplicateDateError, match=r"'who' names the assets.*asset"):
            load_prices(long(asset="who"))

    def test_several_prices(self) -> None:
        table = long(price="price").assign(value=1.0)
        with pytest.raises(
            errors.DataError, match=r"More than one field .*'price', 'value'.*price="
        ):
            load_prices(table)
        same(load_prices(table, price="price"))

    def test_one_price_under_two_spellings(self) -> None:
        with pytest.raises(errors.DataError, match="2 columns can be the price 'close'"):
            load_prices(long().assign(close_price=1.0))

    @pytest.mark.parametrize("name", ["volume", "Return", "dividends"])
    def test_no_price(self, name: str) -> None:
        with pytest.raises(
            errors.DataError, match=f"No field can be the price among '{name.lower()}"
        ):
            load_prices(long(price=name))

    def test_no_column_left(self) -> None:
        with pytest.raises(errors.DataError, match="No field can be the price"):
            load_prices(long().drop(columns="close"))

    def test_two_dates(self) -> None:
        table = long("day").assign(seen=DAYS[0])
        with pytest.raises(errors.DateColumnError, match="2 columns can be the dates"):
            load_prices(table)


class TestBadRows:
    @pytest.mark.parametrize("other", [False, True])
    def test_duplicates(self, other: bool) -> None:
        table = pd.concat([long(), long().iloc[[4, 4, 5]].assign(close=9.0 if other else 2.0)])
        with pytest.raises(errors.DuplicateDateError) as caught:
            load_prices(table)
        for part in ("'IWM' has 3 rows of 2024-01-30", "2 such repetitions", "column 'date'"):
            assert part in str(caught.value)

    def test_duplicates_by_the_time_of_day(self) -> None:
        table = long()
        table.loc[0, "date"] += pd.Timedelta(days=1, hours=3)
        with pytest.raises(errors.DuplicateDateError, match="'SPY' has 2 rows of 2024-01-30"):
            load_prices(table)

    def test_repetition_of_an_asset_left_out(self) -> None:
        table = pd.concat([long(), long().iloc[[0]]])
        same(load_prices(table, columns=["IWM"]), WIDE[["IWM"]])

    def test_unsorted(self) -> None:
        with pytest.raises(errors.UnsortedDatesError) as caught:
            load_prices(long().iloc[[0, 1, 2, 3, 5, 4, 6]])
        for part in ("2024-01-30 (row 3)", "column 'date' for 'IWM'", "the rows of each asset"):
            assert part in str(caught.value)

    def test_no_asset(self) -> None:
        for empty in ("", " ", None):
            table = long().astype({"ticker": object})
            table.loc[2, "ticker"] = empty
            with pytest.raises(errors.DataError, match=r"Row 3 of 7 names no asset in .*'ticker'"):
                load_prices(table)

    def test_no_date(self) -> None:
        table = long()
        table.loc[2, "date"] = pd.NaT
        with pytest.raises(errors.DataError, match="Row 3 of 7 has no date in column 'date'"):
            load_prices(table)

    def test_text_for_a_price(self, tmp_path: Path) -> None:
        table = long().astype({"close": object})
        table.loc[5, "close"] = "$3"
        with pytest.raises(errors.NonNumericPriceError, match=r"'IWM' holds '\$3' on 2024-01-31"):
            load_prices(table)
        table.loc[5, "close"] = "inf"
        with pytest.raises(errors.InfinitePriceError, match="'IWM' is inf on 2024-01-31"):
            load_prices(table)

    def test_an_asset_without_prices(self) -> None:
        table = long()
        table.loc[table["ticker"] == "IWM", "close"] = np.nan
        with pytest.raises(errors.MissingValuesError, match="'IWM' has no price in any of its 4"):
            load_prices(table)


class TestNeverMixed:
    def test_closes_of_one_and_adjusted_closes_of_another(self, tmp_path: Path) -> None:
        table = long().assign(adj_close=lambda t: t["close"] / 2)
        table.loc[table["ticker"] == "SPY", "adj_close"] = np.nan
        same(load_prices(table))
        with pytest.raises(errors.DataError, match=r"price='adj close', but .* of 'SPY'"):
            load_prices(table, price="adj close")
        table.loc[table["ticker"] == "IWM", "close"] = np.nan
        table.to_csv(tmp_path / "x.csv", index=False)
        for source in (table, tmp_path / "x.csv"):
            with pytest.raises(
                errors.DataError, match=r"Closes \('SPY'\) and adjusted .*\('IWM'\)"
            ):
                load_prices(source)
            same(load_prices(source, columns=["SPY"]), WIDE[["SPY"]].dropna())

    @pytest.mark.parametrize("flags", [(True, False), ("yes", "no"), (1, 0), ("TRUE", "FALSE")])
    def test_a_column_that_says_so(self, flags: tuple[Any, Any]) -> None:
        table = long()
        for flag, value in zip(flags, (True, False), strict=True):
            prices = load_prices(table.assign(adjusted=flag))
            same(prices)
            assert prices.attrs["provenance"]["price"] == {"field": "close", "adjusted": value}
        mixed = table.assign(is_adjusted=np.where(table["ticker"] == "SPY", *flags))
        with pytest.raises(errors.DataError, match="mixed: column 'is_adjusted' is not the same"):
            load_prices(mixed)
        assert load_prices(mixed, columns=["IWM"]).shape == (4, 1)

    def test_adjusted_can_be_the_price(self) -> None:
        table = long().assign(open=9.0, adjusted=lambda t: t["close"] / 2)  # as tidyquant has it
        same(load_prices(table))
        same(load_prices(table, price="adj close"), WIDE / 2)
