"""Hamilton filter, Kim smoother and Viterbi path of a Markov-switching correlation, in log space.

The log-sum-exp of every row pivots at the row's true maximum, so one observation that is unlikely
in every regime gives a finite, correct likelihood.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from regimecorr.kernels.density import log_density


@njit(cache=True, nogil=True)
def regime_log_densities(z, rho, nu):
    """Log densities (n_obs, n_regimes)."""
    n = z.shape[0]
    k = rho.shape[0]
    out = np.empty((n, k))
    for t in range(n):
        for j in range(k):
            out[t, j] = log_density(z[t, 0], z[t, 1], rho[j], nu)
    return out


@njit(cache=True, nogil=True)
def hamilton_filter(log_dens, transition, start):
    """Filtered probabilities and the likelihood of each row.

    ``transition[i, j] = P(S_t = j | S_{t-1} = i)``, ``start`` the regime probabilities of row 0
    before it is seen. Returns log-likelihoods (n_obs,), predicted (n_obs, K) using rows to ``t -
    1``, filtered (n_obs, K) using rows to ``t``.
    """
    n, k = log_dens.shape
    loglik = np.empty(n)
    predicted = np.empty((n, k))
    filtered = np.empty((n, k))
    for t in range(n):
        best = -np.inf
        for j in range(k):
            if t == 0:
                mass = start[j]
            else:
                mass = 0.0
                for i in range(k):
                    mass += filtered[t - 1, i] * transition[i, j]
            predicted[t, j] = mass
            if mass > 0.0:
                best = max(best, math.log(mass) + log_dens[t, j])
        total = 0.0
        for j in range(k):
            mass = predicted[t, j]
            value = math.exp(math.log(mass) + log_dens[t, j] - best) if mass > 0.0 else 0.0
            filtered[t, j] = value
            total += value
        for j in range(k):
            filtered[t, j] /= total
        loglik[t] = best + math.log(total)
    return loglik, predicted, filtered


@njit(cache=True, nogil=True)
def kim_smoother(predicted, filtered, transition):
    """Smoothed probabilities (n_obs, K) and expected transition counts (K, K)."""
    n, k = filtered.shape
    smoothed = np.empty((n, k))
    counts = np.zeros((k, k))
    smoothed[n - 1] = filtered[n - 1]
    for t in range(n - 2, -1, -1):
        for i in range(k):
            total = 0.0
            for j in range(k):
                if predicted[t + 1, j] > 0.0:
                    joint = (
                        filtered[t, i] * transition[i, j] * smoothed[t + 1, j] / predicted[t + 1, j]
                    )
                    counts[i, j] += joint
                    total += joint
            smoothed[t, i] = total
    return smoothed, counts


@njit(cache=True, nogil=True)
def viterbi_path(log_dens, transition, start):
    """Most probable regime path (n_obs,)."""
    n, k = log_dens.shape
    score = np.empty(k)
    ahead = np.empty(k)
    back = np.zeros((n, k), dtype=np.int64)
    for j in range(k):
        score[j] = (math.log(start[j]) if start[j] > 0.0 else -np.inf) + log_dens[0, j]
    for t in range(1, n):
        for j in range(k):
            best = -np.inf
            arg = 0
            for i in range(k):
                step = math.log(transition[i, j]) if transition[i, j] > 0.0 else -np.inf
                if score[i] + step > best:
                    best = score[i] + step
                    arg = i
            ahead[j] = best + log_dens[t, j]
            back[t, j] = arg
        score[:] = ahead
    path = np.empty(n, dtype=np.int64)
    path[n - 1] = np.argmax(score)
    for t in range(n - 1, 0, -1):
        path[t - 1] = back[t, path[t]]
    return path


@njit(cache=True, nogil=True)
def sample_regimes_backward(filtered, transition, uniforms):
    """Regime paths over the given rows, drawn backwards from the last one; (n_paths, n_rows)."""
    rows, k = filtered.shape
    n_paths = uniforms.shape[0]
    out = np.empty((n_paths, rows), dtype=np.int64)
    weights = np.empty(k)
    for p in range(n_paths):
        for t in range(rows - 1, -1, -1):
            total = 0.0
            for i in range(k):
                weights[i] = filtered[t, i]
                if t < rows - 1:
                    weights[i] *= transition[i, out[p, t + 1]]
                total += weights[i]
            goal = uniforms[p, t] * total
            acc = 0.0
            pick = 0
            for i in range(k):
                if weights[i] > 0.0:
                    acc += weights[i]
                    pick = i
                    if acc > goal:
                        break
            out[p, t] = pick
    return out
