"""Covariance of maximum-likelihood estimates in unconstrained coordinates."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from regimecorr.models.base import Array


def jacobian(function: Callable[[Array], Array], at: Array, step: float = 1e-4) -> Array:
    """Central differences of a vector function; (n_out, n_in)."""
    columns = []
    for i in range(at.size):
        shift = np.zeros(at.size)
        shift[i] = step
        columns.append((function(at + shift) - function(at - shift)) / (2.0 * step))
    return np.stack(columns, axis=-1)


def automatic_lags(n_obs: int) -> int:
    """Newey-West's rule of thumb ``4 (n / 100)^(2/9)``."""
    return int(4.0 * (n_obs / 100.0) ** (2.0 / 9.0))


def long_run_covariance(scores: Array, lags: int) -> Array:
    """Newey-West estimate of the covariance of the sum of ``scores`` (n_obs, k)."""
    total = scores.T @ scores
    for lag in range(1, lags + 1):
        cross = scores[lag:].T @ scores[:-lag]
        total += (1.0 - lag / (lags + 1.0)) * (cross + cross.T)
    return np.asarray(total, dtype=float)


def regularised_sandwich(bread: Array, meat: Array, prior_sd: Array) -> Array:
    """Sandwich covariance with a weak normal prior on every coordinate.

    ``bread`` is minus the Jacobian of the summed estimating equations, ``meat`` the covariance of
    their sum. A direction in which the data say nothing keeps the prior's variance instead of an
    infinite or a zero one, and none gets more; where the data speak, the prior of precision
    ``1 / prior_sd^2`` vanishes beside them.
    """
    precision = np.diag(1.0 / prior_sd**2)
    inverse = np.linalg.inv(bread + precision)
    covariance = inverse @ (meat + precision) @ inverse.T
    # In units of the prior no direction is wider than one.
    values, vectors = np.linalg.eigh(
        0.5 * (covariance + covariance.T) / np.outer(prior_sd, prior_sd)
    )
    root = prior_sd[:, None] * vectors * np.sqrt(np.clip(values, 0.0, 1.0))
    return np.asarray(root @ root.T, dtype=float)


def normal_draws(mean: Array, covariance: Array, n: int, rng: np.random.Generator) -> Array:
    """Draws (n, k) from a multivariate normal; eigenvalues negative by rounding are set to zero."""
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.clip(values, 0.0, None))
    return np.asarray(mean + rng.standard_normal((n, mean.size)) @ root.T, dtype=float)


def positive_bread(bread: Array) -> Array:
    """Return the bread with the negative eigenvalues of its symmetric part set to zero."""
    values, vectors = np.linalg.eigh(0.5 * (bread + bread.T))
    return np.asarray((vectors * np.clip(values, 0.0, None)) @ vectors.T, dtype=float)
