"""How long spells last, without a model: Kaplan-Meier, its median, and competing endings.

Durations are right-censored (a spell that still lasts) and may be left-truncated (a spell that was
under way when observation began counts only from its age then on).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import ndtri

from regimecorr.errors import DataError, ModelError

Array = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

# A survival of one half that rounding has raised by a bit is one half.
_HALF = 0.5 + 1e-12


class MedianDuration(NamedTuple):
    """Median duration with its interval.

    Attributes
    ----------
    estimate : float
        Smallest duration at which the survival curve is at most one half; infinite if the curve
        does not come down to it.
    lower, upper : float
        Durations between which the band of the curve contains one half (Brookmeyer and Crowley
        1982). ``upper`` is infinite where the band does not come down to it; ``lower`` is 0 where
        no band exists to exclude shorter medians.
    """

    estimate: float
    lower: float
    upper: float


def check_interval(ci_prob: float) -> float:
    """Return the normal quantile of a two-sided interval, or raise `ModelError`."""
    if not 0.0 < ci_prob < 1.0:
        raise ModelError(f"ci_prob={ci_prob!r} must lie between 0 and 1; for example 0.95.")
    return float(ndtri(0.5 + 0.5 * ci_prob))


def check_durations(durations: Any, entry: Any = None) -> tuple[Array, Array]:
    """Durations (n,) and entry ages (n,) as floats, or a `DataError` that names the bad value."""
    time = _numbers("durations", durations)
    start = np.zeros(time.size) if entry is None else _numbers("entry", entry)
    if time.size == 0:
        raise DataError("There are no durations: no spell was found, so nothing can be estimated.")
    if time.min() <= 0.0:
        raise DataError(
            f"A duration is {time.min():g}; durations must be positive. A spell lasts at least one "
            "row."
        )
    if start.size != time.size:
        raise DataError(f"{start.size} entry ages do not match {time.size} durations.")
    if start.min() < 0.0:
        raise DataError(
            f"An entry age is {start.min():g}; it must be at least 0, the age of a spell that was "
            "seen to begin."
        )
    late = np.flatnonzero(start >= time)
    if late.size:
        i = late[0]
        raise DataError(
            f"Spell {i} has duration {time[i]:g} and entry age {start[i]:g}; durations count from "
            "the beginning of the spell, so they must exceed the age at which it was first seen."
        )
    return time, start


def check_flags(name: str, values: Any, size: int) -> BoolArray:
    """Booleans (or zeros and ones) of length ``size``, or a `DataError`."""
    raw = np.asarray(values)
    if raw.shape != (size,):
        raise DataError(f"{name} has shape {raw.shape}; it must have one value a spell, ({size},).")
    if raw.dtype != np.bool_:
        raw = _numbers(name, raw)
        odd = raw[(raw != 0.0) & (raw != 1.0)]
        if odd.size:
            raise DataError(f"{name} holds {odd[0]:g}; it must hold True and False.")
    return raw.astype(np.bool_)


def _numbers(name: str, values: Any) -> Array:
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{name} must be numbers, one a spell ({error}).") from error
    if array.ndim != 1:
        raise DataError(f"{name} has {array.ndim} dimensions; it must have one, a value a spell.")
    bad = np.flatnonzero(~np.isfinite(array))
    if bad.size:
        raise DataError(
            f"{name} is {array[bad[0]]} at position {bad[0]}; drop the spell or repair its value."
        )
    return array


def kaplan_meier(
    durations: Any,
    observed: Any,
    *,
    entry: Any = None,
    ci_prob: float = 0.95,
) -> pd.DataFrame:
    r"""Kaplan-Meier survival curve with Greenwood errors and log-log bands.

    .. math::
        S(t) = \prod_{s \le t} (1 - d_s / n_s), \qquad
        \operatorname{Var} S(t) = S(t)^2 \sum_{s \le t} \frac{d_s}{n_s (n_s - d_s)}

    with d endings among n spells at risk. The band is ``S ** exp(+-z sd(log(-log S)))``, which
    stays within 0 and 1.

    Parameters
    ----------
    durations : array_like of shape (n,)
        Positive durations in any unit, counted from the beginning of the spell.
    observed : array_like of bool of shape (n,)
        True where the spell was seen to end, False where it is right-censored.
    entry : array_like of shape (n,), optional
        Age at which each spell came under observation (left truncation): it is at risk after that
        age only. None or 0: seen from its beginning.
    ci_prob : float, default 0.95
        Pointwise probability of the band.

    Returns
    -------
    DataFrame
        Indexed by ``time``: 0 and every distinct duration. ``at_risk`` (spells under observation
        just before), ``events`` (endings), ``survival``, ``std_error``, ``lower``, ``upper``. A
        spell censored at t is at risk at t. There is no band where the curve is 1 or 0, and no
        error where it is 0: Greenwood's variance says nothing there.

    Raises
    ------
    DataError
        If there are no durations, or one is not positive, missing, or not above its entry age.
    ModelError
        If ``ci_prob`` is not a probability.

    Notes
    -----
    With left truncation the curve is conditional on survival to the smallest entry age, and where
    few spells are at risk early it may fall to 0 while later ones are still watched.

    References
    ----------
    Kaplan, E. L. and P. Meier (1958). Nonparametric estimation from incomplete observations.
    Journal of the American Statistical Association 53, 457-481.

    Kalbfleisch, J. D. and R. L. Prentice (2002). The Statistical Analysis of Failure Time Data,
    2nd ed., section 1.4. Wiley.

    Examples
    --------
    >>> curve = kaplan_meier([6, 6, 6, 6, 7, 9, 10, 10], [1, 1, 1, 0, 1, 0, 1, 0])
    >>> curve["survival"].round(4).to_dict()
    {0.0: 1.0, 6.0: 0.625, 7.0: 0.4688, 9.0: 0.4688, 10.0: 0.2344}
    """
    z = check_interval(ci_prob)
    time, start = check_durations(durations, entry)
    ended = check_flags("observed", observed, time.size)
    at, at_risk, (events,) = risk_table(time, [ended], start)
    survival, greenwood = product_limit(at_risk, events)
    known = np.isfinite(greenwood)
    std_error = np.where(known, survival * np.sqrt(np.where(known, greenwood, 0.0)), np.nan)
    lower, upper = log_log_band(survival, std_error, z)
    return pd.DataFrame(
        {
            "at_risk": at_risk,
            "events": events,
            "survival": survival,
            "std_error": std_error,
            "lower": lower,
            "upper": upper,
        },
        index=pd.Index(at, name="time"),
    )


def risk_table(
    time: Array, kinds: list[BoolArray], start: Array
) -> tuple[Array, npt.NDArray[np.int64], list[npt.NDArray[np.int64]]]:
    """Times (0 and the distinct durations), spells at risk, and endings of every kind."""
    at = np.concatenate([[0.0], np.unique(time)])
    begun = np.searchsorted(np.sort(start), at, side="left")
    gone = np.searchsorted(np.sort(time), at, side="left")
    at_risk = begun - gone
    at_risk[0] = int(np.sum(start == 0.0))
    counts = [
        np.bincount(np.searchsorted(at, time[kind]), minlength=at.size).astype(np.int64)
        for kind in kinds
    ]
    return at, at_risk.astype(np.int64), counts


def product_limit(
    at_risk: npt.NDArray[np.int64], events: npt.NDArray[np.int64]
) -> tuple[Array, Array]:
    """Survival and Greenwood's sum, which is infinite from where all at risk ended."""
    n = np.maximum(at_risk, 1).astype(np.float64)
    survival = np.cumprod(1.0 - events / n)
    left = n - events
    terms = np.where(left > 0.0, events / (n * np.maximum(left, 1.0)), np.inf)
    return np.asarray(survival), np.cumsum(terms)


def log_log_band(survival: Array, std_error: Array, z: float) -> tuple[Array, Array]:
    """Band of a survival curve, symmetric in log(-log S); NaN where S is 0 or 1."""
    inside = (survival > 0.0) & (survival < 1.0) & np.isfinite(std_error)
    s = np.where(inside, survival, 0.5)
    width = z * np.where(inside, std_error, 0.0) / (s * -np.log(s))
    # An exponent above 700 would overflow; the bound is 0 or 1 long before.
    spread = np.exp(np.minimum(width, 700.0))
    lower, upper = s**spread, s ** (1.0 / spread)
    return np.where(inside, lower, np.nan), np.where(inside, upper, np.nan)


def survival_at(curve: pd.DataFrame, horizons: Any) -> pd.DataFrame:
    """Read a survival curve at given durations.

    Parameters
    ----------
    curve : DataFrame
        From `kaplan_meier`.
    horizons : array_like of shape (m,)
        Durations in the unit of the curve.

    Returns
    -------
    DataFrame
        By ``horizon``: ``at_risk`` (spells still under observation just before the next time of
        the curve), ``survival``, ``std_error``, ``lower``, ``upper``. NaN beyond the longest
        duration unless the curve has come down to 0: nothing was watched there.
    """
    at = np.atleast_1d(np.asarray(horizons, dtype=np.float64))
    times = curve.index.to_numpy(dtype=np.float64)
    out = curve.iloc[np.searchsorted(times, at, side="right") - 1]
    out = out[["at_risk", "survival", "std_error", "lower", "upper"]].copy()
    out.index = pd.Index(at, name="horizon")
    following = np.searchsorted(times, at, side="left")
    watched = following < times.size
    risk = curve["at_risk"].to_numpy()[np.minimum(following, times.size - 1)]
    out["at_risk"] = np.where(watched, risk, 0)
    unknown = ~watched & (out["survival"].to_numpy() > 0.0)
    out.loc[unknown, ["survival", "std_error", "lower", "upper"]] = np.nan
    return out


def median_duration(curve: pd.DataFrame) -> MedianDuration:
    """Median of a survival curve with the interval that its band implies.

    Parameters
    ----------
    curve : DataFrame
        From `kaplan_meier`.

    Returns
    -------
    MedianDuration

    References
    ----------
    Brookmeyer, R. and J. Crowley (1982). A confidence interval for the median survival time.
    Biometrics 38, 29-41.

    Examples
    --------
    >>> curve = kaplan_meier([1, 2, 3, 4, 5, 6, 7, 8], [1] * 8)
    >>> median_duration(curve)
    MedianDuration(estimate=4.0, lower=1.0, upper=7.0)
    """
    times = curve.index.to_numpy(dtype=np.float64)
    survival, lower, upper = (curve[c].to_numpy() for c in ("survival", "lower", "upper"))

    def first(reached: BoolArray, otherwise: float) -> float:
        return float(times[reached.argmax()]) if reached.any() else otherwise

    fallen = survival < 1.0
    # Only a bound above one half excludes a median; the last time watched bounds it from below.
    low = first(fallen & ~(lower > _HALF), float(times[-1]))
    if not fallen.any() or survival[fallen.argmax()] == 0.0:
        low = 0.0
    return MedianDuration(first(survival <= _HALF, np.inf), low, first(upper <= _HALF, np.inf))


def cumulative_incidence(
    durations: Any,
    endings: Any,
    *,
    names: tuple[str, ...],
    entry: Any = None,
    ci_prob: float = 0.95,
) -> pd.DataFrame:
    r"""Aalen-Johansen cumulative incidence of competing endings.

    .. math::
        F_j(t) = \sum_{s \le t} S(s-) \frac{d_{js}}{n_s}

    is the probability of having ended in way j by t while the other ways are at work; with the
    survival curve the incidences add up to one.

    Parameters
    ----------
    durations : array_like of shape (n,)
        Positive durations from the beginning of the spell.
    endings : array_like of str of shape (n,)
        The way in which each spell ended, one of ``names``; "" where it is right-censored.
    names : tuple of str
        The ways to end.
    entry : array_like of shape (n,), optional
        Ages at which spells came under observation; see `kaplan_meier`.
    ci_prob : float, default 0.95
        Pointwise probability of the bands.

    Returns
    -------
    DataFrame
        Indexed by ``time`` (0 and every distinct duration): for every name the incidence ``name``
        and ``name_std_error``, ``name_lower``, ``name_upper``. Errors are the delta method's; bands
        are those of `kaplan_meier` for ``1 - F``, so that one single ending gives its mirror image.
        There is no band where the incidence is 0 or 1.

    Raises
    ------
    DataError
        If the durations cannot be used, or an ending is not among ``names``.

    References
    ----------
    Aalen, O. O. and S. Johansen (1978). An empirical transition matrix for non-homogeneous Markov
    chains based on censored observations. Scandinavian Journal of Statistics 5, 141-150.

    Marubini, E. and M. G. Valsecchi (1995). Analysing Survival Data from Clinical Trials and
    Observational Studies, equation 10.12. Wiley.

    Examples
    --------
    >>> frame = cumulative_incidence([1, 2, 3, 4], ["a", "b", "", "a"], names=("a", "b"))
    >>> frame.loc[4.0, ["a", "b"]].to_dict()
    {'a': 0.75, 'b': 0.25}
    """
    z = check_interval(ci_prob)
    time, start = check_durations(durations, entry)
    labels = np.asarray(endings, dtype=object)
    if labels.shape != time.shape:
        raise DataError(f"endings has shape {labels.shape}; it must be {time.shape}.")
    unknown = [label for label in labels if label not in ("", *names)]
    if unknown:
        raise DataError(f"An ending is {unknown[0]!r}; it must be one of {('', *names)}.")
    at, at_risk, kinds = risk_table(time, [labels == name for name in names], start)
    total = np.sum(kinds, axis=0)
    survival, _ = product_limit(at_risk, total)
    before = np.concatenate([[1.0], survival[:-1]])
    columns: dict[str, Array] = {}
    for name, events in zip(names, kinds, strict=True):
        incidence, std_error = _incidence(before, at_risk, events, total)
        low, high = log_log_band(1.0 - incidence, std_error, z)
        columns[name] = incidence
        columns |= {f"{name}_std_error": std_error, f"{name}_lower": 1.0 - high}
        columns[f"{name}_upper"] = 1.0 - low
    return pd.DataFrame(columns, index=pd.Index(at, name="time"))


def _incidence(
    before: Array,
    at_risk: npt.NDArray[np.int64],
    events: npt.NDArray[np.int64],
    total: npt.NDArray[np.int64],
) -> tuple[Array, Array]:
    """Incidence of one ending and its standard error."""
    n = np.maximum(at_risk, 1).astype(np.float64)
    incidence = np.cumsum(before * events / n)
    left = n - total
    # Where all at risk end, the incidence never moves again and the term has weight zero.
    hazard = np.where(left > 0.0, total / (n * np.maximum(left, 1.0)), 0.0)
    own = before * events / n**2
    variance = (
        incidence**2 * np.cumsum(hazard)
        - 2.0 * incidence * np.cumsum(incidence * hazard)
        + np.cumsum(incidence**2 * hazard)
        + np.cumsum(before**2 * events * (n - events) / n**3)
        - 2.0 * incidence * np.cumsum(own)
        + 2.0 * np.cumsum(incidence * own)
    )
    return incidence, np.sqrt(np.maximum(variance, 0.0))
