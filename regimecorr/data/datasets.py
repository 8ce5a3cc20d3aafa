"""Price tables that are there without a network: one real pair, one simulated."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any, Literal, overload

import pandas as pd

from regimecorr.data import provenance
from regimecorr.data.prices import load_prices
from regimecorr.errors import DataError

__all__ = ["load_eth_russell_twin", "load_spx_wti"]


def load_spx_wti() -> pd.DataFrame:
    """Load real prices of the S&P 500 and of WTI crude oil, 1999 to 2018.

    They ship with the package arch: the index as adjusted close from Yahoo, the oil as spot price
    DCOILWTICO from FRED. Their correlation was about zero until 2008 and positive after.

    Returns
    -------
    DataFrame of shape (5012, 2)
        Columns "SPX" (index points) and "WTI" (US dollars a barrel) on the 5,012 common days
        from 1999-01-04 to 2018-12-28, that is 5,011 log returns from 1999-01-05 on.

    Examples
    --------
    >>> from regimecorr.data.datasets import load_spx_wti
    >>> prices = load_spx_wti()
    >>> prices.shape, prices.attrs["provenance"]["simulated"]
    ((5012, 2), False)
    """
    # The pair costs an import of arch, which nobody else should pay for.
    import arch.data.sp500
    import arch.data.wti

    spx = arch.data.sp500.load()["Adj Close"]
    wti = arch.data.wti.load()["DCOILWTICO"]
    joined = pd.concat({"SPX": spx, "WTI": wti}, axis=1, join="inner").dropna()
    joined.attrs = {
        provenance.KEY: {
            "source": "arch.data.sp500 and arch.data.wti",
            "kind": "dataset",
            "description": "S&P 500 (adjusted close, Yahoo) and WTI crude oil (spot, FRED)",
            "simulated": False,
        }
    }
    return load_prices(joined)


@overload
def load_eth_russell_twin(*, with_truth: Literal[False] = False) -> pd.DataFrame: ...


@overload
def load_eth_russell_twin(*, with_truth: Literal[True]) -> tuple[pd.DataFrame, pd.Series]: ...


def load_eth_russell_twin(
    *, with_truth: bool = False
) -> pd.DataFrame | tuple[pd.DataFrame, pd.Series]:
    """Load the **simulated** twin of Ethereum and the Russell 2000.

    Not market prices: a simulated world whose volatilities, tails and correlation resemble those
    of the pair, so that the package can be tried offline. The provenance says "simulated".

    Parameters
    ----------
    with_truth : bool, default=False
        True also returns the correlation the world was simulated with.

    Returns
    -------
    prices : DataFrame of shape (n_days, 2)
        Columns "ETH" and "RUT".
    correlation : Series of shape (n_days,)
        True conditional correlation of each day's returns, NaN on the first day; only with
        `with_truth=True`.

    Raises
    ------
    DataError
        The installation lacks the files.

    Examples
    --------
    >>> from regimecorr.data.datasets import load_eth_russell_twin
    >>> prices = load_eth_russell_twin()
    >>> prices.attrs["provenance"]["simulated"]
    True
    """
    folder = resources.files("regimecorr.data") / "twin"
    try:
        text = (folder / "eth_russell_twin.csv").read_text(encoding="utf-8")
        parameters: dict[str, Any] = json.loads(
            (folder / "twin_parameters.json").read_text(encoding="utf-8")
        )
    except FileNotFoundError as error:
        raise DataError(
            f"The installation lacks the bundled file {error.filename}; reinstall the package."
        ) from error
    header, *lines = text.splitlines()
    rows = [line.split(",") for line in lines]
    frame = pd.DataFrame(rows, columns=header.split(","), dtype=object)
    frame.attrs = {
        provenance.KEY: {
            "source": "eth_russell_twin.csv",
            "kind": "dataset",
            "description": "simulated twin of Ethereum and the Russell 2000; not market prices",
            "simulated": True,
            "parameters": parameters,
        }
    }
    prices = load_prices(frame, columns=["ETH", "RUT"])
    if not with_truth:
        return prices
    correlation = load_prices(frame, columns=["correlation"])["correlation"]
    correlation.attrs = {}
    return prices, correlation
