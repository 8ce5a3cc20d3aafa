"""The correlation and its regimes: what was known on the day, and what hindsight says."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MultipleLocator

from regimecorr.plotting.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    SILVER,
    SKY,
    VERMILLION,
    correlation_limits,
    drawing,
    legend_above,
    note_right,
    number,
    place_of,
    spells_of,
    spread,
)

__all__ = ["plot_regimes"]

_STRIP = 0.035  # height of a strip, as a share of the picture's
#: Path, how its line is drawn, and what its strip of regimes is called.
_FILTERED = ("regime_filtered", "regimes, filtered (known then)", GREEN, "-", "filtered")
_SMOOTHED = ("regime_smoothed", "regimes, smoothed (full sample)", INK, "--", "smoothed")


def plot_regimes(
    correlation: pd.DataFrame,
    regimes: pd.DataFrame,
    *,
    short_window: int = 90,
    basis: str = "returns",
    ax: Axes | None = None,
) -> Axes:
    """Draw the correlation with its regimes, filtered and smoothed apart.

    The horizontal lines are the correlations of the regimes with their intervals. The strips at the
    bottom tell the regime whose correlation is nearest to the path, which is the likelier one if
    there are two. The filtered path and its strip use what was known on the day; the smoothed ones
    use the full sample, so they know what came next.

    Parameters
    ----------
    correlation : DataFrame
        By date: ``r_short``, ``dcc`` (to t - 1), ``regime_filtered`` (to t) and
        ``regime_smoothed`` (full sample), as in `Verdict`. A path that is NaN is left out.
    regimes : DataFrame
        By regime ``correlation`` and, where known, ``correlation_low`` and ``correlation_high``,
        as in `Verdict`; may be empty.
    short_window : int, default 90
        Rows of ``r_short``, for the legend.
    basis : {"returns", "levels", "log_levels"}, default "returns"
        What ``r_short`` is of; the models' paths are always of returns.
    ax : Axes, optional
        Where to draw; default: a new figure.

    Returns
    -------
    Axes

    Examples
    --------
    >>> import pandas as pd
    >>> from regimecorr.plotting import plot_regimes
    >>> days = pd.date_range("2024-01-01", periods=3, name="date")
    >>> paths = pd.DataFrame({"r_short": [0.5, 0.2, -0.1], "dcc": [0.5, 0.3, 0.1]}, index=days)
    >>> paths = paths.assign(regime_filtered=[0.6, 0.4, 0.1], regime_smoothed=[0.6, 0.2, 0.1])
    >>> regimes = pd.DataFrame({"correlation": [0.1, 0.6]}, index=["low", "high"])
    >>> ax = plot_regimes(paths, regimes)
    >>> ax.get_title(loc="left")
    'Correlation and its regimes'
    """
    with drawing(ax, 5.4, 3.8) as ax:
        ax.axhline(0.0, color=INK, linewidth=0.9)
        of_short = "" if basis == "returns" else f" of {basis.replace('_', ' ')}"
        lines = (
            ("dcc", "DCC", SILVER, "-", 1.0),
            ("r_short", f"{short_window} rows{of_short}", VERMILLION, "-", 1.1),
            (*_FILTERED[:4], 1.7),
            (*_SMOOTHED[:4], 1.2),
        )
        for column, label, color, dash, width in lines:
            if correlation[column].notna().any():
                ax.plot(correlation.index, correlation[column], color=color, linestyle=dash,
                        linewidth=width, label=label)  # fmt: skip
        low, high = correlation_limits(correlation[[line[0] for line in lines]].to_numpy())
        # Room for the strips below everything that is drawn.
        ax.set_ylim(low - 3.6 * _STRIP * (high - low), high)
        ax.yaxis.set_major_locator(MultipleLocator(0.25))
        if len(regimes):
            colors = _colours(len(regimes))
            _draw_levels(ax, regimes, colors)
            for row, (column, _, _, _, name) in enumerate((_SMOOTHED, _FILTERED)):
                _draw_strip(ax, correlation[column], regimes, colors, row, name)
        if len(correlation):
            ax.set_xlim(correlation.index[0], correlation.index[-1])
        ax.set_ylabel("correlation of returns" if basis == "returns" else "correlation")
        ax.set_title("Correlation and its regimes")
        legend_above(ax, 2)
        return ax


def _colours(n: int) -> list[str]:
    """Colours of regimes from the lowest correlation to the highest."""
    between = (SKY, SILVER, GREY)
    return [VERMILLION, *(between[i % 3] for i in range(n - 2)), BLUE][:n]


def _draw_levels(ax: Axes, regimes: pd.DataFrame, colors: list[str]) -> None:
    """The correlation of each regime with its interval, named at the right edge."""
    known = {"correlation_low", "correlation_high"} <= set(regimes.columns)
    low, high = ax.get_ylim()
    places = spread(list(regimes["correlation"]), 0.075 * (high - low))
    for (name, row), color, place in zip(regimes.iterrows(), colors, places, strict=True):
        ax.axhline(row["correlation"], color=color, linestyle=":", linewidth=1.2)
        if known:
            ax.axhspan(row["correlation_low"], row["correlation_high"], color=color, alpha=0.13,
                       linewidth=0)  # fmt: skip
        note_right(ax, place, f"{name} {number(row['correlation'])}", color=color)


def _draw_strip(
    ax: Axes,
    path: pd.Series,
    regimes: pd.DataFrame,
    colors: list[str],
    row: int,
    name: str,
) -> None:
    """The nearest regime by date, as a strip at the bottom."""
    known = path.dropna()
    if known.empty:
        return
    bottom = _STRIP * (0.3 + 1.4 * row)
    nearest = _nearest(known, regimes)
    edges = [place_of(day) for day in known.index]
    edges.append(edges[-1])  # the last day has no length yet
    for k, color in enumerate(colors):
        spans = [(edges[a], edges[b] - edges[a]) for a, b in spells_of(nearest == k)]
        if spans:
            ax.broken_barh(spans, (bottom, _STRIP), facecolor=color, linewidth=0,
                           transform=ax.get_xaxis_transform())  # fmt: skip
    ax.annotate(name, (1.01, bottom + _STRIP / 2), xycoords="axes fraction", va="center",
                fontsize=8.0, color=GREY, annotation_clip=False)  # fmt: skip


def _nearest(path: pd.Series, regimes: pd.DataFrame) -> npt.NDArray[np.intp]:
    """Number of the regime whose correlation is nearest, by row."""
    distance = path.to_numpy()[:, None] - regimes["correlation"].to_numpy()[None, :]
    return np.asarray(np.argmin(np.abs(distance), axis=1))
