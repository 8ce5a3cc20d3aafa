"""Make the README's pictures and table from real prices, and the documentation's page of results.

    python scripts/make_readme.py FOLDER_WITH_MARKET_DATA [--only verdicts|history]

FOLDER holds ``eth_usd.csv`` and ``iwm.csv`` (columns date, close); they are read, never copied.
Of the verdicts are written ``docs/_static/verdict.png``, ``docs/_results/verdicts.json`` and the
table between the markers in ``README.md``; of their history, which takes about five minutes,
``docs/_static/history.svg``, ``docs/_static/history_weights.svg`` and
``docs/_results/history.json``.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd

import regimecorr as rc
from regimecorr.events import fresh_slice, is_structural
from regimecorr.formatting import plain
from regimecorr.kernels.rolling import pearson
from regimecorr.plotting.history import plot_weights
from regimecorr.plotting.style import save

ROOT = Path(__file__).resolve().parents[1]
DATES = ("2021-02-04", "2023-05-31", "2023-11-14", "2024-09-30", "2026-01-15", "2026-08-20")
PICTURE = "2023-11-14"
STATIC, RESULTS = ROOT / "docs" / "_static", ROOT / "docs" / "_results"
MARKERS = ("<!-- results: start -->", "<!-- results: end -->")


def outcome(prices: pd.DataFrame, verdict: rc.Verdict) -> str:
    """What the fresh window showed, where it has passed."""
    returns = np.diff(np.log(prices.dropna().to_numpy()), axis=0)
    row = prices.dropna().index.get_loc(verdict.as_of) - 1
    begin, end = (row + 1 + step for step in fresh_slice(252))
    if end > len(returns):
        if row + 1 == len(returns):
            return "open"
        now = pearson(returns[-90:, 0].copy(), returns[-90:, 1].copy())
        return f"open; 90-day r {now:+.2f} on {prices.dropna().index[-1]:%Y-%m-%d}"
    fresh = pearson(returns[begin:end, 0].copy(), returns[begin:end, 1].copy())
    sign = -1 if verdict.reference < 0 else 1
    name = "structural" if is_structural(fresh, sign, verdict.midpoint) else "transient"
    return f"{fresh:+.2f}, {name}"


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", choices=("verdicts", "history"), help="default: both")
    arguments = parser.parse_args()
    folder = arguments.folder
    prices = rc.load_prices(
        {
            name: pd.read_csv(folder / file, index_col=0, parse_dates=True)["close"]["2016":]
            for name, file in (("ETH", "eth_usd.csv"), ("IWM", "iwm.csv"))
        }
    )
    STATIC.mkdir(parents=True, exist_ok=True)
    RESULTS.mkdir(parents=True, exist_ok=True)
    if arguments.only != "history":
        make_verdicts(prices)
    if arguments.only != "verdicts":
        make_history(prices)


def make_history(prices: pd.DataFrame) -> None:
    """Replay the verdict every 21 rows, and draw it under the prices."""
    past = rc.history(prices)
    save(past.plot(), STATIC / "history.svg")
    save(plot_weights(past.weights).figure, STATIC / "history_weights.svg")
    told = past.to_dict()
    record = {name: told[name] for name in ("asset", "benchmark", "as_of", "settings")}
    record |= {
        "summary": past.summary().split("\n"),
        "by_state": plain(past.by_state()),
        "by_probability": plain(past.by_probability()),
        "scores": plain(past.scores()),
        "frame": [rounded(row) for row in told["frame"]],
        "weights": [rounded(row) for row in told["weights"]],
    }
    (RESULTS / "history.json").write_text(json.dumps(record, indent=1) + "\n")


def rounded(row: dict[str, object]) -> dict[str, object]:
    """Return what is told of a row: numbers with four decimals, without what is empty."""
    kept = {k: v for k, v in row.items() if v not in ("", None)}
    return {k: round(v, 4) if isinstance(v, float) else v for k, v in kept.items()}


def make_verdicts(prices: pd.DataFrame) -> None:
    """Make the table of verdicts and the picture of one."""
    rows = [
        "| as of | 90-day r | reference | state | structural | interval | raw pool | record | what "
        "came |"
    ]
    rows.append("|---|---|---|---|---|---|---|---|---|")
    record = []
    for date in DATES:
        v = rc.assess(prices, as_of=date)
        none = np.isnan(v.p_structural)
        came = "nothing to break" if none else outcome(prices, v)
        past = v.track_record
        like = "" if past.reason else f"{past.n_structural} of {past.n}"
        p, raw = ("none" if none else f"{x:.2f}" for x in (v.p_structural, v.p_raw))
        span = "" if none else f"{v.interval[0]:.2f} to {v.interval[1]:.2f}"
        rows.append(
            f"| {date} | {v.r_short:+.2f} | {v.reference:+.2f} | {v.state} | {p} | {span} | "
            f"{'' if none else raw} | {like} | {came} |"
        )
        record.append(
            {"as_of": date, "state": v.state, "label": v.label, "came": came, "record": like}
        )
        plain = v.to_dict()
        for name in ("r_short", "r_long", "reference", "midpoint", "base_rate", "calibrated"):
            record[-1][name] = plain[name]
        for name in ("p_structural", "p_raw", "p_unchanged", "interval"):
            record[-1][name] = plain[name]
        record[-1]["vintage"] = v.models.loc["panel", "note"]
        if date == PICTURE:
            v.plot().savefig(STATIC / "verdict.png", dpi=110)
    (RESULTS / "verdicts.json").write_text(json.dumps(record, indent=1) + "\n")
    readme = ROOT / "README.md"
    text = readme.read_text()
    head, tail = text.split(MARKERS[0])[0], text.split(MARKERS[1])[1]
    table = "\n".join(rows)
    note = (
        "Common days of ETH and IWM from 2016, each verdict from rows to its date only, by the "
        "calibration of the year end\nbefore it. Record: of the past divergences with a "
        "probability within 5 points of this one, how many were structural.\nThe outcome is the "
        "fresh correlation and what the definition calls it. Made by `scripts/make_readme.py`."
    )
    readme.write_text(f"{head}{MARKERS[0]}\n{table}\n\n{note}\n{MARKERS[1]}{tail}")


if __name__ == "__main__":
    main()
