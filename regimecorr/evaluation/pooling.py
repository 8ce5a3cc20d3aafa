"""Pool weights and the interval of a pooled probability."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from regimecorr.errors import ModelError

Array = npt.NDArray[np.float64]

#: Families of explanations and the pool members that stand for each.
FAMILIES: dict[str, tuple[str, ...]] = {
    "constant": ("constant",),
    "mean_reverting": ("dcc", "reverting"),
    "recurrent": ("switching",),
    "break": ("break",),
    "drift": ("drift",),
}
#: The same for ``method="bayes"``: posteriors only, with marginal likelihoods. The nesting chain
#: holds transient lows and a lasting break at once and is a family of its own.
BAYES_FAMILIES: dict[str, tuple[str, ...]] = {
    "constant": ("constant",),
    "mean_reverting": ("reverting",),
    "recurrent": ("switching",),
    "break": ("break", "change_point"),
    "drift": ("drift",),
    "nesting": ("nesting",),
}
LAMBDA = 1.0


def member_priors(
    family_prior: Mapping[str, float] | None,
    families: Mapping[str, tuple[str, ...]] = FAMILIES,
) -> dict[str, float]:
    """Prior probability of every member; a family's is shared equally by its members.

    Parameters
    ----------
    family_prior : mapping, optional
        Non-negative weight by family; families left out get 0. None: all families alike.
    families : mapping
        Members by family.
    """
    if family_prior is None:
        family_prior = dict.fromkeys(families, 1.0)
    unknown = set(family_prior) - set(families)
    values = np.array(list(family_prior.values()), dtype=float)
    if unknown or values.size == 0 or not np.all(np.isfinite(values)) or values.min() < 0:
        raise ModelError(
            f"family_prior={dict(family_prior)} must give non-negative weights to some of "
            f"{list(families)}."
        )
    total = values.sum()
    if total <= 0:
        raise ModelError(
            "family_prior gives every family weight 0; give at least one a positive weight."
        )
    return {
        member: float(family_prior.get(family, 0.0)) / total / len(members)
        for family, members in families.items()
        for member in members
    }


def pool_weights(scores: Mapping[str, float], priors: Mapping[str, float]) -> dict[str, float]:
    """Posterior weights ``prior_m exp(lambda L_m)``, normalised.

    A score of NaN (failed) gets weight 0.
    """
    names = list(scores)
    values = np.array([LAMBDA * scores[m] for m in names])
    prior = np.array([priors[m] for m in names])
    alive = np.isfinite(values) & (prior > 0)
    if not alive.any():
        raise ModelError("No member of the pool has both a positive prior and a finite score.")
    weights = np.zeros(len(names))
    weights[alive] = prior[alive] * np.exp(values[alive] - values[alive].max())
    weights /= weights.sum()
    return dict(zip(names, weights.tolist(), strict=True))


def perturbed_weights(weights: Array, n_draws: int, rng: np.random.Generator) -> Array:
    """One member a draw, taken with its weight: rows (n_draws, n_members) of a one and zeros.

    Which explanation holds is what is not known, and draws that average several would hide it.
    This is the limit of Dirichlet draws around the weights at concentration 0.
    """
    picked = rng.choice(weights.size, n_draws, p=weights / weights.sum())
    return np.asarray(np.eye(weights.size)[picked])


def without_noise(first: Array, second: Array, p: float) -> Array:
    """Draws of a probability with their Monte-Carlo variance removed.

    Parameters
    ----------
    first, second : ndarray of shape (n_draws,)
        Two estimates of each draw's probability from independent halves of its paths. Their
        covariance over draws is the variance of the probability itself; the rest of the variance
        is Monte Carlo. One standard error of that covariance is added: with few paths the
        draws spread more, they never shrink to a point by luck.
    p : float
        The pooled probability: the draws are moved so that it is their mean (drawing hazards
        and weights shifts it a little).

    Returns
    -------
    ndarray of shape (n_draws,)
    """
    both = 0.5 * (first + second)
    spread = float(both.var(ddof=1))
    (var_first, covariance), (_, var_second) = np.cov(first, second)
    error = np.sqrt((var_first * var_second + covariance**2) / (len(both) - 1))
    true = max(float(covariance), 0.0) + float(error)
    shrink = np.sqrt(min(true / spread, 1.0)) if spread > 0 else 0.0
    return np.asarray(np.clip(p + (both - both.mean()) * shrink, 0.0, 1.0))


def probability_interval(draws: Array, p: float, mass: float = 0.90) -> tuple[float, float]:
    """Quantiles of draws around the mass between them, widened to contain ``p``."""
    tail = 0.5 * (1.0 - mass)
    low, high = np.quantile(draws, [tail, 1.0 - tail])
    return min(float(low), p), max(float(high), p)
