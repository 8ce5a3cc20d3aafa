"""Shrunk regressions: a mean by ridge, a standard deviation that depends on features."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from regimecorr.errors import EstimationError
from regimecorr.events import Array, IntArray

_STEPS = 100
_TOLERANCE = 1e-9
#: A coefficient moves at most this far in one step, so that nothing overflows.
_MOST = 2.0


@dataclass(frozen=True, slots=True)
class Linear:
    """An intercept and one slope per feature, in the features' own units.

    Attributes
    ----------
    intercept : float
        Value where every feature is 0.
    slopes : tuple of float
        In the order of the features.
    """

    intercept: float
    slopes: tuple[float, ...]

    def at(self, features: Array) -> Array:
        """Values (n,) at features (n, k)."""
        return np.asarray(self.intercept + features @ np.asarray(self.slopes), dtype=float)


def ridge(features: Array, target: Array, penalty: float) -> Linear:
    """Regress with a quadratic penalty on standardised slopes.

    Minimises ``mean (y - a - x'b)^2 + penalty * sum (sd_j b_j)^2``; the intercept is free. With
    ``penalty = 0`` it is least squares.

    Parameters
    ----------
    features : ndarray of shape (n, k)
    target : ndarray of shape (n,)
    penalty : float
        Relative to the number of rows, so that more data are shrunk alike; 0.1 shrinks a lone
        slope by a tenth.

    Returns
    -------
    Linear

    Raises
    ------
    EstimationError
        If the features are collinear and the penalty is 0, or one does not vary or is missing.
    """
    centre, scale, x = _standardised(features)
    mean = target.mean()
    gram = x.T @ x / len(x) + penalty * np.eye(x.shape[1])
    return _unscaled(mean, _solve(gram, x.T @ (target - mean) / len(x)), centre, scale)


def log_scale(features: Array, residuals: Array, penalty: float) -> Linear:
    """Fit the logarithm of a standard deviation that depends on features.

    Minimises ``mean (log sd + e^2 / (2 sd^2)) + penalty * sum (s_j c_j)^2`` with ``sd = exp(a +
    h'c)`` and s_j the standard deviation of feature j: a Gaussian quasi-likelihood (Harvey 1976),
    which fat tails do not bias, by Newton's method.

    Parameters
    ----------
    features : ndarray of shape (n, k)
        Without columns: one standard deviation for all.
    residuals : ndarray of shape (n,)
    penalty : float
        As in `ridge`.

    Returns
    -------
    Linear

    Raises
    ------
    EstimationError
        If all residuals are 0, or the steps do not settle.
    """
    variance = float(np.mean(residuals**2))
    if not variance > 0.0:
        raise EstimationError("All residuals are 0, so there is no standard deviation to fit.")
    centre, scale, x = _standardised(features)
    design = np.column_stack([np.ones(len(x)), x])
    shrink = penalty * np.r_[0.0, np.ones(x.shape[1])]
    squares = residuals**2

    def loss(beta: Array) -> float:
        eta = design @ beta
        return float(np.mean(eta + 0.5 * squares * np.exp(-2.0 * eta)) + shrink @ beta**2)

    beta = np.r_[0.5 * np.log(variance), np.zeros(x.shape[1])]
    for _ in range(_STEPS):
        ratio = squares * np.exp(-2.0 * (design @ beta))
        slope = design.T @ (ratio - 1.0) / len(x) - 2.0 * shrink * beta
        curvature = 2.0 * (design.T * ratio) @ design / len(x) + np.diag(2.0 * shrink)
        step = _solve(curvature, slope)
        # The loss is convex: a step that is short enough improves it.
        length, before = min(1.0, _MOST / max(float(np.abs(step).max()), 1e-300)), loss(beta)
        while loss(beta + length * step) > before + 1e-14 * abs(before) and length > 1e-10:
            length /= 2.0
        beta = beta + length * step
        if np.abs(step).max() < _TOLERANCE:
            return _unscaled(float(beta[0]), beta[1:], centre, scale)
    raise EstimationError(
        f"The standard deviation of the residuals did not settle in {_STEPS} steps; the last one "
        f"moved it by {np.abs(step).max():.1e}. Use a larger penalty or fewer features."
    )


def ridge_covariance(
    features: Array, target: Array, fitted: Linear, penalty: float, blocks: IntArray
) -> Array:
    """Covariance (k + 1, k + 1) of intercept and slopes of `ridge`, clustered by block.

    Of the estimator about its own mean: the bias of the penalty is no part of it.
    """
    errors = target - fitted.at(features)
    return _sandwich(features, errors, np.ones(len(errors)), penalty, blocks)


def log_scale_covariance(
    features: Array, residuals: Array, fitted: Linear, penalty: float, blocks: IntArray
) -> Array:
    """Covariance (k + 1, k + 1) of intercept and slopes of `log_scale`, clustered by block."""
    ratio = residuals**2 * np.exp(-2.0 * fitted.at(features))
    return _sandwich(features, ratio - 1.0, 2.0 * ratio, 2.0 * penalty, blocks)


def _sandwich(
    features: Array, scores: Array, weights: Array, penalty: float, blocks: IntArray
) -> Array:
    centre, scale, x = _standardised(features)
    design = np.column_stack([np.ones(len(x)), x])
    shrink = penalty * np.r_[0.0, np.ones(x.shape[1])]
    bread = np.linalg.inv((design.T * weights) @ design / len(x) + np.diag(shrink))
    _, label = np.unique(blocks, return_inverse=True)
    sums = np.zeros((int(label.max()) + 1, design.shape[1]))
    np.add.at(sums, label, design * scores[:, None] / len(x))
    # The intercept moves to where the features are 0, the slopes to their own units.
    back = np.diag(np.r_[1.0, 1.0 / scale])
    back[0, 1:] = -centre / scale
    root = back @ bread @ sums.T
    return np.asarray(root @ root.T, dtype=float)


def _standardised(features: Array) -> tuple[Array, Array, Array]:
    centre, scale = features.mean(axis=0), features.std(axis=0)
    if not np.all(np.isfinite(scale)):
        place = int(np.flatnonzero(~np.isfinite(scale))[0])
        raise EstimationError(f"Feature {place} is missing in some of {len(features)} rows.")
    if not np.all(scale > 0.0):
        place = int(np.flatnonzero(scale == 0.0)[0])
        raise EstimationError(f"Feature {place} does not vary over {len(features)} rows.")
    return centre, scale, (features - centre) / scale


def _solve(matrix: Array, vector: Array) -> Array:
    try:
        return np.asarray(np.linalg.solve(matrix, vector), dtype=float)
    except np.linalg.LinAlgError as error:
        raise EstimationError(
            f"The features are collinear ({error}); use a positive penalty or fewer features."
        ) from error


def _unscaled(level: float, slopes: Array, centre: Array, scale: Array) -> Linear:
    raw = slopes / scale
    return Linear(float(level - centre @ raw), tuple(raw.tolist()))
