"""Errors of the two-regime estimates on simulated data, beside those that RSDC publishes.

Run it in an environment in which the package is installed::

    python benchmarks/regime_recovery.py [--replications 400] [--rsdc-samples-only]

Two regimes, correlations .2 and .7, probabilities of staying .9 and .8, normal errors: the Monte
Carlo of the R package RSDC 1.7-0 (inst/simulation/montecarlo_validation.tex, 100 replications).

Samples of our own: beside the errors of the parameters stand the Monte-Carlo error of RSDC's
(``rsdc_error``: that of 100 replications of ours) and how often the 95 % interval of the sandwich
holds the truth.

RSDC's own 100 samples (``rsdc_samples``; rsdc_data.py draws them again): the errors of the
estimates with the first row's regime from the stationary distribution (``rmse``) and from equal
probabilities (``uniform``), beside the published ones. ``highest`` is the error of the highest
maximum that a search from many starts finds, regimes of a day or two among them; ``missed`` counts
the samples in which that lies above the estimate, ``largest_gain`` is how far in log-likelihood.

Writes ``docs/_results/regime_recovery.json``; with ``--rsdc-samples-only`` the recorded figures of
our own samples stay.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import warnings
from pathlib import Path
from typing import TypeAlias

import numpy as np
from scipy.optimize import minimize

import regimecorr as rc
from regimecorr.errors import RegimeCorrWarning
from regimecorr.inference.regimes import simulated_residuals
from regimecorr.models.switching.chain import RegimeParams
from regimecorr.models.switching.emissions import PairEmission
from regimecorr.models.switching.result import SwitchingResult

sys.path.append(str(Path(__file__).parent))
from rsdc_data import CORRELATIONS, PUBLISHED, SAMPLES, TRANSITION, sample_of

Array: TypeAlias = np.ndarray

RESULTS = Path(__file__).parents[1] / "docs" / "_results" / "regime_recovery.json"
TRUTH = {"rho_low": 0.2, "rho_high": 0.7, "p_low": 0.9, "p_high": 0.8}
CHAIN = RegimeParams(CORRELATIONS[:, None], TRANSITION, np.inf)
#: Root mean squared errors that RSDC publishes, by rows of the sample.
RSDC = {n: {name: rmse for name, (rmse, _) in table.items()} for n, table in PUBLISHED.items()}
LEVEL = 1.959963984540054
#: Starts of the search for higher maxima, and how many of the best are climbed from.
STAYS = (0.05, 0.4, 0.75, 0.95)
PAIRS = ((-0.8, 0.4), (-0.3, 0.45), (0.2, 0.6), (0.3, 0.85))
CLIMBED = 32
#: What a maximum must gain to count as higher.
GAIN = 1e-3


def fitted(z: Array, initial: str = "stationary") -> SwitchingResult:
    """Estimate two regimes with normal errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RegimeCorrWarning)
        return rc.SwitchingCorrelation(dist="normal", margins=None, initial=initial).fit(z)


def values(own: Array, moves: Array) -> list[float]:
    """Parameters in the order of `TRUTH`, from correlations and probabilities of leaving."""
    low, high = np.argsort(own)
    return [own[low], own[high], 1.0 - moves[low], 1.0 - moves[high]]


def highest(z: Array) -> tuple[list[float], float]:
    """Parameters and log-likelihood of the highest maximum from many starts."""
    emission = PairEmission(np.ascontiguousarray(z))

    def falling(theta: Array) -> tuple[float, Array]:
        value, slope = CHAIN.from_vector(theta).gradient(emission)
        return -value, -slope

    starts = [
        np.array([low, high, 1.0 - first, 1.0 - second])
        for (low, high), first, second in itertools.product(PAIRS, STAYS, STAYS)
    ]
    starts.sort(key=lambda theta: falling(theta)[0])
    limits = [(-0.999, 0.999)] * 2 + [(1e-6, 1.0 - 1e-6)] * 2
    climbs = [
        minimize(falling, start, jac=True, method="L-BFGS-B", bounds=limits)
        for start in starts[:CLIMBED]
    ]
    best = min(climbs, key=lambda climb: climb.fun)
    return values(best.x[:2], best.x[2:]), -float(best.fun)


def rmse(off: Array) -> Array:
    """Root mean squared errors (P,) of deviations (replications, P)."""
    return np.sqrt(np.mean(off**2, axis=0))


def replicate(n: int, replications: int) -> dict[str, dict[str, float]]:
    """Errors, bias and coverage over seeded replications."""
    names = list(TRUTH)
    truth = np.array([TRUTH[name] for name in names])
    found, errors = [], []
    for stream in np.random.default_rng([n, 1]).spawn(replications):
        result = fitted(simulated_residuals(PairEmission(np.zeros((n, 2))), CHAIN, stream))
        found.append(result.params[names].to_numpy())
        errors.append(result.std_errors[names].to_numpy())
    off = np.array(found) - truth
    spread = np.array(errors)
    inside = np.abs(off) <= LEVEL * spread
    table = {}
    for i, name in enumerate(names):
        known = np.isfinite(spread[:, i])
        size = float(rmse(off)[i])
        # How far a root mean squared error over 100 replications, as RSDC's, is from the truth.
        error = float((off[:, i] ** 2).std()) / (2.0 * size * np.sqrt(SAMPLES))
        table[name] = {
            "rmse": round(size, 4),
            "rsdc": RSDC[n][name],
            "rsdc_error": round(error, 4),
            "bias": round(float(off[:, i].mean()), 4),
            "coverage": round(float(inside[known, i].mean()), 4),
        }
    return table


def on_rsdc_samples(n: int, samples: int = SAMPLES) -> dict[str, object]:
    """Errors on RSDC's own first samples of n rows, beside the published ones over all of them."""
    names = list(TRUTH)
    truth = np.array([TRUTH[name] for name in names])
    found, uniform, top, gains = [], [], [], []
    for m in range(1, samples + 1):
        _, z = sample_of(n, m)
        result = fitted(z)
        estimate = result.params[names].to_numpy()
        other, value = highest(z)
        gains.append(value - result.loglikelihood)
        found.append(estimate)
        top.append(other if gains[-1] > GAIN else estimate)
        uniform.append(fitted(z, "uniform").params[names].to_numpy())
    off = np.array(found) - truth
    sizes = [rmse(off), rmse(np.array(uniform) - truth), rmse(np.array(top) - truth)]
    table: dict[str, dict[str, float]] = {}
    for i, name in enumerate(names):
        published, bias = PUBLISHED[n][name]
        table[name] = {
            "rmse": round(float(sizes[0][i]), 4),
            "rsdc": published,
            "bias": round(float(off[:, i].mean()), 4),
            "rsdc_bias": bias,
            "uniform": round(float(sizes[1][i]), 4),
            "highest": round(float(sizes[2][i]), 4),
        }
    gained = np.array(gains)
    return {
        "missed": int((gained > GAIN).sum()),
        "largest_gain": round(max(float(gained.max()), 0.0), 3),
        "parameters": table,
    }


def main() -> None:
    """Run every sample size, print and save."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--replications", type=int, default=400, help="per size (default 400)")
    parser.add_argument("--rsdc-samples-only", action="store_true", help="keep our own samples'")
    arguments = parser.parse_args()
    record: dict[str, object] = {"replications": arguments.replications}
    if arguments.rsdc_samples_only:
        record = json.loads(RESULTS.read_text(encoding="utf-8"))
    else:
        for n in RSDC:
            record[str(n)] = replicate(n, arguments.replications)
            print(n, record[str(n)], flush=True)
    theirs: dict[str, object] = {"replications": SAMPLES}
    for n in RSDC:
        theirs[str(n)] = on_rsdc_samples(n)
        print("RSDC's samples", n, theirs[str(n)], flush=True)
    record["rsdc_samples"] = theirs
    RESULTS.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
