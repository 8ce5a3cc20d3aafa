"""Rolling Pearson correlation against numpy, window by window."""

from __future__ import annotations

import numpy as np
import pytest

from regimecorr.kernels.rolling import (
    first_passage_above,
    path_correlation,
    pearson,
    rolling_pearson,
    window_moments,
)


def by_window(x, y, window):
    out = np.full(x.size, np.nan)
    for t in range(window - 1, x.size):
        out[t] = np.corrcoef(x[t - window + 1 : t + 1], y[t - window + 1 : t + 1])[0, 1]
    return out


def normal_pair(n=600, seed=0, rho=0.4):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(n)
    return x, rho * x + np.sqrt(1 - rho**2) * rng.standard_normal(n)


class TestAgainstNumpy:
    @pytest.mark.parametrize("window", [10, 63, 64, 65, 90, 252])
    def test_every_window(self, window):
        x, y = normal_pair()
        np.testing.assert_allclose(
            rolling_pearson(x, y, window), by_window(x, y, window), atol=1e-12
        )

    @pytest.mark.parametrize("size", [1e3, 1e6, 1e9, 1e12])
    def test_huge_outliers_leave_no_trace(self, size):
        x, y = normal_pair()
        x[[150, 151, 152, 400]] = size * np.array([1.0, -1.0, 0.3, 2.0])
        y[[170, 401]] = -size
        np.testing.assert_allclose(rolling_pearson(x, y, 60), by_window(x, y, 60), atol=1e-9)

    def test_several_equal_outliers_in_one_window(self):
        x, y = normal_pair(seed=3)
        x[200:230:5] = 1e8
        y[202:230:5] = -1e8
        np.testing.assert_allclose(rolling_pearson(x, y, 50), by_window(x, y, 50), atol=1e-9)

    def test_outliers_of_falling_size(self):
        x, y = normal_pair(seed=4)
        x[100:112] *= 10.0 ** np.arange(12, 0, -1)
        np.testing.assert_allclose(rolling_pearson(x, y, 40), by_window(x, y, 40), atol=1e-9)

    def test_levels_with_a_large_mean(self):
        x, y = normal_pair(seed=5)
        x, y = 6e4 + np.cumsum(x), 2e2 + 0.1 * np.cumsum(y)
        np.testing.assert_allclose(rolling_pearson(x, y, 90), by_window(x, y, 90), atol=1e-9)

    def test_rounding_does_not_accumulate(self):
        """Half a million updates without a rebuild would lose nine digits here."""
        x, y = normal_pair(n=500_000, seed=11)
        x *= 10.0 ** (3 * np.sin(np.arange(x.size) / 150))
        y *= 10.0 ** (3 * np.sin(np.arange(x.size) / 170))
        r = rolling_pearson(x, y, 90)
        for t in range(499_000, 500_000, 37):
            expected = np.corrcoef(x[t - 89 : t + 1], y[t - 89 : t + 1])[0, 1]
            assert r[t] == pytest.approx(expected, abs=1e-9)

    def test_near_constant_stretch_after_a_loud_one(self):
        x, y = normal_pair(seed=6)
        x[200:400] *= 1e-9
        y[200:400] *= 1e-9
        np.testing.assert_allclose(rolling_pearson(x, y, 60), by_window(x, y, 60), atol=1e-9)

    def test_a_slow_fade(self):
        x, y = normal_pair(seed=7)
        fade = 0.93 ** np.arange(x.size)
        x, y = x * fade, y * fade
        np.testing.assert_allclose(rolling_pearson(x, y, 90), by_window(x, y, 90), atol=1e-8)


class TestConstantWindows:
    def test_zeros_give_nan_and_only_there(self):
        x, y = normal_pair(seed=8)
        x[200:300] = 0.0
        r = rolling_pearson(x, y, 40)
        with np.errstate(invalid="ignore", divide="ignore"):
            expected = by_window(x, y, 40)
        assert np.isnan(r[239:300]).all()
        np.testing.assert_array_equal(np.isnan(r), np.isnan(expected))
        np.testing.assert_allclose(r[300:], expected[300:], atol=1e-10)

    @pytest.mark.parametrize("value", [0.1, 101.3, 1e-3 / 3])
    def test_a_constant_that_is_no_binary_fraction_gives_nan(self, value):
        _, y = normal_pair(n=90, seed=9)
        assert np.isnan(pearson(np.full(90, value), y))
        assert np.isnan(rolling_pearson(np.full(90, value), y, 60)[59:]).all()

    def test_too_short_a_sample_is_all_nan(self):
        x, y = normal_pair(n=20)
        assert np.isnan(rolling_pearson(x, y, 21)).all()
        assert np.isfinite(rolling_pearson(x, y, 20)[-1])


def test_bounds_hold_when_the_series_are_the_same():
    x, _ = normal_pair(seed=10)
    r = rolling_pearson(x, 3 * x + 1, 30)[29:]
    assert (np.abs(r) <= 1).all()
    np.testing.assert_allclose(r, 1.0)


def test_window_moments():
    x, y = normal_pair(n=50)
    mx, my, sxx, syy, sxy = window_moments(x, y, 7, 31)
    np.testing.assert_allclose([mx, my], [x[7:31].mean(), y[7:31].mean()])
    cov = np.cov(x[7:31], y[7:31], bias=True) * 24
    np.testing.assert_allclose([sxx, syy, sxy], [cov[0, 0], cov[1, 1], cov[0, 1]])


def test_path_correlation_reads_start_to_stop():
    rng = np.random.default_rng(1)
    paths = rng.standard_normal((5, 40, 2))
    expected = [np.corrcoef(p[20:40].T)[0, 1] for p in paths]
    np.testing.assert_allclose(path_correlation(paths, 20, 40), expected, atol=1e-12)


@pytest.mark.parametrize("threshold", [0.0, 0.2])
def test_first_passage_counts_the_first_simulated_row_as_one(threshold):
    rng = np.random.default_rng(2)
    history = rng.standard_normal((50, 2))
    history[:, 1] -= 0.4 * history[:, 0]
    paths = rng.standard_normal((40, 30, 2))
    paths[:, :, 1] += 0.5 * paths[:, :, 0]
    found = first_passage_above(history, paths, 20, threshold)
    for p in range(40):
        joined = np.vstack([history[-19:], paths[p]])
        r = [np.corrcoef(joined[h : h + 20].T)[0, 1] for h in range(30)]
        above = np.flatnonzero(np.array(r) > threshold)
        assert found[p] == (above[0] + 1 if above.size else 0)
    assert 0 in found or len(set(found.tolist())) > 3
