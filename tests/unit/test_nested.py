"""Expanding regressions and Clark and West's comparison."""

from __future__ import annotations

import numpy as np
import pytest

from regimecorr.errors import ModelError
from regimecorr.inference.nested import clark_west, expanding_coefficients


class TestExpandingCoefficients:
    def test_against_separate_regressions(self):
        rng = np.random.default_rng(0)
        n, horizon = 60, 5
        x = np.column_stack([np.ones(n), 100.0 * rng.standard_normal(n)])
        y = rng.standard_normal(n)
        y[10], x[20, 1], y[-horizon:] = np.nan, np.nan, np.nan
        found = expanding_coefficients(x, y, horizon, first=12)
        known = np.isfinite(x).all(axis=1) & np.isfinite(y)
        for t in range(n):
            past = known & (np.arange(n) + horizon <= t)
            if past.sum() < 12:
                assert np.isnan(found[t]).all()
            else:
                expected = np.linalg.lstsq(x[past], y[past], rcond=None)[0]
                np.testing.assert_allclose(found[t], expected, rtol=1e-8, atol=1e-12)

    def test_outcomes_still_open_are_not_used(self):
        rng = np.random.default_rng(1)
        x, y = np.column_stack([np.ones(50), rng.standard_normal(50)]), rng.standard_normal(50)
        changed = y.copy()
        changed[26:] += 10.0
        first, second = (expanding_coefficients(x, v, 5, 10) for v in (y, changed))
        np.testing.assert_array_equal(first[:31], second[:31])
        assert not np.allclose(first[31], second[31])

    def test_a_signal_that_was_never_given_is_unknown(self):
        x = np.column_stack([np.ones(40), np.arange(40) >= 30])
        found = expanding_coefficients(x, np.arange(40.0), 1, 5)
        assert np.isnan(found[:31]).all()
        assert np.isfinite(found[31:]).all()

    def test_bad_input(self):
        with pytest.raises(ModelError, match="do not fit"):
            expanding_coefficients(np.ones((5, 1)), np.ones(4), 1, 2)
        with pytest.raises(ModelError, match="above 2"):
            expanding_coefficients(np.ones((5, 2)), np.ones(5), 1, 2)


class TestClarkWest:
    def test_by_hand(self):
        gain = clark_west(np.array([2.0]), np.array([1.0]), np.array([0.5]))
        assert gain[0] == pytest.approx(1.0 - 2.25 + 0.25)

    def test_is_centred_without_a_signal_where_plain_errors_are_not(self):
        """The larger model loses by what it estimates in vain; the adjusted gain does not."""
        rng = np.random.default_rng(2)
        adjusted, plain = [], []
        for _ in range(300):
            y = rng.standard_normal(160)
            x = np.column_stack([np.ones(160), rng.standard_normal((160, 3))])
            forecasts = [
                (x[:, :k] * expanding_coefficients(x[:, :k], y, 1, 30)).sum(axis=1) for k in (1, 4)
            ]
            rows = np.isfinite(forecasts[1])
            adjusted.append(np.mean(clark_west(y, *forecasts)[rows]))
            plain.append(np.mean((y - forecasts[0])[rows] ** 2 - (y - forecasts[1])[rows] ** 2))
        error = np.std(adjusted) / np.sqrt(300)
        assert abs(np.mean(adjusted)) < 3.5 * error
        assert np.mean(plain) < -3.0 * np.std(plain) / np.sqrt(300)
