"""The pairs that are known without prices: Ethereum against the Russell 2000 or its fund."""

from __future__ import annotations

import logging

import pandas as pd

from regimecorr.data.datasets import load_eth_russell_twin
from regimecorr.data.sources import download
from regimecorr.errors import BundledDataWarning, DownloadError, UnknownAssetError, warn_user

logger = logging.getLogger(__name__)

FIRST_DAY = "2016-01-01"  # Ether traded too thinly before
#: Accepted names, each with its column and ticker; the first are the defaults.
ASSETS = {"ETH": ("ETH", "ETH-USD"), "ETH-USD": ("ETH", "ETH-USD")}
BENCHMARKS = {"RUT": ("RUT", "^RUT"), "^RUT": ("RUT", "^RUT"), "IWM": ("IWM", "IWM")}


def default_pair(asset: str | None, benchmark: str | None) -> tuple[pd.DataFrame, str, str]:
    """Ethereum and the Russell 2000: from the cache, a download, or (offline) the simulated twin.

    Parameters
    ----------
    asset : {"ETH", "ETH-USD"} or None
        None takes ETH.
    benchmark : {"RUT", "^RUT", "IWM"} or None
        The index or the fund on it; None takes the index.

    Returns
    -------
    tuple
        Prices and the names of asset and benchmark, which are the columns ETH and RUT or IWM.

    Raises
    ------
    UnknownAssetError
        Another name; nothing is downloaded.

    Warns
    -----
    BundledDataWarning
        No source delivered, so the simulated twin stands in.
    """
    first, first_ticker = _known("ETH" if asset is None else asset, ASSETS)
    second, second_ticker = _known("RUT" if benchmark is None else benchmark, BENCHMARKS)
    try:
        prices = download([first_ticker, second_ticker], start=FIRST_DAY, timeout=5.0, retries=0)
        prices = prices.rename(columns={first_ticker: first, second_ticker: second})
    except DownloadError as error:
        # The long story (every source tried) goes to the log: the warning must stay readable.
        logger.info("%s", error)
        warn_user(
            f"No source delivered {first_ticker} and {second_ticker} and the cache has none, so "
            "the bundled SIMULATED twin of Ethereum and the Russell 2000 is used; its verdict says "
            "nothing about the market. Pass prices= for real ones; regimecorr.download says what "
            "was tried.",
            BundledDataWarning,
        )
        prices = load_eth_russell_twin().rename(columns={"ETH": first, "RUT": second})
    return prices, first, second


def _known(name: str, names: dict[str, tuple[str, str]]) -> tuple[str, str]:
    if isinstance(name, str) and name in names:
        return names[name]
    raise UnknownAssetError(
        f"There is no asset {name!r} to take without prices: only ETH against RUT or IWM is known. "
        f'Pass prices of the pair, or prices=regimecorr.download(["...", "..."]) with its tickers.'
    )
