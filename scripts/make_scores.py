"""Fill the tables of docs/theory/scores.md from docs/_results/score_tests.json.

    python scripts/make_scores.py

The record is made by ``benchmarks/score_tests.py``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from make_validation import fill

DOCS = Path(__file__).resolve().parents[1] / "docs"
RECORD = DOCS / "_results" / "score_tests.json"
PAGE = DOCS / "theory" / "scores.md"
#: Heading of each column of the record.
HEADINGS = {
    "DM by years": "DM by years",
    "DM by lags": "DM by lags",
    "skill": "skill",
    "skill, percentiles": "its percentiles",
    "skill, rate known": "skill, rate known",
    "AUC": "AUC",
    "ECE, independent": "ECE, independent",
    "ECE by years": "ECE by years",
    "diagram, independent": "diagram, independent",
    "diagram by years": "diagram by years",
    "PIT": "PIT",
}


def short(share: float, digits: int = 3) -> str:
    """Write a share without the zero before its point."""
    text = f"{share:.{digits}f}"
    return text.removeprefix("0") if share else "0"


def setting(row: dict[str, Any]) -> str:
    """Cells that say what was simulated."""
    return f"{row['years']} | {short(row['common'], 1)} | {short(row['shock'], 1)}"


def levels(record: dict[str, Any]) -> list[str]:
    """Sizes and coverages by years and shock."""
    heads = (f"{head} ({100 * record['levels'][name]:.0f} %)" for name, head in HEADINGS.items())
    rows = [f"| years | common | shock | {' | '.join(heads)} |", "|---" * (len(HEADINGS) + 3) + "|"]
    for row in record["rows"]:
        cells = [setting(row), *(short(row["columns"][name]["share"]) for name in HEADINGS)]
        rows.append(f"| {' | '.join(cells)} |")

    def worst(*columns: str) -> str:
        return short(max(row["columns"][c]["s.e."] for row in record["rows"] for c in columns))

    diagrams = [name for name in HEADINGS if name.startswith("diagram")]
    others = [name for name in HEADINGS if name not in diagrams]
    note = (
        f"{record['n']:,} samples a row, {record['n_boot']} resamples each (diagrams: "
        f"{record['n_diagrams']:,} and {record['n_curves']}). Monte-Carlo standard errors: at most "
        f"{worst('DM by years', 'PIT')} for DM by years and PIT, "
        f"{worst('skill', 'AUC', 'ECE by years')} for skill, AUC and ECE by years, "
        f"{worst(*diagrams)} for diagrams, {worst(*others)} for all others."
    )
    return [*rows, "", note]


def perfect(record: dict[str, Any]) -> list[str]:
    """What a perfect forecaster shows."""
    rows = [
        "| years | common | shock | ECE, median | ECE, 95 % | skill, sample's rate, mean |",
        "|---|---|---|---|---|---|",
    ]
    keys = ("calibration error, median", "calibration error, 95 %", "skill found, mean")
    for row in record["rows"]:
        cells = [setting(row), *(short(row[key]) for key in keys)]
        rows.append(f"| {' | '.join(cells)} |")
    return rows


def main() -> None:
    """Run from the command line."""
    record = json.loads(RECORD.read_text(encoding="utf-8"))
    page = fill(PAGE.read_text(encoding="utf-8"), "score-tests", levels(record))
    PAGE.write_text(fill(page, "perfect", perfect(record)), encoding="utf-8")


if __name__ == "__main__":
    main()
