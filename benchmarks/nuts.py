"""Time and quality of NUTS on a Bayesian regime model: 4 chains of 1,000 draws, 2,000 rows.

Run it on idle cores::

    python benchmarks/nuts.py [--jobs 2] [--out docs/_results/nuts.json]

Wanted on two cores: at most 120 seconds, R-hat at most 1.01, bulk ESS at least 400 for every
parameter.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import platform
import time
from pathlib import Path
from typing import Any

import numpy as np

import regimecorr as rc
from regimecorr.kernels.regime_gradient import regime_gradient
from regimecorr.models.bayes import sample_regimes

RESULTS = Path(__file__).resolve().parents[1] / "docs" / "_results" / "nuts.json"
N_OBS = 2000
WORLDS = {"recurrent": "recurrent", "change_point": "one_break", "nesting": "one_break"}


def gradient_milliseconds(z: np.ndarray, nu: float) -> float:
    """Best of some runs of one likelihood with its gradient, K = 2."""
    inputs = (np.array([0.1, 0.6]), np.array([[0.99, 0.01], [0.005, 0.995]]), np.array([0.3, 0.7]))
    regime_gradient(z, *inputs, nu)
    times = []
    for _ in range(200):
        begun = time.perf_counter()
        regime_gradient(z, *inputs, nu)
        times.append(time.perf_counter() - begun)
    return 1e3 * min(times)


def measure(chain: str, dist: str, jobs: int) -> dict[str, Any]:
    """One run: seconds, with compilation, and the worst diagnostics."""
    world = rc.simulate(WORLDS[chain], n_obs=N_OBS, rng=1)
    spec = rc.SwitchingCorrelation(dist=dist, margins=None)
    begun = time.perf_counter()
    result = sample_regimes(spec, world.std_resid, chain=chain, n_jobs=jobs, progress=False)
    seconds = time.perf_counter() - begun
    begun = time.perf_counter()
    evidence = result.evidence
    bridge = time.perf_counter() - begun
    table = result.diagnostics.table
    return {
        "seconds": round(seconds, 1),
        "max_rhat": round(float(table["rhat"].max()), 4),
        "min_ess_bulk": round(float(table["ess_bulk"].min())),
        "min_ess_tail": round(float(table["ess_tail"].min())),
        "divergences": result.diagnostics.divergences,
        "converged": result.converged,
        "bridge_seconds": round(bridge, 2),
        "bridge_std_error": round(evidence.std_error, 4),
        "gradient_ms": round(
            gradient_milliseconds(result.margins.z, np.inf if dist == "normal" else 8.0), 3
        ),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    record: dict[str, Any] = {
        "n_obs": N_OBS,
        "chains": 4,
        "draws": 1000,
        "tune": 1000,
        "jobs": arguments.jobs,
        "python": platform.python_version(),
        "pymc": importlib.metadata.version("pymc"),
        "cases": {},
    }
    for chain in WORLDS:
        for dist in ("normal", "t"):
            found = measure(chain, dist, arguments.jobs)
            record["cases"][f"{chain}, {dist}"] = found
            print(chain, dist, json.dumps(found), flush=True)
    arguments.out.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
