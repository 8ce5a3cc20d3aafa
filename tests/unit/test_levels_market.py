"""Level episodes of ETH and IWM on real prices (skipped by name where they are absent)."""

import numpy as np
import pandas as pd

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
