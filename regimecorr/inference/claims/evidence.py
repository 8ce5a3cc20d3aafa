"""What the trial of one claim brings to light."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from regimecorr.models.base import Array

_NAN = float("nan")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evidence:
    """Evidence for or against one claim.

    Attributes
    ----------
    test : str
        What was tested, in words: estimate and null hypothesis.
    estimate, lower, upper : float
        The figure that the claim speaks about, with its 95 % interval.
    statistic : float
        Studentised evidence for the claim, larger is more: (estimate - null) / standard error.
    replicates : ndarray of shape (n_boot,)
        The same statistic in samples in which the null hypothesis holds (centred bootstrap, or
        histories of a null world), made with the sample's common random numbers, -inf where a
        sample has no such figure; empty if the claim has no statistic.
    pvalue : float
        One-sided: chance of such evidence for the claim if the null hypothesis holds.
    min_pvalue : float
        The smallest p-value that the test can reach with these data.
    power : float
        Chance to reject the null hypothesis at 5 % if the claim is true; NaN where it cannot be
        computed.
    contradicted : bool
        Whether the data refute the claim (its own count fails, or its interval excludes it).
    uninformative : str
        Why the test cannot tell, whatever its p-value; empty if it can.
    out_of_sample : str
        What later data say; empty without any.
    note : str
        What a reader must know.
    """

    test: str
    estimate: float = _NAN
    lower: float = _NAN
    upper: float = _NAN
    statistic: float = _NAN
    replicates: Array = field(default_factory=lambda: np.empty(0), repr=False)
    pvalue: float = _NAN
    min_pvalue: float = _NAN
    power: float = _NAN
    contradicted: bool = False
    uninformative: str = ""
    out_of_sample: str = ""
    note: str = ""


#: A test takes the sample and the claim's options.
ClaimTest: TypeAlias = Callable[..., Evidence]


def missing(what: str, test: str) -> Evidence:
    """Evidence of a claim whose data were not given."""
    return Evidence(test=test, uninformative=f"not tested: {what}")


def upper_tail(statistic: float, replicates: Array) -> tuple[float, float]:
    """One-sided p-value ``(1 + #{t* >= t}) / (B + 1)``, and the smallest that it can be."""
    if replicates.size == 0 or not np.isfinite(statistic):
        return _NAN, _NAN
    least = 1.0 / (replicates.size + 1.0)
    return float((1.0 + np.sum(replicates >= statistic)) * least), least


def from_bootstrap(
    estimate: float, replicates: Array, *, null: float = 0.0, sign: float = 1.0, **rest: Any
) -> Evidence:
    """Evidence of an estimate by its bootstrap replicates (n_boot,), which scatter around it.

    The claim is ``sign * (estimate - null) > 0``. The interval is the percentile interval; the
    null distribution is that of the replicates around the estimate, over their standard deviation.
    """
    known = replicates[np.isfinite(replicates)]
    if known.size < 20 or not np.isfinite(estimate):
        return Evidence(uninformative="too few usable bootstrap samples", estimate=estimate, **rest)
    error = float(known.std(ddof=1))
    if error == 0.0:
        return Evidence(
            uninformative="the figure does not vary over bootstrap samples",
            estimate=estimate,
            **rest,
        )
    statistic = sign * (estimate - null) / error
    # A sample without the figure would not have rejected.
    centred = np.where(np.isfinite(replicates), sign * (replicates - estimate) / error, -np.inf)
    pvalue, least = upper_tail(statistic, centred)
    lower, upper = np.quantile(known, [0.025, 0.975])
    beyond = upper <= null if sign > 0 else lower >= null
    return Evidence(
        estimate=estimate,
        lower=float(lower),
        upper=float(upper),
        statistic=statistic,
        replicates=centred,
        pvalue=pvalue,
        min_pvalue=least,
        contradicted=bool(beyond),
        **rest,
    )
