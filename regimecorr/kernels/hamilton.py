"""Hamilton filter, Kim smoother and Viterbi path of a Markov-switching correlation, in log space.

The log-sum-exp of every row pivots at the row's true maximum, so one observation that is unlikely
in every regime gives a finite, correct likelihood.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from regimecorr.kernels.density import density_slopes, log_density
from regimecorr.kernels.regime_gradient import log_mixture

# Probability below which a regime is carried in logs: later rows may still speak for it.
_TINY = 1e-280


@njit(cache=True, nogil=True)
def regime_log_densities(z, rho, nu):
    """Log densities (n_obs, K); ``rho`` is (K,), or (n_obs, K) where it changes by row."""
    n = z.shape[0]
    k = rho.shape[-1]
    out = np.empty((n, k))
    for t in range(n):
        if rho.ndim == 2:
            here = rho[t]
        else:
            here = rho
        for j in range(k):
            out[t, j] = log_density(z[t, 0], z[t, 1], here[j], nu)
    return out


@njit(cache=True, nogil=True)
def hamilton_filter(log_dens, transition, start):
    """Filtered probabilities and the likelihood of each row.

    ``transition[i, j] = P(S_t = j | S_{t-1} = i)``, ``start`` the regime probabilities of row 0
    before it is seen. Returns log-likelihoods (n_obs,), predicted (n_obs, K) using rows to ``t -
    1``, filtered (n_obs, K) using rows to ``t``. The likelihood is exact also where a regime's
    probability is below what a double can hold; the probabilities are 0 there.
    """
    n, k = log_dens.shape
    loglik = np.empty(n)
    predicted = np.empty((n, k))
    filtered = np.empty((n, k))
    joint = np.empty(k)  # logs of predicted probability times density
    before = np.empty(k)  # logs of the previous row's filtered probabilities
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
            if mass > _TINY:
                joint[j] = math.log(mass) + log_dens[t, j]
            elif t == 0:
                joint[j] = (math.log(mass) if mass > 0.0 else -np.inf) + log_dens[t, j]
            else:
                joint[j] = log_mixture(transition[:, j], before) + log_dens[t, j]
            best = max(best, joint[j])
        total = 0.0
        for j in range(k):
            filtered[t, j] = math.exp(joint[j] - best)
            total += filtered[t, j]
        loglik[t] = best + math.log(total)
        for j in range(k):
            filtered[t, j] /= total
            before[j] = joint[j] - loglik[t]
    return loglik, predicted, filtered


@njit(cache=True, nogil=True)
def regime_density_scores(z, rho, nu):
    """Log densities (n_obs, K) of a pair, and their derivatives by ``rho_k`` and by ``nu``.

    Both derivatives are (n_obs, K): density k depends on its own correlation only. Those by ``nu``
    are 0 for normal errors. ``rho`` is (K,), or (n_obs, K) where it changes by row.
    """
    n = z.shape[0]
    k = rho.shape[-1]
    out = np.empty((n, k))
    by_rho = np.empty((n, k))
    by_nu = np.empty((n, k))
    for t in range(n):
        if rho.ndim == 2:
            here = rho[t]
        else:
            here = rho
        for j in range(k):
            out[t, j] = log_density(z[t, 0], z[t, 1], here[j], nu)
            by_rho[t, j], by_nu[t, j] = density_slopes(z[t, 0], z[t, 1], here[j], nu)
    return out, by_rho, by_nu


@njit(cache=True, nogil=True)
def weighted_density_scores(z, rho, nu, weights):
    """Slopes of a pair's log densities, summed with weights (n_obs, K): by rho (K,), by nu."""
    by_rho = np.zeros(rho.shape[0])
    by_nu = 0.0
    for t in range(z.shape[0]):
        for j in range(rho.shape[0]):
            first, second = density_slopes(z[t, 0], z[t, 1], rho[j], nu)
            by_rho[j] += weights[t, j] * first
            by_nu += weights[t, j] * second
    return by_rho, by_nu


@njit(cache=True, nogil=True)
def chain_scores(log_dens, by_own, by_nu, transition, start, start_slopes):
    """Likelihood of each row (n_obs,) and its exact derivatives (n_obs, P), run forward.

    ``by_own`` (n_obs, K, m) are the derivatives of density k by the m parameters of regime k, and
    ``by_nu`` (n_obs, K) those by a parameter of all regimes. The P directions are the K m own
    parameters, regime by regime, the K (K - 1) moves ``p_ij`` (row by row, the probability of
    staying giving way) and ``nu``. ``start_slopes`` (K (K - 1), K) are the derivatives of the first
    row's regime probabilities by the moves.
    """
    n, k, m = by_own.shape
    own = k * m
    moves = k * (k - 1)
    size = own + moves + 1
    loglik = np.empty(n)
    score = np.empty((n, size))
    filtered = np.empty(k)
    slopes = np.zeros((size, k))  # of the filtered probabilities
    predicted = np.empty(k)
    ahead = np.empty((size, k))  # of the predicted ones
    weight = np.empty(k)
    for t in range(n):
        if t == 0:
            predicted[:] = start
            ahead[:] = 0.0
            for move in range(moves):
                ahead[own + move] = start_slopes[move]
        else:
            for j in range(k):
                mass = 0.0
                for i in range(k):
                    mass += filtered[i] * transition[i, j]
                predicted[j] = mass
            for p in range(size):
                for j in range(k):
                    mass = 0.0
                    for i in range(k):
                        mass += slopes[p, i] * transition[i, j]
                    ahead[p, j] = mass
            move = own
            for i in range(k):
                for j in range(k):
                    if i != j:
                        ahead[move, j] += filtered[i]
                        ahead[move, i] -= filtered[i]
                        move += 1
        best = -np.inf
        for j in range(k):
            if predicted[j] > 0.0:
                best = max(best, math.log(predicted[j]) + log_dens[t, j])
        # exp(l - best) may be large where the predicted probability is small, never their product
        total = 0.0
        for j in range(k):
            if predicted[j] > 0.0:
                weight[j] = math.exp(math.log(predicted[j]) + log_dens[t, j] - best)
            else:
                weight[j] = 0.0
            total += weight[j]
        loglik[t] = best + math.log(total)
        for j in range(k):
            filtered[j] = weight[j] / total
        for p in range(size):
            change = 0.0
            for j in range(k):
                relative = ahead[p, j] / predicted[j] if predicted[j] > 0.0 else 0.0
                if p < own:
                    if p // m == j:
                        relative += by_own[t, j, p % m]
                elif p == size - 1:
                    relative += by_nu[t, j]
                slopes[p, j] = filtered[j] * relative
                change += slopes[p, j]
            score[t, p] = change
            for j in range(k):
                slopes[p, j] -= filtered[j] * change
    return loglik, score


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
