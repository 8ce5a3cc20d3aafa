"""Simulated worlds: what is drawn for them, and the path that they promise."""

from __future__ import annotations

import itertools
from typing import get_args

import numpy as np
import pytest

import regimecorr as rc
from regimecorr.errors import ModelError
from regimecorr.worlds import HELD_OUT_RANGES, RANGES, World, simulate_within

WORLDS = get_args(World)
#: Last prices and mean correlation of 600 rows with seed 7, as drawn before the ranges were data.
RECORDED = {
    "constant": (235.65915483461097, 92.0463669354669, 0.5640248303393512),
    "mean_reverting": (55.3545656392198, 150.57744079344786, 0.13845133223258452),
    "recurrent": (202.81292134237475, 95.57315351627327, 0.6670799978984407),
    "one_break": (218.9899678620705, 106.23020383321776, 0.4808377636249334),
    "partial_break": (218.9899678620705, 101.68455193530603, 0.5536408448095037),
    "drift": (25.622688547910133, 96.30613513557769, 0.5192899040218555),
    "several_breaks": (196.4472812664788, 76.16316614677878, 0.19923118720458768),
    "random_walk": (55.798535800899295, 165.97936659206954, -0.32375859527227663),
}


@pytest.mark.parametrize("world", RECORDED)
def test_recorded_draws(world):
    pair = rc.simulate(world, n_obs=600, rng=7)
    found = (*pair.prices.iloc[-1], pair.correlation.mean())
    np.testing.assert_allclose(found, RECORDED[world], rtol=1e-9)
    assert (pair.volatility == 1.0).all()


def drawn(pair):
    """Parameters of a pair in the units of the ranges."""
    found = dict(pair.parameters)
    n = len(pair.returns)
    if pair.world == "mean_reverting":
        found["mean"] = np.tanh(found["mean"])
    if pair.world == "random_walk":
        found["start"] = np.tanh(found["start"])
    if pair.world == "partial_break":
        found["kept"] = found["after"] / found["before"]
    if pair.world == "volatility_linked":
        levels = found["calm"], found["turbulent"]
        found |= {"high": max(levels), "low": min(levels)}
    if "row" in found:
        found["row"] /= n
    return found


@pytest.mark.parametrize("ranges", [RANGES, HELD_OUT_RANGES], ids=["default", "held out"])
@pytest.mark.parametrize("world", WORLDS)
def test_ranges_are_kept_and_filled(world, ranges):
    pairs = [simulate_within(ranges, world, n_obs=400, rng=k) for k in range(80)]
    values = [drawn(pair) for pair in pairs]
    for name, (low, high) in ranges[world].items():
        found = np.array([v[name] for v in values])
        slack = 1.0 / 400 if name == "row" else 1e-12  # a row is rounded down
        assert low - slack <= found.min()
        assert found.max() <= high + slack
        assert np.ptp(found) > 0.85 * (high - low)
    assert all(v["nu"] >= 5.0 for v in values)


def test_held_out_ranges_are_others():
    """Every parameter has another range, and every world reaches where the default does not."""
    assert set(RANGES) == set(HELD_OUT_RANGES) == set(WORLDS)
    for world in WORLDS:
        here, there = RANGES[world], HELD_OUT_RANGES[world]
        assert list(here) == list(there)
        for name in here:
            assert here[name] != there[name]
            assert here[name][0] < here[name][1]
            assert there[name][0] < there[name][1]
        assert any(there[k][0] < here[k][0] or there[k][1] > here[k][1] for k in here)


def test_default_ranges_are_those_of_simulate():
    for world in WORLDS:
        one, two = (
            rc.simulate(world, n_obs=300, rng=4),
            simulate_within(RANGES, world, n_obs=300, rng=4),
        )
        np.testing.assert_array_equal(one.prices, two.prices)
        other = simulate_within(HELD_OUT_RANGES, world, n_obs=300, rng=4)
        assert not np.allclose(one.correlation, other.correlation)


class TestVolatilityLinked:
    @pytest.fixture(scope="class")
    @classmethod
    def pairs(cls):
        return [rc.simulate("volatility_linked", n_obs=12_000, nu=12.0, rng=k) for k in range(8)]

    def test_both_directions(self, pairs):
        fall = [p.parameters["turbulent"] < p.parameters["calm"] for p in pairs]
        assert 0 < sum(fall) < len(fall)

    def test_correlation_and_volatility_share_their_regime(self, pairs):
        for pair in pairs:
            p = pair.parameters
            turbulent = pair.volatility.to_numpy() > 1.0
            assert set(pair.volatility.unique()) == {1.0, p["multiple"]}
            expected = np.where(turbulent, p["turbulent"], p["calm"])
            np.testing.assert_array_equal(pair.correlation, expected)
            for state, level in ((turbulent, p["turbulent"]), (~turbulent, p["calm"])):
                # Of the returns: a common multiple leaves the correlation within a state alone.
                measured = np.corrcoef(pair.returns.to_numpy()[state].T)[0, 1]
                assert measured == pytest.approx(level, abs=5.0 / np.sqrt(state.sum()))
            ratio = pair.returns[turbulent].std() / pair.returns[~turbulent].std()
            assert (ratio > 1.2).all()

    def test_turbulence_multiplies_both_legs(self):
        """The same draws with a multiple of 1 have the same moves, but for the turbulent rows."""
        still = dict(RANGES["volatility_linked"], multiple=(1.0, 1.0))
        for seed in range(4):
            pair = rc.simulate("volatility_linked", n_obs=1500, rng=seed)
            same = simulate_within({"volatility_linked": still}, pair.world, n_obs=1500, rng=seed)
            mean = 0.0002
            moves = (pair.returns - mean) / (same.returns - mean)
            for leg in moves:
                np.testing.assert_allclose(moves[leg], pair.volatility, rtol=1e-6)

    def test_stays(self, pairs):
        """Length of the regimes, pooled: each divided by its mean."""
        share = {"calm": [], "turbulent": []}
        for pair in pairs:
            turbulent = pair.volatility.to_numpy() > 1.0
            edges = np.flatnonzero(np.diff(turbulent)) + 1
            for first, stop in itertools.pairwise(edges):
                name = "turbulent" if turbulent[first] else "calm"
                share[name].append((stop - first) / pair.parameters[f"stay_{name}"])
        for found in share.values():
            assert np.mean(found) == pytest.approx(1.0, abs=4.0 / np.sqrt(len(found)))


def test_bad_input():
    with pytest.raises(ModelError, match="world='cubist' is unknown; choose one of constant"):
        rc.simulate("cubist")
    with pytest.raises(ModelError, match="n_obs=1"):
        rc.simulate(n_obs=1)
    with pytest.raises(ModelError, match=r"nu=2\.0 must be above 2"):
        rc.simulate(nu=2.0)
