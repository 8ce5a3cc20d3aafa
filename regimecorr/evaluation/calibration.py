"""From the raw pool and the panel forecast to one calibrated probability."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from regimecorr.errors import EstimationError, ModelError
from regimecorr.evaluation.checks import checked_forecasts
from regimecorr.events import Array

#: Inputs are clipped here: a pool fitted to one pair is surer than anything can be.
CLIP = (0.02, 0.98)
#: Fewer outcomes, or fewer of the rarer kind, do not make three coefficients.
FEWEST_OUTCOMES, FEWEST_OF_A_KIND = 60, 15


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
    """

    coefficients: tuple[float, float, float]
    covariance: tuple[tuple[float, ...], ...]
    n_outcomes: int

    def apply(self, p_raw: npt.ArrayLike, p_panel: npt.ArrayLike | None = None) -> Array:
        """Calibrated probabilities; NaN where an input is."""
        return np.asarray(1.0 / (1.0 + np.exp(-self._logit(self.coefficients, p_raw, p_panel))))

    def draw(
        self,
        p_raw: npt.ArrayLike,
        p_panel: npt.ArrayLike | None,
        n_draws: int,
        rng: np.random.Generator,
    ) -> Array:
        """Probabilities (n_draws, ...) under draws of the coefficients."""
        drawn = rng.multivariate_normal(self.coefficients, self.covariance, n_draws, method="svd")
        found = [1.0 / (1.0 + np.exp(-self._logit(tuple(c), p_raw, p_panel))) for c in drawn]
        return np.asarray(found)

    @staticmethod
    def _logit(
        coefficients: tuple[float, ...], p_raw: npt.ArrayLike, p_panel: npt.ArrayLike | None
    ) -> Array:
        c0, c1, c2 = coefficients
        out = c0 + c1 * clipped_logit(p_raw)
        return out if p_panel is None else out + c2 * clipped_logit(p_panel)

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers for JSON."""
        return {
            "coefficients": list(self.coefficients),
            "covariance": [list(row) for row in self.covariance],
            "n_outcomes": self.n_outcomes,
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Recalibration:
        """Rebuild from `to_dict`."""
        c0, c1, c2 = (float(c) for c in values["coefficients"])
        covariance = tuple(tuple(float(v) for v in row) for row in values["covariance"])
        return cls((c0, c1, c2), covariance, int(values["n_outcomes"]))


def recalibrate(
    p_raw: npt.ArrayLike,
    outcome: npt.ArrayLike,
    p_panel: npt.ArrayLike | None = None,
    *,
    blocks: npt.ArrayLike | None = None,
) -> Recalibration:
    """Fit the coefficients by maximum likelihood (scikit-learn's logistic regression).

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
        Calendar block of each outcome: the covariance is clustered by them. Default: every outcome
        by itself.

    Returns
    -------
    Recalibration

    Raises
    ------
    ModelError
        If a probability or an outcome is none, or the shapes differ.
    EstimationError
        If there are fewer than 60 outcomes, or fewer than 15 of a kind.

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
    from sklearn.linear_model import LogisticRegression

    p, y = checked_forecasts(p_raw, outcome)
    columns = [clipped_logit(p)]
    if p_panel is not None:
        other, _ = checked_forecasts(p_panel, outcome)
        columns.append(clipped_logit(other))
    rare = int(min(y.sum(), len(y) - y.sum()))
    if len(y) < FEWEST_OUTCOMES or rare < FEWEST_OF_A_KIND:
        raise EstimationError(
            f"{len(y)} outcomes, {rare} of the rarer kind, are too few to calibrate; at least "
            f"{FEWEST_OUTCOMES} and {FEWEST_OF_A_KIND} are needed. Use a larger panel or a later "
            "day."
        )
    x = np.column_stack(columns)
    # So little shrinkage that it is none; without any, perfect separation would not end.
    fit = LogisticRegression(C=1e4, tol=1e-10, max_iter=2000).fit(x, y)
    found = np.r_[fit.intercept_, fit.coef_[0]]
    design = np.column_stack([np.ones(len(x)), x])
    chance = 1.0 / (1.0 + np.exp(-design @ found))
    bread = np.linalg.inv(design.T @ (design * (chance * (1.0 - chance))[:, None]))
    scores = design * (y - chance)[:, None]
    label = np.arange(len(y)) if blocks is None else np.unique(blocks, return_inverse=True)[1]
    if len(label) != len(y):
        raise ModelError(f"blocks has {len(label)} entries for {len(y)} outcomes.")
    sums = np.array([scores[label == k].sum(axis=0) for k in np.unique(label)])
    sandwich = np.zeros((3, 3))
    sandwich[: len(found), : len(found)] = bread @ (sums.T @ sums) @ bread
    c0, c1, c2 = (*found, 0.0)[:3]
    return Recalibration(
        (float(c0), float(c1), float(c2)),
        tuple(tuple(float(v) for v in row) for row in sandwich),
        len(y),
    )
