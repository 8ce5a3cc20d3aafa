"""The timing of a pair as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from regimecorr.formatting import MISSING, day, entry, plural, signed

if TYPE_CHECKING:
    from regimecorr.inference.timing.result import Timing

LEGS = ("asset", "benchmark")
TITLES = {"scholes_williams": "Scholes-W.", "dimson": "Dimson"}


def notes_on(
    asset: str, benchmark: str, lagged: pd.DataFrame, adjustment: pd.DataFrame
) -> tuple[str, ...]:
    """What to know before relying on the figures."""
    notes = [
        f"Daily leads and shares are artefacts of the clock where {asset} and {benchmark} close at "
        "different hours (crypto 24:00 UTC, US equity 16:00 New York): the leg that closes first "
        "looks like the follower. Compare 3-day and weekly rows."
    ]
    leads = [int(k) for k in lagged.index[lagged["outside"]] if abs(int(k)) > 1]
    if leads:
        notes.append(
            "Cross-correlations beyond one row are no matter of hours between closes: lags "
            f"{', '.join(f'{k:+d}' for k in leads)} leave the joint band."
        )
    closing = adjustment["cointegrated"].astype(bool)
    if not closing.any():
        notes.append(
            "Nothing shows a gap that closes: no test finds the prices cointegrated, so shares of "
            "price discovery describe noise."
        )
    elif not closing.all():
        names = ", ".join(f"{a} {b}" for a, b in adjustment.index[~closing])
        notes.append(f"Nothing shows a gap that closes in these rows: {names}.")
    notes.append(
        "Alike: adjustment above and below the mean of the gap is equal, given cointegration; an "
        "estimated threshold needs the critical values of Enders and Siklos."
    )
    return tuple(notes)


def timing_text(t: Timing) -> str:
    """Write a result as text of at most 100 columns; every number is read from its frames."""
    s = t.settings
    lines = entry(
        "Timing",
        f"{t.asset} / {t.benchmark} | {day(t.rolling.index[0])} to {day(t.as_of)} | "
        f"{len(t.rolling):,} common returns",
    )
    if t.data.get("simulated"):
        lines.insert(0, "SIMULATED PRICES")
    lines += ["", *_table(t), *_state(t), ""]
    lines += entry("Leads", _leads(t))
    lines += ["", *_closing(t), ""]
    for note in t.notes:
        lines += entry("Note", note)
    lines += entry(
        "",
        f"Intervals and bands: {100 * s['ci_prob']:g} %, block bootstrap. Corrections add up "
        f"{plural(s['lags'], 'lead and lag', 'leads and lags')} of each leg.",
    )
    return "\n".join(lines)


def _table(t: Timing) -> list[str]:
    """Readings side by side."""
    s = t.settings
    heads = (f"{s['short_window']} rows", f"{s['long_window']} rows", "reference", "state")
    rows: list[tuple[str, ...]] = [("", *heads, "divergent (last year)")]
    for name, row in t.correlations.iterrows():
        cells = [
            f"{signed(row[f'r_{size}'])} [{signed(row[f'r_{size}_lower'])}, "
            f"{signed(row[f'r_{size}_upper'])}]"
            if np.isfinite(row[f"r_{size}"])
            else MISSING
            for size in ("short", "long")
        ]
        days = f"{row['divergent_days']} ({row['divergent_last_year']}) of {row['known_days']:,}"
        title = TITLES.get(str(name), str(name))
        rows.append((title, *cells, signed(row["reference"]), row["state"] or MISSING, days))
    for pair, row in t.alternatives.iterrows():
        if row["reason"]:
            continue
        days = f"{row['divergent_days']:.0f} ({row['divergent_last_year']:.0f})"
        days += f" of {row['known_days']:,.0f}"
        figures = (signed(row["r_short"]), signed(row["r_long"]), signed(row["reference"]))
        rows.append((str(pair), *figures, row["state"], days))
    return _columns(rows)


def _state(t: Timing) -> list[str]:
    """Whether the state depends on the timing."""
    other = t.other_states
    if not other:
        return entry(
            "State", f"{t.state} in all that can be read: it does not depend on the timing"
        )
    changes = "; ".join(
        f"{state} in {', '.join(TITLES.get(name, name) for name in names)}"
        for state, names in other.items()
    )
    linked = t.cross_correlation.loc[[-1, 1], "outside"].any()
    why = (
        "residuals are linked one row apart, so the clock is part of it"
        if linked
        else "no link of residuals one row apart leaves its band, so noise explains it as well"
    )
    return entry("State", f"DEPENDS ON THE TIMING: daily {t.state}, but {changes}; {why}")


def _leads(t: Timing) -> str:
    """Cross-correlations at the lags next to zero, and those that leave the joint band."""
    found = t.cross_correlation
    r = dict(zip(found.index.tolist(), found["correlation"].tolist(), strict=True))
    outside = [k for k, out in zip(r, found["outside"], strict=True) if out and k]
    last = max(r)
    near = ", ".join(
        f"{leader} a row ahead {signed(r[k])}{' *' if k in outside else ''}"
        for k, leader in ((1, t.asset), (-1, t.benchmark))
    )
    text = f"GARCH residuals: same row {signed(r[0])}, {near}"
    if last > 1:
        far = ", ".join(f"{k:+d} {signed(r[k])} *" for k in outside if abs(k) > 1)
        text += f", at 2 to {last} rows {far or 'none outside the band'}"
    return f"{text} (* outside the joint band of about {found['joint'].drop(0).mean():.2f})"


def _closing(t: Timing) -> list[str]:
    """Who closes the gap, by frequency and slope."""
    heads = (f"{t.asset} (t)", f"{t.benchmark} (t)", "alike p", f"share of {t.asset}", "Hasbrouck")
    rows: list[tuple[str, ...]] = [("Gap, slope", "cointegrated", *heads)]
    for name, row in t.adjustment.droplevel("gap").iterrows():
        tied = f"{'yes' if row['cointegrated'] else 'no'}, p {row['p_unit_root']:.2f}"
        low, high = (signed(row[f"gonzalo_granger_{side}"]) for side in ("lower", "upper"))
        rows.append(
            (
                f"{name}, {row['slope']:.2f}",
                tied,
                *(f"{row[leg]:+.3f} ({row[leg] / row[f'{leg}_error']:+.1f})" for leg in LEGS),
                f"{row['p_symmetric']:.2f}",
                f"{signed(row['gonzalo_granger'])} [{low}, {high}]",
                f"{row['hasbrouck_lower']:.2f}-{row['hasbrouck_upper']:.2f}",
            )
        )
    return _columns(rows)


def _columns(rows: list[tuple[str, ...]]) -> list[str]:
    """Rows of cells as lines."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
