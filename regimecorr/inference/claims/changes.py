"""Claims about changes and causes: events, whose break it is, who leads."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from regimecorr.data.alignment import AlignedPair
from regimecorr.events import Basis
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
    bootstrap,
    correlation_of,
    covariances,
    draws,
    in_words,
    known_since,
    overlapping,
    partial_correlation_of,
    standard_error,
    standardized,
    weaker,
)
from regimecorr.inference.judgement import LEVEL
from regimecorr.inference.known_dates import change_statistic, sup_test
from regimecorr.inference.stepdown import romano_wolf
from regimecorr.models.base import Array

_FEWEST_ROWS = 63
_FEWEST_SINCE = 126
_CHUNK = 200


# --- 14 --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class EventTest:
    """One event: correlation before and after, statistic, and its replicates under constancy."""

    event: Event
    rows: tuple[int, int]
    before: float
    after: float
    error: float
    statistic: float
    replicates: Array

    @classmethod
    def of(
        cls, event: Event, z: Array, split: int, window: int | None, sample: ClaimSample
    ) -> EventTest:
        """Test the rows around the event's first one."""
        n = len(z)
        first = 0 if window is None else max(0, split - window)
        last = n if window is None else min(n, split + window)
        at = split - first
        observed = [float(v) for v in change_statistic(*z[first:last].T, at)]
        parts = np.array_split(sample.rows[:, first:last], max(1, sample.n_boot // _CHUNK))
        replicates = np.concatenate(
            [change_statistic(z[part, 0], z[part, 1], at)[3] for part in parts]
        )
        before, after, error, statistic = observed
        return cls(event, (at, last - split), before, after, error, statistic, replicates)


def events_changed_it(sample: ClaimSample, *, basis: Basis, window: int | None = 252) -> Evidence:
    """The correlation after some event differs from that before it."""
    side = "all rows" if window is None else f"{window} rows"
    test = (
        f"change of the correlation of standardized returns at the events, {side} on either side, "
        "largest statistic; null: constant correlation"
    )
    z = standardized(sample)
    tests = _tests_of_events(sample, z, window)
    if not tests:
        return Evidence(
            test=test,
            uninformative=f"no event has {_FEWEST_ROWS} rows before and after it",
        )
    statistics = np.abs([t.statistic for t in tests])
    replicates = np.column_stack([np.abs(t.replicates) for t in tests])
    replicates = np.where(np.isfinite(replicates), replicates, -np.inf)
    largest = replicates.max(axis=1)
    best = tests[int(np.argmax(statistics))]
    pvalue, least = upper_tail(float(statistics.max()), largest)
    change = best.after - best.before
    spread = 1.96 * best.error * (1.0 - ((best.after + best.before) / 2.0) ** 2)
    return Evidence(
        test=test,
        estimate=change,
        lower=change - spread,
        upper=change + spread,
        statistic=float(statistics.max()),
        replicates=largest,
        pvalue=pvalue,
        min_pvalue=least,
        power=_event_power(tests, replicates, largest),
        note=_event_note(sample, z, tests, romano_wolf(statistics, replicates), best),
        out_of_sample=_later_event(sample, best),
    )


def _tests_of_events(sample: ClaimSample, z: Array, window: int | None) -> list[EventTest]:
    found = []
    for event in sample.events:
        split = int(sample.dates.searchsorted(event.date))
        if min(split, len(z) - split) >= _FEWEST_ROWS:
            found.append(EventTest.of(event, z, split, window, sample))
    return found


def _event_power(tests: list[EventTest], replicates: Array, largest: Array) -> float:
    """Chance to reject if one event, any of them, had brought the correlation to zero."""
    critical = np.quantile(largest, 1.0 - LEVEL)
    powers = []
    for i, t in enumerate(tests):
        moved = np.abs(t.replicates - np.arctanh(t.before) / t.error)
        others = np.delete(replicates, i, axis=1).max(axis=1, initial=-np.inf)
        powers.append(float(np.mean(np.maximum(moved, others) > critical)))
    return float(np.mean(powers))


def _event_note(
    sample: ClaimSample, z: Array, tests: list[EventTest], adjusted: Array, best: EventTest
) -> str:
    parts = [
        f"{t.event.name} {t.before:.2f} to {t.after:.2f} ({t.rows[0]} and {t.rows[1]} rows; "
        f"t {t.statistic:.1f}, adjusted p {p:.2f})"
        for t, p in zip(tests, adjusted, strict=True)
    ]
    whole = [f"{t.event.name} t {t.statistic:.1f}" for t in _tests_of_events(sample, z, None)]
    left_out = [e.name for e in sample.events if e not in [t.event for t in tests]]
    text = (
        f"Largest: {best.event.name}. {'; '.join(parts)}. With all rows on either side: "
        f"{', '.join(whole)}."
    )
    if left_out:
        text += f" Too near the ends: {', '.join(left_out)}."
    if 0.15 * len(z) >= _FEWEST_ROWS:
        sup = sup_test(*z.T, sample.rows)
        text += f" Unknown date: p {sup.pvalue:.3f}, most likely {sample.dates[sup.row]:%Y-%m-%d}."
    return (
        f"{text} Errors from the influence of each row (long-run variance, any tails), p-values "
        "from the block bootstrap; power: mean over the events, had one brought it to zero."
    )


def _later_event(sample: ClaimSample, best: EventTest) -> str:
    returns = sample.whole.returns
    later = returns.loc[returns.index > sample.dates[-1]]
    if len(later) < _FEWEST_ROWS:
        return ""
    r = later.corr().iloc[0, 1]
    return f"correlation {r:.2f} in {len(later)} later rows ({best.after:.2f} after the event)"


# --- 17 --------------------------------------------------------------------------------------


def whose_break(sample: ClaimSample, *, basis: Basis, since: str) -> Evidence:
    """The asset's correlation fell at a date, and by more than its peer's."""
    test = f"fall of the asset's correlation since {since}, and beyond its peer's; null: none"
    if sample.peer is None:
        return missing("no peer column was given", test)
    if sample.market is None:
        return missing("no market column was given", test)
    table = _four_returns(sample, sample.pair)
    known = table.notna().all(axis=1).to_numpy()
    after = known_since(sample.dates, since)
    if min((known & after).sum(), (known & ~after).sum()) < _FEWEST_SINCE:
        return Evidence(
            test=test,
            uninformative=f"fewer than {_FEWEST_SINCE} common rows before or after {since}",
        )
    weights = draws(sample.rows, len(table)) * known
    changes = _changes(sample, table.fillna(0.0).to_numpy(), after, weights)
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
    found = weaker(parts, ["a fall at all", "beyond the peer's"])
    if not found.uninformative:
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


def _four_returns(sample: ClaimSample, pair: AlignedPair) -> pd.DataFrame:
    """Log returns of asset, benchmark, peer and market on the pair's days."""
    later = pair is sample.whole
    prices = pair.prices.assign(
        **{name: sample.column(name, later=later) for name in (sample.peer, sample.market) if name}
    )
    return np.log(prices.where(prices > 0.0)).diff().iloc[1:]


def _links(sample: ClaimSample) -> list[tuple[str, tuple[int, ...]]]:
    """Correlations, plain or given a third, by columns of `_four_returns`."""
    asset, benchmark = sample.pair.asset, sample.pair.benchmark
    peer, market = sample.peer, sample.market
    return [
        (f"{asset}-{benchmark}", (0, 1)),
        (f"{asset}-{market}", (0, 3)),
        (f"{peer}-{benchmark}", (2, 1)),
        (f"{asset}-{benchmark} given {peer}", (0, 1, 2)),
        (f"{asset}-{benchmark} given {market}", (0, 1, 3)),
    ]


def _read(columns: Array, link: tuple[int, ...], weights: Array) -> Array:
    covariance = covariances(columns, weights)
    if len(link) == 2:
        return correlation_of(covariance, *link)
    return partial_correlation_of(covariance, *link)


def _changes(
    sample: ClaimSample, columns: Array, after: np.ndarray, weights: Array
) -> list[Change]:
    one = np.asarray(weights.sum(axis=0) > 0.0, dtype=float)[None]
    old, new = (
        [covariances(columns, np.concatenate([one, weights]) * side)] for side in (~after, after)
    )
    out = []
    for name, link in _links(sample):
        read = correlation_of if len(link) == 2 else partial_correlation_of
        before, since = read(old[0], *link), read(new[0], *link)
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
    told = []
    for name, link in _links(sample)[:3]:
        before, since = (
            float(_read(sums, link, (usable & side).astype(float)[None])[0])
            for side in (~after, after)
        )
        told.append(f"{name} {before:.2f} to {since:.2f}")
    return f"On 3-row returns: {', '.join(told)}."


def _later_break(sample: ClaimSample) -> str:
    table = _four_returns(sample, sample.whole)
    later = table.loc[table.index > sample.dates[-1]].dropna()
    if len(later) < _FEWEST_ROWS:
        return ""
    columns, one = later.to_numpy(), np.ones((1, len(later)))
    told = [f"{name} {float(_read(columns, link, one)[0]):.2f}" for name, link in _links(sample)]
    return f"{', '.join(told)} in {len(later)} later rows"


TESTS: dict[str, ClaimTest] = {
    "events_changed_it": events_changed_it,
    "whose_break": whose_break,
    **leading.TESTS,
}
