"""A dynamic conditional correlation of its own in every regime."""

from __future__ import annotations

import numpy as np
from scipy.special import expit, logit

from regimecorr.errors import ModelError
from regimecorr.kernels.dcc import pair_correlation, pair_products, pair_recursion
from regimecorr.kernels.hamilton import regime_density_scores, regime_log_densities
from regimecorr.kernels.regimes import regime_dcc_paths
from regimecorr.models.base import Array, IntArray
from regimecorr.models.switching.emissions import RHO_LIMIT, Emission

#: Persistence ``a + b`` of a regime may come this near to one.
UNIT_MARGIN = 1e-6
_MAX_PERSISTENCE = 0.9999
_TINY = 1e-9
# Order of the recursion's directions (a, b, target) as own parameters (rho, a, b).
_DIRECTIONS = [2, 0, 1]


class DCCEmission(Emission):
    """Two assets; the own parameters of a regime are its target correlation, a and b.

    Every regime has its recursion, and all of them run on all residuals, whatever the regime: the
    correlation at t is that of the regime at t, from residuals to t - 1.
    """

    names = ("rho", "a", "b")
    lower = (-RHO_LIMIT, 0.0, 0.0)
    upper = (RHO_LIMIT, np.inf, np.inf)
    steps = (0.02, 0.005, 0.02)
    prior_sd = (1.0, 2.0, 2.0)
    feeds_back = True

    def __init__(self, z: Array) -> None:
        self.z = z
        self._products = pair_products(z, 0, 1)

    def on(self, z: Array) -> DCCEmission:
        return DCCEmission(z)

    def constraints(self) -> list[tuple[Array, float, str]]:
        return [(np.array([0.0, 1.0, 1.0]), 1.0 - UNIT_MARGIN, "a + b = 1")]

    def _run(self, own: Array, slopes: bool) -> tuple[Array, Array, Array]:
        """Of one regime: Q (n_obs + 1, 3), correlations, derivatives by a, b and target."""
        rho, a, b = own
        target = np.array([1.0, 1.0, rho])
        along = np.zeros((3, 3))
        along[2, 2] = 1.0  # Q of the first row moves with the target
        constant = np.array([-target, -target, (1.0 - a - b) * along[2]])
        if not slopes:
            along, constant = along[:0], constant[:0]
        Q, dQ = pair_recursion(
            self._products, np.empty((0, len(self.z), 3)), np.empty((0, 3)),
            np.array([a]), np.array([b]), 0.0, False,
            (1.0 - a - b) * target, constant, target, along, target, along, np.zeros(3),
        )  # fmt: skip
        path, derivatives = pair_correlation(Q, dQ)
        return Q, path, derivatives

    def _paths(self, own: Array) -> Array:
        """Correlations (n_obs + 1, K), the last row tomorrow's."""
        return np.ascontiguousarray(np.column_stack([self._run(row, False)[1] for row in own]))

    def log_densities(self, own: Array, nu: float) -> Array:
        out: Array = regime_log_densities(self.z, self._paths(own), nu)
        return out

    def slopes(self, own: Array, nu: float) -> tuple[Array, Array, Array]:
        runs = [self._run(row, True) for row in own]
        paths = np.ascontiguousarray(np.column_stack([path for _, path, _ in runs]))
        dens, by_rho, by_nu = regime_density_scores(self.z, paths, nu)
        along = np.stack([d[:-1, _DIRECTIONS] for _, _, d in runs], axis=1)
        return dens, by_rho[:, :, None] * along, by_nu

    def level(self, own: Array) -> Array:
        return np.asarray(own[:, 0])

    def reported(self, own: Array) -> Array:
        return own

    def from_reported(self, values: Array) -> Array:
        rho, a, b = values.T
        if not (np.all(np.abs(rho) < 1.0) and np.all(values[:, 1:] >= 0.0) and np.all(a + b < 1.0)):
            raise ModelError(
                "Every regime needs a target within (-1, 1), a and b that are not negative, and "
                f"a + b below 1; (rho, a, b) are {values.tolist()}."
            )
        return values

    def reported_slopes(self, own: Array) -> Array:
        return np.broadcast_to(np.eye(3), (len(own), 3, 3))

    def unbounded(self, own: Array) -> Array:
        rho, a, b = np.maximum(own, [-1.0, _TINY, _TINY]).T
        total = np.clip((a + b) / _MAX_PERSISTENCE, _TINY, 1.0 - _TINY)
        return np.column_stack([np.arctanh(rho), logit(total), np.log(a / b)])

    def bounded(self, u: Array) -> tuple[Array, Array]:
        rho = np.clip(np.tanh(u[:, 0]), -RHO_LIMIT, RHO_LIMIT)
        inner, part = expit(u[:, 1]), expit(np.clip(u[:, 2], -50.0, 50.0))
        total = _MAX_PERSISTENCE * inner
        a, b = total * part, total * (1.0 - part)
        jacobian = np.zeros((len(u), 3, 3))
        jacobian[:, 0, 0] = 1.0 - rho**2
        jacobian[:, 1, 1], jacobian[:, 2, 1] = a * (1.0 - inner), b * (1.0 - inner)
        jacobian[:, 1, 2], jacobian[:, 2, 2] = b * part, -b * part
        return np.column_stack([rho, a, b]), jacobian

    def correlations(self, own: Array) -> Array:
        return self._paths(own)[:-1]

    def realise(
        self, own: Array, draw: IntArray, states: IntArray, shocks: Array, *, anew: bool
    ) -> tuple[Array, Array]:
        rho, a, b = (np.ascontiguousarray(own[:, :, i]) for i in range(3))
        if anew:
            q = np.stack([np.ones_like(rho), np.ones_like(rho), rho], axis=2)
        else:
            q = np.array([[self._run(row, False)[0][-1] for row in params] for params in own])
        out: tuple[Array, Array] = regime_dcc_paths(shocks, draw, states, rho, a, b, q)
        return out
