"""One change at an unknown date: sup-LM and sup-Wald tests."""

from __future__ import annotations

import numpy as np
import pandas as pd

from regimecorr.errors import ModelError
from regimecorr.inference.constancy.fluctuation import (
    long_run_sd,
    prefix_correlations,
    psi_values,
)
from regimecorr.inference.constancy.inputs import Sample, check_sides, correlation
from regimecorr.inference.constancy.options import Options
from regimecorr.inference.constancy.result import ConstancyTest
from regimecorr.inference.constancy.sup_law import sup_critical_values, sup_pvalue
from regimecorr.inference.known_dates import FEWEST_ROWS, squared_sums
from regimecorr.kernels.constancy import wald_path
from regimecorr.models.base import Array


def trimmed_rows(n_obs: int, trim: float) -> tuple[int, int]:
    """Fewest and most rows before a change."""
    first, last = int(np.ceil(trim * n_obs)), int(np.floor((1.0 - trim) * n_obs))
    if first < FEWEST_ROWS:
        raise ModelError(
            f"trim={trim} leaves changes after {first} of {n_obs} rows; at least {FEWEST_ROWS} "
            "are needed on either side. Use a larger trim or a longer sample."
        )
    return first, last


def lm_values(z: Array, first: int, last: int, robust: bool) -> Array:
    """LM statistics (last - first + 1,) of a change after ``first`` .. ``last`` rows of (n, 2)."""
    n = len(z)
    if robust:
        scores = psi_values(z)
        variance = float(long_run_sd(scores)) ** 2
    else:
        u, v = z.T
        r = float(u @ v / n)
        scores = r * (1.0 - r * r) + (1.0 + r * r) * u * v - r * (u * u + v * v)
        scores, variance = scores / (1.0 - r * r) ** 2, (1.0 + r * r) / (1.0 - r * r) ** 2
    return squared_sums(scores, first, last) / variance


def wald_values(z: Array, first: int, last: int, robust: bool) -> Array:
    """Wald statistics (last - first + 1,) on the scale of Fisher's z."""
    if robust:
        x, y = np.ascontiguousarray(z.T)
        path: Array = wald_path(x, y, first, last)
        return path
    n, k = len(z), np.arange(first, last + 1)
    before = prefix_correlations(z)[k - 1]
    after = prefix_correlations(z[::-1])[n - k - 1]
    error = 1.0 / (k - 3) + 1.0 / (n - k - 3)
    return np.asarray((np.arctanh(before) - np.arctanh(after)) ** 2 / error)


def sup_test(sample: Sample, options: Options, lm: bool) -> ConstancyTest:
    """Sup-LM or sup-Wald test."""
    first, last = trimmed_rows(sample.n_obs, options.trim)
    ends = {"at the start": sample.z[:first], "at the end": sample.z[last:]}
    check_sides(ends, sample.names, distinct=not lm)
    values = (lm_values if lm else wald_values)(sample.z, first, last, options.robust)
    row = first + int(values.argmax())
    before, after = (correlation(part) for part in np.split(sample.z, [row]))
    notes = sample.notes()
    if not options.robust:
        notes.append(
            "textbook form: it takes the residuals for normal; fat tails make it reject far too "
            "often"
        )
    elif not lm:
        notes.append("variances are those of delete-one values on either side of each date")
    statistic = float(values.max())
    return ConstancyTest(
        method="sup_lm" if lm else "sup_wald",
        statistic=statistic,
        pvalue=sup_pvalue(statistic, options.trim),
        null=sample.null,
        alternative="it changes once, at an unknown date",
        distribution=f"supremum of a squared tied-down Bessel process, trimming {options.trim:g}",
        critical_values=sup_critical_values(options.trim),
        robust=options.robust,
        names=sample.names,
        n_obs=sample.n_obs,
        details=pd.Series(
            {
                "correlation": sample.r,
                "before": before,
                "after": after,
                "trim": options.trim,
                "row": float(row),
            }
        ),
        dates=(sample.date(row),),
        notes=tuple(notes),
        path=pd.Series(values, index=sample.returns.index[first - 1 : last], name="statistic"),
    )
