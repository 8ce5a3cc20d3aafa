"""Regimes with a recursion of their own: likelihood, optimum, futures."""

from __future__ import annotations

import dataclasses
import itertools
import warnings

import numpy as np
import pandas as pd
import pytest

import regimecorr as rc
from regimecorr.errors import DegenerateRegimeWarning, ModelError
from regimecorr.kernels.density import log_density
from regimecorr.models.switching.chain import RegimeParams
from regimecorr.models.switching.dcc_emission import DCCEmission
from regimecorr.models.switching.estimation import _climbed

KNOWN = {
    "rho_low": 0.1, "a_low": 0.03, "b_low": 0.9,
    "rho_high": 0.7, "a_high": 0.08, "b_high": 0.85,
    "p_low": 0.985, "p_high": 0.98, "nu": 8.0,
}  # fmt: skip
CHAIN = np.array([[0.985, 0.015], [0.02, 0.98]])
OWN = np.array([[0.1, 0.03, 0.9], [0.7, 0.08, 0.85]])


def spec(**options) -> rc.SwitchingDCC:
    return rc.SwitchingDCC(margins=None, **options)


@pytest.fixture(scope="module")
def history():
    any_rows = np.random.default_rng(0).standard_normal((300, 2))
    return spec().filter(any_rows, KNOWN).replicate(1, 3, n_obs=3000)


@pytest.fixture(scope="module")
def z(history) -> np.ndarray:
    return history.returns[0]


@pytest.fixture(scope="module")
def fitted(z):
    return spec().fit(z)


def by_hand(z: np.ndarray, rho: float, a: float, b: float) -> np.ndarray:
    """Correlations of one recursion, matrices as in the paper."""
    S = np.array([[1.0, rho], [rho, 1.0]])
    Q, out = S.copy(), []
    for row in z:
        out.append(Q[0, 1] / np.sqrt(Q[0, 0] * Q[1, 1]))
        Q = (1 - a - b) * S + a * np.outer(row, row) + b * Q
    return np.array(out)


def test_likelihood_is_the_sum_over_all_paths(z):
    rows = z[:9]
    p = RegimeParams(OWN, CHAIN, 8.0)
    levels = np.column_stack([by_hand(rows, *own) for own in OWN])
    emission = DCCEmission(np.ascontiguousarray(rows))
    np.testing.assert_allclose(emission.correlations(OWN), levels, rtol=1e-12)
    total = 0.0
    for path in itertools.product(range(2), repeat=9):
        chance = p.start[path[0]]
        for a, b in itertools.pairwise(path):
            chance *= CHAIN[a, b]
        density = sum(log_density(*rows[t], levels[t, s], 8.0) for t, s in enumerate(path))
        total += chance * np.exp(density)
    assert p.filter(emission)[0].sum() == pytest.approx(np.log(total), rel=1e-12)


@pytest.mark.parametrize("nu", [np.inf, 8.0])
def test_slopes(z, nu):
    emission = DCCEmission(np.ascontiguousarray(z[:500]))
    p = RegimeParams(OWN, CHAIN, nu)
    theta = p.vector
    rows, score = p.scores(emission)
    value, gradient = p.gradient(emission)
    assert value == pytest.approx(rows.sum(), rel=1e-12)
    np.testing.assert_allclose(gradient, score.sum(axis=0), rtol=1e-8, atol=1e-7)
    for i in range(theta.size):
        step = 1e-6 * np.eye(theta.size)[i]
        high, low = (p.from_vector(theta + s * step).filter(emission)[0] for s in (1, -1))
        numeric = (high - low) / 2e-6
        np.testing.assert_allclose(score[:, i], numeric, atol=1e-6 * np.abs(numeric).max())


def test_recovery_and_optimum(history, z, fitted):
    assert fitted.converged
    errors = fitted.std_errors
    off = (fitted.params - pd.Series(KNOWN)) / errors
    assert (off.abs() < 3.5).all(), off
    theta = fitted._found.vector
    emission = DCCEmission(np.ascontiguousarray(z))
    for i, side in itertools.product(range(theta.size), (-1, 1)):
        step = 0.02 * side * np.eye(theta.size)[i] * theta[i]
        near = fitted._found.from_vector(theta + step).filter(emission)[0].sum()
        assert near < fitted.correlation_loglikelihood
    # dynamics within regimes are seen: nearer to the true path than regimes alone
    plain = rc.SwitchingCorrelation(margins=None).fit(z)
    truth = history.correlation[0]
    ours = np.mean((fitted.filtered - truth) ** 2)
    assert ours < 0.9 * np.mean((plain.filtered - truth) ** 2)
    assert fitted.correlation_loglikelihood > plain.correlation_loglikelihood + 5.0


def test_without_dynamics_it_is_the_plain_model():
    rows = rc.simulate("recurrent", n_obs=1500, rng=4).std_resid
    rich = spec().fit(rows)
    plain = rc.SwitchingCorrelation(margins=None).fit(rows)
    gain = rich.correlation_loglikelihood - plain.correlation_loglikelihood
    assert -1e-6 <= gain < 8.0
    given = plain.params.copy()
    for regime in ("low", "high"):
        given[f"a_{regime}"] = given[f"b_{regime}"] = 0.0
    again = spec().filter(rows, given)
    assert again.correlation_loglikelihood == pytest.approx(plain.correlation_loglikelihood)


def test_a_regime_without_shocks_is_told():
    """Short samples without dynamics: a is often held at 0, and then b means nothing."""
    known = dict(KNOWN, a_low=0.0, b_low=0.0, a_high=0.0, b_high=0.0)
    any_rows = np.random.default_rng(0).standard_normal((300, 2))
    held = 0
    for seed in range(8):
        rows = spec().filter(any_rows, known).replicate(1, seed, n_obs=400).returns[0]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DegenerateRegimeWarning)
            found = spec().fit(rows)
        for regime in ("low", "high"):
            if found.params[f"a_{regime}"] > 0.0:
                continue
            held += 1
            assert found.params[f"b_{regime}"] == 0.0
            assert np.isnan(found.std_errors[[f"a_{regime}", f"b_{regime}"]]).all()
            assert "No shock enters" in found.message
            assert f"a_{regime} = 0" in found.bounds_hit
            # whatever b, a shock would lower the likelihood
            for b in (0.0, 0.5, 0.9, 0.98):
                own = found._found.own.copy()
                own[["low", "high"].index(regime), 1:] = 1e-4, b
                near = dataclasses.replace(found._found, own=own).filter(found._emission)[0].sum()
                assert near < found.correlation_loglikelihood + 1e-9
    assert held > 0


def test_search_is_as_good_as_a_long_one():
    """Starts beyond those that are followed find nothing better on short samples."""
    any_rows = np.random.default_rng(0).standard_normal((300, 2))
    known = dict(KNOWN, a_low=0.05, b_high=0.85)
    for seed in range(4):
        rows = spec().filter(any_rows, known).replicate(1, seed, n_obs=800).returns[0]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DegenerateRegimeWarning)
            found = spec().fit(rows)
        emission = DCCEmission(np.ascontiguousarray(rows))
        rng = np.random.default_rng(seed)
        for _ in range(12):
            own = np.column_stack([np.sort(rng.uniform(-0.2, 0.8, 2)), rng.uniform(0, 0.1, 2)])
            own = np.column_stack([own, rng.uniform(0.3, 0.88, 2)])
            stay = rng.uniform(0.9, 0.995, 2)
            matrix = np.array([[stay[0], 1 - stay[0]], [1 - stay[1], stay[1]]])
            other = _climbed(emission, RegimeParams(own, matrix, rng.uniform(5, 15)))[1]
            assert other < found.correlation_loglikelihood + 0.05


def test_futures_go_on_from_the_last_recursion(z):
    known = spec().filter(z, KNOWN)
    futures = known.simulate(20_000, 40, 1)
    emission = DCCEmission(np.ascontiguousarray(np.vstack([z, [0.0, 0.0]])))
    tomorrow = emission.correlations(OWN)[-1]
    assert set(np.round(futures.correlation[:, 0], 10)) == set(np.round(tomorrow, 10))
    share = (np.abs(futures.correlation[:, 0] - tomorrow[0]) < 1e-10).mean()
    assert share == pytest.approx(known.forecast(1)["low"].iloc[0], abs=0.015)
    # every regime's own recursion, replayed on one path's shocks
    path = np.vstack([z, futures.returns[7]])
    levels = np.column_stack([by_hand(path, *own) for own in OWN])[len(z) :]
    gap = np.abs(levels - futures.correlation[7][:, None]).min(axis=1)
    np.testing.assert_allclose(gap, 0.0, atol=1e-9)


def test_new_histories_begin_at_the_targets(z):
    many = spec().filter(z, KNOWN).replicate(4000, 1, n_obs=60)
    assert set(np.round(many.correlation[:, 0], 10)) == {0.1, 0.7}
    assert (many.correlation[:, 0] == 0.1).mean() == pytest.approx(20 / 35, abs=0.03)
    first, second = many.returns[:, 1, 0], many.returns[:, 1, 1]
    assert np.mean(first * second) == pytest.approx(many.correlation[:, 1].mean(), abs=0.06)


def test_append_and_bad_parameters(z, fitted):
    frame = pd.DataFrame(z, columns=["A", "B"])
    head = spec().filter(frame.iloc[:2500], KNOWN)
    longer = head.append(frame.iloc[2500:])
    whole = spec().filter(frame, KNOWN)
    np.testing.assert_allclose(longer.filtered, whole.filtered, rtol=1e-10)
    for change, words in (
        ({"a_low": 0.2}, r"a \+ b below 1"),
        ({"a_low": -0.01}, "not negative"),
        ({"rho_low": 0.9}, "ascend"),
    ):
        with pytest.raises(ModelError, match=words):
            spec().filter(z, KNOWN | change)
    with pytest.raises(ModelError, match="missing"):
        spec().filter(z, {"rho_low": 0.1})
    table = fitted.forecast(3, n_draws=50)
    assert list(table.columns) == ["low", "high", "mean", "q05", "q50", "q95"]
    assert table["mean"].between(table["q05"], table["q95"]).all()
    assert list(fitted.by_regime.columns) == ["low", "high"]
