"""Write the answer for the case study, in five sentences, from the results on record.

    python scripts/make_answer.py

Reads ``docs/_results/verdicts.json`` (scripts/make_readme.py) and ``claims.json``
(scripts/make_claims.py); fills the text between the markers in ``README.md``, which
``docs/index.md`` shows.
"""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

import pandas as pd
from make_validation import fill

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "docs" / "_results"
TRIAL = "levels, 90D/365D"
Row = dict[str, Any]


def day(text: str) -> str:
    """A date in words."""
    stamp = pd.Timestamp(text)
    return f"{stamp.day} {stamp:%B %Y}"


def chance(row: Row) -> str:
    """Probability of a structural change with its interval."""
    low, high = row["interval"]
    return f"{row['p_structural']:.0%} (90% interval {low:.0%} to {high:.0%})"


def of_the_article(row: Row) -> str:
    """The verdict of the day."""
    return (
        f"On {day(row['as_of'])}, when the divergence of Ethereum and the Russell 2000 was "
        f"published, the 90-day correlation of their daily *returns* was {row['r_short']:+.2f}, "
        f"after {row['reference']:+.2f} over the year before: the pair was {row['state']}, and the "
        f"probability of a structural change {chance(row)}."
    )


def of_prices(trial: Row) -> str:
    """The published record, and what it would be without a link."""
    seen = trial["observed"]
    share = {row["world"]: row["resolved_chart"] for row in trial["worlds"]}
    return (
        "What had turned negative was the correlation of *prices*, and that such spells have "
        f"always resolved ({seen['resolved']:.0f} of {seen['matured']:.0f}) tells nothing: of "
        f"those between prices that nothing ties together {share['independent']:.1%} resolve, and "
        f"{share['break']:.1%} of those after a link has broken for good."
    )


def of_claims(claims: list[Row]) -> str:
    """How the published statements fare."""
    count = pd.Series([row["verdict"] for row in claims]).value_counts()
    return (
        f"Of {len(claims)} published statements the data support {count.get('supported', 0)} and "
        f"contradict {count.get('contradicted', 0)}; {count.get('uninformative', 0)} cannot be "
        "decided with what there is."
    )


def of_divergences(rows: list[Row]) -> str:
    """Days on which returns did diverge, and what came."""
    known = [row for row in rows if row["state"] == "divergent" and row["came"][0] in "+-"]
    parts = [
        f"{day(row['as_of'])}, {chance(row)}, and it proved {row['came'].split(', ')[1]}"
        for row in known
    ]
    return f"Returns did diverge at other times: {'; '.join(parts)}."


def of_today(row: Row) -> str:
    """The last verdict."""
    return (
        f"On {day(row['as_of'])}, where the data end, the 90-day correlation of returns was "
        f"{row['r_short']:+.2f} against {row['reference']:+.2f}, the pair {row['state']} and the "
        f"probability {chance(row)}: what comes is open."
    )


def main() -> None:
    """Run from the command line."""
    rows = json.loads((RESULTS / "verdicts.json").read_text())
    claims = json.loads((RESULTS / "claims.json").read_text())
    article = next(row for row in rows if row["as_of"] == claims["as_of"])
    sentences = (
        of_the_article(article),
        of_prices(claims["trials"][TRIAL]),
        of_claims(claims["claims"]),
        of_divergences(rows),
        of_today(rows[-1]),
    )
    lines = [
        line
        for i, sentence in enumerate(sentences, 1)
        for line in textwrap.wrap(f"{i}. {sentence}", 115, subsequent_indent="   ")
    ]
    for page in (ROOT / "README.md",):
        page.write_text(fill(page.read_text(), "answer", lines))


if __name__ == "__main__":
    main()
