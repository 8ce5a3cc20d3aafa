"""The panels of the overview, each a picture of its own made from plain frames and numbers."""

from __future__ import annotations

import math
import textwrap
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import date2num
from matplotlib.ticker import FuncFormatter, LogLocator, MultipleLocator, NullFormatter

from regimecorr.plotting.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PALE,
    SILVER,
    SKY,
    VERMILLION,
    axes_or_new,
    literal,
    percent,
    signed,
    spread,
    style,
)

__all__ = ["plot_correlation", "plot_forecast", "plot_prices", "plot_probability"]


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
    """
    with style():
        ax = axes_or_new(ax, 9.0, 3.0)
        scaled = 100.0 * prices / prices.iloc[0]
        for name, color in zip(scaled.columns, (BLUE, ORANGE), strict=False):
            ax.plot(scaled.index, scaled[name], color=color, label=literal(str(name)))
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
        _legend_above(ax, 2)
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
    """
    with style():
        ax = axes_or_new(ax, 9.0, 4.0)
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
        ax.set_ylim(*_correlation_limits(drawn))
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
        _legend_above(ax, 5, [handles[i] for i in order], [labels[i] for i in order])
        return ax


def plot_forecast(
    forecast: pd.DataFrame,
    correlation: pd.DataFrame,
    *,
    midpoint: float | None,
    fresh: tuple[int, int],
    short_window: int = 90,
    structural_below: bool = True,
    history: int = 126,
    ax: Axes | None = None,
) -> Axes:
    """Draw the pool's conditional correlation ahead as a fan that continues the recent history.

    Parameters
    ----------
    forecast : DataFrame
        By row ahead: quantiles ``q05``, ``q25``, ``q50``, ``q75`` and ``q95`` of the conditional
        correlation of returns.
    correlation : DataFrame
        History by date: ``dcc``, ``regime_filtered`` and ``r_short``.
    midpoint : float or None
        Drawn across the fresh window; None when it is not one of returns.
    fresh : tuple of int
        First and last row of the fresh window.
    short_window : int, default 90
        Rows of ``r_short``, for the legend.
    structural_below : bool, default True
        On which side of the midpoint the diverged level lies.
    history : int, default 126
        Rows of history.
    ax : Axes, optional
        Where to draw; default: a new figure.

    Returns
    -------
    Axes
    """
    with style():
        ax = axes_or_new(ax, 6.0, 3.5)
        past = correlation.iloc[-history:]
        rows = np.arange(1 - len(past), 1)
        ax.axvspan(*fresh, color=PALE, alpha=0.75, linewidth=0)
        ax.axhline(0.0, color=INK, linewidth=0.9)
        ax.axvline(0.0, color=GREY, linestyle=":", linewidth=1.0)
        ahead = forecast.index.to_numpy()
        ax.fill_between(
            ahead,
            forecast["q05"],
            forecast["q95"],
            color=BLUE,
            alpha=0.18,
            linewidth=0,
            label="5-95%",
        )
        ax.fill_between(
            ahead,
            forecast["q25"],
            forecast["q75"],
            color=BLUE,
            alpha=0.32,
            linewidth=0,
            label="25-75%",
        )
        ax.plot(ahead, forecast["q50"], color=BLUE, linewidth=1.6, label="median")
        drawn = [forecast[["q05", "q95"]].to_numpy().ravel()]
        for column, label, color, width in (
            ("regime_filtered", "regimes", GREEN, 1.1),
            ("dcc", "DCC", SILVER, 1.2),
            ("r_short", f"{short_window} rows", VERMILLION, 1.6),
        ):
            if column in past and past[column].notna().any():
                ax.plot(rows, past[column], color=color, linewidth=width, label=label)
                drawn.append(past[column].to_numpy())
        if midpoint is not None:
            drawn.append(np.array([midpoint]))
        ax.set_ylim(*_correlation_limits(np.concatenate(drawn), 0.1))
        ax.set_xlim(rows[0], ahead[-1])
        if midpoint is not None:
            _draw_midpoint(ax, midpoint, fresh, structural_below)
        ax.xaxis.set_major_locator(MultipleLocator(63 if len(ahead) <= 400 else 252))
        ax.set_xlabel("rows from today (common trading days); shaded: the fresh window")
        ax.set_ylabel("correlation of returns")
        ax.set_title("Forecast")
        _legend_above(ax, 6)
        return ax


def plot_probability(
    p_structural: float,
    p_unchanged: float,
    interval: tuple[float, float],
    *,
    label: str = "",
    thresholds: tuple[float, float] | None = (1 / 3, 2 / 3),
    calibrated: bool = False,
    reason: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw the probability as one bar: structural, then transient, of which unchanged.

    Parameters
    ----------
    p_structural, p_unchanged : float
        Probabilities; with ``p_structural`` NaN the panel says ``reason``. ``p_unchanged`` may be
        NaN.
    interval : tuple of float
        5 % and 95 % quantiles of ``p_structural``, drawn as a whisker.
    label : str, default ""
        Stands in the title.
    thresholds : tuple of float or None, default (1/3, 2/3)
        Where the label changes: the ticks of the axis; None: plain ticks.
    calibrated : bool, default False
        Whether the probability was calibrated; said under the bar.
    reason : str, default ""
        Why there is no probability.
    ax : Axes, optional
        Where to draw; default: a new figure.

    Returns
    -------
    Axes
    """
    with style():
        ax = axes_or_new(ax, 3.2, 3.5)
        ax.set_title(f"Probability: {label}" if label and not reason else "Probability")
        if math.isnan(p_structural):
            _say_why(ax, reason)
            return ax
        ax.set_xlim(0.0, 1.0)
        ax.set_ylim(0.0, 1.0)
        ax.grid(visible=False)
        p_unchanged = 0.0 if math.isnan(p_unchanged) else p_unchanged
        moved = max(1.0 - p_structural - p_unchanged, 0.0)
        left, width = 0.06, 0.3
        for bottom, height, color, hatch, name in (
            (0.0, p_structural, VERMILLION, "", "structural"),
            (p_structural, moved, SKY, "", "transient"),
            (p_structural + moved, p_unchanged, SKY, "///", "unchanged"),
        ):
            ax.bar(
                left,
                height,
                width,
                bottom,
                align="edge",
                color=color,
                hatch=hatch,
                edgecolor="white",
                linewidth=1.0,
                label=name,
            )
        _whisker(ax, left + width / 2, interval)
        transient = f"transient {percent(1.0 - p_structural)}"
        if p_unchanged >= 0.005:
            transient += f",\nunchanged (hatched)\n{percent(p_unchanged)}, model-based"
        texts = (
            f"structural {percent(p_structural)},\n"
            f"{percent(interval[0])} to {percent(interval[1])}",
            transient,
        )
        places = spread([p_structural / 2, (1.0 + p_structural) / 2], 0.22)
        for text, place in zip(texts, _inside(places, 0.1), strict=True):
            ax.text(left + width + 0.06, place, text, va="center", ha="left")
        ax.set_yticks([0.0, *(thresholds or (0.25, 0.5, 0.75)), 1.0])
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0%}"))
        ax.set_ylabel("probability (ticks: limits of the label)" if thresholds else "probability")
        ax.set_xticks([])
        ax.spines["bottom"].set_visible(False)
        ax.set_xlabel("calibrated" if calibrated else "raw pool, not calibrated", loc="left")
        return ax


def _legend_above(
    ax: Axes, columns: int, handles: list[Any] | None = None, labels: list[str] | None = None
) -> None:
    """A legend in the line of the title, where it hides no data."""
    known, names = ax.get_legend_handles_labels()
    ax.legend(
        known if handles is None else handles,
        names if labels is None else labels,
        loc="lower right",
        bbox_to_anchor=(1.0, 1.0),
        borderaxespad=0.2,
        ncols=columns,
        columnspacing=0.8,
        handlelength=1.2,
        handletextpad=0.4,
    )


def _whisker(ax: Axes, x: float, interval: tuple[float, float]) -> None:
    for xs, ys in (
        ((x, x), interval),
        ((x - 0.035, x + 0.035), (interval[0], interval[0])),
        ((x - 0.035, x + 0.035), (interval[1], interval[1])),
    ):
        ax.plot(xs, ys, color="black", linewidth=1.8, solid_capstyle="butt", clip_on=False)


def _number(day: pd.Timestamp) -> float:
    return float(date2num(day))  # type: ignore[no-untyped-call]


def _shade(ax: Axes, episodes: pd.DataFrame, today: pd.Timestamp) -> str:
    """Shade the episodes; a spell of a day is still seen."""
    label = "divergent"
    for i, (start, end) in enumerate(zip(episodes["start"], episodes["end"], strict=True)):
        stop = today if pd.isna(end) else end
        ax.axvspan(
            _number(start),
            _number(stop),
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
        ax.annotate(
            f"{name} {signed(value)}",
            (1.005, place),
            xycoords=ax.get_yaxis_transform(),
            va="center",
            ha="left",
            color=color,
            annotation_clip=False,
        )


def _draw_midpoint(
    ax: Axes, midpoint: float, fresh: tuple[int, int], structural_below: bool
) -> None:
    """The midpoint across the fresh window, with what lies on either side of it."""
    ax.plot(fresh, [midpoint, midpoint], color="black", linewidth=2.2, solid_capstyle="butt")
    below, above = ("structural", "transient") if structural_below else ("transient", "structural")
    for text, place, align in (
        (f"{above} above {signed(midpoint)}", 0.975, "top"),
        (f"{below} below {signed(midpoint)}", 0.025, "bottom"),
    ):
        ax.text(
            sum(fresh) / 2,
            place,
            text,
            ha="center",
            va=align,
            transform=ax.get_xaxis_transform(),
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 1.0},
        )


def _say_why(ax: Axes, reason: str) -> None:
    ax.set_axis_off()
    text = "\n".join(["None.", "", *textwrap.wrap(reason, 34)])
    ax.text(0.0, 0.95, text, transform=ax.transAxes, va="top", ha="left", linespacing=1.4)


def _inside(places: list[float], margin: float) -> list[float]:
    """Shift all places together so that none leaves the axis."""
    shift = max(0.0, margin - min(places)) - max(0.0, max(places) - (1.0 - margin))
    return [place + shift for place in places]


def _correlation_limits(
    values: npt.NDArray[np.float64], share: float = 0.04
) -> tuple[float, float]:
    """Limits around the values and zero, with room for a share of the span, within [-1, 1]."""
    known = values[np.isfinite(values)]
    if not known.size:
        return -1.0, 1.0
    low, high = min(float(known.min()), 0.0), max(float(known.max()), 0.0)
    room = max(share * (high - low), 0.02)
    return max(low - room, -1.0), min(high + room, 1.0)
