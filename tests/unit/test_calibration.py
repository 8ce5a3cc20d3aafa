"""Calibration of the pool and the panel forecast: coefficients, errors, refusals."""

from __future__ import annotations

import json

import numpy as np
import pytest

from regimecorr.errors import ModelError
from regimecorr.evaluation.calibration import (
    CoefficientPrior,
    Recalibration,
    clipped_logit,
    recalibrate,
)

#: So wide that it says nothing.
FLAT = CoefficientPrior(sd=(1e3, 1e3, 1e3))
TRUE = np.array([0.3, 0.4, 0.8])


def sample(n=4000, seed=0, clusters=None):
    rng = np.random.default_rng(seed)
    raw, panel = rng.uniform(0.03, 0.97, (2, n))
    logit = TRUE @ np.array([np.ones(n), clipped_logit(raw), clipped_logit(panel)])
    if clusters is not None:
        logit = logit + rng.standard_normal(clusters)[np.arange(n) % clusters]
    return raw, panel, (rng.random(n) < 1 / (1 + np.exp(-logit))).astype(float)


def test_coefficients_are_found():
    raw, panel, y = sample(20_000)
    found = recalibrate(raw, y, panel, prior=FLAT)
    errors = np.sqrt(np.diag(found.covariance))
    np.testing.assert_array_less(np.abs(np.array(found.coefficients) - TRUE), 4 * errors)
    assert errors.max() < 0.05
    assert found.n_outcomes == 20_000


def test_agrees_with_statsmodels():
    import statsmodels.api as sm

    raw, panel, y = sample(600, 3)
    x = sm.add_constant(np.column_stack([clipped_logit(raw), clipped_logit(panel)]))
    blocks = np.arange(600) % 20
    theirs = sm.Logit(y, x).fit(
        disp=0, cov_type="cluster", cov_kwds={"groups": blocks, "use_correction": False}
    )
    ours = recalibrate(raw, y, panel, blocks=blocks, prior=FLAT)
    np.testing.assert_allclose(ours.coefficients, theirs.params, atol=1e-6)
    np.testing.assert_allclose(ours.covariance, theirs.cov_params(), rtol=1e-4)


def test_clustering_widens_the_errors():
    """Outcomes that share their year's shock say less than they seem to."""
    raw, panel, y = sample(3000, 5, clusters=15)
    alone = recalibrate(raw, y, panel, prior=FLAT)
    together = recalibrate(raw, y, panel, blocks=np.arange(3000) % 15, prior=FLAT)
    assert together.covariance[0][0] > 5 * alone.covariance[0][0]
    assert together.coefficients == alone.coefficients


def test_calibrated_probabilities_come_true():
    raw, panel, y = sample(20_000)
    found = recalibrate(raw, y, panel, prior=FLAT)
    again = sample(20_000, 9)
    p = found.apply(again[0], again[1])
    for low in np.arange(0.1, 0.9, 0.2):
        inside = (p >= low) & (p < low + 0.2)
        assert again[2][inside].mean() == pytest.approx(p[inside].mean(), abs=0.03)


def test_without_a_panel():
    raw, _, y = sample(3000)
    found = recalibrate(raw, y)
    assert found.coefficients[2] == 0.0
    assert np.all(np.array(found.covariance)[2] == 0.0)
    assert found.apply(raw).shape == (3000,)


def test_draws_scatter_around():
    raw, panel, y = sample(800)
    found = recalibrate(raw, y, panel, prior=FLAT)
    for p_raw, p_panel in ((0.2, 0.3), (0.8, 0.6)):
        inputs = np.full(4000, p_raw), np.full(4000, p_panel)
        drawn = found.draw(*inputs, np.random.default_rng(0))
        assert drawn.shape == (4000,)
        assert np.median(drawn) == pytest.approx(float(found.apply(p_raw, p_panel)), abs=0.01)
        assert 0.005 < drawn.std() < 0.1


def test_certainty_is_clipped():
    found = Recalibration((0.0, 1.0, 0.0), ((0.0,) * 3,) * 3, 100, 0.5)
    np.testing.assert_allclose(found.apply([0.0, 0.02, 0.5, 1.0]), [0.02, 0.02, 0.5, 0.98])
    assert np.isnan(found.apply([np.nan]))[0]


def test_through_json():
    raw, panel, y = sample(500)
    found = recalibrate(raw, y, panel, prior=FLAT)
    assert Recalibration.from_dict(json.loads(json.dumps(found.to_dict()))) == found


def test_few_outcomes_leave_the_panel_forecast_as_it_is():
    raw, panel, y = sample(12)
    found = recalibrate(raw, y, panel)
    np.testing.assert_allclose(found.coefficients, [0.0, 0.0, 1.0], atol=0.25)
    assert np.sqrt(np.diag(found.covariance)).max() < 0.4
    one_kind = recalibrate(raw, np.ones(12), panel)
    assert np.isfinite(one_kind.coefficients).all()


def test_the_mode_is_the_mode():
    """Penalised log-likelihood, maximised by scipy."""
    from scipy.optimize import minimize

    raw, panel, y = sample(150, 2)
    design = np.column_stack([np.ones(150), clipped_logit(raw), clipped_logit(panel)])

    def loss(c):
        eta = design @ c
        prior = 0.5 * np.sum(((c - [0, 0, 1]) / 0.2) ** 2)
        return np.sum(np.logaddexp(0, eta) - y * eta) + prior

    theirs = minimize(loss, np.zeros(3), tol=1e-12).x
    np.testing.assert_allclose(recalibrate(raw, y, panel).coefficients, theirs, atol=1e-5)


def test_refusals():
    raw, panel, y = sample(500)
    with pytest.raises(ModelError, match="blocks has 3"):
        recalibrate(raw, y, panel, blocks=[1, 2, 3])
    with pytest.raises(ModelError, match="probabilities"):
        recalibrate(raw + 1, y)
    with pytest.raises(ModelError, match="sd positive"):
        CoefficientPrior(sd=(0.1, 0.0, 0.1))
