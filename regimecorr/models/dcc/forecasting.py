"""Forecasts of correlations, volatilities and covariances, and simulation from a state."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import pandas as pd

from regimecorr.errors import ModelError
from regimecorr.kernels.dcc_paths import matrix_paths, pair_paths
from regimecorr.models.base import Array, IntArray, Noise, RandomState
from regimecorr.models.dcc.drawing import ParameterDraws
from regimecorr.models.dcc.dynamics import Dynamics
from regimecorr.models.margins import MarginsResult

ForecastMethod: TypeAlias = Literal["analytic-R", "analytic-Q", "simulate"]

# Correlation matrices held at a time when a forecast averages over paths.
_CHUNK = 20_000_000


@dataclass(frozen=True, eq=False, repr=False)
class CorrelationForecast:
    """Forecasts for rows 1 .. horizon after the sample.

    Attributes
    ----------
    correlations : ndarray of shape (horizon, n_assets, n_assets)
    volatility : DataFrame
        By horizon and asset: square root of the expected conditional variance.
    method : str
    """

    names: tuple[str, ...]
    correlations: Array
    volatility: pd.DataFrame
    method: ForecastMethod

    @property
    def covariances(self) -> Array:
        """Covariances (horizon, n_assets, n_assets): correlations between the volatilities."""
        sd = self.volatility.to_numpy()
        return np.asarray(self.correlations * sd[:, :, None] * sd[:, None, :])

    def __repr__(self) -> str:
        return (
            f"<CorrelationForecast: {', '.join(self.names)}, {len(self.volatility)} rows ahead, "
            f"{self.method}>"
        )

    def pair(self, first: str, second: str) -> pd.Series:
        """Return the forecast correlation of two assets by horizon."""
        i, j = (asset_position(self.names, name) for name in (first, second))
        return pd.Series(
            self.correlations[:, i, j], index=self.volatility.index, name=f"{first} / {second}"
        )


def asset_position(names: tuple[str, ...], name: str) -> int:
    """Position of an asset, or `ModelError` naming those that exist."""
    if str(name) not in names:
        raise ModelError(f"There is no asset {name!r}; there are {', '.join(names)}.")
    return names.index(str(name))


def rescaled(Q: Array) -> Array:
    """Correlation matrix of a covariance matrix."""
    root = np.sqrt(np.diag(Q))
    return np.asarray(Q / np.outer(root, root))


def analytic_forecast(dynamics: Dynamics, theta: Array, horizon: int, method: str) -> Array:
    """Correlations (horizon, N, N) under Engle and Sheppard's approximations.

    ``analytic-Q`` replaces the unknown ``e e'`` by the forecast Q and rescales at the end (exact
    for cDCC's Q); ``analytic-R`` runs the same recursion on correlation matrices.
    """
    layout = dynamics.layout
    if layout.asymmetric and horizon > 1:
        raise ModelError(
            f"The asymmetric model has no closed-form forecast beyond one row (horizon={horizon}); "
            "use method='simulate'."
        )
    inputs = dynamics.inputs(theta)
    Q = dynamics.q_path(theta)
    n = dynamics.n_obs
    in_r = method == "analytic-R"
    target = dynamics.target(theta)
    constant = inputs.C
    if in_r:
        constant = (1.0 - inputs.a.sum() - inputs.b.sum()) * rescaled(target)
    # Rows before the first forecast that the recursion still reaches, and the first.
    first = max(0, n - max(layout.p, layout.q))
    states = {t: rescaled(Q[t]) if in_r else Q[t] for t in range(first, n + 1)}
    if layout.p == layout.q == 0:
        return np.repeat(rescaled(Q[-1])[None], horizon, axis=0)
    out = [states[n]]
    for h in range(1, horizon):
        row = constant.copy()
        for lag, a in enumerate(inputs.a):
            s = h - 1 - lag
            if s >= 0:
                row += a * out[s]
            else:
                e = dynamics.z[n + s] if in_r else inputs.e[n + s]
                row += a * np.outer(e, e)
        for lag, b in enumerate(inputs.b):
            s = h - 1 - lag
            row += b * (out[s] if s >= 0 else states[n + s])
        out.append(row)
    return np.array([rescaled(q) for q in out])


@dataclass(frozen=True, eq=False)
class State:
    """Parameters and last rows of the recursion by draw, from which paths go on."""

    draws: ParameterDraws
    x: Array
    q: Array
    neg: Array
    recent: Array


def state_after(dynamics: Dynamics, draws: ParameterDraws, recent: int) -> State:
    """State after the last row of the sample, and the mean correlation of its last rows.

    ``recent`` of the state is (n_draws,) for two assets, (n_draws, N, N) for more.
    """
    layout, size = dynamics.layout, dynamics.size
    count = len(draws.theta)
    x = np.empty((count, layout.p, size, size))
    q = np.empty((count, layout.q, size, size))
    mean = np.empty((count,) if size == 2 else (count, size, size))
    low = dynamics.negative[-1]
    for d, (theta, target, nbar) in enumerate(zip(*draws, strict=True)):
        own = dataclasses.replace(dynamics, given=target, given_asymmetry=nbar)
        e = own.innovations(theta)[0]
        if size == 2:
            packed, rho, _ = own.pair_path(theta, 0, 1, target=target)
            mean[d] = rho[-1 - recent : -1].mean()
            last = packed[-1 - layout.q : -1][::-1][:, [0, 2, 2, 1]].reshape(-1, 2, 2)
        else:
            path = own.q_path(theta)
            mean[d] = np.mean([rescaled(m) for m in path[-1 - recent : -1]], axis=0)
            last = path[-1 - layout.q : -1][::-1]
        q[d] = last
        for lag in range(layout.p):
            x[d, lag] = np.outer(e[-1 - lag], e[-1 - lag])
    return State(draws, x, q, np.tile(np.outer(low, low), (count, 1, 1)), mean)


def state_before(dynamics: Dynamics, theta: Array, n_draws: int) -> State:
    """State before the first row of the sample, ``n_draws`` times."""
    layout, size = dynamics.layout, dynamics.size
    inputs = dynamics.inputs(theta)
    shape = (n_draws, size, size)
    x = np.broadcast_to(inputs.E0, (n_draws, layout.p, size, size)).copy()
    q = np.broadcast_to(inputs.Q0, (n_draws, layout.q, size, size)).copy()
    neg = np.broadcast_to(inputs.N0, shape).copy()
    draws = ParameterDraws.repeat(dynamics, theta, n_draws)
    return State(draws, x, q, neg, np.empty(0))


def simulate_paths(
    dynamics: Dynamics, state: State, shocks: Array, draw: IntArray, keep: bool = True
) -> tuple[Array, Array]:
    """Correlations and correlated shocks (n_paths, horizon, N) of paths from a state.

    The correlations are (n_paths, horizon) for two assets, (n_paths, horizon, N, N) for more, or,
    unless ``keep``, their mean over the paths (horizon, N, N).
    """
    layout = dynamics.layout
    theta, target, nbar = state.draws
    a = np.ascontiguousarray(theta[:, : layout.p])
    b = np.ascontiguousarray(theta[:, layout.p : layout.p + layout.q])
    g = theta[:, layout.n_dynamic - 1].copy() if layout.asymmetric else np.zeros(len(theta))
    rest = 1.0 - a.sum(axis=1) - b.sum(axis=1)
    c = rest[:, None, None] * target - g[:, None, None] * nbar
    flags = (layout.asymmetric, dynamics.corrected)
    if dynamics.size == 2:
        packed = (_pack(block) for block in (c, state.x, state.neg, state.q))
        rho, z = pair_paths(shocks, draw, a, b, g, *flags, *packed)
        if keep:
            return rho, z
        mean = np.ones((rho.shape[1], 2, 2))
        mean[:, 0, 1] = mean[:, 1, 0] = rho.mean(axis=0)
        return mean, z
    n_paths, horizon, size = shocks.shape
    total = np.zeros((horizon, size, size))
    rho = np.empty((n_paths if keep else 0, horizon, size, size))
    z = matrix_paths(shocks, draw, a, b, g, *flags, c, state.x, state.neg, state.q, rho, total)
    return rho if keep else total / n_paths, z


def degrees_of_freedom(dynamics: Dynamics, theta: Array) -> Array:
    """``nu`` (n_draws,) of parameter draws (n_draws, k), infinite for normal errors."""
    return theta[:, -1] if dynamics.layout.heavy else np.full(len(theta), np.inf)


def simulated_means(
    dynamics: Dynamics,
    margins: MarginsResult,
    theta: Array,
    horizon: int,
    n_paths: int,
    rng: RandomState,
) -> tuple[Array, Array]:
    """Mean correlations (horizon, N, N) and variances (horizon, N) over paths, by chunks of them.

    All paths start from the state after the last row and share the parameters ``theta``.
    """
    generator = np.random.default_rng(rng)
    state = state_after(dynamics, ParameterDraws.repeat(dynamics, theta, 1), 1)
    nu = degrees_of_freedom(dynamics, state.draws.theta)
    size = dynamics.size
    total, variance = np.zeros((horizon, size, size)), np.zeros((horizon, size))
    per_chunk = max(1, min(n_paths, _CHUNK // (horizon * size * size)))
    for begun in range(0, n_paths, per_chunk):
        count = min(per_chunk, n_paths - begun)
        noise = Noise(count, 1, generator)
        shocks = noise.shocks(nu, horizon, size)
        mean, z = simulate_paths(dynamics, state, shocks, noise.draw, keep=False)
        total += count * mean
        for i, leg in enumerate(margins.legs):
            variance[:, i] += leg.simulated_variance(z[:, :, i]).sum(axis=0)
    return total / n_paths, variance / n_paths


def _pack(block: Array) -> Array:
    """Entries ``(11, 22, 12)`` of 2 x 2 matrices."""
    return np.ascontiguousarray(block[..., [0, 1, 0], [0, 1, 1]])
