"""Fill the tables of docs/concepts/context.md.

    python scripts/make_context.py [../shared/data]

The simulations are made by ``benchmarks/context_states.py``; the table of publications is that of
the package. With the folder of market prices the figures of the case, which hold no prices, are
made anew.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pandas as pd
from make_validation import fill

import regimecorr as rc
from regimecorr.formatting import plain
from regimecorr.indicators.macro import MACRO_SERIES, RISK_ON, MacroSeries

DOCS = Path(__file__).resolve().parents[1] / "docs"
RECORD = DOCS / "_results" / "context_states.json"
CASE = DOCS / "_results" / "context_case.json"
#: What commentary on the pair speaks of, and the day of its article.
CASE_SERIES = ["WALCL", "NFCI", "VIX", "DTWEXBGS", "DGS10", "BAMLH0A0HYM2", "DGS2"]
CASE_DAY = "2026-01-15"
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


def read(folder: Path, file: str) -> pd.DataFrame:
    """One of the tables of market data."""
    return pd.read_csv(folder / file, index_col=0, parse_dates=True)


def make_case(folder: Path) -> dict[str, Any]:
    """Context of ETH and IWM on the day of the article, without its prices."""
    closes = {"ETH": read(folder, "eth_usd.csv")["close"], "IWM": read(folder, "iwm.csv")["close"]}
    macro = read(folder, "macro_daily.csv").join(
        read(folder, "panel_daily.csv")["VIX"], how="outer"
    )
    found = rc.context(
        pd.DataFrame(closes).dropna().loc["2016":], as_of=CASE_DAY, macro=macro[CASE_SERIES]
    )
    by_state = found.conditional[["correlation", "lower", "upper", "rows"]].reset_index()
    return {
        "as_of": CASE_DAY,
        "gaps": plain(found.gap_record[["matured", "closed"]].to_dict("index")),
        "by_state": plain(by_state.to_dict("records")),
        "contrasts": plain(
            found.contrasts[["residual_difference", "pvalue", "adjusted"]]
            .reset_index()
            .to_dict("records")
        ),
    }


def case(record: dict[str, Any]) -> list[str]:
    """Gaps, and correlations by state, of the case."""
    mine, chance = record["gaps"]["observed"], record["gaps"]["independent"]
    low, high = record["gaps"]["independent_5"], record["gaps"]["independent_95"]
    closed = round(mine["closed"] * mine["matured"])
    sides: dict[str, list[str]] = {}
    for row in record["by_state"]:
        r, lower, upper = (short(row[name]) for name in ("correlation", "lower", "upper"))
        sides.setdefault(row["series"], []).append(f"{row['state']} {r} [{lower}, {upper}]")
    rows = ["| series | correlation | | residuals | p | adjusted |", "|---" * 6 + "|"]
    for row in record["contrasts"]:
        one, two = sides[row["series"]]
        what = "most of those with a side" if row["series"] == RISK_ON else f"`{row['series']}`"
        figures = (short(row[n]) for n in ("residual_difference", "pvalue", "adjusted"))
        rows.append(f"| {what} | {one} | {two} | {' | '.join(figures)} |")
    return [
        f"Gaps of two standard deviations that had matured: {mine['matured']:.0f}, of which "
        f"{closed} had closed within a year; independent legs with the same moves close "
        f"{chance['closed']:.0%} of theirs (90 % of histories: {low['closed']:.0%} to "
        f"{high['closed']:.0%}).",
        "",
        *rows,
    ]


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description="Fill the tables of the page on the context.")
    parser.add_argument("folder", nargs="?", type=Path, help="folder of market prices")
    folder = parser.parse_args().folder
    if folder is not None:
        CASE.write_text(json.dumps(make_case(folder), indent=1) + "\n")
    text = fill(PAGE.read_text(), "publications", publications())
    text = fill(text, "context-case", case(json.loads(CASE.read_text())))
    text = fill(text, "context-states", states(json.loads(RECORD.read_text())))
    PAGE.write_text(text)


if __name__ == "__main__":
    main()
