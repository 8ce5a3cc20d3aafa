r"""Seeded intervals: a search that a change which passes does not escape.

Split once, a correlation that falls and returns is hardly better described than by a constant: one
break in the whole span says little. Some interval holds only one of the two breaks. Seeded
intervals (Kovács, Bühlmann, Li and Munk 2023) are a fixed set in which every break has an interval
of its own of about the length that its neighbours leave it: in layer k there are
:math:`2 \lceil 2^{(k-1)/2} \rceil - 1` intervals of :math:`n / 2^{(k-1)/2}` rows, evenly spread.

The statistic by date is the largest LM statistic over the intervals that hold the date, with the
long-run variance of the whole span in all of them. Its maximum is compared with those of permuted
rows, which pass the same intervals.
"""

from __future__ import annotations

import numpy as np

from regimecorr.inference.known_dates import long_run_variance, squared_sums
from regimecorr.models.base import Array


def seeded_intervals(n: int, shortest: int) -> list[tuple[int, int]]:
    r"""First rows and ends (not in it) of the intervals of ``shortest`` rows or more, all n first.

    Parameters
    ----------
    n : int
        Rows of the span.
    shortest : int
        Fewest rows of an interval.

    Returns
    -------
    list of (int, int)

    References
    ----------
    Kovács, S., Bühlmann, P., Li, H. and Munk, A. (2023). Seeded binary segmentation: a general
    methodology for fast and optimal changepoint detection. Biometrika 110, 249-256, definition 1
    with decay :math:`1 / \sqrt 2`.

    Examples
    --------
    >>> from regimecorr.inference.segmentation.seeded import seeded_intervals
    >>> seeded_intervals(100, 60)
    [(0, 100), (0, 71), (14, 86), (29, 100)]
    """
    found: dict[tuple[int, int], None] = {(0, n): None}
    layer = 1
    while (length := n * 2.0 ** (-0.5 * layer)) >= shortest:
        number = 2 * int(np.ceil(2.0 ** (0.5 * layer) - 1e-9)) - 1
        for start in np.linspace(0.0, n - length, number):
            # Rounding must not put a row before or behind the span.
            found[int(start + 1e-9), min(int(np.ceil(start + length - 1e-9)), n)] = None
        layer += 1
    return list(found)


def seeded_path(values: Array, min_rows: int) -> Array:
    """Largest LM statistics (..., n - 2 min_rows + 1) of values (..., n), by rows before the break.

    Parameters
    ----------
    values : ndarray of shape (..., n)
        Influence of the rows.
    min_rows : int
        Fewest rows on either side of a date in an interval.

    Returns
    -------
    ndarray of shape (..., n - 2 min_rows + 1)
    """
    n = values.shape[-1]
    path = np.zeros((*values.shape[:-1], n - 2 * min_rows + 1))
    for start, stop in seeded_intervals(n, 2 * min_rows):
        part = values[..., start:stop]
        part = part - part.mean(axis=-1, keepdims=True)
        sums = squared_sums(part, min_rows, stop - start - min_rows)
        dates = path[..., start : stop - 2 * min_rows + 1]
        np.maximum(dates, sums, out=dates)
    return np.asarray(path / long_run_variance(values)[..., None])
