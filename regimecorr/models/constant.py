"""Constant conditional correlation (Bollerslev 1990), with its posterior by quadrature."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from regimecorr.kernels.paths import correlate
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
    GridDraws,
    GridResult,
    Settings,
    fisher_grid,
    fit_constant,
    nu_nodes,
    require_params,
)
from regimecorr.models.margins import GARCH, MarginsResult

_COARSE = 81
_LOCAL = 101


class ConstantResult(GridResult):
    """Posterior of a constant correlation."""

    def _continue(
        self, draws: GridDraws, noise: Noise, horizon: int, recent: int
    ) -> tuple[Array, Array, Array]:
        # The level is a parameter, no state: all paths of a draw share it.
        first = np.searchsorted(noise.draw, np.arange(noise.n_draws))
        uniforms, jitter = noise.uniform()[first], noise.uniform()[first] - 0.5
        level = np.empty(noise.n_draws)
        for node in np.unique(draws.node):
            mine = draws.node == node
            cumulative = np.cumsum(self._filter(int(node), 0, 1)[2][0])
            cells = np.searchsorted(cumulative, uniforms[mine] * cumulative[-1], side="right")
            cells = np.minimum(cells, self._grid.size - 1)
            level[mine] = self._grid[cells] + self._width[cells] * jitter[mine]
        start = level[noise.draw]
        rho = self._future(draws.setting, start, noise, horizon)
        return rho, correlate(noise.shocks(draws.nu, horizon), rho), np.tanh(start)

    def _future(self, setting: IntArray, start: Array, noise: Noise, horizon: int) -> Array:
        return np.repeat(np.tanh(start)[:, None], horizon, axis=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConstantCorrelation(CorrelationModel[ConstantResult]):
    r"""One correlation for all time: nothing ever changes.

    Standardized residuals are bivariate normal or Student t (unit variances) with correlation
    :math:`\rho`; :math:`\mathrm{artanh}\,\rho \sim N(0, s^2)`, ``nu`` log-uniform on (2.2, 100).
    The posterior and the marginal likelihood are exact up to quadrature.

    Parameters
    ----------
    dist : {"normal", "t"}, default "t"
        Distribution of the standardized residuals.
    margins : GARCH or None, default GARCH()
        Margins; None when the returns are standardized residuals already.
    level_sd : float, default 0.5
        Prior standard deviation of the Fisher z of the correlation; larger lets correlations near
        one in.

    References
    ----------
    Bollerslev, T. (1990). Modelling the coherence in short-run nominal exchange rates. Review of
    Economics and Statistics 72, 498-505.

    Examples
    --------
    >>> import regimecorr as rc
    >>> world = rc.simulate("constant", n_obs=800, rng=1)
    >>> result = rc.ConstantCorrelation().fit(world.returns)
    >>> bool(0.2 < result.params["rho"] < 0.8)
    True
    """

    dist: Distribution = "t"
    margins: GARCH | None = field(default_factory=GARCH)
    level_sd: float = 0.5

    def __post_init__(self) -> None:
        check_distribution(self.dist)
        check_positive("level_sd", (self.level_sd,))

    def _estimate(self, margins: MarginsResult, z: Array) -> ConstantResult:
        centre = fit_constant(z, self.dist)
        nodes, node_prior = nu_nodes(centre, self.dist)
        # Coarse over all correlations, so that the filtered path knows nothing of later rows, and
        # fine where the full sample's posterior lies.
        local = centre.fisher + centre.fisher_se * np.linspace(-7.0, 7.0, _LOCAL)
        grid = np.union1d(fisher_grid(_COARSE), local[np.abs(local) < Z_LIMIT])
        density = np.exp(-0.5 * (grid / self.level_sd) ** 2) / (
            self.level_sd * np.sqrt(2.0 * np.pi)
        )
        result = self._result(margins, z, grid, density * np.gradient(grid), nodes, node_prior)
        last = result._filter(nodes.size // 2, 0, 1)[2][0]
        result.params["rho"] = float(last @ np.tanh(grid))
        return result

    def filter(
        self,
        returns: pd.DataFrame | Array,
        params: pd.Series | dict[str, float],
        *,
        margins: MarginsResult | None = None,
    ) -> ConstantResult:
        """Run with given ``rho`` and ``nu``.

        The correlation stage is then without parameter uncertainty.
        """
        given = require_params(params, ("rho", "nu"))
        fitted, z = self._residuals(returns, margins)
        grid = np.array([np.arctanh(given["rho"])])
        nodes, zero = np.array([given["nu"]]), np.zeros(1)
        result = self._result(fitted, z, grid, np.ones(1), nodes, zero)
        result.params["rho"] = given["rho"]
        return result

    @staticmethod
    def _result(
        fitted: MarginsResult, z: Array, grid: Array, start: Array, nodes: Array, node_prior: Array
    ) -> ConstantResult:
        still = np.zeros((1, grid.size))
        settings = Settings(
            table=pd.DataFrame({"rho": [np.nan]}),
            hazard=np.zeros(1),
            prior=still,
            up=still,
            down=still,
            reach=np.zeros(1, dtype=np.int64),
            start=start[None, :],
            log_prior=np.zeros(1),
        )
        return ConstantResult(
            "constant", fitted, z, grid, settings, nodes, node_prior, stationary=False
        )
