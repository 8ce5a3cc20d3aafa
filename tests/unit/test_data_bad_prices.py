"""`load_prices`: every kind of bad input has its own error."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from regimecorr import errors
from regimecorr.data.prices import load_prices

DAYS = pd.date_range("2024-01-29", periods=4)


def frame(**columns: object) -> pd.DataFrame:
    given = columns or {"A": [1.0, 2.0, 3.0, 4.0], "B": [5.0, np.nan, 7.0, 8.0]}
    return pd.DataFrame(given, index=DAYS)


def write(folder: Path, text: str, name: str = "prices.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


class TestBadDates:
    def test_none(self) -> None:
        with pytest.raises(errors.DateColumnError, match=r"No column holds dates.*'A', 'B'"):
            load_prices(pd.DataFrame({"A": [1.0, 2.0], "B": [3, 4]}))

    def test_none_but_nearly(self) -> None:
        given = pd.DataFrame({"day": ["2024-01-02", "2024-13-45", "2024-01-04"], "A": [1, 2, 3]})
        with pytest.raises(errors.DateColumnError, match="'day' comes closest; row 2 is '2024-13"):
            load_prices(given)

    def test_two(self) -> None:
        given = pd.DataFrame({"x": ["2024-01-02"], "y": ["2024-02-01"], "A": [1.0]})
        with pytest.raises(errors.DateColumnError, match="2 columns can be the dates"):
            load_prices(given)

    def test_integers_are_not_dates(self) -> None:
        with pytest.raises(errors.DateColumnError):
            load_prices(pd.DataFrame({"A": [1.0, 2.0]}, index=[19000, 19001]))

    def test_day_and_month_cannot_be_told_apart(self) -> None:
        given = pd.DataFrame({"d": ["01/02/2024", "02/03/2024"], "A": [1.0, 2.0]})
        with pytest.raises(errors.DateColumnError, match=r"day/month or month/day.*ISO dates"):
            load_prices(given)

    def test_empty_date(self) -> None:
        given = pd.DataFrame({"d": ["2024-01-02", ""], "A": [1.0, 2.0]})
        with pytest.raises(errors.DateColumnError, match="Row 2 of 2 has no date"):
            load_prices(given)

    def test_unsorted(self) -> None:
        with pytest.raises(errors.UnsortedDatesError, match=r"2024-01-30 \(row 3\).*sort_index"):
            load_prices(frame().iloc[[0, 2, 1, 3]])

    def test_unsorted_column(self) -> None:
        given = frame().rename_axis("day").reset_index().iloc[[0, 2, 1, 3]]
        with pytest.raises(errors.UnsortedDatesError, match="sort the rows by column 'day'"):
            load_prices(given)

    @pytest.mark.parametrize("name", ["COIN", "FUND"])
    def test_a_word_among_prices_makes_no_long_table(self, name: str) -> None:
        """Headers that can name assets, above numbers of which one is a word."""
        given = frame(A=[1.0, 2.0, 3.0, 4.0], **{name: [5.0, "n/a?", 7.0, 8.0]})
        with pytest.raises(errors.NonNumericPriceError, match=f"'{name}' holds 'n/a\\?' on 2024"):
            load_prices(given)

    def test_unsorted_backward(self) -> None:
        with pytest.raises(errors.UnsortedDatesError, match=r"2024-01-31 \(row 3\)"):
            load_prices(frame().iloc[[3, 1, 2, 0]])

    def test_duplicate(self) -> None:
        with pytest.raises(errors.DuplicateDateError, match="2024-01-30 stands 2 times"):
            load_prices(frame().iloc[[0, 1, 1, 2]])

    def test_two_stamps_of_a_day(self) -> None:
        hours = pd.DatetimeIndex(["2024-01-02 10:00", "2024-01-02 16:00"])
        with pytest.raises(errors.DuplicateDateError, match="one row per calendar day"):
            load_prices(pd.DataFrame({"A": [1.0, 2.0]}, index=hours))

    @pytest.mark.parametrize(
        "index",
        [
            ["2024-01-02 00:00+00:00", "2024-01-03 00:00+09:00"],
            ["2024-01-02", "2024-01-03 00:00+09:00"],
            [pd.Timestamp("2024-01-02", tz="UTC"), pd.Timestamp("2024-01-03", tz="Asia/Tokyo")],
            [pd.Timestamp("2024-01-02"), pd.Timestamp("2024-01-03", tz="Asia/Tokyo")],
        ],
    )
    def test_mixed_zones_within(self, index: list[object]) -> None:
        given = pd.DataFrame({"A": [1.0, 2.0]}, index=pd.Index(index, dtype=object))
        with pytest.raises(errors.TimeZoneError, match="2 time zones"):
            load_prices(given)

    @pytest.mark.parametrize("zone", ["America/New_York", None])
    def test_mixed_zones_between(self, zone: str | None) -> None:
        coin = pd.Series([1.0] * 4, DAYS.tz_localize("UTC"))
        stock = pd.Series([1.0] * 4, DAYS.tz_localize(zone))
        with pytest.raises(errors.TimeZoneError, match=r"COIN: UTC.*tz_localize\(None\)"):
            load_prices({"COIN": coin, "STOCK": stock})


class TestBadValues:
    @pytest.mark.parametrize("text", ["1,234.5", "n/a", "$3", "1_000", "-", "1-2", "0x10", "#N/A"])
    def test_text(self, tmp_path: Path, text: str) -> None:
        path = write(tmp_path, f'date,A,B\n2024-01-02,1,2\n2024-01-03,1,"{text}"\n')
        with pytest.raises(errors.NonNumericPriceError) as caught:
            load_prices(path)
        for part in ("'B'", repr(text), "2024-01-03", "leave the field empty"):
            assert part in str(caught.value)

    @pytest.mark.parametrize(
        "values", [[True] * 4, [1, 2, [3], 4], [1, 2, True, 4], list(DAYS), [1 + 2j] * 4]
    )
    def test_other_things(self, values: list[object]) -> None:
        with pytest.raises(errors.NonNumericPriceError, match="'A' holds"):
            load_prices(frame(A=values))

    @pytest.mark.parametrize("value", [np.inf, -np.inf, "inf", "-Infinity"])
    def test_infinite(self, value: object) -> None:
        with pytest.raises(errors.InfinitePriceError, match=r"'A' is .*[iI]nf.* on 2024-01-31"):
            load_prices(frame(A=[1, 2, value, 4]))

    def test_column_without_any_price(self) -> None:
        with pytest.raises(errors.MissingValuesError, match="'B' has no price in any of its 4"):
            load_prices(frame(A=[1.0] * 4, B=[np.nan] * 4))

    def test_column_twice(self, tmp_path: Path) -> None:
        with pytest.raises(errors.DuplicateAssetError, match="named 'ETH'"):
            load_prices(write(tmp_path, "date,ETH,ETH \n2024-01-02,1,2\n"))
        with pytest.raises(errors.DuplicateAssetError, match="named 'A'"):
            load_prices(frame()[["A", "A"]])
        with pytest.raises(errors.DuplicateAssetError, match="columns has more than one"):
            load_prices(frame(), columns=["A", "A"])

    def test_unknown_column(self) -> None:
        given = frame(BTC=[1.0] * 4, ETH=[2.0] * 4)
        with pytest.raises(errors.UnknownAssetError, match=r"'eht'.*mean 'ETH'.*BTC, ETH"):
            load_prices(given, columns=["eht"])

    def test_levels_of_columns(self) -> None:
        given = pd.concat({"x": pd.concat({"Close": frame()}, axis=1)}, axis=1)
        with pytest.raises(errors.DataError, match="3 levels of columns; the limit is two"):
            load_prices(given)

    def test_no_rows_no_columns(self) -> None:
        with pytest.raises(errors.TooFewRowsError, match="0 rows"):
            load_prices(frame().iloc[:0])
        with pytest.raises(errors.DataError, match="no column besides the dates"):
            load_prices(frame()[[]])

    @pytest.mark.parametrize("thing", [None, 3, [1, 2], pd.Series([1.0], DAYS[:1])])
    def test_other_types(self, thing: object) -> None:
        with pytest.raises(errors.DataError, match="prices is of type"):
            load_prices(thing)  # type: ignore[arg-type]

    def test_dictionary(self) -> None:
        with pytest.raises(errors.DataError, match="dictionary of prices is empty"):
            load_prices({})
        with pytest.raises(errors.DataError, match="'A' is of type list"):
            load_prices({"A": [1.0]})  # type: ignore[dict-item]

    def test_columns_as_text(self) -> None:
        with pytest.raises(errors.DataError, match="pass a list"):
            load_prices(frame(), columns="A")
