"""The market-wide share of broken pairs, week by week."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from regimecorr.data.windows import resolve
from regimecorr.errors import DataError
from regimecorr.evaluation.panel import LEAST_ROWS, Names, PanelPair, aligned
from regimecorr.events import legs, state_history

COUNTED = ("established", "divergent", "strained")
COLUMNS = ("pairs", *COUNTED, "share_divergent", "share_strained")


def weekly_share(
    table: pd.DataFrame, pairs: Iterable[Names], windows: tuple[int, int, int]
) -> pd.DataFrame:
    """Count the states of all pairs at the end of every week.

    Parameters
    ----------
    table : DataFrame of shape (n_days, n_assets)
        Checked prices, NaN where there is none.
    pairs : iterable of (asset, benchmark)
        The pairs; those that cannot be read are left out.
    windows : tuple of int
        Rows of the short and the long window and the horizon.

    Returns
    -------
    DataFrame
        By the last day of the table in each week (Monday to Sunday): ``pairs`` with a state on
        their last common day of that week, ``established`` (not weak), ``divergent``,
        ``strained``, and their shares of the established ones. Prices after the day change
        nothing: a pair counts from its 600th common price on.
    """
    weeks = _weeks(table.index)
    counts = np.zeros((int(weeks[-1]) + 1 if len(weeks) else 0, 4), dtype=np.int64)
    for names in pairs:
        try:
            pair, _ = aligned(table, names)
        except DataError:  # its row of the scan says why
            continue
        _count(counts, pair, weeks[table.index.get_indexer(pair.dates)], windows)
    found = pd.DataFrame(counts, columns=["pairs", *COUNTED])
    days = pd.Series(table.index).groupby(weeks).max()
    found.index = pd.DatetimeIndex(days.reindex(found.index), name="week")
    base = found["established"].where(found["established"] > 0).astype(float)
    for name in COUNTED[1:]:
        found[f"share_{name}"] = found[name] / base
    return found[found["pairs"] > 0]


def _weeks(days: pd.Index) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Number of the week of each day, Monday to Sunday, from 0."""
    # 1970-01-05 was a Monday.
    number = (days.to_numpy().astype("datetime64[D]").astype(np.int64) - 4) // 7
    return np.asarray(number - number[0] if len(number) else number, dtype=np.int64)


def _count(
    counts: np.ndarray[tuple[int, int], np.dtype[np.int64]],
    pair: PanelPair,
    weeks: np.ndarray[tuple[int], np.dtype[np.int64]],
    windows: tuple[int, int, int],
) -> None:
    """Add the states of a pair on its last common day of each week."""
    resolved = resolve(pair.dates, *windows)
    state = state_history(*legs(pair.returns), resolved)["state"].to_numpy()
    last = np.append(weeks[1:] != weeks[:-1], True)
    last[: LEAST_ROWS - 2] = False  # return i is known with price i + 1
    last &= state != ""
    week, now = weeks[last], state[last]
    counts[week, 0] += 1
    counts[week, 1] += now != "weak"
    counts[week, 2] += now == "divergent"
    counts[week, 3] += now == "strained"
