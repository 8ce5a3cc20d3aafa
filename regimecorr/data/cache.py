"""Downloaded prices on disk: one CSV and one JSON per ticker and source, replaced atomically."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import json
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from regimecorr.data.prices import load_prices
from regimecorr.errors import DataError, RegimeCorrWarning, warn_user
from regimecorr.files import replace_file

__all__ = ["Cache", "CacheEntry", "default_folder"]


def default_folder(
    *, environ: Mapping[str, str] | None = None, platform: str | None = None
) -> Path:
    """Return the folder in which downloads are kept.

    Parameters
    ----------
    environ : mapping or None, default=None
        Environment variables; None takes those of the process. `REGIMECORR_CACHE` names the
        folder itself and goes before everything else.
    platform : str or None, default=None
        As `sys.platform`, which None takes.

    Returns
    -------
    Path
        `$XDG_CACHE_HOME/regimecorr` or `~/.cache/regimecorr`; `%LOCALAPPDATA%` on Windows;
        `~/Library/Caches` on macOS. It may not exist yet.

    Examples
    --------
    >>> from regimecorr.data.cache import default_folder
    >>> default_folder(environ={"XDG_CACHE_HOME": "caches"}, platform="linux").as_posix()
    'caches/regimecorr'
    """
    variables = os.environ if environ is None else environ
    system = sys.platform if platform is None else platform
    chosen = variables.get("REGIMECORR_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    if system == "win32":
        local = variables.get("LOCALAPPDATA")
        base = Path(local) if local else Path.home() / "AppData" / "Local"
    elif system == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        xdg = variables.get("XDG_CACHE_HOME")
        base = Path(xdg) if xdg else Path.home() / ".cache"
    return base / "regimecorr"


@dataclass(frozen=True, slots=True, eq=False)
class CacheEntry:
    """Prices of one ticker as they were downloaded.

    Attributes
    ----------
    prices : Series of shape (n_days,)
        Closes, named by the ticker.
    retrieved : datetime
        Moment of the download in UTC.
    provenance : dict
        What the JSON file says: ticker, source, retrieved, rows, first, last, sha256, notes.
    """

    prices: pd.Series
    retrieved: dt.datetime
    provenance: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Cache:
    """A folder of downloads.

    Parameters
    ----------
    folder : Path
        Created when something is stored.
    """

    folder: Path

    def load(self, ticker: str, source: str) -> CacheEntry | None:
        """Return what is stored, or None when there is nothing or it is damaged.

        A damaged entry (the hash differs, a file is missing or unreadable) is ignored with a
        `RegimeCorrWarning`.
        """
        index = self.folder / f"{_stem(ticker, source)}.json"
        try:
            record = json.loads(index.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            return _ignored(index, f"it cannot be read ({error})")
        try:
            name = str(record["file"])
            retrieved = dt.datetime.fromisoformat(record["retrieved"])
            expected = record["sha256"]
        except (KeyError, TypeError, ValueError) as error:
            return _ignored(index, f"its record is incomplete ({error!r})")
        if Path(name).name != name or retrieved.tzinfo is None:
            return _ignored(index, "its record is not one this package writes")
        path = self.folder / name
        try:
            content = path.read_bytes()
        except OSError as error:
            return _ignored(index, f"{name} cannot be read ({error.strerror})")
        if hashlib.sha256(content).hexdigest() != expected:
            return _ignored(index, f"the contents of {name} differ from the recorded hash")
        try:
            prices = load_prices(path)
        except DataError as error:
            return _ignored(index, str(error))
        return CacheEntry(prices.iloc[:, 0].rename(ticker), retrieved, record)

    def store(
        self,
        prices: pd.Series,
        *,
        ticker: str,
        source: str,
        retrieved: dt.datetime,
        notes: tuple[str, ...] = (),
    ) -> dict[str, Any]:
        """Write prices and their record; an interruption leaves the old entry as it was.

        Parameters
        ----------
        prices : Series of shape (n_days,)
            Checked closes on a `DatetimeIndex`.
        ticker, source : str
            The key of the entry.
        retrieved : datetime
            Moment of the download with its time zone.
        notes : tuple of str, default=()
            What the source says about its prices.

        Returns
        -------
        dict
            The record as written.

        Raises
        ------
        OSError
            The folder cannot be written to.
        """
        text = prices.rename(ticker).to_csv(index_label="date", lineterminator="\n")
        content = text.encode("utf-8")
        digest = hashlib.sha256(content).hexdigest()
        stem = _stem(ticker, source)
        record: dict[str, Any] = {
            "ticker": ticker,
            "source": source,
            "retrieved": retrieved.astimezone(dt.UTC).isoformat(timespec="seconds"),
            "rows": len(prices),
            "first": prices.index[0].strftime("%Y-%m-%d"),
            "last": prices.index[-1].strftime("%Y-%m-%d"),
            "sha256": digest,
            "notes": list(notes),
            "file": f"{stem}.{digest[:12]}.csv",
        }
        self.folder.mkdir(parents=True, exist_ok=True)
        index = self.folder / f"{stem}.json"
        # The record names its CSV by content and is replaced last: whatever is interrupted,
        # the old record still points to the old, untouched CSV.
        replace_file(self.folder / record["file"], content)
        replace_file(index, json.dumps(record, indent=1).encode("utf-8"))
        for old in self.folder.glob(f"{stem}.*.csv"):
            if old.name != record["file"]:
                # Another process may have removed it first, or on Windows be reading it.
                with contextlib.suppress(OSError):
                    old.unlink()
        return record


def _ignored(index: Path, reason: str) -> CacheEntry | None:
    warn_user(
        f"The cached download {index.name} is ignored: {reason}. It is fetched again where "
        f"possible; delete it if this repeats.",
        RegimeCorrWarning,
    )
    return None


def _stem(ticker: str, source: str) -> str:
    # The readable part may collide ("A/B" and "A_B"), the hash does not.
    readable = re.sub(r"[^A-Za-z0-9=-]+", "_", f"{ticker}-{source}")[:60]
    return f"{readable}-{hashlib.sha256(f'{ticker} {source}'.encode()).hexdigest()[:8]}"
