"""The trial of a claim as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from regimecorr.data.windows import in_words
from regimecorr.formatting import MISSING, count, day, percent

if TYPE_CHECKING:
    from regimecorr.inference.judgement import ClaimTrial

_CRITERIA = {
    "chart": "the short correlation was back above {threshold:g} within {within}",
    "fresh": "the correlation of fresh rows, after half of {horizon}, was nearer to the reference",
}


def claim_text(trial: ClaimTrial) -> str:
    """Say what the chart shows, what other worlds would show, and the verdict with its reason."""
    return "\n".join([*_head(trial), "", *_record(trial), "", *_worlds(trial), "", *_end(trial)])


def _head(trial: ClaimTrial) -> list[str]:
    o = trial.options
    span = {k: f"{w} rows" if isinstance(w := o[k], int) else str(w) for k in ("within", "horizon")}
    return [
        f'The claim "every divergence resolved" on trial: {o["asset"]} / {o["benchmark"]}, '
        f"{day(o['first'])} to {day(o['last'])}",
        f"  {o['basis']}; {in_words(o['short_window'])} correlation at or below "
        f"{o['threshold']:g} while the {in_words(o['long_window'])} one ({o['reference']}) is at "
        f"least {o['elevated']:g}",
        "  resolved: " + _CRITERIA[o["criterion"]].format(threshold=o["threshold"], **span),
    ]


def _record(trial: ClaimTrial) -> list[str]:
    seen = trial.observed
    lines = [
        f"Observed: {count(seen['episodes'])} episodes ({seen['episodes_per_year']:.2f} a year), "
        f"{count(seen['matured'])} matured, {count(seen['resolved'])} resolved "
        f"(chart {count(seen['resolved_chart'])}, fresh {count(seen['resolved_fresh'])}); "
        f"median {_rows(seen['median_rows'])} to the return"
    ]
    if trial.record is not None:
        p = trial.record
        lines.append(
            f"  a share of at least {p.lower:.2f} (95 %, one-sided, exact); next one resolves with "
            f"probability {p.jeffreys_mean:.2f} (Jeffreys) if episodes are exchangeable"
        )
    return lines


def _worlds(trial: ClaimTrial) -> list[str]:
    boot = trial.options["n_boot"]
    table = pd.DataFrame(
        {
            "a year": trial.worlds["episodes_per_year"].map("{:.2f}".format),
            "none": trial.worlds["without"].map(percent),
            "chart": trial.worlds["resolved_chart"].map(percent),
            "fresh": trial.worlds["resolved_fresh"].map(percent),
            "turned": trial.worlds["turned"].map(percent),
            "rows": trial.worlds["median_rows"].map(_number),
            "all of k": trial.worlds["all_of_k"].map(figure),
            "p a year": trial.worlds["p_episodes"].map(figure),
            "p share": trial.worlds["p_resolved"].map(figure),
            "p rows": trial.worlds["p_rows"].map(figure),
            "p all": trial.worlds["p_record"].map(figure),
        }
    ).rename_axis(None)
    return [
        f"What other worlds show ({boot} histories each; none: histories without a matured "
        "episode;",
        "turned: the long correlation fell below zero within the horizon):",
        *("  " + line for line in table.to_string().splitlines()),
    ]


def _end(trial: ClaimTrial) -> list[str]:
    believed, rival = trial.contrast
    lines = [
        f"Power to reject {rival!r} if {believed!r} is true: "
        f"{figure(trial.power.loc[rival, believed])}; the reverse: "
        f"{figure(trial.power.loc[believed, rival])}. Likelihood ratio of the count: "
        f"{figure(trial.likelihood_ratios.loc[believed, rival])}.",
        f"Verdict: {trial.verdict}. {trial.reason}",
    ]
    if (other := trial.replayed) is not None:
        windows = " and ".join(in_words(other.options[f"{w}_window"]) for w in ("short", "long"))
        lines.append(f"With {windows} windows: {other.verdict}. {other.reason}")
    if trial.grid is not None:
        shown = trial.grid.to_string(index=False, float_format="{:.3f}".format, na_rep=MISSING)
        lines = ["Every choice of the grid, and the best one, chosen anew in each history:",
                 *("  " + line for line in shown.splitlines()), "", *lines]  # fmt: skip
    return lines


def figure(value: Any) -> str:
    """Write a figure with three decimals."""
    return f"{value:.3f}" if np.isfinite(value) else MISSING


def _number(value: float) -> str:
    return f"{value:.0f}" if np.isfinite(value) else MISSING


def _rows(value: float) -> str:
    return f"{value:g} rows" if np.isfinite(value) else MISSING
