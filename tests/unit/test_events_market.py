"""The states of ETH against IWM on dates that the project documents (DESIGN.md); no model runs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from regimecorr.data.alignment import align
from regimecorr.data.windows import resolve
from regimecorr.events import legs, situation, state_history
from regimecorr.kernels.rolling import rolling_pearson

#: as_of, r_short, r_long, reference, 90-row and 252-row correlation of price levels
TABLE = [
    ("2021-08-02", 0.075, 0.160, 0.233, -0.066, 0.846),
    ("2023-05-31", 0.106, 0.453, 0.555, -0.663, 0.318),
    ("2024-09-30", 0.460, 0.292, 0.215, -0.396, 0.637),
    ("2026-01-15", 0.568, 0.504, 0.505, -0.295, 0.714),
    ("2026-08-20", 0.272, 0.461, 0.516, -0.683, -0.757),
]


@pytest.mark.parametrize(
    ("as_of", "r_short", "r_long", "reference", "short_level", "long_level"), TABLE
)
def test_documented_figures(eth_iwm, as_of, r_short, r_long, reference, short_level, long_level):
    pair = align(eth_iwm, as_of=as_of)
    here = situation(pair.returns.to_numpy(), 90, 252)
    assert here.r_short == pytest.approx(r_short, abs=0.002)
    assert here.r_long == pytest.approx(r_long, abs=0.002)
    assert here.reference == pytest.approx(reference, abs=0.002)
    levels = pair.prices.to_numpy()
    assert rolling_pearson(*legs(levels), 90)[-1] == pytest.approx(short_level, abs=0.002)
    assert rolling_pearson(*legs(levels), 252)[-1] == pytest.approx(long_level, abs=0.002)


@pytest.mark.parametrize(
    ("as_of", "state"), [("2026-01-15", "aligned"), ("2023-05-31", "strained")]
)
def test_documented_states(eth_iwm, as_of, state):
    pair = align(eth_iwm, as_of=as_of)
    assert situation(pair.returns.to_numpy(), 90, 252).state == state


def test_november_2023_was_divergent(eth_iwm):
    pair = align(eth_iwm)
    history = state_history(*legs(pair.returns.to_numpy()), resolve(len(pair.returns), 90, 252))
    history.index = pair.returns.index
    november = history.loc["2023-11"]
    assert (november["state"] == "divergent").any()
    assert november["r_short"].idxmin() == pd.Timestamp("2023-11-14")
    assert november["r_short"].min() == pytest.approx(-0.058, abs=0.002)
    assert np.isfinite(november["reference"]).all()
    assert history.loc["2023-11-14", "state"] == "divergent"
