"""The frozen context of a pair."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from regimecorr.formatting import as_data

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Context:
    """What surrounds a pair on a day; no part of any probability.

    Frames by date have a row for every common price up to ``as_of``; a value at t uses prices to t,
    and macro values published before the close of t.

    Attributes
    ----------
    asset, benchmark : str
        The pair.
    as_of : Timestamp
        The last row used.
    prices : DataFrame of shape (n_rows, 2)
        The aligned prices.
    overlay : DataFrame
        Both prices, 100 on the chosen start and from there on.
    momentum : DataFrame
        By leg (``asset_``, ``benchmark_``): ``rsi``, Wilder's index; ``macd``, its ``signal`` line
        and ``histogram``, in units of the price; ``macd_percent``, the MACD in percent of the slow
        average, which can be compared between legs. They are read on the leg's own days, as on a
        chart of that asset alone.
    year_over_year : DataFrame of shape (n_rows, 2)
        Simple returns since the same day of the year before.
    drawdown : DataFrame of shape (n_rows, 2)
        Distance from the highest price since the first common row, at most 0.
    beta : DataFrame
        Rolling slopes of the asset's returns on the benchmark's: ``short`` and ``long`` window,
        with standard errors ``short_error``, ``long_error``.
    gap : DataFrame
        The log-price gap ``level`` with ``mean`` and ``sd`` of the long window, and its ``z``.
    gaps : DataFrame
        Past gaps, one row each: ``start``, ``z``, ``end``, ``rows``, ``matured`` (its horizon has
        passed), ``pathway``, ``direction``, ``asset_share``, ``asset_move``, ``benchmark_move``.
        The columns from ``end`` on look ahead from ``start``.
    gap_record : DataFrame
        What became of the gaps, ``observed`` and in histories of ``independent`` legs (mean, 5 and
        95 % quantiles): ``matured``, ``per_year``, ``closed``, ``asset_led``, ``median_rows``.
    macro : DataFrame
        Macro series as they were known at the close of each row; empty without any.
    states : DataFrame
        Their states, 1 (high) or 0 (low), known at the close of each row; ``risk_on`` is what most
        of them say.
    today : DataFrame
        By series: ``title``, ``value`` and day of observation ``observed`` as known at the close of
        ``as_of``, ``threshold``, ``state`` in words, ``since`` (first row of that state without
        interruption), ``published`` (the rule) and ``revised``.
    conditional : DataFrame
        Correlation of returns by series and state known at the close before, with intervals and
        counts; see `conditional_correlation`.
    contrasts : DataFrame
        Difference of the two states by series, with interval and p-values.
    data : dict
        Provenance of the prices.
    settings : dict
        Arguments of the call.
    """

    asset: str
    benchmark: str
    as_of: pd.Timestamp
    prices: pd.DataFrame
    overlay: pd.DataFrame
    momentum: pd.DataFrame
    year_over_year: pd.DataFrame
    drawdown: pd.DataFrame
    beta: pd.DataFrame
    gap: pd.DataFrame
    gaps: pd.DataFrame
    gap_record: pd.DataFrame
    macro: pd.DataFrame
    states: pd.DataFrame
    today: pd.DataFrame
    conditional: pd.DataFrame
    contrasts: pd.DataFrame
    data: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)

    def summary(self) -> str:
        """Return the context as text of at most 100 columns."""
        from regimecorr.inference.context.text import context_text

        return context_text(self)

    def sections(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """Return what `summary` says, by heading and keyword.

        Returns
        -------
        list of (str, list of (str, str))
            Headings with their paragraphs, each with its keyword; the first has no heading, and
            what holds for all before it has no keyword.
        """
        from regimecorr.inference.context.text import context_sections

        return context_sections(self)

    def plot(self) -> Figure:
        """Draw the context on one figure.

        Returns
        -------
        Figure
            Overlay, year-over-year returns, RSI, MACD, drawdowns, beta, gap, and the correlation by
            state where there are macro series.
        """
        from regimecorr.plotting.context import plot_context

        return plot_context(
            self.overlay,
            self.year_over_year,
            self.momentum,
            self.drawdown,
            self.beta,
            self.gap,
            self.conditional,
            gap_opens=self.settings["gap_opens"],
            windows=(self.settings["short_window"], self.settings["long_window"]),
            simulated=bool(self.data.get("simulated")),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the prices as data that JSON can hold.

        Returns
        -------
        dict
            ``schema_version`` tells the layout; frames are lists of rows, numbers that do not exist
            are None.
        """
        return as_data(self, SCHEMA_VERSION, leave=("prices",))

    def __repr__(self) -> str:
        text = f"<Context {self.asset}/{self.benchmark} {self.as_of:%Y-%m-%d}"
        return f"{text}: {len(self.prices)} rows, {len(self.macro.columns)} macro series>"
