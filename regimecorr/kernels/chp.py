"""Test of parameter constancy against Markov switching (Carrasco, Hu and Ploberger 2014).

The process of the statistic over the persistence, and what it needs of a constant correlation:
derivatives of the density, and the maximum of the likelihood.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from regimecorr.kernels.density import constant_loglikelihood

_STEPS = 60
_HALVINGS = 30
_TOLERANCE = 1e-13


@njit(cache=True, nogil=True)
def switching_process(slope, curvature, basis, persistence):
    """Sum of ``mu_2`` and mean squares of its projection residual, by persistence.

    ``slope`` and ``curvature`` (n,) are ``h'l_t`` and ``h'M_t h``, the first and second derivatives
    of the log density in the direction ``h``; ``basis`` (n, p) is an orthonormal basis of the
    scores; ``persistence`` (R,) lies in (-1, 1). Returns, each (R,): the sum of ``mu_2``, the mean
    square of its residual after projection on the scores, and the mean square of ``mu_2`` itself.
    """
    n, p = basis.shape
    total = np.empty(persistence.shape[0])
    residual = np.empty(persistence.shape[0])
    square = np.empty(persistence.shape[0])
    mu = np.empty(n)
    weight = np.empty(p)
    for r in range(persistence.shape[0]):
        past = 0.0  # sum over s < t of rho^(t - s) h'l_s
        first = 0.0
        second = 0.0
        weight[:] = 0.0
        for t in range(n):
            mu[t] = 0.5 * (curvature[t] + slope[t] * slope[t]) + slope[t] * past
            past = persistence[r] * (past + slope[t])
            first += mu[t]
            second += mu[t] * mu[t]
            for j in range(p):
                weight[j] += basis[t, j] * mu[t]
        rest = 0.0
        for t in range(n):
            e = mu[t]
            for j in range(p):
                e -= weight[j] * basis[t, j]
            rest += e * e
        total[r] = first
        residual[r] = rest / n
        square[r] = second / n
    return total, residual, square


@njit(cache=True, nogil=True)
def density_derivatives(x, y, rho, nu):
    """Derivatives of the log density of one pair of standardized residuals.

    Returns those by ``rho``, by ``nu``, and the second ones by ``rho rho``, ``rho nu`` and ``nu
    nu``; those that involve ``nu`` are 0 for normal errors.
    """
    one = 1.0 - rho * rho
    form = x * x + y * y - 2.0 * rho * x * y
    q = form / one
    dq = -2.0 * x * y / one + 2.0 * rho * form / (one * one)
    ddq = (2.0 * form - 8.0 * rho * x * y) / (one * one) + 8.0 * rho * rho * form / (one**3)
    if np.isinf(nu):
        by_rho = rho / one - 0.5 * dq
        return by_rho, 0.0, (1.0 + rho * rho) / (one * one) - 0.5 * ddq, 0.0, 0.0
    a = nu - 2.0
    scale = a + q
    weight = (nu + 2.0) / scale
    by_rho = rho / one - 0.5 * weight * dq
    by_rho2 = (1.0 + rho * rho) / (one * one) - 0.5 * weight * (ddq - dq * dq / scale)
    by_nu = 1.0 / nu - 1.0 / a - 0.5 * math.log1p(q / a) + 0.5 * weight * q / a
    by_both = 0.5 * dq * (weight - 1.0) / scale
    bend = (a * scale - (nu + 2.0) * (a + scale)) / (a * a * scale * scale)
    by_nu2 = -1.0 / (nu * nu) + 1.0 / (a * a) + 0.5 * q / (a * scale) + 0.5 * q * bend
    return by_rho, by_nu, by_rho2, by_both, by_nu2


@njit(cache=True, nogil=True)
def correlation_derivatives(z, rho, nu):
    """Scores (n, 2) by ``rho`` and ``nu``, and second derivatives (n,) by ``rho``, of every row."""
    n = z.shape[0]
    scores = np.empty((n, 2))
    curvature = np.empty(n)
    for t in range(n):
        d = density_derivatives(z[t, 0], z[t, 1], rho, nu)
        scores[t, 0] = d[0]
        scores[t, 1] = d[1]
        curvature[t] = d[2]
    return scores, curvature


@njit(cache=True, nogil=True)
def maximise_correlation(z, rho, nu, nu_low, nu_high, rho_limit):
    """Maximum likelihood of a constant correlation, by Newton's steps from ``rho`` and ``nu``.

    The steps are taken in artanh ``rho`` and log(``nu`` - 2), ``nu`` held within its bounds; ``nu =
    inf`` stays normal. Returns ``rho``, ``nu``, and the gain in log-likelihood that a further step
    promises: tiny at the optimum, infinite when no step was found that goes up.
    """
    heavy = not np.isinf(nu)
    limit = math.atanh(rho_limit)
    fisher = math.atanh(rho)
    low = math.log(nu_low - 2.0)
    high = math.log(nu_high - 2.0)
    tail = min(high, max(low, math.log(nu - 2.0))) if heavy else 0.0
    if heavy:
        nu = 2.0 + math.exp(tail)
    level = constant_loglikelihood(z, rho, nu)
    gain = np.inf
    for _ in range(_STEPS):
        one = 1.0 - rho * rho
        shift = nu - 2.0 if heavy else 0.0
        s1 = 0.0
        s2 = 0.0
        h11 = 0.0
        h12 = 0.0
        h22 = 0.0
        for t in range(z.shape[0]):
            d = density_derivatives(z[t, 0], z[t, 1], rho, nu)
            s1 += d[0]
            s2 += d[1]
            h11 += d[2]
            h12 += d[3]
            h22 += d[4]
        # From rho and nu to artanh rho and log(nu - 2).
        h11 = one * (one * h11 - 2.0 * rho * s1)
        h12 *= one * shift
        h22 = shift * (shift * h22 + s2)
        s1 *= one
        s2 *= shift
        held = not heavy or (tail >= high and s2 >= 0.0) or (tail <= low and s2 <= 0.0)
        determinant = h11 * h22 - h12 * h12
        if held:
            step1 = s1 / max(abs(h11), 1e-8)
            step2 = 0.0
        elif h11 < 0.0 and determinant > 0.0:
            step1 = (h12 * s2 - h22 * s1) / determinant
            step2 = (h12 * s1 - h11 * s2) / determinant
        else:
            step1 = s1 / max(abs(h11), 1e-8)
            step2 = s2 / max(abs(h22), 1e-8)
        gain = 0.5 * (s1 * step1 + s2 * step2)
        if gain < _TOLERANCE * max(1.0, abs(level)):
            break
        longest = max(abs(step1) / 0.5, abs(step2))
        if longest > 1.0:
            step1 /= longest
            step2 /= longest
        moved = False
        for _ in range(_HALVINGS):
            new_fisher = min(limit, max(-limit, fisher + step1))
            new_tail = min(high, max(low, tail + step2))
            new_rho = math.tanh(new_fisher)
            new_nu = 2.0 + math.exp(new_tail) if heavy else nu
            value = constant_loglikelihood(z, new_rho, new_nu)
            if value > level:
                moved = True
                break
            step1 *= 0.5
            step2 *= 0.5
        if not moved:
            # Rounding hides gains below it; a larger promise unkept is a failure.
            if gain > 1e-7:
                gain = np.inf
            break
        fisher = new_fisher
        tail = new_tail
        rho = new_rho
        nu = new_nu
        level = value
    return rho, nu, gain
