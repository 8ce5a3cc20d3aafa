"""Uncertainty of the DCC family against numeric differentiation and re-estimation."""

from __future__ import annotations

import dataclasses
import warnings

import numpy as np
import pandas as pd
import pytest

import regimecorr as rc
from regimecorr.errors import ConvergenceWarning, ModelError
from regimecorr.models._garch_fit import Margin
from regimecorr.models.dcc.drawing import Coordinates, bartlett_weights
from regimecorr.models.dcc.inference import Inference
from regimecorr.models.dcc.moments import memory
from regimecorr.models.dcc.target import TargetRule
from regimecorr.models.margins import MarginsResult
from regimecorr.models.sandwich import long_run_covariance


def simulated(n: int, size: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    common = rng.standard_t(7, (n, 1))
    slow = 0.6 + 0.3 * np.sin(np.arange(n) / 60.0)[:, None]
    z = slow * common + rng.standard_t(7, (n, size))
    z = z / z.std(axis=0)
    h, out = np.ones(size), np.empty_like(z)
    for t, shock in enumerate(z):
        out[t] = np.sqrt(h) * shock
        h = 0.05 + h * (0.08 * shock**2 + 0.87)
    return out


CASES = {
    "dcc": ({}, 2),
    "dcc, t": ({"dist": "t"}, 2),
    "dcc, 3 assets": ({"dist": "t", "order": (2, 1)}, 3),
    "adcc": ({"variant": "adcc"}, 2),
    "adcc, centred": ({"variant": "adcc", "asymmetry_target": "centred", "presample": "ones"}, 3),
    "cdcc": ({"variant": "cdcc"}, 2),
    "cdcc, zeros": ({"variant": "cdcc", "dist": "t", "presample": "zeros"}, 3),
    "covariance": ({"target": "covariance", "presample": "rmgarch"}, 2),
    "shrunk composite": (
        {"likelihood": "composite", "pairs": "all", "shrinkage": "ledoit-wolf"},
        3,
    ),
}


@pytest.fixture(scope="module", params=CASES)
def fitted(request):
    options, size = CASES[request.param]
    return rc.DCC(**options).fit(simulated(700, size, 5))


def shifted_margins(margins: MarginsResult, leg: int, parameter: int, step: float) -> MarginsResult:
    legs = list(margins.legs)
    theta = legs[leg].theta.copy()
    theta[parameter] += step
    legs[leg] = dataclasses.replace(legs[leg], theta=theta)
    return MarginsResult(margins.returns, tuple(legs))


def total_score(dynamics, theta, margins: MarginsResult) -> np.ndarray:
    return dataclasses.replace(dynamics, z=np.ascontiguousarray(margins.z)).total(theta)[1]


class TestCrossDerivatives:
    """Second-stage scores by margin parameters: the adjoint against brute-force differences."""

    @pytest.mark.parametrize("through_target", [False, True])
    def test_by_margins(self, fitted, through_target):
        theta = fitted.params.to_numpy()
        dynamics = fitted.dynamics
        if not through_target:
            asymmetry = dynamics.asymmetry if dynamics.layout.asymmetric else None
            held = {"given": dynamics.target(theta), "given_asymmetry": asymmetry}
            if not dynamics.corrected:
                dynamics = dataclasses.replace(dynamics, **held)
        inference = fitted._inference
        fixed, whole, _, _ = inference._slopes
        if dynamics.corrected and not through_target:
            # No other way to hold this target where it is; that it matters must show.
            assert not np.allclose(fixed[0], whole[0], rtol=1e-3)
            return
        chosen = whole if through_target else fixed
        for leg, margin in enumerate(fitted.margins.legs):
            slopes = np.stack([block[:, leg] @ margin.residual_slopes for block in chosen])
            for position, parameter in enumerate(margin.free):
                step = 1e-4 * (0.05 if parameter == 1 else 1.0)
                high, low = (
                    total_score(dynamics, theta, shifted_margins(fitted.margins, leg, parameter, s))
                    for s in (step, -step)
                )
                numeric = (high - low) / (2 * step)
                scale = np.abs(slopes).max(axis=1) + 1e-9
                np.testing.assert_allclose(slopes[:, position] / scale, numeric / scale, atol=2e-3)

    def test_by_the_target(self, fitted):
        """The score's derivative by one entry of the target, along the profile for cDCC."""
        theta, dynamics = fitted.params.to_numpy(), fitted.dynamics
        by_target = fitted._inference._slopes[2]
        base = dynamics.target(theta)
        for k in range(theta.size):
            step = np.zeros(theta.size)
            step[k] = 1e-5 * (10.0 if fitted.params.index[k] == "nu" else 1.0)

            def value(side, change, step=step):
                at = theta + side * step
                # the profile's target at these parameters, moved by `change`
                target = dynamics.target(at) + change
                return dataclasses.replace(dynamics, given=target).total(at)[0]

            bump = np.zeros_like(base)
            bump[0, 1] = bump[1, 0] = 1e-5
            cross = value(1, bump) - value(1, -bump) - value(-1, bump) + value(-1, -bump)
            numeric = cross / (4 * step[k] * 1e-5)
            analytic = by_target[k][0, 1] + by_target[k][1, 0]
            assert analytic == pytest.approx(numeric, rel=2e-2, abs=2.0)


def test_adjoint_by_the_target_counts_the_first_row():
    """Short samples, in which what stands before them matters."""
    z = simulated(200, 3, 9)[:30]
    for presample in ("target", "zeros", "ones"):
        dynamics = rc.DCC(presample=presample, margins=None)._dynamics(z)
        theta = np.array([0.1, 0.8])
        base = dynamics.target(theta)
        by_target = dynamics.adjoints(theta, False)[1]
        bump = np.zeros((3, 3))
        bump[0, 2] = bump[2, 0] = 1e-6
        high, low = (
            dataclasses.replace(dynamics, given=base + s * bump).total(theta)[0] for s in (1, -1)
        )
        assert by_target[0, 2] + by_target[2, 0] == pytest.approx((high - low) / 2e-6, rel=1e-5)


class TestTargetRule:
    @pytest.mark.parametrize("kind", ["correlation", "covariance"])
    @pytest.mark.parametrize("shrinkage", [0.0, 0.3])
    def test_push_and_pull(self, kind, shrinkage):
        rng = np.random.default_rng(0)
        rule = TargetRule(kind, shrinkage)
        e = rng.standard_normal((50, 3)) + 0.3
        moment = rule.moment(e)
        change = rng.standard_normal((3, 3))
        change = change + change.T
        numeric = (rule.value(moment + 1e-6 * change) - rule.value(moment - 1e-6 * change)) / 2e-6
        np.testing.assert_allclose(rule.push(moment, change), numeric, atol=1e-8)
        slope = rng.standard_normal((3, 3))
        slope = slope + slope.T
        through = np.sum(rule.pull(moment, slope) * change)
        assert through == pytest.approx(np.sum(slope * numeric), rel=1e-7)

    def test_conventions(self):
        e = np.random.default_rng(1).standard_normal((80, 3)) + 0.2
        np.testing.assert_allclose(TargetRule("covariance").moment(e), np.cov(e.T))
        plain = TargetRule()
        raw = e.T @ e / 80
        np.testing.assert_allclose(plain.moment(e), raw)
        root = np.sqrt(np.diag(raw))
        np.testing.assert_allclose(plain.value(raw), raw / np.outer(root, root))

    def test_shrinkage_is_scikit_learns(self):
        from sklearn.covariance import ledoit_wolf

        z = simulated(300, 6, 2)
        result = rc.DCC(margins=None, shrinkage="ledoit-wolf").filter(z, {"a": 0.02, "b": 0.9})
        expected, _ = ledoit_wolf(z, assume_centered=True)
        root = np.sqrt(np.diag(expected))
        np.testing.assert_allclose(result.target, expected / np.outer(root, root), rtol=1e-10)


class TestStages:
    def test_each_stage_counts_more(self, fitted):
        """Scores alone; with the margins; with the target: three different answers."""
        tables = [fitted.covariance(s) for s in ("second-stage", "two-step", "three-stage")]
        for table in tables:
            assert list(table.index) == list(fitted.params.index)
            np.testing.assert_allclose(table, table.T, rtol=1e-10)
            assert (np.linalg.eigvalsh(table) > -1e-12).all()
        assert not np.allclose(tables[0], tables[1], rtol=1e-4)
        assert not np.allclose(tables[1], tables[2], rtol=1e-6)

    def test_without_margins_two_steps_are_one(self):
        result = rc.DCC(margins=None, dist="t").fit(simulated(700, 2, 6))
        pd.testing.assert_frame_equal(
            result.covariance("second-stage"), result.covariance("two-step")
        )

    def test_scores_sum_to_nothing_and_give_the_sandwich(self, fitted):
        inference: Inference = fitted._inference
        total = inference.scores.sum(axis=0)
        assert 0.5 * total @ inference.inverse @ total < 1e-7  # what a Newton step would gain
        if fitted.bounds_hit:
            return
        H = inference.optimum.hessian
        meat = inference.scores.T @ inference.scores
        plain = np.linalg.inv(H) @ meat @ np.linalg.inv(H)
        np.testing.assert_allclose(fitted.covariance("second-stage", lags=0), plain, rtol=1e-6)

    def test_target_influence_is_the_derivative_by_row_weights(self):
        """For CCC: an extra weight on one row moves the target by its influence."""
        z = simulated(400, 3, 3)
        result = rc.DCC(variant="ccc", margins=None).fit(z)
        influence = result._inference.target_influence(0, 2)
        for t in (0, 17, 399):
            targets = []
            for extra in (1e-4, -1e-4):
                weights = np.ones(400)
                weights[t] += extra
                moment = (z * weights[:, None]).T @ z / weights.sum()
                targets.append(TargetRule().value(moment)[0, 2])
            move = 400 * (targets[0] - targets[1]) / 2e-4
            assert influence[t] == pytest.approx(move, rel=1e-3)
        expected = np.corrcoef(z.T)[0, 2]
        assert result.target.iloc[0, 2] == pytest.approx(expected, abs=0.01)

    def test_ccc_standard_error_of_the_correlation(self):
        """Gaussian: (1 - rho^2) / sqrt(T)."""
        rng = np.random.default_rng(4)
        z = rng.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], 20_000)
        result = rc.DCC(variant="ccc", margins=None).fit(z)
        expected = (1 - 0.36) / np.sqrt(20_000)
        assert result.target_std_errors.iloc[0, 1] == pytest.approx(expected, rel=0.05)


class TestMemory:
    """What a row adds stays in the later rows' correlations, as long as the sample lasts."""

    @pytest.mark.parametrize("order", [(1, 1), (2, 2), (1, 0)])
    def test_response_by_hand(self, order):
        p, q = order
        z = np.random.default_rng(0).standard_normal((250, 2))
        names = rc.DCC(order=order, margins=None)._dynamics(z).layout.names
        known = dict(zip(names, [0.05, 0.03, 0.5, 0.3][:p] + [0.5, 0.3][:q], strict=True))
        result = rc.DCC(order=order, margins=None).filter(z, known)
        found = memory(result.dynamics, result.params.to_numpy())
        a, b = list(known.values())[:p], list(known.values())[p:]
        Q, x = [0.0], [1.0]
        for k in range(1, 250):
            now = sum(a[i] * x[k - 1 - i] for i in range(p) if k - 1 - i >= 0)
            now += sum(b[j] * Q[k - 1 - j] for j in range(q) if k - 1 - j >= 0)
            Q.append(now)
            x.append(now)
        expected = np.cumsum([0.0, *x[1:]])[::-1]
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)

    @pytest.mark.parametrize("variant", ["dcc", "cdcc"])
    def test_news_are_not_autocorrelated(self, variant):
        """So no lag window is needed: 0 lags and 200 give the same long-run variance."""
        carrier = rc.DCC(variant=variant, margins=None).filter(
            np.random.default_rng(0).standard_normal((300, 2)), {"a": 0.05, "b": 0.93}, target=0.5
        )
        z = carrier.replicate(1, 3, n_obs=20_000).returns[0]
        result = rc.DCC(variant=variant, margins=None).fit(z)
        rows = result._inference.target_influence(0, 1)
        short, long = (long_run_covariance(rows[:, None], lags)[0, 0] for lags in (0, 200))
        assert long / short == pytest.approx(1.0, abs=0.3)
        raw = z[:, 0] * z[:, 1] - np.mean(z[:, 0] * z[:, 1])
        short, long = (long_run_covariance(raw[:, None], lags)[0, 0] for lags in (0, 200))
        assert long / short > 1.8

    @pytest.mark.parametrize("variant", ["dcc", "cdcc", "adcc"])
    def test_an_integrated_correlation_has_finite_errors(self, variant):
        """A random walk: next to the bound the target is hardly known; a and b are."""
        returns = rc.simulate("random_walk", n_obs=1500, rng=8).returns
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            result = rc.DCC(variant=variant).fit(returns)
        assert result.dynamics.persistence(result.params.to_numpy()) > 0.999
        assert 0.3 < result.target_std_errors.iloc[0, 1] < 20.0
        two, three = result.standard_errors("two-step"), result.standard_errors()
        free = two.notna()
        assert (three[free] < 10 * two[free]).all()
        assert (three[free] < 0.1).all()


class TestBands:
    def test_widen_with_ci_prob_and_hold_the_correlation(self, fitted):
        names = fitted.names
        narrow = fitted.bands(names[0], names[1], ci_prob=0.5)
        wide = fitted.bands(names[0], names[1], ci_prob=0.99)
        assert (wide["lower"] < narrow["lower"]).all()
        assert (narrow["lower"] < narrow["correlation"]).all()
        assert (narrow["correlation"] < narrow["upper"]).all()
        assert (narrow["upper"] < wide["upper"]).all()
        assert wide.abs().to_numpy().max() < 1
        pd.testing.assert_series_equal(
            wide["correlation"], fitted.pair(names[0], names[1]), check_names=False
        )

    def test_delta_method_against_draws(self):
        """The spread of correlation paths over drawn parameters is that of the bands."""
        result = rc.DCC(margins=None).fit(simulated(2500, 2, 8))
        draws = result._draw_parameters(600, np.random.default_rng(0))
        paths = [
            result.dynamics.pair_path(t, 0, 1, target=s)[1][:-1]
            for t, s in zip(draws.theta, draws.target, strict=True)
        ]
        spread = np.arctanh(np.array(paths)).std(axis=0)
        bands = result.bands("0", "1", ci_prob=0.6826894921370859)
        width = (np.arctanh(bands["upper"]) - np.arctanh(bands["lower"])).to_numpy() / 2
        assert np.median(spread / width) == pytest.approx(1.0, abs=0.2)

    def test_bad_arguments(self, fitted):
        with pytest.raises(ModelError, match=r"ci_prob=1\.5"):
            fitted.bands("0", "1", ci_prob=1.5)
        with pytest.raises(ModelError, match="no asset 'gold'"):
            fitted.bands("0", "gold")
        with pytest.raises(ModelError, match="both are '1'"):
            fitted.pair("1", "1")

    @pytest.mark.parametrize("stages", ["three-step", "", "2"])
    def test_unknown_stages(self, fitted, stages):
        with pytest.raises(ModelError, match="use one of"):
            fitted.standard_errors(stages)

    @pytest.mark.parametrize("lags", [-1, 2.5, 400])
    def test_bad_lags(self, fitted, lags):
        with pytest.raises(ModelError, match="lags="):
            fitted.covariance(lags=lags)


class TestDraws:
    def test_weights_have_the_bartlett_autocovariance(self):
        weights = bartlett_weights(4000, 300, np.random.default_rng(0))
        lags = int(4 * 3 ** (2 / 9))
        centred = weights - 1.0
        assert (weights > 0).all()
        for lag in range(lags + 2):
            moment = np.mean(centred[:, : 300 - lag] * centred[:, lag:])
            assert moment == pytest.approx(max(0.0, 1 - lag / (lags + 1)), abs=0.02)

    def test_spread_is_the_standard_error(self, fitted):
        draws = fitted._draw_parameters(1500, np.random.default_rng(1))
        assert (np.linalg.eigvalsh(draws.target)[:, 0] > 0).all()
        layout = fitted.dynamics.layout
        dynamic = draws.theta[:, : layout.n_dynamic]
        assert (dynamic >= 0).all()
        spread = draws.target[:, 0, 1].std()
        assert spread == pytest.approx(fitted.target_std_errors.iloc[0, 1], rel=0.35)
        if layout.heavy and not fitted.bounds_hit:
            assert draws.theta[:, -1].std() == pytest.approx(fitted.std_errors["nu"], rel=0.35)

    @pytest.mark.parametrize("world", ["random_walk", "one_break"])
    @pytest.mark.parametrize("options", [{"dist": "t"}, {"variant": "cdcc"}, {"variant": "adcc"}])
    def test_futures_of_changed_correlations_are_finite(self, world, options):
        """Next to the bound of persistence, where the target is hardly known."""
        for seed in (1, 8):
            returns = rc.simulate(world, n_obs=1500, rng=seed).returns
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                result = rc.DCC(**options).fit(returns)
                three = rc.DCC(**options).fit(returns.assign(C=returns["A"].iloc[::-1].to_numpy()))
            for fit in (result, three):
                futures = fit.simulate(200, 30, 1)
                assert np.isfinite(futures.returns).all()
                off = futures.correlation if fit is result else futures.correlation[:, :, 0, 1]
                assert np.abs(off).max() < 1

    def test_draws_stay_where_the_likelihood_is(self):
        """Next to a persistence of one, where the expansion is good for small steps only."""
        for world, n, seed in (("recurrent", 800, 104), ("one_break", 1500, 4)):
            result = rc.DCC().fit(rc.simulate(world, n_obs=n, rng=seed).returns)
            draws = result._draw_parameters(400, np.random.default_rng(0))
            best = result.dynamics.total(result.params.to_numpy())[0]
            lost = best - np.array([result.dynamics.value(t) for t in draws.theta])
            assert lost.max() < 30
            assert np.quantile(lost, 0.9) < 15
            assert np.median(draws.theta.sum(axis=1)) > 0.9

    def test_nearly_collinear_assets_can_be_drawn(self):
        z = np.random.default_rng(0).standard_normal((500, 2))
        z[:, 1] = z[:, 0] + 5e-4 * z[:, 1]
        futures = rc.DCC(margins=None).fit(z).simulate(10, 5, 1)
        assert np.isfinite(futures.returns).all()

    def test_coordinates_are_a_bijection(self, fitted):
        coordinates = Coordinates(fitted.dynamics)
        inside = np.where(fitted.params.to_numpy() < 1e-6, 1e-3, fitted.params.to_numpy())
        inside[: fitted.dynamics.layout.n_dynamic] *= 0.95
        back = coordinates.natural(coordinates.unbounded(inside))
        np.testing.assert_allclose(back, inside, rtol=1e-6)


def test_margins_on_a_bound_do_not_break_the_errors():
    """GJR with alpha on zero, an integrated variance: what is held does not move."""
    rng = np.random.default_rng(4)
    z, h, out = rng.standard_normal((1500, 2)), np.ones(2), np.empty((1500, 2))
    z[:, 1] = 0.5 * z[:, 0] + np.sqrt(0.75) * z[:, 1]
    for t, shock in enumerate(z):
        out[t] = np.sqrt(h) * shock
        h = 0.02 + h * (0.12 * shock**2 * (shock < 0) + 0.92)
    margins = rc.GARCH(vol="GJR").fit(out)
    assert isinstance(margins.legs[0], Margin)
    assert list(margins.params["alpha"] == 0.0) == [False, True]
    assert list(margins.std_errors["alpha"].isna()) == [False, True]
    result = rc.DCC(dist="t").fit(out, margins=margins)
    estimated = result.std_errors[~result.params.isin([0.0, 200.0])]
    assert np.isfinite(estimated).all()
