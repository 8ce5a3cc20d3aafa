"""Dynamic conditional correlation of two assets, two-step, with correlation targeting."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import expit, logit

from regimecorr.errors import ConvergenceWarning, ModelError, warn_user
from regimecorr.kernels.dcc import dcc_correlation, dcc_loglikelihood, dcc_paths, dcc_scores
from regimecorr.models.base import (
    Array,
    CorrelationModel,
    CorrelationResult,
    Distribution,
    Noise,
    check_distribution,
)
from regimecorr.models.grid import require_params
from regimecorr.models.margins import GARCH, MarginsResult
from regimecorr.models.sandwich import (
    jacobian,
    long_run_covariance,
    normal_draws,
    positive_bread,
    regularised_sandwich,
)

_MAX_PERSISTENCE = 0.9999
_NU_LIMITS = (2.05, 200.0)
_STARTS = ((0.02, 0.96), (0.05, 0.90), (0.01, 0.985), (0.05, 0.60))
# Prior scale of (artanh target, logit persistence, logit share of a, log(nu - 2)): far wider than
# any sample's information unless a parameter is not identified at all.
_PRIOR_SD = np.array([1.0, 2.0, 2.0, 1.5])


def _natural(u: Array) -> Array:
    """Map (artanh target, logit (a + b), logit a / (a + b), log(nu - 2)) to (target, a, b, nu)."""
    persistence = _MAX_PERSISTENCE * expit(u[..., 1])
    share = expit(u[..., 2])
    out = np.empty_like(u)
    out[..., 0] = np.tanh(u[..., 0])
    out[..., 1] = persistence * share
    out[..., 2] = persistence * (1.0 - share)
    if u.shape[-1] == 4:
        out[..., 3] = np.clip(2.0 + np.exp(u[..., 3]), *_NU_LIMITS)
    return out


def _unconstrained(theta: Array) -> Array:
    target, a, b = theta[:3]
    persistence = min((a + b) / _MAX_PERSISTENCE, 1.0 - 1e-9)
    share = np.clip(a / (a + b), 1e-9, 1.0 - 1e-9)
    head = [np.arctanh(target), logit(persistence), logit(share)]
    return np.array([*head, np.log(theta[3] - 2.0)] if theta.size == 4 else head)


def correlation_target(z: Array) -> float:
    """Second moment ``Z'Z / T`` rescaled to a correlation."""
    moment = z.T @ z
    return float(moment[0, 1] / np.sqrt(moment[0, 0] * moment[1, 1]))


class DCCResult(CorrelationResult):
    """Fitted or given DCC; ``filtered`` at t uses returns to t - 1.

    ``params`` holds ``a``, ``b`` and, for t errors, ``nu``; ``target`` is the unconditional
    correlation of ``Qbar``. ``std_errors`` are those of the second stage, taking the estimated
    target into account and the margins as given.
    """

    def __init__(
        self,
        margins: MarginsResult,
        z: Array,
        theta: Array,
        *,
        estimated: bool,
        converged: bool = True,
        message: str = "",
    ) -> None:
        self.name = "dcc"
        self.margins = margins
        self._z = z
        self._theta = theta
        self._nu = float(theta[3]) if theta.size == 4 else np.inf
        self._estimated = estimated
        self.target = float(theta[0])
        names = ["a", "b", "nu"][: theta.size - 1]
        self.params = pd.Series(theta[1:], index=names)
        rho, self._q = dcc_correlation(z, *theta[:3])
        self.filtered = pd.Series(rho[:-1], index=margins.std_resid.index, name="dcc")
        self.smoothed = self.filtered
        self.next_correlation = float(rho[-1])
        rows = dcc_loglikelihood(z, rho[:-1], self._nu)
        self.correlation_loglikelihood = float(rows.sum())
        penalty = 0.5 * theta.size * np.log(len(z)) if estimated else 0.0
        self.score = self.correlation_loglikelihood - penalty
        self.converged = converged and margins.converged
        self.message = f"{message} {margins.message}".strip()
        self._seal()

    def _equations(self, u: Array) -> Array:
        """Estimating equations by row: the target's moment, then the scores.

        The scores are in unconstrained coordinates.
        """
        theta = _natural(u)
        nu = float(theta[3]) if theta.size == 4 else np.inf
        _, score = dcc_scores(self._z, theta[0], theta[1], theta[2], nu)
        x, y = self._z.T
        sx, sy = np.mean(x * x), np.mean(y * y)
        moment = x * y / np.sqrt(sx * sy) - 0.5 * theta[0] * (x * x / sx + y * y / sy)
        chain = jacobian(_natural, u)[1:, 1:]
        # Divided by its own variance under normality the moment is a score: minus its derivative
        # is an information.
        return np.column_stack([moment / (1.0 - theta[0] ** 2), score[:, 1 : theta.size] @ chain])

    @cached_property
    def _covariance(self) -> Array:
        u = _unconstrained(self._theta)
        rows = self._equations(u)
        lags = int(4.0 * (len(rows) / 100.0) ** (2.0 / 9.0))
        meat = long_run_covariance(rows, lags)
        bread = -jacobian(lambda v: self._equations(v).sum(axis=0), u)
        bread[1:, 1:] = positive_bread(bread[1:, 1:])
        return regularised_sandwich(bread, meat, _PRIOR_SD[: u.size])

    @property
    def std_errors(self) -> pd.Series:
        """Standard errors of the estimates, by the delta method from unconstrained coordinates."""
        if not self._estimated:
            raise ModelError("Parameters that were given have no standard errors; use fit().")
        chain = jacobian(_natural, _unconstrained(self._theta))
        errors = np.sqrt(np.diag(chain @ self._covariance @ chain.T))
        return pd.Series(errors[1:], index=self.params.index)

    def _draw_parameters(self, n_draws: int, rng: np.random.Generator) -> Array:
        if not self._estimated:
            return np.tile(self._theta, (n_draws, 1))
        return _natural(normal_draws(_unconstrained(self._theta), self._covariance, n_draws, rng))

    def _nu_of(self, draws: Array) -> Array:
        return draws[:, 3] if draws.shape[1] == 4 else np.full(len(draws), np.inf)

    def _continue(
        self, draws: Array, noise: Noise, horizon: int, recent: int
    ) -> tuple[Array, Array, Array]:
        q = np.empty((len(draws), 3))
        mean = np.empty(len(draws))
        for d, (target, a, b) in enumerate(draws[:, :3]):
            rho, q[d] = dcc_correlation(self._z, target, a, b)
            mean[d] = rho[-1 - recent : -1].mean()
        shocks = noise.shocks(self._nu_of(draws), horizon)
        columns = (np.ascontiguousarray(draws[:, i]) for i in range(3))
        rho, z = dcc_paths(shocks, noise.draw, *columns, q)
        return rho, z, mean[noise.draw]

    def _restart(self, noise: Noise, n_rows: int, rng: np.random.Generator) -> tuple[Array, Array]:
        draws = np.tile(self._theta, (noise.n_draws, 1))
        q = np.tile([1.0, 1.0, self.target], (noise.n_draws, 1))
        shocks = noise.shocks(self._nu_of(draws), n_rows)
        columns = (np.ascontiguousarray(draws[:, i]) for i in range(3))
        out: tuple[Array, Array] = dcc_paths(shocks, noise.draw, *columns, q)
        return out


@dataclass(frozen=True, slots=True, kw_only=True)
class DCC(CorrelationModel[DCCResult]):
    r"""DCC(1,1) of Engle (2002) for two assets, estimated in two steps with correlation targeting.

    .. math::

       Q_t = (1 - a - b) \bar Q + a z_{t-1} z_{t-1}' + b Q_{t-1}, \qquad
       R_t = \mathrm{diag}(Q_t)^{-1/2} Q_t \, \mathrm{diag}(Q_t)^{-1/2}

    :math:`\bar Q` is the second moment of the standardized residuals rescaled to a correlation,
    :math:`Q_1 = \bar Q`. The correlation at t uses returns to t - 1.

    Parameters
    ----------
    order : tuple of int, default (1, 1)
        Lags of the shock and of Q; (1, 1) is what this version estimates.
    dist : {"normal", "t"}, default "normal"
        Distribution of the standardized residuals in the second step.
    margins : GARCH or None, default GARCH()
        Margins; None when the returns are standardized residuals already.

    References
    ----------
    Engle, R. (2002). Dynamic conditional correlation. Journal of Business & Economic Statistics 20,
    339-350.

    Examples
    --------
    >>> import regimecorr as rc
    >>> world = rc.simulate("mean_reverting", n_obs=1500, rng=1)
    >>> result = rc.DCC(dist="t").fit(world.returns)
    >>> bool(result.params["a"] + result.params["b"] < 1)
    True
    """

    order: tuple[int, int] = (1, 1)
    dist: Distribution = "normal"
    margins: GARCH | None = field(default_factory=GARCH)

    def __post_init__(self) -> None:
        check_distribution(self.dist)
        if self.order != (1, 1):
            raise ModelError(f"order={self.order}: this version estimates DCC(1, 1) only.")

    def _estimate(self, margins: MarginsResult, z: Array) -> DCCResult:
        target = correlation_target(z)
        heavy = self.dist == "t"

        def objective(v: Array) -> tuple[float, Array]:
            u = np.concatenate([[np.arctanh(target)], v])
            theta = _natural(u)
            rows, score = dcc_scores(z, *theta[:3], float(theta[3]) if heavy else np.inf)
            gradient = score[:, 1 : theta.size].sum(axis=0) @ jacobian(_natural, u)[1:, 1:]
            return -float(rows.sum()) / len(z), -gradient / len(z)

        best = None
        for a, b in _STARTS:
            start = np.array([target, a, b, 8.0] if heavy else [target, a, b])
            found = minimize(
                objective,
                _unconstrained(start)[1:],
                jac=True,
                method="L-BFGS-B",
                bounds=[(-8.0, 9.2), (-9.0, 9.0), (-3.0, 5.3)][: 3 if heavy else 2],
                options={"maxiter": 500, "ftol": 1e-14, "gtol": 1e-7},
            )
            if best is None or found.fun < best.fun:
                best = found
        assert best is not None
        theta = _natural(np.concatenate([[np.arctanh(target)], best.x]))
        gradient = float(np.abs(best.jac).max())
        # Line searches end at rounding before `gtol` is met; what counts is the gradient they
        # leave.
        converged = bool(best.success) or gradient < 1e-5
        message = ""
        if not converged:
            message = f"DCC did not converge: {best.message}; gradient {gradient:.1e} a row."
            warn_user(message, ConvergenceWarning)
        return DCCResult(margins, z, theta, estimated=True, converged=converged, message=message)

    def filter(
        self,
        returns: pd.DataFrame | Array,
        params: pd.Series | dict[str, float],
        *,
        margins: MarginsResult | None = None,
        target: float | None = None,
    ) -> DCCResult:
        """Run with given ``a``, ``b`` (and ``nu`` for t errors).

        ``target`` defaults to the sample's.
        """
        names = ("a", "b", "nu") if self.dist == "t" else ("a", "b")
        given = require_params(params, names)
        if given["a"] < 0 or given["b"] < 0 or given["a"] + given["b"] >= 1:
            raise ModelError(
                f"a={given['a']}, b={given['b']}: both must be at least 0 and sum to below 1."
            )
        fitted, z = self._residuals(returns, margins)
        level = correlation_target(z) if target is None else float(target)
        if not -1.0 < level < 1.0:
            raise ModelError(f"target={level} must be a correlation within (-1, 1).")
        theta = np.array([level, *(given[n] for n in names)])
        return DCCResult(fitted, z, theta, estimated=False)
