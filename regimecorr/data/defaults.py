"""The pair that `assess` takes when it is given no prices."""

from __future__ import annotations

import pandas as pd

from regimecorr.data.datasets import load_eth_russell_twin
from regimecorr.data.sources import download
from regimecorr.errors import BundledDataWarning, DownloadError, warn_user

DEFAULT_TICKERS = {"ETH-USD": "ETH", "^RUT": "RUT"}


def default_pair(asset: str | None, benchmark: str | None) -> tuple[pd.DataFrame, str, str]:
    """Ethereum and the Russell 2000: from the cache, a download, or (offline) the simulated twin.

    Returns
    -------
    tuple
        Prices and the names of asset and benchmark.
    """
    try:
        prices = download(list(DEFAULT_TICKERS), timeout=5.0, retries=0).rename(
            columns=DEFAULT_TICKERS
        )
    except DownloadError as error:
        warn_user(
            "Real prices could not be had, so the bundled SIMULATED twin of Ethereum and the Russell 2000 is "
            f"used; its verdict says nothing about the market. Pass prices= for real ones. ({error})",
            BundledDataWarning,
        )
        prices = load_eth_russell_twin()
    return prices, asset or "ETH", benchmark or "RUT"
