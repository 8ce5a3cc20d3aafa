"""Univariate GARCH(1,1), GJR and EGARCH recursions, their likelihood and its derivatives."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

MEAN_ABS_NORMAL = math.sqrt(2.0 / math.pi)
# Log variances beyond these overflow on the way back; no data are that large.
_LOG_LIMIT = 600.0


@njit(cache=True, nogil=True)
def garch_variance(resid, omega, alpha, gamma, beta, backcast, exponential=False):
    """Conditional variances ``h[0 .. n]``, the last one tomorrow's.

    ``h[t]`` uses residuals to ``t - 1``.

    ``h_t = omega + alpha e_{t-1}^2 + gamma e_{t-1}^2 1(e_{t-1} < 0) + beta h_{t-1}``. The first
    variance takes ``backcast`` for the missing square and variance (and half of it for the
    asymmetric term), as arch does. ``exponential``: ``ln h_t = omega + alpha (|z_{t-1}| -
    sqrt(2 / pi)) + gamma z_{t-1} + beta ln h_{t-1}`` (EGARCH), the first shock terms left out.
    """
    n = resid.shape[0]
    h = np.empty(n + 1)
    if exponential:
        log_h = omega + beta * math.log(backcast)
        for t in range(n):
            log_h = min(_LOG_LIMIT, max(-_LOG_LIMIT, log_h))
            h[t] = math.exp(log_h)
            z = resid[t] / math.sqrt(h[t])
            log_h = omega + alpha * (abs(z) - MEAN_ABS_NORMAL) + gamma * z + beta * log_h
        h[n] = math.exp(min(_LOG_LIMIT, max(-_LOG_LIMIT, log_h)))
        return h
    h[0] = omega + (alpha + 0.5 * gamma + beta) * backcast
    for t in range(n):
        square = resid[t] * resid[t]
        h[t + 1] = omega + alpha * square + beta * h[t]
        if resid[t] < 0.0:
            h[t + 1] += gamma * square
    return h


@njit(cache=True, nogil=True)
def garch_scores(series, theta, backcast, exponential, const, dconst, score, resid, dresid):
    """Log-likelihood of a series and its derivatives by ``(mu, omega, alpha, gamma, beta, nu)``.

    ``theta`` (6,) holds the parameters, ``nu = inf`` for normal errors; ``const`` is the logarithm
    of the density's normalising constant and ``dconst`` its derivative by ``nu``. Returns the sum
    and its gradient (6,). Buffers with rows are filled: ``score`` (n, 6) by row, ``resid`` (n,)
    the standardized residuals and ``dresid`` (n, 5) their derivatives; empty ones are left alone.
    """
    mu, omega, alpha, gamma, beta, nu = theta
    keep = score.shape[0] > 0
    normal = np.isinf(nu)
    gradient = np.zeros(6)
    total = 0.0
    # State: h, or ln h of EGARCH, and its derivatives.
    d_mu = 0.0
    d_omega = 1.0
    d_gamma = 0.0
    if exponential:
        state = omega + beta * math.log(backcast)
        d_alpha = 0.0
        d_beta = math.log(backcast)
    else:
        state = omega + (alpha + 0.5 * gamma + beta) * backcast
        d_alpha = backcast
        d_gamma = 0.5 * backcast
        d_beta = backcast
    for t in range(series.shape[0]):
        x = series[t] - mu
        if exponential:
            state = min(_LOG_LIMIT, max(-_LOG_LIMIT, state))
            log_h = state
            h = math.exp(state)
            relative = 1.0
        else:
            h = state
            log_h = math.log(h)
            relative = 1.0 / h
        root = math.sqrt(h)
        z = x / root
        square = z * z
        if normal:
            weight = 1.0
            total += const - 0.5 * (log_h + square)
            d_nu = 0.0
        else:
            weight = (nu + 1.0) / (nu - 2.0 + square)
            log_tail = math.log1p(square / (nu - 2.0))
            total += const - 0.5 * (log_h + (nu + 1.0) * log_tail)
            d_nu = dconst - 0.5 * log_tail + 0.5 * weight * square / (nu - 2.0)
        factor = 0.5 * (weight * square - 1.0) * relative
        s_mu = factor * d_mu + weight * z / root
        s_omega = factor * d_omega
        s_alpha = factor * d_alpha
        s_gamma = factor * d_gamma
        s_beta = factor * d_beta
        gradient[0] += s_mu
        gradient[1] += s_omega
        gradient[2] += s_alpha
        gradient[3] += s_gamma
        gradient[4] += s_beta
        gradient[5] += d_nu
        half = -0.5 * z * relative
        if keep:
            score[t, 0] = s_mu
            score[t, 1] = s_omega
            score[t, 2] = s_alpha
            score[t, 3] = s_gamma
            score[t, 4] = s_beta
            score[t, 5] = d_nu
            resid[t] = z
            dresid[t, 0] = half * d_mu - 1.0 / root
            dresid[t, 1] = half * d_omega
            dresid[t, 2] = half * d_alpha
            dresid[t, 3] = half * d_gamma
            dresid[t, 4] = half * d_beta
        if exponential:
            slope = gamma + (alpha if z >= 0.0 else -alpha)
            excess = abs(z) - MEAN_ABS_NORMAL
            # d z = -z / 2 d ln h (and -1 / sqrt(h) by mu)
            carry = beta + slope * half
            d_mu = carry * d_mu - slope / root
            d_omega = 1.0 + carry * d_omega
            d_alpha = excess + carry * d_alpha
            d_gamma = z + carry * d_gamma
            d_beta = state + carry * d_beta
            state = omega + alpha * excess + gamma * z + beta * state
        else:
            xx = x * x
            negative = xx if x < 0.0 else 0.0
            news = alpha + gamma if x < 0.0 else alpha
            d_mu = beta * d_mu - 2.0 * news * x
            d_omega = 1.0 + beta * d_omega
            d_alpha = xx + beta * d_alpha
            d_gamma = negative + beta * d_gamma
            d_beta = h + beta * d_beta
            state = omega + news * xx + beta * h
    return total, gradient


@njit(cache=True, nogil=True)
def garch_path(z, mu, omega, alpha, gamma, beta, variance, exponential, out):
    """Write to ``out`` the returns from shocks ``z`` (n,).

    The recursion starts at conditional variance ``variance``. The squared residual is ``h z^2``,
    which keeps the square root off the recursion's critical path.
    """
    if exponential:
        log_h = math.log(variance)
        for t in range(z.shape[0]):
            log_h = min(_LOG_LIMIT, max(-_LOG_LIMIT, log_h))
            shock = z[t]
            out[t] = mu + math.exp(0.5 * log_h) * shock
            log_h = omega + alpha * (abs(shock) - MEAN_ABS_NORMAL) + gamma * shock + beta * log_h
        return
    h = variance
    for t in range(z.shape[0]):
        shock = z[t]
        out[t] = mu + np.sqrt(h) * shock
        news = alpha + gamma if shock < 0.0 else alpha
        h = omega + h * (beta + news * shock * shock)


@njit(cache=True, nogil=True)
def garch_paths(z, draw, mu, omega, alpha, gamma, beta, variance, exponential):
    """Returns of one leg for every path.

    ``z`` is (n_paths, horizon), ``draw`` (n_paths,) the row of the parameter arrays (n_draws,)
    that each path uses.
    """
    out = np.empty(z.shape)
    for p in range(z.shape[0]):
        d = draw[p]
        garch_path(
            z[p],
            mu[d],
            omega[d],
            alpha[d],
            gamma[d],
            beta[d],
            variance[d],
            exponential,
            out[p],
        )
    return out
