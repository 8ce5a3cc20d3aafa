"""Why a verdict says what it says: paragraphs in plain language, each with its keyword."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from regimecorr.formatting import count, percent, signed
from regimecorr.reporting.facts import (
    change_sentences,
    failed,
    family_range,
    gap_sentence,
    members,
    past_sentence,
    record_sentences,
    state_changes,
)

if TYPE_CHECKING:
    from regimecorr.verdict import Verdict

#: What each family says about a changed correlation.
FAMILY_WORDS = {
    "constant": "it never changed, a low reading is noise",
    "mean_reverting": "it wanders and comes back at a known speed",
    "recurrent": "it switches between levels that come back",
    "break": "a level can be gone for good",
    "drift": "it wanders and need not come back",
    "nesting": "short lows and a lasting change are both possible",
}


def reasons(v: Verdict) -> list[tuple[str, str]]:
    """Return what speaks for the verdict and against it, the weightiest first."""
    told = [
        ("This pair's models", _models(v)),
        ("Other pairs", _panel(v)),
        ("Regimes", _regime(v)),
        ("Other windows", _windows(v)),
        ("This pair's past", _sentence(past_sentence(v))),
        ("Track record", _sentence(record_sentences(v)[0])),
        ("Price gap", _sentence(gap_sentence(v))),
        ("Charts of prices", v.levels.sentence()),
        ("What would change it", " ".join(map(_sentence, change_sentences(v)))),
    ]
    return [(key, text) for key, text in told if text]


def _models(v: Verdict) -> str:
    families = family_range(v)
    if families.empty:
        return ""
    rows = members(v)
    shares = rows.groupby("family", sort=False)["weight"].sum().sort_values(ascending=False)
    first = str(shares.index[0])
    text = (
        f"{len(rows)} models of {len(shares)} kinds, fitted to this pair alone, put structural at "
        f"{percent(families.iloc[0])} to {percent(families.iloc[-1])}, weighted by how well each "
        f"explains the past at {percent(v.p_raw)}. Most weight, {percent(shares.iloc[0])}, has "
        f"{first.replace('_', ' ')}: {FAMILY_WORDS[first]}."
    )
    lost = failed(v)
    return text + "".join(f" {name} failed: {row['reason']}." for name, row in lost.iterrows())


def _panel(v: Verdict) -> str:
    p = v.models["p_structural"]["panel"]
    if not v.calibrated or pd.isna(p):
        return ""
    learned, pooled = v.models["note"]["panel"], v.models["note"]["final"]
    return (
        f"A regression over the past of many pairs says {percent(p)} ({learned}). Past divergences "
        f"taught how to pool it with this pair's models: {pooled}."
    )


def _regime(v: Verdict) -> str:
    if v.regimes.empty:
        return "None; the switching model failed."
    name = str(v.regimes["p_today"].idxmax())
    row = v.regimes.loc[[name]].iloc[0]
    return (
        f"A model of recurrent regimes sees the pair in its {name} one (correlation "
        f"{signed(row['correlation'])}) with probability {percent(row['p_today'])}; such a regime "
        f"lasts {count(row['expected_duration'])} rows on average."
    )


def _windows(v: Verdict) -> str:
    changes = state_changes(v)
    if changes:
        return f"The state depends on the window: {changes}."
    return f"The state is {v.state} with every other window and frequency that can be read."


def _sentence(text: str) -> str:
    """A clause as a sentence."""
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")
