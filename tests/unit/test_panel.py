"""The panel: which pairs, on which days, and their divergences by the definition."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import regimecorr as rc
from regimecorr.data.alignment import align
from regimecorr.errors import (
    DataError,
    DuplicateAssetError,
    ModelError,
    ReturnsNotPricesError,
    UnknownAssetError,
    WindowError,
)
from regimecorr.evaluation.divergences import divergences, pair_states
from regimecorr.evaluation.features import FeatureWindows
from regimecorr.evaluation.panel import SAME_UNDERLYING, Panel, pairs_of, read_panel
from regimecorr.events import is_structural, situation


def walks(names: list[str], n: int = 900, seed: int = 0, weekdays: bool = True) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    days = pd.bdate_range("2010-01-04", periods=n) if weekdays else None
    days = pd.date_range("2010-01-04", periods=n) if days is None else days
    common = rng.standard_normal((n, 1))
    moves = 0.01 * (0.7 * common + rng.standard_normal((n, len(names))))
    return pd.DataFrame(100.0 * np.exp(moves.cumsum(axis=0)), days, names)


@pytest.fixture(scope="module")
def changing() -> pd.DataFrame:
    """Four assets whose links come and go, so that divergences happen."""
    rng = np.random.default_rng(11)
    n = 2600
    factor = rng.standard_normal(n)
    # Each loads on the factor in spells of its own.
    moves = np.empty((n, 4))
    for k in range(4):
        state = np.repeat(rng.choice([-0.2, 0.3, 0.9], size=n // 100), 100)
        noise = rng.standard_normal(n)
        moves[:, k] = state * factor + np.sqrt(1.0 - np.minimum(state**2, 0.81)) * noise
    days = pd.bdate_range("2005-01-03", periods=n)
    return pd.DataFrame(50.0 * np.exp(0.01 * moves.cumsum(axis=0)), days, list("ABCD"))


class TestPairs:
    def test_a_group_counts_once_by_the_member_that_begins_first(self):
        table = walks(["SPY", "SPX", "DIA", "TLT", "GLD", "GOLD_FUT"])
        table.loc[: table.index[50], "SPY"] = np.nan
        table.loc[: table.index[10], "GLD"] = np.nan
        assert pairs_of(table) == [("SPX", "TLT"), ("SPX", "GOLD_FUT"), ("TLT", "GOLD_FUT")]

    def test_the_vix_is_left_out_unless_it_is_named(self):
        table = walks(["VIX", "A", "B"])
        assert pairs_of(table) == [("A", "B")]
        assert pairs_of(table, [("VIX", "A")]) == [("VIX", "A")]
        assert len(pairs_of(table, leave_out=())) == 3

    def test_groups_are_the_callers(self):
        table = walks(["A", "B", "C"])
        assert pairs_of(table, same=[["A", "C"]]) == [("A", "B")]
        assert len(pairs_of(walks(["SPY", "SPX", "TLT"]), same=())) == 3

    def test_every_default_group_is_one_underlying(self):
        for group in SAME_UNDERLYING:
            table = walks([*group, "ELSE"])
            assert len(pairs_of(table)) == 1
            with pytest.raises(DuplicateAssetError, match="one underlying"):
                pairs_of(table, [group[:2]])

    @pytest.mark.parametrize(
        ("pairs", "options", "error", "words"),
        [
            ([("A", "Z")], {}, UnknownAssetError, "no asset 'Z'"),
            ([("A", "A")], {}, DuplicateAssetError, "one underlying"),
            ([("A", "B"), ("B", "A")], {}, DuplicateAssetError, "twice"),
            (["AB"], {}, ModelError, "no pair"),
            ("every", {}, ModelError, "unknown"),
            ([], {}, ModelError, "No pair"),
            ("all", {"same": [["A", "B", "C"]]}, ModelError, "No pair"),
            ("all", {"same": [["A", "B"], ["B", "C"]]}, ModelError, "two groups"),
            ("all", {"same": ["AB"]}, ModelError, "list of lists"),
        ],
    )
    def test_bad_input(self, pairs, options, error, words):
        with pytest.raises(error, match=words):
            pairs_of(walks(["A", "B", "C"], 50), pairs, **options)


class TestPanel:
    def test_each_pair_is_aligned_as_align_does(self):
        coins = walks(["BTC", "ETH"], 1400, 1, weekdays=False)
        stocks = walks(["SPX", "N225"], 1000, 2)
        stocks.loc[stocks.index[40:45], "N225"] = np.nan
        table = coins.assign(**stocks.reindex(coins.index))
        panel = read_panel(table)
        assert len(panel.pairs) == 6
        for pair in panel.pairs:
            expected = align(table, asset=pair.asset, benchmark=pair.benchmark).returns
            np.testing.assert_array_equal(pair.returns, expected.to_numpy())
            assert pair.dates.equals(pd.DatetimeIndex(expected.index))
        of = {pair.names: pair for pair in panel.pairs}
        assert (of["BTC", "SPX"].dates.day_of_week < 5).all()
        assert (of["BTC", "ETH"].dates.day_of_week >= 5).any()

    def test_a_pair_that_cannot_be_used_keeps_its_reason(self):
        table = walks(["A", "B", "C"])
        table.loc[table.index[:400], "C"] = np.nan
        panel = read_panel(table)
        assert [pair.names for pair in panel.pairs] == [("A", "B")]
        assert set(panel.skipped) == {("A", "C"), ("B", "C")}
        assert "500 common prices" in panel.skipped["A", "C"]
        with pytest.raises(DataError, match="None of 3 pairs"):
            read_panel(walks(["A", "B", "C"], 300))

    def test_a_price_that_is_not_positive_is_left_out_and_noted(self):
        table = walks(["A", "B", "C"])
        table.iloc[700, 1] = -36.98
        panel = read_panel(table)
        assert panel.notes == ("B: 1 not positive left out, the first on 2012-09-10",)
        of = {pair.names: pair for pair in panel.pairs}
        assert table.index[700] not in of["A", "B"].dates
        assert table.index[700] in of["A", "C"].dates
        with pytest.raises(ReturnsNotPricesError, match="of B are not positive"):
            read_panel(table.assign(B=np.log(walks(["B"])["B"]).diff().fillna(0.0)))

    def test_before_a_day_nothing_later_is_seen(self):
        table = walks(["A", "B", "C"])
        day = table.index[800]
        other = table.copy()
        other.iloc[800:] *= np.exp(np.random.default_rng(9).standard_normal((100, 3)))
        one, two = (read_panel(t).until(day) for t in (table, other))
        assert one.table.index[-1] == table.index[799]
        for a, b in zip(one.pairs, two.pairs, strict=True):
            np.testing.assert_array_equal(a.returns, b.returns)
        early = read_panel(table).until(table.index[500])
        assert not early.pairs
        assert len(early.skipped) == 3
        assert len(early.until(table.index[400]).skipped) == 3

    @staticmethod
    def holed() -> pd.DataFrame:
        """C: 250, 700 and 780 prices between holes; D: 500 and 520; E: a short gap only."""
        table = walks(["A", "B", "C", "D", "E"], 1790)
        for name, first, last in (
            ("C", 250, 280),
            ("C", 980, 1010),
            ("D", 500, 1270),
            ("E", 900, 915),
        ):
            table.iloc[first:last, table.columns.get_loc(name)] = np.nan
        return table

    def test_a_pair_with_holes_is_its_first_long_stretch(self):
        table = self.holed()
        panel = read_panel(table)
        of = {pair.names: pair for pair in panel.pairs}
        part = table.iloc[280:980][["A", "C"]]
        np.testing.assert_array_equal(of["A", "C"].returns, np.diff(np.log(part), axis=0))
        assert of["A", "C"].dates.equals(pd.DatetimeIndex(part.index[1:]))
        assert len(of["A", "E"].returns) == 1790 - 15 - 1
        assert set(panel.skipped) == {(a, b) for a, b in pairs_of(table) if "D" in (a, b)}
        assert "500 common prices" in panel.skipped["A", "D"]
        days = f"{table.index[280]:%Y-%m-%d} to {table.index[979]:%Y-%m-%d}"
        words = f"{days}, the first stretch without a hole of more than 30 days"
        assert panel.notes == tuple(f"{n}: {words}" for n in ("A / C", "B / C", "C / E"))

    @pytest.mark.parametrize("row", [249, 270, 600, 878, 879, 979, 1000, 1100, 1608, 1609, 1789])
    def test_a_hole_changes_nothing_before_it(self, row):
        """A pair is what it was on the day, or was not there yet."""
        table = self.holed()
        whole = {pair.names: pair for pair in read_panel(table).pairs}
        day = table.index[row]
        cut = read_panel(table.loc[:day]) if row >= 599 else None
        before = read_panel(table).until(day + pd.Timedelta(days=1))
        pairs = () if cut is None else cut.pairs
        assert [p.names for p in before.pairs] == [p.names for p in pairs]
        assert cut is None or before.notes == cut.notes
        for one, two in zip(pairs, before.pairs, strict=True):
            np.testing.assert_array_equal(one.returns, two.returns)
            known = whole[one.names].dates <= day
            np.testing.assert_array_equal(one.returns, whole[one.names].returns[known])
            assert one.dates.equals(whole[one.names].dates[known])
        # C can be used from its 600th price after the first hole.
        assert (("A", "C") in {p.names for p in pairs}) == (row >= 879)

    def test_classes(self):
        panel = read_panel(walks(["SPX", "GLD", "XYZ"]))
        assert panel.class_pair(("SPX", "GLD")) == "commodity-equity"
        assert panel.class_pair(("XYZ", "SPX")) == "equity-other"
        mine = read_panel(walks(["SPX", "XYZ"]), classes={"XYZ": "crypto"})
        assert mine.class_pair(("SPX", "XYZ")) == "crypto-other"
        assert read_panel(mine) is mine


def by_definition(pair: pd.DataFrame) -> list[tuple[int, int]]:
    """Entries and later ages of one pair, row by row, as the definitions say it."""
    values = np.log(pair.to_numpy())
    values = np.diff(values, axis=0)
    states = [
        "" if t < 341 else situation(values[: t + 1], 90, 252).state for t in range(len(pair) - 1)
    ]
    found, last = [], -1000
    for t in range(750, len(states)):
        begins = states[t] == "divergent" and states[t - 1] != "divergent"
        if begins and t - last >= 252:
            last = t
            found += [
                (t, age)
                for age in (0, 21, 42, 63)
                if states[t + age : t + age + 1] == ["divergent"]
            ]
    return found


class TestDivergences:
    def test_they_are_those_of_the_definition(self, changing):
        found = divergences(changing)
        assert len(found[found["age"] == 0]) >= 5
        assert (found["age"] > 0).sum() >= 5
        for names, mine in found.groupby(["asset", "benchmark"]):
            pair = changing[list(names)]
            rows = [(r - a, a) for r, a in zip(mine["row"], mine["age"], strict=True)]
            assert sorted(rows) == sorted(by_definition(pair))
            values = align(pair).returns.to_numpy()
            for _, one in mine.iterrows():
                t = one["row"]
                here = situation(values[: t + 1], 90, 252)
                assert one["date"] == pair.index[t + 1]
                for name in ("r_short", "r_long", "reference", "midpoint", "sign"):
                    assert one[name] == pytest.approx(getattr(here, name), abs=1e-12)
                if t + 252 >= len(values):
                    assert np.isnan(one["fresh"])
                    assert np.isnan(one["structural"])
                    assert pd.isna(one["matured"])
                    continue
                fresh = np.corrcoef(values[t + 127 : t + 253].T)[0, 1]
                assert one["fresh"] == pytest.approx(fresh, abs=1e-12)
                assert one["structural"] == is_structural(fresh, here.sign, here.midpoint)
                assert one["matured"] == pair.index[t + 253]

    def test_entries_are_those_of_find_episodes(self, changing):
        found = divergences(changing, ages=(0,))
        episodes = rc.find_episodes(changing, asset="A", benchmark="B").dropna(subset="entry")
        mine = found[(found["asset"] == "A") & (found["benchmark"] == "B")]
        assert mine["date"].tolist() == episodes["entry"].tolist()
        names = mine["structural"].map({1.0: "structural", 0.0: "transient"}).fillna("open")
        assert names.tolist() == episodes["outcome"].tolist()

    def test_later_ages_share_the_episode_of_their_entry(self, changing):
        found = divergences(changing)
        assert (found.groupby("episode")["age"].min() == 0).all()
        for _, mine in found.groupby("episode"):
            assert mine[["asset", "benchmark"]].drop_duplicates().shape[0] == 1
            first = mine.loc[mine["age"] == 0, "row"].item()
            assert (mine["row"] - mine["age"] == first).all()

    def test_negating_an_asset_changes_no_outcome(self, changing):
        one = divergences(changing)
        two = divergences(changing.assign(B=1.0 / changing["B"]))
        same = ["asset", "benchmark", "age", "date", "structural"]
        pd.testing.assert_frame_equal(one[same], two[same])
        turned = (one[["asset", "benchmark"]] == "B").any(axis=1)
        assert turned.any()
        flip = np.where(turned, -1.0, 1.0)
        for name in ("r_short", "reference", "midpoint", "fresh"):
            np.testing.assert_allclose(two[name], flip * one[name], atol=1e-12)

    def test_later_prices_change_nothing_that_was_known(self, changing):
        whole = divergences(changing)
        day = changing.index[2000]
        cut = divergences(changing.loc[:day])
        known = ["asset", "benchmark", "age", "date", "row", "r_short", "reference", "midpoint"]
        earlier = whole[whole["date"] <= day].reset_index(drop=True)
        pd.testing.assert_frame_equal(cut[known], earlier[known])
        passed = (earlier["matured"] <= day).to_numpy()
        assert passed.any()
        pd.testing.assert_frame_equal(cut[passed], earlier[passed])
        assert cut.loc[~passed, "structural"].isna().all()

    def test_a_panel_without_divergences_gives_an_empty_frame(self):
        found = divergences(walks(["A", "B"]))
        assert len(found) == 0
        assert "structural" in found.columns

    def test_bad_ages_and_windows(self, changing):
        for ages in ((), (-1,), (0.5,), (True,)):
            with pytest.raises(ModelError, match="ages"):
                divergences(changing, ages=ages)
        with pytest.raises(WindowError, match="shorter"):
            FeatureWindows(short=252)
        with pytest.raises(WindowError, match="at least 40"):
            FeatureWindows(horizon=3)

    def test_states_of_a_short_pair(self):
        state = pair_states(np.random.default_rng(0).standard_normal((120, 2)), FeatureWindows())
        assert not state.divergent.any()
        assert np.isnan(state.fresh).all()


def test_the_real_panel(market_data):
    panel = read_panel(market_data / "panel_daily.csv")
    assert isinstance(panel, Panel)
    assert len(panel.pairs) == 27 * 26 // 2
    assert not panel.skipped
    found = divergences(panel)
    matured = found[(found["age"] == 0) & found["structural"].notna()]
    # METHODS.md 8.3: 398 divergences of this panel with a positive reference.
    assert (matured["reference"] > 0).sum() == 398
    assert len(matured) == 588
