"""The context of a pair, drawn from its frames."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from regimecorr.plotting.panels import plot_prices
from regimecorr.plotting.style import (
    BLUE,
    GREY,
    INK,
    PALE,
    SILVER,
    VERMILLION,
    draw_legs,
    drawing,
    legend_above,
    literal,
    name_rows,
    new_figure,
    note_right,
    style,
)

__all__ = [
    "plot_beta",
    "plot_conditional",
    "plot_context",
    "plot_gap",
    "plot_momentum",
    "plot_percent",
]

#: Oscillators of more rows than a year are a smear.
_MOMENTUM_ROWS = 252
#: Above this, changes are drawn on a scale that is logarithmic beyond 100 %.
_STEEP = 3.0


def plot_percent(frame: pd.DataFrame, title: str, *, ax: Axes | None = None) -> Axes:
    """Draw changes of both legs in percent: year-over-year returns or drawdowns.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, 2)
        Changes by date (0.1 is 10 %); asset first.
    title : str
        What they are.
    ax : Axes, optional
        Where to draw; default: a new figure.

    Returns
    -------
    Axes

    Examples
    --------
    >>> import pandas as pd
    >>> days = pd.date_range("2024-01-01", periods=3, name="date")
    >>> from regimecorr.plotting import plot_percent
    >>> changes = pd.DataFrame({"ETH": [0.5, 0.2, -0.1], "IWM": [0.1, 0.1, 0.0]}, index=days)
    >>> ax = plot_percent(changes, "Year over year")
    >>> ax.get_ylabel()
    'percent'
    """
    with drawing(ax, 5.4, 2.4) as ax:
        draw_legs(ax, frame)
        ax.axhline(0.0, color=INK, linewidth=0.9)
        if float(frame.max().max()) > _STEEP:
            ax.set_yscale("symlog", linthresh=1.0)
            ax.minorticks_off()
        ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        ax.set_ylabel("percent")
        ax.set_title(title)
        legend_above(ax, 2)
        return ax


def plot_momentum(
    momentum: pd.DataFrame, figure: str, names: tuple[str, str], *, ax: Axes | None = None
) -> Axes:
    """Draw one figure of momentum of both legs, over the last 252 rows.

    Parameters
    ----------
    momentum : DataFrame
        By date, ``asset_rsi``, ``benchmark_rsi``, ``asset_macd_percent`` and
        ``benchmark_macd_percent``.
    figure : {"rsi", "macd_percent"}
        Which.
    names : tuple of str
        Names of asset and benchmark.
    ax : Axes, optional
        Where to draw; default: a new figure.

    Returns
    -------
    Axes

    Examples
    --------
    >>> import pandas as pd
    >>> days = pd.date_range("2024-01-01", periods=3, name="date")
    >>> from regimecorr.plotting import plot_momentum
    >>> rsi = pd.DataFrame({"asset_rsi": [30.0, 45, 60], "benchmark_rsi": 50.0}, index=days)
    >>> plot_momentum(rsi, "rsi", ("ETH", "IWM")).get_ylabel()
    'RSI'
    """
    with drawing(ax, 5.4, 2.4) as ax:
        both = momentum[[f"{leg}_{figure}" for leg in ("asset", "benchmark")]]
        draw_legs(ax, both.iloc[-_MOMENTUM_ROWS:].set_axis(list(names), axis=1))
        if figure == "rsi":
            ax.axhspan(30.0, 70.0, color=PALE, alpha=0.6, linewidth=0)
            ax.set_ylim(0.0, 100.0)
            ax.set_ylabel("RSI")
            ax.set_title("RSI, last 252 rows")
        else:
            ax.axhline(0.0, color=INK, linewidth=0.9)
            ax.set_ylabel("% of slow average")
            ax.set_title("MACD, last 252 rows")
        legend_above(ax, 2)
        return ax


def plot_beta(beta: pd.DataFrame, windows: tuple[int, int], *, ax: Axes | None = None) -> Axes:
    """Draw both rolling betas, the long one with two standard errors on either side.

    Parameters
    ----------
    beta : DataFrame
        By date, ``short``, ``long`` and ``long_error``.
    windows : tuple of int
        Rows of the short and of the long window.
    ax : Axes, optional
        Where to draw; default: a new figure.

    Returns
    -------
    Axes

    Examples
    --------
    >>> import pandas as pd
    >>> days = pd.date_range("2024-01-01", periods=3, name="date")
    >>> from regimecorr.plotting import plot_beta
    >>> beta = pd.DataFrame({"short": [1.0, 1.2, 0.9], "long": 1.1, "long_error": 0.1}, index=days)
    >>> ax = plot_beta(beta, (90, 252))
    >>> ax.get_legend_handles_labels()[1]
    ['252 rows, two errors', '90 rows']
    """
    with drawing(ax, 5.4, 2.4) as ax:
        low, high = (beta["long"] + k * beta["long_error"] for k in (-2.0, 2.0))
        ax.fill_between(beta.index, low, high, color=BLUE, alpha=0.2, linewidth=0)
        ax.plot(beta.index, beta["long"], color=BLUE, label=f"{windows[1]} rows, two errors")
        ax.plot(beta.index, beta["short"], color=VERMILLION, linewidth=0.9,
                label=f"{windows[0]} rows")  # fmt: skip
        ax.axhline(0.0, color=INK, linewidth=0.9)
        ax.set_ylabel("beta")
        ax.set_title("Rolling beta")
        legend_above(ax, 2)
        return ax


def plot_gap(gap: pd.DataFrame, opens: float, *, ax: Axes | None = None) -> Axes:
    """Draw the z-score of the log-price gap.

    Parameters
    ----------
    gap : DataFrame
        By date, ``z``.
    opens : float
        Size at which a gap opens for the record.
    ax : Axes, optional
        Where to draw; default: a new figure.

    Returns
    -------
    Axes

    Examples
    --------
    >>> import pandas as pd
    >>> days = pd.date_range("2024-01-01", periods=3, name="date")
    >>> from regimecorr.plotting import plot_gap
    >>> plot_gap(pd.DataFrame({"z": [0.2, 1.1, 2.3]}, index=days), 2.0).get_ylabel()
    'z-score'
    """
    with drawing(ax, 5.4, 2.4) as ax:
        ax.axhspan(-0.5, 0.5, color=PALE, alpha=0.8, linewidth=0)
        for level in (-opens, opens):
            ax.axhline(level, color=GREY, linestyle=":", linewidth=1.0)
        ax.plot(gap.index, gap["z"], color=VERMILLION, linewidth=1.0)
        ax.set_ylabel("z-score")
        ax.set_title("Log-price gap (closed in the band)")
        return ax


def plot_conditional(conditional: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw the correlation of returns in both states of each series, with intervals.

    Parameters
    ----------
    conditional : DataFrame
        Indexed by series and state (``high``, ``low``): ``correlation``, ``lower``, ``upper`` and
        ``rows``.
    ax : Axes, optional
        Where to draw; default: a new figure.

    Returns
    -------
    Axes

    Examples
    --------
    >>> import pandas as pd
    >>> from regimecorr.plotting import plot_conditional
    >>> index = pd.MultiIndex.from_product([["VIX"], ["high", "low"]])
    >>> states = {"correlation": [0.5, 0.2], "lower": [0.4, 0.1], "upper": [0.6, 0.3], "rows": 500}
    >>> ax = plot_conditional(pd.DataFrame(states, index=index))
    >>> ax.get_legend_handles_labels()[1]
    ['high', 'low']
    """
    series = list(dict.fromkeys(conditional.index.get_level_values(0)))
    with drawing(ax, 5.4, 1.0 + 0.4 * len(series)) as ax:
        for state, color, shift in (("high", VERMILLION, -0.16), ("low", BLUE, 0.16)):
            rows = conditional.xs(state, level=1).loc[series]
            places = [i + shift for i in range(len(series))]
            ax.hlines(places, rows["lower"], rows["upper"], color=color, linewidth=1.8)
            ax.plot(rows["correlation"], places, "o", color=color, markersize=4.5, label=state)
            for place, n in zip(places, rows["rows"], strict=True):
                note_right(ax, place, f"{int(n)}", color=color, size=7.5)
        ax.axvline(0.0, color=SILVER, linewidth=0.9)
        name_rows(ax, series)
        ax.set_xlabel("correlation of returns (right: rows in the state)")
        ax.set_title("Correlation by state at the close before")
        legend_above(ax, 2)
        return ax


def plot_context(
    overlay: pd.DataFrame,
    year_over_year: pd.DataFrame,
    momentum: pd.DataFrame,
    drawdown: pd.DataFrame,
    beta: pd.DataFrame,
    gap: pd.DataFrame,
    conditional: pd.DataFrame,
    *,
    gap_opens: float = 2.0,
    windows: tuple[int, int] = (90, 252),
    simulated: bool = False,
) -> Figure:
    """Draw the context of a pair on one figure.

    Parameters
    ----------
    overlay, year_over_year, momentum, drawdown, beta, gap, conditional : DataFrame
        The frames of a `Context`; ``conditional`` may be empty, and its panel is left out then.
    gap_opens : float, default 2.0
        Size of the z-score at which a gap opens for the record.
    windows : tuple of int, default (90, 252)
        Rows of both betas.
    simulated : bool, default False
        Whether the prices are simulated; the title says so.

    Returns
    -------
    Figure
        Not known to pyplot; write it with ``figure.savefig``.
    """
    names = (str(overlay.columns[0]), str(overlay.columns[1]))
    n_series = len(conditional) // 2
    with style():
        figure = new_figure(11.0, 8.6 + (0.9 + 0.32 * n_series if n_series else 0.0))
        heights = [1.3, 1.0, 1.0, 1.0] + ([0.4 + 0.16 * n_series] if n_series else [])
        grid = figure.add_gridspec(len(heights), 2, height_ratios=heights)
        top = figure.add_subplot(grid[0, :])
        plot_prices(overlay, ax=top)
        panels = [figure.add_subplot(grid[1 + i // 2, i % 2]) for i in range(6)]
        plot_percent(year_over_year, "Year over year", ax=panels[0])
        plot_percent(drawdown, "Drawdown", ax=panels[1])
        plot_momentum(momentum, "rsi", names, ax=panels[2])
        plot_momentum(momentum, "macd_percent", names, ax=panels[3])
        plot_beta(beta, windows, ax=panels[4])
        plot_gap(gap, gap_opens, ax=panels[5])
        if n_series:
            plot_conditional(conditional, ax=figure.add_subplot(grid[4, :]))
        title = (
            f"Context of {literal(names[0])} / {literal(names[1])}, {overlay.index[-1]:%Y-%m-%d}"
        )
        color = VERMILLION if simulated else INK
        text = f"SIMULATED  {title}" if simulated else title
        figure.suptitle(text, fontsize=13, fontweight="bold", color=color)
        # Ticks made here have this style wherever the caller saves the figure.
        figure.draw_without_rendering()
        return figure
