"""Unbounded coordinates of a regime model's parameters, and its admissible region."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from regimecorr.models.base import Array
from regimecorr.models.optimise import Region, box
from regimecorr.models.switching.chain import RegimeParams, regime_names
from regimecorr.models.switching.emissions import Emission

NU_LIMITS = (2.05, 200.0)
#: Probability of a move below which a regime counts as left never, or at once.
LEAST_MOVE = 1e-7
_MAX_LOGIT = 16.0  # moves down to 1e-7, where the region ends


def parameter_names(emission: Emission, k: int, heavy: bool) -> list[str]:
    """Names of the parameters in the order of `RegimeParams.vector`, as bounds tell them."""
    names = regime_names(k)
    labels = emission.bound_names or emission.names
    own = [named(label, n) for n in names for label in labels]
    moves = [f"p_{a}_{b}" for a in names for b in names if a != b]
    return [*own, *moves, *(["nu"] if heavy else [])]


def named(label: str, regime: str) -> str:
    """Name of a regime's own parameter: ``rho_low``, or ``rho_low(A, B)`` of several assets."""
    head, bracket, tail = label.partition("(")
    return f"{head}_{regime}{bracket}{tail}"


def region_of(emission: Emission, params: RegimeParams) -> Region:
    """Admissible parameters, with steps that suit the given ones."""
    k, heavy = params.n_regimes, not np.isinf(params.nu)
    names = parameter_names(emission, k, heavy)
    m, moves = params.own.shape[1], k * (k - 1)
    lower = [*emission.lower * k, *[LEAST_MOVE] * moves, *[NU_LIMITS[0]] * heavy]
    upper = [*emission.upper * k, *[np.inf] * moves, *[NU_LIMITS[1]] * heavy]
    rows, limits, labels = box(len(names), lower, upper, names)
    for i, regime in enumerate(regime_names(k)):
        for normal, limit, label in emission.constraints():
            row = np.zeros(len(names))
            row[i * m : (i + 1) * m] = normal
            rows.append(row)
            limits.append(limit)
            labels.append(f"{label} ({regime})")
        if k > 1:
            row = np.zeros(len(names))
            row[k * m + i * (k - 1) : k * m + (i + 1) * (k - 1)] = 1.0
            rows.append(row)
            limits.append(1.0 - LEAST_MOVE)
            labels.append(f"p_{regime} = 0")
    sizes = np.maximum(0.3 * params.vector[k * m : k * m + moves], 1e-4)
    steps = [*emission.steps * k, *sizes, *([0.5] if heavy else [])]
    return Region(np.array(rows), np.array(limits), tuple(labels), np.diag(steps))


def inside(emission: Emission, params: RegimeParams) -> Array:
    """Parameter vector moved strictly inside the region, where an optimisation may start."""
    k = params.n_regimes
    out = params.vector
    own = params.own.copy()
    for i, (low, high) in enumerate(zip(emission.lower, emission.upper, strict=True)):
        margin = 1e-3 * emission.steps[i]
        own[:, i] = np.clip(own[:, i], low + margin, high - margin)
    for normal, limit, _ in emission.constraints():
        over = own @ normal > limit - 1e-6
        own[over] *= np.where(normal != 0.0, (limit - 1e-5) / (own[over] @ normal)[:, None], 1.0)
    out[: own.size] = own.ravel()
    moves = slice(own.size, own.size + k * (k - 1))
    matrix = np.clip(out[moves], 2.0 * LEAST_MOVE, None).reshape(k, k - 1)
    matrix /= np.maximum(1.0, matrix.sum(axis=1, keepdims=True) / (1.0 - 2.0 * LEAST_MOVE))
    out[moves] = matrix.ravel()
    if not np.isinf(params.nu):
        out[-1] = np.clip(out[-1], NU_LIMITS[0] + 0.01, NU_LIMITS[1] - 0.01)
    return out


def pack(emission: Emission, p: RegimeParams) -> Array:
    """Unbounded coordinates: the emission's, logits of moves against staying, log(nu - 2)."""
    off = ~np.eye(p.n_regimes, dtype=bool)
    matrix = np.maximum(p.transition, np.exp(-_MAX_LOGIT))
    logits = np.log(matrix / np.diag(matrix)[:, None])[off]
    head = [emission.unbounded(p.own).ravel(), np.clip(logits, -_MAX_LOGIT, _MAX_LOGIT)]
    return np.concatenate(head if np.isinf(p.nu) else [*head, [np.log(p.nu - 2.0)]])


def unpack(emission: Emission, u: Array, like: RegimeParams) -> tuple[RegimeParams, Array]:
    """Inverse of `pack`, and the derivatives (P, P) of the parameter vector by coordinates."""
    k, m = like.own.shape
    size, moves = like.own.size, k * (k - 1)
    jacobian = np.zeros((u.size, u.size))
    own, by_own = emission.bounded(u[:size].reshape(k, m))
    for i in range(k):
        jacobian[i * m : (i + 1) * m, i * m : (i + 1) * m] = by_own[i]
    weights = np.ones((k, k))
    off = ~np.eye(k, dtype=bool)
    weights[off] = np.exp(np.clip(u[size : size + moves], -_MAX_LOGIT, _MAX_LOGIT))
    matrix = weights / weights.sum(axis=1, keepdims=True)
    for i in range(k):
        row = matrix[i, off[i]]
        at = slice(size + i * (k - 1), size + (i + 1) * (k - 1))
        jacobian[at, at] = np.diag(row) - np.outer(row, row)
    nu = np.inf
    if not np.isinf(like.nu):
        nu = float(np.clip(2.0 + np.exp(min(u[-1], 10.0)), *NU_LIMITS))
        jacobian[-1, -1] = nu - 2.0
    return replace(like, own=own, transition=matrix, nu=nu), jacobian
