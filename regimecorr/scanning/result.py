"""What a scan has found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from regimecorr.formatting import day, percent, plural, signed
from regimecorr.scanning.discoveries import Control, chosen_pairs, false_share, q_values
from regimecorr.scanning.pair import BREAKING
from regimecorr.scanning.rows import Kind, Row, frame_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from regimecorr.plotting.scan import ScanValue

_SHOWN = 10


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Scan:
    """Verdicts of many pairs.

    Attributes
    ----------
    as_of : Timestamp
        The day of the scan; no later price was used.
    table : DataFrame
        One row a pair, ranked from 1: divergent and strained pairs by ``p_structural``, then
        aligned ones by it, weak ones, and those that failed. Columns:

        - ``asset``, ``benchmark``, ``as_of`` (their last common day), ``state``, ``label``,
          ``p_structural``, ``p_transient``, ``p_unchanged``, ``p_raw``, ``low`` and ``high`` (the
          interval), ``calibrated``, ``base_rate``, ``r_short``, ``r_long``, ``reference``,
          ``midpoint``, as in `Verdict`;
        - ``since``, ``spell_rows``, ``spell_days``: first day of the unbroken run of divergent
          and strained rows that lasts today, and how long it has lasted (NaT and 0: none);
        - ``before``, ``after``, ``statistic``, ``pvalue``: correlation of the residuals in the
          reference and in the short window, and the test that they are the same
          (``test_constancy``, "known_date"); ``q_bh`` and ``q_by``: p-values adjusted over the
          pairs of this scan by Benjamini and Hochberg (1995), and by Benjamini and Yekutieli
          (2001), which holds under any dependence;
        - ``false_share``: expected share of divergent and strained pairs that are not structural
          among those down to this one;
        - ``weight_`` of each family of models; ``members_failed``: models that failed, and why;
        - ``n_returns``; ``seed``: with it as ``rng`` `assess` gives the same figures; ``failed``
          and ``reason`` (of a failure, or why there is no probability), ``unexpected`` (the
          failure is none that the package raises on purpose); ``uncalibrated``: why there is no
          calibration; ``notes``: warnings; ``inputs``: hash of the pair's prices.
    share : DataFrame
        Share of broken pairs by week: ``pairs``, ``established``, ``divergent``, ``strained``,
        ``share_divergent``, ``share_strained`` (of the established ones), each known on its day.
    settings : dict
        Arguments of the call.

    Examples
    --------
    >>> import regimecorr as rc
    >>> prices = rc.simulate("recurrent", n_obs=700, rng=1).prices
    >>> found = rc.scan(prices, calibration=None, n_paths=400)
    >>> found
    <Scan 2002-09-09: 1 pair, 0 breaking, 0 failed>
    >>> found.table.loc[1, ["asset", "benchmark", "state"]].tolist()
    ['A', 'B', 'aligned']
    >>> len(found.discoveries(q=0.1))
    0
    """

    as_of: pd.Timestamp
    table: pd.DataFrame
    share: pd.DataFrame
    settings: dict[str, Any]

    def __repr__(self) -> str:
        return (
            f"<Scan {day(self.as_of)}: {plural(len(self.table), 'pair')}, "
            f"{len(self.breaking)} breaking, {len(self.failed)} failed>"
        )

    @property
    def breaking(self) -> pd.DataFrame:
        """Pairs that are divergent or strained today, the likeliest to be structural first."""
        return self.table[self.table["state"].isin(BREAKING) & ~self.table["failed"]]

    @property
    def failed(self) -> pd.DataFrame:
        """Pairs without a verdict, and why."""
        columns = ["asset", "benchmark", "reason", "unexpected"]
        return self.table.loc[self.table["failed"], columns]

    def discoveries(self, q: float = 0.1, *, control: Control = "by") -> pd.DataFrame:
        """Pairs that can be called changed at a false discovery rate.

        Parameters
        ----------
        q : float, default 0.1
            The rate: expected share of false calls among those that are made.
        control : {"by", "bh", "posterior"}, default "by"
            "by" and "bh": the short window's correlation is not the reference's, by the test of
            each pair and its adjusted p-value. Pairs share assets, so their tests depend on each
            other: "by" holds whatever the dependence and finds fewer, "bh" holds for independent
            and positively dependent tests. "posterior": as many divergent and strained pairs from
            the top as keep the mean of ``1 - p_structural`` at ``q``; it holds as far as the
            probabilities are calibrated. The first two ask whether the correlation is another
            one now, the third whether it will be a year on.

        Returns
        -------
        DataFrame
            Rows of ``table``, the surest first.

        Raises
        ------
        ModelError
            If ``q`` is no share or ``control`` is unknown.

        References
        ----------
        Benjamini, Y. and Hochberg, Y. (1995). Controlling the false discovery rate. Journal of the
        Royal Statistical Society B 57, 289-300.
        Benjamini, Y. and Yekutieli, D. (2001). The control of the false discovery rate in multiple
        testing under dependency. Annals of Statistics 29, 1165-1188.
        Müller, P., Parmigiani, G., Robert, C. and Rousseau, J. (2004). Optimal sample size for
        multiple testing. Journal of the American Statistical Association 99, 990-1001.
        """
        return chosen_pairs(self.table, q, control)

    def summary(self) -> str:
        """Return the scan as a short text.

        Returns
        -------
        str
        """
        table, failed = self.table, self.failed
        states = table.loc[~table["failed"], "state"].value_counts()
        told = ", ".join(f"{states.get(s, 0)} {s}" for s in (*BREAKING, "aligned", "weak"))
        lines = [f"Scan of {plural(len(table), 'pair')} as of {day(self.as_of)}: {told}."]
        lines += self._about_share()
        lines += self._about_breaking()
        tested = int(table["pvalue"].notna().sum())
        if tested:
            by, bh = (len(self.discoveries(control=c)) for c in ("by", "bh"))
            lines.append(
                f"Correlation of the short window not the reference's, at a false discovery rate "
                f"of 10 %: {by} of {tested} pairs (Benjamini-Yekutieli), {bh} "
                "(Benjamini-Hochberg)."
            )
        if len(failed):
            lines.append(f"No verdict for {plural(len(failed), 'pair')}:")
            for row in failed.head(_SHOWN).itertuples():
                lines.append(f"  {row.asset} / {row.benchmark}: {row.reason}")
            lines += _more(len(failed))
        return "\n".join(lines)

    def plot(self, *, value: ScanValue = "p_structural", ax: Axes | None = None) -> Axes:
        """Draw the pairs as a matrix of assets by benchmarks.

        Parameters
        ----------
        value : {"p_structural", "state"}, default "p_structural"
            What the colours tell.
        ax : Axes, optional
            Where to draw; default: a new figure.

        Returns
        -------
        Axes
        """
        from regimecorr.plotting.scan import plot_scan

        return plot_scan(self.table, value=value, ax=ax)

    def plot_breadth(self, *, ax: Axes | None = None) -> Axes:
        """Draw the share of established pairs that are divergent or strained, week by week.

        Parameters
        ----------
        ax : Axes, optional
            Where to draw; default: a new figure.

        Returns
        -------
        Axes
        """
        from regimecorr.plotting.scan import plot_breadth

        return plot_breadth(self.share, ax=ax)

    def _about_share(self) -> list[str]:
        if not len(self.share):
            return []
        share = (self.share["share_divergent"] + self.share["share_strained"]).dropna()
        if not len(share):
            return []
        lower = float((share < share.iloc[-1]).mean())
        return [
            f"Broken (divergent or strained) are {percent(share.iloc[-1])} of the established "
            f"pairs in the week of {day(share.index[-1])}; {percent(lower)} of {len(share)} weeks "
            f"since {day(share.index[0])} had fewer."
        ]

    def _about_breaking(self) -> list[str]:
        found = self.breaking
        if not len(found):
            return ["No pair is divergent or strained."]
        shown = pd.DataFrame(
            {
                "pair": found["asset"] + " / " + found["benchmark"],
                "state": found["state"],
                "since": found["since"].map(day),
                "days": found["spell_days"],
                "reference": found["reference"].map(signed),
                "short": found["r_short"].map(signed),
                "p structural": found["p_structural"].map(percent),
                "interval": [
                    f"{percent(low)}-{percent(high)}"
                    for low, high in zip(found["low"], found["high"], strict=True)
                ],
                "label": found["label"],
                "q": found["q_by"].map(lambda q: "" if np.isnan(q) else f"{q:.2f}"),
            }
        )
        lines = shown.head(_SHOWN).to_string(index=False).split("\n")
        return ["", *lines, *_more(len(found)), ""]


def _more(number: int) -> list[str]:
    return [f"  and {number - _SHOWN} more"] if number > _SHOWN else []


def ranked_table(rows: Iterable[Row], columns: Mapping[str, Kind]) -> pd.DataFrame:
    """Rows as the table of a scan: ranked, with the figures that take all pairs to know."""
    table = frame_of(rows, columns)
    breaking = table["state"].isin(BREAKING)
    group = np.select([table["failed"], breaking, table["state"] == "aligned"], [3, 0, 1], 2)
    order = table.assign(group=group, wrong=-table["p_structural"])
    order = order.sort_values(["group", "wrong", "asset", "benchmark"], kind="stable")
    table = table.loc[order.index].reset_index(drop=True)
    table.index = pd.RangeIndex(1, len(table) + 1, name="rank")
    place = int(table.columns.get_loc("pvalue")) + 1  # type: ignore[arg-type]
    pvalues = table["pvalue"].to_numpy(dtype=float)
    wrong = np.full(len(table), np.nan)
    n = int((group == 0).sum())
    wrong[:n] = false_share(table["p_structural"].to_numpy(dtype=float)[:n])
    table.insert(place, "q_bh", q_values(pvalues, "bh"))
    table.insert(place + 1, "q_by", q_values(pvalues, "by"))
    table.insert(place + 2, "false_share", wrong)
    return table
