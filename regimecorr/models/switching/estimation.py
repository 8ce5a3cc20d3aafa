"""Estimation of regime models: EM from many starts, then exact Newton steps."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from regimecorr.models.base import Array
from regimecorr.models.optimise import (
    Objective,
    Optimum,
    central_hessian,
    climb,
    free_directions,
    is_flat,
    maximise,
)
from regimecorr.models.switching.chain import Initial, RegimeParams, regime_names
from regimecorr.models.switching.coordinates import inside, region_of
from regimecorr.models.switching.dcc_emission import DCCEmission
from regimecorr.models.switching.em import em
from regimecorr.models.switching.emissions import ConstantEmission, Emission, PairEmission

# Starts that lead to within this many points of log-likelihood have found the same optimum.
_AGREE = 1e-2
# Spread of the regimes' correlations in Fisher z, and probability of staying.
_DESIGNS = ((0.3, 0.99), (0.6, 0.995), (0.3, 0.998), (0.8, 0.97), (0.15, 0.95), (1.2, 0.9))
# Weight of shocks and of the past in the regimes of a switching DCC, from calm to none.
_RECURSIONS = ((0.02, 0.95), (0.05, 0.85), (0.01, 0.5), (0.1, 0.2))
_DCC_FOLLOWED = 24
_MEMORIES = (0.0, 0.5, 0.8, 0.9, 0.95, 0.98)
# EM runs within this many points of the best may overtake it.
_NEAR = 3.0


@dataclass(frozen=True, slots=True)
class RegimeEstimate:
    """Optimum of a regime model, in the order of its correlations.

    ``flat``: the likelihood does not fall along some direction. ``loglikelihoods`` are those that
    a climb reached from every start, best first; the best one
    and the next that differs were polished.
    """

    params: RegimeParams
    optimum: Optimum
    loglikelihoods: Array
    message: str
    converged: bool
    flat: bool = False

    @property
    def report(self) -> pd.Series:
        """Convergence: gradient, promised gain, bounds hit, starts that agree."""
        best = self.optimum
        free = best.basis.T @ best.gradient
        return pd.Series(
            {
                "converged": self.converged,
                "gradient_norm": float(np.linalg.norm(free)),
                "newton_gain": best.decrement,
                "bounds_hit": ", ".join(best.bounds_hit) or "none",
                "starts": self.loglikelihoods.size,
                "agree": int((self.loglikelihoods > best.value - _AGREE).sum()),
                "message": self.message or "none",
            }
        )


def fit_regimes(
    emission: ConstantEmission,
    k: int,
    *,
    heavy: bool,
    n_starts: int,
    initial: Initial = "stationary",
) -> RegimeEstimate:
    """Maximise the likelihood: EM and a climb from every start, Newton from the best that differ.

    With ``initial="estimated"`` the first row's regime is a parameter: its likelihood is linear
    in the probabilities, so the maximum puts all of it on one regime, and every one is tried.
    """
    runs = em_runs(emission, k, heavy=heavy, n_starts=n_starts, initial=initial)
    starts = [start for params, _ in runs for start in _with_first_row(params, initial)]
    return _follow(emission, starts)


def em_runs(
    emission: ConstantEmission, k: int, *, heavy: bool, n_starts: int, initial: Initial
) -> list[tuple[RegimeParams, float]]:
    """EM from designed starts; three regimes and more also from every split of one fewer."""
    starts = _starts(emission, k, n_starts, heavy, initial)
    if k > 2:
        fewer = em_runs(emission, k - 1, heavy=heavy, n_starts=n_starts, initial=initial)
        coarse = max(fewer, key=lambda run: run[1])[0]
        starts += [_split(emission, coarse, regime) for regime in range(k - 1)]
    return [em(emission, start) for start in starts]


def quick_optimum(
    emission: ConstantEmission, k: int, *, heavy: bool, n_starts: int
) -> tuple[RegimeParams, float]:
    """Optimum to about 1e-5 in log-likelihood, for repeated samples: no Newton steps, no report.

    Climbs go on from every EM run that may still turn out to be the best.
    """
    runs = em_runs(emission, k, heavy=heavy, n_starts=n_starts, initial="stationary")
    runs.sort(key=lambda run: -run[1])
    near = [params for params, value in runs if value > runs[0][1] - _NEAR]
    return max((_climbed(emission, params) for params in near), key=lambda found: found[1])


def fit_dcc_regimes(
    emission: DCCEmission, k: int, *, heavy: bool, n_starts: int, initial: Initial
) -> RegimeEstimate:
    """Maximise the likelihood of a recursion per regime.

    The starts put dynamics on the regimes that EM finds without them, in every combination of
    regimes that have dynamics and that have next to none; the best are followed.
    """
    still = PairEmission(emission.z)
    runs = em_runs(still, k, heavy=heavy, n_starts=n_starts, initial=initial)
    runs.sort(key=lambda run: -run[1])
    starts = []
    for params, _ in runs[:2]:
        for combination in np.ndindex(*(len(_RECURSIONS),) * k):
            recursions = np.array([_RECURSIONS[c] for c in combination])
            starts.append(replace(params, own=np.column_stack([params.own, recursions])))
    values = np.array([float(start.filter(emission)[0].sum()) for start in starts])
    followed = [starts[i] for i in np.argsort(-values, kind="stable")[:_DCC_FOLLOWED]]
    # Without dynamics the model is the one EM has fitted: never worse than that.
    followed.append(replace(runs[0][0], own=np.pad(runs[0][0].own, ((0, 0), (0, 2)))))
    found = _follow(emission, [s for point in followed for s in _with_first_row(point, initial)])
    return _without_dynamics(emission, found)


def _without_dynamics(emission: DCCEmission, found: RegimeEstimate) -> RegimeEstimate:
    """Where no shock enters a recursion its ``b`` means nothing: it is set to 0, and named.

    Whether a shock would help depends on ``b``, so others are tried first.
    """
    still = np.flatnonzero(found.params.own[:, 1] < 1e-9)
    if still.size == 0:
        return found
    for regime, b in itertools.product(still, _MEMORIES):
        own = found.params.own.copy()
        own[regime, 2] = b
        _, gradient = replace(found.params, own=own).gradient(emission)
        if gradient[3 * regime + 1] > 0.0:
            own[regime, 1] = min(0.01, 0.5 * (1.0 - b))
            better = _follow(emission, [replace(found.params, own=own)])
            if better.optimum.value > found.optimum.value + 1e-8:
                return _without_dynamics(emission, better)
    own = found.params.own.copy()
    own[still, 1:] = 0.0
    params = replace(found.params, own=own)
    theta, region = params.vector, region_of(emission, params)
    objective = _objective(emission, params)
    value, gradient = objective(theta)
    hessian = central_hessian(objective, theta, region)
    held = [int(3 * i + place) for i in still for place in (1, 2)]
    active, basis = free_directions(theta, gradient, hessian, region, held)
    names = [regime_names(params.n_regimes)[i] for i in still]
    settled = replace(
        found.optimum, theta=theta, value=value, gradient=gradient, hessian=hessian, basis=basis,
        bounds_hit=(*(f"a_{n} = 0" for n in names), *(region.labels[i] for i in active)),
    )  # fmt: skip
    note = (
        f"No shock enters the correlation of regime {', '.join(names)} (a = 0): it is constant "
        "within the regime, and its b is not identified and set to 0."
    )
    return _reported(emission, params, settled, found.loglikelihoods, note)


def _starts(
    emission: ConstantEmission, k: int, n_starts: int, heavy: bool, initial: Initial
) -> list[RegimeParams]:
    """Starting points: spreads around the sample correlation with several durations."""
    positions = np.linspace(-1.0, 1.0, k) if k > 1 else np.zeros(1)
    designs = list(_DESIGNS[:1] if k == 1 else _DESIGNS)
    rng = np.random.default_rng(0)  # only extra starts beyond the designed ones are random
    while k > 1 and len(designs) < n_starts:
        designs.append((float(rng.uniform(0.1, 1.2)), float(1.0 - 10.0 ** rng.uniform(-3.0, -0.7))))
    out = []
    for spread, stay in designs[:n_starts]:
        matrix = np.full((k, k), (1.0 - stay) / max(k - 1, 1))
        np.fill_diagonal(matrix, stay if k > 1 else 1.0)
        first = None if initial == "stationary" else np.full(k, 1.0 / k)
        own = emission.spread(spread * positions)
        out.append(RegimeParams(own, matrix, 8.0 if heavy else np.inf, first))
    return out


def _split(emission: ConstantEmission, coarse: RegimeParams, regime: int) -> RegimeParams:
    """One regime in two that differ a little and follow each other; the others as they were."""
    order = [*range(regime + 1), *range(regime, coarse.n_regimes)]
    own = coarse.own[order]
    moved = own.copy()
    moved[regime] = emission.bounded(emission.unbounded(own[[regime]]) - 0.2)[0]
    moved[regime + 1] = emission.bounded(emission.unbounded(own[[regime]]) + 0.2)[0]
    matrix = coarse.transition[np.ix_(order, order)].copy()
    for column in (regime, regime + 1):
        matrix[:, column] *= 0.5
    stay = coarse.transition[regime, regime]
    matrix[regime, [regime, regime + 1]] = 0.95 * stay, 0.05 * stay
    matrix[regime + 1, [regime, regime + 1]] = 0.05 * stay, 0.95 * stay
    first = None if coarse.first is None else np.full(len(order), 1.0 / len(order))
    return RegimeParams(moved, np.ascontiguousarray(matrix), coarse.nu, first)


def _objective(emission: Emission, like: RegimeParams) -> Objective:
    def total(theta: Array) -> tuple[float, Array]:
        return like.from_vector(theta).gradient(emission)

    return total


def _follow(emission: Emission, starts: Sequence[RegimeParams]) -> RegimeEstimate:
    """Climb from every start, polish the best that differ, and report."""
    climbed = [_climbed(emission, start) for start in starts]
    climbed.sort(key=lambda found: -found[1])
    values = np.array([value for _, value in climbed])
    best = _polished(emission, climbed[0][0])
    other = np.flatnonzero(values < values[0] - _AGREE)
    if other.size:
        second = _polished(emission, climbed[other[0]][0])
        best = max(best, second, key=lambda found: found[1].value)
    level = emission.level(best[0].own)
    if np.any(np.diff(level) < 0.0):  # sorted, and polished in place: the optimum stands still
        best = _polished(emission, best[0].ordered(level))
    return _reported(emission, *best, values)


def _reported(
    emission: Emission, params: RegimeParams, optimum: Optimum, values: Array, *notes: str
) -> RegimeEstimate:
    """Say what there is to say about an optimum."""
    found = list(notes)
    if not optimum.converged:
        found.append(
            f"The correlation stage did not converge: {optimum.message}; a Newton step promises "
            f"{optimum.decrement:.1e} more log-likelihood."
        )
    flat = is_flat(optimum, region_of(emission, params))
    if flat:
        found.append(
            "The log-likelihood is flat along some direction: the data do not tell these regimes "
            "apart; parameters that they do not identify have no standard error."
        )
    if optimum.bounds_hit:
        found.append(f"The estimate lies on the bound {', '.join(optimum.bounds_hit)}.")
    return RegimeEstimate(params, optimum, values, " ".join(found), optimum.converged, flat)


def _climbed(emission: Emission, start: RegimeParams) -> tuple[RegimeParams, float]:
    """Near the optimum above a start, by quasi-Newton steps on the analytic gradient."""
    objective = _objective(emission, start)
    theta = climb(objective, inside(emission, start), region_of(emission, start))
    return start.from_vector(theta), objective(theta)[0]


def _polished(emission: Emission, start: RegimeParams) -> tuple[RegimeParams, Optimum]:
    """Exact optimum near a point, by Newton's steps on the analytic gradient."""
    best = maximise(
        _objective(emission, start), inside(emission, start), region_of(emission, start)
    )
    return start.from_vector(best.theta), best


def _with_first_row(params: RegimeParams, initial: Initial) -> list[RegimeParams]:
    if initial != "estimated":
        return [params]
    return [replace(params, first=row) for row in np.eye(params.n_regimes)]
