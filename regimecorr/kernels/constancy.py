"""Loops of the tests of a constant correlation: fluctuation, delete-one values, signs."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

# Below this part of its sum of squares a variance is rounding.
_FLAT = 1e-14


@njit(cache=True, nogil=True)
def bartlett_variance(values, bandwidth):
    """Long-run variance of a series (n,), about its mean.

    ``g(0) + 2 sum_{l < b} (1 - l / b) g(l)``, not below zero.
    """
    n = values.shape[0]
    mean = 0.0
    for t in range(n):
        mean += values[t]
    mean /= n
    total = 0.0
    for t in range(n):
        total += (values[t] - mean) ** 2
    for lag in range(1, bandwidth):
        cross = 0.0
        for t in range(lag, n):
            cross += (values[t] - mean) * (values[t - lag] - mean)
        total += 2.0 * (1.0 - lag / bandwidth) * cross
    return max(total, 0.0) / n


@njit(cache=True, nogil=True)
def fluctuation_maxima(x, y, rows, bandwidth):
    """Largest fluctuation of the correlation in every resampled pair.

    ``rows`` (n_boot, n) are rows of ``x`` and ``y``. A replicate is the maximum over j of ``j |r_j
    - r_n| / (sqrt(n) D)``, D the long-run standard deviation of the influence function, as in
    `regimecorr.inference.constancy.fluctuation`; infinite where D is zero.
    """
    n_boot, n = rows.shape
    out = np.empty(n_boot)
    u = np.empty(n)
    v = np.empty(n)
    psi = np.empty(n)
    r = np.empty(n)
    for b in range(n_boot):
        mean_x = 0.0
        mean_y = 0.0
        for t in range(n):
            u[t] = x[rows[b, t]]
            v[t] = y[rows[b, t]]
            mean_x += u[t]
            mean_y += v[t]
        mean_x /= n
        mean_y /= n
        sx = 0.0
        sy = 0.0
        xx = 0.0
        yy = 0.0
        xy = 0.0
        for t in range(n):
            u[t] -= mean_x
            v[t] -= mean_y
            sx += u[t]
            sy += v[t]
            xx += u[t] * u[t]
            yy += v[t] * v[t]
            xy += u[t] * v[t]
            j = t + 1.0
            vx = xx - sx * sx / j
            vy = yy - sy * sy / j
            if vx <= _FLAT * xx or vy <= _FLAT * yy:
                r[t] = np.nan
            else:
                r[t] = (xy - sx * sy / j) / math.sqrt(vx * vy)
        whole = r[n - 1]
        for t in range(n):
            first = u[t] * u[t] / xx
            second = v[t] * v[t] / yy
            psi[t] = n * (u[t] * v[t] / math.sqrt(xx * yy) - 0.5 * whole * (first + second))
        largest = 0.0
        for t in range(n):
            if not np.isnan(r[t]):
                largest = max(largest, (t + 1.0) * abs(r[t] - whole))
        scale = math.sqrt(n * bartlett_variance(psi, bandwidth))
        out[b] = largest / scale if scale > 0.0 else np.inf
    return out


@njit(cache=True, nogil=True)
def delete_one(x, y):
    """Correlation of a pair, and its delete-one values (n,) on the scale of Fisher's z.

    Value t is ``(n - 1) (r - r without t) / (1 - r^2)``: the influence function, and what its first
    order leaves out where a row weighs much.
    """
    n = x.shape[0]
    mean_x = 0.0
    mean_y = 0.0
    for t in range(n):
        mean_x += x[t]
        mean_y += y[t]
    mean_x /= n
    mean_y /= n
    xx = 0.0
    yy = 0.0
    xy = 0.0
    for t in range(n):
        xx += (x[t] - mean_x) ** 2
        yy += (y[t] - mean_y) ** 2
        xy += (x[t] - mean_x) * (y[t] - mean_y)
    r = xy / math.sqrt(xx * yy)
    values = np.empty(n)
    step = n / (n - 1.0)
    scale = (n - 1.0) / (1.0 - r * r)
    for t in range(n):
        u = x[t] - mean_x
        v = y[t] - mean_y
        without = (xy - step * u * v) / math.sqrt((xx - step * u * u) * (yy - step * v * v))
        values[t] = scale * (r - without)
    return r, values


@njit(cache=True, nogil=True)
def change_values(x, y, split):
    """Correlations before and after a row, and the variances of their Fisher z.

    The variances are those of either side's delete-one values, Bartlett's with bandwidth ln n.
    """
    n = x.shape[0]
    r0, before = delete_one(x[:split], y[:split])
    r1, after = delete_one(x[split:], y[split:])
    v0 = bartlett_variance(before, int(math.log(split))) / split
    v1 = bartlett_variance(after, int(math.log(n - split))) / (n - split)
    return r0, r1, v0, v1


@njit(cache=True, nogil=True)
def wald_path(x, y, first, last):
    """Squared difference of Fisher's z, over its variance, by the rows before the change.

    See `change_values`; the path is that of ``first`` .. ``last`` rows before it, infinite where
    the variance is zero.
    """
    out = np.empty(last - first + 1)
    for k in range(first, last + 1):
        r0, r1, v0, v1 = change_values(x, y, k)
        variance = v0 + v1
        squared = (math.atanh(r1) - math.atanh(r0)) ** 2
        out[k - first] = squared / variance if variance > 0.0 else np.inf
    return out


@njit(cache=True, nogil=True)
def sign_replicates(products, squares, signs):
    """Sums of squared studentised autocovariances, the rows' signs drawn anew.

    ``products`` (n, s) holds at t, column l - 1, the product of rows t and t - l (rows below l are
    not read), ``squares`` (s,) the sums of their squares, ``signs`` (n_boot, n) plus or minus one.
    """
    n_boot, n = signs.shape
    lags = products.shape[1]
    out = np.zeros(n_boot)
    for b in range(n_boot):
        for lag in range(1, lags + 1):
            total = 0.0
            for t in range(lag, n):
                total += signs[b, t] * signs[b, t - lag] * products[t, lag - 1]
            out[b] += total * total / squares[lag - 1]
    return out
