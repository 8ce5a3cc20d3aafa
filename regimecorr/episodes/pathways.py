"""Who closed the price gap of a divergence, which leg moved, and where both stood at the start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from regimecorr.data.alignment import AlignedPair, align
from regimecorr.data.windows import Window, Windows, in_words, resolve
from regimecorr.episodes.closing import ShareInterval, read_closings, share_interval
from regimecorr.episodes.detect import episodes_of, rule_of
from regimecorr.episodes.positioning import positioning_table
from regimecorr.episodes.survival import check_interval
from regimecorr.episodes.walks import OUTCOMES, Opening, compare
from regimecorr.events import Array, Basis, DivergenceRule, Reference, Start, read_gap
from regimecorr.formatting import MISSING, day, percent, plural, signed
from regimecorr.models.base import RandomState, check_count

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_DTYPES: dict[str, Any] = {
    "start": "datetime64[ns]",
    **dict.fromkeys(("r_short", "reference", "gap_z"), float),
    **dict.fromkeys(("pathway", "direction", "story"), object),
    "closed_on": "datetime64[ns]",
    "rows": float,
    "watched": int,
    "complete": bool,
    **dict.fromkeys(("asset_direction", "benchmark_direction"), object),
    **dict.fromkeys(("asset_move", "benchmark_move", "asset_share", "benchmark_share"), float),
    **dict.fromkeys(("asset_share_lower", "asset_share_upper", "asset_led_resampled"), float),
    "interval_note": object,
}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PathwayResult:
    """How the price gaps of a pair's divergences closed.

    Attributes
    ----------
    episodes : DataFrame
        One row an episode. ``start``, ``r_short``, ``reference`` and ``gap_z`` are known on that
        day, the others look ahead:

        - ``pathway``: asset-led or benchmark-led by the larger signed part of the closing, open
          while neither, "no gap" if ``abs(gap_z)`` was at most 0.5; ``direction`` in which the
          leading leg moved;
        - ``story``: "laggard rallied" (the leg behind at the start rose, the other did not fall),
          "leader fell" (the leg ahead fell, the other did not rise), "both" (one rose, the other
          fell), or open;
        - ``closed_on`` and ``rows`` to it; ``watched``: rows of the horizon that the data hold,
          ``complete`` if all; an incomplete open gap may still close;
        - ``asset_direction``, ``benchmark_direction``: up, down or flat to the closing;
          ``asset_move``, ``benchmark_move``: log moves to it, or over the rows watched;
        - ``asset_share`` and ``benchmark_share`` of the closing, which add up to 1 (one is negative
          when its leg widened the gap), the bootstrap limits ``asset_share_lower`` and
          ``asset_share_upper``, ``asset_led_resampled``: share of the resampled closings that the
          asset led; ``interval_note``: why there are no limits.
    positioning : DataFrame
        One row an episode, known at ``start``: ``gap_z``, and ``drawdown``, ``trend``,
        ``momentum_63`` and ``momentum_252`` of ``asset``, ``benchmark`` and ``relative`` (their
        difference), in log points; see `positioning_at`.
    shares : DataFrame
        By (``by``, ``outcome``): number of ``episodes`` with a gap, their ``observed`` share, and
        the share of ``gaussian`` and of ``bootstrap`` random walks from the same gaps. Sorted by
        pathway, by direction and by story, each adding up to one.
    walks : DataFrame
        By walk: share of the gaps ``closed``; ``asset_led`` share of the closed ones with limits
        ``lower`` and ``upper`` over whole records; ``pvalue`` of the observed number of asset-led
        closings (two-sided, Monte Carlo) and ``min_pvalue``, that of the most extreme one possible.
    asset, benchmark : str
        Names of the legs.
    basis, short_window, long_window, horizon, n_boot, ci_prob
        As passed.
    """

    episodes: pd.DataFrame
    positioning: pd.DataFrame
    shares: pd.DataFrame
    walks: pd.DataFrame
    asset: str
    benchmark: str
    basis: Basis
    short_window: Window
    long_window: Window
    horizon: Window
    n_boot: int
    ci_prob: float

    @property
    def closed(self) -> pd.DataFrame:
        """Episodes whose gap closed, with their positioning."""
        known = self.positioning.drop(columns=["start", "gap_z"])
        both = self.episodes.join(known)
        return both[both["pathway"].isin(["asset-led", "benchmark-led"])]

    def __repr__(self) -> str:
        return (
            f"<PathwayResult: {plural(len(self.episodes), 'episode')} of {self.asset} and "
            f"{self.benchmark}, {plural(len(self.closed), 'gap')} closed>"
        )

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw the moves of both legs in every gap, by who closed it.

        Parameters
        ----------
        ax : Axes, optional
            Where to draw; default: a new figure.

        Returns
        -------
        Axes
        """
        from regimecorr.plotting.pathways import plot_pathways

        return plot_pathways(self.episodes, asset=self.asset, benchmark=self.benchmark, ax=ax)

    def summary(self) -> str:
        """Return the findings as text."""
        return _summary(self)


def episode_pathways(
    prices: Any,
    *,
    asset: str | None = None,
    benchmark: str | None = None,
    as_of: Any = None,
    basis: Basis = "returns",
    short_window: Window = 90,
    long_window: Window = 252,
    horizon: Window = 252,
    threshold: float = 0.0,
    reference: Reference = "before",
    elevated: float | None = None,
    start: Start = "spell",
    merge: int | None = None,
    refractory: int = 0,
    n_boot: int = 999,
    ci_prob: float = 0.95,
    rng: RandomState = 0,
) -> PathwayResult:
    r"""Read who closed the price gap of each divergence, and how random walks would have.

    The gap is :math:`s = \ln A - \ln B`, its z-score taken with mean and standard deviation of the
    long window to the start of the episode and frozen there. It is closed on the first row with
    :math:`|z| \le 0.5` or a change of sign. Return of a correlation and closing of a gap are
    different things, and neither implies the other.

    A share's interval resamples the closing path itself (`share_interval`), so it says how far the
    split of a path with such moves, as short as this one, is due to which moves came. It knows no
    other path: not the closings that might have come instead, nor that the path was cut where it
    closed the gap.

    The walks have independent driftless legs. "gaussian" gives each leg its volatility of the long
    window to the start; "bootstrap" resamples each leg's returns of the whole sample, less their
    mean, in blocks of 20 rows on average. They start from the observed gaps, are watched for as
    many rows as the data hold, and episodes whose horizons overlap watch the same rows of a walk.
    No walk is drawn back to any gap: a leg that moves more closes more gaps by itself.

    Parameters
    ----------
    prices : DataFrame, dict of Series or path
        Prices; anything `load_prices` takes.
    asset, benchmark : str, optional
        Columns; may be omitted when there are two.
    as_of : str, date or Timestamp, optional
        Use rows on or before this date only.
    basis : {"returns", "levels", "log_levels"}, default "returns"
        What is correlated, to find the episodes.
    short_window, long_window, horizon : int or str, default 90, 252 and 252
        Rows or offsets ("90D", "365D"), see `find_episodes`; within the horizon a gap may close.
    threshold, reference, elevated, start, merge, refractory : see `find_episodes`
        What counts as an episode, see `find_episodes`.
    n_boot : int, default 999
        Resampled paths of each closing, and walks of each kind; at least 99.
    ci_prob : float, default 0.95
        Probability of the intervals.
    rng : int, Generator or None, default 0
        Seed or generator.

    Returns
    -------
    PathwayResult

    Raises
    ------
    DataError
        If the prices or the options of the rule cannot be used, or a gap never moves.
    WindowError
        If the windows cannot, or do not fit the data.
    ModelError
        If ``n_boot`` or ``ci_prob`` cannot be used.

    Examples
    --------
    >>> import regimecorr as rc
    >>> prices = rc.simulate("recurrent", n_obs=2500, rng=3).prices
    >>> found = rc.episode_pathways(prices, basis="levels", reference="overlapping", n_boot=99)
    >>> closed = found.closed
    >>> bool((closed["asset_share"] + closed["benchmark_share"]).round(12).eq(1).all())
    True
    """
    check_count("n_boot", n_boot, 99)
    check_interval(ci_prob)
    pair = align(prices, asset=asset, benchmark=benchmark, as_of=as_of)
    windows = resolve(pair.dates, short_window, long_window, horizon)
    rule = rule_of(windows, reference, elevated, threshold, start, merge, refractory)
    return pathways_of(pair, basis, windows, rule, n_boot, ci_prob, np.random.default_rng(rng))


def pathways_of(
    pair: AlignedPair,
    basis: Basis,
    windows: Windows,
    rule: DivergenceRule,
    n_boot: int,
    ci_prob: float,
    rng: np.random.Generator,
) -> PathwayResult:
    """Read the pathways of a pair that is already aligned; see `episode_pathways`."""
    found = episodes_of(pair, basis, windows, rule)
    dates, log_prices = pd.DatetimeIndex(pair.prices.index), np.log(pair.prices.to_numpy())
    returns = np.diff(log_prices, axis=0)
    # Row i of the returns ends with price i + 1.
    rows: list[int] = (np.flatnonzero(dates.isin(found["start"])) - 1).tolist()
    openings = [_opening(log_prices[1:], returns, row, windows) for row in rows]
    told = [
        _episode(dates[1:], returns, opening, windows, n_boot, ci_prob, rng) for opening in openings
    ]
    episodes = pd.concat([found[["start", "r_short", "reference"]], pd.DataFrame(told)], axis=1)
    episodes = episodes.reindex(columns=list(_DTYPES)).astype(_DTYPES)
    gaps = [opening for opening in openings if not opening.gap.closed]
    beside = compare(episodes[episodes["pathway"] != "no gap"], gaps, returns, n_boot, ci_prob, rng)
    return PathwayResult(
        episodes,
        positioning_table(dates, log_prices, [row + 1 for row in rows], list(episodes["gap_z"])),
        beside.shares,
        beside.walks,
        pair.asset,
        pair.benchmark,
        basis,
        windows.short_window,
        windows.long_window,
        windows.horizon,
        n_boot,
        ci_prob,
    )


def _opening(path: Array, returns: Array, row: int, windows: Windows) -> Opening:
    """The gap on the row on which an episode began."""
    first = max(int(windows.long[row]), 0)
    end = int(windows.end[row])
    return Opening(
        row,
        end if end >= 0 else len(returns) - 1,
        read_gap(path[: row + 1], row - first + 1),
        returns[first : row + 1].std(axis=0, ddof=1),
    )


def _episode(
    dates: pd.DatetimeIndex,
    returns: Array,
    opening: Opening,
    windows: Windows,
    n_boot: int,
    ci_prob: float,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """How one gap closed."""
    gap, begin = opening.gap, opening.row + 1
    ahead = returns[begin : opening.last + 1]
    out: dict[str, Any] = {
        "gap_z": gap.z,
        "watched": len(ahead),
        "complete": bool(windows.end[opening.row] >= 0),
        **dict.fromkeys(("direction", "asset_direction", "benchmark_direction"), ""),
    }
    if gap.closed:
        return out | {"pathway": "no gap", "story": "", "interval_note": "no gap at the start"}
    closing = read_closings(gap, ahead[None]).iloc[0]
    moves = {name: float(closing[name]) for name in ("asset_move", "benchmark_move")}
    out |= {"pathway": closing["pathway"], "story": closing["story"], **moves}
    if closing["pathway"] == "open":
        return out | {"interval_note": "the gap did not close"}
    rows, share = int(closing["rows"]), float(closing["asset_share"])
    interval: ShareInterval = share_interval(gap, ahead[:rows], n_boot, ci_prob, rng)
    return out | {
        "direction": closing["direction"],
        "closed_on": dates[opening.row + rows],
        "rows": rows,
        "asset_direction": _direction(moves["asset_move"]),
        "benchmark_direction": _direction(moves["benchmark_move"]),
        "asset_share": share,
        "benchmark_share": 1.0 - share,
        "asset_share_lower": interval.lower,
        "asset_share_upper": interval.upper,
        "asset_led_resampled": interval.led,
        "interval_note": interval.note,
    }


def _direction(move: float) -> str:
    return ("down", "flat", "up")[int(np.sign(move)) + 1]


def _summary(result: PathwayResult) -> str:
    found = result.episodes
    windows = " and ".join(in_words(w) for w in (result.short_window, result.long_window))
    head = (
        f"Price gaps of {result.asset} against {result.benchmark} ({result.basis}, {windows} "
        f"windows, {in_words(result.horizon)} horizon)"
    )
    if found.empty:
        return f"{head}\nNo divergence was found, so there is no gap to follow."
    gaps = int((found["pathway"] != "no gap").sum())
    counted = result.shares["episodes"].loc["pathway"]
    told = ", ".join(f"{counted[name]} {name}" for name in OUTCOMES["pathway"])
    lines = [head, _listing(result), ""]
    lines.append(f"{plural(len(found), 'divergence')}, {gaps} with a gap at the start: {told}.")
    waiting = int(((found["pathway"] == "open") & ~found["complete"]).sum())
    if waiting:
        lines.append(f"{plural(waiting, 'open gap')} may still close: the data end too early.")
    if gaps:
        columns = ["observed", "gaussian", "bootstrap"]
        shares = result.shares[columns].map(lambda p: MISSING if pd.isna(p) else percent(p))
        shares.insert(0, "episodes", result.shares["episodes"])
        lines += ["", "Beside independent random walks from the same gaps:", shares.to_string()]
        lines += [_against(result, str(walk)) for walk in result.walks.index]
    return "\n".join(lines)


def _listing(result: PathwayResult) -> str:
    """One line an episode."""
    mass = f"{100 * result.ci_prob:g} %"
    rows = [
        {
            "start": day(each["start"]),
            "gap z": signed(each["gap_z"]),
            "pathway": f"{each['pathway']} {each['direction']}".strip(),
            "story": each["story"],
            "rows": MISSING if pd.isna(each["rows"]) else f"{each['rows']:.0f}",
            result.asset: signed(each["asset_move"]),
            result.benchmark: signed(each["benchmark_move"]),
            "asset's share": signed(each["asset_share"]),
            mass: f"[{signed(each['asset_share_lower'])}, {signed(each['asset_share_upper'])}]"
            if not each["interval_note"]
            else MISSING,
        }
        for _, each in result.episodes.iterrows()
    ]
    return pd.DataFrame(rows).to_string(index=False)


def _against(result: PathwayResult, walk: str) -> str:
    row = result.walks.loc[walk].to_dict()
    if pd.isna(row["closed"]):
        return f"No {walk} walk closed a gap."
    text = (
        f"{walk.capitalize()} walks close {percent(row['closed'])} of the gaps, "
        f"{percent(row['asset_led'])} of these by {result.asset} "
        f"[{percent(row['lower'])}, {percent(row['upper'])}]"
    )
    if pd.isna(row["pvalue"]):
        return f"{text}; none was seen to close."
    n = len(result.closed)
    led = int((result.closed["pathway"] == "asset-led").sum())
    return (
        f"{text}; seen {led} of {n}, p = {row['pvalue']:.3f}, smallest possible "
        f"{row['min_pvalue']:.3f}."
    )
