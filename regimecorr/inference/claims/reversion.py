"""Claims about how far the log-price gap goes, and whether it comes back."""

from __future__ import annotations

import numpy as np
from scipy.signal import lfilter

from regimecorr.data.windows import Window, Windows, resolve
from regimecorr.events import Array, Basis
from regimecorr.formatting import MISSING, day, percent, signed
from regimecorr.indicators.cointegration import engle_granger, gap_unit_root, johansen
from regimecorr.indicators.half_life import half_life
from regimecorr.inference.claims.evidence import Evidence
from regimecorr.inference.claims.histories import (
    LINKED,
    against_world,
    too_few_rows,
    widest_interval,
)
from regimecorr.inference.claims.sample import ClaimSample
from regimecorr.models.base import IntArray

LONG: Window = "365D"
SHORT: Window = "90D"
#: Rows that count as the present.
PRESENT = 21
_SIMULATED = 250
_TESTED = 60


def record_gap(sample: ClaimSample, *, basis: Basis, present: int = PRESENT) -> Evidence:
    """Whether the present gap is a record, and how often a random moment has one."""
    test = (
        f"largest |z| of the log-price gap in the last {present} rows over the largest before (z "
        "by the 1-year window to each day); null: independent legs go as far beyond their record"
    )
    reason = too_few_rows(sample, SHORT, LONG, 252)
    if reason:
        return Evidence(test=test, uninformative=reason)
    windows = resolve(sample.dates, SHORT, LONG)
    gap = _own_gap(sample)
    distance, z = _standing(gap[None], windows)
    ratio = float(_record_ratio(z, present)[0])
    by_rows = _record_ratio(_standing(gap[None], resolve(sample.dates, 90, 252))[1], present)
    names = ("independent", "constant", *LINKED, "break")
    worlds = {
        name: _record_ratio(_standing(_gaps(sample.histories(name)), windows)[1], present)
        for name in names
    }
    records = ", ".join(f"{name} {np.mean(figure > 1.0):.1%}" for name, figure in worlds.items())
    earlier = np.abs(z[0, :-present])
    farther = float(np.nanmean(earlier > np.nanmax(np.abs(z[0, -present:]))))
    when = day(sample.dates[int(np.nanargmax(earlier))])
    return against_world(
        ratio,
        worlds["independent"],
        truth=worlds["break"],
        test=test,
        estimate=ratio,
        contradicted=ratio <= 1.0,
        out_of_sample=_record_since(sample),
        note=f"z is {signed(float(z[0, -1]))}; on {farther:.0%} of earlier days the gap was "
        f"farther out than it has lately been, most on {when}; by the distance in logs "
        f"the ratio is {float(_record_ratio(distance, present)[0]):.2f}, with 252 rows "
        f"{_ratio(float(by_rows[0]))}; a "
        f"random moment is a record in {records} of histories; power against a permanent break",
    )


def gap_narrows(
    sample: ClaimSample, *, basis: Basis, extreme: float = 1.5, horizon: int = 252
) -> Evidence:
    """Whether extreme gaps narrow more often than those of walks, and what ties the legs."""
    test = (
        f"share of days with |z| of the log-price gap at {extreme:g} or more after which it was "
        f"nearer to the mean of that day {horizon} rows later; null: independent legs, as often"
    )
    reason = too_few_rows(sample, SHORT, LONG, horizon)
    if reason:
        return Evidence(test=test, uninformative=reason)
    windows = resolve(sample.dates, SHORT, LONG, horizon)
    gap = _own_gap(sample)
    observed = float(_narrowed(gap[None], windows, extreme, horizon)[0])
    by_rows = _narrowed(gap[None], resolve(sample.dates, 90, 252, horizon), extreme, horizon)
    note = f"with 252 rows {percent(float(by_rows[0]))}; {_ties(sample, gap)}"
    since = _narrowed_since(sample, windows, extreme, horizon)
    if not np.isfinite(observed):
        return Evidence(
            test=test,
            uninformative=f"no gap of {extreme:g} with a horizon after it",
            out_of_sample=since,
            note=note,
        )
    alone = _gaps(sample.histories("independent"))
    null = _narrowed(alone, windows, extreme, horizon)
    linked = {
        name: _narrowed(_gaps(sample.histories(name)), windows, extreme, horizon) for name in LINKED
    }
    lower, upper = widest_interval(observed, linked, 0.0, 1.0)
    truth = _narrowed(_pulled_back(alone, horizon / 2.0), windows, extreme, horizon)
    return against_world(
        observed,
        null,
        most=1.0,
        truth=truth,
        test=test,
        estimate=observed,
        lower=lower,
        upper=upper,
        contradicted=upper < 0.5,
        uninformative=f"narrower after {observed:.0%} of such days, but the interval reaches half"
        if observed < 0.5
        else "",
        out_of_sample=since,
        note=f"walks narrow on {np.nanmean(null):.0%} of such days, gaps with a half-life of "
        f"{horizon // 2} rows on {np.nanmean(truth):.0%} (power against these); {note}",
    )


def _own_gap(sample: ClaimSample) -> Array:
    """Log-price gap (n_rows,) on the days of the returns."""
    log_prices = np.log(sample.pair.prices.to_numpy())[1:]
    return np.asarray(log_prices[:, 0] - log_prices[:, 1])


def _gaps(histories: Array) -> Array:
    """Log-price gaps (n_histories, n_rows) of log returns, from zero."""
    return np.cumsum(histories[:, :, 0] - histories[:, :, 1], axis=1)


def _standing(gaps: Array, windows: Windows) -> tuple[Array, Array]:
    """Distance of gaps (k, n_rows) from their mean over the long window to each row, and z-score.

    NaN before the first full window.
    """
    rows = np.flatnonzero(windows.long >= 0)
    first, size = windows.long[rows], rows - windows.long[rows] + 1.0
    centred = gaps - gaps.mean(axis=1, keepdims=True)
    sums, squares = (_sums(x, first, rows) for x in (centred, centred**2))
    mean = sums / size
    variance = (squares - size * mean**2) / (size - 1.0)
    distance, z = np.full(gaps.shape, np.nan), np.full(gaps.shape, np.nan)
    distance[:, rows] = centred[:, rows] - mean
    # A gap that does not move has no z-score; rounding must not make one.
    moved = variance > 1e-12 * np.maximum(mean**2, 1e-12)
    z[:, rows] = np.where(
        moved, distance[:, rows] / np.sqrt(np.where(moved, variance, 1.0)), np.nan
    )
    return distance, z


def _sums(values: Array, first: IntArray, last: IntArray) -> Array:
    total = np.concatenate([np.zeros((len(values), 1)), np.cumsum(values, axis=1)], axis=1)
    return np.asarray(total[:, last + 1] - total[:, first])


def _record_ratio(standing: Array, present: int) -> Array:
    """Largest of the last rows over the largest before (k,), in size."""
    size = np.nan_to_num(np.abs(standing))
    before = size[:, :-present].max(axis=1)
    return np.where(
        before > 0.0, size[:, -present:].max(axis=1) / np.where(before, before, 1), np.nan
    )


def _ratio(value: float) -> str:
    return f"{value:.2f}" if np.isfinite(value) else MISSING


def _narrowed(gaps: Array, windows: Windows, extreme: float, horizon: int) -> Array:
    """Share (k,) of rows with an extreme gap that was narrower at the end of the horizon."""
    distance, z = _standing(gaps, windows)
    then, size = distance[:, :-horizon], np.abs(z[:, :-horizon])
    after = then + gaps[:, horizon:] - gaps[:, :-horizon]
    with np.errstate(invalid="ignore"):
        wide = size >= extreme
        narrower = wide & (np.abs(after) < np.abs(then))
    number = wide.sum(axis=1)
    return np.where(number > 0, narrower.sum(axis=1) / np.maximum(number, 1), np.nan)


def _pulled_back(gaps: Array, rows: float) -> Array:
    """Gaps with the same moves, pulled back to their mean with a half-life of so many rows."""
    moves = np.diff(gaps, axis=1, prepend=0.0)
    moves = moves - moves.mean(axis=1, keepdims=True)
    return np.asarray(lfilter([1.0], [1.0, -(0.5 ** (1.0 / rows))], moves, axis=1))


def _ties(sample: ClaimSample, gap: Array) -> str:
    """Cointegration and half-life, with what they show where nothing ties the legs."""
    log_prices = np.log(sample.pair.prices.to_numpy())
    both, one, trace = engle_granger(log_prices), gap_unit_root(gap), johansen(log_prices)
    back = half_life(gap, n_sim=_SIMULATED, rng=sample.generator("half-life"))
    walks = np.cumsum(sample.histories("independent")[:_TESTED], axis=1)
    false = np.mean([engle_granger(walk).pvalue < 0.05 for walk in walks])
    loose = np.mean([gap_unit_root(w[:, 0] - w[:, 1]).pvalue < 0.05 for w in walks])
    return (
        f"Engle-Granger t {both.statistic:.2f} (MacKinnon 5 %: {both.critical_value:.2f}, p "
        f"{both.pvalue:.3f}, slope {both.beta:.2f}); unit root of the gap: t {one.statistic:.2f} "
        f"({one.critical_value:.2f}, p {one.pvalue:.3f}); independent legs with the same drifts "
        f"reject on {false:.0%} and {loose:.0%} of histories; Johansen's trace "
        f"{trace.statistics[0]:.1f} ({trace.critical_values[0]:.1f}) and "
        f"{trace.statistics[1]:.1f} ({trace.critical_values[1]:.1f}), rank {trace.rank}; "
        f"half-life {_count(back.median)} rows [{_count(back.lower)}, {_count(back.upper)}], by "
        f"least squares, biased, {_count(back.least_squares)}"
    )


def _count(rows: float) -> str:
    if np.isnan(rows):
        return MISSING
    return f"{rows:.0f}" if np.isfinite(rows) else "infinite"


def _later_standing(sample: ClaimSample) -> tuple[Array, Array, Array]:
    """Gap, distance and z (n_rows,) with the later rows."""
    prices = np.log(sample.whole.prices.to_numpy())[1:]
    gap = prices[:, 0] - prices[:, 1]
    distance, z = _standing(gap[None], resolve(sample.whole.dates, SHORT, LONG))
    return gap, distance[0], z[0]


def _record_since(sample: ClaimSample) -> str:
    if not sample.has_later:
        return ""
    _, _, z = _later_standing(sample)
    n = len(sample.dates)
    best, before = float(np.nanmax(np.abs(z[n:]))), float(np.nanmax(np.abs(z[:n])))
    return f"|z| at most {best:.2f} since, against {before:.2f} before: " + (
        "a record" if best > before else "no record"
    )


def _narrowed_since(sample: ClaimSample, windows: Windows, extreme: float, horizon: int) -> str:
    """Extreme gaps whose outcome was open at the date or that came since."""
    if not sample.has_later:
        return ""
    gap, distance, z = _later_standing(sample)
    n = len(sample.dates)
    open_then = np.flatnonzero(windows.end < 0)
    wide = open_then[np.abs(z[open_then]) >= extreme]
    new = int(np.sum(np.abs(z[n:]) >= extreme))
    text = f"{new} of {len(gap) - n} later days have |z| of {extreme:g} or more"
    if wide.size == 0:
        return text
    end = np.minimum(wide + horizon, len(gap) - 1)
    now = distance[wide] + gap[end] - gap[wide]
    narrower = float(np.mean(np.abs(now) < np.abs(distance[wide])))
    return (
        f"{narrower:.0%} of {wide.size} days with an open outcome at the date are narrower, at the "
        f"end of the horizon or now; {text}"
    )
