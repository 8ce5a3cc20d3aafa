"""A replay as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from regimecorr.formatting import day, entry, percent, plural
from regimecorr.replay.tables import apart, matured_of

if TYPE_CHECKING:
    from regimecorr.replay.result import History


def history_text(h: History) -> str:
    """Write a replay as about twenty lines of at most 100 columns."""
    frame, settings = h.frame, h.settings
    simulated = "SIMULATED prices. " if h.data.get("simulated") else ""
    lines = entry(
        "History",
        f"{simulated}{h.asset} / {h.benchmark}, {plural(len(frame), 'verdict')} from "
        f"{day(frame.index[0])} to {day(frame.index[-1])}, one every "
        f"{plural(settings['every'], 'row')}, each from prices to its own day only.",
    )
    lines += [*_not_calibrated(h), "", *_by_state(h), ""]
    came = matured_of(frame)
    if came.empty:
        text = "None of these verdicts has an outcome yet: the horizon of none of them is over."
        return "\n".join([*lines, *entry("Outcomes", text)])
    lines += [*_by_probability(h), "", *_scores(h)]
    fresh = settings["horizon"] - settings["horizon"] // 2
    number = apart(frame, h.prices.index, fresh)
    lines += entry(
        "WARNING",
        f"{plural(len(came), 'outcome')}; at most {number} of them are read on fresh windows "
        f"({fresh} rows) that share no row. So few prove neither skill nor the lack of it; "
        "the record over many pairs is in the documentation.",
    )
    return "\n".join(lines)


def _not_calibrated(h: History) -> list[str]:
    frame = h.frame[h.frame["p_structural"].notna() & (h.frame["uncalibrated"] != "")]
    if frame.empty:
        return []
    last = frame.index[-1]
    return entry(
        "Calibration",
        f"{plural(len(frame), 'probability', 'probabilities')} of the raw pool, the last on "
        f"{day(last)}: {frame['uncalibrated'].iloc[-1]}.",
    )


def _by_state(h: History) -> list[str]:
    table = h.by_state()
    table = table[table["verdicts"] > 0]
    shown = pd.DataFrame(
        {
            "state": table.index,
            "verdicts": table["verdicts"],
            "spells": table["spells"],
            "median p": [percent(p) if np.isfinite(p) else "" for p in table["median_p"]],
            "matured": table["matured"],
            "structural": table["structural"],
        }
    )
    return list(shown.to_string(index=False).split("\n"))


def _by_probability(h: History) -> list[str]:
    table = h.by_probability()
    shown = pd.DataFrame(
        {
            "p structural": [
                f"{percent(a)} to {percent(b)}"
                for a, b in zip(table["low"], table["high"], strict=True)
            ],
            "matured": table["verdicts"],
            "mean p": table["mean_p"].map(percent),
            "structural": table["structural"],
            "came true": table["share"].map(percent),
        }
    )
    return list(shown.to_string(index=False).split("\n"))


def _scores(h: History) -> list[str]:
    table = h.scores()
    if table.empty:
        return entry("Brier", "no score against a base rate: no matured verdict was calibrated.")
    p, raw, rate = (table.loc[name] for name in ("p_structural", "p_raw", "base_rate"))
    n = int(h.matured["base_rate"].notna().sum())
    error = f" (error {p['error']:.2f} by calendar year)" if np.isfinite(p["error"]) else ""
    text = (
        f"{p['brier']:.3f} for the probability, {rate['brier']:.3f} for the base rate known on "
        f"each day, {raw['brier']:.3f} for the raw pool, over {plural(n, 'verdict')}; "
        f"skill against the base rate {p['skill']:+.2f}{error}."
    )
    return entry("Brier", text)
