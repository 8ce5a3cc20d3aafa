"""The DCC family on S&P 500 and WTI against rmgarch, tsmarch, pymgarch and exact optima.

``data/README.md`` says where every file comes from.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import regimecorr as rc
from regimecorr.models._garch_fit import Margin
from regimecorr.models.margins import MarginsResult

DATA = Path(__file__).parent / "data"
RMGARCH = json.loads((DATA / "rmgarch_sp500_wti.json").read_text())
EXACT = json.loads((DATA / "exact_sp500_wti.json").read_text())
PYMGARCH = json.loads((DATA / "pymgarch_sp500_wti.json").read_text())
TSMARCH = json.loads((DATA / "tsmarch_sp500_wti.json").read_text())["sp500_wti"]

#: Names of the parameters in rmgarch's output.
THEIRS = {"a": "[Joint]dcca1", "b": "[Joint]dccb1", "g": "[Joint]dccg1", "nu": "[Joint]mshape"}
MODELS = {
    "dcc_mvn": {"variant": "dcc"},
    "dcc_mvt": {"variant": "dcc", "dist": "t"},
    "adcc_mvn": {"variant": "adcc", "asymmetry_target": "centred"},
}


def spec(model: str, presample: str) -> rc.DCC:
    return rc.DCC(**MODELS[model], presample=presample, target="covariance")


def given(block: dict[str, float]) -> dict[str, float]:
    return {mine: block[name] for mine, name in THEIRS.items() if name in block}


@pytest.fixture(scope="module")
def returns() -> pd.DataFrame:
    from arch.data import sp500, wti

    closes = [sp500.load()["Close"], wti.load().iloc[:, 0]]
    prices = pd.concat(closes, axis=1, join="inner").dropna()
    prices = prices[(prices > 0).all(axis=1)]
    prices.columns = ["sp500", "wti"]
    return 100 * np.log(prices).diff().dropna()


def rugarch_margins(returns: pd.DataFrame, fits: list[dict[str, float]]) -> MarginsResult:
    """Margins at given parameters under rugarch's rule: h_1 is the mean squared residual."""
    legs = []
    for name, fit in zip(returns, fits, strict=True):
        keys = ("mu", "omega", "alpha1", "gamma1", "beta1")
        theta = np.array([*(fit.get(k, fit.get(k.rstrip("1"), 0.0)) for k in keys), np.inf])
        series = np.ascontiguousarray(returns[name].to_numpy())
        first = np.mean((series - theta[0]) ** 2)
        backcast = (first - theta[1]) / (theta[2] + theta[4])
        legs.append(Margin(str(name), "GARCH", series, theta, (0, 1, 2, 4), np.eye(4), backcast))
    return MarginsResult(returns, tuple(legs))


@pytest.fixture(scope="module")
def rmgarch_first_stage(returns) -> MarginsResult:
    margins = rugarch_margins(returns, [f["coef"] for f in RMGARCH["univariate"]["fits"]])
    ours = pd.read_csv(DATA / "stdresid_sp500_wti.csv", index_col="date").to_numpy()
    np.testing.assert_allclose(margins.z, ours, atol=1e-12)
    return margins


@pytest.fixture(scope="module")
def exact_first_stage(returns) -> MarginsResult:
    return rugarch_margins(returns, EXACT["sp500_wti"]["univariate"])


class TestRmgarch:
    @pytest.mark.parametrize("model", MODELS)
    def test_its_likelihood_and_correlations_at_its_parameters(
        self, returns, rmgarch_first_stage, model
    ):
        theirs = RMGARCH[model]
        result = spec(model, "rmgarch").filter(
            returns, given(theirs["dcc"]), margins=rmgarch_first_stage
        )
        assert result.loglikelihood == pytest.approx(theirs["loglik"], abs=1e-6)
        np.testing.assert_allclose(result.filtered.iloc[-5:], theirs["last5_rho"], atol=1e-10)
        first = [matrix[0][1] for matrix in theirs["first3_R"]]
        np.testing.assert_allclose(result.filtered.iloc[:3], first, atol=1e-10)
        np.testing.assert_allclose(result.target, theirs["Qbar"], atol=1e-10)

    @pytest.mark.parametrize("model", ["dcc_mvn", "dcc_mvt"])
    def test_its_forecasts(self, returns, rmgarch_first_stage, model):
        theirs = RMGARCH[model]
        result = spec(model, "rmgarch").filter(
            returns, given(theirs["dcc"]), margins=rmgarch_first_stage
        )
        ahead = result.forecast(20, method="analytic-R").pair("sp500", "wti")
        np.testing.assert_allclose(ahead, theirs["forecast_R"], atol=1e-4)

    @pytest.mark.parametrize("model", MODELS)
    def test_two_step_standard_errors(self, returns, rmgarch_first_stage, model):
        """rmgarch counts no autocorrelation of the scores, and holds the target fixed."""
        result = spec(model, "rmgarch").fit(returns, margins=rmgarch_first_stage)
        expected = given(RMGARCH[model]["se_two_step_correct_transpose"])
        found = result.standard_errors("two-step", lags=0)
        np.testing.assert_allclose(found, list(expected.values()), rtol=0.01)
        alone = given(RMGARCH[model]["se_stage2_only_sandwich"])
        found = result.standard_errors("second-stage", lags=0)
        np.testing.assert_allclose(found, list(alone.values()), rtol=0.01)


class TestExactOptima:
    @pytest.mark.parametrize("presample", ["zeros", "ones"])
    @pytest.mark.parametrize("model", MODELS)
    def test_reached(self, returns, exact_first_stage, model, presample):
        exact = EXACT["sp500_wti"][f"{model}_z0_{int(presample == 'ones')}"]
        result = spec(model, presample).fit(returns, margins=exact_first_stage)
        assert result.converged
        assert result.loglikelihood == pytest.approx(exact["loglik"], abs=1e-7)
        np.testing.assert_allclose(
            result.params, [exact[k] for k in result.params.index], rtol=1e-5
        )
        np.testing.assert_allclose(result.filtered.iloc[-5:], exact["last5"], atol=1e-6)
        assert result.convergence["agree"] >= 2

    def test_corrected_dcc(self, returns, rmgarch_first_stage):
        exact = EXACT["sp500_wti_cdcc"]
        result = rc.DCC(variant="cdcc").fit(returns, margins=rmgarch_first_stage)
        # The joint likelihood there takes the first stage of the exact file.
        shift = -EXACT["sp500_wti"]["sum_univ_ll"] - RMGARCH["dcc_mvn"]["sum_univ_loglik"]
        assert result.loglikelihood == pytest.approx(exact["loglik"] + shift, abs=1e-5)
        np.testing.assert_allclose(result.params, [exact["a"], exact["b"]], rtol=1e-6)
        np.testing.assert_allclose(result.target, exact["S"], atol=1e-7)
        np.testing.assert_allclose(result.filtered.iloc[-5:], exact["last5"], atol=1e-6)
        np.testing.assert_allclose(result.filtered.iloc[:3], exact["first3"], atol=1e-6)


class TestPymgarch:
    """The same first stage (arch's conventions), rescaled target and Q_1 = target as here."""

    @pytest.mark.parametrize(
        ("name", "options"),
        [("dcc_mvn", {}), ("dcc_mvt", {"dist": "t"}), ("adcc_mvn", {"variant": "adcc"})],
    )
    def test_optimum(self, returns, name, options):
        theirs = PYMGARCH[f"pymgarch_sp500_wti_{name}"]
        fit = rc.DCC(**options).fit
        if name == "adcc_mvn":  # on the bound a + b + delta g = 1, where its standard errors fail
            with pytest.warns(rc.errors.ConvergenceWarning, match="a \\+ b \\+ delta g = 1"):
                result = fit(returns)
            assert not result.converged
            assert result.bounds_hit == ("a + b + delta g = 1",)
            assert (result.std_errors > 0).all()
            assert np.linalg.matrix_rank(result.covariance(), tol=1e-10) == 2
        else:
            result = fit(returns)
            ours = result.standard_errors("two-step", lags=0)
            np.testing.assert_allclose(ours, theirs["se"], rtol=0.03)
        assert -1e-4 < result.loglikelihood - theirs["loglik"] < 1e-3
        np.testing.assert_allclose(result.params, list(theirs["params"].values()), rtol=1e-3)
        np.testing.assert_allclose(result.filtered.iloc[-5:], theirs["last5_rho"], atol=1e-4)
        np.testing.assert_allclose(result.filtered.iloc[:3], theirs["first3_rho"], atol=1e-4)
        if "forecast_R" in theirs:
            ahead = result.forecast(20).pair("sp500", "wti")
            np.testing.assert_allclose(ahead, theirs["forecast_R"], atol=1e-4)

    def test_margins(self, returns):
        fitted = rc.GARCH().fit(returns)
        for name, theirs in zip(
            returns, PYMGARCH["pymgarch_sp500_wti_dcc_mvn"]["univ"], strict=True
        ):
            found = fitted.params.loc[name, ["mu", "omega", "alpha", "beta"]]
            np.testing.assert_allclose(found, list(theirs.values())[:4], rtol=2e-4)
            assert fitted.loglikelihood[name] == pytest.approx(theirs["loglik"], abs=1e-5)


@pytest.mark.parametrize("model", MODELS)
def test_tsmarch(returns, exact_first_stage, model):
    """Presample zeros; its own first stage differs in the fifth digit."""
    theirs = TSMARCH[model]
    result = spec(model, "zeros").fit(returns, margins=exact_first_stage)
    names = {"a": "alpha_1", "b": "beta_1", "g": "gamma_1", "nu": "shape"}
    expected = [theirs["params"][names[k]] for k in result.params.index]
    np.testing.assert_allclose(result.params, expected, rtol=5e-3)
    assert result.loglikelihood == pytest.approx(theirs["loglik"], abs=0.01)
    np.testing.assert_allclose(result.filtered.iloc[-5:], theirs["last5_rho"], atol=1e-4)
    # Its standard errors are the second stage's alone.
    order = [list(theirs["params"]).index(names[k]) for k in result.params.index]
    alone = np.array(theirs["se_QMLE"])[order]
    np.testing.assert_allclose(result.standard_errors("second-stage", lags=0), alone, rtol=0.02)
