"""The panel of the forecast: a fan that continues the recent history."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MultipleLocator

from regimecorr.plotting.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    PALE,
    SILVER,
    VERMILLION,
    correlation_limits,
    drawing,
    legend_above,
    number,
)

__all__ = ["plot_forecast"]


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

    Examples
    --------
    >>> import pandas as pd
    >>> from regimecorr.plotting import plot_forecast
    >>> rows = pd.RangeIndex(1, 253, name="horizon")
    >>> quantiles = {"q05": -0.2, "q25": 0.0, "q50": 0.1, "q75": 0.2, "q95": 0.4}
    >>> past = pd.DataFrame({"r_short": [0.4, 0.2, -0.1]})
    >>> ax = plot_forecast(
    ...     pd.DataFrame(quantiles, index=rows), past, midpoint=0.2, fresh=(127, 252)
    ... )
    >>> ax.texts[1].get_text()
    'structural below +0.20'
    """
    with drawing(ax, 5.4, 3.6) as ax:
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
        ax.set_ylim(*correlation_limits(np.concatenate(drawn), 0.1))
        ax.set_xlim(rows[0], ahead[-1])
        if midpoint is not None:
            _draw_midpoint(ax, midpoint, fresh, structural_below)
        ax.xaxis.set_major_locator(MultipleLocator(63 if len(ahead) <= 400 else 252))
        ax.set_xlabel("rows from today (common trading days); shaded: the fresh window")
        ax.set_ylabel("correlation of returns")
        ax.set_title("Forecast")
        legend_above(ax, 6)
        return ax


def _draw_midpoint(
    ax: Axes, midpoint: float, fresh: tuple[int, int], structural_below: bool
) -> None:
    """The midpoint across the fresh window, with what lies on either side of it."""
    ax.plot(fresh, [midpoint, midpoint], color="black", linewidth=2.2, solid_capstyle="butt")
    below, above = ("structural", "transient") if structural_below else ("transient", "structural")
    for text, place, align in (
        (f"{above} above {number(midpoint)}", 0.975, "top"),
        (f"{below} below {number(midpoint)}", 0.025, "bottom"),
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
