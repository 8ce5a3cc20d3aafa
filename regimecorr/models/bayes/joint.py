"""GARCH margins that are sampled together with the regimes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from regimecorr.errors import ModelError
from regimecorr.kernels.garch import garch_variance
from regimecorr.kernels.garch_adjoint import garch_residuals
from regimecorr.models._garch_fit import PARAMETERS, Margin, MarginDraws
from regimecorr.models.base import Array, IntArray
from regimecorr.models.bayes.distributions import Prior
from regimecorr.models.bayes.priors import MarginPriors
from regimecorr.models.margins import AnyMargin, MarginsResult

#: Blocks of parameters, each with one entry per asset.
BLOCKS = ("margin_mean", "margin_log_variance", "margin_persistence", "margin_share")
NATURAL = ("mu", "omega", "alpha", "beta")
_FREE = tuple(PARAMETERS.index(name) for name in NATURAL)


@dataclass(frozen=True, slots=True, eq=False)
class JointMargins:
    """Constant-mean GARCH(1,1) margins whose parameters are unknown.

    The blocks are the mean in sample standard deviations, the logarithm of the unconditional
    variance over the sample variance, the persistence ``alpha + beta``, and ``alpha`` as a share
    of it.

    Attributes
    ----------
    names : tuple of str
        Assets.
    returns : ndarray of shape (n_obs, 2)
        Returns in their own units.
    scale, backcast : ndarray of shape (2,)
        Standard deviation of each leg, and the variance before its first row: the fitted
        margin's, which the sampler does not move.
    centre, spread : ndarray of shape (4, 2)
        The fitted margins in unbounded coordinates, by block and asset, and how far from there
        chains begin.
    """

    names: tuple[str, ...]
    returns: Array
    scale: Array
    backcast: Array
    centre: Array
    spread: Array

    @classmethod
    def around(cls, margins: MarginsResult) -> JointMargins:
        """Take returns, backcasts and starting values from fitted margins.

        Parameters
        ----------
        margins : MarginsResult
            Fitted constant-mean GARCH(1,1) margins with normal errors.

        Returns
        -------
        JointMargins

        Raises
        ------
        ModelError
            If a margin is another one.
        """
        legs = [_check(leg) for leg in margins.legs]
        scale = np.array([leg.series.std() for leg in legs])
        theta = np.array([leg.theta[list(_FREE)] for leg in legs]).T
        return cls(
            margins.names,
            np.ascontiguousarray(np.column_stack([leg.series for leg in legs])),
            scale,
            np.array([leg.backcast for leg in legs]),
            _coordinates(theta, scale),
            np.outer([1.0 / np.sqrt(len(legs[0].series)), 0.3, 0.4, 0.3], np.ones(len(legs))),
        )

    def blocks(self, priors: MarginPriors) -> dict[str, Prior]:
        """Prior of every block."""
        return dict(zip(BLOCKS, priors.blocks(len(self.names)), strict=True))

    def parameters(self, v: Mapping[str, Any], xp: Any) -> Any:
        """Return ``mu, omega, alpha, beta`` (..., 4, 2), in the units of the returns.

        ``xp`` is numpy or pytensor's ``tensor``.
        """
        mean, level, persistence, share = (v[name] for name in BLOCKS)
        alpha = persistence * share
        omega = self.scale**2 * xp.exp(level) * (1.0 - persistence)
        return xp.stack([self.scale * mean, omega, alpha, persistence - alpha], axis=-2)

    def draws(self, v: Mapping[str, Array]) -> GarchDraws:
        """Parameters of values (n, 2) of the blocks."""
        return GarchDraws(self, np.ascontiguousarray(self.parameters(v, np)))


@dataclass(frozen=True, slots=True, eq=False)
class GarchDraws:
    """Draws of the parameters of joint margins.

    Attributes
    ----------
    data : JointMargins
        Whose parameters they are.
    theta : ndarray of shape (n, 4, 2)
        ``mu, omega, alpha, beta`` by asset, in the units of the returns.
    """

    data: JointMargins
    theta: Array

    def __len__(self) -> int:
        return len(self.theta)

    def __getitem__(self, rows: Array | IntArray | slice) -> GarchDraws:
        """Some of the draws."""
        return GarchDraws(self.data, self.theta[rows])

    def mean(self) -> GarchDraws:
        """Average of the draws, as one draw."""
        return GarchDraws(self.data, self.theta.mean(axis=0, keepdims=True))

    def residuals(self, draw: int) -> tuple[Array, float]:
        """Standardized residuals (n_obs, 2) of one draw, and the sum of its log volatilities."""
        out: tuple[Array, float] = garch_residuals(
            self.data.returns, self.theta[draw], self.data.backcast
        )
        return out

    def figures(self) -> dict[str, Array]:
        """Draws by name, ``mu_<asset>`` and so on."""
        return {
            f"{name}_{asset}": self.theta[:, i, j]
            for j, asset in enumerate(self.data.names)
            for i, name in enumerate(NATURAL)
        }

    def first(self) -> list[MarginDraws]:
        """Parameters of every leg with the variance of the sample's first row."""
        return [self._leg(j, self._variances(j, 0)) for j in range(len(self.data.names))]

    def tomorrow(self) -> list[MarginDraws]:
        """Parameters of every leg with the variance after the last row."""
        return [self._leg(j, self._variances(j, -1)) for j in range(len(self.data.names))]

    def _variances(self, leg: int, row: int) -> Array:
        """Conditional variance (n,) of one row, 0 the first and -1 tomorrow's."""
        series, backcast = self.data.returns[:, leg], self.data.backcast[leg]
        out = np.empty(len(self))
        for d, (mu, omega, alpha, beta) in enumerate(self.theta[:, :, leg]):
            out[d] = garch_variance(series - mu, omega, alpha, 0.0, beta, backcast)[row]
        return out

    def _leg(self, leg: int, variance: Array) -> MarginDraws:
        mu, omega, alpha, beta = np.ascontiguousarray(self.theta[:, :, leg].T)
        return MarginDraws(mu, omega, alpha, np.zeros(len(self)), beta, variance)


def _check(leg: AnyMargin) -> Margin:
    """Return the margin if it can be sampled."""
    if not isinstance(leg, Margin):
        found = f"a {type(leg).__name__}"
    elif leg.vol != "GARCH":
        found = f"{leg.vol} with {'t' if np.isfinite(leg.theta[5]) else 'normal'} errors"
    elif np.isfinite(leg.theta[5]):
        found = "GARCH with t errors"
    elif not leg.free:
        found = "none: its series counts as standardized residuals"
    elif leg.free != _FREE:
        found = f"GARCH with {', '.join(leg.estimated.index)} estimated only"
    else:
        return leg
    raise ModelError(
        f"The margin of {leg.name!r} is {found}; joint_margins=True samples constant-mean "
        "GARCH(1,1) margins whose errors are those of the regimes. Use margins=GARCH() in the "
        "specification, or joint_margins=False."
    )


def _coordinates(theta: Array, scale: Array) -> Array:
    """Unbounded coordinates (4, k), by block, of parameters (4, k), well inside their bounds."""
    mu, omega, alpha, beta = theta
    persistence = np.clip(alpha + beta, 0.05, 0.995)
    share = np.clip(alpha / np.maximum(alpha + beta, 1e-10), 0.02, 0.8)
    level = np.log(np.maximum(omega / (1.0 - persistence) / scale**2, 1e-10))
    odds = [np.log(p / (1.0 - p)) for p in (persistence, share)]
    return np.array([mu / scale, np.clip(level, -1.5, 1.5), *odds])
