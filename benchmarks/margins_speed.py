"""Time of one univariate fit, ours beside the arch package's, on the same series.

    python benchmarks/margins_speed.py

The repeats of both are interleaved after a warm-up; the record goes to
docs/_results/margins_speed.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
from arch import arch_model

import regimecorr as rc
from regimecorr.models.margins import GARCH

RECORD = Path(__file__).resolve().parents[1] / "docs" / "_results" / "margins_speed.json"
CASES = {
    "GARCH(1,1), normal": (GARCH(), {"vol": "GARCH", "o": 0, "dist": "normal"}),
    "GARCH(1,1), t": (GARCH(dist="t"), {"vol": "GARCH", "o": 0, "dist": "t"}),
    "GJR(1,1), normal": (GARCH(vol="GJR"), {"vol": "GARCH", "o": 1, "dist": "normal"}),
    "EGARCH(1,1), normal": (GARCH(vol="EGARCH"), {"vol": "EGARCH", "o": 1, "dist": "normal"}),
}


def seconds(function: Callable[[], float]) -> tuple[float, float]:
    """Time of one call, and what it returned."""
    begun = time.perf_counter()
    found = function()
    return time.perf_counter() - begun, found


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=7)
    repeats = parser.parse_args().repeats
    returns = 100.0 * np.log(rc.datasets.load_spx_wti()).diff().dropna()
    rows = []
    for case, (spec, options) in CASES.items():
        for name in returns:
            frame, series = returns[[name]], returns[name]

            def ours(spec: GARCH = spec, frame: object = frame) -> float:
                return float(spec.fit(frame).loglikelihood.iloc[0])

            def theirs(series: object = series, options: dict = options) -> float:
                model = arch_model(series, mean="Constant", p=1, q=1, rescale=False, **options)
                return float(model.fit(disp="off").loglikelihood)

            times: dict[str, list[float]] = {"regimecorr": [], "arch": []}
            value = {}
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                ours(), theirs()
                for _ in range(repeats):
                    for package, function in (("regimecorr", ours), ("arch", theirs)):
                        took, value[package] = seconds(function)
                        times[package].append(took)
            gap = round(value["regimecorr"] - value["arch"], 6)
            row = {"case": case, "series": name, "log-likelihood, ours less theirs": gap}
            for package, spent in times.items():
                row[package] = {
                    "best": round(min(spent), 5),
                    "median": round(float(np.median(spent)), 5),
                }
            rows.append(row)
    record = {
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "libraries": {name: version(name) for name in ("regimecorr", "arch", "numpy", "numba")},
        "n_obs": len(returns),
        "repeats": repeats,
        "rows": rows,
    }
    RECORD.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
