"""Bayesian online change-point detection on the correlation of residuals.

A correlation stays at its level and is replaced with probability ``1 / expected_duration`` a row
by a new one, artanh rho ~ N(level_mean, level_sd^2): `BreakCorrelation` with given parameters. The
row at which the current level began is its run length (Adams and MacKay 2007); its posterior is
exact on the grid.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from regimecorr.inference.monitoring.options import Options
from regimecorr.kernels.density import density_table
from regimecorr.kernels.grid import grid_filter
from regimecorr.kernels.monitoring import run_length_filter
from regimecorr.models.base import Array, IntArray
from regimecorr.models.breaks import GRID_SIZE
from regimecorr.models.grid import fisher_grid, fit_constant, normal_weights

WINDOWS = (21, 63, 90)
#: Shares that the interval of the date leaves out on either side.
TAILS = (0.05, 0.95)
# Runs that weigh less together are joined; only dates can tell.
_TINY = 1e-10


@dataclass(frozen=True, slots=True, eq=False)
class Posterior:
    """What the filter says, by monitored row unless told otherwise; row t uses rows to t.

    Attributes
    ----------
    nu : float
        Tail parameter, fitted to the history.
    evidence : float
        Log-likelihood of all rows.
    level : float
        Posterior mean correlation at the end of the history.
    mean, changed, below : ndarray of shape (n_monitored,)
        Posterior mean correlation; probability that the current level began since the start, the
        rows of grace before it included; probability that it lies beyond the midpoint of the
        history's level and zero.
    change : ndarray of shape (n_monitored,)
        Likeliest first row of the current level among those that ``changed`` counts.
    within : ndarray of shape (n_monitored, 3)
        Probability that it changed within the last 21, 63 and 90 rows.
    began : ndarray of shape (n_monitored, 3)
        First row of the current level: the likeliest, and the 5 and 95 % quantiles. 0: no change.
    rows, probability : ndarray of shape (n_runs,)
        Posterior of that row at the last row of the sample.
    """

    nu: float
    evidence: float
    level: float
    mean: Array
    changed: Array
    change: IntArray
    below: Array
    within: Array
    began: IntArray
    rows: IntArray
    probability: Array


def run_lengths(z: Array, m: int, options: Options) -> Posterior:
    """Filter residuals (n_obs, 2) with a history of m rows."""
    nu = fit_constant(np.ascontiguousarray(z[:m]), "t").nu
    grid = fisher_grid(GRID_SIZE)
    rho = np.tanh(grid)
    prior = normal_weights(grid, options.level_mean, options.level_sd)
    hazard = 1.0 / options.expected_duration
    table, top = density_table(z, rho, nu)
    still = np.zeros(grid.size)
    tail = len(z) - m + 1
    moves = (prior, hazard, prior, still, still, tail, 0)
    _, _, filtered = grid_filter(z, table, top, rho, nu, *moves)
    level = float(filtered[0] @ rho)
    beyond = rho < 0.5 * level if level >= 0.0 else rho > 0.5 * level
    chances = (np.array(WINDOWS), np.array(TAILS), _TINY)
    loglik, since, within, likeliest, bounds, rows, mass = run_length_filter(
        z, table, top, rho, nu, prior, hazard, m - options.grace, *chances
    )
    return Posterior(
        nu=nu,
        evidence=float(loglik.sum()),
        level=level,
        mean=filtered[1:] @ rho,
        changed=since[m:],
        change=likeliest[m:, 1],
        below=filtered[1:] @ beyond,
        within=within[m:],
        began=np.column_stack([likeliest[:, 0], bounds])[m:],
        rows=rows,
        probability=mass,
    )


def smallest_set(probability: Array, share: float = 0.90) -> Array:
    """Whether an item belongs to the smallest set that holds a share of the probability."""
    order = np.argsort(-probability, kind="stable")
    needed = int(np.searchsorted(np.cumsum(probability[order]), share)) + 1
    inside = np.zeros(len(probability), dtype=bool)
    inside[order[:needed]] = True
    return inside
