"""Claims about the chart: bands, low spells, resolution, sustained falls, short against long."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from regimecorr.data.alignment import AlignedPair
from regimecorr.data.dates import parse_day
from regimecorr.data.windows import Window, Windows, in_words, resolve
from regimecorr.episodes.detect import CHART_ELEVATED, merge_spells
from regimecorr.events import (
    Array,
    Basis,
    DivergenceRule,
    legs,
    rolling_correlations,
)
from regimecorr.formatting import day, plural, signed
from regimecorr.inference.claims.alarms import sustained_fall
from regimecorr.inference.claims.evidence import ClaimTest, Evidence
from regimecorr.inference.claims.histories import (
    LINKED,
    against_world,
    later_correlations,
    long_correlations,
    long_of,
    short_and_long,
    too_few_rows,
    widest_interval,
)
from regimecorr.inference.claims.sample import ClaimSample
from regimecorr.inference.judgement import ClaimTrial, judge
from regimecorr.inference.nulls import NULLS
from regimecorr.inference.trial import Chart, Episodes
from regimecorr.kernels.rolling import rolling_pearson_from

SHORT: Window = "90D"
LONG: Window = "365D"
#: The same year as other charts count it.
_OTHER_YEARS: tuple[Window, ...] = (252, 365)


def share_in_band(
    sample: ClaimSample,
    *,
    basis: Basis,
    band: Sequence[float] = (0.6, 0.9),
    mostly: float = 0.5,
    since: str | None = None,
) -> Evidence:
    """Share of days with the 1-year correlation in a band, against legs that nothing ties."""
    low, high = band
    test = (
        f"share of days with the 1-year correlation ({basis}) in [{low:g}, {high:g}]"
        f"{_from(since)}; null: independent legs show as large a share"
    )
    windows, days, reason = _readable(sample, since)
    if reason:
        return Evidence(test=test, uninformative=reason)

    def share(long: Array) -> float:
        return float(np.mean((long[days] >= low) & (long[days] <= high)))

    observed = share(rolling_pearson_from(*legs(sample.series(basis)), windows.long))
    worlds = {
        name: np.array([share(long) for long in long_correlations(sample, basis, name, windows)])
        for name in ("independent", *LINKED)
    }
    linked = {name: worlds[name] for name in LINKED}
    lower, upper = widest_interval(observed, linked, 0.0, 1.0)
    others = ", ".join(
        f"{_share_in(sample.pair, basis, rows, since, low, high):.0%} with {rows} rows"
        for rows in _OTHER_YEARS
    )
    chance = ", ".join(f"{name} {figure.mean():.0%}" for name, figure in worlds.items())
    return against_world(
        observed,
        worlds["independent"],
        most=1.0,
        truth=worlds["dcc"],
        test=test,
        estimate=observed,
        lower=lower,
        upper=upper,
        contradicted=upper < mostly,
        uninformative=f"{observed:.0%} of days is below {mostly:.0%}, but the interval reaches it"
        if observed < mostly
        else "",
        out_of_sample=_band_since(sample, basis, low, high),
        note=f"{others}; mean share in the worlds: {chance}; power against the fitted DCC; the "
        "interval is that of one history of the widest world",
    )


def low_only_once(
    sample: ClaimSample,
    *,
    basis: Basis,
    below: float = 0.2,
    least_rows: int = 21,
    around: Sequence[str] = ("2022-04-01", "2022-10-31"),
    since: str | None = None,
) -> Evidence:
    """Count the long spells of a low 1-year correlation, and where they lie."""
    test = (
        f"spells of at least {least_rows} rows with the 1-year correlation ({basis}) below "
        f"{below:g}{_from(since)}; null: independent legs show as few"
    )
    windows, days, reason = _readable(sample, since)
    begin, end = (parse_day(text, label="around") for text in around)
    if not reason and (sample.dates[days][0] > begin or sample.dates[-1] < end):
        reason = f"the data do not hold {day(begin)} to {day(end)}"
    if reason:
        return Evidence(test=test, uninformative=reason)

    def spells(long: Array) -> list[tuple[int, int]]:
        return [s for s in merge_spells((long < below) & days, 1) if s[1] - s[0] >= least_rows]

    found = spells(rolling_pearson_from(*legs(sample.series(basis)), windows.long))
    worlds = {
        name: np.array(
            [float(len(spells(v))) for v in long_correlations(sample, basis, name, windows)]
        )
        for name in ("independent", *LINKED)
    }
    lower, upper = widest_interval(len(found), {k: worlds[k] for k in LINKED}, 0.0)
    told = [s for s in found if sample.dates[s[0]] <= end and sample.dates[s[1] - 1] >= begin]
    chance = ", ".join(f"{name} {count.mean():.1f}" for name, count in worlds.items())
    return against_world(
        float(len(found)),
        worlds["independent"],
        sign=-1.0,
        most=-1.0,  # one spell: with none the claim is wrong as well
        truth=worlds["dcc"],
        test=test,
        estimate=float(len(found)),
        lower=lower,
        upper=upper,
        contradicted=len(found) != 1 or len(told) != 1,
        out_of_sample=_low_since(sample, basis, below, least_rows),
        note=f"{_listed(found, sample.dates)}; {len(told)} of them around the date told; with 252 "
        f"rows {_low_in_rows(sample, basis, below, least_rows, since)}; mean count in the worlds: "
        f"{chance}",
    )


def all_resolved(
    sample: ClaimSample,
    *,
    basis: Basis,
    elevated: float = CHART_ELEVATED,
    merge: int = 10,
    horizon: int = 252,
) -> Evidence:
    """Every divergence resolved: the trial of `test_claim` on the histories of the sample."""
    test = (
        f"share of divergences ({basis}, 90 and 365 days, 1-year correlation at least "
        f"{elevated:g}) back above zero within {horizon} rows; null: a permanent break to zero "
        "shows as many"
    )
    reason = too_few_rows(sample, SHORT, LONG, horizon)
    if reason:
        return Evidence(test=test, uninformative=reason)
    rule = DivergenceRule(reference="overlapping", elevated=elevated, merge=merge)
    chart = Chart.on(sample.dates, basis, SHORT, LONG, horizon, None, rule)
    observed = Episodes.of([chart.read(sample.returns)], chart)
    readings: dict[str, Episodes] = {
        name: Episodes.of([chart.read(path) for path in sample.histories(name)], chart)
        for name in NULLS
    }
    trial = judge(observed, readings, "chart", ("constant", "break"), {})
    record, since = trial.record, _resolved_since(sample, basis, rule, horizon)
    if record is None:
        return Evidence(test=test, uninformative=trial.reason, out_of_sample=since)
    return against_world(
        record.estimate,
        readings["break"].shares("chart"),
        most=1.0,
        truth=readings["constant"].shares("chart"),
        test=test,
        estimate=record.estimate,
        lower=record.clopper_pearson[0],
        upper=record.clopper_pearson[1],
        contradicted=trial.verdict == "contradicted",
        uninformative=trial.reason if trial.verdict == "uninformative" else "",
        out_of_sample=since,
        note=_trial_note(sample, basis, rule, horizon, trial),
    )


def short_moves_to_long(
    sample: ClaimSample,
    *,
    basis: Basis,
    apart: float = 0.5,
    horizon: Window = "90D",
) -> Evidence:
    """How much of the distance of both windows the short one closes, and how much is mechanical."""
    test = (
        f"part of the distance of the 90-day and the 1-year correlation ({basis}), where at least "
        f"{apart:g}, that the short one closes over a {in_words(horizon)} horizon; null: "
        "independent legs show as large a part"
    )
    reason = too_few_rows(sample, SHORT, LONG, horizon)
    if reason:
        return Evidence(test=test, uninformative=reason)
    windows = resolve(sample.dates, SHORT, LONG, horizon)
    observed, *others = _own_parts(sample, basis, windows, apart)
    if not np.isfinite(observed):
        reason = f"the windows were never {apart:g} apart"
        since = _apart_since(sample, basis, apart)
        return Evidence(test=test, uninformative=reason, out_of_sample=since)
    worlds = {
        name: np.array(
            [
                _parts_closed(*r, windows, apart)
                for r in short_and_long(sample, basis, name, windows)
            ]
        )
        for name in ("independent", *LINKED)
    }
    lower, upper = widest_interval(observed, {k: worlds[k][:, 0] for k in LINKED})
    mechanical = ", ".join(
        f"{name} {signed(float(np.nanmean(part[:, 0])))} and "
        f"{signed(float(np.nanmean(part[:, 1])))}"
        for name, part in worlds.items()
    )
    return against_world(
        observed,
        worlds["independent"][:, 0],
        truth=worlds["dcc"][:, 0],
        test=test,
        estimate=observed,
        lower=lower,
        upper=upper,
        contradicted=upper <= 0.0,
        out_of_sample=_apart_since(sample, basis, apart),
        note=f"the long window closed {signed(others[0])}; the short one closed "
        f"{signed(others[1])} from below and {signed(others[2])} from above; "
        f"{_parts_in_rows(sample, basis, horizon, apart)}; short and long in "
        f"the worlds: {mechanical}; power against the fitted DCC",
    )


def _from(since: str | None) -> str:
    return "" if since is None else f" since {since}"


def _readable(sample: ClaimSample, since: str | None) -> tuple[Windows, Any, str]:
    """Windows, the days that count (n_rows,), and why they cannot be read if so."""
    windows = resolve(sample.dates, SHORT, LONG)
    days = windows.long >= 0
    if since is not None:
        days &= sample.dates >= parse_day(since, label="since")
    reason = too_few_rows(sample, SHORT, LONG, 252)
    if not reason and days.sum() < 252:
        reason = f"too few data: {int(days.sum())} days with a 1-year correlation{_from(since)}"
    return windows, days, reason


def _share_in(
    pair: AlignedPair, basis: Basis, window: Window, since: str | None, low: float, high: float
) -> float:
    r = long_of(pair, basis, window)
    return float(r.loc[since:].between(low, high).mean())


def _band_since(sample: ClaimSample, basis: Basis, low: float, high: float) -> str:
    later = later_correlations(sample, basis, LONG)
    if later.empty:
        return ""
    return (
        f"in the band on {later.between(low, high).mean():.0%} of {len(later)} days, last "
        f"{signed(float(later.iloc[-1]))}"
    )


def _low_since(sample: ClaimSample, basis: Basis, below: float, least_rows: int) -> str:
    later = later_correlations(sample, basis, LONG)
    if later.empty:
        return ""
    spells = merge_spells((later < below).to_numpy(), 1)
    long = [s for s in spells if s[1] - s[0] >= least_rows]
    return (
        f"below {below:g} on {(later < below).mean():.0%} of {len(later)} days, "
        f"{plural(len(long), 'further long spell')}, lowest {signed(float(later.min()))}"
    )


def _listed(spells: Sequence[tuple[int, int]], dates: pd.DatetimeIndex) -> str:
    if not spells:
        return "no such spell"
    return ", ".join(f"{day(dates[a])} to {day(dates[b - 1])}" for a, b in spells)


def _low_in_rows(
    sample: ClaimSample, basis: Basis, below: float, least_rows: int, since: str | None
) -> str:
    r = long_of(sample.pair, basis, 252).loc[since:]
    spells = [s for s in merge_spells((r < below).to_numpy(), 1) if s[1] - s[0] >= least_rows]
    return _listed(spells, pd.DatetimeIndex(r.index))


def _trial_note(
    sample: ClaimSample, basis: Basis, rule: DivergenceRule, horizon: int, trial: ClaimTrial
) -> str:
    ratio = float(trial.likelihood_ratios.to_numpy()[NULLS.index("constant"), NULLS.index("break")])
    chart = Chart.on(sample.dates, basis, 90, 252, horizon, None, rule)
    rows = Episodes.of([chart.read(sample.returns)], chart)
    alone = trial.worlds.loc["independent"]
    return (
        f"{int(trial.observed['resolved'])} of {int(trial.observed['matured'])}; with 90 and 252 "
        f"rows {int(rows.chart.sum())} of {int(rows.matured.sum())}; by fresh rows "
        f"{int(trial.observed['resolved_fresh'])}; likelihood ratio of no change against a "
        f"permanent break {ratio:.2f}; independent legs: {alone['episodes_per_year']:.2f} a year, "
        f"{alone['resolved_chart']:.0%} resolve"
    )


def _resolved_since(sample: ClaimSample, basis: Basis, rule: DivergenceRule, horizon: int) -> str:
    if not sample.has_later:
        return ""
    chart = Chart.on(sample.whole.dates, basis, SHORT, LONG, horizon, None, rule)
    found = chart.read(sample.whole.returns.to_numpy())
    episodes = Episodes.of([found], chart)
    # Those whose horizon had not passed at the date, and later ones.
    new = found[:, 0] + horizon >= len(sample.dates)
    if not new.any():
        return "no divergence was under way or began"
    back = int((new & episodes.back).sum())
    return (
        f"{plural(int(new.sum()), 'divergence')} open at the date or begun since, {back} back "
        f"above zero, {int((new & episodes.matured).sum())} with the horizon passed"
    )


def _parts_closed(short: Array, long: Array, windows: Windows, apart: float) -> list[float]:
    """Mean part of the distance closed by the short and by the long window, and two more.

    The last two are the short window's part where it is below and where it is above. Over all
    days with the windows apart and the horizon passed; NaN without any.
    """
    rows = np.flatnonzero((np.abs(short - long) >= apart) & (windows.end >= 0))
    if rows.size == 0:
        return [float("nan")] * 4
    then, distance = windows.end[rows], long[rows] - short[rows]
    by_short = (short[then] - short[rows]) / distance
    by_long = (long[rows] - long[then]) / distance
    sides = (by_short[side] for side in (distance > 0.0, distance < 0.0))
    return [
        float(by_short.mean()),
        float(by_long.mean()),
        *(float(side.mean()) if side.size else float("nan") for side in sides),
    ]


def _own_parts(sample: ClaimSample, basis: Basis, windows: Windows, apart: float) -> list[float]:
    correlations = rolling_correlations(*legs(sample.series(basis)), windows)
    return _parts_closed(*correlations, windows, apart)


def _parts_in_rows(sample: ClaimSample, basis: Basis, horizon: Window, apart: float) -> str:
    """The short window's part with 90 and 252 rows; a horizon of its length stays one."""
    ahead = 90 if horizon == SHORT else horizon
    part = _own_parts(sample, basis, resolve(sample.dates, 90, 252, ahead), apart)[0]
    return f"with 90 and 252 rows and a {in_words(ahead)} horizon {signed(part)}"


def _apart_since(sample: ClaimSample, basis: Basis, apart: float) -> str:
    long, short = later_correlations(sample, basis, LONG), later_correlations(sample, basis, SHORT)
    if long.empty:
        return ""
    before = (
        long_of(sample.pair, basis, LONG).iloc[-1],
        long_of(sample.pair, basis, SHORT).iloc[-1],
    )
    how = "apart" if abs(before[1] - before[0]) >= apart else "not apart"
    return (
        f"{how} at the date (90 days {signed(before[1])}, 1 year {signed(before[0])}); since then "
        f"the long one fell as low as {signed(float(long.min()))} on {day(long.idxmin())}; last: "
        f"90 days {signed(float(short.iloc[-1]))}, 1 year {signed(float(long.iloc[-1]))}"
    )


TESTS: dict[str, ClaimTest] = {
    "share_in_band": share_in_band,
    "low_only_once": low_only_once,
    "all_resolved": all_resolved,
    "sustained_fall": sustained_fall,
    "short_moves_to_long": short_moves_to_long,
}
