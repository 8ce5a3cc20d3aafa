"""Make the calibrations that come with the package.

    python scripts/make_calibrations.py ../shared/data

Reads ``panel_daily.csv`` of the folder (the prices are not part of the repository), the raw
forecasts of its divergences on record (docs/_results/backtest.jsonl; missing ones are made, about a
second and a half each) and simulated divergences (docs/_results/simulated_*.jsonl, made by
scripts/make_simulated.py). Writes ``regimecorr/data/calibrations/market.json`` and
``simulated.json``: parameters, probabilities and outcomes, no prices.
"""

from __future__ import annotations

import argparse
import json
import warnings
from dataclasses import replace
from pathlib import Path

import pandas as pd

import regimecorr as rc
from regimecorr.errors import RegimeCorrWarning
from regimecorr.evaluation.forecaster import PanelForecaster
from regimecorr.evaluation.learning import fit_vintage
from regimecorr.evaluation.simulated import panel_rows, simulated_frame, simulated_rows
from regimecorr.evaluation.vintages import RECORD

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "docs" / "_results"
TARGET = ROOT / "regimecorr" / "data" / "calibrations"
#: Simulated pairs whose ordinary days the panel forecaster learns from, and their seed.
N_PAIRS, SEED = 400, 102


def market(folder: Path, store: Path, n_jobs: int) -> rc.Calibration:
    """Vintages of every year end, from real markets."""
    prices = pd.read_csv(folder / "panel_daily.csv", index_col=0, parse_dates=True)
    return replace(rc.calibrate(prices, store=store, n_jobs=n_jobs), name="market")


def read_set(file: str, name: str) -> pd.DataFrame:
    """One set of simulated divergences."""
    lines = (RESULTS / file).read_text(encoding="utf-8").splitlines()
    frame = simulated_frame(json.loads(line) for line in lines)
    return frame[frame["set"] == name].reset_index(drop=True)


def simulated() -> rc.Calibration:
    """One vintage from training worlds; its record is what it says of worlds it has not seen."""
    training = read_set("simulated_training.jsonl", "training")
    vintage = fit_vintage(
        training, panel_rows(training), simulated_rows(N_PAIRS, seed=SEED), PanelForecaster(), None
    )
    held_out = read_set("simulated_held_out.jsonl", "day")
    p = vintage.coefficients.apply(held_out["p_raw"], vintage.panel.chances(panel_rows(held_out)))
    label = held_out["world"] + " " + held_out["number"].astype(str)
    record = pd.DataFrame(
        {
            "asset": label + " A",
            "benchmark": label + " B",
            "date": pd.NaT,
            "matured": pd.NaT,
            "p_structural": p,
            "base_rate": vintage.base_rate(),
            "structural": held_out["structural"],
        }
    )[list(RECORD)]
    record = record.astype({"date": "datetime64[ns]", "matured": "datetime64[ns]"})
    source = {"n_divergences": len(training), "n_pairs": N_PAIRS, "seed": SEED}
    return rc.Calibration("simulated", (vintage,), record, source)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--store", type=Path, default=RESULTS / "backtest.jsonl")
    parser.add_argument("--n-jobs", type=int, default=2)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", RegimeCorrWarning)
    TARGET.mkdir(parents=True, exist_ok=True)
    for made in (market(arguments.folder, arguments.store, arguments.n_jobs), simulated()):
        print(made, made.save(TARGET / f"{made.name}.json").stat().st_size)


if __name__ == "__main__":
    main()
