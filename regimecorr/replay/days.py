"""One day of a replay, and what came after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from regimecorr.data.alignment import AlignedPair, align
from regimecorr.data.windows import Windows
from regimecorr.evaluation.outlook import OutlookOptions, look_ahead, question_of, streams_of
from regimecorr.events import Array, is_structural, legs
from regimecorr.kernels.rolling import pearson
from regimecorr.scanning.pair import PairJob, outlook_figures
from regimecorr.scanning.rows import FIRST, LAST, Kind, Row, blank_row

#: Columns that no one could know on their day.
AFTER = ("matured", "fresh", "outcome")
_KNOWN = (
    *("state", "label", "p_structural", "low", "high", "p_raw", "p_unchanged", "base_rate"),
    *("calibrated", "vintage", "r_short", "r_long", "reference", "midpoint", "n_returns"),
    *("failed", "unexpected", "reason", "uncalibrated", "members_failed", "notes"),
)
_WEIGHT = "weight_"


def day_columns() -> dict[str, Kind]:
    """Columns of a day and what they hold."""
    kinds: dict[str, Kind] = FIRST | LAST | {"vintage": "text"}
    return {name: kinds[name] for name in _KNOWN}


def weight_columns(options: OutlookOptions) -> dict[str, Kind]:
    """Columns of a day that hold the weights of the members."""
    return {_WEIGHT + name: "number" for names in options.families.values() for name in names}


@dataclass(frozen=True, slots=True, eq=False)
class DayJob(PairJob):
    """What a worker gets to know of a day: the prices to it and nothing else."""

    def blank(self) -> Row:
        """Which day it is, with nothing known yet."""
        columns = day_columns() | weight_columns(self.options)
        return blank_row(columns) | {"as_of": f"{self.as_of:%Y-%m-%d}"}

    def figures(self) -> Row:
        """Figures of `assess` on the day; raises where there are none."""
        question = question_of(align(self.prices, as_of=self.as_of), self.options)
        outlook = look_ahead(question, streams_of(self.seed))
        learned = question.learned
        vintage = "" if learned is None else learned.vintage.before or "not dated"
        weights = {_WEIGHT + name: float(w) for name, w in outlook.pool.weights.items()}
        return outlook_figures(outlook) | {"vintage": vintage} | weights


def weights_of(rows: Sequence[Row], families: Mapping[str, tuple[str, ...]]) -> pd.DataFrame:
    """Weights of the members, a row a day, columns (family, member)."""
    members = [(family, name) for family, names in families.items() for name in names]
    columns = pd.MultiIndex.from_tuples(members, names=["family", "member"])
    values = [[row[_WEIGHT + name] for _, name in members] for row in rows]
    return pd.DataFrame(values, columns=columns, dtype=float)


def with_outcomes(
    frame: pd.DataFrame, pair: AlignedPair, values: Array, windows: Windows
) -> pd.DataFrame:
    """Add what came after each day to a frame of verdicts.

    Parameters
    ----------
    frame : DataFrame
        By date: ``state`` (empty without a verdict), ``reference`` and ``midpoint``.
    pair : AlignedPair
        All prices.
    values : ndarray of shape (n_obs, 2)
        What is correlated.
    windows : Windows
        Where the horizon of every row of ``values`` ends, and its second half begins.

    Returns
    -------
    DataFrame
        With the columns `AFTER`.
    """
    x, y = legs(values)
    place = pair.dates.get_indexer(pd.DatetimeIndex(frame.index))
    end, first = windows.end[place], windows.fresh[place]
    over = end >= 0
    fresh = np.array(
        [
            pearson(x[a : b + 1], y[a : b + 1]) if known else np.nan
            for a, b, known in zip(first, end, over, strict=True)
        ]
    )
    sign = np.where(frame["reference"] < 0, -1.0, 1.0)
    came = is_structural(fresh, sign, frame["midpoint"].to_numpy())
    asked = ~frame["state"].isin(["", "weak"]).to_numpy()
    lost = over & np.isnan(fresh)
    outcome = np.select(
        [~asked | lost, ~over, came], ["", "open", "structural"], default="transient"
    )
    matured = pd.Series(pair.dates[np.where(over, end, 0)], index=frame.index).where(over)
    return frame.assign(matured=matured, fresh=fresh, outcome=outcome)
