"""Block resampling indices."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def stationary_indices(starts, uniforms, mean_block):
    """Indices of a stationary bootstrap (Politis and Romano 1994), circular.

    ``starts`` (n,) are integers in [0, n), ``uniforms`` (n,): row i begins a new block at
    ``starts[i]`` with probability ``1 / mean_block`` and otherwise follows its predecessor.
    """
    n = starts.shape[0]
    out = np.empty(n, dtype=np.int64)
    for i in range(n):
        if i == 0 or uniforms[i] * mean_block < 1.0:
            out[i] = starts[i]
        else:
            out[i] = (out[i - 1] + 1) % n
    return out
