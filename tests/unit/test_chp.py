"""The test of Carrasco, Hu and Ploberger: engine, null model, answer, and its size and power."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

import regimecorr as rc
from regimecorr.errors import EstimationError, ModelError
from regimecorr.inference import chp
from regimecorr.inference.chp import carrasco_hu_ploberger
from regimecorr.inference.chp_process import (
    ConstancyProcess,
    constancy_process,
    persistence_grid,
)
from regimecorr.kernels.chp import (
    correlation_derivatives,
    density_derivatives,
    maximise_correlation,
)
from regimecorr.kernels.density import constant_loglikelihood
from regimecorr.kernels.hamilton import regime_density_scores
from regimecorr.models.grid import NU_RANGE, fit_constant

ROOT = Path(__file__).resolve().parents[2]
BENCHMARK = ROOT / "benchmarks" / "chp_size.py"
NUS = [np.inf, 4.3, 60.0]


def correlated(n: int, rho: float, nu: float, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((n, 2))
    z[:, 1] = rho * z[:, 0] + np.sqrt(1.0 - rho**2) * z[:, 1]
    if np.isfinite(nu):
        z *= np.sqrt((nu - 2.0) / rng.chisquare(nu, n))[:, None]
    return z


def moving(n: int, seed: int) -> np.ndarray:
    """A correlation that changes between .1 and .7 every 50 rows."""
    z = correlated(n, 0.0, np.inf, seed)
    rho = np.where(np.arange(n) // 50 % 2 == 0, 0.1, 0.7)
    z[:, 1] = rho * z[:, 0] + np.sqrt(1.0 - rho**2) * z[:, 1]
    return z


@pytest.fixture(scope="module")
def benchmark():
    spec = importlib.util.spec_from_file_location("chp_size", BENCHMARK)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class TestDerivatives:
    @pytest.mark.parametrize("nu", NUS)
    def test_first_are_those_of_the_regime_model(self, nu):
        z = correlated(40, 0.4, 5.0, 0)
        scores, _ = correlation_derivatives(z, -0.35, nu)
        _, by_rho, by_nu = regime_density_scores(z, np.array([-0.35]), nu)
        np.testing.assert_allclose(scores, np.hstack([by_rho, by_nu]), rtol=1e-12, atol=1e-14)

    @pytest.mark.parametrize("nu", NUS)
    def test_second_are_differences_of_the_first(self, nu):
        step = 1e-5
        for x, y in correlated(40, 0.4, 5.0, 1):
            exact = density_derivatives(x, y, 0.37, nu)
            sides = [density_derivatives(x, y, 0.37 + s, nu) for s in (step, -step)]
            by_rho = (np.array(sides[0]) - np.array(sides[1])) / (2.0 * step)
            np.testing.assert_allclose(by_rho[:2], [exact[2], exact[3]], rtol=1e-6, atol=1e-7)
            if np.isfinite(nu):
                sides = [density_derivatives(x, y, 0.37, nu + s) for s in (step, -step)]
                by_nu = (np.array(sides[0]) - np.array(sides[1])) / (2.0 * step)
                np.testing.assert_allclose(by_nu[:2], [exact[3], exact[4]], rtol=1e-5, atol=1e-8)

    def test_expected_second_order_density_is_zero(self):
        """E[M + l^2] = 0 under the null: the density integrates to one at every correlation."""
        z = correlated(200_000, 0.5, 6.0, 2)
        scores, curvature = correlation_derivatives(z, 0.5, 6.0)
        total = curvature + scores[:, 0] ** 2
        assert abs(total.mean()) < 4.0 * total.std() / np.sqrt(len(z))
        assert abs(scores.mean(axis=0)).max() < 4.0 * scores.std(axis=0).max() / np.sqrt(len(z))


class TestNull:
    @pytest.mark.parametrize(
        ("n", "rho", "nu"),
        [(1000, 0.5, 5.0), (250, -0.8, 3.0), (2500, 0.0, 8.0), (300, 0.95, 2.5), (400, 0.3, 300.0)],
    )
    def test_finds_the_optimum_of_the_constant_model(self, n, rho, nu):
        z = correlated(n, rho, nu, 3)
        found = maximise_correlation(z, 0.0, 8.0, *NU_RANGE, 0.99)
        slow = fit_constant(z, "t")
        assert found[2] < 1e-7
        assert found[0] == pytest.approx(np.tanh(slow.fisher), abs=1e-5)
        assert found[1] == pytest.approx(slow.nu, rel=1e-4)
        best = constant_loglikelihood(z, np.tanh(slow.fisher), slow.nu)
        assert constant_loglikelihood(z, *found[:2]) > best - 1e-7

    def test_normal(self):
        z = correlated(600, 0.4, np.inf, 4)
        rho, nu, gain = maximise_correlation(z, -0.9, np.inf, *NU_RANGE, 0.99)
        assert rho == pytest.approx(np.tanh(fit_constant(z, "normal").fisher), abs=1e-6)
        assert nu == np.inf
        assert gain < 1e-7
        assert abs(correlation_derivatives(z, rho, nu)[0][:, 0].sum()) < 1e-3

    def test_start_does_not_matter(self):
        z = correlated(500, 0.6, 4.0, 5)
        starts = [(-0.95, 2.3), (0.95, 99.0), (0.0, 8.0)]
        found = [maximise_correlation(z, r, v, *NU_RANGE, 0.99)[:2] for r, v in starts]
        np.testing.assert_allclose(found, [found[0]] * 3, rtol=1e-5)


class TestProcess:
    RHO = np.array([-0.6, 0.0, 0.5, 0.97])

    def problem(self, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(seed)
        scores = rng.standard_normal((60, 3))
        scores -= scores.mean(axis=0)
        half = rng.standard_normal((60, 2, 2))
        return scores, half + half.transpose(0, 2, 1)

    def test_equals_the_formula(self):
        """Double sum over rows, and least squares, term by term."""
        scores, hessians = self.problem()
        h = np.array([0.6, -0.8])
        process = constancy_process(
            scores, hessians, self.RHO, switching=(0, 2), directions=h[None], n_total=64
        )
        slope = scores[:, [0, 2]] @ h
        for rho, found in zip(self.RHO, process.standardized[0], strict=True):
            mu = np.empty(60)
            for t in range(60):
                past = sum(rho ** (t - s) * slope[s] for s in range(t))
                own = h @ hessians[t] @ h + slope[t] ** 2
                mu[t] = 0.5 * own + slope[t] * past
            e = mu - scores @ np.linalg.lstsq(scores, mu, rcond=None)[0]
            assert found == pytest.approx(mu.sum() / np.sqrt(64) / np.sqrt(np.mean(e**2)))

    def test_units_of_parameters_and_length_of_directions_do_not_matter(self):
        scores, hessians = self.problem()
        turned = scores @ np.diag([1.0, 1e6, 1e-6])
        base = constancy_process(scores, hessians[:, :1, :1], self.RHO)
        other = constancy_process(
            turned, hessians[:, :1, :1], self.RHO, directions=np.array([[-7.0]])
        )
        np.testing.assert_allclose(base.standardized, other.standardized, rtol=1e-9)

    def test_a_score_of_zeros_is_dropped(self):
        scores, hessians = self.problem()
        wider = np.column_stack([scores, np.zeros(60), scores[:, 0]])
        base = constancy_process(scores, hessians[:, :1, :1], self.RHO)
        other = constancy_process(wider, hessians[:, :1, :1], self.RHO)
        np.testing.assert_allclose(base.standardized, other.standardized, rtol=1e-9)

    def test_what_the_scores_explain_says_nothing(self):
        """A normal mean: at rho = 0 ``mu_2`` is a multiple of the variance's score."""
        x = np.random.default_rng(0).standard_normal(200)
        x -= x.mean()
        v = x @ x / 200
        scores = np.column_stack([x / v, 0.5 * x**2 / v**2 - 0.5 / v])
        process = constancy_process(scores, np.full((200, 1, 1), -1.0 / v), np.zeros(1))
        assert np.isnan(process.standardized[0, 0])
        assert process.sup_ts == 0.0
        assert process.exp_ts == 1.0
        assert np.isnan(process.best_persistence)

    def test_statistics_of_known_values(self):
        """TS of 2 and -1; the normal distribution function from tables."""
        process = ConstancyProcess(np.array([[2.0, -1.0]]), np.ones((1, 1)), np.array([0.5, 0.9]))
        assert process.sup_ts == 2.0
        assert process.best_persistence == 0.5
        psi = np.sqrt(2 * np.pi) * np.array([np.exp(0.5) * 0.8413447, np.exp(2.0) * 0.0227501])
        assert process.exp_ts == pytest.approx(psi.mean(), rel=1e-6)

    def test_enormous_statistics_stay_ordered(self):
        big = [
            ConstancyProcess(np.array([[t]]), np.ones((1, 1)), np.array([0.5]))
            for t in (50.0, 60.0)
        ]
        assert np.isinf(big[0].exp_ts)
        assert big[0].log_exp_ts < big[1].log_exp_ts < np.inf

    def test_bad_input(self):
        scores, hessians = self.problem()
        with pytest.raises(ModelError, match="need \\(60, 1, 1\\)"):
            constancy_process(scores, hessians, self.RHO)
        with pytest.raises(ModelError, match="directions"):
            constancy_process(scores, hessians, self.RHO, switching=(0, 1))
        with pytest.raises(ModelError, match="within \\(-1, 1\\)"):
            constancy_process(scores, hessians[:, :1, :1], np.array([0.5, 1.0]))

    def test_grid_has_equal_steps_of_log_memory(self):
        grid = persistence_grid(0.5, 0.99)
        assert (grid[0], grid[-1], grid.size) == (0.5, pytest.approx(0.99), 25)
        np.testing.assert_allclose(np.diff(np.log(1.0 - grid), 2), 0.0, atol=1e-12)


class TestAnswer:
    def test_seed_decides_and_threads_do_not(self):
        z = correlated(400, 0.4, 6.0, 6)
        tests = [
            carrasco_hu_ploberger(z, margins=None, n_boot=59, rng=seed, n_jobs=jobs)
            for seed, jobs in ((0, 1), (0, 2), (1, 1))
        ]
        assert tests[0].summary() == tests[1].summary()
        assert tests[0].critical_values.equals(tests[1].critical_values)
        assert not tests[0].critical_values.equals(tests[2].critical_values)
        assert tests[0].sup_ts == tests[2].sup_ts

    @pytest.mark.parametrize("change", ["swap", "negate"])
    def test_order_and_sign_of_the_assets_do_not_matter(self, change):
        z = correlated(400, 0.4, 6.0, 7)
        other = np.ascontiguousarray(z[:, ::-1]) if change == "swap" else z * [1.0, -1.0]
        options = {"margins": None, "n_boot": 19, "rng": 0}
        one, two = (carrasco_hu_ploberger(x, **options) for x in (z, other))
        assert one.sup_ts == pytest.approx(two.sup_ts, rel=1e-5)
        assert one.exp_ts == pytest.approx(two.exp_ts, rel=1e-5)

    @pytest.mark.parametrize("bootstrap", ["parametric", "permutation"])
    def test_pvalues_count_the_replicates(self, bootstrap, monkeypatch):
        z = correlated(300, 0.3, 5.0, 8)
        kept = []
        original = chp._replicates
        monkeypatch.setattr(chp, "_replicates", lambda *a: kept.append(original(*a)) or kept[-1])
        test = carrasco_hu_ploberger(z, margins=None, bootstrap=bootstrap, n_boot=39, rng=2)
        draws = np.array([row[:2] for chunk in kept for row in chunk])
        assert len(draws) == 39
        assert test.sup_pvalue == (1 + (draws[:, 0] >= test.sup_ts).sum()) / 40
        assert test.exp_pvalue == (1 + (np.exp(draws[:, 1]) >= test.exp_ts).sum()) / 40
        p = test.sup_pvalue
        assert test.sup_pvalue_se == pytest.approx(np.sqrt(p * (1 - p) / 40))
        assert test.critical_values.loc[0.05, "supTS"] in draws[:, 0]

    def test_normal_errors(self):
        z = correlated(400, 0.4, np.inf, 19)
        test = carrasco_hu_ploberger(z, dist="normal", margins=None, n_boot=39, rng=0)
        assert test.nu == np.inf
        assert "normal errors" in test.null
        assert test.sup_pvalue > 0.05

    def test_finds_a_moving_correlation(self):
        for bootstrap in ("parametric", "permutation"):
            test = carrasco_hu_ploberger(
                moving(1000, 10), margins=None, bootstrap=bootstrap, n_boot=59, rng=0
            )
            assert test.sup_pvalue == test.exp_pvalue == 1 / 60
            assert 0.8 < test.persistence < 0.99

    def test_result_reads_well_and_is_frozen(self):
        world = rc.simulate("constant", n_obs=400, rng=1)
        test = carrasco_hu_ploberger(world.returns, n_boot=19, rng=0)
        text = test.summary()
        for part in ("A and B is constant", "supTS", "expTS", "19 parametric", "fitted margins"):
            assert part in text
        assert repr(test).startswith("<CHPTest: supTS")
        assert "\n" not in repr(test)
        assert list(test.critical_values.index) == [0.10, 0.05, 0.01]
        assert (np.diff(test.critical_values, axis=0) >= 0).all()
        with pytest.raises(dataclasses.FrozenInstanceError):
            test.sup_ts = 0.0

    def test_fitted_margins_may_be_passed(self):
        returns = rc.simulate("constant", n_obs=400, rng=1).returns
        margins = rc.GARCH().fit(returns)
        options = {"n_boot": 19, "rng": 0}
        one = carrasco_hu_ploberger(returns, margins=margins, **options)
        assert one.summary() == carrasco_hu_ploberger(returns, **options).summary()
        with pytest.raises(ModelError, match="belong to other returns"):
            carrasco_hu_ploberger(returns * 2.0, margins=margins, **options)

    def test_light_tails_are_said(self):
        rng = np.random.default_rng(0)
        z = rng.uniform(-np.sqrt(3.0), np.sqrt(3.0), (400, 2))
        test = carrasco_hu_ploberger(z, margins=None, n_boot=19, rng=0)
        assert test.nu == pytest.approx(NU_RANGE[1])
        assert any("upper bound 100" in note for note in test.notes)

    def test_an_unreached_optimum_is_said(self, monkeypatch):
        z = correlated(300, 0.3, 5.0, 8)
        original = chp.maximise_correlation
        calls = []

        def poor(*arguments):
            calls.append(1)
            rho, nu, gain = original(*arguments)
            return rho, nu, (np.inf if len(calls) == 3 else gain)

        monkeypatch.setattr(chp, "maximise_correlation", poor)
        test = carrasco_hu_ploberger(z, margins=None, n_boot=19, rng=0)
        assert "1 replicate did not reach the optimum of the null" in test.notes
        calls[:] = [1, 1]
        with pytest.raises(EstimationError, match="did not converge"):
            carrasco_hu_ploberger(z, margins=None, n_boot=19, rng=0)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"rho_min": 0.9, "rho_max": 0.5}, "rho_min=0.9"),
            ({"rho_max": 1.0}, "rho_max=1.0"),
            ({"n_boot": 5}, "at least 19"),
            ({"n_boot": 99.0}, "whole number"),
            ({"n_jobs": 0}, "n_jobs=0"),
            ({"dist": "cauchy"}, "unknown; use 'normal' or 't'"),
            ({"bootstrap": "wild"}, "bootstrap='wild' is unknown"),
        ],
    )
    def test_bad_options(self, options, message):
        with pytest.raises(ModelError, match=message):
            carrasco_hu_ploberger(correlated(300, 0.3, 5.0, 0), margins=None, **options)

    def test_bad_returns(self):
        z = correlated(300, 0.3, 5.0, 0)
        with pytest.raises(ModelError, match="standardized residuals"):
            carrasco_hu_ploberger(0.01 * z, margins=None)
        with pytest.raises(ModelError, match="too few"):
            carrasco_hu_ploberger(z[:150], margins=None)
        with pytest.raises(ModelError, match="two return series"):
            carrasco_hu_ploberger(np.column_stack([z, z[:, 0]]), margins=None)


class TestSizeAndPower:
    """Reduced runs of benchmarks/chp_size.py; 19 or 39 replicates make a 5 % test exact."""

    @pytest.mark.parametrize("name", ["t5 errors", "independent t5 shocks, permutation"])
    def test_size(self, benchmark, name):
        """Standard error .015: a size of .00 or .10 would be seen."""
        found = benchmark.rejections(name, 200, 19, seed=3)
        for statistic in ("supTS", "expTS"):
            assert 0.01 <= found[f"{statistic} at 5%"] <= 0.10

    def test_power(self, benchmark):
        found = benchmark.rejections("recurrent .2/.7, p .98/.97, t5 errors", 30, 19, seed=3)
        assert min(found["supTS at 5%"], found["expTS at 5%"]) >= 0.85

    def test_the_default_range_suits_daily_regimes(self, benchmark):
        power = benchmark.power_by_range(5.0, 150, 60)
        for statistic in ("supTS", "expTS"):
            name = f"recurrent .35/.6, {statistic}"
            assert power["0.5 to 0.99"][name] > power["-0.7 to 0.7"][name] + 0.15

    def test_the_record_is_what_the_docstring_says(self):
        found = json.loads((ROOT / "docs" / "_results" / "chp_size.json").read_text())
        size, power = found["size"], found["power"]
        for statistic in ("supTS at 5%", "expTS at 5%"):
            for name in ("normal errors", "t5 errors", "independent t5 shocks, permutation"):
                assert 0.03 <= size[name][statistic] <= 0.07
            fitted = size["GARCH-t5 returns, fitted margins"]
            assert abs(fitted[statistic] - 0.05) < 2.0 * fitted[f"{statistic}, s.e."]
            assert size["independent t5 shocks"][statistic] < 0.01
            assert size["t5 errors, test with normal errors"][statistic] > 0.95
            weak = "recurrent .35/.6, p .99, t5 errors"
            loss = power[weak][statistic] - power[f"{weak}, permutation"][statistic]
            assert abs(loss) < 2.0 * power[weak][f"{statistic}, s.e."]
        by_range = found["power by range of the persistence, t5 errors"]
        for statistic in ("supTS", "expTS"):
            name = f"recurrent .35/.6, {statistic}"
            assert by_range["-0.7 to 0.7"][name] < 0.5 * by_range["0.5 to 0.99"][name]

    @pytest.mark.slow
    @pytest.mark.parametrize(
        "name",
        [
            "normal errors",
            "t5 errors",
            "GARCH-t5 returns, fitted margins",
            "GARCH-t5 returns, fitted margins, permutation",
        ],
    )
    def test_size_in_full(self, benchmark, name):
        """Standard error .010."""
        found = benchmark.rejections(name, 500, 99, seed=4)
        for statistic in ("supTS", "expTS"):
            assert 0.02 <= found[f"{statistic} at 5%"] <= 0.08
