"""Fill the tables of docs/theory/constancy.md from docs/_results/constancy_size.json.

    python scripts/make_constancy.py

The record is made by ``benchmarks/constancy_size.py``, the law of the sup statistics by
``scripts/make_sup_table.py``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from make_scores import short
from make_validation import fill

from regimecorr.inference.constancy.sup_law import sup_critical_values

DOCS = Path(__file__).resolve().parents[1] / "docs"
RECORD = DOCS / "_results" / "constancy_size.json"
PAGE = DOCS / "theory" / "constancy.md"
TRIMS = (0.05, 0.10, 0.15, 0.20, 0.25)


def in_code(method: str) -> str:
    """Write the name of a method, with what follows a comma outside the code."""
    name, _, rest = method.partition(", ")
    return f"`{name}`, {rest}" if rest else f"`{name}`"


def law() -> list[str]:
    """Critical values of the sup statistics."""
    rows = ["| trim | 10 % | 5 % | 1 % |", "|---|---|---|---|"]
    for trim in TRIMS:
        cells = " | ".join(f"{value:.2f}" for value in sup_critical_values(trim))
        rows.append(f"| {short(trim, 2)} | {cells} |")
    return rows


def sizes(record: dict[str, Any]) -> list[str]:
    """Sizes of both forms."""
    size = record["size"]
    columns = [
        ("default, t(5)", size["GARCH-t5"]["default"]),
        ("textbook, t(5)", size["GARCH-t5"]["textbook"]),
        ("default, normal", size["GARCH-normal"]["default"]),
        ("textbook, normal", size["GARCH-normal"]["textbook"]),
        ("default, not elliptical", size["not elliptical"]["default"]),
    ]
    rows = [f"| method | {' | '.join(name for name, _ in columns)} |", "|---" * 6 + "|"]
    for method in size["GARCH-t5"]["default"]:
        cells = " | ".join(short(block[method]["5%"]) for _, block in columns)
        rows.append(f"| {in_code(method)} | {cells} |")
    first = next(iter(size["GARCH-t5"]["default"].values()))
    error = (0.05 * 0.95 / first["n"]) ** 0.5
    return [*rows, "", f"{first['n']:,} samples; the standard error of .050 is {short(error)}."]


def powers(record: dict[str, Any]) -> list[str]:
    """Powers by alternative."""
    power = record["power"]
    rows = [f"| method | {' | '.join(power)} |", "|---" * (len(power) + 1) + "|"]
    blocks = [block["default"] for block in power.values()]
    for method in blocks[0]:
        cells = " | ".join(short(block[method]["5%"], 2) for block in blocks)
        rows.append(f"| {in_code(method)} | {cells} |")
    n = next(iter(blocks[0].values()))["n"]
    note = f"{n:,} samples; standard errors of at most {short(0.5 / n**0.5, 2)}."
    known = "A break lies at the known date in one cell only: the first column, 500 rows after."
    return [*rows, "", f"{note} {known}"]


def published(record: dict[str, Any]) -> list[str]:
    """Published shares beside ours."""
    rows = ["| figure | source | published | here | s.e. |", "|---|---|---|---|---|"]
    for name, row in record["published"].items():
        shares = (row["published"], row["ours"], row["s.e."])
        rows.append(f"| {name} | {row['source']} | {' | '.join(short(s) for s in shares)} |")
    return rows


def main() -> None:
    """Run from the command line."""
    record = json.loads(RECORD.read_text(encoding="utf-8"))
    text = PAGE.read_text(encoding="utf-8")
    for name, rows in (
        ("sup-law", law()),
        ("constancy-size", sizes(record)),
        ("constancy-power", powers(record)),
        ("constancy-published", published(record)),
    ):
        text = fill(text, name, rows)
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
