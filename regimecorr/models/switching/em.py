"""Expectation maximisation of a Markov-switching correlation (Hamilton 1990)."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar

from regimecorr.kernels.hamilton import hamilton_filter, kim_smoother
from regimecorr.models.base import Array
from regimecorr.models.switching.chain import RegimeParams
from regimecorr.models.switching.coordinates import NU_LIMITS
from regimecorr.models.switching.emissions import ConstantEmission

_STEPS = 20
_TOLERANCE = 1e-4
_NU_EVERY = 5


def em(emission: ConstantEmission, start: RegimeParams) -> tuple[RegimeParams, float]:
    """Run from one start; return the parameters and the log-likelihood that was reached."""
    p = start
    last = -np.inf
    for step in range(_STEPS):
        dens = emission.log_densities(p.own, p.nu)
        rows, predicted, filtered = hamilton_filter(dens, p.transition, p.start)
        loglik = float(rows.sum())
        if loglik - last < _TOLERANCE and step > 2:
            return p, loglik
        last = loglik
        smoothed, counts = kim_smoother(predicted, filtered, p.transition)
        own = emission.update(p.own, p.nu, smoothed)
        nu = p.nu
        if not np.isinf(nu) and step % _NU_EVERY == 0:
            nu = _maximise_nu(emission, smoothed, own)
        counts = np.maximum(counts, 1e-6)
        p = RegimeParams(own, counts / counts.sum(axis=1, keepdims=True), nu, p.first)
    return p, float(p.filter(emission)[0].sum())


def _maximise_nu(emission: ConstantEmission, smoothed: Array, own: Array) -> float:
    """Expected complete-data likelihood maximised over the tail parameter (ECM step)."""

    def negative(log_shift: float) -> float:
        dens = emission.log_densities(own, 2.0 + np.exp(log_shift))
        return -float((smoothed * dens).sum())

    low, high = np.log(NU_LIMITS[0] - 2.0), np.log(NU_LIMITS[1] - 2.0)
    best = minimize_scalar(negative, bounds=(low, high), method="bounded", options={"xatol": 1e-2})
    return 2.0 + float(np.exp(best.x))
