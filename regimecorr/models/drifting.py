"""Correlation that drifts: random walk or mean-reverting Fisher z, exact on a grid."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product
from typing import Literal

import numpy as np
import pandas as pd

from regimecorr.errors import ModelError
from regimecorr.kernels.paths import autoregressive_paths
from regimecorr.models.base import (
    Array,
    CorrelationModel,
    Distribution,
    IntArray,
    Noise,
    check_distribution,
    check_positive,
)
from regimecorr.models.grid import (
    Z_LIMIT,
    GridResult,
    Settings,
    fisher_grid,
    fit_constant,
    local_moves,
    normal_weights,
    nu_nodes,
    require_params,
)
from regimecorr.models.margins import GARCH, MarginsResult

_GRID = 91


class DriftingResult(GridResult):
    """Posterior of the drifting model."""

    def _future(self, setting: IntArray, start: Array, noise: Noise, horizon: int) -> Array:
        table = self._settings.table.iloc[setting]
        mean, phi, sigma = (table[c].to_numpy() for c in ("mean", "phi", "sigma"))
        normals = noise.normal(horizon)
        out: Array = autoregressive_paths(start, noise.draw, mean, phi, sigma, normals, Z_LIMIT)
        return out


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftingCorrelation(CorrelationModel[DriftingResult]):
    r"""Fisher z of the correlation follows a random walk or a mean-reverting AR(1).

    .. math:: f_{t+1} = m + \phi (f_t - m) + \sigma e_t, \qquad \rho_t = \tanh f_t

    with :math:`\phi = 1` for the random walk. Step sizes, half-lives, spreads and means are
    averaged over declared grids by their posterior probabilities; the filter runs on a birth-death
    chain with the mean and variance of each step. The state stays within :math:`|\rho| < 0.99`.

    Parameters
    ----------
    kind : {"random_walk", "mean_reverting"}, default "random_walk"
        Whether drift is permanent or fades.
    dist : {"normal", "t"}, default "t"
        Distribution of the standardized residuals.
    margins : GARCH or None, default GARCH()
        Margins; None when the returns are standardized residuals already.
    annual_sd : tuple of float, default (0.06, 0.12, 0.24, 0.48, 0.96)
        Random walk: standard deviations of a year's (252 rows) drift in Fisher z, equally likely
        beforehand.
    half_lives : tuple of float, default (15, 40, 100, 250)
        Mean reversion: rows until half of a deviation is gone, equally likely beforehand.
    spreads : tuple of float, default (0.1, 0.2, 0.4)
        Mean reversion: stationary standard deviations of Fisher z, equally likely beforehand.
    level_sd : float, default 0.5
        Prior standard deviation of the mean (or of the random walk's start).

    Examples
    --------
    >>> import regimecorr as rc
    >>> world = rc.simulate("drift", n_obs=900, rng=1)
    >>> result = rc.DriftingCorrelation(margins=None).fit(world.std_resid)
    >>> bool(result.filtered.abs().max() < 1)
    True
    """

    kind: Literal["random_walk", "mean_reverting"] = "random_walk"
    dist: Distribution = "t"
    margins: GARCH | None = field(default_factory=GARCH)
    annual_sd: tuple[float, ...] = (0.06, 0.12, 0.24, 0.48, 0.96)
    half_lives: tuple[float, ...] = (15.0, 40.0, 100.0, 250.0)
    spreads: tuple[float, ...] = (0.1, 0.2, 0.4)
    level_sd: float = 0.5

    def __post_init__(self) -> None:
        check_distribution(self.dist)
        if self.kind not in ("random_walk", "mean_reverting"):
            raise ModelError(
                f"kind={self.kind!r} is unknown; use 'random_walk' or 'mean_reverting'."
            )
        check_positive("annual_sd", self.annual_sd)
        check_positive("half_lives", self.half_lives)
        check_positive("spreads", self.spreads)
        check_positive("level_sd", (self.level_sd,))

    def _estimate(self, margins: MarginsResult, z: Array) -> DriftingResult:
        centre = fit_constant(z, self.dist)
        nodes, node_prior = nu_nodes(centre, self.dist)
        if self.kind == "random_walk":
            sigma = np.asarray(self.annual_sd) / np.sqrt(252.0)
            table = pd.DataFrame({"mean": 0.0, "phi": 1.0, "sigma": sigma, "spread": self.level_sd})
            log_prior = np.full(len(table), -np.log(len(table)))
        else:
            rows = []
            for half_life, spread in product(self.half_lives, self.spreads):
                phi = 0.5 ** (1.0 / half_life)
                # The mean is known to about this much under the setting; nodes this close
                # integrate over it whatever the sample's length.
                known = (1.3 + spread**2 * (1.0 + phi) / (1.0 - phi)) / len(z)
                step = 1.2 * np.sqrt(min(known, self.level_sd**2))
                # A mean level m shows as a correlation of about tanh(m) (1 - ...): undo it.
                middle = centre.fisher + spread**2 * np.tanh(centre.fisher)
                sigma = spread * np.sqrt(1.0 - phi**2)
                rows += [(middle + k * step, phi, sigma, spread, step) for k in range(-2, 3)]
            table = pd.DataFrame(rows, columns=["mean", "phi", "sigma", "spread", "step"])
            step = table.pop("step").to_numpy()
            mass = step / (self.level_sd * np.sqrt(2.0 * np.pi))
            log_prior = np.log(mass) - 0.5 * (table["mean"].to_numpy() / self.level_sd) ** 2
            log_prior -= np.log(len(self.half_lives) * len(self.spreads))
        return self._result(margins, z, table, log_prior, nodes, node_prior)

    def filter(
        self,
        returns: pd.DataFrame | Array,
        params: pd.Series | dict[str, float],
        *,
        margins: MarginsResult | None = None,
    ) -> DriftingResult:
        """Run with given ``mean``, ``phi``, ``sigma``, ``spread`` and ``nu``.

        ``spread`` is that of the first state.
        """
        given = require_params(params, ("mean", "phi", "sigma", "spread", "nu"))
        fitted, z = self._residuals(returns, margins)
        nodes = np.array([given.pop("nu")])
        table = pd.DataFrame([given])
        return self._result(fitted, z, table, np.zeros(1), nodes, np.zeros(1))

    def _result(
        self,
        fitted: MarginsResult,
        z: Array,
        table: pd.DataFrame,
        log_prior: Array,
        nodes: Array,
        node_prior: Array,
    ) -> DriftingResult:
        grid = fisher_grid(_GRID)
        mean, phi, sigma = (table[c].to_numpy() for c in ("mean", "phi", "sigma"))
        up, down, reach = local_moves(grid, mean, phi, sigma)
        start = np.array(
            [normal_weights(grid, m, s) for m, s in table[["mean", "spread"]].to_numpy()]
        )
        settings = Settings(
            table=table,
            hazard=np.zeros(len(table)),
            prior=np.zeros_like(start),
            up=up,
            down=down,
            reach=reach,
            start=start,
            log_prior=log_prior,
        )
        name = "drift" if self.kind == "random_walk" else "reverting"
        return DriftingResult(
            name,
            fitted,
            z,
            grid,
            settings,
            nodes,
            node_prior,
            stationary=self.kind == "mean_reverting",
        )
