"""What must hold for every table of prices."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from regimecorr.data import align, load_prices
from regimecorr.data.provenance import fingerprint

prices_of = st.floats(1e-6, 1e9, allow_nan=False, allow_infinity=False)


@st.composite
def tables(draw: st.DrawFn, least: int = 2) -> pd.DataFrame:
    """Tables with holes; each asset and the first and last day have a price."""
    rows = draw(st.integers(least, 40))
    values = draw(hnp.arrays(float, (rows, 2), elements=prices_of))
    holes = draw(hnp.arrays(bool, (rows, 2)))
    holes[[0, -1]] = False
    start = draw(st.dates(pd.Timestamp("1970-01-01").date(), pd.Timestamp("2030-01-01").date()))
    days = pd.date_range(start, periods=rows)
    return pd.DataFrame(np.where(holes, np.nan, values), index=days, columns=["A", "B"])


@given(tables())
def test_loading_twice_is_loading_once(table: pd.DataFrame) -> None:
    once = load_prices(table)
    twice = load_prices(once)
    pd.testing.assert_frame_equal(once, twice)
    assert once.attrs == twice.attrs


@given(tables())
def test_order_does_not_matter(table: pd.DataFrame) -> None:
    forward, backward = load_prices(table), load_prices(table[::-1])
    pd.testing.assert_frame_equal(forward, backward)
    assert fingerprint(forward) == fingerprint(backward)


@settings(deadline=None)
@given(tables())
def test_csv_round_trip_is_exact(table: pd.DataFrame) -> None:
    loaded = load_prices(table)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.csv"
        table.to_csv(path)
        again = load_prices(path)
    pd.testing.assert_frame_equal(again, loaded)
    assert fingerprint(again) == fingerprint(loaded)


@given(tables(), st.sampled_from(["UTC", "Asia/Tokyo", "America/New_York"]))
def test_a_zone_keeps_the_local_days(table: pd.DataFrame, zone: str) -> None:
    zoned = table.set_axis((table.index + pd.Timedelta(hours=12)).tz_localize(zone))
    assert load_prices(zoned).index.equals(load_prices(table).index)


@given(tables(), st.integers(0, 79), st.floats(1e-3, 1.0))
def test_fingerprint_sees_every_value(table: pd.DataFrame, place: int, step: float) -> None:
    row, column = (place // 2) % len(table), place % 2
    edited = table.copy()
    old = table.iloc[row, column]
    edited.iloc[row, column] = 1.0 if np.isnan(old) else old * (1.0 + step)
    assert fingerprint(edited) != fingerprint(table)


@given(st.integers(0, 10_000), st.data())
def test_alignment_adds_up(seed: int, data: st.DataObject) -> None:
    rng = np.random.default_rng(seed)
    rows = data.draw(st.integers(60, 120))
    holes = rng.random((rows, 2)) < data.draw(st.floats(0.0, 0.4))
    walk = 100.0 * np.exp(0.01 * rng.standard_normal((rows, 2)).cumsum(axis=0))
    days = pd.date_range("2024-01-01", periods=rows)
    table = pd.DataFrame(np.where(holes, np.nan, walk), index=days, columns=["A", "B"])
    pair = align(table, min_rows=3)
    report = pair.report
    assert report.rows_asset == report.rows_kept + report.dropped_asset
    assert report.rows_benchmark == report.rows_kept + report.dropped_benchmark
    assert report.rows_kept == len(pair.prices) == len(pair.returns) + 1
    assert report.weekend_moves_cumulated <= report.dropped_asset + report.dropped_benchmark
    total = np.log(pair.prices.iloc[-1] / pair.prices.iloc[0])
    np.testing.assert_allclose(pair.returns.sum(), total, atol=1e-10)
    swapped = align(table, asset="B", min_rows=3)
    pd.testing.assert_frame_equal(swapped.prices[["A", "B"]], pair.prices)
    scaled = align(7.0 * table, min_rows=3)
    np.testing.assert_allclose(scaled.returns, pair.returns, atol=1e-12)
    assert scaled.report == report


@given(st.integers(0, 10_000), st.integers(30, 70))
def test_what_comes_after_as_of_changes_nothing(seed: int, cut: int) -> None:
    rng = np.random.default_rng(seed)
    days = pd.date_range("2024-01-01", periods=100)
    walk = 100.0 * np.exp(0.01 * rng.standard_normal((100, 2)).cumsum(axis=0))
    table = pd.DataFrame(walk, index=days, columns=["A", "B"])
    later = table.copy()
    later.iloc[cut + 1 :] = rng.standard_normal((99 - cut, 2))
    one = align(table, as_of=days[cut], min_rows=3)
    other = align(later, as_of=days[cut], min_rows=3)
    pd.testing.assert_frame_equal(one.prices, other.prices)
    assert one.report == other.report
