"""Bayesian models whose correlation lives on a Fisher z grid: shared fitting and simulation.

A model lists *settings* (hazard, level prior, step size ...), each with a prior probability. Every
setting is filtered exactly, together with every node of the tail parameter ``nu``; posterior
weights of the settings follow from their likelihoods, and the log marginal likelihood is the log
of their prior-weighted sum.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

from regimecorr.errors import ModelError
from regimecorr.kernels.density import constant_loglikelihood, density_table
from regimecorr.kernels.grid import grid_filter, grid_smoother, sample_backward
from regimecorr.kernels.paths import correlate
from regimecorr.models.base import Array, CorrelationResult, Distribution, IntArray, Noise
from regimecorr.models.margins import MarginsResult

Z_LIMIT = 2.65  # |rho| < 0.990
NU_RANGE = (2.2, 100.0)
_SMOOTHED_SETTINGS = 12
# Open intervals in which given parameters must lie; some include a border.
_ONE = float(np.nextafter(1.0, 2.0))
_RANGES = {
    "rho": (-1.0, 1.0),
    "nu": (2.0, np.inf),
    "hazard": (0.0, 1.0),
    "level_sd": (0.0, np.inf),
    "phi": (0.0, _ONE),
    "sigma": (0.0, np.inf),
    "spread": (0.0, np.inf),
    "p_low": (-_ONE + 1.0, _ONE),
    "p_high": (-_ONE + 1.0, _ONE),
}


@dataclass(frozen=True, slots=True, eq=False)
class Settings:
    """Parameter settings of a grid model; every array has one row per setting.

    ``table`` holds the named parameters (S, ...) that the simulation uses; ``hazard``, ``reach``
    (S,), ``prior``, ``up``, ``down`` and ``start`` (S, n_grid) drive the filter; ``log_prior`` (S,)
    are prior log probabilities.
    """

    table: pd.DataFrame
    hazard: Array
    prior: Array
    up: Array
    down: Array
    reach: IntArray
    start: Array
    log_prior: Array

    def moves(self, s: int) -> tuple[float, Array, Array, Array]:
        """Hazard, prior, up and down probabilities of one setting, as the kernels take them."""
        return self.hazard[s], self.prior[s], self.up[s], self.down[s]


@dataclass(frozen=True, slots=True, eq=False)
class GridDraws:
    """Parameter draws of a grid model: the setting and node of each, and the tail parameter."""

    setting: IntArray
    node: IntArray
    nu: Array


def fisher_grid(size: int, low: float = -Z_LIMIT, high: float = Z_LIMIT) -> Array:
    """Equally spaced Fisher z values."""
    return np.linspace(low, high, size)


def normal_weights(grid: Array, mean: float, sd: float) -> Array:
    """Probabilities of the cells of a grid under N(mean, sd^2), normalised over the grid."""
    weights = np.exp(-0.5 * ((grid - mean) / sd) ** 2)
    return np.asarray(weights / weights.sum(), dtype=float)


@dataclass(frozen=True, slots=True)
class ConstantFit:
    """Maximum likelihood of a constant correlation: Fisher z, ``nu`` and their standard errors."""

    fisher: float
    nu: float
    fisher_se: float
    log_nu_se: float


def fit_constant(z: Array, dist: Distribution) -> ConstantFit:
    """Maximise the likelihood of a constant correlation over Fisher z and ``nu``.

    The searches over the two alternate.
    """

    def loglik(fisher: float, nu: float) -> float:
        return float(constant_loglikelihood(z, np.tanh(fisher), nu))

    fisher, nu = 0.0, 8.0 if dist == "t" else np.inf
    low, high = np.log(NU_RANGE[0] - 2.0), np.log(NU_RANGE[1] - 2.0)
    for _ in range(20):
        before = (fisher, nu)
        fisher = minimize_scalar(
            lambda f, v=nu: -loglik(f, v),
            bounds=(-Z_LIMIT, Z_LIMIT),
            method="bounded",
            options={"xatol": 1e-7},
        ).x
        if dist == "normal":
            break
        nu = 2.0 + float(
            np.exp(
                minimize_scalar(
                    lambda u, f=fisher: -loglik(f, 2.0 + np.exp(u)),
                    bounds=(low, high),
                    method="bounded",
                    options={"xatol": 1e-6},
                ).x
            )
        )
        if abs(fisher - before[0]) < 1e-7 and abs(nu - before[1]) < 1e-5 * nu:
            break
    step = 1e-3
    top = loglik(fisher, nu)
    curve = (2.0 * top - loglik(fisher + step, nu) - loglik(fisher - step, nu)) / step**2
    fisher_se = 1.0 / np.sqrt(max(curve, 1e-2 * len(z)))
    log_nu_se = 0.0
    if dist == "t":
        up, down = nu * np.exp(0.05), 2.0 + (nu - 2.0) * np.exp(-0.05)
        back, ahead = np.log(nu / down), np.log(up / nu)
        slope = (loglik(fisher, up) - top) / ahead - (top - loglik(fisher, down)) / back
        curve = -2.0 * slope / (ahead + back)
        log_nu_se = float(np.clip(1.0 / np.sqrt(max(curve, 1e-6)), 0.02, 0.35))
    return ConstantFit(float(fisher), float(nu), float(fisher_se), log_nu_se)


def nu_nodes(fit: ConstantFit, dist: Distribution) -> tuple[Array, Array]:
    """Nodes of ``nu`` around its estimate and their log prior masses.

    The prior is uniform in ``log nu`` over its range.
    """
    if dist == "normal":
        return np.array([np.inf]), np.array([0.0])
    step = 1.6 * fit.log_nu_se
    nodes = fit.nu * np.exp(step * np.arange(-2.0, 3.0))
    nodes = nodes[(nodes > NU_RANGE[0]) & (nodes < NU_RANGE[1])]
    if nodes.size == 0:
        nodes = np.array([np.clip(fit.nu, *NU_RANGE)])
    mass = step / np.log(NU_RANGE[1] / NU_RANGE[0])
    return nodes, np.full(nodes.size, np.log(mass))


class GridResult(CorrelationResult):
    """Posterior of a grid model; see `CorrelationResult` for what it answers.

    Attributes
    ----------
    settings : DataFrame
        Every parameter setting with its prior and posterior probability.
    """

    def __init__(
        self,
        name: str,
        margins: MarginsResult,
        z: Array,
        grid: Array,
        settings: Settings,
        nodes: Array,
        node_log_prior: Array,
        *,
        stationary: bool,
    ) -> None:
        self.name = name
        self.margins = margins
        self._z = z
        self._grid = grid
        self._rho = np.tanh(grid)
        self._width = np.gradient(grid) if grid.size > 1 else np.zeros(1)
        self._settings = settings
        self._nodes = nodes
        self._stationary = stationary
        self._tables: dict[int, tuple[Array, Array]] = {}
        self.converged = margins.converged
        self.message = margins.message
        shape = (len(settings.log_prior), nodes.size)
        loglik = np.empty(shape)
        best = np.full(len(z), -np.inf)
        weight = np.zeros(len(z))
        mean = np.zeros(len(z))
        prior = settings.log_prior[:, None] + node_log_prior[None, :]
        for n in range(nodes.size):
            for s in range(shape[0]):
                rows, filtered, _ = self._filter(n, s, 1)
                path = np.cumsum(rows)
                loglik[s, n] = path[-1]
                # Running posterior weights of the settings, rescaled when a better one comes by.
                level = prior[s, n] + path
                higher = np.maximum(best, level)
                keep, add = np.exp(best - higher), np.exp(level - higher)
                weight = weight * keep + add
                mean = mean * keep + add * filtered
                best = higher
        log_post = prior + loglik
        self.score = self.correlation_loglikelihood = float(logsumexp(log_post))
        self._posterior = np.exp(log_post - self.score)
        self.filtered = pd.Series(mean / weight, index=margins.std_resid.index, name="filtered")
        by_setting = self._posterior.sum(axis=1)
        self.settings = settings.table.assign(
            prior=np.exp(settings.log_prior - logsumexp(settings.log_prior)), posterior=by_setting
        )
        average = {c: float(by_setting @ settings.table[c]) for c in settings.table.columns}
        average["nu"] = float(np.exp(self._posterior.sum(axis=0) @ np.log(nodes)))
        self.params = pd.Series(average)
        self._seal()

    def _table(self, node: int) -> tuple[Array, Array]:
        """Densities at one node of ``nu``, kept: every simulation needs them again."""
        if node not in self._tables:
            self._tables[node] = density_table(self._z, self._rho, self._nodes[node])
        return self._tables[node]

    def _filter(self, node: int, s: int, tail: int) -> tuple[Array, Array, Array]:
        p = self._settings
        moves = (p.start[s], *p.moves(s), tail, p.reach[s])
        table, top = self._table(node)
        out: tuple[Array, Array, Array] = grid_filter(
            self._z, table, top, self._rho, self._nodes[node], *moves
        )
        return out

    @cached_property
    def smoothed(self) -> pd.Series:  # type: ignore[override]
        """Smoothed mean correlation by date.

        It is averaged over the settings with most of the posterior.
        """
        order = np.argsort(self._posterior.ravel())[::-1][:_SMOOTHED_SETTINGS]
        total, out = 0.0, np.zeros(len(self._z))
        p = self._settings
        for flat in order:
            s, node = divmod(int(flat), self._nodes.size)
            weight = self._posterior[s, node]
            _, _, filtered = self._filter(node, s, len(self._z))
            mean, _ = grid_smoother(filtered, self._rho, *p.moves(s), p.reach[s])
            out += weight * mean
            total += weight
        return pd.Series(out / total, index=self.filtered.index, name="smoothed")

    def _draw_parameters(self, n_draws: int, rng: np.random.Generator) -> GridDraws:
        cumulative = np.cumsum(self._posterior.ravel())
        flat = np.searchsorted(cumulative, rng.random(n_draws) * cumulative[-1], side="right")
        setting, node = np.divmod(np.minimum(flat, cumulative.size - 1), self._nodes.size)
        return GridDraws(setting, node, self._nodes[node])

    def _continue(
        self, draws: GridDraws, noise: Noise, horizon: int, recent: int
    ) -> tuple[Array, Array, Array]:
        uniforms = noise.uniform(recent)
        jitter = noise.uniform() - 0.5
        start = np.empty(noise.draw.size)
        recent_mean = np.empty(noise.draw.size)
        pairs = draws.setting * self._nodes.size + draws.node
        p = self._settings
        for pair in np.unique(pairs):
            s, node = divmod(int(pair), self._nodes.size)
            paths = np.flatnonzero(pairs[noise.draw] == pair)
            _, _, last = self._filter(node, s, recent)
            cells = sample_backward(last, *p.moves(s), uniforms[paths], p.reach[s])
            level = self._grid[cells] + self._width[cells] * jitter[paths, None]
            start[paths] = level[:, -1]
            recent_mean[paths] = np.tanh(level).mean(axis=1)
        rho = self._future(draws.setting, start, noise, horizon)
        return rho, correlate(noise.shocks(draws.nu, horizon), rho), recent_mean

    def _restart(self, noise: Noise, n_rows: int, rng: np.random.Generator) -> tuple[Array, Array]:
        draws = self._draw_parameters(noise.n_draws, rng)
        uniforms = noise.uniform()
        start = np.empty(noise.draw.size)
        pairs = draws.setting * self._nodes.size + draws.node
        for pair in np.unique(pairs):
            s, node = divmod(int(pair), self._nodes.size)
            cumulative = np.cumsum(self._first_state(node, s))
            mine = np.flatnonzero(pairs[noise.draw] == pair)
            cells = np.searchsorted(cumulative, uniforms[mine] * cumulative[-1], side="right")
            start[mine] = self._grid[np.minimum(cells, self._grid.size - 1)]
        rho = self._future(draws.setting, start, noise, n_rows)
        return rho, correlate(noise.shocks(draws.nu, n_rows), rho)

    def _first_state(self, node: int, s: int) -> Array:
        """Probabilities of the first state of a new history.

        The start of the model where it has a stationary law; otherwise (constant, random walk)
        the smoothed first row of the sample, or a history could begin anywhere.
        """
        if self._stationary:
            return np.asarray(self._settings.start[s], dtype=float)
        _, _, filtered = self._filter(node, s, len(self._z))
        p = self._settings
        _, first = grid_smoother(filtered, self._rho, *p.moves(s), p.reach[s])
        return np.asarray(first, dtype=float)

    @abstractmethod
    def _future(self, setting: IntArray, start: Array, noise: Noise, horizon: int) -> Array:
        """Correlations (n_paths, horizon) of paths from Fisher z ``start`` (n_paths,) on."""


def require_params(
    params: pd.Series | dict[str, float], names: tuple[str, ...]
) -> dict[str, float]:
    """Return the named parameters as floats, or say which are missing or unknown."""
    try:
        given = {str(k): float(v) for k, v in dict(params).items()}
    except (TypeError, ValueError) as error:
        raise ModelError(f"params={params!r} must map names to numbers: {error}.") from error
    missing, unknown = set(names) - set(given), set(given) - set(names)
    if missing or unknown:
        raise ModelError(
            f"params must be exactly {list(names)}; missing {sorted(missing)}, "
            f"unknown {sorted(unknown)}."
        )
    for name, value in given.items():
        low, high = _RANGES.get(name, (-np.inf, np.inf))
        if not low < value < high and not (name == "nu" and value == np.inf):
            low, high = round(low, 12) + 0.0, round(high, 12)
            raise ModelError(f"{name}={value} must be a number between {low:g} and {high:g}.")
    return given


def local_moves(
    grid: Array, mean: Array, phi: Array, sigma: Array
) -> tuple[Array, Array, IntArray]:
    """Move probabilities of a birth-death chain with the mean and variance of an AR(1) step.

    The step ``z -> mean + phi (z - mean) + sigma e`` has drift ``(phi - 1)(z - mean)`` and second
    moment ``drift^2 + sigma^2``. A chain that moves ``reach`` cells up or down matches both
    (locally consistent chain, Kushner and Dupuis 2001) as long as its step is longer than sigma,
    so steep settings reach further. Far from the mean, where the drift alone is longer than a
    step, the chain moves a step for certain.

    Returns
    -------
    up, down : ndarray of shape (n_settings, n_grid)
    reach : ndarray of shape (n_settings,)
    """
    cell = grid[1] - grid[0]
    reach = np.maximum(1, np.ceil(1.25 * sigma / cell)).astype(np.int64)
    step = cell * reach[:, None]
    drift = (phi[:, None] - 1.0) * (grid[None, :] - mean[:, None]) / step
    second = np.clip(drift**2 + (sigma[:, None] / step) ** 2, np.abs(drift), 1.0)
    up = np.clip(0.5 * (second + drift), 0.0, 1.0)
    down = np.clip(0.5 * (second - drift), 0.0, 1.0)
    for s, r in enumerate(reach):
        up[s, grid.size - r :] = 0.0
        down[s, :r] = 0.0
    return np.ascontiguousarray(up), np.ascontiguousarray(down), reach
