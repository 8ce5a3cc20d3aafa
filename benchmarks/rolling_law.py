"""Sampling law of a rolling correlation whose true value never changes.

    python benchmarks/rolling_law.py

Standard deviation, autocorrelation and spells below zero of the 90-row correlation, normal and
t(5) shocks, beside the formulas of docs/theory/rolling.md; the record goes to
docs/_results/rolling_law.json.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import norm

from regimecorr.kernels.paths import correlate
from regimecorr.kernels.rolling import rolling_pearson

RECORD = Path(__file__).resolve().parents[1] / "docs" / "_results" / "rolling_law.json"
WINDOW = 90
ROWS = 1260
YEAR = 252.0
LAGS = (1, 21, 45, 90)
LEVELS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)


def formulas(rho: float, window: int = WINDOW) -> dict[str, float]:
    """Normal shocks: standard deviation, spells below zero a year, their mean length in rows."""
    u = float(np.arctanh(rho) * np.sqrt(window - 3.0))
    per_row = float(norm.pdf(u) / np.sqrt(np.pi * window))
    return {
        "sd": float((1.0 - rho**2) / np.sqrt(window)),
        "spells a year": YEAR * per_row,
        "mean rows": float(norm.cdf(-u)) / per_row,
    }


def histories(rho: float, nu: float, count: int, rng: np.random.Generator) -> dict[str, Any]:
    """Figures of simulated histories."""
    z = rng.standard_normal((count, ROWS, 2))
    if np.isfinite(nu):
        z *= np.sqrt((nu - 2.0) / rng.chisquare(nu, (count, ROWS)))[:, :, None]
    paths = correlate(z, np.full((count, ROWS), rho))
    r = np.array([rolling_pearson(*np.ascontiguousarray(p.T), WINDOW)[WINDOW - 1 :] for p in paths])
    centred = r - r.mean()
    below = r < 0.0
    begins = (below[:, 1:] & ~below[:, :-1]).sum(axis=1)
    rate = begins / (r.shape[1] - 1) * YEAR
    spread = r.std(axis=1)
    return {
        "sd": round(float(r.std()), 4),
        "sd, s.e.": round(float(spread.std(ddof=1) / np.sqrt(count)), 4),
        "autocorrelation": {
            str(lag): round(
                float((centred[:, lag:] * centred[:, :-lag]).mean() / (centred**2).mean()), 3
            )
            for lag in LAGS
        },
        "below zero": round(float(below.mean()), 4),
        "spells a year": round(float(rate.mean()), 3),
        "spells a year, s.e.": round(float(rate.std(ddof=1) / np.sqrt(count)), 3),
        "mean rows": round(float(below.sum() / max(begins.sum(), 1)), 1),
    }


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--histories", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rows = []
    for rho in LEVELS:
        rng = np.random.default_rng([arguments.seed, round(100 * rho)])
        rows.append(
            {
                "rho": rho,
                "formula": {k: round(v, 4) for k, v in formulas(rho).items()},
                "normal": histories(rho, np.inf, arguments.histories, rng),
                "t5": histories(rho, 5.0, arguments.histories, rng),
            }
        )
    record = {
        "window": WINDOW,
        "rows": ROWS,
        "histories": arguments.histories,
        "triangular": {str(lag): round(max(1.0 - lag / WINDOW, 0.0), 3) for lag in LAGS},
        "levels": rows,
    }
    RECORD.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
