"""Tables of posterior draws."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from regimecorr.errors import ModelError
from regimecorr.models.base import Array
from regimecorr.models.bayes.parameters import ParameterSpace, RegimeDraws


def figures(draws: RegimeDraws, regimes: list[str]) -> dict[str, Array]:
    """Draws of correlations, probabilities of staying, ``nu`` and joint margins, by name."""
    out = {f"rho_{n}": draws.rho[:, i] for i, n in enumerate(regimes)}
    out |= {f"p_{n}": draws.transition[:, i, i] for i, n in enumerate(regimes)}
    if np.all(np.isfinite(draws.nu)):
        out["nu"] = draws.nu
    if draws.margins is not None:
        out |= draws.margins.figures()
    return out


def interval_table(figures: Mapping[str, Array], ci_prob: float) -> pd.DataFrame:
    """Mean, median and equal-tailed interval by figure."""
    if not 0.0 < ci_prob < 1.0:
        raise ModelError(f"ci_prob={ci_prob!r} must lie between 0 and 1.")
    tail = 0.5 * (1.0 - ci_prob)
    rows = {
        name: [x.mean(), *np.quantile(x, [0.5, tail, 1.0 - tail])] for name, x in figures.items()
    }
    return pd.DataFrame(rows, index=["mean", "median", "lower", "upper"]).T


def gap_table(space: ParameterSpace, values: Mapping[str, Array]) -> pd.Series:
    """Return the table of `BayesianSwitchingResult.gap_table`."""

    def smallest(drawn: Mapping[str, Array]) -> Array:
        if "gap" in drawn:
            return np.asarray(drawn["gap"].min(axis=1), dtype=float)
        return np.asarray(np.abs(np.diff(drawn["levels"], axis=1)).min(axis=1), dtype=float)

    ours = smallest(values)
    prior = smallest(space.sample(20_000, np.random.default_rng(0)))
    return pd.Series(
        {
            "q05": float(np.quantile(ours, 0.05)),
            "near_tie": float((ours < 0.1).mean()),
            "near_tie_prior": float((prior < 0.1).mean()),
        }
    )
