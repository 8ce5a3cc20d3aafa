"""What sampling the margins with the regimes costs and changes.

Run it in an environment in which the package is installed::

    python benchmarks/joint_margins.py [--jobs 2]

One simulated pair of 2,000 rows, two recurrent regimes, 4 chains of 1,000 draws after 1,000 of
tuning, with fixed and with joint margins. Writes ``docs/_results/joint_margins.json``.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import regimecorr as rc

RESULTS = Path(__file__).resolve().parents[1] / "docs" / "_results" / "joint_margins.json"


def measure(dist: str, joint: bool, jobs: int) -> dict[str, float]:
    """Sample once; time, convergence and what the posterior says."""
    world = rc.simulate("recurrent", n_obs=2000, rng=1)
    margins = rc.GARCH().fit(world.returns)
    begun = time.perf_counter()
    result = rc.SwitchingCorrelation(dist=dist).sample(
        world.returns, margins=margins, joint_margins=joint, n_jobs=jobs, progress=False
    )
    seconds = time.perf_counter() - begun
    table = result.diagnostics.table
    spread = result.draws.rho.std(axis=0)
    return {
        "seconds": round(seconds, 1),
        "rhat": round(float(table["rhat"].max()), 4),
        "ess_bulk": round(float(table["ess_bulk"].min())),
        "divergences": int(result.diagnostics.divergences),
        "rho_low": round(float(result.regime_correlations["low"]), 4),
        "sd_low": round(float(spread[0]), 4),
        "rho_high": round(float(result.regime_correlations["high"]), 4),
        "sd_high": round(float(spread[1]), 4),
        "p_low_today": round(float(result.p_today().loc["low", "mean"]), 4),
        "score": round(result.score, 2),
    }


def main() -> None:
    """Run, print and save."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--jobs", type=int, default=2, help="processes (default 2)")
    jobs = parser.parse_args().jobs
    record = {}
    for dist in ("normal", "t"):
        for joint in (False, True):
            name = f"{dist}, {'joint' if joint else 'fixed'}"
            record[name] = measure(dist, joint, jobs)
            print(name, record[name], flush=True)
    RESULTS.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
