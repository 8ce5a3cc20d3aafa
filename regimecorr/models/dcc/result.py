"""What a fitted dynamic conditional correlation answers."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import cached_property

import numpy as np
import pandas as pd
from scipy.stats import norm

from regimecorr.errors import ModelError
from regimecorr.models.base import (
    Array,
    CorrelationResult,
    Noise,
    RandomState,
    check_count,
)
from regimecorr.models.dcc.drawing import ParameterDraws, draw_parameters
from regimecorr.models.dcc.dynamics import Dynamics
from regimecorr.models.dcc.estimation import Estimate
from regimecorr.models.dcc.forecasting import (
    CorrelationForecast,
    ForecastMethod,
    analytic_forecast,
    asset_position,
    degrees_of_freedom,
    simulate_paths,
    simulated_means,
    state_after,
    state_before,
)
from regimecorr.models.dcc.inference import Inference, Stages
from regimecorr.models.dcc.summary import summarise
from regimecorr.models.diagnostics import residual_diagnostics
from regimecorr.models.margins import MarginsResult


class DCCResult(CorrelationResult):
    """Fitted or given dynamic conditional correlation of two assets or more.

    Every conditional correlation at t uses returns to t - 1.

    Attributes
    ----------
    params : Series
        ``a``, ``b``, ``g``, ``nu``, as far as the variant has them; numbered with several lags.
    target : DataFrame
        Matrix S to which Q reverts (for CCC: the correlation itself).
    filtered : Series
        Conditional correlation of two assets by date; for more use `pair` or `correlations`.
    composite_loglikelihood : float
        What a composite estimation maximised: the sum over its pairs; NaN for the full likelihood.
    bounds_hit : tuple of str
        Constraints that hold the estimate.
    n_params : int
        Estimated parameters: margins, second stage and the entries of the target.
    """

    def __init__(
        self,
        margins: MarginsResult,
        dynamics: Dynamics,
        theta: Array,
        *,
        estimate: Estimate | None = None,
        inference: Inference | None = None,
    ) -> None:
        self.name = dynamics.variant
        self.margins = margins
        self.dynamics = dynamics
        self._theta = theta
        self._estimate = estimate
        if estimate is not None and inference is None:
            inference = Inference(dynamics, margins, estimate.optimum)
        self._inference = inference
        self.params = pd.Series(theta, index=list(dynamics.layout.names), dtype=float)
        self.target = self._matrix(dynamics.target(theta))
        self.correlation_loglikelihood = float(dynamics.full_loglikelihood(theta).sum())
        composite = dynamics.pairs is not None
        self.composite_loglikelihood = dynamics.total(theta)[0] if composite else np.nan
        self._n_free = 0
        if inference is not None:
            targeted = inference.dynamics.given is None
            self._n_free = theta.size + targeted * dynamics.size * (dynamics.size - 1) // 2
        penalty = 0.5 * self._n_free * np.log(dynamics.n_obs)
        self.score = self.correlation_loglikelihood - penalty
        self.bounds_hit = estimate.optimum.bounds_hit if estimate is not None else ()
        message = estimate.message if estimate is not None else ""
        self.message = f"{message} {margins.message}".strip()
        self.converged = margins.converged and (estimate is None or estimate.converged)
        self._seal()

    def __repr__(self) -> str:
        shown = ", ".join(f"{k}={v:.4g}" for k, v in self.params.items())
        return f"<DCCResult: {self.name} of {', '.join(self.names)}, {self.n_obs} rows; {shown}>"

    # ---- paths -------------------------------------------------------------------------------

    @property
    def n_obs(self) -> int:
        """Number of returns."""
        return self.dynamics.n_obs

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the assets."""
        return self.margins.names

    @cached_property
    def filtered(self) -> pd.Series:  # type: ignore[override]
        """Conditional correlation of two assets by date; row t uses returns to t - 1."""
        if self.dynamics.size != 2:
            raise ModelError(
                f"There are {self.dynamics.size} assets; use pair(first, second) or correlations."
            )
        return self.pair(*self.names).rename(self.name)

    @property
    def smoothed(self) -> pd.Series:  # type: ignore[override]
        """The same: the model's correlation is known a row ahead."""
        return self.filtered

    @cached_property
    def correlations(self) -> Array:
        """Conditional correlation matrices (n_obs, n_assets, n_assets)."""
        R = self.dynamics.correlations(self._theta)[:-1]
        R.flags.writeable = False
        return R

    def pair(self, first: str, second: str) -> pd.Series:
        """Return the conditional correlation of two assets by date."""
        i, j = self._positions(first, second)
        given = self.dynamics.target(self._theta)
        rho = self.dynamics.pair_path(self._theta, i, j, target=given)[1]
        return pd.Series(rho[:-1], index=self._index, name=f"{first} / {second}")

    def bands(
        self, first: str, second: str, *, ci_prob: float = 0.95, lags: int | None = None
    ) -> pd.DataFrame:
        """Confidence bands of the conditional correlation of two assets, by the delta method.

        Parameters
        ----------
        first, second : str
            Names of the assets.
        ci_prob : float, default 0.95
            Mass of the bands at every date (pointwise).
        lags : int, optional
            Newey-West lags; default ``4 (T / 100)^(2/9)``.

        Returns
        -------
        DataFrame
            By date: ``lower``, ``correlation``, ``upper``. The bands count the uncertainty of the
            dynamic parameters (with the margins') and of the target, in Fisher z; residuals are
            taken as they are.
        """
        if not 0.0 < ci_prob < 1.0:
            raise ModelError(f"ci_prob={ci_prob} must lie between 0 and 1.")
        i, j = self._positions(first, second)
        rho = self.pair(first, second)
        inference = self._estimated()
        if inference.dynamics is not self.dynamics:
            raise ModelError("Rows were appended after the fit; bands are those of the fit itself.")
        width = norm.ppf(0.5 + 0.5 * ci_prob) * inference.correlation_std_errors(i, j, lags)[:-1]
        centre = np.arctanh(rho)
        columns = {"lower": np.tanh(centre - width), "correlation": rho}
        return pd.DataFrame(columns | {"upper": np.tanh(centre + width)})

    @property
    def volatility(self) -> pd.DataFrame:
        """Conditional volatility by date and asset."""
        return self.margins.volatility

    @property
    def std_resid(self) -> pd.DataFrame:
        """Standardized residuals of the margins by date and asset."""
        return self.margins.std_resid

    @property
    def covariances(self) -> Array:
        """Conditional covariance matrices (n_obs, n_assets, n_assets)."""
        sd = self.volatility.to_numpy()
        return np.asarray(self.correlations * sd[:, :, None] * sd[:, None, :])

    # ---- inference ---------------------------------------------------------------------------

    @property
    def std_errors(self) -> pd.Series:
        """Robust standard errors, the margins' and the target's uncertainty counted.

        NaN for a parameter that a bound holds. See `covariance` for the other versions.
        """
        return self.standard_errors()

    def standard_errors(self, stages: Stages = "three-stage", lags: int | None = None) -> pd.Series:
        """Return the square roots of the diagonal of `covariance`."""
        errors = np.sqrt(np.diag(self.covariance(stages, lags)))
        return pd.Series(np.where(errors > 0.0, errors, np.nan), index=self.params.index)

    def covariance(self, stages: Stages = "three-stage", lags: int | None = None) -> pd.DataFrame:
        """Sandwich covariance of the second-stage estimates.

        Parameters
        ----------
        stages : {"three-stage", "two-step", "second-stage"}
            What counts as estimated: margins and target; margins only, the target held fixed, as
            rmgarch and pymgarch do; neither.
        lags : int, optional
            Newey-West lags of the scores; default ``4 (T / 100)^(2/9)``, 0 for none.

        Returns
        -------
        DataFrame of shape (k, k)
        """
        table = self._estimated().covariance(stages, lags)
        return pd.DataFrame(table, index=self.params.index, columns=self.params.index)

    @property
    def target_std_errors(self) -> pd.DataFrame:
        """Standard errors of the target's entries, the margins' uncertainty counted."""
        inference = self._estimated()
        size = self.dynamics.size
        out = np.zeros((size, size))
        for i in range(size):
            for j in range(i + 1, size):
                rows = inference.target_influence(i, j)
                out[i, j] = out[j, i] = inference.spread(rows)
        return self._matrix(out)

    @property
    def convergence(self) -> pd.Series:
        """How the optimum was found: gradient norm, bounds hit, starts that agree, evaluations."""
        return self._report().report

    @property
    def starts(self) -> pd.DataFrame:
        """Every start: parameters, likelihood there, likelihood reached from it, converged."""
        return self._report().starts

    @property
    def n_params(self) -> int:
        """Number of estimated parameters: margins, second stage and target."""
        return self._n_free + self.margins.n_params

    @property
    def aic(self) -> float:
        """Akaike's criterion of the joint likelihood; smaller is better."""
        return 2.0 * self.n_params - 2.0 * self.loglikelihood

    @property
    def bic(self) -> float:
        """Schwarz's criterion of the joint likelihood; smaller is better."""
        return float(self.n_params * np.log(self.n_obs) - 2.0 * self.loglikelihood)

    def diagnostics(self, lags: int | Sequence[int] = (5, 10, 20)) -> pd.DataFrame:
        """Portmanteau tests of the residuals whitened by the fitted correlations.

        Ljung and Box (1978) on the product of every two whitened residuals, which is white when
        the correlation's dynamics are caught, and Hosking (1980) on all of them and on their
        squares. The p-values do not count the estimation of the parameters.

        Returns
        -------
        DataFrame
            ``test``, ``series``, ``lags``, ``statistic``, ``df``, ``pvalue``.
        """
        return residual_diagnostics(self.dynamics.z, self.correlations, self.names, lags)

    # ---- futures -----------------------------------------------------------------------------

    def forecast(
        self,
        horizon: int,
        *,
        method: ForecastMethod = "analytic-R",
        n_paths: int = 4000,
        rng: RandomState = None,
    ) -> CorrelationForecast:
        """Forecast correlations, volatilities and covariances at the estimated parameters.

        Parameters
        ----------
        horizon : int
            Rows ahead.
        method : {"analytic-R", "analytic-Q", "simulate"}
            Engle and Sheppard's (2001) approximations, which replace the expectation of a ratio,
            or the mean over simulated paths, which does not.
        n_paths, rng
            Paths and seed of the simulation.

        Returns
        -------
        CorrelationForecast
            Row 1 is tomorrow and is known: it uses returns to the last row.

        Raises
        ------
        ModelError
            If the asymmetric model is to be forecast in closed form beyond one row.
        """
        check_count("horizon", horizon)
        index = pd.RangeIndex(1, horizon + 1, name="horizon")
        if method == "simulate":
            check_count("n_paths", n_paths)
            correlations, variance = simulated_means(
                self.dynamics, self.margins, self._theta, horizon, n_paths, rng
            )
        elif method in ("analytic-R", "analytic-Q"):
            correlations = analytic_forecast(self.dynamics, self._theta, horizon, method)
            legs = self.margins.legs
            variance = np.column_stack([leg.forecast_variance(horizon) for leg in legs])
        else:
            raise ModelError(
                f"method={method!r} is unknown; use 'analytic-R', 'analytic-Q' or 'simulate'."
            )
        volatility = pd.DataFrame(np.sqrt(variance), index=index, columns=list(self.names))
        return CorrelationForecast(self.names, correlations, volatility, method)

    def append(self, returns: pd.DataFrame | Array) -> DCCResult:
        """Run on with new returns, without estimating anything again.

        Margins, target and parameters stay, and so do their standard errors and the report of the
        fit; the result is that of one filter over all rows.

        Parameters
        ----------
        returns : DataFrame or ndarray of shape (n_new, n_assets)
            Returns that follow the sample.
        """
        margins = self.margins.append(returns)
        dynamics = dataclasses.replace(
            self.dynamics,
            z=np.ascontiguousarray(margins.z),
            given=self.dynamics.target(self._theta),
            given_asymmetry=self.dynamics.asymmetry if self.dynamics.layout.asymmetric else None,
        )
        return DCCResult(
            margins, dynamics, self._theta, estimate=self._estimate, inference=self._inference
        )

    def summary(self) -> str:
        """Return a text: both stages with standard errors, likelihood, convergence."""
        return summarise(self)

    # ---- hooks of the protocol ---------------------------------------------------------------

    def _draw_parameters(self, n_draws: int, rng: np.random.Generator) -> ParameterDraws:
        if self._inference is None:
            return ParameterDraws.repeat(self.dynamics, self._theta, n_draws)
        return draw_parameters(self._inference, n_draws, rng)

    def _continue(
        self, draws: ParameterDraws, noise: Noise, horizon: int, recent: int
    ) -> tuple[Array, Array, Array]:
        state = state_after(self.dynamics, draws, recent)
        shocks = noise.shocks(
            degrees_of_freedom(self.dynamics, draws.theta), horizon, self.dynamics.size
        )
        rho, z = simulate_paths(self.dynamics, state, shocks, noise.draw)
        return rho, z, state.recent[noise.draw]

    def _restart(self, noise: Noise, n_rows: int, rng: np.random.Generator) -> tuple[Array, Array]:
        state = state_before(self.dynamics, self._theta, noise.n_draws)
        shocks = noise.shocks(
            degrees_of_freedom(self.dynamics, state.draws.theta), n_rows, self.dynamics.size
        )
        return simulate_paths(self.dynamics, state, shocks, noise.draw)

    # ---- small helpers -----------------------------------------------------------------------

    @property
    def _index(self) -> pd.Index:
        return self.margins.returns.index

    def _matrix(self, values: Array) -> pd.DataFrame:
        return pd.DataFrame(values, index=list(self.names), columns=list(self.names))

    def _positions(self, first: str, second: str) -> tuple[int, int]:
        i, j = (asset_position(self.names, name) for name in (first, second))
        if i == j:
            raise ModelError(f"A pair has two assets; both are {first!r}.")
        return i, j

    def _estimated(self) -> Inference:
        if self._inference is None:
            raise ModelError("Parameters that were given have no standard errors; use fit().")
        return self._inference

    def _report(self) -> Estimate:
        if self._estimate is None:
            raise ModelError("Nothing was estimated: the parameters were given; use fit().")
        return self._estimate
