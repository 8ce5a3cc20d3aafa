"""What the chart's rule and the fresh rule say in worlds whose truth is known, and the speed.

Run it in an environment in which the package is installed::

    python benchmarks/claim_worlds.py [--histories 20000]

The settings are those of a published-style chart: histories of seven years (1,764 rows) of
unit-variance returns, divergences at a 90-row correlation at or below 0 with a 252-row one of at
least .3, 253 rows' wait, the chart's rule within 126 rows; and the package's own definition. Level
episodes of independent walks: six years after the first window, 252-row correlation at least .5.
Beside it the time of a whole trial (1,000 histories of every world, 2,500 rows). Writes
``docs/_results/claim_worlds.json``.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

import regimecorr as rc
from regimecorr.errors import RegimeCorrWarning
from regimecorr.events import DivergenceRule
from regimecorr.inference.trial import Chart, read_world
from regimecorr.kernels.paths import correlate

RESULTS = Path(__file__).parents[1] / "docs" / "_results" / "claim_worlds.json"
YEAR = 252
N_OBS = 7 * YEAR
BREAK = 3 * YEAR
CHART = DivergenceRule(reference="overlapping", elevated=0.3, start="day", refractory=253)
DEFINITION = DivergenceRule(merge=45, refractory=252)
WALKS = DivergenceRule(reference="overlapping", elevated=0.5, start="crossing")

Paths = Callable[[np.ndarray, np.random.Generator], np.ndarray]


class Known:
    """A world with a known correlation path and unit-variance shocks."""

    def __init__(self, path: Paths, nu: float = np.inf) -> None:
        self._path, self._nu = path, nu

    def replicate(self, n_paths: int, rng: np.random.Generator) -> np.ndarray:
        shocks = rng.standard_normal((n_paths, N_OBS, 2))
        if np.isfinite(self._nu):
            scale = (self._nu - 2.0) / rng.chisquare(self._nu, (n_paths, N_OBS))
            shocks *= np.sqrt(scale)[:, :, None]
        return correlate(shocks, self._path(shocks, rng))


class Walks:
    """Independent driftless walks, six years after the first window."""

    def replicate(self, n_paths: int, rng: np.random.Generator) -> np.ndarray:
        return rng.standard_normal((n_paths, N_OBS, 2))


def break_to(level: float) -> Paths:
    def path(shocks: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return np.broadcast_to(np.where(np.arange(N_OBS) < BREAK, 0.5, level), shocks.shape[:2])

    return path


def constant(shocks: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.full(shocks.shape[:2], 0.3)


def markov(shocks: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Correlations .45 and 0, expected durations 500 and 90 rows, begun high."""
    out = np.empty(shocks.shape[:2])
    high = np.ones(len(shocks), dtype=bool)
    for t in range(N_OBS):
        out[:, t] = np.where(high, 0.45, 0.0)
        leave = rng.random(len(shocks)) < np.where(high, 1 / 500, 1 / 90)
        high ^= leave
    return out


def dcc(shocks: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """DCC(1,1): correlation .4, a = .03, b = .96."""
    a, b, rho = 0.03, 0.96, 0.4
    n = len(shocks)
    q11, q22, q12 = np.ones(n), np.ones(n), np.full(n, rho)
    out = np.empty(shocks.shape[:2])
    for t in range(N_OBS):
        r = q12 / np.sqrt(q11 * q22)
        out[:, t] = r
        x = shocks[:, t, 0]
        y = r * x + np.sqrt(1 - r**2) * shocks[:, t, 1]
        q11 = (1 - a - b) + a * x**2 + b * q11
        q22 = (1 - a - b) + a * y**2 + b * q22
        q12 = (1 - a - b) * rho + a * x * y + b * q12
    return out


WORLDS: dict[str, Known] = {
    "break .5 to 0": Known(break_to(0.0)),
    "break .5 to 0, t5": Known(break_to(0.0), 5.0),
    "break .5 to -.1": Known(break_to(-0.1)),
    "break .5 to .1": Known(break_to(0.1)),
    "Markov .45/0": Known(markov),
    "DCC .4": Known(dcc),
    "constant .3, t5": Known(constant, 5.0),
}


def shares(world: Known, histories: int, seed: int, n_jobs: int = 1) -> dict[str, float]:
    """Episodes a year and the share that each rule calls resolved."""
    charts = [
        Chart.on(N_OBS, "returns", 90, 252, 252, 126, CHART),
        Chart.on(N_OBS, "returns", 90, 252, 252, None, CHART),
        Chart.on(N_OBS, "returns", 90, 252, 252, None, DEFINITION),
    ]
    quick, slow, own = read_world(world, charts, histories, np.random.default_rng(seed), n_jobs)
    matured = int(quick.matured.sum())
    return {
        "histories": histories,
        "matured": matured,
        "matured a year": matured / histories / quick.years,
        "chart within 126": quick.chart.sum() / matured,
        "chart within 252": slow.chart.sum() / matured,
        "fresh": quick.fresh.sum() / matured,
        "matured by definition": int(own.matured.sum()),
        "transient by definition": own.fresh.sum() / own.matured.sum(),
    }


def walks(histories: int, seed: int, n_jobs: int = 1) -> dict[str, float]:
    """Level episodes of independent walks."""
    charts = [Chart.on(N_OBS, "log_levels", 90, 252, 252, within, WALKS) for within in (None, 126)]
    whole, half = read_world(Walks(), charts, histories, np.random.default_rng(seed), n_jobs)
    matured = int(whole.matured.sum())
    return {
        "histories": histories,
        "matured": matured,
        "episodes a year": float(whole.per_year().mean()),
        "matured a year": matured / histories / whole.years,
        "resolved within 252": whole.chart.sum() / matured,
        "resolved within 126": half.chart.sum() / matured,
        "median rows": float(np.median(whole.rows[whole.matured])),
        "likelihood ratio of 5 of 5, at most": 1.0 / (whole.chart.sum() / matured) ** 5,
    }


def speed(n_jobs: int) -> dict[str, float]:
    """Seconds of whole trials, 1,000 histories of every world, 2,500 rows; compiled before."""
    pair = rc.simulate("recurrent", n_obs=2500, rng=1).prices
    noise = np.exp(0.01 * np.random.default_rng(0).standard_normal((len(pair), 5)).cumsum(axis=0))
    prices = pair.assign(P=pair["A"] * noise[:, 0], M=pair["B"] ** 0.7 * noise[:, 1])
    macro = pd.DataFrame(20.0 * noise[:, 2:], prices.index, ["VIX", "NFCI", "WALCL"])

    def one(n_boot: int) -> None:
        rc.test_claim(pair, n_boot=n_boot, n_jobs=n_jobs)

    def every(n_boot: int) -> None:
        roles = {"asset": "A", "benchmark": "B", "peer": "P", "market": "M"}
        rc.test_claims(prices, **roles, macro=macro, n_boot=n_boot, n_jobs=n_jobs)

    found: dict[str, float] = {"rows": 2500, "histories": 1000, "jobs": n_jobs}
    for name, run in (("test_claim, s", one), ("test_claims, s", every)):
        run(100)
        begin = time.perf_counter()
        run(1000)
        found[name] = time.perf_counter() - begin
    return found


def rounded(row: dict[str, float]) -> dict[str, float]:
    return {k: v if isinstance(v, int) else round(float(v), 4) for k, v in row.items()}


def main() -> None:
    """Run every world, print and save."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--histories", type=int, default=20_000, help="of every world")
    parser.add_argument("--n-jobs", type=int, default=2)
    parser.add_argument("--speed-only", action="store_true", help="measure the times again")
    arguments = parser.parse_args()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RegimeCorrWarning)
        timed = rounded(speed(arguments.n_jobs))
    print(timed, flush=True)
    if arguments.speed_only:
        known = json.loads(RESULTS.read_text(encoding="utf-8")) | {"speed": timed}
        RESULTS.write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8")
        return
    record: dict[str, object] = {"speed": timed}
    record["independent walks"] = rounded(walks(arguments.histories, 0, arguments.n_jobs))
    print(record["independent walks"], flush=True)
    for name, world in WORLDS.items():
        record[name] = rounded(shares(world, arguments.histories, 1, arguments.n_jobs))
        print(name, record[name], flush=True)
    RESULTS.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
