"""Exact targeting of cDCC (Aielli 2013): the diagonal of Q runs without the target.

``q_t = (1 - sum a - sum b) + sum_l a_l z_{t-l}^2 q_{t-l} + sum_l b_l q_{t-l}`` by asset, because
the target's diagonal is one; the innovations are ``e_t = z_t sqrt(q_t)``.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def corrected_innovations(z, a, b, before):
    """Innovations (n, N), the diagonals (n, N), and the innovations' derivatives (p + q, n, N).

    ``before`` is ``z_t^2 q_t`` before the sample (1, or 0 when presample shocks are zero);
    ``q_t`` is 1 there. Directions are ``a_1 .. a_p, b_1 .. b_q``.
    """
    n, size = z.shape
    p = a.shape[0]
    lags = b.shape[0]
    rest = 1.0 - a.sum() - b.sum()
    q = np.empty((n, size))
    e = np.empty((n, size))
    dq = np.empty((p + lags, n, size))
    de = np.empty((p + lags, n, size))
    for i in range(size):
        for t in range(n):
            value = rest
            for lag in range(p):
                s = t - 1 - lag
                value += a[lag] * (e[s, i] * e[s, i] if s >= 0 else before)
            for lag in range(lags):
                s = t - 1 - lag
                value += b[lag] * (q[s, i] if s >= 0 else 1.0)
            q[t, i] = value
            root = math.sqrt(value)
            e[t, i] = z[t, i] * root
            for k in range(p + lags):
                slope = -1.0
                for lag in range(p):
                    s = t - 1 - lag
                    if s >= 0:
                        if k == lag:
                            slope += e[s, i] * e[s, i]
                        slope += a[lag] * z[s, i] * z[s, i] * dq[k, s, i]
                    elif k == lag:
                        slope += before
                for lag in range(lags):
                    s = t - 1 - lag
                    if s >= 0:
                        if k == p + lag:
                            slope += q[s, i]
                        slope += b[lag] * dq[k, s, i]
                    elif k == p + lag:
                        slope += 1.0
                dq[k, t, i] = slope
                de[k, t, i] = 0.5 * z[t, i] * slope / root
    return e, q, de


@njit(cache=True, nogil=True)
def corrected_adjoint(z, q, by_e, a, b):
    """Derivatives by ``z`` (n, N) of a function whose derivatives by the innovations are given."""
    n, size = z.shape
    out = np.empty((n, size))
    mu = np.empty(n)
    for i in range(size):
        for t in range(n - 1, -1, -1):
            root = math.sqrt(q[t, i])
            through = 0.0
            for lag in range(a.shape[0]):
                if t + 1 + lag < n:
                    through += a[lag] * mu[t + 1 + lag]
            value = 0.5 * by_e[t, i] * z[t, i] / root + z[t, i] * z[t, i] * through
            for lag in range(b.shape[0]):
                if t + 1 + lag < n:
                    value += b[lag] * mu[t + 1 + lag]
            mu[t] = value
            out[t, i] = by_e[t, i] * root + 2.0 * z[t, i] * q[t, i] * through
    return out
