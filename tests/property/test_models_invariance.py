"""What must not change: units, sign and order of the assets, later rows, threads."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import regimecorr as rc
from regimecorr.models.breaks import BreakCorrelation
from regimecorr.models.constant import ConstantCorrelation
from regimecorr.models.dcc import DCC
from regimecorr.models.drifting import DriftingCorrelation
from regimecorr.models.margins import GARCH
from regimecorr.models.switching import SwitchingCorrelation

SPECS = {
    "constant": ConstantCorrelation(margins=None),
    "dcc": DCC(dist="t", margins=None),
    "reverting": DriftingCorrelation(kind="mean_reverting", margins=None),
    "switching": SwitchingCorrelation(margins=None),
    "break": BreakCorrelation(margins=None),
    "drift": DriftingCorrelation(margins=None),
}
pytestmark = pytest.mark.filterwarnings("ignore::regimecorr.errors.DegenerateRegimeWarning")


@pytest.fixture(scope="module")
def world():
    return rc.simulate("several_breaks", n_obs=900, nu=6.0, rng=3)


class TestUnits:
    @pytest.mark.parametrize("scale", [100.0, 1e4, 1e-2])
    @pytest.mark.parametrize(
        "spec",
        [GARCH(), GARCH(vol="GJR"), GARCH(dist="t"), GARCH(vol="EGARCH")],
        ids=["normal", "gjr", "t", "egarch"],
    )
    def test_margins(self, world, spec, scale):
        base, other = spec.fit(world.returns), spec.fit(world.returns * scale)
        units = np.array([scale, scale**2, 1, 1, 1])
        names = ["mu", "omega", "alpha", "gamma", "beta"]
        expected = base.params[names] * units
        if spec.vol == "EGARCH":  # its omega is the level of a logarithm
            units[1] = 1
            expected["omega"] = base.params["omega"]
            expected["omega"] += (1 - base.params["beta"]) * 2 * np.log(scale)
        np.testing.assert_allclose(other.params[names], expected, rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(other.std_resid, base.std_resid, rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(other.volatility, base.volatility * scale, rtol=1e-6)
        change = np.diag(units)
        if spec.vol == "EGARCH":
            change[1, 4] = -2 * np.log(scale)
        for mine, theirs in zip(base.legs, other.legs, strict=True):
            expected = change @ mine.covariance @ change.T
            spread = np.sqrt(np.diag(expected))
            spread[spread == 0] = 1.0
            size = np.outer(spread, spread)
            np.testing.assert_allclose(theirs.covariance / size, expected / size, atol=1e-2)
        shift = len(world.returns) * np.log(scale)
        np.testing.assert_allclose(other.loglikelihood + shift, base.loglikelihood, rtol=1e-9)

    def test_prices_in_other_currencies(self, world):
        prices = world.prices
        here = rc.find_episodes(prices)
        there = rc.find_episodes(prices * np.array([1e-3, 250.0]))
        pd.testing.assert_frame_equal(here, there, rtol=1e-8)


class TestSign:
    @pytest.mark.parametrize("name", sorted(set(SPECS) - {"switching"}))
    def test_negating_one_asset_negates_the_correlation(self, world, name):
        z = world.std_resid.to_numpy()
        base, mirror = SPECS[name].fit(z), SPECS[name].fit(z * [-1.0, 1.0])
        assert mirror.score == pytest.approx(base.score, abs=1e-3)
        np.testing.assert_allclose(mirror.filtered, -base.filtered, atol=1e-3)
        np.testing.assert_allclose(mirror.smoothed, -base.smoothed, atol=1e-3)

    def test_switching(self, world):
        z = world.std_resid.to_numpy()
        base, mirror = SPECS["switching"].fit(z), SPECS["switching"].fit(z * [-1.0, 1.0])
        assert mirror.score == pytest.approx(base.score, abs=1e-3)
        np.testing.assert_allclose(mirror.smoothed, -base.smoothed, atol=5e-3)
        assert mirror.params["rho_low"] == pytest.approx(-base.params["rho_high"], abs=2e-3)


@pytest.mark.parametrize("name", sorted(SPECS))
class TestEveryModel:
    def test_swapping_the_assets_changes_nothing(self, world, name):
        z = world.std_resid.to_numpy()
        base, swapped = SPECS[name].fit(z), SPECS[name].fit(z[:, ::-1].copy())
        assert swapped.score == pytest.approx(base.score, abs=1e-4)
        np.testing.assert_allclose(swapped.filtered, base.filtered, atol=1e-4)

    def test_paths_stay_inside_and_are_finite(self, world, name):
        result = SPECS[name].fit(world.std_resid)
        futures = result.simulate(400, 120, 1)
        for path in (result.filtered, result.smoothed, futures.correlation, futures.recent):
            assert np.abs(np.asarray(path)).max() < 1
        assert np.isfinite(futures.returns).all()
        assert len(result.filtered) == len(world.std_resid)
        assert np.isfinite(result.score)

    def test_later_rows_change_no_filtered_value_at_given_parameters(self, world, name):
        z = world.std_resid.to_numpy()
        other = z.copy()
        other[600:] = np.random.default_rng(0).standard_normal((300, 2))
        options, params = KNOWN[name]
        first = SPECS[name].filter(z, params, **options)
        second = SPECS[name].filter(other, params, **options)
        np.testing.assert_array_equal(first.filtered.iloc[:600], second.filtered.iloc[:600])
        assert not np.array_equal(
            first.smoothed.iloc[:600], second.smoothed.iloc[:600]
        ) or name in ("constant", "dcc")

    def test_same_seed_same_paths(self, world, name):
        result = SPECS[name].fit(world.std_resid)
        one, two = (result.simulate(400, 30, 5) for _ in range(2))
        for field in ("returns", "correlation", "recent", "draw"):
            np.testing.assert_array_equal(getattr(one, field), getattr(two, field))
        three = result.simulate(400, 30, 6)
        assert not np.array_equal(three.returns, result.simulate(400, 30, 5).returns)

    def test_every_path_has_its_own_shocks(self, world, name):
        """The interval's halves are independent only if no two paths share a shock."""
        options, params = KNOWN[name]
        result = SPECS[name].filter(world.std_resid, params, **options)
        futures = result.simulate(60, 20, 3, n_draws=6)
        assert np.unique(futures.returns[:, 0, 0]).size == 60
        np.testing.assert_array_equal(futures.draw, np.repeat(np.arange(6), 10))


KNOWN = {
    "constant": ({}, {"rho": 0.4, "nu": 6.0}),
    "dcc": ({"target": 0.4}, {"a": 0.05, "b": 0.9, "nu": 6.0}),
    "reverting": ({}, {"mean": 0.3, "phi": 0.98, "sigma": 0.04, "spread": 0.2, "nu": 6.0}),
    "switching": ({}, {"rho_low": 0.0, "rho_high": 0.6, "p_low": 0.98, "p_high": 0.99, "nu": 6.0}),
    "break": ({}, {"hazard": 0.01, "level_mean": 0.3, "level_sd": 0.4, "nu": 6.0}),
    "drift": ({}, {"mean": 0.0, "phi": 1.0, "sigma": 0.02, "spread": 0.5, "nu": 6.0}),
}


@settings(max_examples=12)
@given(
    rho=st.floats(-0.95, 0.95),
    nu=st.floats(2.5, 60.0),
    seed=st.integers(0, 10_000),
    outlier=st.sampled_from([0.0, 10.0, 60.0]),
)
def test_probabilities_are_probabilities(rho, nu, seed, outlier):
    rng = np.random.default_rng(seed)
    e = rng.standard_normal((260, 2))
    z = np.column_stack([e[:, 0], rho * e[:, 0] + np.sqrt(1 - rho**2) * e[:, 1]])
    z[130] += outlier * np.array([1.0, -1.0])
    params = {"rho_low": -0.2, "rho_high": 0.7, "p_low": 0.97, "p_high": 0.99, "nu": nu}
    result = SwitchingCorrelation(margins=None).filter(z, params)
    for table in (result.filtered_probabilities, result.smoothed_probabilities):
        values = table.to_numpy()
        assert ((values >= 0) & (values <= 1 + 1e-12)).all()
        np.testing.assert_allclose(values.sum(axis=1), 1.0, atol=1e-9)
    grid = BreakCorrelation(margins=None).filter(
        z, {"hazard": 0.01, "level_mean": 0.2, "level_sd": 0.5, "nu": nu}
    )
    assert np.abs(grid.filtered).max() < 1
    assert np.abs(grid.smoothed).max() < 1
    assert np.isfinite(grid.loglikelihood)


@pytest.mark.parametrize(
    "spec", [ConstantCorrelation, DCC, SwitchingCorrelation, BreakCorrelation, DriftingCorrelation]
)
def test_unknown_distribution_is_refused(spec):
    """A misspelt distribution must not silently become another one."""
    from regimecorr.errors import ModelError

    with pytest.raises(ModelError):
        spec(dist="student")
