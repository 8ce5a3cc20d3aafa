"""The tables of the HTML report: every cell already written as text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from regimecorr.formatting import MISSING, count, day, percent, signed, with_bounds
from regimecorr.reporting.claim import figure
from regimecorr.reporting.facts import members

if TYPE_CHECKING:
    from regimecorr.inference.claims.trial import ClaimsTable
    from regimecorr.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Table:
    """A table of text.

    Attributes
    ----------
    key : str
        Its anchor.
    title, note : str
        Caption and a sentence on how to read it.
    header : tuple of str
        The first column names the rows.
    rows : tuple of tuple of str
        As long as the header.
    cards : bool, default False
        Whether a narrow screen shows every row as a card, for tables of sentences.
    """

    key: str
    title: str
    note: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    cards: bool = False


def report_tables(v: Verdict) -> list[Table]:
    """Return the tables of a verdict that have rows, in the order of the report.

    Parameters
    ----------
    v : Verdict
        The verdict.

    Returns
    -------
    list of Table
    """
    tables = (_models(v), _regimes(v), _sensitivity(v), _episodes(v), _gap(v))
    return [table for table in tables if table.rows]


def _models(v: Verdict) -> Table:
    ordered = list(members(v).index)
    rest = [name for name in v.models.index if name not in ordered]
    rows = [
        (
            str(name),
            str(row["family"]),
            percent(row["prior"]),
            percent(row["weight"]),
            percent(row["p_structural"]),
            percent(row["p_unchanged"]),
            "n/a" if pd.isna(row["score"]) else f"{row['score']:.2f}",
            "n/a" if pd.isna(row["converged"]) else "yes" if row["converged"] else "no",
            str(row["reason"] or row["note"]),
        )
        for name, row in v.models.loc[ordered + rest].iterrows()
    ]
    return Table(
        "models",
        "Models",
        "Weight is proportional to prior times exp(score); the final row is the verdict.",
        (
            "member",
            "family",
            "prior",
            "weight",
            "p structural",
            "p unchanged",
            "score",
            "converged",
            "remark",
        ),
        tuple(rows),
    )


def _regimes(v: Verdict) -> Table:
    stays = [name for name in v.regimes.columns if name.startswith("p_stay_")]
    stays = [name for name in stays if not name.endswith(("_low", "_high"))]
    rows = [
        (
            str(name),
            with_bounds(row, "correlation", signed),
            with_bounds(row, "p_today", percent),
            with_bounds(row, "expected_duration", count),
            *(with_bounds(row, stay, percent) for stay in stays),
        )
        for name, row in v.regimes.iterrows()
    ]
    return Table(
        "regimes",
        "Regimes",
        "Of the switching model; in brackets 5% and 95% bounds. The last columns: the chance of "
        "staying without interruption for so many rows.",
        (
            "regime",
            "correlation",
            "P(today)",
            "expected rows",
            *(f"stays {name.removeprefix('p_stay_')}" for name in stays),
        ),
        tuple(rows),
    )


def _sensitivity(v: Verdict) -> Table:
    rows = [
        (
            str(name),
            signed(row["r_short"]),
            signed(row["reference"]),
            str(row["state"]),
            percent(row["p_raw"]),
        )
        for name, row in v.sensitivity.iterrows()
    ]
    return Table(
        "sensitivity",
        "Sensitivity",
        "The same futures read with another short window or return frequency.",
        ("variant", "r short", "reference", "state", "raw p structural"),
        tuple(rows),
    )


def _episodes(v: Verdict) -> Table:
    rows = [
        (
            day(row["start"]),
            "lasts" if row["censored"] else day(row["end"]),
            count(row["rows"]),
            "yes" if pd.notna(row["entry"]) else "no",
            signed(row["reference"]),
            signed(row["midpoint"]),
            signed(row["depth"]),
            str(row["resolved_into"]),
            signed(row["fresh"]),
            str(row["outcome"]),
            " ".join(str(row[name]) for name in ("pathway", "direction")).strip(),
        )
        for _, row in v.episodes.iterrows()
    ]
    return Table(
        "past",
        "Past divergences",
        "Everything up to the midpoint is known at the start. Open: the rows that decide have not "
        "all passed.",
        (
            "start",
            "end",
            "rows",
            "entry",
            "reference",
            "midpoint",
            "depth",
            "ended as",
            "fresh",
            "outcome",
            "price gap",
        ),
        tuple(rows),
    )


def _gap(v: Verdict) -> Table:
    rows = [
        (
            str(name),
            percent(row["p"]),
            percent(row["p_up"]),
            percent(row["p_down"]),
            percent(row["p_random_walk"]),
            percent(row["p_random_walk_up"]),
            percent(row["p_random_walk_down"]),
        )
        for name, row in v.gap.iterrows()
    ]
    if v.gap["p"].isna().all():
        rows = []
    z = signed(float(v.gap.attrs.get("z", float("nan"))))
    return Table(
        "gap",
        "Price gap",
        f"How the log-price gap, now {z} standard deviations, closes within the horizon, beside "
        "independent random walks.",
        (
            "pathway",
            "pool",
            "led upward",
            "led downward",
            "random walks",
            "led upward",
            "led downward",
        ),
        tuple(rows),
    )


def level_table(v: Verdict) -> Table:
    """Return the level audit: the chart's figures, here and in worlds without a relationship."""
    audit = v.levels
    low, high = audit.band
    rows = [
        (
            "this pair" if name == "observed" else f"world: {name}",
            percent(row["share_in_band"]),
            f"{row['episodes_per_year']:.2f}",
            percent(row["share_resolved"]),
            percent(row["share_long_negative"]),
            count(row["median_rows"]),
        )
        for name, row in audit.table.iterrows()
    ]
    return Table(
        "levels-table",
        "What a chart of price levels shows",
        "The same chart, read off this pair and off histories in which nothing ties the two "
        "together: what both show alike says nothing about a relationship.",
        (
            "history",
            f"days in {low:g} to {high:g}",
            "negative spells a year",
            "resolved",
            "long one turned",
            "median rows",
        ),
        tuple(rows),
    )


def record_table(v: Verdict) -> Table | None:
    """Return what past forecasts were worth, with counts; None where there is no record."""
    record = v.track_record
    if record.reason:
        return None
    low, high = record.band
    known = f"{record.n_structural} of {record.n}" if record.n else "none"
    rows = [
        (
            f"like this one ({100 * low:.0f} to {100 * high:.0f}%)",
            count(record.n),
            count(record.n_structural),
            percent(record.n_structural / record.n) if record.n else MISSING,
            f"{percent(record.interval[0])} to {percent(record.interval[1])}"
            if record.n
            else MISSING,
        ),
        (
            "all",
            count(record.n_total),
            count(record.share * record.n_total),
            percent(record.share),
            f"said on average: {percent(record.mean_p)}",
        ),
    ]
    return Table(
        "record-table",
        "Past forecasts of divergences",
        f"Forecasts whose outcome was known on the day of this verdict; {known} like this one were "
        "structural. The interval takes outcomes as independent, those of one year are not.",
        ("forecasts", "number", "structural", "share", "90% interval"),
        tuple(rows),
    )


def pair_record_table(v: Verdict) -> Table | None:
    """Return the past forecasts of this very pair; None where there are none."""
    rows = [
        (
            day(row["date"]) or MISSING,
            percent(row["p_structural"]),
            "open" if pd.isna(row["structural"]) else "yes" if row["structural"] else "no",
        )
        for _, row in v.track_record.pair.iterrows()
    ]
    if not rows:
        return None
    return Table(
        "record-pair",
        "Past forecasts of this pair",
        "Made with what was known on the day.",
        ("day", "p structural", "structural came"),
        tuple(rows),
    )


def claims_table(claims: ClaimsTable) -> Table:
    """Return the claims on trial, a row each."""
    rows = [
        (
            str(key),
            str(row["statement"]),
            str(row["verdict"]),
            _interval(row),
            figure(row["adjusted"]),
            figure(row["power"]),
            " ".join(
                text
                for text in (
                    str(row["reason"]),
                    str(row["note"]),
                    f"Since: {row['out_of_sample']}" if row["out_of_sample"] else "",
                )
                if text
            ),
        )
        for key, row in claims.table.iterrows()
    ]
    return Table(
        "claims-table",
        "Claims on trial",
        "Supported: below 5% after adjustment for their number. Contradicted: the data refute it. "
        "Uninformative: the data could not have told, or do not tell.",
        ("claim", "statement", "verdict", "estimate", "adjusted p", "power", "why"),
        tuple(rows),
        cards=True,
    )


def untestable_table(claims: ClaimsTable) -> Table | None:
    """Return the statements that prices cannot test; None where there are none."""
    if claims.untestable.empty:
        return None
    rows = tuple((str(r.statement), str(r.reason)) for r in claims.untestable.itertuples())
    return Table(
        "claims-untestable",
        "Not testable from prices",
        "Left out of the trial, with the reason.",
        ("statement", "reason"),
        rows,
        cards=True,
    )


def _interval(row: pd.Series) -> str:
    if not np.isfinite(row["estimate"]):
        return MISSING
    text = f"{row['estimate']:.3g}"
    if np.isfinite(row["lower"]) or np.isfinite(row["upper"]):
        text += f" [{row['lower']:.3g}, {row['upper']:.3g}]"
    return text
