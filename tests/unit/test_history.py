"""The verdict replayed: what `assess` says on each day, from what was known on it."""

from __future__ import annotations

import dataclasses
import json
from contextlib import nullcontext

import numpy as np
import pandas as pd
import pytest

import regimecorr as rc
from regimecorr.data.alignment import align
from regimecorr.data.windows import resolve
from regimecorr.errors import (
    AsOfError,
    DateColumnError,
    EstimationError,
    FailedDaysWarning,
    LevelBasisWarning,
    ModelError,
    TooFewRowsError,
    UncalibratedWarning,
    WindowError,
)
from regimecorr.evaluation.outlook import OutlookOptions
from regimecorr.evaluation.vintages import shipped
from regimecorr.replay import days, run, tables
from regimecorr.replay.days import AFTER, with_outcomes
from regimecorr.scanning.stream import stream_rows

PATHS = {"n_paths": 400}
RAW = {**PATHS, "calibration": None}
FIGURES = (
    *("state", "label", "p_structural", "p_raw", "p_unchanged", "base_rate", "calibrated"),
    *("r_short", "r_long", "reference", "midpoint", "reason"),
)


@pytest.fixture(scope="module")
def prices() -> pd.DataFrame:
    """1,150 simulated prices from 2012 on, in which the pair is in every state."""
    table = rc.simulate("recurrent", n_obs=1149, rng=28).prices
    return table.set_axis(table.index + pd.Timedelta(days=4500), axis=0)


@pytest.fixture(scope="module")
def past(prices) -> rc.History:
    return rc.history(prices, every=150, rng=3, **PATHS)


@pytest.fixture(scope="module")
def short(prices) -> pd.DataFrame:
    return prices.iloc[:620]


def same(first: pd.DataFrame, second: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(first, second, check_exact=True, check_freq=False)


class TestOneDay:
    @pytest.mark.parametrize("row", [0, 1, 4])
    def test_is_the_verdict_of_assess(self, prices, past, row):
        day = past.frame.index[row]
        with pytest.warns(UncalibratedWarning) if row < 2 else nullcontext():
            verdict = rc.assess(prices, as_of=day, rng=3, **PATHS)
        mine = past.frame.iloc[row]
        for name in FIGURES:
            told = getattr(verdict, name)
            assert mine[name] == told or (np.isnan(mine[name]) and np.isnan(told)), name
        assert np.array_equal((mine["low"], mine["high"]), verdict.interval, equal_nan=True)
        for family, member in past.weights:
            model = verdict.models.loc[member]
            assert model["family"] == family
            assert past.weights.iloc[row][family, member] == model["weight"]

    def test_some_are_calibrated_and_some_are_not(self, past):
        states = ["strained", "weak", "aligned", "strained", "divergent"]
        assert past.frame["state"].tolist() == states
        assert past.frame["calibrated"].tolist() == [False, False, True, True, True]
        early = past.frame["n_returns"] < 750
        assert (past.frame["uncalibrated"].str.contains("at least 750") == early).all()
        assert (past.frame["vintage"] == "").eq(early).all()

    def test_the_calibration_is_that_of_the_past(self, past):
        for day, vintage in past.frame["vintage"][past.frame["vintage"] != ""].items():
            assert vintage == shipped("market").at(day).before
            assert pd.Timestamp(vintage) <= day
        assert past.frame["vintage"].nunique() >= 3

    def test_a_seed_is_drawn_of_a_generator_and_kept(self, short):
        found = rc.history(short, rng=np.random.default_rng(5), start=short.index[-1], **RAW)
        verdict = rc.assess(short, rng=found.settings["rng"], **RAW)
        assert found.frame["p_raw"].iloc[-1] == verdict.p_raw
        other = np.random.default_rng(5)
        assert found.settings["rng"] == other.integers(2**32)

    def test_the_published_verdict_of_the_article(self, eth_iwm, root):
        """One row of the README's table, as `scripts/make_readme.py` wrote it."""
        told = json.loads((root / "docs" / "_results" / "verdicts.json").read_text())
        day = "2023-11-14"
        (row,) = [r for r in told if r["as_of"] == day]
        found = rc.history(eth_iwm, start=day, as_of=day).frame
        assert found.index.tolist() == [pd.Timestamp(day)]
        for name in ("p_structural", "p_raw", "base_rate", "midpoint"):
            assert found[name].item() == pytest.approx(row[name], abs=1e-8), name


class TestNoFuture:
    def test_later_prices_change_nothing(self, prices, past):
        cut = past.frame.index[2]
        changed = prices.copy()
        rng = np.random.default_rng(0)
        rows = changed.index > cut
        changed.loc[rows] *= np.exp(0.3 * rng.standard_normal((rows.sum(), 2)))
        later = rc.history(changed, every=150, rng=3, **PATHS)
        same(later.known.loc[:cut], past.known.loc[:cut])
        same(later.weights.loc[:cut], past.weights.loc[:cut])
        same(later.states.loc[:cut], past.states.loc[:cut])
        assert (later.known.iloc[3:]["p_raw"] != past.known.iloc[3:]["p_raw"]).all()
        # What came is another thing: it is told by prices after the day.
        assert not later.frame["fresh"].iloc[:3].equals(past.frame["fresh"].iloc[:3])

    def test_as_of_uses_nothing_later(self, prices, past):
        day = past.frame.index[2]
        found = rc.history(prices, as_of=day, every=150, rng=3, **PATHS)
        assert (found.frame["matured"].dropna() <= day).all()
        assert found.frame["fresh"].isna().tolist() == [False, True, True]
        same(found.known, past.known.iloc[:3])
        assert set(found.frame["outcome"].iloc[1:]) <= {"open", ""}
        same(found.prices, prices.loc[:day].set_axis(found.prices.index, axis=0))
        assert found.as_of == day

    def test_workers_are_sent_nothing_later_than_their_day(self, short, monkeypatch):
        sent = []

        def rows(keys, job_of, *options):
            sent.extend(job_of(key) for key in keys)
            return stream_rows(keys, job_of, *options)

        monkeypatch.setattr(run, "stream_rows", rows)
        rc.history(short, every=10, start=short.index[-11], **RAW)
        assert [job.prices.index[-1] for job in sent] == list(short.index[[-11, -1]])
        assert [job.as_of for job in sent] == list(short.index[[-11, -1]])

    def test_known_lacks_what_came_after(self, past):
        assert set(past.frame) - set(past.known) == set(AFTER)


class TestDays:
    def test_every_so_many_rows_and_the_last(self, prices, past):
        rows = prices.index.get_indexer(past.frame.index)
        assert rows.tolist() == [599, 749, 899, 1049, 1149]
        assert past.frame.index.name == past.weights.index.name == "date"
        assert past.states.index[0] == past.frame.index[0]
        assert past.states.index[-1] == past.frame.index[-1]

    def test_start_on_a_day_without_prices_is_the_next_one(self, prices):
        after = np.flatnonzero(np.diff(prices.index) > pd.Timedelta("2D")) + 1
        monday = prices.index[after[after > 640][0]]
        found = rc.history(prices.loc[:monday], start=monday - pd.Timedelta("1D"), **RAW)
        assert found.frame.index.tolist() == [monday]

    def test_long_windows_begin_later(self, prices):
        options = {"short_window": 200, "long_window": 500, "horizon": 100, **RAW}
        found = rc.history(prices.iloc[:701], **options)
        assert found.frame.index.tolist() == [prices.index[700]]
        assert not found.frame["failed"].any()

    def test_processes_change_nothing(self, short):
        found, other = (rc.history(short, every=1000, n_jobs=n, **RAW) for n in (1, 2))
        same(found.frame, other.frame)
        same(found.weights, other.weights)


class TestOutcome:
    def test_by_plain_numbers(self, prices, past):
        returns = np.log(prices).diff().dropna()
        for day, row in past.frame.iterrows():
            ahead = returns.loc[returns.index > day]
            if len(ahead) < 252:
                assert row["outcome"] == ("" if row["state"] == "weak" else "open")
                assert np.isnan(row["fresh"])
                assert pd.isna(row["matured"])
                continue
            fresh = np.corrcoef(ahead.iloc[126:252].T)[0, 1]
            assert row["fresh"] == pytest.approx(fresh, abs=1e-12)
            assert row["matured"] == ahead.index[251]
            sign = np.sign(row["reference"])
            name = "structural" if sign * fresh < sign * row["midpoint"] else "transient"
            assert row["outcome"] == ("" if row["state"] == "weak" else name)
        assert set(past.frame["outcome"]) == {"transient", "", "open"}

    def test_a_leg_upside_down_has_the_same_outcomes(self, prices, past):
        turned = prices.assign(A=1e4 / prices["A"])
        frame = past.known.assign(reference=-past.frame["reference"],
                                  midpoint=-past.frame["midpoint"])  # fmt: skip
        pair = align(turned)
        windows = resolve(pair.dates, 90, 252, 252)
        found = with_outcomes(frame, pair, pair.returns.to_numpy(), windows)
        assert found["outcome"].tolist() == past.frame["outcome"].tolist()
        np.testing.assert_allclose(found["fresh"], -past.frame["fresh"], atol=1e-10)

    def test_of_levels_is_read_on_levels(self, prices):
        with pytest.warns(LevelBasisWarning, match="correlations of price levels"):
            found = rc.history(prices.iloc[:852], every=1000, basis="levels", **PATHS)
        first = found.frame.iloc[0]
        ahead = prices.iloc[600 + 126 : 600 + 252]
        assert first["fresh"] == pytest.approx(np.corrcoef(ahead.T)[0, 1], abs=1e-12)
        assert found.basis == "levels"
        assert not found.frame["calibrated"].any()


class TestFailure:
    def test_one_bad_day_does_not_lose_the_others(self, prices, short, monkeypatch):
        fine = rc.history(short, start=short.index[-1], **RAW)
        look = days.look_ahead

        def failing(question, streams):
            row = len(question.pair.prices) - 600
            if row == 0:
                raise EstimationError("2 of 6 models failed.")
            return look(question, streams) if row != 10 else 1 / 0

        monkeypatch.setattr(days, "look_ahead", failing)
        with pytest.warns(FailedDaysWarning, match="2 of 3 days have no verdict.*2 of 6 models"):
            found = rc.history(short, every=10, **RAW)
        assert found.frame["failed"].tolist() == [True, True, False]
        assert found.frame["unexpected"].tolist() == [False, True, False]
        assert "ZeroDivisionError" in found.frame["reason"].iloc[1]
        assert found.frame["outcome"].tolist()[:2] == ["", ""]
        assert found.weights.iloc[:2].isna().all(axis=None)
        same(found.frame.iloc[2:], fine.frame)
        assert found.by_state().loc["no verdict", "verdicts"] == 2
        assert "no verdict" in found.summary()
        found.plot()

    def test_no_day_calibrated_is_told_once(self, short):
        early = short.set_axis(short.index - pd.Timedelta(days=6000), axis=0)
        with pytest.warns(UncalibratedWarning, match="on no day of 1") as seen:
            rc.history(early, start=early.index[-1], **PATHS)
        assert len(seen) == 1

    @pytest.mark.parametrize(
        ("options", "error", "words"),
        [
            ({"start": "2012-05-01"}, TooFewRowsError, r"a verdict needs 600. Begin on 20"),
            ({"start": "2030-01-01"}, AsOfError, "after the last common row"),
            ({"start": "soon"}, DateColumnError, "start"),
            ({"as_of": "2012-05-01"}, TooFewRowsError, "600"),
            ({"every": 0}, ModelError, "every=0"),
            ({"every": 2.5}, ModelError, r"every=2\.5"),
            ({"n_jobs": 0}, ModelError, "n_jobs=0"),
            ({"rng": -1}, ModelError, "rng=-1"),
            ({"rng": "a"}, ModelError, "rng='a'"),
            ({"n_paths": 3}, ModelError, "n_paths=3"),
            ({"method": "magic"}, ModelError, "method='magic'"),
            ({"horizon": 4}, WindowError, "horizon=4"),
            ({"short_window": 300}, WindowError, "shorter than long_window"),
            ({"short_window": 300, "long_window": 400}, WindowError, "the data have 619"),
        ],
    )
    def test_refused_before_any_work(self, short, monkeypatch, options, error, words):
        monkeypatch.setattr(days, "look_ahead", None)
        with pytest.raises(error, match=words):
            rc.history(short, **options)


def frame_of(rows: list[tuple[str, float, str]]) -> pd.DataFrame:
    """Verdicts of (state, probability, outcome), ten rows apart."""
    frame = pd.DataFrame(rows, columns=["state", "p_structural", "outcome"])
    frame["failed"] = frame["state"] == ""
    frame["p_raw"], frame["base_rate"] = 0.5, 0.25
    dates = pd.bdate_range("2015-01-01", periods=10 * len(rows), name="date")
    return frame.set_axis(dates[::10], axis=0)


class TestTables:
    FRAME = frame_of(
        [
            ("aligned", 0.1, "transient"),
            ("divergent", 0.5, "structural"),
            ("divergent", 0.6, "transient"),
            ("weak", np.nan, ""),
            ("", np.nan, ""),
            ("divergent", 0.7, "structural"),
            ("aligned", 0.2, "open"),
        ]
    )

    def test_states(self):
        table = tables.state_table(self.FRAME)
        assert table.loc["divergent"].tolist() == [3, 2, 0.6, 3, 2]
        assert table.loc["aligned"].tolist() == [2, 2, pytest.approx(0.15), 1, 0]
        assert table["verdicts"].tolist() == [3, 0, 2, 1, 1]

    def test_probabilities(self):
        table = tables.probability_table(self.FRAME, 2)
        assert table["verdicts"].tolist() == [1, 3]
        assert table["structural"].tolist() == [0, 2]
        assert table["mean_p"].tolist() == pytest.approx([0.1, 0.6])
        assert table["share"].tolist() == pytest.approx([0.0, 2 / 3])

    def test_scores(self):
        table = tables.score_frame(self.FRAME)
        p = (0.1**2 + 0.5**2 + 0.6**2 + 0.3**2) / 4
        rate = (2 * 0.25**2 + 2 * 0.75**2) / 4
        assert table["brier"].tolist() == pytest.approx([p, 0.25, rate])
        assert table.loc["p_structural", "skill"] == pytest.approx(1 - p / rate)
        assert table.loc["base_rate", "skill"] == 0.0
        assert tables.score_frame(self.FRAME.assign(base_rate=np.nan)).empty

    @pytest.mark.parametrize(("length", "number"), [(10, 4), (20, 3), (21, 2), (40, 2), (51, 1)])
    def test_outcomes_that_share_no_row(self, length, number):
        dates = pd.bdate_range("2015-01-01", periods=100)
        assert tables.apart(self.FRAME, dates, length) == number


class TestResult:
    def test_summary(self, past):
        text = past.summary()
        lines = text.split("\n")
        assert max(map(len, lines)) <= 100
        assert 10 <= len(lines) <= 24
        assert "A / B, 5 verdicts from" in lines[0]
        assert "one every 150 rows" in " ".join(text.split())
        assert "1 outcome; at most 1 of them" in text
        assert "fresh windows (126 rows)" in " ".join(text.split())

    def test_without_outcomes(self, short):
        found = rc.history(short, start=short.index[-1], **RAW)
        assert "None of these verdicts has an outcome" in found.summary()
        assert found.by_probability().empty
        assert found.scores().empty

    def test_json(self, past):
        told = json.loads(json.dumps(past.to_dict(), allow_nan=False))
        fields = {f.name for f in dataclasses.fields(past)} - {"prices"}
        assert set(told) == {*fields, "schema_version"}
        assert told["frame"][0]["date"] == f"{past.frame.index[0]:%Y-%m-%d}"
        assert told["frame"][-1]["matured"] is None
        members = {m for names in OutlookOptions().families.values() for m in names}
        assert set(told["weights"][0]) == {"date", *members}
        assert told["settings"]["every"] == 150

    def test_frozen_and_printable(self, past):
        with pytest.raises(dataclasses.FrozenInstanceError):
            past.frame = None
        assert repr(past).startswith("<History A/B ")
        assert " at 0x" not in repr(past)
