"""Who closed the gaps: the moves of both legs against each other."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from regimecorr.plotting.style import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    PALE,
    SILVER,
    SKY,
    drawing,
    legend_above,
    literal,
)

__all__ = ["plot_pathways"]

_WAYS = {"asset-led": (BLUE, BLUE), "benchmark-led": (ORANGE, ORANGE), "open": ("white", GREY)}
#: More points than this have no dates.
_FEW = 12
_LEAST = 0.05
#: Log moves below it are drawn to scale, larger ones as their logarithm.
_LINEAR = 0.1
_TICKS = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)


def plot_pathways(
    episodes: pd.DataFrame,
    *,
    asset: str = "asset",
    benchmark: str = "benchmark",
    ax: Axes | None = None,
) -> Axes:
    """Draw the moves of both legs in every past gap, by the leg that closed it.

    Along the rising diagonal both legs move alike and the gap stays; the two diagonals part the
    plane into the four ways in which a gap closes. A triangle points to where the gap's z-score
    stood at the start: up with the asset ahead, down with it behind. A gap with the asset ahead
    closes towards the lower right.

    Parameters
    ----------
    episodes : DataFrame
        ``start``, ``gap_z``, ``pathway``, ``asset_move`` and ``benchmark_move`` (log moves to the
        closing, or over the rows watched), as from `find_episodes` or in the ``episodes`` of
        `episode_pathways`. Episodes without a gap at the start are left out, and so are those of
        which no later row is known.
    asset, benchmark : str
        Names of the legs.
    ax : Axes, optional
        Where to draw; default: a new figure.

    Returns
    -------
    Axes
        Moves in log points (0.1 is written 10), to scale up to 10 and logarithmic beyond.

    Examples
    --------
    >>> import regimecorr as rc
    >>> from regimecorr.plotting import plot_pathways
    >>> prices = rc.simulate("recurrent", n_obs=6000, rng=3).prices
    >>> ax = plot_pathways(rc.find_episodes(prices), asset="A", benchmark="B")
    >>> ax.get_xlabel()
    'move of B, log points'
    """
    found = episodes[episodes["pathway"].isin(list(_WAYS))]
    found = found.dropna(subset=["asset_move", "benchmark_move"])
    names = literal(asset, 18), literal(benchmark, 18)
    with drawing(ax, 5.0, 5.4) as ax:
        moves = found[["asset_move", "benchmark_move"]].abs().to_numpy(dtype=float)
        most = max(float(moves.max()) if moves.size else 0.0, _LEAST)
        # A sixth of the way from the middle is left for what is written along the edges.
        reach = _LINEAR * math.sinh(1.2 * math.asinh(most / _LINEAR))
        # The same odd scale on both axes keeps diagonals straight and small moves apart.
        ax.set_xscale("asinh", linear_width=_LINEAR)
        ax.set_yscale("asinh", linear_width=_LINEAR)
        ax.set_xlim(-reach, reach)
        ax.set_ylim(-reach, reach)
        ax.set_box_aspect(1.0)
        _draw_regions(ax, reach, names)
        few = len(found) <= _FEW
        for way, (face, edge) in _WAYS.items():
            mine = found[found["pathway"] == way]
            for ahead, marker in ((True, "^"), (False, "v")):
                here = mine[(mine["gap_z"] > 0) == ahead]
                if len(here):
                    where = f"{names[0]} {'ahead' if ahead else 'behind'}"
                    ax.plot(here["benchmark_move"], here["asset_move"], marker, color=face,
                            markeredgecolor=edge, markersize=7.5, markeredgewidth=1.2, zorder=3,
                            label=f"{_called(way, names)}, {where} ({len(here)})")  # fmt: skip
        for start, x, y in zip(
            found["start"], found["benchmark_move"], found["asset_move"], strict=True
        ):
            ax.plot([0.0, x], [0.0, y], color=SILVER, linewidth=0.9, zorder=2)
            if few:
                _name(ax, f"{start:%Y-%m}", x, y, reach)
        ticks = [m for m in _TICKS if reach / 50.0 < m < reach]
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_major_locator(FixedLocator([*(-m for m in ticks[::-1]), 0.0, *ticks]))
            axis.set_major_formatter(FuncFormatter(lambda value, _: _points(value)))
            axis.set_minor_locator(NullLocator())
        ax.set_xlabel(f"move of {names[1]}, log points")
        ax.set_ylabel(f"move of {names[0]}, log points")
        ax.set_title("Who closed the gap")
        legend_above(ax, 1)
        return ax


def _points(move: float) -> str:
    """A log move in points, with its sign."""
    return f"{100 * move:+.0f}".replace("-", "\N{MINUS SIGN}") if move else "0"


def _called(way: str, names: tuple[str, str]) -> str:
    """The way with the name of the leg."""
    for leg, name in zip(("asset", "benchmark"), names, strict=True):
        way = way.replace(f"{leg}-led", f"{name} led")
    return way


def _draw_regions(ax: Axes, reach: float, names: tuple[str, str]) -> None:
    """The four ways to close: the larger signed part leads, so diagonals part them."""
    line = np.array([-reach, 0.0, reach])
    ax.fill_between(line, np.abs(line), reach, color=SKY, alpha=0.16, linewidth=0)
    ax.fill_between(line, -reach, -np.abs(line), color=SKY, alpha=0.16, linewidth=0)
    ax.fill_between(line, -np.abs(line), np.abs(line), color=ORANGE, alpha=0.12, linewidth=0)
    ax.plot(line, line, color=INK, linewidth=1.0)
    ax.plot(line, -line, color=GREY, linestyle=":", linewidth=1.0)
    for level in (ax.axhline, ax.axvline):
        level(0.0, color=PALE, linewidth=1.0)
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.6, "pad": 0.8}
    first, second = (name.strip() for name in names)
    for x, y, text, turn in (
        (0.5, 0.97, f"{first} led, up", 0),
        (0.5, 0.03, f"{first} led, down", 0),
        (0.97, 0.5, f"{second} led, up", 90),
        (0.03, 0.5, f"{second} led, down", 90),
    ):
        ax.text(x, y, text, ha="center", va="center", rotation=turn, fontsize=8.0, color=INK,
                bbox=box, zorder=2.5, transform=ax.transAxes)  # fmt: skip
    ax.text(0.94, 0.945, "gap stays", ha="center", va="bottom", rotation=45, rotation_mode="anchor",
            fontsize=7.5, color=GREY, transform=ax.transAxes)  # fmt: skip


def _name(ax: Axes, text: str, x: float, y: float, reach: float) -> None:
    """Write a date beside a point, on the side away from the middle unless the edge is near."""
    near = math.asinh(abs(x) / _LINEAR) > 0.7 * math.asinh(reach / _LINEAR)
    out = 1 if (x >= 0) != near else -1
    ax.annotate(text, (x, y), xytext=(6 * out, 3 if y >= 0 else -9), textcoords="offset points",
                ha="left" if out > 0 else "right", fontsize=7.5, color=INK, zorder=4)  # fmt: skip
