"""All divergences of a pair, aligned at the row on which they are judged."""

from __future__ import annotations

import numpy as np
import pandas as pd

from regimecorr.errors import DataError


def episode_paths(
    correlation: pd.Series,
    episodes: pd.DataFrame,
    *,
    before: int = 90,
    after: int = 252,
) -> pd.DataFrame:
    """Align the rolling correlation of all divergences at their entry.

    Every column is the same series, cut around another day. What stands at rows above 0 was not
    known on that day. Down to ``short_window`` rows after it the windows still hold returns from
    before.

    Parameters
    ----------
    correlation : Series
        Rolling correlation by date, such as ``r_short`` of `Verdict` or of `rolling_correlation`.
    episodes : DataFrame
        From `find_episodes`, of the same pair: ``start``, ``entry``, ``outcome`` and ``censored``.
    before, after : int, default 90 and 252
        Rows before and after.

    Returns
    -------
    DataFrame of shape (before + 1 + after, n_episodes)
        By ``row`` from ``-before`` to ``after``; NaN outside the data. The levels of the columns
        are ``day``, the entry, or the start where there is none (the row from which the outcome is
        read); ``outcome`` (structural, transient, open or unreadable); and ``lasting``, whether
        the pair is divergent on the last row of the data.

    Raises
    ------
    DataError
        If a day is not in the series, a column is missing, or a number of rows is negative.

    Examples
    --------
    >>> import regimecorr as rc
    >>> prices = rc.simulate("recurrent", n_obs=6000, rng=3).prices
    >>> r = rc.rolling_correlation(prices, window=90)
    >>> paths = rc.episode_paths(r, rc.find_episodes(prices))
    >>> paths.shape
    (343, 6)
    >>> bool((paths.loc[0] <= 0).all() and (paths.loc[-1] > 0).all())
    True
    """
    for name, number in (("before", before), ("after", after)):
        if number < 0:
            raise DataError(f"{name}={number} must be a number of rows, 0 or more.")
    missing = {"start", "entry", "outcome", "censored"} - set(episodes.columns)
    if missing:
        raise DataError(
            f"The episodes have no column {sorted(missing)[0]!r}; pass the frame of find_episodes."
        )
    days = pd.DatetimeIndex(episodes["entry"].fillna(episodes["start"]))
    rows = correlation.index.get_indexer(days)
    if (rows < 0).any():
        raise DataError(
            f"The correlation has no row on {days[rows < 0][0]:%Y-%m-%d}, when an episode begins; "
            "take both from the same prices."
        )
    known = np.r_[correlation.to_numpy(dtype=float), np.nan]
    offset = np.arange(-before, after + 1)
    at = rows[None, :] + offset[:, None]
    at[(at < 0) | (at >= len(correlation))] = len(correlation)
    columns = pd.MultiIndex.from_arrays(
        [days, episodes["outcome"].astype(object), episodes["censored"].astype(bool)],
        names=["day", "outcome", "lasting"],
    )
    return pd.DataFrame(known[at], index=pd.Index(offset, name="row"), columns=columns)
