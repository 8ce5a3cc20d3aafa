"""Binary segmentation with refinement (Galeano and Wied 2014)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from regimecorr.inference.segmentation.spans import SpanTest


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """A decision of the search.

    Attributes
    ----------
    stage : {"search", "refinement"}
    test : SpanTest
    level : float
        What the p-value is compared with.
    kept : bool
        Whether the break is taken, or kept.
    """

    stage: Literal["search", "refinement"]
    test: SpanTest
    level: float
    kept: bool


@dataclass(frozen=True, slots=True, eq=False)
class Segmentation:
    """Breaks found in n rows.

    Attributes
    ----------
    rows : list of int
        First rows after the breaks, ascending.
    tests : list of SpanTest
        The test of each break between its neighbours.
    steps : list of Step
    settled : bool
        False where the dates came back to earlier ones without settling.
    """

    rows: list[int]
    tests: list[SpanTest]
    steps: list[Step]
    settled: bool


def level_of(alpha: float, n_tests: int) -> float:
    """Level of each of several tests that together have level ``alpha`` (Šidák)."""
    return float(1.0 - (1.0 - alpha) ** (1.0 / n_tests))


def segment(
    n: int,
    test: Callable[[int, int], SpanTest],
    min_rows: int,
    alpha: float,
    scan: Callable[[int, int], SpanTest] | None = None,
) -> Segmentation:
    """Split n rows where the test rejects, then test and date every break between its neighbours.

    With k breaks found, k + 1 segments are on trial, each at the level at which all of them
    together have level ``alpha``; the segment of the smallest p-value is split first. The
    refinement tests m breaks likewise, drops the one of the largest p-value, and goes on until
    neither a break nor a date changes. The search reads spans with ``scan`` where there is one, the
    refinement always with ``test``.
    """
    steps: list[Step] = []
    rows = _search(n, scan or test, min_rows, alpha, steps)
    seen: set[tuple[int, ...]] = set()
    settled = True
    while rows:
        before = tuple(rows)
        if before in seen:
            settled = False
            break
        seen.add(before)
        rows = _refine(rows, n, test, alpha, steps)
        if tuple(rows) == before:
            break
    bounds = [0, *rows, n]
    tests = [test(bounds[i], bounds[i + 2]) for i in range(len(rows))]
    return Segmentation(rows, tests, steps, settled)


def _search(
    n: int, test: Callable[[int, int], SpanTest], min_rows: int, alpha: float, steps: list[Step]
) -> list[int]:
    rows: list[int] = []
    while True:
        bounds = [0, *rows, n]
        spans = [s for s in pairwise(bounds) if s[1] - s[0] >= 2 * min_rows]
        if not spans:
            return rows
        best = min((test(*span) for span in spans), key=lambda t: (t.pvalue, -t.statistic))
        level = level_of(alpha, len(rows) + 1)
        found = best.pvalue <= level
        steps.append(Step("search", best, level, found))
        if not found:
            return rows
        rows = sorted([*rows, best.row])


def _refine(
    rows: list[int], n: int, test: Callable[[int, int], SpanTest], alpha: float, steps: list[Step]
) -> list[int]:
    """One pass over the breaks: new dates in turn, then at most one break dropped."""
    rows, tests = list(rows), []
    for i in range(len(rows)):
        bounds = [0, *rows, n]
        tests.append(test(bounds[i], bounds[i + 2]))
        rows[i] = tests[-1].row
    level = level_of(alpha, len(rows))
    worst = max(range(len(rows)), key=lambda i: tests[i].pvalue)
    dropped = worst if tests[worst].pvalue > level else None
    steps.extend(Step("refinement", t, level, i != dropped) for i, t in enumerate(tests))
    return [row for i, row in enumerate(rows) if i != dropped]
