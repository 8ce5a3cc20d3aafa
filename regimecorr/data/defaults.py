"""The pair that `assess` takes when it is given no prices."""

from __future__ import annotations

import logging

import pandas as pd

from regimecorr.data.datasets import load_eth_russell_twin
from regimecorr.data.sources import download
from regimecorr.errors import BundledDataWarning, DownloadError, warn_user

logger = logging.getLogger(__name__)

FIRST_DAY = "2016-01-01"  # Ether traded too thinly before
DEFAULT_TICKERS = {"ETH-USD": "ETH", "^RUT": "RUT"}


def default_pair(asset: str | None, benchmark: str | None) -> tuple[pd.DataFrame, str, str]:
    """Ethereum and the Russell 2000: from the cache, a download, or (offline) the simulated twin.

    Returns
    -------
    tuple
        Prices and the names of asset and benchmark.
    """
    try:
        prices = download(list(DEFAULT_TICKERS), start=FIRST_DAY, timeout=5.0, retries=0)
        prices = prices.rename(columns=DEFAULT_TICKERS)
    except DownloadError as error:
        # The long story (every source tried) goes to the log: the warning must stay readable.
        logger.info("%s", error)
        warn_user(
            "No source delivered ETH-USD and ^RUT and the cache has none, so the bundled SIMULATED "
            "twin of Ethereum and the Russell 2000 is used; its verdict says nothing about the "
            "market. Pass prices= for real ones; regimecorr.download says what was tried.",
            BundledDataWarning,
        )
        prices = load_eth_russell_twin()
    return prices, asset or "ETH", benchmark or "RUT"
