"""GARCH margins through arch, rescaled inside.

They come with parameter draws and the conditional variance of tomorrow.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from regimecorr.errors import ConvergenceWarning, EstimationError, ModelError, warn_user
from regimecorr.kernels.garch import garch_variance

Array = npt.NDArray[np.float64]

MIN_ROWS = 200
_PARAMETERS = ("mu", "omega", "alpha", "gamma", "beta")


class MarginDraws(NamedTuple):
    """Parameters of both legs by draw, each (n_draws, n_assets), in the order of `garch_paths`."""

    mu: Array
    omega: Array
    alpha: Array
    gamma: Array
    beta: Array
    variance: Array


@dataclass(frozen=True, slots=True, eq=False)
class MarginsResult:
    """Fitted margins.

    Attributes
    ----------
    params : DataFrame
        Assets by ``mu, omega, alpha, gamma, beta, nu`` in the units of the returns (``nu`` is
        infinite for normal errors).
    covariance : dict of str to ndarray of shape (5, 5)
        Robust (Bollerslev-Wooldridge) covariance of ``mu, omega, alpha, gamma, beta`` by asset.
    std_resid, volatility : DataFrame
        By date; the volatility at t uses returns to t - 1.
    loglikelihood : Series
        By asset, of the returns in their own units.
    converged : bool
        Whether the optimiser converged for every asset; ``message`` says where it did not.
    """

    names: tuple[str, ...]
    returns: pd.DataFrame
    params: pd.DataFrame
    covariance: dict[str, Array]
    std_resid: pd.DataFrame
    volatility: pd.DataFrame
    backcast: Array
    loglikelihood: pd.Series
    converged: bool
    message: str

    @property
    def log_volatility(self) -> float:
        """Sum of the log volatilities.

        It is what separates the joint density from that of the residuals.
        """
        return float(np.log(self.volatility.to_numpy()).sum())

    def repeat(self, n_draws: int) -> MarginDraws:
        """Return the estimates, ``n_draws`` times.

        The paths start from the first conditional variance of the sample.
        """
        values = self.params[list(_PARAMETERS)].to_numpy().T
        first = self.volatility.to_numpy()[0] ** 2
        return MarginDraws(*(np.tile(v, (n_draws, 1)) for v in (*values, first)))

    def draw(self, n_draws: int, rng: np.random.Generator) -> MarginDraws:
        """Draw parameters from their robust covariance.

        Each draw comes with the conditional variance of tomorrow under it. Draws outside the
        stationary region (``omega > 0``, ``alpha, beta >= 0``, persistence below one) are drawn
        again.
        """
        out = np.empty((6, n_draws, len(self.names)))
        for i, name in enumerate(self.names):
            theta = self.params.loc[name, list(_PARAMETERS)].to_numpy(dtype=float)
            drawn = _feasible_draws(theta, self.covariance[name], n_draws, rng)
            out[:5, :, i] = drawn.T
            series = self.returns[name].to_numpy(dtype=float)
            for d in range(n_draws):
                mu, omega, alpha, gamma, beta = drawn[d]
                h = garch_variance(series - mu, omega, alpha, gamma, beta, self.backcast[i])
                out[5, d, i] = h[-1]
        return MarginDraws(*(np.ascontiguousarray(block) for block in out))


def _feasible_draws(theta: Array, cov: Array, n: int, rng: np.random.Generator) -> Array:
    """Normal draws around ``theta``, restricted to the stationary region."""
    if not np.any(cov):
        return np.tile(theta, (n, 1))
    values, vectors = np.linalg.eigh(cov)
    root = vectors * np.sqrt(np.clip(values, 0.0, None))
    kept: list[Array] = []
    missing = n
    for _ in range(50):
        candidate = theta + rng.standard_normal((4 * n, 5)) @ root.T
        _, omega, alpha, gamma, beta = candidate.T
        fine = (omega > 0) & (alpha >= 0) & (beta >= 0) & (alpha + gamma >= 0)
        fine &= alpha + 0.5 * gamma + beta < 0.9999
        kept.append(candidate[fine][:missing])
        missing -= len(kept[-1])
        if missing == 0:
            return np.concatenate(kept)
    if missing < n:
        found = np.concatenate(kept)
        return found[np.arange(n) % len(found)]
    raise EstimationError(
        "None of the draws from the covariance of the margins is stationary; "
        "the margins are not identified on this sample. Use a longer one."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class GARCH:
    r"""Constant mean and GARCH(1,1) or GJR variance for every asset, estimated by arch.

    .. math::

        h_t = \omega + \alpha \epsilon_{t-1}^2
        + \gamma \epsilon_{t-1}^2 1(\epsilon_{t-1} < 0) + \beta h_{t-1}

    The variance at t uses returns to t - 1. Each series is divided by its standard deviation
    before estimation and the estimates are mapped back, so percent, decimals and basis points give
    the same answer.

    Parameters
    ----------
    vol : {"GARCH", "GJR"}, default "GARCH"
        Variance equation; GJR (Glosten, Jagannathan and Runkle 1993) adds the asymmetric term.
    dist : {"normal", "t"}, default "normal"
        Error distribution. Normal is quasi maximum likelihood, consistent whatever the errors; t is
        more efficient under fat tails.

    Examples
    --------
    >>> import regimecorr as rc
    >>> world = rc.simulate("constant", n_obs=800, rng=1)
    >>> margins = rc.GARCH(dist="t").fit(world.returns)
    >>> margins.converged
    True
    """

    vol: Literal["GARCH", "GJR"] = "GARCH"
    dist: Literal["normal", "t"] = "normal"

    def __post_init__(self) -> None:
        if self.vol not in ("GARCH", "GJR"):
            raise ModelError(f"vol={self.vol!r} is unknown; use 'GARCH' or 'GJR'.")
        if self.dist not in ("normal", "t"):
            raise ModelError(f"dist={self.dist!r} is unknown; use 'normal' or 't'.")

    def fit(self, returns: pd.DataFrame | Array) -> MarginsResult:
        """Estimate the margins of every column.

        Parameters
        ----------
        returns : DataFrame or ndarray of shape (n_obs, n_assets)
            Returns, at least 200 rows, finite, in any units.

        Returns
        -------
        MarginsResult

        Raises
        ------
        ModelError
            If the returns cannot be used (too few, not finite, constant).
        """
        frame = check_returns(returns)
        fits = [self._fit_one(frame[name], str(name)) for name in frame.columns]
        names = tuple(str(c) for c in frame.columns)
        bad = [f.message for f in fits if f.message]
        for message in bad:
            warn_user(message, ConvergenceWarning)
        volatility = pd.DataFrame({n: f.volatility for n, f in zip(names, fits, strict=True)})
        volatility.index = frame.index
        mu = np.array([f.params[0] for f in fits])
        return MarginsResult(
            names=names,
            returns=frame,
            params=pd.DataFrame(
                [f.params for f in fits], index=list(names), columns=[*_PARAMETERS, "nu"]
            ),
            covariance={n: f.covariance for n, f in zip(names, fits, strict=True)},
            std_resid=(frame - mu) / volatility,
            volatility=volatility,
            backcast=np.array([f.backcast for f in fits]),
            loglikelihood=pd.Series([f.loglikelihood for f in fits], index=list(names)),
            converged=not bad,
            message=" ".join(bad),
        )

    def _fit_one(self, series: pd.Series, name: str) -> _OneFit:
        from arch.univariate import GARCH as ArchGARCH
        from arch.univariate import ConstantMean, Normal, StudentsT

        values = series.to_numpy(dtype=float)
        scale = float(values.std())
        # Rounded far below any price's accuracy: other units must not even change the
        # optimiser's last digits.
        unit = np.round(values / scale, 10)
        asymmetric = int(self.vol == "GJR")
        model = ConstantMean(unit)
        model.volatility = ArchGARCH(1, asymmetric, 1)
        model.distribution = StudentsT() if self.dist == "t" else Normal()
        fit = model.fit(disp="off", show_warning=False, options={"ftol": 1e-10, "maxiter": 500})
        message = ""
        if fit.convergence_flag != 0:
            with warnings.catch_warnings():
                # arch remarks on starting values at a bound; whether it converges is checked here.
                warnings.simplefilter("ignore")
                again = model.fit(
                    disp="off",
                    show_warning=False,
                    starting_values=fit.params.to_numpy(),
                    options={"ftol": 1e-8, "maxiter": 2000},
                )
            fit = again if again.loglikelihood >= fit.loglikelihood else fit
            if again.convergence_flag != 0:
                message = (
                    f"The GARCH fit of {name!r} did not converge (optimiser flag "
                    f"{again.convergence_flag}); its volatilities are provisional."
                )
        theta = fit.params.to_numpy(dtype=float)
        size = 4 + asymmetric
        order = [0, 1, 2, 3, 4] if asymmetric else [0, 1, 2, 4]
        units = np.array([scale, scale**2, 1.0, 1.0, 1.0])
        params = np.zeros(6)
        params[order] = theta[:size]
        params[:5] *= units
        params[5] = theta[size] if self.dist == "t" else np.inf
        covariance = np.zeros((5, 5))
        estimated = fit.param_cov.to_numpy(dtype=float)[:size, :size]
        if np.all(np.isfinite(estimated)):
            covariance[np.ix_(order, order)] = estimated
        else:
            message += f" The covariance of the GARCH estimates of {name!r} is not finite."
        # arch takes its backcast at the starting value of the mean, which is the sample mean.
        resid = unit - unit.mean()
        return _OneFit(
            params=params,
            covariance=covariance * np.outer(units, units),
            volatility=np.asarray(fit.conditional_volatility, dtype=float) * scale,
            backcast=float(model.volatility.backcast(resid)) * scale**2,
            loglikelihood=float(fit.loglikelihood) - len(values) * np.log(scale),
            message=message.strip(),
        )


class _OneFit(NamedTuple):
    params: Array
    covariance: Array
    volatility: Array
    backcast: float
    loglikelihood: float
    message: str


def check_returns(returns: pd.DataFrame | Array, min_rows: int = MIN_ROWS) -> pd.DataFrame:
    """Return the returns as a float frame, or raise `ModelError` with the reason."""
    frame = pd.DataFrame(returns).astype(float)
    frame.columns = [str(c) for c in frame.columns]
    if frame.columns.has_duplicates:
        raise ModelError(f"The return columns are named twice: {list(frame.columns)}.")
    if len(frame) < min_rows:
        raise ModelError(f"{len(frame)} returns are too few; at least {min_rows} are needed.")
    values = frame.to_numpy()
    if not np.all(np.isfinite(values)):
        row, col = np.argwhere(~np.isfinite(values))[0]
        raise ModelError(
            f"The returns must be finite; {frame.columns[col]!r} is {values[row, col]} at "
            f"{frame.index[row]}. Drop or repair the row first."
        )
    spread = values.std(axis=0)
    if np.any(spread <= 1e-12 * np.abs(values).max(axis=0)):
        name = frame.columns[int(np.argmin(spread))]
        raise ModelError(f"The returns of {name!r} are constant; there is no correlation to model.")
    return frame


def identity_margins(returns: pd.DataFrame | Array) -> MarginsResult:
    """Return margins that leave standardized residuals as they are: mean 0, variance 1."""
    frame = check_returns(returns)
    names = tuple(frame.columns)
    ones = pd.DataFrame(np.ones_like(frame.to_numpy()), index=frame.index, columns=frame.columns)
    params = pd.DataFrame(0.0, index=list(names), columns=[*_PARAMETERS, "nu"])
    params["omega"] = 1.0
    params["nu"] = np.inf
    return MarginsResult(
        names=names,
        returns=frame,
        params=params,
        covariance={n: np.zeros((5, 5)) for n in names},
        std_resid=frame,
        volatility=ones,
        backcast=np.ones(len(names)),
        loglikelihood=pd.Series(np.nan, index=list(names)),
        converged=True,
        message="",
    )
