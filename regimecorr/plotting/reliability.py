"""The reliability diagram: how often what was forecast came true."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MultipleLocator, PercentFormatter

from regimecorr.plotting.style import (
    BLUE,
    GREY,
    INK,
    PALE,
    VERMILLION,
    drawing,
    legend_above,
)

__all__ = ["plot_reliability"]

_STRIP = 0.16  # height of the strip of counts, as a share of the diagram's


def plot_reliability(
    curve: pd.DataFrame,
    *,
    histogram: pd.DataFrame | None = None,
    title: str = "Reliability",
    ax: Axes | None = None,
) -> Axes:
    """Draw a CORP reliability diagram with its band, and where the forecasts lie.

    Parameters
    ----------
    curve : DataFrame
        Ascending in ``p``: ``p``, ``count``, ``observed``, ``calibrated``, ``lower`` and
        ``upper``, as from `reliability_curve`. The band is left out where it is NaN. What its
        ``attrs`` hold (sample, band, parts of the Brier score) is written into the diagram.
    histogram : DataFrame, optional
        ``left``, ``right``, ``ones`` and ``zeros``, as from `forecast_histogram`: a strip of counts
        under the diagram.
    title : str, default "Reliability"
        Title.
    ax : Axes, optional
        Where to draw; default: a new figure.

    Returns
    -------
    Axes

    Examples
    --------
    >>> import numpy as np
    >>> from regimecorr.evaluation.reliability import reliability_curve
    >>> from regimecorr.plotting import plot_reliability
    >>> rng = np.random.default_rng(0)
    >>> p = rng.uniform(size=200)
    >>> ax = plot_reliability(reliability_curve(p, rng.uniform(size=200) < p, n_boot=99))
    >>> ax.get_xlabel()
    'forecast probability of structural'
    """
    with drawing(ax, 4.4, 4.4 if histogram is None else 5.4) as ax:
        ax.set_xlim(0.0, 1.0)
        ax.set_ylim(0.0, 1.0)
        ax.plot([0.0, 1.0], [0.0, 1.0], color=GREY, linestyle=":", linewidth=1.0)
        known = curve.dropna(subset=["lower", "upper"])
        if len(known):
            mass = curve.attrs.get("ci_prob")
            name = str(curve.attrs.get("band", "band"))
            ax.fill_between(
                known["p"],
                known["lower"],
                known["upper"],
                color=BLUE,
                alpha=0.18,
                linewidth=0,
                label=name if mass is None else f"{mass:.0%} {name}",
            )
        steps = len(curve) > 1
        ax.plot(
            curve["p"],
            curve["calibrated"],
            color=VERMILLION,
            linewidth=1.6,
            marker="" if steps else "o",
            label="recalibrated",
        )
        _write_parts(ax, curve)
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_major_locator(MultipleLocator(0.2))
            axis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        ax.set_xlabel("forecast probability of structural")
        ax.set_ylabel("how often it came (isotonic)")
        ax.set_title(title)
        legend_above(ax, 2)
        if histogram is not None:
            _draw_histogram(ax, histogram)
        return ax


def _draw_histogram(ax: Axes, histogram: pd.DataFrame) -> None:
    """A strip of counts by forecast under the diagram; the lower, darker part came true."""
    strip = ax.inset_axes((0.0, -0.06 - _STRIP, 1.0, _STRIP), sharex=ax)
    strip.tick_params(labelsize=9.0)
    width = (histogram["right"] - histogram["left"]).to_numpy()
    ones, zeros = histogram["ones"].to_numpy(), histogram["zeros"].to_numpy()
    for bottom, height, color in ((np.zeros_like(ones), ones, GREY), (ones, zeros, PALE)):
        strip.bar(
            histogram["left"],
            height,
            width,
            bottom,
            align="edge",
            color=color,
            edgecolor=GREY,
            linewidth=0.5,
        )
    strip.set_yticks([0, max(int((ones + zeros).max()), 1)])
    strip.grid(visible=False)
    strip.set_ylabel("count")
    strip.set_xlabel(f"{ax.get_xlabel()}; dark: it came")
    ax.set_xlabel("")
    ax.tick_params(labelbottom=False)


def _write_parts(ax: Axes, curve: pd.DataFrame) -> None:
    """What was scored, and the parts of its Brier score."""
    facts = curve.attrs
    lines = []
    if "n_obs" in facts:
        blocks = f", {facts['n_blocks']} calendar blocks" if facts.get("n_blocks") else ""
        lines.append(f"n = {facts['n_obs']}{blocks}")
    for name in ("brier", "miscalibration", "discrimination", "uncertainty"):
        if name in facts:
            label = "Brier score" if name == "brier" else name
            lines.append(f"{label} {facts[name]:.3f}")
    if facts.get("reason"):
        lines.append("no band: too few calendar blocks")
    ax.text(
        0.03,
        0.97,
        "\n".join(lines),
        transform=ax.transAxes,
        ha="left",
        va="top",
        fontsize=8.5,
        linespacing=1.35,
        color=INK,
    )
