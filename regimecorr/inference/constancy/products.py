"""Tests on products of whitened residuals: Engle and Sheppard's, Bera and Kim's."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import chdtrc, chdtri

from regimecorr.inference.constancy.inputs import Sample
from regimecorr.inference.constancy.options import Options
from regimecorr.inference.constancy.result import LEVELS, ConstancyTest, by_level
from regimecorr.kernels.chp import maximise_correlation
from regimecorr.kernels.constancy import sign_replicates
from regimecorr.models.base import Array
from regimecorr.models.grid import NU_RANGE
from regimecorr.models.switching.emissions import RHO_LIMIT

_FIRST_NU = 8.0
_CHUNK = 2_000_000


def chi_squared(statistic: float, df: int) -> tuple[float, str, pd.Series]:
    """P-value, name of the law, and critical values."""
    critical = by_level([float(chdtri(df, level)) for level in LEVELS])
    return float(chdtrc(df, statistic)), f"chi-squared({df})", critical


def against(replicates: Array, statistic: float) -> tuple[float, str, pd.Series]:
    """P-value against replicates under the null, name of their law, and critical values."""
    n_boot = len(replicates)
    pvalue = float((1.0 + np.sum(replicates >= statistic)) / (n_boot + 1.0))
    quantiles = np.quantile(replicates, [1.0 - level for level in LEVELS], method="higher")
    return pvalue, f"{n_boot} resamples", by_level(quantiles)


def whitened_products(z: Array) -> Array:
    """Products (n, n_pairs) of residuals (n, N), whitened by the root of their correlation.

    The root is the symmetric one; every column has mean zero over the sample.
    """
    values, vectors = np.linalg.eigh(z.T @ z / len(z))
    e = z @ (vectors / np.sqrt(values)) @ vectors.T
    i, j = np.triu_indices(z.shape[1], 1)
    return np.asarray(e[:, i] * e[:, j])


def regression_statistic(products: Array, lags: int) -> float:
    """Engle and Sheppard's statistic ``d'X'Xd / s2`` of the pooled regression on lags.

    The regression is that of all products on a constant and their own lags.
    """
    n = len(products)
    target = products[lags:].ravel()
    past = [products[lags - k : n - k].ravel() for k in range(1, lags + 1)]
    design = np.column_stack([np.ones(target.size), *past])
    coefficients = np.linalg.lstsq(design, target, rcond=None)[0]
    fitted = design @ coefficients
    residual = target - fitted
    return float(fitted @ fitted / (residual @ residual / (target.size - lags - 1)))


def lagged_products(products: Array, lags: int) -> Array:
    """Sums over pairs of the products of rows t and t - l: (n, lags), zero in the first rows."""
    out = np.zeros((len(products), lags))
    for k in range(1, lags + 1):
        out[k:, k - 1] = np.einsum("tp,tp->t", products[k:], products[:-k])
    return out


def engle_sheppard(sample: Sample, options: Options) -> ConstancyTest:
    """Engle and Sheppard's test (2001)."""
    products = whitened_products(sample.z)
    notes = sample.notes()
    figures = {"lags": float(options.lags), "df": float(options.lags)}
    if options.robust:
        lagged = lagged_products(products, options.lags)
        squares = (lagged**2).sum(axis=0)
        statistic = float((lagged.sum(axis=0) ** 2 / squares).sum())
        draws, size = [], max(1, _CHUNK // sample.n_obs)
        for start in range(0, options.n_boot, size):
            count = min(size, options.n_boot - start)
            signs = options.rng.integers(0, 2, (count, sample.n_obs)) * 2.0 - 1.0
            draws.append(sign_replicates(lagged, squares, signs))
        pvalue, law, critical = against(np.concatenate(draws), statistic)
        figures["n_boot"] = float(options.n_boot)
    else:
        statistic = regression_statistic(products, options.lags)
        pvalue, law, critical = chi_squared(statistic, options.lags)
        notes.append("textbook form: the errors of the regression are taken for homoskedastic")
    for k in range(1, min(options.lags, 5) + 1):
        later, earlier = products[k:].ravel(), products[:-k].ravel()
        figures[f"autocorrelation {k}"] = float(later @ earlier / (products.ravel() ** 2).sum())
    return ConstancyTest(
        method="engle_sheppard",
        statistic=statistic,
        pvalue=pvalue,
        null=sample.null,
        alternative=f"products of residuals follow those of the last {options.lags} rows",
        distribution=law,
        critical_values=critical,
        robust=options.robust,
        names=sample.names,
        n_obs=sample.n_obs,
        details=pd.Series(figures),
        notes=tuple(notes),
    )


def bera_kim(sample: Sample, options: Options) -> ConstancyTest:
    """Bera and Kim's test (2002), and its fourth harmonic under the t law."""
    r, notes = sample.r, sample.notes()
    figures = {"correlation": r}
    if options.robust:
        statistic, nu = fourth_harmonic(sample.z)
        figures["nu"] = nu
        notes.append(
            "holds for elliptical residuals of any tails; residuals that are not (other tails or "
            "tail dependence than the ellipse's) are rejected as well"
        )
    else:
        statistic = information_statistic(sample.z)
        notes.append("textbook form: under fat tails it rejects nearly always, whatever is true")
    pvalue, law, critical = chi_squared(statistic, 1)
    return ConstancyTest(
        method="bera_kim",
        statistic=statistic,
        pvalue=pvalue,
        null=sample.null,
        alternative="it varies at random, with or without memory",
        distribution=law,
        critical_values=critical,
        robust=options.robust,
        names=sample.names,
        n_obs=sample.n_obs,
        details=pd.Series(figures),
        notes=tuple(notes),
    )


def information_statistic(z: Array) -> float:
    """Bera and Kim's statistic for normal residuals (n, 2) of unit variance."""
    n, r = len(z), float(z[:, 0] @ z[:, 1] / len(z))
    product = (z[:, 0] - r * z[:, 1]) * (z[:, 1] - r * z[:, 0]) / (1.0 - r * r)
    excess = float((product**2 - 1.0 - 2.0 * r * r).sum())
    return excess**2 / (4.0 * n * (1.0 + 4.0 * r * r + r**4))


def fourth_harmonic(z: Array) -> tuple[float, float]:
    r"""Studentised sum of :math:`w(q_t) \cos 4\theta_t`, and the estimated degrees of freedom.

    With a and b the principal components of unit variance, :math:`q = a^2 + b^2` and :math:`\theta`
    the angle of (a, b), Bera and Kim's :math:`v_1^2 v_2^2` is :math:`\tfrac18 q^2 (1 + 2 r^2 + \cos
    4\theta - 4 r \cos 2\theta)`. Its mean depends on the tails, through :math:`q^2`; its part in
    :math:`\cos 4\theta` has mean zero under every elliptical law with a constant correlation, and
    the estimates of scale and correlation, which move :math:`\cos 2\theta`, do not enter it to
    first order. The weight :math:`w = (q / (\nu - 2 + q))^2` is that of the information matrix of a
    bivariate t; it grows to :math:`q^2` under normal tails.
    """
    r = float(z[:, 0] @ z[:, 1] / len(z))
    a = (z[:, 0] + z[:, 1]) / np.sqrt(2.0 * (1.0 + r))
    b = (z[:, 0] - z[:, 1]) / np.sqrt(2.0 * (1.0 - r))
    start = float(np.clip(r, -0.95, 0.95))
    nu = float(maximise_correlation(z, start, _FIRST_NU, *NU_RANGE, RHO_LIMIT)[1])
    q = a * a + b * b
    values = (q / (nu - 2.0 + q)) ** 2 * np.cos(4.0 * np.arctan2(b, a))
    return float(values.sum() ** 2 / (values @ values)), nu
