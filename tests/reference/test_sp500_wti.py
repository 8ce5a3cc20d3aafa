"""Correlation models on S&P 500 and WTI against other software and high-precision optima.

Residuals: rugarch 1.5-6 (``data/README.md``). Expected numbers: the project's reference runs of
RSDC 1.7-0, rmgarch
1.4-2, pymgarch 0.6.0 and high-precision optima of the same likelihoods, August 2026.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from regimecorr.models.dcc import DCC, correlation_target
from regimecorr.models.margins import GARCH
from regimecorr.models.switching import SwitchingCorrelation

#: rugarch 1.5-6: sum of both univariate log-likelihoods (joint = this + correlation part).
UNIVARIATE = -17943.661949178175


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
    """Exact optimum, stationary start; RSDC 1.7-0 stops below it: its bound p <= .99 binds."""

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

    @pytest.mark.parametrize("rows", [2500, 5011])
    def test_optimum(self, resid, rows):
        loglik, p_low, p_high, low, high = self.EXACT[rows]
        result = SwitchingCorrelation(dist="normal", margins=None).fit(resid.iloc[-rows:])
        assert result.converged
        assert result.correlation_loglikelihood == pytest.approx(loglik, abs=1e-4)
        assert result.correlation_loglikelihood > self.RSDC[rows]
        found = result.params[["p_low", "p_high", "rho_low", "rho_high"]]
        np.testing.assert_allclose(found, [p_low, p_high, low, high], atol=1e-3)

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


def plain_dcc(z, qbar, a, b, first):
    """Correlation part of the log-likelihood, METHODS 1.1, with the given first Q; also the
    correlations.
    """
    q, total, rho = first.copy(), 0.0, []
    for x, y in z:
        r = q[0, 1] / np.sqrt(q[0, 0] * q[1, 1])
        one = 1 - r * r
        total -= 0.5 * (np.log(one) + (x * x + y * y - 2 * r * x * y) / one - (x * x + y * y))
        rho.append(r)
        q = (1 - a - b) * qbar + a * np.outer((x, y), (x, y)) + b * q
    return total, np.array(rho)


class TestDcc:
    # : High-precision optima on these residuals, target = centred covariance, divisor T - 1,
    # diagonal not one.
    PRESAMPLE_ZEROS = (0.02014708131723984, 0.9766710448490401, -17742.977788717108)
    PRESAMPLE_ONES = (0.020174473466011453, 0.9766347870812244, -17742.99873052949)
    STUDENT = (0.015079028180907863, 0.9833239784149876, 7.535836514952723)
    # : pymgarch 0.6.0, Z'Z/T rescaled and Q_1 = Qbar as here, on arch's residuals of the same
    # returns.
    PYMGARCH = (0.02020271656984682, 0.9765951699816706)
    PYMGARCH_LAST = [
        0.14241947424038617,
        0.16601960318034353,
        0.16724498559119907,
        0.17344565026617004,
        0.16271019059640657,
    ]
    PYMGARCH_PART = -17742.165864574607 - (-6923.084976173211 - 11019.866616600231)

    def test_the_second_implementation_gives_the_exact_numbers_of_the_peers(self, resid):
        z = resid.to_numpy()
        qbar = np.cov(z.T)
        for (a, b, loglik), shock in ((self.PRESAMPLE_ZEROS, 0.0), (self.PRESAMPLE_ONES, 1.0)):
            first = (1 - a - b) * qbar + a * shock * np.ones((2, 2)) + b * qbar
            part, _ = plain_dcc(z, qbar, a, b, first)
            assert UNIVARIATE + part == pytest.approx(loglik, abs=1e-4)

    @pytest.mark.parametrize(
        "point", [PRESAMPLE_ZEROS[:2], PRESAMPLE_ONES[:2], PYMGARCH, (0.05, 0.9)]
    )
    def test_likelihood_at_given_parameters_under_the_packages_convention(self, resid, point):
        """Target Z'Z/T rescaled to a correlation, Q_1 = target."""
        z = resid.to_numpy()
        moment = z.T @ z / len(z)
        target = moment[0, 1] / np.sqrt(moment[0, 0] * moment[1, 1])
        qbar = np.array([[1.0, target], [target, 1.0]])
        part, rho = plain_dcc(z, qbar, *point, qbar)
        result = DCC(margins=None).filter(resid, dict(zip("ab", point, strict=True)))
        assert correlation_target(z) == pytest.approx(target, rel=1e-13)
        np.testing.assert_allclose(result.filtered, rho, rtol=1e-10)
        assert result.correlation_loglikelihood == pytest.approx(
            part + norm.logpdf(z).sum(), abs=1e-7
        )

    def test_normal_optimum(self, resid):
        """The conventions move the optimum in the fourth digit of a and by a tenth in the log-
        likelihood.
        """
        z = resid.to_numpy()
        result = DCC(margins=None).fit(resid)
        assert result.converged
        for a, b in (self.PRESAMPLE_ZEROS[:2], self.PRESAMPLE_ONES[:2], self.PYMGARCH):
            assert result.params["a"] == pytest.approx(a, abs=1.5e-4)
            assert result.params["b"] == pytest.approx(b, abs=2e-4)
        part = result.correlation_loglikelihood - norm.logpdf(z).sum()
        assert UNIVARIATE + part == pytest.approx(self.PRESAMPLE_ZEROS[2], abs=0.15)
        assert part == pytest.approx(self.PYMGARCH_PART, abs=0.15)
        np.testing.assert_allclose(result.filtered.iloc[-5:], self.PYMGARCH_LAST, atol=1e-3)
        # It is an optimum of the plain likelihood.
        target = correlation_target(z)
        qbar = np.array([[1.0, target], [target, 1.0]])
        a, b = result.params[["a", "b"]]
        for da, db in ((1e-4, 0), (-1e-4, 0), (0, 1e-4), (0, -1e-4), (1e-4, -1e-4), (-1e-4, 1e-4)):
            assert plain_dcc(z, qbar, a + da, b + db, qbar)[0] < part + 1e-9

    def test_standard_errors(self, resid):
        """rmgarch's second stage alone: .00848525, .0110228; pymgarch's two-stage robust: .008525,
        .011020.
        """
        errors = DCC(margins=None).fit(resid).std_errors
        assert errors["a"] == pytest.approx(0.0085, rel=0.25)
        assert errors["b"] == pytest.approx(0.0110, rel=0.25)

    def test_student_optimum(self, resid):
        result = DCC(dist="t", margins=None).fit(resid)
        a, b, nu = self.STUDENT
        assert result.params["a"] == pytest.approx(a, abs=2e-4)
        assert result.params["b"] == pytest.approx(b, abs=3e-4)
        assert result.params["nu"] == pytest.approx(nu, abs=0.01)


def test_margins_and_joint_likelihood_through_arch():
    """arch's own backcast moves the joint log-likelihood by about .8; pymgarch, also on arch:
    -17742.165865.
    """
    from arch.data import sp500, wti

    closes = [sp500.load()["Close"], wti.load().iloc[:, 0]]
    prices = pd.concat(closes, axis=1, join="inner").dropna()
    prices = prices[(prices > 0).all(axis=1)]
    returns = 100 * np.log(prices).diff().dropna()
    returns.columns = ["sp500", "wti"]
    assert len(returns) == 5011
    fitted = GARCH().fit(returns)
    # pymgarch 0.6.0 on arch: mu, omega, alpha, beta and log-likelihood.
    expected = {
        "sp500": (
            0.04994201314573567,
            0.01758347716812783,
            0.098154300521863,
            0.8886839920535549,
            -6923.084976173211,
        ),
        "wti": (
            0.053165518899449635,
            0.04524891763836244,
            0.05673461508249032,
            0.9367110261280861,
            -11019.866616600231,
        ),
    }
    for name, (mu, omega, alpha, beta, loglik) in expected.items():
        found = fitted.params.loc[name, ["mu", "omega", "alpha", "beta"]]
        np.testing.assert_allclose(found, [mu, omega, alpha, beta], rtol=2e-3)
        assert fitted.loglikelihood[name] == pytest.approx(loglik, abs=2e-3)
    result = DCC().fit(returns, margins=fitted)
    assert result.loglikelihood == pytest.approx(-17742.165864574607, abs=0.02)
    assert result.params["a"] == pytest.approx(0.02020271656984682, abs=5e-5)
    assert result.params["b"] == pytest.approx(0.9765951699816706, abs=1e-4)
    assert result.next_correlation == pytest.approx(0.16160419143072102, abs=1e-3)
