"""What a test reads: standardised residuals, or the returns themselves."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from regimecorr.data.dates import parse_day
from regimecorr.errors import ModelError
from regimecorr.inference.known_dates import FEWEST_ROWS
from regimecorr.models.base import Array
from regimecorr.models.margins import Margins, MarginsResult, check_returns, margin_specs
from regimecorr.models.switching.spec import SwitchingCorrelation

DateLike: TypeAlias = str | dt.date | np.datetime64 | int
#: Series of a larger correlation are one and the same.
SAME = 1.0 - 1e-10


@dataclass(frozen=True, eq=False)
class Sample:
    """Series of unit variance and mean zero over the sample, and where they come from.

    Attributes
    ----------
    returns : DataFrame of shape (n_obs, n_assets)
        The returns.
    margins : MarginsResult or None
        Their margins; None where the test reads the returns themselves.
    """

    returns: pd.DataFrame
    margins: MarginsResult | None

    @cached_property
    def z(self) -> Array:
        """Residuals, or returns, (n_obs, n_assets), centred and scaled by the sample."""
        values = self.returns.to_numpy() if self.margins is None else self.margins.z
        centred = values - values.mean(axis=0)
        return np.ascontiguousarray(centred / np.sqrt((centred**2).mean(axis=0)))

    @cached_property
    def x(self) -> Array:
        """First series (n_obs,), contiguous."""
        return np.ascontiguousarray(self.z[:, 0])

    @cached_property
    def y(self) -> Array:
        """Second series (n_obs,), contiguous."""
        return np.ascontiguousarray(self.z[:, 1])

    @cached_property
    def correlation(self) -> Array:
        """Correlation matrix (n_assets, n_assets)."""
        return np.asarray(self.z.T @ self.z / self.n_obs)

    @property
    def r(self) -> float:
        """Correlation of the pair."""
        return float(self.correlation[0, 1])

    @property
    def n_obs(self) -> int:
        """Number of rows."""
        return len(self.returns)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the assets."""
        return tuple(str(name) for name in self.returns.columns)

    @property
    def null(self) -> str:
        """The null hypothesis in words."""
        if self.returns.shape[1] > 2:
            return f"the correlations of {self.returns.shape[1]} assets are constant"
        return f"the correlation is constant ({self.r:+.3f})"

    def date(self, row: int) -> Any:
        """Label of a row."""
        return self.returns.index[row]

    def notes(self) -> list[str]:
        """What is to be known of the margins."""
        if self.margins is None:
            return ["read off the returns as they are: volatility that changes distorts the size"]
        if not self.margins.converged:
            return [f"the margins did not converge: {self.margins.message}"]
        return []


def read_sample(
    returns: pd.DataFrame | Array, margins: Margins | MarginsResult | None, *, raw: bool, pair: bool
) -> Sample:
    """Fit or take the margins; ``raw``: leave them out. ``pair``: two assets only."""
    if raw:
        sample = Sample(_bare_returns(returns, margins), None)
    else:
        fitted = _residuals(returns, margins)
        sample = Sample(fitted.returns, fitted)
    if sample.returns.shape[1] < 2 or (pair and sample.returns.shape[1] != 2):
        raise ModelError(
            f"This method takes two return series; got {sample.returns.shape[1]}: "
            f"{', '.join(sample.names)}. For more assets use method='engle_sheppard' or 'tse'."
        )
    worst = np.abs(np.triu(sample.correlation, 1)).max()
    if worst > SAME:
        raise ModelError("Two of the series are one and the same up to scale; choose others.")
    return sample


def _bare_returns(
    returns: pd.DataFrame | Array, margins: Margins | MarginsResult | None
) -> pd.DataFrame:
    """Returns of a test that fits no margins; what is no specification is refused all the same."""
    if isinstance(margins, MarginsResult):
        return _residuals(returns, margins).returns
    frame = check_returns(returns)
    if margins is not None:
        margin_specs(margins, frame)
    return frame


def _residuals(
    returns: pd.DataFrame | Array, margins: Margins | MarginsResult | None
) -> MarginsResult:
    """Margins by the rules of the models: fitted, given, or the identity."""
    if isinstance(margins, MarginsResult):
        return SwitchingCorrelation(margins=None)._residuals(returns, margins)[0]
    return SwitchingCorrelation(margins=margins)._residuals(returns, None)[0]


def correlation(values: Array) -> float:
    """Correlation of the columns of (n, 2)."""
    return float(np.asarray(np.corrcoef(values[:, 0], values[:, 1]))[0, 1])


def find_row(index: pd.Index, date: DateLike, name: str) -> int:
    """Row of the first label on or after a date; a row number where there are no dates."""
    if isinstance(index, pd.DatetimeIndex | pd.PeriodIndex):
        stamps = index.to_timestamp() if isinstance(index, pd.PeriodIndex) else index
        if isinstance(date, int | np.integer):
            raise ModelError(f"{name}={date!r} must be a date: the returns are indexed by dates.")
        return int(stamps.tz_localize(None).searchsorted(parse_day(date, label=name)))
    if isinstance(date, int | np.integer) and not isinstance(date, bool):
        labels = pd.api.types.is_integer_dtype(index)
        if labels and not index.is_monotonic_increasing:
            raise ModelError(
                f"{name}={date!r} names no row: the row labels do not increase. Sort the rows, "
                "oldest first, or use returns.reset_index(drop=True)."
            )
        return int(index.searchsorted(date)) if labels else int(date)
    raise ModelError(f"{name}={date!r} must be a row number: the returns carry no dates.")


def check_sides(sides: dict[str, Array], names: tuple[str, ...], *, distinct: bool) -> None:
    """Raise `ModelError` if a part (n, 2) of the sample has no correlation to compare.

    A part with a leg that is constant, but for one row perhaps, has none. With ``distinct`` neither
    has one whose legs are the same up to scale: its Fisher z is infinite.
    """
    for where, part in sides.items():
        for name, leg in zip(names, part.T, strict=True):
            rest = np.delete(leg, np.abs(leg - np.median(leg)).argmax())
            if np.ptp(rest) <= 1e-12 * np.abs(leg).max():
                raise ModelError(
                    f"{name!r} moves in one row at most of the {len(part)} {where}, so there is no "
                    "correlation to compare. Leave out days without trading."
                )
        if distinct and abs(correlation(part)) > SAME:
            raise ModelError(
                f"{' and '.join(names)} are the same up to scale in the {len(part)} rows {where}: "
                "Fisher's z is infinite there. Leave these rows out."
            )


def split_row(index: pd.Index, date: DateLike | None, method: str) -> int:
    """First row on or after a date, with enough rows on both sides."""
    if date is None:
        raise ModelError(f"method={method!r} needs date=: the first day (row) of the new state.")
    n, row = len(index), find_row(index, date, "date")
    if not FEWEST_ROWS <= row <= n - FEWEST_ROWS:
        raise ModelError(
            f"date={date!r} leaves {max(row, 0)} rows before and {max(n - row, 0)} after it; at "
            f"least {FEWEST_ROWS} are needed on either side. Choose a date further inside the "
            "sample."
        )
    return row
