"""Divergences read off one history: where they begin and end, and what became of them."""

from __future__ import annotations

import numpy as np
from numba import njit

from regimecorr.kernels.rolling import pearson

#: Columns of `read_divergences`.
FIRST, STOP, BACK, END, TRUNCATED, REFERENCE, MIDPOINT, SHORT, LONG, FRESH, NEGATIVE = range(11)
#: Which rows begin an episode.
SPELL, CROSSING, DAY = range(3)


@njit(cache=True, nogil=True)
def divergent_rows(short, long, anchor, threshold, elevated, oriented):
    """Sign (n,) of each row's reference (0: unreadable) and whether the row is divergent (n,).

    The reference of row t is ``long[anchor[t]]``. It is strong at ``elevated`` or above, and the
    row divergent if the short correlation is then at ``threshold`` or below; ``oriented``
    correlations are multiplied by the sign of the reference first.
    """
    n = short.shape[0]
    sign = np.zeros(n)
    flag = np.zeros(n, dtype=np.bool_)
    for t in range(n):
        if anchor[t] < 0:
            continue
        reference = long[anchor[t]]
        if np.isnan(reference) or np.isnan(short[t]):
            continue
        sign[t] = -1.0 if oriented and reference < 0.0 else 1.0
        flag[t] = sign[t] * reference >= elevated and sign[t] * short[t] <= threshold
    return sign, flag


@njit(cache=True, nogil=True)
def _back(short, sign, threshold, start):
    """First row from ``start`` on whose short correlation is above the threshold; n if none."""
    n = short.shape[0]
    for t in range(start, n):
        if sign * short[t] > threshold:
            return t
    return n


@njit(cache=True, nogil=True)
def read_divergences(
    x,
    y,
    short,
    long,
    anchor,
    end,
    fresh,
    threshold,
    elevated,
    oriented,
    start,
    merge,
    refractory,
):
    """Divergences of one history, one row (11,) each; the module names the columns.

    ``short`` and ``long`` (n,) are the rolling correlations of ``x`` and ``y``, ``anchor`` the row
    at which the reference is read, ``end`` and ``fresh`` the last row of the horizon and the first
    of its second half. A spell is a run of divergent rows, those less than ``merge`` rows apart
    joined. ``start`` says which rows begin an episode: `SPELL`, the first of a spell; `CROSSING`, a
    divergent row whose predecessor was above the threshold (the episode then lasts until the short
    correlation is back above it); `DAY`, any divergent row. None begins less than ``refractory``
    rows after the previous one.
    """
    n = x.shape[0]
    sign, flag = divergent_rows(short, long, anchor, threshold, elevated, oriented)
    readable = 0
    while readable < n and sign[readable] == 0.0:
        readable += 1
    most = 1
    for t in range(1, n):
        most += flag[t] and not flag[t - 1]
    if start == DAY and refractory > 0:
        most += n // refractory
    out = np.empty((most, 11))
    k = 0
    last = -n - refractory  # where the previous spell that counts began
    t = readable
    while t < n:
        waiting = start == DAY and t - last < refractory
        crosses = t > readable and sign[t - 1] * short[t - 1] > threshold
        if not flag[t] or waiting or (start == CROSSING and not crosses):
            t += 1
            continue
        first = t
        if start == CROSSING:
            stop = _back(short, sign[first], threshold, first)
        else:
            stop = first
            gap = 0
            while t < n and (gap == 0 or gap < merge):
                if flag[t]:
                    stop = t + 1
                    gap = 0
                else:
                    gap += 1
                t += 1
        t = first + refractory if start == DAY and refractory > 0 else stop
        if first - last < refractory:
            continue
        last = first
        o = sign[first]
        reference = long[anchor[first]]
        row = out[k]
        row[FIRST] = first
        row[STOP] = stop
        row[BACK] = _back(short, o, threshold, first)
        row[END] = end[first]
        row[TRUNCATED] = first == readable
        row[REFERENCE] = reference
        row[MIDPOINT] = o * (abs(reference) + min(o * short[first], 0.0)) / 2.0
        row[SHORT] = short[first]
        row[LONG] = long[first]
        row[FRESH] = np.nan
        row[NEGATIVE] = np.nan
        if end[first] >= 0:
            begin = fresh[first]
            row[FRESH] = pearson(x[begin : end[first] + 1], y[begin : end[first] + 1])
            row[NEGATIVE] = 0.0
            for u in range(first, end[first] + 1):
                if o * long[u] < 0.0:
                    row[NEGATIVE] = 1.0
        k += 1
    return out[:k]
