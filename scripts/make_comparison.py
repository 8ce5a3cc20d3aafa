"""Fill the generated parts of docs/comparison.md.

python scripts/make_dcc_reference.py
python scripts/make_regimes_reference.py FOLDER
python benchmarks/margins_speed.py
python benchmarks/dcc.py --refits 1000
python benchmarks/regimes.py
python scripts/make_comparison.py
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from make_validation import fill

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGE = DOCS / "comparison.md"


def read(path: Path) -> Any:
    """Read a record."""
    return json.loads(path.read_text(encoding="utf-8"))


def decimals(difference: float) -> str:
    """Decimals to which two log-likelihoods agree, at most ten."""
    return "10" if abs(difference) < 1e-10 else f"{math.floor(-math.log10(2.0 * abs(difference)))}"


def reproduced(dcc: list[dict[str, Any]], regimes: list[dict[str, Any]]) -> list[str]:
    """Agreement with other software, model by model."""
    rows = [
        "| model | against | log-likelihood | decimals | parameters | standard errors |",
        "|---" * 6 + "|",
    ]
    for row in dcc:
        worst = f"within {row['parameters']:.0e}" if row["parameters"] else "given"
        rows.append(
            f"| {row['model']} | {row['against']} | {row['theirs']:.6f} | "
            f"{decimals(row['difference'])} | {worst} | {row['standard errors'] or '–'} |"
        )
    for row in regimes:
        rows.append(
            f"| two regimes, {row['rows']:,} rows, {row['first row']} first row | exact optimum | "
            f"{row['exact']:.6f} | {decimals(row['difference'])} | within {row['parameters']:.0e} "
            "| – |"
        )
    above = [row["above RSDC"] for row in regimes if row["first row"] == "uniform"]
    staying = max(row["largest p"] for row in regimes)
    note = (
        f"RSDC stops {above[0]:.1f} points of log-likelihood below the optimum at 2,500 rows and "
        f"{above[1]:.1f} at 5,011 (uniform first row): the probability of staying there is up to "
        f"{staying:.4f}, above its bound."
    )
    return [*rows, "", note]


def ratio(ours: float, theirs: float) -> str:
    """How many times as long the other took."""
    return f"{theirs / ours:.1f}"


def speed(margins: dict[str, Any], dcc: dict[str, Any], regimes: dict[str, Any]) -> list[str]:
    """Best times of both on the same data."""
    rows = ["| fit | regimecorr (s) | other (s) | times as long | other |", "|---" * 5 + "|"]
    rows_of = f"{margins['n_obs']:,} rows"
    for row in margins["rows"]:
        ours, theirs = row["regimecorr"]["best"], row["arch"]["best"]
        rows.append(
            f"| {row['case']}, {row['series']}, {rows_of} | {ours:.3f} | {theirs:.3f} | "
            f"{ratio(ours, theirs)} | arch {margins['libraries']['arch']} |"
        )
    for line in dcc["results"]:
        if line["unit"] != "s" or "pymgarch" not in line:
            continue
        ours, theirs = line["regimecorr"]["best"], line["pymgarch"]["best"]
        rows.append(
            f"| DCC: {line['what']} | {ours:.3f} | {theirs:.3f} | {ratio(ours, theirs)} | "
            f"pymgarch {dcc['libraries']['pymgarch']} |"
        )
    found = regimes["results"]
    for ours_name, theirs_name in (
        ("fit, 2 regimes, 10 starts, normal", "statsmodels, univariate, 2 regimes, 1 start"),
        ("fit, 3 regimes, 10 starts, t", "statsmodels, univariate, 3 regimes, 1 start"),
    ):
        ours, theirs = found[ours_name]["best"], found[theirs_name]["best"]
        rows.append(
            f"| regimes, {regimes['n_obs']:,} rows: {ours_name} | {ours:.3f} | {theirs:.3f} | "
            f"{ratio(ours, theirs)} | statsmodels {regimes['libraries']['statsmodels']}, "
            f"{theirs_name.partition(', ')[2]} |"
        )
    gap = max(abs(row["log-likelihood, ours less theirs"]) for row in margins["rows"])
    agree = f"differ by at most {gap:.0e}" if gap else "agree to six decimals"
    note = (
        f"Margins (`benchmarks/margins_speed.py`): best of {margins['repeats']} repeats; "
        f"log-likelihoods {agree}. DCC: `benchmarks/dcc.py`; regimes: "
        "`benchmarks/regimes.py`."
    )
    return [*rows, "", note]


def main() -> None:
    """Run from the command line."""
    results, benchmarks = DOCS / "_results", ROOT / "benchmarks"
    margins = read(results / "margins_speed.json")
    text = PAGE.read_text(encoding="utf-8")
    start, end = "<!-- version: start -->", "<!-- version: end -->"
    head, tail = text.split(start)[0], text.split(end)[1]
    text = f"{head}{start}{margins['libraries']['regimecorr']}{end}{tail}"
    found = reproduced(
        read(results / "dcc_reference.json"), read(results / "regimes_reference.json")
    )
    text = fill(text, "reproduced", found)
    times = speed(
        margins,
        read(benchmarks / "dcc_results.json"),
        read(benchmarks / "regimes_results.json"),
    )
    PAGE.write_text(fill(text, "comparison-speed", times), encoding="utf-8")


if __name__ == "__main__":
    main()
