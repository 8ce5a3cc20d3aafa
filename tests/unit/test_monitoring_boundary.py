"""Critical values of the detectors: exact laws, published figures, walks."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import ndtr

from regimecorr.inference.monitoring.boundary import critical_value, weight
from regimecorr.inference.monitoring.detectors import page


class TestBoundary:
    @pytest.mark.parametrize("length", [0.05, 0.5, 1.0, 4.0, math.inf])
    @pytest.mark.parametrize("alpha", [0.01, 0.05, 0.1])
    def test_without_gamma_it_is_the_law_of_the_largest_brownian_motion(self, length, alpha):
        """P(sup |W| > c) by the reflection series; sqrt(B / (1 + B)) scales it."""
        k = np.arange(60)

        def tail(c):
            terms = ndtr((4 * k + 3) * c) - ndtr((4 * k + 1) * c)
            return (
                1
                - (2 * ndtr(c) - 1)
                + 2 * np.sum(terms)
                - 2 * np.sum(ndtr((4 * k + 5) * c) - ndtr((4 * k + 3) * c))
            )

        share = 1.0 if math.isinf(length) else length / (1.0 + length)
        c = critical_value("cusum", 0.0, length, alpha) / math.sqrt(share)
        assert tail(c) == pytest.approx(alpha, rel=0.05)

    def test_published_values(self):
        """Wied and Galeano's Table 1, simulated on a grid, which reads low."""
        table = {
            0.0: (1.2870, 1.5578, 1.8158, 1.9980),
            0.25: (1.8001, 1.9924, 2.1684, 2.2467),
            0.45: (2.6282, 2.6844, 2.7215, 2.7660),
        }
        for gamma, values in table.items():
            for length, value in zip((0.5, 1.0, 2.0, 4.0), values, strict=True):
                ours = critical_value("cusum", gamma, length, 0.05)
                assert value - 0.035 < ours < value + 0.035

    @pytest.mark.parametrize("gamma", [0.0, 0.1, 0.25, 0.33, 0.45])
    def test_lengths_scale(self, gamma):
        """The limit over its boundary is W(u) / u^gamma, u = x / (1 + x): a power of B / (1 + B).

        Between gammas of the table a steep boundary is interpolated to .7 %.
        """
        lengths = np.array([0.02, 0.07, 0.3, 0.6, 1.0, 2.5, 8.0, 50.0])
        values = [critical_value("cusum", gamma, length, 0.05) for length in lengths]
        levels = values / (lengths / (1.0 + lengths)) ** (0.5 - gamma)
        np.testing.assert_allclose(levels, levels.mean(), rtol=0.008)

    def test_page_on_walks(self):
        """Discrete walks with an estimated drift cross the boundary of Page's form 5 % of the time.

        Steps of 1 / 2000 miss a little of the supremum, and 2,000 walks have an error of .5 %.
        """
        rng = np.random.default_rng(7)
        m, n = 2000, 2000
        found = 0
        x = np.arange(1, m + 1) / m
        bound = critical_value("page", 0.25, 1.0, 0.05) * weight(x, 0.25)
        for _ in range(n):
            drift = rng.standard_normal()
            walk = rng.standard_normal(m).cumsum() / math.sqrt(m) - x * drift
            found += bool(np.any(page(walk) > bound))
        assert 0.030 < found / n < 0.062

    def test_values_move_the_right_way(self):
        for name in ("cusum", "page"):
            by_length = [critical_value(name, 0.1, b, 0.05) for b in (0.1, 0.7, 3.0, math.inf)]
            by_alpha = [critical_value(name, 0.33, 1.0, a) for a in (0.2, 0.06, 0.011)]
            by_gamma = [critical_value(name, g, 1.0, 0.05) for g in (0.0, 0.12, 0.44)]
            for values in (by_length, by_alpha, by_gamma):
                assert np.all(np.diff(values) > 0)
        assert critical_value("page", 0.2, 1.0, 0.05) > critical_value("cusum", 0.2, 1.0, 0.05)
