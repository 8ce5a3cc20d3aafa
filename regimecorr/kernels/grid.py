"""Exact filtering of a correlation that lives on a grid of Fisher z values.

One transition serves every grid model: with probability ``hazard`` the state jumps to a level drawn from
``prior``, otherwise it moves one cell up, one cell down or stays,

``P[j, k] = hazard * prior[k] + (1 - hazard) * (up[j] 1(k = j + 1) + down[j] 1(k = j - 1) + stay[j] 1(k = j))``,

so one step costs a few operations per cell. Log-sum-exp pivots at the true maximum of each row.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def advance(state, hazard, prior, up, down, out):
    """One-step-ahead probabilities of the cells, written to ``out``."""
    size = state.shape[0]
    stay_put = 1.0 - hazard
    for k in range(size):
        mass = state[k] * (1.0 - up[k] - down[k])
        if k > 0:
            mass += state[k - 1] * up[k - 1]
        if k < size - 1:
            mass += state[k + 1] * down[k + 1]
        out[k] = stay_put * mass + hazard * prior[k]


@njit(cache=True, nogil=True)
def _weigh_in_logs(ahead, log_row, state):
    """Bayes' rule for a row whose probabilities underflow; returns the row's log-likelihood."""
    best = -np.inf
    for k in range(ahead.shape[0]):
        if ahead[k] > 0.0:
            best = max(best, math.log(ahead[k]) + log_row[k])
    total = 0.0
    for k in range(ahead.shape[0]):
        state[k] = math.exp(math.log(ahead[k]) + log_row[k] - best) if ahead[k] > 0.0 else 0.0
        total += state[k]
    for k in range(ahead.shape[0]):
        state[k] /= total
    return best + math.log(total)


@njit(cache=True, nogil=True)
def scale_rows(log_table):
    """Densities divided by each row's maximum, and the logarithms of the maxima."""
    n, size = log_table.shape
    table = np.empty((n, size))
    top = np.empty(n)
    for t in range(n):
        top[t] = log_table[t, 0]
        for k in range(1, size):
            top[t] = max(top[t], log_table[t, k])
        for k in range(size):
            table[t, k] = math.exp(log_table[t, k] - top[t])
    return table, top


@njit(cache=True, nogil=True)
def grid_filter(log_table, table, top, rho, start, hazard, prior, up, down, tail):
    """Filter a table of densities.

    Parameters are the (n_obs, n_grid) log densities with their scaled form (`scale_rows`), the grid's
    correlations and the (n_grid,) start and transition probabilities. Returns the log-likelihood of each row
    (n_obs,), the filtered mean correlation (n_obs,) and the filtered probabilities of the last ``tail`` rows
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
            advance(state, hazard, prior, up, down, ahead)
        total = 0.0
        for k in range(size):
            state[k] = ahead[k] * table[t, k]
            total += state[k]
        if total > 1e-250:
            loglik[t] = math.log(total) + top[t]
            scale = 1.0 / total
            for k in range(size):
                state[k] *= scale
        else:
            loglik[t] = _weigh_in_logs(ahead, log_table[t], state)
        average = 0.0
        for k in range(size):
            average += state[k] * rho[k]
        mean[t] = average
        if t >= n - tail:
            last[t - (n - tail)] = state
    return loglik, mean, last


@njit(cache=True, nogil=True)
def grid_smoother(filtered, rho, hazard, prior, up, down):
    """Smoothed mean correlation (n_obs,) from filtered probabilities (n_obs, n_grid).

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
            advance(filtered[t], hazard, prior, up, down, ahead)
            jump = 0.0
            for k in range(size):
                ratio[k] = smooth[k] / ahead[k] if ahead[k] > 0.0 else 0.0
                jump += prior[k] * ratio[k]
            total = 0.0
            for j in range(size):
                local = (1.0 - up[j] - down[j]) * ratio[j]
                if j < size - 1:
                    local += up[j] * ratio[j + 1]
                if j > 0:
                    local += down[j] * ratio[j - 1]
                smooth[j] = filtered[t, j] * (hazard * jump + (1.0 - hazard) * local)
                total += smooth[j]
            for j in range(size):
                smooth[j] /= total
        average = 0.0
        for j in range(size):
            average += smooth[j] * rho[j]
        mean[t] = average
    return mean


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
def sample_backward(last, hazard, prior, up, down, uniforms):
    """Draw cell paths over the last rows given all data (forward filter, backward sampling).

    ``last`` is (tail, n_grid), ``uniforms`` (n_paths, tail); returns cells (n_paths, tail).
    """
    tail, size = last.shape
    n_paths = uniforms.shape[0]
    cells = np.empty((n_paths, tail), dtype=np.int64)
    weights = np.empty(size)
    for p in range(n_paths):
        cells[p, tail - 1] = draw_cell(last[tail - 1], uniforms[p, tail - 1])
        for t in range(tail - 2, -1, -1):
            k = cells[p, t + 1]
            if hazard == 0.0:
                # Only the neighbours can lead here: no need to weigh the whole grid.
                low = last[t, k - 1] * up[k - 1] if k > 0 else 0.0
                mid = last[t, k] * (1.0 - up[k] - down[k])
                high = last[t, k + 1] * down[k + 1] if k < size - 1 else 0.0
                goal = uniforms[p, t] * (low + mid + high)
                if goal < mid:
                    cells[p, t] = k
                elif goal < mid + low and k > 0:
                    cells[p, t] = k - 1
                else:
                    cells[p, t] = min(k + 1, size - 1) if high > 0.0 else k
                continue
            jump = hazard * prior[k]
            for j in range(size):
                weights[j] = last[t, j] * jump
            weights[k] += last[t, k] * (1.0 - hazard) * (1.0 - up[k] - down[k])
            if k > 0:
                weights[k - 1] += last[t, k - 1] * (1.0 - hazard) * up[k - 1]
            if k < size - 1:
                weights[k + 1] += last[t, k + 1] * (1.0 - hazard) * down[k + 1]
            cells[p, t] = draw_cell(weights, uniforms[p, t])
    return cells
