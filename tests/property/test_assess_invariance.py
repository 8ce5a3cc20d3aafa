"""The verdict's invariances: sign, order, scale, later rows, seeds and threads."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import regimecorr as rc
from regimecorr.events import situation

PATHS = 400


def verdict(prices, **options):
    return rc.assess(prices, calibration=None, **{"n_paths": PATHS, "rng": 3} | options)


@pytest.fixture(scope="module")
def prices() -> pd.DataFrame:
    """A pair that is divergent on its last day, with a reference of positive sign."""
    for seed in range(200):
        world = rc.simulate("one_break", n_obs=1200, nu=8.0, rng=seed)
        for last in range(900, 1200, 20):
            here = situation(world.returns.to_numpy()[:last], 90, 252)
            if here.state == "divergent" and here.sign > 0:
                return world.prices.iloc[: last + 1]
    raise AssertionError


@pytest.fixture(scope="module")
def base(prices):
    return verdict(prices)


def test_it_is_a_divergence(base):
    assert base.state == "divergent"
    assert base.p_structural + base.p_transient == pytest.approx(1.0)
    assert 0 <= base.p_unchanged <= base.p_transient + 1e-12
    assert base.interval[0] <= base.p_structural <= base.interval[1]


def test_negating_the_asset_changes_no_probability(prices, base):
    mirror = prices.copy()
    mirror["A"] = 1e4 / mirror["A"]
    other = verdict(mirror)
    assert other.state == base.state
    assert other.label == base.label
    for name in ("p_structural", "p_transient", "p_unchanged"):
        assert getattr(other, name) == pytest.approx(getattr(base, name), abs=2 / PATHS)
    np.testing.assert_allclose(other.interval, base.interval, atol=0.02)
    for name in ("r_short", "r_long", "reference", "midpoint"):
        assert getattr(other, name) == pytest.approx(-getattr(base, name), abs=1e-9)
    np.testing.assert_allclose(other.models["weight"], base.models["weight"], atol=1e-3)
    np.testing.assert_allclose(
        other.forecast["p_chart_resolved"], base.forecast["p_chart_resolved"], atol=2 / PATHS
    )
    np.testing.assert_allclose(other.forecast["q50"], -base.forecast["q50"], atol=0.01)
    assert other.regimes.loc["low", "correlation"] == pytest.approx(
        -base.regimes.loc["high", "correlation"], abs=2e-3
    )
    assert other.regimes.loc["low", "p_today"] == pytest.approx(
        base.regimes.loc["high", "p_today"], abs=2e-3
    )
    np.testing.assert_allclose(other.correlation["dcc"], -base.correlation["dcc"], atol=1e-3)
    np.testing.assert_allclose(
        other.sensitivity["p_raw"], base.sensitivity["p_raw"], atol=2 / PATHS, equal_nan=True
    )


def test_negating_the_benchmark_too(prices, base):
    mirror = prices.copy()
    mirror["B"] = 1e4 / mirror["B"]
    other = verdict(mirror)
    assert other.state == base.state
    assert other.p_structural == pytest.approx(base.p_structural, abs=2 / PATHS)
    assert other.interval == pytest.approx(base.interval, abs=1e-4)


def test_swapping_the_assets(prices, base):
    other = verdict(prices, asset="B", benchmark="A")
    assert other.state == base.state
    assert other.r_short == pytest.approx(base.r_short, abs=1e-12)
    assert other.reference == pytest.approx(base.reference, abs=1e-12)
    assert other.p_structural == pytest.approx(base.p_structural, abs=4.5 * np.sqrt(0.5 / PATHS))
    np.testing.assert_allclose(other.models["weight"], base.models["weight"], atol=1e-3)


def test_scale_of_the_prices(prices, base):
    other = verdict(prices * np.array([1e-4, 37.0]))
    assert other.state == base.state
    assert other.p_structural == pytest.approx(base.p_structural, abs=2 / PATHS)
    assert other.levels.short == pytest.approx(base.levels.short, abs=1e-9)


def test_later_rows_change_nothing(prices, base):
    rng = np.random.default_rng(0)
    last = prices.index[-1]
    index = pd.bdate_range(last, periods=200, name="date")[1:]
    later = pd.DataFrame(
        prices.iloc[-1].to_numpy()
        * np.exp(np.cumsum(0.05 * rng.standard_normal((199, 2)), axis=0)),
        index=index,
        columns=prices.columns,
    )
    longer = pd.concat([prices, later])
    longer.attrs = prices.attrs
    one, two = verdict(prices, as_of=last).to_dict(), verdict(longer, as_of=last).to_dict()
    for key in one:
        if key != "data":  # the alignment report may count what was cut off
            assert one[key] == two[key], key
    assert one["p_structural"] == base.p_structural


def test_threads_change_nothing(prices, base):
    assert verdict(prices, n_jobs=2).to_dict() == base.to_dict()


def test_seeds(prices, base):
    assert verdict(prices).to_dict() == base.to_dict()
    other = verdict(prices, rng=4)
    assert other.p_structural != base.p_structural
    assert other.p_structural == pytest.approx(base.p_structural, abs=4.5 * np.sqrt(0.5 / PATHS))
    generator = verdict(prices, rng=np.random.default_rng(3))
    assert generator.p_structural == base.p_structural


def test_the_interval_hardly_depends_on_the_seed(prices):
    """Two hundred outer draws estimate a spread to about 5 %; the interval must not double between
    seeds.
    """
    widths = []
    for seed in range(6):
        low, high = verdict(prices, rng=seed, n_paths=4000).interval
        widths.append(high - low)
    assert max(widths) < 1.5 * min(widths)


def test_weak_pairs_get_no_probability():
    for seed in range(100):
        world = rc.simulate("one_break", n_obs=1000, nu=8.0, rng=seed)
        if situation(world.returns.to_numpy(), 90, 252).state == "weak":
            break
    found = verdict(world.prices, n_paths=400)
    assert found.state == found.label == "weak"
    assert np.isnan(
        [found.p_structural, found.p_transient, found.p_unchanged, *found.interval]
    ).all()
    assert "0.25" in found.reason


def test_the_verdict_equals_its_parts(prices, base):
    """Recount p from the definitions: weights times shares of structural paths, read off prices to
    t only.
    """
    members = base.models.loc[["constant", "dcc", "reverting", "switching", "break", "drift"]]
    assert base.p_structural == pytest.approx((members["weight"] * members["p_structural"]).sum())
    returns = np.log(prices).diff().dropna().to_numpy()
    here = situation(returns, 90, 252)
    assert base.midpoint == pytest.approx(here.midpoint, abs=1e-10)
    assert base.as_of == prices.index[-1]
    assert (members["p_structural"] * PATHS % 1).max() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("basis", ["levels", "log_levels"])
@pytest.mark.filterwarnings("ignore::regimecorr.errors.LevelBasisWarning")
def test_level_bases_read_prices(prices, basis):
    found = verdict(prices, basis=basis, n_paths=400)
    values = prices.to_numpy() if basis == "levels" else np.log(prices.to_numpy())
    assert found.r_short == pytest.approx(np.corrcoef(values[-90:].T)[0, 1], abs=1e-8)
    assert found.reference == pytest.approx(np.corrcoef(values[-342:-90].T)[0, 1], abs=1e-8)
    assert np.isnan(found.p_unchanged)
    if found.state != "weak":
        assert 0 <= found.p_structural <= 1
