"""How many regimes: the bootstrap likelihood ratio and the criteria beside it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

import regimecorr as rc
from regimecorr.errors import ModelError
from regimecorr.inference.regimes import likelihood_ratio, simulated_residuals
from regimecorr.models.switching.chain import RegimeParams
from regimecorr.models.switching.emissions import PairEmission
from regimecorr.models.switching.estimation import fit_regimes
from regimecorr.models.switching.matrix_emission import MatrixEmission

ONE = RegimeParams(np.array([[0.4]]), np.ones((1, 1)), 6.0)
TWO = RegimeParams(np.array([[0.1], [0.7]]), np.array([[0.98, 0.02], [0.03, 0.97]]), 6.0)


def sample(params: RegimeParams, n: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return simulated_residuals(PairEmission(np.zeros((n, 2))), params, rng)


class TestSimulatedResiduals:
    def test_have_the_moments_of_the_chain(self):
        z = sample(TWO, 200_000, 0)
        assert z.var(axis=0) == pytest.approx(1.0, abs=0.03)
        mean = (TWO.start @ TWO.own)[0]
        assert np.mean(z[:, 0] * z[:, 1]) == pytest.approx(mean, abs=0.02)
        kurtosis = np.mean(z[:, 0] ** 4) / np.mean(z[:, 0] ** 2) ** 2
        assert 4.5 < kurtosis < 8.5  # 3 (nu - 2) / (nu - 4) = 6, of heavy tails
        blocks = (z[:, 0] * z[:, 1]).reshape(-1, 20).mean(axis=1)
        still = sample(dataclasses.replace(ONE, own=np.array([[mean]])), 200_000, 1)
        calm = (still[:, 0] * still[:, 1]).reshape(-1, 20).mean(axis=1)
        assert np.corrcoef(blocks[1:], blocks[:-1])[0, 1] > 0.05
        assert abs(np.corrcoef(calm[1:], calm[:-1])[0, 1]) < 0.03

    def test_of_several_assets(self):
        emission = MatrixEmission(np.zeros((50_000, 3)), ("A", "B", "C"))
        R = np.array([[1.0, 0.5, 0.2], [0.5, 1.0, -0.3], [0.2, -0.3, 1.0]])
        truth = RegimeParams(emission.coordinates(R[None]), np.ones((1, 1)), np.inf)
        z = simulated_residuals(emission, truth, np.random.default_rng(0))
        np.testing.assert_allclose(z.T @ z / len(z), R, atol=0.03)


class TestStatistic:
    def test_is_twice_the_gain(self):
        z = sample(TWO, 1200, 2)
        null, value = likelihood_ratio(PairEmission(z), 1, True, 6)
        two = rc.SwitchingCorrelation(margins=None).fit(z)
        fewer = null.filter(PairEmission(z))[0].sum()
        assert value == pytest.approx(2 * (two.correlation_loglikelihood - fewer), abs=1e-3)

    def test_null_is_the_maximum(self):
        z = sample(ONE, 800, 3)
        emission = PairEmission(z)
        null, _ = likelihood_ratio(emission, 1, True, 6)
        best = null.filter(emission)[0].sum()
        for rho in null.own[0, 0] + np.array([-0.01, 0.01]):
            assert (
                RegimeParams(np.array([[rho]]), null.transition, null.nu).filter(emission)[0].sum()
                < best
            )
        for nu in null.nu * np.array([0.95, 1.05]):
            assert dataclasses.replace(null, nu=nu).filter(emission)[0].sum() < best

    def test_is_that_of_full_fits_on_null_samples(self):
        """Without regimes the likelihood has many optima; the quick search finds the best too."""
        for seed in range(200, 215):
            emission = PairEmission(sample(ONE, 600, seed))
            one, two = (
                fit_regimes(emission, k, heavy=True, n_starts=6).optimum.value for k in (1, 2)
            )
            found = likelihood_ratio(emission, 1, True, 6)[1]
            assert found == pytest.approx(2.0 * max(two - one, 0.0), abs=2e-2)

    def test_is_never_negative(self):
        for seed in range(15):
            assert likelihood_ratio(PairEmission(sample(ONE, 300, seed)), 1, True, 4)[1] >= 0.0


class TestBootstrap:
    def test_rejects_clear_regimes(self):
        found = rc.test_regimes(sample(TWO, 1500, 4), margins=None, n_boot=39, n_starts=4)
        assert found.pvalue == pytest.approx(1 / 40)
        assert found.mc_error == pytest.approx(np.sqrt(1 / 40 * 39 / 40 / 39))
        assert found.statistic > found.critical_values["1%"]
        assert "constant correlation" in found.summary()

    def test_pvalue_is_the_rank(self):
        found = rc.test_regimes(sample(ONE, 600, 5), margins=None, n_boot=29, n_starts=3)
        above = (found.simulated >= found.statistic).sum()
        assert found.pvalue == pytest.approx((1 + above) / 30)
        assert found.simulated.shape == (29,)

    def test_does_not_depend_on_threads(self):
        z = sample(ONE, 500, 6)
        one, two = (
            rc.test_regimes(z, margins=None, n_boot=19, n_starts=2, rng=3, n_jobs=n) for n in (1, 2)
        )
        np.testing.assert_array_equal(one.simulated, two.simulated)
        other = rc.test_regimes(z, margins=None, n_boot=19, n_starts=2, rng=4)
        assert not np.array_equal(one.simulated, other.simulated)

    def test_two_against_three(self):
        found = rc.test_regimes(
            sample(TWO, 1200, 7), n_regimes=2, margins=None, n_boot=19, n_starts=2
        )
        assert found.null == "2 regimes"
        assert found.alternative == "3 regimes"
        assert found.pvalue > 0.05

    def test_margins_are_fitted_first(self):
        world = rc.simulate("constant", n_obs=700, rng=3)
        direct = rc.test_regimes(world.returns, n_boot=19, n_starts=2)
        margins = rc.GARCH().fit(world.returns)
        again = rc.test_regimes(margins.std_resid, margins=None, n_boot=19, n_starts=2)
        assert direct.statistic == pytest.approx(again.statistic, abs=1e-9)

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"n_regimes": 0}, "n_regimes=0"),
            ({"n_boot": 5}, "n_boot=5"),
            ({"n_jobs": 0}, "n_jobs=0"),
            ({"dist": "cauchy"}, "dist="),
        ],
    )
    def test_bad_options(self, options, words):
        with pytest.raises(ModelError, match=words):
            rc.test_regimes(sample(ONE, 300, 0), margins=None, **options)


class TestSelection:
    def test_table(self):
        z = pd.DataFrame(sample(TWO, 1500, 8), columns=["A", "B"])
        found = rc.select_regimes(z, margins=None, n_boot=19, n_starts=3, level=0.06)
        assert found.n_regimes == 2
        table = found.table
        assert list(table.index) == [1, 2, 3]
        assert list(table["n_params"]) == [2, 5, 10]
        np.testing.assert_allclose(
            table["bic"], table["n_params"] * np.log(1500) - 2 * table["loglikelihood"]
        )
        assert table.loc[1, "icl"] == pytest.approx(table.loc[1, "bic"])
        assert table["bic"].idxmin() == 2
        gains = 2 * np.diff(table["loglikelihood"])
        np.testing.assert_allclose(table["lr"].dropna(), np.maximum(gains, 0), atol=0.02)
        assert table.loc[1, "pvalue"] == found.tests[0].pvalue
        assert np.isnan(table.loc[3, "pvalue"])
        assert "2 regimes" in found.summary()
        assert found.constancy.sup_pvalue < 0.1
        assert "Carrasco" in found.summary()
        assert found.results[1].regime_correlations["low"] == pytest.approx(0.1, abs=0.2)

    def test_all_rejected_gives_the_largest(self):
        z = sample(TWO, 1500, 8)
        found = rc.select_regimes(z, margins=None, max_regimes=2, n_boot=39, n_starts=2)
        assert found.tests[0].pvalue < 0.05
        assert found.n_regimes == 2

    def test_nearly_one_asset(self):
        high = dataclasses.replace(TWO, own=np.array([[0.991], [0.998]]))
        found = rc.select_regimes(
            sample(high, 400, 1), margins=None, max_regimes=2, n_boot=19, n_starts=2
        )
        assert found.constancy.rho > 0.98

    def test_bad_options(self):
        z = sample(ONE, 300, 0)
        with pytest.raises(ModelError, match="max_regimes=1"):
            rc.select_regimes(z, margins=None, max_regimes=1)
        with pytest.raises(ModelError, match=r"level=1\.5"):
            rc.select_regimes(z, margins=None, level=1.5)
