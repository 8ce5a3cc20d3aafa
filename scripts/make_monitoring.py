"""Fill the tables of docs/theory/monitoring.md from docs/_results/monitoring.json.

    python scripts/make_monitoring.py

The record is made by ``benchmarks/monitoring.py``, the critical values by
``scripts/make_monitor_table.py``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from make_scores import short
from make_validation import fill

DOCS = Path(__file__).resolve().parents[1] / "docs"
RECORD = DOCS / "_results" / "monitoring.json"
PAGE = DOCS / "theory" / "monitoring.md"


def values(record: dict[str, Any]) -> list[str]:
    """Critical values beside those of the paper."""
    rows = ["| gamma | B | paper | cusum | page |", "|---" * 5 + "|"]
    for row in record["critical values"]:
        cells = " | ".join(f"{row[name]:.3f}" for name in ("paper", "cusum", "page"))
        rows.append(f"| {row['gamma']:g} | {row['B']:g} | {cells} |")
    return rows


def quiet(record: dict[str, Any]) -> list[str]:
    """Shares of false alarms."""
    columns = [
        (world, m, length)
        for world, block in record["quiet"].items()
        for m in block
        for length in ("0.5", "1")
    ]
    heads = " | ".join(f"{world}, m {m}, B {short(float(b), 1)}" for world, m, b in columns)
    rows = [f"| rule | {heads} |", "|---" * (len(columns) + 1) + "|"]
    first = record["quiet"][columns[0][0]][columns[0][1]]
    for rule in first:
        cells = (record["quiet"][world][m][rule][length]["share"] for world, m, length in columns)
        rows.append(f"| {rule} | {' | '.join(short(cell) for cell in cells)} |")
    error = (0.05 * 0.95 / record["n"]) ** 0.5
    return [*rows, "", f"{record['n']:,} samples; the standard error of .050 is {short(error)}."]


def breaks(record: dict[str, Any]) -> list[str]:
    """Outcomes of every break: one table each."""
    rows = []
    for m, by_break in record["breaks"].items():
        for change, by_row in by_break.items():
            heads = [
                f"{name}, k {k}"
                for k in by_row
                for name in ("early", "found", "mean delay", "median", "date")
            ]
            rows += [f"**From {change}, m {m}**", ""]
            rows += [f"| rule | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
            for rule in next(iter(by_row.values())):
                cells = " | ".join(outcome(block[rule]) for block in by_row.values())
                rows.append(f"| {rule} | {cells} |")
            rows.append("")
    return rows[:-1]


def outcome(cell: dict[str, Any]) -> str:
    """Write the five figures of a rule."""
    waits = (cell[name] for name in ("mean delay", "median delay", "date error"))
    numbers = ("" if wait is None else f"{wait:.0f}" for wait in waits)
    return " | ".join([short(cell["early"], 2), short(cell["detected"], 2), *numbers])


def published(record: dict[str, Any]) -> list[str]:
    """Published sizes beside ours."""
    columns = ("paper", "share", "s.e.", "persistent", "one-sided")
    rows = ["| gamma | B | m | paper | here | s.e. | persistent | one-sided |", "|---" * 8 + "|"]
    for row in record["published"]:
        shares = " | ".join(short(row[name]) for name in columns)
        rows.append(f"| {row['gamma']:g} | {row['B']:g} | {row['m']} | {shares} |")
    return rows


def main() -> None:
    """Run from the command line."""
    record = json.loads(RECORD.read_text(encoding="utf-8"))
    text = PAGE.read_text(encoding="utf-8")
    for name, rows in (
        ("monitor-values", values(record)),
        ("monitor-quiet", quiet(record)),
        ("monitor-breaks", breaks(record)),
        ("monitor-published", published(record)),
    ):
        text = fill(text, name, rows)
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
