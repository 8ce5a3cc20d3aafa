"""Downloading with sources that need no network."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from regimecorr import errors
from regimecorr.data import sources
from regimecorr.data.cache import Cache
from regimecorr.data.fetching import Clock, Request, fetch_all, parse_age
from regimecorr.data.providers import Source
from regimecorr.data.responses import BusyError
from regimecorr.data.sources import download

NOW = dt.datetime(2024, 2, 1, 12, tzinfo=dt.UTC)


def closes(last: str = "2024-01-31", n: int = 5) -> pd.Series:
    return pd.Series([float(i + 1) for i in range(n)], index=pd.date_range(end=last, periods=n))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


class Fake:
    """Answers with what it is given, one after the other; errors are raised."""

    def __init__(self, *answers: Any, name: str = "fake") -> None:
        self.answers = list(answers)
        self.name = name
        self.asked: list[str] = []

    def fetch(
        self, ticker: str, start: dt.date | None, end: dt.date | None, timeout: float
    ) -> pd.Series:
        self.asked.append(ticker)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, BaseException):
            raise answer
        return answer


class Bench:
    """A cache and a clock that only moves when told."""

    def __init__(self, folder: Path) -> None:
        self.cache = Cache(folder)
        self.now = NOW
        self.slept: list[float] = []

    def run(self, tickers: Any, *asked: Source, retries: int = 2, **options: Any) -> pd.DataFrame:
        request = Request(1.0, retries, dt.timedelta(hours=12), options.pop("refresh", False))
        clock = Clock(lambda: self.now, self.slept.append, lambda: 0.5)
        return fetch_all(tickers, list(asked), request, self.cache, clock=clock, **options)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


class TestHappyPath:
    def test_two_tickers(self, bench: Bench) -> None:
        prices = bench.run(["X", "^Y"], Fake(closes(), closes(n=3)))
        assert prices.columns.tolist() == ["X", "^Y"]
        assert prices["^Y"].isna().sum() == 2
        told = prices.attrs["provenance"]
        assert (told["kind"], told["source"], told["simulated"]) == ("download", "fake", False)
        assert told["tickers"]["X"]["retrieved"] == "2024-02-01T12:00:00+00:00"
        assert told["tickers"]["X"]["rows"] == 5
        assert told["price"] == {"field": "close", "adjusted": False}
        assert "X: closes adjusted for splits, not for dividends" in told["notes"]
        assert str(bench.cache.folder) not in json.dumps(told)

    def test_span(self, bench: Bench) -> None:
        prices = bench.run("X", Fake(closes()), start="2024-01-28", end=dt.date(2024, 1, 30))
        assert prices["X"].tolist() == [2.0, 3.0, 4.0]
        assert len(bench.run("X", Fake(OSError("not asked")))) == 5
        with pytest.raises(errors.DownloadError, match="no close between start=2025-01-01"):
            bench.run("X", Fake(closes()), start="2025-01-01")

    def test_unfinished_day_is_left_out(self, bench: Bench) -> None:
        prices = bench.run("X", Fake(closes("2024-02-01")))
        assert prices.index[-1] == pd.Timestamp("2024-01-31")

    def test_zones_of_two_exchanges(self, bench: Bench) -> None:
        new_york = closes().tz_localize("America/New_York")
        prices = bench.run(["X", "Y"], Fake(closes().tz_localize("UTC"), new_york))
        assert not prices.isna().to_numpy().any()

    def test_next_source(self, bench: Bench) -> None:
        first = Fake(errors.SourceRefusedError("unknown"), name="first")
        prices = bench.run("X", first, Fake(closes(), name="second"))
        assert prices.attrs["provenance"]["source"] == "second"
        assert len(first.asked) == 1
        assert bench.slept == []


class TestFailure:
    def test_backoff(self, bench: Bench) -> None:
        fake = Fake(OSError("reset"), errors.DownloadError("429"), closes())
        assert len(bench.run("X", fake)) == 5
        assert bench.slept == [1.0, 2.0]

    def test_a_source_that_names_its_time_is_left_alone_until_then(self, bench: Bench) -> None:
        fake = Fake(BusyError("429", 7.0), BusyError("429"), closes())
        assert len(bench.run("X", fake)) == 5
        assert bench.slept == [8.0, 2.0]

    def test_nobody_waits_for_more_than_a_minute(self, bench: Bench) -> None:
        busy = Fake(BusyError("429: after 61 s", 61.0), name="busy")
        assert len(bench.run("X", busy, Fake(closes()))) == 5
        assert (len(busy.asked), bench.slept) == (1, [])
        assert bench.run("Y", Fake(BusyError("", 60.0), closes())).size == 5
        assert bench.slept == [61.0]

    def test_retries_end(self, bench: Bench) -> None:
        fake = Fake(TimeoutError("slow"))
        with pytest.raises(errors.DownloadError, match="fake: slow"):
            bench.run("X", fake, retries=3)
        assert len(fake.asked) == 4
        assert bench.slept == [1.0, 2.0, 4.0]

    def test_refusal_is_not_retried(self, bench: Bench) -> None:
        fake = Fake(errors.SourceRefusedError("no such ticker"))
        with pytest.raises(errors.DownloadError, match="no such ticker"):
            bench.run("X", fake)
        assert len(fake.asked) == 1

    def test_message_tells_everything_tried(self, bench: Bench) -> None:
        one = Fake(errors.SourceRefusedError("not installed"), name="one")
        two = Fake(errors.SourceRefusedError("web page"), name="two")
        with pytest.raises(errors.DownloadError) as caught:
            bench.run(["X", "Y"], one, two)
        for part in ("2 of 2", "X: one: not installed; two: web page.", "Y: one:", "load_prices"):
            assert part in str(caught.value)

    def test_programming_errors_are_not_hidden(self, bench: Bench) -> None:
        with pytest.raises(ZeroDivisionError):
            bench.run("X", Fake(ZeroDivisionError()))

    @pytest.mark.parametrize(
        "raw",
        [
            pd.Series([1.0, 2.0]),
            pd.Series(["1", "n/a"], index=closes(n=2).index),
            pd.Series([1.0, 2.0], index=closes(n=2).index[[0, 0]]),
            closes().iloc[:0],
            [1.0],
        ],
    )
    def test_unusable(self, bench: Bench, raw: object) -> None:
        with pytest.raises(errors.DownloadError, match=r"fake: unusable data \("):
            bench.run("X", Fake(raw))

    def test_discontinued(self, bench: Bench) -> None:
        with pytest.warns(errors.StaleDataWarning, match=r"newest close of X .* 2023-12-31"):
            bench.run("X", Fake(closes("2023-12-31")))


class TestCache:
    def test_fresh_is_not_asked(self, bench: Bench) -> None:
        bench.run("X", Fake(closes()))
        bench.now += dt.timedelta(hours=11)
        again = Fake(OSError("must not be asked"))
        pd.testing.assert_frame_equal(bench.run("X", again), bench.run("X", again))
        assert again.asked == []

    def test_old_is_asked_again(self, bench: Bench) -> None:
        bench.run("X", Fake(closes()))
        bench.now += dt.timedelta(hours=13)
        assert len(bench.run("X", Fake(closes("2024-02-01", 7)))) == 7

    def test_refresh(self, bench: Bench) -> None:
        bench.run("X", Fake(closes()))
        assert len(bench.run("X", Fake(closes(n=8)), refresh=True)) == 8

    def test_stale_stands_in_with_a_warning(self, bench: Bench) -> None:
        bench.run("X", Fake(closes()))
        bench.now += dt.timedelta(days=9)
        with pytest.warns(errors.StaleDataWarning, match=r"9 days old.*fake: no route") as seen:
            prices = bench.run("X", Fake(OSError("no route")))
        assert len(prices) == 5
        assert seen[0].filename == __file__

    def test_entry_from_the_future_is_not_fresh(self, bench: Bench) -> None:
        bench.run("X", Fake(closes()))
        bench.now -= dt.timedelta(hours=1)
        fake = Fake(closes())
        bench.run("X", fake)
        assert fake.asked == ["X"]

    def test_damaged_entry_is_fetched_again(self, bench: Bench) -> None:
        bench.run("X", Fake(closes()))
        (path,) = bench.cache.folder.glob("*.csv")
        path.write_text("date,X\n2024-01-31,77\n")
        with pytest.warns(errors.RegimeCorrWarning, match="recorded hash"):
            prices = bench.run("X", Fake(closes()))
        assert prices["X"].tolist() == [1.0, 2.0, 3.0, 4.0, 5.0]

    def test_folder_that_cannot_be_written(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("in the way")
        bench = Bench(tmp_path / "file")
        with pytest.warns(errors.RegimeCorrWarning) as seen:
            prices = bench.run("X", Fake(closes()))
        assert "could not be cached" in str(seen[-1].message)
        assert len(prices) == 5


class TestShorterAnswers:
    """What is cached is not replaced by less."""

    @pytest.mark.parametrize(
        ("answer", "words"),
        [
            (closes("2024-01-30", 40), "ends on 2024-01-30, the cached one on 2024-01-31"),
            (closes(n=40).drop(closes(n=30).index[3:6]), "lacks 3 of 40 days"),
        ],
    )
    def test_truncated(self, bench: Bench, answer: pd.Series, words: str) -> None:
        bench.run("X", Fake(closes(n=40)))
        before = contents(bench.cache.folder)
        with pytest.warns(errors.StaleDataWarning, match=f"truncated: the history {words}"):
            prices = bench.run("X", Fake(answer), refresh=True)
        assert len(prices) == 40
        assert contents(bench.cache.folder) == before

    def test_beginning(self, bench: Bench) -> None:
        bench.run("X", Fake(closes(n=400)))
        with pytest.warns(errors.StaleDataWarning, match="truncated: the history begins on"):
            assert len(bench.run("X", Fake(closes(n=368)), refresh=True)) == 400
        assert len(bench.run("X", Fake(closes(n=369)), refresh=True)) == 369
        bench.run("X", Fake(closes(n=400)), refresh=True)
        bench.now += dt.timedelta(days=40)
        # A window of 400 days moves on with the clock.
        assert len(bench.run("X", Fake(closes("2024-03-11", 400)))) == 400

    def test_a_few_corrections_and_another_source_are_no_loss(self, bench: Bench) -> None:
        bench.run("X", Fake(closes(n=40)))
        assert len(bench.run("X", Fake(closes(n=40).iloc[[0, *range(3, 40)]]), refresh=True)) == 38
        other = Fake(closes("2024-01-29", 9), name="other")
        assert len(bench.run("X", other, refresh=True)) == 9


class TestOptions:
    def test_source_names(self, tmp_path: Path) -> None:
        with pytest.raises(errors.DataError, match="no source 'bloomberg'; choose among yahoo, "):
            download("X", source="bloomberg", cache_dir=tmp_path)
        with pytest.raises(errors.DataError, match="no source 3"):
            download("X", source=[3], cache_dir=tmp_path)  # type: ignore[list-item]
        with pytest.raises(errors.DataError, match="source is empty"):
            download("X", source=[], cache_dir=tmp_path)
        assert isinstance(Fake(), Source)

    @pytest.mark.parametrize("tickers", [[], "", ["X", " "]])
    def test_empty_tickers(self, tickers: object, tmp_path: Path) -> None:
        with pytest.raises(errors.DataError, match="name at least one"):
            download(tickers, source=Fake(closes()), cache_dir=tmp_path)  # type: ignore[arg-type]

    def test_ticker_twice(self, tmp_path: Path) -> None:
        with pytest.raises(errors.DuplicateAssetError, match="'X'"):
            download(["X", "X"], source=Fake(closes()), cache_dir=tmp_path)

    @pytest.mark.parametrize("age", ["soon", "-1h", "NaT"])
    def test_age(self, age: str) -> None:
        with pytest.raises(errors.DataError, match="max_age is"):
            parse_age(age)

    @pytest.mark.parametrize("bad", [{"retries": -1}, {"timeout": 0.0}])
    def test_numbers(self, bad: dict[str, Any], tmp_path: Path) -> None:
        with pytest.raises(errors.DataError, match="retries must be at least 0"):
            download("X", source=Fake(closes()), cache_dir=tmp_path, **bad)

    def test_public_path(self, tmp_path: Path) -> None:
        yesterday = str(dt.datetime.now(dt.UTC).date() - dt.timedelta(days=1))
        prices = download("X", source=[Fake(closes(yesterday))], cache_dir=tmp_path)
        again = download("X", source=[Fake(OSError("not asked"))], cache_dir=tmp_path)
        pd.testing.assert_frame_equal(prices, again)


def test_default_order() -> None:
    assert [source.name for source in sources._sources(None)] == [
        "yahoo",
        "yahoo-chart",
        "cboe",
        "fred",
        "stooq",
    ]
