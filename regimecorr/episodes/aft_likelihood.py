"""Log-likelihood of censored and truncated durations, with its derivatives.

In w = k log t - x'v both families have a cumulative hazard H(w) without parameters, so a spell
that ended adds log k + log H'(w) - H(w), one that lasts -H(w), and one that was first seen at some
age gives +H(w) of that age back. Only w depends on (log k, v).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from scipy.special import expit

from regimecorr.episodes.survival import Array, BoolArray

Family: TypeAlias = Literal["weibull", "loglogistic"]

#: Exponents beyond it are clipped; the likelihood has long been hopeless there.
LARGEST = 500.0


@dataclass(frozen=True, slots=True)
class Sample:
    """Durations as the likelihood reads them; log times (n,) are relative to ``center``.

    An interval (low, high] holds every ending: low = high for exact times. ``low`` is -inf where
    the interval begins at 0, and ``entry`` where the spell was seen from its beginning.
    """

    low: Array
    high: Array
    entry: Array
    ended: BoolArray
    exact: bool
    design: Array
    center: float
    jacobian: float


#: Of log times w in units of the model: cumulative hazard H, its first and second derivative,
#: first derivative of log H', second derivative of log H'.
_Curves: TypeAlias = Callable[[Array], tuple[Array, Array, Array, Array, Array]]


def _weibull(w: Array) -> tuple[Array, Array, Array, Array, Array]:
    e = np.exp(np.clip(w, None, LARGEST))
    return e, e, e, np.ones_like(w), np.zeros_like(w)


def _loglogistic(w: Array) -> tuple[Array, Array, Array, Array, Array]:
    p = expit(w)
    return np.logaddexp(0.0, w), p, p * (1.0 - p), 1.0 - p, -p * (1.0 - p)


_CURVES: dict[str, _Curves] = {"weibull": _weibull, "loglogistic": _loglogistic}


def log_likelihood(family: Family, sample: Sample, theta: Array) -> tuple[float, Array, Array]:
    """Log-likelihood with gradient and Hessian in (log k, k beta)."""
    k = float(np.exp(np.clip(theta[0], -LARGEST, 20.0)))
    curves = _CURVES[family]
    tally = _Tally(k, theta[1:], sample.design)
    ended, lasting = sample.ended, ~sample.ended
    # A spell that still lasts is known to have outlived the last look at it.
    tally.survived(curves, sample.low, lasting, -1.0)
    tally.survived(curves, sample.entry, np.ones_like(ended), 1.0)
    if sample.exact:
        tally.ended_at(curves, sample.high, ended)
        tally.value -= sample.jacobian
    else:
        tally.ended_within(curves, sample.low, sample.high, ended)
    return tally.value, tally.gradient, tally.hessian


class _Tally:
    """Sums a log-likelihood in w = k log t - x'v, and what it implies for (log k, v)."""

    def __init__(self, k: float, v: Array, design: Array) -> None:
        self.k, self.shift, self.design = k, design @ v, design
        size = 1 + v.size
        self.value = 0.0
        self.gradient = np.zeros(size)
        self.hessian = np.zeros((size, size))

    def survived(self, curves: _Curves, log_time: Array, rows: BoolArray, sign: float) -> None:
        """Add ``sign`` times the cumulative hazard; there is none at time 0."""
        rows = rows & np.isfinite(log_time)
        w, z = self._at(log_time, rows)
        hazard, first, second, _, _ = curves(w)
        self.value += sign * float(hazard.sum())
        self._add(z, sign * first, sign * second)

    def ended_at(self, curves: _Curves, log_time: Array, rows: BoolArray) -> None:
        """Add log densities in log time: log k + log H'(w) - H(w)."""
        w, z = self._at(log_time, rows)
        hazard, first, second, slope, bend = curves(w)
        self.value += float(np.sum(np.log(self.k) + _log_rate(curves, w) - hazard))
        self.gradient[0] += w.size
        self._add(z, slope - first, bend - second)

    def ended_within(self, curves: _Curves, low: Array, high: Array, rows: BoolArray) -> None:
        """Add log(S(low) - S(high)) = -H(low) + log(1 - exp(H(low) - H(high)))."""
        w, z = self._at(high, rows)
        from_zero = ~np.isfinite(low[rows])
        start = np.where(np.isfinite(low), low, 0.0)
        w0, z0 = self._at(start, rows)
        hazard, first, _, slope, _ = curves(w)
        hazard0, first0, _, slope0, _ = curves(w0)
        hazard0, first0 = np.where(from_zero, 0.0, hazard0), np.where(from_zero, 0.0, first0)
        step = np.maximum(hazard - hazard0, 1e-300)
        share = -np.expm1(-step)
        self.value += float(np.sum(np.log(share) - hazard0))
        # Densities at both ends over the probability between them, and their log slopes.
        f, f0 = first * np.exp(-step) / share, first0 / share
        self._add(z, f, f * (slope - first) - f**2)
        self._add(z0, -f0, -f0 * (slope0 - first0) - f0**2)
        cross = np.einsum("n,ni,nj->ij", f * f0, z, z0)
        self.hessian += cross + cross.T

    def _at(self, log_time: Array, rows: BoolArray) -> tuple[Array, Array]:
        scaled = self.k * log_time[rows]
        return scaled - self.shift[rows], np.column_stack([scaled, -self.design[rows]])

    def _add(self, z: Array, first: Array, second: Array) -> None:
        self.gradient += first @ z
        self.hessian += z.T @ (second[:, None] * z)
        self.hessian[0, 0] += float(first @ z[:, 0])  # the second derivative of w in log k


def _log_rate(curves: _Curves, w: Array) -> Array:
    """Logarithm of H', without underflow."""
    return w if curves is _weibull else -np.logaddexp(0.0, -w)
