"""Claims about changes and causes: events, whose break it is, who leads."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from regimecorr.events import Basis, legs
from regimecorr.inference.claims import leading
from regimecorr.inference.claims.evidence import (
    ClaimTest,
    Evidence,
    from_bootstrap,
    missing,
    upper_tail,
)
from regimecorr.inference.claims.sample import ClaimSample
from regimecorr.inference.claims.table import Event
from regimecorr.inference.claims.weights import (
    correlation,
    correlation_of,
    covariances,
    draws,
    in_words,
    known_since,
    overlapping,
    partial_correlation_of,
    returns_with_others,
    standard_error,
    weakest,
)
from regimecorr.inference.judgement import LEVEL
from regimecorr.inference.known_dates import change_statistic, sup_test
from regimecorr.inference.stepdown import romano_wolf
from regimecorr.models.base import Array

_FEWEST_ROWS = 63
_FEWEST_SINCE = 126
_CHUNK = 200
#: Change of the correlation at an event that the power is that of.
_LIKELY_CHANGE = 0.3


# --- 14 --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class EventTest:
    """One event: correlation before and after, statistic, and its scatter in bootstrap samples.

    Attributes
    ----------
    event : Event
    split : int
        First row on or after it.
    rows : tuple of int
        Rows before and after.
    before, after : float
        Correlations.
    error, statistic : float
        Standard error of the change of Fisher's z, and their ratio.
    moves : ndarray of shape (n_boot,)
        The same change in bootstrap samples, less that of the sample, over the error.
    """

    event: Event
    split: int
    rows: tuple[int, int]
    before: float
    after: float
    error: float
    statistic: float
    moves: Array

    @classmethod
    def of(
        cls, event: Event, z: Array, split: int, window: int | None, weights: Array
    ) -> EventTest:
        """Test the rows around the event's first one; every row keeps its side of it."""
        n = len(z)
        first = 0 if window is None else max(0, split - window)
        last = n if window is None else min(n, split + window)
        x, y = legs(z)
        before, after, error, statistic = (
            float(v) for v in change_statistic(x[first:last], y[first:last], split - first)
        )
        sides = slice(first, split), slice(split, last)
        drawn = [np.arctanh(correlation(x[s], y[s], weights[:, s])) for s in sides]
        moves = (drawn[1] - drawn[0]) / error - statistic
        rows = (split - first, last - split)
        return cls(event, split, rows, before, after, error, statistic, moves)


def events_changed_it(sample: ClaimSample, *, basis: Basis, window: int | None = 252) -> Evidence:
    """The correlation after some event differs from that before it, more than at other dates."""
    side = "all rows" if window is None else f"{window} rows"
    test = (
        f"change of the correlation of standardized returns at the events, {side} on either side, "
        "largest statistic; null: none changed it"
    )
    z, weights = sample.margins.z, draws(sample.rows, len(sample.returns))
    tests = _tests_of_events(sample, z, window, weights)
    if not tests:
        return Evidence(
            test=test, uninformative=f"no event has {_FEWEST_ROWS} rows before and after it"
        )
    statistics = np.abs([t.statistic for t in tests])
    moves = np.column_stack([np.abs(t.moves) for t in tests])
    moves = np.where(np.isfinite(moves), moves, -np.inf)
    largest, best = moves.max(axis=1), tests[int(np.argmax(statistics))]
    pvalue, least = upper_tail(float(statistics.max()), largest)
    elsewhere = _elsewhere(z, tests, window)
    reason = ""
    if pvalue < LEVEL < elsewhere:
        reason = f"as many other dates hold as large a change with probability {elsewhere:.0%}"
    known = np.isfinite(best.moves)
    ends = np.arctanh(best.after) - np.arctanh(best.before)
    ends = ends - best.error * np.quantile(best.moves[known], [0.975, 0.025])
    # The change of Fisher's z, read as one of the correlation around the two sides' middle.
    slope = 1.0 - ((best.after + best.before) / 2.0) ** 2
    return Evidence(
        test=test,
        estimate=best.after - best.before,
        lower=float(ends[0] * slope),
        upper=float(ends[1] * slope),
        statistic=float(statistics.max()),
        replicates=largest,
        pvalue=pvalue,
        min_pvalue=least,
        power=_event_power(tests, moves, largest),
        uninformative=reason,
        note=_event_note(sample, z, tests, romano_wolf(statistics, moves), best, elsewhere),
        out_of_sample=_later_event(sample, best),
    )


def _elsewhere(z: Array, tests: list[EventTest], window: int | None) -> float:
    """Chance that the largest statistic of as many other dates is as large.

    Other dates lie 63 rows or more from every event: nearer ones see the event itself. They are
    taken as independent draws. NaN where there are none.
    """
    n, events = len(z), np.array([t.split for t in tests])
    reach = _FEWEST_ROWS if window is None else window
    splits = np.arange(reach, n - reach + 1)
    splits = splits[(np.abs(splits[:, None] - events) >= _FEWEST_ROWS).all(axis=1)]
    if splits.size == 0:
        return float("nan")
    x, y = legs(z)
    if window is None:
        path = np.abs([float(change_statistic(x, y, int(split))[3]) for split in splits])
    else:
        frames = [np.lib.stride_tricks.sliding_window_view(v, 2 * window) for v in (x, y)]
        parts = np.array_split(splits - reach, max(1, len(splits) // _CHUNK))
        path = np.abs(
            np.concatenate([change_statistic(frames[0][p], frames[1][p], window)[3] for p in parts])
        )
    one = float(np.mean(path >= max(abs(t.statistic) for t in tests)))
    return 1.0 - (1.0 - one) ** len(tests)


def _tests_of_events(
    sample: ClaimSample, z: Array, window: int | None, weights: Array
) -> list[EventTest]:
    found = []
    for event in sorted(sample.events, key=lambda event: event.date):
        split = int(sample.dates.searchsorted(event.date))
        if min(split, len(z) - split) >= _FEWEST_ROWS:
            found.append(EventTest.of(event, z, split, window, weights))
    return found


def _event_power(tests: list[EventTest], moves: Array, largest: Array) -> float:
    """Chance to reject if the correlation had moved by 0.3 at one event, any of them.

    It moves towards the other sign, from what it was before the event.
    """
    critical = np.quantile(largest, 1.0 - LEVEL)
    powers = []
    for i, t in enumerate(tests):
        after = t.before - np.copysign(_LIKELY_CHANGE, t.before)
        moved = np.abs(t.moves + (np.arctanh(after) - np.arctanh(t.before)) / t.error)
        others = np.delete(moves, i, axis=1).max(axis=1, initial=-np.inf)
        powers.append(float(np.mean(np.maximum(moved, others) > critical)))
    return float(np.mean(powers))


def _event_note(
    sample: ClaimSample,
    z: Array,
    tests: list[EventTest],
    adjusted: Array,
    best: EventTest,
    elsewhere: float,
) -> str:
    parts = [
        f"{t.event.name} {t.before:.2f} to {t.after:.2f} ({t.rows[0]} and {t.rows[1]} rows; "
        f"t {t.statistic:.1f}, adjusted p {p:.2f})"
        for t, p in zip(tests, adjusted, strict=True)
    ]
    one = np.ones((1, len(z)))
    whole = [f"{t.event.name} t {t.statistic:.1f}" for t in _tests_of_events(sample, z, None, one)]
    left_out = [e.name for e in sample.events if e not in [t.event for t in tests]]
    text = (
        f"Largest: {best.event.name}. {'; '.join(parts)}. With all rows on either side: "
        f"{', '.join(whole)}. Chance that the largest change at as many other dates is as "
        f"large: {elsewhere:.0%}."
    )
    if left_out:
        text += f" Too near the ends: {', '.join(left_out)}."
    if 0.15 * len(z) >= _FEWEST_ROWS:
        sup = sup_test(*legs(z), sample.rows)
        text += f" Unknown date: p {sup.pvalue:.3f}, most likely {sample.dates[sup.row]:%Y-%m-%d}."
    return (
        f"{text} Errors from the influence of each row (long-run variance, any tails), p-values "
        "from the block bootstrap; power: mean over the events, had one moved it by "
        f"{_LIKELY_CHANGE:g} towards the other sign."
    )


def _later_event(sample: ClaimSample, best: EventTest) -> str:
    returns = sample.whole.returns
    later = returns.loc[returns.index > sample.dates[-1]].to_numpy()
    if len(later) < _FEWEST_ROWS:
        return ""
    r = float(np.corrcoef(later.T)[0, 1])
    return f"correlation {r:.2f} in {len(later)} later rows ({best.after:.2f} after the event)"


# --- 17 --------------------------------------------------------------------------------------


def whose_break(sample: ClaimSample, *, basis: Basis, since: str) -> Evidence:
    """The asset's correlation fell at a date, and by more than its peer's."""
    test = f"fall of the asset's correlation since {since}, and beyond its peer's; null: none"
    if sample.peer is None:
        return missing("no peer column was given", test)
    if sample.market is None:
        return missing("no market column was given", test)
    table = returns_with_others(sample)
    known = table.notna().all(axis=1).to_numpy()
    after = known_since(sample.dates, since)
    if min((known & after).sum(), (known & ~after).sum()) < _FEWEST_SINCE:
        return Evidence(
            test=test,
            uninformative=f"fewer than {_FEWEST_SINCE} common rows before or after {since}",
        )
    weights = draws(sample.rows, len(table)) * known
    changes = _changes(sample, table, known, after, weights)
    own, peer = changes[0], changes[2]
    excess = own.change - peer.change, own.replicates - peer.replicates
    parts = [
        from_bootstrap(
            own.change,
            own.replicates,
            sign=-1.0,
            test=f"change of the asset's correlation since {since}; null: it did not fall",
        ),
        from_bootstrap(
            *excess,
            sign=-1.0,
            test=f"change of the asset's correlation since {since} less that of its peer; null: "
            "it fell by no more",
        ),
    ]
    found = weakest(parts, ["a fall at all", "beyond the peer's"])
    if not any(part.uninformative for part in parts):
        shown = np.ones(sample.n_boot, dtype=bool)
        for part in parts:
            effect = own.before / standard_error(part)
            shown &= part.replicates + effect > np.quantile(part.replicates, 1.0 - LEVEL)
        found = replace(found, power=float(shown.mean()))
    note = _break_note(changes, excess, _three_row(sample, table, known, after))
    return replace(found, note=note, out_of_sample=_later_break(sample))


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """A correlation before and after a date, and the bootstrap values of the change."""

    name: str
    before: float
    after: float
    replicates: Array

    @property
    def change(self) -> float:
        """After less before."""
        return self.after - self.before


def _links(sample: ClaimSample) -> list[tuple[str, tuple[int, ...]]]:
    """Correlations, plain or given a third, by columns of `returns_with_others`."""
    asset, benchmark = sample.pair.asset, sample.pair.benchmark
    peer, market = sample.peer, sample.market
    return [
        (f"{asset}-{benchmark}", (0, 1)),
        (f"{asset}-{market}", (0, 3)),
        (f"{peer}-{benchmark}", (2, 1)),
        (f"{asset}-{benchmark} given {peer}", (0, 1, 2)),
        (f"{asset}-{benchmark} given {market}", (0, 1, 3)),
    ]


def _read(covariance: Array, link: tuple[int, ...]) -> Array:
    if len(link) == 2:
        return correlation_of(covariance, link[0], link[1])
    return partial_correlation_of(covariance, link[0], link[1], link[2])


def _changes(
    sample: ClaimSample, table: pd.DataFrame, known: np.ndarray, after: np.ndarray, weights: Array
) -> list[Change]:
    columns = table.fillna(0.0).to_numpy()
    samples = np.concatenate([known[None].astype(float), weights])
    old, new = (covariances(columns, samples * side) for side in (~after, after))
    out = []
    for name, link in _links(sample):
        before, since = _read(old, link), _read(new, link)
        moves = since[1:] - before[1:]
        out.append(Change(name, float(before[0]), float(since[0]), moves))
    return out


def _break_note(changes: list[Change], excess: tuple[float, Array], three: str) -> str:
    errors = [c.replicates.std(ddof=1) for c in changes]
    statistics = np.array([abs(c.change) / e for c, e in zip(changes, errors, strict=True)])
    moves = np.column_stack(
        [np.abs(c.replicates - c.change) / e for c, e in zip(changes, errors, strict=True)]
    )
    adjusted = romano_wolf(statistics, moves)
    parts = [
        f"{c.name} {c.before:.2f} to {c.after:.2f} (adjusted p {p:.2f})"
        for c, p in zip(changes, adjusted, strict=True)
    ]
    return (
        f"Two-sided, tested together: {'; '.join(parts)}. The asset's change less the peer's "
        f"{in_words(*excess)}. {three} Power: had the asset's correlation, and only it, gone to "
        "zero. Block bootstrap with common rows."
    )


def _three_row(
    sample: ClaimSample, table: pd.DataFrame, known: np.ndarray, after: np.ndarray
) -> str:
    """Changes on 3-row returns, for which the hours between the closes matter less."""
    sums = overlapping(table.to_numpy(), 3)
    usable = np.isfinite(sums).all(axis=1) & known
    sums = np.where(usable[:, None], sums, 0.0)
    old, new = (covariances(sums, (usable & side).astype(float)[None]) for side in (~after, after))
    told = [
        f"{name} {float(_read(old, link)[0]):.2f} to {float(_read(new, link)[0]):.2f}"
        for name, link in _links(sample)[:3]
    ]
    return f"On 3-row returns: {', '.join(told)}."


def _later_break(sample: ClaimSample) -> str:
    table = returns_with_others(sample, later=True)
    later = table.loc[table.index > sample.dates[-1]].dropna()
    if len(later) < _FEWEST_ROWS:
        return ""
    covariance = covariances(later.to_numpy(), np.ones((1, len(later))))
    told = [f"{name} {float(_read(covariance, link)[0]):.2f}" for name, link in _links(sample)]
    return f"{', '.join(told)} in {len(later)} later rows"


TESTS: dict[str, ClaimTest] = {
    "events_changed_it": events_changed_it,
    "whose_break": whose_break,
    **leading.TESTS,
}
