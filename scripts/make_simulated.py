"""Make divergences of simulated worlds with their raw forecasts.

Run it in an environment in which the package is installed::

    python scripts/make_simulated.py [--n-jobs 2]

Writes ``docs/_results/simulated_training.jsonl`` (what a calibration for simulated worlds is fitted
to) and ``docs/_results/simulated_held_out.jsonl`` (on which it is tried; other settings of the
generator, three sets: a random day of the spell, its first day, and the world whose correlation is
linked to volatility). A run that was stopped is taken up where it stopped.
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import replace
from pathlib import Path

# One thread a process, before the libraries are loaded: the matrices are tiny.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from regimecorr.evaluation.simulated import (
    HELD_OUT,
    N_PATHS,
    TRAINING,
    SimulatedSet,
    simulated_divergences,
)
from regimecorr.worlds import World

RESULTS = Path(__file__).resolve().parents[1] / "docs" / "_results"
_LINKED: tuple[World, ...] = ("volatility_linked",)

SETS: dict[str, tuple[SimulatedSet, ...]] = {
    "simulated_training.jsonl": (
        SimulatedSet(name="training", n=800, generator=TRAINING, seed=101),
    ),
    "simulated_held_out.jsonl": (
        SimulatedSet(name="day", n=1000, generator=HELD_OUT, seed=201),
        SimulatedSet(name="entry", n=400, generator=HELD_OUT, when="entry", seed=202),
        SimulatedSet(name="linked", n=130, generator=HELD_OUT, worlds=_LINKED, seed=203),
    ),
}
#: Divergences from one line of the log to the next, the same number of every world.
_STEP = 40


def make(wanted: SimulatedSet, path: Path, n_paths: int, n_jobs: int) -> None:
    """Make what a set still lacks, and tell how long it took."""
    began = time.perf_counter()
    for n in [*range(_STEP, wanted.n, _STEP), wanted.n]:
        part = replace(wanted, n=n)
        found = simulated_divergences(part, store=path, n_paths=n_paths, n_jobs=n_jobs)
        seconds = time.perf_counter() - began
        failed = int((found["failed"] != "").sum())
        print(f"{wanted.name}: {n} of {wanted.n}, {failed} failed, {seconds:.0f} s", flush=True)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--n-paths", type=int, default=N_PATHS)
    parser.add_argument("--n-jobs", type=int, default=2)
    parser.add_argument("--folder", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for name, sets in SETS.items():
        for wanted in sets:
            make(wanted, arguments.folder / name, arguments.n_paths, arguments.n_jobs)


if __name__ == "__main__":
    main()
