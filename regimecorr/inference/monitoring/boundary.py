r"""Boundaries of the detectors and their simulated critical values.

With x the rows monitored over the rows of history, the boundary is

.. math::

    c\, w(x), \qquad w(x) = (1 + x) \left(\frac{x}{1 + x}\right)^\gamma, \qquad 0 < x \le B,

(Wied and Galeano 2013; the boundary is that of Horváth, Hušková, Kokoszka and Steinebach 2004).
The values c stand in ``boundaries.json``, made by ``scripts/make_monitor_table.py`` without the
error of a grid.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Literal, TypeAlias

import numpy as np

from regimecorr.models.base import Array

Detector: TypeAlias = Literal["cusum", "page"]
GAMMA_RANGE = (0.0, 0.45)
ALPHA_RANGE = (0.005, 0.25)
#: Shortest monitored period over the history.
SHORTEST = 0.02


@cache
def _table() -> tuple[Array, Array, Array, dict[str, Array]]:
    """Gammas (G,), shares B / (1 + B) (L,), levels (A,), and values (G, L, A) by detector."""
    path = files("regimecorr.inference.monitoring").joinpath("boundaries.json")
    read = json.loads(path.read_text("utf-8"))
    lengths = np.array([np.inf if b is None else b for b in read["lengths"]])
    values = {name: np.array(list(block.values())) for name, block in read["values"].items()}
    gammas = np.array([float(gamma) for gamma in read["values"]["cusum"]])
    return gammas, _share(lengths), np.array(read["levels"]), values


def _share(length: Array) -> Array:
    return np.asarray(1.0 / (1.0 + 1.0 / length))


def critical_value(detector: Detector, gamma: float, length: float, alpha: float) -> float:
    r"""Critical value c of a detector.

    Interpolated in gamma, in :math:`\sqrt{B / (1 + B)}` and in the logarithm of the level.

    Parameters
    ----------
    detector : {"cusum", "page"}
    gamma : float
        Exponent of the boundary, 0 to .45.
    length : float
        Rows monitored at most over rows of history, B; infinite for a period without end.
    alpha : float
        Probability of an alarm within the period if nothing changes, .005 to .25.

    Returns
    -------
    float

    References
    ----------
    Wied, D. and Galeano, P. (2013). Monitoring correlation change in a sequence of random
    variables. Journal of Statistical Planning and Inference 143, 186-196.
    Fremdt, S. (2015). Page's sequential procedure for change-point detection in time series
    regression. Statistics 49, 128-155.

    Examples
    --------
    >>> from regimecorr.inference.monitoring.boundary import critical_value
    >>> round(critical_value("cusum", 0.0, 1.0, 0.05), 2)
    1.58
    """
    gammas, shares, levels, values = _table()
    by_level = values[detector][..., ::-1]
    logs = [
        [np.interp(np.log(alpha), np.log(levels[::-1]), row) for row in block] for block in by_level
    ]
    root = np.sqrt(_share(np.asarray(length)))
    return float(np.interp(gamma, gammas, [np.interp(root, np.sqrt(shares), r) for r in logs]))


def weight(share: Array, gamma: float) -> Array:
    """Boundary function w (n,) at the rows monitored over the rows of history (n,)."""
    return np.asarray((1.0 + share) * (share / (1.0 + share)) ** gamma)
