"""Calibration of the pool and the panel forecast: coefficients, errors, refusals."""

from __future__ import annotations

import json

import numpy as np
import pytest

from regimecorr.errors import EstimationError, ModelError
from regimecorr.evaluation.calibration import Recalibration, clipped_logit, recalibrate

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
    found = recalibrate(raw, y, panel)
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
    ours = recalibrate(raw, y, panel, blocks=blocks)
    np.testing.assert_allclose(ours.coefficients, theirs.params, atol=2e-3)
    np.testing.assert_allclose(ours.covariance, theirs.cov_params(), rtol=0.02)


def test_clustering_widens_the_errors():
    """Outcomes that share their year's shock say less than they seem to."""
    raw, panel, y = sample(3000, 5, clusters=15)
    alone = recalibrate(raw, y, panel)
    together = recalibrate(raw, y, panel, blocks=np.arange(3000) % 15)
    assert together.covariance[0][0] > 5 * alone.covariance[0][0]
    assert together.coefficients == alone.coefficients


def test_calibrated_probabilities_come_true():
    raw, panel, y = sample(20_000)
    found = recalibrate(raw, y, panel)
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
    found = recalibrate(raw, y, panel)
    drawn = found.draw([0.2, 0.8], [0.3, 0.6], 4000, np.random.default_rng(0))
    assert drawn.shape == (4000, 2)
    np.testing.assert_allclose(
        np.median(drawn, axis=0), found.apply([0.2, 0.8], [0.3, 0.6]), atol=0.01
    )
    assert 0.005 < drawn.std(axis=0).min() < 0.1


def test_certainty_is_clipped():
    found = Recalibration((0.0, 1.0, 0.0), ((0.0,) * 3,) * 3, 100)
    np.testing.assert_allclose(found.apply([0.0, 0.02, 0.5, 1.0]), [0.02, 0.02, 0.5, 0.98])
    assert np.isnan(found.apply([np.nan]))[0]


def test_through_json():
    raw, panel, y = sample(500)
    found = recalibrate(raw, y, panel)
    assert Recalibration.from_dict(json.loads(json.dumps(found.to_dict()))) == found


def test_refusals():
    raw, panel, y = sample(500)
    with pytest.raises(EstimationError, match="40 outcomes"):
        recalibrate(raw[:40], y[:40], panel[:40])
    with pytest.raises(EstimationError, match="0 of the rarer kind"):
        recalibrate(raw, np.ones(500))
    with pytest.raises(ModelError, match="blocks has 3"):
        recalibrate(raw, y, blocks=[1, 2, 3])
    with pytest.raises(ModelError, match="probabilities"):
        recalibrate(raw + 1, y)
