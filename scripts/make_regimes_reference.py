"""Compare two-regime fits with RSDC and exact optima on S&P 500 and WTI, for docs/comparison.md.

    python scripts/make_regimes_reference.py FOLDER
    python scripts/make_comparison.py

FOLDER holds regimes_sp500_wti.json, the reference runs of RSDC 1.7-0 and of a high-precision
optimiser; tests/reference/test_regimes.py asserts the same optima. The residuals are those of
tests/reference/data.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd

import regimecorr as rc

ROOT = Path(__file__).resolve().parents[1]
RESID = ROOT / "tests" / "reference" / "data" / "stdresid_sp500_wti.csv"
RECORD = ROOT / "docs" / "_results" / "regimes_reference.json"
INITIAL = {"stationary": "ergodic", "uniform": "uniform"}


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    path = parser.parse_args().folder / "regimes_sp500_wti.json"
    theirs = json.loads(path.read_text(encoding="utf-8"))
    z = pd.read_csv(RESID, index_col="date", parse_dates=True)
    rows = []
    for n in (2500, 5011):
        for initial, name in INITIAL.items():
            best = theirs["exact"][f"T{n}_init_{name}"]
            spec = rc.SwitchingCorrelation(dist="normal", initial=initial, margins=None)
            found = spec.fit(z.iloc[-n:])
            mine = found.params[["p_low", "p_high", "rho_low", "rho_high"]].to_numpy()
            known = np.array([best[k] for k in ("p11", "p22", "rho1", "rho2")])
            rsdc = theirs["RSDC_1.7_0"][f"RSDC_noX_N2_T{n}"]["loglik"]
            rows.append(
                {
                    "rows": n,
                    "first row": initial,
                    "exact": best["loglik"],
                    "difference": found.correlation_loglikelihood - best["loglik"],
                    "parameters": float(np.abs(mine - known).max()),
                    "above RSDC": found.correlation_loglikelihood - rsdc,
                    "largest p": float(mine[:2].max()),
                }
            )
    RECORD.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
