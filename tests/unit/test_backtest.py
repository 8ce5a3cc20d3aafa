"""The replay of the past: only what was known, the same again, never rewritten."""

from __future__ import annotations

import datetime as dt
import json

import numpy as np
import pandas as pd
import pytest

import regimecorr as rc
from regimecorr.errors import DataError, EstimationError, ModelError
from regimecorr.evaluation import backtest as module
from regimecorr.evaluation.backtest import FORECASTS, backtest, raw_forecast
from regimecorr.evaluation.divergences import divergences
from regimecorr.evaluation.panel import read_panel
from regimecorr.evaluation.plugins import chance_below, chart_rule, ewma_correlation, ewma_rule
from regimecorr.evaluation.vintages import Calibration, shipped


@pytest.fixture(scope="module")
def prices():
    return rc.simulate("recurrent", n_obs=1500, rng=18).prices


@pytest.fixture
def cheap(monkeypatch):
    """A forecast that costs nothing and is another one for other prices."""

    def forecast(prices, n_paths, rng):
        figure = float(np.abs(np.sin(prices.to_numpy().sum() + n_paths + rng)))
        return dict.fromkeys(FORECASTS, figure) | {"failed": ""}

    monkeypatch.setattr(module, "raw_forecast", forecast)


@pytest.fixture(scope="module")
def record(prices):
    return backtest(prices, ages=(0, 21), n_paths=400)


def test_one_row_a_divergence(prices, record):
    expected = divergences(prices, ages=(0, 21))
    frame = record.frame
    assert len(frame) == len(expected) >= 3
    pd.testing.assert_frame_equal(frame[list(expected.columns)], expected)
    assert set(FORECASTS) <= set(frame.columns)
    assert (frame["failed"] == "").all()
    assert frame["p_raw"].between(0, 1).all()
    weights = frame[[c for c in frame if c.startswith("weight_")]]
    np.testing.assert_allclose(weights.sum(axis=1), 1.0)
    members = frame[[c.replace("weight_", "p_") for c in weights]]
    np.testing.assert_allclose(
        (weights.to_numpy() * members.to_numpy()).sum(axis=1), frame["p_raw"]
    )
    assert len(record.matured) == frame["structural"].notna().sum()


def test_the_same_as_assess(prices, record):
    """The raw probability is the verdict's, up to Monte Carlo."""
    row = record.frame[record.frame["age"] == 0].iloc[0]
    verdict = rc.assess(
        prices[[row["asset"], row["benchmark"]]],
        as_of=row["date"],
        calibration=None,
        n_paths=1000,
    )
    assert verdict.state == "divergent"
    assert verdict.r_short == pytest.approx(row["r_short"], abs=1e-9)
    assert verdict.midpoint == pytest.approx(row["midpoint"], abs=1e-9)
    assert verdict.p_raw == pytest.approx(row["p_raw"], abs=0.08)


def test_later_prices_change_nothing(prices, record):
    row = record.frame.iloc[0]
    changed = prices.copy()
    late = changed.index > row["date"]
    noise = np.random.default_rng(0).standard_normal((late.sum(), 2))
    changed.loc[late] *= np.exp(0.03 * noise.cumsum(axis=0))
    again = backtest(changed, ages=(0,), n_paths=400).frame
    mine = again[(again["date"] == row["date"]) & (again["asset"] == row["asset"])]
    mine = mine[mine["benchmark"] == row["benchmark"]].iloc[0]
    assert mine["inputs"] == row["inputs"]
    for name in FORECASTS:
        assert mine[name] == row[name]


def unwanted(*args, **options):
    raise AssertionError("this forecast is on record")


def test_a_store_is_taken_up_where_it_stopped(prices, cheap, tmp_path, monkeypatch):
    store = tmp_path / "record.jsonl"
    first = backtest(prices, ages=(0,), store=store, n_paths=400)
    lines = store.read_text().splitlines()
    assert len(lines) == len(first.frame)
    store.write_text("\n".join(lines[:1]) + "\n" + lines[1][:30])  # cut off while writing
    second = backtest(prices, ages=(0,), store=store, n_paths=400)
    pd.testing.assert_frame_equal(first.frame, second.frame)
    assert sorted(store.read_text().splitlines()) == sorted(lines)
    # What stands there is not made again.
    monkeypatch.setattr(module, "raw_forecast", unwanted)
    third = backtest(prices, ages=(0,), store=store, n_paths=400)
    pd.testing.assert_frame_equal(first.frame, third.frame)


def test_an_edited_record_is_refused(prices, cheap, tmp_path):
    store = tmp_path / "record.jsonl"
    backtest(prices, ages=(0,), store=store, n_paths=400)
    rows = [json.loads(line) for line in store.read_text().splitlines()]
    rows[-1]["p_raw"] = 0.123
    edited = "".join(json.dumps(row) + "\n" for row in rows)
    store.write_text(edited)
    with pytest.raises(DataError, match=rf"Line {len(rows)} .* was changed after it was written"):
        backtest(prices, ages=(0,), store=store, n_paths=400)
    assert store.read_text() == edited


def test_every_forecast_keeps_the_day_on_which_it_was_made(prices, cheap, tmp_path, monkeypatch):
    store = tmp_path / "record.jsonl"

    def on(day, ages):
        class Clock(dt.date):
            @classmethod
            def today(cls):
                return dt.date.fromisoformat(day)

        monkeypatch.setattr(module.dt, "date", Clock)
        return backtest(prices, ages=ages, store=store, n_paths=400)

    first = on("2030-01-02", (0,))
    assert set(first.frame["made"]) == {first.made} == {"2030-01-02"}
    later = on("2031-05-06", (0, 21))
    assert set(later.frame.loc[later.frame["age"] == 0, "made"]) == {"2030-01-02"}
    assert set(later.frame.loc[later.frame["age"] == 21, "made"]) == {later.made} == {"2031-05-06"}
    # What is only read was made when it was made.
    assert on("2032-01-01", (0,)).made == "2030-01-02"


def test_records_are_not_rewritten(prices, cheap, tmp_path):
    store = tmp_path / "record.jsonl"
    found = backtest(prices, ages=(0,), store=store, n_paths=400)
    other = prices.copy()
    other.iloc[10, 0] *= 1.01
    with pytest.raises(DataError, match="other prices"):
        backtest(other, ages=(0,), store=store, n_paths=400)
    with pytest.raises(DataError, match="'n_paths': 400"):
        backtest(prices, ages=(0,), store=store, n_paths=600)
    store.write_text("no record\n" + store.read_text())
    with pytest.raises(DataError, match="Line 1"):
        backtest(prices, ages=(0,), store=store, n_paths=400)
    assert found.made.count("-") == 2


def test_jobs_change_nothing(prices, record):
    again = backtest(prices, ages=(0,), n_paths=400, n_jobs=2)
    first = record.frame[record.frame["age"] == 0].reset_index(drop=True)
    pd.testing.assert_frame_equal(again.frame, first)


def test_a_failed_pool_is_told(prices, monkeypatch):
    def fail(*args, **options):
        raise EstimationError("two models failed")

    monkeypatch.setattr(module, "pool_of", fail)
    found = raw_forecast(prices[["A", "B"]].iloc[:1000], 400)
    assert found["failed"] == "two models failed"
    assert np.isnan(found["p_raw"])
    assert np.isfinite(found["p_ewma"])


class TestPlugins:
    def test_ewma(self):
        rng = np.random.default_rng(0)
        returns = rng.standard_normal((300, 2))
        frame = pd.DataFrame(returns)
        moments = {
            (i, j): (frame[i] * frame[j]).ewm(alpha=0.06, adjust=True).mean().iloc[-1]
            for i, j in ((0, 0), (1, 1), (0, 1))
        }
        expected = moments[0, 1] / np.sqrt(moments[0, 0] * moments[1, 1])
        assert ewma_correlation(returns) == pytest.approx(expected)
        assert np.isnan(ewma_correlation(np.zeros((50, 2))))

    def test_chance_below(self):
        """Simulated correlations of 126 rows."""
        rng = np.random.default_rng(1)
        e = rng.standard_normal((4000, 126, 2))
        y = 0.3 * e[:, :, 0] + np.sqrt(1 - 0.09) * e[:, :, 1]
        r = [np.corrcoef(a, b)[0, 1] for a, b in zip(e[:, :, 0], y, strict=True)]
        for level in (0.2, 0.35):
            assert chance_below(level, 0.3, 126) == pytest.approx(
                np.mean(np.array(r) < level), abs=0.03
            )

    def test_orientation(self):
        rng = np.random.default_rng(2)
        returns = rng.standard_normal((300, 2))
        flipped = returns * np.array([-1.0, 1.0])
        assert ewma_rule(returns, 1, 0.2, 126) == pytest.approx(ewma_rule(flipped, -1, -0.2, 126))

    def test_chart(self):
        assert chart_rule(0.4, 1) == 0.0
        assert chart_rule(0.2, 1) == 1.0
        assert chart_rule(-0.4, -1) == 0.0


def test_bad_options(prices):
    with pytest.raises(ModelError, match="n_paths"):
        backtest(prices, n_paths=100)
    for ages in ((), (0, 21, 0)):
        with pytest.raises(ModelError, match="ages"):
            backtest(prices, ages=ages)
    for rng in (-1, 0.5, True):
        with pytest.raises(ModelError, match="rng"):
            backtest(prices, rng=rng)
    for n_jobs in (0, -2, 1.5):
        with pytest.raises(ModelError, match="n_jobs"):
            backtest(prices, n_jobs=n_jobs)
    for calibration in ("markt", 3, Calibration):
        with pytest.raises(ModelError, match=r"calibration=.* is unknown"):
            backtest(prices, calibration=calibration)


def test_bad_places(prices, tmp_path):
    with pytest.raises(DataError, match=r"folder of store=.* does not exist"):
        backtest(prices, store=tmp_path / "none" / "record.jsonl")
    panel = read_panel(prices)
    with pytest.raises(ModelError, match="has its pairs already"):
        backtest(panel, pairs=[panel.pairs[0].names])
    text = tmp_path / "notes.txt"
    text.write_text("bought some, sold some")
    with pytest.raises(DataError, match=r"last line of .*notes\.txt is no record"):
        backtest(prices, store=text)
    assert text.read_text() == "bought some, sold some"


def test_with_a_calibration(prices, cheap):
    """The vintage in force on each day, and its base rate."""
    late = prices.set_axis(prices.index + pd.Timedelta(days=4500), axis=0)
    frame = backtest(late, ages=(0,), n_paths=400).frame
    market = shipped("market")
    assert (frame["date"] > "2012").all()
    for row in frame.itertuples():
        vintage = market.at(row.date)
        assert row.vintage == vintage.before
        assert row.base_rate == vintage.n_structural / vintage.n_outcomes
        told = vintage.panel.predict(
            late, asset=row.asset, benchmark=row.benchmark, as_of=row.date
        ).p_structural
        assert row.p_panel == pytest.approx(told, abs=1e-9)
        p = vintage.coefficients.apply(row.p_raw, told)
        assert row.p_structural == pytest.approx(float(p), abs=1e-9)
