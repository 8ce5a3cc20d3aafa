"""Margins that the arch package fitted."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from arch import arch_model

import regimecorr as rc
from regimecorr.errors import ModelError
from regimecorr.models._garch_fit import Margin
from regimecorr.models.arch_margins import ArchMargin, margins_from_arch
from regimecorr.models.margins import MarginsResult


@pytest.fixture(scope="module")
def returns() -> pd.DataFrame:
    return 100 * rc.simulate("mean_reverting", n_obs=1500, rng=11).returns


def fitted(series: pd.Series, **options):
    return arch_model(series, rescale=False, **options).fit(disp="off")


OURS = [
    ({}, rc.GARCH()),
    ({"dist": "t"}, rc.GARCH(dist="t")),
    ({"o": 1}, rc.GARCH(vol="GJR")),
    ({"vol": "EGARCH", "o": 1}, rc.GARCH(vol="EGARCH")),
]


@pytest.mark.parametrize(("options", "spec"), OURS)
def test_models_of_ours_are_taken_over(returns, options, spec):
    theirs = rc.DCC.from_arch([fitted(returns[c], **options) for c in returns])
    ours = rc.DCC(margins=spec).fit(returns)
    assert all(isinstance(leg, Margin) for leg in theirs.margins.legs)
    assert theirs.loglikelihood == pytest.approx(ours.loglikelihood, abs=1e-2)
    np.testing.assert_allclose(theirs.params, ours.params, rtol=1e-3)
    np.testing.assert_allclose(theirs.std_errors, ours.std_errors, rtol=1e-2)
    assert theirs.names == ("A", "B")


def test_numeric_derivatives_of_any_model_agree_with_the_analytic_ones(returns):
    results = [fitted(returns[c], dist="t") for c in returns]
    exact = margins_from_arch(results)
    rows = np.arange(len(returns))
    legs = [ArchMargin(str(c), r, rows) for c, r in zip(returns, results, strict=True)]
    general = MarginsResult(exact.returns, tuple(legs))
    for numeric, analytic in zip(general.legs, exact.legs, strict=True):
        size = np.abs(analytic.influence).max(axis=0)
        # arch names mu, omega, alpha, beta, nu in our order
        np.testing.assert_allclose(numeric.influence / size, analytic.influence / size, atol=2e-3)
        size = np.abs(analytic.residual_slopes).max(axis=0) + 1e-12
        np.testing.assert_allclose(
            numeric.residual_slopes / size, analytic.residual_slopes / size, atol=1e-5
        )
    one = rc.DCC().fit(returns, margins=exact)
    two = rc.DCC().fit(returns, margins=general)
    np.testing.assert_allclose(one.std_errors, two.std_errors, rtol=1e-3)
    assert two.loglikelihood == pytest.approx(one.loglikelihood, abs=1e-8)


@pytest.fixture(scope="module")
def result(returns):
    first = fitted(returns["A"], mean="AR", lags=2, vol="GARCH", p=1, q=1, dist="skewt")
    second = fitted(returns["B"], vol="HARCH", p=[1, 5])
    return rc.DCC.from_arch([first, second], spec=rc.DCC(dist="t")), (first, second)


class TestOtherModels:
    def test_common_rows(self, result, returns):
        fit, (first, second) = result
        assert fit.n_obs == len(returns) - 2
        pd.testing.assert_series_equal(
            fit.std_resid["A"], first.std_resid.iloc[2:], check_names=False, check_freq=False
        )
        pd.testing.assert_series_equal(
            fit.volatility["B"],
            second.conditional_volatility.iloc[2:],
            check_names=False,
            check_freq=False,
        )
        assert (fit.std_errors > 0).all()
        assert "skewt" in fit.summary() or "lambda" in fit.summary()

    def test_futures_go_through_arch(self, result):
        fit, (first, _) = result
        futures = fit.simulate(400, 10, 1)
        assert futures.returns.shape == (400, 10, 2)
        theirs = np.sqrt(first.forecast(horizon=10).variance.to_numpy()[-1])
        np.testing.assert_allclose(fit.forecast(10).volatility["A"], theirs, rtol=1e-10)
        spread = futures.returns[:, :, 0].std(axis=0)
        np.testing.assert_allclose(spread, theirs, rtol=0.25)
        simulated = fit.forecast(10, method="simulate", n_paths=2000, rng=1)
        np.testing.assert_allclose(simulated.volatility["A"], theirs, rtol=0.05)

    def test_what_is_not_possible_says_so(self, result, returns):
        fit, _ = result
        with pytest.raises(ModelError, match="New histories of 'A'"):
            fit.replicate(3, 1)
        later = returns.iloc[-3:].copy()
        later.index = later.index + pd.Timedelta(days=30)
        with pytest.raises(ModelError, match="refit its arch model"):
            fit.append(later)


class TestRefused:
    def test_not_a_result(self, returns):
        with pytest.raises(ModelError, match=r"results\[1\] is a DataFrame"):
            rc.DCC.from_arch([fitted(returns["A"]), returns])

    def test_a_result_that_is_no_list(self, returns):
        with pytest.raises(ModelError, match="Pass a list"):
            rc.DCC.from_arch(fitted(returns["A"]))

    def test_arrays_beside_series(self, returns):
        with pytest.raises(ModelError, match="1 of 2 arch results have no dates"):
            rc.DCC.from_arch([fitted(returns["A"].to_numpy()), fitted(returns["B"])])

    def test_one_result(self, returns):
        with pytest.raises(ModelError, match="two or more"):
            rc.DCC.from_arch([fitted(returns["A"])])

    def test_rescaled(self, returns):
        small = arch_model(returns["A"] / 1e4, rescale=True).fit(disp="off")
        with pytest.raises(ModelError, match="rescale=False"):
            rc.DCC.from_arch([fitted(returns["A"]), small])

    def test_part_of_the_sample(self, returns):
        part = arch_model(returns["B"], rescale=False).fit(disp="off", last_obs=1200)
        with pytest.raises(ModelError, match="whole series"):
            rc.DCC.from_arch([fitted(returns["A"]), part])

    def test_lengths_without_dates(self, returns):
        values = returns.to_numpy()
        with pytest.raises(ModelError, match="different lengths"):
            rc.DCC.from_arch([fitted(values[:, 0]), fitted(values[5:, 1])])


def test_first_dates_may_differ_and_last_ones_may_not(returns):
    later = fitted(returns["B"].iloc[50:])
    fit = rc.DCC.from_arch([fitted(returns["A"]), later])
    assert fit.n_obs == len(returns) - 50
    assert fit.margins.returns.index[0] == returns.index[50]
    with pytest.raises(ModelError, match=r"'B' ends at .*same last date"):
        rc.DCC.from_arch([fitted(returns["A"].iloc[:-100]), later])


def test_a_fit_from_a_later_row_is_refused(returns):
    """Its residuals are not those of the model on all rows, from which derivatives are taken."""
    late = arch_model(returns["A"], rescale=False).fit(disp="off", first_obs=200)
    with pytest.raises(ModelError, match="without first_obs"):
        rc.DCC.from_arch([late, fitted(returns["B"])])


def test_a_volatility_without_closed_form_says_so(returns):
    power = fitted(returns["A"], vol="APARCH", p=1, o=1, q=1)
    fit = rc.DCC.from_arch([power, fitted(returns["B"])])
    with pytest.raises(ModelError, match="method='simulate'"):
        fit.forecast(5)
    assert fit.forecast(5, method="simulate", n_paths=200, rng=1).volatility.shape == (5, 2)


def test_arrays(returns):
    values = returns.to_numpy()
    fit = rc.DCC.from_arch([fitted(values[:, 0]), fitted(values[:, 1])])
    assert fit.n_obs == len(returns)
    assert len(set(fit.names)) == 2
