"""The verdict on one figure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from regimecorr.plotting.forecast import plot_forecast
from regimecorr.plotting.panels import plot_correlation, plot_prices
from regimecorr.plotting.probability import plot_probability
from regimecorr.plotting.style import VERMILLION, literal, new_figure, style

if TYPE_CHECKING:
    from regimecorr.verdict import Verdict


def overview(v: Verdict) -> Figure:
    """Draw prices, correlations, forecast and probability of a verdict.

    Parameters
    ----------
    v : Verdict
        The verdict; its frames are all that is used.

    Returns
    -------
    Figure
        Not known to pyplot; write it with ``figure.savefig``.
    """
    with style():
        figure = new_figure(11.0, 9.0)
        grid = figure.add_gridspec(3, 2, height_ratios=(1.0, 1.45, 1.3), width_ratios=(2.1, 1.0))
        top = figure.add_subplot(grid[0, :])
        middle = figure.add_subplot(grid[1, :], sharex=top)
        draw_prices(v, top)
        draw_correlation(v, middle)
        top.tick_params(labelbottom=False)
        draw_forecast(v, figure.add_subplot(grid[2, 0]))
        draw_probability(v, figure.add_subplot(grid[2, 1]))
        state = v.state if v.label == v.state else f"{v.state}, {v.label}"
        title = f"{literal(v.asset)} / {literal(v.benchmark)}, {v.as_of:%Y-%m-%d}: {state}"
        if v.data.get("simulated"):
            figure.suptitle(f"SIMULATED  {title}", fontsize=13, fontweight="bold", color=VERMILLION)
        else:
            figure.suptitle(title, fontsize=13, fontweight="bold")
        # Ticks are made when they are first drawn; made here, they have this style wherever the
        # caller saves the figure.
        figure.draw_without_rendering()
        return figure


def draw_prices(v: Verdict, ax: Axes) -> Axes:
    """Draw the panel of the prices."""
    return plot_prices(v.prices, ax=ax)


def draw_correlation(v: Verdict, ax: Axes) -> Axes:
    """Draw the panel of the past correlations."""
    return plot_correlation(
        v.correlation,
        v.episodes,
        reference=v.reference,
        midpoint=None if v.state == "weak" else v.midpoint,
        short_window=v.settings["short_window"],
        long_window=v.settings["long_window"],
        basis=v.basis,
        ax=ax,
    )


def draw_forecast(v: Verdict, ax: Axes) -> Axes:
    """Draw the panel of the forecast."""
    on_returns = v.basis == "returns"
    # Rolling correlations of levels have no place beside a forecast for returns.
    history = v.correlation if on_returns else v.correlation[["dcc", "regime_filtered"]]
    horizon = v.settings["horizon"]
    return plot_forecast(
        v.forecast,
        history,
        midpoint=v.midpoint if on_returns and v.state != "weak" else None,
        fresh=(horizon // 2 + 1, horizon),
        short_window=v.settings["short_window"],
        structural_below=v.reference >= 0,
        ax=ax,
    )


def draw_probability(v: Verdict, ax: Axes) -> Axes:
    """Draw the panel of the probability."""
    return plot_probability(
        v.p_structural,
        v.p_unchanged,
        v.interval,
        label=v.label,
        thresholds=v.settings["thresholds"] if v.state in ("divergent", "strained") else None,
        calibrated=v.calibrated,
        reason=v.reason,
        ax=ax,
    )
