"""k of n: what a record of successes says about the next one."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
from scipy import stats

from regimecorr.errors import ModelError
from regimecorr.formatting import MISSING
from regimecorr.models.base import check_count


@dataclass(frozen=True, slots=True, repr=False)
class Proportion:
    """A share of successes with exact and Bayesian intervals.

    All of them take the trials as exchangeable and independent, and their definition as chosen
    before the outcomes were seen.

    Attributes
    ----------
    successes, trials : int
        k and n.
    ci_prob : float
        Mass of the intervals.
    clopper_pearson : tuple of float
        Exact two-sided confidence limits.
    lower, upper : float
        Exact one-sided limits: each alone covers the share with ``ci_prob``.
    jeffreys : tuple of float
        Equal-tailed interval of the posterior Beta(k + 1/2, n - k + 1/2); its lower end is 0
        for k = 0 and its upper end 1 for k = n (Brown, Cai and DasGupta 2001).
    """

    successes: int
    trials: int
    ci_prob: float
    clopper_pearson: tuple[float, float]
    lower: float
    upper: float
    jeffreys: tuple[float, float]

    @property
    def estimate(self) -> float:
        """Share of successes, k / n."""
        return self.successes / self.trials

    @property
    def jeffreys_mean(self) -> float:
        """Posterior mean under Jeffreys' prior: also its probability of the next success."""
        return (self.successes + 0.5) / (self.trials + 1.0)

    @property
    def next_success(self) -> float:
        """Probability of the next success under the uniform prior, (k + 1) / (n + 2)."""
        return (self.successes + 1.0) / (self.trials + 2.0)

    @property
    def table(self) -> pd.DataFrame:
        """Estimate and interval by method; NaN where a method has no such figure."""
        nan = float("nan")
        rows = {
            "clopper_pearson": (self.estimate, *self.clopper_pearson),
            "one_sided": (self.estimate, self.lower, self.upper),
            "jeffreys": (self.jeffreys_mean, *self.jeffreys),
            "next_success": (self.next_success, nan, nan),
        }
        return pd.DataFrame.from_dict(rows, orient="index", columns=["estimate", "lower", "upper"])

    def __repr__(self) -> str:
        return (
            f"<Proportion: {self.successes} of {self.trials}, {100 * self.ci_prob:g} % interval "
            f"[{self.clopper_pearson[0]:.3f}, {self.clopper_pearson[1]:.3f}]>"
        )

    def summary(self) -> str:
        """Return a short text."""
        level = f"{100 * self.ci_prob:g} %"
        return (
            f"{self.successes} of {self.trials} trials succeeded\n"
            f"{self.table.to_string(float_format='{:.3f}'.format, na_rep=MISSING)}\n"
            f"With {level} confidence the share of successes is at least {self.lower:.3f}; "
            f"the next trial succeeds with probability {self.jeffreys_mean:.3f} (Jeffreys' prior) "
            f"or {self.next_success:.3f} (uniform prior)."
        )


def proportion(successes: int, trials: int, ci_prob: float = 0.95) -> Proportion:
    r"""Intervals of a share of successes, and the probability of the next success.

    The exact limits (Clopper and Pearson 1934) are quantiles of beta distributions,

    .. math:: p_L = B^{-1}(\alpha; k, n - k + 1), \qquad p_U = B^{-1}(1 - \alpha; k + 1, n - k),

    with :math:`\alpha` = 1 - ``ci_prob`` for one limit alone and half of it for two; they never
    cover less than they promise. "5 of 5" leaves a share of .549 possible, one-sided at 95 %.

    Parameters
    ----------
    successes : int
        k, at most ``trials``.
    trials : int
        n, at least 1.
    ci_prob : float, default 0.95
        Mass of the intervals.

    Returns
    -------
    Proportion

    Raises
    ------
    ModelError
        If the counts are no counts, or ``ci_prob`` does not lie between 0 and 1.

    References
    ----------
    Clopper, C. J. and Pearson, E. S. (1934). The use of confidence or fiducial limits illustrated
    in the case of the binomial. Biometrika 26, 404-413. Brown, L. D., Cai, T. T. and DasGupta, A.
    (2001). Interval estimation for a binomial proportion. Statistical Science 16, 101-133.

    Examples
    --------
    >>> from regimecorr.inference.proportions import proportion
    >>> record = proportion(5, 5)
    >>> round(record.lower, 3), round(record.jeffreys_mean, 3), round(record.next_success, 3)
    (0.549, 0.917, 0.857)
    """
    check_count("trials", trials)
    check_count("successes", successes, 0)
    if successes > trials:
        raise ModelError(
            f"successes={successes} exceeds trials={trials}; the arguments are successes, trials."
        )
    if not 0.0 < ci_prob < 1.0:
        raise ModelError(f"ci_prob={ci_prob} must lie between 0 and 1, for example 0.95.")
    k, n = int(successes), int(trials)
    tail = 0.5 * (1.0 - ci_prob)
    posterior = stats.beta(k + 0.5, n - k + 0.5)
    return Proportion(
        k,
        n,
        float(ci_prob),
        clopper_pearson=(_lower(k, n, tail), _upper(k, n, tail)),
        lower=_lower(k, n, 2.0 * tail),
        upper=_upper(k, n, 2.0 * tail),
        jeffreys=(
            0.0 if k == 0 else float(posterior.ppf(tail)),
            1.0 if k == n else float(posterior.isf(tail)),
        ),
    )


def _lower(k: int, n: int, tail: float) -> float:
    """Largest share below which k or more successes have at most the tail's probability."""
    return 0.0 if k == 0 else float(stats.beta.ppf(tail, k, n - k + 1))


def _upper(k: int, n: int, tail: float) -> float:
    """Smallest share above which k or fewer successes have at most the tail's probability."""
    return 1.0 if k == n else float(stats.beta.isf(tail, k + 1, n - k))
