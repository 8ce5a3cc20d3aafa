"""Ridge and the standard deviation that depends on features."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from regimecorr.errors import EstimationError
from regimecorr.evaluation.regression import (
    log_scale,
    log_scale_covariance,
    ridge,
    ridge_covariance,
)


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


def clustered(seed=0, groups=80, size=15):
    """Rows of which those of one group share a shock of the target and of the features."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(groups), size)
    shared = rng.standard_normal((groups, 3))[group]
    x = 0.8 * shared[:, :2] + rng.standard_normal((len(group), 2))
    x = x * [1.0, 4.0] + [0.5, -3.0]
    noise = 0.7 * shared[:, 2] + rng.standard_normal(len(group))
    e = np.exp(-0.5 + x @ [0.3, 0.05]) * noise / np.sqrt(1.49)
    return x, 0.2 + x @ [0.5, -0.1] + e, e, group


class TestCovariance:
    def test_of_the_mean_it_is_that_of_statsmodels(self):
        import statsmodels.api as sm

        x, y, _, group = clustered()
        theirs = sm.OLS(y, sm.add_constant(x)).fit(
            cov_type="cluster", cov_kwds={"groups": group, "use_correction": False}
        )
        fitted = ridge(x, y, 0.0)
        np.testing.assert_allclose([fitted.intercept, *fitted.slopes], theirs.params, atol=1e-10)
        mine = ridge_covariance(x, y, fitted, 0.0, group)
        np.testing.assert_allclose(mine, theirs.cov_params(), rtol=1e-9)
        # Labels are names: neither their values nor their order matter.
        again = ridge_covariance(x, y, fitted, 0.0, 1000 - 7 * group)
        np.testing.assert_allclose(again, mine, rtol=1e-9)

    def test_of_the_scale_it_is_that_of_a_gamma_regression(self):
        """Of squares with a logarithmic link: the same likelihood, for twice the logarithm."""
        import statsmodels.api as sm

        x, _, e, group = clustered(1)
        model = sm.GLM(e**2, sm.add_constant(x), sm.families.Gamma(sm.families.links.Log()))
        fitted = log_scale(x, e, 0.0)
        beta = 2.0 * np.array([fitted.intercept, *fitted.slopes])
        start = model.fit(tol=1e-13)
        np.testing.assert_allclose(beta, start.params, atol=1e-6)
        bread = np.linalg.inv(-model.hessian(beta, scale=1.0, observed=True))
        scores = model.score_obs(beta, scale=1.0)
        sums = np.array([scores[group == g].sum(axis=0) for g in np.unique(group)])
        theirs = bread @ sums.T @ sums @ bread
        mine = log_scale_covariance(x, e, fitted, 0.0, group)
        np.testing.assert_allclose(4.0 * mine, theirs, rtol=1e-5)

    @pytest.mark.parametrize("penalty", [0.0, 0.3])
    def test_it_is_the_spread_over_resampled_groups(self, penalty):
        """Of what is used: the mean and the log scale at some features."""
        x, y, e, group = clustered(2)
        at = np.array([[1.0, 0.5, -3.0], [1.0, 2.0, -3.0], [1.0, 0.5, 5.0], [1.0, -1.0, -9.0]])
        mean, scale = ridge(x, y, penalty), log_scale(x, e, penalty)
        covariances = (
            ridge_covariance(x, y, mean, penalty, group),
            log_scale_covariance(x, e, scale, penalty, group),
        )
        rng = np.random.default_rng(0)
        members = [np.flatnonzero(group == g) for g in np.unique(group)]
        drawn = np.empty((400, 2, len(at)))
        for i in range(len(drawn)):
            rows = np.concatenate([members[g] for g in rng.integers(0, 80, 80)])
            for k, fit in enumerate(
                (ridge(x[rows], y[rows], penalty), log_scale(x[rows], e[rows], penalty))
            ):
                drawn[i, k] = fit.at(at[:, 1:])
        for k, covariance in enumerate(covariances):
            errors = np.sqrt(np.einsum("ni,ij,nj->n", at, covariance, at))
            np.testing.assert_allclose(errors, drawn[:, k].std(axis=0), rtol=0.25)
            assert np.linalg.eigvalsh(covariance).min() > 0.0

    def test_shared_shocks_count_once(self):
        x, y, _, group = clustered(3)
        fitted = ridge(x, y, 0.1)
        alone = ridge_covariance(x, y, fitted, 0.1, np.arange(len(y)))
        together = ridge_covariance(x, y, fitted, 0.1, group)
        at = np.r_[1.0, x.mean(axis=0)]
        assert at @ together @ at > 2.5 * (at @ alone @ at)

    def test_without_features_it_is_that_of_one_scale(self):
        rng = np.random.default_rng(4)
        e = rng.standard_normal(4000)
        fitted = log_scale(np.empty((4000, 0)), e, 0.1)
        found = log_scale_covariance(np.empty((4000, 0)), e, fitted, 0.1, np.arange(4000))
        # The log of a standard deviation has variance 1 / (2 n) for normal errors.
        assert found.shape == (1, 1)
        assert found[0, 0] == pytest.approx(1.0 / 8000.0, rel=0.1)
