"""Whether the chains converged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from regimecorr.models.base import Array
from regimecorr.models.bayes import arviz_adapter

MAX_RHAT = 1.01
MIN_ESS = 400.0
MAX_DIVERGENT = 0.001
MIN_BFMI = 0.2


@dataclass(frozen=True, slots=True, eq=False)
class Diagnostics:
    """Convergence of the chains.

    Attributes
    ----------
    table : DataFrame
        By parameter: ``rhat`` (rank-normalised, split), ``ess_bulk``, ``ess_tail``.
    divergences : int
        Divergent transitions after tuning.
    n_draws : int
        Draws of all chains.
    bfmi : ndarray of shape (n_chains,)
        Energy Bayesian fraction of missing information.
    message : str
        What is wrong; empty if nothing.

    Notes
    -----
    Converged means: every R-hat at most 1.01 and every bulk and tail ESS at least 400 (Vehtari et
    al. 2021, Bayesian Analysis 16, 667-718), divergences fewer than one draw in a thousand, and
    every E-BFMI at least 0.2 (Betancourt 2016, arXiv 1604.00695).
    """

    table: pd.DataFrame
    divergences: int
    n_draws: int
    bfmi: Array
    message: str

    @property
    def converged(self) -> bool:
        """Whether nothing is wrong."""
        return not self.message


def diagnose(draws: Mapping[str, Array], divergent: Array, energy: Array) -> Diagnostics:
    """Judge draws (n_chains, n_draws) by parameter, divergences and energies of the same shape."""
    rows = {
        name: {
            "rhat": arviz_adapter.rhat(x),
            "ess_bulk": arviz_adapter.ess(x, "bulk"),
            "ess_tail": arviz_adapter.ess(x, "tail"),
        }
        for name, x in draws.items()
    }
    table = pd.DataFrame(rows).T
    fraction = arviz_adapter.bfmi(energy)
    count = int(divergent.sum())
    found = []
    # Written so that NaN, of a chain that stands still, is refused too.
    if not (table["rhat"] <= MAX_RHAT).all():
        at = int(table["rhat"].fillna(np.inf).argmax())
        value = table["rhat"].iloc[at]
        found.append(f"R-hat of {table.index[at]} is {value:.3f}, above {MAX_RHAT}")
    for kind in ("bulk", "tail"):
        column = table[f"ess_{kind}"]
        if not (column >= MIN_ESS).all():
            at = int(column.fillna(-np.inf).argmin())
            value = column.iloc[at]
            found.append(f"{kind} ESS of {table.index[at]} is {value:.0f}, below {MIN_ESS:.0f}")
    if count >= max(1.0, MAX_DIVERGENT * divergent.size):
        found.append(f"{count} of {divergent.size} transitions diverged")
    if not (fraction >= MIN_BFMI).all():
        found.append(f"E-BFMI is {fraction.min():.2f}, below {MIN_BFMI}")
    message = ""
    if found:
        message = (
            f"The chains did not converge: {'; '.join(found)}. Sample more draws, raise "
            "target_accept, or choose fewer regimes or firmer priors."
        )
    return Diagnostics(table, count, divergent.size, fraction, message)
