r"""Influence of every row on a correlation, large rows weighed down.

The maximum-likelihood estimate of the correlation r of a bivariate t, its scales unknown, solves
:math:`\sum_t \psi_t = 0` with

.. math::

    \psi_t = w_t \{u_t v_t - \tfrac{r}{2} (u_t^2 + v_t^2)\}, \qquad
    w_t = \frac{\nu + 2}{\nu - 2 + q_t}, \qquad
    q_t = \frac{u_t^2 - 2 r u_t v_t + v_t^2}{1 - r^2},

u and v the series over their scales. It is the part of the score of r that the scores of the two
scales do not explain, so a change of volatility that both legs share leaves its mean at zero. The
scales are standard deviations here, which lie as far off for both legs under an elliptical law and
so do not move the root. With :math:`\nu = \infty` it is the influence function of Pearson's
correlation.
"""

from __future__ import annotations

import numpy as np

from regimecorr.indicators.lead_lag import influence
from regimecorr.kernels.chp import maximise_correlation
from regimecorr.models.base import Array
from regimecorr.models.grid import NU_RANGE
from regimecorr.models.switching.emissions import RHO_LIMIT

_FIRST_NU = 8.0
_STEPS = 200
_TOLERANCE = 1e-10


def tail_index(z: Array) -> float:
    """Degrees of freedom of the bivariate t that fits residuals (n, 2) of unit variance best."""
    start = float(np.clip(z[:, 0] @ z[:, 1] / len(z), -0.95, 0.95))
    return float(maximise_correlation(z, start, _FIRST_NU, *NU_RANGE, RHO_LIMIT)[1])


def weighted_influence(z: Array, nu: float) -> Array:
    """Influence (n,) of the rows of a sample (n, 2), with mean zero.

    Full sample: means, scales and correlation are those of all n rows.

    Parameters
    ----------
    z : ndarray of shape (n, 2)
        Residuals; neither series is constant.
    nu : float
        Degrees of freedom; infinite for the influence function of Pearson's correlation.

    Returns
    -------
    ndarray of shape (n,)

    References
    ----------
    Lange, K. L., Little, R. J. A. and Taylor, J. M. G. (1989). Robust statistical modeling using
    the t distribution. Journal of the American Statistical Association 84, 881-896, for the
    weights.

    Examples
    --------
    >>> import numpy as np
    >>> from regimecorr.inference.segmentation.influence import weighted_influence
    >>> z = np.array([[1.0, -1.0, 1.0, -1.0], [1.0, -1.0, -1.0, 1.0]]).T
    >>> weighted_influence(z, np.inf).tolist()
    [1.0, 1.0, -1.0, -1.0]
    """
    if np.isinf(nu):
        return influence(z[:, 0], z[:, 1])[1]
    u, v = ((z - z.mean(axis=0)) / z.std(axis=0)).T
    product, squares = u * v, 0.5 * (u * u + v * v)
    r = float(product.mean())
    for _ in range(_STEPS):
        q = 2.0 * (squares - r * product) / (1.0 - r * r)
        w = (nu + 2.0) / (nu - 2.0 + q)
        before, r = r, float(w @ product / (w @ squares))
        if abs(r - before) < _TOLERANCE:
            break
    values = w * (product - r * squares)
    return np.asarray(values - values.mean())
