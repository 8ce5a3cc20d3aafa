"""Likelihood of a Markov-switching correlation with its gradient, in one pass there and back.

The gradient is the smoothed score (Fisher's identity): derivatives of the log densities, weighted
with the smoothed probabilities. Every entry of the transition matrix and of the first row's
probabilities counts as free, so any structure (absorbing chains, stationary starts) follows by the
chain rule outside.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from regimecorr.kernels.density import log_density

# Below this a sum of probabilities may have lost terms to underflow and is taken in logs.
_TINY = 1e-150
# A probability below, or a ratio above these, and all is done in logs.
_FLOOR = 1e-280
_HUGE = 1e280
# Derivatives by entries that cannot be reached may exceed any number; they stay finite.
_CAP = 600.0


@njit(cache=True, nogil=True)
def log_mixture(weights, logs):
    """Return ``log(sum(weights * exp(logs)))`` at the pivot of the largest term."""
    best = -np.inf
    for i in range(logs.shape[0]):
        if weights[i] > 0.0:
            best = max(best, math.log(weights[i]) + logs[i])
    if best == -np.inf:
        return best
    total = 0.0
    for i in range(logs.shape[0]):
        if weights[i] > 0.0:
            total += math.exp(math.log(weights[i]) + logs[i] - best)
    return best + math.log(total)


@njit(cache=True, nogil=True)
def log_forward(log_dens, transition, start):
    """Log-likelihood of each row (n_obs,) and log filtered probabilities (n_obs, K).

    The Hamilton filter in logs: a regime of probability exp(-2000) is kept, for later rows may
    speak for it.
    """
    n, k = log_dens.shape
    loglik = np.empty(n)
    log_filtered = np.empty((n, k))
    filtered = start.copy()
    for t in range(n):
        best = -np.inf
        for j in range(k):
            if t == 0:
                ahead = math.log(start[j]) if start[j] > 0.0 else -np.inf
            else:
                mass = 0.0
                for i in range(k):
                    mass += filtered[i] * transition[i, j]
                if mass > _TINY:
                    ahead = math.log(mass)
                else:
                    ahead = log_mixture(transition[:, j], log_filtered[t - 1])
            log_filtered[t, j] = ahead + log_dens[t, j]
            best = max(best, log_filtered[t, j])
        total = 0.0
        for j in range(k):
            filtered[j] = math.exp(log_filtered[t, j] - best)
            total += filtered[j]
        loglik[t] = best + math.log(total)
        for j in range(k):
            filtered[j] /= total
            log_filtered[t, j] -= loglik[t]
    return loglik, log_filtered


@njit(cache=True, nogil=True)
def _add_score(x, y, rho, nu, base, log_dens, smoothed, d_rho, d_nu, d_z):
    """Add one row's smoothed score to ``d_rho`` (K,) and ``d_nu`` (1,), and set its ``d_z`` (2,).

    ``base`` (K,) are the log densities at the origin.
    """
    normal = np.isinf(nu)
    d_z[0] = 0.0
    d_z[1] = 0.0
    for j in range(rho.shape[0]):
        mass = smoothed[j]
        if mass == 0.0:
            continue
        r = rho[j]
        one = 1.0 / (1.0 - r * r)
        cross = x * y
        q = (x * x + y * y - 2.0 * r * cross) * one
        weight = mass
        if not normal:
            weight *= (nu + 2.0) / (nu - 2.0 + q)
            tail = (base[j] - log_dens[j]) / (nu + 2.0)
            d_nu[0] += mass * (1.0 / nu - 1.0 / (nu - 2.0) - tail)
            d_nu[0] += 0.5 * weight * q / (nu - 2.0)
        d_rho[j] += mass * r * one + weight * one * (cross - r * q)
        d_z[0] -= weight * (x - r * y) * one
        d_z[1] -= weight * (y - r * x) * one


@njit(cache=True, nogil=True)
def _log_densities(z, rho, nu, base):
    """Log densities (n_obs, K), those at the origin given."""
    n = z.shape[0]
    out = np.empty((n, rho.shape[0]))
    normal = np.isinf(nu)
    for t in range(n):
        square = z[t, 0] * z[t, 0] + z[t, 1] * z[t, 1]
        cross = 2.0 * z[t, 0] * z[t, 1]
        for j in range(rho.shape[0]):
            q = (square - rho[j] * cross) / (1.0 - rho[j] * rho[j])
            if normal:
                out[t, j] = base[j] - 0.5 * q
            else:
                out[t, j] = base[j] - 0.5 * (nu + 2.0) * math.log1p(q / (nu - 2.0))
    return out


@njit(cache=True, nogil=True)
def _smooth_in_logs(z, rho, transition, start, nu, base, log_dens, d_rho, d_transition, d_z):
    """Add all scores, whatever the probabilities; log-likelihood, ``d_start`` (K,) and ``d_nu``."""
    n, k = log_dens.shape
    loglik, log_filtered = log_forward(log_dens, transition, start)
    d_start = np.empty(k)
    d_nu = np.zeros(1)
    total = loglik[n - 1]
    smoothed = np.exp(log_filtered[n - 1])
    # Logs of P(rows after t | S_t) / P(rows after t | rows to t), and of what row t adds to it.
    behind = np.zeros(k)
    share = np.empty(k)
    weight = np.empty(k)
    for t in range(n - 1, 0, -1):
        total += loglik[t - 1]
        top = -np.inf
        for j in range(k):
            share[j] = log_dens[t, j] - loglik[t] + behind[j]
            top = max(top, share[j])
        for j in range(k):
            weight[j] = math.exp(share[j] - top)
            smoothed[j] = 0.0
        for i in range(k):
            mass = 0.0
            for j in range(k):
                slope = math.exp(min(log_filtered[t - 1, i] + share[j], _CAP))
                d_transition[i, j] += slope
                smoothed[j] += transition[i, j] * slope
                mass += transition[i, j] * weight[j]
            behind[i] = top + math.log(mass) if mass > _TINY else log_mixture(transition[i], share)
        _add_score(z[t, 0], z[t, 1], rho, nu, base, log_dens[t], smoothed, d_rho, d_nu, d_z[t])
    for j in range(k):
        d_start[j] = math.exp(min(log_dens[0, j] - loglik[0] + behind[j], _CAP))
        smoothed[j] = start[j] * d_start[j]
    _add_score(z[0, 0], z[0, 1], rho, nu, base, log_dens[0], smoothed, d_rho, d_nu, d_z[0])
    return total, d_start, d_nu[0]


@njit(cache=True, nogil=True)
def _forward(log_dens, transition, start, weight, filtered):
    """Filter with plain probabilities; NaN where one that is not zero came near underflow.

    Fills ``filtered`` (n_obs, K) and ``weight`` (n_obs, K), each row's densities over its
    likelihood. Returns the log-likelihood.
    """
    n, k = log_dens.shape
    total = 0.0
    for t in range(n):
        best = log_dens[t, 0]
        for j in range(1, k):
            best = max(best, log_dens[t, j])
        mass = 0.0
        for j in range(k):
            ahead = start[j]
            if t > 0:
                ahead = 0.0
                for i in range(k):
                    ahead += filtered[t - 1, i] * transition[i, j]
            weight[t, j] = math.exp(log_dens[t, j] - best)
            filtered[t, j] = ahead * weight[t, j]
            if filtered[t, j] < _FLOOR and ahead > 0.0:
                return np.nan
            mass += filtered[t, j]
        if mass < _TINY:
            return np.nan
        for j in range(k):
            filtered[t, j] /= mass
            weight[t, j] /= mass
        total += best + math.log(mass)
    return total


@njit(cache=True, nogil=True)
def regime_gradient(z, rho, transition, start, nu):
    """Log-likelihood and its derivatives by all that enters it.

    ``z`` is (n_obs, 2), ``rho`` (K,), ``transition[i, j] = P(S_t = j | S_{t-1} = i)``, ``start``
    (K,), ``nu = inf`` normal. Returns the log-likelihood and its derivatives by ``z`` (n_obs, 2),
    by ``rho`` (K,), by ``transition`` (K, K) and ``start`` (K,) with every entry free, and by
    ``nu`` (0 for normal errors). Outside the parameter space, or on its edge, where a sampler may
    step, the log-likelihood is -inf and every derivative 0.
    """
    n = z.shape[0]
    k = rho.shape[0]
    base = np.empty(k)
    d_z = np.zeros((n, 2))
    d_rho = np.zeros(k)
    d_transition = np.zeros((k, k))
    d_start = np.zeros(k)
    d_nu = np.zeros(1)
    for j in range(k):
        if not (abs(rho[j]) < 1.0 and nu > 2.0):
            return -np.inf, d_z, d_rho, d_transition, d_start, 0.0
        base[j] = log_density(0.0, 0.0, rho[j], nu)
    log_dens = _log_densities(z, rho, nu, base)
    weight = np.empty((n, k))
    filtered = np.empty((n, k))
    total = _forward(log_dens, transition, start, weight, filtered)
    # P(rows after t | S_t) / P(rows after t | rows to t), and with row t's weight.
    behind = np.ones(k)
    share = np.empty(k)
    smoothed = np.empty(k)
    t = n - 1
    while t > 0 and not math.isnan(total):
        for j in range(k):
            share[j] = weight[t, j] * behind[j]
            smoothed[j] = 0.0
            if share[j] > _HUGE:
                total = np.nan
        for i in range(k):
            mass = 0.0
            for j in range(k):
                slope = filtered[t - 1, i] * share[j]
                d_transition[i, j] += slope
                smoothed[j] += transition[i, j] * slope
                mass += transition[i, j] * share[j]
            behind[i] = mass
        _add_score(z[t, 0], z[t, 1], rho, nu, base, log_dens[t], smoothed, d_rho, d_nu, d_z[t])
        t -= 1
    if math.isnan(total):
        d_rho[:] = 0.0
        d_transition[:] = 0.0
        total, d_start, last = _smooth_in_logs(
            z, rho, transition, start, nu, base, log_dens, d_rho, d_transition, d_z
        )
        return total, d_z, d_rho, d_transition, d_start, last
    for j in range(k):
        d_start[j] = weight[0, j] * behind[j]
        smoothed[j] = start[j] * d_start[j]
    _add_score(z[0, 0], z[0, 1], rho, nu, base, log_dens[0], smoothed, d_rho, d_nu, d_z[0])
    return total, d_z, d_rho, d_transition, d_start, d_nu[0]
