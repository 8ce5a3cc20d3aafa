"""GARCH margins of every asset, rescaled inside; arch results and ready residuals as margins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Protocol, TypeAlias, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from regimecorr.errors import ConvergenceWarning, ModelError, warn_user
from regimecorr.models._garch_fit import PARAMETERS, Margin, MarginDraws, Volatility, fit_margin

Array = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

MIN_ROWS = 200


class AnyMargin(Protocol):
    """What the models need of a margin: `regimecorr.models._garch_fit.Margin`, or arch's."""

    @property
    def name(self) -> str:
        """Name of the asset."""

    @property
    def volatility(self) -> Array:
        """Conditional volatility (n_obs,); row t uses returns to t - 1."""

    @property
    def std_resid(self) -> Array:
        """Standardized residuals (n_obs,)."""

    @property
    def loglikelihood(self) -> float:
        """Log-likelihood of the series in its own units."""

    @property
    def converged(self) -> bool:
        """Whether the fit converged, to a variance that is not integrated."""

    @property
    def message(self) -> str:
        """Why not; empty otherwise."""

    @property
    def bounds_hit(self) -> tuple[str, ...]:
        """Constraints that hold the estimate."""

    @property
    def estimated(self) -> pd.Series:
        """Estimated parameters by name."""

    @property
    def influence(self) -> Array:
        """Influence (n_obs, k) of every row: the estimate is the truth plus their mean."""

    @property
    def residual_slopes(self) -> Array:
        """Derivatives (n_obs, k) of the standardized residuals by the estimated parameters."""

    def draw(self, n_draws: int, rng: np.random.Generator) -> MarginDraws:
        """Draw the parameters, each draw with tomorrow's variance under it."""

    def repeat(self, n_draws: int) -> MarginDraws:
        """Return the estimates, ``n_draws`` times, with the sample's first variance."""

    def paths(self, z: Array, draw: IntArray, draws: MarginDraws) -> Array:
        """Returns (n_paths, horizon) from standardized shocks."""

    def simulated_variance(self, z: Array) -> Array:
        """Conditional variances (n_paths, horizon) at the estimates, along shocks."""

    def forecast_variance(self, horizon: int) -> Array:
        """Expected conditional variance of the next rows (horizon,)."""

    def extended(self, series: Array) -> AnyMargin:
        """Return the same parameters on a longer series that begins with this one."""


@dataclass(frozen=True, eq=False, repr=False)
class MarginsResult:
    """Fitted margins.

    Attributes
    ----------
    returns : DataFrame
        The returns, by date and asset.
    legs : tuple
        One fitted margin per asset, with its influence function and derivatives.
    """

    returns: pd.DataFrame
    legs: tuple[AnyMargin, ...]

    def __repr__(self) -> str:
        return f"<MarginsResult: {', '.join(self.names)}, {len(self.returns)} rows>"

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the assets."""
        return tuple(leg.name for leg in self.legs)

    @cached_property
    def params(self) -> pd.DataFrame:
        """Assets by ``mu, omega, alpha, gamma, beta, nu``, in the units of the returns.

        ``nu`` is infinite for normal errors. Margins from other arch models show their own names.
        """
        rows = {}
        for leg in self.legs:
            known = leg.estimated
            if isinstance(leg, Margin):
                known = pd.Series(leg.theta, index=list(PARAMETERS))
            rows[leg.name] = known
        return pd.DataFrame(rows).T

    @cached_property
    def std_errors(self) -> pd.DataFrame:
        """Robust (Bollerslev-Wooldridge) standard errors; NaN where nothing was estimated."""
        rows = {}
        for leg in self.legs:
            influence = leg.influence
            errors = np.sqrt((influence**2).sum(axis=0)) / len(influence)
            # A parameter held by a bound does not move.
            rows[leg.name] = pd.Series(np.where(errors > 0, errors, np.nan), leg.estimated.index)
        return pd.DataFrame(rows).T.reindex(columns=self.params.columns)

    @cached_property
    def std_resid(self) -> pd.DataFrame:
        """Standardized residuals by date."""
        return self._frame(self.z)

    @cached_property
    def z(self) -> Array:
        """Standardized residuals (n_obs, n_assets)."""
        return np.column_stack([leg.std_resid for leg in self.legs])

    @cached_property
    def volatility(self) -> pd.DataFrame:
        """Conditional volatility by date; row t uses returns to t - 1."""
        return self._frame(np.column_stack([leg.volatility for leg in self.legs]))

    @property
    def loglikelihood(self) -> pd.Series:
        """Log-likelihood by asset, of the returns in their own units."""
        return pd.Series({leg.name: leg.loglikelihood for leg in self.legs})

    @property
    def n_params(self) -> int:
        """Number of estimated parameters."""
        return sum(len(leg.estimated) for leg in self.legs)

    @property
    def converged(self) -> bool:
        """Whether the optimiser converged for every asset."""
        return all(leg.converged for leg in self.legs)

    @property
    def message(self) -> str:
        """What did not converge."""
        return " ".join(leg.message for leg in self.legs if leg.message)

    @cached_property
    def log_volatility(self) -> float:
        """Sum of the log volatilities.

        It is what separates the joint density from that of the residuals.
        """
        return float(sum(np.log(leg.volatility).sum() for leg in self.legs))

    def repeat(self, n_draws: int) -> list[MarginDraws]:
        """Return the estimates of every leg, ``n_draws`` times, with the first variance."""
        return [leg.repeat(n_draws) for leg in self.legs]

    def draw(self, n_draws: int, rng: np.random.Generator) -> list[MarginDraws]:
        """Draw the parameters of every leg, each draw with tomorrow's variance under it."""
        return [leg.draw(n_draws, rng) for leg in self.legs]

    def paths(self, z: Array, draw: IntArray, draws: list[MarginDraws]) -> Array:
        """Returns (n_paths, horizon, n_assets) from standardized shocks of the same shape."""
        out = np.empty(z.shape)
        for i, (leg, drawn) in enumerate(zip(self.legs, draws, strict=True)):
            out[:, :, i] = leg.paths(z[:, :, i], draw, drawn)
        return out

    def append(self, returns: pd.DataFrame | Array) -> MarginsResult:
        """Return the same parameters on these returns and those that follow them."""
        new = pd.DataFrame(returns)
        if isinstance(returns, pd.DataFrame):
            new.columns = [str(c) for c in new.columns]
            missing = [name for name in self.names if name not in new.columns]
            if missing:
                raise ModelError(f"The new returns lack {missing}; they have {list(new.columns)}.")
            new = new[list(self.names)]
            try:
                behind = len(new) > 0 and new.index[0] <= self.returns.index[-1]
            except TypeError as error:
                raise ModelError(
                    f"The new returns are indexed by {new.index.dtype}, the sample by "
                    f"{self.returns.index.dtype}."
                ) from error
            if behind:
                raise ModelError(
                    f"The new returns begin at {new.index[0]}, not after the last row of the "
                    f"sample, {self.returns.index[-1]}; pass only what follows."
                )
        elif new.shape[1] != len(self.names):
            raise ModelError(f"The new returns have {new.shape[1]} columns, not {len(self.names)}.")
        else:
            new.columns = list(self.names)
            last = self.returns.index
            if isinstance(last, pd.RangeIndex):
                new.index = pd.RangeIndex(last.stop, last.stop + last.step * len(new), last.step)
            else:
                raise ModelError("The sample has dates; pass the new returns as a DataFrame.")
        whole = check_returns(pd.concat([self.returns, new]))
        legs = tuple(
            leg.extended(np.ascontiguousarray(whole[leg.name].to_numpy())) for leg in self.legs
        )
        return MarginsResult(whole, legs)

    def _frame(self, values: Array) -> pd.DataFrame:
        return pd.DataFrame(values, index=self.returns.index, columns=list(self.names), copy=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class GARCH:
    r"""Constant mean and GARCH(1,1), GJR or EGARCH variance, by maximum likelihood.

    .. math::

        h_t &= \omega + \alpha \epsilon_{t-1}^2
        + \gamma \epsilon_{t-1}^2 1(\epsilon_{t-1} < 0) + \beta h_{t-1}
        &\quad\text{(GARCH, GJR)}

        \ln h_t &= \omega + \alpha (|z_{t-1}| - \sqrt{2 / \pi}) + \gamma z_{t-1}
        + \beta \ln h_{t-1} &\quad\text{(EGARCH)}

    The variance at t uses returns to t - 1. Parameters, presample values and likelihood are those
    of the arch package (``mean="Constant"``, orders one), which the tests compare; the analytic
    gradient makes the fit faster (``docs/comparison.md`` has the times). Each series is divided by
    its standard deviation before estimation and the estimates are mapped back, so percent, decimals
    and basis points give the same answer.

    Parameters
    ----------
    vol : {"GARCH", "GJR", "EGARCH"}, default "GARCH"
        Variance equation: Bollerslev (1986); Glosten, Jagannathan and Runkle (1993), which adds
        the asymmetric term; Nelson (1991).
    dist : {"normal", "t"}, default "normal"
        Error distribution. Normal is quasi maximum likelihood, consistent whatever the errors; t is
        more efficient under fat tails.

    Examples
    --------
    >>> import regimecorr as rc
    >>> world = rc.simulate("constant", n_obs=800, rng=1)
    >>> margins = rc.GARCH(dist="t").fit(world.returns)
    >>> margins.converged
    True
    """

    vol: Volatility = "GARCH"
    dist: Literal["normal", "t"] = "normal"

    def __post_init__(self) -> None:
        if self.vol not in get_args(Volatility):
            raise ModelError(f"vol={self.vol!r} is unknown; use 'GARCH', 'GJR' or 'EGARCH'.")
        if self.dist not in ("normal", "t"):
            raise ModelError(f"dist={self.dist!r} is unknown; use 'normal' or 't'.")

    def fit(self, returns: pd.DataFrame | Array) -> MarginsResult:
        """Estimate the margins of every column.

        Parameters
        ----------
        returns : DataFrame or ndarray of shape (n_obs, n_assets)
            Returns, at least 200 rows, finite, in any units.

        Returns
        -------
        MarginsResult

        Raises
        ------
        ModelError
            If the returns cannot be used (too few, not finite, constant).

        Warns
        -----
        ConvergenceWarning
            If a fit does not converge, or its variance is integrated.
        """
        return fit_margins(self, returns)


#: One specification for every asset, or one by name.
Margins: TypeAlias = GARCH | Mapping[str, GARCH]


def fit_margins(spec: Margins, returns: pd.DataFrame | Array) -> MarginsResult:
    """Fit every column by the specification, or by its own where a mapping names it."""
    frame = check_returns(returns)
    legs = []
    for name, own in margin_specs(spec, frame).items():
        series = np.ascontiguousarray(frame[name].to_numpy(dtype=float))
        legs.append(fit_margin(series, name, own.vol, own.dist))
        if legs[-1].message:
            warn_user(legs[-1].message, ConvergenceWarning)
    return MarginsResult(frame, tuple(legs))


def margin_specs(spec: Margins, frame: pd.DataFrame) -> dict[str, GARCH]:
    """Return the specification of every column, or raise `ModelError` where there is none."""
    named = {str(k): v for k, v in spec.items()} if isinstance(spec, Mapping) else {}
    specs = {}
    for name in frame.columns:
        if isinstance(spec, Mapping) and name not in named:
            raise ModelError(
                f"margins has no specification for {name!r}; it names {', '.join(named)}."
            )
        own = named.get(name, spec)
        if not isinstance(own, GARCH):
            raise ModelError(
                f"margins={own!r} is no specification; use GARCH(...), a mapping of assets to "
                "GARCH(...), or None for standardized residuals."
            )
        specs[name] = own
    return specs


def check_returns(returns: pd.DataFrame | Array, min_rows: int = MIN_ROWS) -> pd.DataFrame:
    """Return the returns as a float frame, or raise `ModelError` with the reason."""
    try:
        frame = pd.DataFrame(returns).astype(float)
    except (TypeError, ValueError) as error:
        raise ModelError(f"The returns must be numbers: {error}.") from error
    frame.columns = [str(c) for c in frame.columns]
    _check_dates(frame.index)
    if frame.columns.has_duplicates:
        raise ModelError(f"The return columns are named twice: {list(frame.columns)}.")
    if len(frame) < min_rows:
        raise ModelError(f"{len(frame)} returns are too few; at least {min_rows} are needed.")
    values = frame.to_numpy()
    if not np.all(np.isfinite(values)):
        row, col = np.argwhere(~np.isfinite(values))[0]
        raise ModelError(
            f"The returns must be finite; {frame.columns[col]!r} is {values[row, col]} at "
            f"{frame.index[row]}. Drop or repair the row first."
        )
    largest = float(np.abs(values).max(initial=0.0))
    if largest != 0.0 and not 1e-50 < largest < 1e50:
        raise ModelError(
            f"The largest return is {largest:.1e}; rescale the returns (decimals, or percent)."
        )
    spread = values.std(axis=0)
    if np.any(spread <= 1e-12 * np.abs(values).max(axis=0)):
        name = frame.columns[int(np.argmin(spread))]
        raise ModelError(f"The returns of {name!r} are constant; there is no correlation to model.")
    return frame


def _check_dates(index: pd.Index) -> None:
    """Time must run forward."""
    if not isinstance(index, pd.DatetimeIndex | pd.PeriodIndex | pd.RangeIndex):
        return
    if index.hasnans:
        raise ModelError("The dates of the returns have gaps (NaT); drop those rows.")
    if not index.is_monotonic_increasing:
        raise ModelError("The dates of the returns must increase; sort them, oldest first.")
    if not index.is_unique:
        twice = index[index.duplicated()][0]
        raise ModelError(f"The date {twice} stands twice in the returns; keep one row of each.")


def identity_margins(returns: pd.DataFrame | Array) -> MarginsResult:
    """Return margins that leave standardized residuals as they are: mean 0, variance 1."""
    frame = check_returns(returns)
    theta = np.array([0.0, 1.0, 0.0, 0.0, 0.0, np.inf])
    nothing = np.empty((0, 0))
    legs = (
        Margin(name, "GARCH", np.ascontiguousarray(frame[name].to_numpy()), theta, (), nothing, 1.0)
        for name in frame.columns
    )
    return MarginsResult(frame, tuple(legs))
