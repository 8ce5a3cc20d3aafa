"""The worlds that claims are tried in: each keeps what it says and nothing else."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import regimecorr as rc
from regimecorr.errors import ModelError
from regimecorr.inference.blocks import block_length
from regimecorr.inference.nulls import (
    NULLS,
    IndependentLegs,
    ResampledPairs,
    ResidualWorld,
    make_worlds,
)


@pytest.fixture(scope="module")
def returns():
    return rc.simulate("constant", n_obs=1500, nu=6.0, rng=5).returns


@pytest.fixture(scope="module")
def worlds(returns):
    return make_worlds(NULLS, returns, rc.GARCH())


def correlations(paths, rows=slice(None)):
    return np.array([np.corrcoef(p[rows].T)[0, 1] for p in paths])


def test_shapes_and_seeds(worlds):
    for world in worlds.values():
        first = world.replicate(3, np.random.default_rng(1))
        assert first.shape == (3, 1500, 2)
        assert np.isfinite(first).all()
        np.testing.assert_array_equal(first, world.replicate(3, np.random.default_rng(1)))
        assert not np.array_equal(first, world.replicate(3, np.random.default_rng(2)))


def test_correlation_of_each_world(worlds, returns):
    own = np.corrcoef(returns.T)[0, 1]
    rng = np.random.default_rng(0)
    found = {name: correlations(w.replicate(60, rng)) for name, w in worlds.items()}
    assert abs(found["independent"].mean()) < 0.02
    for name in ("constant", "dcc", "regimes", "bootstrap"):
        assert found[name].mean() == pytest.approx(own, abs=0.05)
    assert 0.2 * own < found["break"].mean() < 0.8 * own


def test_the_break_is_one_and_for_good(returns):
    world = make_worlds(("break",), returns, rc.GARCH(), (0.8, -0.3))["break"]
    paths = world.replicate(80, np.random.default_rng(0))
    assert correlations(paths, slice(0, 290)).mean() == pytest.approx(0.8, abs=0.04)
    assert correlations(paths, slice(1210, None)).mean() == pytest.approx(-0.3, abs=0.06)
    middle = correlations(paths, slice(700, 800))
    # About half of the breaks lie before the middle of the sample.
    assert 0.25 < np.mean(middle < 0.25) < 0.75


def test_the_break_comes_at_any_date_of_the_middle(returns):
    world = make_worlds(("break",), returns, rc.GARCH(), (0.9, -0.5))["break"]
    paths = world.replicate(200, np.random.default_rng(0))
    broken = [
        np.mean(correlations(paths, slice(at - 40, at + 40)) < 0.2) for at in (450, 750, 1050)
    ]
    assert broken == pytest.approx([1 / 6, 1 / 2, 5 / 6], abs=0.12)


def test_a_break_leaves_mean_and_scale_of_the_residuals_alone():
    """Residuals whose variances are not one: a rotation would mix them."""
    z = np.random.default_rng(1).standard_normal((1000, 2)) @ [[1.0, 0.5], [0.0, 0.8]]
    z = z / z.std(axis=0) * [1.3, 0.8] + [0.1, -0.1]

    margins = SimpleNamespace(
        z=z, repeat=lambda n: None, paths=lambda shocks, draw, repeated: shocks
    )
    world = ResidualWorld(margins, 0.8, -0.4, (0.5, 0.501))
    shocks = world.replicate(200, np.random.default_rng(0))
    for rows, rho in ((slice(0, 500), 0.8), (slice(501, None), -0.4)):
        part = shocks[:, rows].reshape(-1, 2)
        assert np.corrcoef(part.T)[0, 1] == pytest.approx(rho, abs=0.01)
        np.testing.assert_allclose(part.std(axis=0), [1.3, 0.8], rtol=0.015)
        np.testing.assert_allclose(part.mean(axis=0), z.mean(axis=0), atol=0.01)


def test_residual_worlds_keep_the_marginal_behaviour(worlds, returns):
    paths = worlds["constant"].replicate(60, np.random.default_rng(3))
    for leg in range(2):
        assert paths[:, :, leg].std() == pytest.approx(returns.iloc[:, leg].std(), rel=0.15)
        squares = paths[:, :, leg] ** 2
        lagged = [np.corrcoef(s[:-1], s[1:])[0, 1] for s in squares]
        assert np.mean(lagged) > 0.03  # volatility clusters


def test_legs_are_resampled_in_blocks_of_their_own(returns):
    values = returns.to_numpy()
    world = IndependentLegs(values, (25.0, 25.0))
    path = world.replicate(1, np.random.default_rng(0))[0]
    for leg in range(2):
        position = {v: i for i, v in enumerate(values[:, leg])}
        rows = np.array([position[v] for v in path[:, leg]])
        follows = np.mean(np.diff(rows) % len(rows) == 1)
        assert follows == pytest.approx(1 - 1 / 25, abs=0.02)
    first, second = (np.array([{v: i for i, v in enumerate(values[:, leg])}[v]
                               for v in path[:, leg]]) for leg in range(2))  # fmt: skip
    assert np.mean(first == second) < 0.05


def test_pairs_stay_together(returns):
    values = returns.to_numpy()
    path = ResampledPairs(values, 10.0).replicate(1, np.random.default_rng(0))[0]
    position = {v: i for i, v in enumerate(values[:, 0])}
    rows = [position[v] for v in path[:, 0]]
    np.testing.assert_array_equal(values[rows], path)


def test_blocks_are_longer_where_memory_is():
    rng = np.random.default_rng(0)
    noise = rng.standard_normal(3000)
    slow = np.zeros(3000)
    for t in range(1, 3000):
        slow[t] = 0.95 * slow[t - 1] + noise[t]
    assert block_length(noise) < 8.0
    assert block_length(slow) > 40.0
    assert block_length(np.cumsum(noise)) <= 1000.0


def test_pairs_have_blocks_for_the_memory_of_their_product():
    """Both legs are white; only their correlation, 0.9 or -0.9 for long, has a memory."""
    rng = np.random.default_rng(0)
    x, e = rng.standard_normal((2, 3000))
    rho = np.where(np.arange(3000) // 250 % 2, -0.9, 0.9)
    z = np.column_stack([x, rho * x + np.sqrt(1 - rho**2) * e])
    margins = SimpleNamespace(z=z, returns=pd.DataFrame(z))
    assert max(block_length(z[:, 0]), block_length(z[:, 1])) < 10.0
    assert ResampledPairs.of(margins).block > 30.0


def test_a_specification_is_a_world(returns):
    worlds = make_worlds(("constant", rc.DCC(dist="normal")), returns, rc.GARCH())
    assert list(worlds) == ["constant", "DCC"]


@pytest.mark.parametrize(
    ("nulls", "levels", "message"),
    [
        ((), (None, 0.0), "sequence of worlds"),
        (("constant", "constant"), (None, 0.0), "twice"),
        (("nothing",), (None, 0.0), "'nothing'"),
        (("break",), (None, 1.0), "correlation of 1.0"),
        (("break",), (0.5,), "break_levels="),
        (("break",), 0.0, "break_levels="),
        (("break",), (0.5, None), "break_levels="),
        ("break", (None, 0.0), "nulls='break'"),
    ],
)
def test_bad_worlds(returns, nulls, levels, message):
    with pytest.raises(ModelError, match=message):
        make_worlds(nulls, returns, rc.GARCH(), levels)
