"""How often past forecasts like this one came true."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from regimecorr.data.names import underlying
from regimecorr.evaluation.binned import calibration_error
from regimecorr.evaluation.blocks import calendar_blocks
from regimecorr.evaluation.scores import brier_skill
from regimecorr.evaluation.vintages import Calibration

#: Half the width of the band of probabilities that count as like this one.
BAND = 0.05
_COLUMNS = ("date", "p_structural", "structural")


@dataclass(frozen=True, slots=True, eq=False)
class TrackRecord:
    """What past forecasts of the same kind were worth, as known on the day of the verdict.

    Attributes
    ----------
    band : tuple of float
        Probabilities counted as like this one: within .05 of it.
    n, n_structural : int
        Past divergences with a probability in the band whose outcome was known, and how many of
        them were structural.
    interval : tuple of float
        90 % interval of that share (Clopper and Pearson), as if outcomes were independent; those of
        one year are not. NaN if there are none.
    n_total : int
        All past forecasts whose outcome was known.
    mean_p, share : float
        Their mean probability, and how many were structural.
    skill, skill_error : float
        Brier skill against the base rate of the vintage in force, and its standard error by
        calendar year (NaN with fewer than three).
    ece, ece_upper : float
        Calibration error in ten bins, and what 95 % of perfect forecasters stay below.
    first, last : Timestamp or None
        Days of the first and the last of them.
    pair : DataFrame
        Past forecasts of this very pair: ``date``, ``p_structural``, ``structural`` (NaN while
        open).
    reason : str
        Why there is no record, empty if there is one.
    """

    band: tuple[float, float]
    n: int
    n_structural: int
    interval: tuple[float, float]
    n_total: int
    mean_p: float
    share: float
    skill: float
    skill_error: float
    ece: float
    ece_upper: float
    first: pd.Timestamp | None
    last: pd.Timestamp | None
    pair: pd.DataFrame
    reason: str = ""

    @property
    def sentence(self) -> str:
        """The record of probabilities like this one, in one sentence."""
        if self.reason:
            return self.reason
        low, high = self.band
        return (
            f"of {self.n} past divergences with a probability of {100 * low:.0f} to "
            f"{100 * high:.0f}%, {self.n_structural} were structural"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return everything by name."""
        names = [str(n) for n in self.__slots__]
        return {name: getattr(self, name) for name in names}


def no_record(reason: str) -> TrackRecord:
    """Return an empty record with its reason."""
    nan = float("nan")
    return TrackRecord(
        (nan, nan), 0, 0, (nan, nan), 0, nan, nan, nan, nan, nan, nan, None, None, _none(), reason
    )


def track_record(
    calibration: Calibration, p: float, as_of: pd.Timestamp, names: Sequence[str]
) -> TrackRecord:
    """Read the record of a calibration as it was known on a day.

    Parameters
    ----------
    calibration : Calibration
        Its record holds forecasts made at the entry of past divergences.
    p : float
        Today's probability.
    as_of : Timestamp
        Outcomes that matured later are not known; forecasts made later do not exist.
    names : sequence of str
        Both assets of the pair, in any order, as they may stand on record; columns of one
        underlying count as one. Empty: the pair is not looked for.

    Returns
    -------
    TrackRecord
    """
    table = calibration.record
    dated = table["date"].notna()
    made = table[~dated | (table["date"] < as_of)]
    known = made[made["structural"].notna() & (made["matured"].isna() | (made["matured"] < as_of))]
    if known.empty:
        return no_record("no forecast of this calibration had matured by then")
    band = (max(p - BAND, 0.0), min(p + BAND, 1.0))
    forecasts = known["p_structural"].to_numpy()
    outcomes = known["structural"].to_numpy()
    like = (forecasts >= band[0]) & (forecasts <= band[1])
    n, hits = int(like.sum()), int(outcomes[like].sum())
    blocks = None if known["date"].isna().any() else calendar_blocks(known["date"])
    skill = brier_skill(forecasts, outcomes, known["base_rate"].to_numpy(), blocks=blocks)
    error = calibration_error(forecasts, outcomes)
    key = {underlying(name) for name in names}
    mine = [
        {underlying(a), underlying(b)} == key
        for a, b in zip(made["asset"], made["benchmark"], strict=True)
    ]
    pair = made.loc[mine, list(_COLUMNS)].copy()
    pair.loc[~(made.loc[mine, "matured"] < as_of), "structural"] = np.nan
    return TrackRecord(
        band,
        n,
        hits,
        _share_interval(hits, n),
        len(known),
        float(forecasts.mean()),
        float(outcomes.mean()),
        skill.value,
        skill.error,
        error.value,
        error.upper,
        known["date"].min(),
        known["date"].max(),
        pair.reset_index(drop=True),
    )


def _share_interval(hits: int, n: int) -> tuple[float, float]:
    if n == 0:
        return float("nan"), float("nan")
    found = stats.binomtest(hits, n).proportion_ci(0.90, method="exact")
    return float(found.low), float(found.high)


def _none() -> pd.DataFrame:
    return pd.DataFrame(columns=list(_COLUMNS))
