"""Level episodes of ETH and IWM on real prices (skipped by name where they are absent)."""

import numpy as np
import pandas as pd
import pytest

import regimecorr as rc
from regimecorr.data.alignment import align
from regimecorr.episodes.detect import CHART_ELEVATED, merge_spells
from regimecorr.inference.levels import MERGE
from regimecorr.kernels.rolling import rolling_pearson


def test_the_published_level_episodes(eth_iwm):
    """Spells of r90 < 0 and r252 >= .3 of raw levels from 2020, gaps below ten rows joined."""
    prices = align(eth_iwm).prices
    x, y = (np.ascontiguousarray(prices[c].to_numpy()) for c in prices)
    flag = (rolling_pearson(x, y, 90) < 0) & (rolling_pearson(x, y, 252) >= CHART_ELEVATED)
    rows = [
        (prices.index[a], prices.index[b - 1])
        for a, b in merge_spells(flag, MERGE)
        if prices.index[a] >= pd.Timestamp("2020")
    ]
    published = [
        ("2021-06-10", "2021-10-21"),
        ("2023-04-27", "2023-06-14"),
        ("2023-08-09", "2023-08-11"),
        ("2024-08-22", "2024-11-04"),
        ("2025-12-01", "2026-03-25"),
    ]
    assert len(rows) == len(published)
    for (first, last), (start, end) in zip(rows, published, strict=True):
        assert abs(prices.index.get_indexer([first, pd.Timestamp(start)]) @ [1, -1]) <= 2
        assert abs(prices.index.get_indexer([last, pd.Timestamp(end)]) @ [1, -1]) <= 2


#: First and last divergent day of each spell, from 2020 (gaps of a few days not joined).
PUBLISHED = {
    (90, 252): [
        ("2021-06-10", "2021-10-21"),
        ("2023-04-27", "2023-05-04"),
        ("2023-05-10", "2023-06-14"),
        ("2023-08-09", "2023-08-11"),
        ("2024-08-22", "2024-11-04"),
        ("2025-12-01", "2026-03-25"),
    ],
    ("90D", "365D"): [
        ("2021-05-12", "2021-09-20"),
        ("2022-12-12", "2022-12-27"),
        ("2023-03-30", "2023-05-04"),
        ("2023-05-08", "2023-06-05"),
        ("2024-07-29", "2024-09-18"),
        ("2024-09-20", "2024-09-20"),
        ("2025-10-31", "2025-11-19"),
        ("2025-12-26", "2025-12-26"),
        ("2026-01-23", "2026-03-20"),
    ],
}


@pytest.mark.parametrize("windows", list(PUBLISHED))
def test_episodes_of_the_chart(eth_iwm, windows):
    found = rc.find_episodes(
        eth_iwm,
        basis="levels",
        short_window=windows[0],
        long_window=windows[1],
        reference="overlapping",
        merge=0,
    )
    found = found[found["start"] >= "2020"]
    dates = align(eth_iwm).dates
    assert len(found) == len(PUBLISHED[windows])
    for (_, row), (start, last) in zip(found.iterrows(), PUBLISHED[windows], strict=True):
        first, stop = dates.get_indexer([row["start"], row["end"]])
        assert abs(first - dates.get_indexer([pd.Timestamp(start)])[0]) <= 2
        assert abs(stop - 1 - dates.get_indexer([pd.Timestamp(last)])[0]) <= 2


@pytest.mark.parametrize(
    ("window", "basis", "share"),
    [(252, "levels", 0.41), (365, "levels", 0.55), ("365D", "levels", 0.41), (252, "returns", 0.0)],
)
def test_share_of_days_in_the_published_band(eth_iwm, window, basis, share):
    r = rc.rolling_correlation(eth_iwm, window=window, basis=basis).loc["2020":"2026-01-15"]
    assert ((r >= 0.6) & (r <= 0.9)).mean() == pytest.approx(share, abs=0.006)


def test_audit_counts_from_a_date(eth_iwm):
    audit = rc.audit_levels(eth_iwm, as_of="2026-01-15", since="2020-01-01", n_boot=40)
    assert audit.observed.share_in_band == pytest.approx(0.41, abs=0.006)
    assert audit.observed.share_between(0.6, 0.9) == pytest.approx(0.41, abs=0.02)
    assert list(audit.worlds) == ["independent", "constant", "dcc"]
    # What the chart shows is there without any relationship.
    assert audit.independent.episodes_per_year > 0.6
    assert audit.independent.share_resolved > 0.95
    assert "Without any relationship" in audit.summary()
