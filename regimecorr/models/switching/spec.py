"""Specifications of Markov-switching correlations."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, get_args

import numpy as np
import pandas as pd

from regimecorr.errors import ConvergenceWarning, DegenerateRegimeWarning, ModelError, warn_user
from regimecorr.models.base import (
    Array,
    CorrelationModel,
    Distribution,
    RandomState,
    check_count,
    check_distribution,
)
from regimecorr.models.grid import require_params
from regimecorr.models.margins import GARCH, Margins, MarginsResult
from regimecorr.models.switching.chain import Initial, RegimeParams, regime_names
from regimecorr.models.switching.coordinates import named, parameter_names
from regimecorr.models.switching.dcc_emission import DCCEmission
from regimecorr.models.switching.emissions import ConstantEmission, Emission, PairEmission
from regimecorr.models.switching.estimation import RegimeEstimate, fit_dcc_regimes, fit_regimes
from regimecorr.models.switching.matrix_emission import MatrixEmission
from regimecorr.models.switching.result import SwitchingResult
from regimecorr.threads import one_blas_thread

if TYPE_CHECKING:
    from regimecorr.models.bayes import BayesianSwitchingResult, RegimePriors
    from regimecorr.models.bayes.chains import ChainName

_MIN_OCCUPANCY = 20.0
#: Exact Newton steps and standard errors need the Hessian of all parameters.
MOST_PARAMETERS = 400


def constant_emission(z: Array, names: tuple[str, ...]) -> ConstantEmission:
    """Regimes with constant correlations, of two assets or more."""
    return PairEmission(z) if z.shape[1] == 2 else MatrixEmission(z, names)


@dataclass(frozen=True, slots=True, kw_only=True)
class _RegimeModel(CorrelationModel[SwitchingResult]):
    """What regime models share: a Markov chain over what each regime says of the sample."""

    n_regimes: int = 2
    dist: Distribution = "t"
    initial: Initial = "stationary"
    margins: Margins | None = field(default_factory=GARCH, hash=False)
    n_starts: int = 6

    _name: ClassVar[str]

    def __post_init__(self) -> None:
        check_distribution(self.dist)
        check_count("n_regimes", self.n_regimes, 2)
        check_count("n_starts", self.n_starts)
        if self.initial not in get_args(Initial):
            raise ModelError(
                f"initial={self.initial!r} is unknown; use one of {get_args(Initial)}."
            )

    @abstractmethod
    def _emission(self, z: Array, names: tuple[str, ...]) -> Emission:
        """What a regime says of these residuals."""

    @abstractmethod
    def _search(self, emission: Emission) -> RegimeEstimate:
        """Maximise the likelihood."""

    def _estimate(self, margins: MarginsResult, z: Array) -> SwitchingResult:
        emission = self._emission(z, margins.names)
        size = len(parameter_names(emission, self.n_regimes, self.dist == "t"))
        if size > MOST_PARAMETERS:
            raise ModelError(
                f"{self.n_regimes} regimes of {z.shape[1]} assets have {size} parameters, more "
                f"than {MOST_PARAMETERS}; use fewer assets or regimes."
            )
        with one_blas_thread():
            found = self._search(emission)
        result = SwitchingResult(self._name, margins, emission, found.params, estimate=found)
        if not found.converged:
            warn_user(found.message, ConvergenceWarning)
        elif found.flat:
            warn_user(found.message, DegenerateRegimeWarning)
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
        params: pd.Series | Mapping[str, float],
        *,
        transition: Array | pd.DataFrame | None = None,
        margins: MarginsResult | None = None,
    ) -> SwitchingResult:
        """Run with given parameters of the correlation stage.

        Parameters
        ----------
        returns : DataFrame or ndarray of shape (n_obs, n_assets)
            Returns, at least 200 rows; their margins are fitted now unless they are given.
        params : Series or mapping
            As a fit's ``params``: the regimes' own parameters (``rho_low`` ..., of several assets
            ``rho_low(A, B)`` ...), ``p_low`` ... (probabilities of staying) and, for t errors,
            ``nu``.
        transition : array of shape (n_regimes, n_regimes), optional
            Needed for more than two regimes; for two it follows from the probabilities of staying.
        margins : MarginsResult, optional
            Margins already fitted on these returns.

        Returns
        -------
        SwitchingResult

        Raises
        ------
        ModelError
            If parameters are missing or outside their region.
        """
        fitted, z = self._residuals(returns, margins)
        emission = self._emission(z, fitted.names)
        names = regime_names(self.n_regimes)
        keys = [[named(label, n) for label in emission.names] for n in names]
        wanted = [*(key for row in keys for key in row), *(f"p_{n}" for n in names)]
        given = require_params(dict(params), (*wanted, "nu") if self.dist == "t" else (*wanted,))
        matrix = self._matrix(transition, np.array([given[f"p_{n}"] for n in names]))
        own = emission.from_reported(np.array([[given[key] for key in row] for row in keys]))
        level = emission.level(own)
        if np.any(np.diff(level) < 0):
            raise ModelError(f"Regime correlations must ascend; they are {level.tolist()}.")
        nu = given.get("nu", np.inf)
        if self.initial == "estimated":
            candidates = [RegimeParams(own, matrix, nu, row) for row in np.eye(self.n_regimes)]
            found = max(candidates, key=lambda p: p.filter(emission)[0].sum())
        else:
            even = np.full(self.n_regimes, 1.0 / self.n_regimes)
            found = RegimeParams(own, matrix, nu, even if self.initial == "uniform" else None)
        return SwitchingResult(self._name, fitted, emission, found)

    def _matrix(self, transition: Array | pd.DataFrame | None, stay: Array) -> Array:
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
        return matrix


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchingCorrelation(_RegimeModel):
    r"""Correlation that switches between recurrent regimes (Pelletier 2006).

    Standardized residuals in regime :math:`k` are multivariate normal or t with correlation matrix
    :math:`R_k` (:math:`\rho_k` of two assets); the regime follows a Markov chain. EM from several
    starts, with the exact M-step (root of the likelihood cubic for two assets), then Newton's
    steps on the exact gradient. Regimes are sorted by correlation, their mean one for more than two
    assets.

    Parameters
    ----------
    n_regimes : int, default 2
        Number of regimes, at least 2.
    dist : {"normal", "t"}, default "t"
        Distribution of the standardized residuals; normal errors mistake fat tails for regimes.
    initial : {"stationary", "uniform", "estimated"}, default "stationary"
        Regime probabilities of the first row: those of the chain in the long run, equal ones, or
        the regime that explains the sample best.
    margins : GARCH, mapping of asset to GARCH, or None, default GARCH()
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

    _name: ClassVar[str] = "switching"

    @property
    def _two_assets_only(self) -> bool:
        return False

    def _emission(self, z: Array, names: tuple[str, ...]) -> ConstantEmission:
        return constant_emission(z, names)

    def sample(
        self,
        returns: pd.DataFrame | Array,
        *,
        chain: ChainName = "recurrent",
        priors: RegimePriors | None = None,
        margins: MarginsResult | None = None,
        joint_margins: bool = False,
        draws: int = 1000,
        tune: int = 1000,
        chains: int = 4,
        target_accept: float | None = None,
        rng: RandomState = 0,
        n_jobs: int = 1,
        progress: bool = True,
    ) -> BayesianSwitchingResult:
        """Sample the posterior of the regime model of two assets by NUTS (PyMC).

        See `regimecorr.models.bayes.sample_regimes`, which it calls, for the parameters.

        Parameters
        ----------
        returns : DataFrame or ndarray of shape (n_obs, 2)
            Returns of the pair; standardized residuals when the specification has
            ``margins=None``.
        chain : {"recurrent", "change_point", "nesting"}, default "recurrent"
            Regimes that come back; segments that never do (``n_regimes`` of them); or normal,
            transient low and a permanent new normal in one chain.
        priors : RegimePriors, optional
            Stated in durations and correlations.
        margins : MarginsResult, optional
            Margins already fitted on these returns.
        joint_margins : bool, default False
            Sample the GARCH parameters along with the regimes; otherwise the standardized
            residuals count as data, and the posterior leaves out the margins' uncertainty.
        draws, tune, chains : int
            Draws kept and tuning steps of every chain; number of chains.
        target_accept : float, optional
            Acceptance rate that the step size is tuned to.
        rng : int, Generator or None, default 0
            Seed or generator; the draws do not depend on ``n_jobs``.
        n_jobs : int, default 1
            Processes; -1 for one per core.
        progress : bool, default True
            Show a bar on a terminal after two seconds.

        Returns
        -------
        BayesianSwitchingResult
            With ``idata``, ``diagnostics``, ``p_today``, ``evidence``, ``prior_sensitivity``.

        Warns
        -----
        ConvergenceWarning
            If the chains did not converge.
        """
        from regimecorr.models.bayes import sample_regimes

        return sample_regimes(
            self,
            returns,
            chain=chain,
            priors=priors,
            margins=margins,
            joint_margins=joint_margins,
            draws=draws,
            tune=tune,
            chains=chains,
            target_accept=target_accept,
            rng=rng,
            n_jobs=n_jobs,
            progress=progress,
        )

    def _search(self, emission: Emission) -> RegimeEstimate:
        assert isinstance(emission, ConstantEmission)
        return fit_regimes(
            emission,
            self.n_regimes,
            heavy=self.dist == "t",
            n_starts=self.n_starts,
            initial=self.initial,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchingDCC(_RegimeModel):
    r"""Regimes that each have a dynamic conditional correlation of their own (Lee 2010).

    .. math::

        Q_{k,t} = (1 - a_k - b_k) S_k + a_k\, z_{t-1} z_{t-1}' + b_k\, Q_{k,t-1},
        \qquad
        R_{k,t} = \mathrm{diag}(Q_{k,t})^{-1/2}\, Q_{k,t}\, \mathrm{diag}(Q_{k,t})^{-1/2}

    of two assets, with :math:`S_k` a correlation of :math:`\rho_k`. All recursions run on all
    residuals, whatever the regime, so the likelihood needs no path of regimes (as in Haas and Liu
    2018 for volatilities); the regime at t says which :math:`R_{k,t}` holds. Everything is
    estimated jointly by maximum likelihood on the residuals of the margins: where the data have no
    dynamics within regimes, ``a`` goes to 0 and the model is `SwitchingCorrelation`. Regimes are
    sorted by :math:`\rho_k`.

    Parameters
    ----------
    n_regimes : int, default 2
        Number of regimes, at least 2.
    dist : {"normal", "t"}, default "t"
        Distribution of the standardized residuals.
    initial : {"stationary", "uniform", "estimated"}, default "stationary"
        Regime probabilities of the first row.
    margins : GARCH, mapping of asset to GARCH, or None, default GARCH()
        Margins; None when the returns are standardized residuals already.
    n_starts : int, default 6
        Starting points of the search for regimes; each of the best goes on with several dynamics.

    References
    ----------
    Lee, H.-T. (2010). Regime switching correlation hedging. Journal of Banking & Finance 34,
    2728-2741. Haas, M. and Liu, J.-C. (2018). A multivariate regime-switching GARCH model with an
    application to global stock market and real estate equity returns. Studies in Nonlinear
    Dynamics & Econometrics 22(3).

    Examples
    --------
    >>> import regimecorr as rc
    >>> world = rc.simulate("recurrent", n_obs=1000, rng=1)
    >>> result = rc.SwitchingDCC(margins=None).fit(world.std_resid)
    >>> still = rc.SwitchingCorrelation(margins=None).fit(world.std_resid)
    >>> bool(result.loglikelihood >= still.loglikelihood - 1e-6)
    True
    """

    _name: ClassVar[str] = "switching dcc"

    def _emission(self, z: Array, names: tuple[str, ...]) -> DCCEmission:
        return DCCEmission(z)

    def _search(self, emission: Emission) -> RegimeEstimate:
        assert isinstance(emission, DCCEmission)
        return fit_dcc_regimes(
            emission,
            self.n_regimes,
            heavy=self.dist == "t",
            n_starts=self.n_starts,
            initial=self.initial,
        )
