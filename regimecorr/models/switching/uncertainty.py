"""Standard errors and parameter draws of an estimated regime model."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np

from regimecorr.models.base import Array
from regimecorr.models.optimise import flat_directions, inverse_information
from regimecorr.models.sandwich import (
    jacobian,
    normal_draws,
    positive_bread,
    regularised_sandwich,
)
from regimecorr.models.switching.chain import RegimeParams
from regimecorr.models.switching.coordinates import pack, region_of, unpack
from regimecorr.models.switching.emissions import Emission
from regimecorr.models.switching.estimation import RegimeEstimate

ErrorKind: TypeAlias = Literal["sandwich", "opg", "hessian"]

# Share of a step along a flat direction, in units, beyond which a parameter is not identified.
_LOAD = 1e-3
_LOGIT_SD = 2.0
_NU_SD = 1.0


def leaving(params: RegimeParams, regime: int) -> Array:
    """Which parameters (P,) add up to the probability of leaving a regime."""
    k = params.n_regimes
    begin = params.own.size + regime * (k - 1)
    out = np.zeros(params.vector.size)
    out[begin : begin + k - 1] = 1.0
    return out


def covariance(emission: Emission, estimate: RegimeEstimate, kind: str) -> Array:
    """Covariance (P, P) of the parameter vector, zero across bounds that hold it."""
    best, params = estimate.optimum, estimate.params
    units = region_of(emission, params).units
    inverse = inverse_information(best.hessian, best.basis, units)
    if kind == "hessian":
        return inverse
    scores = params.scores(emission)[1]
    outer = scores.T @ scores
    if kind == "opg":
        return inverse_information(-outer, best.basis, units)
    return np.asarray(inverse @ outer @ inverse)


def identified(emission: Emission, estimate: RegimeEstimate, turn: Array) -> Array:
    """Which of the combinations ``turn`` (R, P) of parameters the data say something about.

    A direction in which the likelihood is flat has no information and no score: a sandwich would
    give it an error of zero.
    """
    units = region_of(emission, estimate.params).units
    along = np.abs(turn @ flat_directions(estimate.optimum, units))
    size = np.abs(turn @ units).max(axis=1, keepdims=True)
    return np.asarray(np.all(along <= _LOAD * size, axis=1))


def reported_slopes(emission: Emission, params: RegimeParams) -> Array:
    """Derivatives (R, P) of what is reported, by the parameter vector.

    Reported are every regime's own parameters, the probabilities of staying, and ``nu``.
    """
    k, m = params.own.shape
    own = emission.reported_slopes(params.own)
    count = own.shape[1]
    size = params.vector.size
    out = np.zeros((k * count, size))
    for i in range(k):
        out[i * count : (i + 1) * count, i * m : (i + 1) * m] = own[i]
    rows = [*out, *(-leaving(params, i) for i in range(k))]
    if not np.isinf(params.nu):
        rows.append(np.eye(size)[-1])
    return np.array(rows)


class ParameterDraws:
    """Draws from the sandwich covariance in unbounded coordinates, with a weak prior."""

    def __init__(self, emission: Emission, params: RegimeParams, basis: Array) -> None:
        self._emission, self._params = emission, params
        self._at = pack(emission, params)
        slopes = unpack(emission, self._at, params)[1]
        scores = params.scores(emission)[1] @ slopes
        bread = positive_bread(-jacobian(self._gradient, self._at, 1e-3))
        heavy = [] if np.isinf(params.nu) else [_NU_SD]
        k = params.n_regimes
        sd = np.array([*emission.prior_sd * k, *[_LOGIT_SD] * (k * (k - 1)), *heavy])
        self._covariance = regularised_sandwich(bread, scores.T @ scores, sd)
        # What a bound holds does not move.
        held = np.abs(basis).sum(axis=1) < 1e-9
        self._covariance[held] = self._covariance[:, held] = 0.0

    def _gradient(self, u: Array) -> Array:
        params, slopes = unpack(self._emission, u, self._params)
        return np.asarray(params.gradient(self._emission)[1] @ slopes)

    def draw(self, n_draws: int, rng: np.random.Generator) -> list[RegimeParams]:
        """Draw parameters; the regimes of every draw are sorted by correlation."""
        drawn = normal_draws(self._at, self._covariance, n_draws, rng)
        found = [unpack(self._emission, u, self._params)[0] for u in drawn]
        return [p.ordered(self._emission.level(p.own)) for p in found]
