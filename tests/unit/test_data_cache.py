"""The cache of downloads: places, round trips, damage and interrupted writes."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from regimecorr import errors
from regimecorr.data.cache import Cache, default_folder

NOW = dt.datetime(2024, 2, 1, 12, tzinfo=dt.UTC)


def closes(*values: float) -> pd.Series:
    days = pd.date_range("2024-01-02", periods=len(values), name="date")
    return pd.Series(list(values), index=days, name="^RUT")


def store(cache: Cache, *values: float) -> dict[str, object]:
    return cache.store(closes(*values), ticker="^RUT", source="desk", retrieved=NOW, notes=("n",))


def test_places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    home = Path.home()
    assert default_folder(environ={}, platform="linux") == home / ".cache" / "regimecorr"
    assert default_folder(environ={"XDG_CACHE_HOME": "x"}, platform="linux") == Path("x/regimecorr")
    assert default_folder(environ={}, platform="darwin") == home / "Library/Caches/regimecorr"
    windows = default_folder(environ={"LOCALAPPDATA": "local"}, platform="win32")
    assert windows == Path("local/regimecorr")
    assert default_folder(environ={}, platform="win32") == home / "AppData/Local/regimecorr"
    monkeypatch.setenv("REGIMECORR_CACHE", str(tmp_path))
    assert default_folder() == tmp_path


def test_round_trip(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "new" / "folder")
    assert cache.load("^RUT", "desk") is None
    store(cache, 1 / 3, 2.0, 1e-9)
    entry = cache.load("^RUT", "desk")
    assert entry is not None
    pd.testing.assert_series_equal(entry.prices, closes(1 / 3, 2.0, 1e-9), check_freq=False,
                                   check_index_type=False)  # fmt: skip
    assert entry.retrieved == NOW
    told = entry.provenance
    assert (told["ticker"], told["source"], told["rows"]) == ("^RUT", "desk", 3)
    assert (told["first"], told["last"], told["notes"]) == ("2024-01-02", "2024-01-04", ["n"])
    assert told["retrieved"] == "2024-02-01T12:00:00+00:00"
    assert cache.load("^RUT", "other") is None


def test_one_csv_and_one_json_for_each_key(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    store(cache, 1.0, 2.0)
    store(cache, 3.0, 4.0)
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".csv", ".json"]
    entry = cache.load("^RUT", "desk")
    assert entry is not None
    assert entry.prices.tolist() == [3.0, 4.0]


def test_alike_tickers_do_not_collide(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    for value, ticker in enumerate(["A/B", "A_B", "../A", "A" * 300], start=1):
        cache.store(closes(value, 9.0), ticker=ticker, source="s", retrieved=NOW)
    for value, ticker in enumerate(["A/B", "A_B", "../A", "A" * 300], start=1):
        entry = cache.load(ticker, "s")
        assert entry is not None
        assert entry.prices.iloc[0] == value
    assert {path.parent for path in tmp_path.rglob("*")} == {tmp_path}


@pytest.mark.parametrize("step", [1, 2])
def test_interrupted_write_leaves_the_old_entry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    cache = Cache(tmp_path)
    store(cache, 1.0, 2.0)
    real, calls = os.replace, 0

    def interrupted(source: str, target: Path) -> None:
        nonlocal calls
        calls += 1
        if calls == step:
            raise KeyboardInterrupt
        real(source, target)

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        store(cache, 3.0, 4.0)
    entry = cache.load("^RUT", "desk")
    assert entry is not None
    assert entry.prices.tolist() == [1.0, 2.0]
    assert not list(tmp_path.glob("*.part")) + list(tmp_path.glob(".*.part"))


KILLED = """
import datetime as dt, os, sys, time
import pandas as pd
from pathlib import Path
from regimecorr.data.cache import Cache

calls = 0
def fsync(number):
    global calls
    calls += 1
    if calls == int(sys.argv[2]):
        print("half written", flush=True)
        time.sleep(600)

os.fsync = fsync
days = pd.date_range("2024-01-02", periods=2, name="date")
Cache(Path(sys.argv[1])).store(
    pd.Series([3.0, 4.0], days), ticker="^RUT", source="desk", retrieved=dt.datetime.now(dt.UTC)
)
"""


@pytest.mark.parametrize("step", [1, 2])
def test_a_killed_process_leaves_the_old_entry(tmp_path: Path, step: int) -> None:
    cache = Cache(tmp_path)
    store(cache, 1.0, 2.0)
    line = [sys.executable, "-P", "-c", KILLED, str(tmp_path), str(step)]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "half written"
        process.kill()
    assert process.returncode != 0
    entry = cache.load("^RUT", "desk")
    assert entry is not None
    assert entry.prices.tolist() == [1.0, 2.0]
    store(cache, 5.0, 6.0)
    entry = cache.load("^RUT", "desk")
    assert entry is not None
    assert entry.prices.tolist() == [5.0, 6.0]
    assert len(list(tmp_path.glob("*.csv"))) == 1


def damage(tmp_path: Path, how: str) -> None:
    (table,), (record,) = tmp_path.glob("*.csv"), tmp_path.glob("*.json")
    told = json.loads(record.read_text())
    if how == "edited":
        table.write_text(table.read_text().replace("1.0", "7.0"))
    elif how == "cut":
        table.write_bytes(table.read_bytes()[:-3])
    elif how == "gone":
        table.unlink()
    elif how == "no json":
        record.write_text("{")
    elif how == "list":
        record.write_text("[]")
    elif how == "incomplete":
        record.write_text("{}")
    elif how == "elsewhere":
        record.write_text(json.dumps(told | {"file": "../secret.csv"}))
    elif how == "no zone":
        record.write_text(json.dumps(told | {"retrieved": "2024-02-01T12:00:00"}))


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("edited", "differ from the recorded hash"),
        ("cut", "differ from the recorded hash"),
        ("gone", "cannot be read"),
        ("no json", "cannot be read"),
        ("list", "incomplete"),
        ("incomplete", "incomplete"),
        ("elsewhere", "not one this package writes"),
        ("no zone", "not one this package writes"),
    ],
)
def test_damage_is_ignored_with_a_warning(tmp_path: Path, how: str, words: str) -> None:
    cache = Cache(tmp_path)
    store(cache, 1.0, 2.0)
    damage(tmp_path, how)
    with pytest.warns(errors.RegimeCorrWarning, match=words):
        assert cache.load("^RUT", "desk") is None
    store(cache, 5.0, 6.0)
    entry = cache.load("^RUT", "desk")
    assert entry is not None
    assert entry.prices.tolist() == [5.0, 6.0]
