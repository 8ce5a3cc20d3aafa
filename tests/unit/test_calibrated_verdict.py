"""`assess` with what past outcomes have taught: the formula, the record, and when there is none."""

from __future__ import annotations

import dataclasses
import json
import re
import warnings

import numpy as np
import pandas as pd
import pytest

import regimecorr as rc
from regimecorr.errors import (
    LevelBasisWarning,
    ModelError,
    StaleDataWarning,
    UncalibratedWarning,
)
from regimecorr.evaluation.calibration import Recalibration
from regimecorr.evaluation.track_record import track_record
from regimecorr.evaluation.vintages import Calibration, shipped
from regimecorr.reporting.facts import record_sentences

PATHS = 400
#: Days on which the pair is divergent, weak, aligned and strained.
DAY, WEAK, ALIGNED, STRAINED = "2020-07-06", "2020-11-09", "2020-05-11", "2020-06-08"
MEMBERS = ["constant", "dcc", "reverting", "switching", "break", "drift"]


@pytest.fixture(scope="module")
def market() -> Calibration:
    return shipped("market")


@pytest.fixture(scope="module")
def names(market) -> list[str]:
    """The pair that is most often on record before the day."""
    early = market.record[market.record["date"] < DAY]
    return list(early.groupby(["asset", "benchmark"]).size().idxmax())


@pytest.fixture(scope="module")
def history(names) -> pd.DataFrame:
    """Prices of 2000 to 2021 under names that are on record, and not told to be simulated."""
    prices = rc.simulate("recurrent", n_obs=5600, nu=8.0, rng=2).prices
    return pd.DataFrame(prices.to_numpy(), prices.index, names)


@pytest.fixture(scope="module")
def prices(history) -> pd.DataFrame:
    return history.iloc[4540:]


@pytest.fixture(scope="module")
def verdict(prices):
    return told(prices)


def told(prices, **options):
    """A verdict without a warning: the tests make one an error."""
    return rc.assess(prices, **{"as_of": DAY, "n_paths": PATHS} | options)


def warned(prices, **options):
    """A verdict and the warnings that came with it."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        found = told(prices, **options)
    return found, [(w.category, str(w.message)) for w in seen]


def logit(p: float) -> float:
    p = min(max(p, 0.02), 0.98)
    return float(np.log(p) - np.log(1.0 - p))


def pooled(coefficients, p_raw: float, p_panel: float) -> float:
    c0, c1, c2 = coefficients
    return 1.0 / (1.0 + np.exp(-(c0 + c1 * logit(p_raw) + c2 * logit(p_panel))))


class TestFormula:
    def test_pool_and_panel_by_the_vintage_of_the_day(self, verdict, market, prices):
        assert verdict.state == "divergent"
        assert verdict.calibrated is True
        vintage = max((v for v in market.vintages if v.before <= DAY), key=lambda v: v.before)
        assert vintage.before == "2020-01-01"
        p_panel = vintage.panel.predict(prices.loc[:DAY]).p_structural
        table = verdict.models.loc[MEMBERS]
        p_raw = float(table["weight"] @ table["p_structural"])
        assert verdict.p_raw == pytest.approx(p_raw, abs=1e-12)
        p = pooled(vintage.coefficients.coefficients, p_raw, p_panel)
        assert verdict.p_structural == pytest.approx(p, abs=1e-12)
        assert abs(p - p_raw) > 0.01
        assert verdict.base_rate == vintage.n_structural / vintage.n_outcomes
        assert vintage.base_rate() not in vintage.state_rates.values()
        assert verdict.settings["calibration"] == "market"

    def test_panel_and_final_rows(self, verdict, market, prices):
        vintage = market.at(DAY)
        panel, final = verdict.models.loc["panel"], verdict.models.loc["final"]
        told_panel = vintage.panel.predict(prices.loc[:DAY]).p_structural
        assert panel["p_structural"] == pytest.approx(told_panel, abs=1e-12)
        assert (panel["note"], panel["reason"]) == ("prices before 2020-01-01", "")
        assert final["p_structural"] == verdict.p_structural
        assert final["p_unchanged"] == verdict.p_unchanged
        c0, c1, c2 = vintage.coefficients.coefficients
        assert final["note"] == (f"logit = {c0:.2f} + {c1:.2f} logit(pool) + {c2:.2f} logit(panel)")

    def test_probabilities_fit_together(self, verdict):
        low, high = verdict.interval
        assert 0.0 < low < verdict.p_structural < high < 1.0
        assert verdict.p_structural + verdict.p_transient == pytest.approx(1.0)
        table = verdict.models.loc[MEMBERS]
        part = float(table["weight"] @ table["p_unchanged"]) / (1.0 - verdict.p_raw)
        assert 0.0 < part < 1.0
        assert verdict.p_unchanged == pytest.approx(part * verdict.p_transient, abs=1e-12)

    def test_the_interval_doubts_the_coefficients_and_the_panel(self, verdict, market, prices):
        """It narrows when both are held to be known, and the pool's weight is about zero."""
        vintage = market.at(DAY)
        sure = dataclasses.replace(vintage.coefficients, covariance=((0.0,) * 3,) * 3)
        zero = np.zeros((12, 12)), np.zeros((7, 7))
        known = dataclasses.replace(
            vintage.panel, mean_covariance=zero[0].tolist(), log_sd_covariance=zero[1].tolist()
        )
        widths = []
        for changes in ({"coefficients": sure}, {"coefficients": sure, "panel": known}):
            own = dataclasses.replace(market, vintages=(dataclasses.replace(vintage, **changes),))
            found = told(prices, calibration=own)
            assert found.p_structural == pytest.approx(verdict.p_structural, abs=1e-12)
            widths.append(found.interval[1] - found.interval[0])
        assert abs(sure.coefficients[1]) < 0.02
        assert widths[1] < 0.02 < widths[0] < verdict.interval[1] - verdict.interval[0]

    @pytest.mark.parametrize(
        ("shift", "label"), [((0.01, 0.5), "transient"), ((-0.02, -0.01), "structural")]
    )
    def test_the_label_follows_the_thresholds(self, verdict, prices, shift, label):
        p = verdict.p_structural
        assert verdict.label == ("transient" if p < 1 / 3 else "undecided")
        thresholds = (p + shift[0], min(p + shift[1], 1.0))
        assert told(prices, thresholds=thresholds).label == label

    @pytest.mark.parametrize(("day", "state"), [(ALIGNED, "aligned"), (STRAINED, "strained")])
    def test_other_days_are_calibrated_too(self, prices, market, tmp_path, day, state):
        """Against the rate of days like them; the record is one of divergences."""
        found = told(prices, as_of=day)
        assert (found.state, found.calibrated) == (state, True)
        third = "transient" if found.p_structural <= 1 / 3 else "undecided"
        assert found.label == ("aligned" if state == "aligned" else third)
        assert found.p_structural < 2 / 3
        assert found.models.loc["panel", "note"] == "prices before 2020-01-01"
        assert found.base_rate == market.at(day).state_rates[state]
        record = found.track_record
        reason = f"forecasts are on record for divergences; today the pair is {state}"
        assert record.reason == record.sentence == reason
        assert (record.n, record.n_total, len(record.pair)) == (0, 0, 0)
        assert record_sentences(found) == [f"none: {reason}"]
        data = found.to_dict()
        assert json.loads(json.dumps(data, allow_nan=False)) == data
        assert data["track_record"]["reason"] == reason
        base = f"of past days of {state} pairs {found.base_rate:.0%} were structural"
        text = " ".join(found.summary().split())
        page = found.to_html(tmp_path / "report.html").read_text(encoding="utf-8")
        for where in (text, " ".join(page.split())):
            assert f"calibrated on past outcomes; {base}; the raw pool says" in where
            assert f"none: {reason}" in where
            assert "past divergences with a probability" not in where


class TestCalibrations:
    def test_ones_own(self, market, prices, verdict):
        coefficients = Recalibration(
            (0.4, 0.9, -0.3), ((0.01, 0, 0), (0, 0.01, 0), (0, 0, 0.01)), 9, 0.5
        )
        vintages = (dataclasses.replace(market.vintages[2], coefficients=coefficients),)
        own = dataclasses.replace(market, name="own", vintages=vintages)
        found = told(prices, calibration=own)
        p_panel = found.models.loc["panel", "p_structural"]
        assert p_panel != verdict.models.loc["panel", "p_structural"]
        expected = pooled((0.4, 0.9, -0.3), verdict.p_raw, p_panel)
        assert found.p_structural == pytest.approx(expected, abs=1e-12)
        assert (found.p_raw, found.settings["calibration"]) == (verdict.p_raw, "own")
        told_by = "logit = 0.40 + 0.90 logit(pool) - 0.30 logit(panel)"
        assert found.models.loc["final", "note"] == told_by

    def test_simulated_worlds(self, history):
        """Their vintage is in force on every day, also long before the first of the market's."""
        found = told(history.loc[:"2007-01-01"], as_of=None, calibration="simulated")
        assert found.as_of == pd.Timestamp("2007-01-01")
        assert found.state == "divergent"
        assert found.calibrated
        assert found.settings["calibration"] == "simulated"
        (vintage,) = shipped("simulated").vintages
        panel = found.models.loc["panel"]
        assert panel["note"] == "simulated worlds"
        p = pooled(vintage.coefficients.coefficients, found.p_raw, panel["p_structural"])
        assert found.p_structural == pytest.approx(p, abs=1e-12)
        assert found.base_rate == vintage.base_rate()
        assert found.track_record.n_total == len(shipped("simulated").record)
        assert found.track_record.pair.empty
        assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["calibrated"] is True
        text = " ".join(found.summary().split())
        assert "against the base rate of the cases learned from" in text
        assert "this pair: not on record" in text

    @pytest.mark.parametrize("bad", ["markt", "own", 3, True, {"name": "market"}, Calibration])
    def test_what_is_none(self, prices, bad):
        with pytest.raises(ModelError, match=r"calibration=.* is unknown; use 'market'"):
            rc.assess(prices, calibration=bad)


class TestRecord:
    def test_it_is_that_of_the_day(self, verdict, market, names):
        found = verdict.track_record
        expected = track_record(market, verdict.p_structural, pd.Timestamp(DAY), names)
        pair = expected.to_dict().pop("pair")
        pd.testing.assert_frame_equal(found.pair, pair)
        assert len(pair) >= 2
        one, other = (r.to_dict() | {"pair": None} for r in (found, expected))
        assert one == other
        assert found.n > 10
        assert found.last < pd.Timestamp(DAY)

    def test_simulated_prices_have_no_past_of_their_names(self, verdict, prices):
        invented = prices.copy()
        invented.attrs = rc.simulate("constant", n_obs=50, rng=0).prices.attrs
        found = told(invented)
        assert found.data["simulated"]
        assert not verdict.data["simulated"]
        assert found.track_record.pair.empty
        assert found.track_record.n == verdict.track_record.n
        assert "this pair: not on record" in " ".join(found.summary().split())

    def test_summary_and_page_tell_it(self, verdict, tmp_path):
        record = verdict.track_record
        first, everything, pair = record_sentences(verdict)
        assert first.startswith(record.sentence)
        assert f"of {record.n} past divergences" in first
        assert f"all {record.n_total} forecasts of 2012 to" in everything
        assert pair.startswith("this pair: ")
        assert pair.count(";") == len(record.pair) - 1
        outcomes = record.pair["structural"]
        assert pair.count("structural came") == (outcomes == 1.0).sum()
        assert pair.count("transient came") == (outcomes == 0.0).sum()
        text = " ".join(verdict.summary().split())
        page = verdict.to_html(tmp_path / "report.html").read_text(encoding="utf-8")
        flat = " ".join(page.split())
        for sentence in (first, everything, pair):
            assert sentence in text
            assert sentence in flat
        base = f"of past divergences {verdict.base_rate:.0%} were structural"
        panel = f"the panel forecaster {verdict.models.loc['panel', 'p_structural']:.0%}"
        for where in (text, flat):
            assert f"calibrated on past outcomes; {base}; the raw pool says" in where
            assert panel in where
            assert "NOT calibrated" not in where
        assert max(map(len, verdict.summary().splitlines())) <= 100

    def test_it_is_data(self, verdict, names):
        data = verdict.to_dict()
        assert json.loads(json.dumps(data, allow_nan=False)) == data
        record = data["track_record"]
        assert record["n"] == verdict.track_record.n
        assert record["first"].startswith("2012-")
        assert record["pair"][0]["date"] == f"{verdict.track_record.pair['date'][0]:%Y-%m-%d}"
        assert data["base_rate"] == verdict.base_rate


class TestInvariance:
    def test_later_prices_change_nothing(self, prices, verdict):
        later = prices.copy()
        late = later.index > DAY
        noise = np.random.default_rng(0).standard_normal((late.sum(), 2))
        later.loc[late] *= np.exp(0.03 * noise.cumsum(axis=0))
        for other in (later, prices.loc[:DAY]):
            found = told(other).to_dict()
            expected = verdict.to_dict()
            # What was passed is described: its fingerprint and how much of it was cut off.
            for data in (found, expected):
                data.pop("data")
            assert found == expected

    def test_negating_an_asset_changes_no_probability(self, prices, verdict):
        turned = prices.copy()
        turned.iloc[:, 0] = 1e4 / turned.iloc[:, 0]
        found = told(turned)
        assert found.calibrated
        assert found.midpoint == pytest.approx(-verdict.midpoint, abs=1e-9)
        panel = [v.models.loc["panel", "p_structural"] for v in (found, verdict)]
        assert panel[0] == pytest.approx(panel[1], abs=1e-9)
        for name in ("p_raw", "p_structural", "p_transient", "p_unchanged"):
            assert getattr(found, name) == pytest.approx(getattr(verdict, name), abs=2 / PATHS)
        np.testing.assert_allclose(found.interval, verdict.interval, atol=0.02)
        assert (found.label, found.base_rate) == (verdict.label, verdict.base_rate)


class TestUncalibrated:
    @pytest.mark.parametrize(
        ("options", "reason"),
        [
            (
                {"as_of": "2011-12-30"},
                "2011-12-30 is before the first vintage of the market calibration, 2012-01-01",
            ),
            (
                {"short_window": 63},
                "windows (63, 252, 252) are not the calibrated (90, 252, 252)",
            ),
            (
                {"horizon": 126},
                "windows (90, 252, 126) are not the calibrated (90, 252, 252)",
            ),
            (
                {"family_prior": {"break": 1.0, "drift": 1.0}},
                "a family_prior of your own is never calibrated",
            ),
            ({}, "700 returns; calibrated divergences had at least 750"),
        ],
    )
    def test_one_warning_with_the_reason(self, history, prices, options, reason):
        if "as_of" in options:
            prices = history.loc["2008":"2013"]
        elif not options:
            prices = prices.loc[:DAY].iloc[-701:]
        found, seen = warned(prices, **options)
        assert [kind for kind, _ in seen] == [UncalibratedWarning]
        assert seen[0][1].startswith(f"Not calibrated: {reason}. The probability is the raw pool's")
        self.check(found, reason)

    def test_a_leg_that_stood_still(self, prices):
        """It has correlations over 90 rows, and none over the last 42."""
        still = prices.copy()
        end = still.index.get_loc(DAY)
        still.iloc[end - 60 : end + 1, 0] = still.iloc[end - 61, 0]
        found, seen = warned(still)
        kinds = [kind for kind, _ in seen]
        assert kinds.count(UncalibratedWarning) == 1
        assert kinds.count(StaleDataWarning) == 1
        text = next(message for kind, message in seen if kind is UncalibratedWarning)
        reason = re.match(r"Not calibrated: (.*)\. The probability is the raw", text).group(1)
        assert reason.startswith("the panel forecaster cannot read this pair: A leg did not move")
        self.check(found, reason)

    def test_the_raw_pool_when_asked_for(self, prices, verdict):
        found = told(prices, calibration=None)
        self.check(found, "calibration=None asked for the raw pool")
        assert found.p_structural == found.p_raw == verdict.p_raw
        assert found.settings["calibration"] is None

    @staticmethod
    def check(found, reason):
        assert found.calibrated is False
        assert found.p_structural == found.p_raw
        assert np.isnan(found.base_rate)
        assert found.track_record.reason == reason
        panel = found.models.loc["panel"]
        assert panel["reason"] == reason
        assert np.isnan(panel["p_structural"])
        assert found.models.loc["final", "note"] == "raw pool"
        text = " ".join(found.summary().split())
        assert f"none: {reason}" in text
        assert "NOT calibrated" in text

    def test_levels_have_their_own_warning_and_only_that(self, prices):
        found, seen = warned(prices, basis="log_levels")
        assert [kind for kind, _ in seen] == [LevelBasisWarning]
        assert found.calibrated is False
        assert found.track_record.reason == "basis='log_levels' is never calibrated"
        found, seen = warned(prices, basis="levels", calibration=None)
        assert [kind for kind, _ in seen] == [LevelBasisWarning]
        assert found.track_record.reason == "basis='levels' is never calibrated"

    def test_a_weak_reference_has_no_probability(self, prices, market):
        found = told(prices, as_of=WEAK)
        assert found.state == found.label == "weak"
        assert found.calibrated is False
        assert np.isnan(
            [found.p_structural, found.p_transient, found.p_unchanged, found.p_raw, *found.interval]
        ).all()
        assert found.track_record.reason == found.reason
        assert np.isnan(found.base_rate)
        assert "weaker than 0.25" in found.reason
        assert np.isnan(found.models.loc["panel", "p_structural"])
        assert json.dumps(found.to_dict(), allow_nan=False)
        assert "none" in found.summary()
