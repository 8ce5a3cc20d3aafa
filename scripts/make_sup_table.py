"""Simulate the critical values of the sup tests, regimecorr/inference/constancy/sup_quantiles.json.

    python scripts/make_sup_table.py [--paths 2000000] [--step 0.01]

The limit of a sup-LM or sup-Wald statistic with one parameter is the supremum of a squared
tied-down Bessel process, ``B(s)^2 / (s (1 - s))`` over ``trim <= s <= 1 - trim``, B a Brownian
bridge (Andrews 1993). In the time ``ln(s / (1 - s))`` the root is a stationary Ornstein-Uhlenbeck
process of rate 1/2, over a length of ``2 ln((1 - trim) / trim)``. It is simulated exactly on a
grid; between two points of the grid its maximum is drawn from the law of a Brownian bridge's
maximum, so that the grid does not make the supremum too small. A path serves all trimmings: the
process is stationary, and a shorter range is the beginning of a longer one.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path

import numpy as np
from numba import njit

ROOT = Path(__file__).resolve().parents[1]
TABLE = ROOT / "regimecorr" / "inference" / "constancy" / "sup_quantiles.json"
TRIMS = [round(0.01 * i, 2) for i in range(5, 26)]
PVALUES = [
    *(0.999, 0.99, 0.98, 0.95, 0.925),
    *(round(0.05 * i, 2) for i in range(18, 2, -1)),
    *(0.125, 0.1, 0.09, 0.08, 0.07, 0.06, 0.05, 0.045, 0.04, 0.035, 0.03, 0.025, 0.02, 0.015),
    *(0.0125, 0.01, 0.008, 0.006, 0.005, 0.004, 0.003, 0.002, 0.0015, 0.001, 0.0005),
]
CHUNK = 100_000


@njit
def suprema(rng, n_paths, ends, lengths):
    """Suprema (n_paths, n_lengths) of the squared process over ascending lengths.

    ``ends`` (n_steps,) are the ends of the steps, every length among them.
    """
    out = np.empty((n_paths, lengths.shape[0]))
    for p in range(n_paths):
        here = rng.standard_normal()
        largest = abs(here)
        start = 0.0
        column = 0
        for end in ends:
            step = end - start
            start = end
            decay = math.exp(-0.5 * step)
            there = decay * here + math.sqrt(1.0 - decay * decay) * rng.standard_normal()
            # The bridge's maximum can reach this far (but for odds of 1e-9).
            reach = math.sqrt((there - here) ** 2 + 41.5 * step)
            if max(here + there, -here - there) + reach > 2.0 * largest:
                for sign in (1.0, -1.0):
                    a = sign * here
                    b = sign * there
                    top = 0.5 * (
                        a + b + math.sqrt((b - a) ** 2 - 2.0 * step * math.log(1.0 - rng.random()))
                    )
                    if top > largest:
                        largest = top
            here = there
            if end == lengths[column]:
                out[p, column] = largest * largest
                column += 1
    return out


def table(n_paths: int, step: float, seed: int = 0) -> dict[str, object]:
    """Quantiles by trimming."""
    lengths = np.sort([2.0 * math.log((1.0 - trim) / trim) for trim in TRIMS])
    grid = np.arange(step, lengths[-1], step)
    near = np.abs(grid[:, None] - lengths).min(axis=1) < 1e-6 * step
    ends = np.sort(np.concatenate([grid[~near], lengths]))
    streams = np.random.default_rng(seed).spawn(max(1, n_paths // CHUNK))
    size = n_paths // len(streams)
    found = np.concatenate([suprema(rng, size, ends, lengths) for rng in streams])
    quantiles = np.quantile(found, [1.0 - p for p in PVALUES], axis=0)
    by_trim = dict(zip(TRIMS, quantiles.T[::-1], strict=True))
    return {
        "paths": len(found),
        "step": step,
        "pvalues": PVALUES,
        "quantiles": {f"{t:.2f}": [round(float(q), 4) for q in by_trim[t]] for t in TRIMS},
    }


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--paths", type=int, default=2_000_000)
    parser.add_argument("--step", type=float, default=0.01)
    arguments = parser.parse_args()
    rows = table(arguments.paths, arguments.step)
    lines = [f'  "{key}": {json.dumps(rows[key])},' for key in ("paths", "step", "pvalues")]
    quantiles = rows["quantiles"]
    assert isinstance(quantiles, dict)
    inner = ",\n".join(f'    "{trim}": {json.dumps(q)}' for trim, q in quantiles.items())
    TABLE.write_text("{\n" + "\n".join(lines) + '\n  "quantiles": {\n' + inner + "\n  }\n}\n")


if __name__ == "__main__":
    main()
