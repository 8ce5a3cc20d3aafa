"""The data sets that are there without a network."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from regimecorr import errors
from regimecorr.data import align, datasets
from regimecorr.data.datasets import load_eth_russell_twin, load_spx_wti


def test_spx_wti() -> None:
    prices = load_spx_wti()
    assert prices.columns.tolist() == ["SPX", "WTI"]
    assert prices.shape == (5012, 2)
    assert not prices.isna().to_numpy().any()
    assert (prices > 0).to_numpy().all()
    returns = align(prices).returns
    assert len(returns) == 5011
    assert (str(returns.index[0].date()), str(returns.index[-1].date())) == (
        "1999-01-05",
        "2018-12-28",
    )
    origin = prices.attrs["provenance"]
    assert origin["simulated"] is False
    assert "S&P 500" in origin["description"]
    json.dumps(origin)


class TestTwin:
    def test_prices_say_that_they_are_simulated(self) -> None:
        prices = load_eth_russell_twin()
        assert prices.columns.tolist() == ["ETH", "RUT"]
        origin = prices.attrs["provenance"]
        assert origin["simulated"] is True
        assert "simulated" in origin["description"]
        json.dumps(origin)
        assert align(prices).provenance["simulated"] is True

    def test_truth(self) -> None:
        prices, correlation = load_eth_russell_twin(with_truth=True)
        assert correlation.name == "correlation"
        assert correlation.index.equals(prices.index)
        known = correlation.dropna().to_numpy()
        assert len(known) >= len(prices.dropna()) - 1
        assert (np.abs(known) < 1.0).all()
        pd.testing.assert_frame_equal(prices, load_eth_russell_twin())

    def test_files_as_written(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        folder = tmp_path / "twin"
        folder.mkdir()
        rows = ["date,ETH,RUT,correlation", "2024-01-05,2300.5,1950,", "2024-01-06,2310.25,,0.4"]
        (folder / "eth_russell_twin.csv").write_text(
            "\n".join([*rows, "2024-01-08,2330,1971,-0.1\n"])
        )
        (folder / "twin_parameters.json").write_text('{"seed": 7}')
        monkeypatch.setattr(datasets.resources, "files", lambda package: tmp_path)
        prices, correlation = load_eth_russell_twin(with_truth=True)
        assert prices["ETH"].tolist() == [2300.5, 2310.25, 2330.0]
        assert prices["RUT"].isna().tolist() == [False, True, False]
        assert correlation.tolist()[1:] == [0.4, -0.1]
        origin = prices.attrs["provenance"]
        assert (origin["simulated"], origin["parameters"]) == (True, {"seed": 7})

    def test_incomplete_installation(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(datasets.resources, "files", lambda package: tmp_path)
        with pytest.raises(errors.DataError, match=r"lacks the bundled file.*reinstall"):
            load_eth_russell_twin()
