"""Estimation of the Markov-switching correlation: EM from many starts, then exact Newton steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar

from regimecorr.kernels.hamilton import hamilton_filter, kim_smoother, regime_log_densities
from regimecorr.models.base import Array
from regimecorr.models.optimise import Optimum, Region, box, is_flat, maximise
from regimecorr.models.switching.chain import (
    NU_LIMITS,
    RHO_LIMIT,
    Initial,
    RegimeParams,
    regime_names,
)

_EM_STEPS = 60
_EM_TOLERANCE = 1e-4
# Probability of a move below which a regime counts as left never, or at once.
_LEAST_MOVE = 1e-7
# Starts that lead to within this many points of log-likelihood have found the same optimum.
_AGREE = 1e-2
_MOST_POLISHED = 2


@dataclass(frozen=True, slots=True)
class RegimeEstimate:
    """Optimum of a regime model, in the order of its correlations.

    ``loglikelihoods`` are those that EM reached from every start, best first; the best ones that
    differ were polished.
    """

    params: RegimeParams
    optimum: Optimum
    loglikelihoods: Array
    message: str
    converged: bool

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


def parameter_names(k: int, heavy: bool) -> list[str]:
    """Names of the natural parameters, in the order of `RegimeParams.vector`."""
    names = regime_names(k)
    moves = [f"p_{a}_{b}" for a in names for b in names if a != b]
    return [*(f"rho_{n}" for n in names), *moves, *(["nu"] if heavy else [])]


def region_of(params: RegimeParams) -> Region:
    """Admissible parameters, with steps that suit the given ones."""
    k, heavy = params.rho.size, not np.isinf(params.nu)
    names = parameter_names(k, heavy)
    moves = k * (k - 1)
    lower = [-RHO_LIMIT] * k + [_LEAST_MOVE] * moves + [NU_LIMITS[0]] * heavy
    upper = [RHO_LIMIT] * k + [np.inf] * moves + [NU_LIMITS[1]] * heavy
    rows, limits, labels = box(len(names), lower, upper, names)
    for i in range(k):
        row = np.zeros(len(names))
        row[k + i * (k - 1) : k + (i + 1) * (k - 1)] = 1.0
        rows.append(row)
        limits.append(1.0 - _LEAST_MOVE)
        labels.append(f"p_{regime_names(k)[i]} = 0")
    sizes = np.maximum(0.3 * params.vector[k : k + moves], 1e-4)
    steps = [*[0.02] * k, *sizes, *([0.5] if heavy else [])]
    return Region(np.array(rows), np.array(limits), tuple(labels), np.diag(steps))


def cubic_correlation(cross: float, square: float) -> float:
    """Constrained maximiser of a weighted bivariate normal likelihood with unit variances.

    ``cross`` is the weighted mean of ``z1 z2`` and ``square`` that of ``z1^2 + z2^2``: the real
    root in (-1, 1) of ``r^3 - A r^2 + (B - 1) r - A = 0`` with the highest likelihood.
    """
    roots = np.roots([1.0, -cross, square - 1.0, -cross])
    real = roots.real[np.abs(roots.imag) < 1e-9]
    inside = real[np.abs(real) < 1.0]
    if inside.size == 0:
        return float(np.clip(cross, -RHO_LIMIT, RHO_LIMIT))
    one = 1.0 - inside**2
    value = -0.5 * np.log(one) - 0.5 * (square - 2.0 * inside * cross) / one
    return float(np.clip(inside[np.argmax(value)], -RHO_LIMIT, RHO_LIMIT))


def _maximise_nu(z: Array, smoothed: Array, rho: Array) -> float:
    """Expected complete-data likelihood maximised over the tail parameter (ECM step)."""

    def negative(log_shift: float) -> float:
        dens = regime_log_densities(z, rho, 2.0 + np.exp(log_shift))
        return -float((smoothed * dens).sum())

    low, high = np.log(NU_LIMITS[0] - 2.0), np.log(NU_LIMITS[1] - 2.0)
    best = minimize_scalar(negative, bounds=(low, high), method="bounded", options={"xatol": 1e-3})
    return 2.0 + float(np.exp(best.x))


def em(z: Array, start: RegimeParams) -> tuple[RegimeParams, float]:
    """Expectation maximisation from one start; returns the parameters and the log-likelihood."""
    p = start
    k = p.rho.size
    heavy = not np.isinf(p.nu)
    cross = z[:, 0] * z[:, 1]
    square = (z**2).sum(axis=1)
    last = -np.inf
    for step in range(_EM_STEPS):
        dens = regime_log_densities(z, p.rho, p.nu)
        rows, predicted, filtered = hamilton_filter(dens, p.transition, p.start)
        loglik = float(rows.sum())
        smoothed, counts = kim_smoother(predicted, filtered, p.transition)
        if loglik - last < _EM_TOLERANCE and step > 2:
            break
        last = loglik
        rho = np.empty(k)
        for j in range(k):
            weight = smoothed[:, j].copy()
            mass = weight.sum()
            if heavy:
                form = (square - 2.0 * p.rho[j] * cross) / (1.0 - p.rho[j] ** 2)
                weight *= (p.nu + 2.0) / (p.nu - 2.0 + form)
            if mass < 1e-3:
                rho[j] = p.rho[j]
                continue
            rho[j] = cubic_correlation(float(weight @ cross / mass), float(weight @ square / mass))
        counts = np.maximum(counts, 1e-6)
        nu = _maximise_nu(z, smoothed, rho) if heavy and step % 5 == 0 else p.nu
        transition = counts / counts.sum(axis=1, keepdims=True)
        p = RegimeParams(rho, transition, nu, p.first)
    return p, last


def _starts(z: Array, k: int, n_starts: int, heavy: bool, initial: Initial) -> list[RegimeParams]:
    """Starting points: spreads around the sample correlation with several durations."""
    sample = float(z[:, 0] @ z[:, 1] / np.sqrt((z[:, 0] @ z[:, 0]) * (z[:, 1] @ z[:, 1])))
    centre = np.arctanh(np.clip(sample, -0.9, 0.9))
    position = np.linspace(-1.0, 1.0, k)
    designs = [(0.3, 0.99), (0.6, 0.995), (0.3, 0.998), (0.8, 0.97), (0.15, 0.95), (1.2, 0.9)]
    rng = np.random.default_rng(0)  # only extra starts beyond the designed ones are random
    while len(designs) < n_starts:
        designs.append((float(rng.uniform(0.1, 1.2)), float(1.0 - 10.0 ** rng.uniform(-3.0, -0.7))))
    out = []
    for spread, stay in designs[:n_starts]:
        matrix = np.full((k, k), (1.0 - stay) / (k - 1))
        np.fill_diagonal(matrix, stay)
        rho = np.tanh(centre + spread * position)
        first = None if initial == "stationary" else np.full(k, 1.0 / k)
        out.append(RegimeParams(rho, matrix, 8.0 if heavy else np.inf, first))
    return out


def _polished(z: Array, start: RegimeParams) -> tuple[RegimeParams, Optimum]:
    """Exact optimum near a point, by Newton's steps on the analytic scores."""
    k = start.rho.size

    def total(theta: Array) -> tuple[float, Array]:
        rows, score = RegimeParams.from_vector(theta, k, start.first).scores(z)
        return float(rows.sum()), score.sum(axis=0)

    region = region_of(start)
    theta = start.vector
    moves = slice(k, k * k)
    theta[moves] = np.clip(theta[moves], 2.0 * _LEAST_MOVE, None)
    theta[:k] = np.clip(theta[:k], -0.999 * RHO_LIMIT, 0.999 * RHO_LIMIT)
    if not np.isinf(start.nu):
        theta[-1] = np.clip(theta[-1], NU_LIMITS[0] + 0.01, NU_LIMITS[1] - 0.01)
    matrix = theta[moves].reshape(k, k - 1)
    matrix /= np.maximum(1.0, matrix.sum(axis=1, keepdims=True) / (1.0 - 2.0 * _LEAST_MOVE))
    theta[moves] = matrix.ravel()
    best = maximise(total, theta, region)
    return RegimeParams.from_vector(best.theta, k, start.first), best


def fit_regimes(
    z: Array, k: int, *, heavy: bool, n_starts: int, initial: Initial = "stationary"
) -> RegimeEstimate:
    """Maximise the likelihood: EM from every start, Newton from the best that differ.

    With ``initial="estimated"`` the first row's regime is a parameter: its likelihood is linear
    in the probabilities, so the maximum puts all of it on one regime, and every one is tried.
    """
    runs = [em(z, start) for start in _starts(z, k, n_starts, heavy, initial)]
    values = np.array([value for _, value in runs])
    best: tuple[RegimeParams, Optimum] | None = None
    polished: list[float] = []
    for i in np.argsort(values)[::-1]:
        # The best run, and the next that is not the same optimum as far as EM came.
        if polished and (len(polished) == _MOST_POLISHED or values[i] > values.max() - 0.05):
            continue
        for candidate in _with_first_row(runs[i][0], initial):
            found = _polished(z, candidate)
            if best is None or found[1].value > best[1].value:
                best = found
        assert best is not None
        polished.append(best[1].value)
        values[i] = max(values[i], best[1].value)
    assert best is not None
    params, optimum = best
    order = np.argsort(params.rho, kind="stable")
    if np.any(order != np.arange(k)):
        params, optimum = _polished(z, params.ordered())
    notes = []
    if not optimum.converged:
        notes.append(
            f"The regime model did not converge: {optimum.message}; a Newton step promises "
            f"{optimum.decrement:.1e} more log-likelihood."
        )
    if is_flat(optimum, region_of(params)):
        notes.append(
            "The log-likelihood is flat along some direction: the data do not tell these regimes "
            "apart, and their standard errors mean nothing."
        )
    if optimum.bounds_hit:
        notes.append(f"The estimate lies on the bound {', '.join(optimum.bounds_hit)}.")
    return RegimeEstimate(
        params, optimum, np.sort(values)[::-1], " ".join(notes), optimum.converged
    )


def _with_first_row(params: RegimeParams, initial: Initial) -> list[RegimeParams]:
    if initial != "estimated":
        return [params]
    rows = np.eye(params.rho.size)
    return [RegimeParams(params.rho, params.transition, params.nu, row) for row in rows]
