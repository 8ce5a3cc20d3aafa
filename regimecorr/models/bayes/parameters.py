"""All parameters of a Bayesian regime model: blocks, their priors, and what they imply."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from regimecorr.kernels.hamilton import hamilton_filter, kim_smoother, regime_log_densities
from regimecorr.kernels.regime_gradient import log_forward
from regimecorr.models.base import Array, Distribution, IntArray
from regimecorr.models.bayes.chains import Chain
from regimecorr.models.bayes.distributions import Prior
from regimecorr.models.bayes.joint import GarchDraws, JointMargins
from regimecorr.models.bayes.priors import RegimePriors


@dataclass(frozen=True, slots=True, eq=False)
class RegimeDraws:
    """Draws of what the filter needs.

    Attributes
    ----------
    rho : ndarray of shape (n, K)
        Regime correlations.
    transition : ndarray of shape (n, K, K)
        ``transition[d, i, j] = P(S_t = j | S_{t-1} = i)``.
    start : ndarray of shape (n, K)
        Regime probabilities of the first row.
    nu : ndarray of shape (n,)
        Degrees of freedom, infinite for normal errors.
    margins : GarchDraws or None
        Margins of every draw where they are sampled too. Then the draws bring their own residuals,
        and those that methods take (``z``, of the fitted margins) are not used.
    """

    rho: Array
    transition: Array
    start: Array
    nu: Array
    margins: GarchDraws | None = None

    def __len__(self) -> int:
        return len(self.rho)

    def __getitem__(self, rows: Array | IntArray | slice) -> RegimeDraws:
        """Some of the draws."""
        margins = None if self.margins is None else self.margins[rows]
        return RegimeDraws(
            self.rho[rows], self.transition[rows], self.start[rows], self.nu[rows], margins
        )

    def mean(self) -> RegimeDraws:
        """Average of the draws, as one draw."""
        return RegimeDraws(
            self.rho.mean(axis=0)[None],
            self.transition.mean(axis=0)[None],
            self.start.mean(axis=0)[None],
            self.nu.mean()[None],
            None if self.margins is None else self.margins.mean(),
        )

    def residuals(self, draw: int, z: Array) -> tuple[Array, float]:
        """Residuals (n_obs, 2) under one draw, and the sum of its log volatilities.

        Fixed margins: ``z`` and 0, for there the residuals are the data.
        """
        return (z, 0.0) if self.margins is None else self.margins.residuals(draw)

    def filter(self, draw: int, z: Array) -> tuple[Array, Array, Array]:
        """Log-likelihood of each row, predicted and filtered probabilities under one draw."""
        own, _ = self.residuals(draw, z)
        dens = regime_log_densities(own, self.rho[draw], self.nu[draw])
        out: tuple[Array, Array, Array] = hamilton_filter(
            dens, self.transition[draw], self.start[draw]
        )
        return out

    def log_likelihood(self, z: Array) -> Array:
        """Log-likelihood (n,) of the data under every draw; -inf on the edge.

        The data are residuals ``z`` (n_obs, 2), or the returns where the margins are sampled.
        """
        out = np.full(len(self), -np.inf)
        inside = (np.abs(self.rho) < 1.0).all(axis=1) & (self.nu > 2.0)
        for d in np.flatnonzero(inside):
            own, log_volatility = self.residuals(int(d), z)
            dens = regime_log_densities(own, self.rho[d], self.nu[d])
            rows = log_forward(dens, self.transition[d], self.start[d])[0]
            out[d] = rows.sum() - log_volatility
        return out

    def averages(self, z: Array) -> tuple[Array, Array, Array]:
        """Filtered and smoothed, averaged over the draws.

        Returns the probabilities, filtered and smoothed, (n_obs, K) each, and the correlations of
        both (2, n_obs).
        """
        sums = np.zeros((2, len(z), self.rho.shape[1]))
        levels = np.zeros((2, len(z)))
        for d in range(len(self)):
            _, predicted, filtered = self.filter(d, z)
            smoothed, _ = kim_smoother(predicted, filtered, self.transition[d])
            for i, p in enumerate((filtered, smoothed)):
                sums[i] += p
                levels[i] += p @ self.rho[d]
        sums /= len(self)
        return sums[0], sums[1], levels / len(self)

    @property
    def durations(self) -> Array:
        """Expected rows in each regime (n, K); infinite for an absorbing one."""
        # Moves are summed: 1 less the probability of staying would lose digits.
        leave: Array = (self.transition * (1.0 - np.eye(self.rho.shape[1]))).sum(axis=-1)
        out = np.full_like(leave, np.inf)
        np.divide(1.0, leave, out=out, where=leave > 0.0)
        return out


@dataclass(frozen=True, eq=False)
class ParameterSpace:
    """Blocks of parameters of a chain with its errors, under given priors.

    Values are a mapping from block to array (n, *shape); real coordinates are arrays (n, p).
    With ``margins`` their parameters are blocks too, and the data are the returns.
    """

    chain: Chain
    priors: RegimePriors
    dist: Distribution
    margins: JointMargins | None = None

    @cached_property
    def blocks(self) -> dict[str, Prior]:
        """Prior of every block."""
        out = self.chain.blocks(self.priors)
        if self.dist == "t":
            out["nu_excess"] = self.priors.excess_nu()
        if self.margins is not None:
            out |= self.margins.blocks(self.priors.margins)
        return out

    @property
    def n_real(self) -> int:
        """Number of free parameters."""
        return sum(prior.n_real for prior in self.blocks.values())

    def sample(self, n: int, rng: np.random.Generator) -> dict[str, Array]:
        """Draw values from the prior."""
        return {name: prior.sample(n, rng) for name, prior in self.blocks.items()}

    def log_prior(self, values: Mapping[str, Array]) -> Array:
        """Log prior density (n,) of values, in their own space."""
        terms = [prior.log_density(values[name]) for name, prior in self.blocks.items()]
        return np.asarray(np.sum(terms, axis=0), dtype=float)

    def to_real(self, values: Mapping[str, Array]) -> Array:
        """Unbounded coordinates (n, p) of values."""
        parts = [prior.to_real(values[name]) for name, prior in self.blocks.items()]
        return np.concatenate(parts, axis=1)

    def from_real(self, u: Array) -> tuple[dict[str, Array], Array]:
        """Values and log Jacobian (n,) of unbounded coordinates (n, p)."""
        values: dict[str, Array] = {}
        jacobian = np.zeros(len(u))
        at = 0
        for name, prior in self.blocks.items():
            values[name], part = prior.from_real(u[:, at : at + prior.n_real])
            jacobian = jacobian + part
            at += prior.n_real
        return values, jacobian

    def regimes(self, values: Mapping[str, Array]) -> RegimeDraws:
        """Turn values into what the filter needs."""
        rho, transition, start = self.chain.structure(values, np)
        nu = 2.0 + values["nu_excess"] if self.dist == "t" else np.full(len(rho), np.inf)
        # Filters run over single draws: each must lie in one piece.
        rho, transition, start = (np.ascontiguousarray(x) for x in (rho, transition, start))
        margins = None if self.margins is None else self.margins.draws(values)
        return RegimeDraws(rho, transition, start, nu, margins)

    def log_posterior(self, u: Array, z: Array) -> Array:
        """Log of prior times likelihood (n,) in unbounded coordinates, Jacobian included."""
        values, jacobian = self.from_real(u)
        prior = self.log_prior(values) + jacobian
        return np.asarray(prior + self.regimes(values).log_likelihood(z), dtype=float)

    def figures(self, values: Mapping[str, Array]) -> pd.DataFrame:
        """Correlations, expected durations and ``nu`` of values, by draw."""
        draws = self.regimes(values)
        table = {f"rho_{name}": draws.rho[:, i] for i, name in enumerate(self.chain.regimes)}
        durations = draws.durations
        table |= {f"duration_{name}": durations[:, i] for i, name in enumerate(self.chain.left)}
        if self.dist == "t":
            table["nu"] = draws.nu
        return pd.DataFrame(table)
