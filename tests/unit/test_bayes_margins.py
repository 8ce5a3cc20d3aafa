"""Margins that are sampled with the regimes."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import expit

import regimecorr as rc
from regimecorr.errors import ConvergenceWarning, ModelError
from regimecorr.kernels.garch import garch_variance
from regimecorr.kernels.garch_adjoint import garch_adjoint, garch_residuals
from regimecorr.models.bayes import MarginPriors, RegimePriors, sample_regimes
from regimecorr.models.bayes.chains import make_chain
from regimecorr.models.bayes.joint import BLOCKS, JointMargins
from regimecorr.models.bayes.parameters import ParameterSpace
from regimecorr.models.bayes.sampling import quiet

N_OBS = 600
SPEC = rc.SwitchingCorrelation(dist="normal")


def world(n=N_OBS, seed=5, scale=0.01):
    """GARCH(1,1) legs whose correlation breaks from .8 to 0 in the middle."""
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((2, n))
    rho = np.where(np.arange(n) < n // 2, 0.8, 0.0)
    z = np.column_stack([x, rho * x + np.sqrt(1.0 - rho**2) * y])
    out, h = np.empty((n, 2)), np.ones(2)
    for t in range(n):
        out[t] = scale * (0.05 + np.sqrt(h) * z[t])
        h = 0.06 + h * (0.84 + 0.1 * z[t] ** 2)
    return pd.DataFrame(out, index=pd.bdate_range("2015-01-01", periods=n), columns=["A", "B"])


@pytest.fixture(scope="module")
def margins():
    return rc.GARCH().fit(world())


@pytest.fixture(scope="module")
def both(margins):
    """The posterior with joint and with fixed margins."""

    def run(*, joint):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # a few hundred draws
            return sample_regimes(
                SPEC,
                world(),
                chain="change_point",
                margins=margins,
                joint_margins=joint,
                draws=300,
                tune=300,
                chains=2,
                rng=1,
                progress=False,
            )

    return run(joint=True), run(joint=False)


@pytest.fixture(scope="module")
def result(both):
    return both[0]


def space(margins, chain="change_point", dist="t", **priors):
    structure = make_chain(chain, 2)
    return ParameterSpace(structure, RegimePriors(**priors), dist, JointMargins.around(margins))


def own_residuals(returns, theta, backcast):
    """Residuals and sum of log volatilities, leg by leg, by the other kernel."""
    z, total = np.empty(returns.shape), 0.0
    for i, (mu, omega, alpha, beta) in enumerate(theta.T):
        h = garch_variance(returns[:, i] - mu, omega, alpha, 0.0, beta, backcast[i])[:-1]
        z[:, i] = (returns[:, i] - mu) / np.sqrt(h)
        total += 0.5 * np.log(h).sum()
    return z, total


def bivariate(z, rho, nu):
    """Log density (n,) of unit-variance t residuals."""
    shape = np.array([[1.0, rho], [rho, 1.0]]) * (nu - 2.0) / nu
    return stats.multivariate_t(shape=shape, df=nu).logpdf(z)


class TestOperation:
    @pytest.fixture
    def inputs(self):
        returns = np.random.default_rng(0).standard_normal((60, 2))
        theta = np.array([[0.1, -0.1], [0.1, 0.2], [0.1, 0.05], [0.8, 0.7]])
        return returns, theta, np.array([1.0, 0.7])

    @pytest.mark.parametrize("mode", [None, "NUMBA", "FAST_COMPILE"])
    @pytest.mark.parametrize("weights", [(1.0, -1.0), (1.0, 0.0), (0.0, 1.0)])
    def test_values_and_gradient_are_the_kernels(self, inputs, mode, weights):
        """With the residuals, the volatilities, or both in the function."""
        returns, _, backcast = inputs
        slope = np.random.default_rng(1).standard_normal((60, 2))
        with quiet():
            import pytensor
            import pytensor.tensor as pt

            from regimecorr.models.bayes.op import GarchResiduals

            theta = pt.dmatrix()
            z, total = GarchResiduals()(returns, theta, backcast)
            parts = [w * x for w, x in zip(weights, ((slope * z).sum(), total), strict=True) if w]
            function = pytensor.function(
                [theta], [z, total, pytensor.grad(sum(parts), theta)], mode=mode
            )
            found = function(inputs[1])
        expected = garch_residuals(*inputs)
        np.testing.assert_allclose(found[0], expected[0], rtol=1e-12)
        assert float(found[1]) == pytest.approx(expected[1], rel=1e-12)
        by_theta = garch_adjoint(*inputs, weights[0] * slope, weights[1])
        np.testing.assert_allclose(found[2], by_theta, rtol=1e-12)

    def test_data_have_no_derivatives(self, inputs):
        with quiet():
            import pytensor
            import pytensor.tensor as pt

            from regimecorr.models.bayes.op import GarchResiduals

            returns = pt.dmatrix()
            total = GarchResiduals()(returns, *inputs[1:])[1]
            with pytest.raises(Exception, match="are data"):
                pytensor.grad(total, returns)


class TestSpace:
    def test_fitted_margins_have_the_fixed_margins_likelihood(self, margins):
        """Up to the log volatilities, which the score adds: its units are those of other models."""
        ours = space(margins)
        fixed = replace(ours, margins=None)
        values = fixed.sample(3, np.random.default_rng(0))
        theta = np.column_stack([leg.theta[[0, 1, 2, 4]] for leg in margins.legs])
        mu, omega, alpha, beta = theta
        scale = ours.margins.scale
        mine = [
            mu / scale,
            np.log(omega / (1.0 - alpha - beta) / scale**2),
            alpha + beta,
            alpha / (alpha + beta),
        ]
        values |= {n: np.tile(x, (3, 1)) for n, x in zip(BLOCKS, mine, strict=True)}
        drawn = ours.regimes(values)
        np.testing.assert_allclose(drawn.margins.theta[0], theta, rtol=1e-9)
        np.testing.assert_allclose(
            drawn.log_likelihood(margins.z) + margins.log_volatility,
            fixed.regimes(values).log_likelihood(margins.z),
            rtol=1e-9,
        )

    def test_there_and_back(self, margins):
        ours = space(margins)
        values = ours.sample(20, np.random.default_rng(0))
        u = ours.to_real(values)
        assert u.shape == (20, 4 + 8)
        for name, x in ours.from_real(u)[0].items():
            np.testing.assert_allclose(x, values[name], rtol=1e-8, atol=1e-12)

    def test_units_do_not_matter(self, margins):
        percent = space(rc.GARCH().fit(100.0 * world()))
        ours = space(margins)
        u = ours.to_real(ours.sample(5, np.random.default_rng(0)))
        moved = ours.log_posterior(u, margins.z) - percent.log_posterior(u, margins.z)
        np.testing.assert_allclose(moved, 2 * N_OBS * np.log(100.0), rtol=1e-8)
        np.testing.assert_allclose(ours.margins.centre, percent.margins.centre, atol=1e-3)

    def test_integrated_margins_start_inside(self):
        """A random walk in variance: the fit sits on the bound, the chains may not."""
        rng = np.random.default_rng(3)
        spread = np.exp(np.cumsum(rng.normal(0.0, 0.15, 400)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            fitted = rc.GARCH().fit(spread[:, None] * rng.standard_normal((400, 2)))
        assert not fitted.converged
        centre = JointMargins.around(fitted).centre
        assert np.all(np.abs(centre) < 10.0)

    def test_persistence_of_one_has_a_density(self):
        """Beta priors with a parameter of one, at the edge that proposals may round to."""
        prior = MarginPriors().blocks(2)[2]
        np.testing.assert_allclose(prior.log_density(np.ones((1, 2))), 2.0 * np.log(5.0))
        value, jacobian = prior.from_real(np.full((1, 2), 800.0))
        assert np.isfinite(prior.log_density(value) + jacobian)


class TestModel:
    """The PyMC model against the same posterior written down once more."""

    @staticmethod
    def log_posterior(ours, returns, u):
        """Change points with t errors; u: two levels, logit of leaving, log nu excess, margins."""
        fisher, leave, excess, margins = u[:2], expit(u[2]), np.exp(u[3]), u[4:].reshape(4, 2)
        out = stats.norm(0.3, 0.5).logpdf(fisher).sum()
        out += stats.beta(2.0, 2.0 * 749.0).logpdf(leave) + np.log(leave * (1.0 - leave))
        out += stats.gamma(2.0, scale=10.0).logpdf(excess) + u[3]
        mean, level = margins[:2]
        persistence, share = expit(margins[2:])
        out += stats.norm(0.0, 0.5).logpdf(mean).sum() + stats.norm(0.0, 1.0).logpdf(level).sum()
        for p, prior in ((persistence, stats.beta(5.0, 1.0)), (share, stats.beta(1.5, 8.0))):
            out += (prior.logpdf(p) + np.log(p * (1.0 - p))).sum()
        scale = returns.std(axis=0)
        theta = np.array(
            [
                mean * scale,
                np.exp(level) * (1.0 - persistence) * scale**2,
                persistence * share,
                persistence * (1.0 - share),
            ]
        )
        z, log_volatility = own_residuals(returns, theta, ours.margins.backcast)
        dens = np.exp([bivariate(z, np.tanh(f), 2.0 + excess) for f in fisher]).T
        ahead, likelihood = np.array([1.0, 0.0]), 0.0
        for row in dens:
            both = ahead * row
            likelihood += np.log(both.sum())
            now = both / both.sum()
            ahead = np.array([now[0] * (1.0 - leave), now[0] * leave + now[1]])
        return out + likelihood - log_volatility

    def test_value_and_gradient(self):
        data = world(250, scale=1.0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            fitted = rc.GARCH().fit(data)
        ours, returns = space(fitted), data.to_numpy()
        with quiet():
            from regimecorr.models.bayes.graph import build_model

            model, _ = build_model(ours, fitted.z)
            # Samplers compile it in full; here once, quickly.
            both = model.compile_fn([model.logp(), model.dlogp()], mode="FAST_COMPILE")
        names = [v.name for v in model.value_vars]
        assert [n.split("_")[0] for n in names] == ["levels", "leave", "nu", "margin"]
        sizes, spread = [2, 1, 1, 8], ours.margins.spread
        shapes = [(2,), (1,), (), (4, 2)]
        rng = np.random.default_rng(4)
        for _ in range(3):
            unit = rng.normal(0.0, 1.5, (4, 2))
            margins = ours.margins.centre + spread * unit
            u = np.r_[rng.normal(0.4, 0.4, 2), rng.normal(-5.0, 0.5), rng.normal(2.0, 0.5)]
            parts = np.split(np.r_[u, unit.ravel()], np.cumsum(sizes)[:-1])
            point = {n: x.reshape(s) for n, x, s in zip(names, parts, shapes, strict=True)}
            u = np.r_[u, margins.ravel()]
            expected = self.log_posterior(ours, returns, u)
            value, slope = both(point)
            assert float(value) == pytest.approx(expected, rel=1e-10)
            assert ours.log_posterior(u[None], fitted.z)[0] == pytest.approx(expected, rel=1e-10)
            units = np.r_[np.ones(4), spread.ravel()]  # the model's coordinates of the margins
            steps = np.eye(12) * 1e-5
            gradient = [
                (self.log_posterior(ours, returns, u + e * units)
                 - self.log_posterior(ours, returns, u - e * units)) / 2e-5
                for e in steps
            ]  # fmt: skip
            np.testing.assert_allclose(slope, gradient, rtol=1e-5, atol=1e-5)


class TestPosterior:
    def test_margins_are_near_the_fitted_ones(self, result, margins):
        """And their spread is of the size of the robust errors."""
        table = result.intervals()
        for asset in ("A", "B"):
            for name in ("mu", "omega", "alpha", "beta"):
                error = margins.std_errors.loc[asset, name]
                away = result.params[f"{name}_{asset}"] - margins.params.loc[asset, name]
                assert abs(away) < 3.0 * error
                drawn = result.draws.margins.figures()[f"{name}_{asset}"]
                assert 0.2 < drawn.std() / error < 3.0
                row = table.loc[f"{name}_{asset}"]
                assert row["lower"] < row["median"] < row["upper"]

    def test_correlations_are_less_sure(self, both):
        """Up to Monte-Carlo error; and they are about the same."""
        joint, fixed = (r.draws.rho for r in both)
        assert np.all(joint.std(axis=0) > 0.85 * fixed.std(axis=0))
        assert np.all(joint.std(axis=0) < 1.5 * fixed.std(axis=0))
        np.testing.assert_allclose(joint.mean(axis=0), fixed.mean(axis=0), atol=0.05)

    def test_protocol(self, both):
        result, fixed = both
        assert result.joint_margins
        assert not fixed.joint_margins
        assert fixed.draws.margins is None
        assert list(result.params.index[-8:]) == [
            f"{name}_{asset}" for asset in "AB" for name in ("mu", "omega", "alpha", "beta")
        ]
        assert not any("alpha" in name for name in fixed.params.index)
        labels = {f"{block}[{i}]" for block in BLOCKS for i in range(2)}
        assert labels < set(result.diagnostics.table.index)
        assert result.diagnostics.table["rhat"].max() < 1.1
        assert "alpha_B" in result.summary()
        alpha = result.idata.posterior["alpha"]
        assert list(alpha["asset"].to_numpy()) == ["A", "B"]
        np.testing.assert_allclose(
            alpha.to_numpy().reshape(-1, 2), result.draws.margins.theta[:, 2], rtol=1e-10
        )

    def test_draws_filter_their_own_residuals(self, result):
        some = result.draws[np.arange(0, 600, 120)]
        data = some.margins.data
        for d in range(len(some)):
            z, log_volatility = own_residuals(data.returns, some.margins.theta[d], data.backcast)
            assert np.abs(z - result._z).max() > 1e-3
            fixed = replace(some[d : d + 1], margins=None)
            for ours, other in zip(some.filter(d, result._z), fixed.filter(0, z), strict=True):
                np.testing.assert_allclose(ours, other, rtol=1e-9, atol=1e-12)
            assert some.log_likelihood(result._z)[d] == pytest.approx(
                fixed.log_likelihood(z)[0] - log_volatility, rel=1e-9
            )

    def test_loglikelihood_is_of_the_returns(self, result):
        """At the posterior means, regimes summed by hand over the row of the break."""
        data, means = result.draws.margins.data, result.draws.margins.theta.mean(axis=0)
        z, log_volatility = own_residuals(data.returns, means, data.backcast)
        rows = np.array([
            stats.multivariate_normal(cov=[[1.0, r], [r, 1.0]]).logpdf(z)
            for r in result.regime_correlations
        ])  # fmt: skip
        stay = result.transition.iloc[0, 0]
        before = np.r_[0.0, np.cumsum(rows[0])]
        after = np.r_[np.cumsum(rows[1][::-1])[::-1], 0.0]
        breaks = np.arange(1, N_OBS)
        paths = before[breaks] + after[breaks] + (breaks - 1) * np.log(stay) + np.log(1.0 - stay)
        none = before[-1] + (N_OBS - 1) * np.log(stay)
        expected = np.logaddexp.reduce(np.r_[paths, none]) - log_volatility
        assert result.loglikelihood == pytest.approx(expected, rel=1e-9)

    def test_score_has_the_units_of_other_scores(self, both, margins):
        """The evidence is of the returns; its price for the margins' parameters remains."""
        joint, fixed = both
        assert joint.score == joint.evidence.log_marginal + margins.log_volatility
        assert joint.evidence.std_error < 0.3
        assert fixed.score == fixed.evidence.log_marginal
        assert 3.0 < fixed.score - joint.score < 40.0

    def test_a_fit_that_failed_does_not_matter(self, both, margins):
        """To joint margins, for which it gave starting values; fixed ones rest on it."""
        legs = (replace(margins.legs[0], converged=False, message="No optimum."), margins.legs[1])
        for ours in both:
            again = type(ours)(replace(margins, legs=legs), ours._z, ours._space, ours.idata)
            assert ("No optimum." in again.message) == (not ours.joint_margins)

    def test_prior_sensitivity(self, both):
        joint, fixed = (r.prior_sensitivity(refit=False) for r in both)
        assert {"margins tighter", "margins wider"} == set(joint.index) - set(fixed.index)
        for name in ("rho_segment1", "rho_segment2"):
            assert joint.loc["base", name] == pytest.approx(both[0].params[name], abs=1e-9)


class TestFutures:
    def test_returns_follow_the_margins_of_the_draw(self, result):
        """The draws of the paths differ in tomorrow's variance, and so do their returns."""
        futures = result.simulate(100_000, 1, rng=0, n_draws=5)
        drawn = result._draw_parameters(5, np.random.default_rng(0).spawn(3)[0]).margins
        data = drawn.data
        tomorrow = np.empty((5, 2))
        for d, j in np.ndindex(5, 2):
            mu, omega, alpha, beta = drawn.theta[d, :, j]
            resid, back = data.returns[:, j] - mu, data.backcast[j]
            tomorrow[d, j] = garch_variance(resid, omega, alpha, 0.0, beta, back)[-1]
        found = np.array([futures.returns[futures.draw == d, 0].var(axis=0) for d in range(5)])
        np.testing.assert_allclose(found, tomorrow, rtol=0.05)
        assert np.ptp(tomorrow, axis=0).min() > 0.1 * tomorrow.min()
        spread = futures.returns[:, 0].var(axis=0)
        np.testing.assert_allclose(spread, tomorrow.mean(axis=0), rtol=0.02)

    def test_regimes_are_those_of_the_same_draw(self, result):
        futures = result.simulate(500, 5, rng=3, n_draws=50)
        drawn = result._draw_parameters(50, np.random.default_rng(3).spawn(3)[0])
        allowed = drawn.rho[futures.draw]
        assert np.all((futures.correlation[:, :, None] == allowed[:, None]).any(axis=2))
        again = result.simulate(500, 5, rng=3, n_draws=50)
        np.testing.assert_array_equal(futures.returns, again.returns)
        assert futures.recent.mean() == pytest.approx(result.smoothed.iloc[-90:].mean(), abs=0.03)

    def test_new_histories_begin_with_the_first_variance(self, result):
        history = result.replicate(20_000, rng=1, n_obs=3)
        assert history.returns.shape == (20_000, 3, 2)
        theta, backcast = result.draws.margins.theta, result.draws.margins.data.backcast
        first = theta[:, 1] + (theta[:, 2] + theta[:, 3]) * backcast
        np.testing.assert_allclose(history.returns[:, 0].var(axis=0), first.mean(axis=0), rtol=0.06)

    @pytest.mark.parametrize(
        ("call", "message"),
        [
            (lambda r: r.simulate(0, 5), "n_paths=0"),
            (lambda r: r.simulate(5, 5, n_draws=-1), "n_draws=-1"),
            (lambda r: r.replicate(5, n_obs=0), "n_obs=0"),
        ],
    )
    def test_bad_counts(self, result, call, message):
        with pytest.raises(ModelError, match=message):
            call(result)


class TestBadInput:
    @pytest.mark.parametrize(
        ("specification", "found"),
        [
            (rc.GARCH(vol="GJR"), "GJR with normal errors"),
            (rc.GARCH(vol="EGARCH", dist="t"), "EGARCH with t errors"),
            (rc.GARCH(dist="t"), "GARCH with t errors"),
            (None, "none"),
        ],
        ids=str,
    )
    def test_other_margins(self, specification, found):
        spec = rc.SwitchingCorrelation(dist="normal", margins=specification)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            returns = world(300) / world(300).std()
            with pytest.raises(ModelError, match=f"'A' is {found}.*margins=GARCH"):
                sample_regimes(spec, returns, joint_margins=True, progress=False)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"mean": 0.0}, "mean=0.0 must be a finite number above 0"),
            ({"log_variance": np.inf}, "log_variance=inf"),
            ({"persistence": 0.9}, "persistence=0.9 must be a tuple of two"),
            ({"share": (1.0, -1.0)}, r"share\[1\]=-1.0"),
        ],
    )
    def test_priors(self, options, message):
        with pytest.raises(ModelError, match=message):
            MarginPriors(**options)

    def test_margins_of_the_regime_priors(self):
        with pytest.raises(ModelError, match="must be MarginPriors"):
            RegimePriors(margins=0.5)

    def test_wider_priors(self):
        """The variance of a Beta grows by about the square of the factor, its mean stays."""
        wide, base = MarginPriors(share=(15.0, 80.0)).widened(2.0), MarginPriors(share=(15.0, 80.0))
        assert (wide.mean, wide.log_variance) == (1.0, 2.0)
        ours, other = stats.beta(*wide.share), stats.beta(*base.share)
        assert ours.mean() == pytest.approx(other.mean())
        assert ours.std() == pytest.approx(2.0 * other.std(), rel=0.05)
