"""Maximum likelihood of the second stage: admissible region, several starts, an honest report."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import pandas as pd

from regimecorr.models.base import Array, IntArray
from regimecorr.models.dcc.dynamics import Dynamics
from regimecorr.models.optimise import (
    Optimum,
    Region,
    box,
    central_hessian,
    climb,
    free_directions,
    maximise,
)

#: Persistence ``sum a + sum b + delta g`` may come this near to one.
UNIT_MARGIN = 1e-6
NU_LIMITS = (2.05, 200.0)
# Starts that lead to within this many points of log-likelihood have found the same optimum.
_AGREE = 1e-3
_MOST_STARTS = 4
_SHOCKS = (0.01, 0.03, 0.1)
_PERSISTENCES = (0.995, 0.98, 0.95, 0.7)


@dataclass(frozen=True, slots=True)
class Estimate:
    """An optimum of the second stage, and how it was found.

    ``starts`` has one row per start: its parameters, its log-likelihood, the log-likelihood
    reached from it (NaN where it was not followed), and whether it led to an optimum.
    """

    optimum: Optimum
    starts: pd.DataFrame
    message: str
    converged: bool

    @property
    def report(self) -> pd.Series:
        """Convergence: gradient, promised gain, bounds hit, starts, evaluations."""
        best = self.optimum
        reached = self.starts["reached"].dropna()
        free = best.basis.T @ best.gradient
        return pd.Series(
            {
                "converged": self.converged,
                "gradient_norm": float(np.linalg.norm(free)),
                "newton_gain": best.decrement,
                "bounds_hit": ", ".join(best.bounds_hit) or "none",
                "starts": len(self.starts),
                "followed": len(reached),
                "agree": int((reached > best.value - _AGREE).sum()),
                "evaluations": best.n_evaluations,
                "message": self.message or "none",
            }
        )


def region_of(dynamics: Dynamics) -> Region:
    """Admissible parameters: none negative, persistence below one, ``nu`` above two."""
    layout = dynamics.layout
    k = layout.size
    lower = [0.0] * layout.n_dynamic + [NU_LIMITS[0]] * layout.heavy
    upper = [np.inf] * layout.n_dynamic + [NU_LIMITS[1]] * layout.heavy
    rows, limits, labels = box(k, lower, upper, layout.names)
    if layout.n_dynamic:
        rows.append(persistence_weights(dynamics))
        limits.append(1.0 - UNIT_MARGIN)
        total = " + ".join(layout.names[: layout.p + layout.q])
        labels.append(f"{total} + delta g = 1" if layout.asymmetric else f"{total} = 1")
    scale = [0.005] * layout.p + [0.01] * layout.q + [0.005] * layout.asymmetric
    scale += [0.5] * layout.heavy
    return Region(
        np.array(rows).reshape(len(rows), k), np.array(limits), tuple(labels), np.array(scale)
    )


def persistence_weights(dynamics: Dynamics) -> Array:
    """Weights of the parameters in the persistence."""
    layout = dynamics.layout
    weights = np.zeros(layout.size)
    weights[: layout.p + layout.q] = 1.0
    if layout.asymmetric:
        weights[layout.n_dynamic - 1] = dynamics.delta
    return weights


def starting_values(dynamics: Dynamics) -> list[Array]:
    """Grid of starts over the weight of shocks and the persistence."""
    layout = dynamics.layout
    tail = [8.0] * layout.heavy
    if layout.n_dynamic == 0:
        return [np.array(tail)]
    starts = []
    for shock in _SHOCKS:
        for persistence in _PERSISTENCES:
            head = [shock / layout.p] * layout.p
            left = persistence - shock
            asymmetry = []
            if layout.asymmetric:
                asymmetry = [0.25 * shock]
                left -= dynamics.delta * asymmetry[0]
            body = [left / layout.q] * layout.q if layout.q else []
            starts.append(np.array([*head, *body, *asymmetry, *tail]))
    return starts


def estimate(dynamics: Dynamics) -> Estimate:
    """Screen all starts by their likelihood, follow the best until another one agrees."""
    layout = dynamics.layout
    starts = starting_values(dynamics)
    begun = np.array([dynamics.value(s) for s in starts])
    order = np.argsort(-np.where(np.isfinite(begun), begun, -np.inf), kind="stable")
    region = region_of(dynamics)
    reached = np.full(len(starts), np.nan)
    fine = np.zeros(len(starts), dtype=bool)
    best: Optimum | None = None
    for count, index in enumerate(_spread(order)):
        if layout.size == 0:
            best = _nothing_to_estimate(begun[0])
            reached[0], fine[0] = begun[0], True
            break
        if best is not None and best.converged:
            near = climb(dynamics.total, starts[index], region)
            reached[index] = dynamics.value(near)
            if abs(reached[index] - best.value) < _AGREE:
                fine[index] = True
                break
        found = maximise(dynamics.total, starts[index], region)
        reached[index], fine[index] = found.value, found.converged
        if best is None or found.value > best.value:
            best = found
        if count == _MOST_STARTS - 1:
            break
    assert best is not None
    table = pd.DataFrame(
        np.array(starts).reshape(len(starts), layout.size), columns=list(layout.names)
    )
    table["loglikelihood"], table["reached"], table["converged"] = begun, reached, fine
    table = table.iloc[order].reset_index(drop=True)
    best, unidentified = _without_dynamics(dynamics, best, region)
    message, converged = _verdict(best, unidentified)
    return Estimate(best, table, message, converged)


def _spread(order: IntArray) -> list[int]:
    """Follow the best start first, then the best of the others that differ in persistence."""
    first = int(order[0])
    kinds = len(_PERSISTENCES)
    others = [int(i) for i in order[1:] if i % kinds != first % kinds]
    rest = [int(i) for i in order[1:] if i % kinds == first % kinds]
    return [first, *others, *rest]


def _nothing_to_estimate(value: float) -> Optimum:
    nothing = np.empty(0)
    square = np.empty((0, 0))
    return Optimum(nothing, float(value), nothing, square, square, (), 0.0, True, "", 1)


def _without_dynamics(
    dynamics: Dynamics, best: Optimum, region: Region
) -> tuple[Optimum, tuple[str, ...]]:
    """Where no shock enters, ``b`` means nothing: it is set to zero, and named as unidentified."""
    layout = dynamics.layout
    shocks = [*range(layout.p), *([layout.n_dynamic - 1] if layout.asymmetric else [])]
    if not layout.n_dynamic or np.any(best.theta[shocks] > 1e-9):
        return best, ()
    theta = best.theta.copy()
    theta[: layout.n_dynamic] = 0.0
    value, gradient = dynamics.total(theta)
    hessian = central_hessian(dynamics.total, theta, region)
    active, basis = free_directions(theta, gradient, hessian, region, range(layout.n_dynamic))
    bounds = tuple(region.labels[i] for i in active)
    settled = dataclasses.replace(
        best, theta=theta, value=value, gradient=gradient, hessian=hessian, basis=basis,
        bounds_hit=bounds,
    )  # fmt: skip
    return settled, layout.names[layout.p : layout.p + layout.q]


def _verdict(best: Optimum, unidentified: tuple[str, ...]) -> tuple[str, bool]:
    notes = []
    converged = best.converged
    if not best.converged:
        notes.append(
            f"The correlation stage did not converge: {best.message}; a Newton step promises "
            f"{best.decrement:.1e} more log-likelihood."
        )
    integrated = [label for label in best.bounds_hit if label.endswith("= 1")]
    if integrated:
        converged = False
        notes.append(
            f"The estimate lies on the bound {integrated[0]}: the correlation is integrated and "
            "has no level to return to. Standard errors hold along the bound only."
        )
    others = [label for label in best.bounds_hit if label not in integrated]
    if unidentified:
        others = [label for label in others if label.startswith("nu")]
        notes.append(
            "No shock enters the correlation (a = 0): it is constant, and "
            f"{', '.join(unidentified)} is not identified and set to 0."
        )
    if others:
        notes.append(
            f"The estimate lies on the bound {', '.join(others)}; that parameter has no standard "
            "error, the others are given with it held there."
        )
    return " ".join(notes), converged
