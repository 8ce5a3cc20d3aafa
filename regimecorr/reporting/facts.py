"""What a report needs beyond the verdict's own fields, derived from them alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from regimecorr.events import WEAK_REFERENCE
from regimecorr.formatting import day, percent, plural, signed

if TYPE_CHECKING:
    from regimecorr.verdict import Verdict

NOT_MEMBERS = ("panel", "final")
BASIS_WORDS = {
    "returns": "returns",
    "levels": "price levels",
    "log_levels": "log price levels",
}
LEVEL_WARNING = (
    "WARNING: correlations of price levels, not of returns. They are high, and turn negative, by "
    "chance alone; nothing below is calibrated. basis='returns' asks about the relationship."
)
SIMULATED_WARNING = "SIMULATED prices: this verdict says nothing about any market."


@dataclass(frozen=True, slots=True)
class FreshWindow:
    """The rows that decide the event, and about when they are.

    Attributes
    ----------
    first, last : int
        Rows after today.
    begins, ends : Timestamp
        Their approximate dates, at the pace of the last 252 rows.
    """

    first: int
    last: int
    begins: pd.Timestamp
    ends: pd.Timestamp


def fresh_window(v: Verdict) -> FreshWindow:
    """Return the fresh window of a verdict."""
    horizon = int(v.settings["horizon"])
    index = v.prices.index
    back = min(252, len(index) - 1)
    pace = (index[-1] - index[-1 - back]).days / back
    first, last = horizon // 2 + 1, horizon
    begins, ends = (v.as_of + pd.Timedelta(days=round(pace * rows)) for rows in (first, last))
    return FreshWindow(first, last, begins, ends)


def members(v: Verdict) -> pd.DataFrame:
    """Return the rows of the pool's members, the heaviest first."""
    rows = v.models.drop(index=[name for name in NOT_MEMBERS if name in v.models.index])
    return rows.sort_values("weight", ascending=False, kind="stable")


def failed(v: Verdict) -> pd.DataFrame:
    """Return the members without a probability because their estimation failed."""
    rows = members(v)
    rows = rows[rows["prior"] > 0.0]
    nothing = rows["score"].isna() & rows["p_structural"].isna()
    return rows[(rows["reason"] != "") & nothing]


def family_range(v: Verdict) -> pd.Series:
    """Return ``p_structural`` of every family on its own, ascending.

    The pool with any other family prior lies between the first and the last of them. Within a
    family the members keep their relative weights.
    """
    rows = members(v)
    rows = rows[rows["p_structural"].notna()]
    out: dict[str, float] = {}
    for family, group in rows.groupby("family", sort=False):
        weight = group["weight"]
        if not weight.sum() > 0:
            weight = weight * 0.0 + 1.0
        out[str(family)] = float((group["p_structural"] * weight).sum() / weight.sum())
    return pd.Series(out, dtype=float, name="p_structural").sort_values(kind="stable")


def states_that_differ(v: Verdict) -> dict[str, list[str]]:
    """Return the sensitivity variants whose state is another one, by that state."""
    out: dict[str, list[str]] = {}
    for variant, state in v.sensitivity["state"].items():
        if state not in (v.state, "unknown"):
            out.setdefault(str(state), []).append(str(variant))
    return out


def state_changes(v: Verdict) -> str:
    """Say with which variants of the sensitivity the state is another one; empty where none is."""
    return "; ".join(
        f"{state} with {_variants(names)}" for state, names in states_that_differ(v).items()
    )


def _variants(names: list[str]) -> str:
    """Variants of the sensitivity in few words, so that all changes fit on one line."""
    windows = [name.removesuffix(" rows") for name in names if name.endswith(" rows")]
    others = [name.removesuffix(" returns") for name in names if not name.endswith(" rows")]
    return ", ".join([f"{'/'.join(windows)} rows"] * bool(windows) + others)


def past_sentence(v: Verdict) -> str:
    """Count the past divergences of the pair by what became of them."""
    episodes = v.episodes
    if episodes.empty:
        return "no divergence in this history"
    outcomes = episodes.loc[episodes["entry"].notna(), "outcome"]
    tally = ", ".join(
        f"{int((outcomes == name).sum())} {name}" for name in ("structural", "transient", "open")
    )
    last = episodes.iloc[-1]
    until = "and lasts" if last["censored"] else f"to {day(last['end'])}"
    entries = "entry" if len(outcomes) == 1 else "entries"
    return (
        f"{plural(len(episodes), 'divergence')}, {len(outcomes)} counted as {entries} ({tally}); "
        f"the last from {day(last['start'])} {until}"
    )


def gap_sentence(v: Verdict) -> str:
    """Say how wide the gap of the prices is, and who may close it."""
    z = float(v.gap.attrs.get("z", float("nan")))
    text = f"log difference {signed(z)} sd from its {v.settings['long_window']}-row mean"
    if v.gap["p"].isna().all():
        return f"{text}: closed, nothing to close"
    shares = ", ".join(
        f"{name} {percent(row['p'])} ({percent(row['p_random_walk'])})"
        for name, row in v.gap.iterrows()
    )
    return (
        f"{text}; closes within {v.settings['horizon']} rows: {shares}; in brackets independent "
        "random walks"
    )


def change_sentences(v: Verdict) -> list[str]:
    """Say what would make the verdict another one."""
    window = fresh_window(v)
    if v.state == "weak":
        return [
            f"a reference of at least {WEAK_REFERENCE:g} in size (now {signed(v.reference)}): its "
            f"window ends {v.settings['short_window']} rows ago and moves with every new row"
        ]
    # A short correlation on the reference's side of zero leaves the midpoint at half the reference.
    half = v.reference / 2.0
    beyond, within = ("<=", "above") if v.reference > 0 else (">=", "below")
    told = [
        f"state, with this reference: divergent at r_short {beyond} 0, strained up to "
        f"{signed(half)}, aligned {within} (now {signed(v.r_short)})"
    ]
    families = family_range(v)
    if len(families):
        low, high = families.iloc[0], families.iloc[-1]
        told.append(
            f"raw p_structural, with another family prior: {percent(low)} "
            f"({families.index[0]} alone) to {percent(high)} ({families.index[-1]} alone)"
        )
    told.append(
        f"the answer itself: rows {window.first} to {window.last}, about {day(window.begins)} to "
        f"{day(window.ends)}"
    )
    return told


def diverged_side(v: Verdict) -> str:
    """Return on which side of the midpoint the diverged level lies."""
    return "above" if v.reference < 0 else "below"


def definition(v: Verdict) -> str:
    """Say in one sentence what structural means for this verdict."""
    window = fresh_window(v)
    away = f"the diverged {signed(v.r_short)}" if v.state == "divergent" else "zero"
    return (
        f"in rows {window.first} to {window.last} ahead (about {day(window.begins)} to "
        f"{day(window.ends)}), correlation of {BASIS_WORDS[v.basis]} {diverged_side(v)} the "
        f"midpoint {signed(v.midpoint)}: nearer to {away} than to the reference"
    )


def record_sentences(v: Verdict) -> list[str]:
    """Say what past forecasts like this one were worth: the band, all of them, this pair."""
    record = v.track_record
    if record.reason:
        return [f"none: {record.reason}"]
    low, high = record.interval
    share = f" (90% interval {percent(low)} to {percent(high)})" if record.n else ""
    span = "" if pd.isna(record.first) else f" of {record.first:%Y} to {record.last:%Y}"
    error = "" if pd.isna(record.skill_error) else f" (standard error {record.skill_error:.2f})"
    against = "of the cases learned from" if pd.isna(record.first) else "known at the time"
    everything = (
        f"all {record.n_total} forecasts{span}: {percent(record.mean_p)} on average, "
        f"{percent(record.share)} structural, Brier skill {signed(record.skill)}{error} against "
        f"the base rate {against}, calibration error {percent(record.ece)} (95% of perfect "
        f"forecasters stay below {percent(record.ece_upper)})"
    )
    own = [
        f"{day(when)} {percent(p)}, {_came(outcome)}"
        for when, p, outcome in record.pair.itertuples(index=False, name=None)
    ]
    pair = "this pair: " + ("; ".join(own) if own else "not on record")
    return [record.sentence + share, everything, pair]


def base_rate_sentence(v: Verdict) -> str:
    """Say how often structural came in the past of this state."""
    past = "divergences" if v.state == "divergent" else f"days of {v.state} pairs"
    return f"of past {past} {percent(v.base_rate)} were structural"


def _came(structural: float) -> str:
    if pd.isna(structural):
        return "open"
    return "structural came" if structural else "transient came"


def origin(v: Verdict) -> str:
    """Name the source of the prices, with its description where there is one."""
    provenance = v.data.get("provenance", {})
    source = str(provenance.get("source", "unknown source"))
    more = provenance.get("description")
    return f"{source} ({more})" if more else source
