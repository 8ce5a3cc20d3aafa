"""Correlation targeting: the matrix to which Q reverts, as a function of second moments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from regimecorr.models.base import Array

TargetKind: TypeAlias = Literal["correlation", "covariance"]


@dataclass(frozen=True, slots=True)
class TargetRule:
    """How the target S follows from innovations ``e`` (n_obs, N).

    ``correlation``: the second moment ``e'e / T``, rescaled to unit diagonal. ``covariance``: the
    centred covariance with divisor ``T - 1``, as it is. Either is first shrunk by ``shrinkage``
    towards a multiple of the identity (Ledoit and Wolf 2004).
    """

    kind: TargetKind = "correlation"
    shrinkage: float = 0.0

    def centred(self, e: Array) -> Array:
        """Return the innovations whose products are averaged."""
        return np.asarray(e - e.mean(axis=0)) if self.kind == "covariance" else e

    def divisor(self, n_obs: int) -> int:
        """Number by which the sum of products is divided."""
        return n_obs - 1 if self.kind == "covariance" else n_obs

    def moment(self, e: Array) -> Array:
        """Second moment (N, N)."""
        x = self.centred(e)
        # Not the library's product: its rounding depends on the number of threads.
        return np.asarray(np.einsum("ti,tj->ij", x, x, optimize=False) / self.divisor(len(e)))

    def value(self, moment: Array) -> Array:
        """Target of a moment."""
        shrunk = self._shrink(moment)
        if self.kind == "covariance":
            return shrunk
        root = np.sqrt(np.diag(shrunk))
        out = shrunk / np.outer(root, root)
        np.fill_diagonal(out, 1.0)
        return np.asarray(out)

    def push(self, moment: Array, change: Array) -> Array:
        """Derivative of the target in the direction ``change`` of the moment."""
        shrunk, change = self._shrink(moment), self._shrink(change)
        if self.kind == "covariance":
            return change
        variance = np.diag(shrunk)
        root = np.sqrt(variance)
        relative = np.diag(change) / variance
        correlation = shrunk / np.outer(root, root)
        out = change / np.outer(root, root)
        out -= 0.5 * correlation * (relative[:, None] + relative[None, :])
        np.fill_diagonal(out, 0.0)
        return np.asarray(out)

    def pull(self, moment: Array, slope: Array) -> Array:
        """Derivative by the moment of a function whose derivative by the target is ``slope``."""
        slope = 0.5 * (slope + slope.T)
        if self.kind == "covariance":
            return self._shrink(slope)
        shrunk = self._shrink(moment)
        variance = np.diag(shrunk)
        root = np.sqrt(variance)
        # The diagonal of the target is one, whatever the moment.
        slope = slope - np.diag(np.diag(slope))
        correlation = shrunk / np.outer(root, root)
        out = slope / np.outer(root, root)
        out -= np.diag((slope * correlation).sum(axis=1) / variance)
        return self._shrink(out)

    def _shrink(self, matrix: Array) -> Array:
        """Apply the (self-adjoint) linear map of the shrinkage."""
        if self.shrinkage == 0.0:
            return matrix
        level = self.shrinkage * np.trace(matrix) / len(matrix)
        return np.asarray((1.0 - self.shrinkage) * matrix + level * np.eye(len(matrix)))


def correlation_target(z: Array) -> float:
    """Second moment ``Z'Z / T`` of two series rescaled to a correlation."""
    rule = TargetRule()
    return float(rule.value(rule.moment(z))[0, 1])
