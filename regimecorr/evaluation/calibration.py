"""From the raw pool and the panel forecast to one calibrated probability."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from regimecorr.errors import EstimationError, ModelError
from regimecorr.evaluation.checks import checked_forecasts
from regimecorr.events import Array, IntArray

#: Inputs are clipped here: a pool fitted to one pair is surer than anything can be.
CLIP = (0.02, 0.98)


def clipped_logit(p: npt.ArrayLike) -> Array:
    """Log odds of probabilities, clipped to [.02, .98]."""
    inside = np.clip(np.asarray(p, dtype=float), *CLIP)
    return np.asarray(np.log(inside / (1.0 - inside)))


@dataclass(frozen=True, slots=True)
class Recalibration:
    r"""Coefficients of the logit that pools and calibrates.

    .. math:: \mathrm{logit}\,p = c_0 + c_1 \mathrm{logit}\,p_{raw} + c_2 \mathrm{logit}\,p_{panel}

    Attributes
    ----------
    coefficients : tuple of float
        ``(c0, c1, c2)``; without a panel forecast ``c2`` is 0.
    covariance : tuple of tuple of float
        Of the coefficients, clustered by calendar block; zero where a coefficient is held at 0.
    n_outcomes : int
        Outcomes that they were fitted to.
    prior_sd : float
        Standard deviation of the prior around the coefficient of the panel forecast.
    """

    coefficients: tuple[float, float, float]
    covariance: tuple[tuple[float, ...], ...]
    n_outcomes: int
    prior_sd: float

    def __post_init__(self) -> None:
        spread = np.array(self.covariance, dtype=float)
        if (
            spread.shape != (3, 3)
            or len(self.coefficients) != 3
            or not np.isfinite([*self.coefficients, *spread.ravel(), self.prior_sd]).all()
            or np.linalg.eigvalsh(spread)[0] < -1e-6 * max(np.trace(spread), 1e-12)
        ):
            raise ModelError("Coefficients and their covariance must be finite, and fit together.")

    def apply(self, p_raw: npt.ArrayLike, p_panel: npt.ArrayLike | None = None) -> Array:
        """Calibrated probabilities; NaN where an input is."""
        return np.asarray(1.0 / (1.0 + np.exp(-self._logit(self.coefficients, p_raw, p_panel))))

    def draw(self, p_raw: Array, p_panel: Array | None, rng: np.random.Generator) -> Array:
        """Probabilities (n_draws,): draws of the inputs under draws of the coefficients."""
        drawn = rng.multivariate_normal(
            self.coefficients, self.covariance, len(p_raw), method="svd"
        )
        return np.asarray(1.0 / (1.0 + np.exp(-self._logit(drawn.T, p_raw, p_panel))))

    @staticmethod
    def _logit(coefficients: Any, p_raw: npt.ArrayLike, p_panel: npt.ArrayLike | None) -> Array:
        c0, c1, c2 = coefficients
        out: Array = c0 + c1 * clipped_logit(p_raw)
        return out if p_panel is None else np.asarray(out + c2 * clipped_logit(p_panel))

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers for JSON."""
        return {
            "coefficients": list(self.coefficients),
            "covariance": [list(row) for row in self.covariance],
            "n_outcomes": self.n_outcomes,
            "prior_sd": self.prior_sd,
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Recalibration:
        """Rebuild from `to_dict`."""
        c0, c1, c2 = (float(c) for c in values["coefficients"])
        covariance = tuple(tuple(float(v) for v in row) for row in values["covariance"])
        return cls((c0, c1, c2), covariance, int(values["n_outcomes"]), float(values["prior_sd"]))


@dataclass(frozen=True, slots=True)
class CoefficientPrior:
    """Normal prior of the coefficients: where they stay while outcomes say little.

    A few hundred outcomes that share their years cannot fix three coefficients: fitted freely they
    lose more than they gain. The prior is the panel forecast as it stands, with the pool's weight
    around zero.

    Attributes
    ----------
    mean, sd : tuple of float
        Of ``c0``, ``c1`` and ``c2``. Without a panel forecast the pool takes the place of the panel
        (mean and spread of ``c2``).
    """

    mean: tuple[float, float, float] = (0.0, 0.0, 1.0)
    sd: tuple[float, float, float] = (0.5, 0.5, 0.5)

    def __post_init__(self) -> None:
        if not all(np.isfinite(self.mean)) or not all(0.0 < s < np.inf for s in self.sd):
            raise ModelError(f"mean={self.mean} and sd={self.sd} must be finite, sd positive.")


#: Narrow to wide: what past outcomes may choose from.
PRIORS = tuple(CoefficientPrior(sd=(s, s, s)) for s in (0.02, 0.05, 0.1, 0.2, 0.5))
_CHOICE_FOLDS = 5
#: From fewer blocks a standard error is not known (Cameron, Gelbach and Miller 2008).
_LEAST_BLOCKS = 20


def recalibrate(
    p_raw: npt.ArrayLike,
    outcome: npt.ArrayLike,
    p_panel: npt.ArrayLike | None = None,
    *,
    blocks: npt.ArrayLike | None = None,
    prior: CoefficientPrior | None = None,
) -> Recalibration:
    """Fit the coefficients: the mode of their posterior.

    A narrow prior makes the forecast better, it does not make the coefficients known: their
    covariance is that of a fit under the widest prior.

    Parameters
    ----------
    p_raw : array_like of shape (n,)
        Raw probabilities of the pool.
    outcome : array_like of shape (n,)
        1 structural, 0 transient.
    p_panel : array_like of shape (n,), optional
        Probabilities of the panel forecaster, each made without its own outcome; without them the
        pool alone is calibrated.
    blocks : array_like of shape (n,), optional
        Calendar block of each outcome, ascending in time: what the prior's width is chosen by, and
        the covariance is clustered by. Default: every outcome by itself.
    prior : CoefficientPrior, optional
        Default: chosen among `PRIORS` by log score over five runs of blocks, each forecast from
        the others; the narrowest whose score is within one standard error (by block) of the best.
        With fewer than 20 blocks the narrowest.

    Returns
    -------
    Recalibration

    Raises
    ------
    ModelError
        If a probability or an outcome is none, or the shapes differ.

    References
    ----------
    Platt, J. (1999). Probabilistic outputs for support vector machines. In Advances in Large Margin
    Classifiers, MIT Press. Ranjan, R. and Gneiting, T. (2010). Combining probability forecasts.
    Journal of the Royal Statistical Society B 72, 71-91.

    Examples
    --------
    >>> import numpy as np
    >>> from regimecorr.evaluation.calibration import recalibrate
    >>> rng = np.random.default_rng(0)
    >>> p = rng.uniform(0.1, 0.9, 2000)
    >>> y = rng.random(2000) < 0.25 + 0.5 * p  # the pool is too sure
    >>> bool(0.3 < recalibrate(p, y).coefficients[1] < 0.7)
    True
    """
    p, y = checked_forecasts(p_raw, outcome)
    columns, which = [np.ones(len(p)), clipped_logit(p)], [0, 2]
    if p_panel is not None:
        columns.append(clipped_logit(checked_forecasts(p_panel, outcome)[0]))
        which = [0, 1, 2]
    label = np.arange(len(y)) if blocks is None else np.unique(blocks, return_inverse=True)[1]
    if len(label) != len(y):
        raise ModelError(f"blocks has {len(label)} entries for {len(y)} outcomes.")
    design = np.column_stack(columns)
    wanted = _chosen(design, y, label, which) if prior is None else prior
    found, _, _ = _mode(design, y, *_moments(wanted, which))
    full = np.zeros((3, 3))
    full[: len(found), : len(found)] = _covariance(
        design, y, label, *_moments(PRIORS[-1] if prior is None else prior, which)
    )
    c0, c1, c2 = (*found, 0.0)[:3]
    return Recalibration(
        (float(c0), float(c1), float(c2)),
        tuple(tuple(float(v) for v in row) for row in full),
        len(y),
        wanted.sd[2],
    )


def _moments(prior: CoefficientPrior, which: list[int]) -> tuple[Array, Array]:
    return np.array(prior.mean)[which], np.array(prior.sd)[which]


def _chosen(design: Array, y: Array, label: IntArray, which: list[int]) -> CoefficientPrior:
    """Pick the narrowest prior whose log score out of fold is within one standard error."""
    n_blocks = int(label.max()) + 1
    if n_blocks < _LEAST_BLOCKS:
        return PRIORS[0]
    # Runs of whole blocks with about the same number of outcomes.
    before = np.cumsum(np.bincount(label)) - 1
    run = (before[label] * _CHOICE_FOLDS) // len(y)
    losses = np.zeros((len(PRIORS), n_blocks))
    for prior, loss in zip(PRIORS, losses, strict=True):
        for k in np.unique(run):
            inside = run == k
            found, _, _ = _mode(design[~inside], y[~inside], *_moments(prior, which))
            eta = design[inside] @ found
            loss += np.bincount(
                label[inside], np.logaddexp(0.0, eta) - y[inside] * eta, minlength=n_blocks
            )
    best = int(losses.sum(axis=1).argmin())
    behind = losses - losses[best]
    error = np.sqrt((behind**2).sum(axis=1))
    return PRIORS[int(np.argmax(behind.sum(axis=1) <= error))]


def _covariance(design: Array, y: Array, label: IntArray, mean: Array, sd: Array) -> Array:
    """Sandwich by block; the prior's part of the curvature is what the outcomes leave open."""
    _, chance, bread = _mode(design, y, mean, sd)
    sums = np.zeros((int(label.max()) + 1, len(mean)))
    np.add.at(sums, label, design * (y - chance)[:, None])
    return np.asarray(bread @ (sums.T @ sums + np.diag(1.0 / sd**2)) @ bread)


def _mode(design: Array, y: Array, mean: Array, sd: Array) -> tuple[Array, Array, Array]:
    """Posterior mode by Newton's steps, the chances there, and the inverse curvature."""
    precision = np.diag(1.0 / sd**2)
    at = mean.copy()
    for _ in range(100):
        chance = 1.0 / (1.0 + np.exp(-design @ at))
        curvature = design.T @ (design * (chance * (1.0 - chance))[:, None]) + precision
        step = np.linalg.solve(curvature, design.T @ (y - chance) - precision @ (at - mean))
        at = at + step
        if np.abs(step).max() < 1e-12:
            return at, chance, np.asarray(np.linalg.inv(curvature), dtype=float)
    raise EstimationError(
        "The calibration did not converge in 100 Newton steps; use a narrower prior."
    )
