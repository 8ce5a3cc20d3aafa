"""Parameters of a regime model and the Markov chain's own quantities."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np

from regimecorr.kernels.hamilton import chain_scores, hamilton_filter, kim_smoother
from regimecorr.models.base import Array
from regimecorr.models.switching.emissions import Emission

Initial: TypeAlias = Literal["stationary", "uniform", "estimated"]


def regime_names(n_regimes: int) -> list[str]:
    """Names of regimes sorted by correlation: low ... high."""
    if n_regimes == 1:
        return ["only"]
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
    own : ndarray of shape (K, m)
        Parameters of every regime, as its `Emission` takes them; the correlation for a pair.
    transition : ndarray of shape (K, K)
        ``transition[i, j] = P(S_t = j | S_{t-1} = i)``.
    nu : float
        Degrees of freedom, infinite for normal errors.
    first : ndarray of shape (K,) or None
        Regime probabilities of the first row; None for the stationary distribution.
    """

    own: Array
    transition: Array
    nu: float
    first: Array | None = None

    @property
    def n_regimes(self) -> int:
        """Number of regimes."""
        return len(self.own)

    def ordered(self, level: Array) -> RegimeParams:
        """Return the same parameters with regimes sorted by a level (K,)."""
        order = np.argsort(level, kind="stable")
        return replace(
            self,
            own=self.own[order],
            transition=np.ascontiguousarray(self.transition[np.ix_(order, order)]),
            first=None if self.first is None else self.first[order],
        )

    @property
    def start(self) -> Array:
        """Regime probabilities of the first row."""
        return stationary(self.transition) if self.first is None else self.first

    @property
    def vector(self) -> Array:
        """Parameters by regime, moves ``p_ij`` row by row, ``nu`` of t errors."""
        off = ~np.eye(self.n_regimes, dtype=bool)
        tail = [] if np.isinf(self.nu) else [self.nu]
        return np.concatenate([self.own.ravel(), self.transition[off], tail])

    def from_vector(self, theta: Array) -> RegimeParams:
        """Return parameters of the same form with other values; the inverse of `vector`."""
        k = self.n_regimes
        own, moves = self.own.size, k * (k - 1)
        matrix = np.zeros((k, k))
        matrix[~np.eye(k, dtype=bool)] = theta[own : own + moves]
        np.fill_diagonal(matrix, 1.0 - matrix.sum(axis=1))
        nu = float(theta[-1]) if theta.size > own + moves else np.inf
        values = np.ascontiguousarray(theta[:own]).reshape(self.own.shape)
        return replace(self, own=values, transition=matrix, nu=nu)

    def filter(self, emission: Emission) -> tuple[Array, Array, Array]:
        """Log-likelihood of each row, predicted and filtered probabilities."""
        dens = emission.log_densities(self.own, self.nu)
        out: tuple[Array, Array, Array] = hamilton_filter(dens, self.transition, self.start)
        return out

    def gradient(self, emission: Emission) -> tuple[float, Array]:
        """Log-likelihood and its gradient by `vector`.

        By Fisher's identity: slopes of the complete likelihood, averaged over the smoothed
        regimes.
        """
        k = self.n_regimes
        rows, predicted, filtered = self.filter(emission)
        smoothed, counts = kim_smoother(predicted, filtered, self.transition)
        own, by_nu = emission.pull(self.own, self.nu, smoothed)
        ratio = np.divide(
            counts, self.transition, out=np.zeros_like(counts), where=self.transition > 0.0
        )
        moves = (ratio - np.diag(ratio)[:, None])[~np.eye(k, dtype=bool)]
        if self.first is None:
            moves = moves + stationary_slopes(self.transition) @ (smoothed[0] / self.start)
        tail = [] if np.isinf(self.nu) else [by_nu]
        return float(rows.sum()), np.concatenate([own.ravel(), moves, tail])

    def scores(self, emission: Emission) -> tuple[Array, Array]:
        """Log-likelihood of each row and its derivatives (n_obs, P) by `vector`."""
        k = self.n_regimes
        dens, by_own, by_nu = emission.slopes(self.own, self.nu)
        slopes = np.zeros((k * (k - 1), k))
        if self.first is None:
            slopes = stationary_slopes(self.transition)
        rows, score = chain_scores(dens, by_own, by_nu, self.transition, self.start, slopes)
        return rows, score[:, : self.vector.size]


def stationary(transition: Array) -> Array:
    """Stationary distribution of a transition matrix."""
    k = transition.shape[0]
    if k == 1:
        return np.ones(1)
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
    return np.array(rows).reshape(len(rows), k)
