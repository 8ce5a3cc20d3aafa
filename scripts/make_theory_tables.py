"""Fill the tables of docs/theory that no other script makes.

python benchmarks/rolling_law.py
python benchmarks/constant_hazard.py
python scripts/make_theory_tables.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from make_scores import short
from make_validation import fill

from regimecorr.inference.proportions import proportion

DOCS = Path(__file__).resolve().parents[1] / "docs"


def rolling_law(record: dict[str, Any]) -> list[str]:
    """Spread, memory and spells of a rolling correlation whose true value is constant."""
    rows = [
        "| true correlation | sd: formula | normal | t(5) | spells below zero a year: formula "
        "| normal | t(5) | mean length, rows: formula | normal | t(5) |",
        "|---" * 10 + "|",
    ]
    worst = {"sd": 0.0, "spells a year": 0.0}
    for level in record["levels"]:
        cells = [short(level["rho"], 1)]
        for name, digits in (("sd", 3), ("spells a year", 2), ("mean rows", 0)):
            cells.append(f"{level['formula'][name]:.{digits}f}")
            for law in ("normal", "t5"):
                found = level[law]
                seen = found["spells a year"] > 0 or name == "sd"
                cells.append(f"{found[name]:.{digits}f}" if seen else "none seen")
                if name in worst:
                    worst[name] = max(worst[name], found[f"{name}, s.e."])
        rows.append(f"| {' | '.join(cells)} |")
    memory = record["triangular"]
    measured = record["levels"][0]["normal"]["autocorrelation"]
    lags = "; ".join(f"{lag}: {memory[lag]:.3f}, {measured[lag]:.3f}" for lag in memory)
    return [
        *rows,
        "",
        f"{record['window']} rows; {record['histories']:,} histories of {record['rows']:,} rows a "
        f"cell (`benchmarks/rolling_law.py`). Standard errors: of an sd at most {worst['sd']:.4f}, "
        f"of spells a year at most {worst['spells a year']:.3f}. Autocorrelation at lag, formula "
        f"and normal shocks about zero: {lags}.",
    ]


def constant_hazard(record: dict[str, Any]) -> list[str]:
    """Rejections of a true constant hazard, durations as intervals and as exact times."""
    rows = [
        "| mean spell, rows | spells | ended | as intervals | median $k$ | as exact times "
        "| median $k$ | samples |",
        "|---" * 8 + "|",
    ]
    worst = 0.0
    for row in record["rows"]:
        cells = [f"{row['mean']}", f"{row['spells']}", f"{100 * row['ended']:.0f} %"]
        for name in ("intervals", "exact"):
            found = row[name]
            cells += [f"{100 * found['rejected']:.0f} %", f"{found['median shape']:.2f}"]
            worst = max(worst, found["s.e."])
        rows.append(f"| {' | '.join([*cells, format(row['n'], ',')])} |")
    return [*rows, "", f"Standard errors of the shares: at most {100 * worst:.1f} points."]


def k_of_k() -> list[str]:
    """Intervals of a record without failure."""
    rows = [
        "| record | at least (one-sided 95 %) | two-sided 95 % | Jeffreys mean "
        "| next success (uniform) |",
        "|---" * 5 + "|",
    ]
    for k in (5, 10, 30):
        found = proportion(k, k)
        cells = (
            found.lower,
            found.clopper_pearson[0],
            (k + 0.5) / (k + 1.0),
            (k + 1.0) / (k + 2.0),
        )
        rows.append(f"| {k} of {k} | {' | '.join(short(c) for c in cells)} |")
    return rows


def main() -> None:
    """Run from the command line."""
    records = {
        name: json.loads((DOCS / "_results" / f"{name}.json").read_text(encoding="utf-8"))
        for name in ("rolling_law", "constant_hazard")
    }
    for page, name, rows in (
        ("rolling", "rolling-law", rolling_law(records["rolling_law"])),
        ("durations", "constant-hazard", constant_hazard(records["constant_hazard"])),
        ("small_samples", "k-of-k", k_of_k()),
    ):
        path = DOCS / "theory" / f"{page}.md"
        path.write_text(fill(path.read_text(encoding="utf-8"), name, rows), encoding="utf-8")


if __name__ == "__main__":
    main()
