"""The trial of a claim: the share that resolved, and how fast, observed against each world."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes

from regimecorr.plotting.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    SILVER,
    SKY,
    VERMILLION,
    axes_or_new,
    legend_above,
    literal,
    style,
)

__all__ = ["plot_claim"]

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
        The record, with ``matured`` and ``resolved``.
    worlds : DataFrame
        By world the share of matured episodes that resolved, ``resolved_chart``, and ``all_of_k``.
    ax : Axes, optional
        Where to draw; default: a new figure.

    Returns
    -------
    Axes
    """
    with style():
        ax = axes_or_new(ax, 7.0, 4.0)
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
                    label=f"{literal(str(name))} ({share:.0%})",
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
                    label=f"observed ({observed['resolved']:.0f} of "
                          f"{observed['matured']:.0f})")  # fmt: skip
        ax.set_ylim(0.0, 1.02)
        ax.set_xlim(left=0.0)
        ax.set_xlabel("rows since the divergence began")
        ax.set_ylabel("share not yet back")
        ax.set_title("The claim in every world\n")
        legend_above(ax, 4)
        return ax
