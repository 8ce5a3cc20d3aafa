"""The result of `find_breaks`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from regimecorr.formatting import day, percent, plural, signed, with_bounds
from regimecorr.inference.constancy.result import ConstancyTest, written
from regimecorr.inference.segmentation.spans import Search, SpanMethod


@dataclass(frozen=True, slots=True, eq=False, repr=False, kw_only=True)
class Breaks:
    """Breaks of a correlation and the segments between them.

    Everything rests on the full sample: not for trading.

    Attributes
    ----------
    breaks : DataFrame
        A row per break, in the order of time: ``date`` (index label of the first return after it),
        ``row`` (its position), ``lower`` and ``upper`` (interval of the date), ``statistic`` and
        ``pvalue`` of the break between its neighbours, ``before`` and ``after`` (correlations of
        the residuals in the segments on either side). Empty when there is none.
    segments : DataFrame
        A row per segment: ``first`` and ``last`` (index labels), ``rows``, ``correlation`` of the
        residuals with ``correlation_low`` and ``correlation_high``, and ``raw``, the correlation of
        the returns as they are, with ``raw_low`` and ``raw_high``. The bounds take the dates of the
        breaks for known.
    correlation : Series
        Correlation of the residuals in the segment of every return.
    test : ConstancyTest
        The test of the whole sample for one break; with ``search="seeded"``, for one in any of
        its intervals.
    steps : DataFrame
        Every decision of the search: ``stage``, ``start`` and ``stop`` (rows of the span, ``stop``
        not in it), ``row``, ``date``, ``statistic``, ``pvalue``, ``level``, ``kept``.
    method : str
        Statistic of the spans.
    search : str
        Where the search looked.
    robust : bool
        Whether large rows are weighed down.
    nu : float
        Degrees of freedom of the weights; infinite without.
    alpha : float
        Probability of finding a break where there is none.
    ci_prob : float
        Mass of the intervals.
    names : tuple of str
        The assets.
    n_obs : int
        Returns.
    notes : tuple of str
        What to know before relying on it.
    """

    breaks: pd.DataFrame
    segments: pd.DataFrame
    correlation: pd.Series
    test: ConstancyTest
    steps: pd.DataFrame
    method: SpanMethod
    search: Search
    robust: bool
    nu: float
    alpha: float
    ci_prob: float
    names: tuple[str, ...]
    n_obs: int
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        found = plural(len(self.breaks), "break")
        return f"<Breaks: {found}, {self.n_obs} returns of {' and '.join(self.names)}>"

    def summary(self) -> str:
        """Return a short text: the breaks with their intervals, the segments, notes."""
        mass = percent(self.ci_prob)
        form = "seeded sup_lm" if self.search == "seeded" else self.method
        lines = [
            f"Breaks of the correlation of {' and '.join(self.names)}, {self.n_obs} returns",
            f"  found        {plural(len(self.breaks), 'break')} at {self.alpha:g}",
            f"  whole sample statistic {self.test.statistic:.4g}, p-value "
            f"{written(self.test.pvalue)} ({form}, "
            f"{'weighted' if self.robust else 'unweighted'})",
        ]
        # As objects: a row of numbers alone would turn row labels into floats.
        if len(self.breaks):
            lines.append(f"  first row after a break, with its {mass} interval")
        for _, row in self.breaks.astype(object).iterrows():
            lines.append(
                f"    {label(row['date'])} [{label(row['lower'])}, {label(row['upper'])}]  "
                f"{signed(row['before'])} to {signed(row['after'])}, p {written(row['pvalue'])}"
            )
        lines.append(f"  segments: correlation of residuals and of returns, {mass} intervals")
        for _, row in self.segments.astype(object).iterrows():
            lines.append(
                f"    {label(row['first'])} to {label(row['last'])}, {row['rows']} rows  "
                f"{with_bounds(row, 'correlation', signed)}  {with_bounds(row, 'raw', signed)}"
            )
        return "\n".join([*lines, *(f"  note: {note}" for note in self.notes)])


def label(value: Any) -> str:
    """Write an index label: a day without its hours."""
    return day(value) if isinstance(value, pd.Timestamp) else str(value)
