"""Regime models on S&P 500 and WTI against other software and high-precision optima.

Residuals: rugarch 1.5-6 (``data/README.md``). Expected numbers: the project's reference runs of
RSDC 1.7-0 and high-precision optima of the same likelihood, August 2026.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from regimecorr.models.switching import SwitchingCorrelation


@pytest.fixture(scope="module")
def resid() -> pd.DataFrame:
    path = Path(__file__).parent / "data" / "stdresid_sp500_wti.csv"
    return pd.read_csv(path, index_col="date", parse_dates=True)


def test_the_file_is_the_documented_one(resid):
    assert resid.shape == (5011, 2)
    # rmgarch's Qbar: centred covariance with divisor T - 1.
    expected = [[0.9989274285184035, 0.15941772609476854], [0.15941772609476854, 1.000952503495526]]
    np.testing.assert_allclose(np.cov(resid.T), expected, rtol=1e-6)


class TestTwoRegimes:
    """Exact optima; RSDC 1.7-0 stops below: its bound p <= .99 binds."""

    #: The same with equal probabilities of the regimes before the first row.
    UNIFORM = {
        2500: (
            -6746.675108927003,
            0.9978777939840292,
            0.9969201395437572,
            0.21058065473817886,
            0.5916119399044059,
        ),
        5011: (
            -14017.242982398506,
            0.9975983227249728,
            0.9955606193346674,
            -0.011879283603701602,
            0.5059001945874905,
        ),
    }

    EXACT = {
        2500: (
            -6746.521124274507,
            0.9980729665280687,
            0.9966774183519385,
            0.21094723161350817,
            0.592252839554492,
        ),
        5011: (
            -14017.009602219261,
            0.9977099476301616,
            0.9954420419772082,
            -0.01145205580558914,
            0.5062101403003487,
        ),
    }
    RSDC = {2500: -6747.84503901277, 5011: -14023.068}

    @pytest.mark.parametrize("initial", ["stationary", "uniform"])
    @pytest.mark.parametrize("rows", [2500, 5011])
    def test_optimum(self, resid, rows, initial):
        exact = (self.EXACT if initial == "stationary" else self.UNIFORM)[rows]
        loglik, p_low, p_high, low, high = exact
        spec = SwitchingCorrelation(dist="normal", initial=initial, margins=None)
        result = spec.fit(resid.iloc[-rows:])
        assert result.converged
        assert result.correlation_loglikelihood == pytest.approx(loglik, abs=1e-7)
        assert result.correlation_loglikelihood > self.RSDC[rows]
        found = result.params[["p_low", "p_high", "rho_low", "rho_high"]]
        np.testing.assert_allclose(found, [p_low, p_high, low, high], atol=1e-6)

    def test_random_starts_find_it(self, resid):
        """Twenty starts, fourteen of them random."""
        spec = SwitchingCorrelation(dist="normal", margins=None, n_starts=20)
        result = spec.fit(resid.iloc[-2500:])
        assert result.correlation_loglikelihood == pytest.approx(self.EXACT[2500][0], abs=1e-7)
        assert result.loglikelihoods.size == 20

    @pytest.mark.parametrize("rows", [2500, 5011])
    def test_likelihood_at_the_exact_optimum(self, resid, rows):
        loglik, p_low, p_high, low, high = self.EXACT[rows]
        params = {"rho_low": low, "rho_high": high, "p_low": p_low, "p_high": p_high}
        result = SwitchingCorrelation(dist="normal", margins=None).filter(
            resid.iloc[-rows:], params
        )
        assert result.correlation_loglikelihood == pytest.approx(loglik, abs=1e-7)

    def test_several_starts_find_it(self, resid):
        result = SwitchingCorrelation(dist="normal", margins=None).fit(resid.iloc[-2500:])
        assert (result.loglikelihoods > self.EXACT[2500][0] - 0.01).sum() >= 2
