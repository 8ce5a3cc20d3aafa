"""Figures of a chart in many histories, and the evidence that the pair's own figure gives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from regimecorr.data.alignment import AlignedPair
from regimecorr.data.windows import Window, Windows, first_rows, resolve, window_size
from regimecorr.events import Array, Basis, legs, rolling_correlations, series_on_basis
from regimecorr.inference.claims.evidence import Evidence, upper_tail
from regimecorr.inference.claims.sample import ClaimSample
from regimecorr.inference.contrast import share_beyond
from regimecorr.inference.judgement import LEVEL
from regimecorr.inference.trial import on_basis
from regimecorr.kernels.rolling import rolling_pearson_from

#: Worlds in which the legs are linked; the widest of them gives a figure's interval.
LINKED = ("bootstrap", "dcc", "regimes")
_FEWEST = 20


def short_and_long(
    sample: ClaimSample, basis: Basis, world: str, windows: Windows
) -> Iterator[tuple[Array, Array]]:
    """Short and long correlation (n_rows,) of every history of a world."""
    for history in sample.histories(world):
        yield rolling_correlations(*legs(on_basis(history, basis)), windows)


def long_correlations(
    sample: ClaimSample, basis: Basis, world: str, windows: Windows
) -> Iterator[Array]:
    """Long correlation (n_rows,) of every history of a world."""
    for history in sample.histories(world):
        yield rolling_pearson_from(*legs(on_basis(history, basis)), windows.long)


def long_of(pair: AlignedPair, basis: Basis, window: Window) -> pd.Series:
    """Rolling correlation of a pair, without the days before the first full window."""
    first = first_rows(pair.dates, window_size("long_window", window))
    r = rolling_pearson_from(*legs(series_on_basis(pair, basis)), first)
    return pd.Series(r, index=pair.dates).dropna()


def later_correlations(sample: ClaimSample, basis: Basis, window: Window) -> pd.Series:
    """Rolling correlation after the date of the trial; empty if there are no later rows."""
    if not sample.has_later:
        return pd.Series(dtype=float)
    r = long_of(sample.whole, basis, window)
    return r[r.index > sample.dates[-1]]


def too_few_rows(sample: ClaimSample, short: Window, long: Window, horizon: Window) -> str:
    """Why the windows cannot be read on the sample; empty if they can.

    Beyond the first full long window there must be as many rows again, so that something moved.
    """
    windows = resolve(sample.dates, short, long, horizon)
    full = windows.long >= 0
    if not full.any():
        return f"too few data: {len(full)} returns do not fill the long window"
    inside = int((np.arange(len(full)) - windows.long + 1)[full].max())
    if int(full.sum()) < inside:
        return f"too few data: {int(full.sum())} rows after the first long window"
    return ""


def widest_interval(
    estimate: float, figures: Mapping[str, Array], lowest: float = -np.inf, highest: float = np.inf
) -> tuple[float, float]:
    """95 % interval of a chart's figure: its deviations in histories, about the estimate.

    A chart is one history, so its figure varies as it does from history to history of a world with
    a link. Of several worlds the one with the largest deviations is taken.
    """
    known = {name: f[np.isfinite(f)] for name, f in figures.items()}
    spread = {name: float(f.std()) for name, f in known.items() if f.size >= _FEWEST}
    if not spread or not np.isfinite(estimate):
        return float("nan"), float("nan")
    widest = known[max(spread, key=lambda name: spread[name])]
    low, high = np.quantile(widest - widest.mean(), [0.025, 0.975])
    # Where nearly all histories show one figure, both quantiles can lie on one side of the mean.
    limits = np.clip([estimate - max(high, 0.0), estimate - min(low, 0.0)], lowest, highest)
    return float(limits[0]), float(limits[1])


def against_world(
    figure: float,
    null: Array,
    *,
    sign: float = 1.0,
    most: float = np.inf,
    truth: Array | None = None,
    **rest: Any,
) -> Evidence:
    """Evidence of a figure by its values (n_boot,) in histories in which the claim is empty.

    ``sign`` times the figure is the evidence for the claim; the largest that this can be is
    ``most``, which bounds the p-value from below. ``truth`` holds the figure where the claim is
    true. ``rest`` goes to `Evidence`.
    """
    oriented = sign * null
    known = oriented[np.isfinite(oriented)]
    if known.size < _FEWEST or not np.isfinite(figure):
        reason = "the figure does not exist in enough histories of the null world"
        rest["uninformative"] = rest.get("uninformative") or reason
        return Evidence(**rest)
    mean, scale = float(known.mean()), float(known.std()) or 1.0
    replicates = np.where(np.isfinite(oriented), (oriented - mean) / scale, -np.inf)
    statistic = (sign * figure - mean) / scale
    pvalue, least = upper_tail(statistic, replicates)
    if np.isfinite(most):
        least, _ = upper_tail((most - mean) / scale - 1e-9, replicates)
    return Evidence(
        statistic=statistic,
        replicates=replicates,
        pvalue=pvalue,
        min_pvalue=min(least, pvalue),
        power=float("nan")
        if truth is None
        else share_beyond(np.where(np.isfinite(oriented), oriented, -np.inf), sign * truth, LEVEL),
        **rest,
    )
