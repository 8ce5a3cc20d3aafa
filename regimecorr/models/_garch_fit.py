"""Maximum likelihood of one GARCH margin with analytic derivatives."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import digamma, gammaln

from regimecorr.errors import EstimationError, ModelError
from regimecorr.kernels.garch import (
    MEAN_ABS_NORMAL,
    garch_paths,
    garch_scores,
    garch_variance,
)
from regimecorr.models.optimise import (
    Optimum,
    Region,
    box,
    central_hessian,
    inverse_information,
    maximise,
)

Array = npt.NDArray[np.float64]
Volatility: TypeAlias = Literal["GARCH", "GJR", "EGARCH"]

PARAMETERS = ("mu", "omega", "alpha", "gamma", "beta", "nu")
_NU_LIMITS = (2.05, 500.0)
# A start this many points of log-likelihood below an optimum does not lead to a better one.
_HOPELESS = 20.0
_NONE = np.empty((0, 6)), np.empty(0), np.empty((0, 5))


class MarginDraws(NamedTuple):
    """Parameters of one margin by draw, each (n_draws,), in the order of `garch_paths`."""

    mu: Array
    omega: Array
    alpha: Array
    gamma: Array
    beta: Array
    variance: Array


def density_constants(size: int, nu: float) -> tuple[float, float]:
    """Logarithm of the constant of a unit-variance density in ``size`` dimensions; its slope."""
    if np.isinf(nu):
        return -0.5 * size * np.log(2.0 * np.pi), 0.0
    value = gammaln(0.5 * (nu + size)) - gammaln(0.5 * nu)
    value -= 0.5 * size * np.log(np.pi * (nu - 2.0))
    slope = 0.5 * (digamma(0.5 * (nu + size)) - digamma(0.5 * nu)) - 0.5 * size / (nu - 2.0)
    return float(value), float(slope)


def ewma_backcast(resid: Array) -> float:
    """Exponentially weighted mean of the first 75 squares (decay .94), as arch starts from."""
    rows = min(75, resid.size)
    weights = 0.94 ** np.arange(rows)
    return float(resid[:rows] ** 2 @ weights / weights.sum())


@dataclass(frozen=True, eq=False)
class Margin:
    """One fitted (or given) margin: constant mean, GARCH(1,1), GJR or EGARCH.

    Attributes
    ----------
    theta : ndarray of shape (6,)
        ``mu, omega, alpha, gamma, beta, nu``, in the units of the series.
    free : tuple of int
        Which of them were estimated.
    basis : ndarray of shape (len(free), m)
        Directions in which the estimate is not held by a bound.
    backcast : float
        Variance that stands for the missing rows before the first.
    variance : ndarray of shape (n_obs + 1,)
        Conditional variances, the last one tomorrow's; row t uses returns to t - 1.
    bounds_hit : tuple of str
        Constraints that hold the estimate.
    fitted : Margin or None
        The margin as it was estimated, where rows were added since: its uncertainty stays.
    """

    name: str
    vol: Volatility
    series: Array
    theta: Array
    free: tuple[int, ...]
    basis: Array
    backcast: float
    converged: bool = True
    message: str = ""
    bounds_hit: tuple[str, ...] = ()
    fitted: Margin | None = None

    @property
    def exponential(self) -> bool:
        return self.vol == "EGARCH"

    @cached_property
    def variance(self) -> Array:
        resid = self.series - self.theta[0]
        h: Array = garch_variance(resid, *self.theta[1:5], self.backcast, self.exponential)
        return h

    @property
    def volatility(self) -> Array:
        return np.sqrt(self.variance[:-1])

    @cached_property
    def std_resid(self) -> Array:
        return np.asarray((self.series - self.theta[0]) / self.volatility)

    @cached_property
    def loglikelihood(self) -> float:
        return float(self._sum(self.theta)[0])

    @property
    def estimated(self) -> pd.Series:
        """Estimated parameters by name."""
        return pd.Series(self.theta[list(self.free)], index=[PARAMETERS[i] for i in self.free])

    def _sum(self, theta: Array) -> tuple[float, Array]:
        constants = density_constants(1, theta[5])
        out: tuple[float, Array] = garch_scores(
            self.series, theta, self.backcast, self.exponential, *constants, *_NONE
        )
        return out

    @cached_property
    def _expansion(self) -> tuple[Array, Array]:
        if self.fitted is not None:
            return self.fitted._expansion
        n, free = self.series.size, list(self.free)
        score, resid, dresid = np.empty((n, 6)), np.empty(n), np.empty((n, 5))
        constants = density_constants(1, self.theta[5])
        garch_scores(
            self.series,
            self.theta,
            self.backcast,
            self.exponential,
            *constants,
            score,
            resid,
            dresid,
        )
        slopes = np.column_stack([dresid, np.zeros(n)])[:, free]

        def function(values: Array) -> tuple[float, Array]:
            theta = self.theta.copy()
            theta[free] = values
            value, gradient = self._sum(theta)
            return value, gradient[free]

        region = _region(self.vol, free, float(self.series.std()))
        hessian = central_hessian(function, self.theta[free], region)
        inverse = inverse_information(hessian, self.basis, region.units)
        return n * score[:, free] @ inverse, slopes

    @property
    def influence(self) -> Array:
        """Influence (n_obs, k) of every row: the estimate is the truth plus their mean."""
        return self._expansion[0]

    @property
    def residual_slopes(self) -> Array:
        """Derivatives (n_obs, k) of the standardized residuals by the estimated parameters."""
        return self._expansion[1]

    @cached_property
    def covariance(self) -> Array:
        """Robust covariance (5, 5) of ``mu, omega, alpha, gamma, beta``."""
        out = np.zeros((6, 6))
        rows = self.influence
        out[np.ix_(self.free, self.free)] = rows.T @ rows / len(rows) ** 2
        return out[:5, :5]

    def draw(self, n_draws: int, rng: np.random.Generator) -> MarginDraws:
        """Parameter draws from the robust covariance, each with tomorrow's variance under it.

        Draws outside the region of the estimate are drawn again.
        """
        drawn = self._feasible_draws(n_draws, rng)
        variance = np.empty(n_draws)
        for d, (mu, *rest) in enumerate(drawn):
            variance[d] = garch_variance(self.series - mu, *rest, self.backcast, self.exponential)[
                -1
            ]
        return MarginDraws._make([*np.ascontiguousarray(drawn.T), variance])

    def repeat(self, n_draws: int) -> MarginDraws:
        """Return the estimates, ``n_draws`` times, with the sample's first variance."""
        columns = (np.full(n_draws, v) for v in (*self.theta[:5], self.variance[0]))
        return MarginDraws._make(columns)

    def paths(self, z: Array, draw: npt.NDArray[np.int64], draws: MarginDraws) -> Array:
        """Returns (n_paths, horizon) from standardized shocks."""
        out: Array = garch_paths(np.ascontiguousarray(z), draw, *draws, self.exponential)
        return out

    def simulated_variance(self, z: Array) -> Array:
        """Conditional variances (n_paths, horizon) at the estimates, along standardized shocks."""
        _, omega, alpha, gamma, beta, _ = self.theta
        out = np.empty(z.shape)
        out[:, 0] = self.variance[-1]
        for k in range(1, z.shape[1]):
            shock, h = z[:, k - 1], out[:, k - 1]
            if self.exponential:
                news = alpha * (np.abs(shock) - MEAN_ABS_NORMAL) + gamma * shock
                out[:, k] = np.exp(omega + news + beta * np.log(h))
            else:
                out[:, k] = omega + h * (beta + (alpha + gamma * (shock < 0.0)) * shock**2)
        return out

    def forecast_variance(self, horizon: int) -> Array:
        """Expected conditional variance of the next rows (horizon,), in closed form."""
        _, omega, alpha, gamma, beta, _ = self.theta
        out = np.empty(horizon)
        out[0] = self.variance[-1]
        if self.exponential and horizon > 1:
            raise ModelError(
                f"The variance of {self.name!r} is an EGARCH, which has no closed-form forecast "
                f"beyond one row (horizon={horizon}); use method='simulate'."
            )
        for k in range(1, horizon):
            out[k] = omega + (alpha + 0.5 * gamma + beta) * out[k - 1]
        return out

    def extended(self, series: Array) -> Margin:
        """Return the same parameters on a longer series that begins with this one."""
        return dataclasses.replace(self, series=series, fitted=self.fitted or self)

    def _feasible_draws(self, n: int, rng: np.random.Generator) -> Array:
        theta = self.theta[:5]
        if not np.any(self.covariance):
            return np.tile(theta, (n, 1))
        values, vectors = np.linalg.eigh(self.covariance)
        root = vectors * np.sqrt(np.clip(values, 0.0, None))
        kept: list[Array] = []
        missing = n
        for _ in range(50):
            candidate = theta + rng.standard_normal((4 * n, 5)) @ root.T
            _, omega, alpha, gamma, beta = candidate.T
            if self.exponential:
                fine = np.abs(beta) < 0.9999
            else:
                fine = (omega > 0) & (alpha >= 0) & (beta >= 0) & (alpha + gamma >= 0)
                # An estimate on the bound is drawn along it.
                own = float(theta[2] + 0.5 * theta[3] + theta[4])
                fine &= alpha + 0.5 * gamma + beta < max(0.9999, own + 1e-9)
            kept.append(candidate[fine][:missing])
            missing -= len(kept[-1])
            if missing == 0:
                return np.concatenate(kept)
        if missing < n:
            found = np.concatenate(kept)
            return found[np.arange(n) % len(found)]
        raise EstimationError(
            f"None of the draws from the covariance of the margin of {self.name!r} is stationary; "
            "it is not identified on this sample. Use a longer one."
        )


def _region(vol: Volatility, free: list[int], scale: float) -> Region:
    """Admissible parameters and their steps, for a series of standard deviation ``scale``."""
    if vol == "EGARCH":
        lower = [-np.inf, -np.inf, -np.inf, -np.inf, -0.99999, _NU_LIMITS[0]]
        upper = [np.inf, np.inf, np.inf, np.inf, 0.99999, _NU_LIMITS[1]]
        steps = [0.02 * scale, 0.01, 0.02, 0.01, 0.01, 1.0]
    else:
        lower = [-np.inf, 1e-10 * scale**2, 0.0, -np.inf, 0.0, _NU_LIMITS[0]]
        upper = [np.inf, np.inf, np.inf, np.inf, np.inf, _NU_LIMITS[1]]
        steps = [0.02 * scale, 0.01 * scale**2, 0.02, 0.02, 0.02, 1.0]
    rows, limits, labels = box(6, lower, upper, PARAMETERS)
    if vol != "EGARCH":
        if 3 in free:
            rows.append(np.array([0.0, 0.0, -1.0, -1.0, 0.0, 0.0]))
            limits.append(0.0)
            labels.append("alpha + gamma = 0")
        rows.append(np.array([0.0, 0.0, 1.0, 0.5 * (3 in free), 1.0, 0.0]))
        limits.append(1.0)
        labels.append("alpha + gamma / 2 + beta = 1" if 3 in free else "alpha + beta = 1")
    normals = np.array(rows)[:, free]
    kept = np.any(normals != 0.0, axis=1)
    return Region(
        normals[kept],
        np.array(limits)[kept],
        tuple(label for label, k in zip(labels, kept, strict=True) if k),
        np.diag(np.array(steps)[free]),
    )


def _starts(vol: Volatility, heavy: bool, mean: float) -> list[list[Array]]:
    """Starting values for a series of unit variance, in groups of equal persistence."""
    nu = 8.0 if heavy else np.inf
    groups = []
    if vol == "EGARCH":
        for beta in (0.6, 0.9, 0.97):
            pairs = [(a, g) for a in (0.1, 0.2) for g in (-0.08, 0.0)]
            groups.append([np.array([mean, 0.0, a, g, beta, nu]) for a, g in pairs])
        return groups
    for persistence in (0.5, 0.9, 0.98):
        group = []
        for alpha in (0.03, 0.08, 0.15):
            gamma = alpha if vol == "GJR" else 0.0
            first, beta = alpha - 0.5 * gamma, persistence - alpha
            group.append(np.array([mean, 1.0 - persistence, first, gamma, beta, nu]))
        groups.append(group)
    return groups


def fit_margin(series: Array, name: str, vol: Volatility, dist: str) -> Margin:
    """Estimate one margin; a bound or a failure is told in ``message``."""
    scale = float(series.std())
    # Rounded far below any price's accuracy: other units must not even change the optimiser's
    # last digits.
    unit = np.round(series / scale, 10)
    mean = float(unit.mean())
    backcast = ewma_backcast(unit - mean)
    free = [i for i in range(6) if (i != 3 or vol != "GARCH") and (i != 5 or dist == "t")]
    exponential = vol == "EGARCH"
    fixed = np.array([0.0, 0.0, 0.0, 0.0, 0.0, np.inf])  # what is not free

    def function(values: Array) -> tuple[float, Array]:
        theta = fixed.copy()
        theta[free] = values
        constants = density_constants(1, theta[5])
        value, gradient = garch_scores(unit, theta, backcast, exponential, *constants, *_NONE)
        return value, gradient[free]

    # The likelihood of a weak GARCH has several optima, at different persistences: the best start
    # of each is followed, unless it is hopeless.
    screened = []
    for group in _starts(vol, dist == "t", mean):
        values = [function(start[free])[0] for start in group]
        screened.append((max(values), group[int(np.argmax(values))]))
    screened.sort(key=lambda pair: -pair[0])
    region = _region(vol, free, 1.0)
    best: Optimum | None = None
    for value, start in screened:
        if best is not None and best.converged and value < best.value - _HOPELESS:
            break
        # EGARCH's |z| has a kink wherever the mean crosses an observation.
        found = maximise(function, start[free], region, kinks=(0,) if exponential else ())
        if best is None or found.value > best.value:
            best = found
    assert best is not None
    theta = fixed.copy()
    theta[free] = best.theta
    units = np.array([scale, 1.0 if exponential else scale**2, 1.0, 1.0, 1.0, 1.0])
    if exponential:
        theta[1] += (1.0 - theta[4]) * 2.0 * np.log(scale)
    message = ""
    if not best.converged:
        message = (
            f"The {vol} fit of {name!r} did not converge ({best.message}); its volatilities are "
            "provisional."
        )
    integrated = [b for b in best.bounds_hit if b.endswith("= 1") or b.startswith("beta = 0.99")]
    if integrated:
        message = (
            f"The variance of {name!r} is integrated ({integrated[0]}): it has no long-run level, "
            "and standard errors hold along the bound only."
        )
    # Directions in the series' own units; orthonormal again.
    basis = best.basis * units[free][:, None]
    basis = np.linalg.qr(basis)[0] if basis.size else basis
    return Margin(
        name=name,
        vol=vol,
        series=series,
        theta=theta * units,
        free=tuple(free),
        basis=basis,
        backcast=backcast * scale**2,
        converged=best.converged and not integrated,
        message=message,
        bounds_hit=best.bounds_hit,
    )
