"""Calibrations on file: round trip, vintage of a day, and what comes with the package."""

from __future__ import annotations

import dataclasses
import itertools
import json
import shutil

import numpy as np
import pandas as pd
import pytest

import regimecorr as rc
from regimecorr.errors import ModelError
from regimecorr.evaluation import backtest as backtest_module
from regimecorr.evaluation.calibration import Recalibration
from regimecorr.evaluation.features import FeatureWindows
from regimecorr.evaluation.learning import calibrate
from regimecorr.evaluation.panel import read_panel
from regimecorr.evaluation.samples import training_rows
from regimecorr.evaluation.vintages import RECORD, Calibration, shipped

#: Names of every number, text and list in a calibration's file, except the panel's features.
KEYS = {
    "": {"version", "name", "source", "record", "vintages"},
    "source": {
        "made",
        "n_assets",
        "n_pairs",
        "skipped",
        "first",
        "last",
        "n_paths",
        "rng",
        "version",
    },
    "record": set(RECORD),
    "vintages": {"before", "panel", "coefficients", "n_outcomes", "n_structural", "state_rates"},
    "coefficients": {"coefficients", "covariance", "n_outcomes", "prior_sd"},
    "panel": {
        "version",
        "spec",
        "mean",
        "log_sd",
        "quantiles",
        "mean_covariance",
        "log_sd_covariance",
        "before",
        "first",
        "trained_to",
        "diagnostics",
    },
}


@pytest.fixture(scope="module")
def market() -> Calibration:
    return shipped("market")


@pytest.fixture(scope="module")
def small(market) -> Calibration:
    """Two vintages with numbers of many digits, and a record with an open forecast."""
    coefficients = Recalibration(
        (0.1234567891, -2.0 / 3.0, 1e-9 / 7.0),
        ((1 / 3, 1e-5 / 3, 0.0), (1e-5 / 3, 2 / 3, 0.0), (0.0, 0.0, 12345.6789)),
        108,
        0.05,
    )
    vintages = tuple(dataclasses.replace(v, coefficients=coefficients) for v in market.vintages[:2])
    record = pd.DataFrame(
        {
            "asset": ["A", "Ä/ö"],
            "benchmark": ["B", "C"],
            "date": pd.to_datetime(["2012-03-01", "2013-05-02"]),
            "matured": pd.to_datetime(["2013-03-04", None]),
            "p_structural": [1 / 3, 2 / 3],
            "base_rate": [5 / 9, 3 / 7],
            "structural": [1.0, np.nan],
        }
    )
    return Calibration("own", vintages, record, {"n_pairs": 3})


@pytest.fixture(scope="module")
def rows():
    """Days of a pair from 2002 to 2014."""
    panel = read_panel(rc.simulate("recurrent", n_obs=4000, rng=1).prices)
    return training_rows(panel, FeatureWindows(), 63)


def numbers(value):
    """Every number in nested lists and dictionaries, in order."""
    if isinstance(value, dict):
        value = value.values()
    elif isinstance(value, bool) or not isinstance(value, (list, tuple)):
        return [value] if isinstance(value, (int, float)) else []
    return [each for part in value for each in numbers(part)]


class TestFile:
    def test_round_trip_keeps_six_digits(self, small, tmp_path):
        path = small.save(tmp_path / "own.json")
        again = Calibration.load(path)
        assert (again.name, again.source) == ("own", {"n_pairs": 3})
        assert [v.before for v in again.vintages] == ["2012-01-01", "2013-01-01"]
        for mine, theirs in zip(small.vintages, again.vintages, strict=True):
            one, other = numbers(mine.to_dict()), numbers(theirs.to_dict())
            assert len(one) > 500
            assert other == [float(f"{x:.6g}") for x in one]
            assert theirs.coefficients.coefficients == (0.123457, -0.666667, 1.42857e-10)
            assert theirs.panel.spec == mine.panel.spec
            assert theirs.base_rate() == mine.base_rate() == mine.n_structural / mine.n_outcomes
            assert theirs.state_rates == mine.state_rates
        assert list(again.record.columns) == list(RECORD)
        expected = small.record.assign(
            p_structural=[0.333333, 0.666667], base_rate=[0.555556, 0.428571]
        )
        pd.testing.assert_frame_equal(again.record, expected, check_dtype=False)
        assert again.record["date"].dtype.kind == again.record["matured"].dtype.kind == "M"
        assert again.record["structural"].dtype == float

    def test_what_was_read_is_written_as_it_was(self, market, small, tmp_path):
        for made in (small, market):
            first = Calibration.load(made.save(tmp_path / "1.json")).save(tmp_path / "2.json")
            assert first.read_bytes() == (tmp_path / "1.json").read_bytes()

    def test_an_undated_vintage_survives(self, small, tmp_path):
        """That of simulated worlds: no dates in the record either."""
        vintage = dataclasses.replace(small.vintages[0], before=None)
        record = small.record.assign(date=pd.NaT, matured=pd.NaT, structural=[1.0, 0.0])
        record = record.astype({"date": "datetime64[ns]", "matured": "datetime64[ns]"})
        made = Calibration("simulated", (vintage,), record)
        again = Calibration.load(made.save(tmp_path / "s.json"))
        assert again.vintages[0].before is None
        assert again.record["date"].isna().all()
        assert again.record["date"].dtype.kind == "M"
        assert again.record["structural"].tolist() == [1.0, 0.0]
        assert repr(again) == "<Calibration simulated: not dated, 2 forecasts on record>"

    def test_a_file_is_replaced_whole(self, small, tmp_path):
        path = tmp_path / "own.json"
        path.write_text("old")
        assert small.save(str(path)) == path
        assert json.loads(path.read_text())["name"] == "own"
        assert [p.name for p in tmp_path.iterdir()] == ["own.json"]

    def test_an_unknown_version(self, small, tmp_path):
        path = small.save(tmp_path / "own.json")
        body = json.loads(path.read_text())
        path.write_text(json.dumps(body | {"version": 2}))
        with pytest.raises(ModelError, match=r"version=2 of a calibration is unknown; 1 is read"):
            Calibration.load(path)
        body["vintages"][1]["panel"]["version"] = 7
        path.write_text(json.dumps(body))
        with pytest.raises(ModelError, match="version=7 of a panel forecast"):
            Calibration.load(path)

    @pytest.mark.parametrize(
        "damage",
        [
            lambda text: text[: len(text) // 2],
            lambda text: "[1, 2]",
            lambda text: "{}",
            lambda text: text.replace('"matured"', '"ripened"'),
            lambda text: text.replace('"n_outcomes"', '"n"'),
            lambda text: text.replace('"base_rate"', '"rate"'),
            lambda text: text.replace('"state_rates"', '"rates"'),
            lambda text: text.replace('"strained"', '"weak"'),
            lambda text: text.replace('"vintages": [', '"vintages": null, "old": ['),
            lambda text: text.replace('"prior_sd"', '"sd"'),
            lambda text: text.replace("2012-03-01", "soon"),
            lambda text: text.replace("0.333333", '"many"'),
            lambda text: text.replace('"quantiles": [', '"quantiles": [0.0, '),
        ],
    )
    def test_a_broken_file_is_named(self, small, tmp_path, damage):
        path = small.save(tmp_path / "own.json")
        broken = damage(path.read_text())
        assert broken != path.read_text()
        path.write_text(broken)
        with pytest.raises(ModelError, match=r"own\.json holds no calibration"):
            Calibration.load(path)

    def test_no_file(self, tmp_path):
        with pytest.raises(ModelError, match=r"none\.json cannot be read as a calibration"):
            Calibration.load(tmp_path / "none.json")
        with pytest.raises(ModelError, match="cannot be read as a calibration"):
            Calibration.load(tmp_path)

    def test_a_file_that_is_no_text(self, small, tmp_path):
        path = small.save(tmp_path / "own.json")
        path.write_bytes(b"\xff\xfe" + path.read_bytes())
        with pytest.raises(ModelError, match=r"own\.json cannot be read as a calibration"):
            Calibration.load(path)


class TestVintageOfADay:
    @pytest.mark.parametrize(
        ("day", "before"),
        [
            ("2011-12-31", None),
            ("2012-01-01", "2012-01-01"),
            ("2012-12-31", "2012-01-01"),
            ("2013-01-01", "2013-01-01"),
            ("2023-11-14", "2023-01-01"),
            (pd.Timestamp("2026-08-20"), "2026-01-01"),
        ],
    )
    def test_it_is_the_last_that_knew_no_later_price(self, market, day, before):
        found = market.at(day)
        assert (None if found is None else found.before) == before

    def test_an_undated_one_is_always_in_force(self, small):
        vintage = dataclasses.replace(small.vintages[0], before=None)
        made = dataclasses.replace(small, vintages=(vintage,))
        assert made.at("1970-01-01") is vintage


class TestSaid:
    """What the vintage in force said at each row of a pair."""

    def test_each_row_by_its_own_vintage(self, market, rows):
        p_raw = np.linspace(0.0, 1.0, len(rows))
        said = market.said(p_raw, rows)
        assert list(said.columns) == ["p_panel", "p_structural", "base_rate", "vintage"]
        for i, day in enumerate(rows.date):
            vintage = market.at(day)
            if vintage is None:
                assert pd.isna(said.loc[i, "vintage"])
                assert said.loc[i, ["p_panel", "p_structural", "base_rate"]].isna().all()
                continue
            p_panel = float(vintage.panel.chances(rows.take(np.array([i])))[0])
            assert said["vintage"][i] == vintage.before
            assert said["p_panel"][i] == pytest.approx(p_panel, abs=1e-12)
            p = vintage.coefficients.apply(p_raw[i], p_panel)
            assert said["p_structural"][i] == pytest.approx(float(p), abs=1e-12)
            assert said["base_rate"][i] == vintage.n_structural / vintage.n_outcomes
        assert said["vintage"].nunique() == 3
        assert said["vintage"].isna().any()

    def test_an_undated_vintage_speaks_at_every_row(self, market, rows):
        vintage = dataclasses.replace(market.vintages[3], before=None)
        made = dataclasses.replace(market, vintages=(vintage,))
        said = made.said(np.full(len(rows), 0.4), rows)
        np.testing.assert_allclose(said["p_panel"], vintage.panel.chances(rows))
        assert said["p_structural"].between(0.0, 1.0, inclusive="neither").all()
        assert (said["base_rate"] == vintage.base_rate()).all()
        assert said["vintage"].isna().all()


class TestShipped:
    def test_it_is_read_once(self, market):
        assert shipped("market") is market
        assert market.name == "market"
        text = "<Calibration market: vintages 2012-01-01 to 2026-01-01, "
        assert repr(market) == f"{text}{len(market.record)} forecasts on record>"

    def test_a_vintage_every_year_that_knew_nothing_later(self, market):
        years = [f"{year}-01-01" for year in range(2012, 2027)]
        assert [v.before for v in market.vintages] == years
        for v in market.vintages:
            assert v.panel.before == v.before
            assert v.panel.first < v.panel.trained_to < v.before
            assert v.panel.spec.equations.uses_state is False
            assert 0 < v.n_structural < v.n_outcomes == v.coefficients.n_outcomes
        counts = [v.n_outcomes for v in market.vintages]
        assert counts[0] >= 100
        assert counts == sorted(counts)

    def test_the_record_holds_forecasts_and_what_came(self, market):
        record = market.record
        assert len(record) > 400
        assert list(record.columns) == list(RECORD)
        assert record["p_structural"].between(0.0, 1.0, inclusive="neither").all()
        assert set(record["structural"].dropna()) == {0.0, 1.0}
        np.testing.assert_array_equal(record["structural"].isna(), record["matured"].isna())
        assert not record.duplicated(["asset", "benchmark", "date"]).any()
        assert (record["asset"] != record["benchmark"]).all()

    def test_every_forecast_lies_in_the_period_of_its_vintage(self, market):
        record = market.record
        begins = pd.DatetimeIndex([v.before for v in market.vintages])
        assert begins.is_monotonic_increasing
        assert begins.is_unique
        place = begins.searchsorted(record["date"], side="right") - 1
        assert place.min() == 0
        assert place.max() == len(begins) - 1
        for day, number in zip(record["date"], place, strict=True):
            assert market.at(day) is market.vintages[number]
        rates = np.array([v.n_structural / v.n_outcomes for v in market.vintages])
        np.testing.assert_allclose(record["base_rate"], rates[place], atol=1e-6)
        late = record["matured"].notna()
        assert (record["matured"] > record["date"])[late].all()
        # Nothing that a vintage says of a day was learned from an outcome of that day or later.
        for vintage, begin in zip(market.vintages, begins, strict=True):
            assert (record["matured"] < begin).sum() <= vintage.n_outcomes

    def test_counts_grow_by_what_matured_in_the_year(self, market):
        """No outcome is lost, none is learned from twice, and none before its time."""
        record = market.record
        # What matured earlier may have begun before the record did.
        vintages = [v for v in market.vintages if v.before >= "2014-01-01"]
        for before, after in itertools.pairwise(vintages):
            known = (record["matured"] >= before.before) & (record["matured"] < after.before)
            assert after.n_outcomes - before.n_outcomes == known.sum()
            hits = record.loc[known, "structural"].sum()
            assert after.n_structural - before.n_structural == hits

    def test_there_are_no_prices_in_it(self, market, tmp_path):
        path = market.save(tmp_path / "market.json")
        assert path.stat().st_size < 300_000
        body = json.loads(path.read_text())
        assert set(body) == KEYS[""]
        assert set(body["source"]) == KEYS["source"]
        assert set(body["record"]) == KEYS["record"]
        for vintage in body["vintages"]:
            assert set(vintage) == KEYS["vintages"]
            assert set(vintage["panel"]) == KEYS["panel"]
            assert set(vintage["coefficients"]) == KEYS["coefficients"]
            # 400 quantiles, 12 + 7 coefficients with covariances, 10 shares: no room for prices.
            assert len(numbers(vintage)) < 700
        for name in ("p_structural", "base_rate", "structural"):
            assert all(v is None or 0.0 <= v <= 1.0 for v in body["record"][name])
        for name in ("date", "matured"):
            days = [v for v in body["record"][name] if v is not None]
            assert all(len(day) == 10 and pd.Timestamp(day) for day in days)
        assert all(isinstance(n, str) for c in ("asset", "benchmark") for n in body["record"][c])


class TestShippedSimulated:
    def test_one_vintage_that_is_not_dated(self):
        found = shipped("simulated")
        (vintage,) = found.vintages
        assert repr(found) == "<Calibration simulated: not dated, 1000 forecasts on record>"
        assert vintage.before is vintage.panel.before is None
        assert found.at("1990-01-01") is vintage
        assert vintage.n_outcomes == vintage.coefficients.n_outcomes == 800
        assert 0.4 < vintage.base_rate() < 0.6
        np.testing.assert_allclose(found.record["base_rate"], vintage.base_rate(), atol=1e-6)

    def test_its_record_is_of_worlds_that_happened_on_no_day(self):
        record = shipped("simulated").record
        assert record["date"].isna().all()
        assert record["matured"].isna().all()
        assert record["p_structural"].between(0.0, 1.0, inclusive="neither").all()
        assert set(record["structural"]) == {0.0, 1.0}
        worlds = record["asset"].str.split().str[0].value_counts()
        assert len(worlds) == 8
        assert (worlds == 125).all()

    def test_it_is_small(self, tmp_path):
        path = shipped("simulated").save(tmp_path / "simulated.json")
        assert path.stat().st_size < 300_000
        body = json.loads(path.read_text())
        assert set(body) == KEYS[""]
        assert set(body["vintages"][0]) == KEYS["vintages"]
        assert len(numbers(body["vintages"])) < 700


class TestMarket:
    def test_what_is_shipped_is_what_the_code_makes(self, market_data, root, tmp_path, monkeypatch):
        """From the prices and the raw forecasts on record, to the digits that are kept."""
        store = tmp_path / "backtest.jsonl"
        shutil.copy(root / "docs" / "_results" / "backtest.jsonl", store)

        def unwanted(*args, **options):
            raise AssertionError("a raw forecast is not on record")

        monkeypatch.setattr(backtest_module, "raw_forecast", unwanted)
        prices = pd.read_csv(market_data / "panel_daily.csv", index_col=0, parse_dates=True)
        made = calibrate(prices, store=store).save(tmp_path / "market.json")
        folder = root / "regimecorr" / "data" / "calibrations"
        one, other = (json.loads(path.read_text()) for path in (made, folder / "market.json"))
        for name in ("record", "vintages", "source"):
            same(one[name], other[name], name)


def same(one, other, where: str) -> None:
    """Same texts and whole numbers, and figures to one unit of the sixth digit."""
    if isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for key in one.keys() - {"made"}:
            same(one[key], other[key], f"{where}.{key}")
    elif isinstance(one, list):
        assert len(one) == len(other), where
        for i, (a, b) in enumerate(zip(one, other, strict=True)):
            same(a, b, f"{where}[{i}]")
    elif isinstance(one, float):
        assert one == pytest.approx(other, rel=1.1e-5, abs=1e-9), where
    else:
        assert one == other, where
