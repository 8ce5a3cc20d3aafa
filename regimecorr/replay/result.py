"""The frozen result of `history`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import pandas as pd

from regimecorr.formatting import plain
from regimecorr.replay.days import AFTER
from regimecorr.replay.tables import matured_of, probability_table, score_frame, state_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class History:
    """The verdict of a pair on many past days.

    Attributes
    ----------
    asset, benchmark : str
        The pair.
    as_of : Timestamp
        The day from which is looked back; no later price was used.
    basis : {"returns", "levels", "log_levels"}
        What was correlated.
    frame : DataFrame
        A verdict a row, by ``date``.

        From prices to that date only: ``state``, ``label``, ``p_structural``, ``low`` and ``high``
        (the interval), ``p_raw``, ``p_unchanged``, ``base_rate``, ``calibrated``, ``r_short``,
        ``r_long``, ``reference`` and ``midpoint``, as in `Verdict`; ``vintage``, the day before
        which the calibration knew prices (empty without one); ``n_returns``; ``failed`` and
        ``reason`` (of a failure, or why there is no probability), ``unexpected`` (the failure is
        none that the package raises on purpose), ``uncalibrated`` (why there is no calibration),
        ``members_failed`` (models that failed, and why), ``notes`` (warnings).

        What came AFTER the date, which nobody knew on it: ``matured``, the last row of the horizon
        (NaT while it lasts); ``fresh``, the correlation of its second half (NaN); ``outcome``, what
        the definition calls it by the day's own reference and midpoint: ``structural``,
        ``transient`` or ``open``; empty for weak days and days without a verdict.
    weights : DataFrame
        Posterior weights by date, columns (family, member); NaN without a verdict.
    states : DataFrame
        Every row from the first verdict on, by date: ``r_short``, ``r_long``, ``reference``,
        ``midpoint`` and ``state``, each known on its date.
    prices : DataFrame of shape (n_rows, 2)
        The aligned prices.
    data : dict
        Provenance of the prices and how they were aligned.
    settings : dict
        Arguments of the call; ``rng`` is the seed with which `assess` gives the same figures.

    Examples
    --------
    >>> import regimecorr as rc
    >>> prices = rc.simulate("recurrent", n_obs=899, rng=10).prices
    >>> past = rc.history(prices, every=150, calibration=None, n_paths=400)
    >>> past
    <History A/B 2002-04-19 to 2003-06-13: 3 verdicts, 1 matured>
    >>> past.frame["state"].tolist()
    ['strained', 'aligned', 'strained']
    """

    asset: str
    benchmark: str
    as_of: pd.Timestamp
    basis: str
    frame: pd.DataFrame
    weights: pd.DataFrame
    states: pd.DataFrame
    prices: pd.DataFrame
    data: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        first, last = self.frame.index[0], self.frame.index[-1]
        count = f"{len(self.frame)} verdicts, {len(self.matured)} matured"
        return (
            f"<History {self.asset}/{self.benchmark} {first:%Y-%m-%d} to {last:%Y-%m-%d}: {count}>"
        )

    @property
    def known(self) -> pd.DataFrame:
        """The frame without what came after: every figure was known on its date."""
        return self.frame.drop(columns=list(AFTER))

    @property
    def matured(self) -> pd.DataFrame:
        """Verdicts with a probability and an outcome."""
        return matured_of(self.frame)

    def by_state(self) -> pd.DataFrame:
        """Count the verdicts by state.

        Returns
        -------
        DataFrame
            By state, and ``no verdict``: ``verdicts``; ``spells``, runs of verdicts in that state;
            ``median_p`` of ``p_structural``; ``matured`` verdicts and how many were ``structural``.
        """
        return state_table(self.frame)

    def by_probability(self, bins: int = 5) -> pd.DataFrame:
        """Count how many of the matured verdicts came true, by their probability.

        Parameters
        ----------
        bins : int, default 5
            Bins of equal width of [0, 1].

        Returns
        -------
        DataFrame
            A bin a row, those with verdicts only: ``low``, ``high``, ``verdicts``, ``mean_p``,
            ``structural`` (how many were) and ``share``. Outcomes of neighbouring days overlap.
        """
        return probability_table(self.frame, bins)

    def scores(self) -> pd.DataFrame:
        """Score the matured verdicts that have a base rate.

        Returns
        -------
        DataFrame
            By forecast (``p_structural``, ``p_raw`` and ``base_rate``): ``n``, ``brier``, ``skill``
            against the base rate known on each day, and its ``error`` by calendar year (NaN with
            fewer than three); empty if no matured verdict was calibrated.
        """
        return score_frame(self.frame)

    def summary(self) -> str:
        """Return the history as about twenty lines of at most 100 columns.

        Returns
        -------
        str
        """
        from regimecorr.replay.text import history_text

        return history_text(self)

    def plot(self) -> Figure:
        """Draw prices, probabilities and what came on one figure.

        Returns
        -------
        Figure
            Not known to pyplot; write it with ``figure.savefig``.
        """
        from regimecorr.plotting.history import plot_history

        return plot_history(
            self.frame,
            self.prices,
            states=self.states["state"],
            simulated=bool(self.data.get("simulated")),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the prices as data that JSON can hold.

        Returns
        -------
        dict
            ``schema_version`` tells the layout; frames are lists of rows, with weights by member;
            numbers that do not exist are None.
        """
        out: dict[str, Any] = {"schema_version": SCHEMA_VERSION}
        for item in fields(self):
            if item.name == "prices":
                continue
            value = getattr(self, item.name)
            out[item.name] = plain(value.droplevel(0, axis=1) if item.name == "weights" else value)
        return out
