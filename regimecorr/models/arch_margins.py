"""Margins that the arch package fitted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from arch.univariate import EGARCH, ConstantMean, Normal, StudentsT, ZeroMean
from arch.univariate import GARCH as ArchGARCH
from arch.univariate.base import ARCHModelResult

from regimecorr.errors import ConvergenceWarning, ModelError, warn_user
from regimecorr.models._garch_fit import PARAMETERS, Margin, MarginDraws
from regimecorr.models.margins import AnyMargin, Array, IntArray, MarginsResult, check_returns

_NAMES = {"alpha[1]": "alpha", "gamma[1]": "gamma", "beta[1]": "beta"}


def margins_from_arch(results: Sequence[Any]) -> MarginsResult:
    """Margins of fitted arch models on their common rows."""
    if isinstance(results, ARCHModelResult) or not isinstance(results, Iterable):
        raise ModelError("Pass a list of fitted arch models, one per asset: [first, second].")
    fits = list(results)
    for position, fit in enumerate(fits):
        _check(fit, position)
    if len(fits) < 2:
        raise ModelError(f"{len(fits)} arch results; a correlation needs two or more.")
    series = [fit.resid.index if isinstance(fit.resid, pd.Series) else None for fit in fits]
    without = sum(s is None for s in series)
    if 0 < without < len(fits):
        raise ModelError(
            f"{without} of {len(fits)} arch results have no dates; fit all of them on Series."
        )
    if without and len({len(np.asarray(fit.resid)) for fit in fits}) > 1:
        raise ModelError("The arch results have different lengths and no dates to align them by.")
    names = _unique_names(fits)
    frames, residuals = [], []
    for fit, index in zip(fits, series, strict=True):
        frames.append(pd.Series(np.asarray(fit.model.y, dtype=float), index=index))
        residuals.append(pd.Series(np.asarray(fit.std_resid), index=index))
    table = pd.concat(residuals, axis=1, join="inner", keys=names).dropna()
    returns = pd.concat(frames, axis=1, join="inner", keys=names).loc[table.index]
    for name, own in zip(names, frames, strict=True):
        if len(table) and own.index[-1] != table.index[-1]:
            raise ModelError(
                f"The arch model of {name!r} ends at {own.index[-1]}, the common sample at "
                f"{table.index[-1]}; fit all models to the same last date."
            )
    checked = check_returns(returns)
    legs: list[AnyMargin] = []
    for fit, name, own in zip(fits, names, frames, strict=True):
        margin = _converted(fit, name) if len(table) == len(own) else None
        if margin is None:
            legs.append(_general(name, fit, own.index.get_indexer(table.index)))
        else:
            legs.append(margin)
        if legs[-1].message:
            warn_user(legs[-1].message, ConvergenceWarning)
    return MarginsResult(checked, tuple(legs))


def _check(fit: Any, position: int) -> None:
    if not isinstance(fit, ARCHModelResult):
        raise ModelError(
            f"results[{position}] is a {type(fit).__name__}; pass fitted arch models, the results "
            "of arch_model(...).fit()."
        )
    if fit.scale != 1.0:
        raise ModelError(
            f"results[{position}] was fitted on returns multiplied by {fit.scale:g}; fit with "
            "rescale=False (and returns in percent)."
        )
    if fit.fit_stop != len(np.asarray(fit.resid)):
        raise ModelError(
            f"results[{position}] was fitted on the first {fit.fit_stop} of "
            f"{len(np.asarray(fit.resid))} rows; fit on the whole series (last_obs=None)."
        )


def _unique_names(fits: Sequence[Any]) -> list[str]:
    given = [getattr(fit.model.y, "name", None) for fit in fits]
    names = [f"asset {i}" if name in (None, "None") else str(name) for i, name in enumerate(given)]
    if len(set(names)) < len(names):
        names = [f"{name} {i}" for i, name in enumerate(names)]
    return names


def _converted(fit: Any, name: str) -> Margin | None:
    """Return our own margin where the model is one of ours, and its variances agree."""
    model = fit.model
    volatility, mean = model.volatility, type(model)
    if mean not in (ConstantMean, ZeroMean) or type(model.distribution) not in (Normal, StudentsT):
        return None
    if type(volatility) is ArchGARCH:
        known = (volatility.p, volatility.q, volatility.power) == (1, 1, 2.0)
        vol = "GJR" if volatility.o else "GARCH"
    elif type(volatility) is EGARCH:
        known, vol = (volatility.p, volatility.q) == (1, 1), "EGARCH"
    else:
        return None
    if not known or volatility.o > 1:
        return None
    theta = np.array([0.0, 0.0, 0.0, 0.0, 0.0, np.inf])
    free = []
    for key, value in fit.params.items():
        position = PARAMETERS.index(_NAMES.get(str(key), str(key)))
        theta[position] = value
        free.append(position)
    series = np.ascontiguousarray(np.asarray(model.y, dtype=float))
    backcast = volatility.backcast(model.resids(model.starting_values()))
    backcast = float(np.exp(backcast)) if vol == "EGARCH" else float(backcast)
    order = tuple(sorted(free))
    margin = Margin(
        name=name,
        vol=vol,  # type: ignore[arg-type]
        series=series,
        theta=theta,
        free=order,
        basis=np.eye(len(order)),
        backcast=backcast,
        converged=fit.convergence_flag == 0,
        message=_message(fit, name),
    )
    # arch clips variances to wide bounds; where that shows, its own are kept.
    same = np.allclose(margin.volatility, np.asarray(fit.conditional_volatility), rtol=1e-6)
    return margin if same else None


def _general(name: str, fit: Any, rows: IntArray) -> ArchMargin:
    margin = ArchMargin(name, fit, rows)
    again = margin._at(np.asarray(fit.params, dtype=float))[1]
    if not np.allclose(again, margin.std_resid, rtol=1e-5, atol=1e-6):
        raise ModelError(
            f"The residuals of {name!r} are not those of its model on the whole series; fit it "
            "without first_obs and last_obs."
        )
    return margin


def _message(fit: Any, name: str) -> str:
    if fit.convergence_flag == 0:
        return ""
    return f"arch's fit of {name!r} did not converge (flag {fit.convergence_flag})."


@dataclass(frozen=True, eq=False)
class ArchMargin:
    """Any fitted arch model; its derivatives are numeric.

    ``rows`` are the positions of the common rows. Simulated futures hold its parameters at their
    estimates.
    """

    name: str
    fit: Any
    rows: IntArray

    @property
    def volatility(self) -> Array:
        """Conditional volatility of the common rows."""
        return np.asarray(self.fit.conditional_volatility, dtype=float)[self.rows]

    @property
    def std_resid(self) -> Array:
        """Standardized residuals of the common rows."""
        return np.asarray(self.fit.std_resid, dtype=float)[self.rows]

    @property
    def loglikelihood(self) -> float:
        """Log-likelihood that arch reports."""
        return float(self.fit.loglikelihood)

    @property
    def converged(self) -> bool:
        """Whether arch's optimiser converged."""
        return bool(self.fit.convergence_flag == 0)

    @property
    def message(self) -> str:
        """Why not; empty otherwise."""
        return _message(self.fit, self.name)

    @property
    def bounds_hit(self) -> tuple[str, ...]:
        """Not known of arch's estimates."""
        return ()

    @property
    def estimated(self) -> pd.Series:
        """Parameters by arch's names."""
        return pd.Series(self.fit.params)

    def _at(self, params: Array) -> tuple[Array, Array]:
        """Log density and standardized residual of every common row at given parameters."""
        model = self.fit.model
        fixed = model.fix(params)
        resid = np.asarray(fixed.resid, dtype=float)[self.rows]
        sigma2 = np.asarray(fixed.conditional_volatility, dtype=float)[self.rows] ** 2
        own = params[len(params) - model.distribution.num_params :]
        density = model.distribution.loglikelihood(own, resid, sigma2, individual=True)
        return np.asarray(density), resid / np.sqrt(sigma2)

    @cached_property
    def _expansion(self) -> tuple[Array, Array]:
        params = np.asarray(self.fit.params, dtype=float)
        scores, slopes = [], []
        for k in range(params.size):
            step = np.zeros(params.size)
            step[k] = 1e-5 * max(abs(params[k]), 0.01)
            high, low = self._at(params + step), self._at(params - step)
            scores.append((high[0] - low[0]) / (2.0 * step[k]))
            slopes.append((high[1] - low[1]) / (2.0 * step[k]))
        inverse = self.fit.model.compute_param_cov(params, robust=False)
        influence = len(self.rows) * np.column_stack(scores) @ inverse
        return influence, np.column_stack(slopes)

    @property
    def influence(self) -> Array:
        """Influence (n_obs, k) of every row, from numeric scores."""
        return self._expansion[0]

    @property
    def residual_slopes(self) -> Array:
        """Derivatives (n_obs, k) of the residuals, numeric."""
        return self._expansion[1]

    def draw(self, n_draws: int, rng: np.random.Generator) -> MarginDraws:
        """Nothing: simulated futures hold the parameters."""
        nothing = np.empty(0)
        return MarginDraws(*[nothing] * 6)

    def repeat(self, n_draws: int) -> MarginDraws:
        """Not available."""
        raise ModelError(
            f"New histories of {self.name!r} are not available: its arch model is not a "
            "constant-mean GARCH(1,1), GJR or EGARCH on the whole sample "
            f"({type(self.fit.model).__name__}, {type(self.fit.model.volatility).__name__})."
        )

    def paths(self, z: Array, draw: IntArray, draws: MarginDraws) -> Array:
        """Returns (n_paths, horizon), simulated by arch from the given shocks."""
        return np.asarray(self._simulated(z).values[0])

    def simulated_variance(self, z: Array) -> Array:
        """Conditional variances (n_paths, horizon) along the shocks."""
        return np.asarray(self._simulated(z).variances[0])

    def _simulated(self, z: Array) -> Any:
        shocks = np.ascontiguousarray(z)
        forecast = self.fit.forecast(
            horizon=z.shape[1],
            method="simulation",
            simulations=z.shape[0],
            rng=lambda size: shocks.reshape(size),
            reindex=False,
        )
        return forecast.simulations

    def forecast_variance(self, horizon: int) -> Array:
        """Forecast variance (horizon,) of arch."""
        try:
            forecast = self.fit.forecast(horizon=horizon, reindex=False)
        except ValueError as error:
            raise ModelError(
                f"arch has no closed-form forecast of {self.name!r} ({error}); use "
                "method='simulate'."
            ) from error
        return np.asarray(forecast.variance.to_numpy()[-1], dtype=float)

    def extended(self, series: Array) -> ArchMargin:
        """Not available."""
        raise ModelError(
            f"New rows cannot be appended to {self.name!r}: refit its arch model on the longer "
            "series and use from_arch again."
        )
