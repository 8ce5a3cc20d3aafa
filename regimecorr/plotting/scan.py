"""Many pairs at once: the matrix of a scan, and the breadth of what breaks over time."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.dates import AutoDateFormatter, AutoDateLocator
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import PercentFormatter

from regimecorr.errors import DataError
from regimecorr.plotting.style import (
    BLUE,
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
)

__all__ = ["ScanValue", "plot_breadth", "plot_scan"]

ScanValue: TypeAlias = Literal["p_structural", "state"]

_STATES = {"divergent": VERMILLION, "strained": ORANGE, "aligned": SKY, "weak": "white"}
#: Lines around the cells of pairs that are broken now.
_FRAMES: dict[str, Any] = {"divergent": "-", "strained": (0, (2, 1.5))}
_MISSING = {"weak": ("///", "no probability"), "failed": ("xxx", "failed")}
_PROBABILITY = LinearSegmentedColormap.from_list("p_structural", [BLUE, "white", VERMILLION])
#: In larger matrices numbers would not be legible.
_FEW = 14


def plot_scan(
    table: pd.DataFrame, *, value: ScanValue = "p_structural", ax: Axes | None = None
) -> Axes:
    """Draw the pairs of a scan as a matrix of assets by benchmarks.

    Parameters
    ----------
    table : DataFrame
        ``asset``, ``benchmark``, ``state``, ``p_structural`` and ``failed``, one row a pair, as
        the ``table`` of `scan`.
    value : {"p_structural", "state"}, default "p_structural"
        What the colours tell. Probabilities run from blue (transient) by white (one half) to
        vermillion (structural), and a frame marks the pairs that are divergent (black) or strained
        (dashed) now. Hatched: no probability; crossed: no verdict; empty: not scanned.
    ax : Axes, optional
        Where to draw; default: a new figure.

    Returns
    -------
    Axes
        Up to 14 assets a side, the probability stands in the cell in percent.

    Raises
    ------
    DataError
        If ``value`` is unknown, or a pair stands in the table twice.

    Examples
    --------
    >>> import pandas as pd
    >>> from regimecorr.plotting import plot_scan
    >>> pairs = {"asset": ["BTC", "ETH"], "benchmark": "SPX", "failed": False}
    >>> figures = {"state": ["divergent", "weak"], "p_structural": [0.6, float("nan")]}
    >>> ax = plot_scan(pd.DataFrame(pairs | figures))
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['divergent now', 'no probability']
    """
    if value not in get_args(ScanValue):
        raise DataError(f"value={value!r} is unknown; use one of {', '.join(get_args(ScanValue))}.")
    twice = table.duplicated(["asset", "benchmark"])
    if twice.any():
        first = table[twice].iloc[0]
        raise DataError(
            f"The pair {first['asset']}/{first['benchmark']} stands in the table twice; draw one "
            "scan at a time."
        )
    down, across = (list(dict.fromkeys(sorted(table[c]))) for c in ("asset", "benchmark"))
    wide, high = max(len(across), 2), max(len(down), 2)
    size = min(max(0.42 * wide, 2.4), 9.0) + 1.8, min(max(0.34 * high, 1.6), 7.0) + 1.4
    with drawing(ax, *size) as ax:
        few = max(len(across), len(down)) <= _FEW
        for row in table.to_dict("records"):
            place = across.index(row["benchmark"]), down.index(row["asset"])
            _draw_cell(ax, row, place, value, few=few)
        ax.set_xlim(-0.5, max(len(across), 1) - 0.5)
        ax.set_ylim(max(len(down), 1) - 0.5, -0.5)
        ax.set_xticks(range(len(across)), [literal(str(n), 18) for n in across], rotation=90)
        ax.set_yticks(range(len(down)), [literal(str(n), 18) for n in down])
        ax.grid(visible=False)
        ax.tick_params(length=0)
        ax.spines[["left", "bottom"]].set_visible(False)
        ax.set_ylabel("asset")
        ax.set_xlabel("benchmark")
        ax.set_title("Probability of structural, in percent" if value == "p_structural"
                     else "State of every pair")  # fmt: skip
        handles = _legend(table, value)
        legend_above(ax, 2, handles, [str(handle.get_label()) for handle in handles])
        if value == "p_structural":
            _draw_scale(ax)
        return ax


def plot_breadth(share: pd.DataFrame, *, least: int = 5, ax: Axes | None = None) -> Axes:
    """Draw the share of established pairs that are broken, week by week.

    Parameters
    ----------
    share : DataFrame
        By week ``established``, ``share_divergent`` and ``share_strained``, as the ``share`` of
        `scan`; each is known on its day.
    least : int, default 5
        Weeks with fewer established pairs are left out: a share of two pairs tells nothing.
    ax : Axes, optional
        Where to draw; default: a new figure.

    Returns
    -------
    Axes

    Examples
    --------
    >>> import pandas as pd
    >>> from regimecorr.plotting import plot_breadth
    >>> weeks = pd.date_range("2024-01-05", periods=2, freq="W-FRI", name="week")
    >>> share = pd.DataFrame({"share_divergent": [0.1, 0.2], "share_strained": [0.2, 0.1]}, weeks)
    >>> ax = plot_breadth(share.assign(established=10))
    >>> ax.get_ylabel()
    'share of established pairs'
    """
    with drawing(ax, 5.4, 3.0) as ax:
        enough = share["established"] >= least
        divergent, strained = (share[f"share_{s}"].where(enough) for s in _FRAMES)
        both = divergent + strained
        ax.fill_between(share.index, 0.0, divergent, color=VERMILLION, alpha=0.85, linewidth=0,
                        label="divergent")  # fmt: skip
        ax.fill_between(share.index, divergent, both, color=ORANGE, alpha=0.45, linewidth=0,
                        label="strained")  # fmt: skip
        ax.plot(share.index, both, color=INK, linewidth=0.9)
        top = float(both.max()) if both.notna().any() else 1.0
        ax.set_ylim(0.0, min(max(1.1 * top, 0.05), 1.0))
        if len(share) > 1:
            ax.set_xlim(share.index[0], share.index[-1])
            # Months beside one another would run together on a narrow picture.
            locator = AutoDateLocator(minticks=2, maxticks=6)  # type: ignore[no-untyped-call]
            ax.xaxis.set_major_locator(locator)
            ax.xaxis.set_major_formatter(
                AutoDateFormatter(locator)  # type: ignore[no-untyped-call]
            )
        else:
            ax.set_xticks([])  # one week or none makes no axis of dates
        ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        ax.set_ylabel("share of established pairs")
        n = share["established"].max() if len(share) else 0
        ax.set_title(f"Broken pairs, of up to {n:.0f} established")
        legend_above(ax, 2)
        return ax


def _draw_cell(
    ax: Axes, row: dict[Any, Any], place: tuple[int, int], value: ScanValue, *, few: bool
) -> None:
    """One pair: its colour, its hatch if there is no probability, its frame if it is broken."""
    x, y = place[0] - 0.5, place[1] - 0.5
    p, state = float(row["p_structural"]), str(row["state"])
    known = not row["failed"] and (value == "state" or np.isfinite(p))
    face: Any  # a name, or red, green, blue and alpha
    if row["failed"]:
        face, hatch = "white", _MISSING["failed"][0]
    elif value == "state":
        face, hatch = _STATES.get(state, "white"), _MISSING["weak"][0] if state == "weak" else ""
    else:
        face = _PROBABILITY(p) if known else "white"
        hatch = "" if known else _MISSING["weak"][0]
    ax.add_patch(Rectangle((x, y), 1.0, 1.0, facecolor=face, edgecolor=SILVER if hatch else PALE,
                           hatch=hatch, linewidth=0.6))  # fmt: skip
    if value == "state":
        return
    if known and state in _FRAMES:
        ax.add_patch(Rectangle((x + 0.06, y + 0.06), 0.88, 0.88, fill=False, edgecolor=INK,
                               linewidth=1.5, linestyle=_FRAMES[state]))  # fmt: skip
    if known and few:
        dark = abs(p - 0.5) > 0.35
        ax.text(*place, f"{100 * p:.0f}", ha="center", va="center", fontsize=8.0,
                color="white" if dark else INK)  # fmt: skip


def _legend(table: pd.DataFrame, value: ScanValue) -> list[Patch]:
    """What stands in the matrix."""
    failed = table["failed"].to_numpy(dtype=bool)
    nothing = table["p_structural"].isna().to_numpy() & ~failed
    if value == "state":
        out = [
            Patch(facecolor=color, edgecolor=SILVER, label=state,
                  hatch=_MISSING["weak"][0] if state == "weak" else "")
            for state, color in _STATES.items() if _any(table["state"] == state, failed)
        ]  # fmt: skip
    else:
        out = [
            Patch(facecolor="none", edgecolor=INK, label=f"{state} now", linewidth=1.5,
                  linestyle=dash)
            for state, dash in _FRAMES.items() if _any(table["state"] == state, failed)
        ]  # fmt: skip
        if nothing.any():
            out.append(_hatched("weak"))
    if failed.any():
        out.append(_hatched("failed"))
    return out


def _any(flag: pd.Series, failed: npt.NDArray[np.bool_]) -> bool:
    return bool((flag.to_numpy(dtype=bool) & ~failed).any())


def _hatched(kind: str) -> Patch:
    hatch, label = _MISSING[kind]
    return Patch(facecolor="white", edgecolor=SILVER, hatch=hatch, label=label)


def _draw_scale(ax: Axes) -> None:
    """The scale of the colours, at the right edge."""
    box = ax.inset_axes((1.03, 0.0, 0.035, 1.0))
    scale = ax.figure.colorbar(ScalarMappable(Normalize(0.0, 1.0), _PROBABILITY), cax=box)
    scale.set_ticks([0.0, 0.5, 1.0], labels=["transient", "50%", "structural"], fontsize=8.0)
    scale.outline.set_edgecolor(GREY)
    box.tick_params(labelsize=8.0, color=GREY, labelcolor=INK, length=2)
