"""Features at a date: by their definitions, and from nothing later."""

from __future__ import annotations

import numpy as np
import pytest

from regimecorr.evaluation.features import (
    MEAN_FEATURES,
    SPREAD_FEATURES,
    FeatureWindows,
    fisher,
    pair_features,
)
from regimecorr.events import situation


@pytest.fixture(scope="module")
def returns() -> np.ndarray:
    rng = np.random.default_rng(4)
    n = 1100
    rho = np.where(np.arange(n) // 300 % 2, -0.5, 0.7)
    z = rng.standard_t(5, (n, 2))
    z[:, 1] = rho * z[:, 0] + np.sqrt(1.0 - rho**2) * z[:, 1]
    z[rng.random(n) < 0.03, 0] = 0.0
    return 0.01 * z


def corr(a: np.ndarray) -> float:
    return float(np.corrcoef(a.T)[0, 1])


def slow(returns: np.ndarray, t: int) -> tuple[dict[str, float], dict[str, float]]:
    """Features at row t, each from its sentence."""
    seen = returns[: t + 1]

    def last(rows: int, until: int = t) -> float:
        return corr(returns[until - rows + 1 : until + 1])

    def z(r: float) -> float:
        return float(np.arctanh(np.clip(r, -0.98, 0.98)))

    o = -1.0 if last(252, t - 90) < 0 else 1.0
    longs = np.array([last(252, u) for u in range(251, t + 1)])
    shorts = np.array([z(last(90, u)) for u in range(t - 503, t + 1)])

    def signs(rows: int) -> float:
        return float(np.sin(np.pi / 2 * corr(np.sign(seen[-rows:]))))

    past, past_sd = float(longs.mean()), float(longs.std(ddof=1))
    mean = {
        "short": o * z(last(90)),
        "reference": o * z(last(252, t - 90)),
        "long": o * z(last(252)),
        "recent": o * z(last(42)),
        "whole": o * z(corr(returns[: t - 90 + 1])),
        "past": o * z(past),
        "year_before": o * z(last(252, t - 90 - 252)),
        "past_sd": past_sd,
        "past_sd_x_past": past_sd * o * z(past),
        "sign_short": o * z(signs(90)),
        "sign_long": o * z(signs(252)),
    }
    recent, whole = seen[-60:].std(axis=0, ddof=1), seen.std(axis=0, ddof=1)
    spread = {
        "past_sd": past_sd,
        "short_sd": float(shorts.std(ddof=1)),
        "abs_long": abs(z(last(252))),
        "abs_past": abs(z(past)),
        "abs_short_less_long": abs(z(last(90)) - z(last(252))),
        "volatility": float(np.clip(np.log(recent / whole), -2.0, 2.0).mean()),
    }
    return mean, spread


def test_they_are_what_their_names_say(returns):
    features = pair_features(returns)
    references = []
    for t in (593, 700, 701, 850, 1000, 1099):
        mean, spread = slow(returns, t)
        np.testing.assert_allclose(features.mean[t], [mean[n] for n in MEAN_FEATURES], atol=1e-10)
        np.testing.assert_allclose(
            features.spread[t], [spread[n] for n in SPREAD_FEATURES], atol=1e-10
        )
        here = situation(returns[: t + 1], 90, 252)
        references.append(here.sign)
        for name in ("r_short", "r_long", "reference", "midpoint", "sign"):
            assert getattr(features, name)[t] == pytest.approx(getattr(here, name), abs=1e-12)
    assert set(references) == {1, -1}  # both orientations were read


def test_they_begin_with_the_first_full_windows(returns):
    windows = FeatureWindows()
    ready = pair_features(returns, windows).ready
    assert windows.needed == 594
    assert not ready[: windows.needed - 1].any()
    assert ready[windows.needed - 1 :].all()
    assert not pair_features(returns[: windows.needed - 1]).ready.any()


def test_later_rows_change_nothing(returns):
    other = returns.copy()
    other[900:] = 5.0 * np.random.default_rng(8).standard_normal((200, 2))
    one, two = pair_features(returns), pair_features(other)
    short = pair_features(returns[:900])
    for name in ("mean", "spread", "r_short", "midpoint", "sign"):
        np.testing.assert_array_equal(getattr(one, name)[:900], getattr(two, name)[:900])
        np.testing.assert_array_equal(getattr(one, name)[:900], getattr(short, name))
    assert not np.array_equal(one.mean[900:], two.mean[900:])


def test_neither_sign_nor_order_nor_unit_of_the_legs_matters(returns):
    one = pair_features(returns)
    for other in (returns * [1, -1], returns * [-1, 1], returns[:, ::-1], returns * [100.0, 3.0]):
        two = pair_features(np.ascontiguousarray(other))
        np.testing.assert_allclose(two.mean, one.mean, atol=1e-9)
        np.testing.assert_allclose(two.spread, one.spread, atol=1e-9)
    assert np.array_equal(pair_features(returns * [1, -1]).sign[341:], -one.sign[341:])


def test_a_leg_that_stands_still_leaves_holes_that_close_again(returns):
    still = np.vstack([returns, returns])
    still[1200:1290, 0] = 0.0
    features = pair_features(still)
    assert features.ready[1199]
    assert np.isnan(features.mean[1289, MEAN_FEATURES.index("short")])
    assert np.isfinite(features.mean[1289, MEAN_FEATURES.index("past")])
    assert not features.ready[1289]
    # The rolling spread of the short correlation waits until its hole has passed.
    assert not features.ready[1289 + 503]
    assert features.ready[1289 + 504]


def test_windows_can_be_others(returns):
    windows = FeatureWindows(short=40, long=100, horizon=80, recent=20, spread=150, volatility=30)
    features = pair_features(returns, windows)
    assert windows.needed == 240
    assert features.ready[239:].all()
    assert not features.ready[238]
    assert features.r_short[500] == pytest.approx(corr(returns[461:501]))
    assert features.reference[500] == pytest.approx(corr(returns[361:461]))


def test_fisher_is_clipped():
    np.testing.assert_allclose(fisher(np.array([1.0, -1.0, 0.5])), np.arctanh([0.98, -0.98, 0.5]))
