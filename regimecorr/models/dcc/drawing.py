"""Parameter draws of an estimated second stage, joint with its targets."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.linalg import eigh
from scipy.special import expit, logit
from scipy.stats import chi2

from regimecorr.models.base import Array
from regimecorr.models.dcc.dynamics import Dynamics
from regimecorr.models.dcc.estimation import NU_LIMITS, persistence_weights
from regimecorr.models.dcc.inference import Inference
from regimecorr.models.sandwich import automatic_lags, jacobian, positive_bread

_MAX_PERSISTENCE = 0.9999
# Prior scale of (logit persistence, log ratios, log(nu - 2)): far wider than any sample's
# information unless a parameter is not identified at all.
_PRIOR_SD = {"persistence": 2.0, "ratio": 2.0, "nu": 1.5}
_TINY = 1e-9
# A drawn target keeps this share of the estimate's smallest eigenvalue.
_POSITIVE = 0.2


class ParameterDraws(NamedTuple):
    """Draws of the parameters (n_draws, k), the target and ``Nbar`` (n_draws, N, N)."""

    theta: Array
    target: Array
    asymmetry: Array

    @classmethod
    def repeat(cls, dynamics: Dynamics, theta: Array, n_draws: int) -> ParameterDraws:
        """Return the same parameters, ``n_draws`` times."""
        target = dynamics.target(theta)
        nbar = dynamics.asymmetry if dynamics.layout.asymmetric else np.zeros_like(target)
        shape = (n_draws, 1, 1)
        return cls(np.tile(theta, (n_draws, 1)), np.tile(target, shape), np.tile(nbar, shape))


def draw_parameters(inference: Inference, n_draws: int, rng: np.random.Generator) -> ParameterDraws:
    """Draw parameters and targets from one set of random row weights.

    The weights are exponential with the Bartlett autocovariance of Newey and West (1987): moving
    sums of gamma variables. Parameters follow the weighted first-order expansion in unbounded
    coordinates, with a weak normal prior that takes over where the data say nothing; the target
    follows its own expansion, shortened where a draw would come near a singular matrix. ADCC's
    asymmetry target is held.
    """
    dynamics, theta = inference.dynamics, inference.optimum.theta
    weights = bartlett_weights(n_draws, dynamics.n_obs, rng)
    noise = rng.standard_normal((n_draws, theta.size))
    drawn = np.tile(theta, (n_draws, 1))
    if theta.size:
        drawn = _draw_theta(inference, weights, noise)
    if dynamics.given is None:
        targets = _draw_targets(inference, drawn, weights)
    else:
        targets = np.tile(dynamics.given, (n_draws, 1, 1))
    asymmetry = np.zeros_like(targets)
    if dynamics.layout.asymmetric:
        asymmetry += dynamics.asymmetry
        drawn = _positive_intercepts(dynamics, drawn, targets)
    return ParameterDraws(drawn, targets, asymmetry)


def _positive_intercepts(dynamics: Dynamics, drawn: Array, targets: Array) -> Array:
    """Lower g where, with a draw's own target, the persistence would reach one."""
    layout, out = dynamics.layout, drawn.copy()
    for row, target in zip(out, targets, strict=True):
        delta = float(eigh(dynamics.asymmetry, target, eigvals_only=True)[-1])
        left = _MAX_PERSISTENCE - row[: layout.p + layout.q].sum()
        row[layout.n_dynamic - 1] = min(row[layout.n_dynamic - 1], max(left, 0.0) / delta)
    return out


def _draw_targets(inference: Inference, drawn: Array, weights: Array) -> Array:
    """Targets (n_draws, N, N), shortened towards the estimate until well inside its region."""
    dynamics, rule = inference.dynamics, inference.dynamics.rule
    theta = inference.optimum.theta
    centre = dynamics.target(theta)
    floor = _POSITIVE * float(np.linalg.eigvalsh(centre)[0])
    moment = rule.moment(dynamics.innovations(theta)[0])
    out = []
    for row, news in zip(drawn, inference.moment_news.changes(weights - 1.0), strict=True):
        change = rule.push(moment, news)
        if dynamics.corrected:  # cDCC's target moves with the parameters
            change += dynamics.target(row) - centre
        for halvings in range(60):
            candidate = centre + 0.5**halvings * change
            if np.linalg.eigvalsh(candidate)[0] >= floor:
                break
        else:
            candidate = centre
        out.append(candidate)
    return np.stack(out)


def bartlett_weights(n_draws: int, n_obs: int, rng: np.random.Generator) -> Array:
    """Positive weights (n_draws, n_obs): mean and variance one, Bartlett autocovariance."""
    lags = automatic_lags(n_obs)
    pieces = rng.standard_gamma(1.0 / (lags + 1), (n_draws, n_obs + lags))
    sums = np.cumsum(np.pad(pieces, ((0, 0), (1, 0))), axis=1)
    return np.asarray(sums[:, lags + 1 :] - sums[:, : -lags - 1])


def _draw_theta(inference: Inference, weights: Array, noise: Array) -> Array:
    dynamics = inference.dynamics
    coordinates = Coordinates(dynamics)
    at = coordinates.unbounded(inference.optimum.theta)
    rows = inference.rows("three-stage") @ jacobian(coordinates.natural, at)

    def gradient(u: Array) -> Array:
        slope = dynamics.total(coordinates.natural(u))[1]
        return np.asarray(slope @ jacobian(coordinates.natural, u))

    bread = positive_bread(-jacobian(gradient, at))
    precision = 1.0 / coordinates.prior_sd**2
    inverse = np.linalg.inv(bread + np.diag(precision))
    steps = ((weights - 1.0) @ rows + noise * np.sqrt(precision)) @ inverse
    scores = inference.scores @ jacobian(coordinates.natural, at)
    outer = scores.T @ scores + np.diag(precision)
    # How much wider than the likelihood says quasi maximum likelihood spreads, within reason.
    inflation = float(np.clip(np.abs(np.linalg.eigvals(inverse @ outer)).max(), 1.0, 5.0))
    limit = 0.5 * inflation * float(chi2.ppf(0.999, at.size))
    expected = 0.5 * np.einsum("dk,kl,dl->d", steps, bread, steps)
    # Steps that are short by the expansion, and in every coordinate, need no look.
    far = (expected > 0.3 * limit) | (np.abs(steps).max(axis=1) > 0.7)
    out = coordinates.natural(at + steps)
    out[far] = _shortened(dynamics, coordinates, at, steps[far], limit)
    return out


def _shortened(
    dynamics: Dynamics, coordinates: Coordinates, at: Array, steps: Array, limit: float
) -> Array:
    """Halve steps until the log-likelihood falls by no more than a limit.

    Next to a persistence of one the expansion holds for small steps only; the limit is what one
    normal draw in a thousand would lose.
    """
    best = dynamics.value(coordinates.natural(at))
    out = np.empty((len(steps), at.size))
    for row, step in zip(out, steps, strict=True):
        for halvings in range(20):
            row[:] = coordinates.natural(at + 0.5**halvings * step)
            if best - dynamics.value(row) <= limit:
                break
    return out


class Coordinates:
    """Unbounded coordinates of the second-stage parameters.

    Logit of the persistence, log ratios of its parts to the last ``b``'s, ``log(nu - 2)``.
    """

    def __init__(self, dynamics: Dynamics) -> None:
        self.layout = dynamics.layout
        self.weights = persistence_weights(dynamics)[: self.layout.n_dynamic]
        self.base = max(self.layout.p + self.layout.q - 1, 0)
        sd = [_PRIOR_SD["persistence"]] if self.layout.n_dynamic else []
        sd += [_PRIOR_SD["ratio"]] * (self.layout.n_dynamic - 1)
        self.prior_sd = np.array(sd + [_PRIOR_SD["nu"]] * self.layout.heavy)

    def unbounded(self, theta: Array) -> Array:
        """Map parameters (k,) to coordinates (k,)."""
        k = self.layout.n_dynamic
        head = []
        if k:
            parts = np.maximum(theta[:k] * self.weights, _TINY)
            total = np.clip(parts.sum() / _MAX_PERSISTENCE, _TINY, 1.0 - _TINY)
            others = np.delete(parts, self.base)
            head = [logit(total), *np.log(others / parts[self.base])]
        tail = [np.log(theta[-1] - 2.0)] if self.layout.heavy else []
        return np.array([*head, *tail])

    def natural(self, u: Array) -> Array:
        """Map coordinates (..., k) to parameters (..., k)."""
        k = self.layout.n_dynamic
        out = np.empty_like(u)
        if k:
            ratios = np.exp(np.clip(u[..., 1:k], -50.0, 50.0))
            ratios = np.insert(ratios, self.base, 1.0, axis=-1)
            total = _MAX_PERSISTENCE * expit(u[..., :1])
            weights = np.where(self.weights > 0.0, self.weights, 1.0)
            out[..., :k] = total * ratios / ratios.sum(axis=-1, keepdims=True) / weights
        if self.layout.heavy:
            out[..., -1] = np.clip(2.0 + np.exp(u[..., -1]), *NU_LIMITS)
        return out
