"""Draw the pictures of docs/concepts and fill the tables of its pages.

    python benchmarks/claim_worlds.py
    python scripts/make_concepts.py

Pictures go to ``docs/_static``, what is simulated here to ``docs/_results/concepts.json``. All is
simulated or read off the shipped calibration; no market price is used.
"""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from make_scores import short
from make_validation import fill
from numpy.lib.stride_tricks import sliding_window_view
from scipy.stats import beta

from regimecorr.evaluation.vintages import shipped
from regimecorr.events import fresh_slice, situation
from regimecorr.kernels.paths import correlate
from regimecorr.plotting.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    SILVER,
    VERMILLION,
    legend_above,
    new_figure,
    save,
    style,
)

DOCS = Path(__file__).resolve().parents[1] / "docs"
STATIC, RESULTS, PAGES = DOCS / "_static", DOCS / "_results", DOCS / "concepts"
SHORT, LONG, HORIZON = 90, 252, 252
BEFORE, TODAY = 900, 990
WINDOWS = (90, 252, 1000)
BINS = (0.0, 0.3, 0.4, 0.5, 0.6, 1.0)


def broken_returns(rng: np.random.Generator, n_paths: int, row: int, n_rows: int) -> np.ndarray:
    """Normal returns of 1 % a day whose correlation is .5 to a row and 0 from it on."""
    rho = np.where(np.arange(n_rows) < row, 0.5, 0.0)
    shocks = rng.standard_normal((n_paths, n_rows, 2))
    return 0.01 * correlate(shocks, np.tile(rho, (n_paths, 1)))


def rolling(returns: np.ndarray, window: int = SHORT) -> pd.Series:
    """Rolling correlation of returns (n_rows, 2), by row."""
    table = pd.DataFrame(returns)
    return table[0].rolling(window).corr(table[1])


def windows_picture() -> None:
    """The windows of a verdict on one simulated pair that breaks for good."""
    returns = broken_returns(np.random.default_rng(1), 1, BEFORE, TODAY + HORIZON + 1)[0]
    here = situation(returns[: TODAY + 1], SHORT, LONG)
    skipped, stop = fresh_slice(HORIZON)
    first, last = TODAY + 1 + skipped, TODAY + stop
    later = float(np.corrcoef(returns[first : last + 1].T)[0, 1])
    line = rolling(returns)
    rows = np.arange(TODAY - SHORT - LONG - 60, TODAY + HORIZON + 1)
    spans = (
        ("reference", TODAY - SHORT - LONG + 1, TODAY - SHORT, here.reference, BLUE),
        ("short", TODAY - SHORT + 1, TODAY, here.r_short, VERMILLION),
        ("fresh", first, last, later, GREEN),
    )
    with style():
        figure = new_figure(7.2, 3.4)
        ax = figure.subplots()
        ax.plot(rows - TODAY, line[rows], color=SILVER, label="90-row correlation")
        for name, start, end, level, colour in spans:
            ax.axvspan(start - TODAY, end - TODAY, color=colour, alpha=0.10, lw=0)
            ax.plot([start - TODAY, end - TODAY], [level, level], color=colour, lw=2.6)
            ax.text((start + end) / 2 - TODAY, 0.94, name, color=colour, ha="center", va="top")
            ax.text(start - TODAY + 4, level - 0.09, f"{level:+.2f}", color=colour, va="top")
        ax.plot([0, HORIZON], [here.midpoint] * 2, color=INK, ls="--", lw=1.0, label="midpoint")
        ax.axvline(0, color=INK, lw=0.9)
        ax.text(4, -0.42, "today", color=INK)
        ax.text((1 + first - TODAY) / 2, 0.94, "skipped", color=GREY, ha="center", va="top")
        ax.set(xlabel="rows from today", ylabel="correlation of returns", ylim=(-0.5, 1.0))
        legend_above(ax, 2)
        save(figure, STATIC / "concept_windows.svg")


def recovery_picture() -> None:
    """Rolling correlations after a break that lasts, from the first day at or below zero."""
    rng = np.random.default_rng(3)
    ahead = np.arange(HORIZON + 1)
    with style():
        figure = new_figure(7.2, 3.0)
        ax = figure.subplots()
        drawn = 0
        while drawn < 6:
            line = rolling(broken_returns(rng, 1, 400, 1000)[0])
            below = np.flatnonzero(line.to_numpy()[400:] <= 0.0)
            if not below.size or below[0] + 400 + HORIZON >= len(line):
                continue
            start = 400 + int(below[0])
            ax.plot(ahead, line.to_numpy()[start : start + HORIZON + 1], lw=1.0)
            drawn += 1
        ax.axhline(0.0, color=INK, lw=0.9)
        ax.axvspan(127, 252, color=GREEN, alpha=0.10, lw=0)
        ax.text(189, 0.32, "fresh", color=GREEN, ha="center", va="top")
        ax.set(xlabel="rows since the 90-row correlation first reached zero", ylim=(-0.35, 0.35))
        ax.set_ylabel("90-row correlation")
        ax.set_title("Six histories after a permanent break from .5 to 0")
        save(figure, STATIC / "concept_recovery.svg")


def level_correlations(rng: np.random.Generator, n_walks: int) -> dict[int, dict[str, np.ndarray]]:
    """Correlations of levels and of returns of independent walks, in windows without overlap."""
    found: dict[int, dict[str, list[np.ndarray]]] = {
        w: {"levels": [], "returns": []} for w in WINDOWS
    }
    for _ in range(n_walks):
        returns = rng.standard_normal((max(WINDOWS) * 2, 2))
        for name, series in (("levels", returns.cumsum(axis=0)), ("returns", returns)):
            for window, kept in found.items():
                cut = sliding_window_view(series, window, axis=0)[::window]
                centred = cut - cut.mean(axis=2, keepdims=True)
                scale = np.sqrt((centred**2).sum(axis=2))
                kept[name].append(centred.prod(axis=1).sum(axis=1) / scale.prod(axis=1))
    return {w: {n: np.concatenate(v) for n, v in by.items()} for w, by in found.items()}


def walks_figures(n_walks: int = 4000) -> dict[str, Any]:
    """How large correlations of independent walks are, by window."""
    found = level_correlations(np.random.default_rng(0), n_walks)
    return {
        str(window): {
            name: {
                "n": int(values.size),
                "sd": round(float(values.std()), 4),
                "beyond .5": round(float((np.abs(values) > 0.5).mean()), 4),
            }
            for name, values in by.items()
        }
        for window, by in found.items()
    }


def levels_picture() -> None:
    """Two independent walks: their prices, and correlations of both kinds."""
    returns = np.random.default_rng(20).standard_normal((1764, 2)) * 0.01
    levels = pd.DataFrame(100.0 * np.exp(returns.cumsum(axis=0)))
    with style():
        figure = new_figure(7.2, 4.4)
        top, bottom = figure.subplots(2, 1, sharex=True)
        for leg, colour in ((0, BLUE), (1, ORANGE)):
            top.plot(levels[leg], color=colour, label="AB"[leg])
        top.set_ylabel("price")
        top.set_title("Two independent walks")
        legend_above(top, 2)
        by_levels = levels[0].rolling(LONG).corr(levels[1])
        bottom.plot(by_levels, color=VERMILLION, label="of prices")
        bottom.plot(rolling(returns, LONG), color=GREEN, label="of returns")
        bottom.axhline(0.0, color=INK, lw=0.9)
        bottom.set(ylabel="252-row correlation", xlabel="row", ylim=(-1.05, 1.05))
        legend_above(bottom, 2)
        save(figure, STATIC / "concept_levels.svg")


def walks_table(record: dict[str, Any]) -> list[str]:
    """Spread of correlations of walks."""
    rows = [
        "| rows in the window | prices: standard deviation | prices: beyond ±.5 "
        "| returns: standard deviation | returns: beyond ±.5 |",
        "|---|---|---|---|---|",
    ]
    for window, by in record.items():
        cells = " | ".join(
            f"{short(by[name]['sd'], 2)} | {by[name]['beyond .5']:.0%}"
            for name in ("levels", "returns")
        )
        rows.append(f"| {window} | {cells} |")
    least = min(by["levels"]["n"] for by in record.values())
    return [
        *rows,
        "",
        f"Independent normal walks; at least {least:,} windows without overlap a row.",
    ]


def rules_table(worlds: dict[str, Any]) -> list[str]:
    """What the chart's rule and the definition say where the truth is known."""
    names = {
        "break .5 to 0": "a permanent break from .5 to 0",
        "break .5 to 0, t5": "the same, heavy tails (t5)",
        "constant .3, t5": "nothing: a constant .3, heavy tails",
        "Markov .45/0": "regimes that come and go, .45 and 0",
        "DCC .4": "mean reversion round .4 (DCC)",
    }
    rows = [
        "| what happened | chart: back above 0 in 126 rows | definition: transient |",
        "|---|---|---|",
    ]
    for key, what in names.items():
        row = worlds[key]
        rows.append(
            f"| {what} | {row['chart within 126']:.0%} | {row['transient by definition']:.0%} |"
        )
    n = worlds["break .5 to 0"]["histories"]
    return [*rows, "", f"{n:,} histories of each, by `benchmarks/claim_worlds.py`."]


def spells_text(worlds: dict[str, Any]) -> list[str]:
    """Level episodes of independent walks, in a sentence."""
    row = worlds["independent walks"]
    share, most = row["resolved within 252"], row["likelihood ratio of 5 of 5, at most"]
    return [
        f"Two independent walks show {row['episodes a year']:.2f} such episodes a year, and "
        f'{share:.0%} of them are "resolved" within a year, half of them within '
        f"{row['median rows']:.0f} rows. A record of five out of five is at most {most:.2f} times "
        "as likely with a relationship as without."
    ]


def reliability_table() -> list[str]:
    """What was said and what came, in the shipped record."""
    record = shipped("market").record.dropna(subset=["structural", "p_structural"])
    p, y = record["p_structural"].to_numpy(), record["structural"].to_numpy(float)
    rows = ["| said | divergences | mean said | came | 90 % interval |", "|---|---|---|---|---|"]
    for low, high in pairwise(BINS):
        mine = (p >= low) & (p < high)
        n, k = int(mine.sum()), int(y[mine].sum())
        bounds = beta.ppf([0.05, 0.95], [k, k + 1], [n - k + 1, n - k])
        rows.append(
            f"| {low:.0%} to {high:.0%} | {n} | {p[mine].mean():.0%} | {k / n:.0%} | "
            f"{bounds[0]:.0%} to {bounds[1]:.0%} |"
        )
    first, last = record["date"].min().year, record["date"].max().year
    note = (
        f"{len(record)} divergences of real markets from {first} to {last}, each forecast by the "
        "vintage in force on its day. Intervals as if outcomes were independent; those of one year "
        "are alike, so the truth is wider."
    )
    return [*rows, "", note]


def put(page: str, tables: dict[str, list[str]]) -> None:
    """Fill the marked places of a page."""
    path = PAGES / page
    text = path.read_text(encoding="utf-8")
    for name, rows in tables.items():
        text = fill(text, name, rows)
    path.write_text(text, encoding="utf-8")


def main() -> None:
    """Run from the command line."""
    walks = walks_figures()
    target = RESULTS / "concepts.json"
    target.write_text(json.dumps({"walks": walks}, indent=1) + "\n", encoding="utf-8")
    worlds = json.loads((RESULTS / "claim_worlds.json").read_text(encoding="utf-8"))
    windows_picture()
    recovery_picture()
    levels_picture()
    put("fresh.md", {"rules": rules_table(worlds)})
    put("levels_mislead.md", {"walks": walks_table(walks), "spells": spells_text(worlds)})
    put("probability.md", {"reliability": reliability_table()})


if __name__ == "__main__":
    main()
