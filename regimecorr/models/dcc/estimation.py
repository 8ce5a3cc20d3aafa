"""Maximum likelihood of the second stage: admissible region, several starts, an honest report."""

from __future__ import annotations

import dataclasses
import itertools
from dataclasses import dataclass

import numpy as np
import pandas as pd

from regimecorr.models.base import Array
from regimecorr.models.dcc.dynamics import Dynamics
from regimecorr.models.optimise import (
    Optimum,
    Region,
    box,
    central_hessian,
    climb,
    free_directions,
    is_flat,
    maximise,
)

#: Persistence ``sum a + sum b + delta g`` may come this near to one.
UNIT_MARGIN = 1e-6
NU_LIMITS = (2.05, 200.0)
# Starts that lead to within this many points of log-likelihood have found the same optimum.
_AGREE = 1e-3
_SHOCKS = (0.002, 0.01, 0.03, 0.1)
_PERSISTENCES = (0.999, 0.99, 0.97, 0.9, 0.6, 0.2)
_MOST_FOLLOWED = 16
# Gain in log-likelihood over a constant correlation above which dynamics are clear.
_CLEAR = 10.0


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
    steps = [0.005] * layout.p + [0.01] * layout.q + [0.005] * layout.asymmetric
    units = np.diag(steps + [0.5] * layout.heavy)
    if layout.n_dynamic:
        # One direction changes the persistence; the others trade against it and leave it alone.
        last = layout.p + layout.q - 1
        weights = persistence_weights(dynamics)
        for i in range(layout.n_dynamic):
            if i != last:
                units[last, i] = -weights[i] * units[i, i]
    return Region(np.array(rows).reshape(len(rows), k), np.array(limits), tuple(labels), units)


def persistence_weights(dynamics: Dynamics) -> Array:
    """Weights of the parameters in the persistence."""
    layout = dynamics.layout
    weights = np.zeros(layout.size)
    weights[: layout.p + layout.q] = 1.0
    if layout.asymmetric:
        weights[layout.n_dynamic - 1] = dynamics.delta
    return weights


def starting_values(dynamics: Dynamics) -> list[tuple[str, Array]]:
    """Grid of starts over the weight of shocks and the persistence, each with its group.

    With several lags the weights lie on all of them, on the first or on the last; asymmetry has a
    small or a large part of the shocks. Members of a group differ in persistence, above or below
    .95.
    """
    layout = dynamics.layout
    tail = [8.0] * layout.heavy
    if layout.n_dynamic == 0:
        return [("all", np.array(tail))]
    loads_p = ("all", "first", "last") if layout.p > 1 else ("all",)
    loads_q = ("all", "first", "last") if layout.q > 1 else ("all",)
    parts = (0.25, 2.0) if layout.asymmetric else (0.0,)
    persistences = _PERSISTENCES if layout.q else (0.0,)
    starts = []
    for shock, on_p, on_q, part in itertools.product(_SHOCKS, loads_p, loads_q, parts):
        for persistence in persistences:
            left = persistence - shock - dynamics.delta * part * shock
            if left < 0.0 and layout.q:
                continue
            head, body = _spread(shock, layout.p, on_p), _spread(left, layout.q, on_q)
            asymmetry = [part * shock] if layout.asymmetric else []
            group = f"{shock:g} {on_p} {on_q} {part:g} {persistence > 0.95}"
            starts.append((group, np.array([*head, *body, *asymmetry, *tail])))
    return starts + _nested_starts(dynamics)


def _nested_starts(dynamics: Dynamics) -> list[tuple[str, Array]]:
    """The optimum with one lag, on every lag of a longer model."""
    layout = dynamics.layout
    if layout.q == 0 or max(layout.p, layout.q) == 1:
        return []
    small = dataclasses.replace(layout, p=1, q=1)
    theta = estimate(dataclasses.replace(dynamics, layout=small)).optimum.theta
    starts = []
    for i, j in itertools.product(range(layout.p), range(layout.q)):
        head, body = np.zeros(layout.p), np.zeros(layout.q)
        head[i], body[j] = theta[0], theta[1]
        starts.append((f"nested {i} {j}", np.concatenate([head, body, theta[2:]])))
    return starts


def _spread(total: float, lags: int, load: str) -> list[float]:
    """Spread a weight over lags."""
    if load == "all" or lags < 2:
        return [total / lags] * lags if lags else []
    rest = [0.1 * total / (lags - 1)] * (lags - 1)
    return [0.9 * total, *rest] if load == "first" else [*rest, 0.9 * total]


def estimate(dynamics: Dynamics) -> Estimate:
    """Screen all starts by their likelihood, and follow the best of every group.

    A plain model with one lag and clear dynamics has one optimum: there the second start that
    agrees ends the search. Weak dynamics have several, next to none being one of them.
    """
    layout = dynamics.layout
    groups, starts = zip(*starting_values(dynamics), strict=True)
    begun = np.array([dynamics.value(s) for s in starts])
    order = np.argsort(-np.where(np.isfinite(begun), begun, -np.inf), kind="stable")
    region = region_of(dynamics)
    reached = np.full(len(starts), np.nan)
    fine = np.zeros(len(starts), dtype=bool)
    best: Optimum | None = None
    followed = list(pd.Series(groups).iloc[order].drop_duplicates().index)
    nested = [i for i in followed if groups[i].startswith("nested")]
    followed = nested + [i for i in followed if i not in nested][:_MOST_FOLLOWED]
    for index in followed:
        if layout.size == 0:
            best = _nothing_to_estimate(begun[0])
            reached[0], fine[0] = begun[0], True
            break
        if best is not None:
            near = climb(dynamics.total, starts[index], region)
            reached[index] = dynamics.value(near)
            if reached[index] < best.value + _AGREE:
                fine[index] = best.converged and reached[index] > best.value - _AGREE
                if fine[index] and _has_one_optimum(dynamics, best):
                    break
                continue
        found = maximise(dynamics.total, starts[index], region)
        reached[index], fine[index] = found.value, found.converged
        if best is None or found.value > best.value:
            best = found
    assert best is not None
    table = pd.DataFrame(
        np.array(starts).reshape(len(starts), layout.size), columns=list(layout.names)
    )
    table["loglikelihood"], table["reached"], table["converged"] = begun, reached, fine
    table = table.iloc[order].reset_index(drop=True)
    best, unidentified = _without_dynamics(dynamics, best, region)
    message, converged = _verdict(best, unidentified, is_flat(best, region))
    return Estimate(best, table, message, converged)


def _has_one_optimum(dynamics: Dynamics, best: Optimum) -> bool:
    """Whether the model is plain, and clearly better than a constant correlation."""
    layout = dynamics.layout
    if layout.n_dynamic > 2 or dynamics.corrected:
        return False
    constant = best.theta.copy()
    constant[: layout.n_dynamic] = 0.0
    return best.value - dynamics.value(constant) > _CLEAR


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


def _verdict(best: Optimum, unidentified: tuple[str, ...], flat: bool) -> tuple[str, bool]:
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
    if flat:
        notes.append(
            "The log-likelihood is flat along some direction of the parameters: they are not "
            "identified one by one, and their standard errors mean nothing."
        )
    if others:
        notes.append(
            f"The estimate lies on the bound {', '.join(others)}; that parameter has no standard "
            "error, the others are given with it held there."
        )
    return " ".join(notes), converged
