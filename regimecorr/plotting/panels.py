"""The panels of the past: prices and correlations, made from plain frames."""

from __future__ import annotations

import math

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, MultipleLocator, NullFormatter

from regimecorr.plotting.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    SILVER,
    VERMILLION,
    correlation_limits,
    draw_legs,
    drawing,
    legend_above,
    note_right,
    number,
    place_of,
    spread,
)

__all__ = ["plot_correlation", "plot_prices"]


def plot_prices(prices: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw both prices, 100 at the first common date, on a logarithmic scale.

    Parameters
    ----------
    prices : DataFrame of shape (n_rows, 2)
        Positive prices by date; asset first.
    ax : Axes, optional
        Where to draw; default: a new figure.

    Returns
    -------
    Axes

    Examples
    --------
    >>> import pandas as pd
    >>> days = pd.date_range("2024-01-01", periods=3, name="date")
    >>> from regimecorr.plotting import plot_prices
    >>> prices = pd.DataFrame({"ETH": [20.0, 30, 25], "IWM": [190.0, 195, 193]}, index=days)
    >>> ax = plot_prices(prices)
    >>> ax.get_title(loc="left")
    'Prices (2024-01-01 = 100)'
    """
    with drawing(ax, 5.6, 2.8) as ax:
        scaled = 100.0 * prices / prices.iloc[0]
        draw_legs(ax, scaled)
        ax.set_yscale("log")
        decades = math.log10(float(scaled.max().max()) / float(scaled.min().min()))
        steps = (
            (1.0,)
            if decades > 3
            else (1.0, 3.0)
            if decades > 1.2
            else (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)
        )
        ax.yaxis.set_major_locator(LogLocator(base=10.0, subs=steps))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
        ax.yaxis.set_minor_formatter(NullFormatter())
        ax.minorticks_off()
        ax.set_ylabel("index, log scale")
        ax.set_title(f"Prices ({scaled.index[0]:%Y-%m-%d} = 100)")
        legend_above(ax, 2)
        return ax


def plot_correlation(
    correlation: pd.DataFrame,
    episodes: pd.DataFrame,
    *,
    reference: float,
    midpoint: float | None,
    short_window: int = 90,
    long_window: int = 252,
    basis: str = "returns",
    ax: Axes | None = None,
) -> Axes:
    """Draw the rolling correlations with the models' paths and the past divergences.

    Parameters
    ----------
    correlation : DataFrame
        By date: ``r_short``, ``r_long``, ``dcc`` (to t - 1) and ``regime_filtered`` (to t).
    episodes : DataFrame
        Columns ``start`` and ``end`` (NaT while it lasts).
    reference : float
        Drawn over the rows that it is read on, and named at the right edge.
    midpoint : float or None
        Drawn over the rows of the short window; None: left out.
    short_window, long_window : int, default 90 and 252
        Rows.
    basis : {"returns", "levels", "log_levels"}, default "returns"
        What the rolling correlations are of; those of the models are always of returns.
    ax : Axes, optional
        Where to draw; default: a new figure.

    Returns
    -------
    Axes

    Examples
    --------
    >>> import pandas as pd
    >>> days = pd.date_range("2024-01-01", periods=3, name="date")
    >>> from regimecorr.plotting import plot_correlation
    >>> paths = pd.DataFrame({"r_short": [0.4, 0.1, -0.1], "r_long": 0.4, "dcc": 0.3}, index=days)
    >>> episodes = pd.DataFrame({"start": days[2:], "end": [pd.NaT]})
    >>> ax = plot_correlation(
    ...     paths.assign(regime_filtered=0.2), episodes, reference=0.4, midpoint=0.15
    ... )
    >>> [text.get_text() for text in ax.texts][0]
    'reference +0.40'
    """
    with drawing(ax, 5.8, 3.9) as ax:
        today = correlation.index[-1]
        shaded = _shade(ax, episodes, today)
        ax.axhline(0.0, color=INK, linewidth=0.9)
        of_models = "" if basis == "returns" else " (returns)"
        for column, label, color, width in (
            ("regime_filtered", f"regimes, filtered{of_models}", GREEN, 1.1),
            ("dcc", f"DCC{of_models}", SILVER, 1.1),
            ("r_long", f"{long_window} rows", BLUE, 1.4),
            ("r_short", f"{short_window} rows", VERMILLION, 1.6),
        ):
            if correlation[column].notna().any():
                ax.plot(
                    correlation.index,
                    correlation[column],
                    color=color,
                    linewidth=width,
                    label=label,
                )
        drawn = correlation[["r_short", "r_long", "dcc", "regime_filtered"]].to_numpy()
        ax.set_ylim(*correlation_limits(drawn))
        ax.axvline(today, color=GREY, linestyle=":", linewidth=1.0)
        _marks(ax, correlation, reference, midpoint, short_window, long_window)
        # Room behind today, so that a spell of one row and the last point are seen.
        ax.set_xlim(correlation.index[0], today + (today - correlation.index[0]) / 80)
        ax.yaxis.set_major_locator(MultipleLocator(0.25))
        what = {"levels": "price levels", "log_levels": "log price levels"}.get(basis, "returns")
        ax.set_ylabel("correlation")
        ax.set_title(f"Correlation of {what}")
        handles, labels = ax.get_legend_handles_labels()
        order = sorted(range(len(labels)), key=lambda i: (labels[i] == shaded, -i))
        legend_above(ax, 5, [handles[i] for i in order], [labels[i] for i in order])
        return ax


def _shade(ax: Axes, episodes: pd.DataFrame, today: pd.Timestamp) -> str:
    """Shade the episodes; a spell of a day is still seen."""
    label = "divergent"
    for i, (start, end) in enumerate(zip(episodes["start"], episodes["end"], strict=True)):
        stop = today if pd.isna(end) else end
        ax.axvspan(
            place_of(start),
            place_of(stop),
            facecolor=ORANGE,
            edgecolor=ORANGE,
            alpha=0.35,
            linewidth=1.0,
            label=label if i == 0 else "_nolegend_",
        )
    return label


def _marks(
    ax: Axes,
    correlation: pd.DataFrame,
    reference: float,
    midpoint: float | None,
    short_window: int,
    long_window: int,
) -> None:
    """Reference and midpoint over the rows they are read on; the figures at the right edge."""
    index, n = correlation.index, len(correlation)
    begin, turn = max(n - short_window - long_window, 0), max(n - short_window, 0)
    bars = [("reference", reference, begin, turn)]
    if midpoint is not None:
        bars.append(("midpoint", midpoint, turn, n - 1))
    for _, value, first, last in bars:
        ax.plot(
            [index[first], index[last]],
            [value, value],
            color="black",
            linewidth=2.6,
            solid_capstyle="butt",
        )
    today = float(correlation["r_short"].iloc[-1])
    ax.plot(
        [index[-1]], [today], marker="o", markersize=5.5, color=VERMILLION, markeredgecolor="white"
    )
    named = [(name, value, "black") for name, value, _, _ in bars] + [("today", today, VERMILLION)]
    low, high = ax.get_ylim()
    places = spread([value for _, value, _ in named], 0.075 * (high - low))
    for (name, value, color), place in zip(named, places, strict=True):
        note_right(ax, place, f"{name} {number(value)}", color=color, size=9.0)
