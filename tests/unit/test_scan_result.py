"""What a scan says of all pairs together: ranks, shares by week, false discoveries."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.multitest import multipletests

import regimecorr as rc
from regimecorr.errors import ModelError
from regimecorr.evaluation.outlook import OutlookOptions
from regimecorr.evaluation.panel import pairs_of
from regimecorr.events import situation
from regimecorr.scanning.discoveries import false_share, q_values
from regimecorr.scanning.result import Scan, ranked_table
from regimecorr.scanning.rows import blank_row, columns_of
from regimecorr.scanning.share import weekly_share

COLUMNS = columns_of(OutlookOptions())


def scan_of(rows) -> Scan:
    made = [blank_row(COLUMNS) | {"benchmark": "B", "asset": f"A{i}"} | row for i, row in rows]
    share = pd.DataFrame(columns=["share_divergent", "share_strained"], dtype=float)
    return Scan(pd.Timestamp("2024-01-05"), ranked_table(made, COLUMNS), share, {})


@pytest.fixture(scope="module")
def twenty() -> Scan:
    rng = np.random.default_rng(5)
    states = ["divergent", "strained", "aligned", "weak"]
    rows = []
    for i in range(20):
        state = states[i % 4]
        p = np.nan if state == "weak" else rng.uniform()
        pvalue = rng.uniform() ** (4 if i < 8 else 1)
        rows.append((i, {"state": state, "p_structural": p, "pvalue": pvalue}))
    rows.append((20, {"failed": True, "reason": "no prices"}))
    return scan_of(rows)


class TestRanking:
    def test_broken_pairs_first_then_aligned_weak_and_failed(self, twenty):
        table = twenty.table
        assert table.index.tolist() == list(range(1, 22))
        kind = table["state"].replace({"strained": "divergent"}).tolist()
        assert kind == ["divergent"] * 10 + ["aligned"] * 5 + ["weak"] * 5 + [""]
        assert (table["p_structural"].iloc[:10].diff().dropna() <= 0).all()
        assert (table["p_structural"].iloc[10:15].diff().dropna() <= 0).all()
        assert len(twenty.breaking) == 10
        assert twenty.failed["reason"].tolist() == ["no prices"]

    def test_of_nothing(self):
        table = ranked_table([], COLUMNS)
        assert table.empty
        assert table["as_of"].dtype.kind == "M"


class TestDiscoveries:
    def test_q_values_are_those_of_statsmodels(self, twenty):
        table = twenty.table
        known = table["pvalue"].notna()
        assert known.sum() == 20
        for column, method in (("q_bh", "fdr_bh"), ("q_by", "fdr_by")):
            expected = multipletests(table.loc[known, "pvalue"], method=method)[1]
            np.testing.assert_allclose(table.loc[known, column], expected)
            assert table.loc[~known, column].isna().all()

    def test_no_test_at_all(self):
        assert np.isnan(q_values(np.full(3, np.nan), "bh")).all()

    def test_the_false_share_by_hand(self, twenty):
        np.testing.assert_allclose(false_share(np.array([0.9, 0.8, 0.4])), [0.1, 0.15, 0.3])
        p = twenty.breaking["p_structural"].to_numpy()
        by_hand = [np.mean(1 - p[: k + 1]) for k in range(len(p))]
        np.testing.assert_allclose(twenty.breaking["false_share"], by_hand)
        assert twenty.table["false_share"].iloc[10:].isna().all()

    def test_which_pairs(self, twenty):
        table = twenty.table
        bh, by = twenty.discoveries(0.2, control="bh"), twenty.discoveries(0.2)
        assert 0 < len(by) < len(bh) < 20
        assert set(bh.index) == set(table.index[table["q_bh"] <= 0.2])
        assert bh["pvalue"].is_monotonic_increasing
        called = twenty.discoveries(0.3, control="posterior")
        assert 0 < len(called) < 10
        assert (1 - called["p_structural"]).mean() <= 0.3
        one_more = twenty.breaking["p_structural"].iloc[: len(called) + 1]
        assert (1 - one_more).mean() > 0.3

    def test_bad_arguments(self, twenty):
        with pytest.raises(ModelError, match="control='fdr' is unknown"):
            twenty.discoveries(control="fdr")
        for q in (0.0, 1.0, -0.1, np.nan, None, "0.1"):
            with pytest.raises(ModelError, match="q="):
                twenty.discoveries(q)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """Two assets that trade every day, one on weekdays, with a hole; one that is young."""
    prices = rc.simulate("recurrent", n_obs=1100, rng=8).prices
    other = rc.simulate("one_break", n_obs=1100, rng=9).prices
    days = pd.date_range("2015-01-01", periods=1101)
    table = pd.DataFrame(np.c_[prices.to_numpy(), other.to_numpy()], days, ["A", "B", "C", "D"])
    table.loc[days.day_of_week > 4, "C"] = np.nan
    table.loc[: days[200], "D"] = np.nan
    return table


class TestShare:
    def test_by_a_plain_loop(self, table):
        pairs = pairs_of(table)
        found = weekly_share(table, pairs, (90, 252, 252))
        assert found["pairs"].max() == 6
        assert (found.index[:-1].day_of_week == 6).all()  # prices of every day: Sundays
        assert found.index.is_monotonic_increasing
        for day in [*found.index[::9], found.index[-1]]:
            monday = day - pd.Timedelta(days=day.day_of_week)
            states = []
            for names in pairs:
                both = table.loc[:day, list(names)].dropna()
                if len(both) >= 600 and both.index[-1] >= monday:
                    returns = np.diff(np.log(both.to_numpy()), axis=0)
                    states.append(situation(returns, 90, 252).state)
            row = found.loc[day]
            assert row["pairs"] == len(states)
            assert row["established"] == sum(s != "weak" for s in states)
            for name in ("divergent", "strained"):
                assert row[name] == states.count(name)
        assert found["divergent"].sum() > 0

    def test_later_prices_change_nothing(self, table):
        pairs = pairs_of(table)
        whole = weekly_share(table, pairs, (90, 252, 252))
        for n in (1000, 800, 901):
            part = weekly_share(table.iloc[:n], pairs, (90, 252, 252))
            complete = part.index[:-1]  # the last week may have been cut
            pd.testing.assert_frame_equal(part.loc[complete], whole.loc[complete])

    def test_shares_are_of_the_established(self, table):
        found = weekly_share(table, pairs_of(table), (90, 252, 252))
        known = found[found["established"] > 0]
        np.testing.assert_allclose(
            known["share_divergent"], known["divergent"] / known["established"]
        )
        assert found.loc[found["established"] == 0, "share_strained"].isna().all()

    def test_a_pair_that_cannot_be_read_is_not_counted(self, table):
        short = table.assign(E=table["A"].where(table.index > table.index[-100]))
        with_e = weekly_share(short, [("A", "B"), ("A", "E")], (90, 252, 252))
        pd.testing.assert_frame_equal(with_e, weekly_share(table, [("A", "B")], (90, 252, 252)))
        assert weekly_share(short, [("A", "E")], (90, 252, 252)).empty


class TestSummary:
    def test_no_pair_is_broken(self):
        text = scan_of([(0, {"state": "aligned", "p_structural": 0.1})]).summary()
        assert text == (
            "Scan of 1 pair as of 2024-01-05: 0 divergent, 0 strained, 1 aligned, 0 weak.\n"
            "No pair is divergent or strained."
        )

    def test_long_lists_are_cut(self):
        rows = [(i, {"state": "divergent", "p_structural": 0.5, "low": 0.1}) for i in range(14)]
        assert "  and 4 more" in scan_of(rows).summary()
        assert repr(scan_of(rows)) == "<Scan 2024-01-05: 14 pairs, 14 breaking, 0 failed>"
