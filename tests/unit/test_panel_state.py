"""The state of a panel, and forecasts that use it."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from regimecorr.errors import DataError, ModelError
from regimecorr.evaluation.features import MEAN_FEATURES, STATE_FEATURES
from regimecorr.evaluation.forecaster import PanelForecast, PanelForecaster
from regimecorr.evaluation.panel import read_panel
from regimecorr.evaluation.panel_state import panel_state
from regimecorr.evaluation.samples import training_rows
from regimecorr.events import situation


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """Five assets whose loadings on one factor change every 200 rows."""
    rng = np.random.default_rng(5)
    n = 3000
    load = np.repeat(rng.uniform(-0.3, 0.95, (n // 200, 5)), 200, axis=0)
    z = rng.standard_normal((n, 1)) * load
    z += np.sqrt(1.0 - load**2) * rng.standard_normal((n, 5))
    days = pd.bdate_range("2003-01-01", periods=n)
    return pd.DataFrame(100.0 * np.exp(0.01 * z.cumsum(axis=0)), days, list("ABCDE"))


def test_it_is_what_its_words_say(table):
    panel = read_panel(table)
    state = panel_state(panel)
    returns = np.diff(np.log(table.to_numpy()), axis=0)
    day = pd.DatetimeIndex([table.index[1500]])
    t = int(table.index.get_loc(state.days[state.days <= day[0]][-1])) - 1
    matrix = np.corrcoef(returns[t - 251 : t + 1].T)
    share = np.linalg.eigvalsh(matrix)[-1] / 5

    def shortfall(a: int, b: int) -> float:
        here = situation(returns[: t + 1][:, [a, b]], 90, 252)
        return here.sign * float(np.arctanh(here.reference) - np.arctanh(here.r_short))

    one = np.mean([shortfall(0, k) for k in (2, 3, 4)])
    two = np.mean([shortfall(1, k) for k in (2, 3, 4)])
    for names in (("A", "B"), ("B", "A")):
        told = state.at([names], np.zeros(1, dtype=np.int64), day)[0]
        np.testing.assert_allclose(told, [share, (one + two) / 2], atol=1e-10)


def test_it_is_known_on_its_day(table):
    other = table.copy()
    other.iloc[2000:] *= np.exp(np.random.default_rng(1).standard_normal((1000, 5)))
    one, two = (panel_state(read_panel(t)) for t in (table, other))
    before = np.asarray(one.days < table.index[2000])
    np.testing.assert_array_equal(one.concentration[before], two.concentration[before])
    np.testing.assert_array_equal(one.shortfall[before], two.shortfall[before])
    dates = pd.DatetimeIndex([table.index[0], table.index[1000], pd.Timestamp("2050-01-01")])
    told = one.at([("A", "B")], np.zeros(3, dtype=np.int64), dates)
    np.testing.assert_array_equal(np.isnan(told).all(axis=1), [True, False, True])


def test_young_assets_wait_outside(table):
    late = table.copy()
    late.loc[late.index[:1800], "E"] = np.nan
    one, two = (panel_state(read_panel(t)) for t in (table.drop(columns="E"), late))
    early = np.asarray(one.days < table.index[2000])
    np.testing.assert_array_equal(one.concentration[early], two.concentration[early])
    assert (one.concentration[~early] != two.concentration[~early]).any()


@pytest.mark.parametrize(
    "row", [999, 1200, 1350, 1359, 1360, 1365, 1499, 1510, 1530, 1560, 2150, 2999]
)
def test_that_of_a_day_is_that_of_the_panel_cut_there(table, row):
    """With a hole that ends D, and E which begins twice."""
    holed = table.copy()
    holed.iloc[1500:1540, 3] = np.nan
    holed.iloc[:300, 4] = np.nan
    holed.iloc[700:761, 4] = np.nan
    day = holed.index[row]
    panel = read_panel(holed.loc[:day])
    whole, cut = panel_state(read_panel(holed)), panel_state(panel)
    names = [pair.names for pair in panel.pairs]
    # E counts from its 600th price after its hole.
    assert (("A", "E") in names) == (row >= 1360)
    n = len(names)
    one, two = (s.at(names, np.arange(n), pd.DatetimeIndex([day] * n)) for s in (whole, cut))
    np.testing.assert_allclose(one, two, atol=1e-12)
    assert np.isfinite(two[:, 0]).all()
    earlier = len(cut.days)
    np.testing.assert_allclose(whole.concentration[:earlier], cut.concentration, atol=1e-12)
    of = [whole.pairs.index(pair) for pair in names]
    np.testing.assert_array_equal(whole.shortfall[:earlier][:, of], cut.shortfall)
    # D has ended: two weeks later its last correlations say nothing of the day. E is read from
    # its 600th price, which is of a Wednesday.
    read = cut.days[-1]
    ended, young = (read - holed.index[1499]).days > 14, read < holed.index[1360]
    assert [names[k] for k in np.flatnonzero(np.isnan(cut.shortfall[-1]))] == [
        pair for pair in names if ("D" in pair and ended) or ("E" in pair and young)
    ]


def test_a_forecast_with_it_wants_a_panel(table):
    spec = PanelForecaster(mean=(*MEAN_FEATURES, *STATE_FEATURES), n_folds=0)
    forecast = PanelForecaster(n_folds=0).fit(table)
    fitted = spec.fit(table)
    assert len(fitted.mean.slopes) == 13
    assert fitted.diagnostics.r2 > forecast.diagnostics.r2 - 0.01
    rows = training_rows(read_panel(table), spec.windows, spec.every, state=True)
    i = 400
    a, b = rows.names[rows.pair[i]]
    day = rows.date[i]
    other = table.copy()
    other.loc[other.index > day] *= 3.0
    for panel in (table, other, read_panel(table)):
        told = fitted.predict(table, asset=a, benchmark=b, as_of=day, panel=panel)
        mu, sd = fitted.moments(rows.mean[[i]], rows.spread[[i]])
        assert told.mean_z == pytest.approx(mu[0], abs=1e-9)
        assert told.sd_z == pytest.approx(sd[0], abs=1e-9)
    with pytest.raises(ModelError, match="pass panel"):
        fitted.predict(table, asset="A", benchmark="B")
    with pytest.raises(ModelError, match="leave out panel"):
        forecast.predict(table, asset="A", benchmark="B", panel=table)
    with pytest.raises(DataError, match="does not tell its state"):
        fitted.predict(table, asset="A", benchmark="B", panel=table.iloc[:2900])
    strange = table[["A", "B"]].set_axis(["X", "Y"], axis=1)
    with pytest.raises(DataError, match="other pairs of both legs"):
        fitted.predict(strange, panel=table)
    alone = PanelForecaster(mean=(*MEAN_FEATURES, "concentration"), n_folds=0).fit(table)
    assert np.isfinite(alone.predict(strange, panel=table).median)
    assert PanelForecast.from_dict(json.loads(json.dumps(alone.to_dict()))) == alone


def test_too_few_assets(table):
    with pytest.raises(ModelError, match="3 assets"):
        panel_state(read_panel(table[["A", "B", "C"]]))
