"""How independent random walks close the same gaps, from the same days, over the same rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from regimecorr.episodes.closing import BOTH, LAGGARD, LEADER, read_closings
from regimecorr.events import Array, Gap
from regimecorr.kernels.resample import stationary_indices

Walk: TypeAlias = Literal["gaussian", "bootstrap"]
WALKS: tuple[Walk, ...] = get_args(Walk)

#: Mean block, in rows, of the walks that are resampled from the sample.
WALK_BLOCK = 20.0
_HELD = 4_000_000  # numbers held at once

#: Three ways to sort the same closings; each adds up to one.
OUTCOMES = {
    "pathway": ("asset-led", "benchmark-led", "open"),
    "direction": (
        "asset-led up",
        "asset-led down",
        "benchmark-led up",
        "benchmark-led down",
        "open",
    ),
    "story": (LAGGARD, LEADER, BOTH, "open"),
}
_COLUMNS = ["closed", "asset_led", "lower", "upper", "pvalue", "min_pvalue"]


@dataclass(frozen=True, slots=True, eq=False)
class Opening:
    """A gap that was open when an episode began.

    Attributes
    ----------
    row, last : int
        Row of the returns on which it began, and the last one on which its closing was watched.
    gap : Gap
        The gap, with its moments frozen.
    volatility : ndarray of shape (2,)
        Standard deviation of each leg's returns over the long window to ``row``.
    """

    row: int
    last: int
    gap: Gap
    volatility: Array


class Comparison(NamedTuple):
    """Observed shares beside those of the walks, and the tests of who closed."""

    shares: pd.DataFrame
    walks: pd.DataFrame


def compare(
    observed: pd.DataFrame,
    openings: list[Opening],
    returns: Array,
    n_walks: int,
    ci_prob: float,
    rng: np.random.Generator,
) -> Comparison:
    """Compare closings (``pathway``, ``direction``, ``story``) with those of random walks."""
    rows = [(kind, name) for kind, names in OUTCOMES.items() for name in names]
    index = pd.MultiIndex.from_tuples(rows, names=["by", "outcome"])
    counts = _indicators(observed).sum(axis=0)
    shares = pd.DataFrame({"episodes": counts}, index=index)
    shares["observed"] = counts / len(observed) if len(observed) else np.nan
    tests = {}
    for walk in WALKS:
        drawn = walk_counts(walk, openings, returns, n_walks, rng)
        shares[walk] = drawn.mean(axis=0) / len(openings) if openings else np.nan
        tests[walk] = leader_test(counts[:2], drawn[:, :2], len(openings), ci_prob)
    table = pd.DataFrame.from_dict(tests, orient="index", columns=_COLUMNS)
    return Comparison(shares, table.rename_axis("walk"))


def _indicators(closings: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Which outcomes each closing is, (n_closings, n_outcomes) in the order of `OUTCOMES`."""
    sorts = {
        "pathway": closings["pathway"],
        "direction": (closings["pathway"] + " " + closings["direction"]).str.strip(),
        "story": closings["story"],
    }
    columns = [sorts[kind] == name for kind, names in OUTCOMES.items() for name in names]
    return np.column_stack(columns).astype(np.int64)


def walk_counts(
    walk: Walk, openings: list[Opening], returns: Array, n_walks: int, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Counts of outcomes (n_walks, n_outcomes)."""
    width = sum(len(names) for names in OUTCOMES.values())
    counts = np.zeros((n_walks, width), dtype=np.int64)
    if not openings:
        return counts
    begin, end = min(o.row for o in openings), max(o.last for o in openings)
    done = 0
    for steps in _steps(walk, returns, end - begin, n_walks, rng):
        here = slice(done, done + len(steps))
        for opening in openings:
            # Episodes whose horizons overlap watch the same rows of one walk.
            moves = steps[:, opening.row - begin : opening.last - begin]
            if walk == "gaussian":
                moves = moves * opening.volatility
            counts[here] += _indicators(read_closings(opening.gap, moves))
        done += len(steps)
    return counts


def _steps(
    walk: Walk, returns: Array, span: int, n_walks: int, rng: np.random.Generator
) -> Iterator[Array]:
    """Steps of walks in groups (n, span, 2): standard normal, or each leg's returns in blocks."""
    centred, n = returns - returns.mean(axis=0), len(returns)
    group = max(1, _HELD // max(2 * span, 1))
    for first in range(0, n_walks, group):
        size = min(group, n_walks - first)
        if walk == "gaussian":
            yield rng.standard_normal((size, span, 2))
            continue
        steps = np.empty((size, span, 2))
        for i in range(size):
            for leg in range(2):
                rows = stationary_indices(rng.integers(0, n, n), rng.random(n), WALK_BLOCK)
                steps[i, :, leg] = centred[rows[:span], leg]
        yield steps


def leader_test(
    observed: npt.NDArray[np.int64], drawn: npt.NDArray[np.int64], n_gaps: int, ci_prob: float
) -> list[float]:
    """Share closed and asset-led share of the closed; limits, p-value and its minimum.

    ``observed`` (2,) and ``drawn`` (n_walks, 2) count closings led by the asset and the benchmark.
    """
    closed = drawn.sum(axis=1)
    if not closed.any():
        return [np.nan] * len(_COLUMNS)
    shares = drawn[closed > 0, 0] / closed[closed > 0]
    tail = 0.5 * (1.0 - ci_prob)
    limits = np.quantile(shares, [tail, 1.0 - tail], method="inverted_cdf")
    out = [closed.mean() / n_gaps, drawn[:, 0].sum() / closed.sum(), *limits]
    if observed.sum() == 0:
        return [*out, np.nan, np.nan]
    least = min(_pvalue(0.0, shares), _pvalue(1.0, shares))
    return [*out, _pvalue(observed[0] / observed.sum(), shares), least]


def _pvalue(share: float, shares: Array) -> float:
    """Two-sided Monte-Carlo p-value: twice that of the rarer side, at most 1."""
    slack = 1e-12  # 2 of 6 is 1 of 3
    above, below = (shares >= share - slack).sum(), (shares <= share + slack).sum()
    return float(min(1.0, 2.0 * (1.0 + min(above, below)) / (len(shares) + 1.0)))
