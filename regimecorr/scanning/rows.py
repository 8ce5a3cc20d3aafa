"""What is known of one pair, as a row of plain values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeAlias

import pandas as pd

from regimecorr.evaluation.outlook import OutlookOptions
from regimecorr.evaluation.panel import Names

Row: TypeAlias = dict[str, Any]
Kind: TypeAlias = Literal["text", "date", "number", "count", "flag"]

#: Columns of a row before the weights of the families; a date is ISO text until it is in a table.
FIRST: dict[str, Kind] = {
    "asset": "text",
    "benchmark": "text",
    "as_of": "date",
    "state": "text",
    "label": "text",
    "p_structural": "number",
    "p_transient": "number",
    "p_unchanged": "number",
    "p_raw": "number",
    "low": "number",
    "high": "number",
    "calibrated": "flag",
    "base_rate": "number",
    "r_short": "number",
    "r_long": "number",
    "reference": "number",
    "midpoint": "number",
    "since": "date",
    "spell_rows": "count",
    "spell_days": "count",
    "before": "number",
    "after": "number",
    "statistic": "number",
    "pvalue": "number",
}
LAST: dict[str, Kind] = {
    "n_returns": "count",
    "seed": "count",
    "failed": "flag",
    "unexpected": "flag",
    "reason": "text",
    "uncalibrated": "text",
    "members_failed": "text",
    "notes": "text",
    "inputs": "text",
}
_BLANK: dict[Kind, Any] = {
    "text": "",
    "date": "",
    "number": float("nan"),
    "count": 0,
    "flag": False,
}
_DTYPE: dict[Kind, str] = {
    "text": "object",
    "date": "datetime64[ns]",
    "number": "float64",
    "count": "int64",
    "flag": "bool",
}


def columns_of(options: OutlookOptions) -> dict[str, Kind]:
    """Columns of a row and what they hold."""
    weights: dict[str, Kind] = {f"weight_{family}": "number" for family in options.families}
    return FIRST | weights | LAST


def blank_row(columns: Mapping[str, Kind]) -> Row:
    """A row of which nothing is known."""
    return {name: _BLANK[kind] for name, kind in columns.items()}


def names_of(row: Row) -> Names:
    """Asset and benchmark of a row."""
    return str(row["asset"]), str(row["benchmark"])


def frame_of(rows: Iterable[Row], columns: Mapping[str, Kind]) -> pd.DataFrame:
    """Rows as a table; dates become timestamps."""
    table = pd.DataFrame(list(rows), columns=list(columns))
    for name, kind in columns.items():
        if kind == "date":
            table[name] = pd.to_datetime(table[name].replace("", None), format="%Y-%m-%d")
    return table.astype({name: _DTYPE[kind] for name, kind in columns.items()})
