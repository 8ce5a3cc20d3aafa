"""Episodes read as spells: how long they lasted, how they ended, from which age they were seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from regimecorr.episodes.survival import Array, BoolArray, check_durations, check_flags
from regimecorr.errors import DataError
from regimecorr.formatting import plural

#: Ways in which a divergence can end.
WAYS = ("recovers", "reference_decays")
_ENDINGS = {"aligned": WAYS[0], "strained": WAYS[0], "weak": WAYS[1], "": ""}


@dataclass(frozen=True, slots=True)
class Spells:
    """Episodes as arrays, one value a spell.

    Attributes
    ----------
    starts : Index of length n
    time : ndarray of shape (n,)
        Rows that it lasted, with those before it was first seen.
    ended : ndarray of bool of shape (n,)
        Whether its end was seen.
    endings : ndarray of str of shape (n,)
        How it ended, one of `WAYS`, or "".
    age : ndarray of shape (n,)
        Rows that it had lasted when it was first seen.
    covariates : DataFrame of shape (n, p)
    """

    starts: pd.Index
    time: Array
    ended: BoolArray
    endings: np.ndarray[Any, Any]
    age: Array
    covariates: pd.DataFrame

    def without(self, i: int) -> Spells:
        """Return the others."""
        keep = np.arange(self.time.size) != i
        return Spells(
            self.starts[keep],
            self.time[keep],
            self.ended[keep],
            self.endings[keep],
            self.age[keep],
            self.covariates[keep],
        )


def read_spells(episodes: pd.DataFrame, covariates: list[str]) -> tuple[Spells, list[str]]:
    """Spells of a frame of episodes, and notes on what was left out or counted as censored."""
    needed = ["start", "rows", "censored", "resolved_into", *covariates]
    missing = [name for name in needed if name not in episodes.columns]
    if missing:
        raise DataError(
            f"The episodes have no column {missing[0]!r}; pass the frame of find_episodes, with "
            "covariates among its columns."
        )
    notes = []
    if "truncated" in episodes.columns and "age" not in episodes.columns:
        began_before = check_flags("truncated", episodes["truncated"], len(episodes))
        episodes = episodes[~began_before]
        if began_before.any():
            notes.append(
                f"Left out: {plural(int(began_before.sum()), 'episode')} under way on the first "
                "readable row, of unknown age."
            )
    if len(episodes) == 0:
        raise DataError(
            "There are no episodes, so there is no duration to speak of. "
            + (" ".join(notes) or "Use a longer history, or other windows in find_episodes.")
        )
    rows, _ = check_durations(episodes["rows"])
    if np.any(rows != np.round(rows)):
        raise DataError(f"rows is {rows[rows != np.round(rows)][0]:g}; durations are whole rows.")
    age = _ages(episodes)
    endings = _endings(episodes, notes)
    spells = Spells(
        pd.Index(episodes["start"]),
        rows + age,
        endings != "",
        endings,
        age,
        episodes[covariates].reset_index(drop=True),
    )
    return spells, notes


def _ages(episodes: pd.DataFrame) -> Array:
    if "age" not in episodes.columns:
        return np.zeros(len(episodes))
    age = episodes["age"].to_numpy(dtype=np.float64)
    bad = age[~(np.isfinite(age) & (age >= 0.0) & (age == np.round(age)))]
    if bad.size:
        raise DataError(f"age is {bad[0]}; it must be a whole number of rows, 0 or more.")
    return np.asarray(age)


def _endings(episodes: pd.DataFrame, notes: list[str]) -> np.ndarray[Any, Any]:
    """How every episode ended, "" if that was not seen."""
    size = len(episodes)
    lasting = check_flags("censored", episodes["censored"], size)
    states = episodes["resolved_into"].to_numpy(dtype=object)
    odd = [state for state in states[~lasting] if state not in _ENDINGS]
    if odd:
        raise DataError(
            f"resolved_into is {odd[0]!r} for an episode that ended; it must be one of "
            f"{tuple(_ENDINGS)}."
        )
    endings = np.array(
        ["" if on else _ENDINGS[state] for on, state in zip(lasting, states, strict=True)],
        dtype=object,
    )
    if "rows_back" in episodes.columns:
        # On the last row both may hold; an ending by the chart's rule always is a recovery.
        back = episodes["rows_back"].to_numpy() == episodes["rows"].to_numpy()
        endings[back & (endings == WAYS[1])] = WAYS[0]
    unreadable = ~lasting & (endings == "")
    if unreadable.any():
        notes.append(
            f"Counted as censored: {plural(int(unreadable.sum()), 'episode')} with an unreadable "
            "state at the end."
        )
    if "provisional" in episodes.columns:
        open_ended = check_flags("provisional", episodes["provisional"], size) & (endings != "")
        endings[open_ended] = ""
        if open_ended.any():
            notes.append(
                f"Counted as censored: {plural(int(open_ended.sum()), 'episode')} that ended too "
                "recently to be over for good."
            )
    return endings
