"""How good are the probabilities on simulated worlds that calibration has not seen?

    python scripts/make_simulated.py
    python scripts/make_calibrations.py ../shared/data
    python benchmarks/simulated_record.py

Scores the raw pool and both calibrations on docs/_results/simulated_held_out.jsonl: at a random
day of the spell, at its first row, by age, by world, and in a world whose correlation is linked to
volatility. Writes docs/_results/simulated_record.json.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from regimecorr.evaluation.binned import calibration_error
from regimecorr.evaluation.reliability import forecast_histogram, reliability_curve
from regimecorr.evaluation.scorecard import score_table
from regimecorr.evaluation.simulated import panel_rows, simulated_frame
from regimecorr.evaluation.vintages import shipped
from regimecorr.formatting import plain

RESULTS = Path(__file__).resolve().parents[1] / "docs" / "_results"
MEMBERS = ("constant", "dcc", "reverting", "switching", "break", "drift")
FORECASTERS = ("p_simulated", "p_market", "p_raw", *(f"p_{m}" for m in MEMBERS), "p_ewma")
AGES = {"0 to 20": (0, 20), "21 to 62": (21, 62), "63 and more": (63, 10_000)}


def read(name: str) -> pd.DataFrame:
    """One held-out set with both calibrations, and the rules of thumb."""
    lines = (RESULTS / "simulated_held_out.jsonl").read_text(encoding="utf-8").splitlines()
    frame = simulated_frame(json.loads(line) for line in lines)
    frame = frame[frame["set"] == name].reset_index(drop=True)
    rows = panel_rows(frame)
    for kind in ("simulated", "market"):
        vintage = shipped(kind).vintages[-1]
        frame[f"p_{kind}"] = vintage.coefficients.apply(frame["p_raw"], vintage.panel.chances(rows))
    return frame.assign(p_transient=0.0)


def scores(frame: pd.DataFrame) -> Any:
    """Every divergence is a simulation of its own, so it is its own block."""
    names = (*FORECASTERS, "p_chart", "p_transient")
    return plain(score_table(frame, names, references=("in_sample",), by="number"))


def curve(frame: pd.DataFrame, name: str) -> Any:
    """Reliability diagram."""
    p, y = (frame[c].to_numpy(dtype=float) for c in (name, "structural"))
    found = reliability_curve(p, y)
    return {
        "curve": plain(found),
        "attrs": plain(dict(found.attrs)),
        "histogram": plain(forecast_histogram(p, y)),
    }


def unchanged(frame: pd.DataFrame) -> Any:
    """Is the probability of "nothing has changed" right? As the verdict states it."""
    part = frame["p_unchanged"] / (1.0 - frame["p_raw"]).clip(lower=1e-9)
    p = np.clip(part * (1.0 - frame["p_simulated"]), 0.0, 1.0).to_numpy()
    y = frame["unchanged"].to_numpy(dtype=float)
    error = calibration_error(p, y)
    return {
        "share": float(y.mean()),
        "mean_p": float(p.mean()),
        "skill": float(1.0 - np.mean((p - y) ** 2) / (y.mean() * (1.0 - y.mean()))),
        "ece": error.value,
        "ece_upper": error.upper,
    }


def main() -> None:
    """Run from the command line."""
    day, entry, linked = (read(name) for name in ("day", "entry", "linked"))
    worlds = day.groupby("world")
    record = {
        "failed": {
            "day": int((day["failed"] != "").sum()),
            "entry": int((entry["failed"] != "").sum()),
            "linked": int((linked["failed"] != "").sum()),
        },
        "coefficients": plain(shipped("simulated").vintages[-1].coefficients.to_dict()),
        "day": scores(day),
        "entry": scores(entry),
        "linked": scores(linked),
        "ages": {label: scores(day[day["age"].between(*limits)]) for label, limits in AGES.items()},
        "worlds": plain(
            worlds[["structural", "p_raw", "p_simulated", "p_market"]]
            .mean()
            .assign(n=worlds.size())
        ),
        "unchanged": unchanged(day),
        "curves": {name: curve(day, name) for name in ("p_raw", "p_simulated")},
    }
    out = RESULTS / "simulated_record.json"
    out.write_text(json.dumps(record, indent=1, allow_nan=False) + "\n")


if __name__ == "__main__":
    main()
