"""EM and quasi-Newton estimation of the Markov-switching correlation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize, minimize_scalar

from regimecorr.kernels.hamilton import hamilton_filter, kim_smoother, regime_log_densities
from regimecorr.models.base import Array

_RHO_LIMIT = 0.995
_NU_LIMITS = (2.05, 200.0)
_MAX_LOGIT = 11.5  # probabilities of staying up to 0.99999
_EM_STEPS = 60
_EM_TOLERANCE = 1e-4


@dataclass(frozen=True, slots=True, eq=False)
class RegimeParams:
    """Regime correlations (K,), transition matrix (K, K), tail parameter (infinite: normal)."""

    rho: Array
    transition: Array
    nu: float

    def ordered(self) -> RegimeParams:
        """Return the same parameters with regimes sorted by correlation."""
        order = np.argsort(self.rho, kind="stable")
        matrix = np.ascontiguousarray(self.transition[np.ix_(order, order)])
        return RegimeParams(self.rho[order], matrix, self.nu)


def stationary(transition: Array) -> Array:
    """Stationary distribution of a transition matrix."""
    k = transition.shape[0]
    if k == 2:
        leave = np.array([transition[1, 0], transition[0, 1]])
        total = leave.sum()
        return leave / total if total > 0.0 else np.full(2, 0.5)
    system = np.vstack([transition.T - np.eye(k), np.ones(k)])
    solution = np.linalg.lstsq(system, np.r_[np.zeros(k), 1.0], rcond=None)[0]
    solution = np.clip(solution, 0.0, None)
    return np.asarray(solution / solution.sum(), dtype=float)


def pack(p: RegimeParams) -> Array:
    """Unconstrained coordinates: artanh rho, logits of each row against staying, log(nu - 2)."""
    k = p.rho.size
    off = ~np.eye(k, dtype=bool)
    matrix = np.maximum(p.transition, np.exp(-_MAX_LOGIT))
    logits = np.log(matrix / np.diag(matrix)[:, None])[off]
    head = [np.arctanh(p.rho), np.clip(logits, -_MAX_LOGIT, _MAX_LOGIT)]
    return np.concatenate(head if np.isinf(p.nu) else [*head, [np.log(p.nu - 2.0)]])


def unpack(u: Array, k: int) -> RegimeParams:
    """Inverse of `pack`."""
    moves = k * (k - 1)
    weights = np.ones((k, k))
    weights[~np.eye(k, dtype=bool)] = np.exp(np.clip(u[k : k + moves], -_MAX_LOGIT, _MAX_LOGIT))
    nu = np.inf
    if u.size > k + moves:
        nu = float(np.clip(2.0 + np.exp(min(u[-1], 10.0)), *_NU_LIMITS))
    rho = np.clip(np.tanh(u[:k]), -_RHO_LIMIT, _RHO_LIMIT)
    return RegimeParams(rho, weights / weights.sum(axis=1, keepdims=True), nu)


def per_row(z: Array, u: Array, k: int) -> Array:
    """Log-likelihood of each row at unconstrained coordinates."""
    p = unpack(u, k)
    dens = regime_log_densities(z, p.rho, p.nu)
    rows: Array = hamilton_filter(dens, p.transition, stationary(p.transition))[0]
    return rows


def cubic_correlation(cross: float, square: float) -> float:
    """Constrained maximiser of a weighted bivariate normal likelihood with unit variances.

    ``cross`` is the weighted mean of ``z1 z2`` and ``square`` that of ``z1^2 + z2^2``: the real
    root in (-1, 1) of ``r^3 - A r^2 + (B - 1) r - A = 0`` with the highest likelihood.
    """
    roots = np.roots([1.0, -cross, square - 1.0, -cross])
    real = roots.real[np.abs(roots.imag) < 1e-9]
    inside = real[np.abs(real) < 1.0]
    if inside.size == 0:
        return float(np.clip(cross, -_RHO_LIMIT, _RHO_LIMIT))
    one = 1.0 - inside**2
    value = -0.5 * np.log(one) - 0.5 * (square - 2.0 * inside * cross) / one
    return float(np.clip(inside[np.argmax(value)], -_RHO_LIMIT, _RHO_LIMIT))


def _maximise_nu(z: Array, smoothed: Array, rho: Array) -> float:
    """Expected complete-data likelihood maximised over the tail parameter (ECM step)."""

    def negative(log_shift: float) -> float:
        dens = regime_log_densities(z, rho, 2.0 + np.exp(log_shift))
        return -float((smoothed * dens).sum())

    low, high = np.log(_NU_LIMITS[0] - 2.0), np.log(_NU_LIMITS[1] - 2.0)
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
        rows, predicted, filtered = hamilton_filter(dens, p.transition, stationary(p.transition))
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
        p = RegimeParams(rho, counts / counts.sum(axis=1, keepdims=True), nu)
    return p, last


def _starts(z: Array, k: int, n_starts: int, heavy: bool) -> list[RegimeParams]:
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
        out.append(
            RegimeParams(np.tanh(centre + spread * position), matrix, 8.0 if heavy else np.inf)
        )
    return out


def fit_regimes(
    z: Array, k: int, *, heavy: bool, n_starts: int
) -> tuple[RegimeParams, Array, bool]:
    """Maximise the likelihood from several starts.

    Returns ordered parameters, every start's log-likelihood, and whether the search converged.
    """
    runs = [em(z, start) for start in _starts(z, k, n_starts, heavy)]
    values = np.array([value for _, value in runs])

    def negative(u: Array) -> float:
        return -float(per_row(z, u, k).sum())

    best: tuple[float, Array, bool] | None = None
    moves = k * (k - 1)
    bounds = [(-3.0, 3.0)] * k + [(-_MAX_LOGIT, _MAX_LOGIT)] * moves + [(-3.0, 5.2)] * int(heavy)
    # Polish the best run and the next that is not the same optimum.
    polished: list[float] = []
    for i in np.argsort(values)[::-1]:
        if polished and (len(polished) == 2 or values[i] > values.max() - 0.05):
            continue
        found = minimize(
            negative,
            pack(runs[i][0]),
            method="L-BFGS-B",
            jac="3-point",
            bounds=bounds,
            options={"maxiter": 200, "ftol": 1e-13, "gtol": 1e-5, "maxfun": 5000},
        )
        polished.append(-found.fun)
        values[i] = max(values[i], -found.fun)
        # A coordinate on its bound keeps a gradient; those inside must not.
        inside = np.array(
            [lo + 1e-6 < x < hi - 1e-6 for x, (lo, hi) in zip(found.x, bounds, strict=True)]
        )
        gradient = np.abs(found.jac[inside]).max() if inside.any() else 0.0
        fine = bool(found.success) or bool(gradient < 1e-3 * max(1.0, abs(found.fun) / 1e3))
        if best is None or found.fun < best[0]:
            best = (float(found.fun), found.x, fine)
    assert best is not None
    return unpack(best[1], k).ordered(), np.sort(values)[::-1], best[2]
