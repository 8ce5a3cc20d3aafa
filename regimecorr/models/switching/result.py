"""What a Markov-switching correlation answers: probabilities, forecasts, uncertainty."""

from __future__ import annotations

from functools import cached_property
from typing import Literal, TypeAlias, get_args

import numpy as np
import pandas as pd

from regimecorr.errors import ModelError
from regimecorr.kernels.hamilton import (
    hamilton_filter,
    kim_smoother,
    regime_log_densities,
    sample_regimes_backward,
    viterbi_path,
)
from regimecorr.kernels.paths import correlate, regime_paths
from regimecorr.models.base import (
    Array,
    CorrelationResult,
    IntArray,
    Noise,
    RandomState,
    check_count,
)
from regimecorr.models.margins import MarginsResult
from regimecorr.models.optimise import inverse_information
from regimecorr.models.sandwich import (
    jacobian,
    normal_draws,
    positive_bread,
    regularised_sandwich,
)
from regimecorr.models.switching.chain import RegimeParams, pack, regime_names, unpack
from regimecorr.models.switching.estimation import RegimeEstimate, region_of

ErrorKind: TypeAlias = Literal["sandwich", "opg", "hessian"]


class SwitchingResult(CorrelationResult):
    """Fitted or given Markov-switching correlation.

    Standard errors take the margins as given.

    Attributes
    ----------
    regime_correlations : Series
        Correlation by regime, ascending, named ``low`` ... ``high``.
    transition : DataFrame
        ``transition.loc[i, j] = P(S_t = j | S_{t-1} = i)``.
    filtered_probabilities, smoothed_probabilities : DataFrame
        By date and regime; filtered uses returns to t, smoothed the full sample.
    loglikelihoods : ndarray
        Correlation-stage log-likelihood that every start reached, best first.
    bounds_hit : tuple of str
        Constraints that hold the estimate.
    """

    def __init__(
        self,
        margins: MarginsResult,
        z: Array,
        found: RegimeParams,
        *,
        estimate: RegimeEstimate | None = None,
        sample: Array | None = None,
    ) -> None:
        self.name = "switching"
        self.margins = margins
        self._z = z
        self._found = found
        self._estimate = estimate
        # Rows from which the parameters were estimated; rows may have been appended since.
        self._sample = z if sample is None else sample
        self.loglikelihoods = np.empty(0) if estimate is None else estimate.loglikelihoods
        self.bounds_hit = () if estimate is None else estimate.optimum.bounds_hit
        size = found.rho.size
        self.regimes = regime_names(size)
        index = margins.std_resid.index
        self._log_dens = regime_log_densities(z, found.rho, found.nu)
        self._start = found.start
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
        penalty = 0.5 * self.n_free * np.log(len(z)) if estimate is not None else 0.0
        self.score = self.correlation_loglikelihood - penalty
        self.converged = margins.converged and (estimate is None or estimate.converged)
        message = "" if estimate is None else estimate.message
        self.message = f"{message} {margins.message}".strip()
        self._seal()

    @property
    def n_free(self) -> int:
        """Parameters of the correlation stage: correlations, moves, ``nu``."""
        return int(self._found.vector.size)

    @property
    def expected_durations(self) -> pd.Series:
        """Expected rows in each regime, ``1 / (1 - p_kk)``."""
        return 1.0 / (1.0 - pd.Series(np.diag(self._found.transition), index=self.regimes))

    @cached_property
    def viterbi(self) -> pd.Series:
        """Most probable regime path by date."""
        path = viterbi_path(self._log_dens, self._found.transition, self._start)
        return pd.Series(np.array(self.regimes)[path], index=self.filtered.index, name="viterbi")

    # ---- uncertainty -------------------------------------------------------------------------

    @property
    def std_errors(self) -> pd.Series:
        """Sandwich standard errors of `params`; NaN for what a bound holds."""
        return self.standard_errors()

    def standard_errors(self, kind: ErrorKind = "sandwich") -> pd.Series:
        """Return standard errors of correlations, probabilities of staying and ``nu``.

        Parameters
        ----------
        kind : {"sandwich", "opg", "hessian"}
            Robust; outer product of the scores; inverse observed information.
        """
        size = self._found.rho.size
        rows = [*np.eye(self.n_free)[:size], *(-self._leaving(i) for i in range(size))]
        if not np.isinf(self._found.nu):
            rows.append(np.eye(self.n_free)[-1])
        turn = np.array(rows)
        variance = np.einsum("ik,kl,il->i", turn, self._natural_covariance(kind), turn)
        spread = np.sqrt(np.maximum(variance, 0.0))
        return pd.Series(np.where(spread > 0.0, spread, np.nan), index=self.params.index)

    @property
    def duration_std_errors(self) -> pd.Series:
        """Standard errors of `expected_durations`, by the delta method."""
        leave = 1.0 / self.expected_durations.to_numpy()
        covariance = self._natural_covariance("sandwich")
        spread = [
            np.sqrt(max(float(self._leaving(i) @ covariance @ self._leaving(i)), 0.0)) / p**2
            for i, p in enumerate(leave)
        ]
        return pd.Series(np.where(np.array(spread) > 0.0, spread, np.nan), index=self.regimes)

    def _leaving(self, regime: int) -> Array:
        """Which natural parameters add up to the probability of leaving a regime."""
        size = self._found.rho.size
        out = np.zeros(self.n_free)
        out[size + regime * (size - 1) : size + (regime + 1) * (size - 1)] = 1.0
        return out

    def _natural_covariance(self, kind: str) -> Array:
        if self._estimate is None:
            raise ModelError("Parameters that were given have no standard errors; use fit().")
        if kind not in get_args(ErrorKind):
            raise ModelError(f"kind={kind!r} is unknown; use one of {get_args(ErrorKind)}.")
        best = self._estimate.optimum
        units = region_of(self._found).units
        scores = self._found.scores(self._sample)[1]
        outer = scores.T @ scores
        if kind == "opg":
            return inverse_information(-outer, best.basis, units)
        inverse = inverse_information(best.hessian, best.basis, units)
        return inverse if kind == "hessian" else np.asarray(inverse @ outer @ inverse)

    @property
    def convergence(self) -> pd.Series:
        """How the optimum was found: gradient norm, bounds hit, starts that agree."""
        if self._estimate is None:
            raise ModelError("Nothing was estimated: the parameters were given; use fit().")
        return self._estimate.report

    @property
    def bic(self) -> float:
        """Schwarz's criterion of the correlation stage; smaller is better."""
        return float(self.n_free * np.log(self.n_obs) - 2.0 * self.correlation_loglikelihood)

    @property
    def icl(self) -> float:
        """Integrated completed likelihood (Biernacki, Celeux and Govaert 2000).

        BIC plus twice the entropy of the smoothed probabilities: regimes that are not told apart
        are paid for. Smaller is better.
        """
        p = self.smoothed_probabilities.to_numpy()
        logs = np.log(np.where(p > 0.0, p, 1.0))
        return self.bic - 2.0 * float((p * logs).sum())

    # ---- futures -----------------------------------------------------------------------------

    def forecast(
        self,
        horizon: int,
        *,
        quantiles: tuple[float, ...] = (0.05, 0.5, 0.95),
        n_draws: int = 500,
        rng: RandomState = 0,
    ) -> pd.DataFrame:
        """Forecast regime probabilities and the conditional correlation.

        Parameters
        ----------
        horizon : int
            Rows ahead.
        quantiles : tuple of float
            Of the correlation's distribution, with regime and parameter uncertainty.
        n_draws : int, default 500
            Parameter draws behind the quantiles.
        rng : int, Generator or None

        Returns
        -------
        DataFrame
            By row ahead: the probability of every regime and ``mean``, the expected correlation,
            both exact at the estimates, and the quantiles, named ``q05`` and so on.
        """
        check_count("horizon", horizon)
        check_count("n_draws", n_draws)
        if not quantiles or not all(0.0 < q < 1.0 for q in quantiles):
            raise ModelError(f"quantiles={quantiles} must lie between 0 and 1.")
        p = self._found
        probabilities = _ahead(self.filtered_probabilities.to_numpy()[-1], p.transition, horizon)
        index = pd.RangeIndex(1, horizon + 1, name="horizon")
        table = pd.DataFrame(probabilities, index=index, columns=self.regimes)
        table["mean"] = probabilities @ p.rho
        draws = self.draw_regimes(n_draws, np.random.default_rng(rng))
        values = np.concatenate([d.rho for d in draws])
        weights = np.concatenate(
            [_ahead(d.filter(self._z)[2][-1], d.transition, horizon) for d in draws], axis=1
        )
        order = np.argsort(values, kind="stable")
        mass = np.cumsum(weights[:, order], axis=1) / n_draws
        for q in quantiles:
            reached = np.minimum((mass < q - 1e-12).sum(axis=1), values.size - 1)
            table[f"q{100 * q:02.0f}"] = values[order][reached]
        return table

    def first_passage(self, regime: str, horizon: int) -> pd.Series:
        """Probability that a regime is reached within the next rows, at the estimates.

        Parameters
        ----------
        regime : str
            Name of the regime; if it holds today with probability p, it counts from the next row
            on all the same.
        horizon : int
            Rows ahead.

        Returns
        -------
        Series
            By row ahead, never falling.
        """
        check_count("horizon", horizon)
        if regime not in self.regimes:
            raise ModelError(f"regime={regime!r} is unknown; there are {', '.join(self.regimes)}.")
        goal = self.regimes.index(regime)
        matrix = self._found.transition
        outside = self.filtered_probabilities.to_numpy()[-1] @ matrix
        missed = []
        for _ in range(horizon):
            outside[goal] = 0.0
            missed.append(outside.sum())
            outside = outside @ matrix
        index = pd.RangeIndex(1, horizon + 1, name="horizon")
        return pd.Series(1.0 - np.array(missed), index=index, name=f"reaches {regime}")

    def append(self, returns: pd.DataFrame | Array) -> SwitchingResult:
        """Run on with new returns, without estimating anything again.

        Parameters
        ----------
        returns : DataFrame or ndarray of shape (n_new, 2)
            Returns that follow the sample.

        Returns
        -------
        SwitchingResult
            The filter over all rows; parameters, standard errors and the report of the fit stay.
        """
        margins = self.margins.append(returns)
        z = np.ascontiguousarray(margins.z)
        return SwitchingResult(
            margins, z, self._found, estimate=self._estimate, sample=self._sample
        )

    # ---- draws and hooks of the protocol -----------------------------------------------------

    @cached_property
    def _covariance(self) -> Array:
        """Regularised sandwich in unbounded coordinates, from which parameters are drawn."""
        u = pack(self._found)
        size, first = self._found.rho.size, self._found.first

        def scores_at(v: Array) -> Array:
            chain = jacobian(lambda w: unpack(w, size, first).vector, v)
            return np.asarray(unpack(v, size, first).scores(self._sample)[1] @ chain)

        scores = scores_at(u)
        bread = positive_bread(-jacobian(lambda v: scores_at(v).sum(axis=0), u, 1e-3))
        heavy = [] if np.isinf(self._found.nu) else [1.0]
        prior_sd = np.array([1.0] * size + [2.0] * (u.size - size - len(heavy)) + heavy)
        return regularised_sandwich(bread, scores.T @ scores, prior_sd)

    def draw_regimes(self, n_draws: int, rng: np.random.Generator) -> list[RegimeParams]:
        """Draw parameters from the sandwich covariance in unconstrained coordinates.

        The regimes are kept in order.
        """
        if self._estimate is None:
            return [self._found] * n_draws
        size, first = self._found.rho.size, self._found.first
        drawn = normal_draws(pack(self._found), self._covariance, n_draws, rng)
        return [unpack(u, size, first).ordered() for u in drawn]

    def figures(self, params: RegimeParams | None = None) -> tuple[Array, Array, Array]:
        """Return correlations, filtered probabilities today and chances of staying, by regime.

        At the estimates, or at given parameters (one of `draw_regimes`).
        """
        p = self._found if params is None else params
        return p.rho, p.filter(self._z)[2][-1], np.diag(p.transition)

    def _draw_parameters(self, n_draws: int, rng: np.random.Generator) -> list[RegimeParams]:
        return self.draw_regimes(n_draws, rng)

    def _continue(
        self, draws: list[RegimeParams], noise: Noise, horizon: int, recent: int
    ) -> tuple[Array, Array, Array]:
        uniforms = noise.uniform(recent)
        start = np.empty(noise.draw.size, dtype=np.int64)
        mean = np.empty(noise.draw.size)
        for d, draw in enumerate(draws):
            filtered = draw.filter(self._z)[2]
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


def _ahead(today: Array, transition: Array, horizon: int) -> Array:
    """Regime probabilities (horizon, K) of the next rows."""
    out = np.empty((horizon, today.size))
    for h in range(horizon):
        today = today @ transition
        out[h] = today
    return out
