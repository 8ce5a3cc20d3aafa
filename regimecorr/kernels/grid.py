"""Exact filtering of a correlation that lives on a grid of Fisher z values.

One transition serves every grid model: with probability ``hazard`` the state jumps to a level
drawn from ``prior``, otherwise it moves ``reach`` cells up, ``reach`` cells down or stays,

``P[j, k] = hazard * prior[k] + (1 - hazard) * (up[j] 1(k = j + reach) + down[j] 1(k = j - reach) +
stay[j] 1(k = j))``,

so one step costs a few operations per cell (``reach = 0``: no moves but jumps). Log-sum-exp pivots
at the true maximum of each row.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from regimecorr.kernels.density import log_density


@njit(cache=True, nogil=True)
def advance(state, hazard, prior, up, down, out, reach=1):
    """One-step-ahead probabilities of the cells, written to ``out``."""
    size = state.shape[0]
    stay_put = 1.0 - hazard
    for k in range(size):
        out[k] = stay_put * state[k] * (1.0 - up[k] - down[k]) + hazard * prior[k]
    if reach == 0:
        return
    # Slices instead of shifted indices: those could be negative, which costs a branch each.
    rest = size - reach
    higher, lower = out[reach:], out[:rest]
    below, above = state[:rest], state[reach:]
    rising, falling = up[:rest], down[reach:]
    for k in range(rest):
        higher[k] += stay_put * below[k] * rising[k]
    for k in range(rest):
        lower[k] += stay_put * above[k] * falling[k]


@njit(cache=True, nogil=True)
def _weigh_in_logs(ahead, x, y, rho, nu, state):
    """Bayes' rule for a row whose probabilities underflow; returns the row's log-likelihood."""
    best = -np.inf
    for k in range(ahead.shape[0]):
        if ahead[k] > 0.0:
            best = max(best, math.log(ahead[k]) + log_density(x, y, rho[k], nu))
    total = 0.0
    for k in range(ahead.shape[0]):
        state[k] = 0.0
        if ahead[k] > 0.0:
            state[k] = math.exp(math.log(ahead[k]) + log_density(x, y, rho[k], nu) - best)
        total += state[k]
    for k in range(ahead.shape[0]):
        state[k] /= total
    return best + math.log(total)


@njit(cache=True, nogil=True)
def _dot(a, b):
    """Sum of products in four strands.

    Their order is fixed here: under fast-math it would follow where the arrays lie in memory.
    """
    size = a.shape[0]
    whole = size - size % 4
    s0 = s1 = s2 = s3 = 0.0
    for k in range(0, whole, 4):
        s0 += a[k] * b[k]
        s1 += a[k + 1] * b[k + 1]
        s2 += a[k + 2] * b[k + 2]
        s3 += a[k + 3] * b[k + 3]
    for k in range(whole, size):
        s0 += a[k] * b[k]
    return (s0 + s1) + (s2 + s3)


@njit(cache=True, nogil=True)
def _weigh(ahead, row, state):
    """Multiply by the densities of a row; returns the total mass."""
    for k in range(ahead.shape[0]):
        state[k] = ahead[k] * row[k]
    return _dot(ahead, row)


@njit(cache=True, nogil=True)
def _normalise(state, total, rho):
    """Divide by the total mass; returns the mean correlation."""
    scale = 1.0 / total
    for k in range(state.shape[0]):
        state[k] *= scale
    return _dot(state, rho)


@njit(cache=True, nogil=True)
def grid_filter(z, table, top, rho, nu, start, hazard, prior, up, down, tail, reach=1):
    """Filter a table of densities.

    Parameters are the (n_obs, 2) residuals, the (n_obs, n_grid) densities scaled by each row's
    maximum with the logarithms of the maxima (`density_table`), the grid's correlations and the
    (n_grid,) start and transition probabilities. Returns the log-likelihood of each row (n_obs,),
    the filtered mean correlation (n_obs,) and the filtered probabilities of the last ``tail`` rows
    (tail, n_grid).
    """
    n, size = table.shape
    loglik = np.empty(n)
    mean = np.empty(n)
    last = np.empty((tail, size))
    state = np.empty(size)
    ahead = start.copy()
    for t in range(n):
        if t > 0:
            advance(state, hazard, prior, up, down, ahead, reach)
        total = _weigh(ahead, table[t], state)
        if total > 1e-250:
            loglik[t] = math.log(total) + top[t]
        else:
            loglik[t] = _weigh_in_logs(ahead, z[t, 0], z[t, 1], rho, nu, state)
            total = 1.0
        mean[t] = _normalise(state, total, rho)
        if t >= n - tail:
            last[t - (n - tail)] = state
    return loglik, mean, last


@njit(cache=True, nogil=True)
def grid_smoother(filtered, rho, hazard, prior, up, down, reach=1):
    """Smoothed mean correlation (n_obs,) and first row's probabilities (n_grid,).

    From filtered probabilities (n_obs, n_grid).

    Backward step of Kitagawa (1987) on the grid:
    ``s_t[j] = f_t[j] sum_k P[j, k] s_{t+1}[k] / a_{t+1}[k]``.
    """
    n, size = filtered.shape
    mean = np.empty(n)
    smooth = filtered[n - 1].copy()
    ahead = np.empty(size)
    ratio = np.empty(size)
    for t in range(n - 1, -1, -1):
        if t < n - 1:
            advance(filtered[t], hazard, prior, up, down, ahead, reach)
            jump = 0.0
            for k in range(size):
                ratio[k] = smooth[k] / ahead[k] if ahead[k] > 0.0 else 0.0
                jump += prior[k] * ratio[k]
            total = 0.0
            for j in range(size):
                local = (1.0 - up[j] - down[j]) * ratio[j]
                if j < size - reach:
                    local += up[j] * ratio[j + reach]
                if j >= reach:
                    local += down[j] * ratio[j - reach]
                smooth[j] = filtered[t, j] * (hazard * jump + (1.0 - hazard) * local)
                total += smooth[j]
            for j in range(size):
                smooth[j] /= total
        average = 0.0
        for j in range(size):
            average += smooth[j] * rho[j]
        mean[t] = average
    return mean, smooth


@njit(cache=True, nogil=True)
def draw_cell(weights, u):
    """Index drawn from unnormalised weights by inversion of the uniform ``u``."""
    total = 0.0
    for k in range(weights.shape[0]):
        total += weights[k]
    goal = u * total
    acc = 0.0
    pick = 0
    for k in range(weights.shape[0]):
        if weights[k] > 0.0:
            acc += weights[k]
            pick = k
            if acc > goal:
                break
    return pick


@njit(cache=True, nogil=True)
def sample_backward(last, hazard, prior, up, down, uniforms, reach=1):
    """Draw cell paths over the last rows given all data (forward filter, backward sampling).

    ``last`` is (tail, n_grid), ``uniforms`` (n_paths, tail); returns cells (n_paths, tail). The
    cell before is a neighbour, or, if a jump led here, any cell in proportion to its filtered
    probability.
    """
    tail, size = last.shape
    n_paths = uniforms.shape[0]
    cells = np.empty((n_paths, tail), dtype=np.int64)
    for p in range(n_paths):
        k = draw_cell(last[tail - 1], uniforms[p, tail - 1])
        cells[p, tail - 1] = k
        for t in range(tail - 2, -1, -1):
            stay_put = 1.0 - hazard
            mid = stay_put * last[t, k] * (1.0 - up[k] - down[k])
            low = stay_put * last[t, k - reach] * up[k - reach] if k >= reach else 0.0
            high = 0.0
            if k < size - reach:
                high = stay_put * last[t, k + reach] * down[k + reach]
            jump = hazard * prior[k]
            goal = uniforms[p, t] * (mid + low + high + jump)
            if goal < mid:
                pass
            elif goal < mid + low:
                k -= reach
            elif goal < mid + low + high:
                k += reach
            elif jump > 0.0:
                k = draw_cell(last[t], (goal - mid - low - high) / jump)
            cells[p, t] = k
    return cells
