"""Verdicts over time, above which stands the price; made from plain frames."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MultipleLocator, PercentFormatter

from regimecorr.plotting.panels import plot_prices
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
    drawing,
    legend_above,
    literal,
    new_figure,
    spells_of,
    style,
)

__all__ = ["plot_history", "plot_verdicts", "plot_weights"]

#: States that are shaded, with colour, opacity and name.
_SHADES = (
    ("weak", PALE, 0.75, "weak: no probability"),
    ("strained", ORANGE, 0.18, "strained"),
    ("divergent", ORANGE, 0.5, "divergent"),
)
_FAMILY_COLORS = (SILVER, SKY, BLUE, VERMILLION, GREEN, ORANGE)
#: Outcomes stand above and below the probabilities.
_CAME = {"structural": 1.05, "transient": -0.05}
_DASHED = (0, (4, 2))


def plot_verdicts(
    frame: pd.DataFrame, *, states: pd.Series | None = None, ax: Axes | None = None
) -> Axes:
    """Draw the probability of many days, with its interval and what came.

    Parameters
    ----------
    frame : DataFrame
        By date: ``state``, ``p_structural``, ``low``, ``high``, ``p_raw``, ``base_rate``,
        ``calibrated`` and ``outcome``, as in `History`. Where days are calibrated and others are
        not, only the first have the thick line and the band; the others show the raw pool.
    states : Series, optional
        State by date; each holds to the next date. Weak, strained and divergent ones are shaded.
        Default: those of the frame.
    ax : Axes, optional
        Where to draw; default: a new figure.

    Returns
    -------
    Axes
        Dots stand on the day of the verdict whose horizon's outcome they show, which was known a
        horizon later: filled above 100 % for structural, open below 0 % for transient. The base
        rate of a day holds until the next verdict.

    Examples
    --------
    >>> import pandas as pd
    >>> from regimecorr.plotting import plot_verdicts
    >>> days = pd.date_range("2024-01-01", periods=3, name="date")
    >>> known = {"state": "aligned", "outcome": ["structural", "open", "open"], "base_rate": 0.2}
    >>> p = {"p_structural": [0.2, 0.3, 0.2], "low": 0.1, "high": 0.5, "p_raw": 0.4}
    >>> frame = pd.DataFrame(known | p | {"calibrated": True}, index=days)
    >>> ax = plot_verdicts(frame)
    >>> ax.get_legend().get_texts()[0].get_text()
    'calibrated, 90% interval'
    """
    with drawing(ax, 9.0, 3.4) as ax:
        _shade(ax, frame["state"] if states is None else states)
        some = bool(frame["calibrated"].any())
        shown = frame[["p_structural", "low", "high"]].where(frame["calibrated"] | (not some))
        dates = frame.index
        ax.fill_between(dates, shown["low"], shown["high"], color=BLUE, alpha=0.16, linewidth=0)
        if some:
            ax.plot(dates, frame["p_raw"], ".-", color=GREY, linewidth=0.8, markersize=2.5)
            ax.step(
                dates,
                frame["base_rate"],
                where="post",
                color=INK,
                linewidth=1.1,
                linestyle=_DASHED,
            )
        ax.plot(dates, shown["p_structural"], ".-", color=BLUE, linewidth=1.9, markersize=2.5)
        for kind, height in _CAME.items():
            came = dates[frame["outcome"] == kind]
            ax.plot(
                came,
                np.full(len(came), height),
                linestyle="none",
                marker="o",
                markersize=4.0,
                color=INK,
                markerfacecolor=INK if kind == "structural" else "white",
                markeredgewidth=0.8,
                clip_on=False,
            )
        ax.set_ylim(-0.1, 1.1)
        ax.yaxis.set_major_locator(MultipleLocator(0.25))
        ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        ax.set_ylabel("probability")
        ax.set_title("Probability of structural; dots: what came within the horizon")
        ax.legend(
            handles=_handles(some),
            loc="upper center",
            bbox_to_anchor=(0.5, -0.12),
            ncols=4,
            columnspacing=1.2,
            handlelength=1.4,
        )
        return ax


def plot_history(
    frame: pd.DataFrame,
    prices: pd.DataFrame,
    *,
    states: pd.Series | None = None,
    simulated: bool = False,
) -> Figure:
    """Draw the verdicts of many days under the prices.

    Parameters
    ----------
    frame : DataFrame
        Verdicts by date, see `plot_verdicts`.
    prices : DataFrame of shape (n_rows, 2)
        Positive prices by date, asset first; drawn from the first verdict on.
    states : Series, optional
        State by date; default: those of the frame.
    simulated : bool, default False
        Whether the prices are simulated; the title says so.

    Returns
    -------
    Figure
        Not known to pyplot; write it with ``figure.savefig``.

    Examples
    --------
    >>> import pandas as pd
    >>> from regimecorr.plotting import plot_history
    >>> days = pd.date_range("2024-01-01", periods=3, name="date")
    >>> known = {"state": "aligned", "outcome": ["structural", "open", "open"], "base_rate": 0.2}
    >>> p = {"p_structural": [0.2, 0.3, 0.2], "low": 0.1, "high": 0.5, "p_raw": 0.4}
    >>> frame = pd.DataFrame(known | p | {"calibrated": True}, index=days)
    >>> prices = pd.DataFrame({"ETH": [20.0, 30, 25], "IWM": [190.0, 195, 193]}, index=days)
    >>> plot_history(frame, prices).get_suptitle()
    'ETH / IWM: verdicts over time, each from what was known then'
    """
    with style():
        figure = new_figure(7.6, 6.4)
        top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(1.0, 1.35))
        first, last = frame.index[0], frame.index[-1]
        _shade(top, frame["state"] if states is None else states)
        plot_prices(prices.loc[first:last], ax=top)
        plot_verdicts(frame, states=states, ax=bottom)
        room = (last - first) / 100
        top.set_xlim(first - room, last + room)
        top.tick_params(labelbottom=False)
        names = " / ".join(literal(str(name)) for name in prices.columns)
        title = f"{names}: verdicts over time, each from what was known then"
        text, color = (f"SIMULATED  {title}", VERMILLION) if simulated else (title, INK)
        figure.suptitle(text, fontsize=13, fontweight="bold", color=color)
        # Ticks made here have this style wherever the caller saves the figure.
        figure.draw_without_rendering()
        return figure


def plot_weights(weights: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw the posterior weights of the families over time, stacked.

    Parameters
    ----------
    weights : DataFrame
        Weights by date that sum to one, or NaN: a column a family, or columns (family, member),
        whose members are summed.
    ax : Axes, optional
        Where to draw; default: a new figure.

    Returns
    -------
    Axes

    Examples
    --------
    >>> import pandas as pd
    >>> from regimecorr.plotting import plot_weights
    >>> days = pd.date_range("2024-01-01", periods=3, name="date")
    >>> ax = plot_weights(pd.DataFrame({"break": 0.7, "drift": 0.3}, index=days))
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['break', 'drift']
    """
    families = weights
    if isinstance(weights.columns, pd.MultiIndex):
        families = weights.T.groupby(level=0, sort=False).sum(min_count=1).T
    with drawing(ax, 9.0, 3.2) as ax:
        names = [literal(str(name).replace("_", " ")) for name in families.columns]
        colors = _FAMILY_COLORS[: len(names)]
        ax.stackplot(
            families.index,
            families.to_numpy(dtype=float).T,
            labels=names,
            colors=colors,
            edgecolor="white",
            linewidth=0.4,
        )
        ax.set_ylim(0.0, 1.0)
        ax.set_xlim(families.index[0], families.index[-1])
        ax.yaxis.set_major_locator(MultipleLocator(0.25))
        ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        ax.set_ylabel("posterior weight")
        ax.set_title("Weights of the models")
        legend_above(ax, len(names))
        return ax


def _shade(ax: Axes, states: pd.Series) -> None:
    """Shade runs of weak, strained and divergent days."""
    dates = states.index
    for state, color, alpha, _ in _SHADES:
        here = (states == state).to_numpy(dtype=bool)
        for first, stop in spells_of(here):
            ax.axvspan(
                dates[first],
                dates[min(stop, len(dates) - 1)],
                facecolor=color,
                alpha=alpha,
                linewidth=0,
            )


def _handles(calibrated: bool) -> list[Line2D | Patch]:
    """What the legend names."""
    main = "calibrated, 90% interval" if calibrated else "raw pool, 90% interval"
    handles: list[Line2D | Patch] = [Line2D([], [], color=BLUE, linewidth=1.9, label=main)]
    if calibrated:
        handles.append(Line2D([], [], color=GREY, linewidth=0.8, label="raw pool"))
        handles.append(
            Line2D([], [], color=INK, linewidth=1.1, linestyle=_DASHED, label="base rate")
        )
    for kind in _CAME:
        handles.append(
            Line2D(
                [],
                [],
                linestyle="none",
                marker="o",
                markersize=4.0,
                color=INK,
                markerfacecolor=INK if kind == "structural" else "white",
                markeredgewidth=0.8,
                label=f"came: {kind}",
            )
        )
    for _, color, alpha, label in _SHADES:
        handles.append(Patch(facecolor=color, alpha=alpha, label=label))
    return handles
