"""Log marginal likelihood by bridge sampling."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

from regimecorr.errors import EstimationError
from regimecorr.models.base import Array

_TOLERANCE = 1e-10
_MOST_STEPS = 1000


@dataclass(frozen=True, slots=True)
class Evidence:
    """Log marginal likelihood.

    Attributes
    ----------
    log_marginal : float
        Logarithm of the marginal likelihood.
    std_error : float
        Its approximate Monte-Carlo standard error (Fruehwirth-Schnatter 2004).
    iterations : int
        Steps of the iterative estimator.
    """

    log_marginal: float
    std_error: float
    iterations: int


def bridge_sampling(
    draws: Array,
    log_target: Callable[[Array], Array],
    effective: Callable[[Array], float],
    rng: np.random.Generator,
) -> Evidence:
    """Estimate the integral of an unnormalised density from draws of it.

    The first half of every chain fits a normal proposal, the second half enters the optimal bridge
    of Meng and Wong (1996), iterated as in Gronau et al. (2017). The draws must cover every mode;
    ordered regimes have no mirror images, so no permutations are needed.

    Parameters
    ----------
    draws : ndarray of shape (n_chains, n_draws, p)
        Draws in unbounded coordinates.
    log_target : callable
        Log of the unnormalised density (n,) at coordinates (n, p).
    effective : callable
        Effective sample size of a statistic (n_chains, n_draws).
    rng : Generator
        Draws from the proposal.

    Returns
    -------
    Evidence

    Raises
    ------
    EstimationError
        If the draws do not vary, the density is not finite there, or the iteration does not settle.

    References
    ----------
    Meng, X.-L. and Wong, W. (1996). Simulating ratios of normalizing constants via a simple
    identity. Statistica Sinica 6, 831-860. Gronau, Q. et al. (2017). A tutorial on bridge sampling.
    Journal of Mathematical Psychology 81, 80-97.
    """
    half = draws.shape[1] // 2
    p = draws.shape[2]
    fit, used = draws[:, :half].reshape(-1, p), draws[:, half:]
    mean, root = fit.mean(axis=0), _root(fit)
    flat = used.reshape(-1, p)
    proposed = mean + rng.standard_normal(flat.shape) @ root.T

    def log_proposal(u: Array) -> Array:
        white = np.linalg.solve(root, (u - mean).T)
        constant = 0.5 * p * np.log(2.0 * np.pi) + np.log(np.diag(root)).sum()
        return np.asarray(-0.5 * (white**2).sum(axis=0) - constant, dtype=float)

    ours = log_target(flat) - log_proposal(flat)
    theirs = log_target(proposed) - log_proposal(proposed)
    if not np.all(np.isfinite(ours)) or np.any(np.isnan(theirs)):
        raise EstimationError("The posterior density is not finite at its own draws.")
    size = effective(ours.reshape(used.shape[:2]))
    if not size > 1.0:  # NaN of chains that stand still
        raise EstimationError(f"The draws are worth {size:.3g} independent ones; sample more.")
    share = size / (size + len(theirs))
    log_marginal, steps = _iterate(ours, theirs, share)
    error = _relative_error(ours - log_marginal, theirs - log_marginal, share, used, effective)
    return Evidence(log_marginal, error, steps)


def _root(fit: Array) -> Array:
    """Cholesky factor of the draws' covariance."""
    try:
        return np.linalg.cholesky(np.atleast_2d(np.cov(fit.T)))
    except np.linalg.LinAlgError as error:
        raise EstimationError(
            "The draws do not span all directions; sample more draws or chains."
        ) from error


def _iterate(ours: Array, theirs: Array, share: float) -> tuple[float, int]:
    """Fixed point of the optimal bridge; all in logs."""
    log_one, log_two = np.log(share), np.log1p(-share)
    value = float(np.median(ours))
    for step in range(1, _MOST_STEPS + 1):
        above = theirs - np.logaddexp(log_one + theirs, log_two + value)
        below = -np.logaddexp(log_one + ours, log_two + value)
        new = float(logsumexp(above) - np.log(theirs.size) - logsumexp(below) + np.log(ours.size))
        if abs(new - value) < _TOLERANCE * (1.0 + abs(new)):
            return new, step
        value = new
    raise EstimationError(
        f"Bridge sampling did not settle in {_MOST_STEPS} steps: the draws do not resemble one "
        "normal mode. Sample more draws, or choose firmer priors."
    )


def _relative_error(
    ours: Array, theirs: Array, share: float, used: Array, effective: Callable[[Array], float]
) -> float:
    """Root of the relative mean squared error, which is that of the logarithm.

    ``ours`` and ``theirs`` are logs of the normalised density over the proposal.
    """
    log_one, log_two = np.log(share), np.log1p(-share)
    first = np.exp(theirs - np.logaddexp(log_one + theirs, log_two))
    second = np.exp(-np.logaddexp(log_one + ours, log_two))
    size = effective(second.reshape(used.shape[:2]))
    proposal = first.var() / first.mean() ** 2 / first.size
    posterior = second.var() / second.mean() ** 2 / size
    return float(np.sqrt(proposal + posterior))
