"""The specification of a Markov-switching correlation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import get_args

import numpy as np
import pandas as pd

from regimecorr.errors import ConvergenceWarning, DegenerateRegimeWarning, ModelError, warn_user
from regimecorr.models.base import (
    Array,
    CorrelationModel,
    Distribution,
    check_count,
    check_distribution,
)
from regimecorr.models.grid import require_params
from regimecorr.models.margins import GARCH, Margins, MarginsResult
from regimecorr.models.switching.chain import Initial, RegimeParams, regime_names
from regimecorr.models.switching.estimation import fit_regimes
from regimecorr.models.switching.result import SwitchingResult

_MIN_OCCUPANCY = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchingCorrelation(CorrelationModel[SwitchingResult]):
    r"""Correlation that switches between recurrent regimes (Pelletier 2006).

    Standardized residuals in regime :math:`k` are bivariate normal or t with correlation
    :math:`\rho_k`; the regime follows a Markov chain. EM with the exact M-step (root of the
    likelihood cubic for two assets) from several starts, then Newton's steps on the exact scores.
    Regimes are sorted by correlation.

    Parameters
    ----------
    n_regimes : int, default 2
        Number of regimes, at least 2.
    dist : {"normal", "t"}, default "t"
        Distribution of the standardized residuals; normal errors mistake fat tails for regimes.
    initial : {"stationary", "uniform", "estimated"}, default "stationary"
        Regime probabilities of the first row: those of the chain in the long run, equal ones, or
        the regime that explains the sample best.
    margins : GARCH or None, default GARCH()
        Margins; None when the returns are standardized residuals already.
    n_starts : int, default 6
        Starting points of EM.

    References
    ----------
    Pelletier, D. (2006). Regime switching for dynamic correlations. Journal of Econometrics 131,
    445-473. Hamilton, J. (1989). A new approach to the economic analysis of nonstationary time
    series. Econometrica 57, 357-384. Kim, C.-J. (1994). Dynamic linear models with
    Markov-switching. Journal of Econometrics 60, 1-22.

    Examples
    --------
    >>> import regimecorr as rc
    >>> world = rc.simulate("recurrent", n_obs=1500, rng=1)
    >>> result = rc.SwitchingCorrelation(margins=None).fit(world.std_resid)
    >>> bool(result.regime_correlations["low"] < result.regime_correlations["high"])
    True
    """

    n_regimes: int = 2
    dist: Distribution = "t"
    initial: Initial = "stationary"
    margins: Margins | None = field(default_factory=GARCH, hash=False)
    n_starts: int = 6

    def __post_init__(self) -> None:
        check_distribution(self.dist)
        check_count("n_regimes", self.n_regimes, 2)
        check_count("n_starts", self.n_starts)
        if self.initial not in get_args(Initial):
            raise ModelError(
                f"initial={self.initial!r} is unknown; use one of {get_args(Initial)}."
            )

    def _estimate(self, margins: MarginsResult, z: Array) -> SwitchingResult:
        found = fit_regimes(
            z,
            self.n_regimes,
            heavy=self.dist == "t",
            n_starts=self.n_starts,
            initial=self.initial,
        )
        result = SwitchingResult(margins, z, found.params, estimate=found)
        if not found.converged:
            warn_user(found.message, ConvergenceWarning)
        occupancy = result.smoothed_probabilities.sum()
        if occupancy.min() < _MIN_OCCUPANCY:
            warn_user(
                f"Regime {occupancy.idxmin()!r} holds {occupancy.min():.1f} of {len(z)} rows, "
                f"fewer than {_MIN_OCCUPANCY:.0f}: the data may not have {self.n_regimes} "
                "correlation regimes.",
                DegenerateRegimeWarning,
            )
        return result

    def filter(
        self,
        returns: pd.DataFrame | Array,
        params: pd.Series | dict[str, float],
        *,
        transition: Array | pd.DataFrame | None = None,
        margins: MarginsResult | None = None,
    ) -> SwitchingResult:
        """Run with given parameters.

        Parameters
        ----------
        returns : DataFrame or ndarray of shape (n_obs, 2)
            Returns of the pair.
        params : Series or dict
            ``rho_low`` ..., ``p_low`` ... (probabilities of staying) and, for t errors, ``nu``.
        transition : array of shape (n_regimes, n_regimes), optional
            Needed for more than two regimes; for two it follows from the probabilities of staying.
        margins : MarginsResult, optional
            Margins already fitted on these returns.

        Returns
        -------
        SwitchingResult
        """
        names = regime_names(self.n_regimes)
        keys = [f"rho_{n}" for n in names] + [f"p_{n}" for n in names]
        given = require_params(params, (*keys, "nu") if self.dist == "t" else tuple(keys))
        stay = np.array([given[f"p_{n}"] for n in names])
        if transition is None:
            if self.n_regimes != 2:
                raise ModelError("Pass transition= for more than two regimes.")
            transition = np.array([[stay[0], 1.0 - stay[0]], [1.0 - stay[1], stay[1]]])
        matrix = np.ascontiguousarray(transition, dtype=float)
        if (
            matrix.shape != (self.n_regimes,) * 2
            or np.any(matrix < 0.0)
            or not np.allclose(matrix.sum(axis=1), 1.0)
            or not np.allclose(np.diag(matrix), stay)
        ):
            raise ModelError(
                "transition must be square, one row per regime, of probabilities that sum to 1 by "
                "row, with the given probabilities of staying on the diagonal."
            )
        rho = np.array([given[f"rho_{n}"] for n in names])
        if np.any(np.diff(rho) < 0) or np.any(np.abs(rho) >= 1):
            raise ModelError(f"Regime correlations must ascend within (-1, 1); got {rho.tolist()}.")
        fitted, z = self._residuals(returns, margins)
        nu = given.get("nu", np.inf)
        if self.initial == "estimated":
            candidates = [RegimeParams(rho, matrix, nu, row) for row in np.eye(self.n_regimes)]
            found = max(candidates, key=lambda p: p.filter(z)[0].sum())
        else:
            even = np.full(self.n_regimes, 1.0 / self.n_regimes)
            found = RegimeParams(rho, matrix, nu, even if self.initial == "uniform" else None)
        return SwitchingResult(fitted, z, found)
