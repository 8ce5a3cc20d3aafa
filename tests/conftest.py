"""Shared ground of the tests: no windows, no network, the same examples every time."""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("MPLBACKEND", "Agg")

import hypothesis
import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parents[1]

# Compilation makes the first example slow, so no deadline; the same examples on every machine.
hypothesis.settings.register_profile(
    "regimecorr",
    deadline=None,
    derandomize=True,
    database=None,
    max_examples=50,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("regimecorr")


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the root of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def market_data() -> Path:
    """Return the folder of market prices that may not be redistributed, or skip."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs the market prices in ../shared/data, which may not be redistributed")
    return folder


@pytest.fixture(scope="session")
def eth_iwm(market_data: Path) -> pd.DataFrame:
    """Return the real closes of ETH and IWM on their common days from 2016."""
    closes = {
        name: pd.read_csv(market_data / file, index_col=0, parse_dates=True)["close"]
        for name, file in (("ETH", "eth_usd.csv"), ("IWM", "iwm.csv"))
    }
    return pd.DataFrame(closes).dropna().loc["2016":]
