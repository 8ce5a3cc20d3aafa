"""Simulated regimes, and what a recursion per regime does along them."""

from __future__ import annotations

import math

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def regime_states(start, draw, cumulative, uniforms):
    """Regimes (n_paths, horizon) of paths that go on from today's regimes ``start`` (n_paths,).

    ``cumulative`` (n_draws, K, K) are the row-wise cumulated transition matrices; ``draw``
    (n_paths,) tells which one a path uses.
    """
    n_paths, horizon = uniforms.shape
    out = np.empty((n_paths, horizon), dtype=np.int64)
    k = cumulative.shape[1]
    for p in range(n_paths):
        d = draw[p]
        s = start[p]
        for t in range(horizon):
            nxt = 0
            while nxt < k - 1 and uniforms[p, t] > cumulative[d, s, nxt]:
                nxt += 1
            s = nxt
            out[p, t] = s
    return out


@njit(cache=True, nogil=True)
def correlate_by_state(shocks, draw, states, factors):
    """Give uncorrelated shocks (n_paths, horizon, N) the correlations of their regimes.

    ``factors`` (n_draws, K, N, N) are lower Cholesky factors.
    """
    n_paths, horizon, size = shocks.shape
    out = np.empty((n_paths, horizon, size))
    for p in range(n_paths):
        for t in range(horizon):
            factor = factors[draw[p], states[p, t]]
            for i in range(size):
                total = 0.0
                for j in range(i + 1):
                    total += factor[i, j] * shocks[p, t, j]
                out[p, t, i] = total
    return out


@njit(cache=True, nogil=True)
def regime_dcc_paths(shocks, draw, states, rho, a, b, q):
    """Two assets, one recursion per regime: correlations and correlated shocks of paths.

    Every regime's ``Q`` goes on with every shock; the regime that holds supplies the correlation.
    ``rho``, ``a`` and ``b`` are (n_draws, K), ``q`` (n_draws, K, 3) the ``Q`` of the first row,
    entries ``(11, 22, 12)``. Returns (n_paths, horizon) and (n_paths, horizon, 2).
    """
    n_paths, horizon, _ = shocks.shape
    k = rho.shape[1]
    out = np.empty((n_paths, horizon))
    z = np.empty((n_paths, horizon, 2))
    now = np.empty((k, 3))
    for p in range(n_paths):
        d = draw[p]
        now[:] = q[d]
        for t in range(horizon):
            s = states[p, t]
            r = now[s, 2] / math.sqrt(now[s, 0] * now[s, 1])
            first = shocks[p, t, 0]
            second = r * first + math.sqrt(1.0 - r * r) * shocks[p, t, 1]
            out[p, t] = r
            z[p, t, 0] = first
            z[p, t, 1] = second
            for j in range(k):
                rest = 1.0 - a[d, j] - b[d, j]
                now[j, 0] = rest + a[d, j] * first * first + b[d, j] * now[j, 0]
                now[j, 1] = rest + a[d, j] * second * second + b[d, j] * now[j, 1]
                now[j, 2] = rest * rho[d, j] + a[d, j] * first * second + b[d, j] * now[j, 2]
    return out, z
