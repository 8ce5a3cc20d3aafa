"""Hamilton filter, Kim smoother and Viterbi against the sum over every regime path."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy.stats import multivariate_normal, multivariate_t

from regimecorr.kernels.hamilton import (
    hamilton_filter,
    kim_smoother,
    regime_log_densities,
    sample_regimes_backward,
    viterbi_path,
)


def problem(k, n, seed=0):
    rng = np.random.default_rng(seed)
    transition = rng.dirichlet(np.ones(k), k)
    start = rng.dirichlet(np.ones(k))
    log_dens = rng.normal(-2.0, 2.0, (n, k))
    return log_dens, transition, start


def enumerate_paths(log_dens, transition, start):
    n, k = log_dens.shape
    paths = np.array(list(product(range(k), repeat=n)))
    logs = np.log(start[paths[:, 0]]) + log_dens[0, paths[:, 0]]
    for t in range(1, n):
        logs += np.log(transition[paths[:, t - 1], paths[:, t]]) + log_dens[t, paths[:, t]]
    return paths, logs


@pytest.mark.parametrize(("k", "n"), [(2, 10), (3, 8), (4, 6)])
@pytest.mark.parametrize("seed", [0, 1])
class TestAgainstEveryPath:
    def test_likelihood_and_filter(self, k, n, seed):
        args = problem(k, n, seed)
        rows, predicted, filtered = hamilton_filter(*args)
        for t in range(n):
            paths, logs = enumerate_paths(args[0][: t + 1], *args[1:])
            weight = np.exp(logs)
            assert rows[: t + 1].sum() == pytest.approx(np.log(weight.sum()), rel=1e-12)
            prob = [weight[paths[:, t] == j].sum() for j in range(k)] / weight.sum()
            np.testing.assert_allclose(filtered[t], prob, atol=1e-13)
        np.testing.assert_allclose(predicted[0], args[2])
        np.testing.assert_allclose(predicted[1:], filtered[:-1] @ args[1], atol=1e-13)

    def test_smoother_and_counts(self, k, n, seed):
        args = problem(k, n, seed)
        _, predicted, filtered = hamilton_filter(*args)
        smoothed, counts = kim_smoother(predicted, filtered, args[1])
        paths, logs = enumerate_paths(*args)
        weight = np.exp(logs) / np.exp(logs).sum()
        expected = np.array([[weight[paths[:, t] == j].sum() for j in range(k)] for t in range(n)])
        np.testing.assert_allclose(smoothed, expected, atol=1e-12)
        moves = np.zeros((k, k))
        for t in range(1, n):
            np.add.at(moves, (paths[:, t - 1], paths[:, t]), weight)
        np.testing.assert_allclose(counts, moves, atol=1e-11)

    def test_viterbi_is_the_best_path(self, k, n, seed):
        args = problem(k, n, seed)
        paths, logs = enumerate_paths(*args)
        np.testing.assert_array_equal(viterbi_path(*args), paths[np.argmax(logs)])


def test_sampled_regimes_have_the_posterior_frequencies():
    args = problem(2, 4, 3)
    _, _, filtered = hamilton_filter(*args)
    n = 60000
    drawn = sample_regimes_backward(filtered, args[1], np.random.default_rng(0).random((n, 4)))
    paths, logs = enumerate_paths(*args)
    expected = np.exp(logs) / np.exp(logs).sum()
    order = paths @ [8, 4, 2, 1]
    found = np.bincount(drawn @ [8, 4, 2, 1], minlength=16)[order] / n
    assert (np.abs(found - expected) < 4.5 * np.sqrt(expected * (1 - expected) / n) + 1e-5).all()


@pytest.mark.parametrize("nu", [4.0, np.inf])
def test_regime_log_densities(nu):
    z = np.random.default_rng(0).standard_normal((20, 2)) * 2
    rho = np.array([-0.4, 0.1, 0.8])
    expected = np.empty((20, 3))
    for j, r in enumerate(rho):
        shape = np.array([[1.0, r], [r, 1.0]])
        if np.isinf(nu):
            expected[:, j] = multivariate_normal(cov=shape).logpdf(z)
        else:
            expected[:, j] = multivariate_t(shape=shape * (nu - 2) / nu, df=nu).logpdf(z)
    np.testing.assert_allclose(regime_log_densities(z, rho, nu), expected, rtol=1e-11)


def test_sixty_sigma_day_under_normal_densities_stays_finite():
    """statsmodels pivots its log-sum-exp at max(0, x) and gives -inf, then NaN, here."""
    z = np.random.default_rng(1).standard_normal((300, 2))
    z[150] = [60.0, -60.0]
    dens = regime_log_densities(z, np.array([0.2, 0.7]), np.inf)
    transition = np.array([[0.98, 0.02], [0.03, 0.97]])
    rows, predicted, filtered = hamilton_filter(dens, transition, np.array([0.6, 0.4]))
    smoothed, counts = kim_smoother(predicted, filtered, transition)
    for array in (rows, predicted, filtered, smoothed, counts):
        assert np.isfinite(array).all()
    # In exact arithmetic: the outlying row is explained by the low regime alone.
    expected = np.logaddexp(
        np.log(predicted[150, 0]) + dens[150, 0], np.log(predicted[150, 1]) + dens[150, 1]
    )
    assert rows[150] == pytest.approx(expected, rel=1e-12)
    assert rows[150] < -4000
    np.testing.assert_allclose(smoothed.sum(axis=1), 1.0, atol=1e-10)
    assert set(viterbi_path(dens, transition, np.array([0.6, 0.4]))) <= {0, 1}


def test_a_regime_comes_back_from_underflow():
    """Two absorbing regimes: one row rejects the second, the next rejects the first more."""
    dens = np.array([[0.0, -800.0], [-1000.0, 0.0], [0.0, 0.0]])
    half = np.array([0.5, 0.5])
    rows, _, filtered = hamilton_filter(dens, np.eye(2), half)
    assert rows.sum() == pytest.approx(np.log(0.5) - 800.0, rel=1e-12)
    np.testing.assert_allclose(filtered[-1], [0.0, 1.0], atol=1e-80)


def test_absorbing_regimes_and_impossible_starts():
    log_dens = problem(2, 6, 4)[0]
    transition = np.array([[0.9, 0.1], [0.0, 1.0]])
    rows, predicted, filtered = hamilton_filter(log_dens, transition, np.array([1.0, 0.0]))
    smoothed, counts = kim_smoother(predicted, filtered, transition)
    assert filtered[0].tolist() == [1.0, 0.0]
    assert counts[1, 0] == 0
    assert (np.diff(smoothed[:, 1]) >= -1e-12).all()
    path = viterbi_path(log_dens, transition, np.array([1.0, 0.0]))
    assert path[0] == 0
    assert (np.diff(path) >= 0).all()
    assert np.isfinite(rows).all()


def test_statsmodels_agrees_on_tame_data():
    """Switching means with unit variance: only the densities differ from ours, the filter is the
    same.
    """
    sm = pytest.importorskip("statsmodels.api")
    rng = np.random.default_rng(0)
    y = np.where(np.arange(200) // 50 % 2, 1.0, -1.0) + rng.standard_normal(200)
    model = sm.tsa.MarkovRegression(y, k_regimes=2)
    p00, p10, low, high, sigma2 = 0.95, 0.08, -0.9, 1.1, 1.2
    result = model.smooth([p00, p10, low, high, sigma2])
    log_dens = -0.5 * np.log(2 * np.pi * sigma2) - 0.5 * (y[:, None] - [low, high]) ** 2 / sigma2
    transition = np.array([[p00, 1 - p00], [p10, 1 - p10]])
    start = np.array([p10, 1 - p00]) / (p10 + 1 - p00)
    rows, predicted, filtered = hamilton_filter(log_dens, transition, start)
    smoothed, _ = kim_smoother(predicted, filtered, transition)
    assert rows.sum() == pytest.approx(result.llf, abs=1e-8)
    np.testing.assert_allclose(filtered, result.filtered_marginal_probabilities, atol=1e-9)
    np.testing.assert_allclose(smoothed, result.smoothed_marginal_probabilities, atol=1e-9)
