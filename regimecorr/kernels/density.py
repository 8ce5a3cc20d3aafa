"""Bivariate standardized normal and Student t densities (unit variances, correlation ``rho``)."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

LOG_2PI = math.log(2.0 * math.pi)


@njit(cache=True, nogil=True)
def log_density(z1, z2, rho, nu):
    """Log density of one observation; ``nu = inf`` is the normal.

    Student t scaled to unit variance, ``nu > 2``. For two dimensions
    ``Gamma(nu/2 + 1) / Gamma(nu/2) = nu / 2``, so no gamma function is needed.
    """
    one = 1.0 - rho * rho
    q = (z1 * z1 + z2 * z2 - 2.0 * rho * z1 * z2) / one
    if np.isinf(nu):
        return -LOG_2PI - 0.5 * math.log(one) - 0.5 * q
    const = math.log(0.5 * nu) - math.log(math.pi * (nu - 2.0))
    return const - 0.5 * math.log(one) - 0.5 * (nu + 2.0) * math.log1p(q / (nu - 2.0))


@njit(cache=True, nogil=True)
def density_slopes(x, y, r, nu):
    """Derivatives of one log density by the correlation, and by ``nu`` (0 for normal errors)."""
    one = 1.0 - r * r
    form = x * x + y * y - 2.0 * r * x * y
    q = form / one
    by_nu = 0.0
    weight = 1.0
    if not np.isinf(nu):
        weight = (nu + 2.0) / (nu - 2.0 + q)
        by_nu = (
            1.0 / nu
            - 1.0 / (nu - 2.0)
            - 0.5 * math.log1p(q / (nu - 2.0))
            + 0.5 * weight * q / (nu - 2.0)
        )
    by_rho = r / one + weight * (x * y / one - r * form / (one * one))
    return by_rho, by_nu


@njit(cache=True, nogil=True)
def density_table(z, rho, nu):
    """Densities of every row at every correlation of a grid, divided by the row's maximum.

    Returns the (n_obs, n_grid) table, in [0, 1], and the (n_obs,) logarithms of the maxima.
    """
    n = z.shape[0]
    size = rho.shape[0]
    table = np.empty((n, size))
    top = np.empty(n)
    normal = np.isinf(nu)
    const = -LOG_2PI if normal else math.log(0.5 * nu) - math.log(math.pi * (nu - 2.0))
    base = np.empty(size)
    inverse = np.empty(size)
    for g in range(size):
        one = 1.0 - rho[g] * rho[g]
        base[g] = const - 0.5 * math.log(one)
        inverse[g] = 1.0 / one if normal else 1.0 / (one * (nu - 2.0))
    power = 0.5 if normal else 0.5 * (nu + 2.0)
    for t in range(n):
        square = z[t, 0] * z[t, 0] + z[t, 1] * z[t, 1]
        cross = 2.0 * z[t, 0] * z[t, 1]
        best = -np.inf
        for g in range(size):
            form = (square - rho[g] * cross) * inverse[g]
            value = base[g] - power * (form if normal else math.log1p(form))
            table[t, g] = value
            best = max(best, value)
        for g in range(size):
            table[t, g] = math.exp(table[t, g] - best)
        top[t] = best
    return table, top


@njit(cache=True, nogil=True)
def constant_loglikelihood(z, rho, nu):
    """Log-likelihood of a constant correlation."""
    total = 0.0
    for t in range(z.shape[0]):
        total += log_density(z[t, 0], z[t, 1], rho, nu)
    return total
