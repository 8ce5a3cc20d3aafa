"""Fill the tables of docs/theory/breaks.md.

    python scripts/make_breaks.py

The simulations are made by ``benchmarks/break_dates.py`` and ``benchmarks/seeded_breaks.py``; the
example is computed here.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from make_scores import short
from make_validation import fill

import regimecorr as rc
from regimecorr.formatting import day, signed, with_bounds
from regimecorr.inference.constancy.result import written

DOCS = Path(__file__).resolve().parents[1] / "docs"
RECORD = DOCS / "_results" / "break_dates.json"
SEEDED = DOCS / "_results" / "seeded_breaks.json"
PAGE = DOCS / "theory" / "breaks.md"
TITLES = {"default": {}, "published form": {"method": "fluctuation", "robust": False}}


def example() -> list[str]:
    """Breaks and segments of the bundled pair."""
    returns = np.log(rc.datasets.load_spx_wti()).diff().dropna()
    margins = rc.GARCH().fit(returns)
    rows = ["| form | break | interval | before | after | p-value |", "|---" * 6 + "|"]
    parts = ["| segment | rows | residuals | returns |", "|---" * 4 + "|"]
    for title, options in TITLES.items():
        found = rc.find_breaks(returns, margins=margins, **options)
        for _, row in found.breaks.iterrows():
            bounds = f"{day(row['lower'])} to {day(row['upper'])}"
            levels = f"{signed(row['before'])} | {signed(row['after'])}"
            rows.append(
                f"| {title} | {day(row['date'])} | {bounds} | {levels} | {written(row['pvalue'])} |"
            )
        if options:
            continue
        for _, row in found.segments.iterrows():
            figures = " | ".join(with_bounds(row, name, signed) for name in ("correlation", "raw"))
            span = f"{day(row['first'])} to {day(row['last'])}"
            parts.append(f"| {span} | {row['rows']:,} | {figures} |")
    return [*rows, "", *parts]


def none(record: dict[str, Any]) -> list[str]:
    """False alarms by world and form."""
    worlds = record["none"]
    forms = list(next(iter(worlds.values())))
    rows = [f"| constant correlation | {' | '.join(forms)} |", "|---" * (len(forms) + 1) + "|"]
    for name, block in worlds.items():
        cells = " | ".join(short(block[form]["share"]) for form in forms)
        rows.append(f"| {name} | {cells} |")
    n = next(iter(worlds.values()))[forms[0]]["n"]
    error = short((0.05 * 0.95 / n) ** 0.5)
    return [*rows, "", f"{n:,} samples; the standard error of .050 is {error}."]


def found(record: dict[str, Any]) -> list[str]:
    """Number, dates, coverage by world and form."""
    heads = (
        "world",
        "form",
        "any found",
        "right number",
        "mean error of the number",
        "date error",
        "coverage",
        "length",
        "levels",
        "excess",
    )
    rows = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for world, block in record["breaks"].items():
        for form, row in block.items():
            cells = [
                short(row["found"]["share"], 2),
                short(row["right number"]["share"], 2),
                signed(row["error of the number"]),
            ]
            if "coverage" in row:
                cells += [
                    f"{row['date error']:.0f}",
                    with_error(row["coverage"]),
                    f"{row['length']:.0f}",
                    short(row["coverage of levels"]["share"], 2),
                    signed(row["excess of the step"]),
                ]
            else:
                cells += [""] * 5
            rows.append(f"| {world} | {form} | {' | '.join(cells)} |")
    first = next(iter(next(iter(record["breaks"].values())).values()))
    note = f"{first['n']:,} samples; the standard error of a share is at most"
    return [*rows, "", f"{note} {short(0.5 / first['n'] ** 0.5, 2)}; that of a coverage follows ±."]


def with_error(row: dict[str, float]) -> str:
    """Write a share and its standard error."""
    return f"{short(row['share'], 2)} ± {short(row['s.e.'], 2)}"


def intervals(record: dict[str, Any]) -> list[str]:
    """Coverage and mean length of the candidates."""
    blocks = {world: block for world, block in record["intervals"].items() if block}
    names = list(next(iter(blocks.values())))
    rows = [f"| world | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for world, block in blocks.items():
        cells = (
            f"{with_error(block[name]['coverage'])} ({block[name]['length']:.0f} rows)"
            for name in names
        )
        rows.append(f"| {world} | {' | '.join(cells)} |")
    return rows


def dating(record: dict[str, Any]) -> list[str]:
    """Mean errors of dates."""
    forms = list(next(iter(record["dating"].values())))
    rows = [f"| world | {' | '.join(forms)} |", "|---" * (len(forms) + 1) + "|"]
    for world, block in record["dating"].items():
        cells = (f"{block[f]['date error']:.0f} ± {block[f]['s.e.']:.0f}" for f in forms)
        rows.append(f"| {world} | {' | '.join(cells)} |")
    n = next(iter(record["dating"].values()))[forms[0]]["n"]
    return [*rows, "", f"{n:,} samples."]


def not_steps(record: dict[str, Any]) -> list[str]:
    """Mean numbers of breaks."""
    forms = list(next(iter(record["not steps"].values())))
    rows = [f"| correlation | {' | '.join(forms)} |", "|---" * (len(forms) + 1) + "|"]
    for world, block in record["not steps"].items():
        cells = (f"{block[form]['mean number']:.1f}" for form in forms)
        rows.append(f"| {world} | {' | '.join(cells)} |")
    n = next(iter(next(iter(record["not steps"].values())).values()))["n"]
    return [*rows, "", f"{n} samples."]


def seeded(record: dict[str, Any]) -> list[str]:
    """Both searches side by side."""
    rows = [
        "| constant correlation | any found, binary | any found, seeded |",
        "|---" * 3 + "|",
    ]
    for name, block in record["none"].items():
        rows.append(
            f"| {name} | {short(block['binary']['share'])} | {short(block['seeded']['share'])} |"
        )
    heads = ("world", "search", "any found", "right number", "date error", "coverage")
    rows += ["", f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for world, block in record["breaks"].items():
        for search, row in block.items():
            cells = [short(row[name]["share"], 2) for name in ("found", "right number")]
            if "coverage" in row:
                cells += [f"{row['date error']:.0f}", with_error(row["coverage"])]
            else:
                cells += [""] * 2
            rows.append(f"| {world} | {search} | {' | '.join(cells)} |")
    n = next(iter(record["none"].values()))["binary"]["n"]
    error = short((0.05 * 0.95 / n) ** 0.5)
    return [*rows, "", f"{n:,} samples; the standard error of .050 is {error}."]


def main() -> None:
    """Run from the command line."""
    record = json.loads(RECORD.read_text(encoding="utf-8"))
    text = PAGE.read_text(encoding="utf-8")
    for name, rows in (
        ("breaks-example", example()),
        ("breaks-none", none(record)),
        ("breaks-found", found(record)),
        ("breaks-seeded", seeded(json.loads(SEEDED.read_text(encoding="utf-8")))),
        ("breaks-intervals", intervals(record)),
        ("breaks-dating", dating(record)),
        ("breaks-not-steps", not_steps(record)),
    ):
        text = fill(text, name, rows)
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
