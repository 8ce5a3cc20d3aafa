"""Ridge and the standard deviation that depends on features."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from regimecorr.errors import EstimationError
from regimecorr.evaluation.regression import log_scale, ridge


class TestRegression:
    def test_ridge_is_that_of_scikit_learn(self):
        from sklearn.linear_model import Ridge

        rng = np.random.default_rng(0)
        x = rng.standard_normal((300, 4)) * [1.0, 5.0, 0.1, 2.0] + [0, 3, -1, 2]
        y = x @ [0.5, 0.1, -3.0, 0.0] + 2.0 + rng.standard_normal(300)
        z = (x - x.mean(axis=0)) / x.std(axis=0)
        for penalty in (0.0, 0.1, 2.0):
            mine = ridge(x, y, penalty)
            other = Ridge(alpha=penalty * 300).fit(z, y)
            np.testing.assert_allclose(mine.slopes, other.coef_ / x.std(axis=0), atol=1e-10)
            np.testing.assert_allclose(mine.at(x), other.predict(z), atol=1e-10)

    def test_log_scale_finds_the_scale_whatever_the_tails(self):
        rng = np.random.default_rng(1)
        h = rng.standard_normal((40_000, 2)) * [0.3, 2.0] + [0.2, -1.0]
        sd = np.exp(-1.5 + h @ [0.8, 0.1])
        for noise in (
            rng.standard_normal(40_000),
            stats.t(6).rvs(40_000, random_state=2) / 1.5**0.5,
        ):
            fit = log_scale(h, sd * noise, 0.0)
            np.testing.assert_allclose([fit.intercept, *fit.slopes], [-1.5, 0.8, 0.1], atol=0.06)

    def test_log_scale_is_the_maximum_of_its_penalised_likelihood(self):
        rng = np.random.default_rng(3)
        h, e = rng.standard_normal((500, 2)), rng.standard_t(4, 500)
        z = (h - h.mean(axis=0)) / h.std(axis=0)

        def value(slopes, level):
            eta = level + z @ slopes
            return np.mean(eta + 0.5 * e**2 * np.exp(-2 * eta)) + 0.3 * np.sum(np.square(slopes))

        fit = log_scale(h, e, 0.3)
        slopes = np.array(fit.slopes) * h.std(axis=0)
        level = fit.intercept + h.mean(axis=0) @ fit.slopes
        best = value(slopes, level)
        for k in range(2):
            for step in (-1e-3, 1e-3):
                assert value(slopes + step * np.eye(2)[k], level) > best
        assert value(slopes, level + 1e-3) > best
        assert value(slopes, level - 1e-3) > best

    def test_without_features_there_is_one_scale(self):
        e = np.random.default_rng(0).standard_normal(100)
        fit = log_scale(np.empty((100, 0)), e, 0.1)
        assert np.exp(fit.intercept) == pytest.approx(np.sqrt(np.mean(e**2)))

    def test_what_cannot_be_fitted(self):
        x = np.random.default_rng(0).standard_normal((50, 2))
        with pytest.raises(EstimationError, match="does not vary"):
            ridge(np.c_[x, np.ones(50)], x[:, 0], 0.1)
        with pytest.raises(EstimationError, match="Feature 2 is missing"):
            ridge(np.c_[x, np.full(50, np.nan)], x[:, 0], 0.1)
        with pytest.raises(EstimationError, match="All residuals"):
            log_scale(x, np.zeros(50), 0.1)
