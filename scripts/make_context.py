"""Fill the tables of docs/concepts/context.md.

    python scripts/make_context.py

The simulations are made by ``benchmarks/context_states.py``; the table of publications is that of
the package.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from make_validation import fill

from regimecorr.indicators.macro import MACRO_SERIES, MacroSeries

DOCS = Path(__file__).resolve().parents[1] / "docs"
RECORD = DOCS / "_results" / "context_states.json"
PAGE = DOCS / "concepts" / "context.md"
HEADINGS = {
    "returns": "interval, returns (95 %)",
    "residuals": "interval, residuals (95 %)",
    "interval": "interval of the difference without 0",
    "test": "test by shifts (5 %)",
    "family": "any of four (5 %)",
}


def short(share: float) -> str:
    """Write a share without the zero before its point."""
    return f"{share:.3f}".removeprefix("0")


def states(record: dict[str, Any]) -> list[str]:
    """Coverage, size and power by what was simulated."""
    heads = " | ".join(HEADINGS.values())
    rows = [f"| correlation | states | {heads} |", "|---" * (len(HEADINGS) + 2) + "|"]
    for row in record["rows"]:
        cells = (short(row["columns"][name]["share"]) for name in HEADINGS)
        kind = row["states"] if row["states"] == "volatility" else f"{row['states']} rows"
        rows.append(f"| {row['correlation']} | {kind} | {' | '.join(cells)} |")
    worst = max(row["columns"][name]["s.e."] for row in record["rows"] for name in HEADINGS)
    note = (
        f"{record['n']:,} samples a row of {record['n_obs']:,} returns, {record['n_boot']} "
        f"resamples each. Monte-Carlo standard errors: at most {short(worst)}."
    )
    return [*rows, "", note]


def reading(series: MacroSeries) -> str:
    """What makes the state high, in words."""
    if series.reading == "above_zero":
        return "above zero"
    if series.reading == "change":
        return f"above {series.span} observations before"
    return f"above the median of {series.span} observations"


def publications() -> list[str]:
    """Publication and reading of every declared series."""
    rows = ["| series | | known | state is high | risk on |", "|---|---|---|---|---|"]
    for name, series in MACRO_SERIES.items():
        known = series.publication.sentence + (" (revised)" if series.publication.revised else "")
        side = series.risk_on or ""
        rows.append(f"| `{name}` | {series.title} | {known} | {reading(series)} | {side} |")
    return rows


def main() -> None:
    """Run from the command line."""
    text = fill(PAGE.read_text(), "publications", publications())
    text = fill(text, "context-states", states(json.loads(RECORD.read_text())))
    PAGE.write_text(text)


if __name__ == "__main__":
    main()
