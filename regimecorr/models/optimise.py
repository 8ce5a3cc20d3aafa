"""Constrained maximum likelihood in few parameters, with a report that can be believed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import null_space
from scipy.optimize import minimize, nnls

Array = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

#: Newton's predicted gain in log-likelihood below which an optimum counts as reached.
TOLERANCE = 1e-10
# Below this gain the step is so short that the curvature need not be measured again.
_SHORT = 1e-6
_ACTIVE = 1e-9
_WORST = -1e12
# Curvature, in units of a parameter, below which a direction counts as not identified.
_FLAT = 1e-6


@dataclass(frozen=True, slots=True)
class Region:
    """Linear constraints ``normals @ theta <= limits``, each with a name; and natural directions.

    The columns of ``units`` (k, k) are steps in which the log-likelihood changes by about one,
    along directions that do not run into the constraints at a slant: the optimiser works in these
    coordinates, and differences are taken over a thousandth of them.
    """

    normals: Array
    limits: Array
    labels: tuple[str, ...]
    units: Array

    def slack(self, theta: Array) -> Array:
        """Distance (n_constraints,) from every constraint, in its own units."""
        return np.asarray(self.limits - self.normals @ theta)


@dataclass(frozen=True, slots=True)
class Optimum:
    """Where an optimisation ended.

    Attributes
    ----------
    theta : ndarray of shape (k,)
    value : float
        Log-likelihood.
    gradient : ndarray of shape (k,)
        Of the log-likelihood; it need not vanish across a constraint.
    hessian : ndarray of shape (k, k)
        Of the log-likelihood, by central differences of the analytic gradient.
    basis : ndarray of shape (k, m)
        Orthonormal directions in which the optimum is free to move.
    bounds_hit : tuple of str
        Constraints that hold the optimum.
    decrement : float
        Log-likelihood that one more Newton step promises; 0 at an optimum.
    converged : bool
    message : str
        Why not.
    n_evaluations : int
    """

    theta: Array
    value: float
    gradient: Array
    hessian: Array
    basis: Array
    bounds_hit: tuple[str, ...]
    decrement: float
    converged: bool
    message: str
    n_evaluations: int


Objective = Callable[[Array], tuple[float, Array]]


def central_hessian(function: Objective, theta: Array, region: Region) -> Array:
    """Hessian of the log-likelihood by differences of its gradient, one-sided at a bound."""
    columns = [
        (function(high)[1] - function(low)[1]) / size
        for high, low, size in (neighbours(theta, i, region) for i in range(theta.size))
    ]
    inverse = np.linalg.inv(region.units)
    hessian = np.reshape(columns, (theta.size, theta.size)).T @ inverse
    return np.asarray(0.5 * (hessian + hessian.T))


def neighbours(theta: Array, i: int, region: Region) -> tuple[Array, Array, float]:
    """Points a small step up and down along a unit, and their distance in that unit.

    Near a bound the step shrinks with the room that is left; on it, it goes one way only.
    """
    rate = region.normals @ region.units[:, i]
    slack = region.slack(theta)
    size = 1e-3
    near = (rate != 0.0) & (slack > _ACTIVE)
    if np.any(near):
        size = min(size, max(0.1 * float(np.min(slack[near] / np.abs(rate[near]))), 1e-6))
    touching = slack <= _ACTIVE
    up = not np.any(rate[touching] > 0.0)
    down = not np.any(rate[touching] < 0.0)
    if not up and not down:  # held from both sides
        up = down = True
    step = size * region.units[:, i]
    return theta + step * up, theta - step * down, size * (up + down)


def _free_step(
    theta: Array, gradient: Array, hessian: Array, region: Region, held: list[int]
) -> tuple[Array, float, IntArray, Array]:
    """Newton's step within the region, the gain it promises, active constraints, free directions.

    A constraint is active where the gradient presses against it, or the step would cross it.
    """
    near = np.flatnonzero(region.slack(theta) <= _ACTIVE)
    active = near
    if near.size:
        # Multipliers: the part of the gradient, in units, that points out of the region.
        force, _ = nnls((region.normals[near] @ region.units).T, gradient @ region.units)
        active = near[force > 1e-10]
    while True:
        basis = _faces(region, active, held)
        step, decrement = _newton_step(gradient, hessian, basis, region.units)
        crossed = np.setdiff1d(near[region.normals[near] @ step > 1e-14], active)
        if not crossed.size:
            return step, decrement, active, basis
        active = np.append(active, crossed[:1])


def free_directions(
    theta: Array, gradient: Array, hessian: Array, region: Region, held: Sequence[int] = ()
) -> tuple[IntArray, Array]:
    """Active constraints at an optimum and the directions (k, m) in which it is free to move.

    Coordinates that are ``held`` do not count as free, nor their own bounds as active.
    """
    _, _, active, basis = _free_step(theta, gradient, hessian, region, list(held))
    others = np.setdiff1d(np.arange(theta.size), held)
    return active[np.any(region.normals[active][:, others] != 0.0, axis=1)], basis


def _faces(region: Region, active: IntArray, held: list[int]) -> Array:
    """Orthonormal directions along the active constraints, with some coordinates held."""
    identity = np.eye(len(region.units))
    rows = np.concatenate([region.normals[active], identity[held]])
    return np.asarray(null_space(rows, rcond=1e-12)) if len(rows) else identity


def maximise(
    function: Objective,
    start: Array,
    region: Region,
    *,
    kinks: Sequence[int] = (),
    max_newton: int = 30,
) -> Optimum:
    """Maximise from a feasible start: sequential quadratic steps, then Newton's on the free face.

    Parameters
    ----------
    function : callable
        ``theta -> (log-likelihood, gradient)``; a value that is not finite counts as very bad.
    start : ndarray of shape (k,)
    region : Region
    kinks : sequence of int, default ()
        Coordinates in which the log-likelihood has kinks. Where no step improves it the maximum
        may lie on one; then the others are optimised with these held.
    max_newton : int, default 30
        Newton steps at most; two or three are usual.

    Returns
    -------
    Optimum
        ``converged`` means that a Newton step promises a gain below `TOLERANCE`; it does not
        rely on the optimiser's own flag.
    """
    count = 0

    def guarded(theta: Array) -> tuple[float, Array]:
        nonlocal count
        count += 1
        return _finite(function, theta)

    theta = climb(guarded, start, region)
    value, gradient = guarded(theta)
    decrement = np.inf
    message = ""
    hessian = central_hessian(guarded, theta, region)
    held: list[int] = []
    for _ in range(max_newton):
        step, decrement, _, _ = _free_step(theta, gradient, hessian, region, held)
        if decrement < TOLERANCE:
            break
        moved = _line_search(guarded, theta, value, step, region)
        if moved is None and kinks and not held:
            held = list(kinks)
            continue
        if moved is None:
            message = "no step improves the log-likelihood"
            break
        theta, value, gradient = moved
        if decrement > _SHORT:
            hessian = central_hessian(guarded, theta, region)
    _, decrement, active, _ = _free_step(theta, gradient, hessian, region, held)
    basis = _faces(region, active, [])
    snapped = _snapped(theta, active, region)
    if np.any(snapped != theta):
        theta = snapped
        value, gradient = guarded(theta)
        hessian = central_hessian(guarded, theta, region)
    # What rounding leaves: gradients are sums of thousands of terms.
    converged = bool(decrement < max(TOLERANCE, 1e-12 * abs(value)))
    if not converged and not message:
        message = f"{max_newton} Newton steps were not enough"
    return Optimum(
        theta=theta,
        value=value,
        gradient=gradient,
        hessian=hessian,
        basis=basis,
        bounds_hit=tuple(region.labels[i] for i in active),
        decrement=float(decrement),
        converged=converged,
        message="" if converged else message,
        n_evaluations=count,
    )


def climb(function: Objective, start: Array, region: Region) -> Array:
    """Sequential quadratic steps from a feasible start to near an optimum, never below it."""
    scaled = region.normals @ region.units

    def negative(x: Array) -> tuple[float, Array]:
        value, gradient = _finite(function, region.units @ x)
        return -value, -gradient @ region.units

    found = minimize(
        negative,
        np.linalg.solve(region.units, start),
        jac=True,
        method="SLSQP",
        constraints={
            "type": "ineq",
            "fun": lambda x: region.limits - scaled @ x,
            "jac": lambda x: -scaled,
        },
        options={"maxiter": 200, "ftol": 1e-7},
    )
    theta = _into(region.units @ found.x, start, region)
    return theta if _finite(function, theta)[0] >= _finite(function, start)[0] else start


def _finite(function: Objective, theta: Array) -> tuple[float, Array]:
    """The function, or a very bad value where it is not finite."""
    try:
        with np.errstate(all="ignore"):
            value, gradient = function(theta)
    except ZeroDivisionError:  # how compiled code says that a variance is zero
        return _WORST, np.zeros(theta.size)
    if not (np.isfinite(value) and np.all(np.isfinite(gradient))):
        return _WORST, np.zeros(theta.size)
    return value, gradient


def _into(theta: Array, feasible: Array, region: Region) -> Array:
    """Pull a point that rounding left outside back towards a feasible one; snap to near bounds."""
    slack = region.slack(theta)
    if np.any(slack < 0.0):
        inside = region.slack(feasible)
        out = slack < 0.0
        share = float(np.min(inside[out] / np.maximum(inside[out] - slack[out], 1e-300)))
        theta = feasible + share * (theta - feasible)
    return theta


def _snapped(theta: Array, active: IntArray, region: Region) -> Array:
    """Put parameters that a bound of their own holds exactly on it."""
    out = theta.copy()
    for row, limit in zip(region.normals[active], region.limits[active], strict=True):
        (own,) = np.nonzero(row)
        if own.size == 1:
            out[own[0]] = limit / row[own[0]] + 0.0
    return out


def _newton_step(
    gradient: Array, hessian: Array, basis: Array, units: Array
) -> tuple[Array, float]:
    """Step along the free directions, with a ridge where the curvature is not negative."""
    if basis.shape[1] == 0:
        return np.zeros(gradient.size), 0.0
    # In units eigenvalues compare with one.
    face = _in_units(basis, units)
    slope = face.T @ gradient
    values, vectors = np.linalg.eigh(-face.T @ hessian @ face)
    floor = max(1e-9 * float(np.abs(values).max()), 1e-10)
    values = np.where(values > floor, values, np.maximum(np.abs(values), 1e-4))
    along = vectors.T @ slope
    step = face @ (vectors @ (along / values))
    return step, float(0.5 * np.sum(along**2 / values))


def _in_units(basis: Array, units: Array) -> Array:
    """Directions that span the basis, orthonormal in units."""
    return np.asarray(units @ np.linalg.qr(np.linalg.solve(units, basis))[0])


def inverse_information(hessian: Array, basis: Array, units: Array) -> Array:
    """Inverse (k, k) of minus the Hessian along the free directions, zero across a bound.

    A direction in which the likelihood is flat, or not concave, gets a huge variance, not none.
    """
    if basis.shape[1] == 0:
        return np.zeros_like(hessian)
    face = _in_units(basis, units)
    values, vectors = np.linalg.eigh(-face.T @ hessian @ face)
    root = face @ (vectors / np.sqrt(np.maximum(values, _FLAT)))
    return np.asarray(root @ root.T)


def flat_directions(optimum: Optimum, units: Array) -> Array:
    """Free directions (k, f), in units, along which the log-likelihood hardly falls."""
    if optimum.basis.shape[1] == 0:
        return np.empty((optimum.theta.size, 0))
    face = _in_units(optimum.basis, units)
    values, vectors = np.linalg.eigh(-face.T @ optimum.hessian @ face)
    return np.asarray(face @ vectors[:, values < _FLAT])


def is_flat(optimum: Optimum, region: Region) -> bool:
    """Whether the log-likelihood hardly falls along some free direction: it is not identified."""
    return bool(flat_directions(optimum, region.units).shape[1] > 0)


def _line_search(
    function: Objective,
    theta: Array,
    value: float,
    step: Array,
    region: Region,
) -> tuple[Array, float, Array] | None:
    """First improving point along the step, which stops at the nearest constraint."""
    rate = region.normals @ step
    slack = region.slack(theta)
    ahead = (rate > 1e-14) & (slack > _ACTIVE)
    longest = float(np.min(slack[ahead] / rate[ahead])) if np.any(ahead) else np.inf
    size = min(1.0, max(longest, 0.0))
    for _ in range(30):
        candidate = theta + size * step
        tried, gradient = function(candidate)
        if tried > value:
            return candidate, tried, gradient
        size *= 0.5
    return None


def box(
    k: int, lower: Sequence[float], upper: Sequence[float], names: Sequence[str]
) -> tuple[list[Array], list[float], list[str]]:
    """Rows, limits and labels of ``lower <= theta <= upper``; infinite sides are left out."""
    rows, limits, labels = [], [], []
    for i in range(k):
        unit = np.zeros(k)
        unit[i] = 1.0
        if np.isfinite(lower[i]):
            rows.append(-unit)
            limits.append(-lower[i])
            labels.append(f"{names[i]} = {lower[i]:g}")
        if np.isfinite(upper[i]):
            rows.append(unit)
            limits.append(upper[i])
            labels.append(f"{names[i]} = {upper[i]:g}")
    return rows, limits, labels
