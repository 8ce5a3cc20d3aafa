"""Base rates to be beaten: of the training folds, of this very sample, and as known at the time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from regimecorr.errors import ModelError
from regimecorr.models.base import Array

_DAY = 86_400_000_000_000  # nanoseconds
EMBARGO_DAYS = 365


def known_base_rate(
    y: npt.ArrayLike,
    date: pd.DatetimeIndex | pd.Series,
    matured: pd.DatetimeIndex | pd.Series,
    *,
    prior: float = 0.5,
    prior_weight: float = 2.0,
) -> Array:
    """Base rate as it was known at every date, from outcomes that had matured before it.

    The expanding mean starts from a prior that counts as a few outcomes: with the defaults this is
    Laplace's rule, (k + 1) / (m + 2), and .5 before anything has matured. A bare mean would be 0 or
    1 after the first outcome and far too easy to beat.

    Parameters
    ----------
    y : array_like of shape (n,)
        Outcomes 0 and 1; NaN: not matured, counts nowhere.
    date, matured : DatetimeIndex or Series of shape (n,)
        When each forecast was made; when its outcome became known. An outcome that matures on a
        date is not yet known to forecasts of that date.
    prior : float, default 0.5
        Probability before anything has matured.
    prior_weight : float, default 2
        Outcomes that the prior counts for, above 0.

    Returns
    -------
    ndarray of shape (n,)
        In the order of the rows.

    Raises
    ------
    ModelError
        If dates are missing, an outcome matures before its forecast, or the prior has no meaning.

    Examples
    --------
    >>> import pandas as pd
    >>> from regimecorr.evaluation.base_rates import known_base_rate
    >>> made = pd.to_datetime(["2001-01-02", "2002-03-01", "2003-05-02"])
    >>> known_base_rate([1, 1, 0], made, made + pd.Timedelta(days=366)).round(3).tolist()
    [0.5, 0.667, 0.75]
    """
    if not 0.0 < prior < 1.0 or not prior_weight > 0.0 or not np.isfinite(prior_weight):
        raise ModelError(
            f"prior={prior} must lie between 0 and 1 and prior_weight={prior_weight} be positive; "
            f"without a prior the first outcome would make the base rate 0 or 1."
        )
    outcome, made, known = _dated(y, date, matured)
    alive = np.isfinite(outcome)
    order = np.argsort(known[alive], kind="stable")
    seen = np.searchsorted(known[alive][order], made, side="left")
    ones = np.concatenate([[0.0], np.cumsum(outcome[alive][order])])[seen]
    return np.asarray((prior * prior_weight + ones) / (prior_weight + seen))


def fold_base_rate(
    y: npt.ArrayLike,
    date: pd.DatetimeIndex | pd.Series,
    matured: pd.DatetimeIndex | pd.Series,
    fold: npt.ArrayLike,
    *,
    embargo_days: int = EMBARGO_DAYS,
) -> Array:
    """Base rate of the training folds of every row's own fold.

    A row trains a fold if it lies in another one, was forecast more than ``embargo_days`` before
    the fold's first or after its last forecast, and shares no day of its outcome with the fold:
    it had matured when the fold began, or was made after the fold had matured.

    Parameters
    ----------
    y : array_like of shape (n,)
        Outcomes 0 and 1; NaN: not matured, counts nowhere.
    date, matured : DatetimeIndex or Series of shape (n,)
        When each forecast was made; when its outcome became known.
    fold : array_like of shape (n,)
        Label of the fold (a calendar block).
    embargo_days : int, default 365
        Calendar days between training forecasts and the fold.

    Returns
    -------
    ndarray of shape (n,)
        NaN in folds without training outcomes.
    """
    if embargo_days < 0:
        raise ModelError(f"embargo_days={embargo_days} must not be negative.")
    outcome, made, known = _dated(y, date, matured)
    labels = np.asarray(fold)
    if labels.shape != outcome.shape:
        raise ModelError(f"{labels.size} folds for {outcome.size} outcomes; give one per row.")
    gap, out = embargo_days * _DAY, np.full(outcome.size, np.nan)
    for label in pd.unique(pd.Series(labels)):
        mine = labels == label
        first, last, end = made[mine].min(), made[mine].max(), known[mine].max()
        before = (made < first - gap) & (known <= first)
        after = (made > last + gap) & (made >= end)
        train = ~mine & (before | after) & np.isfinite(outcome)
        if train.any():
            out[mine] = outcome[train].mean()
    return out


def _dated(
    y: npt.ArrayLike,
    date: pd.DatetimeIndex | pd.Series,
    matured: pd.DatetimeIndex | pd.Series,
) -> tuple[Array, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    outcome = np.asarray(y, dtype=float)
    made, known = pd.DatetimeIndex(date), pd.DatetimeIndex(matured)
    if outcome.ndim != 1 or not outcome.size == len(made) == len(known):
        raise ModelError(
            f"{outcome.size} outcomes, {len(made)} dates and {len(known)} dates of maturity must "
            f"be equally many."
        )
    alive = np.isfinite(outcome)
    if not np.isin(outcome[alive], (0.0, 1.0)).all():
        raise ModelError("Outcomes must be 0 or 1, or missing where they have not matured.")
    if made.hasnans or known[alive].hasnans:
        raise ModelError("Every forecast needs a date, and every outcome the date it matured.")
    early = alive & (known < made)
    if early.any():
        i = int(np.argmax(early))
        raise ModelError(
            f"The outcome of the forecast of {made[i]:%Y-%m-%d} matured on {known[i]:%Y-%m-%d}, "
            f"before it; check the two columns."
        )
    return outcome, _nanoseconds(made), _nanoseconds(known)


def _nanoseconds(dates: pd.DatetimeIndex) -> npt.NDArray[np.int64]:
    return np.asarray(dates.to_numpy().astype("datetime64[ns]").astype(np.int64))
