"""The trial of a claim: how often divergences come and how fast they go, in every world."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from regimecorr.formatting import percent
from regimecorr.plotting.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    SILVER,
    SKY,
    VERMILLION,
    drawing,
    legend_above,
    literal,
    name_rows,
    note_right,
)

__all__ = ["plot_claim", "plot_worlds"]

_COLOURS = (VERMILLION, BLUE, GREEN, ORANGE, SKY, SILVER, GREY)
_DASHES = ("-", "-", "--", "-.", ":", "--", "-.")


def plot_claim(
    survival: Mapping[str, pd.DataFrame],
    observed: pd.Series,
    worlds: pd.DataFrame,
    *,
    ax: Axes | None = None,
) -> Axes:
    """Draw the share of episodes that still diverge by rows since they began.

    Parameters
    ----------
    survival : dict of DataFrame
        Kaplan-Meier curves with ``survival`` (and bands ``lower`` and ``upper``), ``observed`` and
        by world.
    observed : Series
        The record, with ``matured`` and, like the worlds' shares by the chart's criterion,
        ``resolved_chart``.
    worlds : DataFrame
        By world the share of matured episodes that resolved, ``resolved_chart``, and ``all_of_k``.
    ax : Axes, optional
        Where to draw; default: a new figure.

    Returns
    -------
    Axes

    Examples
    --------
    >>> import pandas as pd
    >>> from regimecorr.plotting import plot_claim
    >>> observed = pd.Series({"matured": 9.0, "resolved_chart": 9.0, "episodes_per_year": 0.9})
    >>> shares = {"resolved_chart": [0.99], "resolved_fresh": [0.8]}
    >>> worlds = pd.DataFrame(shares, index=["constant"])
    >>> curve = {"survival": [0.5, 0.0], "lower": [0.2, 0.0], "upper": [0.8, 0.0]}
    >>> curve = pd.DataFrame(curve, index=pd.Index([30.0, 80.0], name="time"))
    >>> ax = plot_claim({"observed": curve, "constant": curve}, observed, worlds)
    >>> ax.get_legend_handles_labels()[1]
    ['constant (99%)', 'observed (9 of 9)']
    """
    with drawing(ax, 5.4, 4.0) as ax:
        for i, name in enumerate(worlds.index):
            curve = survival[name]
            if len(curve):
                share = worlds.loc[name, "resolved_chart"]
                ax.step(
                    [0.0, *curve.index],
                    [1.0, *curve["survival"]],
                    where="post",
                    color=_COLOURS[i % len(_COLOURS)],
                    linestyle=_DASHES[i % len(_DASHES)],
                    label=f"{literal(str(name))} ({percent(share)})",
                )
        mine = survival["observed"]
        if len(mine):
            rows = [0.0, *mine.index]
            ax.fill_between(
                rows,
                [1.0, *mine["lower"]],
                [1.0, *mine["upper"]],
                step="post",
                color=SILVER,
                alpha=0.5,
                linewidth=0,
            )
            ax.step(rows, [1.0, *mine["survival"]], where="post", color=INK, linewidth=2.2,
                    label=f"observed ({observed['resolved_chart']:.0f} of "
                          f"{observed['matured']:.0f})")  # fmt: skip
        ax.set_ylim(0.0, 1.02)
        # Few worlds' episodes last as long as the longest one of all.
        ends = [float(c.index[int((c["survival"] < 0.02).argmax())]) for c in survival.values()
                if len(c) and (c["survival"] < 0.02).any()]  # fmt: skip
        ax.set_xlim(0.0, max(ends, default=None))
        ax.set_xlabel("rows since the divergence began")
        ax.set_ylabel("share not yet back")
        ax.set_title("How long divergences last (in brackets: resolved in time)")
        legend_above(ax, 3)
        return ax


def plot_worlds(
    statistics: Mapping[str, pd.DataFrame],
    observed: pd.Series,
    worlds: pd.DataFrame,
    *,
    ax: Axes | None = None,
) -> Axes:
    """Draw the episodes a year of every world's histories, and the observed number.

    Parameters
    ----------
    statistics : dict of DataFrame
        By world, ``episodes_per_year`` of every history.
    observed : Series
        The record, with ``episodes_per_year``.
    worlds : DataFrame
        By world the share of matured episodes that resolved, ``resolved_chart`` and
        ``resolved_fresh``.
    ax : Axes, optional
        Where to draw; default: a new figure.

    Returns
    -------
    Axes

    Examples
    --------
    >>> import pandas as pd
    >>> from regimecorr.plotting import plot_worlds
    >>> observed = pd.Series({"matured": 9.0, "resolved_chart": 9.0, "episodes_per_year": 0.9})
    >>> shares = {"resolved_chart": [0.99], "resolved_fresh": [0.8]}
    >>> worlds = pd.DataFrame(shares, index=["constant"])
    >>> drawn = pd.DataFrame({"episodes_per_year": [0.5, 1.0, 1.5]})
    >>> ax = plot_worlds({"constant": drawn}, observed, worlds)
    >>> ax.texts[0].get_text()
    '99% chart, 80% fresh'
    """
    with drawing(ax, 5.6, 0.9 + 0.42 * len(worlds)) as ax:
        for i, name in enumerate(worlds.index):
            drawn = statistics[name]["episodes_per_year"]
            low, quarter, middle, upper, high = np.quantile(drawn, [0.05, 0.25, 0.5, 0.75, 0.95])
            ax.plot([low, high], [i, i], color=BLUE, linewidth=1.4)
            ax.plot([quarter, upper], [i, i], color=BLUE, linewidth=6.0, alpha=0.45,
                    solid_capstyle="butt")  # fmt: skip
            ax.plot(middle, i, "o", color=BLUE, markersize=4.5)
            row = worlds.loc[name]
            shares = [
                f"{percent(row[f'resolved_{way}'])} {way}"
                for way in ("chart", "fresh")
                if np.isfinite(row[f"resolved_{way}"])
            ]
            note_right(ax, i, ", ".join(shares) or "no episode")
        ax.axvline(observed["episodes_per_year"], color=VERMILLION, linewidth=1.8)
        name_rows(ax, worlds.index)
        ax.set_xlim(left=0.0)
        ax.set_xlabel("episodes a year (5, 25, 50, 75, 95 % of histories; line: observed)")
        ax.set_title("The chart in every world, and the share that resolves")
        return ax
