"""Fluctuation tests: Pearson's correlation, Spearman's rho, and the block bootstrap."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import kolmogi, kolmogorov
from scipy.stats import rankdata

from regimecorr.inference.constancy.fluctuation import (
    fluctuation_path,
    long_run_sd,
    psi_values,
    rank_influence,
    rank_products,
    sums_path,
)
from regimecorr.inference.constancy.inputs import Sample, correlation
from regimecorr.inference.constancy.options import Options
from regimecorr.inference.constancy.products import against
from regimecorr.inference.constancy.result import LEVELS, ConstancyTest, Method, by_level
from regimecorr.kernels.constancy import fluctuation_maxima
from regimecorr.models.base import Array, IntArray

_ALTERNATIVE = "it changes at an unknown date, or drifts"
# Resampled rows held in memory at once.
_CHUNK = 2_000_000


def fluctuation(sample: Sample, options: Options) -> ConstancyTest:
    """Wied, Krämer and Dehling's test (2012)."""
    details = {"correlation": sample.r, "D": float(long_run_sd(psi_values(sample.z)))}
    return _kolmogorov("fluctuation", sample, options, fluctuation_path(sample.z), details)


def spearman(sample: Sample, options: Options) -> ConstancyTest:
    """Wied, Dehling, van Kampen and Vogel's test (2014), and that of the influence function.

    In the published form the sums of the products also move with the marginal ranks, which makes
    their variance several times that of Spearman's rho (7 times at independence); the influence
    function leaves that out, as ranks within either part do (Kojadinovic, Quessy and Rohmer 2016).
    """
    values = (rank_influence if options.robust else rank_products)(sample.z)
    details = {
        "spearman": correlation(rankdata(sample.z, axis=0)),
        "D": float(long_run_sd(values)),
    }
    return _kolmogorov("spearman", sample, options, sums_path(values), details)


def _kolmogorov(
    method: Method, sample: Sample, options: Options, path: Array, details: dict[str, float]
) -> ConstancyTest:
    statistic = float(np.abs(path).max())
    return _result(
        method,
        sample,
        options,
        path,
        pvalue=float(kolmogorov(statistic)),
        distribution="Kolmogorov",
        critical_values=by_level(kolmogi(np.array(LEVELS))),
        details=details,
    )


def cusum_bootstrap(sample: Sample, options: Options) -> ConstancyTest:
    """Choi and Shin's test (2019): the fluctuation test with moving blocks of pairs."""
    n, length = sample.n_obs, options.block_length
    path = fluctuation_path(sample.z)
    statistic = float(np.abs(path).max())
    bandwidth = int(np.log(n))
    draws = []
    for count in _chunks(options.n_boot, max(1, _CHUNK // n)):
        rows = moving_blocks(n, length, count, options.rng)
        draws.append(fluctuation_maxima(sample.x, sample.y, rows, bandwidth))
    pvalue, law, critical = against(np.concatenate(draws), statistic)
    return _result(
        "cusum_bootstrap",
        sample,
        options,
        path,
        pvalue=pvalue,
        distribution=f"{law}, blocks of {length} rows",
        critical_values=critical,
        details={
            "correlation": sample.r,
            "D": float(long_run_sd(psi_values(sample.z))),
            "block_length": float(length),
            "n_boot": float(options.n_boot),
        },
    )


def moving_blocks(n: int, length: int, n_boot: int, rng: np.random.Generator) -> IntArray:
    """Rows (n_boot, n) of a moving-block bootstrap (Künsch 1989): blocks do not wrap around."""
    starts = rng.integers(0, n - length + 1, (n_boot, -(-n // length)))
    rows = starts[:, :, None] + np.arange(length)
    return np.ascontiguousarray(rows.reshape(n_boot, -1)[:, :n])


def _chunks(total: int, size: int) -> list[int]:
    return [min(size, total - start) for start in range(0, total, size)]


def _result(
    method: Method,
    sample: Sample,
    options: Options,
    path: Array,
    *,
    pvalue: float,
    distribution: str,
    critical_values: pd.Series,
    details: dict[str, float],
) -> ConstancyTest:
    row = min(int(np.abs(path).argmax()) + 1, sample.n_obs - 1)
    return ConstancyTest(
        method=method,
        statistic=float(np.abs(path).max()),
        pvalue=pvalue,
        null=sample.null
        if method != "spearman"
        else f"Spearman's rho is constant ({details['spearman']:+.3f})",
        alternative=_ALTERNATIVE,
        distribution=distribution,
        critical_values=critical_values,
        robust=options.robust,
        names=sample.names,
        n_obs=sample.n_obs,
        details=pd.Series({**details, "bandwidth": float(int(np.log(sample.n_obs))), "row": row}),
        dates=(sample.date(row),),
        notes=tuple(sample.notes()),
        path=pd.Series(path, index=sample.returns.index, name="fluctuation"),
    )
