"""Parameters of a regime model, natural and unbounded, and the chain's own quantities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from regimecorr.kernels.hamilton import (
    hamilton_filter,
    hamilton_scores,
    regime_density_scores,
    regime_log_densities,
)
from regimecorr.models.base import Array

Initial: TypeAlias = Literal["stationary", "uniform", "estimated"]

RHO_LIMIT = 0.9995
NU_LIMITS = (2.05, 200.0)
_MAX_LOGIT = 11.5  # unbounded coordinates: probabilities of staying up to 0.99999


def regime_names(n_regimes: int) -> list[str]:
    """Names of regimes sorted by correlation: low ... high."""
    if n_regimes == 2:
        return ["low", "high"]
    if n_regimes == 3:
        return ["low", "middle", "high"]
    return ["low", *(f"middle{i}" for i in range(1, n_regimes - 1)), "high"]


@dataclass(frozen=True, slots=True, eq=False)
class RegimeParams:
    """Parameters of a Markov-switching correlation.

    Attributes
    ----------
    rho : ndarray of shape (K,)
        Regime correlations.
    transition : ndarray of shape (K, K)
        ``transition[i, j] = P(S_t = j | S_{t-1} = i)``.
    nu : float
        Degrees of freedom, infinite for normal errors.
    first : ndarray of shape (K,) or None
        Regime probabilities of the first row; None for the stationary distribution.
    """

    rho: Array
    transition: Array
    nu: float
    first: Array | None = None

    def ordered(self) -> RegimeParams:
        """Return the same parameters with regimes sorted by correlation."""
        order = np.argsort(self.rho, kind="stable")
        matrix = np.ascontiguousarray(self.transition[np.ix_(order, order)])
        first = None if self.first is None else self.first[order]
        return RegimeParams(self.rho[order], matrix, self.nu, first)

    @property
    def start(self) -> Array:
        """Regime probabilities of the first row."""
        return stationary(self.transition) if self.first is None else self.first

    @property
    def vector(self) -> Array:
        """Natural parameters: correlations, moves ``p_ij`` row by row, ``nu`` of t errors."""
        off = ~np.eye(self.rho.size, dtype=bool)
        tail = [] if np.isinf(self.nu) else [self.nu]
        return np.concatenate([self.rho, self.transition[off], tail])

    @classmethod
    def from_vector(cls, theta: Array, k: int, first: Array | None = None) -> RegimeParams:
        """Inverse of `vector`."""
        moves = k * (k - 1)
        matrix = np.zeros((k, k))
        matrix[~np.eye(k, dtype=bool)] = theta[k : k + moves]
        np.fill_diagonal(matrix, 1.0 - matrix.sum(axis=1))
        nu = float(theta[-1]) if theta.size > k + moves else np.inf
        return cls(np.ascontiguousarray(theta[:k]), matrix, nu, first)

    def filter(self, z: Array) -> tuple[Array, Array, Array]:
        """Log-likelihood of each row, predicted and filtered probabilities."""
        dens = regime_log_densities(z, self.rho, self.nu)
        out: tuple[Array, Array, Array] = hamilton_filter(dens, self.transition, self.start)
        return out

    def scores(self, z: Array) -> tuple[Array, Array]:
        """Log-likelihood of each row and its derivatives (n_obs, P) by `vector`."""
        k = self.rho.size
        dens, by_rho, by_nu = regime_density_scores(z, self.rho, self.nu)
        slopes = np.zeros((k * (k - 1), k))
        if self.first is None:
            slopes = stationary_slopes(self.transition)
        rows, score = hamilton_scores(dens, by_rho, by_nu, self.transition, self.start, slopes)
        return rows, score[:, : self.vector.size]


def stationary(transition: Array) -> Array:
    """Stationary distribution of a transition matrix."""
    k = transition.shape[0]
    if k == 2:
        leave = np.array([transition[1, 0], transition[0, 1]])
        total = leave.sum()
        return leave / total if total > 0.0 else np.full(2, 0.5)
    system = np.vstack([transition.T - np.eye(k), np.ones(k)])
    solution = np.linalg.lstsq(system, np.r_[np.zeros(k), 1.0], rcond=None)[0]
    solution = np.clip(solution, 0.0, None)
    return np.asarray(solution / solution.sum(), dtype=float)


def stationary_slopes(transition: Array) -> Array:
    """Derivatives (K (K - 1), K) of the stationary distribution by the moves.

    ``d pi = pi dP (I - P + 1 pi)^{-1}`` (Schweitzer 1968).
    """
    k = len(transition)
    pi = stationary(transition)
    inverse = np.linalg.inv(np.eye(k) - transition + np.outer(np.ones(k), pi))
    rows = [pi[i] * (inverse[j] - inverse[i]) for i in range(k) for j in range(k) if i != j]
    return np.array(rows)


def pack(p: RegimeParams) -> Array:
    """Unbounded coordinates: artanh rho, logits of each row against staying, log(nu - 2)."""
    k = p.rho.size
    off = ~np.eye(k, dtype=bool)
    matrix = np.maximum(p.transition, np.exp(-_MAX_LOGIT))
    logits = np.log(matrix / np.diag(matrix)[:, None])[off]
    head = [np.arctanh(p.rho), np.clip(logits, -_MAX_LOGIT, _MAX_LOGIT)]
    return np.concatenate(head if np.isinf(p.nu) else [*head, [np.log(p.nu - 2.0)]])


def unpack(u: Array, k: int, first: Array | None = None) -> RegimeParams:
    """Inverse of `pack`."""
    moves = k * (k - 1)
    weights = np.ones((k, k))
    weights[~np.eye(k, dtype=bool)] = np.exp(np.clip(u[k : k + moves], -_MAX_LOGIT, _MAX_LOGIT))
    nu = np.inf
    if u.size > k + moves:
        nu = float(np.clip(2.0 + np.exp(min(u[-1], 10.0)), *NU_LIMITS))
    rho = np.clip(np.tanh(u[:k]), -RHO_LIMIT, RHO_LIMIT)
    return RegimeParams(rho, weights / weights.sum(axis=1, keepdims=True), nu, first)
