"""The track record as it was known on a day, against plain loops over a made-up record."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from regimecorr.evaluation.track_record import BAND, TrackRecord, no_record, track_record
from regimecorr.evaluation.vintages import Calibration, shipped

DAY = pd.Timestamp("2018-06-15")
#: Names by underlying, as a panel and its users write them.
SAME = {"SPX": "SPY", "DIA": "SPY", "RUT": "IWM", "NDX": "QQQ"}
NAMES = ["SPY", "SPX", "DIA", "IWM", "RUT", "TLT", "ETH", "EURUSD"]


@pytest.fixture(scope="module")
def calibration() -> Calibration:
    """Forecasts of eight years on odd days, some equal, some not yet matured."""
    rng = np.random.default_rng(4)
    n = 500
    date = pd.Timestamp("2012-01-03") + pd.to_timedelta(np.sort(rng.integers(0, 3000, n)), "D")
    matured = date + pd.to_timedelta(rng.integers(355, 370, n), "D")
    p = np.round(rng.uniform(0.05, 0.95, n), 2)
    structural = (rng.random(n) < 0.3 + 0.4 * p).astype(float)
    unknown = matured > pd.Timestamp("2020-03-01")
    pairs = [rng.choice(NAMES, 2, replace=False) for _ in range(n)]
    record = pd.DataFrame(
        {
            "asset": [a for a, _ in pairs],
            "benchmark": [b for _, b in pairs],
            "date": date,
            "matured": matured.where(~unknown),
            "p_structural": p,
            "base_rate": np.round(rng.uniform(0.3, 0.7, n), 2),
            "structural": np.where(unknown, np.nan, structural),
        }
    )
    return dataclasses.replace(shipped("market"), name="own", record=record)


def by_hand(calibration: Calibration, p: float, day: pd.Timestamp, names: set[str]) -> dict:
    """What a reader with the record and a pencil finds."""
    known, like, pair = [], [], []
    for row in calibration.record.itertuples(index=False):
        if not row.date < day:
            continue
        ripe = row.matured is not pd.NaT and row.matured < day
        if {SAME.get(row.asset, row.asset), SAME.get(row.benchmark, row.benchmark)} == names:
            pair.append((row.date, row.p_structural, row.structural if ripe else None))
        if not ripe:
            continue
        known.append(row)
        if max(p - 0.05, 0.0) <= row.p_structural <= min(p + 0.05, 1.0):
            like.append(row.structural)
    loss = base_loss = 0.0
    for row in known:
        loss += (row.p_structural - row.structural) ** 2
        base_loss += (row.base_rate - row.structural) ** 2
    gap = 0.0
    for left in range(10):
        inside = [r for r in known if min(int(r.p_structural * 10 + 1e-9), 9) == left]
        gap += abs(sum(r.p_structural - r.structural for r in inside)) / len(known)
    return {
        "n": len(like),
        "n_structural": sum(like),
        "n_total": len(known),
        "mean_p": sum(r.p_structural for r in known) / len(known),
        "share": sum(r.structural for r in known) / len(known),
        "skill": 1.0 - loss / base_loss,
        "ece": gap,
        "first": min(r.date for r in known),
        "last": max(r.date for r in known),
        "pair": pair,
    }


@pytest.mark.parametrize(
    ("p", "day", "asset", "benchmark"),
    [
        (0.4, DAY, "SPY", "TLT"),
        (0.62, "2015-01-02", "IWM", "SPY"),
        (0.02, "2021-01-01", "ETH", "RUT"),
        (0.99, DAY, "EURUSD", "ETH"),
    ],
)
def test_it_is_what_a_plain_loop_finds(calibration, p, day, asset, benchmark):
    found = track_record(calibration, p, pd.Timestamp(day), (asset, benchmark))
    names = {SAME.get(asset, asset), SAME.get(benchmark, benchmark)}
    expected = by_hand(calibration, p, pd.Timestamp(day), names)
    pair = expected.pop("pair")
    assert (found.first, found.last) == (expected.pop("first"), expected.pop("last"))
    for name, value in expected.items():
        assert getattr(found, name) == pytest.approx(value), name
    assert found.band == (max(p - BAND, 0.0), min(p + BAND, 1.0))
    assert len(found.pair) == len(pair) > 1
    for row, (date, said, came) in zip(found.pair.itertuples(index=False), pair, strict=True):
        assert (row.date, row.p_structural) == (date, said)
        assert np.isnan(row.structural) if came is None else row.structural == came
    assert found.reason == ""


def test_the_interval_of_the_share_is_clopper_and_pearsons(calibration):
    found = track_record(calibration, 0.4, DAY, ("SPY", "TLT"))
    n, k = found.n, found.n_structural
    assert 0 < k < n
    low = stats.beta(k, n - k + 1).ppf(0.05)
    high = stats.beta(k + 1, n - k).ppf(0.95)
    assert found.interval == pytest.approx((low, high), abs=1e-6)


def test_the_errors_are_there(calibration):
    found = track_record(calibration, 0.4, DAY, ("SPY", "TLT"))
    assert 0.0 < found.skill_error < 0.2
    assert 0.0 < found.ece_upper < 0.3
    # Two calendar years do not tell how years differ.
    early = track_record(calibration, 0.4, pd.Timestamp("2014-06-01"), ("SPY", "TLT"))
    assert early.n_total > 10
    assert np.isfinite(early.skill)
    assert np.isnan(early.skill_error)


def test_what_comes_later_does_not_exist(calibration):
    """Forecasts of the day or later, and outcomes that matured then, whatever they are."""
    before = track_record(calibration, 0.4, DAY, ("SPY", "TLT")).to_dict()
    record = calibration.record
    later = record["date"] >= DAY
    ripe = record["matured"] >= DAY
    assert later.sum() > 20
    assert (ripe & ~later).sum() > 20
    turned = record.copy()
    turned.loc[ripe, "structural"] = 1.0 - turned.loc[ripe, "structural"]
    turned.loc[later, "p_structural"] = 0.4
    cut = record[~later].copy()
    cut.loc[ripe, ["structural", "matured"]] = [np.nan, pd.NaT]
    for other in (turned, cut):
        after = track_record(
            dataclasses.replace(calibration, record=other.reset_index(drop=True)),
            0.4,
            DAY,
            ("SPY", "TLT"),
        ).to_dict()
        pd.testing.assert_frame_equal(before["pair"], after.pop("pair"))
        assert after == {name: value for name, value in before.items() if name != "pair"}


def test_an_outcome_of_the_very_day_is_not_known(calibration):
    row = calibration.record.dropna().iloc[100]
    day = row["matured"]
    names = row["asset"], row["benchmark"]
    at, next_day = (
        track_record(calibration, 0.4, when, names) for when in (day, day + pd.Timedelta(days=1))
    )
    assert np.isnan(at.pair.set_index("date")["structural"][row["date"]])
    assert next_day.pair.set_index("date")["structural"][row["date"]] == row["structural"]
    same_day = (calibration.record["matured"] == day).sum()
    assert next_day.n_total == at.n_total + same_day
    made = track_record(calibration, 0.4, row["date"], names)
    assert row["date"] not in set(made.pair["date"])


def test_a_pair_is_found_in_either_order_and_by_its_underlying(calibration):
    told = [
        track_record(calibration, 0.4, DAY, names).pair
        for names in (("IWM", "SPY"), ("SPY", "IWM"), ("RUT", "DIA"), ("spx", "rut"))
    ]
    assert len(told[0]) > 3
    for other in told[1:]:
        pd.testing.assert_frame_equal(told[0], other)
    assert track_record(calibration, 0.4, DAY, ("IWM", "GLD")).pair.empty


def test_without_names_no_pair_is_looked_for(calibration):
    """Simulated prices may have borrowed theirs."""
    found = track_record(calibration, 0.4, DAY, ())
    assert found.pair.empty
    told, named = (
        r.to_dict() | {"pair": None}
        for r in (found, track_record(calibration, 0.4, DAY, ("SPY", "TLT")))
    )
    assert told == named


def test_two_columns_of_one_underlying_are_no_pair_with_a_third(calibration):
    """SPX against SPY is one name; it must not match every pair with one of them."""
    mine = calibration.record[
        calibration.record["asset"].isin(["SPY", "SPX", "DIA"])
        & calibration.record["benchmark"].isin(["SPY", "SPX", "DIA"])
        & (calibration.record["date"] < DAY)
    ]
    assert len(track_record(calibration, 0.4, DAY, ("SPY", "SPX")).pair) == len(mine) > 0


class TestNothing:
    def test_before_anything_had_matured(self, calibration):
        found = track_record(calibration, 0.4, pd.Timestamp("2012-06-01"), ("SPY", "TLT"))
        assert (
            found.sentence
            == found.reason
            == ("no forecast of this calibration had matured by then")
        )
        assert (found.n, found.n_total, found.first) == (0, 0, None)
        assert np.isnan([found.mean_p, found.share, found.skill, found.ece, *found.band]).all()
        assert list(found.pair.columns) == ["date", "p_structural", "structural"]

    def test_no_record_at_all(self, calibration):
        empty = dataclasses.replace(calibration, record=calibration.record.iloc[:0])
        assert track_record(empty, 0.4, DAY, ("SPY", "TLT")).n_total == 0

    def test_nothing_in_the_band(self, calibration):
        record = calibration.record
        far = record[(record["p_structural"] - 0.4).abs() > 0.06].reset_index(drop=True)
        found = track_record(dataclasses.replace(calibration, record=far), 0.4, DAY, ("SPY", "TLT"))
        assert (found.n, found.n_structural) == (0, 0)
        assert np.isnan(found.interval).all()
        assert found.n_total > 100
        assert found.sentence.startswith("of 0 past divergences with a probability of 35 to 45%")

    def test_its_reason_is_told(self):
        found = no_record("because")
        assert isinstance(found, TrackRecord)
        assert (found.reason, found.sentence) == ("because", "because")
        assert found.pair.empty


def test_an_undated_record_is_known_on_every_day(calibration):
    """Simulated worlds happened on no day; they are held against their vintage's."""
    known = calibration.record.dropna().reset_index(drop=True)
    record = known.assign(date=pd.NaT, matured=pd.NaT)
    record = record.astype({"date": "datetime64[ns]", "matured": "datetime64[ns]"})
    vintage = dataclasses.replace(calibration.vintages[0], before=None)
    made = Calibration("simulated", (vintage,), record)
    found = track_record(made, 0.4, pd.Timestamp("1990-01-01"), ("X", "Y"))
    p, y = (known[name].to_numpy() for name in ("p_structural", "structural"))
    assert found.n_total == len(known)
    assert found.n == np.sum((p >= 0.4 - BAND) & (p <= 0.4 + BAND))
    skill = 1.0 - np.mean((p - y) ** 2) / np.mean((known["base_rate"] - y) ** 2)
    assert found.skill == pytest.approx(skill)
    assert found.skill != pytest.approx(1.0 - np.mean((p - y) ** 2) / np.var(y), abs=1e-3)
    assert np.isnan(found.skill_error)
    assert pd.isna(found.first)
    assert pd.isna(found.last)
    assert found.pair.empty


def test_the_sentence_names_the_counts(calibration):
    found = track_record(calibration, 0.412, DAY, ("SPY", "TLT"))
    assert found.sentence == (
        f"of {found.n} past divergences with a probability of 36 to 46%, "
        f"{found.n_structural} were structural"
    )
    told = found.to_dict()
    assert set(told) == {f.name for f in dataclasses.fields(TrackRecord)}
    assert told["pair"] is found.pair
