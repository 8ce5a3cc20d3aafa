"""What a monitor says, day by day."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from regimecorr.formatting import day, plural, signed
from regimecorr.inference.monitoring.options import Method
from regimecorr.models.base import Array
from regimecorr.models.margins import MarginsResult

TITLES: dict[str, str] = {
    "cusum": "CUSUM detector of a changed correlation (Wied-Galeano)",
    "page": "CUSUM detector of a changed correlation, Page's form",
    "bayes": "Bayesian online detection of a changed correlation",
}


def label(value: Any) -> str:
    """Write a date or a row."""
    return day(value) if isinstance(value, pd.Timestamp) else str(value)


@dataclass(frozen=True, slots=True, eq=False, repr=False, kw_only=True)
class Monitor:
    """Result of `monitor`.

    Attributes
    ----------
    method : {"cusum", "page", "bayes"}
        How the correlation is watched.
    path : DataFrame
        By monitored row; each row uses the history and the rows to it.

        "cusum" and "page": ``detector``, ``boundary``; ``correlation`` of the residuals since the
        start (NaN for the first 30 rows, which are too few to read), ``before``, that of the
        history.

        "bayes": ``changed``, the probability that the current level began since the start, or in
        the rows of grace before it;
        ``correlation`` and ``before``, posterior means now and at the end of the history;
        ``below``, the probability that it now lies beyond the midpoint of ``before`` and zero;
        ``within_21``, ``within_63``, ``within_90``, the probability of a change within so many
        rows; ``change``, ``change_low``, ``change_high``, the likeliest first row of the current
        level, and the ends of its central 90 % (first row of the sample: no change).
    alarm : Timestamp, int or None
        First row at which the detector exceeds its boundary (``changed`` its threshold).
    change : Timestamp, int or None
        First row of the new state as estimated at the alarm; by "bayes" it may lie in the rows of
        grace before the start.
    delay : int or None
        Rows from ``change`` to ``alarm``, both counted.
    after : float
        Correlation of the residuals over these rows; NaN for fewer than 30. Rows chosen for their
        difference: it exaggerates the change.
    alpha : float or None
        "cusum", "page": probability of an alarm within the period if nothing changes.
    threshold : float or None
        "bayes": probability at which it alarms; no false-alarm rate.
    start : Timestamp or int
        First monitored row.
    n_history : int
        Rows of the history.
    horizon : float
        Rows for which ``alpha`` holds, infinite for "bayes" and for a period without end.
    robust : bool
        Whether the detector sums scores; False: the textbook form.
    settings : Series
        Figures of the method.
    dates : DataFrame or None
        "bayes": ``probability`` of every row to be the first of the current level, by the last row
        of the sample, and ``in_set``, whether it belongs to the smallest set that holds 90 %.
    names : tuple of str
        The assets.
    notes : tuple of str
        What to know before relying on it.
    margins : MarginsResult or None
        Margins of the history on all rows; None for the textbook form, which reads the returns.
    """

    method: Method
    path: pd.DataFrame
    alarm: Any
    change: Any
    delay: int | None
    after: float
    alpha: float | None
    threshold: float | None
    start: Any
    n_history: int
    horizon: float
    robust: bool
    settings: pd.Series
    names: tuple[str, ...]
    notes: tuple[str, ...] = ()
    dates: pd.DataFrame | None = None
    margins: MarginsResult | None = None
    _again: Callable[[pd.DataFrame | Array], Monitor] = field(kw_only=True)

    def __repr__(self) -> str:
        alarm = "no alarm" if self.alarm is None else f"alarm {label(self.alarm)}"
        return f"<Monitor: {self.method}, {len(self.path)} rows from {label(self.start)}, {alarm}>"

    def update(self, returns: pd.DataFrame | Array) -> Monitor:
        """Go on with the rows that follow the sample.

        Parameters
        ----------
        returns : DataFrame or ndarray of shape (n_new, 2)
            Rows after the last one; residuals if the monitor was given residuals.

        Returns
        -------
        Monitor
            The same as of a new run on the longer sample with the same start and history.

        Raises
        ------
        ModelError
            If the rows do not follow the sample, or cannot be used.
        """
        return self._again(returns)

    def summary(self) -> str:
        """Return a short text: period, state of the detector, alarm, date of the change, notes."""
        last = self.path.iloc[-1]
        lines = [
            f"{TITLES[self.method]}: {' and '.join(self.names)}",
            f"  history      {plural(self.n_history, 'row')} before {label(self.start)}",
            f"  monitored    {plural(len(self.path), 'row')} to {label(self.path.index[-1])}",
            f"  correlation  {signed(last['before'])} before, {self._now(last)}",
        ]
        if self.method == "bayes":
            lines += [
                f"  changed      {last['changed']:.2f} since {self.settings['grace']:.0f} rows "
                f"before the start (alarm above {self.threshold:g}), "
                f"{last['within_90']:.2f} within 90 rows",
                f"  below        {last['below']:.2f} beyond the midpoint to zero",
            ]
        else:
            rows = "without end" if self.horizon == float("inf") else f"{self.horizon:.0f} rows"
            lines += [
                f"  detector     {last['detector']:.3f}, boundary {last['boundary']:.3f}",
                f"  level        {self.alpha:.1%} over a period of {rows}",
                f"  form         {'robust' if self.robust else 'textbook'}",
            ]
        lines.append(f"  alarm        {self._alarm()}")
        return "\n".join([*lines, *(f"  note: {note}" for note in self.notes)])

    def _now(self, last: pd.Series) -> str:
        if pd.isna(last["correlation"]):
            return "too few rows since"
        return f"{signed(last['correlation'])} {'now' if self.method == 'bayes' else 'since'}"

    def _alarm(self) -> str:
        if self.alarm is None:
            return "none"
        assert self.delay is not None
        return (
            f"{label(self.alarm)}; change dated {label(self.change)}, "
            f"{plural(self.delay, 'row')} to the alarm"
        )
