"""How the verdicts of a replay turned out, counted and scored."""

from __future__ import annotations

import numpy as np
import pandas as pd

from regimecorr.evaluation.binned import bin_table
from regimecorr.evaluation.blocks import calendar_blocks
from regimecorr.evaluation.scores import brier_score, brier_skill

STATES = ("divergent", "strained", "aligned", "weak")
FAILED = "no verdict"


def matured_of(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows with a probability and an outcome."""
    return frame[frame["p_structural"].notna() & frame["outcome"].isin(["structural", "transient"])]


def state_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Verdicts by state; see `History.by_state`."""
    state = frame["state"].where(~frame["failed"], FAILED)
    begins = state != state.shift()
    came = matured_of(frame)
    structural = came["outcome"] == "structural"
    table = pd.DataFrame(
        {
            "verdicts": state.value_counts(),
            "spells": state[begins].value_counts(),
            "median_p": frame["p_structural"].groupby(state).median(),
            "matured": came["state"].value_counts(),
            "structural": structural.groupby(came["state"]).sum(),
        }
    ).reindex([*STATES, FAILED])
    counts = ["verdicts", "spells", "matured", "structural"]
    table[counts] = table[counts].fillna(0).astype(int)
    return table.rename_axis("state")


def probability_table(frame: pd.DataFrame, bins: int) -> pd.DataFrame:
    """Matured verdicts by probability; see `History.by_probability`."""
    came = matured_of(frame)
    columns = ["low", "high", "verdicts", "mean_p", "structural", "share"]
    if came.empty:
        return pd.DataFrame(columns=columns)
    table = bin_table(came["p_structural"], came["outcome"] == "structural", bins)
    table = table.set_axis(["low", "high", "verdicts", "mean_p", "share"], axis=1)
    table["structural"] = (table["verdicts"] * table["share"].fillna(0.0)).round().astype(int)
    return table.loc[table["verdicts"] > 0, columns].reset_index(drop=True)


def score_frame(frame: pd.DataFrame) -> pd.DataFrame:
    """Brier scores of the matured verdicts; see `History.scores`."""
    came = matured_of(frame)
    came = came[came["base_rate"].notna()]
    rows = {}
    if len(came):
        y = (came["outcome"] == "structural").to_numpy(dtype=float)
        rate, blocks = came["base_rate"], calendar_blocks(pd.DatetimeIndex(came.index))
        for name in ("p_structural", "p_raw", "base_rate"):
            skill = brier_skill(came[name], y, rate, blocks=blocks)
            rows[name] = {
                "n": len(came),
                "brier": brier_score(came[name], y),
                "skill": skill.value,
                "error": skill.error if name != "base_rate" else np.nan,
            }
    columns = ["n", "brier", "skill", "error"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("forecast")


def apart(frame: pd.DataFrame, dates: pd.Index, length: int) -> int:
    """How many of the matured outcomes can be chosen whose fresh windows share no row.

    Parameters
    ----------
    frame : DataFrame
        Verdicts by date.
    dates : Index
        All rows.
    length : int
        Rows of a fresh window.
    """
    count, free = 0, -1
    for place in dates.get_indexer(matured_of(frame).index):
        if place >= free:
            count, free = count + 1, int(place) + length
    return count
