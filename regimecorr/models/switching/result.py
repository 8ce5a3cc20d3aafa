"""What a Markov-switching correlation answers: probabilities, forecasts, uncertainty."""

from __future__ import annotations

from functools import cached_property
from typing import get_args

import numpy as np
import pandas as pd

from regimecorr.errors import ModelError
from regimecorr.kernels.hamilton import (
    hamilton_filter,
    kim_smoother,
    sample_regimes_backward,
    viterbi_path,
)
from regimecorr.kernels.regimes import regime_states
from regimecorr.models.base import (
    Array,
    CorrelationResult,
    IntArray,
    Noise,
    RandomState,
    RegimeFigures,
    check_count,
)
from regimecorr.models.margins import MarginsResult
from regimecorr.models.switching.chain import RegimeParams, regime_names
from regimecorr.models.switching.coordinates import named
from regimecorr.models.switching.emissions import Emission
from regimecorr.models.switching.estimation import RegimeEstimate
from regimecorr.models.switching.forecasting import (
    ahead,
    check_quantiles,
    forecast_frame,
    passage,
    weighted_quantiles,
)
from regimecorr.models.switching.matrix_emission import MatrixEmission
from regimecorr.models.switching.summary import summarise
from regimecorr.models.switching.uncertainty import (
    ErrorKind,
    ParameterDraws,
    covariance,
    identified,
    leaving,
    reported_slopes,
)
from regimecorr.threads import one_blas_thread


class SwitchingResult(CorrelationResult):
    """Fitted or given Markov-switching correlation.

    Standard errors take the margins as given.

    Attributes
    ----------
    regime_correlations : Series or DataFrame
        Correlation by regime, ascending, named ``low`` ... ``high``; of more than two assets the
        correlation matrices, by regime and asset; of `SwitchingDCC` the regimes' targets.
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
        name: str,
        margins: MarginsResult,
        emission: Emission,
        found: RegimeParams,
        *,
        estimate: RegimeEstimate | None = None,
        sample: Emission | None = None,
    ) -> None:
        self.name = name
        self.margins = margins
        self._emission = emission
        self._found = found
        self._estimate = estimate
        # Rows from which the parameters were estimated; rows may have been appended since.
        self._sample = emission if sample is None else sample
        self.loglikelihoods = np.empty(0) if estimate is None else estimate.loglikelihoods
        self.bounds_hit = () if estimate is None else estimate.optimum.bounds_hit
        self.regimes = tuple(regime_names(found.n_regimes))
        index = margins.std_resid.index
        self._log_dens = emission.log_densities(found.own, found.nu)
        rows, predicted, filtered = hamilton_filter(self._log_dens, found.transition, found.start)
        smoothed, _ = kim_smoother(predicted, filtered, found.transition)
        self.filtered_probabilities = pd.DataFrame(filtered, index=index, columns=self.regimes)
        self.smoothed_probabilities = pd.DataFrame(smoothed, index=index, columns=self.regimes)
        self.transition = pd.DataFrame(found.transition, index=self.regimes, columns=self.regimes)
        reported = emission.reported(found.own)
        keys = [named(label, n) for n in self.regimes for label in emission.names]
        heavy = [] if np.isinf(found.nu) else [found.nu]
        self.params = pd.Series(
            [*reported.ravel(), *np.diag(found.transition), *heavy],
            index=[*keys, *(f"p_{n}" for n in self.regimes), *["nu"] * len(heavy)],
        )
        self.correlation_loglikelihood = float(rows.sum())
        penalty = 0.5 * self.n_free * np.log(len(index)) if estimate is not None else 0.0
        self.score = self.correlation_loglikelihood - penalty
        self.converged = margins.converged and (estimate is None or estimate.converged)
        message = "" if estimate is None else estimate.message
        self.message = f"{message} {margins.message}".strip()
        self._seal()

    def __repr__(self) -> str:
        shown = ", ".join(f"{k}={v:.4g}" for k, v in self.params.items())
        return f"<SwitchingResult: {self.name}, {self.n_obs} rows; {shown}>"

    def summary(self) -> str:
        """Return a short text: estimates, errors, regimes today, likelihood, convergence."""
        return summarise(self, self._estimate is not None)

    @property
    def n_obs(self) -> int:
        """Number of returns."""
        return len(self._emission.z)

    @property
    def n_free(self) -> int:
        """Parameters of the correlation stage: the regimes' own, moves, ``nu``."""
        return int(self._found.vector.size)

    # ---- regimes and paths -------------------------------------------------------------------

    @property
    def regime_correlations(self) -> pd.Series | pd.DataFrame:
        """Correlation (two assets) or correlation matrix by regime."""
        if isinstance(self._emission, MatrixEmission):
            matrices = self._emission.matrices(self._found.own)
            names = list(self.margins.names)
            frames = [pd.DataFrame(m, index=names, columns=names) for m in matrices]
            return pd.concat(frames, keys=self.regimes, names=["regime", "asset"])
        return pd.Series(self._emission.level(self._found.own), index=self.regimes)

    @property
    def expected_durations(self) -> pd.Series:
        """Expected rows in each regime, ``1 / (1 - p_kk)``."""
        return 1.0 / (1.0 - pd.Series(np.diag(self._found.transition), index=self.regimes))

    @cached_property
    def viterbi(self) -> pd.Series:
        """Most probable regime path by date."""
        path = viterbi_path(self._log_dens, self._found.transition, self._found.start)
        return pd.Series(np.array(self.regimes)[path], index=self.index, name="viterbi")

    @property
    def index(self) -> pd.Index:
        """Dates of the rows."""
        return self.filtered_probabilities.index

    @cached_property
    def by_regime(self) -> pd.DataFrame:
        """Conditional correlation of two assets by date and regime, whichever holds."""
        if self._emission.z.shape[1] != 2:
            raise ModelError(
                f"There are {self._emission.z.shape[1]} assets; use correlations, or "
                "regime_correlations with the probabilities of the regimes."
            )
        paths = self._emission.correlations(self._found.own)
        return pd.DataFrame(paths, index=self.index, columns=self.regimes)

    @cached_property
    def filtered(self) -> pd.Series:  # type: ignore[override]
        """Correlation of two assets by date, expected from returns to t."""
        return (self.filtered_probabilities * self.by_regime).sum(axis=1).rename("filtered")

    @cached_property
    def smoothed(self) -> pd.Series:  # type: ignore[override]
        """Correlation of two assets by date, expected from the full sample."""
        return (self.smoothed_probabilities * self.by_regime).sum(axis=1).rename("smoothed")

    @property
    def correlations(self) -> Array:
        """Correlation matrices (n_obs, n_assets, n_assets) expected from returns to t."""
        return self._matrices(self.filtered_probabilities)

    @property
    def smoothed_correlations(self) -> Array:
        """Correlation matrices (n_obs, n_assets, n_assets) expected from the full sample."""
        return self._matrices(self.smoothed_probabilities)

    def _matrices(self, probabilities: pd.DataFrame) -> Array:
        paths = self._emission.correlations(self._found.own)
        if paths.ndim == 2:
            paths = np.where(np.eye(2, dtype=bool), 1.0, paths[:, :, None, None])
        return np.asarray(np.einsum("tk,tkij->tij", probabilities.to_numpy(), paths))

    # ---- uncertainty -------------------------------------------------------------------------

    @property
    def std_errors(self) -> pd.Series:
        """Sandwich standard errors; NaN for what a bound holds or the data do not identify."""
        return self.standard_errors()

    def standard_errors(self, kind: ErrorKind = "sandwich") -> pd.Series:
        """Return standard errors of `params`.

        Parameters
        ----------
        kind : {"sandwich", "opg", "hessian"}
            Robust; outer product of the scores; inverse observed information.
        """
        if kind not in get_args(ErrorKind):
            raise ModelError(f"kind={kind!r} is unknown; use one of {get_args(ErrorKind)}.")
        turn = reported_slopes(self._sample, self._found)
        return self._spreads(turn, kind, self.params.index)

    @property
    def duration_std_errors(self) -> pd.Series:
        """Standard errors of `expected_durations`, by the delta method."""
        squared = self.expected_durations.to_numpy() ** 2
        turn = np.array([d * leaving(self._found, i) for i, d in enumerate(squared)])
        return self._spreads(turn, "sandwich", pd.Index(self.regimes))

    def _spreads(self, turn: Array, kind: str, index: pd.Index) -> pd.Series:
        if self._estimate is None:
            raise ModelError("Parameters that were given have no standard errors; use fit().")
        matrix = covariance(self._sample, self._estimate, kind)
        variance = np.einsum("ik,kl,il->i", turn, matrix, turn)
        spread = np.sqrt(np.maximum(variance, 0.0))
        known = identified(self._sample, self._estimate, turn) & (spread > 0.0)
        return pd.Series(np.where(known, spread, np.nan), index=index)

    @property
    def convergence(self) -> pd.Series:
        """How the optimum was found."""
        if self._estimate is None:
            raise ModelError("Nothing was estimated: the parameters were given; use fit().")
        return self._estimate.report

    @property
    def aic(self) -> float:
        """Akaike's criterion of the correlation stage; smaller is better."""
        return 2.0 * (self.n_free - self.correlation_loglikelihood)

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
            both exact at the estimates, and the quantiles, named ``q05`` and so on. With more
            than two assets mean and quantiles are those of every pair, ``mean(A, B)``. The mean
            of `SwitchingDCC` is one over simulated paths, parameter uncertainty included.
        """
        check_count("horizon", horizon)
        check_count("n_draws", n_draws)
        check_quantiles(quantiles)
        p, emission = self._found, self._emission
        probabilities = ahead(self._today(p), p.transition, horizon)
        figures = {}
        if emission.feeds_back:
            paths = self.simulate(10 * n_draws, horizon, rng, n_draws=n_draws).correlation
            figures[""] = (paths.mean(axis=0), np.quantile(paths, quantiles, axis=0).T)
        else:
            draws = self.draw_regimes(n_draws, np.random.default_rng(rng))
            weights = [ahead(self._today(d), d.transition, horizon) for d in draws]
            levels = np.concatenate([emission.reported(d.own) for d in draws])
            mean = probabilities @ emission.reported(p.own)
            for i, label in enumerate(emission.names):
                spread = weighted_quantiles(
                    levels[:, i], np.concatenate(weights, axis=1), quantiles
                )
                figures[label.removeprefix("rho")] = (mean[:, i], spread)
        return forecast_frame(probabilities, self.regimes, figures, quantiles)

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
        p = self._found
        reached = passage(self._today(p), p.transition, self.regimes.index(regime), horizon)
        index = pd.RangeIndex(1, horizon + 1, name="horizon")
        return pd.Series(reached, index=index, name=f"reaches {regime}")

    def append(self, returns: pd.DataFrame | Array) -> SwitchingResult:
        """Run on with new returns, without estimating anything again.

        Parameters
        ----------
        returns : DataFrame or ndarray of shape (n_new, n_assets)
            Returns that follow the sample.

        Returns
        -------
        SwitchingResult
            The filter over all rows; parameters, standard errors and the report of the fit stay.
        """
        margins = self.margins.append(returns)
        longer = self._emission.on(np.ascontiguousarray(margins.z))
        return SwitchingResult(
            self.name, margins, longer, self._found, estimate=self._estimate, sample=self._sample
        )

    # ---- draws and hooks of the protocol -----------------------------------------------------

    @cached_property
    def _draws(self) -> ParameterDraws:
        assert self._estimate is not None
        with one_blas_thread():
            return ParameterDraws(self._sample, self._found, self._estimate.optimum.basis)

    def draw_regimes(self, n_draws: int, rng: np.random.Generator) -> list[RegimeParams]:
        """Draw parameters from the sandwich covariance, the regimes of each in order."""
        if self._estimate is None:
            return [self._found] * n_draws
        return self._draws.draw(n_draws, rng)

    def regime_figures(
        self, n_draws: int, rng: np.random.Generator
    ) -> tuple[RegimeFigures, list[RegimeFigures]]:
        """Correlations, probabilities today and chances of staying: at the estimates, by draw."""

        def figures(p: RegimeParams) -> RegimeFigures:
            return self._emission.level(p.own), self._today(p), np.diag(p.transition)

        return figures(self._found), [figures(p) for p in self.draw_regimes(n_draws, rng)]

    def _today(self, params: RegimeParams) -> Array:
        return np.asarray(params.filter(self._emission)[2][-1])

    def _draw_parameters(self, n_draws: int, rng: np.random.Generator) -> list[RegimeParams]:
        return self.draw_regimes(n_draws, rng)

    def _continue(
        self, draws: list[RegimeParams], noise: Noise, horizon: int, recent: int
    ) -> tuple[Array, Array, Array]:
        uniforms = noise.uniform(recent)
        start = np.empty(noise.draw.size, dtype=np.int64)
        means = []
        for d, draw in enumerate(draws):
            filtered = draw.filter(self._emission)[2]
            mine = noise.draw == d
            path = sample_regimes_backward(filtered[-recent:], draw.transition, uniforms[mine])
            start[mine] = path[:, -1]
            levels = self._emission.correlations(draw.own)[-recent:]
            means.append(levels[np.arange(recent), path].mean(axis=1))
        cumulative = np.cumsum(np.array([d.transition for d in draws]), axis=2)
        states = regime_states(start, noise.draw, cumulative, noise.uniform(horizon))
        return *self._realise(draws, noise, states, anew=False), np.concatenate(means)

    def _restart(self, noise: Noise, n_rows: int, rng: np.random.Generator) -> tuple[Array, Array]:
        uniforms = noise.uniform(n_rows)
        first = np.searchsorted(np.cumsum(self._found.start)[:-1], uniforms[:, 0])
        cumulative = np.cumsum(self._found.transition, axis=1)[None]
        alike = np.zeros(noise.draw.size, dtype=np.int64)
        later = regime_states(first, alike, cumulative, np.ascontiguousarray(uniforms[:, 1:]))
        states = np.column_stack([first, later])
        return self._realise([self._found] * noise.n_draws, noise, states, anew=True)

    def _realise(
        self, draws: list[RegimeParams], noise: Noise, states: IntArray, *, anew: bool
    ) -> tuple[Array, Array]:
        nu = np.array([d.nu for d in draws])
        shocks = noise.shocks(nu, states.shape[1], self._emission.z.shape[1])
        own = np.array([d.own for d in draws])
        return self._emission.realise(own, noise.draw, states, shocks, anew=anew)
