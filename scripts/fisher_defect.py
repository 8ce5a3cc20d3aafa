"""How often the Markov regression on a Fisher z finds regimes in a constant correlation.

    python scripts/fisher_defect.py [--n 120]

Simulates pairs whose correlation is .4 for ever (1,500 days, GARCH(1,1) legs, t6 shocks) and writes
``docs/_results/fisher_defect.json``: what `regimecorr.models.fisher.fisher_switching` makes of the
90-row rolling correlation and of DCC's, beside `regimecorr.SwitchingCorrelation` on the same pairs.
"""

from __future__ import annotations

import argparse
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import regimecorr as rc
from regimecorr.errors import ModelError, RegimeCorrWarning
from regimecorr.kernels.density import constant_loglikelihood
from regimecorr.kernels.garch import garch_path
from regimecorr.kernels.paths import correlate
from regimecorr.models.fisher import FisherSwitchingResult, Observed, fisher_switching
from regimecorr.models.grid import fit_constant

RESULTS = Path(__file__).resolve().parents[1] / "docs" / "_results" / "fisher_defect.json"
N_OBS, BURN, RHO, NU = 1500, 250, 0.4, 6.0
NORMAL_97_5 = 1.959964


def constant_pair(rng: np.random.Generator) -> pd.DataFrame:
    """Prices of two GARCH(1,1) legs whose shocks have a constant correlation."""
    rows = N_OBS + BURN
    z = correlate(rng.standard_normal((1, rows, 2)), np.full((1, rows), RHO))[0]
    z *= np.sqrt((NU - 2.0) / rng.chisquare(NU, rows))[:, None]
    returns = np.empty_like(z)
    for leg, daily in enumerate((0.03, 0.012)):
        h = daily**2
        garch_path(z[:, leg], 0.0, 0.04 * h, 0.06, 0.0, 0.90, h, False, returns[:, leg])
    logs = np.vstack([np.zeros(2), returns[BURN:].cumsum(axis=0)])
    dates = pd.bdate_range("2000-01-03", periods=N_OBS + 1, name="date")
    return pd.DataFrame(100.0 * np.exp(logs), index=dates, columns=["A", "B"])


def one_regime_bic(result: FisherSwitchingResult) -> float:
    """BIC of the same Fisher z with one mean and one variance."""
    fisher = np.arctanh(result.correlation.to_numpy())
    n = fisher.size
    return float(n * (np.log(2.0 * np.pi * fisher.var()) + 1.0) + 2.0 * np.log(n))


def wald(result: FisherSwitchingResult) -> float:
    """Statistic of the difference of the two means, by statsmodels' standard errors."""
    values = np.asarray(result.statsmodels.params)[2:4]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        covariance = np.asarray(result.statsmodels.cov_params())[2:4, 2:4]
    variance = covariance[0, 0] + covariance[1, 1] - 2.0 * covariance[0, 1]
    return float(abs(values[1] - values[0]) / np.sqrt(variance)) if variance > 0 else np.nan


def on_fisher(prices: pd.DataFrame, on: Observed) -> dict[str, float]:
    """What the Markov regression finds; nothing where the correlation it is given never moves."""
    try:
        result = fisher_switching(prices, on=on, n_starts=2)
    except ModelError as error:
        if "never moves" not in str(error):
            raise
        return {"never moves": 1.0}
    low, high = result.regime_correlations
    return {
        "never moves": 0.0,
        "BIC prefers two regimes": float(result.bic < one_regime_bic(result)),
        "Wald test finds a difference": float(wald(result) > NORMAL_97_5),
        "difference": high - low,
        "duration": float(result.expected_durations.min()),
        "certain days": float((result.smoothed_probabilities.max(axis=1) > 0.95).mean()),
    }


def on_returns(prices: pd.DataFrame) -> dict[str, float]:
    """What the regime model of the returns finds, judged by the same criterion."""
    returns = pd.DataFrame(np.log(prices)).diff().dropna()
    result = rc.SwitchingCorrelation(dist="t").fit(returns)
    z = np.ascontiguousarray(result.margins.z)
    null = fit_constant(z, "t")
    constant = float(constant_loglikelihood(z, np.tanh(null.fisher), null.nu))
    gain = 2.0 * (result.correlation_loglikelihood - constant)
    low, high = result.regime_correlations
    return {
        "BIC prefers two regimes": float(gain > 3.0 * np.log(len(z))),
        "difference": float(high - low),
        "duration": float(result.expected_durations.min()),
        "certain days": float((result.smoothed_probabilities.max(axis=1) > 0.95).mean()),
    }


def summarise(rows: list[dict[str, float]]) -> dict[str, float]:
    """Shares of what is yes or no, medians of the rest, over the series that could be fitted."""
    table = pd.DataFrame(rows)
    found: dict[str, float] = {"series": len(table)}
    if "never moves" in table:
        found["series with a correlation that moves"] = int((table.pop("never moves") == 0).sum())
    for name, column in table.items():
        values = column.dropna()
        middle = name in ("difference", "duration", "certain days")
        label = f"{name}, {'median' if middle else 'share'}"
        found[label] = round(float(values.median() if middle else values.mean()), 3)
    return found


def study(n: int, seed: int = 0) -> dict[str, Any]:
    """All three on ``n`` pairs."""
    rows: dict[str, list[dict[str, float]]] = {"rolling": [], "dcc": [], "returns": []}
    for rng in np.random.default_rng(seed).spawn(n):
        prices = constant_pair(rng)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RegimeCorrWarning)
            rows["rolling"].append(on_fisher(prices, "rolling"))
            rows["dcc"].append(on_fisher(prices, "dcc"))
            rows["returns"].append(on_returns(prices))
    return {
        "truth": f"constant correlation {RHO}, {N_OBS} days, t{NU:.0f} shocks, GARCH(1,1) legs",
        "fisher_switching, 90-row correlation": summarise(rows["rolling"]),
        "fisher_switching, DCC's correlation": summarise(rows["dcc"]),
        "SwitchingCorrelation": summarise(rows["returns"]),
    }


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=120)
    found = study(parser.parse_args().n)
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
