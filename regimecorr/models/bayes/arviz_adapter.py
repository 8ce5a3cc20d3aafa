"""Diagnostics of draws by ArviZ; the one file that knows how its versions differ."""

from __future__ import annotations

import importlib
import warnings
from typing import Any

import numpy as np

from regimecorr.models.base import Array

with warnings.catch_warnings():
    # ArviZ 0.x announces its successor whenever it is imported.
    warnings.filterwarnings("ignore", message=r"\s*ArviZ is undergoing", category=FutureWarning)
    import arviz as az

_OLD = az.__version__.startswith("0.")


def posterior(idata: Any) -> dict[str, Array]:
    """Draws (n_chains, n_draws, ...) by variable."""
    group = idata.posterior
    return {str(name): np.asarray(group[name].to_numpy(), float) for name in group.data_vars}


def sample_stat(idata: Any, name: str) -> Array:
    """One statistic of the sampler (n_chains, n_draws)."""
    return np.asarray(idata.sample_stats[name].to_numpy(), dtype=float)


def rhat(draws: Array) -> float:
    """Rank-normalised split R-hat of draws (n_chains, n_draws)."""
    return _quietly(lambda: az.rhat(draws))


def ess(draws: Array, method: str) -> float:
    """Effective sample size, bulk, tail or mean, of draws (n_chains, n_draws)."""
    prob = (0.05, 0.95) if method == "tail" else None
    return _quietly(lambda: az.ess(draws, method=method, prob=prob))


def bfmi(energy: Array) -> Array:
    """Energy Bayesian fraction of missing information by chain (n_chains,)."""
    steps = np.diff(energy, axis=1) ** 2
    return np.asarray(steps.mean(axis=1) / energy.var(axis=1), dtype=float)


def smoothed_weights(log_weights: Array) -> tuple[Array, float]:
    """Pareto-smoothed normalised weights (n,), and the shape k of their tail.

    Weights that are all alike have no tail, and k is -inf.
    """
    if np.ptp(log_weights) < 1e-9:
        return np.full(log_weights.size, 1.0 / log_weights.size), -np.inf
    if _OLD:
        logs, k = az.psislw(log_weights)
    else:
        # ArviZ 1.x takes log-likelihoods left out, the negative of log weights.
        logs, k = importlib.import_module("arviz_stats.base").array_stats.psislw(-log_weights)
    logs = np.asarray(logs, dtype=float)
    weights = np.exp(logs - logs.max())
    return weights / weights.sum(), float(k)


def _quietly(statistic: Any) -> float:
    """Evaluate a statistic; of draws that do not vary it is NaN, without a warning."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # divisions by a variance of zero: the NaN says it
        return float(statistic())
