"""`load_prices`: files, frames, dictionaries and their provenance."""

from __future__ import annotations

import datetime as dt
import decimal
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from regimecorr import errors
from regimecorr.data.prices import load_prices
from regimecorr.data.provenance import fingerprint

DAYS = pd.date_range("2024-01-29", periods=4)


def frame(**columns: object) -> pd.DataFrame:
    given = columns or {"A": [1.0, 2.0, 3.0, 4.0], "B": [5.0, np.nan, 7.0, 8.0]}
    return pd.DataFrame(given, index=DAYS)


def write(folder: Path, text: str, name: str = "prices.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


class TestFiles:
    def test_csv(self, tmp_path: Path) -> None:
        path = write(tmp_path, "Day,A,B\n2024-01-02,1.5,\n2024-01-03,2,nan\n2024-01-04,3e0,7\n")
        prices = load_prices(path)
        assert list(prices.columns) == ["A", "B"]
        assert prices.index.name == "date"
        assert prices.index.tz is None
        assert (prices.dtypes == "float64").all()
        assert prices["B"].isna().tolist() == [True, True, False]
        origin = prices.attrs["provenance"]
        assert origin["source"] == "prices.csv"
        assert origin["kind"] == "csv"
        assert origin["simulated"] is False
        assert (origin["rows"], origin["first"], origin["last"]) == (3, "2024-01-02", "2024-01-04")
        assert origin["sha256"] == fingerprint(prices)
        assert str(tmp_path) not in json.dumps(origin)

    @pytest.mark.parametrize("separator", [",", ";", "\t"])
    def test_separators_quotes_and_byte_order_mark(self, tmp_path: Path, separator: str) -> None:
        text = '\ufeff"date"|"A"|B\n"2024-01-02"|"1"|2\n\n2024-01-03|3|4\n'
        prices = load_prices(write(tmp_path, text.replace("|", separator)))
        assert prices.to_numpy().tolist() == [[1.0, 2.0], [3.0, 4.0]]

    def test_text_path_and_date_column_in_the_middle(self, tmp_path: Path) -> None:
        path = write(tmp_path, "A,when,B\n1,20240102,2\n3,20240103,4\n")
        assert load_prices(str(path)).columns.tolist() == ["A", "B"]

    def test_csv_round_trip_is_exact(self, tmp_path: Path) -> None:
        prices = load_prices(frame(A=[0.1, 1 / 3, 1e-17, 12345678.9]))
        prices.to_csv(tmp_path / "x.csv")
        pd.testing.assert_frame_equal(load_prices(tmp_path / "x.csv"), prices)

    def test_parquet_round_trip_keeps_provenance(self, tmp_path: Path) -> None:
        pytest.importorskip("pyarrow")
        prices = load_prices(frame())
        prices.to_parquet(tmp_path / "x.parquet")
        again = load_prices(tmp_path / "x.parquet")
        pd.testing.assert_frame_equal(again, prices)
        assert again.attrs == prices.attrs

    def test_parquet_with_a_date_column(self, tmp_path: Path) -> None:
        pytest.importorskip("pyarrow")
        plain = frame().rename_axis("day").reset_index()
        plain.to_parquet(tmp_path / "x.parquet")
        prices = load_prices(tmp_path / "x.parquet")
        assert prices.columns.tolist() == ["A", "B"]
        assert prices.attrs["provenance"]["kind"] == "parquet"

    def test_damaged_parquet(self, tmp_path: Path) -> None:
        pytest.importorskip("pyarrow")
        with pytest.raises(errors.DataError, match=r"'x.pq' is not a readable Parquet file.*again"):
            load_prices(write(tmp_path, "date,A\n2024-01-02,1\n", "x.pq"))

    def test_parquet_without_pyarrow(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("pyarrow", "fastparquet"):
            monkeypatch.setitem(sys.modules, name, None)
        with pytest.raises(errors.DataError, match=r'pip install "regimecorr\[data\]"'):
            load_prices(write(tmp_path, "", "x.parquet"))

    def test_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            load_prices(tmp_path / "absent.csv")

    def test_address_on_the_web(self) -> None:
        with pytest.raises(errors.DataError, match=r"address on the web.*download"):
            load_prices("https://example.com/prices.csv")

    def test_excel(self, tmp_path: Path) -> None:
        with pytest.raises(errors.DataError, match=r"\.xlsx file; CSV and Parquet"):
            load_prices(write(tmp_path, "x", "x.xlsx"))

    def test_not_utf8(self, tmp_path: Path) -> None:
        (tmp_path / "x.csv").write_bytes("date,Öl\n2024-01-02,1\n".encode("latin-1"))
        with pytest.raises(errors.DataError, match="not UTF-8 text \\(byte 5\\)"):
            load_prices(tmp_path / "x.csv")

    @pytest.mark.parametrize("text", ["", "date,A\n", "\n\n"])
    def test_empty(self, tmp_path: Path, text: str) -> None:
        with pytest.raises(errors.TooFewRowsError, match="0 rows of data"):
            load_prices(write(tmp_path, text))

    def test_no_header(self, tmp_path: Path) -> None:
        with pytest.raises(errors.DataError, match="begins with the date '2024-01-02'"):
            load_prices(write(tmp_path, "2024-01-02,1\n2024-01-03,2\n"))

    def test_row_of_other_length(self, tmp_path: Path) -> None:
        with pytest.raises(errors.DataError, match=r"Row 2 .* has 3 fields, the header has 2"):
            load_prices(write(tmp_path, "date,A\n2024-01-02,1\n2024-01-03,1,234\n"))

    def test_column_without_name(self, tmp_path: Path) -> None:
        with pytest.raises(errors.DataError, match=r"Column 1 has no name.*index=False"):
            load_prices(write(tmp_path, ",date,A\n0,2024-01-02,1\n1,2024-01-03,2\n"))


class TestFrames:
    def test_callers_frame_is_unchanged(self) -> None:
        given = frame()[::-1]
        given.attrs["mine"] = 1
        before = given.copy(deep=True)
        result = load_prices(given)
        result.iloc[0, 0] = -1.0
        result.attrs["provenance"]["source"] = "changed"
        pd.testing.assert_frame_equal(given, before)
        assert given.attrs == {"mine": 1}

    def test_provenance_is_kept(self) -> None:
        first = load_prices(frame())
        first.attrs["provenance"] |= {"simulated": True, "source": "a world", "notes": ["n"]}
        again = load_prices(first)
        assert again.attrs["provenance"] == first.attrs["provenance"]
        part = load_prices(first.iloc[1:])
        origin = part.attrs["provenance"]
        assert (origin["simulated"], origin["source"], origin["notes"]) == (True, "a world", ["n"])
        assert origin["rows"] == 3
        assert origin["source_sha256"] == first.attrs["provenance"]["sha256"] != origin["sha256"]
        json.dumps(origin)

    def test_simulated_survives_a_dictionary(self) -> None:
        twin = load_prices(frame())
        twin.attrs["provenance"]["simulated"] = True
        joined = load_prices({"A": twin["A"], "C": pd.Series([1.0, 2.0], DAYS[:2])})
        assert joined.attrs["provenance"]["simulated"] is True
        json.dumps(joined.attrs)

    def test_newest_first_is_reversed_with_a_note(self) -> None:
        result = load_prices(frame()[::-1])
        pd.testing.assert_frame_equal(result, load_prices(frame()))
        assert result.attrs["provenance"]["notes"] == ["reversed: rows were newest first"]

    @pytest.mark.parametrize(
        "values",
        [
            pd.array([1, 2, None, 4], dtype="Int64"),
            pd.array([1.0, 2.0, None, 4.0], dtype="Float64"),
            [1, 2, None, 4],
            ["1", " 2 ", "", "4.0"],
            ["1", "2", "nan", "4"],
            [decimal.Decimal(1), 2, None, np.float32(4)],
            pd.array(["1", "2", None, "4"], dtype="string"),
        ],
        ids=["Int64", "Float64", "object", "text", "nan text", "decimal", "string"],
    )
    def test_kinds_of_numbers(self, values: object) -> None:
        result = load_prices(frame(A=values))["A"]
        assert result.dtype == "float64"
        np.testing.assert_array_equal(result.to_numpy(), [1.0, 2.0, np.nan, 4.0])

    @pytest.mark.parametrize(
        "index",
        [
            [day.date() for day in DAYS],
            [str(day.date()) for day in DAYS],
            [int(f"{day:%Y%m%d}") for day in DAYS],
            list(DAYS.strftime("%d/%m/%Y")),
            list(DAYS.strftime("%m/%d/%Y")),
            list(DAYS.strftime("%d-%b-%Y")),
            list(DAYS.strftime("%b %d, %Y")),
            pd.PeriodIndex(DAYS, freq="D"),
            DAYS.as_unit("s"),
            DAYS.tz_localize("Asia/Tokyo"),
            list(DAYS.strftime("%Y-%m-%dT%H:%M:%SZ")),
        ],
        ids=["date", "iso", "int", "d/m", "m/d", "month", "Month d", "period", "s", "tz", "Z"],
    )
    def test_kinds_of_dates(self, index: object) -> None:
        given = pd.DataFrame({"A": [1.0, 2.0, 3.0, 4.0]}, index=index)
        assert load_prices(given).index.equals(load_prices(frame()).index)
        column = pd.DataFrame({"when": index, "A": [1.0, 2.0, 3.0, 4.0]})
        assert load_prices(column).index.equals(load_prices(frame()).index)

    @pytest.mark.parametrize(
        ("freq", "days"),
        [("W", ["2024-02-04", "2024-02-11"]), ("M", ["2024-01-31", "2024-02-29"])],
    )
    def test_a_period_is_known_on_its_last_day(self, freq: str, days: list[str]) -> None:
        given = pd.DataFrame({"A": [1.0, 2.0]}, pd.period_range("2024-01-31", periods=2, freq=freq))
        assert load_prices(given).index.strftime("%Y-%m-%d").tolist() == days

    def test_local_day_of_the_exchange(self) -> None:
        evening = pd.DatetimeIndex(["2024-01-02 19:00", "2024-01-03 19:00"])
        zoned = pd.DataFrame({"A": [1.0, 2.0]}, index=evening.tz_localize("America/New_York"))
        result = load_prices(zoned)
        assert result.index[0] == pd.Timestamp("2024-01-02")  # 3 January in UTC
        notes = result.attrs["provenance"]["notes"]
        assert notes == [
            "time zone America/New_York dropped, local dates kept",
            "time of day dropped",
        ]

    def test_summer_and_winter_offsets_are_one_zone(self) -> None:
        index = ["2024-03-08 00:00:00-05:00", "2024-03-11 00:00:00-04:00"]
        result = load_prices(pd.DataFrame({"A": [1.0, 2.0]}, index=index))
        assert result.index.day.tolist() == [8, 11]

    def test_dictionary_of_calendars(self) -> None:
        coin = pd.Series([1.0, 2.0, 3.0, 4.0], DAYS)
        stock = pd.Series([9.0, 8.0], DAYS[[3, 1]])
        result = load_prices({"COIN": coin, "STOCK": stock})
        np.testing.assert_array_equal(result["STOCK"], [np.nan, 8.0, np.nan, 9.0])
        assert result.attrs["provenance"]["notes"] == ["STOCK: reversed: rows were newest first"]

    def test_columns(self) -> None:
        result = load_prices(frame(A=[1.0] * 4, B=[2.0] * 4, C=["text"] * 4), columns=["B", "A"])
        assert result.columns.tolist() == ["B", "A"]
        both = load_prices({"A": pd.Series([1.0] * 4, DAYS), "B": pd.Series(["x"] * 4, DAYS)},
                           columns=["A"])  # fmt: skip
        assert both.columns.tolist() == ["A"]
        for source in (frame(), {"A": pd.Series([1.0] * 4, DAYS)}):
            with pytest.raises(errors.DataError, match="columns is empty"):
                load_prices(source, columns=[])

    def test_date_named_column_wins(self) -> None:
        given = pd.DataFrame({"Date": ["2024-01-02"], "seen": ["2024-02-01"], "A": [1.0]})
        assert load_prices(given, columns=["A"]).index[0] == pd.Timestamp("2024-01-02")


def test_as_many_dates_as_python_has() -> None:
    given = pd.DataFrame({"A": [1.0, 2.0]}, index=[dt.date(1, 1, 1), dt.date(9999, 12, 31)])
    assert len(load_prices(given)) == 2
