"""What a regime says of the sample: densities by regime, their slopes, and simulated shocks."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from regimecorr.errors import ModelError
from regimecorr.kernels.hamilton import (
    regime_density_scores,
    regime_log_densities,
    weighted_density_scores,
)
from regimecorr.kernels.paths import correlate
from regimecorr.models.base import Array, IntArray

RHO_LIMIT = 0.9995


class Emission(ABC):
    """Conditional densities of the rows of ``z`` (n_obs, N) in each of K regimes.

    A regime has m parameters of its own; ``own`` is (K, m). ``names`` are those parameters' names.
    """

    z: Array
    names: tuple[str, ...]
    #: Names of the own parameters where a bound holds them, if they are not what is reported.
    bound_names: tuple[str, ...] = ()
    #: Bounds of the own parameters, and steps in which the log-likelihood changes by about one.
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    steps: tuple[float, ...]
    #: Prior scales of the unbounded coordinates, far wider than any sample's information.
    prior_sd: tuple[float, ...]
    #: Whether simulated shocks change the correlations to come.
    feeds_back = False

    @abstractmethod
    def on(self, z: Array) -> Emission:
        """Return the same on other residuals."""

    @abstractmethod
    def log_densities(self, own: Array, nu: float) -> Array:
        """Log densities (n_obs, K)."""

    @abstractmethod
    def slopes(self, own: Array, nu: float) -> tuple[Array, Array, Array]:
        """Log densities, their derivatives (n_obs, K, m) by own parameters, (n_obs, K) by nu."""

    def pull(self, own: Array, nu: float, weights: Array) -> tuple[Array, float]:
        """Slopes by own parameters (K, m) and by ``nu``, summed with weights (n_obs, K)."""
        _, by_own, by_nu = self.slopes(own, nu)
        mine = [weights[:, i] @ by_own[:, i] for i in range(len(own))]
        return np.array(mine), float(np.vdot(weights, by_nu))

    @abstractmethod
    def level(self, own: Array) -> Array:
        """What regimes (K,) are sorted by: their mean correlation."""

    @abstractmethod
    def reported(self, own: Array) -> Array:
        """Parameters (K, r) as users know them."""

    @abstractmethod
    def from_reported(self, values: Array) -> Array:
        """Inverse of `reported`; `ModelError` if the values are outside their region."""

    @abstractmethod
    def reported_slopes(self, own: Array) -> Array:
        """Derivatives (K, r, m) of `reported` by the own parameters."""

    @abstractmethod
    def unbounded(self, own: Array) -> Array:
        """Coordinates (K, m) without bounds, for draws."""

    @abstractmethod
    def bounded(self, u: Array) -> tuple[Array, Array]:
        """Inverse of `unbounded`, and its derivatives (K, m, m)."""

    @abstractmethod
    def correlations(self, own: Array) -> Array:
        """Conditional correlation by row and regime, a view of (n_obs, K) or (n_obs, K, N, N)."""

    @abstractmethod
    def realise(
        self, own: Array, draw: IntArray, states: IntArray, shocks: Array, *, anew: bool
    ) -> tuple[Array, Array]:
        """Correlations and correlated shocks of paths whose regimes are known.

        ``own`` is (n_draws, K, m), ``draw`` (n_paths,), ``states`` (n_paths, horizon), ``shocks``
        (n_paths, horizon, N). The paths go on from the sample's last row, or begin ``anew``.
        """

    def constraints(self) -> list[tuple[Array, float, str]]:
        """Further constraints ``normal @ own_k <= limit`` of every regime, with names."""
        return []


class ConstantEmission(Emission):
    """A correlation that is constant within a regime; EM has an M-step."""

    @abstractmethod
    def on(self, z: Array) -> ConstantEmission:
        """Return the same on other residuals."""

    @abstractmethod
    def update(self, own: Array, nu: float, smoothed: Array) -> Array:
        """Own parameters (K, m) that maximise the expected complete likelihood, nu given."""

    @abstractmethod
    def spread(self, shifts: Array) -> Array:
        """Own parameters (K, m) around those of the whole sample, by shifts in Fisher z."""


class PairEmission(ConstantEmission):
    """Two assets: the own parameter of a regime is its correlation."""

    names = ("rho",)
    lower = (-RHO_LIMIT,)
    upper = (RHO_LIMIT,)
    steps = (0.02,)
    prior_sd = (1.0,)

    def __init__(self, z: Array) -> None:
        self.z = z
        self.cross = z[:, 0] * z[:, 1]
        self.square = (z**2).sum(axis=1)

    def on(self, z: Array) -> PairEmission:
        return PairEmission(z)

    def log_densities(self, own: Array, nu: float) -> Array:
        out: Array = regime_log_densities(self.z, np.ascontiguousarray(own[:, 0]), nu)
        return out

    def slopes(self, own: Array, nu: float) -> tuple[Array, Array, Array]:
        dens, by_rho, by_nu = regime_density_scores(self.z, np.ascontiguousarray(own[:, 0]), nu)
        return dens, by_rho[:, :, None], by_nu

    def pull(self, own: Array, nu: float, weights: Array) -> tuple[Array, float]:
        rho = np.ascontiguousarray(own[:, 0])
        by_rho, by_nu = weighted_density_scores(self.z, rho, nu, weights)
        return by_rho[:, None], by_nu

    def level(self, own: Array) -> Array:
        return np.asarray(own[:, 0])

    def reported(self, own: Array) -> Array:
        return own

    def from_reported(self, values: Array) -> Array:
        if not np.all(np.abs(values) < 1.0):
            raise ModelError(f"Regime correlations must lie within (-1, 1); got {values.ravel()}.")
        return values

    def reported_slopes(self, own: Array) -> Array:
        return np.ones((len(own), 1, 1))

    def unbounded(self, own: Array) -> Array:
        return np.arctanh(own)

    def bounded(self, u: Array) -> tuple[Array, Array]:
        rho = np.clip(np.tanh(u), -RHO_LIMIT, RHO_LIMIT)
        return rho, (1.0 - rho**2)[:, :, None]

    def correlations(self, own: Array) -> Array:
        return np.broadcast_to(own[:, 0], (len(self.z), len(own)))

    def realise(
        self, own: Array, draw: IntArray, states: IntArray, shocks: Array, *, anew: bool
    ) -> tuple[Array, Array]:
        rho = own[:, :, 0][draw[:, None], states]
        return rho, correlate(shocks, rho)

    def spread(self, shifts: Array) -> Array:
        squares = (self.z**2).sum(axis=0)
        sample = float(self.cross.sum() / np.sqrt(squares.prod()))
        centre = np.arctanh(np.clip(sample, -0.9, 0.9))
        return np.asarray(np.tanh(centre + shifts)[:, None])

    def update(self, own: Array, nu: float, smoothed: Array) -> Array:
        out = own.copy()
        for k, rho in enumerate(own[:, 0]):
            weight = smoothed[:, k]
            mass = float(weight.sum())
            if mass < 1e-3:
                continue
            if not np.isinf(nu):
                form = (self.square - 2.0 * rho * self.cross) / (1.0 - rho**2)
                weight = weight * (nu + 2.0) / (nu - 2.0 + form)
            out[k] = cubic_correlation(
                float(weight @ self.cross) / mass, float(weight @ self.square) / mass
            )
        return out


def cubic_correlation(cross: float, square: float) -> float:
    """Constrained maximiser of a weighted bivariate normal likelihood with unit variances.

    ``cross`` is the weighted mean of ``z1 z2`` and ``square`` that of ``z1^2 + z2^2``: the real
    root in (-1, 1) of ``r^3 - A r^2 + (B - 1) r - A = 0`` with the highest likelihood.
    """
    roots = np.roots([1.0, -cross, square - 1.0, -cross])
    real = roots.real[np.abs(roots.imag) < 1e-9]
    inside = real[np.abs(real) < 1.0]
    if inside.size == 0:
        return float(np.clip(cross, -RHO_LIMIT, RHO_LIMIT))
    one = 1.0 - inside**2
    value = -0.5 * np.log(one) - 0.5 * (square - 2.0 * inside * cross) / one
    return float(np.clip(inside[np.argmax(value)], -RHO_LIMIT, RHO_LIMIT))
