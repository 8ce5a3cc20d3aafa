"""The pair that is taken without prices: names, tickers, and the twin that stands in."""

from __future__ import annotations

import pandas as pd
import pytest

from regimecorr import errors
from regimecorr.data import defaults, load_prices


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Answer every download, and keep the tickers."""
    calls: list[list[str]] = []

    def download(tickers: list[str], **options: object) -> pd.DataFrame:
        calls.append(tickers)
        days = pd.date_range("2024-01-01", periods=3)
        return load_prices({ticker: pd.Series([1.0, 2.0, 3.0], days) for ticker in tickers})

    monkeypatch.setattr(defaults, "download", download)
    return calls


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def download(tickers: list[str], **options: object) -> pd.DataFrame:
        raise errors.DownloadError("no route to host")

    monkeypatch.setattr(defaults, "download", download)


@pytest.mark.parametrize("asset", [None, "ETH", "ETH-USD"])
@pytest.mark.parametrize(
    ("benchmark", "ticker", "column"),
    [
        (None, "^RUT", "RUT"),
        ("RUT", "^RUT", "RUT"),
        ("^RUT", "^RUT", "RUT"),
        ("IWM", "IWM", "IWM"),
    ],
)
def test_known_names(
    asked: list[list[str]], asset: str | None, benchmark: str | None, ticker: str, column: str
) -> None:
    prices, *names = defaults.default_pair(asset, benchmark)
    assert asked == [["ETH-USD", ticker]]
    assert names == ["ETH", column] == prices.columns.tolist()
    assert prices.attrs["provenance"]["simulated"] is False


@pytest.mark.parametrize(
    ("asset", "benchmark", "named"),
    [("BTC", None, "'BTC'"), (None, "SPX", "'SPX'"), ("IWM", "ETH", "'IWM'"), ("", None, "''"),
     (3, None, "3")],
)  # fmt: skip
def test_other_names_are_refused_before_any_download(
    asked: list[list[str]], asset: str | None, benchmark: str | None, named: str
) -> None:
    with pytest.raises(errors.UnknownAssetError) as caught:
        defaults.default_pair(asset, benchmark)
    for part in (f"no asset {named}", "only ETH against RUT or IWM", "regimecorr.download(["):
        assert part in str(caught.value)
    assert asked == []


@pytest.mark.parametrize("benchmark", ["RUT", "IWM"])
def test_offline_the_twin_takes_the_name(offline: None, benchmark: str) -> None:
    with pytest.warns(errors.BundledDataWarning, match=r"No source delivered ETH-USD and .*SIMULA"):
        prices, *names = defaults.default_pair("ETH-USD", benchmark)
    assert names == ["ETH", benchmark] == prices.columns.tolist()
    assert prices.attrs["provenance"]["simulated"] is True
