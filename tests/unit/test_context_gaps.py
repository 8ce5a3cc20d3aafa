"""The price gap by date and its record, against the definitions and plain loops."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from regimecorr.data.alignment import align
from regimecorr.events import GAP_CLOSED, read_gap
from regimecorr.inference.context.gaps import (
    gap_frame,
    gap_path,
    gap_record,
    openings,
    past_gaps,
)

WINDOW, HORIZON, OPENS = 100, 80, 2.0


def pair_of(returns: np.ndarray):
    days = pd.bdate_range("2015-01-01", periods=len(returns) + 1)
    logs = np.vstack([[0.0, 0.0], returns.cumsum(axis=0)])
    return align(pd.DataFrame(100.0 * np.exp(logs), days, columns=["A", "B"]))


@pytest.fixture(scope="module")
def pair():
    return pair_of(0.01 * np.random.default_rng(3).standard_normal((1500, 2)))


@pytest.fixture(scope="module")
def logs(pair):
    return np.log(pair.prices.to_numpy())


def read_by_loop(logs: np.ndarray) -> list[tuple[int, int]]:
    """Openings and closings, row by row, by `read_gap`."""
    found, row = [], WINDOW - 1
    while row < len(logs):
        gap = read_gap(logs[: row + 1], WINDOW)
        if abs(gap.z) < OPENS:
            row += 1
            continue
        last = -1
        for u in range(row + 1, min(row + HORIZON, len(logs) - 1) + 1):
            z = (logs[u, 0] - logs[u, 1] - gap.mean) / gap.sd
            if abs(z) <= GAP_CLOSED or np.sign(z) != np.sign(gap.z):
                last = u
                break
        found.append((row, last))
        row = last + 1 if last >= 0 else row + HORIZON + 1
    return found


class TestGapPath:
    def test_is_that_of_the_definition(self, pair, logs):
        found = gap_frame(pair, WINDOW)
        assert found["z"].iloc[: WINDOW - 1].isna().all()
        for row in (WINDOW - 1, 500, 1234, 1500):
            gap = read_gap(logs[: row + 1], WINDOW)
            expected = [gap.level, gap.mean, gap.sd, gap.z]
            np.testing.assert_allclose(found.iloc[row], expected, rtol=1e-9, atol=1e-10)

    def test_a_gap_far_from_zero_keeps_its_digits(self, logs):
        far = logs + np.array([1000.0, 0.0])
        z, moved = gap_path(logs, WINDOW).z, gap_path(far, WINDOW).z
        np.testing.assert_allclose(moved[WINDOW:], z[WINDOW:], rtol=1e-6)

    def test_a_constant_gap_has_no_score(self):
        path = np.linspace(1.0, 2.0, 300)
        logs = np.column_stack([path + 0.1, path])
        assert np.isnan(gap_path(logs, WINDOW).z).all()

    def test_later_prices_change_nothing(self, logs):
        changed = logs.copy()
        changed[900:] += np.random.default_rng(0).standard_normal((601, 2))
        for before, after in zip(gap_path(logs, WINDOW), gap_path(changed, WINDOW), strict=True):
            np.testing.assert_allclose(before[:900], after[:900], rtol=1e-8, atol=1e-9)


class TestOpenings:
    def test_of_a_loop(self, logs):
        found = openings(gap_path(logs, WINDOW), OPENS, HORIZON)
        expected = read_by_loop(logs)
        assert len(expected) > 5
        assert {last >= 0 for _, last in expected} == {True, False}
        np.testing.assert_array_equal(found, expected)

    def test_none(self, logs):
        assert openings(gap_path(logs, WINDOW), 50.0, HORIZON).shape == (0, 2)


class TestPastGaps:
    def test_rows_and_pathways(self, pair, logs):
        found = past_gaps(pair, WINDOW, OPENS, HORIZON)
        expected = read_by_loop(logs)
        dates = pair.prices.index
        assert found["start"].tolist() == [dates[first] for first, _ in expected]
        for row, (first, last) in zip(found.itertuples(), expected, strict=True):
            assert row.matured == (first + HORIZON < len(logs))
            if last < 0:
                assert pd.isna(row.end)
                assert np.isnan(row.rows)
                assert row.pathway == "open"
            else:
                assert row.end == dates[last]
                assert row.rows == last - first
                side = -np.sign(row.z)
                moves = logs[last] - logs[first]
                leads = side * moves[0] >= -side * moves[1]
                assert row.pathway == ("asset-led" if leads else "benchmark-led")
                np.testing.assert_allclose([row.asset_move, row.benchmark_move], moves)

    def test_a_gap_that_opens_on_the_last_row(self, pair, logs):
        first, _ = read_by_loop(logs)[0]
        cut = align(pair.prices.iloc[: first + 1], min_rows=50)
        found = past_gaps(cut, WINDOW, OPENS, HORIZON)
        assert len(found) == 1
        assert not found["matured"].iloc[0]
        assert found["pathway"].iloc[0] == "open"

    def test_a_gap_matures_on_the_last_row_of_its_horizon(self, pair, logs):
        first, _ = read_by_loop(logs)[0]
        for rows, matured in ((first + HORIZON, False), (first + HORIZON + 1, True)):
            cut = align(pair.prices.iloc[:rows], min_rows=50)
            assert past_gaps(cut, WINDOW, OPENS, HORIZON)["matured"].iloc[0] == matured

    def test_swapped_legs(self, pair):
        found = past_gaps(pair, WINDOW, OPENS, HORIZON)
        swapped = past_gaps(align(pair.prices[["B", "A"]]), WINDOW, OPENS, HORIZON)
        np.testing.assert_allclose(swapped["z"], -found["z"], rtol=1e-9)
        other = {"asset-led": "benchmark-led", "benchmark-led": "asset-led", "open": "open"}
        assert swapped["pathway"].tolist() == found["pathway"].map(other).tolist()


class TestRecord:
    def test_observed_is_the_count_of_the_gaps(self, pair):
        gaps = past_gaps(pair, WINDOW, OPENS, HORIZON)
        rng = np.random.default_rng(0)
        mine = gap_record(pair, WINDOW, OPENS, HORIZON, 100, rng).loc["observed"]
        matured = gaps[gaps["matured"]]
        closed = matured[matured["end"].notna()]
        assert mine["matured"] == len(matured)
        assert mine["per_year"] == pytest.approx(252 * len(gaps) / (1501 - WINDOW + 1))
        assert mine["closed"] == pytest.approx(len(closed) / len(matured))
        assert mine["asset_led"] == pytest.approx((closed["pathway"] == "asset-led").mean())
        assert mine["median_rows"] == closed["rows"].median()

    def test_independent_legs_are_the_world_of_independent_walks(self, pair):
        """Equal volatilities: each leg leads half of the closings; the pair is such a world."""
        rng = np.random.default_rng(1)
        record = gap_record(pair, WINDOW, OPENS, HORIZON, 200, rng)
        assert record.loc["independent", "asset_led"] == pytest.approx(0.5, abs=0.08)
        assert (record.loc["independent_5"] <= record.loc["independent"]).all()
        assert (record.loc["independent"] <= record.loc["independent_95"]).all()
        inside = ["per_year", "closed"]
        mine = record.loc["observed", inside]
        assert (mine >= record.loc["independent_5", inside] - 1e-12).all()
        assert (mine <= record.loc["independent_95", inside] + 1e-12).all()

    def test_the_volatile_leg_leads_without_any_tie(self):
        returns = np.random.default_rng(5).standard_normal((1500, 2)) * [0.03, 0.01]
        record = gap_record(pair_of(returns), WINDOW, OPENS, HORIZON, 150, np.random.default_rng(2))
        # 80 % without a horizon (2 / pi arctan 3), more with one.
        assert 0.8 < record.loc["independent", "asset_led"] < 0.97

    def test_reverting_gap_closes_more_often_than_independent_legs(self):
        rng = np.random.default_rng(7)
        spread, common = np.zeros(1501), np.r_[0.0, 0.01 * rng.standard_normal(1500).cumsum()]
        for t in range(1, 1501):
            spread[t] = 0.93 * spread[t - 1] + 0.01 * rng.standard_normal()
        logs = np.column_stack([common + spread, common])
        record = gap_record(
            pair_of(np.diff(logs, axis=0)), WINDOW, OPENS, HORIZON, 150, np.random.default_rng(3)
        )
        assert record.loc["observed", "closed"] > 0.95
        assert record.loc["observed", "closed"] > record.loc["independent_95", "closed"]

    def test_the_same_seed_gives_the_same_record(self, pair):
        first, second = (
            gap_record(pair, WINDOW, OPENS, HORIZON, 100, np.random.default_rng(4))
            for _ in range(2)
        )
        pd.testing.assert_frame_equal(first, second)
