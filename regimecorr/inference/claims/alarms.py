"""The claim that structural change needs a sustained fall of the 1-year correlation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple, TypeAlias, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from regimecorr.data.windows import Window, Windows, resolve
from regimecorr.episodes.detect import half_short_window, merge_spells
from regimecorr.events import (
    Array,
    Basis,
    DivergenceRule,
    IntArray,
    divergences,
    is_structural,
    legs,
    series_on_basis,
)
from regimecorr.formatting import day, percent, plural, signed
from regimecorr.inference.claims.evidence import Evidence
from regimecorr.inference.claims.histories import (
    LINKED,
    against_world,
    too_few_rows,
    widest_interval,
)
from regimecorr.inference.claims.sample import ClaimSample
from regimecorr.inference.nulls import ResidualWorld
from regimecorr.inference.trial import ROWS_PER_YEAR, on_basis
from regimecorr.kernels import divergence as column
from regimecorr.kernels.rolling import rolling_pearson, rolling_pearson_from

SHORT: Window = "90D"
LONG: Window = "365D"
#: Histories that a rule's record is taken from, and those of a break, which are made for it.
_RECORDED = 250
_CALM = ("constant", "dcc", "regimes")

BoolArray: TypeAlias = npt.NDArray[np.bool_]
_Rule: TypeAlias = Callable[[Array], BoolArray]


class Alarm(NamedTuple):
    """The rule on a history (n_rows,): where it watches, is on, and goes off."""

    watched: BoolArray
    on: BoolArray
    begins: BoolArray


def sustained_fall(
    sample: ClaimSample,
    *,
    basis: Basis,
    fall_below: float = 0.3,
    sustained_rows: int = 63,
    horizon: int = 252,
) -> Evidence:
    """A sustained fall of the 1-year correlation announces a lower correlation a year on."""
    test = (
        f"correlation of fresh rows (the second half of {horizon}) after days without the alarm "
        f"(1-year correlation below {fall_below:g} for {sustained_rows} rows after a fall) less "
        "that after days with it; null: the fitted DCC, whose correlation always comes back"
    )
    reason = too_few_rows(sample, SHORT, LONG, horizon)
    if reason:
        return Evidence(test=test, uninformative=reason)
    windows = resolve(sample.dates, SHORT, LONG, horizon)

    in_rows = resolve(sample.dates, 90, 252, horizon)

    def lowered(values: Array, windows: Windows = windows) -> float:
        return _lowered(values, windows, fall_below, sustained_rows, horizon)

    observed = lowered(sample.series(basis))
    record = _track_record(sample, basis, windows, fall_below, sustained_rows)
    note = _note(record) + _own_alarms(sample, basis, windows, fall_below, sustained_rows)
    note += f" With 252 rows the difference is {signed(lowered(sample.series(basis), in_rows))}."
    since = _since(sample, basis, fall_below, sustained_rows)
    if not np.isfinite(observed):
        reason = "the alarm never went off, or never with a year to follow, in these data"
        return Evidence(test=test, uninformative=reason, out_of_sample=since, note=note)
    worlds = {
        name: np.array([lowered(on_basis(path, basis)) for path in sample.histories(name)])
        for name in (*LINKED, "break")
    }
    lower, upper = widest_interval(observed, {k: worlds[k] for k in LINKED})
    return against_world(
        observed,
        worlds["dcc"],
        truth=worlds["break"],
        test=test,
        estimate=observed,
        lower=lower,
        upper=upper,
        contradicted=upper <= 0.0,
        out_of_sample=since,
        note=note,
    )


def alarm(long: Array, fall_below: float, sustained_rows: int) -> Alarm:
    """Read the rule off a long correlation (n_rows,).

    It watches from the first row with a correlation of ``fall_below`` or more: without that there
    is nothing to fall from. It is on once the correlation has been lower for so many rows, until it
    is not.
    """
    rows = np.arange(long.size)
    high = long >= fall_below
    watched = np.logical_or.accumulate(high) & np.isfinite(long)
    low = watched & ~high
    run = rows - np.maximum.accumulate(np.where(low, -1, rows))
    on = low & (run >= sustained_rows)
    return Alarm(watched, on, on & (run == sustained_rows))


def _lowered(
    values: Array, windows: Windows, fall_below: float, sustained_rows: int, horizon: int
) -> float:
    """Mean fresh correlation after days without the alarm, less that after days with it."""
    x, y = legs(values)
    state = alarm(rolling_pearson_from(x, y, windows.long), fall_below, sustained_rows)
    ahead = rolling_pearson(x, y, horizon - horizon // 2)[horizon:]
    watched, on = state.watched[:-horizon], state.on[:-horizon]
    if not on.any() or not (watched & ~on).any():
        return float("nan")
    return float(ahead[watched & ~on].mean() - ahead[on].mean())


def _rules(windows: Windows, fall_below: float, sustained_rows: int) -> Mapping[str, _Rule]:
    """Rows (n_rows,) on which each rule is on, by rule."""
    apart, n = half_short_window(windows), len(windows)

    def sustained(values: Array) -> BoolArray:
        return alarm(
            rolling_pearson_from(*legs(values), windows.long), fall_below, sustained_rows
        ).on

    def negative(values: Array) -> BoolArray:
        on = np.zeros(n, dtype=bool)
        short = rolling_pearson_from(*legs(values), windows.short)
        for first, stop in merge_spells(short < 0.0, apart):
            on[first:stop] = True
        return on

    def fresh(values: Array) -> BoolArray:
        on = np.zeros(n, dtype=bool)
        found = divergences(values, windows, DivergenceRule(merge=apart))
        found = found[(found[:, column.TRUNCATED] == 0.0) & (found[:, column.END] >= 0.0)]
        sign = np.where(found[:, column.REFERENCE] < 0.0, -1, 1)
        lost = is_structural(found[:, column.FRESH], sign, found[:, column.MIDPOINT])
        on[found[lost, column.END].astype(int)] = True
        return on

    return {
        f"1-year below {fall_below:g} for {sustained_rows} rows": sustained,
        "90-day below zero": negative,
        "fresh rows a year after a divergence": fresh,
    }


def _track_record(
    sample: ClaimSample, basis: Basis, windows: Windows, fall_below: float, sustained_rows: int
) -> pd.DataFrame:
    """By rule: false alarms a year in worlds without a break, and what became of breaks.

    The breaks are all on the middle row: ``already`` is the share of them on which the rule was on
    before, ``within_year`` and ``within_two`` the shares after which it went off within 252 and 504
    rows; ``delay`` is the median number of rows to the first alarm after the break, infinite if
    half of them saw none.
    """
    size, n = min(_RECORDED, sample.n_boot), len(windows)
    years = float((windows.long >= 0).sum() / ROWS_PER_YEAR)
    world = cast(ResidualWorld, sample.worlds["break"])
    middle = replace(world, dates=(0.5, 0.5 + 1.25 / n))  # one row to draw from
    broken = middle.replicate(size, sample.generator("break in the middle"))
    out = {}
    for name, rule in _rules(windows, fall_below, sustained_rows).items():
        calm = {
            world: np.mean([_begins(rule(on_basis(p, basis))).size for p in paths[:size]])
            for world, paths in ((w, sample.histories(w)) for w in _CALM)
        }
        states = [rule(on_basis(path, basis)) for path in broken]
        delay = np.array([_delay(_begins(on), n // 2) for on in states])
        out[name] = {f"false_{world}": alarms / years for world, alarms in calm.items()} | {
            "already": np.mean([on[n // 2 - 1] for on in states]),
            "within_year": np.mean(delay <= 252),
            "within_two": np.mean(delay <= 504),
            "delay": np.median(delay),
        }
    return pd.DataFrame(out).T


def _begins(on: BoolArray) -> IntArray:
    """Rows on which a rule goes off."""
    return np.flatnonzero(on[1:] & ~on[:-1]) + 1


def _delay(alarms: IntArray, broke: int) -> float:
    later = alarms[alarms >= broke]
    return float(later[0] - broke) if later.size else float("inf")


def _note(record: pd.DataFrame) -> str:
    parts = []
    for name, row in record.iterrows():
        delay = f"{row['delay']:.0f} rows" if np.isfinite(row["delay"]) else "none"
        parts.append(
            f"{name}: false alarms a year "
            + ", ".join(f"{row[f'false_{world}']:.2f} ({world})" for world in _CALM)
            + f"; at breaks to zero {percent(row['already'])} already on, "
            f"{percent(row['within_year'])} go off within a year, {percent(row['within_two'])} "
            f"within two, median delay {delay}"
        )
    return ". ".join(parts) + "."


def _own_alarms(
    sample: ClaimSample, basis: Basis, windows: Windows, fall_below: float, sustained_rows: int
) -> str:
    long = rolling_pearson_from(*legs(sample.series(basis)), windows.long)
    dates = sample.dates[alarm(long, fall_below, sustained_rows).begins]
    return f" In these data: {', '.join(day(d) for d in dates) or 'no alarm'}."


def _since(sample: ClaimSample, basis: Basis, fall_below: float, sustained_rows: int) -> str:
    if not sample.has_later:
        return ""
    dates = sample.whole.dates
    windows = resolve(dates, SHORT, LONG)
    long = rolling_pearson_from(*legs(series_on_basis(sample.whole, basis)), windows.long)
    later = dates > sample.dates[-1]
    alarms = int(alarm(long, fall_below, sustained_rows).begins[later].sum())
    return (
        f"{plural(alarms, 'alarm')} in {int(later.sum())} rows; the 1-year correlation lay between "
        f"{signed(float(np.nanmin(long[later])))} and {signed(float(np.nanmax(long[later])))}"
    )
