"""Fill the tables of docs/theory/timing.md from docs/_results/timing.json.

    python scripts/make_timing.py

The record is made by ``benchmarks/timing.py``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from make_scores import short
from make_validation import fill

DOCS = Path(__file__).resolve().parents[1] / "docs"
RECORD = DOCS / "_results" / "timing.json"
PAGE = DOCS / "theory" / "timing.md"


def correlations(record: dict[str, Any]) -> list[str]:
    """Bias, error and coverage by hours, rows and reading."""
    heads = ("bias", "RMSE", "sd", "mean error", "covers its target", "covers the truth")
    rows = [f"| hours | rows | reading | target | {' | '.join(heads)} |", "|---" * 10 + "|"]
    for row in record["correlations"]:
        figures = (row["rmse"], row["sd"], row["mean error"])
        shares = (row["covers target"], row["covers truth"])
        rows.append(
            f"| {row['hours']} | {row['rows']:,} | `{row['reading']}` | {short(row['target'])} | "
            f"{row['bias']:+.3f} | {' | '.join(short(v) for v in figures)} | "
            f"{' | '.join(short(v) for v in shares)} |"
        )
    n = record["correlations"][0]["n"]
    worst = max(row["bias, s.e."] for row in record["correlations"])
    error = (0.95 * 0.05 / n) ** 0.5
    return [
        *rows,
        "",
        f"{n:,} samples each. Standard errors: of a bias at most {short(worst)}, of a coverage of "
        f".950 {short(error)}.",
    ]


def sizes(record: dict[str, Any]) -> list[str]:
    """Sizes of the bands and of the tests of asymmetry, coverage of the share."""
    rows = ["| | joint band | each lag by itself |", "|---|---|---|"]
    for name, row in record["ccf"].items():
        rows.append(f"| closes {name} apart | {short(row['joint'])} | {short(row['pointwise'])} |")
    names = ("asset", "benchmark", "both", "Gonzalo-Granger")
    heads = ("asset", "benchmark", "both legs", "coverage of the Gonzalo-Granger interval")
    rows += ["", f"| | {' | '.join(heads)} |", "|---" * 5 + "|"]
    for name, row in record["adjustment"].items():
        rows.append(f"| {name} gap | {' | '.join(short(row[key]) for key in names)} |")
    n = record["ccf"]["0 hours"]["n"]
    error = (0.05 * 0.95 / n) ** 0.5
    return [*rows, "", f"{n:,} samples each; the standard error of .050 is {short(error)}."]


def main() -> None:
    """Run from the command line."""
    record = json.loads(RECORD.read_text(encoding="utf-8"))
    text = PAGE.read_text(encoding="utf-8")
    for name, rows in (("timing-bias", correlations(record)), ("timing-size", sizes(record))):
        text = fill(text, name, rows)
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
