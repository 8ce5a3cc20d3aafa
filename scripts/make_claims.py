"""Put the published claims on trial; write docs/theory/claims.md.

The market prices are not part of the repository; pass the folder that holds ``eth_usd.csv``,
``iwm.csv``, ``panel_daily.csv`` and ``macro_daily.csv``::

    python scripts/make_claims.py ../shared/data [--n-boot 2500]

Writes ``docs/_results/claims.json`` (figures only, no prices) and the pictures
``docs/_static/claim_*.svg``; without a folder the page is filled from the record.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from make_validation import fill

import regimecorr as rc
from regimecorr.formatting import plain
from regimecorr.plotting.style import save

DOCS = Path(__file__).resolve().parents[1] / "docs"
RECORD = DOCS / "_results" / "claims.json"
#: Day of the first published article, and first day of the trial.
AS_OF = "2026-01-15"
SINCE = "2020-01-01"
WINDOWS = {"90D/365D": ("90D", "365D"), "90/252 rows": (90, 252)}


def load(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Prices of ETH, IWM, BTC and the S&P 500 from 2016, and macro series by date."""

    def closes(file: str) -> pd.Series:
        return pd.read_csv(folder / file, index_col=0, parse_dates=True)["close"]

    panel = pd.read_csv(folder / "panel_daily.csv", index_col=0, parse_dates=True)
    prices = pd.DataFrame(
        {
            "ETH": closes("eth_usd.csv"),
            "IWM": closes("iwm.csv"),
            "BTC": panel["BTC"],
            "SPX": panel["SPX"],
        }
    ).loc["2016":]
    macro = pd.read_csv(folder / "macro_daily.csv", index_col=0, parse_dates=True)
    macro["VIX"] = panel["VIX"].reindex(macro.index)
    return prices, macro


def measure(folder: Path, n_boot: int, n_jobs: int) -> dict[str, Any]:
    """Trials, audits and the table of claims; draws the pictures."""
    prices, macro = load(folder)
    pair = prices[["ETH", "IWM"]].dropna()
    record: dict[str, Any] = {"as_of": AS_OF, "n_boot": n_boot, "trials": {}, "audits": {}}
    for basis in ("levels", "returns"):
        for name, (short, long) in WINDOWS.items():
            trial = rc.test_claim(
                pair,
                basis=basis,
                short_window=short,
                long_window=long,
                as_of=AS_OF,
                n_boot=n_boot,
                n_jobs=n_jobs,
            )
            believed, rival = trial.contrast
            record["trials"][f"{basis}, {name}"] = {
                "verdict": trial.verdict,
                "reason": trial.reason,
                "observed": plain(trial.observed.to_dict()),
                "worlds": plain(trial.worlds),
                "power": float(
                    np.nanmax([trial.power.loc[rival, believed], trial.power.loc[believed, rival]])
                ),
                "ratio": float(trial.likelihood_ratios.loc[believed, rival]),
            }
            if (basis, name) == ("levels", "90D/365D"):
                save(trial.plot().figure, DOCS / "_static" / "claim_durations.svg")
                save(trial.plot_worlds().figure, DOCS / "_static" / "claim_worlds.svg")
    for name, (short, long) in WINDOWS.items():
        audit = rc.audit_levels(
            pair,
            as_of=AS_OF,
            since=SINCE,
            short_window=short,
            long_window=long,
            n_boot=n_boot,
            n_jobs=n_jobs,
        )
        record["audits"][name] = plain(audit.table)
    claims = rc.test_claims(
        prices,
        asset="ETH",
        benchmark="IWM",
        peer="BTC",
        market="SPX",
        macro=macro,
        as_of=AS_OF,
        n_boot=min(n_boot, 1000),
        n_jobs=n_jobs,
    )
    record["claims"] = plain(claims.table)
    record["untestable"] = plain(claims.untestable)
    return record


def number(value: float | None, form: str = ".2f") -> str:
    """Write a figure, or a dash."""
    return "–" if value is None else format(value, form)


def trials(record: dict[str, Any]) -> list[str]:
    """The observed counts, and the worlds of the published chart."""
    rows = ["| series, windows | matured | resolved (chart) | resolved (fresh) | power | "
            "likelihood ratio | verdict |", "|---|---|---|---|---|---|---|"]  # fmt: skip
    for name, found in record["trials"].items():
        seen = found["observed"]
        rows.append(
            f"| {name} | {seen['matured']:.0f} | {seen['resolved_chart']:.0f} | "
            f"{seen['resolved_fresh']:.0f} | {number(found['power'])} | {number(found['ratio'])} "
            f"| {found['verdict']} |"
        )
    chart = record["trials"]["levels, 90D/365D"]
    worlds = ["| world | episodes a year | resolved (chart) | resolved (fresh) | long one turned "
              "negative | all of k |", "|---|---|---|---|---|---|"]  # fmt: skip
    worlds += [
        f"| {w['world']} | {number(w['episodes_per_year'])} | "
        f"{number(w['resolved_chart'], '.3f')} | {number(w['resolved_fresh'])} | "
        f"{number(w['turned'])} | {number(w['all_of_k'])} |"
        for w in chart["worlds"]
    ]
    return [
        f"ETH and IWM to {record['as_of']}, {record['n_boot']:,} histories of every world; power "
        "and likelihood ratio of no change against a permanent break:",
        "",
        *rows,
        "",
        "The published chart, price levels and windows in days: "
        f"{chart['observed']['episodes_per_year']:.2f} episodes a year. In the worlds:",
        "",
        *worlds,
        "",
        "```{figure} ../_static/claim_durations.svg",
        ":alt: Kaplan-Meier curves of the rows until the short correlation was back",
        "",
        "How long level episodes last: observed, and in worlds with and without a relationship.",
        "```",
        "",
        "```{figure} ../_static/claim_worlds.svg",
        ":alt: Episodes a year by world",
        "",
        "How often they come.",
        "```",
    ]


def audits(record: dict[str, Any]) -> list[str]:
    """The audit's table."""
    rows = ["| windows | world | days in [.6, .9] | episodes a year | resolved | turned negative |",
            "|---|---|---|---|---|---|"]  # fmt: skip
    for name, table in record["audits"].items():
        rows += [
            f"| {name} | {w['row']} | {number(w['share_in_band'])} | "
            f"{number(w['episodes_per_year'])} | {number(w['share_resolved'])} | "
            f"{number(w['share_long_negative'])} |"
            for w in table
        ]
    return [f"ETH and IWM, counted from {SINCE} to {record['as_of']}:", "", *rows]


def claims(record: dict[str, Any]) -> list[str]:
    """The table of claims."""
    rows = ["| | claim | what was tested | estimate | p | adjusted | verdict | since |",
            "|---|---|---|---|---|---|---|---|"]  # fmt: skip
    for row in record["claims"]:
        interval = ""
        if row["lower"] is not None:
            interval = f" [{number(row['lower'], '.3g')}, {number(row['upper'], '.3g')}]"
        rows.append(
            f"| {row['id']} | {row['statement']} | {row['test']} | "
            f"{number(row['estimate'], '.3g')}{interval} | {number(row['pvalue'], '.3f')} | "
            f"{number(row['adjusted'], '.3f')} | **{row['verdict']}**: {row['reason']} | "
            f"{row['out_of_sample'] or '–'} |"
        )
    return [
        *rows,
        "",
        "Not testable from prices:",
        "",
        *(f"* {row['statement']} {row['reason']}" for row in record["untestable"]),
    ]


def main() -> None:
    """Measure if there are prices, and fill the page."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, nargs="?", help="folder of market prices")
    parser.add_argument("--n-boot", type=int, default=2500, help="histories of every world")
    parser.add_argument("--n-jobs", type=int, default=2)
    arguments = parser.parse_args()
    if arguments.folder is not None:
        found = measure(arguments.folder, arguments.n_boot, arguments.n_jobs)
        RECORD.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    record = json.loads(RECORD.read_text(encoding="utf-8"))
    page = DOCS / "theory" / "claims.md"
    text = page.read_text(encoding="utf-8")
    for name, make in (("trial", trials), ("audit", audits), ("claims", claims)):
        text = fill(text, name, make(record))
    page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
