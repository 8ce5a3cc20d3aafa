"""What is not known of the panel forecaster's parameters, in one pair's forecast."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy import stats

import regimecorr as rc
from regimecorr.evaluation.features import pair_features
from regimecorr.evaluation.fresh_forecast import FreshForecast
from regimecorr.evaluation.vintages import shipped

#: Quantiles of a standard normal distribution, as the residuals are kept.
NORMAL = tuple(stats.norm.ppf((np.arange(400) + 0.5) / 400).tolist())


def forecast(**changes) -> FreshForecast:
    plain = FreshForecast(
        asset="A",
        benchmark="B",
        as_of=None,
        state="divergent",
        r_short=-0.1,
        reference=0.5,
        midpoint=0.2,
        sign=1,
        mean_z=0.3,
        sd_z=0.25,
        mean_error=0.04,
        log_sd_error=0.1,
        residuals=NORMAL,
    )
    return dataclasses.replace(plain, **changes)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"midpoint": 0.45},
        {"sign": -1, "midpoint": -0.2, "reference": -0.5, "r_short": 0.1},
        {"mean_z": -0.1, "sd_z": 0.6},
    ],
)
def test_draws_lie_around_the_probability(changes):
    told = forecast(**changes)
    drawn = told.draw_structural(40_000, np.random.default_rng(0))
    assert drawn.shape == (40_000,)
    assert ((drawn > 0.0) & (drawn < 1.0)).all()
    assert np.median(drawn) == pytest.approx(told.p_structural, abs=0.01)
    # First-order errors of P(z < c): density times the errors of mean and log standard deviation.
    c = (np.arctanh(told.sign * told.midpoint) - told.mean_z) / told.sd_z
    assert told.p_structural == pytest.approx(stats.norm.cdf(c), abs=2e-3)
    error = stats.norm.pdf(c) * np.hypot(told.mean_error / told.sd_z, told.log_sd_error * c)
    assert drawn.std() == pytest.approx(error, rel=0.1)


def test_each_error_has_its_part():
    both, mean, scale, none = (
        forecast(midpoint=0.45, mean_error=a, log_sd_error=b).draw_structural(
            4000, np.random.default_rng(1)
        )
        for a, b in ((0.04, 0.1), (0.04, 0.0), (0.0, 0.1), (0.0, 0.0))
    )
    assert both.var() == pytest.approx(mean.var() + scale.var(), rel=0.1)
    assert min(mean.std(), scale.std()) > 0.01
    np.testing.assert_allclose(none, forecast(midpoint=0.45).p_structural, atol=1e-12)


def test_the_sign_does_not_matter():
    one, other = (
        told.draw_structural(100, np.random.default_rng(2))
        for told in (forecast(), forecast(sign=-1, midpoint=-0.2, reference=-0.5, r_short=0.1))
    )
    np.testing.assert_allclose(one, other, atol=1e-12)


def test_the_same_seed_gives_the_same_draws():
    one, other = (forecast().draw_structural(50, np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(one, other)


def test_the_errors_are_those_of_the_parameters_at_these_features():
    """Standard errors of the two sums, and the spread of the sums over drawn parameters."""
    panel = shipped("market").vintages[-1].panel
    prices = rc.simulate("recurrent", n_obs=1200, rng=3).prices
    told = panel.predict(prices)
    features = pair_features(np.log(prices).diff().dropna().to_numpy())
    rng = np.random.default_rng(0)
    for row, linear, covariance, error, value in (
        (
            features.mean[-1],
            panel.mean,
            panel.mean_covariance,
            told.mean_error,
            told.mean_z,
        ),
        (
            features.spread[-1],
            panel.log_sd,
            panel.log_sd_covariance,
            told.log_sd_error,
            np.log(told.sd_z),
        ),
    ):
        beta = np.array([linear.intercept, *linear.slopes])
        at = np.r_[1.0, row]
        assert at @ beta == pytest.approx(value)
        drawn = rng.multivariate_normal(beta, covariance, 4000, method="svd") @ at
        assert drawn.std() == pytest.approx(error, rel=0.05)
        assert 0.001 < error < 0.3
