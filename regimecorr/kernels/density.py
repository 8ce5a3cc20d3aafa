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
def log_density_table(z, rho, nu):
    """Log densities of every row at every correlation of a grid, (n_obs, n_grid)."""
    n = z.shape[0]
    size = rho.shape[0]
    table = np.empty((n, size))
    const = -LOG_2PI
    if not np.isinf(nu):
        const = math.log(0.5 * nu) - math.log(math.pi * (nu - 2.0))
    for g in range(size):
        one = 1.0 - rho[g] * rho[g]
        base = const - 0.5 * math.log(one)
        for t in range(n):
            q = (z[t, 0] * z[t, 0] + z[t, 1] * z[t, 1] - 2.0 * rho[g] * z[t, 0] * z[t, 1]) / one
            if np.isinf(nu):
                table[t, g] = base - 0.5 * q
            else:
                table[t, g] = base - 0.5 * (nu + 2.0) * math.log1p(q / (nu - 2.0))
    return table


@njit(cache=True, nogil=True)
def constant_loglikelihood(z, rho, nu):
    """Log-likelihood of a constant correlation."""
    total = 0.0
    for t in range(z.shape[0]):
        total += log_density(z[t, 0], z[t, 1], rho, nu)
    return total
