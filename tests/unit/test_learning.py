"""`calibrate`: vintages learn from what had matured, and nothing later changes them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from regimecorr.errors import ModelError, TooFewRowsError
from regimecorr.evaluation import learning
from regimecorr.evaluation.backtest import BacktestRecord
from regimecorr.evaluation.blocks import calendar_blocks
from regimecorr.evaluation.calibration import recalibrate
from regimecorr.evaluation.divergences import divergences
from regimecorr.evaluation.features import STATE_FEATURES, FeatureWindows
from regimecorr.evaluation.forecaster import PanelForecaster
from regimecorr.evaluation.learning import EMBARGO_DAYS, INNER_FOLDS, calibrate
from regimecorr.evaluation.panel import read_panel
from regimecorr.evaluation.panel_fit import out_of_fold
from regimecorr.evaluation.regression import log_scale_covariance, ridge_covariance
from regimecorr.evaluation.samples import rows_of, training_rows
from regimecorr.evaluation.vintages import RECORD
from regimecorr.events import situation

#: A calibrated forecaster whose diagnostics are not wanted here.
SPEC = PanelForecaster(n_folds=0)
LEAST = 20


def wandering(seed: int = 5, n: int = 4000, names: str = "ABCDEFGH") -> pd.DataFrame:
    """Assets whose loadings on one factor wander over many years."""
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
    return pd.DataFrame(100.0 * np.exp(0.01 * z.cumsum(axis=0)), days, list(names))


def raw_forecasts(
    panel, *, ages, calibration=None, n_paths=2000, rng=0, **options
) -> BacktestRecord:
    """Divergences with a forecast that costs nothing and knows nothing later than its day."""
    assert calibration is None  # what is learned must not be what was learned
    frame = divergences(panel, ages=ages)
    away = frame["sign"] * (frame["reference"] - frame["r_short"])
    frame["p_raw"] = np.clip(away, 0.05, 0.95)
    return BacktestRecord(frame, {"n_paths": n_paths, "rng": rng, "version": 1}, "2020-01-01")


@pytest.fixture(autouse=True)
def few_and_cheap(monkeypatch):
    monkeypatch.setattr(learning, "backtest", raw_forecasts)
    monkeypatch.setattr(learning, "LEAST_OUTCOMES", LEAST)


@pytest.fixture(scope="module")
def prices() -> pd.DataFrame:
    return wandering()


@pytest.fixture(scope="module")
def made(prices):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(learning, "backtest", raw_forecasts)
        patch.setattr(learning, "LEAST_OUTCOMES", LEAST)
        return calibrate(prices, forecaster=SPEC, n_paths=400, rng=3)


def alike(one, other) -> bool:
    return [v.to_dict() for v in one] == [v.to_dict() for v in other]


def test_a_vintage_at_every_year_end_with_enough_outcomes(prices, made):
    found = divergences(read_panel(prices), ages=(0,))
    years = []
    for year in range(2003, 2019):
        known = found[found["matured"] < f"{year}-01-01"]
        if len(known) >= LEAST:
            years.append(f"{year}-01-01")
            vintage = next(v for v in made.vintages if v.before == years[-1])
            assert vintage.n_outcomes == len(known)
            assert vintage.n_structural == known["structural"].sum()
            assert vintage.base_rate() == pytest.approx(known["structural"].mean())
    assert [v.before for v in made.vintages] == years
    assert len(years) >= 5
    assert made.name == "own"
    assert made.source["n_assets"] == 8
    assert made.source["n_pairs"] == 28
    assert made.source["skipped"] == 0
    assert (made.source["n_paths"], made.source["rng"]) == (400, 3)
    assert (made.source["first"], made.source["last"]) == ("2003-01-01", "2018-05-01")


def test_a_vintage_is_made_of_its_parts(prices, made):
    """Panel forecaster and coefficients, recomputed from prices of before the day."""
    vintage = made.vintages[3]
    early = read_panel(prices.loc[: pd.Timestamp(vintage.before) - pd.Timedelta(days=1)])
    panel = SPEC.fit(early, before=vintage.before)
    assert vintage.panel == panel
    known = raw_forecasts(early, ages=(0,)).matured
    rows, training = (
        rows_of(early, known, SPEC.windows),
        training_rows(early, SPEC.windows, SPEC.every),
    )
    inner = out_of_fold(
        SPEC.equations, training, rows, n_folds=INNER_FOLDS, embargo_days=EMBARGO_DAYS
    )
    found = recalibrate(
        known["p_raw"],
        known["structural"],
        inner.p_structural,
        blocks=calendar_blocks(known["date"]),
    )
    np.testing.assert_allclose(vintage.coefficients.coefficients, found.coefficients, atol=1e-9)
    np.testing.assert_allclose(vintage.coefficients.covariance, found.covariance, atol=1e-9)
    assert vintage.coefficients.prior_sd == found.prior_sd


def test_the_record_is_what_the_vintage_in_force_said(prices, made):
    panel = read_panel(prices)
    raw = raw_forecasts(panel, ages=(0,)).frame
    spoken = raw[raw["date"] >= made.vintages[0].before].reset_index(drop=True)
    record = made.record
    assert len(record) == len(spoken) > 25
    assert list(record.columns) == list(RECORD)
    columns = ["asset", "benchmark", "date", "matured", "structural"]
    pd.testing.assert_frame_equal(record[columns], spoken[columns])
    assert record["structural"].isna().any()
    for i in range(0, len(record), 4):
        row = spoken.iloc[i]
        vintage = made.at(row["date"])
        told = vintage.panel.predict(
            prices, asset=row["asset"], benchmark=row["benchmark"], as_of=row["date"]
        )
        p = vintage.coefficients.apply(row["p_raw"], told.p_structural)
        assert record["p_structural"][i] == pytest.approx(float(p), abs=1e-9)
        assert record["base_rate"][i] == vintage.n_structural / vintage.n_outcomes


@pytest.mark.parametrize("day", ["2012-12-28", "2013-01-02", "2015-06-30"])
def test_later_prices_change_nothing(prices, made, day):
    """Neither other prices after a day, nor none at all, nor a hole."""
    late = prices.index > day
    noise = np.random.default_rng(1).standard_normal((int(late.sum()), prices.shape[1]))
    other = prices.copy()
    other.loc[late] *= np.exp(0.05 * noise.cumsum(axis=0))
    holed = prices.copy()
    holed.loc[prices.index[late][:40], ["B", "F"]] = np.nan
    assert len(read_panel(holed).notes) == 13
    for changed in (other, prices.loc[:day], holed):
        again = calibrate(changed, forecaster=SPEC, n_paths=400, rng=3)
        before = [v for v in made.vintages if v.before <= day]
        assert before
        assert alike(before, [v for v in again.vintages if v.before <= day])
        one, two = (c.record[c.record["date"] <= day] for c in (made, again))
        said = ["asset", "benchmark", "date", "p_structural", "base_rate"]
        pd.testing.assert_frame_equal(one[said], two[said], check_exact=True)
        assert len(one) > 5
        known = one["matured"] <= day
        pd.testing.assert_frame_equal(one[known], two[known], check_exact=True)
        assert made.at(day).to_dict() == again.at(day).to_dict()
    # The change is one: later vintages are others.
    for changed in (other, holed):
        again = calibrate(changed, forecaster=SPEC, n_paths=400, rng=3)
        assert again.vintages[-1].panel.mean != made.vintages[-1].panel.mean


def test_rates_of_states_in_which_nothing_began(prices, made):
    """Row by row, by the definitions, from prices of before the day."""
    vintage = made.vintages[2]
    early = read_panel(prices.loc[: pd.Timestamp(vintage.before) - pd.Timedelta(days=1)])
    came = {state: [] for state in ("strained", "aligned")}
    for pair in early.pairs:
        for t in range(750, len(pair.returns) - 252, SPEC.every):
            here = situation(pair.returns[: t + 1], 90, 252)
            if here.state in came:
                fresh = np.corrcoef(pair.returns[t + 127 : t + 253].T)[0, 1]
                came[here.state].append(here.sign * fresh < here.sign * here.midpoint)
    for state, outcomes in came.items():
        assert len(outcomes) > 30
        assert vintage.state_rates[state] == pytest.approx(np.mean(outcomes))
        assert vintage.base_rate(state) == vintage.state_rates[state]


def test_year_ends_too_thin_for_inner_folds_are_skipped(prices, made, monkeypatch):
    """Later ones are what they are without them."""
    monkeypatch.setattr(learning, "LEAST_OUTCOMES", 1)
    panel = read_panel(prices)
    tried = []
    original = learning.fit_vintage

    def fit(*args):
        tried.append(f"{args[-1]:%Y-%m-%d}")
        return original(*args)

    monkeypatch.setattr(learning, "fit_vintage", fit)
    found = calibrate(panel, forecaster=SPEC, n_paths=400, rng=3)
    days = [v.before for v in found.vintages]
    thin = tried[: -len(days)]
    assert thin
    assert tried == [*thin, *days]
    assert set(days) > {v.before for v in made.vintages}
    assert alike([v for v in found.vintages if v.before >= made.vintages[0].before], made.vintages)
    # None is left if the last of them is too thin as well.
    short = prices.loc[: pd.Timestamp(days[0]) - pd.Timedelta(days=1)]
    with pytest.raises(TooFewRowsError, match=r"in enough years \(Without the block .*\)\. Add"):
        calibrate(short, forecaster=SPEC)


def test_pairs_of_simulated_worlds_share_no_years(prices):
    """Without dates the covariances are clustered by pair; with them by two calendar years."""
    panel = read_panel(prices)
    known = raw_forecasts(panel, ages=(0,)).matured
    rows, training = (
        rows_of(panel, known, SPEC.windows),
        training_rows(panel, SPEC.windows, SPEC.every),
    )
    equations = SPEC.equations
    fitted = equations.fit(training)
    x, h = equations.columns(training.mean, training.spread)
    for before, blocks in (
        (None, training.pair),
        (pd.Timestamp("2030-01-01"), calendar_blocks(training.date, 2)),
    ):
        vintage = learning.fit_vintage(known, rows, training, SPEC, before)
        assert vintage.before == (None if before is None else "2030-01-01")
        of_mean = ridge_covariance(x, training.target, fitted.mean, SPEC.penalty, blocks)
        residual = training.target - fitted.mean.at(x)
        of_sd = log_scale_covariance(h, residual, fitted.log_sd, SPEC.penalty, blocks)
        np.testing.assert_allclose(vintage.panel.mean_covariance, of_mean, rtol=1e-9)
        np.testing.assert_allclose(vintage.panel.log_sd_covariance, of_sd, rtol=1e-9)
        inner = out_of_fold(
            equations, training, rows, n_folds=INNER_FOLDS, embargo_days=EMBARGO_DAYS
        ).p_structural
        shared = None if before is None else calendar_blocks(rows.date)
        expected = recalibrate(known["p_raw"], known["structural"], inner, blocks=shared)
        assert vintage.coefficients == expected


def test_a_year_without_new_divergences_has_its_vintage(prices, made, monkeypatch):
    """Whether a vintage exists must not depend on a divergence that comes after it."""

    def early(panel, **options):
        record = raw_forecasts(panel, **options)
        keep = record.frame["date"] < "2013-01-01"
        frame = record.frame[keep].reset_index(drop=True)
        return BacktestRecord(frame, record.options, record.made)

    monkeypatch.setattr(learning, "backtest", early)
    found = calibrate(prices, forecaster=SPEC)
    assert [v.before for v in found.vintages] == [v.before for v in made.vintages]


def test_a_failed_forecast_is_neither_learned_from_nor_on_record(prices, made, monkeypatch):
    def failing(panel, **options):
        record = raw_forecasts(panel, **options)
        record.frame.loc[::3, "p_raw"] = np.nan
        return record

    monkeypatch.setattr(learning, "backtest", failing)
    found = calibrate(prices, forecaster=SPEC)
    assert np.isfinite(found.record["p_structural"]).all()
    assert len(found.record) < 0.8 * len(made.record)
    last = {v.before: v.n_outcomes for v in made.vintages}
    for vintage in found.vintages:
        assert LEAST <= vintage.n_outcomes < last[vintage.before]


@pytest.mark.parametrize(("rows", "what"), [(60, "feature"), (130, "outcome")])
def test_a_leg_that_stood_still_does_not_stop_it(prices, made, rows, what):
    """Its divergence has no panel forecast, or no outcome, and is not learned from."""
    entry = divergences(read_panel(prices), ages=(0,)).iloc[0]
    end = prices.index.get_loc(entry["date"]) + (0 if what == "feature" else 253)
    still = prices.copy()
    still.iloc[end - rows : end + 1, still.columns.get_loc(entry["asset"])] = np.nan
    still = still.ffill()
    panel = read_panel(still)
    found = divergences(panel, ages=(0,))
    features = rows_of(panel, found, SPEC.windows)
    missing = (features.matured < made.vintages[-1].before) & ~features.usable(state=False)
    assert missing.any()
    assert np.isnan(features.target[missing]).any() == (what == "outcome")
    again = calibrate(still, forecaster=SPEC)
    assert np.isfinite(again.record["p_structural"]).all()
    last = again.vintages[-1]
    known = found["matured"] < last.before
    assert last.n_outcomes == known.sum() - missing.sum()
    assert last.n_structural == found["structural"][known.to_numpy() & ~missing].sum()


class TestRefusals:
    def test_too_few_outcomes(self, prices, monkeypatch):
        monkeypatch.setattr(learning, "LEAST_OUTCOMES", 100)
        with pytest.raises(
            TooFewRowsError, match=r"has 54 divergences that have matured; .* needs 100\. Add"
        ):
            calibrate(prices, forecaster=SPEC)

    def test_too_few_by_the_last_year_end(self, prices, monkeypatch):
        short = prices.loc[:"2012-12-31"]
        n = int(divergences(read_panel(short), ages=(0,))["structural"].notna().sum())
        monkeypatch.setattr(learning, "LEAST_OUTCOMES", n)
        words = f"^{n} divergences of the panel have matured, but no year end has {n} of them"
        with pytest.raises(TooFewRowsError, match=words):
            calibrate(short, forecaster=SPEC)

    def test_a_forecaster_with_the_panels_state(self, prices):
        spec = PanelForecaster(mean=("short", *STATE_FEATURES))
        with pytest.raises(ModelError, match="may not use the panel's state"):
            calibrate(prices, forecaster=spec)

    @pytest.mark.parametrize("window", [{"short": 63}, {"long": 200}, {"horizon": 126}])
    def test_a_forecaster_with_other_windows(self, prices, window):
        spec = PanelForecaster(windows=FeatureWindows(**window))
        with pytest.raises(ModelError, match=r"another event than a verdict's; .*90, 252, 252"):
            calibrate(prices, forecaster=spec)

    def test_a_panel_that_has_its_pairs(self, prices):
        with pytest.raises(ModelError, match="has its pairs already"):
            calibrate(read_panel(prices), pairs=[("A", "B")], forecaster=SPEC)
