"""Regimes of N assets, each with a correlation matrix that stays positive definite."""

from __future__ import annotations

import numpy as np
from scipy.linalg import solve_triangular
from scipy.optimize import minimize

from regimecorr.errors import ModelError
from regimecorr.kernels.regimes import correlate_by_state
from regimecorr.models._garch_fit import density_constants
from regimecorr.models.base import Array, IntArray
from regimecorr.models.switching.emissions import ConstantEmission

# Coordinates of a correlation matrix beyond which it counts as singular.
_COORDINATE_LIMIT = 30.0


class MatrixEmission(ConstantEmission):
    r"""N assets: the own parameters of a regime are coordinates of its correlation matrix.

    Row i of the lower Cholesky factor of a correlation matrix is a unit vector with a positive
    last entry, :math:`(y_{i1}, \dots, y_{i,i-1}, 1) / \sqrt{1 + |y_i|^2}`: every
    :math:`y \in R^{N (N - 1) / 2}` is a positive definite correlation matrix, and every such
    matrix has one y.
    """

    def __init__(self, z: Array, assets: tuple[str, ...]) -> None:
        self.z = z
        self.assets = assets
        self.size = z.shape[1]
        self.pairs = [(j, i) for i in range(1, self.size) for j in range(i)]
        m = len(self.pairs)
        self.names = tuple(f"rho({assets[i]}, {assets[j]})" for i, j in self.pairs)
        self.bound_names = tuple(f"singular({assets[i]}, {assets[j]})" for i, j in self.pairs)
        self.lower = (-_COORDINATE_LIMIT,) * m
        self.upper = (_COORDINATE_LIMIT,) * m
        self.steps = (0.02,) * m
        self.prior_sd = (1.0,) * m
        self._below = np.tril_indices(self.size, -1)

    def on(self, z: Array) -> MatrixEmission:
        return MatrixEmission(z, self.assets)

    def factors(self, own: Array) -> Array:
        """Lower Cholesky factors (..., N, N) of coordinates (..., m)."""
        out = np.zeros((*own.shape[:-1], self.size, self.size))
        out[..., self._below[0], self._below[1]] = own
        out[..., np.arange(self.size), np.arange(self.size)] = 1.0
        return np.asarray(out / np.linalg.norm(out, axis=-1, keepdims=True))

    def matrices(self, own: Array) -> Array:
        """Correlation matrices (..., N, N) of coordinates (..., m)."""
        factor = self.factors(own)
        return np.asarray(factor @ np.swapaxes(factor, -1, -2))

    def coordinates(self, matrices: Array) -> Array:
        """Inverse of `matrices`."""
        try:
            factor = np.linalg.cholesky(matrices)
        except np.linalg.LinAlgError as error:
            raise ModelError(
                f"The correlation matrix of {', '.join(self.assets)} is singular: some of them are "
                "collinear. Remove one."
            ) from error
        scaled = factor / np.diagonal(factor, axis1=-2, axis2=-1)[..., None]
        return np.asarray(scaled[..., self._below[0], self._below[1]])

    def _row_slopes(self, factor: Array, i: int) -> Array:
        """Derivatives (i, i + 1) of row i of the factor by its coordinates."""
        row = factor[i, : i + 1]
        return np.asarray(row[i] * (np.eye(i, i + 1) - np.outer(row[:i], row)))

    def _whitened(self, factor: Array) -> tuple[Array, Array]:
        white = solve_triangular(factor, self.z.T, lower=True).T
        return white, (white**2).sum(axis=1)

    def log_densities(self, own: Array, nu: float) -> Array:
        factors = self.factors(own)
        const = density_constants(self.size, nu)[0]
        columns = []
        for factor in factors:
            q = self._whitened(factor)[1]
            columns.append(const - np.log(np.diag(factor)).sum() + self._kernel(q, nu))
        return np.ascontiguousarray(np.column_stack(columns))

    def _kernel(self, q: Array, nu: float) -> Array:
        if np.isinf(nu):
            return -0.5 * q
        return np.asarray(-0.5 * (nu + self.size) * np.log1p(q / (nu - 2.0)))

    def _weights(self, q: Array, nu: float) -> tuple[Array, Array]:
        """Weights (n_obs,) of rows in the slopes by the matrix, and slopes (n_obs,) by nu."""
        if np.isinf(nu):
            return np.ones_like(q), np.zeros_like(q)
        weight = (nu + self.size) / (nu - 2.0 + q)
        by_nu = density_constants(self.size, nu)[1] - 0.5 * np.log1p(q / (nu - 2.0))
        return weight, by_nu + 0.5 * weight * q / (nu - 2.0)

    def slopes(self, own: Array, nu: float) -> tuple[Array, Array, Array]:
        n, (k, m) = len(self.z), own.shape
        by_own = np.empty((n, k, m))
        by_nu = np.empty((n, k))
        for j, factor in enumerate(self.factors(own)):
            white, q = self._whitened(factor)
            weight, by_nu[:, j] = self._weights(q, nu)
            force = weight[:, None] * solve_triangular(factor, white.T, lower=True, trans="T").T
            begin = 0
            for i in range(1, self.size):
                step = self._row_slopes(factor, i)
                block = force[:, i, None] * (white[:, : i + 1] @ step.T)
                by_own[:, j, begin : begin + i] = block - step[:, i] / factor[i, i]
                begin += i
        return self.log_densities(own, nu), by_own, by_nu

    def pull(self, own: Array, nu: float, weights: Array) -> tuple[Array, float]:
        out = np.empty_like(own)
        total = 0.0
        for j, factor in enumerate(self.factors(own)):
            white, q = self._whitened(factor)
            weight, by_nu = self._weights(q, nu)
            total += float(weights[:, j] @ by_nu)
            moment = (white * (weight * weights[:, j])[:, None]).T @ white
            force = solve_triangular(factor, moment, lower=True, trans="T")
            mass = weights[:, j].sum()
            begin = 0
            for i in range(1, self.size):
                step = self._row_slopes(factor, i)
                mine = step @ force[i, : i + 1] - mass * step[:, i] / factor[i, i]
                out[j, begin : begin + i] = mine
                begin += i
        return out, total

    def level(self, own: Array) -> Array:
        return np.asarray(self.reported(own).mean(axis=1))

    def reported(self, own: Array) -> Array:
        matrices = self.matrices(own)
        return np.stack([matrices[:, i, j] for i, j in self.pairs], axis=1)

    def from_reported(self, values: Array) -> Array:
        matrices = np.tile(np.eye(self.size), (len(values), 1, 1))
        for r, (i, j) in enumerate(self.pairs):
            matrices[:, i, j] = matrices[:, j, i] = values[:, r]
        smallest = np.linalg.eigvalsh(matrices)[:, 0]
        if not np.all(smallest > 1e-9):
            raise ModelError(
                "Every regime's correlations must make a positive definite matrix; the smallest "
                f"eigenvalues are {smallest}."
            )
        return self.coordinates(matrices)

    def reported_slopes(self, own: Array) -> Array:
        k, m = own.shape
        out = np.zeros((k, m, m))
        for regime, factor in enumerate(self.factors(own)):
            begin = 0
            for i in range(1, self.size):
                change = self._row_slopes(factor, i) @ factor[:, : i + 1].T  # (i, N), of row i of R
                for r, (a, b) in enumerate(self.pairs):
                    if i in (a, b):
                        other = b if i == a else a
                        out[regime, r, begin : begin + i] = change[:, other]
                begin += i
        return out

    def unbounded(self, own: Array) -> Array:
        return own

    def bounded(self, u: Array) -> tuple[Array, Array]:
        inside = np.clip(u, -_COORDINATE_LIMIT, _COORDINATE_LIMIT)
        return inside, np.broadcast_to(np.eye(u.shape[1]), (len(u), u.shape[1], u.shape[1]))

    def correlations(self, own: Array) -> Array:
        matrices = self.matrices(own)
        return np.broadcast_to(matrices, (len(self.z), *matrices.shape))

    def realise(
        self, own: Array, draw: IntArray, states: IntArray, shocks: Array, *, anew: bool
    ) -> tuple[Array, Array]:
        z: Array = correlate_by_state(shocks, draw, states, self.factors(own))
        return self.matrices(own)[draw[:, None], states], z

    def spread(self, shifts: Array) -> Array:
        """Towards the identity, or towards one common high correlation."""
        moment = self.z.T @ self.z
        root = np.sqrt(np.diag(moment))
        sample = moment / np.outer(root, root)
        common = 0.9 + 0.1 * np.eye(self.size)
        share = np.minimum(np.abs(shifts), 0.8)[:, None, None]
        goal = np.where(shifts[:, None, None] < 0.0, np.eye(self.size), common)
        found = self.coordinates((1.0 - share) * sample + share * goal)
        return np.clip(found, -_COORDINATE_LIMIT, _COORDINATE_LIMIT)

    def update(self, own: Array, nu: float, smoothed: Array) -> Array:
        out = own.copy()
        factors = self.factors(own)
        for k, factor in enumerate(factors):
            weight = smoothed[:, k]
            mass = float(weight.sum())
            if mass < 1e-3:
                continue
            if not np.isinf(nu):
                weight = weight * (nu + self.size) / (nu - 2.0 + self._whitened(factor)[1])
            moment = (self.z * weight[:, None]).T @ self.z / mass
            out[k] = self.constrained(moment, own[k])
        return out

    def constrained(self, moment: Array, start: Array) -> Array:
        """Coordinates that maximise a normal likelihood with unit variances, given the moment."""

        def negative(y: Array) -> tuple[float, Array]:
            factor = self.factors(y)
            inverse = solve_triangular(factor, np.eye(self.size), lower=True)
            white = inverse @ moment @ inverse.T
            value = np.log(np.diag(factor)).sum() + 0.5 * np.trace(white)
            # derivative by the factor: L^{-T} (I - L^{-1} S L^{-T})
            slope = inverse.T @ (np.eye(self.size) - white)
            parts = [self._row_slopes(factor, i) @ slope[i, : i + 1] for i in range(1, self.size)]
            return float(value), np.concatenate(parts)

        limits = [(-_COORDINATE_LIMIT, _COORDINATE_LIMIT)] * start.size
        found = minimize(negative, start, jac=True, method="L-BFGS-B", bounds=limits)
        return np.asarray(found.x)
