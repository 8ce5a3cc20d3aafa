"""`load_prices`: two levels of columns, bars, flattened names, and which close is the price."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from regimecorr import errors
from regimecorr.data.fields import canonical, choose_field, split_name
from regimecorr.data.prices import load_prices

DAYS = pd.date_range("2024-01-29", periods=5, name="Date")
CLOSE = pd.DataFrame({"IWM": [1.0, 2, 3, 4, 5], "SPY": [10.5, 11, 9, 8, 7]}, DAYS)
ADJUSTED = CLOSE * 0.9
OTHERS = ("High", "Low", "Open", "Volume")


def yahoo(*, adjusted: bool = True, by_ticker: bool = False, named: bool = True) -> pd.DataFrame:
    """Build the frame of yfinance.download, auto_adjust=False or True, group_by either way."""
    fields = {"Adj Close": ADJUSTED} if adjusted else {}
    fields |= {"Close": CLOSE} | {name: CLOSE * 100 for name in OTHERS}
    frame = pd.concat(fields, axis=1, names=["Price", "Ticker"])
    if by_ticker:
        frame = frame.swaplevel(axis=1).sort_index(axis=1)
    return frame if named else frame.rename_axis(columns=[None, None])


def told(prices: pd.DataFrame) -> Any:
    json.dumps(prices.attrs["provenance"])
    return prices.attrs["provenance"].get("price")


def same(prices: pd.DataFrame, expected: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(
        prices, expected.rename_axis("date"), check_freq=False, check_index_type=False,
        check_column_type=False, check_names=False,
    )  # fmt: skip
    assert prices.index.name == "date"


class TestTwoLevels:
    @pytest.mark.parametrize("named", [True, False])
    @pytest.mark.parametrize("by_ticker", [False, True])
    @pytest.mark.parametrize("where", ["frame", "column", "csv", "csv without name", "parquet"])
    def test_both_orders_from_everywhere(
        self, tmp_path: Path, where: str, by_ticker: bool, named: bool
    ) -> None:
        source: Any = yahoo(by_ticker=by_ticker, named=named)
        if where == "column":
            source = source.reset_index()
        elif where == "parquet":
            pytest.importorskip("pyarrow")
            source.to_parquet(tmp_path / "x.parquet")
            source = tmp_path / "x.parquet"
        elif where.startswith("csv"):
            source.rename_axis(None if "without" in where else "Date").to_csv(tmp_path / "x.csv")
            source = tmp_path / "x.csv"
        prices = load_prices(source)
        same(prices, CLOSE)
        assert told(prices) == {"field": "close", "adjusted": False}
        note = "price: close, not adjusted for dividends; the adj close beside it is not used"
        assert note in prices.attrs["provenance"]["notes"]
        adjusted = load_prices(source, price="Adj Close", columns=["SPY", "IWM"])
        same(adjusted, ADJUSTED[["SPY", "IWM"]])
        assert told(adjusted) == {"field": "adj close", "adjusted": True}

    @pytest.mark.parametrize("price", ["Close", "close", "CLOSE"])
    def test_close_alone_says_nothing_of_dividends(self, price: str) -> None:
        for option in (None, price):
            prices = load_prices(yahoo(adjusted=False), price=option)
            same(prices, CLOSE)
            assert told(prices) == {"field": "close", "adjusted": None}

    def test_adjusted_close_where_there_is_no_close(self) -> None:
        prices = load_prices(yahoo().drop(columns="Close", level="Price"))
        same(prices, ADJUSTED)
        assert told(prices) == {"field": "adj close", "adjusted": True}

    def test_another_field(self) -> None:
        prices = load_prices(yahoo(), price="open")
        same(prices, CLOSE * 100)
        assert told(prices) == {"field": "open", "adjusted": None}
        with pytest.raises(errors.DataError, match="price='settle', but there is no such price of"):
            load_prices(yahoo(), price="settle")

    def test_one_field_of_any_name(self) -> None:
        frame = pd.concat({"PX_LAST": CLOSE}, axis=1).swaplevel(axis=1)
        same(load_prices(frame), CLOSE)
        same(load_prices(pd.concat({"own field": CLOSE}, axis=1), price="own_field"), CLOSE)

    def test_tickers_that_are_words_of_fields(self) -> None:
        stocks = CLOSE.set_axis(["LOW", "CLOSE"], axis=1)
        frame = pd.concat({"Close": stocks, "Low": stocks * 2}, axis=1, names=["Price", "Ticker"])
        same(load_prices(frame), stocks)
        same(load_prices(frame.swaplevel(axis=1)), stocks)
        with pytest.raises(errors.DataError, match=r"both may hold the field.*columns\.names"):
            load_prices(frame.rename_axis(columns=[None, None]))

    def test_no_level_of_fields(self) -> None:
        with pytest.raises(errors.DataError, match="none may hold the field"):
            load_prices(pd.concat({"x": CLOSE}, axis=1))

    def test_three_levels(self) -> None:
        with pytest.raises(errors.DataError, match="3 levels of columns; the limit is two"):
            load_prices(pd.concat({"x": yahoo()}, axis=1))

    def test_dates_nowhere(self) -> None:
        with pytest.raises(errors.DateColumnError):
            load_prices(yahoo().reset_index(drop=True))

    def test_a_download_that_failed_for_one(self) -> None:
        # yfinance puts all six empty fields there, also where it adjusts and others have five.
        empty = {(name, "BAD"): np.nan for name in ("Adj Close", "Close", *OTHERS)}
        frame = yahoo(adjusted=False).join(
            pd.DataFrame(empty, DAYS).rename_axis(columns=["Price", "Ticker"])
        )  # fmt: skip
        with pytest.raises(errors.MissingValuesError, match="'BAD' has no price"):
            load_prices(frame)
        kept = load_prices(frame, columns=["IWM", "SPY"])
        same(kept, CLOSE)
        assert told(kept) == {"field": "close", "adjusted": None}

    def test_unknown_ticker(self) -> None:
        with pytest.raises(errors.UnknownAssetError, match=r"no asset 'IWN'.*'IWM'"):
            load_prices(yahoo(), columns=["IWN"])

    def test_column_twice(self) -> None:
        twice = pd.concat([yahoo(), yahoo()[[("Close", "IWM")]]], axis=1)
        with pytest.raises(errors.DataError, match="'IWM' has 2 columns of the price 'close'"):
            load_prices(twice)

    def test_headers_without_rows(self, tmp_path: Path) -> None:
        (tmp_path / "x.csv").write_text("Price,Close,Close\nTicker,IWM,SPY\nDate,,\n")
        with pytest.raises(errors.TooFewRowsError, match="0 rows of data"):
            load_prices(tmp_path / "x.csv")

    def test_ragged(self, tmp_path: Path) -> None:
        text = "Price,Close,Close\nTicker,IWM,SPY\nDate,,\n2024-01-02,1,2,3\n"
        (tmp_path / "x.csv").write_text(text)
        with pytest.raises(errors.DataError, match=r"Row 1 of 'x.csv' has 4 fields"):
            load_prices(tmp_path / "x.csv")

    @pytest.mark.parametrize(
        "text",
        [
            "date,A,B\n2024-01-02,1,2\n2024-01-03,,\n2024-01-04,3,4\n",
            "date,A\n01/02/2024,1\n02/02/2024,\n13/02/2024,3\n",
            "A,date\n1,2024-01-02\n,2024-01-03\n3,2024-01-04\n",
        ],
    )
    def test_a_row_without_prices_is_no_header(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "x.csv").write_text(text)
        assert load_prices(tmp_path / "x.csv")["A"].isna().tolist() == [False, True, False]

    def test_a_first_day_without_prices_below_two_headers(self, tmp_path: Path) -> None:
        text = "Price,Close,Close\nTicker,IWM,SPY\n2024-01-02,,\n2024-01-03,1,2\n"
        (tmp_path / "x.csv").write_text(text)
        assert load_prices(tmp_path / "x.csv")["SPY"].isna().tolist() == [True, False]

    def test_a_footer_is_no_name_of_an_index(self, tmp_path: Path) -> None:
        (tmp_path / "x.csv").write_text("date,A\n2024-01-02,1\ntotal,\n2024-01-03,2\n")
        with pytest.raises(errors.DateColumnError, match="'date' comes closest; row 2 is 'total'"):
            load_prices(tmp_path / "x.csv")


class TestNeverMixed:
    """Closes of some assets and adjusted closes of others."""

    WORDS = r"Closes \('{}'\) and adjusted closes \('{}'\) are mixed: dividends would count"

    def test_two_levels(self) -> None:
        frame = yahoo()[[("Close", "IWM"), ("Adj Close", "SPY")]]
        with pytest.raises(errors.DataError, match=self.WORDS.format("IWM", "SPY")):
            load_prices(frame)
        for price, name in (("close", "SPY"), ("adj close", "IWM")):
            with pytest.raises(errors.DataError, match=f"no such price of '{name}'"):
                load_prices(frame, price=price)

    def test_an_empty_column_is_no_close(self) -> None:
        frame = yahoo()
        frame[("Close", "SPY")] = np.nan
        same(load_prices(frame), ADJUSTED)
        frame[("Adj Close", "IWM")] = np.nan
        with pytest.raises(errors.DataError, match=self.WORDS.format("IWM", "SPY")):
            load_prices(frame)

    def test_names(self, tmp_path: Path) -> None:
        flat = pd.DataFrame({"SPY Close": CLOSE["SPY"], "IWM Adj Close": ADJUSTED["IWM"]})
        with pytest.raises(errors.DataError, match=self.WORDS.format("SPY Close", "IWM Adj Close")):
            load_prices(flat)
        flat.to_csv(tmp_path / "x.csv")
        with pytest.raises(errors.DataError, match="are mixed"):
            load_prices(tmp_path / "x.csv")
        with pytest.raises(errors.DataError, match="are mixed"):
            load_prices(flat, columns=["IWM Adj Close", "SPY Close"])
        renamed = flat.rename(columns={"SPY Close": "coin"})  # it pays nothing
        assert load_prices(renamed).shape == (5, 2)

    def test_series(self) -> None:
        parts = {"SPY": CLOSE["SPY"].rename("Close"), "IWM": ADJUSTED["IWM"].rename("Adj Close")}
        with pytest.raises(errors.DataError, match=self.WORDS.format("SPY", "IWM")):
            load_prices(parts)
        prices = load_prices(parts | {"SPY": parts["SPY"].rename("coin")})
        assert told(prices) is None

    def test_series_that_were_loaded(self) -> None:
        plain = load_prices(yahoo(), price="close")["SPY"]
        adjusted = load_prices(yahoo(), price="adj close")["IWM"]
        with pytest.raises(errors.DataError, match=self.WORDS.format("A", "B")):
            load_prices({"A": plain, "B": adjusted})
        both = load_prices({"A": adjusted, "B": load_prices(yahoo(), price="adj close")["SPY"]})
        assert told(both) == {"field": "adj close", "adjusted": True}

    def test_frames(self) -> None:
        bars = {name: yahoo().xs(name, axis=1, level="Ticker") for name in ("SPY", "IWM")}
        for price, expected in ((None, CLOSE), ("close", CLOSE), ("adjclose", ADJUSTED)):
            prices = load_prices(bars, price=price)
            same(prices, expected[["SPY", "IWM"]])
            assert told(prices)["field"] == ("close" if expected is CLOSE else "adj close")
        bars["IWM"] = bars["IWM"].drop(columns="Close")
        with pytest.raises(errors.DataError, match=self.WORDS.format("SPY", "IWM")):
            load_prices(bars)
        same(load_prices(bars, price="adj close"), ADJUSTED[["SPY", "IWM"]])


class TestBars:
    def test_one_asset(self, tmp_path: Path) -> None:
        bars = yahoo().xs("SPY", axis=1, level="Ticker")
        bars.to_csv(tmp_path / "SPY.csv")
        for source in (bars, tmp_path / "SPY.csv"):
            same(load_prices(source), CLOSE[["SPY"]].set_axis(["Close"], axis=1))
            adjusted = load_prices(source, price="adj close")
            same(adjusted, ADJUSTED[["SPY"]].set_axis(["Adj Close"], axis=1))
        assert load_prices(bars, columns=["Open", "High"]).shape == (5, 2)
        with pytest.raises(errors.DataError, match="are mixed"):
            load_prices(bars, columns=["Close", "Adj Close"])

    @pytest.mark.parametrize(
        ("header", "place"),
        [
            ("Date,Open,High,Low,Close,Adj Close,Volume", 3),  # Yahoo
            ("Date,Close/Last,Volume,Open,High,Low", 0),  # Nasdaq
            ("timestamp,open,high,low,close,adjusted_close,volume,dividend_amount", 3),
            ("date,close,high,low,open,volume,adjClose,adjHigh,adjLow,divCash,splitFactor", 0),
            ("Date,Price,Open,High,Low,Vol.,Change %", 0),  # Investing.com
            ("date,adjusted_close,volume", 0),
        ],
    )
    def test_headers_of_vendors(self, tmp_path: Path, header: str, place: int) -> None:
        width = header.count(",")
        values = np.arange(1.0, 1 + 2 * width).reshape(2, width)
        lines = [
            ",".join([day, *map(str, row)])
            for day, row in zip(["2024-01-02", "2024-01-03"], values, strict=True)
        ]
        (tmp_path / "x.csv").write_text("\n".join([header, *lines]))
        prices = load_prices(tmp_path / "x.csv")
        assert prices.columns.tolist() == [header.split(",")[place + 1]]
        assert prices.iloc[:, 0].tolist() == values[:, place].tolist()

    def test_assets_whose_names_are_words_of_fields(self) -> None:
        for names in (["LOW", "OPEN"], ["Value", "Rate"], ["Close", "IWM"], ["price", "level"]):
            same(load_prices(CLOSE.set_axis(names, axis=1)), CLOSE.set_axis(names, axis=1))

    def test_two_columns_of_one_field(self) -> None:
        bars = pd.DataFrame({"Close": [1.0], "close price": [1.0], "Open": [1.0]}, DAYS[:1])
        with pytest.raises(
            errors.DataError, match=r"2 columns can be the price .'Close', 'close p"
        ):
            load_prices(bars)

    def test_a_frame_of_several_assets_in_a_dictionary(self) -> None:
        with pytest.raises(errors.DataError, match=r"'X' is a DataFrame of 2 assets .IWM, SPY"):
            load_prices({"X": CLOSE})


class TestFlattened:
    @pytest.mark.parametrize("by_ticker", [False, True])
    @pytest.mark.parametrize("sign", [" ", "_", ".", "|", ": "])
    def test_all_fields(self, by_ticker: bool, sign: str) -> None:
        frame = yahoo(by_ticker=by_ticker)
        frame.columns = [sign.join(labels) for labels in frame.columns]
        same(load_prices(frame), CLOSE)
        same(load_prices(frame, price="adj_close", columns=["SPY"]), ADJUSTED[["SPY"]])
        chosen = frame.columns[[0, -1]]
        same(load_prices(frame, columns=[chosen[-1]]), frame[[chosen[-1]]])

    def test_one_field_keeps_its_names(self) -> None:
        flat = CLOSE.add_suffix(" Close")
        prices = load_prices(flat)
        same(prices, flat)
        assert told(prices) == {"field": "close", "adjusted": None}
        same(load_prices(flat, price="close"), CLOSE)
        with pytest.raises(errors.DataError, match="no such price of 'IWM', 'SPY'"):
            load_prices(flat, price="adj close")

    @pytest.mark.parametrize(
        ("name", "parts"),
        [
            ("SPY_Adj_Close", ("SPY", "adj close")),
            ("Adj Close_SPY", ("SPY", "adj close")),
            ("ETH-USD Close", ("ETH-USD", "close")),
            ("SPY.Adjusted", ("SPY", "adj close")),
            ("close:SPY", ("SPY", "close")),
            ("Adj Close", None),
            ("Adj-Close", None),
            ("Stock Splits", None),
            ("SPY", None),
            ("S&P 500", None),
            ("_Close", None),
            ("Close_", None),
        ],
    )
    def test_split(self, name: str, parts: tuple[str, str] | None) -> None:
        assert split_name(name) == parts


class TestPriceOption:
    def test_wide_tables_say_nothing(self) -> None:
        with pytest.raises(errors.DataError, match=r"does not say which price .*'IWM', 'SPY'"):
            load_prices(CLOSE, price="close")
        with pytest.raises(errors.DataError, match="Series of 'A' does not say which price"):
            load_prices({"A": CLOSE["IWM"]}, price="close")
        with pytest.raises(errors.DataError, match="Series of 'A' is the close"):
            load_prices({"A": CLOSE["IWM"].rename("Close")}, price="adj close")

    def test_what_was_chosen_before_is_remembered(self) -> None:
        once = load_prices(yahoo(), price="adj close")
        again = load_prices(once, price="adj close")
        assert again.attrs == once.attrs
        assert load_prices(once.iloc[1:]).attrs["provenance"]["price"] == told(once)
        with pytest.raises(errors.DataError, match="price='close', but the table"):
            load_prices(once, price="close")
        assert told(load_prices({"X": once["IWM"]}, price="adj close")) == told(once)

    @pytest.mark.parametrize("price", ["", " ", "-", 3, ["close"]])
    def test_no_name(self, price: Any) -> None:
        with pytest.raises(errors.DataError, match="name a field"):
            load_prices(yahoo(), price=price)

    @pytest.mark.parametrize(
        ("offered", "chosen"),
        [
            ([["close", "adj close"], ["close"]], "close"),
            ([["close", "adj close"], ["adj close"]], "adj close"),
            ([["open", "close"], ["close", "low"]], "close"),
            ([["open", "settle"], ["settle"]], "settle"),
            ([["open", "value", "close"], ["close", "value"]], "close"),
        ],
    )
    def test_rule(self, offered: list[list[str]], chosen: str) -> None:
        assert choose_field(dict(zip("AB", offered, strict=True)), None) == chosen

    @pytest.mark.parametrize(
        ("offered", "words"),
        [
            ([["settle", "value"], ["settle", "value"]], "More than one field"),
            ([["open"], ["open"]], "No field can be the price among 'open'"),
            ([["settle"], ["value"]], "More than one field"),
            ([["close"], ["settle"]], "More than one field"),
            ([["close"], ["adj close"]], "are mixed"),
        ],
    )
    def test_no_rule(self, offered: list[list[str]], words: str) -> None:
        with pytest.raises(errors.DataError, match=words):
            choose_field(dict(zip("AB", offered, strict=True)), None)

    @pytest.mark.parametrize(
        "spelling",
        ["Adj Close", "adj_close", "AdjClose", "ADJ CLOSE**", "adjusted close", "adjusted"],
    )
    def test_spelling(self, spelling: str) -> None:
        assert canonical(spelling) == "adj close"
