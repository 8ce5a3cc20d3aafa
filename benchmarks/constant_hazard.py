"""Size of the test of a constant hazard on durations that are counts of rows.

    python benchmarks/constant_hazard.py

Geometric durations have a constant hazard. They are read once as intervals of a row and once as
exact times; the record goes to docs/_results/constant_hazard.json and, by
``scripts/make_theory_tables.py``, to docs/theory/durations.md.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from regimecorr.episodes.aft import constant_hazard, fit_aft
from regimecorr.errors import collected_warnings

RECORD = Path(__file__).resolve().parents[1] / "docs" / "_results" / "constant_hazard.json"
CELLS = ((5, 10), (5, 50), (5, 200), (12, 10), (12, 50), (12, 200), (40, 10), (40, 200))
LEVEL = 0.05


def cell(mean: int, spells: int, samples: int, seed: int) -> dict[str, Any]:
    """Rejections and median shapes of one design."""
    rng = np.random.default_rng([seed, mean, spells])
    found: dict[str, list[tuple[float, float]]] = {"intervals": [], "exact": []}
    ended = 0.0
    for _ in range(samples):
        rows = rng.geometric(1.0 / mean, spells)
        # Watched for two to eight mean spells: few are still open when the watch ends.
        limit = rng.integers(2 * mean, 8 * mean, spells)
        time, seen = np.minimum(rows, limit), rows <= limit
        ended += float(seen.mean()) / samples
        with collected_warnings():
            for name, grid in (("intervals", 1.0), ("exact", 0.0)):
                test = constant_hazard(time, seen, grid=grid)
                shape = fit_aft(time, seen, grid=grid).shape
                found[name].append((test.pvalue, shape))
    out: dict[str, Any] = {"mean": mean, "spells": spells, "n": samples, "ended": round(ended, 4)}
    for name, pairs in found.items():
        pvalue, shape = np.array(pairs).T
        share = float(np.mean(pvalue < LEVEL))
        error = float(np.sqrt(max(share * (1 - share), LEVEL * (1 - LEVEL)) / samples))
        out[name] = {
            "rejected": round(share, 4),
            "s.e.": round(error, 4),
            "median shape": round(float(np.median(shape)), 3),
        }
    return out


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--samples", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rows = []
    for mean, spells in CELLS:
        samples = arguments.samples if spells < 200 else arguments.samples // 3
        rows.append(cell(mean, spells, samples, arguments.seed))
    RECORD.write_text(json.dumps({"level": LEVEL, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
