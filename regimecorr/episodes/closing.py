"""How one gap closes: which leg moved which way, and how sure the split between the legs is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from regimecorr.events import Array, Gap, gap_pathways
from regimecorr.kernels.resample import stationary_indices

#: Fewer rows are no sample of how a gap closes.
FEWEST_CLOSING_ROWS = 10
LAGGARD, LEADER, BOTH = "laggard rallied", "leader fell", "both"


@dataclass(frozen=True, slots=True)
class ShareInterval:
    """Bootstrap interval of the asset's share of a closing.

    Attributes
    ----------
    lower, upper : float
        Its limits; NaN with a note.
    led : float
        Share of the resampled closings that the asset led.
    note : str
        Why there is no interval; empty when there is one.
    """

    lower: float = np.nan
    upper: float = np.nan
    led: float = np.nan
    note: str = ""


def read_closings(gap: Gap, moves: Array) -> pd.DataFrame:
    """How each path closes the gap: the columns of `gap_pathways` and ``story``.

    The laggard is the leg that is behind at the start, the asset when ``z < 0``, and the leader the
    other one. The gap closes by what the laggard rises more than the leader, so one of three things
    happened: the laggard rose and the leader did not fall ("laggard rallied"), the leader fell and
    the laggard did not rise ("leader fell"), or the laggard rose and the leader fell ("both").
    """
    if moves.shape[1] == 0:  # nothing seen yet: open
        moves = np.zeros((len(moves), 1, 2))
    paths = gap_pathways(gap, moves)
    behind, ahead = ("asset", "benchmark") if gap.z < 0 else ("benchmark", "asset")
    rallied, fell = paths[f"{behind}_move"] > 0.0, paths[f"{ahead}_move"] < 0.0
    is_open = paths["pathway"] == "open"
    paths["story"] = np.select(
        [is_open, rallied & fell, rallied], ["open", BOTH, LAGGARD], default=LEADER
    )
    return paths


def share_interval(
    gap: Gap, moves: Array, n_boot: int, ci_prob: float, rng: np.random.Generator
) -> ShareInterval:
    """Interval of the asset's share, from the log returns (n_rows, 2) that closed the gap.

    The rows are resampled in blocks, both legs together (stationary bootstrap, mean block
    ``n_rows ** (1 / 3)``), into paths of the same length. Each is read by the definition itself: up
    to where it first closes the gap. Paths that do not are left out, so that no share has a
    vanishing denominator; the limits are percentiles of the others.
    """
    n = len(moves)
    if n < FEWEST_CLOSING_ROWS:
        return ShareInterval(note=f"closed in {n} rows, fewer than {FEWEST_CLOSING_ROWS}")
    starts, uniforms = rng.integers(0, n, (n_boot, n)), rng.random((n_boot, n))
    rows = [stationary_indices(*both, n ** (1 / 3)) for both in zip(starts, uniforms, strict=True)]
    again = read_closings(gap, moves[np.array(rows)])
    again = again[again["pathway"] != "open"]
    tail = 0.5 * (1.0 - ci_prob)
    if len(again) * tail < 1.0:
        return ShareInterval(note=f"only {len(again)} of {n_boot} resampled paths closed the gap")
    lower, upper = np.quantile(again["asset_share"], [tail, 1.0 - tail])
    led = float((again["pathway"] == "asset-led").mean())
    return ShareInterval(float(lower), float(upper), led)
