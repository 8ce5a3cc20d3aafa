"""Engle and Sheppard's statistic on S&P 500 and WTI against a program in R.

``data/README.md`` says where the residuals and figures come from.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from regimecorr.inference.constancy import test_constancy as constancy
from regimecorr.inference.constancy.products import regression_statistic, whitened_products

DATA = Path(__file__).parent / "data"
THEIRS = json.loads((DATA / "rmgarch_sp500_wti.json").read_text())["constcorr"]
LAGS = (1, 2, 5, 10)


@pytest.fixture(scope="module")
def residuals() -> np.ndarray:
    return pd.read_csv(DATA / "stdresid_sp500_wti.csv", index_col="date").to_numpy()


@pytest.mark.parametrize("lags", LAGS)
def test_the_regression_on_their_whitened_products(residuals, lags):
    """They whiten the residuals, not centred, by their correlation; s2 is divided by the rows."""
    values, vectors = np.linalg.eigh(np.corrcoef(residuals.T))
    e = residuals @ (vectors / np.sqrt(values)) @ vectors.T
    theirs, rows = THEIRS[f"lags{lags}"]["engle_sheppard_textbook"], len(e) - lags
    statistic = regression_statistic(e[:, :1] * e[:, 1:], lags)
    assert statistic * rows / (rows - lags - 1) == pytest.approx(theirs["stat"], rel=1e-10)
    assert theirs["df"] == lags + 1


@pytest.mark.parametrize("lags", LAGS)
def test_centred_residuals_decide_alike(residuals, lags):
    """Centred, the constant adds nothing, so it is no degree of freedom either."""
    test = constancy(residuals, method="engle_sheppard", margins=None, robust=False, lags=lags)
    centred = residuals - residuals.mean(axis=0)
    products = whitened_products(centred / centred.std(axis=0))
    assert test.statistic == pytest.approx(regression_statistic(products, lags), rel=1e-10)
    assert test.details["df"] == lags
    theirs = THEIRS[f"lags{lags}"]["engle_sheppard_textbook"]
    assert test.statistic == pytest.approx(theirs["stat"], rel=0.15)
    assert (test.pvalue <= 0.05) == (theirs["p"] <= 0.05)
