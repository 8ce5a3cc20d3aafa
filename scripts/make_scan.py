"""Fill the tables of docs/concepts/scan.md from docs/_results/scan_fdr.json and scan_speed.json.

    python scripts/make_scan.py

The records are made by ``benchmarks/scan_fdr.py`` and ``benchmarks/scan.py``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from make_scores import short
from make_validation import fill

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGE = DOCS / "concepts" / "scan.md"
METHODS = {"bh": "Benjamini-Hochberg", "by": "Benjamini-Yekutieli"}


def with_error(value: dict[str, float]) -> str:
    """A share with its Monte-Carlo error."""
    return f"{short(value['mean'])} ± {short(value['s.e.'])}"


def rates(record: dict[str, Any]) -> list[str]:
    """Realised rates and power."""
    tests = record["tests"]
    head = "| changed pairs of 45 | control | rate asked for | realised | power |"
    rows = [head, "|---" * 5 + "|"]
    for block in tests.values():
        for key, name in METHODS.items():
            for q in (0.05, 0.10, 0.20):
                cell = block[f"{key}, {q:g}"]
                power = with_error(cell["power"]) if "power" in cell else ""
                rows.append(
                    f"| {block['changed pairs']} | {name} | {short(q, 2)} | "
                    f"{with_error(cell['rate'])} | {power} |"
                )
    n = next(iter(tests.values()))["n"]
    return [*rows, "", f"{n:,} panels of each kind, {record['n_obs']:,} returns."]


def sizes(record: dict[str, Any]) -> list[str]:
    """How often p-values of pairs that have not changed are as small as that."""
    blocks = list(record["tests"].values())
    heads = [f"{block['changed pairs']} changed pairs" for block in blocks]
    rows = ["| p-value at most | " + " | ".join(heads) + " |", "|---" * (len(blocks) + 1) + "|"]
    for level in blocks[0]["size"]:
        cells = [block["size"][level] for block in blocks]
        told = [f"{cell['mean']:.5f} ± {cell['s.e.']:.5f}" for cell in cells]
        rows.append(f"| {level} | " + " | ".join(told) + " |")
    return rows


def posterior(record: dict[str, Any]) -> list[str]:
    """Expected and realised share of false calls on record."""
    head = "| likeliest | divergences | expected share of false calls | realised | difference |"
    rows = [head, "|---" * 5 + "|"]
    for row in record["posterior"]:
        gap = row["realised"] - row["expected"]
        rows.append(
            f"| {row['share']:.0%} | {row['n']} | {short(row['expected'], 2)} | "
            f"{short(row['realised'], 2)} | {gap:+.2f} ± {row['s.e. of the difference']:.2f} |"
        )
    years = max(row["years"] for row in record["posterior"])
    lists = record["posterior lists"]
    called = ", ".join(f"{number} at {short(float(q), 1)}" for q, number in lists["called"].items())
    note = (
        f"Errors by resampling {years} calendar years. The largest probability on record is "
        f"{short(lists['largest p'], 2)}. Of {lists['months']} months with divergences "
        f'`control="posterior"` calls any in: {called}.'
    )
    return [*rows, "", note]


def speed(record: dict[str, Any]) -> list[str]:
    """Seconds and memory by number of pairs."""
    runs = record["runs"]
    names = [name for name in runs[0] if name != "failed"]
    rows = ["| " + " | ".join(names) + " |", "|---" * len(names) + "|"]
    rows += ["| " + " | ".join(f"{run[name]:g}" for name in names) + " |" for run in runs]
    line = record["line"]
    note = (
        f"{record['n_jobs']} processes. A straight line through these, {line['seconds a pair']:g} "
        f"s a pair and {line['seconds at the start']:g} s at the start, gives "
        f"{line['pairs']:,} pairs in {line['hours']:g} hours."
    )
    return [*rows, "", note]


def parts(record: dict[str, Any]) -> list[str]:
    """Seconds of a pair by part."""
    rows = ["| part | seconds |", "|---|---|"]
    rows += [f"| {name} | {value:.3f} |" for name, value in record["seconds by part"].items()]
    return [*rows, f"| all | {sum(record['seconds by part'].values()):.3f} |"]


def main() -> None:
    """Run from the command line."""
    text = PAGE.read_text(encoding="utf-8")
    for file, tables in (
        ("scan_fdr", {"scan-fdr": rates, "scan-size": sizes, "scan-posterior": posterior}),
        ("scan_speed", {"scan-speed": speed, "scan-parts": parts}),
    ):
        record = json.loads((DOCS / "_results" / f"{file}.json").read_text(encoding="utf-8"))
        for name, make in tables.items():
            text = fill(text, name, make(record))
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
