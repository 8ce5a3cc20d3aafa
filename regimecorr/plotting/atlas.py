"""The atlas: all divergences, aligned at their entry."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MultipleLocator

from regimecorr.plotting.style import (
    BLUE,
    GREY,
    INK,
    PALE,
    SILVER,
    VERMILLION,
    correlation_limits,
    drawing,
    legend_above,
    note_right,
    spread,
)

__all__ = ["plot_episodes"]

_OUTCOMES = {
    "structural": (VERMILLION, "--"),
    "transient": (BLUE, "-"),
    "open": (GREY, "-."),
    "unreadable": (SILVER, ":"),
}
#: More lines than this are drawn thin, beside the median of each outcome, and have no names.
_FEW = 9


class _Curve(NamedTuple):
    path: pd.Series
    name: str
    outcome: str
    lasting: bool


def plot_episodes(
    paths: pd.DataFrame,
    *,
    fresh: tuple[int, int] = (127, 252),
    ax: Axes | None = None,
) -> Axes:
    """Draw all divergences aligned at their entry, coloured by what came of them.

    Parameters
    ----------
    paths : DataFrame
        From `episode_paths`: the rolling correlation by rows from the entry, a column a divergence
        with the levels ``day``, ``outcome`` and ``lasting``. Frames of several pairs may stand
        beside one another.
    fresh : tuple of int, default (127, 252)
        First and last row of the fresh window, whose returns alone decide the outcome; shaded.
    ax : Axes, optional
        Where to draw; default: a new figure.

    Returns
    -------
    Axes
        Up to nine divergences are named at their end; of more, the medians by outcome are drawn
        over thin lines. Those that last today are bold.

    Examples
    --------
    >>> import regimecorr as rc
    >>> from regimecorr.plotting import plot_episodes
    >>> prices = rc.simulate("recurrent", n_obs=6000, rng=3).prices
    >>> r = rc.rolling_correlation(prices, window=90)
    >>> ax = plot_episodes(rc.episode_paths(r, rc.find_episodes(prices)))
    >>> ax.get_legend_handles_labels()[1]
    ['transient (6)']
    """
    levels = (paths.columns.get_level_values(name) for name in ("day", "outcome", "lasting"))
    curves = [
        _Curve(paths.iloc[:, i], f"{day:%Y-%m}", str(outcome), bool(lasting))
        for i, (day, outcome, lasting) in enumerate(zip(*levels, strict=True))
    ]
    many = len(curves) > _FEW
    with drawing(ax, 5.4, 3.8) as ax:
        ax.axvspan(*fresh, color=PALE, alpha=0.75, linewidth=0)
        ax.axhline(0.0, color=INK, linewidth=0.9)
        ax.axvline(0.0, color=GREY, linestyle=":", linewidth=1.0)
        for outcome, (color, dash) in _OUTCOMES.items():
            mine = [curve for curve in curves if curve.outcome == outcome and not curve.lasting]
            label = f"{outcome} ({len(mine)})"
            for i, curve in enumerate(mine):
                ax.plot(curve.path.index, curve.path, color=color, linestyle="-" if many else dash,
                        linewidth=0.6 if many else 1.3, alpha=0.35 if many else 1.0,
                        label="_nolegend_" if many or i else label)  # fmt: skip
            if many and mine:
                middle = pd.concat([curve.path for curve in mine], axis=1).median(axis=1)
                ax.plot(middle.index, middle, color=color, linestyle=dash, linewidth=2.0,
                        label=f"{label}, median")  # fmt: skip
        for curve in curves:
            if curve.lasting:
                ax.plot(curve.path.index, curve.path, color=INK, linewidth=2.4, marker="o",
                        markersize=5.5, markevery=[_end(curve)],
                        label=f"lasting today ({curve.name})")  # fmt: skip
        ax.set_ylim(*correlation_limits(paths.to_numpy(dtype=float)))
        if not many:
            _name_ends(ax, [curve for curve in curves if not curve.lasting])
        ax.set_xlim(paths.index[0], paths.index[-1])
        ax.xaxis.set_major_locator(MultipleLocator(63))
        ax.yaxis.set_major_locator(MultipleLocator(0.25))
        ax.set_xlabel("rows from the entry; shaded: the fresh window that decides")
        ax.set_ylabel("rolling correlation")
        ax.set_title("All divergences, aligned at entry")
        legend_above(ax, 3)
        return ax


def _end(curve: _Curve) -> int:
    """Position of the last known value."""
    known = curve.path.notna().to_numpy().nonzero()[0]
    return int(known[-1]) if known.size else 0


def _name_ends(ax: Axes, curves: list[_Curve]) -> None:
    """Name the curves at the right edge, at the height of their last value."""
    known = [curve for curve in curves if curve.path.notna().any()]
    low, high = ax.get_ylim()
    places = spread([float(curve.path.iloc[_end(curve)]) for curve in known], 0.06 * (high - low))
    for curve, place in zip(known, places, strict=True):
        color = _OUTCOMES.get(curve.outcome, (GREY, "-"))[0]
        note_right(ax, place, curve.name, color=color, size=8.0)
