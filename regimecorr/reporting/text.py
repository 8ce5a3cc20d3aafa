"""The verdict as text that can be pasted into a note."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import pandas as pd

from regimecorr.formatting import (
    KEY,
    WIDTH,
    count,
    day,
    entry,
    percent,
    signed,
    with_bounds,
)
from regimecorr.reporting.facts import (
    BASIS_WORDS,
    LEVEL_WARNING,
    SIMULATED_WARNING,
    base_rate_sentence,
    change_sentences,
    definition,
    failed,
    gap_sentence,
    members,
    origin,
    past_sentence,
    record_sentences,
    state_changes,
)

if TYPE_CHECKING:
    from regimecorr.verdict import Verdict


def summary_text(v: Verdict) -> str:
    """Write a verdict as about thirty lines of at most 100 columns.

    Parameters
    ----------
    v : Verdict
        The verdict; every number is read from it.

    Returns
    -------
    str
        Without a newline at the end.
    """
    lines: list[str] = []
    lines += _opening(v)
    lines += ["", *_state(v), *_probabilities(v)]
    lines += ["", *_regimes(v), *_models(v)]
    lines += entry("Past", past_sentence(v)) + entry("Price gap", gap_sentence(v))
    lines += entry("Levels", v.levels.sentence())
    lines += _sensitivity(v)
    lines += ["", *_changes(v)]
    return "\n".join(lines)


def _opening(v: Verdict) -> list[str]:
    """What must not be missed, simulated prices before all, then the data."""
    index = v.prices.index
    text = (
        f"{v.asset} / {v.benchmark} | {origin(v)} | {day(index[0])} to {day(v.as_of)} | "
        f"{len(index):,} common prices"
    )
    paragraphs = [" ".join(text.split())]
    if v.basis != "returns":
        paragraphs.insert(0, LEVEL_WARNING)
    if v.data.get("simulated"):
        paragraphs[0] = f"{SIMULATED_WARNING} {paragraphs[0]}"
    return [line for paragraph in paragraphs for line in textwrap.wrap(paragraph, WIDTH)]


def _state(v: Verdict) -> list[str]:
    short, long = v.settings["short_window"], v.settings["long_window"]
    text = (
        f"{v.state}: {short}-row correlation of {BASIS_WORDS[v.basis]} {signed(v.r_short)}, "
        f"reference {signed(v.reference)} (the {long} rows before), midpoint {signed(v.midpoint)}; "
        f"{long}-row {signed(v.r_long)}"
    )
    lines = entry("State", text)
    if v.state in ("divergent", "strained"):
        low, high = v.settings["thresholds"]
        lines += entry(
            "Label",
            f"{v.label} (transient below {percent(low)}, structural above {percent(high)} "
            "p_structural)",
        )
    elif v.state == "aligned":
        lines += entry(
            "Label", "aligned: no divergence today; the probabilities say whether one lies ahead"
        )
    return lines


def _probabilities(v: Verdict) -> list[str]:
    if pd.isna(v.p_structural):
        return entry("Probability", f"none. {v.reason}") + _record(v)
    low, high = v.interval
    lines = entry(
        "Structural",
        f"{percent(v.p_structural)}, 90% interval {percent(low)} to {percent(high)}: "
        f"{definition(v)}",
    )
    lines += entry("Transient", f"{percent(v.p_transient)}: otherwise")
    if pd.isna(v.p_unchanged):
        lines += entry("Unchanged", "not defined for price levels")
    else:
        why = "it never left the reference's side of the midpoint"
        if v.state in ("divergent", "strained"):
            why += ", the low reading was sampling noise"
        lines += entry(
            "Unchanged",
            f"{percent(v.p_unchanged)}, part of transient: {why}; model-based, validated on "
            "simulated worlds only",
        )
    if v.calibrated:
        kind = (
            f"calibrated on past outcomes; {base_rate_sentence(v)}; the "
            f"raw pool says {percent(v.p_raw)}, the panel forecaster "
            f"{percent(v.models['p_structural']['panel'])}"
        )
    else:
        kind = "the raw pool of models, NOT calibrated on past outcomes; may be over-confident"
    return lines + entry("Probability", kind) + _record(v)


def _record(v: Verdict) -> list[str]:
    first, *more = record_sentences(v)
    lines = entry("Record", first)
    for sentence in more:
        lines += entry("", sentence)
    return lines


def _regimes(v: Verdict) -> list[str]:
    if v.regimes.empty:
        return entry("Regimes", "none; the switching model failed")
    table = [("", "correlation", "P(today)", "lasts (rows)", "stays 63 / 252 rows")]
    for name, row in v.regimes.iterrows():
        table.append(
            (
                str(name),
                with_bounds(row, "correlation", signed),
                percent(row["p_today"]),
                with_bounds(row, "expected_duration", count),
                f"{percent(row['p_stay_63'])} / {percent(row['p_stay_252'])}",
            )
        )
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in table
    ]
    keys = ["Regimes"] + [""] * len(lines)
    return [f"{key:<{KEY}}{line}" for key, line in zip(keys, lines, strict=False)]


def _models(v: Verdict) -> list[str]:
    lost = failed(v)
    parts: list[str] = []
    notes: list[str] = []
    for name, row in members(v).iterrows():
        if name in lost.index:
            continue
        p = "" if pd.isna(row["p_structural"]) else f" p {percent(row['p_structural'])}"
        doubt = "" if row["converged"] else " (not converged)"
        parts.append(f"{name} {percent(row['weight'])}{p}{doubt}")
        if row["note"]:
            notes += entry("", f"Note on {name}: {row['note']}")
    lines = entry("Models", f"by weight: {'; '.join(parts)}") + notes
    for name, row in lost.iterrows():
        lines += entry("", f"FAILED {name}: {row['reason']}")
    return lines


def _sensitivity(v: Verdict) -> list[str]:
    parts: list[str] = []
    for variant, row in v.sensitivity.iterrows():
        p = "" if pd.isna(row["p_raw"]) else f" {percent(row['p_raw'])}"
        parts.append(f"{variant} {row['state']}{p}")
    # The verdict itself has no probability then; those of the variants are not about it.
    how = ", read with their own reference" if v.state == "weak" else ""
    lines = entry("Sensitivity", f"state and raw p_structural{how}: {'; '.join(parts)}")
    changes = state_changes(v)
    same = f"The state is {v.state} in all of them that can be read"
    return lines + entry("", f"STATE CHANGES: {changes}" if changes else same)


def _changes(v: Verdict) -> list[str]:
    first, *more = change_sentences(v)
    lines = entry("Would change", first)
    for sentence in more:
        lines += entry("", sentence)
    return lines
