"""Rows of a panel as a regression sees them: their states, and what a fit says of them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from regimecorr.evaluation.features import MEAN_FEATURES, FeatureWindows
from regimecorr.evaluation.forecaster import PanelForecaster
from regimecorr.evaluation.panel import read_panel
from regimecorr.evaluation.samples import rows_of, training_rows
from regimecorr.events import is_structural, situation

STATES = {"weak", "divergent", "strained", "aligned"}


@pytest.fixture(scope="module")
def panel():
    """Six assets with loadings of either sign that change every 150 rows."""
    rng = np.random.default_rng(3)
    n = 3000
    load = np.repeat(rng.uniform(-0.9, 0.95, (n // 150, 6)), 150, axis=0)
    z = rng.standard_normal((n, 1)) * load
    z += np.sqrt(1.0 - load**2) * rng.standard_normal((n, 6))
    days = pd.bdate_range("2003-01-01", periods=n)
    return read_panel(pd.DataFrame(np.exp(0.01 * z.cumsum(axis=0)), days, list("ABCDEF")))


@pytest.mark.parametrize(("short", "long", "horizon"), [(90, 252, 252), (40, 120, 80)])
def test_states_are_those_of_the_events(panel, short, long, horizon):
    """On random rows of every pair, with references of either sign."""
    rng = np.random.default_rng(0)
    windows = FeatureWindows(short=short, long=long, horizon=horizon)
    chosen = [
        (*pair.names, int(row))
        for pair in panel.pairs
        for row in rng.integers(751, len(pair.returns), 40)
    ]
    found = pd.DataFrame(chosen, columns=["asset", "benchmark", "row"])
    found = found.sample(frac=1.0, random_state=1, ignore_index=True)
    rows = rows_of(panel, found, windows)
    returns = {pair.names: pair.returns for pair in panel.pairs}
    expected, signs = [], []
    for one in found.itertuples(index=False):
        here = situation(returns[one.asset, one.benchmark][: one.row + 1], short, long)
        expected.append(here.state)
        signs.append(here.sign)
    states = rows.states()
    assert states.tolist() == expected
    for sign in (-1, 1):
        assert {s for s, o in zip(expected, signs, strict=True) if o == sign} == STATES
    # Rows that are taken keep theirs.
    keep = rng.permutation(len(found))[:50]
    assert rows.take(keep).states().tolist() == [expected[k] for k in keep]


def test_the_outcome_can_be_read_off_the_rows(panel):
    rows = training_rows(panel, FeatureWindows(), 50)
    for i in range(0, len(rows), 7):
        values, t = panel.pairs[rows.pair[i]].returns, rows.row[i]
        here = situation(values[: t + 1], 90, 252)
        fresh = np.corrcoef(values[t + 127 : t + 253].T)[0, 1]
        came = is_structural(fresh, here.sign, here.midpoint)
        assert (rows.target[i] < rows.middle[i]) == came


def test_chances_of_a_fit(panel):
    """By the book: the share of residual quantiles below the midpoint; NaN without a feature."""
    spec = PanelForecaster(n_folds=0)
    rows = training_rows(panel, spec.windows, 50)
    fitted = spec.equations.fit(rows)
    mean = rows.mean.copy()
    mean[4, MEAN_FEATURES.index("short")] = np.nan
    holed = dataclasses.replace(rows, mean=mean)
    p = fitted.chances(holed)
    assert np.isnan(p[4])
    mu, sd = fitted.moments(rows.mean, rows.spread)
    below = [
        np.interp((m - a) / s, fitted.quantiles, (np.arange(400) + 0.5) / 400)
        for m, a, s in zip(rows.middle, mu, sd, strict=True)
    ]
    others = np.arange(len(rows)) != 4
    inside = others & (np.array(below) > 0.01) & (np.array(below) < 0.99)
    assert inside.sum() > 500
    np.testing.assert_allclose(p[inside], np.array(below)[inside], atol=0.003)
    assert ((p[others] > 0.0) & (p[others] < 1.0)).all()
    np.testing.assert_array_equal(spec.fit_rows(rows).chances(rows)[others], p[others])
