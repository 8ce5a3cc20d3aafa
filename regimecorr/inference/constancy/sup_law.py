r"""Law of the sup statistics, simulated: p-values and critical values.

With one parameter sup-LM, sup-Wald and sup-LR have the limit :math:`\sup B(s)^2 / (s (1 - s))`, B
a Brownian bridge, over s from ``trim`` to 1 - ``trim`` (Andrews 1993). The quantiles stand in
``sup_quantiles.json``, made by ``scripts/make_sup_table.py`` without the error of a grid: they are
a little above those simulated on a grid of dates (8.87 against 8.7 to 8.8 at 5 %, trimming .15).
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files

import numpy as np
import pandas as pd
from scipy.special import gammaln

from regimecorr.inference.constancy.result import LEVELS, by_level
from regimecorr.models.base import Array

#: Shares of the rows that may be left out at either end.
TRIM_RANGE = (0.05, 0.25)


@cache
def _table() -> tuple[Array, Array, Array]:
    """Lengths of the ranges (n_trims,), ascending; p-values (n_p,); quantiles (n_trims, n_p)."""
    text = files("regimecorr.inference.constancy").joinpath("sup_quantiles.json").read_text("utf-8")
    read = json.loads(text)
    trims = sorted((float(trim) for trim in read["quantiles"]), reverse=True)
    quantiles = np.array([read["quantiles"][f"{trim:.2f}"] for trim in trims])
    return _length(np.array(trims)), np.array(read["pvalues"]), quantiles


def _length(trim: Array) -> Array:
    """Length of the range of dates in the time in which the process is stationary."""
    return np.asarray(2.0 * np.log((1.0 - trim) / trim))


def _log_tail(statistic: float, length: float) -> float:
    """Logarithm of the probability of a larger supremum (Estrella 2003, one parameter).

    It holds where that probability is small; the probability itself is zero in floating point
    from a statistic of about 1,500.
    """
    half = 0.5 * statistic
    density = 0.5 * np.log(half) - half - gammaln(0.5)
    return float(density + np.log(length * (1.0 - 1.0 / statistic) + 1.0 / half))


def sup_pvalue(statistic: float, trim: float) -> float:
    """P-value of a sup statistic with one parameter.

    Between the simulated quantiles its logarithm is interpolated; beyond the last one (p = .0005)
    the tail follows Estrella's expansion.

    Parameters
    ----------
    statistic : float
    trim : float
        Share of the rows left out at either end, .05 to .25.

    Returns
    -------
    float

    References
    ----------
    Estrella, A. (2003). Critical values and p values of Bessel process distributions: computation
    and application to structural break tests. Econometric Theory 19, 1128-1143.

    Examples
    --------
    >>> from regimecorr.inference.constancy.sup_law import sup_pvalue
    >>> round(sup_pvalue(8.86, 0.15), 3)
    0.05
    """
    lengths, pvalues, quantiles = _table()
    length = float(_length(np.asarray(trim)))
    upper = int(np.clip(np.searchsorted(lengths, length), 1, len(lengths) - 1))
    logs = []
    for row in (upper - 1, upper):
        last = quantiles[row, -1]
        if statistic > last:
            beyond = _log_tail(statistic, lengths[row]) - _log_tail(last, lengths[row])
            logs.append(np.log(pvalues[-1]) + beyond)
        else:
            knots = np.concatenate([[0.0], quantiles[row]])
            logs.append(np.interp(statistic, knots, np.log(np.concatenate([[1.0], pvalues]))))
    share = (length - lengths[upper - 1]) / (lengths[upper] - lengths[upper - 1])
    return float(min(1.0, np.exp((1.0 - share) * logs[0] + share * logs[1])))


def sup_critical_values(trim: float) -> pd.Series:
    """Critical values at 10, 5 and 1 %."""
    lengths, pvalues, quantiles = _table()
    columns = [int(np.flatnonzero(np.isclose(pvalues, level))[0]) for level in LEVELS]
    length = float(_length(np.asarray(trim)))
    return by_level([float(np.interp(length, lengths, quantiles[:, c])) for c in columns])
