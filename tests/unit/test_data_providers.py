"""Reading what providers answer; no connection is opened."""

from __future__ import annotations

import datetime as dt
import http.client
import io
import json
import logging
import pickle
import sys
import types
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from email.message import Message
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from regimecorr import errors
from regimecorr.data import sources
from regimecorr.data.cache import Cache
from regimecorr.data.fetching import Clock, Request, fetch_all
from regimecorr.data.providers import CboeSource, FredSource, Source, StooqSource, YahooChartSource
from regimecorr.data.responses import BusyError, read_retry_after
from regimecorr.data.sources import YahooSource, http_get

Ask = Callable[[str, Source], pd.DataFrame]


def closes(last: str = "2024-01-31", n: int = 5) -> pd.Series:
    return pd.Series([float(i + 1) for i in range(n)], index=pd.date_range(end=last, periods=n))


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    clock = Clock(now=lambda: dt.datetime(2024, 2, 1, 12, tzinfo=dt.UTC))
    request = Request(timeout=1.0, retries=0, max_age=dt.timedelta(0), refresh=True)

    def run(ticker: str, source: Source) -> pd.DataFrame:
        return fetch_all(ticker, [source], request, Cache(tmp_path), clock=clock)

    return run


def answer(text: str, log: list[tuple[str, dict[str, str]]] | None = None) -> Callable[..., str]:
    def get(url: str, params: Mapping[str, str], timeout: float) -> str:
        if log is not None:
            log.append((url, dict(params)))
        return text

    return get


def chart(**changes: Any) -> str:
    result: dict[str, Any] = {
        "meta": {"exchangeTimezoneName": "America/New_York", "dataGranularity": "1d"},
        "timestamp": [1706538600, 1706625000, 1706711400],
        "indicators": {"quote": [{"close": [1.0, None, 3.0]}]},
    }
    return json.dumps({"chart": {"result": [result | changes], "error": None}})


class TestProviders:
    def test_yahoo_chart(self, ask: Ask) -> None:
        log: list[tuple[str, dict[str, str]]] = []
        source = YahooChartSource(answer(chart(), log))
        assert ask("^RUT", source)["^RUT"].to_dict() == {
            pd.Timestamp("2024-01-29"): 1.0,
            pd.Timestamp("2024-01-31"): 3.0,
        }
        assert log[0][0].endswith("/chart/^RUT")
        assert log[0][1]["interval"] == "1d"

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            (chart(meta={"exchangeTimezoneName": "UTC", "dataGranularity": "1mo"}), "rows of 1mo"),
            (chart(timestamp=[1706538600]), "1 dates but 3 closes"),
            (chart()[:-40], "incomplete answer"),
            ('{"chart": {"result": [], "error": null}}', "incomplete answer"),
            ('{"chart": {"result": null, "error": {"description": "Not Found"}}}', "Not Found"),
            ("[]", "incomplete answer"),
            ("Too Many Requests\r\n", "limit of requests"),
            ("", "empty answer"),
        ],
    )
    def test_yahoo_chart_failures(self, ask: Ask, text: str, words: str) -> None:
        with pytest.raises(errors.DownloadError, match=words):
            ask("^RUT", YahooChartSource(answer(text)))

    def test_cboe(self, ask: Ask) -> None:
        log: list[tuple[str, dict[str, str]]] = []
        text = "DATE,RUT\r\n01/30/2024,1996.241\r\n01/31/2024,1947.34\r\n"
        prices = ask("^RUT", CboeSource(answer(text, log)))
        assert prices["^RUT"].tolist() == [1996.241, 1947.34]
        assert log[0][0].endswith("/RUT_History.csv")
        assert "^RUT: index levels as published by Cboe" in prices.attrs["provenance"]["notes"]

    def test_cboe_other_table(self, ask: Ask) -> None:
        text = "DATE,Value_Without_Dividends\n01/31/2024,7491.4\n"
        with pytest.raises(errors.DownloadError, match=r"no table of closes.*Value_Without"):
            ask("^RUT", CboeSource(answer(text)))

    @pytest.mark.parametrize("header", ["DATE", "observation_date"])
    def test_fred(self, ask: Ask, header: str) -> None:
        log: list[tuple[str, dict[str, str]]] = []
        text = f"{header},CBETHUSD\n2024-01-29,2300.5\n2024-01-30,.\n2024-01-31,\n"
        prices = ask("ETH-USD", FredSource(answer(text, log)))
        assert prices["ETH-USD"].tolist() == [2300.5]
        assert log[0][1] == {"id": "CBETHUSD"}

    @pytest.mark.parametrize(
        ("ticker", "symbol"), [("IWM", "iwm.us"), ("ETH-USD", "eth.v"), ("^GSPC", "^spx")]
    )
    def test_stooq(self, ask: Ask, ticker: str, symbol: str) -> None:
        log: list[tuple[str, dict[str, str]]] = []
        text = "Date,Open,High,Low,Close,Volume\n2024-01-31,1,1,1,2.5,9\n"
        assert ask(ticker, StooqSource(answer(text, log)))[ticker].tolist() == [2.5]
        # Without "o" the closes of Stooq are adjusted for dividends and those of Yahoo are not.
        assert log[0][1] == {"s": symbol, "i": "d", "o": "0100000"}

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("<!DOCTYPE html><html>verify</html>", "web page instead of data"),
            ("Exceeded the daily hits limit", "limit of requests"),
            ("No data", "no table of closes"),
            ("Date,Close\n", "no rows"),
            ("Date,Open,Close\n2024-01-30,1,1\n2024-01-", "truncated table.*row 2 of 2"),
            ("  \n", "empty answer"),
            ("Date,Open,Close\n2024-01-30,1,1\n2024-01-31,1,19", "last row may be cut off.*1,19"),
        ],
    )
    def test_text_failures(self, ask: Ask, text: str, words: str) -> None:
        with pytest.raises(errors.DownloadError, match=words):
            ask("IWM", StooqSource(answer(text)))

    @pytest.mark.parametrize("kind", [CboeSource, FredSource, StooqSource])
    def test_unknown_symbol(self, kind: type, ask: Ask) -> None:
        with pytest.raises(errors.DownloadError, match=r"has no BRK\.B \(it has "):
            ask("BRK.B", kind(answer("")))


class TestYahooPackage:
    def package(self, monkeypatch: pytest.MonkeyPatch, result: Any) -> list[dict[str, Any]]:
        calls: list[dict[str, Any]] = []

        class Ticker:
            def __init__(self, ticker: str) -> None:
                self.ticker = ticker

            def history(self, **options: Any) -> Any:
                calls.append({"ticker": self.ticker} | options)
                if isinstance(result, Exception):
                    raise result
                return result

        module = types.ModuleType("yfinance")
        module.Ticker = Ticker  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "yfinance", module)
        return calls

    def test_closes(self, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
        days = closes().tz_localize("America/New_York")
        frame = pd.DataFrame({"Close": days, "Adj Close": days * 0.9})
        calls = self.package(monkeypatch, frame)
        assert ask("IWM", YahooSource())["IWM"].tolist() == [1.0, 2.0, 3.0, 4.0, 5.0]
        assert calls[0]["auto_adjust"] is False
        assert calls[0]["timeout"] == 1.0

    def test_end_is_included(self, monkeypatch: pytest.MonkeyPatch) -> None:
        calls = self.package(monkeypatch, closes().to_frame("Close"))
        YahooSource().fetch("IWM", dt.date(2024, 1, 1), dt.date(2024, 1, 31), 3.0)
        assert (calls[0]["start"], calls[0]["end"]) == (dt.date(2024, 1, 1), dt.date(2024, 2, 1))

    @pytest.mark.parametrize(
        ("result", "words"),
        [
            (pd.DataFrame(), "no rows for X"),
            (None, "no rows for X"),
            (closes().to_frame("Price"), "no column Close"),
            (TypeError("'NoneType' object"), "yfinance failed .TypeError"),
        ],
    )
    def test_failures(
        self, ask: Ask, monkeypatch: pytest.MonkeyPatch, result: Any, words: str
    ) -> None:
        self.package(monkeypatch, result)
        with pytest.raises(errors.DownloadError, match=words):
            ask("X", YahooSource())

    def test_its_log_goes_into_the_error(
        self,
        ask: Ask,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
        capfd: pytest.CaptureFixture[str],
    ) -> None:
        log = logging.getLogger("yfinance")
        before = (log.level, log.propagate, list(log.handlers))

        class Ticker:
            def __init__(self, ticker: str) -> None:
                pass

            def history(self, **options: Any) -> pd.DataFrame:
                logging.getLogger("yfinance.data").warning("Cookie/crumb fetch failed")
                log.error("%s: possibly\ndelisted", "X")
                return pd.DataFrame()

        module = types.ModuleType("yfinance")
        module.Ticker = Ticker  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "yfinance", module)
        with pytest.raises(errors.DownloadError, match=r"no rows for X \(X: possibly delisted\)"):
            ask("X", YahooSource())
        assert [r for r in caplog.records if r.name.startswith("yfinance")] == []
        assert capfd.readouterr().err == ""
        assert (log.level, log.propagate, list(log.handlers)) == before

    def test_not_installed(self, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "yfinance", None)
        with pytest.raises(errors.DownloadError, match=r"yfinance is not installed: pip install"):
            ask("X", YahooSource())


class Wire:
    """What a server has sent, in place of a socket."""

    def __init__(self, sent: bytes) -> None:
        self.sent = sent

    def makefile(self, mode: str) -> io.BytesIO:
        return io.BytesIO(self.sent)


def received(body: bytes, *headers: str) -> http.client.HTTPResponse:
    lines = ["HTTP/1.1 200 OK", *headers, "", ""]
    answer = http.client.HTTPResponse(Wire("\r\n".join(lines).encode() + body))  # type: ignore[arg-type]
    answer.begin()
    return answer


class TestHttp:
    def opened(self, monkeypatch: pytest.MonkeyPatch, result: Any) -> list[Any]:
        seen: list[Any] = []

        def urlopen(request: Any, timeout: float) -> Any:
            seen.append(request)
            if isinstance(result, BaseException):
                raise result
            return result

        monkeypatch.setattr(urllib.request, "urlopen", urlopen)
        return seen

    def test_address(self, monkeypatch: pytest.MonkeyPatch) -> None:
        seen = self.opened(monkeypatch, received(b"text", "Content-Length: 4"))
        assert http_get("https://example.com/a/^RUT", {"s": "^spx"}, 1.0) == "text\n"
        assert seen[0].full_url == "https://example.com/a/%5ERUT?s=%5Espx"

    @pytest.mark.parametrize(
        ("code", "kind"),
        [
            (404, errors.SourceRefusedError),
            (403, errors.SourceRefusedError),
            (429, errors.DownloadError),
            (503, errors.DownloadError),
        ],
    )
    def test_status(
        self, monkeypatch: pytest.MonkeyPatch, code: int, kind: type[Exception]
    ) -> None:
        refusal = urllib.error.HTTPError("u", code, "why", Message(), io.BytesIO(b""))
        self.opened(monkeypatch, refusal)
        with pytest.raises(errors.DownloadError, match=f"example.com answered {code} why") as got:
            http_get("https://example.com", {}, 1.0)
        assert type(got.value) is kind

    @pytest.mark.parametrize(
        ("result", "words"),
        [
            (TimeoutError("timed out"), "no connection to example.com .timed out"),
            (urllib.error.URLError("no route"), "no connection to example.com"),
            (http.client.IncompleteRead(b"ab", 9), "cut off"),
            (received(b"\xff\xfe\x00"), "not text"),
            (received(b"ab", "Content-Length: 9"), "cut off"),
            (received(b"9\r\nab", "Transfer-Encoding: chunked"), "cut off"),
            (received(b"2\r\nab\r\n", "Transfer-Encoding: chunked"), "cut off"),
        ],
    )
    def test_broken(self, monkeypatch: pytest.MonkeyPatch, result: Any, words: str) -> None:
        self.opened(monkeypatch, result)
        with pytest.raises(errors.DownloadError, match=words):
            http_get("https://example.com", {}, 1.0)

    @pytest.mark.parametrize(
        ("answer", "text"),
        [
            (received(b"a,b\n1,2", "Content-Length: 7"), "a,b\n1,2\n"),
            (received(b"7\r\na,b\n1,2\r\n0\r\n\r\n", "Transfer-Encoding: chunked"), "a,b\n1,2\n"),
            (received(b"a,b\n1,2\n", "Content-Length: 8"), "a,b\n1,2\n"),
            (received(b"a,b\n1,2"), "a,b\n1,2"),  # until the connection closed: who knows
        ],
    )
    def test_only_what_is_known_to_be_whole_ends_in_a_line_break(
        self, monkeypatch: pytest.MonkeyPatch, answer: http.client.HTTPResponse, text: str
    ) -> None:
        self.opened(monkeypatch, answer)
        assert http_get("https://example.com", {}, 1.0) == text

    def test_too_long(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sources, "_LARGEST", 3)
        self.opened(monkeypatch, received(b"abcd", "Content-Length: 4"))
        with pytest.raises(errors.DownloadError, match="longer than 3 bytes"):
            http_get("https://example.com", {}, 1.0)

    @pytest.mark.parametrize("code", [429, 503])
    @pytest.mark.parametrize(
        ("value", "seconds"),
        [
            ("7", 7.0),
            (" 120 ", 120.0),
            ("Thu, 01 Feb 2024 12:00:45 GMT", 45.0),
            ("Thu, 01 Feb 2024 11:00:00 GMT", 0.0),
        ],
    )
    def test_retry_after(
        self, monkeypatch: pytest.MonkeyPatch, code: int, value: str, seconds: float
    ) -> None:
        headers = Message()
        headers["Retry-After"] = value
        headers["Date"] = "Thu, 01 Feb 2024 12:00:00 GMT"
        self.opened(monkeypatch, urllib.error.HTTPError("u", code, "why", headers, io.BytesIO(b"")))
        with pytest.raises(
            BusyError, match=rf"{code} why .*asked again after {seconds:.0f} s"
        ) as e:
            http_get("https://example.com", {}, 1.0)
        assert e.value.retry_after == seconds
        again = pickle.loads(pickle.dumps(e.value))
        assert (type(again), str(again), again.retry_after) == (BusyError, str(e.value), seconds)

    @pytest.mark.parametrize("value", ["soon", "", "-5", "1e3", "Thu, 01 Feb 2024 12:00:45 GMT"])
    def test_retry_after_that_says_nothing(self, value: str) -> None:
        assert read_retry_after(value, None) is None
        assert read_retry_after(value, "today") is None
