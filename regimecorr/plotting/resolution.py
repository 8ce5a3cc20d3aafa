"""How soon a divergence is over on the chart, and what that leaves open."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MultipleLocator, PercentFormatter

from regimecorr.errors import DataError
from regimecorr.formatting import percent, plural
from regimecorr.plotting.style import (
    BLUE,
    GREEN,
    PALE,
    VERMILLION,
    drawing,
    legend_above,
    note_right,
    spread,
)

__all__ = ["plot_resolution"]

#: Height, text and colour of what is written at the right edge.
_End: TypeAlias = tuple[float, str, str]


def plot_resolution(
    forecast: pd.DataFrame | None,
    incidence: pd.DataFrame | None = None,
    *,
    p_structural: float = math.nan,
    interval: tuple[float, float] | None = None,
    fresh: tuple[int, int] = (127, 252),
    short_window: int = 90,
    n_episodes: int | None = None,
    above: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Draw how likely the chart's rule is met by each row ahead, beside past episodes.

    The chart calls a divergence resolved once its rolling correlation is back above zero, or back
    below it where the relationship is a negative one. The windows overlap, so that comes soon and
    nearly always, also after a permanent change.
    ``1 - p_structural`` is the chance of what the package calls transient, read on fresh returns:
    the distance between both is what the chart cannot tell. Where the short correlation is on that
    side of zero today, the chart's rule is met from the start.

    Parameters
    ----------
    forecast : DataFrame or None
        By row ahead, ``p_chart_resolved``, as in `Verdict`; None: past episodes alone.
    incidence : DataFrame, optional
        Of past episodes by rows since they began: ``recovers``, the Aalen-Johansen share whose
        short correlation had recovered, ``recovers_lower`` and ``recovers_upper``, and
        ``reference_decays``, as in the ``incidence`` of `episode_durations`. The step curve ends
        with the longest episode watched unless all had ended by then.
    p_structural : float, default NaN
        Probability of structural; 1 less it is drawn across the fresh window.
    interval : tuple of float, optional
        5 % and 95 % quantiles of ``p_structural``.
    fresh : tuple of int, default (127, 252)
        First and last row of the fresh window.
    short_window : int, default 90
        Rows of the chart's correlation, for the legend.
    n_episodes : int, optional
        Number of past episodes, for the legend.
    above : bool, default True
        Whether the reference is positive, for the legend.
    ax : Axes, optional
        Where to draw; default: a new figure.

    Returns
    -------
    Axes

    Raises
    ------
    DataError
        If there is neither a forecast nor a past.

    Examples
    --------
    >>> import pandas as pd
    >>> from regimecorr.plotting import plot_resolution
    >>> rows = pd.RangeIndex(1, 253, name="horizon")
    >>> chart = pd.DataFrame({"p_chart_resolved": 1 - 0.98**rows.to_numpy()}, index=rows)
    >>> ax = plot_resolution(chart, p_structural=0.4, interval=(0.3, 0.6))
    >>> [text.get_text() for text in ax.texts]
    ['chart 99%', 'transient 60%']
    """
    if forecast is None and incidence is None:
        raise DataError(
            "There is neither a forecast nor an incidence to draw; pass `Verdict.forecast`, the "
            "`incidence` of `episode_durations`, or both."
        )
    with drawing(ax, 5.4, 3.7) as ax:
        ends: list[_End] = []
        last = fresh[1] if forecast is None else int(forecast.index[-1])
        if incidence is not None and len(incidence):
            last = max(last, int(incidence.index[-1])) if forecast is None else last
            ends += _draw_past(ax, incidence, last, n_episodes)
        if forecast is not None:
            chart = forecast["p_chart_resolved"]
            ax.plot(chart.index, chart, color=BLUE, linewidth=1.9,
                    label=f"chart's rule: {short_window}-row correlation back "
                    f"{'above' if above else 'below'} 0")  # fmt: skip
            ends.append((float(chart.iloc[-1]), f"chart {percent(float(chart.iloc[-1]))}", BLUE))
        if math.isfinite(p_structural):
            _draw_transient(ax, 1.0 - p_structural, interval, fresh)
            text = f"transient {percent(1.0 - p_structural)}"
            ends.append((1.0 - p_structural, text, VERMILLION))
        places = spread([value for value, _, _ in ends], 0.07)
        for (_, text, color), place in zip(ends, places, strict=True):
            note_right(ax, place, text, color=color, size=9.0)
        ax.set_xlim(0, last)
        ax.set_ylim(0.0, 1.03)
        ax.xaxis.set_major_locator(MultipleLocator(63 if last <= 400 else 252))
        ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        ax.set_xlabel("rows since the divergence began" if forecast is None
                      else "rows from today (past episodes: since they began)")  # fmt: skip
        ax.set_ylabel("share or probability")
        both = forecast is not None and math.isfinite(p_structural)
        ax.set_title("Resolved on the chart is not transient" if both
                     else "How soon divergences are over on the chart")  # fmt: skip
        legend_above(ax, 1)
        return ax


def _draw_past(ax: Axes, incidence: pd.DataFrame, last: int, n_episodes: int | None) -> list[_End]:
    """The share of past episodes that had recovered, with its band; its end if it reaches it."""
    rows = incidence.index.to_numpy(dtype=float)
    share, lower, upper = (
        incidence[f"recovers{end}"].to_numpy(dtype=float) for end in ("", "_lower", "_upper")
    )
    over = share[-1] + float(incidence["reference_decays"].iloc[-1]) > 1.0 - 1e-9
    if over and rows[-1] < last:  # nobody is left to change it
        rows = np.r_[rows, last]
        share, lower, upper = (np.r_[v, v[-1]] for v in (share, lower, upper))
    ax.fill_between(rows, lower, upper, step="post", color=GREEN, alpha=0.2, linewidth=0)
    who = "past episodes" if n_episodes is None else f"{plural(n_episodes, 'past episode')}"
    ax.step(rows, share, where="post", color=GREEN, linestyle="--", linewidth=1.5,
            label=f"{who} that had recovered, with band")  # fmt: skip
    if rows[-1] < last:
        return []
    at = float(share[np.searchsorted(rows, last, side="right") - 1])
    return [(at, f"past {percent(at)}", GREEN)]


def _draw_transient(
    ax: Axes, p: float, interval: tuple[float, float] | None, fresh: tuple[int, int]
) -> None:
    """The probability of transient across the rows on which it is read."""
    ax.axvspan(*fresh, color=PALE, alpha=0.75, linewidth=0)
    if interval is not None:
        ax.fill_between(fresh, 1.0 - interval[1], 1.0 - interval[0], color=VERMILLION, alpha=0.18,
                        linewidth=0)  # fmt: skip
    ax.plot(fresh, [p, p], color=VERMILLION, linewidth=2.4, solid_capstyle="butt",
            label="transient: read on the fresh returns of the shaded rows")  # fmt: skip
