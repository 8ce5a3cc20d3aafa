"""Permanent breaks of the correlation at unknown dates, exact on a grid."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from itertools import product

import numpy as np
import pandas as pd

from regimecorr.errors import ModelError
from regimecorr.kernels.paths import break_paths
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
    normal_weights,
    nu_nodes,
    require_params,
)
from regimecorr.models.margins import GARCH, MarginsResult

#: Fisher z values of the grid.
GRID_SIZE = 133
_MEANS = 7


class BreakResult(GridResult):
    """Posterior of the break model."""

    def with_equal_hazards(self) -> BreakResult:
        """Return the result with every hazard of the declared grid equally likely.

        One pair says little about how often it breaks; the verdict's interval doubts its answer.
        The other parameters keep their posterior given the hazard.
        """
        hazards = self._settings.hazard
        totals = {h: self._posterior[hazards == h].sum() for h in np.unique(hazards)}
        posterior = self._posterior / np.array([totals[h] for h in hazards])[:, None]
        doubtful = copy.copy(self)
        doubtful.__dict__["_posterior"] = posterior / len(totals)
        return doubtful

    def _future(self, setting: IntArray, start: Array, noise: Noise, horizon: int) -> Array:
        table = self._settings.table.iloc[setting]
        uniforms, normals = noise.uniform(horizon), noise.normal(horizon)
        hazard, mean, sd = (table[c].to_numpy() for c in ("hazard", "level_mean", "level_sd"))
        out: Array = break_paths(start, noise.draw, hazard, mean, sd, uniforms, normals, Z_LIMIT)
        return out


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakCorrelation(CorrelationModel[BreakResult]):
    r"""A correlation that stays until it breaks, and then stays at a new level.

    Every day the level survives with probability :math:`1 - h` and is replaced with probability
    :math:`h` by a new one, :math:`\mathrm{artanh}\,\rho \sim N(m, s^2)`; breaks go on in the
    forecast horizon (Pesaran, Pettenuzzo and Timmermann 2006). The hazard, the pair's mean level
    :math:`m` and the spread :math:`s` are averaged over declared grids by their posterior
    probabilities. Filtering is exact on a grid of Fisher z values.

    Parameters
    ----------
    dist : {"normal", "t"}, default "t"
        Distribution of the standardized residuals.
    margins : GARCH or None, default GARCH()
        Margins; None when the returns are standardized residuals already.
    expected_durations : tuple of float, default (126, 252, 504, 1008, 2016, 4032)
        Expected rows between breaks, equally likely beforehand; the hazard is one over it.
    level_sd : tuple of float, default (0.25, 0.5)
        Spreads of new levels around their mean, in Fisher z, equally likely beforehand.
    mean_sd : float, default 0.4
        Prior standard deviation of the mean level.

    References
    ----------
    Pesaran, M. H., Pettenuzzo, D. and Timmermann, A. (2006). Forecasting time series subject to
    multiple structural breaks. Review of Economic Studies 73, 1057-1084.

    Examples
    --------
    >>> import regimecorr as rc
    >>> world = rc.simulate("one_break", n_obs=900, rng=1)
    >>> result = rc.BreakCorrelation(margins=None).fit(world.std_resid)
    >>> bool(result.settings["posterior"].sum().round(6) == 1.0)
    True
    """

    dist: Distribution = "t"
    margins: GARCH | None = field(default_factory=GARCH)
    expected_durations: tuple[float, ...] = (126.0, 252.0, 504.0, 1008.0, 2016.0, 4032.0)
    level_sd: tuple[float, ...] = (0.25, 0.5)
    mean_sd: float = 0.4

    def __post_init__(self) -> None:
        check_distribution(self.dist)
        durations = np.asarray(self.expected_durations, dtype=float)
        if durations.size == 0 or not np.all(np.isfinite(durations) & (durations > 1.0)):
            raise ModelError(
                f"expected_durations={self.expected_durations} must be finite and above 1 row: a "
                "model that cannot break within the horizon would call every change permanent."
            )
        check_positive("level_sd", self.level_sd)
        check_positive("mean_sd", (self.mean_sd,))

    @property
    def hazards(self) -> Array:
        """The declared grid of break hazards."""
        return 1.0 / np.asarray(self.expected_durations, dtype=float)

    def _estimate(self, margins: MarginsResult, z: Array) -> BreakResult:
        centre = fit_constant(z, self.dist)
        nodes, node_prior = nu_nodes(centre, self.dist)
        # From the bulk of the prior to the sample's level and beyond: few levels say little
        # about their mean.
        means = np.linspace(
            min(-2.0 * self.mean_sd, centre.fisher - 0.6),
            max(2.0 * self.mean_sd, centre.fisher + 0.6),
            _MEANS,
        )
        mean_prior = -0.5 * (means / self.mean_sd) ** 2
        mean_prior += np.log((means[1] - means[0]) / (self.mean_sd * np.sqrt(2.0 * np.pi)))
        rows = list(product(self.hazards, range(means.size), self.level_sd))
        table = pd.DataFrame(
            [(h, means[i], s) for h, i, s in rows], columns=["hazard", "level_mean", "level_sd"]
        )
        log_prior = np.array([mean_prior[i] for _, i, _ in rows])
        log_prior -= np.log(len(self.expected_durations) * len(self.level_sd))
        return self._result(margins, z, table, log_prior, nodes, node_prior)

    def filter(
        self,
        returns: pd.DataFrame | Array,
        params: pd.Series | dict[str, float],
        *,
        margins: MarginsResult | None = None,
    ) -> BreakResult:
        """Run with given ``hazard``, ``level_mean``, ``level_sd`` and ``nu``."""
        given = require_params(params, ("hazard", "level_mean", "level_sd", "nu"))
        fitted, z = self._residuals(returns, margins)
        nodes = np.array([given.pop("nu")])
        table = pd.DataFrame([given])
        return self._result(fitted, z, table, np.zeros(1), nodes, np.zeros(1))

    @staticmethod
    def _result(
        fitted: MarginsResult,
        z: Array,
        table: pd.DataFrame,
        log_prior: Array,
        nodes: Array,
        node_prior: Array,
    ) -> BreakResult:
        grid = fisher_grid(GRID_SIZE)
        still = np.zeros((len(table), grid.size))
        levels = np.array(
            [normal_weights(grid, m, s) for m, s in table[["level_mean", "level_sd"]].to_numpy()]
        )
        settings = Settings(
            table=table,
            hazard=table["hazard"].to_numpy(),
            prior=levels,
            up=still,
            down=still,
            reach=np.zeros(len(table), dtype=np.int64),
            start=levels,
            log_prior=log_prior,
        )
        return BreakResult("break", fitted, z, grid, settings, nodes, node_prior, stationary=True)
