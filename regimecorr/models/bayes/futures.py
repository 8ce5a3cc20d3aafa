"""Regimes and correlations after the last row, under draws of the parameters."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from regimecorr.kernels.paths import correlate
from regimecorr.kernels.regimes import regime_states
from regimecorr.models.base import (
    N_DRAWS,
    RECENT_ROWS,
    Array,
    CorrelationResult,
    Futures,
    IntArray,
    Noise,
    RandomState,
    check_count,
)
from regimecorr.models.bayes.parameters import RegimeDraws
from regimecorr.models.switching.forecasting import ahead, forecast_frame, weighted_quantiles


class DrawnFutures(CorrelationResult):
    """Result whose draws may bring their margins; then futures take both from the same draw.

    Attributes
    ----------
    joint_margins : bool
        Whether they do.
    """

    joint_margins: bool

    def simulate(
        self,
        n_paths: int,
        horizon: int,
        rng: RandomState = None,
        *,
        n_draws: int = N_DRAWS,
        recent: int = RECENT_ROWS,
    ) -> Futures:
        """Continue from the last row; see `regimecorr.models.base.CorrelationResult.simulate`.

        Joint margins: every path has the GARCH parameters and tomorrow's variances of its draw.
        """
        if not self.joint_margins:
            return super().simulate(n_paths, horizon, rng, n_draws=n_draws, recent=recent)
        counts = {"n_paths": n_paths, "horizon": horizon, "n_draws": n_draws, "recent": recent}
        for name, value in counts.items():
            check_count(name, value)
        for_parameters, _, for_paths = np.random.default_rng(rng).spawn(3)
        noise = Noise(n_paths, n_draws, for_paths)
        draws: RegimeDraws = self._draw_parameters(noise.n_draws, for_parameters)
        rho, z, mean = self._continue(draws, noise, horizon, min(recent, self.n_obs))
        assert draws.margins is not None
        returns = self.margins.paths(z, noise.draw, draws.margins.tomorrow())
        return Futures(returns, rho, mean, noise.draw)

    def replicate(
        self, n_paths: int, rng: RandomState = None, *, n_obs: int | None = None
    ) -> Futures:
        """Make whole new histories; see `regimecorr.models.base.CorrelationResult.replicate`.

        Parameters are drawn from the posterior, those of joint margins too.
        """
        if not self.joint_margins:
            return super().replicate(n_paths, rng, n_obs=n_obs)
        rows = self.n_obs if n_obs is None else n_obs
        check_count("n_paths", n_paths)
        check_count("n_obs", rows)
        for_parameters, for_paths = np.random.default_rng(rng).spawn(2)
        noise = Noise(n_paths, n_paths, for_paths)
        draws: RegimeDraws = self._draw_parameters(n_paths, for_parameters)
        rho, z = restart(draws, noise, rows)
        assert draws.margins is not None
        returns = self.margins.paths(z, noise.draw, draws.margins.first())
        return Futures(returns, rho, rho[:, -RECENT_ROWS:].mean(axis=1), noise.draw)


def states_after(draws: RegimeDraws, start: IntArray, noise: Noise, horizon: int) -> IntArray:
    """Regimes (n_paths, horizon) of the rows after the regimes ``start``."""
    cumulative = np.cumsum(draws.transition, axis=2)
    out: IntArray = regime_states(start, noise.draw, cumulative, noise.uniform(horizon))
    return out


def restart(draws: RegimeDraws, noise: Noise, n_rows: int) -> tuple[Array, Array]:
    """Correlations and correlated shocks of new histories."""
    cumulative = np.cumsum(draws.start, axis=1)[noise.draw, :-1]
    start = (noise.uniform(1) > cumulative).sum(axis=1).astype(np.int64)
    # The first row is in the starting regime; `regime_states` moves before every row.
    later = states_after(draws, start, noise, n_rows - 1)
    return follow(draws, np.column_stack([start, later]), noise)


def follow(draws: RegimeDraws, states: IntArray, noise: Noise) -> tuple[Array, Array]:
    """Correlations and correlated shocks along the regimes."""
    rho = draws.rho[noise.draw[:, None], states]
    return rho, correlate(noise.shocks(draws.nu, states.shape[1]), rho)


def forecast_table(
    today: Array,
    drawn: RegimeDraws,
    horizon: int,
    regimes: Sequence[str],
    quantiles: tuple[float, ...],
) -> pd.DataFrame:
    """Regime probabilities, mean and quantiles of the correlation by row ahead, over draws.

    ``today`` (n, K) are the regime probabilities of the last row under every draw.
    """
    paths = [ahead(p, matrix, horizon) for p, matrix in zip(today, drawn.transition, strict=True)]
    weights = np.stack(paths, axis=1)  # (horizon, n, K)
    mean = (weights * drawn.rho).sum(axis=2).mean(axis=1)
    spread = weighted_quantiles(drawn.rho.ravel(), weights.reshape(horizon, -1), quantiles)
    return forecast_frame(weights.mean(axis=1), regimes, {"": (mean, spread)}, quantiles)
