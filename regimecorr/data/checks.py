"""Checks on an aligned pair of prices: each failure has its own error."""

from __future__ import annotations

import numpy as np
import pandas as pd

from regimecorr.errors import (
    ConstantPriceError,
    DuplicateAssetError,
    MissingValuesError,
    NonPositivePriceError,
    ReturnsNotPricesError,
    TooFewRowsError,
)

__all__ = ["check_holes", "check_prices", "check_rows", "check_variation"]

#: Log returns closer than this to each other count as equal: rounding of float64 prices is 1e-16.
_SAME_RETURN = 1e-12
#: Two assets of which one does not merely follow from the other stay below this.
_SAME_SERIES = 0.99999


def check_rows(both: pd.DataFrame, common: pd.DataFrame, *, min_rows: int, span: str) -> None:
    """Check that enough common rows are left.

    Parameters
    ----------
    both : DataFrame of shape (n_days, 2)
        Prices of the pair on all days, NaN where there is none.
    common : DataFrame of shape (n_rows, 2)
        The days on which both have a price.
    min_rows : int
        The limit.
    span : str
        " up to 2024-01-31" or an empty text, for the message.

    Raises
    ------
    TooFewRowsError
        Fewer than `min_rows` common rows.
    """
    if len(common) >= min_rows:
        return
    parts = []
    spans = []
    for name in both.columns:
        days = both.index[both[name].notna()]
        if len(days):
            spans.append((days[0], days[-1]))
            parts.append(f"{name} has {len(days)} ({days[0]:%Y-%m-%d} to {days[-1]:%Y-%m-%d})")
        else:
            parts.append(f"{name} has none")
    overlap = len(spans) == 2 and max(s[0] for s in spans) <= min(s[1] for s in spans)
    calendars = "" if overlap else " Their histories do not overlap at all."
    if overlap and not len(common):
        calendars = " Their histories overlap but they share no day: check the time zones."
    raise TooFewRowsError(
        f"The pair has {len(common)} common prices{span}; at least {min_rows} are needed. "
        f"{'; '.join(parts)}.{calendars} Pass a longer history, a later as_of, or another pair."
    )


def check_prices(common: pd.DataFrame) -> None:
    """Check that the values are positive prices.

    Parameters
    ----------
    common : DataFrame of shape (n_rows, 2)
        Complete rows.

    Raises
    ------
    ReturnsNotPricesError
        A column has the marks of returns.
    NonPositivePriceError
        A price is zero or negative.
    """
    for name in common.columns:
        values = common[name].to_numpy()
        bad = values <= 0.0
        if bad.any():
            if _looks_like_returns(values):
                raise ReturnsNotPricesError(_returns_message(str(name), values))
            row = int(np.flatnonzero(bad)[0])
            raise NonPositivePriceError(
                f"{name} is {values[row]:g} on {common.index[row]:%Y-%m-%d} "
                f"({int(bad.sum())} of {len(values)} rows are not above 0); a price must be "
                f"positive to have a log return. Remove or correct the row, or begin after it "
                f"with prices.loc[...]."
            )
        if _looks_like_gross_returns(values):
            raise ReturnsNotPricesError(
                f"{name} looks like gross returns, not prices: {len(values)} values with mean "
                f"{values.mean():.4f}, standard deviation {values.std():.4f} and no persistence. "
                f"Pass prices, or rebuild them with 100 * returns.cumprod()."
            )


def check_variation(common: pd.DataFrame) -> None:
    """Check that both series move, and not as one.

    Parameters
    ----------
    common : DataFrame of shape (n_rows, 2)
        Complete rows of positive prices.

    Raises
    ------
    ConstantPriceError
        All log returns of a series are equal (a constant price or constant growth).
    DuplicateAssetError
        The returns of both correlate beyond 0.99999 in size: one series, perhaps rescaled,
        rounded or with the opposite sign.
    """
    returns = np.diff(np.log(common.to_numpy()), axis=0)
    for place, name in enumerate(common.columns):
        spread = float(np.ptp(returns[:, place]))
        if spread <= _SAME_RETURN:
            raise ConstantPriceError(
                f"{name} has the same log return {returns[0, place]:g} in all {len(returns)} rows "
                f"({common.index[0]:%Y-%m-%d} to {common.index[-1]:%Y-%m-%d}); a correlation "
                f"needs returns that vary. Choose another series or span."
            )
    r = float(np.corrcoef(returns, rowvar=False)[0, 1])
    if abs(r) > _SAME_SERIES:
        raise DuplicateAssetError(
            f"The log returns of {common.columns[0]} and {common.columns[1]} have a correlation "
            f"of {r:+.8f} over {len(returns)} rows; beyond {_SAME_SERIES} in size they are one "
            f"series. Choose two different series."
        )


def check_holes(common: pd.DataFrame, *, max_gap_days: int) -> None:
    """Check that no two consecutive rows are too far apart.

    Parameters
    ----------
    common : DataFrame of shape (n_rows, 2)
        Complete rows.
    max_gap_days : int
        Largest allowed distance in calendar days.

    Raises
    ------
    MissingValuesError
        A larger distance.
    """
    gaps = gaps_in_days(common.index)
    wide = np.flatnonzero(gaps > max_gap_days)
    if not wide.size:
        return
    last = int(wide[-1])
    row = int(wide[np.argmax(gaps[wide])])
    before, after = common.index[row], common.index[row + 1]
    resume = common.index[last + 1]
    more = f" ({wide.size} such holes in all)" if wide.size > 1 else ""
    raise MissingValuesError(
        f"The pair has no common price between {before:%Y-%m-%d} and {after:%Y-%m-%d}, "
        f"{int(gaps[row])} days{more}; the limit is max_gap_days={max_gap_days}. Start after it "
        f'with prices.loc["{resume:%Y-%m-%d}":], or fill it from another source.'
    )


def gaps_in_days(days: pd.Index) -> np.ndarray:
    """Return the distances between consecutive days, shape (n_rows - 1,), in calendar days."""
    return np.diff(days.to_numpy().astype("datetime64[D]")).astype("int64")


def _autocorrelation(values: np.ndarray, lag: int) -> float:
    centred = values - values.mean()
    return float(centred[lag:] @ centred[:-lag] / (centred @ centred))


def _looks_like_returns(values: np.ndarray) -> bool:
    """Both signs in plenty, mean near zero, and no persistence, which a spread would have."""
    if len(values) < 20:
        return False
    spread = float(values.std())
    negative = float((values < 0.0).mean())
    if spread == 0.0 or not 0.15 <= negative <= 0.85:
        return False
    return abs(float(values.mean())) < 0.5 * spread and _autocorrelation(values, 1) < 0.5


def _looks_like_gross_returns(values: np.ndarray) -> bool:
    """Values about 1 without any memory.

    A pegged price also stays about 1, but its deviations last for days; real prices of 1 have a
    first autocorrelation near 1. The limits leave a wide margin to both.
    """
    if len(values) < 250 or abs(float(values.mean()) - 1.0) > 0.02:
        return False
    if not 0.005 < float(values.std()) < 0.2:
        return False
    return max(_autocorrelation(values, lag) for lag in (1, 2, 3, 4, 5)) < 0.2


def _returns_message(name: str, values: np.ndarray) -> str:
    # A daily standard deviation above 20 % is not a fraction: the returns are in percent.
    percent = float(values.std()) > 0.2
    rebuilt = "100 * np.exp((returns / 100).cumsum())" if percent else _REBUILT
    return (
        f"{name} looks like returns{' in percent' if percent else ''}, not prices: "
        f"{100 * (values < 0).mean():.0f} % of {len(values)} values are negative, mean "
        f"{values.mean():.4g}, standard deviation {values.std():.4g}. Pass prices, or rebuild "
        f"them with {rebuilt}."
    )


_REBUILT = "100 * np.exp(returns.cumsum())"
