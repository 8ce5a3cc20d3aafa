"""Does a predictor go with an outcome? Exact, permutation and Firth tests of tiny samples."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain, combinations
from math import comb
from typing import Literal, NamedTuple, TypeAlias, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import linalg, optimize, special, stats
from scipy.stats import contingency

from regimecorr.errors import EstimationError, ModelError
from regimecorr.formatting import MISSING
from regimecorr.models.base import Array, RandomState, check_count

Alternative: TypeAlias = Literal["two-sided", "greater", "less"]

_MAX_ARRANGEMENTS = 100_000
_CHUNK = 1_000_000  # numbers held at once while labels are shuffled
_COLUMNS = ["estimate", "lower", "upper", "pvalue", "min_pvalue"]
_ROWS = ["fisher", "permutation", "firth"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Association:
    """Tests of a predictor against a binary outcome, with the smallest p-values they can give.

    Attributes
    ----------
    table : DataFrame
        Rows ``fisher`` (conditional odds ratio), ``permutation`` (mean of the predictor where the
        outcome is 1, less that where it is 0) and ``firth`` (log odds per unit of the predictor);
        columns ``estimate``, ``lower``, ``upper`` (two-sided, 1 - alpha), ``pvalue`` and
        ``min_pvalue``, the p-value of the most extreme arrangement of the same outcomes and
        predictors. NaN where a test has no such figure: Fisher's with a score of more than two
        values, the limits of the difference with a binary predictor (it cannot be shifted).
    counts : DataFrame or None
        The 2 x 2 table of a binary predictor (rows, 1 first) and the outcome (columns, 1 first).
    n_obs, n_arrangements : int
        Trials; arrangements of the labels behind the permutation row.
    exact : bool
        Whether these are all arrangements there are, or a random draw.
    alternative, alpha : str, float
        As passed: the alternative of all p-values, the level of the tests.
    """

    table: pd.DataFrame = field(repr=False)
    counts: pd.DataFrame | None
    n_obs: int
    n_arrangements: int
    exact: bool
    alternative: Alternative
    alpha: float

    @property
    def attainable(self) -> bool:
        """Whether an exact test (Fisher, permutation) could reach ``alpha`` at all."""
        return bool(self.table.loc[["fisher", "permutation"], "min_pvalue"].min() <= self.alpha)

    def __repr__(self) -> str:
        p = ", ".join(f"{name} {value:.3f}" for name, value in self.table["pvalue"].items())
        return f"<Association: {self.n_obs} trials, p-values: {p}>"

    def summary(self) -> str:
        """Return the table with what it can and cannot show."""
        how = "all" if self.exact else "a sample of"
        return (
            f"{self.n_obs} trials, {self.alternative} tests\n"
            f"{self.table.to_string(float_format='{:.4g}'.format, na_rep=MISSING)}\n"
            f"Permutation: {how} {self.n_arrangements:,} arrangements of the labels.\n"
            f"{self._reach()}"
        )

    def _reach(self) -> str:
        least = self.table["min_pvalue"].dropna()
        short = least[least > self.alpha]
        if short.empty:
            return f"All tests can reach {self.alpha:g} with these margins."
        figures = ", ".join(f"{name} {p:.3g}" for name, p in short.items())
        out = f"Smallest attainable p-value: {figures}, above {self.alpha:g}: by this the rule "
        out += "cannot reach the level even if it never failed."
        if not self.attainable and "firth" not in short:
            out += "\nFirth's p-value is an approximation and no evidence where no exact test can."
        return out


def test_association(
    outcome: npt.ArrayLike,
    predictor: npt.ArrayLike,
    *,
    alternative: Alternative = "two-sided",
    alpha: float = 0.05,
    n_perm: int = 9999,
    rng: RandomState = 0,
) -> Association:
    r"""Test a binary predictor or a score against a binary outcome in a small sample.

    Three tests. Fisher's exact test conditions on both margins. The permutation test shuffles the
    outcomes among the trials and compares the difference of means; up to 100,000 arrangements are
    enumerated, more are sampled with p-value :math:`(1 + \#)/(B + 1)`. Firth's logistic regression
    maximises :math:`\ell(\beta) + \frac12 \ln |I(\beta)|`, finite when the predictor separates the
    outcomes, with p-value and limits from the profile of the penalised likelihood (chi-square, an
    approximation; one-sided by its signed root).

    Every test comes with the smallest p-value that its margins allow: with 3 successes and 2
    failures a perfect predictor has p = 1/10, so no rule can reach 5 % there.

    Parameters
    ----------
    outcome : array_like of shape (n,)
        0 and 1, or booleans.
    predictor : array_like of shape (n,)
        Booleans, two values (recoded 0 and 1, the larger being 1) or a numeric score, known
        before the outcome.
    alternative : {"two-sided", "greater", "less"}, default "two-sided"
        "greater": large values of the predictor go with the outcome 1. The limits are two-sided
        whatever it is.
    alpha : float, default 0.05
        Level of the tests; the limits have mass 1 - alpha. Those of a score's difference of
        means invert the permutation tests of a constant shift: infinite for few arrangements.
    n_perm : int, default 9999
        Arrangements that are drawn where there are too many to enumerate, at least 99.
    rng : int, Generator or None, default 0
        Seed or generator, for the draws only.

    Returns
    -------
    Association

    Raises
    ------
    ModelError
        If values are missing or not numeric, the outcome is not binary, or either is constant.

    References
    ----------
    Firth, D. (1993). Bias reduction of maximum likelihood estimates. Biometrika 80, 27-38. Heinze,
    G. and Schemper, M. (2002). A solution to the problem of separation in logistic regression.
    Statistics in Medicine 21, 2409-2419.

    Examples
    --------
    >>> from regimecorr.inference.association import test_association
    >>> rule = test_association([1, 1, 1, 0, 0], [1, 1, 1, 0, 0])
    >>> rule.table.loc["fisher", ["pvalue", "min_pvalue"]].round(3).tolist()
    [0.1, 0.1]
    >>> rule.attainable
    False
    """
    _check_options(alternative, alpha, n_perm)
    y, x = _check_sample(outcome, predictor)
    levels = np.unique(x)
    binary = levels.size == 2
    counts, fisher = None, [np.nan] * 5
    if binary:
        x = (x == levels[1]).astype(float)
        pair = pd.DataFrame({"predictor": x, "outcome": y}, dtype=int)
        counts = pd.crosstab(pair["predictor"], pair["outcome"]).iloc[::-1, ::-1]
        fisher = _fisher(counts.to_numpy(), alternative, alpha)
    drawn = _arrangements(y, x, n_perm, np.random.default_rng(rng))
    permutation = _permutation(y, x, drawn, alternative, alpha)
    if binary:
        permutation[1:3] = [np.nan, np.nan]
    rows = [fisher, permutation, _firth(y, x, alternative, alpha)]
    table = pd.DataFrame(rows, index=_ROWS, columns=_COLUMNS)
    n_arrangements = drawn.differences.size - (0 if drawn.exact else 1)
    return Association(table, counts, y.size, n_arrangements, drawn.exact, alternative, alpha)


test_association.__test__ = False  # type: ignore[attr-defined]


def _fisher(table: npt.NDArray[np.int64], alternative: Alternative, alpha: float) -> list[float]:
    """Conditional odds ratio with exact limits, p-value and its minimum."""
    ratio = contingency.odds_ratio(table, kind="conditional")
    limits = ratio.confidence_interval(confidence_level=1.0 - alpha)
    # The hypergeometric law has one mode: the least likely table is at an end of its support.
    (a, b), (c, d) = table
    ends = [table + s * np.array([[1, -1], [-1, 1]]) for s in (min(b, c), -min(a, d))]
    p = [stats.fisher_exact(each, alternative=alternative).pvalue for each in (table, *ends)]
    figures = ratio.statistic, limits.low, limits.high, p[0], min(p[1:])
    return [float(figure) for figure in figures]


class _Arrangements(NamedTuple):
    """Successes left in place and difference of means, by arrangement; draws begin with our own."""

    overlap: Array
    differences: Array
    exact: bool


def _arrangements(y: Array, x: Array, n_perm: int, rng: np.random.Generator) -> _Arrangements:
    n, ones = y.size, round(float(y.sum()))
    x, fewer = x - x.mean(), min(ones, n - ones)
    if exact := comb(n, ones) <= _MAX_ARRANGEMENTS:
        members = np.fromiter(chain.from_iterable(combinations(range(n), fewer)), dtype=np.intp)
        members = members.reshape(-1, fewer)
        overlap, total = y[members].sum(axis=1), x[members].sum(axis=1)
        if fewer != ones:  # the members are the failures; x sums to zero
            overlap, total = ones - overlap, -total
    else:
        overlap, total = np.empty(n_perm + 1), np.empty(n_perm + 1)
        overlap[0], total[0] = ones, y @ x
        size = max(_CHUNK // n, 1)
        for i in range(1, n_perm + 1, size):
            rows = min(size, n_perm + 1 - i)
            labels = rng.permuted(np.tile(y, (rows, 1)), axis=1)
            overlap[i : i + rows], total[i : i + rows] = labels @ y, labels @ x
    return _Arrangements(overlap, total * n / (ones * (n - ones)), exact)


def _permutation(
    y: Array, x: Array, drawn: _Arrangements, alternative: Alternative, alpha: float
) -> list[float]:
    """Difference of means, limits of a constant shift, p-value and its minimum."""
    overlap, differences, exact = drawn
    slack = 1e-10 * float(np.ptp(x))  # equal sums differ by rounding

    def pvalue(value: float) -> float:
        # a sample of arrangements is completed by the one in question
        others = differences if exact else np.append(differences[1:], value)
        if alternative == "two-sided":
            return float((np.abs(others) >= abs(value) - slack).mean())
        side = 1.0 if alternative == "greater" else -1.0
        return float((side * others >= side * value - slack).mean())

    observed = _mean_difference(y, x)
    least = min(pvalue(_mean_difference(labels, x)) for labels in _extremes(y, x))
    # The shift at which an arrangement's difference equals the observed one (the observed
    # arrangement does at any shift); acceptance by a one-sided test is a count of such shifts.
    moved = (y.sum() - overlap) * y.size / (y.sum() * (y.size - y.sum()))
    free = moved > 0.0
    shifts = np.sort((observed - differences[free]) / moved[free])
    rank = int(0.5 * alpha * differences.size + 1e-9) - int((~free).sum())
    lower, upper = (shifts[rank], shifts[-1 - rank]) if rank >= 0 else (-np.inf, np.inf)
    return [observed, float(lower), float(upper), pvalue(observed), least]


def _mean_difference(y: Array, x: Array) -> float:
    return float(x[y == 1.0].mean() - x[y == 0.0].mean())


def _extremes(y: Array, x: Array) -> tuple[Array, Array]:
    """Outcomes that the predictor orders best: successes at its largest, at its smallest."""
    ranks, ones = np.argsort(np.argsort(x, kind="stable")), y.sum()
    return (ranks >= y.size - ones).astype(float), (ranks < ones).astype(float)


def _firth(y: Array, x: Array, alternative: Alternative, alpha: float) -> list[float]:
    """Log odds per unit with profile limits, p-value and its minimum."""
    scale = float(x.std())
    design = np.column_stack([np.ones(y.size), (x - x.mean()) / scale])
    fits = [FirthLogit(design, labels) for labels in (y, *_extremes(y, x))]
    observed, *extreme = (fit.pvalue(1, alternative) for fit in fits)
    lower, upper = fits[0].interval(1, alpha)
    return [fits[0].params[1] / scale, lower / scale, upper / scale, observed, min(extreme)]


class FirthLogit:
    """Logistic regression that maximises the likelihood times Jeffreys' prior (Firth 1993).

    Parameters
    ----------
    design : ndarray of shape (n, p)
        Regressors of full rank, the constant included, each of a size near 1.
    outcome : ndarray of shape (n,)
        Zeros and ones.

    Attributes
    ----------
    params, std_errors : ndarray of shape (p,)
        Estimates, and standard errors from the inverse information.
    loglikelihood : float
        Penalised log-likelihood at the estimates.
    """

    def __init__(self, design: Array, outcome: Array) -> None:
        self._design, self._outcome = design, outcome
        self.params, self.loglikelihood = self._maximise(np.zeros(design.shape[1]), None)
        self.std_errors = np.sqrt(np.diag(linalg.inv(self._penalised(self.params)[3])))

    def ratio(self, j: int, value: float) -> float:
        """Twice the loss of penalised log-likelihood if coefficient j has a given value.

        The others are estimated again; the penalty stays that of the whole design (Heinze and
        Schemper 2002).
        """
        start = self.params.copy()
        start[j] = value
        return max(2.0 * (self.loglikelihood - self._maximise(start, j)[1]), 0.0)

    def pvalue(self, j: int, alternative: Alternative = "two-sided") -> float:
        """Penalised likelihood ratio test that coefficient j is zero."""
        root = float(np.copysign(np.sqrt(self.ratio(j, 0.0)), self.params[j]))
        one_sided = stats.norm.sf(-root if alternative == "less" else root)
        return float(2.0 * stats.norm.sf(abs(root)) if alternative == "two-sided" else one_sided)

    def interval(self, j: int, alpha: float) -> tuple[float, float]:
        """Limits of coefficient j where the profile has fallen by the chi-square quantile."""
        critical = float(stats.chi2.isf(alpha, 1))
        ends = []
        for side in (-1.0, 1.0):
            near, step = float(self.params[j]), side * float(self.std_errors[j])
            while self.ratio(j, near + step) < critical:
                near, step = near + step, 2.0 * step
            inner, outer = sorted((near, near + step))
            end = optimize.brentq(lambda b: self.ratio(j, b) - critical, inner, outer, xtol=1e-12)
            ends.append(float(end))
        return ends[0], ends[1]

    def _maximise(self, start: Array, fixed: int | None) -> tuple[Array, float]:
        """Newton with step halving, over all coefficients but a fixed one."""
        free = [i for i in range(start.size) if i != fixed]
        beta, last = start.copy(), np.inf
        value, score, curvature, information = self._penalised(beta)
        usable = np.isfinite(value) and np.diag(information).min() > 1e-250
        for _ in range(200 if usable else 0):
            step, block = np.zeros(beta.size), np.ix_(free, free)
            if free:
                concave = np.linalg.eigvalsh(curvature[block])[0] > 0.0
                metric = curvature if concave else information
                step[free] = linalg.solve(metric[block], score[free])
            slope = float(score @ step)
            if slope < 1e-18 or 0.5 * last < slope < 1e-10:  # only rounding moves it
                return beta, value
            last = slope
            for halving in min(1.0, 5.0 / np.abs(step).max()) * 0.5 ** np.arange(40):
                candidate = self._penalised(beta + halving * step)
                if candidate[0] >= value + 0.1 * halving * slope - 1e-14 * abs(value):
                    break
            beta = beta + halving * step
            value, score, curvature, information = candidate
        raise EstimationError(
            "Firth's regression did not converge; check the predictor for outliers, or raise alpha."
        )

    def _penalised(self, beta: Array) -> tuple[float, Array, Array, Array]:
        """Penalised log-likelihood, its score, its negative Hessian; the information."""
        eta, y = self._design @ beta, self._outcome
        log_up, log_down = special.log_expit(eta), special.log_expit(-eta)
        root = np.exp(0.5 * (log_up + log_down))
        q, r = linalg.qr(root[:, None] * self._design, mode="economic")
        leverage = (q**2).sum(axis=1)
        residual = np.where(y == 1.0, np.exp(log_down), -np.exp(log_up))
        skew = np.tanh(0.5 * eta)
        score = self._design.T @ (residual - 0.5 * leverage * skew)
        inner = 0.5 * np.outer(skew, skew) * (q @ q.T) ** 2
        inner += np.diag(root**2 * (1.0 + leverage) - 0.5 * leverage * skew**2)
        curvature = self._design.T @ inner @ self._design
        value = np.where(y == 1.0, log_up, log_down).sum() + np.log(np.abs(np.diag(r))).sum()
        return float(value), score, curvature, r.T @ r


def _check_options(alternative: str, alpha: float, n_perm: int) -> None:
    if alternative not in get_args(Alternative):
        raise ModelError(f"alternative={alternative!r}: use 'two-sided', 'greater' or 'less'.")
    if not 0.0 < alpha < 1.0:
        raise ModelError(f"alpha={alpha} must lie between 0 and 1, for example 0.05.")
    check_count("n_perm", n_perm, 99)


def _check_sample(outcome: npt.ArrayLike, predictor: npt.ArrayLike) -> tuple[Array, Array]:
    if (
        isinstance(outcome, pd.Series)
        and isinstance(predictor, pd.Series)
        and not outcome.index.equals(predictor.index)
    ):
        raise ModelError("outcome and predictor have different indices; align them first.")
    y, x = _vector("outcome", outcome), _vector("predictor", predictor)
    if y.size != x.size:
        raise ModelError(f"outcome has {y.size} values and predictor {x.size}; pass one each.")
    if not np.isin(y, (0.0, 1.0)).all():
        raise ModelError(f"outcome has the value {y[~np.isin(y, (0.0, 1.0))][0]:g}; use 0 and 1.")
    for name, values in (("outcome", y), ("predictor", x)):
        if values.size < 2 or np.all(values == values[0]):
            raise ModelError(
                f"{name} has no two different values in {values.size} trials: there is nothing to "
                "associate. Use `proportion` for a record without failures."
            )
    return y, x - x[0]  # a level would cost digits, and says nothing


def _vector(name: str, values: npt.ArrayLike) -> Array:
    try:
        out = np.asarray(values, dtype=float)
    except (TypeError, ValueError) as error:
        raise ModelError(f"{name} is not numeric ({error}); use numbers or booleans.") from error
    if out.ndim != 1:
        raise ModelError(f"{name} has {out.ndim} dimensions; pass one value per trial.")
    if not np.isfinite(out).all():
        raise ModelError(
            f"{name} has {int((~np.isfinite(out)).sum())} values that are missing or infinite; "
            "drop these trials (an outcome not yet known is censored, not a failure)."
        )
    return out
