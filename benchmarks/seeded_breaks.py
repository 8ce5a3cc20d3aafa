"""What the seeded search of `find_breaks` gains and costs beside the binary one.

Run it in an environment in which the package is installed::

    python benchmarks/seeded_breaks.py [--n 1000] [--n-jobs 1] [--out FILE]

Worlds of ``benchmarks/break_dates.py``: GARCH(1,1)-t(5) returns, fitted margins, "sup_lm" at 5 %,
both searches on the same samples. Every sample is seeded on its own; figures do not depend on the
number of processes.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from break_dates import BREAKS, CI_PROB, MIN_ROWS, N_BOOT, constant, figures, share, stepwise
from constancy_size import Rng, along, parallel

import regimecorr as rc
from regimecorr.inference.segmentation.spans import Search

RESULTS = Path(__file__).resolve().parents[1] / "docs" / "_results" / "seeded_breaks.json"
SEARCHES: tuple[Search, ...] = ("binary", "seeded")
NONE = {"1,000 rows": 1000, "2,500 rows": 2500}
WORLDS = (
    ".5, .1 for 150 rows, .5 in 1,500",
    ".6, .1, .5 by thirds of 1,500",
    ".6 to .3 in the middle of 1,000",
    ".5 to .7 in the middle of 1,000",
    ".5 to .35 in the middle of 2,000",
    ".6 to .2, 90 before the end of 1,000",
)


def one_sample(sample: Any, rng: Rng) -> dict[str, Any]:
    """Breaks by search, as `break_dates.figures` reads them."""
    margins = rc.GARCH().fit(sample)
    out = {}
    for search in SEARCHES:
        found = rc.find_breaks(
            sample,
            margins=margins,
            search=search,
            min_rows=MIN_ROWS,
            ci_prob=CI_PROB,
            n_boot=N_BOOT,
            rng=rng,
        )
        table, parts = found.breaks, found.segments
        bounds = parts[["correlation_low", "correlation_high"]]
        out[search] = {
            "row": table["row"].tolist(),
            "bounds": list(zip(table["lower"], table["upper"], strict=True)),
            "levels": parts["correlation"].tolist(),
            "level bounds": bounds.to_numpy().tolist(),
            # Found by the first test of all, kept or not.
            "rejected": bool(found.steps["kept"].iloc[0]),
        }
    return out


def none(rows: int, n: int, n_jobs: int) -> dict[str, Any]:
    """Shares of samples with a break where there is none."""
    world = along(constant(rows))
    samples = parallel(lambda rng: one_sample(world(rng), rng), n, [5, rows], n_jobs)
    return {
        search: {"n": n, **share([len(s[search]["row"]) > 0 for s in samples])}
        | {"first test": share([s[search]["rejected"] for s in samples])["share"]}
        for search in SEARCHES
    }


def breaks(name: str, n: int, n_jobs: int) -> dict[str, Any]:
    """Number, dates and coverage by search."""
    steps = BREAKS[name]
    world = along(lambda rng: stepwise(steps), steps[3])
    seed = [6, WORLDS.index(name)]
    samples = parallel(lambda rng: one_sample(world(rng), rng), n, seed, n_jobs)
    return {search: figures(samples, search, steps) for search in SEARCHES}


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--n-jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    n, n_jobs = options.n, options.n_jobs
    found: dict[str, Any] = {"ci_prob": CI_PROB, "min_rows": MIN_ROWS, "n_boot": N_BOOT}
    found["none"] = {name: none(rows, n, n_jobs) for name, rows in NONE.items()}
    found["breaks"] = {name: breaks(name, n, n_jobs) for name in WORLDS}
    options.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
