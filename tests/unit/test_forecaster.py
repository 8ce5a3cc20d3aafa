"""The panel forecaster: what it learns, from when, and what it says of a pair."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from regimecorr.errors import AsOfError, DataError, EstimationError, ModelError, TooFewRowsError
from regimecorr.evaluation.divergences import divergences
from regimecorr.evaluation.features import MEAN_FEATURES, FeatureWindows
from regimecorr.evaluation.forecaster import PanelForecast, PanelForecaster
from regimecorr.evaluation.fresh_forecast import share_below
from regimecorr.evaluation.panel import read_panel
from regimecorr.evaluation.panel_fit import Equations, out_of_fold
from regimecorr.evaluation.samples import calendar_folds, rows_of, training_rows
from regimecorr.events import is_structural, situation

NAMES = list("ABCDE")
WIDE = list("ABCDEFGHIJKL")


def drifting(seed: int, n: int = 3000, names: list[str] = NAMES) -> pd.DataFrame:
    """Assets whose loadings on one factor wander, so that near correlations tell of later ones."""
    rng = np.random.default_rng(seed)
    level = np.empty((n, len(names)))
    level[0] = 0.45 + 0.4 * rng.standard_normal(len(names))
    steps = 0.4 * np.sqrt(2 * 0.002) * rng.standard_normal((n, len(names)))
    for t in range(1, n):
        level[t] = level[t - 1] + 0.002 * (0.45 - level[t - 1]) + steps[t]
    load = np.clip(level, -0.9, 0.95)
    z = rng.standard_normal((n, 1)) * load
    z += np.sqrt(1.0 - load**2) * rng.standard_normal((n, len(names)))
    days = pd.bdate_range("2003-01-01", periods=n)
    return pd.DataFrame(100.0 * np.exp(0.01 * z.cumsum(axis=0)), days, names)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return drifting(5)


@pytest.fixture(scope="module")
def forecast(table) -> PanelForecast:
    return PanelForecaster().fit(table)


@pytest.fixture(scope="module")
def wide() -> PanelForecast:
    return PanelForecaster().fit(drifting(7, 4000, WIDE))


class TestRows:
    def test_they_are_all_pairs_every_so_many_rows_with_a_known_outcome(self, table):
        panel = read_panel(table)
        rows = training_rows(panel, FeatureWindows(), 21)
        assert len(rows.names) == 10
        for pair in range(10):
            mine = rows.row[rows.pair == pair]
            assert mine[0] == 750
            assert (np.diff(mine) == 21).all()
            assert mine[-1] + 252 < len(table) - 1 <= mine[-1] + 252 + 21
        i = 137
        a, b = rows.names[rows.pair[i]]
        t = rows.row[i]
        values = np.diff(np.log(table[[a, b]].to_numpy()), axis=0)
        here = situation(values[: t + 1], 90, 252)
        fresh = np.corrcoef(values[t + 127 : t + 253].T)[0, 1]
        assert rows.date[i] == table.index[t + 1]
        assert rows.matured[i] == table.index[t + 253]
        assert rows.target[i] == pytest.approx(np.arctanh(here.sign * fresh))
        assert rows.middle[i] == pytest.approx(np.arctanh(here.sign * here.midpoint))
        below = rows.target < rows.middle
        assert below[i] == is_structural(fresh, here.sign, here.midpoint)

    def test_rows_of_divergences_stand_in_their_order(self, table):
        panel = read_panel(table)
        found = divergences(panel).sample(frac=1.0, random_state=1).reset_index(drop=True)
        rows = rows_of(panel, found, FeatureWindows())
        np.testing.assert_array_equal(rows.row, found["row"])
        assert rows.date.equals(pd.DatetimeIndex(found["date"], name=None))
        known = found["structural"].notna().to_numpy()
        assert known.any()
        np.testing.assert_array_equal(
            (rows.target < rows.middle)[known], found["structural"][known] == 1
        )
        assert np.isnan(rows.target[~known]).all()
        assert len(rows_of(panel, found.iloc[:0], FeatureWindows())) == 0
        with pytest.raises(ModelError, match="no pair"):
            rows_of(panel, found.assign(asset="Z"), FeatureWindows())

    def test_folds_are_calendar_blocks_with_an_embargo(self, table):
        rows = training_rows(read_panel(table), FeatureWindows(), 21)
        seen = np.zeros(len(rows), dtype=int)
        for fold in calendar_folds(rows.date, 4, 400):
            inside, outside = fold.inside(rows.date), fold.outside(rows.date, rows.matured)
            seen += inside
            distance = np.minimum(
                np.abs((rows.date[outside] - fold.first).days),
                np.abs((rows.date[outside] - fold.last).days),
            )
            assert distance.min() > 400
            earlier = rows.date[outside] < fold.first
            assert (rows.matured[outside][earlier] < fold.first).all()
            assert 0.15 < inside.mean() < 0.35
        assert (seen == 1).all()

    def test_a_forecast_out_of_fold_has_not_seen_its_block(self, table):
        rows = training_rows(read_panel(table), FeatureWindows(), 21)
        equations = PanelForecaster().equations
        before = out_of_fold(equations, rows, rows)
        fold = list(calendar_folds(rows.date, 5, 400))[2]
        hidden = ~fold.outside(rows.date, rows.matured)
        target = np.where(hidden, 3.0, rows.target)
        after = out_of_fold(equations, dataclasses.replace(rows, target=target), rows)
        mine = before.fold == 2
        np.testing.assert_array_equal(before.p_structural[mine], after.p_structural[mine])
        assert not np.allclose(before.p_structural[~mine], after.p_structural[~mine])


class TestFit:
    def test_it_learns_what_can_be_learned(self, wide):
        measured = wide.diagnostics
        assert measured.n_pairs == 66
        assert 0.2 < measured.r2_out_of_fold < measured.r2 < 1.0
        assert sum(measured.pit) == pytest.approx(1.0)
        assert measured.pit_distance < 0.1

    def test_on_another_panel_it_beats_the_base_rate_and_is_calibrated(self, wide):
        spec = wide.spec
        panel = read_panel(drifting(6, 4000, WIDE))
        rows = training_rows(panel, spec.windows, 21)
        strong = np.abs(np.tanh(rows.mean[:, MEAN_FEATURES.index("reference")])) >= 0.25
        rows = rows.take(strong)
        y, p = rows.target < rows.middle, wide.chances(rows)
        assert np.mean((p - y) ** 2) < 0.95 * y.var()
        for low in (0.0, 0.2, 0.5):
            mine = (p >= low) & (p < low + 0.3)
            assert abs(p[mine].mean() - y[mine].mean()) < 0.12

    def test_before_a_day_it_sees_nothing_later(self, table):
        spec = PanelForecaster(n_folds=0)
        day = table.index[2500]
        other = table.copy()
        other.iloc[2500:] *= np.exp(np.random.default_rng(1).standard_normal((500, 5)))
        one, two = (spec.fit(t, before=day) for t in (table, other))
        three = spec.fit(table.iloc[:2500])
        assert one == two
        assert one.mean == three.mean
        assert one.quantiles == three.quantiles
        assert one.trained_to < one.before == f"{day:%Y-%m-%d}"
        assert one.mean != spec.fit(table).mean
        # The same as picking the rows that had matured.
        rows = training_rows(read_panel(table), spec.windows, spec.every)
        picked = spec.fit_rows(rows.take(np.asarray(rows.matured < day)), before=day)
        assert picked == one

    def test_fewer_features_and_one_scale(self, table):
        spec = PanelForecaster(mean=("reference", "past"), spread=(), n_folds=2)
        forecast = spec.fit(table)
        assert len(forecast.table()) == 4
        assert forecast.log_sd.slopes == ()
        assert forecast.diagnostics.r2 < PanelForecaster(n_folds=0).fit(table).diagnostics.r2

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"every": 0}, "every=0"),
            ({"penalty": -1.0}, "penalty=-1"),
            ({"penalty": np.nan}, "penalty=nan"),
            ({"mean": ()}, "at least one"),
            ({"mean": ("short", "short")}, "each once"),
            ({"spread": ("short",)}, "must name some of"),
            ({"n_folds": 1}, "n_folds=1"),
            ({"embargo_days": -1}, "embargo_days=-1"),
        ],
    )
    def test_bad_specifications(self, options, words):
        with pytest.raises(ModelError, match=words):
            PanelForecaster(**options)

    def test_too_little_to_learn_from(self, table):
        with pytest.raises(EstimationError, match="rows to learn from"):
            PanelForecaster().fit(table.iloc[:1100])
        with pytest.raises(TooFewRowsError, match="before"):
            PanelForecaster().fit(table, before="2004-01-01")
        with pytest.raises(EstimationError, match=r"Without the block .* n_folds=0"):
            PanelForecaster(every=42).fit(table)
        rows = training_rows(read_panel(table), FeatureWindows(), 21)
        few = Equations(("short",), ("past_sd",), 0.1)
        few.fit(rows.take(np.arange(40)))
        with pytest.raises(EstimationError, match="39 rows to learn from; 40 are needed"):
            few.fit(rows.take(np.arange(39)))


class TestPredict:
    def test_it_is_what_the_rows_say(self, table, forecast):
        panel = read_panel(table)
        rows = training_rows(panel, FeatureWindows(), 21)
        for i in (3, 200, 555):
            a, b = rows.names[rows.pair[i]]
            told = forecast.predict(table, asset=a, benchmark=b, as_of=rows.date[i])
            assert told.as_of == rows.date[i]
            if told.state == "weak":
                assert np.isnan(told.p_structural)
            else:
                chance = forecast.chances(rows.take(np.array([i])))[0]
                assert told.p_structural == pytest.approx(chance, abs=1e-9)

    def test_the_distribution_is_one(self, table, forecast):
        told = forecast.predict(table, asset="A", benchmark="B")
        grid = np.linspace(-0.99, 0.99, 199)
        below = [told.cdf(r) for r in grid]
        assert (np.diff(below) >= 0).all()
        for q in (0.05, 0.25, 0.5, 0.9):
            assert told.cdf(told.quantile(q)) == pytest.approx(q, abs=1e-9)
        assert told.median == told.quantile(0.5)
        assert 0.0 < told.cdf(-1.0) < told.cdf(1.0) < 1.0
        for bad in (0.0, 1.0, np.nan):
            with pytest.raises(ModelError, match="between 0 and 1"):
                told.quantile(bad)
        with pytest.raises(ModelError, match="must be a correlation"):
            told.cdf(1.5)

    def test_negating_an_asset_mirrors_it(self, table, forecast):
        one = forecast.predict(table, asset="A", benchmark="B")
        turned = table.assign(B=1.0 / table["B"])
        two = forecast.predict(turned, asset="A", benchmark="B")
        assert two.sign == -one.sign
        assert two.state == one.state
        assert two.mean_z == pytest.approx(one.mean_z)
        assert two.quantile(0.9) == pytest.approx(-one.quantile(0.1))
        assert two.cdf(0.3) == pytest.approx(1.0 - one.cdf(-0.3))
        if one.state != "weak":
            assert two.p_structural == pytest.approx(one.p_structural)
        refit = PanelForecaster().fit(turned)
        np.testing.assert_allclose(refit.mean.slopes, forecast.mean.slopes, atol=1e-9)

    def test_later_rows_change_nothing(self, table, forecast):
        day = table.index[2000]
        other = table.copy()
        other.iloc[2001:] *= 2.0
        one = forecast.predict(table, asset="C", benchmark="D", as_of=day)
        assert one == forecast.predict(other, asset="C", benchmark="D", as_of=day)
        assert one == forecast.predict(table.loc[:day], asset="C", benchmark="D")

    def test_in_state_weak_there_is_no_probability(self, table, forecast):
        days = [table.index[t] for t in range(800, 2900, 60)]
        told = [forecast.predict(table, asset="A", benchmark="E", as_of=d) for d in days]
        weak = [t for t in told if t.state == "weak"]
        assert 0 < len(weak) < len(told)
        assert all(np.isnan(t.p_structural) for t in weak)
        assert all(0.0 < t.p_structural < 1.0 for t in told if t.state != "weak")
        assert all(np.isfinite(t.median) for t in told)

    def test_bad_prices(self, table, forecast):
        with pytest.raises(TooFewRowsError, match="594"):
            forecast.predict(table.iloc[:594], asset="A", benchmark="B")
        forecast.predict(table.iloc[:595], asset="A", benchmark="B")
        with pytest.raises(AsOfError):
            forecast.predict(table, asset="A", benchmark="B", as_of="2050-01-01")
        # A price that stands still in every other window of 42 rows but trades again today.
        still = table[["A", "B"]].copy()
        still.iloc[2900:2990, 0] = still.iloc[2899, 0]
        with (
            pytest.warns(UserWarning, match="keeps one price"),
            pytest.raises(DataError, match="did not move"),
        ):
            forecast.predict(still.iloc[:2990])


class TestRecord:
    def test_it_survives_json(self, table, forecast):
        text = json.dumps(forecast.to_dict(), allow_nan=False)
        again = PanelForecast.from_dict(json.loads(text))
        assert again == forecast
        a, b = (f.predict(table, asset="A", benchmark="B") for f in (forecast, again))
        assert a == b
        spec = dataclasses.replace(forecast.spec, every=np.int64(42), n_folds=0)
        assert json.loads(json.dumps(spec.fit(table).to_dict()))["spec"]["every"] == 42
        # Parameters, no prices: as long for any panel.
        assert len(text) < 20_000

    def test_one_without_folds_survives_too(self, table):
        plain = PanelForecaster(n_folds=0).fit(table)
        text = json.dumps(plain.to_dict(), allow_nan=False)
        assert PanelForecast.from_dict(json.loads(text)) == plain

    def test_it_tells_what_it_is(self, table, forecast):
        told = forecast.summary()
        assert "960 rows of 10 pairs, 2005-11-17 to 2014-06-30." in told
        assert f"{forecast.diagnostics.r2_out_of_fold:.3f} by calendar block" in told
        assert len(told.splitlines()) == 3
        plain = PanelForecaster(n_folds=0).fit(table, before="2012-01-02").summary()
        assert plain.endswith("in the sample.")
        assert ", before 2012-01-02." in plain

    def test_what_is_no_record(self, forecast):
        whole = forecast.to_dict()
        for damage, words in (
            ({"version": 99}, "version=99"),
            ({"mean": {"intercept": 0.0, "slopes": [1.0]}}, "do not fit"),
            ({"quantiles": [0.0] * 10}, "do not fit"),
            ({"quantiles": list(whole["quantiles"])[::-1]}, "do not fit"),
            ({"spec": {}}, "incomplete"),
        ):
            with pytest.raises(ModelError, match=words):
                PanelForecast.from_dict(whole | damage)
        with pytest.raises(ModelError, match="incomplete"):
            PanelForecast.from_dict({k: v for k, v in whole.items() if k != "log_sd"})


def test_share_below_never_is_certain():
    quantiles = stats.norm.ppf((np.arange(400) + 0.5) / 400)
    values = np.array([-50.0, -1.0, 0.0, 1.0, 50.0])
    below = share_below(quantiles, values)
    np.testing.assert_allclose(below[1:4], stats.norm.cdf(values[1:4]), atol=1e-3)
    assert below[0] == 0.5 / 400
    assert below[-1] == 1.0 - 0.5 / 400


class TestMarket:
    def test_the_published_coefficients_fit_these_rows(self, market_data):
        """METHODS.md 8.3 gives a fit on a larger panel; on this one it explains as much."""
        panel = read_panel(market_data / "panel_daily.csv")
        spec = PanelForecaster()
        rows = training_rows(panel, spec.windows, spec.every)
        slopes = [0.141, 0.157, 0.021, 0.088, -0.075, 0.382, 0.178, -0.051, -0.487, -0.009, 0.128]
        published = 0.0265 + rows.mean[:, : len(slopes)] @ slopes
        explained = 1.0 - np.mean((rows.target - published) ** 2) / rows.target.var()
        mine = spec.fit_rows(rows).diagnostics
        assert mine.n_pairs == 351
        assert explained > 0.71
        assert abs(mine.r2 - explained) < 0.01
        assert mine.r2_out_of_fold > 0.69
        assert mine.pit_distance < 0.02
        found = divergences(panel, ages=(0,))
        found = found[(found["reference"] > 0) & found["structural"].notna()]
        y = found["structural"].to_numpy()
        p = out_of_fold(spec.equations, rows, rows_of(panel, found, spec.windows)).p_structural
        ranked = stats.rankdata(p)[y == 1].sum()
        n1, n0 = y.sum(), (1 - y).sum()
        assert (ranked - n1 * (n1 + 1) / 2) / (n1 * n0) > 0.60
        assert 1.0 - np.mean((p - y) ** 2) / y.var() > 0.04
