"""Markov-switching correlation of two assets: EM, quasi-Newton polish, regimes in order."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from regimecorr.errors import DegenerateRegimeWarning, ModelError, warn_user
from regimecorr.kernels.hamilton import (
    hamilton_filter,
    kim_smoother,
    regime_log_densities,
    sample_regimes_backward,
    viterbi_path,
)
from regimecorr.kernels.paths import correlate, regime_paths
from regimecorr.models._switching_em import (
    RegimeParams,
    fit_regimes,
    pack,
    per_row,
    stationary,
    unpack,
)
from regimecorr.models.base import (
    Array,
    CorrelationModel,
    CorrelationResult,
    Distribution,
    IntArray,
    Noise,
    check_count,
    check_distribution,
)
from regimecorr.models.grid import require_params
from regimecorr.models.margins import GARCH, MarginsResult
from regimecorr.models.sandwich import (
    jacobian,
    normal_draws,
    positive_bread,
    regularised_sandwich,
)

_MIN_OCCUPANCY = 20.0


def regime_names(n_regimes: int) -> list[str]:
    """Names of regimes sorted by correlation: low ... high."""
    if n_regimes == 2:
        return ["low", "high"]
    if n_regimes == 3:
        return ["low", "middle", "high"]
    return ["low", *(f"middle{i}" for i in range(1, n_regimes - 1)), "high"]


class SwitchingResult(CorrelationResult):
    """Fitted or given Markov-switching correlation.

    Attributes
    ----------
    regime_correlations : Series
        Correlation by regime, ascending, named ``low`` ... ``high``.
    transition : DataFrame
        ``transition.loc[i, j] = P(S_t = j | S_{t-1} = i)``.
    filtered_probabilities, smoothed_probabilities : DataFrame
        By date and regime; filtered uses returns to t, smoothed the full sample.
    loglikelihoods : ndarray
        Final correlation-stage log-likelihood of every start.
    """

    def __init__(
        self,
        margins: MarginsResult,
        z: Array,
        found: RegimeParams,
        *,
        estimated: bool,
        loglikelihoods: Array,
        converged: bool = True,
        message: str = "",
    ) -> None:
        self.name = "switching"
        self.margins = margins
        self._z = z
        self._found = found
        self._estimated = estimated
        self.loglikelihoods = loglikelihoods
        size = found.rho.size
        self.regimes = regime_names(size)
        index = margins.std_resid.index
        self._log_dens = regime_log_densities(z, found.rho, found.nu)
        self._start = stationary(found.transition)
        rows, predicted, filtered = hamilton_filter(self._log_dens, found.transition, self._start)
        smoothed, _ = kim_smoother(predicted, filtered, found.transition)
        self.filtered_probabilities = pd.DataFrame(filtered, index=index, columns=self.regimes)
        self.smoothed_probabilities = pd.DataFrame(smoothed, index=index, columns=self.regimes)
        self.filtered = pd.Series(filtered @ found.rho, index=index, name="filtered")
        self.smoothed = pd.Series(smoothed @ found.rho, index=index, name="smoothed")
        self.regime_correlations = pd.Series(found.rho, index=self.regimes)
        self.transition = pd.DataFrame(found.transition, index=self.regimes, columns=self.regimes)
        stay = np.diag(found.transition)
        heavy = [] if np.isinf(found.nu) else [found.nu]
        self.params = pd.Series(
            [*found.rho, *stay, *heavy],
            index=[f"rho_{n}" for n in self.regimes]
            + [f"p_{n}" for n in self.regimes]
            + ["nu"] * len(heavy),
        )
        self.correlation_loglikelihood = float(rows.sum())
        n_params = pack(found).size
        penalty = 0.5 * n_params * np.log(len(z)) if estimated else 0.0
        self.score = self.correlation_loglikelihood - penalty
        self.converged = converged and margins.converged
        self.message = f"{message} {margins.message}".strip()
        self._seal()

    @property
    def expected_durations(self) -> pd.Series:
        """Expected rows in each regime, ``1 / (1 - p_kk)``."""
        return 1.0 / (1.0 - pd.Series(np.diag(self._found.transition), index=self.regimes))

    @cached_property
    def viterbi(self) -> pd.Series:
        """Most probable regime path by date."""
        path = viterbi_path(self._log_dens, self._found.transition, self._start)
        return pd.Series(np.array(self.regimes)[path], index=self.filtered.index, name="viterbi")

    @cached_property
    def _covariance(self) -> Array:
        u = pack(self._found)
        size = self._found.rho.size
        scores = jacobian(lambda v: per_row(self._z, v, size), u)

        def gradient(v: Array) -> Array:
            rows = jacobian(lambda w: np.atleast_1d(per_row(self._z, w, size).sum()), v, 1e-3)
            return np.asarray(rows[0], dtype=float)

        bread = positive_bread(-jacobian(gradient, u, 1e-3))
        heavy = [] if np.isinf(self._found.nu) else [1.0]
        prior_sd = np.array([1.0] * size + [2.0] * (u.size - size - len(heavy)) + heavy)
        return regularised_sandwich(bread, scores.T @ scores, prior_sd)

    def draw_regimes(self, n_draws: int, rng: np.random.Generator) -> list[RegimeParams]:
        """Draw parameters from the sandwich covariance in unconstrained coordinates.

        The regimes are kept in order.
        """
        if not self._estimated:
            return [self._found] * n_draws
        size = self._found.rho.size
        drawn = normal_draws(pack(self._found), self._covariance, n_draws, rng)
        return [unpack(u, size).ordered() for u in drawn]

    def figures(self, params: RegimeParams | None = None) -> tuple[Array, Array, Array]:
        """Return correlations, filtered probabilities today and chances of staying, by regime.

        At the estimates, or at given parameters (one of `draw_regimes`).
        """
        p = self._found if params is None else params
        dens = regime_log_densities(self._z, p.rho, p.nu)
        filtered = hamilton_filter(dens, p.transition, stationary(p.transition))[2]
        return p.rho, filtered[-1], np.diag(p.transition)

    def _draw_parameters(self, n_draws: int, rng: np.random.Generator) -> list[RegimeParams]:
        return self.draw_regimes(n_draws, rng)

    def _continue(
        self, draws: list[RegimeParams], noise: Noise, horizon: int, recent: int
    ) -> tuple[Array, Array, Array]:
        uniforms = noise.uniform(recent)
        start = np.empty(noise.draw.size, dtype=np.int64)
        mean = np.empty(noise.draw.size)
        for d, draw in enumerate(draws):
            dens = regime_log_densities(self._z, draw.rho, draw.nu)
            _, _, filtered = hamilton_filter(dens, draw.transition, stationary(draw.transition))
            mine = noise.draw == d
            path = sample_regimes_backward(filtered[-recent:], draw.transition, uniforms[mine])
            start[mine] = path[:, -1]
            mean[mine] = draw.rho[path].mean(axis=1)
        return *self._advance(draws, start, noise, horizon), mean

    def _restart(self, noise: Noise, n_rows: int, rng: np.random.Generator) -> tuple[Array, Array]:
        cumulative = np.cumsum(self._start)
        start = np.searchsorted(cumulative[:-1], noise.uniform()).astype(np.int64)
        return self._advance([self._found] * noise.n_draws, start, noise, n_rows)

    @staticmethod
    def _advance(
        draws: list[RegimeParams], start: IntArray, noise: Noise, horizon: int
    ) -> tuple[Array, Array]:
        rho = np.array([d.rho for d in draws])
        cumulative = np.cumsum(np.array([d.transition for d in draws]), axis=2)
        paths = regime_paths(start, noise.draw, rho, cumulative, noise.uniform(horizon))
        nu = np.array([d.nu for d in draws])
        return paths, correlate(noise.shocks(nu, horizon), paths)


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchingCorrelation(CorrelationModel[SwitchingResult]):
    r"""Correlation that switches between recurrent regimes (Pelletier 2006).

    Standardized residuals in regime :math:`k` are bivariate normal or t with correlation
    :math:`\rho_k`; the regime follows a Markov chain started from its stationary distribution. EM
    with the exact M-step (root of the likelihood cubic for two assets), several starts, then a
    quasi-Newton polish. Regimes are sorted by correlation.

    Parameters
    ----------
    n_regimes : int, default 2
        Number of regimes, at least 2.
    dist : {"normal", "t"}, default "t"
        Distribution of the standardized residuals; normal errors mistake fat tails for regimes.
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
    margins: GARCH | None = field(default_factory=GARCH)
    n_starts: int = 6

    def __post_init__(self) -> None:
        check_distribution(self.dist)
        check_count("n_regimes", self.n_regimes, 2)
        check_count("n_starts", self.n_starts)

    def _estimate(self, margins: MarginsResult, z: Array) -> SwitchingResult:
        found, values, converged = fit_regimes(
            z, self.n_regimes, heavy=self.dist == "t", n_starts=self.n_starts
        )
        message = "" if converged else "The regime model's polish left a gradient above 1e-3."
        result = SwitchingResult(
            margins,
            z,
            found,
            estimated=True,
            loglikelihoods=values,
            converged=converged,
            message=message,
        )
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
        found = RegimeParams(rho, matrix, given.get("nu", np.inf))
        return SwitchingResult(fitted, z, found, estimated=False, loglikelihoods=np.empty(0))
