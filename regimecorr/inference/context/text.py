"""The context as text."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from regimecorr.events import GAP_CLOSED
from regimecorr.formatting import MISSING, WIDTH, count, day, entry, percent, plural, signed
from regimecorr.indicators.macro import RISK_ON

if TYPE_CHECKING:
    from regimecorr.inference.context.result import Context


#: A heading and its paragraphs, each with its keyword.
Section = tuple[str, list[tuple[str, str]]]


def context_sections(c: Context) -> list[Section]:
    """Return the paragraphs of a context; every number is read from its frames."""
    legs = (("asset", c.asset), ("benchmark", c.benchmark))
    momentum = [f"{name}: {_momentum(c.momentum.iloc[-1], leg, c)}" for leg, name in legs]
    pair = [
        ("Prices", _prices(c)),
        ("Year", _year(c)),
        ("Drawdown", _drawdown(c)),
        *(("Momentum", text) for text in momentum),
        ("Beta", _beta(c)),
        ("Price gap", _gap(c)),
        ("Gap record", _record(c)),
    ]
    sections = [("", pair)]
    if len(c.today):
        known = [(str(name), _series(str(name), row)) for name, row in c.today.iterrows()]
        by_state = [(str(name), _states(c, str(name))) for name in c.contrasts.index]
        by_state.append(("", _caveat(c)))
        sections.append(("Liquidity and risk, as published by the close", known))
        sections.append(("Correlation of returns by the state known at the close before", by_state))
    return sections


def context_text(c: Context) -> str:
    """Write a context as text of at most 100 columns."""
    lines = _wrapped(
        f"Context of {c.asset} / {c.benchmark} on {c.as_of:%Y-%m-%d}: what surrounds the pair, no "
        "part of any probability.",
        "",
    )
    if c.data.get("simulated"):
        lines.insert(0, "SIMULATED PRICES")
    for title, paragraphs in context_sections(c):
        if title:
            lines += ["", f"{title}:"]
        for key, text in paragraphs:
            lines += entry(f"  {key} " if title else key, text) if key else _wrapped(text, "")
    return "\n".join(lines)


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(
        " ".join(text.split()),
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent or "  ",
        break_on_hyphens=False,
    )


def _change(value: float) -> str:
    """A change in whole percent, with its sign."""
    return f"{value:+.0%}" if np.isfinite(value) else MISSING


def _figure(value: float) -> str:
    """A price or index with at least three digits that say something."""
    if not np.isfinite(value):
        return MISSING
    return f"{value:,.0f}" if abs(value) >= 1000.0 else f"{value:.4g}"


def _prices(c: Context) -> str:
    last = c.overlay.iloc[-1]
    legs = ", ".join(f"{name} {_figure(last[name])}" for name in (c.asset, c.benchmark))
    return f"{legs}, where {day(c.overlay.index[0])} is 100"


def _year(c: Context) -> str:
    last = c.year_over_year.iloc[-1]
    legs = ", ".join(f"{name} {_change(last[name])}" for name in (c.asset, c.benchmark))
    return f"{legs} year over year"


def _drawdown(c: Context) -> str:
    parts = []
    for name in (c.asset, c.benchmark):
        value = float(c.drawdown[name].iloc[-1])
        peak = c.prices[name].idxmax()
        parts.append(f"{name} at its peak" if value == 0.0 else
                     f"{name} {_change(value)} from {day(peak)}")  # fmt: skip
    return f"{', '.join(parts)} (highest since {day(c.prices.index[0])})"


def _momentum(last: pd.Series, leg: str, c: Context) -> str:
    rsi, histogram = float(last[f"{leg}_rsi"]), float(last[f"{leg}_histogram"])
    rsi_text = f"{rsi:.0f}" if np.isfinite(rsi) else MISSING
    text = f"RSI({c.settings['rsi_span']}) {rsi_text}, "
    spans = "/".join(str(span) for span in c.settings["macd_spans"])
    if not np.isfinite(histogram):
        return f"{text}MACD({spans}) {MISSING}"
    side = "above" if histogram > 0 else "below" if histogram < 0 else "on"
    macd_percent = float(last[f"{leg}_macd_percent"])
    return f"{text}MACD({spans}) {macd_percent:+.2f}% of its slow average, {side} its signal line"


def _beta(c: Context) -> str:
    last = c.beta.iloc[-1]
    parts = [
        f"{last[name]:.2f} (error {last[f'{name}_error']:.2f}) over {c.settings[f'{name}_window']} "
        "rows"
        if np.isfinite(last[name])
        else f"{MISSING} over {c.settings[f'{name}_window']} rows"
        for name in ("short", "long")
    ]
    return f"{', '.join(parts)}; daily returns of closes at different hours make it too small"


def _gap(c: Context) -> str:
    last = c.gap.iloc[-1]
    z = float(last["z"])
    rows = c.settings["long_window"]
    text = f"z = {signed(z)} on the last {rows} rows"
    if not np.isfinite(z):
        return text
    known = c.gap["z"].dropna()
    beyond = float((known.abs() >= abs(z)).mean())
    state = "closed" if abs(z) <= GAP_CLOSED else f"{c.asset} {'ahead' if z > 0 else 'behind'}"
    return f"{text}: {state}; as far from zero on {percent(beyond)} of all rows"


def _record(c: Context) -> str:
    s, worlds = c.settings, c.gap_record.T
    mine, chance, low, high = (
        worlds[name].astype(float).to_dict()
        for name in ("observed", "independent", "independent_5", "independent_95")
    )
    free = (
        f"legs that nothing ties together close {percent(chance['closed'])} of theirs (90% of "
        f"histories: {percent(low['closed'])} to {percent(high['closed'])})"
    )
    size = f"of {s['gap_opens']:g} standard deviations"
    n = int(mine["matured"])
    if n == 0:
        text = f"no gap {size} whose {s['horizon']} rows have passed; {free}"
    else:
        closed = round(mine["closed"] * n)
        text = f"{closed} of {plural(n, f'gap {size}', f'gaps {size}')} closed within "
        text += f"{s['horizon']} rows; {free}"
        if closed:
            text += (
                f". {c.asset} led {round(mine['asset_led'] * closed)} of {closed}, without a tie "
                f"{percent(chance['asset_led'])}; median {count(mine['median_rows'])} rows, "
                f"without a tie {count(chance['median_rows'])}"
            )
    return text + _unfinished(c)


def _unfinished(c: Context) -> str:
    """Gaps whose horizon has not passed: they are not counted."""
    young = c.gaps[~c.gaps["matured"]]
    if young.empty:
        return ""
    parts = [
        f"{day(row['start'])} (z = {signed(row['z'])}): "
        + ("open" if pd.isna(row["end"]) else f"closed after {count(row['rows'])} rows")
        for _, row in young.iterrows()
    ]
    return f". Not counted yet: {', '.join(parts)}"


def _series(name: str, row: pd.Series) -> str:
    if pd.notna(row["observed"]):
        text = f"{row['title']} {_figure(row['value'])} of {day(row['observed'])}: {row['state']}"
    elif name == RISK_ON:
        text = f"{row['title']}: {row['state']}"
    else:
        text = f"{row['title']}: not published lately"
    if pd.notna(row["since"]):
        text += f" since {day(row['since'])}"
    if row["revised"]:
        text += " (revised later)"
    return text


def _states(c: Context, name: str) -> str:
    rows = c.conditional.xs(name, level="series")
    parts = []
    for state, row in rows.iterrows():
        parts.append(
            f"{state} {_with_interval(row)} on {plural(int(row['rows']), 'row')} in "
            f"{plural(int(row['spells']), 'spell')}"
        )
    p = float(c.contrasts["adjusted"][name])
    tested = f"p = {p:.3f} adjusted" if np.isfinite(p) else "not tested"
    residual = signed(float(c.contrasts["residual_difference"][name]))
    return f"{'; '.join(parts)}; residuals {residual}, {tested}"


def _with_interval(row: pd.Series) -> str:
    """A correlation with its interval."""
    r, low, high = (signed(float(row[key])) for key in ("correlation", "lower", "upper"))
    return f"{r} [{low}, {high}]"


def _caveat(c: Context) -> str:
    """Say how the correlations by state are to be read."""
    tested = plural(int(c.contrasts["adjusted"].notna().sum()), "series", "series")
    return (
        f"Intervals: block bootstrap, {percent(c.settings['ci_prob'])}. Residuals: difference of "
        "the correlations of GARCH residuals, high less low; its p-value is the share of shifts "
        f"of the states in time with as large a one, adjusted for {tested}."
    )
