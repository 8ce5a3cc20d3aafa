"""The result that all tests of a constant correlation share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd

from regimecorr.formatting import day
from regimecorr.models.base import Array

Method: TypeAlias = Literal[
    "engle_sheppard",
    "tse",
    "bera_kim",
    "fluctuation",
    "spearman",
    "sup_lm",
    "sup_wald",
    "cusum_bootstrap",
    "known_date",
    "forbes_rigobon",
]

LEVELS = (0.10, 0.05, 0.01)

TITLES: dict[str, str] = {
    "engle_sheppard": "Engle-Sheppard test of constant correlation",
    "tse": "Tse's Lagrange-multiplier test of constant correlation",
    "bera_kim": "Bera-Kim information-matrix test of constant correlation",
    "fluctuation": "Wied-Krämer-Dehling fluctuation test of constant correlation",
    "spearman": "Fluctuation test of constant rank correlation (Spearman's rho)",
    "sup_lm": "Sup-LM test of constant correlation",
    "sup_wald": "Sup-Wald test of constant correlation",
    "cusum_bootstrap": "CUSUM test of constant correlation, block bootstrap (Choi-Shin)",
    "known_date": "Test of equal correlation before and after a known date",
    "forbes_rigobon": "Forbes-Rigobon diagnostic",
}


def by_level(values: Array | list[float]) -> pd.Series:
    """Critical values at 10, 5 and 1 %, labelled."""
    return pd.Series(np.asarray(values, float), index=[f"{100 * level:g}%" for level in LEVELS])


def written(pvalue: float | None) -> str:
    """Write a p-value; a very small one by its bound, none as "none"."""
    if pvalue is None:
        return "none"
    return "<0.0001" if pvalue < 0.0001 else f"{pvalue:.4f}"


@dataclass(frozen=True, slots=True, eq=False, repr=False, kw_only=True)
class ConstancyTest:
    """Result of `test_constancy`.

    Attributes
    ----------
    method : str
        Which test.
    statistic : float
        Large values speak against the null; of ``known_date`` large absolute ones.
    pvalue : float or None
        None for the diagnostic, which has none.
    null, alternative : str
        What is tested against what.
    distribution : str
        What the statistic is compared with.
    critical_values : Series
        At 10, 5 and 1 %; of ``known_date`` for the absolute value. Empty for the diagnostic.
    dates : tuple
        First row after the most likely change (index label of the returns), or after the date that
        was given; empty for tests that know no date. Without a rejection it means nothing.
    robust : bool
        Whether this is the form that holds under fat tails; False: the textbook form.
    notes : tuple of str
        What the test assumes and what to know before relying on it.
    names : tuple of str
        The assets.
    n_obs : int
        Returns.
    details : Series
        Figures of the method: correlations, bandwidth, degrees of freedom, replicates.
    path : Series or None
        The process whose largest (absolute) value is the statistic, by the last row before the
        change; None for tests that have none.
    """

    method: Method
    statistic: float
    pvalue: float | None
    null: str
    alternative: str
    distribution: str
    critical_values: pd.Series
    robust: bool
    names: tuple[str, ...]
    n_obs: int
    details: pd.Series
    dates: tuple[Any, ...] = ()
    notes: tuple[str, ...] = ()
    path: pd.Series | None = None

    def __repr__(self) -> str:
        p = "no p-value" if self.pvalue is None else f"p {self.pvalue:.3f}"
        return (
            f"<ConstancyTest: {self.method}, statistic {self.statistic:.3g}, {p}, "
            f"{self.n_obs} returns>"
        )

    def summary(self) -> str:
        """Return a short text: hypotheses, statistic, p-value, critical values, notes."""
        lines = [
            f"{TITLES[self.method]}, {self.n_obs} returns of {' and '.join(self.names)}",
            f"  null         {self.null}",
            f"  alternative  {self.alternative}",
            f"  statistic    {self.statistic:.4g} ({self.distribution})",
            f"  p-value      {written(self.pvalue)}",
        ]
        if len(self.critical_values):
            critical = ", ".join(f"{k}: {v:.4g}" for k, v in self.critical_values.items())
            lines.append(f"  critical     {critical}")
        for date in self.dates:
            stamp = isinstance(date, pd.Timestamp)
            lines.append(f"  date         {day(date) if stamp else date}, first row after")
        if self.method != "forbes_rigobon":
            lines.append(f"  form         {'robust' if self.robust else 'textbook'}")
        return "\n".join([*lines, *(f"  note: {note}" for note in self.notes)])
