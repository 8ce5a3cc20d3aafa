"""The tables of the HTML report: every cell already written as text."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from regimecorr.formatting import count, day, percent, signed, with_bounds
from regimecorr.reporting.facts import members

if TYPE_CHECKING:
    from regimecorr.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Table:
    """A table of text.

    Attributes
    ----------
    title, note : str
        Caption and a sentence on how to read it.
    header : tuple of str
        The first column names the rows.
    rows : tuple of tuple of str
        As long as the header.
    """

    title: str
    note: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


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
    tables = (_models(v), _regimes(v), _sensitivity(v), _episodes(v), _gap(v), _data(v))
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


def _data(v: Verdict) -> Table:
    rows: list[tuple[str, str]] = []
    for part in ("provenance", "alignment"):
        rows += ((f"{part}: {key}", _plain(value)) for key, value in v.data.get(part, {}).items())
    rows += (
        (key, _plain(value))
        for key, value in v.data.items()
        if key not in ("provenance", "alignment")
    )
    rows += ((f"setting: {key}", _plain(value)) for key, value in v.settings.items())
    return Table(
        "Data and settings",
        "Where the prices come from and what was asked.",
        ("item", "value"),
        tuple(rows),
    )


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, dict):
        return json.dumps(value, default=str)
    if isinstance(value, Iterable) and not isinstance(value, str):
        return ", ".join(_plain(item) for item in value)
    return "none" if value is None else str(value)
