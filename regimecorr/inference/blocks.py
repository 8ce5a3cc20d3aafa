"""How long the blocks of a bootstrap are."""

from __future__ import annotations

import numpy as np
from arch.bootstrap import optimal_block_length

from regimecorr.kernels.resample import stationary_indices
from regimecorr.models.base import Array, IntArray


def block_length(values: Array) -> float:
    """Mean block of the stationary bootstrap for a series (n,), at least 1, at most n / 3.

    Politis and White (2004), corrected by Patton, Politis and White (2009).
    """
    found = float(optimal_block_length(np.asarray(values, dtype=float))["stationary"].iloc[0])
    return float(np.clip(found, 1.0, len(values) / 3.0))


def resampled_rows(n: int, mean_block: float, rng: np.random.Generator) -> IntArray:
    """Rows (n,) of a stationary bootstrap sample."""
    rows: IntArray = stationary_indices(rng.integers(0, n, n), rng.random(n), mean_block)
    return rows
