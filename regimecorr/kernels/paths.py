"""Latent correlation paths and the shocks that they correlate."""

from __future__ import annotations

import math

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def correlate(shocks, rho):
    """Give uncorrelated standardized shocks the correlations ``rho``.

    ``shocks`` is (n_paths, horizon, 2), ``rho`` (n_paths, horizon).
    """
    n_paths, horizon, _ = shocks.shape
    out = np.empty((n_paths, horizon, 2))
    for p in range(n_paths):
        for t in range(horizon):
            r = rho[p, t]
            out[p, t, 0] = shocks[p, t, 0]
            out[p, t, 1] = r * shocks[p, t, 0] + math.sqrt(1.0 - r * r) * shocks[p, t, 1]
    return out


@njit(cache=True, nogil=True)
def break_paths(start, draw, hazard, mean, sd, uniforms, normals, limit):
    """Fisher z paths that keep their level until a break draws a new one from N(mean, sd^2)."""
    n_paths, horizon = uniforms.shape
    out = np.empty((n_paths, horizon))
    for p in range(n_paths):
        d = draw[p]
        level = start[p]
        for t in range(horizon):
            if uniforms[p, t] < hazard[d]:
                level = min(limit, max(-limit, mean[d] + sd[d] * normals[p, t]))
            out[p, t] = math.tanh(level)
    return out


@njit(cache=True, nogil=True)
def autoregressive_paths(start, draw, mean, phi, sigma, normals, limit):
    """Fisher z paths ``z_{t+1} = mean + phi (z_t - mean) + sigma e``, held within ``+- limit``."""
    n_paths, horizon = normals.shape
    out = np.empty((n_paths, horizon))
    for p in range(n_paths):
        d = draw[p]
        level = start[p]
        for t in range(horizon):
            level = mean[d] + phi[d] * (level - mean[d]) + sigma[d] * normals[p, t]
            level = min(limit, max(-limit, level))
            out[p, t] = math.tanh(level)
    return out
