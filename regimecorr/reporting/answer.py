"""The first screen of a report: a verdict for somebody who has read one article."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from regimecorr.events import WEAK_REFERENCE
from regimecorr.formatting import day, percent, signed
from regimecorr.reporting.facts import BASIS_WORDS, diverged_side, fresh_window

if TYPE_CHECKING:
    from regimecorr.verdict import Verdict

#: Words for a probability below each limit.
SCALE = (
    (0.05, "very unlikely"),
    (0.20, "unlikely"),
    (0.40, "less likely than not"),
    (0.60, "about as likely as not"),
    (0.80, "more likely than not"),
    (0.95, "likely"),
    (1.01, "very likely"),
)


@dataclass(frozen=True, slots=True)
class Bar:
    """The probability as a bar of 100 units.

    Attributes
    ----------
    structural, low, high : float
        Its length and both ends of the interval.
    base_rate : float or None
        Where the past stands.
    """

    structural: float
    low: float
    high: float
    base_rate: float | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a verdict says, in plain language.

    Attributes
    ----------
    headline : str
        In a few words.
    story : str
        What is seen today.
    chance : str
        The probability in words, its interval and the base rate; or why there is none.
    structural_if, transient_if, why_then : str
        What will decide, with dates; empty where nothing can be decided.
    outcomes : tuple of str
        What structural and transient mean here, in two or three words each.
    bar : Bar or None
        The probability as a picture.
    """

    headline: str
    story: str
    chance: tuple[str, ...]
    structural_if: str
    transient_if: str
    why_then: str
    outcomes: tuple[str, str]
    bar: Bar | None


def answer(v: Verdict) -> Answer:
    """Return the plain answer of a verdict; every number is read from it."""
    outcomes = ("it is lost", "it holds") if v.state == "aligned" else ("it lasts", "it passes")
    if pd.isna(v.p_structural):
        return Answer(_headline(v), _story(v), (f"There is no probability. {v.reason}",), "", "",
                      "", outcomes, None)  # fmt: skip
    base_rate = None if pd.isna(v.base_rate) else 100.0 * v.base_rate
    low, high = v.interval
    bar = Bar(100.0 * v.p_structural, 100.0 * low, 100.0 * high, base_rate)
    return Answer(_headline(v), _story(v), tuple(_chance(v)), *_deciding(v), outcomes, bar)


def likelihood(p: float) -> str:
    """Say a probability in words, by `SCALE`."""
    return next(words for limit, words in SCALE if p < limit)


def scale_sentence() -> str:
    """Say what the words for probabilities mean."""
    edges = [0.0, *(limit for limit, _ in SCALE)]
    parts = [
        f"{words} {100 * low:.0f} to {min(100 * high, 100):.0f}%"
        for low, (high, words) in zip(edges, SCALE, strict=False)
    ]
    return "; ".join(parts)


def _headline(v: Verdict) -> str:
    if v.state == "weak":
        return "No clear relationship, so nothing to break"
    if pd.isna(v.p_structural):
        return f"{v.state.capitalize()}, without a probability"
    if v.state == "aligned":
        return "No divergence today"
    ends = {"transient": "probably passing", "structural": "probably lasting"}
    return f"{v.state.capitalize()}: {ends.get(v.label, 'whether it lasts is undecided')}"


def _story(v: Verdict) -> str:
    short, long = v.settings["short_window"], v.settings["long_window"]
    pair, of = f"{v.asset} and {v.benchmark}", BASIS_WORDS[v.basis]
    before = f"in the {long} rows (days on which both have a price) before the last {short}"
    relation = "moved together" if v.reference >= 0 else "moved against each other"
    now = f"correlation of {of} {signed(v.r_short)}"
    if v.state == "weak":
        return (
            f"{pair} were hardly related {before}: correlation of {of} {signed(v.reference)}, "
            f"and a relationship counts from {WEAK_REFERENCE:g} in size. Over the last {short} "
            f"rows: {signed(v.r_short)}."
        )
    opening = f"{pair} {relation} {before} (correlation of {of} {signed(v.reference)})."
    story = {
        "divergent": f"Over the last {short} rows that is gone ({now}).",
        "strained": f"Over the last {short} rows less than half of that is left ({now}).",
        "aligned": f"Over the last {short} rows they still did ({now}).",
    }
    return f"{opening} {story[v.state]}"


def _chance(v: Verdict) -> list[str]:
    p, (low, high) = v.p_structural, v.interval
    what = "the relationship is lost a year from now" if v.state == "aligned" else "this lasts"
    first = f"That {what} (structural) is {likelihood(p)}: {percent(p)}."
    spread = (
        f"The 90% interval is {percent(low)} to {percent(high)}: so uncertain do models, their "
        "parameters and what was learned leave the probability itself."
    )
    if not v.calibrated:
        raw = (
            "This is the raw pool of models, not calibrated on past outcomes; it may be "
            "over-confident, and there is no base rate beside it."
        )
        return [first, spread, raw]
    past = "divergences" if v.state == "divergent" else f"days of {v.state} pairs"
    points = round(100 * p) - round(100 * v.base_rate)
    beside = (
        "at it" if points == 0 else f"{abs(points)} points {'above' if points > 0 else 'below'} it"
    )
    rate = (
        f"Base rate: of past {past} {percent(v.base_rate)} were structural; this one is {beside}."
    )
    return [first, spread, rate]


def _deciding(v: Verdict) -> tuple[str, str, str]:
    window, of = fresh_window(v), BASIS_WORDS[v.basis]
    side = diverged_side(v)
    other = "below" if side == "above" else "above"
    near = f"today's {signed(v.r_short)}" if v.state == "divergent" else "no relationship"
    about = f"about {day(window.begins)} to {day(window.ends)}"
    structural = (
        f"the correlation of {of} from {about} is {side} {signed(v.midpoint)} (the midpoint): "
        f"nearer to {near} than to the {signed(v.reference)} before"
    )
    why = (
        f"That is rows {window.first} to {window.last} from today, so the answer is known about "
        f"{day(window.ends)}. The time before does not count: a {v.settings['short_window']}-row "
        "correlation moves by itself as the days of today leave its window."
    )
    return structural, f"it is {other} {signed(v.midpoint)} then", why
