"""A change at a date known beforehand: test, and Forbes and Rigobon's diagnostic."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from regimecorr.inference.constancy.inputs import Sample, check_sides, correlation, split_row
from regimecorr.inference.constancy.options import Options
from regimecorr.inference.constancy.result import LEVELS, ConstancyTest, by_level
from regimecorr.kernels.constancy import change_values
from regimecorr.models.base import Array


def _sides(values: Array, row: int, names: tuple[str, ...], *, distinct: bool) -> list[Array]:
    """Split the rows (n, 2) at a date, both parts checked."""
    before, after = np.split(values, [row])
    check_sides({"before the date": before, "from the date on": after}, names, distinct=distinct)
    return [before, after]


def known_date(sample: Sample, options: Options) -> ConstancyTest:
    """Difference of Fisher's z before and after a date over its standard error."""
    row = split_row(sample.returns.index, options.date, "known_date")
    _sides(sample.z, row, sample.names, distinct=True)
    n, notes = sample.n_obs, sample.notes()
    before, after, v0, v1 = (float(v) for v in change_values(sample.x, sample.y, row))
    variance, df = sum_of_variances((v0, v1), (row, n - row))
    if not options.robust:
        variance, df = 1.0 / (row - 3) + 1.0 / (n - row - 3), np.inf
        notes.append(
            "textbook form: Fisher's error takes the residuals for normal; fat tails make it "
            "reject far too often"
        )
    notes.append("a date read off these data is not a known one: use sup_lm or fluctuation")
    error = float(np.sqrt(variance))
    statistic = float(np.arctanh(after) - np.arctanh(before)) / error
    return ConstancyTest(
        method="known_date",
        statistic=statistic,
        pvalue=_two_sided(statistic, df),
        null=f"the correlation is the same before and after ({sample.r:+.3f})",
        alternative=f"it changes, here from {before:+.3f} to {after:+.3f}",
        distribution="normal" if np.isinf(df) else f"Student's t({df:.0f})",
        critical_values=by_level([_quantile(1.0 - 0.5 * level, df) for level in LEVELS]),
        robust=options.robust,
        names=sample.names,
        n_obs=n,
        details=pd.Series(
            {
                "before": before,
                "after": after,
                "error": error,
                "df": df,
                "rows before": float(row),
                "rows after": float(n - row),
            }
        ),
        dates=(sample.date(row),),
        notes=tuple(notes),
    )


def without_bias(variance: float, n: int) -> tuple[float, float]:
    """Long-run variance of n delete-one values without its bias, and its degrees of freedom.

    Bartlett's estimate from n values without memory, about their mean, is ``1 - b / n`` of the
    truth, b its bandwidth ln n. Its own variance, over the square of the truth, is ``(6 + 2 W) /
    n``: W is the sum of the squared weights of all lags, and 6 the excess kurtosis of the values of
    a normal pair, which are products of two independent normals whatever the correlation. So it has
    ``n / (3 + W)`` degrees of freedom, half of the ``1.5 n / b`` that it has for normal values;
    with these, p-values below .001 come up to twice too often (252 rows against 90).
    """
    b = int(np.log(n))
    weights = (2.0 * b * b + 1.0) / (3.0 * b)
    return variance * n / (n - b), n / (3.0 + weights)


def sum_of_variances(variances: tuple[float, float], rows: tuple[int, int]) -> tuple[float, float]:
    """Sum of two such variances, each `without_bias`, and Satterthwaite's degrees of freedom."""
    own = [without_bias(variance, n) for variance, n in zip(variances, rows, strict=True)]
    total = sum(v for v, _ in own)
    return float(total), float(total**2 / sum(v * v / df for v, df in own))


def _two_sided(statistic: float, df: float) -> float:
    below = -abs(statistic)
    return float(2.0 * (ndtr(below) if np.isinf(df) else stdtr(df, below)))


def _quantile(share: float, df: float) -> float:
    return float(ndtri(share) if np.isinf(df) else stdtrit(df, share))


def adjusted_correlation(r: float, calm: Array, crisis: Array) -> tuple[float, float]:
    """Correlation of a crisis less what a larger variance of the source adds, and that variance.

    ``r / sqrt(1 + d (1 - r^2))`` with d the relative rise of the variance from calm to crisis
    (Forbes and Rigobon 2002, equation 11); d is returned as well.
    """
    rise = float(crisis.var() / calm.var()) - 1.0
    return float(r / np.sqrt(1.0 + rise * (1.0 - r * r))), rise


def forbes_rigobon(sample: Sample, residuals: Sample | None, options: Options) -> ConstancyTest:
    """Forbes and Rigobon's adjustment, with betas and the correlations of residuals beside it.

    ``sample`` holds the returns themselves, ``residuals`` the residuals of their margins.
    """
    row = split_row(sample.returns.index, options.date, "forbes_rigobon")
    parts = _sides(sample.returns.to_numpy(dtype=float), row, sample.names, distinct=False)
    calm, crisis = (correlation(part) for part in parts)
    figures = {"before": calm, "after": crisis}
    for k, name in enumerate(sample.names):
        adjusted, rise = adjusted_correlation(crisis, parts[0][:, k], parts[1][:, k])
        figures[f"after, adjusted, shock in {name}"] = adjusted
        figures[f"variance ratio of {name}"] = 1.0 + rise
    for label, part in zip(("before", "after"), parts, strict=True):
        scale = part[:, 0].std() / part[:, 1].std()
        figures[f"beta {label}"] = correlation(part) * float(scale)
    if residuals is not None:
        for label, part in zip(("before", "after"), np.split(residuals.z, [row]), strict=True):
            figures[f"residuals {label}"] = correlation(part)
    source = sample.names[1]
    statistic = figures[f"after, adjusted, shock in {source}"] - calm
    return ConstancyTest(
        method="forbes_rigobon",
        statistic=statistic,
        pvalue=None,
        null="the adjusted correlation is the same before and after",
        alternative=f"it differs, here {calm:+.3f} before and {statistic + calm:+.3f} after",
        distribution=f"adjusted correlation after less that before, shock in {source}",
        critical_values=pd.Series(dtype=float),
        robust=False,
        names=sample.names,
        n_obs=sample.n_obs,
        details=pd.Series(figures),
        dates=(sample.date(row),),
        notes=(
            "a diagnostic without a p-value",
            f"valid only if the shock begins in {source} and no common factor moves both; "
            "otherwise compare the betas and the correlations of the residuals",
        ),
    )
