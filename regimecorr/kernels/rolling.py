"""Rolling Pearson correlation, of one sample and along simulated paths."""

from __future__ import annotations

import numpy as np
from numba import njit

# Squared relative deviation that is rounding of the mean, no movement.
_ROUNDING = 1e-28
_REFRESH = 64  # rows after which the running sums are rebuilt, so that rounding cannot accumulate


@njit(cache=True, nogil=True)
def window_moments(x, y, start, stop):
    """Return the means and centred second moments of ``x[start:stop]`` and ``y[start:stop]``."""
    n = stop - start
    mean_x = 0.0
    mean_y = 0.0
    for i in range(start, stop):
        mean_x += x[i]
        mean_y += y[i]
    mean_x /= n
    mean_y /= n
    sxx = 0.0
    syy = 0.0
    sxy = 0.0
    for i in range(start, stop):
        dx = x[i] - mean_x
        dy = y[i] - mean_y
        sxx += dx * dx
        syy += dy * dy
        sxy += dx * dy
    # A constant that is no binary fraction leaves rounding behind; its moments are zero.
    if sxx <= _ROUNDING * n * mean_x * mean_x:
        sxx = 0.0
    if syy <= _ROUNDING * n * mean_y * mean_y:
        syy = 0.0
    return mean_x, mean_y, sxx, syy, sxy


@njit(cache=True, nogil=True)
def correlation_from_moments(sxx, syy, sxy):
    """Pearson correlation from centred moments; NaN where a series is constant."""
    if sxx <= 0.0 or syy <= 0.0:
        return np.nan
    r = sxy / np.sqrt(sxx) / np.sqrt(syy)
    return min(1.0, max(-1.0, r))


@njit(cache=True, nogil=True)
def pearson(x, y):
    """Pearson correlation of two vectors."""
    _, _, sxx, syy, sxy = window_moments(x, y, 0, x.shape[0])
    return correlation_from_moments(sxx, syy, sxy)


@njit(cache=True, nogil=True)
def rolling_pearson_from(x, y, first):
    """Rolling correlation: entry ``t`` uses rows ``first[t] .. t``; NaN where that is negative.

    ``first`` never decreases once it is not negative.
    """
    n = x.shape[0]
    out = np.full(n, np.nan)
    mean_x = mean_y = sxx = syy = sxy = 0.0
    start = -1  # first row in the sums
    age = 0
    for t in range(n):
        if first[t] < 0:
            continue
        # With fewer rows kept than dropped, summing anew is shorter too.
        rebuild = start < 0 or age >= _REFRESH or 2 * (first[t] - start) > t - start
        if not rebuild:
            # A leaving value that made up half the moment would cancel.
            for i in range(start, first[t]):
                dx = x[i] - mean_x
                dy = y[i] - mean_y
                rebuild = rebuild or 2.0 * dx * dx > sxx or 2.0 * dy * dy > syy
        if rebuild:
            mean_x, mean_y, sxx, syy, sxy = window_moments(x, y, first[t], t + 1)
            age = 0
        else:
            size = t - start
            for i in range(start, first[t]):
                size -= 1
                dx = x[i] - mean_x
                dy = y[i] - mean_y
                mean_x -= dx / size
                mean_y -= dy / size
                sxx -= dx * (x[i] - mean_x)
                syy -= dy * (y[i] - mean_y)
                sxy -= dx * (y[i] - mean_y)
            dx = x[t] - mean_x
            dy = y[t] - mean_y
            mean_x += dx / (size + 1)
            mean_y += dy / (size + 1)
            sxx += dx * (x[t] - mean_x)
            syy += dy * (y[t] - mean_y)
            sxy += dx * (y[t] - mean_y)
            age += 1
        start = first[t]
        out[t] = correlation_from_moments(sxx, syy, sxy)
    return out


@njit(cache=True, nogil=True)
def rolling_pearson(x, y, window):
    """Rolling correlation: entry ``t`` uses rows ``t - window + 1 .. t``.

    Entries before the first full window are NaN.
    """
    return rolling_pearson_from(x, y, np.maximum(np.arange(x.shape[0]) - window + 1, -1))


@njit(cache=True, nogil=True)
def path_correlation(paths, start, stop):
    """Correlation over steps ``start .. stop - 1`` of each path.

    ``paths`` is (n_paths, horizon, 2).
    """
    n_paths = paths.shape[0]
    out = np.empty(n_paths)
    for p in range(n_paths):
        out[p] = pearson(paths[p, start:stop, 0], paths[p, start:stop, 1])
    return out


@njit(cache=True, nogil=True)
def first_passage_above(history, paths, window, threshold):
    """First step at which the rolling correlation exceeds ``threshold``; 0 if it never does.

    ``history`` holds at least ``window - 1`` rows before the first simulated step; step 1 is the
    first simulated row.
    """
    n_paths, horizon, _ = paths.shape
    keep = window - 1
    x = np.empty(keep + horizon)
    y = np.empty(keep + horizon)
    first = history.shape[0] - keep
    for i in range(keep):
        x[i] = history[first + i, 0]
        y[i] = history[first + i, 1]
    out = np.zeros(n_paths, dtype=np.int64)
    for p in range(n_paths):
        for h in range(horizon):
            x[keep + h] = paths[p, h, 0]
            y[keep + h] = paths[p, h, 1]
        r = rolling_pearson(x, y, window)
        for h in range(horizon):
            if r[keep + h] > threshold:
                out[p] = h + 1
                break
    return out
