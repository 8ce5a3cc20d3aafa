"""`scan`: the verdict of every pair of a panel."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from regimecorr.data.alignment import AS_OF_SLACK_DAYS
from regimecorr.data.dates import parse_day
from regimecorr.data.prices import PriceSource, load_prices
from regimecorr.errors import (
    AsOfError,
    DataError,
    FailedPairsWarning,
    ModelError,
    UncalibratedWarning,
    warn_user,
)
from regimecorr.evaluation.outlook import OutlookMethod, OutlookOptions, without_record
from regimecorr.evaluation.panel import (
    MOST_NOT_POSITIVE,
    Names,
    Pairs,
    Panel,
    chosen_names,
)
from regimecorr.evaluation.vintages import Calibration, CalibrationName
from regimecorr.events import check_windows
from regimecorr.formatting import plain
from regimecorr.models.base import check_count
from regimecorr.progress import LateProgress
from regimecorr.scanning.pair import PairJob, job_of
from regimecorr.scanning.result import Scan, ranked_table
from regimecorr.scanning.rows import columns_of, names_of
from regimecorr.scanning.share import weekly_share
from regimecorr.scanning.store import ScanStore, opened_store
from regimecorr.scanning.stream import check_backend, stream_rows
from regimecorr.threads import one_blas_thread

#: Of what the rows say; rows of other versions are not mixed.
_VERSION = 2


def scan(
    panel: PriceSource | Panel,
    *,
    pairs: Pairs = "all",
    as_of: Any = None,
    short_window: int = 90,
    long_window: int = 252,
    horizon: int = 252,
    method: OutlookMethod = "pool",
    calibration: CalibrationName | Calibration | None = "market",
    family_prior: Mapping[str, float] | None = None,
    thresholds: tuple[float, float] = (1 / 3, 2 / 3),
    n_paths: int = 4000,
    store: str | Path | None = None,
    rng: int = 0,
    n_jobs: int | None = None,
    backend: str | None = None,
) -> Scan:
    """Give the verdict of every pair of a panel, ranked.

    Each row has the figures that `assess` gives for the pair with the row's ``seed``, from prices
    to the day only. A pair that fails is a row with its reason, whatever the error, and the others
    go on. Two things are told of all pairs together: the share of broken ones by week, and how
    many of those called broken are so by chance (`Scan.discoveries`).

    Parameters
    ----------
    panel : DataFrame, dict of Series, path or Panel
        Prices of many assets; anything `load_prices` takes, or a `Panel` of
        `regimecorr.evaluation.panel.read_panel` with its pairs.
    pairs : "all" or sequence of (asset, benchmark), default "all"
        "all": every pair of distinct underlyings.
    as_of : str, date or Timestamp, optional
        The day of all verdicts; later rows are not used. Default: the panel's last row. Pairs
        whose last common price is more than 7 days older fail.
    short_window, long_window, horizon : int, default 90, 252 and 252
        Rows, see `assess`. With a short window below 30 rows, or fewer than 200 in both, there
        are no p-values.
    method : {"pool", "bayes"}, default "pool"
        See `assess`; "bayes" takes minutes a pair.
    calibration : {"market", "simulated"}, Calibration or None, default "market"
        See `assess`.
    family_prior : mapping, optional
        See `assess`.
    thresholds : tuple of float, default (1/3, 2/3)
        See `assess`.
    n_paths : int, default 4000
        Simulated futures of each model, at least 400.
    store : path, optional
        Folder to which every pair is written as soon as it is ready (Parquet; needs pyarrow). A
        scan that was interrupted, even killed, goes on from there when it is called again with
        the same arguments; pairs that failed unexpectedly are made again, and those that failed
        and have other prices now. Other prices of a pair with a verdict, or other options, are
        refused, more pairs are not.
    rng : int, default 0
        Seed. Every pair has its own, made of this and its names, so that neither the order nor
        the number of the pairs or jobs changes a figure.
    n_jobs : int, optional
        Processes; -1: all. None: what `joblib.parallel_config` says, otherwise 1.
    backend : str, optional
        Backend of joblib. None: what `joblib.parallel_config` says (such as "dask" or "ray" for a
        cluster), otherwise processes of this machine.

    Returns
    -------
    Scan

    Raises
    ------
    DataError
        If the table of prices or the store cannot be used.
    ModelError
        If an option is unknown, or no pair can be made.

    Warns
    -----
    FailedPairsWarning
        If pairs have no verdict; told once, the table has the reasons.
    UncalibratedWarning
        If a calibration was asked for and pairs have none; told once.
    DamagedStoreWarning
        If a file of the store cannot be read; its pairs are made again.

    Notes
    -----
    Memory does not grow with the number of pairs but for their rows: a worker holds one pair, and
    pairs are sent to workers as these are ready.

    Examples
    --------
    >>> import pandas as pd, regimecorr as rc
    >>> worlds = [rc.simulate("recurrent", n_obs=700, rng=seed).prices for seed in (1, 2)]
    >>> panel = pd.concat([worlds[0], worlds[1].set_axis(["C", "D"], axis=1)], axis=1)
    >>> found = rc.scan(panel, pairs=[("A", "B"), ("C", "D")], calibration=None, n_paths=400)
    >>> len(found.table), len(found.failed)
    (2, 0)
    """
    options = OutlookOptions(
        short_window=short_window,
        long_window=long_window,
        horizon=horizon,
        method=method,
        calibration=calibration,
        family_prior=family_prior,
        thresholds=thresholds,
        n_paths=n_paths,
    )
    check_windows(sys.maxsize, short_window, long_window, horizon)  # rows: each pair has its own
    check_count("rng", rng, 0)
    if n_jobs is not None and n_jobs != -1:
        check_count("n_jobs", n_jobs)
    check_backend(n_jobs, backend)
    table, names = _read(panel, pairs)
    day = _last_day(table, as_of)
    table = table.loc[:day]
    asked = options.to_dict() | {"rng": int(rng), "as_of": f"{day:%Y-%m-%d}"}
    sent = without_record(options)

    def prepared(pair: Names) -> PairJob:
        return job_of(table, pair, day, sent, rng)

    columns = columns_of(options)
    stored = plain(asked | {"calibration": _digest(calibration), "version": _VERSION})
    with _kept(store, stored, columns) as kept:
        waiting = names if kept is None else _missing(kept, names, prepared)
        made = {} if kept is None else {n: kept.rows[n] for n in names if n not in set(waiting)}
        # Held here too: a thread of a backend may not be the one that is allowed to set the limit.
        with one_blas_thread(), LateProgress("scan", len(waiting)) as progress:
            for row in stream_rows(waiting, prepared, names_of, n_jobs, backend):
                if kept is not None:
                    kept.add(row)
                made[names_of(row)] = row
                progress.advance(f"{row['asset']} / {row['benchmark']}")
    ranked = ranked_table((made[pair] for pair in names), columns)
    _warn(ranked, calibration is not None)
    return Scan(day, ranked, weekly_share(table, names, options.windows), asked)


def _read(panel: PriceSource | Panel, pairs: Pairs) -> tuple[pd.DataFrame, list[Names]]:
    """Prices and names of the pairs; none is aligned yet, so that none is held."""
    if isinstance(panel, Panel):
        if not isinstance(pairs, str) or pairs != "all":
            raise ModelError("A Panel has its pairs already; pass them to read_panel.")
        return panel.table, [*(pair.names for pair in panel.pairs), *panel.skipped]
    table = load_prices(panel)
    names = chosen_names(table, pairs)
    # Single prices that are not positive are left out, as `read_panel` does; a column of them
    # stays as it is, so that its own pairs fail and no others.
    wrong = (table <= 0.0).sum() / table.notna().sum() > MOST_NOT_POSITIVE
    return table.where((table > 0.0) | wrong), names


def _last_day(table: pd.DataFrame, as_of: Any) -> pd.Timestamp:
    last, first = table.index[-1], table.index[0]
    if as_of is None:
        return pd.Timestamp(last)
    day = parse_day(as_of, label="as_of")
    if day < first:
        raise AsOfError(
            f"as_of is {day:%Y-%m-%d}, before the first row of the panel, {first:%Y-%m-%d}; choose "
            "a later day."
        )
    if (day - last).days > AS_OF_SLACK_DAYS:
        raise AsOfError(
            f"as_of is {day:%Y-%m-%d}, more than {AS_OF_SLACK_DAYS} days after the last row of the "
            f"panel, {last:%Y-%m-%d}; choose an earlier day, or pass newer prices."
        )
    return pd.Timestamp(day)


@contextmanager
def _kept(
    store: str | Path | None, options: Mapping[str, Any], columns: Mapping[str, Any]
) -> Iterator[ScanStore | None]:
    """The store, if there is to be one."""
    if store is None:
        yield None
        return
    with opened_store(store, options, columns) as opened:
        yield opened


def _missing(kept: ScanStore, names: Sequence[Names], prepared: Any) -> list[Names]:
    """Pairs that the store lacks, or that failed unforeseen, or for prices that are mended now."""
    missing = []
    for pair in names:
        row = kept.rows.get(pair)
        if row is None or row["unexpected"]:
            missing.append(pair)
        elif row["inputs"] != prepared(pair).inputs:
            if row["failed"]:
                missing.append(pair)
                continue
            raise DataError(
                f"The row of {pair[0]} / {pair[1]} in the store was made from other prices; what "
                "is stored is not rewritten. Use another folder."
            )
    return missing


def _digest(calibration: CalibrationName | Calibration | None) -> str | None:
    """Name of a calibration, with the hash of one's own."""
    if not isinstance(calibration, Calibration):
        return calibration
    body = json.dumps([v.to_dict() for v in calibration.vintages], default=str)
    return f"{calibration.name} {hashlib.sha256(body.encode()).hexdigest()[:16]}"


def _warn(table: pd.DataFrame, calibrated: bool) -> None:
    failed = table[table["failed"]]
    if len(failed):
        strange = int(failed["unexpected"].sum())
        first = failed.iloc[0]
        warn_user(
            f"{len(failed)} of {len(table)} pairs have no verdict"
            + (f", {strange} of them by unexpected errors" if strange else "")
            + f"; `reason` in the table says why. The first, {first['asset']} / "
            f"{first['benchmark']}: {first['reason']}",
            FailedPairsWarning,
        )
    without = table[~table["failed"] & (table["uncalibrated"] != "")]
    if calibrated and len(without):
        warn_user(
            f"{len(without)} of {len(table)} pairs are not calibrated; `uncalibrated` in the table "
            f"says why. The first, {without.iloc[0]['asset']} / {without.iloc[0]['benchmark']}: "
            f"{without.iloc[0]['uncalibrated']}. Pass calibration=None to ask for the raw pool.",
            UncalibratedWarning,
        )
