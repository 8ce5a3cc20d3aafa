"""The protocol of a correlation model: specification, result, simulated futures."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, Protocol, TypeAlias, TypeVar, get_args, runtime_checkable

import numpy as np
import numpy.typing as npt
import pandas as pd

from regimecorr.errors import ModelError
from regimecorr.models.margins import Margins, MarginsResult, fit_margins, identity_margins

Array: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]
RandomState: TypeAlias = int | np.random.Generator | None
Distribution: TypeAlias = Literal["normal", "t"]

RECENT_ROWS = 90
N_DRAWS = 200
# Median of a squared standard normal; variances that still pass for one, with heavy tails.
_MEDIAN_SQUARE = 0.455
_SCALES = (0.05, 20.0)


@dataclass(frozen=True, slots=True, eq=False)
class Futures:
    """Simulated paths of a pair, or of more assets.

    Attributes
    ----------
    returns : ndarray of shape (n_paths, horizon, n_assets)
        Simulated returns, in the units of the returns that were fitted.
    correlation : ndarray of shape (n_paths, horizon)
        Latent conditional correlation of each simulated row; (n_paths, horizon, n_assets,
        n_assets) for more than two assets.
    recent : ndarray of shape (n_paths,)
        Latent correlation (matrix) averaged over the last rows of the sample, drawn on the same
        path given the full sample (smoothed).
    draw : ndarray of shape (n_paths,)
        Which parameter draw the path uses.
    """

    returns: Array
    correlation: Array
    recent: Array
    draw: IntArray


class Noise:
    """Random numbers of a simulation: which parameter draw each path uses, and its shocks.

    Paths of one draw are neighbours: path ``i`` uses draw ``i * n_draws // n_paths``.
    """

    def __init__(self, n_paths: int, n_draws: int, rng: np.random.Generator) -> None:
        self.n_draws = min(n_draws, n_paths)
        self.draw: IntArray = np.arange(n_paths) * self.n_draws // n_paths
        self._rng = rng

    def uniform(self, *shape: int) -> Array:
        """Uniforms of shape ``(n_paths, *shape)``."""
        return self._rng.random((self.draw.size, *shape))

    def normal(self, *shape: int) -> Array:
        """Standard normals of shape ``(n_paths, *shape)``."""
        return self._rng.standard_normal((self.draw.size, *shape))

    def shocks(self, nu: Array, horizon: int, n_assets: int = 2) -> Array:
        """Uncorrelated unit-variance shocks (n_paths, horizon, n_assets), elliptical t.

        ``nu`` (n_draws,) is infinite for normal errors.
        """
        out = self.normal(horizon, n_assets)
        if np.all(np.isinf(nu)):
            return out
        by_path = nu[self.draw][:, None]
        chi2 = 2.0 * self._rng.standard_gamma(np.broadcast_to(by_path / 2.0, out.shape[:2]))
        out *= np.sqrt((by_path - 2.0) / chi2)[:, :, None]
        return out


class CorrelationResult(ABC):
    """What every fitted correlation model answers.

    Attributes
    ----------
    name : str
        Name of the model, as the verdict prints it.
    params : Series
        Estimates (fitted models) or posterior means (grid models) of the correlation stage.
    margins : MarginsResult
        The fitted margins; the identity when the model was given standardized residuals.
    correlation_loglikelihood : float
        Log-likelihood of the standardized residuals.
    score : float
        What the pool weighs: the log marginal likelihood of grid models, or the maximised
        log-likelihood of the standardized residuals less ``k / 2 ln T`` of fitted models.
    filtered, smoothed : Series
        Conditional correlation by date. ``filtered`` at t uses returns to t (DCC: to t - 1);
        ``smoothed`` uses the full sample and is not for trading.
    converged : bool
        Whether margins and correlation stage converged; ``message`` says why not.
    """

    name: str
    params: pd.Series
    margins: MarginsResult
    correlation_loglikelihood: float
    score: float
    filtered: pd.Series
    smoothed: pd.Series
    converged: bool
    message: str

    def __setattr__(self, name: str, value: object) -> None:
        if "_sealed" in self.__dict__:
            raise AttributeError(
                f"{type(self).__name__} is frozen; fit again, or use filter() with other "
                "parameters."
            )
        object.__setattr__(self, name, value)

    def _seal(self) -> None:
        """Freeze the result; constructors call it last."""
        self._sealed = True

    @property
    def loglikelihood(self) -> float:
        """Joint log-likelihood of the returns: correlation stage less the log volatilities."""
        return self.correlation_loglikelihood - self.margins.log_volatility

    @property
    def n_obs(self) -> int:
        """Number of returns."""
        return len(self.filtered)

    @abstractmethod
    def _draw_parameters(self, n_draws: int, rng: np.random.Generator) -> Any:
        """Draw parameters given the data."""

    @abstractmethod
    def _continue(
        self, draws: Any, noise: Noise, horizon: int, recent: int
    ) -> tuple[Array, Array, Array]:
        """Return (correlation, correlated shocks, recent mean) of paths.

        The paths start after the last row.
        """

    @abstractmethod
    def _restart(self, noise: Noise, n_rows: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """Return (correlation, correlated shocks) of new histories at the estimated parameters."""

    def simulate(
        self,
        n_paths: int,
        horizon: int,
        rng: RandomState = None,
        *,
        n_draws: int = N_DRAWS,
        recent: int = RECENT_ROWS,
    ) -> Futures:
        """Continue from the last row of the sample, with parameter and state uncertainty.

        Parameters
        ----------
        n_paths : int
            Number of paths; a multiple of ``n_draws`` gives every parameter draw the same number.
        horizon : int
            Rows to simulate.
        rng : int, Generator or None
            Seed or generator.
        n_draws : int, default 200
            Number of draws of the parameters (margins and correlation).
        recent : int, default 90
            Rows over which ``Futures.recent`` averages.

        Returns
        -------
        Futures
        """
        for name, value in (
            ("n_paths", n_paths),
            ("horizon", horizon),
            ("n_draws", n_draws),
            ("recent", recent),
        ):
            check_count(name, value)
        recent = min(recent, self.n_obs)
        generator = np.random.default_rng(rng)
        for_parameters, for_margins, for_paths = generator.spawn(3)
        noise = Noise(n_paths, n_draws, for_paths)
        draws = self._draw_parameters(noise.n_draws, for_parameters)
        margins = self.margins.draw(noise.n_draws, for_margins)
        rho, z, recent_mean = self._continue(draws, noise, horizon, recent)
        returns = self.margins.paths(z, noise.draw, margins)
        return Futures(returns, rho, recent_mean, noise.draw)

    def replicate(
        self, n_paths: int, rng: RandomState = None, *, n_obs: int | None = None
    ) -> Futures:
        """Make whole new histories at the estimated parameters.

        Grid models draw their parameters from the posterior.

        Parameters
        ----------
        n_paths : int
            Number of histories.
        rng : int, Generator or None
            Seed or generator.
        n_obs : int, optional
            Rows of each history; default as many as the sample has.

        Returns
        -------
        Futures
            ``returns`` is (n_paths, n_obs, 2); ``recent`` averages the last 90 rows of each
            history.
        """
        rows = self.n_obs if n_obs is None else n_obs
        check_count("n_paths", n_paths)
        check_count("n_obs", rows)
        generator = np.random.default_rng(rng)
        for_parameters, for_paths = generator.spawn(2)
        noise = Noise(n_paths, n_paths, for_paths)
        rho, z = self._restart(noise, rows, for_parameters)
        margins = self.margins.repeat(n_paths)
        returns = self.margins.paths(z, noise.draw, margins)
        return Futures(returns, rho, rho[:, -RECENT_ROWS:].mean(axis=1), noise.draw)

    def summary(self) -> str:
        """Return a short text: estimates, likelihood, convergence."""
        lines = [f"{self.name}: {self.n_obs} returns of {' and '.join(self.margins.names)}"]
        lines += [f"  {key:<18}{value: .6g}" for key, value in self.params.items()]
        lines.append(f"  log-likelihood    {self.loglikelihood: .3f} (joint)")
        lines.append(f"  correlation stage {self.correlation_loglikelihood: .3f}")
        lines.append(f"  score             {self.score: .3f}")
        state = "converged" if self.converged else f"NOT converged: {self.message}"
        lines.append(f"  {state}")
        return "\n".join(lines)


#: Correlations, probabilities today and chances of staying, each (K,), of one set of parameters.
RegimeFigures: TypeAlias = tuple[Array, Array, Array]


@runtime_checkable
class HasRegimes(Protocol):
    """A result that can tell its regimes: fitted or sampled."""

    def regime_figures(
        self, n_draws: int, rng: np.random.Generator
    ) -> tuple[RegimeFigures, list[RegimeFigures]]:
        """Return figures at the estimates (posterior means), and under draws of the parameters."""


Result = TypeVar("Result", bound=CorrelationResult)


def check_count(name: str, value: int, least: int = 1) -> None:
    """Raise `ModelError` unless the value is a whole number, large enough."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise ModelError(f"{name}={value!r} must be a whole number, at least {least}.")


def check_standardized(z: Array, names: Sequence[str]) -> None:
    """Raise `ModelError` unless all series (n_obs, N) have about unit variance.

    The scale is read off the medians of the squares, which no single day moves.
    """
    scale = np.median(z**2, axis=0) / _MEDIAN_SQUARE
    wrong = (scale < _SCALES[0]) | (scale > _SCALES[1])
    if np.any(wrong):
        i = int(np.argmax(wrong))
        raise ModelError(
            f"With margins=None the returns must be standardized residuals; the variance of "
            f"{names[i]} is about {scale[i]:.2g}, not near 1. Use margins=GARCH() for returns."
        )


def check_distribution(dist: str) -> None:
    """Raise `ModelError` unless the distribution is known."""
    if dist not in get_args(Distribution):
        raise ModelError(f"dist={dist!r} is unknown; use 'normal' or 't'.")


def check_positive(name: str, values: Sequence[float]) -> None:
    """Raise `ModelError` unless there are values and all are positive and finite."""
    array = np.atleast_1d(np.asarray(values, dtype=float))
    if np.ndim(values) == 0 or array.size == 0 or not np.all(np.isfinite(array) & (array > 0.0)):
        raise ModelError(
            f"{name}={values} must be a sequence of positive, finite numbers: without spread or "
            "drift the model could not change, which is ConstantCorrelation."
        )


class CorrelationModel(ABC, Generic[Result]):
    """Specification of a correlation model: options, no data.

    A model implements `_estimate` on standardized residuals and its own `filter` with given
    parameters; fitting the margins, or taking fitted ones, is the same for all.
    """

    __slots__ = ()

    dist: Distribution
    margins: Margins | None

    @property
    def _two_assets_only(self) -> bool:
        return True

    @abstractmethod
    def _estimate(self, margins: MarginsResult, z: Array) -> Result:
        """Estimate on standardized residuals (n_obs, 2)."""

    def fit(self, returns: pd.DataFrame | Array, *, margins: MarginsResult | None = None) -> Result:
        """Estimate the margins, then the correlation model on their standardized residuals.

        Parameters
        ----------
        returns : DataFrame or ndarray of shape (n_obs, n_assets)
            Returns of the pair (`DCC`, `SwitchingCorrelation`: or of more), at least 200 rows,
            finite, in any units; standardized residuals when the specification has
            ``margins=None``.
        margins : MarginsResult, optional
            Margins already fitted on these returns; then only the correlation is estimated.

        Returns
        -------
        CorrelationResult

        Raises
        ------
        ModelError
            If the returns cannot be used.
        """
        fitted, z = self._residuals(returns, margins)
        return self._estimate(fitted, z)

    def _residuals(
        self, returns: pd.DataFrame | Array, margins: MarginsResult | None
    ) -> tuple[MarginsResult, Array]:
        """Margins (given, fitted now, or the identity) and the (n_obs, 2) residuals, contiguous."""
        ready = margins is None and self.margins is None
        if margins is None:
            spec = self.margins
            margins = identity_margins(returns) if spec is None else fit_margins(spec, returns)
        elif margins.returns is not returns and not np.array_equal(
            margins.returns.to_numpy(), np.asarray(returns, dtype=float)
        ):
            raise ModelError(
                f"The fitted margins belong to other returns ({margins.returns.shape[0]} rows of "
                f"{', '.join(margins.names)}); fit the margins on these returns."
            )
        z = np.ascontiguousarray(margins.z)
        if ready:
            check_standardized(z, margins.names)
        if z.shape[1] != 2 and (self._two_assets_only or z.shape[1] < 2):
            limit = "two return series" if self._two_assets_only else "two return series or more"
            raise ModelError(f"This model takes {limit}; got {z.shape[1]}: {margins.names}.")
        return margins, z
