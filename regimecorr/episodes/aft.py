"""Accelerated failure time models of durations, Weibull and log-logistic, by maximum likelihood."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, get_args

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import chdtrc, ndtr

from regimecorr.episodes.aft_likelihood import LARGEST, Family, Sample, log_likelihood
from regimecorr.episodes.survival import (
    Array,
    check_durations,
    check_flags,
    check_interval,
)
from regimecorr.errors import DataError, EstimationError, ModelError

# Standard errors, of the log shape and of a standardized effect, above which the likelihood is
# flat for all purposes: its maximum lies at infinity.
_UNIDENTIFIED = (3.0, 100.0)
_UNKNOWN_SCALE = 10.0  # the same of the log scale
_CONVERGED = 1e-7


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class AftFit:
    """A fitted accelerated failure time model.

    Attributes
    ----------
    family : {"weibull", "loglogistic"}
    shape, scale : float
        k, and the time scale of a spell whose covariates are average.
    shape_std_error, scale_std_error : float
        From the observed information, by the delta method.
    shape_interval, scale_interval : tuple of float
        Symmetric on the logarithm.
    effects : DataFrame
        By ``covariate``: ``effect`` (b, change of log duration by unit of the covariate),
        ``std_error``, ``lower``, ``upper``, ``time_ratio`` (``exp(b)``) and ``pvalue`` of b = 0.
    loglikelihood, aic : float
        The likelihood is that of the whole model and AIC counts all parameters.
    """

    family: Family
    shape: float
    scale: float
    shape_std_error: float
    scale_std_error: float
    shape_interval: tuple[float, float]
    scale_interval: tuple[float, float]
    effects: pd.DataFrame
    loglikelihood: float
    aic: float

    def __repr__(self) -> str:
        return f"<AftFit: {self.family}, shape {self.shape:.3f}, scale {self.scale:.4g}>"


@dataclass(frozen=True, slots=True)
class HazardTest:
    """Likelihood ratio test of a constant hazard, shape k = 1, within the Weibull family.

    Attributes
    ----------
    statistic : float
        Twice the gain in log-likelihood of a free shape.
    pvalue : float
        Of the chi-squared distribution with one degree of freedom; two-sided in k.
    """

    statistic: float
    pvalue: float


def fit_aft(
    durations: Any,
    observed: Any,
    *,
    family: Family = "weibull",
    covariates: pd.DataFrame | None = None,
    entry: Any = None,
    grid: float = 0.0,
    ci_prob: float = 0.95,
) -> AftFit:
    r"""Fit an accelerated failure time model to right-censored durations.

    .. math::
        S(t) = \exp(-(t e^{-x'b} / \lambda)^k) \quad\text{(Weibull)}, \qquad
        S(t) = \frac{1}{1 + (t e^{-x'b} / \lambda)^k} \quad\text{(log-logistic)}

    with covariates x measured from their means. A Weibull hazard falls with time if k < 1 (the
    longer a spell has lasted, the less likely it is to end) and rises if k > 1; a log-logistic one
    falls if k <= 1 and otherwise rises first and falls later.

    Parameters
    ----------
    durations : array_like of shape (n,)
        Positive durations from the beginning of the spell.
    observed : array_like of bool of shape (n,)
        True where the spell was seen to end.
    family : {"weibull", "loglogistic"}, default "weibull"
        The distribution.
    covariates : DataFrame of shape (n, p), optional
        Numbers known at the beginning of the spell.
    entry : array_like of shape (n,), optional
        Ages at which spells came under observation; the likelihood is conditional on them.
    grid : float, default 0.0
        Spacing of the times at which spells are looked at. With 0 durations are exact. With g > 0 a
        duration r means an end in (r - g, r], and a censored one r an end after r - g; durations
        counted in rows have ``grid=1``. Taking short counts for exact times biases k upwards.
    ci_prob : float, default 0.95
        Probability of intervals.

    Returns
    -------
    AftFit

    Raises
    ------
    DataError
        If durations, entry ages or covariates cannot be used.
    ModelError
        If an option is outside its range.
    EstimationError
        If the likelihood has no maximum: no spell ended, all ended at the same age, fewer endings
        than the parameters need, or a covariate that separates short spells from long ones.

    References
    ----------
    Kalbfleisch, J. D. and R. L. Prentice (2002). The Statistical Analysis of Failure Time Data,
    2nd ed., chapter 3. Wiley.

    Examples
    --------
    >>> fit = fit_aft([5, 9, 14, 22, 35, 60], [1, 1, 1, 1, 1, 0])
    >>> round(fit.shape, 3), round(fit.scale, 2)
    (1.111, 29.37)
    """
    z = check_interval(ci_prob)
    sample, names, units = _prepare(durations, observed, covariates, entry, grid)
    theta, value, covariance = _maximise(family, sample, names)
    size = len(theta)
    # (log k, k log scale, k b) -> (log k, log scale, b)
    k = float(np.exp(theta[0]))
    turn = np.eye(size)
    turn[1:, 1:] /= k
    turn[1:, 0] = -theta[1:] / k
    errors = np.sqrt(np.diag(turn @ covariance @ turn.T))
    if errors[1] > _UNKNOWN_SCALE:
        raise EstimationError(
            f"The scale is not identified (standard error of its logarithm {errors[1]:.3g}): too "
            "few spells ended for the model."
        )
    scale = float(np.exp(theta[1] / k + sample.center))
    b, b_error = theta[2:] / k / units, errors[2:] / units
    effects = pd.DataFrame(
        {
            "effect": b,
            "std_error": b_error,
            "lower": b - z * b_error,
            "upper": b + z * b_error,
            "time_ratio": np.exp(b),
            "pvalue": 2.0 * ndtr(-np.abs(b / b_error)),
        },
        index=pd.Index(names, name="covariate", dtype=object),
    )
    return AftFit(
        family,
        k,
        scale,
        k * float(errors[0]),
        scale * float(errors[1]),
        _around(k, float(errors[0]), z),
        _around(scale, float(errors[1]), z),
        effects,
        value,
        2.0 * (size - value),
    )


def constant_hazard(
    durations: Any,
    observed: Any,
    *,
    covariates: pd.DataFrame | None = None,
    entry: Any = None,
    grid: float = 0.0,
) -> HazardTest:
    """Test that the hazard is constant (Weibull shape 1) by likelihood ratio.

    Parameters
    ----------
    durations, observed, covariates, entry, grid
        See `fit_aft`.

    Returns
    -------
    HazardTest

    Raises
    ------
    DataError, ModelError, EstimationError
        As `fit_aft`.

    Examples
    --------
    >>> test = constant_hazard([1, 2, 2, 4, 9, 30, 80, 200], [1] * 8)
    >>> test.pvalue < 0.05
    True
    """
    sample, names, _ = _prepare(durations, observed, covariates, entry, grid)
    free = _maximise("weibull", sample, names)[1]
    held = _maximise("weibull", sample, names, free_shape=False)[1]
    statistic = max(2.0 * (free - held), 0.0)
    return HazardTest(statistic, float(chdtrc(1.0, statistic)))


def _around(value: float, error: float, z: float) -> tuple[float, float]:
    return value * float(np.exp(-z * error)), value * float(np.exp(z * error))


def _prepare(
    durations: Any, observed: Any, covariates: pd.DataFrame | None, entry: Any, grid: float
) -> tuple[Sample, list[str], Array]:
    """Sample, names of covariates, and their standard deviations."""
    time, start = check_durations(durations, entry)
    ended = check_flags("observed", observed, time.size)
    if not (np.isfinite(grid) and grid >= 0.0):
        raise ModelError(f"grid={grid!r} must be 0 (exact times) or a positive spacing.")
    before = time - grid
    if before.min() < -1e-9 * grid:
        raise DataError(
            f"A duration is {time.min():g}, shorter than grid={grid:g}; on a grid every duration "
            "is at least one step."
        )
    design, names, units = _design(covariates, time.size)
    n_params = 1 + design.shape[1]
    if ended.sum() < n_params:
        raise EstimationError(
            f"{int(ended.sum())} of {ended.size} spells ended and the model has {n_params} "
            "parameters; more endings are needed."
        )
    if time[ended].min() == time.max():
        raise EstimationError(
            f"Every spell that ended did so after {time.max():g} and none was watched longer, so "
            "the likelihood grows without bound as the shape does."
        )
    center = float(np.log(time).mean())
    reach = np.maximum(before, 0.0)
    low = _relative_log(np.where(reach > 1e-9 * time, reach, 0.0), center)
    high = np.log(time) - center
    # Without a grid, a log density in time is one in log time less the log time.
    jacobian = 0.0 if grid > 0.0 else float(np.sum(np.log(time[ended])))
    entries = _relative_log(start, center)
    sample = Sample(low, high, entries, ended, grid == 0.0, design, center, jacobian)
    return sample, names, units


def _relative_log(values: Array, center: float) -> Array:
    positive = values > 0.0
    return np.where(positive, np.log(np.where(positive, values, 1.0)) - center, -np.inf)


def _design(covariates: pd.DataFrame | None, size: int) -> tuple[Array, list[str], Array]:
    """Intercept and standardized covariates (n, 1 + p), names, standard deviations."""
    if covariates is None or covariates.shape[1] == 0:
        return np.ones((size, 1)), [], np.ones(0)
    names = [str(name) for name in covariates.columns]
    if len(covariates) != size:
        raise DataError(f"covariates has {len(covariates)} rows for {size} durations.")
    try:
        values = covariates.to_numpy(dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"covariates {names} must be numbers ({error}).") from error
    for name, column in zip(names, values.T, strict=True):
        if not np.all(np.isfinite(column)):
            missing = int(np.sum(~np.isfinite(column)))
            raise DataError(
                f"Covariate {name!r} is missing or infinite for {missing} of {size} spells; drop "
                "those spells or the covariate."
            )
        if np.ptp(column) == 0.0:
            raise DataError(f"Covariate {name!r} is {column[0]:g} for every spell; leave it out.")
    units = values.std(axis=0)
    design = np.column_stack([np.ones(size), (values - values.mean(axis=0)) / units])
    if np.linalg.matrix_rank(design) < design.shape[1]:
        raise DataError(
            f"Covariates {names} are linear combinations of one another; leave one out."
        )
    return design, names, units


def _maximise(
    family: Family, sample: Sample, names: list[str], *, free_shape: bool = True
) -> tuple[Array, float, Array]:
    """Optimum (log k, k beta), log-likelihood, covariance.

    In (k, k beta) the log-likelihood without entry ages is concave (Burridge 1981), so there is
    one optimum and any start finds it.
    """
    if family not in get_args(Family):
        raise ModelError(f"family={family!r} is unknown; use one of {', '.join(get_args(Family))}.")
    size = 1 + sample.design.shape[1]
    free = np.arange(size) if free_shape else np.arange(1, size)
    start = np.zeros(size)
    total = np.exp(np.clip(sample.high, None, LARGEST)).sum()
    start[1] = np.log(total / sample.ended.sum())
    base = start.copy()

    @lru_cache(maxsize=4)  # the optimiser asks for value, gradient and Hessian one by one
    def parts(key: bytes) -> tuple[float, Array, Array]:
        theta = base.copy()
        theta[free] = np.frombuffer(key)
        value, gradient, hessian = log_likelihood(family, sample, theta)
        return value, gradient[free], hessian[np.ix_(free, free)]

    found = minimize(
        lambda x: -parts(x.tobytes())[0],
        start[free],
        jac=lambda x: -parts(x.tobytes())[1],
        hess=lambda x: -parts(x.tobytes())[2],
        method="trust-exact",
        options={"gtol": 1e-9 * len(sample.high), "maxiter": 500},
    )
    value, gradient, hessian = parts(found.x.tobytes())
    theta = base.copy()
    theta[free] = found.x
    return theta, value, _covariance(gradient, -hessian, names, free_shape)


def _covariance(gradient: Array, information: Array, names: list[str], free_shape: bool) -> Array:
    """Inverse of the observed information; raises where there is no maximum to speak of."""
    try:
        np.linalg.cholesky(information)
        covariance = np.linalg.inv(information)
    except np.linalg.LinAlgError as error:
        raise EstimationError(
            "The likelihood of the durations is flat or has no maximum; there are too few endings "
            "for the model. Leave out covariates or collect more spells."
        ) from error
    errors = np.sqrt(np.diag(covariance))
    if free_shape and errors[0] > _UNIDENTIFIED[0]:
        raise EstimationError(
            f"The shape is not identified (standard error of its logarithm {errors[0]:.3g}): the "
            "durations hardly differ, or too few spells ended."
        )
    for name, effect_error in zip(names, errors[errors.size - len(names) :], strict=True):
        if effect_error > _UNIDENTIFIED[1]:
            raise EstimationError(
                f"The effect of {name!r} has no finite estimate: it separates spells that ended "
                "from those that did not. Leave it out."
            )
    decrement = 0.5 * float(gradient @ covariance @ gradient)
    if not decrement < _CONVERGED:
        raise EstimationError(
            f"The likelihood of the durations was not maximised: one more step promises "
            f"{decrement:.2g}. Leave out covariates or collect more spells."
        )
    return np.asarray(covariance)
