"""Errors of the two-regime estimates on simulated data, beside those that RSDC publishes.

Run it in an environment in which the package is installed::

    python benchmarks/regime_recovery.py [--replications 400]

Two regimes, correlations .2 and .7, probabilities of staying .9 and .8, normal errors: the Monte
Carlo of the R package RSDC 1.7-0 (inst/simulation/montecarlo_validation.tex, 100 replications).
Beside the errors of the parameters stand the Monte-Carlo error of RSDC's (``rsdc_error``: that of
100 replications of ours) and how often the 95 % interval of the sandwich holds the truth. Writes
``docs/_results/regime_recovery.json``.
"""

from __future__ import annotations

import argparse
import json
import warnings
from pathlib import Path

import numpy as np

import regimecorr as rc
from regimecorr.errors import RegimeCorrWarning
from regimecorr.inference.regimes import simulated_residuals
from regimecorr.models.switching.chain import RegimeParams
from regimecorr.models.switching.emissions import PairEmission

RESULTS = Path(__file__).parents[1] / "docs" / "_results" / "regime_recovery.json"
TRUTH = {"rho_low": 0.2, "rho_high": 0.7, "p_low": 0.9, "p_high": 0.8}
CHAIN = RegimeParams(np.array([[0.2], [0.7]]), np.array([[0.9, 0.1], [0.2, 0.8]]), np.inf)
#: Root mean squared errors that RSDC publishes, by rows of the sample.
RSDC = {
    500: {"p_low": 0.271, "p_high": 0.265, "rho_low": 0.228, "rho_high": 0.135},
    1000: {"p_low": 0.091, "p_high": 0.114, "rho_low": 0.124, "rho_high": 0.097},
    2000: {"p_low": 0.068, "p_high": 0.088, "rho_low": 0.068, "rho_high": 0.063},
}
RSDC_REPLICATIONS = 100
LEVEL = 1.959963984540054


def replicate(n: int, replications: int) -> dict[str, dict[str, float]]:
    """Errors, bias and coverage over seeded replications."""
    names = list(TRUTH)
    truth = np.array([TRUTH[name] for name in names])
    found, errors = [], []
    for stream in np.random.default_rng([n, 1]).spawn(replications):
        z = simulated_residuals(PairEmission(np.zeros((n, 2))), CHAIN, stream)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RegimeCorrWarning)
            result = rc.SwitchingCorrelation(dist="normal", margins=None).fit(z)
        found.append(result.params[names].to_numpy())
        errors.append(result.std_errors[names].to_numpy())
    off = np.array(found) - truth
    spread = np.array(errors)
    inside = np.abs(off) <= LEVEL * spread
    table = {}
    for i, name in enumerate(names):
        known = np.isfinite(spread[:, i])
        rmse = float(np.sqrt(np.mean(off[:, i] ** 2)))
        # How far a root mean squared error over 100 replications, as RSDC's, is from the truth.
        error = float((off[:, i] ** 2).std()) / (2.0 * rmse * np.sqrt(RSDC_REPLICATIONS))
        table[name] = {
            "rmse": round(rmse, 4),
            "rsdc": RSDC[n][name],
            "rsdc_error": round(error, 4),
            "bias": round(float(off[:, i].mean()), 4),
            "coverage": round(float(inside[known, i].mean()), 4),
        }
    return table


def main() -> None:
    """Run every sample size, print and save."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--replications", type=int, default=400, help="per size (default 400)")
    arguments = parser.parse_args()
    record: dict[str, object] = {"replications": arguments.replications}
    for n in RSDC:
        record[str(n)] = replicate(n, arguments.replications)
        print(n, record[str(n)], flush=True)
    RESULTS.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
