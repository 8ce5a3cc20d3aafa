"""The door for past forecasts: probabilities, outcomes and what is checked about them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from regimecorr.errors import ModelError
from regimecorr.models.base import Array


def checked_forecasts(p: npt.ArrayLike, y: npt.ArrayLike) -> tuple[Array, Array]:
    """Return forecasts and outcomes as floats of shape (n,).

    Raises
    ------
    ModelError
        If they are empty, of different length, missing, no probabilities or no 0 and 1.
    """
    try:
        forecast, outcome = np.asarray(p, dtype=float), np.asarray(y, dtype=float)
    except (TypeError, ValueError) as error:
        raise ModelError(f"Forecasts and outcomes must be numbers: {error}.") from error
    if forecast.ndim != 1 or forecast.shape != outcome.shape or forecast.size == 0:
        raise ModelError(
            f"Forecasts of shape {forecast.shape} and outcomes of shape {outcome.shape} must be "
            f"vectors of one length, at least 1."
        )
    missing = int(np.sum(~(np.isfinite(forecast) & np.isfinite(outcome))))
    if missing:
        raise ModelError(
            f"{missing} of {forecast.size} forecasts or outcomes are missing. Drop them, or use "
            f"score_table, which scores what is complete and says how much that is."
        )
    if forecast.min() < 0.0 or forecast.max() > 1.0:
        raise ModelError(
            f"Forecasts lie in [{forecast.min():.4g}, {forecast.max():.4g}]; they must be "
            f"probabilities in [0, 1]."
        )
    if not np.isin(outcome, (0.0, 1.0)).all():
        odd = outcome[~np.isin(outcome, (0.0, 1.0))][0]
        raise ModelError(f"An outcome is {odd:.4g}; outcomes must be 0 or 1.")
    return forecast, outcome


def check_ci_prob(ci_prob: float) -> None:
    """Raise `ModelError` unless a mass lies between 0 and 1."""
    if not 0.0 < ci_prob < 1.0:
        raise ModelError(f"ci_prob={ci_prob} must lie between 0 and 1, for example 0.95.")
