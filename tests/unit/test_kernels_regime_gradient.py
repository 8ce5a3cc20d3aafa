"""Likelihood and gradient of a regime model against filters, differences and each other."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from regimecorr.kernels.density import log_density
from regimecorr.kernels.hamilton import (
    chain_scores,
    hamilton_filter,
    kim_smoother,
    regime_density_scores,
    regime_log_densities,
)
from regimecorr.kernels.regime_gradient import (
    _smooth_in_logs,
    log_forward,
    log_mixture,
    regime_gradient,
)

RNG = np.random.default_rng(5)
Z = RNG.standard_normal((120, 2))
TWO = (np.array([0.1, 0.6]), np.array([[0.95, 0.05], [0.1, 0.9]]), np.array([0.7, 0.3]))
THREE = (
    np.array([-0.3, 0.2, 0.8]),
    np.array([[0.9, 0.06, 0.04], [0.05, 0.9, 0.05], [0.02, 0.03, 0.95]]),
    np.array([0.2, 0.3, 0.5]),
)
ABSORBING = (
    np.array([0.7, -0.1, 0.4]),
    np.array([[0.98, 0.02, 0.0], [0.0, 0.97, 0.03], [0.0, 0.0, 1.0]]),
    np.array([1.0, 0.0, 0.0]),
)
CHAINS = pytest.mark.parametrize(
    "chain", [TWO, THREE, ABSORBING], ids=["two", "three", "absorbing"]
)
ERRORS = pytest.mark.parametrize("nu", [np.inf, 5.0])


def by_differences(function, x, step=1e-6):
    x = np.asarray(x, dtype=float)
    out = np.empty(x.shape)
    for index in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[index] += step
        down[index] -= step
        out[index] = (function(up) - function(down)) / (2.0 * step)
    return out


def in_logs(z, rho, transition, start, nu):
    """The slow branch of the kernel, for every row."""
    base = np.array([log_density(0.0, 0.0, r, nu) for r in rho])
    dens = regime_log_densities(z, rho, nu)
    k = rho.size
    d_rho, d_transition, d_z = np.zeros(k), np.zeros((k, k)), np.zeros(z.shape)
    total, d_start, d_nu = _smooth_in_logs(
        z, rho, transition, start, nu, base, dens, d_rho, d_transition, d_z
    )
    return total, d_z, d_rho, d_transition, d_start, d_nu


@CHAINS
@ERRORS
def test_likelihood_is_the_sum_over_all_paths(chain, nu):
    rho, transition, start = chain
    dens = regime_log_densities(Z[:7], rho, nu)
    total = 0.0
    for path in itertools.product(range(rho.size), repeat=7):
        term = start[path[0]]
        for a, b in itertools.pairwise(path):
            term *= transition[a, b]
        total += term * np.exp(sum(dens[t, s] for t, s in enumerate(path)))
    assert regime_gradient(Z[:7], *chain, nu)[0] == pytest.approx(np.log(total), rel=1e-12)


@CHAINS
@ERRORS
def test_gradient_equals_differences(chain, nu):
    """Entries count as free, those that are zero included."""
    rho, transition, start = chain
    _, d_z, d_rho, d_transition, d_start, d_nu = regime_gradient(Z, *chain, nu)
    found = {
        "z": (d_z, lambda x: regime_gradient(x, *chain, nu)[0], Z),
        "rho": (d_rho, lambda x: regime_gradient(Z, x, transition, start, nu)[0], rho),
        "transition": (
            d_transition,
            lambda x: regime_gradient(Z, rho, x, start, nu)[0],
            transition,
        ),
        "start": (d_start, lambda x: regime_gradient(Z, rho, transition, x, nu)[0], start),
    }
    for name, (ours, function, at) in found.items():
        # At an entry of zero the likelihood is smooth on both sides: it is a polynomial.
        inner = np.ones_like(at, dtype=bool) if name in ("z", "rho") else at > 0.0
        theirs = by_differences(function, at)
        np.testing.assert_allclose(ours[inner], theirs[inner], rtol=2e-6, atol=2e-6, err_msg=name)
        if not inner.all():
            forward = np.array(
                [(function(at + 1e-7 * e) - function(at)) / 1e-7 for e in units(at.shape)]
            ).reshape(at.shape)
            np.testing.assert_allclose(ours, forward, rtol=2e-3, atol=1e-3, err_msg=name)
    if np.isfinite(nu):
        theirs = by_differences(lambda x: regime_gradient(Z, *chain, float(x))[0], nu)
        assert d_nu == pytest.approx(float(theirs), rel=1e-6)
    else:
        assert d_nu == 0.0


def units(shape):
    for index in np.ndindex(shape):
        out = np.zeros(shape)
        out[index] = 1.0
        yield out


@ERRORS
def test_the_scores_run_forward_are_the_same(nu):
    """Fisher's identity against derivatives carried through the filter."""
    rho, transition, start = TWO
    dens, by_rho, by_nu = regime_density_scores(Z, rho, nu)
    rows, scores = chain_scores(
        dens, by_rho[:, :, None], by_nu, transition, start, np.zeros((2, 2))
    )
    total, _, d_rho, d_transition, _, d_nu = regime_gradient(Z, *TWO, nu)
    assert total == pytest.approx(rows.sum(), rel=1e-13)
    moves = [
        d_transition[0, 1] - d_transition[0, 0],
        d_transition[1, 0] - d_transition[1, 1],
    ]
    expected = [*d_rho, *moves] + ([d_nu] if np.isfinite(nu) else [])
    np.testing.assert_allclose(scores.sum(axis=0)[: len(expected)], expected, rtol=1e-9, atol=1e-9)


@CHAINS
@ERRORS
def test_both_branches_agree(chain, nu):
    for ours, logs in zip(regime_gradient(Z, *chain, nu), in_logs(Z, *chain, nu), strict=True):
        np.testing.assert_allclose(ours, logs, rtol=1e-9, atol=1e-11)


def test_expected_moves_are_those_of_the_smoother():
    """``p_ij dl / dp_ij`` counts the moves from i to j."""
    _, _, _, d_transition, d_start, _ = regime_gradient(Z, *THREE, 6.0)
    rows = hamilton_filter(regime_log_densities(Z, THREE[0], 6.0), THREE[1], THREE[2])
    smoothed, counts = kim_smoother(rows[1], rows[2], THREE[1])
    np.testing.assert_allclose(THREE[1] * d_transition, counts, rtol=1e-9)
    np.testing.assert_allclose(THREE[2] * d_start, smoothed[0], rtol=1e-9)


@CHAINS
@ERRORS
def test_a_day_of_sixty_sigma_stays_finite(chain, nu):
    z = Z.copy()
    z[40], z[90] = [60.0, -60.0], [60.0, 60.0]
    found = regime_gradient(z, *chain, nu)
    assert all(np.all(np.isfinite(x)) for x in found)
    rho, transition, start = chain
    theirs = by_differences(lambda x: regime_gradient(z, x, transition, start, nu)[0], rho, 1e-7)
    np.testing.assert_allclose(found[2], theirs, rtol=1e-4, atol=1e-3)


def test_a_regime_that_was_given_up_can_come_back():
    """Strong evidence against the first regime, then stronger evidence for it: no path may be lost.

    The first regime cannot be entered again, so its probability of exp(-900) counts.
    """
    rho, transition = np.array([0.0, 0.99]), np.array([[0.999, 0.001], [0.0, 1.0]])
    start = np.array([1.0, 0.0])
    same, opposite = np.tile([1.5, 1.5], (400, 1)), np.tile([1.5, -1.5], (400, 1))
    z = np.vstack([same, opposite])
    total, _, d_rho, d_transition, _, _ = regime_gradient(z, rho, transition, start, np.inf)
    dens = regime_log_densities(z, rho, np.inf)
    stay = dens[:, 0].sum() + 799 * np.log(0.999)
    assert total == pytest.approx(stay, abs=1e-6)
    assert d_transition[0, 0] * 0.999 == pytest.approx(799.0, rel=1e-6)
    assert np.all(np.isfinite(d_rho))
    assert hamilton_filter(dens, transition, start)[0].sum() == pytest.approx(stay, abs=1e-6)


def test_the_edge_of_the_parameters_is_refused_without_an_error():
    for rho, nu in (
        ([0.1, 1.0], 6.0),
        ([-1.0, 0.2], np.inf),
        ([0.1, 0.5], 2.0),
        ([np.nan, 0.5], 6.0),
    ):
        found = regime_gradient(Z, np.array(rho), TWO[1], TWO[2], nu)
        assert found[0] == -np.inf
        assert all(np.all(x == 0.0) for x in found[1:])


def test_logs_of_mixtures():
    weights, logs = np.array([0.2, 0.0, 0.8]), np.array([-900.0, 5.0, -901.0])
    expected = -900.0 + np.log(0.2 + 0.8 * np.exp(-1.0))
    assert log_mixture(weights, logs) == pytest.approx(expected, rel=1e-14)
    assert log_mixture(np.zeros(3), logs) == -np.inf


def test_the_filter_in_logs_is_the_filter():
    dens = regime_log_densities(Z, THREE[0], 6.0)
    loglik, log_filtered = log_forward(dens, *THREE[1:])
    rows, _, filtered = hamilton_filter(dens, *THREE[1:])
    np.testing.assert_allclose(loglik, rows, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(np.exp(log_filtered), filtered, rtol=1e-11)
