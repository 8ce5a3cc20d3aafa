"""Pool members whose posterior is sampled, for ``method="bayes"``."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from regimecorr.errors import ConvergenceWarning, SamplingError
from regimecorr.models.breaks import BreakCorrelation
from regimecorr.models.constant import ConstantCorrelation
from regimecorr.models.drifting import DriftingCorrelation
from regimecorr.models.margins import MarginsResult
from regimecorr.models.switching import SwitchingCorrelation

if TYPE_CHECKING:
    from regimecorr.models.bayes import BayesianSwitchingResult
    from regimecorr.models.bayes.chains import ChainName


@dataclass(frozen=True, slots=True)
class Sampled:
    """A regime model whose posterior is sampled; chains that do not agree are refused.

    ``draws`` are those of each of four chains, after as many tuning steps as there are draws. Where
    they do not suffice, three times as many are taken once.
    """

    chain: ChainName
    n_regimes: int
    draws: int
    n_jobs: int

    def fit(
        self, returns: pd.DataFrame, *, margins: MarginsResult, rng: np.random.Generator
    ) -> BayesianSwitchingResult:
        """Sample, with more draws where needed, or raise `SamplingError`."""
        for draws in (self.draws, 3 * self.draws):
            result = self._sampled(returns, margins, draws, rng.spawn(1)[0])
            if result.diagnostics.converged:
                return result
        raise SamplingError(
            f"The posterior of the {self.chain} chain cannot be relied on, so there is no verdict: "
            f"{result.diagnostics.message} That was the second attempt, with {draws} draws a "
            "chain; method='pool' needs no sampling."
        )

    def _sampled(
        self, returns: pd.DataFrame, margins: MarginsResult, draws: int, rng: np.random.Generator
    ) -> BayesianSwitchingResult:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # judged here
            return SwitchingCorrelation(n_regimes=self.n_regimes).sample(
                returns,
                chain=self.chain,
                margins=margins,
                draws=draws,
                tune=draws,
                rng=rng,
                n_jobs=self.n_jobs,
                progress=False,
            )


def bayes_specs(n_jobs: int) -> dict[str, Any]:
    """Specifications by member: grids that are exact, and sampled chains.

    Draws that suffice where the data know one level only, which is the hardest case.
    """
    return {
        "constant": ConstantCorrelation(),
        "reverting": DriftingCorrelation(kind="mean_reverting"),
        "switching": Sampled("recurrent", 2, 2000, n_jobs),
        "break": BreakCorrelation(),
        "change_point": Sampled("change_point", 2, 1500, n_jobs),
        "drift": DriftingCorrelation(kind="random_walk"),
        "nesting": Sampled("nesting", 3, 2000, n_jobs),
    }


def today_in_words(result: BayesianSwitchingResult) -> str:
    """Regime probabilities of the last row, and how far the chains agree."""
    table = result.diagnostics.table
    shares = ", ".join(
        f"{str(name).replace('_', ' ')} {100 * p:.0f} %"
        for name, p in result.p_today()["mean"].items()
    )
    return (
        f"today {shares}; R-hat at most {table['rhat'].max():.3f}, effective sample size at least "
        f"{table[['ess_bulk', 'ess_tail']].to_numpy().min():.0f}."
    )
