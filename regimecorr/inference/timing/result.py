"""The frozen result of `timing`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from regimecorr.formatting import as_data

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Timing:
    """How much of a pair's correlation, and of its state, is a matter of the clock.

    Attributes
    ----------
    asset, benchmark : str
        The pair.
    as_of : Timestamp
        The last row used.
    state : str
        The state in daily returns, as `assess` has it.
    correlations : DataFrame
        By reading: ``daily``, ``2-day`` and ``3-day`` (sums that overlap), ``weekly`` (calendar
        weeks), and corrected by leads and lags, ``scholes_williams`` and ``dimson``. Columns:
        ``r_short`` and ``r_long`` with ``_error``, ``_lower`` and ``_upper`` each; ``reference``,
        ``midpoint``, ``state`` (empty where the windows are too short for weeks); ``beta_long`` of
        the asset on the benchmark with ``_error``; ``divergent_days`` of the ``known_days`` rows
        that have a state, and ``divergent_last_year`` (rows of the last 365 days).
    rolling : DataFrame
        By date: ``<reading>_short`` and ``<reading>_long``. The value at t uses returns to t; of
        weeks, to the last week's end.
    states : DataFrame
        State by date and reading, known at the close of each row; empty where there is none.
    cross_correlation : DataFrame
        By lag k of GARCH residuals (positive: the asset leads by k rows): ``correlation``,
        ``error``, half widths of the bands that a correlation of zero leaves 1 time in 20
        (at ``ci_prob=0.95``): ``pointwise``, and ``joint`` over all lags but 0; ``outside`` (of the
        joint band). The margins are fitted on the whole sample.
    adjustment : DataFrame
        By frequency (daily, every third row, weekly) and gap (``ratio``: slope 1; ``estimated``:
        Johansen's): ``slope``, ``n``, ``lags``; ``p_unit_root`` of the gap (``ratio``: Dickey and
        Fuller; ``estimated``: Engle and Granger), Johansen's ``rank``, ``cointegrated``;
        adjustments ``asset`` and ``benchmark`` with ``_error``, ``_above`` and ``_below`` the mean
        of the gap; ``p_asset``, ``p_benchmark``, ``p_symmetric`` (both) of the Wald tests that
        these are alike; the asset's ``gonzalo_granger`` share with ``_lower`` and ``_upper``,
        bounds ``hasbrouck_lower`` and ``hasbrouck_upper`` of its information share,
        ``residual_correlation``.
    alternatives : DataFrame
        The daily reading with other columns of the same underlying in place of a leg, by pair;
        empty if there are none: ``r_short``, ``r_long``, ``reference``, ``midpoint``, ``state``,
        ``divergent_days``, ``divergent_last_year``, ``known_days``, ``reason``.
    notes : tuple of str
        What to know before relying on the figures.
    data : dict
        Provenance of the prices.
    settings : dict
        Arguments of the call.
    """

    asset: str
    benchmark: str
    as_of: pd.Timestamp
    state: str
    correlations: pd.DataFrame
    rolling: pd.DataFrame
    states: pd.DataFrame
    cross_correlation: pd.DataFrame
    adjustment: pd.DataFrame
    alternatives: pd.DataFrame
    notes: tuple[str, ...] = ()
    data: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def other_states(self) -> dict[str, tuple[str, ...]]:
        """Readings, and pairs of the same underlyings, whose state is another one, by state."""
        found = pd.concat([self.correlations["state"], self.alternatives["state"]])
        out: dict[str, tuple[str, ...]] = {}
        for name, state in found.items():
            if state not in ("", self.state):
                out[str(state)] = (*out.get(str(state), ()), str(name))
        return out

    def summary(self) -> str:
        """Return the result as about twenty lines of at most 100 columns.

        Returns
        -------
        str
        """
        from regimecorr.inference.timing.text import timing_text

        return timing_text(self)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as data that JSON can hold.

        Returns
        -------
        dict
            ``schema_version`` tells the layout; frames are lists of rows, numbers that do not exist
            are None.
        """
        return as_data(self, SCHEMA_VERSION)

    def __repr__(self) -> str:
        text = f"<Timing {self.asset}/{self.benchmark} {self.as_of:%Y-%m-%d}: {self.state} daily"
        return f"{text}, another state in {sum(map(len, self.other_states.values()))} readings>"
