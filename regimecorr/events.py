"""The definitions, read off a path: state, midpoint, fresh, structural, gap and its pathway.

Time is in rows of the aligned table; row t is the last one. ``o`` is the sign of the reference:
states, midpoints and events are read on correlations multiplied by ``o``, so negating one asset's
returns changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from regimecorr.data.alignment import AlignedPair, align
from regimecorr.data.windows import Window, Windows, first_rows, in_words, window_size
from regimecorr.errors import DataError, WindowError
from regimecorr.kernels.divergence import divergent_rows, read_divergences
from regimecorr.kernels.rolling import path_correlation, pearson, rolling_pearson_from

Array: TypeAlias = npt.NDArray[np.float64]
Basis: TypeAlias = Literal["returns", "levels", "log_levels"]
State: TypeAlias = Literal["weak", "divergent", "strained", "aligned"]
Reference: TypeAlias = Literal["before", "overlapping"]
Start: TypeAlias = Literal["spell", "crossing", "day"]
IntArray: TypeAlias = npt.NDArray[np.int64]

WEAK_REFERENCE = 0.25
GAP_CLOSED = 0.5


@dataclass(frozen=True, slots=True)
class Situation:
    """Where a pair stands at row t.

    Attributes
    ----------
    r_short, r_long, reference : float
        Raw correlations: the last ``short_window`` rows, the last ``long_window`` rows, and the
        ``long_window`` rows that ended before the short window began.
    sign : int
        ``o``: 1 or -1, the sign of the reference.
    midpoint : float
        ``o (|reference| + min(o r_short, 0)) / 2``.
    state : {"weak", "divergent", "strained", "aligned"}
    """

    r_short: float
    r_long: float
    reference: float
    sign: int
    midpoint: float
    state: State


def series_on_basis(pair: AlignedPair, basis: Basis) -> Array:
    """Return the (n_obs, 2) series whose correlation is read.

    Row i belongs to price i + 1 of the table.
    """
    if basis not in get_args(Basis):
        raise DataError(f"basis={basis!r} is unknown; use one of {', '.join(get_args(Basis))}.")
    if basis == "returns":
        return np.ascontiguousarray(pair.returns.to_numpy())
    prices = pair.prices.to_numpy()[1:]
    return np.ascontiguousarray(np.log(prices) if basis == "log_levels" else prices)


def legs(values: Array) -> tuple[Array, Array]:
    """Both columns of (n_obs, 2) series, contiguous as the kernels want them."""
    return np.ascontiguousarray(values[:, 0]), np.ascontiguousarray(values[:, 1])


def check_windows(n_rows: int, short_window: int, long_window: int, horizon: int = 252) -> None:
    """Raise `WindowError` unless the windows are sensible and fit the data."""
    for name, value, least in (
        ("short_window", short_window, 10),
        ("long_window", long_window, 20),
        ("horizon", horizon, 40),
    ):
        if not isinstance(value, (int, np.integer)) or value < least:
            raise WindowError(f"{name}={value!r} must be a whole number of rows, at least {least}.")
    if short_window >= long_window:
        raise WindowError(
            f"short_window={short_window} must be shorter than long_window={long_window}."
        )
    if short_window + long_window > n_rows:
        raise WindowError(
            f"The windows need {short_window} + {long_window} = {short_window + long_window} "
            f"returns and the data have {n_rows}; use shorter windows or a longer sample."
        )


def midpoint_of(r_short: Any, reference: Any) -> Any:
    """Midpoint between the reference and the diverged level (scalars or arrays), raw sign."""
    sign = np.where(np.asarray(reference) < 0, -1.0, 1.0)
    return sign * (np.abs(reference) + np.minimum(sign * r_short, 0.0)) / 2.0


def situation(values: Array, short_window: int, long_window: int) -> Situation:
    """Read the situation at the last row of (n_obs, 2) series."""
    x, y = legs(values)
    n = x.size
    r_short = float(pearson(x[n - short_window :], y[n - short_window :]))
    r_long = float(pearson(x[n - long_window :], y[n - long_window :]))
    old = slice(n - short_window - long_window, n - short_window)
    reference = float(pearson(x[old], y[old]))
    if not np.all(np.isfinite([r_short, r_long, reference])):
        raise DataError(
            "A series is constant over a whole window, so its correlation does not exist; "
            f"r_short={r_short}, r_long={r_long}, reference={reference}. Use a longer window or "
            "other data."
        )
    return situation_of(r_short, r_long, reference)


def situation_of(r_short: float, r_long: float, reference: float) -> Situation:
    """Situation by its three correlations, however they were estimated."""
    sign = -1 if reference < 0 else 1
    middle = float(midpoint_of(r_short, reference))
    return Situation(
        r_short, r_long, reference, sign, middle, _state(sign * r_short, reference, sign * middle)
    )


def _state(oriented_short: float, reference: float, oriented_middle: float) -> State:
    if abs(reference) < WEAK_REFERENCE:
        return "weak"
    if oriented_short <= 0.0:
        return "divergent"
    return "strained" if oriented_short < oriented_middle else "aligned"


@dataclass(frozen=True, slots=True, kw_only=True)
class DivergenceRule:
    """What counts as a divergence, and when one begins.

    Attributes
    ----------
    reference : {"before", "overlapping"}
        The relationship that a short correlation is held against. "before": the long window that
        ended before the short one began, of either sign (the correlations are multiplied by it).
        "overlapping": the long window that ends on the same day, positive, as charts draw it.
    elevated : float
        What the reference must reach.
    threshold : float
        A row is divergent if the short correlation is here or below.
    start : {"spell", "crossing", "day"}
        "spell": on the first divergent row. "crossing": on a divergent row at which the short
        correlation crosses the threshold; it then lasts until the short correlation is back.
        "day": on any divergent row, once the refractory time has passed.
    merge : int
        Spells less than this many rows apart are one.
    refractory : int
        No episode begins less than this many rows after the previous beginning.
    """

    reference: Reference = "before"
    elevated: float = WEAK_REFERENCE
    threshold: float = 0.0
    start: Start = "spell"
    merge: int = 1
    refractory: int = 0

    def __post_init__(self) -> None:
        for name, kinds in (("reference", Reference), ("start", Start)):
            value = getattr(self, name)
            if value not in get_args(kinds):
                raise DataError(f"{name}={value!r} is unknown; use {', '.join(get_args(kinds))}.")
        if not 0.0 <= self.elevated < 1.0:
            raise DataError(f"elevated={self.elevated} must be in [0, 1).")
        if not -1.0 < self.threshold < 1.0:
            raise DataError(f"threshold={self.threshold} must be a correlation.")
        for name in ("merge", "refractory"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 0:
                raise DataError(f"{name}={value!r} must be a number of rows, 0 or more.")

    def anchor(self, windows: Windows) -> IntArray:
        """Row (n_rows,) whose long correlation is each row's reference; -1 where there is none."""
        if self.reference == "before":
            return windows.before
        return np.where(windows.long < 0, -1, np.arange(len(windows)))


def rolling_correlations(x: Array, y: Array, windows: Windows) -> tuple[Array, Array]:
    """Short and long rolling correlation (n_rows,), NaN before the first full window."""
    return rolling_pearson_from(x, y, windows.short), rolling_pearson_from(x, y, windows.long)


def divergences(values: Array, windows: Windows, rule: DivergenceRule) -> Array:
    """Divergences of (n_rows, 2) series, one row each; `kernels.divergence` names the columns."""
    x, y = legs(values)
    short, long = rolling_correlations(x, y, windows)
    found: Array = read_divergences(
        x,
        y,
        short,
        long,
        rule.anchor(windows),
        windows.end,
        windows.fresh,
        rule.threshold,
        rule.elevated,
        rule.reference == "before",
        get_args(Start).index(rule.start),
        rule.merge,
        rule.refractory,
    )
    return found


def state_history(
    x: Array, y: Array, windows: Windows, rule: DivergenceRule | None = None
) -> pd.DataFrame:
    """Return ``r_short, r_long, reference, midpoint, state`` ("" if unknown) by row."""
    return states_of(*rolling_correlations(x, y, windows), windows, rule)


def states_of(
    r_short: Array, r_long: Array, windows: Windows, rule: DivergenceRule | None = None
) -> pd.DataFrame:
    """Return the same from rolling correlations, however they were estimated."""
    rule = rule or DivergenceRule()
    anchor = rule.anchor(windows)
    reference = np.where(anchor < 0, np.nan, r_long[anchor])
    sign, divergent = divergent_rows(
        r_short, r_long, anchor, rule.threshold, rule.elevated, rule.reference == "before"
    )
    middle = midpoint_of(r_short, reference)
    state = np.select(
        [sign == 0, sign * reference < rule.elevated, divergent, sign * r_short < sign * middle],
        ["", "weak", "divergent", "strained"],
        "aligned",
    )
    return pd.DataFrame(
        {
            "r_short": r_short,
            "r_long": r_long,
            "reference": reference,
            "midpoint": middle,
            "state": state,
        }
    )


def fresh_slice(horizon: int) -> tuple[int, int]:
    """Steps (0-based start, stop) of the fresh window: the second half of the horizon."""
    return horizon // 2, horizon


def fresh_correlation(paths: Array, horizon: int) -> Array:
    """Fresh correlation of every path (n_paths,) from (n_paths, >= horizon, 2)."""
    out: Array = path_correlation(np.ascontiguousarray(paths), *fresh_slice(horizon))
    return out


def is_structural(fresh: Any, sign: Any, middle: Any) -> Any:
    """Structural: nearer to the diverged level than to the reference.

    What is compared is the relationship a year on.
    """
    return sign * np.asarray(fresh) < sign * middle


def rolling_correlation(
    prices: Any,
    *,
    asset: str | None = None,
    benchmark: str | None = None,
    window: Window = 90,
    basis: Basis = "returns",
) -> pd.Series:
    """Rolling Pearson correlation of a pair.

    Parameters
    ----------
    prices : DataFrame, dict of Series or path
        Prices; anything `load_prices` takes.
    asset, benchmark : str, optional
        Columns; may be omitted when there are two.
    window : int or str, default 90
        Rows of the window, at least 10, or an offset: "90D" takes the rows of the last 90 days.
    basis : {"returns", "levels", "log_levels"}, default "returns"
        What is correlated. Correlations of price levels trend together by chance; see
        `audit_levels`.

    Returns
    -------
    Series
        By date; the value at t uses the window that ends with t, NaN before the first full one.

    Raises
    ------
    WindowError
        If the window is neither, below 10 rows (14 days) or longer than the data.

    Examples
    --------
    >>> import regimecorr as rc
    >>> prices = rc.simulate("constant", n_obs=700, rng=1).prices
    >>> rc.rolling_correlation(prices, window=90).dropna().size
    611
    >>> rc.rolling_correlation(prices, window="90D").dropna().size
    636
    """
    size = window_size("window", window)
    rows = size if isinstance(size, int) else 10
    pair = align(prices, asset=asset, benchmark=benchmark, min_rows=rows + 1)
    dates = pair.dates
    first = first_rows(dates, size)
    if first[-1] < 0:
        raise WindowError(
            f"The {in_words(window)} window is longer than the data, {dates[0]:%Y-%m-%d} to "
            f"{dates[-1]:%Y-%m-%d}."
        )
    r = rolling_pearson_from(*legs(series_on_basis(pair, basis)), first)
    return pd.Series(r, index=dates, name=f"r{window}")


@dataclass(frozen=True, slots=True)
class Gap:
    """The log-price gap at row t.

    Attributes
    ----------
    level : float
        ``ln A - ln B`` at t.
    z : float
        Its z-score with the mean and standard deviation of the last ``long_window`` rows.
    mean, sd : float
        Those moments, frozen at t.
    """

    level: float
    z: float
    mean: float
    sd: float

    @property
    def closed(self) -> bool:
        """Whether there is no gap to close."""
        return abs(self.z) <= GAP_CLOSED


def read_gap(log_prices: Array, long_window: int) -> Gap:
    """Read the gap at the last row of (n, 2) log prices."""
    spread = log_prices[-long_window:, 0] - log_prices[-long_window:, 1]
    mean, sd = float(spread.mean()), float(spread.std(ddof=1))
    if sd <= 0.0:
        raise DataError(
            "The log-price gap is constant over the long window; there is no gap to read."
        )
    level = float(spread[-1])
    return Gap(level, (level - mean) / sd, mean, sd)


def gap_pathways(gap: Gap, moves: Array) -> pd.DataFrame:
    """How each path closes the gap.

    Parameters
    ----------
    gap : Gap
        The gap at the start.
    moves : ndarray of shape (n_paths, n_rows, 2)
        Log returns of asset and benchmark after t.

    Returns
    -------
    DataFrame
        One row a path: ``rows`` until |z| <= 0.5 or a change of sign (0: still open), ``pathway``
        (asset-led, benchmark-led or open), ``direction`` of the leading leg (up or down),
        ``asset_share`` of the closing, and both legs' log moves. The larger signed part of the
        closing leads.
    """
    total = np.cumsum(moves, axis=1)
    z = gap.z + (total[:, :, 0] - total[:, :, 1]) / gap.sd
    hit = (np.abs(z) <= GAP_CLOSED) | (np.sign(z) != np.sign(gap.z))
    closed = hit.any(axis=1)
    last = np.where(closed, hit.argmax(axis=1), moves.shape[1] - 1)
    rows = np.arange(len(moves))
    asset_move, benchmark_move = total[rows, last, 0], total[rows, last, 1]
    side = -np.sign(gap.z)
    asset_part, benchmark_part = side * asset_move, -side * benchmark_move
    asset_leads = asset_part >= benchmark_part
    lead_move = np.where(asset_leads, asset_move, benchmark_move)
    # What has closed has moved; an open gap has no share.
    closing = np.where(closed, asset_part + benchmark_part, np.nan)
    return pd.DataFrame(
        {
            "rows": np.where(closed, last + 1, 0),
            "pathway": np.select([~closed, asset_leads], ["open", "asset-led"], "benchmark-led"),
            "direction": np.where(closed, np.where(lead_move >= 0, "up", "down"), ""),
            "asset_share": asset_part / closing,
            "asset_move": asset_move,
            "benchmark_move": benchmark_move,
        }
    )
