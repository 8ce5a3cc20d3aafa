"""Hostile input to the DCC family: a clear error, or a result that says what it is."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

import regimecorr as rc
from regimecorr.errors import ConvergenceWarning, ModelError


@pytest.fixture(scope="module")
def returns() -> pd.DataFrame:
    return rc.simulate("mean_reverting", n_obs=900, rng=4).returns


def finite(result) -> None:
    assert np.isfinite(result.params).all()
    assert np.isfinite(result.loglikelihood)
    assert np.isfinite(result.correlations).all()
    known = result.std_errors.dropna()
    assert (known > 0).all()


class TestRefused:
    @pytest.mark.parametrize("factor", [1.0, -1.0, 250.0])
    def test_collinear_pair(self, returns, factor):
        twice = pd.DataFrame({"A": returns["A"], "B": factor * returns["A"]})
        with pytest.raises(ModelError, match=r"collinear.*A and B.*Remove one"):
            rc.DCC().fit(twice)

    def test_collinear_among_three(self, returns):
        z = returns.assign(C=returns["B"]) / returns["B"].std()
        with pytest.raises(ModelError, match="B and C"):
            rc.DCC(margins=None).fit(z)

    def test_constant_column(self, returns):
        with pytest.raises(ModelError, match="'B' are constant"):
            rc.DCC().fit(returns.assign(B=0.001))

    def test_more_assets_than_rows(self):
        z = np.random.default_rng(0).standard_normal((220, 240))
        with pytest.raises(ModelError, match=r"240 assets and 220 returns.*ledoit-wolf"):
            rc.DCC(margins=None).fit(z)
        result = rc.DCC(margins=None, likelihood="composite", shrinkage="ledoit-wolf").fit(z)
        finite(result)

    def test_too_few_rows(self, returns):
        with pytest.raises(ModelError, match=r"199 returns.*at least 200"):
            rc.DCC().fit(returns.iloc[:199])
        finite(rc.DCC().fit(returns.iloc[:200]))

    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_not_finite(self, returns, value):
        bad = returns.copy()
        bad.iloc[17, 1] = value
        with pytest.raises(ModelError, match=r"'B' is (nan|inf) at"):
            rc.DCC().fit(bad)

    def test_one_asset(self, returns):
        with pytest.raises(ModelError, match="two return series or more"):
            rc.DCC().fit(returns[["A"]])

    def test_text(self, returns):
        with pytest.raises(ModelError, match="must be numbers"):
            rc.DCC().fit(returns.astype(str) + "%")

    @pytest.mark.parametrize("unit", [1e-200, 1e200])
    def test_absurd_units(self, returns, unit):
        with pytest.raises(ModelError, match="rescale the returns"):
            rc.DCC().fit(returns * unit)

    def test_a_margin_without_specification(self, returns):
        with pytest.raises(ModelError, match="no specification for 'B'"):
            rc.DCC(margins={"A": rc.GARCH()}).fit(returns)

    def test_dates_that_do_not_increase(self, returns):
        with pytest.raises(ModelError, match="oldest first"):
            rc.DCC().fit(returns.iloc[::-1])
        with pytest.raises(ModelError, match="stands twice"):
            rc.DCC().fit(pd.concat([returns, returns.iloc[-1:]]))
        with pytest.raises(ModelError, match="NaT"):
            rc.DCC().fit(returns.set_axis([*returns.index[:-1], pd.NaT]))

    def test_appended_arrays_continue_the_numbering(self, returns):
        numbered = returns.reset_index(drop=True) / returns.std()
        fit = rc.DCC(margins=None).fit(numbered.iloc[100:800])
        longer = fit.append(numbered.iloc[800:].to_numpy())
        assert longer.margins.returns.index[-1] == len(returns) - 1
        assert longer.margins.returns.index.is_unique

    @pytest.mark.parametrize("margins", ["GARCH", rc.GARCH, {"A": "GARCH", "B": "GARCH"}])
    def test_margins_that_are_none(self, returns, margins):
        with pytest.raises(ModelError, match="is no specification"):
            rc.DCC(margins=margins).fit(returns)

    def test_appended_time_zones(self, returns):
        with pytest.raises(ModelError, match="indexed by"):
            rc.DCC().fit(returns.iloc[:800]).append(returns.iloc[800:].tz_localize("UTC"))

    def test_diagnostics_lags(self, returns):
        result = rc.DCC().fit(returns)
        assert len(result.diagnostics(5)) == 3
        with pytest.raises(ModelError, match="lags=900"):
            result.diagnostics(900)

    def test_appended_rows(self, returns):
        result = rc.DCC().fit(returns.iloc[:800])
        with pytest.raises(ModelError, match="not after the last row"):
            result.append(returns.iloc[799:])
        with pytest.raises(ModelError, match="lack \\['B'\\]"):
            result.append(returns[["A"]].iloc[800:])
        with pytest.raises(ModelError, match="has dates"):
            result.append(returns.iloc[800:].to_numpy())
        broken = returns.iloc[800:].copy()
        broken.iloc[3, 0] = np.nan
        with pytest.raises(ModelError, match="'A' is nan"):
            result.append(broken)
        with pytest.raises(ModelError, match=r"2 columns|3 columns"):
            rc.DCC().fit(returns.to_numpy()).append(np.ones((3, 3)))


class TestTold:
    @pytest.mark.parametrize("options", [{}, {"dist": "t", "variant": "cdcc"}, {"variant": "adcc"}])
    def test_one_sixty_sigma_day(self, returns, options):
        wild = returns.copy()
        wild.iloc[500] = [60 * wild["A"].std(), -60 * wild["B"].std()]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            result = rc.DCC(**options).fit(wild)
        finite(result)
        assert result.converged or result.message

    def test_integrated_variance(self):
        """The estimate reaches alpha + beta = 1: it is told, not called converged."""
        rng = np.random.default_rng(2)
        h, out = np.ones(2), []
        for _ in range(1500):
            e = np.sqrt(h) * rng.standard_t(4, 2) / np.sqrt(2)
            out.append(e)
            h = 0.001 + 0.3 * e**2 + 0.75 * h
        with pytest.warns(ConvergenceWarning, match="integrated"):
            result = rc.DCC().fit(np.array(out))
        assert not result.converged
        assert "alpha + beta = 1" in result.message
        finite(result)
        assert np.isfinite(result.margins.std_errors[["alpha", "beta"]]).all(axis=None)

    def test_persistence_on_its_bound(self):
        """S&P 500 and WTI: a + b + delta g = 1, with errors along the bound."""
        prices = rc.datasets.load_spx_wti()
        returns = 100 * np.log(prices).diff().dropna()
        with pytest.warns(ConvergenceWarning, match="correlation is integrated"):
            result = rc.DCC(variant="adcc", dist="t").fit(returns)
        assert result.bounds_hit == ("a + b + delta g = 1",)
        assert not result.converged
        finite(result)
        assert result.std_errors.notna().all()
        assert "along the bound" in result.summary()
        assert result.convergence["bounds_hit"] == "a + b + delta g = 1"

    def test_no_dynamics_at_all(self):
        z = np.random.default_rng(2).standard_normal((1000, 2))
        result = rc.DCC(margins=None, dist="t").fit(z)
        assert result.converged
        assert list(result.params[["a", "b"]]) == [0.0, 0.0]
        assert "b is not identified and set to 0" in result.message
        assert result.std_errors[["a", "b"]].isna().all()
        assert result.filtered.std() == pytest.approx(0.0, abs=1e-12)
        finite(result)

    def test_one_parameter_on_its_bound(self):
        """g = 0: the others keep their errors, those of the model without it."""
        returns = rc.simulate("mean_reverting", n_obs=2000, rng=3).returns
        wide = rc.DCC(variant="adcc").fit(returns)
        narrow = rc.DCC().fit(returns)
        assert wide.params["g"] == 0.0
        assert wide.bounds_hit == ("g = 0",)
        assert np.isnan(wide.std_errors["g"])
        np.testing.assert_allclose(wide.params[["a", "b"]], narrow.params, rtol=1e-5)
        np.testing.assert_allclose(wide.std_errors[["a", "b"]], narrow.std_errors, rtol=1e-3)
        assert "g = 0" in wide.message

    def test_appending_keeps_the_report(self, returns):
        prices = rc.datasets.load_spx_wti()
        market = 100 * np.log(prices).diff().dropna()
        with pytest.warns(ConvergenceWarning):
            fit = rc.DCC(variant="adcc").fit(market.iloc[:-20])
        longer = fit.append(market.iloc[-20:])
        assert not longer.converged
        assert (longer.bounds_hit, longer.message) == (fit.bounds_hit, fit.message)
        assert longer.n_params == fit.n_params
        assert longer.convergence.equals(fit.convergence)
        assert "NOT converged" in longer.summary()
        pd.testing.assert_frame_equal(longer.margins.std_errors, fit.margins.std_errors)
        pd.testing.assert_frame_equal(longer.target_std_errors, fit.target_std_errors)

    def test_margins_on_a_bound(self):
        z = np.random.default_rng(3).standard_normal((800, 2))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            result = rc.DCC().fit(z)
            assert any(leg.bounds_hit for leg in result.margins.legs)
            assert "held by a bound" in result.summary()
            assert np.isfinite(result.simulate(100, 20, 1).returns).all()

    def test_never_the_starting_values(self, returns):
        result = rc.DCC().fit(returns)
        starts = result.starts
        assert not np.isclose(starts["a"], result.params["a"], rtol=1e-6).any()
        followed = starts.dropna()
        assert (followed["reached"] >= followed["loglikelihood"]).all()
        assert starts["reached"].max() > starts["loglikelihood"].max()
        assert starts["reached"].max() == pytest.approx(result.correlation_loglikelihood)


def test_zero_returns_and_rounded_prices(returns):
    """Stale prices: many zeros, few distinct values."""
    rng = np.random.default_rng(1)
    stale = returns.where(rng.random(returns.shape) < 0.3, 0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        finite(rc.DCC().fit(stale))
        finite(rc.DCC().fit(returns.round(2)))
