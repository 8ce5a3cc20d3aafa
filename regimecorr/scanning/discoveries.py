"""How many of the pairs that are called broken are called so by chance."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control

from regimecorr.errors import ModelError
from regimecorr.events import Array

Control: TypeAlias = Literal["by", "bh", "posterior"]
#: Column that each kind of control is read off.
COLUMN: dict[str, str] = {"by": "q_by", "bh": "q_bh", "posterior": "false_share"}


def q_values(pvalues: Array, method: Literal["bh", "by"]) -> Array:
    """Adjusted p-values (n_pairs,); NaN stays and does not count as a test."""
    known = np.isfinite(pvalues)
    out = np.full(len(pvalues), np.nan)
    if known.any():
        out[known] = false_discovery_control(pvalues[known], method=method)
    return out


def false_share(p_structural: Array) -> Array:
    """Expected share (n_pairs,) of wrong calls among the pairs from the first to each.

    The mean of ``1 - p`` over probabilities in descending order (Müller, Parmigiani, Robert and
    Rousseau 2004, section 2): true as far as they are calibrated.
    """
    return np.asarray(np.cumsum(1.0 - p_structural) / np.arange(1, len(p_structural) + 1))


def chosen_pairs(table: pd.DataFrame, q: float, control: Control) -> pd.DataFrame:
    """Rows of a scan's table that hold at the rate ``q``, the surest first."""
    if control not in get_args(Control):
        raise ModelError(f"control={control!r} is unknown; use one of {get_args(Control)}.")
    if isinstance(q, str) or q is None or not 0.0 < q < 1.0:
        raise ModelError(f"q={q!r} must be a share between 0 and 1.")
    found = table[table[COLUMN[control]] <= q]
    order = "p_structural" if control == "posterior" else "pvalue"
    return found.sort_values(order, ascending=order == "pvalue", kind="stable")
