"""Downloading from a server on this machine that answers well, badly, slowly or not at all."""

from __future__ import annotations

import datetime as dt
import gzip
import socket
import socketserver
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pandas as pd
import pytest

from regimecorr import errors
from regimecorr.data import sources
from regimecorr.data.cache import Cache
from regimecorr.data.fetching import Clock, Request, fetch_all
from regimecorr.data.providers import FredSource, Source, StooqSource, YahooChartSource
from regimecorr.data.sources import download, http_get

# The only exception to the rule that no test opens a connection: to this machine alone.
pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

NOW = dt.datetime(2024, 2, 1, 12, tzinfo=dt.UTC)
Answer = Callable[["Handler"], None]


def table(last: object = "2024-01-31", n: int = 300) -> str:
    days = pd.bdate_range(end=pd.Timestamp(last), periods=n)
    rows = [f"{day:%Y-%m-%d},1,1,1,9,{100 + place}.5" for place, day in enumerate(days)]
    return "\r\n".join(["Date,Open,High,Low,Volume,Close", *rows, ""])


class Handler(BaseHTTPRequestHandler):
    """Gives the answers of its server's list, the last of them for ever."""

    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        answers = self.server.answers
        (answers.pop(0) if len(answers) > 1 else answers[0])(self)

    def head(self, code: int = 200, **headers: str) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    daemon_threads = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list[Answer] = []
        self.asked: list[str] = []
        self.begun = threading.Event()
        self.over = threading.Event()

    def server_bind(self) -> None:
        # HTTPServer would look up the name of this machine.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client that gave up is what some tests are about.
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def get(self, url: str, params: Mapping[str, str], timeout: float) -> str:
        """Ask this server for what was meant for another."""
        address = f"http://127.0.0.1:{self.server_port}{urlsplit(url).path}"
        return http_get(address, params, timeout)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.over.set()
        running.shutdown()
        thread.join()


def good(text: str | bytes) -> Answer:
    body = text if isinstance(text, bytes) else text.encode()

    def answer(to: Handler) -> None:
        to.head(Content_Length=str(len(body)), Content_Type="text/csv")
        to.wfile.write(body)

    return answer


def refuse(code: int, **headers: str) -> Answer:
    return lambda to: to.head(code, Content_Length="0", **headers)


def closed_early(keep: float, *, announced: bool) -> Answer:
    """Send a part of the table and close, with the length of the whole announced or not."""

    def answer(to: Handler) -> None:
        body = table().encode()
        to.head(**({"Content_Length": str(len(body))} if announced else {"Connection": "close"}))
        to.wfile.write(body[: round(keep * len(body))])

    return answer


def cut_in_the_last_number(to: Handler) -> None:
    to.head(Connection="close")
    to.wfile.write(table().encode().removesuffix(b"9.5\r\n"))


def chunked(*, finished: bool) -> Answer:
    def answer(to: Handler) -> None:
        to.protocol_version = "HTTP/1.1"
        to.head(Transfer_Encoding="chunked", Connection="close")
        for line in table().splitlines(keepends=True):
            to.wfile.write(f"{len(line):x}\r\n{line}\r\n".encode())
        if finished:
            to.wfile.write(b"0\r\n\r\n")
        to.close_connection = True

    return answer


def reset(to: Handler) -> None:
    """Send half of the table and break the connection."""
    body = table().encode()
    to.head(Content_Length=str(len(body)))
    to.wfile.write(body[: len(body) // 2])
    to.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    to.connection.close()


def silent(to: Handler) -> None:
    """Say nothing until the test is over."""
    to.server.over.wait(30)


def stalled(to: Handler) -> None:
    """Send half of the table, then nothing until the test is over."""
    body = table().encode()
    to.head(Content_Length=str(len(body)))
    to.wfile.write(body[: len(body) // 2])
    to.wfile.flush()
    to.server.begun.set()
    to.server.over.wait(30)


def dripping(to: Handler) -> None:
    """Send row by row, each of them in time, for seconds."""
    to.head(Connection="close")
    for _ in range(500):
        if to.server.over.wait(0.01):
            break
        to.wfile.write(b"2024-01-30,1,1,1,1,1\r\n")


PAGE = "<!DOCTYPE html><html><body>Please verify you are human</body></html>"

#: What must neither be believed nor stored; with a short timeout where nothing comes.
BAD: dict[str, tuple[Answer, str, float]] = {
    "empty": (good(""), "empty answer", 10.0),
    "header alone": (good("Date,Open,High,Low,Close,Volume\r\n"), "no rows", 10.0),
    "shorter than announced": (closed_early(0.5, announced=True), "cut off", 10.0),
    "closed in a row": (closed_early(0.501, announced=False), "truncated table|cut off", 10.0),
    "closed in the last number": (cut_in_the_last_number, "may be cut off: '.*,39'", 10.0),
    "closed after a row": (good(table()[: table().index("2024-01-30")]), "truncated: the hi", 10.0),
    "no last chunk": (chunked(finished=False), "cut off", 10.0),
    "reset": (reset, "cut off|no connection", 10.0),
    "rate-limited": (refuse(429), "answered 429", 10.0),
    "rate-limited for an hour": (refuse(429, Retry_After="3600"), "after 3600 s", 10.0),
    "rate-limited in words": (good("Exceeded the daily hits limit"), "limit of requests", 10.0),
    "out of order": (refuse(500), "answered 500", 10.0),
    "forbidden": (refuse(403), "answered 403", 10.0),
    "page for browsers": (good(PAGE), "web page instead of data", 10.0),
    "JSON": (good('{"error": "no such symbol"}'), "no table of closes", 10.0),
    "compressed": (good(gzip.compress(table().encode())), "is not text", 10.0),
    "words for prices": (good(table().replace(",399.5", ",n/a")), "unusable data", 10.0),
    "days twice": (good(table() + table().splitlines()[-1] + "\r\n"), "unusable data", 10.0),
    "half of the days": (good("\r\n".join([*table().split("\r\n")[::2], ""])), "truncated", 10.0),
    "silent": (silent, "no connection.*timed out", 0.2),
    "stalled": (stalled, "no connection.*timed out", 0.2),
}  # fmt: skip


class Desk:
    """Asks the server for IWM in the place of Stooq."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server = server
        self.cache = Cache(folder)
        self.slept: list[float] = []
        self.source = StooqSource(server.get)

    def ask(
        self,
        *answers: Answer,
        retries: int = 0,
        timeout: float = 10.0,
        ticker: str = "IWM",
        source: Source | None = None,
    ) -> pd.DataFrame:
        self.server.answers = list(answers)
        request = Request(timeout, retries, dt.timedelta(hours=12), refresh=True)
        clock = Clock(lambda: NOW, self.slept.append, lambda: 0.5)
        return fetch_all(ticker, [source or self.source], request, self.cache, clock=clock)

    def contents(self) -> dict[str, bytes]:
        if not self.cache.folder.exists():
            return {}
        return {path.name: path.read_bytes() for path in self.cache.folder.iterdir()}


@pytest.fixture
def desk(server: Server, tmp_path: Path) -> Desk:
    return Desk(server, tmp_path / "cache")


class TestGood:
    @pytest.mark.parametrize("answer", [good(table()), chunked(finished=True),
                                        closed_early(1.0, announced=False)])  # fmt: skip
    def test_all_of_it(self, desk: Desk, answer: Answer) -> None:
        prices = desk.ask(answer)
        assert prices["IWM"].iloc[[0, -1]].tolist() == [100.5, 399.5]
        assert desk.server.asked == ["/q/d/l/?s=iwm.us&i=d&o=0100000"]
        stored = desk.cache.load("IWM", "stooq")
        assert stored is not None
        assert stored.prices.tolist() == prices["IWM"].tolist()

    def test_a_last_row_without_line_break_is_whole_where_the_length_was_announced(
        self, desk: Desk
    ) -> None:
        assert len(desk.ask(good(table().rstrip()))) == 300

    def test_redirection(self, desk: Desk) -> None:
        elsewhere = f"http://127.0.0.1:{desk.server.server_port}/new"
        assert len(desk.ask(refuse(302, Location=elsewhere), good(table()))) == 300
        assert desk.server.asked[1] == "/new"

    def test_download(self, server: Server, tmp_path: Path) -> None:
        yesterday = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=1)
        server.answers = [good(f"observation_date,CBETHUSD\n{yesterday},2300.5\n")]
        own = FredSource(server.get)
        for _ in range(2):
            prices = download("ETH-USD", source=own, cache_dir=tmp_path)
            assert prices["ETH-USD"].tolist() == [2300.5]
        assert server.asked == ["/graph/fredgraph.csv?id=CBETHUSD"]

    def test_chart_service(self, desk: Desk) -> None:
        text = (
            '{"chart": {"error": null, "result": [{"timestamp": [1706625000, 1706711400],'
            '"meta": {"exchangeTimezoneName": "America/New_York", "dataGranularity": "1d"},'
            '"indicators": {"quote": [{"close": [1.5, 2.5]}]}}]}}'
        )
        source = YahooChartSource(desk.server.get)
        prices = desk.ask(good(text), ticker="^RUT", source=source)
        assert prices["^RUT"].tolist() == [1.5, 2.5]
        with pytest.warns(errors.StaleDataWarning, match="incomplete answer"):
            assert len(desk.ask(good(text[:-9]), ticker="^RUT", source=source)) == 2


class TestBad:
    @pytest.mark.parametrize("name", [n for n in BAD if n not in ("closed after a row",
                                                                  "half of the days")])  # fmt: skip
    def test_nothing_is_stored(self, desk: Desk, name: str) -> None:
        answer, words, timeout = BAD[name]
        with pytest.raises(errors.DownloadError, match=words):
            desk.ask(answer, timeout=timeout)
        assert desk.contents() == {}

    @pytest.mark.parametrize("name", BAD)
    def test_what_is_stored_stays_and_stands_in(self, desk: Desk, name: str) -> None:
        before = desk.ask(good(table()))
        stored = desk.contents()
        assert len(stored) == 2
        answer, words, timeout = BAD[name]
        with pytest.warns(errors.StaleDataWarning, match=words):
            after = desk.ask(answer, timeout=timeout)
        pd.testing.assert_frame_equal(after, before)
        assert desk.contents() == stored
        assert len(desk.ask(good(table()))) == 300

    def test_an_answer_in_drops(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sources, "_WHOLE", 0.02)
        with pytest.raises(errors.DownloadError, match=r"is too slow .* bytes had come"):
            desk.ask(dripping)
        monkeypatch.setattr(sources, "_WHOLE", 6.0)
        monkeypatch.setattr(sources, "_LARGEST", 100)
        with pytest.raises(errors.DownloadError, match="longer than 100 bytes"):
            desk.ask(dripping)
        assert desk.contents() == {}

    def test_nobody_there(self, desk: Desk) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            port = unused.getsockname()[1]
            nobody = StooqSource(lambda url, params, s: http_get(f"http://127.0.0.1:{port}", {}, s))
            with pytest.raises(errors.DownloadError, match="no connection to 127"):
                desk.ask(good(""), source=nobody)


class TestPatience:
    def test_passing_failures(self, desk: Desk) -> None:
        prices = desk.ask(refuse(500), closed_early(0.5, announced=True), good(table()), retries=2)
        assert len(prices) == 300
        assert desk.slept == [1.0, 2.0]

    def test_retry_after(self, desk: Desk) -> None:
        moment = {"Retry_After": "Thu, 01 Feb 2024 12:00:20 GMT"}
        prices = desk.ask(
            refuse(429, Retry_After="7"),
            lambda to: limited(to, **moment),
            good(table()),
            retries=2,
        )
        assert len(prices) == 300
        assert desk.slept == [8.0, 22.0]

    def test_refusals_are_final(self, desk: Desk) -> None:
        for answer in (refuse(404), refuse(429, Retry_After="3600"), good(PAGE)):
            with pytest.raises(errors.DownloadError):
                desk.ask(answer, retries=5)
        assert len(desk.server.asked) == 3
        assert desk.slept == []


def limited(to: Handler, **headers: str) -> None:
    """Refuse by a clock of the server's own."""
    to.send_response_only(429)
    to.send_header("Date", "Thu, 01 Feb 2024 12:00:00 GMT")
    for name, value in headers.items():
        to.send_header(name.replace("_", "-"), value)
    to.send_header("Content-Length", "0")
    to.end_headers()


INTERRUPTED = """
import datetime as dt, sys
from pathlib import Path
from regimecorr.data.cache import Cache
from regimecorr.data.fetching import Request, fetch_all
from regimecorr.data.providers import StooqSource
from regimecorr.data.sources import http_get

source = StooqSource(lambda url, params, seconds: http_get(sys.argv[1], params, seconds))
request = Request(60.0, 0, dt.timedelta(0), True)
fetch_all("IWM", [source], request, Cache(Path(sys.argv[2])))
"""


def test_a_process_killed_while_it_reads_leaves_the_cache_alone(desk: Desk) -> None:
    desk.ask(good(table()))
    stored = desk.contents()
    desk.server.answers = [stalled]
    address = f"http://127.0.0.1:{desk.server.server_port}/"
    line = [sys.executable, "-P", "-c", INTERRUPTED, address, str(desk.cache.folder)]
    with subprocess.Popen(line, stderr=subprocess.PIPE) as process:
        assert desk.server.begun.wait(60)
        process.kill()
    assert desk.contents() == stored
