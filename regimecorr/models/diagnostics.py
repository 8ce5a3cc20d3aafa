"""Portmanteau tests of what a correlation model leaves in the residuals."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.stats import chi2
from statsmodels.stats.diagnostic import acorr_ljungbox

from regimecorr.errors import ModelError
from regimecorr.models.base import Array, check_count


def whitened(z: Array, correlations: Array) -> Array:
    """Residuals (n_obs, N) multiplied by the symmetric inverse root of their correlations."""
    values, vectors = np.linalg.eigh(correlations)
    turned = np.einsum("tji,tj->ti", vectors, z)
    return np.asarray(np.einsum("tij,tj->ti", vectors, turned / np.sqrt(values)))


def hosking(x: Array, lags: int) -> float:
    """Hosking (1980) multivariate portmanteau of series (n_obs, m)."""
    n = len(x)
    centred = x - x.mean(axis=0)
    inverse = np.linalg.inv(centred.T @ centred / n)
    total = 0.0
    for lag in range(1, lags + 1):
        moment = centred[lag:].T @ centred[:-lag] / n
        total += np.trace(moment.T @ inverse @ moment @ inverse) / (n - lag)
    return float(n**2 * total)


def residual_diagnostics(
    z: Array, correlations: Array, names: Sequence[str], lags: int | Sequence[int]
) -> pd.DataFrame:
    """Test whitened residuals; see `regimecorr.models.dcc.result.DCCResult.diagnostics`."""
    lags = [lags] if isinstance(lags, int) else list(lags)
    for lag in lags:
        check_count("lags", lag)
        if lag >= len(z) // 2:
            raise ModelError(f"lags={lag} are too many for {len(z)} rows.")
    u = whitened(z, correlations)
    rows = []
    for i, j in combinations(range(z.shape[1]), 2):
        product = u[:, i] * u[:, j]
        series = f"{names[i]} x {names[j]}"
        table = acorr_ljungbox(product, lags=lags)
        rows += [("Ljung-Box", series, lag, table.loc[lag, "lb_stat"], lag) for lag in lags]
    size = z.shape[1]
    for label, block in (("Hosking", u), ("Hosking, squares", u**2)):
        rows += [(label, "all", lag, hosking(block, lag), size**2 * lag) for lag in lags]
    table = pd.DataFrame(rows, columns=["test", "series", "lags", "statistic", "df"])
    table["pvalue"] = chi2.sf(table["statistic"], table["df"])
    return table
