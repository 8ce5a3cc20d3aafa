"""Episodes of a pair: spells, merging, entries and outcomes, against a plain loop."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import regimecorr as rc
from regimecorr.episodes.detect import find_episodes, merge_spells
from regimecorr.events import Gap, gap_pathways


def corr(rows):
    return np.corrcoef(rows.T)[0, 1]


def prices_of(returns):
    index = pd.bdate_range("2005-01-03", periods=len(returns) + 1, name="date")
    logs = np.vstack([np.zeros(2), np.cumsum(returns, axis=0)])
    return pd.DataFrame(100 * np.exp(logs), index=index, columns=["A", "B"])


def wandering_returns(n=2600, seed=0, flip=1.0):
    rng = np.random.default_rng(seed)
    rho = 0.3 + 0.55 * np.sin(np.arange(n) / 110.0 + seed)
    e = rng.standard_normal((n, 2))
    out = np.column_stack([e[:, 0], rho * e[:, 0] + np.sqrt(1 - rho**2) * e[:, 1]]) * 0.01
    out[:, 0] *= flip
    return out


def plain_episodes(returns, short, long, horizon, merge):
    """DESIGN in a loop; one dict an episode."""
    n = len(returns)
    state, at = [""] * n, [None] * n
    for t in range(short + long - 1, n):
        r_short = corr(returns[t - short + 1 : t + 1])
        reference = corr(returns[t - short - long + 1 : t - short + 1])
        o = -1 if reference < 0 else 1
        middle = o * (abs(reference) + min(o * r_short, 0)) / 2
        state[t] = "weak" if abs(reference) < 0.25 else "divergent" if o * r_short <= 0 else "other"
        at[t] = (r_short, reference, o, middle)
    spells, t = [], 0
    while t < n:
        if state[t] == "divergent":
            stop = t
            while stop < n and state[stop] == "divergent":
                stop += 1
            if spells and t - spells[-1][1] < merge:
                spells[-1][1] = stop
            else:
                spells.append([t, stop])
            t = stop
        t += 1
    # Entries are first rows of raw spells; merging only decides where an episode ends.
    entries = []
    for t in range(750, n):
        starts = state[t] == "divergent" and state[t - 1] != "divergent"
        if starts and (not entries or t - entries[-1] >= 252):
            entries.append(t)
    out = []
    for first, stop in spells:
        inside = [t for t in entries if first <= t < stop]
        r_short, reference, _, middle = at[first]
        fresh, outcome = np.nan, "open"
        t = inside[0] if inside else first
        if t + horizon < n:
            # rows t + horizon//2 + 1 .. t + horizon
            fresh = corr(returns[t + horizon // 2 + 1 : t + horizon + 1])
            outcome = "structural" if at[t][2] * fresh < at[t][2] * at[t][3] else "transient"
        out.append(
            {
                "first": first,
                "stop": stop,
                "entry": inside[0] if inside else None,
                "r_short": r_short,
                "reference": reference,
                "midpoint": middle,
                "fresh": fresh,
                "outcome": outcome,
            }
        )
    return out


@pytest.mark.parametrize("flip", [1.0, -1.0])
@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_against_a_plain_loop(seed, flip):
    returns = wandering_returns(seed=seed, flip=flip)
    prices = prices_of(returns)
    found = find_episodes(prices, short_window=40, long_window=120, horizon=100)
    expected = plain_episodes(returns, 40, 120, 100, 20)
    assert len(found) == len(expected)
    assert len(found) >= 3
    dates = prices.index[1:]
    for (_, row), want in zip(found.iterrows(), expected, strict=True):
        assert row["start"] == dates[want["first"]]
        assert row["rows"] == want["stop"] - want["first"]
        censored = want["stop"] == len(returns)
        assert bool(row["provisional"]) is (len(returns) - want["stop"] < 20)
        assert bool(row["censored"]) is censored
        assert pd.isna(row["end"]) if censored else row["end"] == dates[want["stop"]]
        expected_entry = pd.NaT if want["entry"] is None else dates[want["entry"]]
        assert row["entry"] is expected_entry or row["entry"] == expected_entry
        assert row["outcome"] == want["outcome"]
        for key in ("r_short", "reference", "midpoint", "fresh"):
            assert row[key] == pytest.approx(want[key], abs=1e-9, nan_ok=True)


def test_an_entry_inside_an_episode_is_scored_on_its_own_row():
    """The episode began before row 750, so its entry is a later spell of it."""
    prices = rc.simulate("mean_reverting", rng=1).prices
    found = find_episodes(prices)
    late = found[found["entry"].notna() & (found["entry"] != found["start"])].iloc[0]
    rows = prices.index[1:].get_indexer([late["start"], late["entry"]])
    assert rows.tolist() == [723, 760]
    returns = np.log(prices).diff().dropna().to_numpy()
    assert late["fresh"] == pytest.approx(corr(returns[760 + 127 : 760 + 253]))
    assert late["outcome"] == "structural"


def test_an_episode_that_is_over_does_not_last():
    prices = rc.simulate("several_breaks", rng=0).prices
    last = find_episodes(prices, as_of="2004-11-29").iloc[-1]
    assert not last["censored"]
    assert last["provisional"]
    assert last["end"] == pd.Timestamp("2004-11-01")


def test_entries_have_history_and_distance():
    found = find_episodes(
        prices_of(wandering_returns(5000, 4)), short_window=40, long_window=120, horizon=100
    )
    prices = prices_of(wandering_returns(5000, 4))
    rows = prices.index[1:].get_indexer(found["entry"].dropna())
    assert rows.min() >= 750
    assert (np.diff(rows) >= 252).all()
    assert len(rows) >= 3
    assert found["entry"].isna().any()


@pytest.mark.parametrize(
    ("flag", "merge", "expected"),
    [
        ("0110110", 2, [(1, 6)]),
        ("0110110", 1, [(1, 3), (4, 6)]),
        ("01100110", 2, [(1, 3), (5, 7)]),
        ("01100110", 3, [(1, 7)]),
        ("1111", 3, [(0, 4)]),
        ("0000", 3, []),
        ("1010101", 2, [(0, 7)]),
        ("1000001", 0, [(0, 1), (6, 7)]),
    ],
)
def test_merge_joins_gaps_shorter_than_it(flag, merge, expected):
    assert merge_spells(np.array([c == "1" for c in flag]), merge) == expected


def test_what_is_known_at_the_start_does_not_depend_on_later_rows():
    returns = wandering_returns(2600, 1)
    prices = prices_of(returns)
    options = {"short_window": 40, "long_window": 120, "horizon": 100}
    whole = find_episodes(prices, **options)
    start = whole["start"].iloc[-2]
    cut = find_episodes(prices, as_of=start, **options)
    known = ["start", "reference", "midpoint", "r_short", "r_long", "gap_z"]
    pd.testing.assert_series_equal(
        whole.loc[whole["start"] == start, known].iloc[0], cut[known].iloc[-1], check_names=False
    )
    assert cut["outcome"].iloc[-1] == "open"
    assert bool(cut["censored"].iloc[-1])


def test_the_price_gap_is_read_at_the_start():
    returns = wandering_returns(2600, 2)
    prices = prices_of(returns)
    found = find_episodes(prices, short_window=40, long_window=120, horizon=100)
    logs = np.log(prices.to_numpy())
    for _, row in found.iterrows():
        t = prices.index.get_loc(row["start"])
        spread = (logs[:, 0] - logs[:, 1])[t - 119 : t + 1]
        z = (spread[-1] - spread.mean()) / spread.std(ddof=1)
        assert row["gap_z"] == pytest.approx(z, abs=1e-9)
        if abs(z) > 0.5 and t + 100 < len(logs):
            gap = Gap(spread[-1], z, spread.mean(), spread.std(ddof=1))
            path = gap_pathways(gap, np.diff(logs[t : t + 101], axis=0)[None]).iloc[0]
            assert row["pathway"] == path["pathway"]
            assert row["direction"] == path["direction"]


def test_level_basis_reads_prices():
    rng = np.random.default_rng(0)
    prices = prices_of(0.01 * rng.standard_normal((1500, 2)))
    found = find_episodes(prices, basis="levels")
    values = prices.to_numpy()[1:]
    assert len(found) > 0
    for _, row in found.iterrows():
        t = prices.index[1:].get_loc(row["start"])
        assert row["r_short"] == pytest.approx(corr(values[t - 89 : t + 1]), abs=1e-8)
        assert row["reference"] == pytest.approx(corr(values[t - 341 : t - 89]), abs=1e-8)


CHART = {
    "basis": "levels",
    "short_window": "60D",
    "long_window": "200D",
    "horizon": "150D",
    "reference": "overlapping",
}


@pytest.mark.parametrize("options", [{"short_window": 40, "long_window": 120}, CHART])
def test_moves_of_the_legs(options):
    prices = prices_of(wandering_returns(2600, 2))
    found = find_episodes(prices, **options)
    logs = np.log(prices)
    dates = prices.index[1:]
    seen_after = 0
    for _, row in found.iterrows():
        first = dates.get_loc(row["start"])
        last = len(dates) - 1 if row["censored"] else dates.get_loc(row["end"])
        assert row["rows"] == (len(dates) if row["censored"] else last) - first
        assert row["days"] == (dates[last] - row["start"]).days
        if isinstance(options["short_window"], int):
            begin, after = first - 39, last + 40
        else:
            begin = int(dates.searchsorted(row["start"] - pd.Timedelta("60D"), side="right"))
            late = (dates - pd.Timedelta("60D") >= dates[last]) & (np.arange(len(dates)) > last)
            after = int(np.argmax(late)) if late.any() else len(dates)
        for leg, name in zip("AB", ("asset", "benchmark"), strict=True):
            path = logs[leg].to_numpy()[1:]
            assert row[f"{name}_before"] == pytest.approx(path[first] - path[begin])
            assert row[f"{name}_during"] == pytest.approx(path[last] - path[first])
            if after < len(dates):
                seen_after += 1
                assert row[f"{name}_after"] == pytest.approx(path[after] - path[last])
            else:
                assert np.isnan(row[f"{name}_after"])
    assert seen_after > 4


def test_the_chart_holds_the_same_day_against_itself():
    prices = prices_of(wandering_returns(2600, 5))
    found = find_episodes(prices, **CHART, elevated=0.4, merge=0)
    values = prices.iloc[1:]
    short = values["A"].rolling("60D").corr(values["B"])
    long = values["A"].rolling("200D").corr(values["B"])
    full = values.index >= values.index[0] + pd.Timedelta("200D")
    flag = (short < 0) & (long >= 0.4) & full
    begins = flag & ~flag.shift(fill_value=False)
    assert found["start"].tolist() == list(values.index[begins])
    for _, row in found.iterrows():
        assert row["r_long"] == row["reference"] == pytest.approx(long[row["start"]], abs=1e-6)
        later = short.loc[row["start"] :]
        back = later.index[later > 0]
        if len(back):
            rows = values.index.get_indexer([row["start"], back[0]])
            assert row["rows_back"] == rows[1] - rows[0]
        else:
            assert np.isnan(row["rows_back"])


def test_an_episode_that_began_before_the_data():
    prices = prices_of(wandering_returns(2600, 1))
    whole = find_episodes(prices, short_window=40, long_window=120, merge=0)
    assert not whole["truncated"].any()
    early = whole[whole["start"] < prices.index[1800]]
    inside = early.loc[early["rows"].idxmax()]
    assert inside["rows"] > 5
    row = prices.index.get_loc(inside["start"]) - 160 + 3
    cut = find_episodes(prices.iloc[row:], short_window=40, long_window=120, merge=0)
    assert cut["truncated"].tolist() == [True] + [False] * (len(cut) - 1)


def test_refractory_time():
    prices = prices_of(wandering_returns(2600, 1))
    every = find_episodes(prices, short_window=40, long_window=120, merge=0)
    rare = find_episodes(prices, short_window=40, long_window=120, merge=0, refractory=300)
    rows = prices.index.get_indexer(rare["start"])
    assert 0 < len(rare) < len(every)
    assert (np.diff(rows) >= 300).all()
    assert set(rare["start"]) <= set(every["start"])


def test_no_episode_keeps_the_columns():
    prices = prices_of(wandering_returns(1500, 0))
    found = find_episodes(prices, short_window=40, long_window=120, threshold=-0.999)
    assert found.empty
    assert found["start"].dtype.kind == "M"
    assert found["truncated"].dtype == bool
