"""Where prices stand to their own past: a common base, the year before, the highest price."""

from __future__ import annotations

import pandas as pd

from regimecorr.errors import DataError


def rebased(prices: pd.DataFrame, row: int = 0) -> pd.DataFrame:
    """Prices that are 100 on a row, from that row on.

    Parameters
    ----------
    prices : DataFrame of shape (n_rows, n_assets)
        Prices by date, without gaps.
    row : int, default 0
        The row.

    Returns
    -------
    DataFrame of shape (n_rows - row, n_assets)

    Raises
    ------
    DataError
        If there is no such row.

    Examples
    --------
    >>> import pandas as pd
    >>> from regimecorr.indicators.trend import rebased
    >>> days = pd.date_range("2024-01-01", periods=3)
    >>> rebased(pd.DataFrame({"A": [5.0, 4.0, 6.0]}, days), 1)["A"].tolist()
    [100.0, 150.0]
    """
    if not 0 <= row < len(prices):
        raise DataError(f"row={row} is not one of the {len(prices)} rows.")
    return 100.0 * (prices.iloc[row:] / prices.iloc[row])


def year_over_year(prices: pd.DataFrame) -> pd.DataFrame:
    """Simple return since the same day of the year before.

    The price of the year before is that of the last row on or before that day, as it is where
    markets were closed on it. 29 February looks back to 28 February.

    Parameters
    ----------
    prices : DataFrame of shape (n_rows, n_assets)
        Prices by date, in order and without gaps.

    Returns
    -------
    DataFrame of shape (n_rows, n_assets)
        0.10 for a rise of 10 %; the value at t uses prices to t. NaN in the first year.

    Examples
    --------
    >>> import pandas as pd
    >>> from regimecorr.indicators.trend import year_over_year
    >>> days = pd.to_datetime(["2023-03-03", "2023-03-06", "2024-03-04", "2024-03-06"])
    >>> year_over_year(pd.DataFrame({"A": [10.0, 20.0, 11.0, 22.0]}, days))["A"].round(2).tolist()
    [nan, nan, 0.1, 0.1]
    """
    days = pd.DatetimeIndex(prices.index)
    before = days.searchsorted(days - pd.DateOffset(years=1), side="right") - 1
    then = prices.take(before.clip(min=0)).set_axis(days)
    change = prices / then - 1.0
    return change.where(pd.Series(before >= 0, index=days), axis=0)


def drawdown(prices: pd.DataFrame) -> pd.DataFrame:
    """Distance from the highest price since the first row.

    Parameters
    ----------
    prices : DataFrame of shape (n_rows, n_assets)
        Prices by date, without gaps.

    Returns
    -------
    DataFrame of shape (n_rows, n_assets)
        -0.10 where the price is 10 % below its peak, 0 at a peak; uses prices to t.

    Examples
    --------
    >>> import pandas as pd
    >>> from regimecorr.indicators.trend import drawdown
    >>> days = pd.date_range("2024-01-01", periods=4)
    >>> drawdown(pd.DataFrame({"A": [4.0, 5.0, 4.0, 6.0]}, days))["A"].round(2).tolist()
    [0.0, 0.0, -0.2, 0.0]
    """
    return prices / prices.cummax() - 1.0
