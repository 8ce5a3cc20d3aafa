r"""The fluctuation of a correlation over the sample, and its long-run standard deviation.

Wied, Krämer and Dehling compare the correlation of the first j rows with that of all n,

.. math::

    B_j = \frac{j}{\sqrt n} \frac{r_j - r_n}{D}, \qquad 2 \le j \le n,

a Brownian bridge in the limit if the correlation is constant. D is the long-run standard deviation
of the influence function :math:`\psi_t = u_t v_t - \tfrac{r}{2} (u_t^2 + v_t^2)`, u and v the
standardised series; it equals the delta-method matrix of the paper. Samples (..., n, 2) can be
stacked before the last two axes.

References
----------
Wied, D., Krämer, W. and Dehling, H. (2012). Testing for a change in correlation at an unknown
point in time using an extended functional delta method. Econometric Theory 28, 570-589.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata

from regimecorr.indicators.lead_lag import influence
from regimecorr.inference.known_dates import long_run_variance
from regimecorr.models.base import Array


def psi_values(z: Array) -> Array:
    """Influence (..., n) of every row on the correlation of the samples (..., n, 2).

    Full sample: means, variances and correlation are those of all n rows.
    """
    return influence(z[..., 0], z[..., 1])[1]


def long_run_sd(psi: Array, bandwidth: int | None = None) -> Array:
    """Long-run standard deviation D (...) of the influence (..., n): Bartlett, bandwidth ln n."""
    return np.asarray(np.sqrt(long_run_variance(psi, bandwidth)))


def prefix_correlations(z: Array) -> Array:
    """Correlations (..., n) of the first 1, 2, ..., n rows; NaN where a prefix is constant.

    Row j uses rows to j.
    """
    # Centred by the full sample: the sums cancel less.
    x, y = np.moveaxis(z - z.mean(axis=-2, keepdims=True), -1, 0)
    j = np.arange(1, z.shape[-2] + 1)
    sx, sy = np.cumsum(x, axis=-1), np.cumsum(y, axis=-1)
    xx, yy, xy = (np.cumsum(p, axis=-1) for p in (x * x, y * y, x * y))
    vx, vy = xx - sx * sx / j, yy - sy * sy / j
    flat = (vx <= 1e-14 * xx) | (vy <= 1e-14 * yy)
    with np.errstate(divide="ignore", invalid="ignore"):
        r = (xy - sx * sy / j) / np.sqrt(vx * vy)
    return np.where(flat, np.nan, np.clip(r, -1.0, 1.0))


def fluctuation_path(z: Array) -> Array:
    """Path :math:`B_1, ..., B_n` (..., n) of samples (..., n, 2); the last value is 0.

    The statistic is the largest absolute value, critical values those of Kolmogorov's
    distribution: 1.2238, 1.3581, 1.6276 at 10, 5 and 1 %. Row j of the path is zero where the
    first j rows have no correlation, as the first row always.

    Examples
    --------
    >>> import numpy as np
    >>> from regimecorr.inference.constancy.fluctuation import fluctuation_path
    >>> rng = np.random.default_rng(0)
    >>> x, noise = rng.standard_normal((2, 1000))
    >>> y = np.where(np.arange(1000) < 600, x, 0.0) + noise
    >>> path = fluctuation_path(np.column_stack([x, y]))
    >>> bool(np.abs(path).max() > 1.6276), abs(int(np.abs(path).argmax()) - 599) < 30
    (True, True)
    """
    n = z.shape[-2]
    r = prefix_correlations(z)
    d = long_run_sd(psi_values(z))
    path = np.arange(1, n + 1) * (r - r[..., -1:]) / (np.sqrt(n) * d[..., None])
    return np.where(np.isnan(path), 0.0, path)


def rank_products(z: Array) -> Array:
    """Products :math:`12 (1 - F_1) (1 - F_2)` (n,) of a sample (n, 2), F its ranks over n."""
    above = 1.0 - rankdata(z, axis=0) / len(z)
    return np.asarray(12.0 * above[:, 0] * above[:, 1])


def rank_influence(z: Array) -> Array:
    r"""Influence (n,) of every row of a sample (n, 2) on Spearman's rho.

    With :math:`U = F_1, V = F_2` it is :math:`12 ((1 - U_t)(1 - V_t) - A_t - B_t)` less its mean,
    :math:`A_t` the mean over rows s of :math:`1(U_s \ge U_t)(1 - V_s)` and :math:`B_t` that with U
    and V exchanged: what an added row does to the ranks of the others.
    """
    n = len(z)
    above = 1.0 - rankdata(z, axis=0) / n
    values = above[:, 0] * above[:, 1]
    for own, other in ((0, 1), (1, 0)):
        order = np.argsort(z[:, own], kind="stable")
        ordered = z[order, own]
        # Sums over all rows that are not smaller, ties included.
        sums = np.cumsum(above[order[::-1], other])[::-1]
        first = np.searchsorted(ordered, z[:, own], side="left")
        values = values - sums[first] / n
    return np.asarray(12.0 * (values - values.mean()))


def sums_path(values: Array) -> Array:
    """Sums of values (n,) about their mean, over their long-run deviation and sqrt(n): (n,)."""
    sums = np.cumsum(values - values.mean())
    return np.asarray(sums / (np.sqrt(len(values)) * long_run_sd(values)))
