"""Rules of thumb that a forecast is held against: each turns today's correlations into a number."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from regimecorr.events import Array

#: Weight that stays with yesterday's moments (RiskMetrics).
DECAY = 0.94
#: One-year correlation that the chart's rule calls elevated.
ELEVATED = 0.3


def ewma_correlation(returns: Array, decay: float = DECAY) -> float:
    """Correlation (today) of returns (n_rows, 2) by exponentially weighted second moments."""
    weights = decay ** np.arange(len(returns) - 1, -1, -1.0)
    xx, yy, xy = (
        float(weights @ (returns[:, i] * returns[:, j])) for i, j in ((0, 0), (1, 1), (0, 1))
    )
    return xy / np.sqrt(xx * yy) if xx > 0.0 and yy > 0.0 else float("nan")


def chance_below(level: float, now: float, n_rows: int) -> float:
    """Chance that a correlation of ``n_rows`` fresh rows falls below a level.

    As if the true correlation stayed at ``now`` and Fisher z were normal with variance
    1 / (n_rows - 3).
    """
    if not np.isfinite(now):
        return float("nan")
    z = np.arctanh(np.clip([level, now], -0.999999, 0.999999))
    return float(ndtr((z[0] - z[1]) * np.sqrt(n_rows - 3.0)))


def ewma_rule(returns: Array, sign: int, midpoint: float, fresh_rows: int) -> float:
    """Probability of structural if the EWMA correlation of today stays."""
    return chance_below(sign * midpoint, sign * ewma_correlation(returns), fresh_rows)


def chart_rule(r_long: float, sign: int) -> float:
    """0 (transient) while the 1-year correlation is still elevated, as the chart says; else 1."""
    return 0.0 if sign * r_long >= ELEVATED else 1.0
