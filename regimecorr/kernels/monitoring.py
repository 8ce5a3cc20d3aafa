"""Run lengths: when the correlation on a grid last changed, filtered row by row."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from regimecorr.kernels.density import log_density


@njit(cache=True, nogil=True)
def reweigh(cells, row, factor):
    """Multiply cells by ``factor`` and the densities of a row, in place; returns their sum."""
    # Four strands in a fixed order: under fast-math it would follow where the arrays lie.
    size = cells.shape[0]
    whole = size - size % 4
    s0 = s1 = s2 = s3 = 0.0
    for g in range(0, whole, 4):
        cells[g] *= factor * row[g]
        cells[g + 1] *= factor * row[g + 1]
        cells[g + 2] *= factor * row[g + 2]
        cells[g + 3] *= factor * row[g + 3]
        s0 += cells[g]
        s1 += cells[g + 1]
        s2 += cells[g + 2]
        s3 += cells[g + 3]
    for g in range(whole, size):
        cells[g] *= factor * row[g]
        s0 += cells[g]
    return (s0 + s1) + (s2 + s3)


@njit(cache=True, nogil=True)
def reweigh_in_logs(state, mass, runs, before, x, y, rho, nu):
    """Bayes' rule for a row whose total mass underflows; returns the row's log-likelihood.

    ``before`` (runs, n_grid) are the cells one step ahead; ``state`` and ``mass`` are written.
    """
    size = rho.shape[0]
    logs = np.empty(size)
    for g in range(size):
        logs[g] = log_density(x, y, rho[g], nu)
    best = -np.inf
    for r in range(runs):
        for g in range(size):
            if before[r, g] > 0.0:
                best = max(best, math.log(before[r, g]) + logs[g])
    total = 0.0
    for r in range(runs):
        mass[r] = 0.0
        for g in range(size):
            state[r, g] = 0.0
            if before[r, g] > 0.0:
                state[r, g] = math.exp(math.log(before[r, g]) + logs[g] - best)
            mass[r] += state[r, g]
        total += mass[r]
    for r in range(runs):
        mass[r] /= total
        for g in range(size):
            state[r, g] /= total
    return best + math.log(total)


@njit(cache=True, nogil=True)
def merge_runs(state, mass, began, runs, last, watch, tiny):
    """Join neighbouring runs that together weigh less than ``tiny``; returns how many remain.

    The joint cells of two runs follow one recursion, so nothing but the date of the change is
    lost: the heavier run gives its own. Runs that began after row ``last`` or at row 0 are kept,
    and none is joined across row ``watch``.
    """
    kept = 1
    for r in range(1, runs):
        into = kept - 1
        same_side = (began[into] < watch) == (began[r] < watch)
        if into > 0 and began[r] <= last and same_side and mass[into] + mass[r] < tiny:
            if mass[r] > mass[into]:
                began[into] = began[r]
            mass[into] += mass[r]
            for g in range(state.shape[1]):
                state[into, g] += state[r, g]
        else:
            if kept != r:
                began[kept] = began[r]
                mass[kept] = mass[r]
                state[kept] = state[r]
            kept += 1
    return kept


@njit(cache=True, nogil=True)
def quantile_row(mass, began, runs, share):
    """First row by which a share of the mass has begun."""
    total = 0.0
    for r in range(runs):
        total += mass[r]
        if total >= share:
            return began[r]
    return began[runs - 1]


@njit(cache=True, nogil=True)
def run_length_filter(z, table, top, rho, nu, prior, hazard, watch, windows, tails, tiny):
    """Posterior of the row at which the current run began (Adams and MacKay 2007).

    A level survives a row with probability ``1 - hazard`` and is otherwise drawn anew from
    ``prior`` (n_grid,). The joint mass of a run and the grid is multiplied by the densities of a
    row (``table``, ``top`` of `density_table`) and a new run joins; that is the filter of
    `grid_filter` with the runs kept apart. Every sixteen rows runs too light to matter are joined
    (`merge_runs`), which leaves everything but dates exact.

    Returns the log-likelihood of each row (n,), and by row the probability of a change since row
    ``watch`` (n,) and within the last ``windows`` rows (n, n_windows), the likeliest first row of
    the current run (n,), the rows by which the shares ``tails`` of its distribution are reached (n,
    2), and after the last row the first rows of the runs (n_runs,) and their probabilities.
    """
    n, size = table.shape
    loglik = np.empty(n)
    since = np.zeros(n)
    within = np.zeros((n, windows.shape[0]))
    likeliest = np.full((n, 2), -1, dtype=np.int64)
    bounds = np.zeros((n, 2), dtype=np.int64)
    state = np.empty((n, size))
    mass = np.empty(n)
    began = np.empty(n, dtype=np.int64)
    longest = windows.max()
    runs = 0
    factor = 1.0
    for t in range(n):
        state[runs] = prior if t == 0 else hazard / ((1.0 - hazard) * factor) * prior
        began[runs] = t
        runs += 1
        step = factor if t == 0 else (1.0 - hazard) * factor
        # The new run alone tells whether the row's densities underflow.
        if step * reweigh(state[runs - 1].copy(), table[t], 1.0) > 1e-250:
            total = 0.0
            for r in range(runs):
                mass[r] = reweigh(state[r], table[t], step)
                total += mass[r]
            loglik[t] = math.log(total) + top[t]
            factor = 1.0 / total
        else:
            before = step * state[:runs]
            loglik[t] = reweigh_in_logs(state, mass, runs, before, z[t, 0], z[t, 1], rho, nu)
            factor = 1.0
        best = 0
        late = -1
        for r in range(runs):
            mass[r] *= factor
            if began[r] >= watch:
                since[t] += mass[r]
                if late < 0 or mass[r] > mass[late]:
                    late = r
            for w in range(windows.shape[0]):
                if t > 0 and began[r] > 0 and began[r] > t - windows[w]:
                    within[t, w] += mass[r]
            if mass[r] > mass[best]:
                best = r
        likeliest[t, 0] = began[best]
        if late >= 0:
            likeliest[t, 1] = began[late]
        for i in range(2):
            bounds[t, i] = quantile_row(mass, began, runs, tails[i])
        if t % 16 == 15:
            runs = merge_runs(state, mass, began, runs, t - longest, watch, tiny)
    return loglik, since, within, likeliest, bounds, began[:runs].copy(), mass[:runs].copy()
