r"""Simulate the critical values of the detectors, regimecorr/inference/monitoring/boundaries.json.

    python scripts/make_monitor_table.py [--paths 200000] [--steps 300]

With m rows of history and x = k / m, the monitored sums less what the history leads to expect have
the limit ``G(x) = W(x) - x xi``, W a Brownian motion and xi a standard normal. The detectors are
``|G(x)|`` (Wied and Galeano 2013) and ``max over y <= x of |G(x) - G(y)|`` (Page's form, Fremdt
2015), each over the boundary ``w(x) = (1 + x) (x / (1 + x))^gamma``; a critical value is a quantile
of the supremum over 0 < x <= B.

G is simulated exactly on a grid of equal steps in ln x, ``--steps`` for every factor of 10, from
1e-5 to 1e4. Between two points of the grid its maximum and minimum are drawn from the law of a
Brownian bridge, so that the grid does not make the supremum too small. A path serves every B and
gamma. The last B stands for a period without end.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path

import numpy as np
from numba import njit

ROOT = Path(__file__).resolve().parents[1]
TABLE = ROOT / "regimecorr" / "inference" / "monitoring" / "boundaries.json"
GAMMAS = [round(0.05 * i, 2) for i in range(10)]
#: Lengths of the monitored period over that of the history; the last one stands for infinity.
LENGTHS = [0.02, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 8.0, 20.0, 1e4]
LEVELS = [0.25, 0.2, 0.15, 0.1, 0.075, 0.05, 0.04, 0.03, 0.02, 0.01, 0.005]
FIRST = 1e-5
CHUNK = 20_000


@njit
def suprema(rng, n_paths, ends, marks, inverse):
    """Suprema (2, n_paths, n_lengths, n_gammas) of the detectors over their boundary.

    ``ends`` (n_steps,) are the ends of the steps, ``marks`` (n_lengths,) the rows of ``ends`` at
    which a length is reached, ``inverse`` (n_steps, n_gammas) one over the boundary there.
    """
    n_steps, n_gammas = inverse.shape
    out = np.empty((2, n_paths, marks.shape[0], n_gammas), dtype=np.float32)
    best = np.empty((2, n_gammas))
    for p in range(n_paths):
        best[:] = 0.0
        drift = rng.standard_normal()
        here = 0.0
        start = 0.0
        highest = 0.0
        lowest = 0.0
        column = 0
        for i in range(n_steps):
            step = ends[i] - start
            start = ends[i]
            there = here - drift * step + math.sqrt(step) * rng.standard_normal()
            gap = (there - here) ** 2
            up = 0.5 * (here + there + math.sqrt(gap - 2.0 * step * math.log(1.0 - rng.random())))
            low = 0.5 * (here + there - math.sqrt(gap - 2.0 * step * math.log(1.0 - rng.random())))
            plain = max(up, -low)
            page = max(up - lowest, highest - low)
            highest = max(highest, up)
            lowest = min(lowest, low)
            here = there
            for g in range(n_gammas):
                best[0, g] = max(best[0, g], plain * inverse[i, g])
                best[1, g] = max(best[1, g], page * inverse[i, g])
            if i == marks[column]:
                out[:, p, column] = best
                column += 1
    return out


def table(n_paths: int, steps: int, seed: int = 0) -> dict[str, object]:
    """Critical values by detector, gamma, length and level."""
    decades = math.log10(LENGTHS[-1] / FIRST)
    grid = np.geomspace(FIRST, LENGTHS[-1], round(steps * decades))
    ends = np.union1d(grid, LENGTHS)
    marks = np.searchsorted(ends, LENGTHS)
    share = (ends / (1.0 + ends))[:, None]
    inverse = 1.0 / ((1.0 + ends)[:, None] * share ** np.array(GAMMAS))
    streams = np.random.default_rng(seed).spawn(max(1, n_paths // CHUNK))
    size = n_paths // len(streams)
    found = np.concatenate([suprema(rng, size, ends, marks, inverse) for rng in streams], axis=1)
    quantiles = np.quantile(found, [1.0 - level for level in LEVELS], axis=1)
    values = {
        name: {
            f"{gamma:.2f}": np.round(quantiles[:, d, :, g].T, 4).tolist()
            for g, gamma in enumerate(GAMMAS)
        }
        for d, name in enumerate(("cusum", "page"))
    }
    return {
        "paths": size * len(streams),
        "steps": steps,
        "levels": LEVELS,
        "lengths": [*LENGTHS[:-1], None],
        "values": values,
    }


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--paths", type=int, default=200_000)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--out", type=Path, default=TABLE)
    options = parser.parse_args()
    found = table(options.paths, options.steps)
    values = found.pop("values")
    assert isinstance(values, dict)
    lines = [f'  "{key}": {json.dumps(value)},' for key, value in found.items()]
    blocks = [
        f'    "{name}": {{\n'
        + ",\n".join(f'      "{gamma}": {json.dumps(rows)}' for gamma, rows in block.items())
        + "\n    }"
        for name, block in values.items()
    ]
    text = "{\n" + "\n".join(lines) + '\n  "values": {\n' + ",\n".join(blocks) + "\n  }\n}\n"
    options.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
