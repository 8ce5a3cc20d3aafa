"""The sampled regime model: the PyMC model, and what the result answers."""

from __future__ import annotations

import importlib.util
import inspect
import warnings
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.special import logsumexp

import regimecorr as rc
from regimecorr.errors import ConvergenceWarning, ModelError
from regimecorr.models.bayes import RegimePriors, arviz_adapter, sample_regimes
from regimecorr.models.bayes.chains import make_chain
from regimecorr.models.bayes.diagnostics import diagnose
from regimecorr.models.bayes.evidence import bridge_sampling
from regimecorr.models.bayes.parameters import ParameterSpace
from regimecorr.models.bayes.sampling import _sample, quiet
from regimecorr.models.bayes.sensitivity import prior_sensitivity

TRUTH = {"low": 0.0, "high": 0.8}
N_OBS = 500
PRIORS = RegimePriors(durations=60.0)


def two_regimes(n=N_OBS, seed=3, stay=0.98):
    rng = np.random.default_rng(seed)
    state, out = 0, np.empty((n, 2))
    for t in range(n):
        state = state if rng.random() < stay else 1 - state
        r = (TRUTH["low"], TRUTH["high"])[state]
        x, y = rng.standard_normal(2)
        out[t] = x, r * x + np.sqrt(1.0 - r * r) * y
    return pd.DataFrame(out, index=pd.bdate_range("2020-01-01", periods=n), columns=["A", "B"])


def spec(**options):
    return rc.SwitchingCorrelation(**{"dist": "normal", "margins": None} | options)


@pytest.fixture(scope="module")
def result():
    return sample_regimes(
        spec(), two_regimes(), priors=PRIORS, draws=500, tune=500, rng=1, progress=False
    )


@pytest.fixture(scope="module")
def segments():
    rng = np.random.default_rng(8)
    x, y = rng.standard_normal((2, 240))
    rho = np.where(np.arange(240) < 130, 0.8, -0.1)
    data = np.column_stack([x, rho * x + np.sqrt(1.0 - rho**2) * y])
    return sample_regimes(
        spec(), data, chain="change_point", draws=600, tune=400, rng=2, progress=False
    )


class TestPosterior:
    def test_converged(self, result):
        assert result.converged, result.message
        assert result.message == ""
        table = result.diagnostics.table
        assert {"level", "gap", "leave[0]", "leave[1]", "rho_low", "rho_high"} <= set(table.index)
        assert "converged" in result.summary()

    def test_intervals_hold_the_truth(self, result):
        table = result.intervals(0.98)
        for name, rho in TRUTH.items():
            assert table.loc[f"rho_{name}", "lower"] < rho < table.loc[f"rho_{name}", "upper"]
            row = result.expected_durations.loc[name]
            assert row["lower"] < row["median"] < row["upper"]
        assert table.loc["duration_low", "lower"] < 50.0 < table.loc["duration_low", "upper"]

    def test_posterior_is_near_the_likelihoods_optimum(self, result):
        """Flat priors would make the difference smaller still."""
        fitted = spec().fit(two_regimes())
        for name in ("rho_low", "rho_high"):
            spread = result.draws.rho[:, result.regimes.index(name[4:])].std()
            assert abs(result.params[name] - fitted.params[name]) < spread
        assert result.correlation_loglikelihood == pytest.approx(
            fitted.correlation_loglikelihood, abs=3.0
        )

    def test_protocol(self, result):
        assert result.name == "bayesian recurrent"
        assert list(result.params.index) == ["rho_low", "rho_high", "p_low", "p_high"]
        for frame in (result.filtered_probabilities, result.smoothed_probabilities):
            np.testing.assert_allclose(frame.sum(axis=1), 1.0, rtol=1e-9)
        assert result.filtered.index.equals(two_regimes().index)
        np.testing.assert_allclose(result.filtered.iloc[-1], result.smoothed.iloc[-1], rtol=1e-9)
        np.testing.assert_allclose(
            result.p_today()["mean"], result.filtered_probabilities.iloc[-1], rtol=1e-9
        )
        with pytest.raises(AttributeError, match="frozen"):
            result.name = "other"

    def test_idata_is_arvizs(self, result):
        draws = result.idata.posterior["rho"]
        assert draws.shape == (4, 500, 2)
        assert list(draws["regime"].to_numpy()) == ["low", "high"]
        np.testing.assert_allclose(draws.to_numpy().reshape(-1, 2), result.draws.rho, rtol=1e-12)
        stay = 1.0 - 1.0 / result.idata.posterior["duration"].to_numpy().reshape(-1, 2)
        np.testing.assert_allclose(stay, np.diagonal(result.draws.transition, 0, 1, 2), rtol=1e-9)

    def test_drawn_states_average_to_the_smoothed_probabilities(self, result):
        states = result.draw_states(400, rng=0)
        share = (states == 1).mean(axis=1)
        error = share - result.smoothed_probabilities["high"]
        assert error.abs().max() < 5.0 * np.sqrt(0.25 / 400)
        assert abs(error.mean()) < 0.02

    def test_gap(self, result):
        gap = result.gap_table
        assert gap["near_tie"] < 0.01 < gap["near_tie_prior"]
        assert gap["q05"] > 0.5

    def test_errors(self, result):
        for call, message in [
            (lambda: result.intervals(1.0), "ci_prob=1.0"),
            (lambda: result.forecast(0), "horizon=0"),
            (lambda: result.forecast(2, quantiles=(0.0,)), "quantiles="),
            (lambda: result.draw_states(0), "n=0"),
        ]:
            with pytest.raises(ModelError, match=message):
                call()


class TestFutures:
    def test_forecast(self, result):
        table = result.forecast(300)
        np.testing.assert_allclose(table[["low", "high"]].sum(axis=1), 1.0, rtol=1e-9)
        assert (table["q05"] <= table["q50"]).all()
        assert (table["q50"] <= table["q95"]).all()
        today = result.p_today()["mean"]
        moves = result.draws.transition
        first = np.einsum("di,dij->dj", np.tile(today, (len(moves), 1)), moves).mean(axis=0)
        np.testing.assert_allclose(table.loc[1, ["low", "high"]], first, atol=0.02)
        assert abs(table.loc[300, "low"] - result.draws.start[:, 0].mean()) < 0.1

    def test_simulated_futures_agree_with_the_forecast(self, result):
        futures = result.simulate(4000, 40, rng=0, n_draws=500)
        assert futures.returns.shape == (4000, 40, 2)
        table = result.forecast(40)
        error = futures.correlation.mean(axis=0) - table["mean"].to_numpy()
        assert np.abs(error).max() < 0.04
        assert futures.recent.mean() == pytest.approx(result.smoothed.iloc[-90:].mean(), abs=0.02)
        x, y = futures.returns[:, 30].T
        assert np.corrcoef(x, y)[0, 1] == pytest.approx(table.loc[31, "mean"], abs=0.05)
        again = result.simulate(4000, 40, rng=0, n_draws=500)
        np.testing.assert_array_equal(futures.returns, again.returns)

    def test_new_histories(self, result):
        history = result.replicate(600, rng=1, n_obs=60)
        assert history.correlation.shape == (600, 60)
        mean = (result.draws.start * result.draws.rho).sum(axis=1).mean()
        assert history.correlation[:, 0].mean() == pytest.approx(mean, abs=0.06)
        assert history.correlation[:, -1].mean() == pytest.approx(mean, abs=0.06)


class TestSegments:
    def test_the_break_is_found(self, segments):
        assert segments.converged, segments.message
        assert segments.params["rho_segment1"] == pytest.approx(0.8, abs=0.08)
        assert segments.params["rho_segment2"] == pytest.approx(-0.1, abs=0.2)
        crossing = (segments.smoothed_probabilities["segment2"] > 0.5).to_numpy().argmax()
        assert 120 < crossing < 140
        assert segments.p_today().loc["segment2", "mean"] > 0.99
        assert list(segments.expected_durations.index) == ["segment1"]

    def test_evidence_equals_quadrature(self, segments):
        """Three parameters on a grid: two levels and the logit of the break's probability."""
        space = segments._space
        centre = space.to_real(segments._values).mean(axis=0)
        spread = space.to_real(segments._values).std(axis=0)
        nodes, weights = np.polynomial.legendre.leggauss(28)
        axes = [c + 8.0 * s * nodes for c, s in zip(centre, spread, strict=True)]
        u = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
        mass = np.prod(np.meshgrid(*[weights] * 3, indexing="ij"), axis=0).ravel()
        exact = logsumexp(space.log_posterior(u, segments._z), b=mass)
        exact += np.log(8.0 * spread).sum()
        found = segments.evidence
        assert found.std_error < 0.05
        assert found.log_marginal == pytest.approx(exact, abs=max(4.0 * found.std_error, 0.01))
        assert segments.score == found.log_marginal

    def test_evidence_prefers_the_break(self, segments):
        """To a constant correlation under the same prior of the level."""
        z = segments._z
        level = np.linspace(-1.5, 2.0, 400)
        form = (z**2).sum(axis=1)[:, None] - 2.0 * (z[:, 0] * z[:, 1])[:, None] * np.tanh(level)
        one = 1.0 - np.tanh(level) ** 2
        rows = -np.log(2.0 * np.pi) - 0.5 * np.log(one) - 0.5 * form / one
        prior = -0.5 * ((level - 0.3) / 0.5) ** 2 - np.log(0.5 * np.sqrt(2.0 * np.pi))
        constant = logsumexp(rows.sum(axis=0) + prior) + np.log(level[1] - level[0])
        assert segments.score > constant + 10.0


class TestPriorSensitivity:
    def test_smoothed_weights(self):
        """Light tails: the weights stay what they are; heavy ones are told by k."""
        u = np.random.default_rng(0).standard_normal(4000)
        weights, k = arviz_adapter.smoothed_weights(0.1 * u)
        plain = np.exp(0.1 * u) / np.exp(0.1 * u).sum()
        np.testing.assert_allclose(weights, plain, rtol=0.1)
        assert k < 0.3
        heavy = 1.5 * np.random.default_rng(1).standard_exponential(4000)
        assert arviz_adapter.smoothed_weights(heavy)[1] > 1.0

    def test_weights_that_are_all_alike(self, result):
        """A prior that changes nothing here needs no other draws."""
        weights, k = arviz_adapter.smoothed_weights(np.full(50, -3.0))
        np.testing.assert_allclose(weights, 0.02)
        assert k == -np.inf
        table = result.prior_sensitivity({"same": PRIORS}, refit=False)
        assert table.loc["same", "method"] == "reweighted"
        assert table.loc["same", "rho_low"] == pytest.approx(table.loc["base", "rho_low"])

    def test_reweighted_figures(self, result):
        table = result.prior_sensitivity(refit=False)
        assert list(table.index[:1]) == ["base"]
        base = table.loc["base"]
        assert base["rho_low"] == pytest.approx(result.params["rho_low"], abs=0.01)
        assert base["p_high"] == pytest.approx(result.p_today().loc["high", "mean"], abs=0.01)
        longer, shorter = table.loc["durations doubled"], table.loc["durations halved"]
        assert shorter["duration_low"] < base["duration_low"] < longer["duration_low"]
        assert set(table["method"]) <= {"draws", "reweighted", "unreliable"}

    def test_reweighting_is_what_refitting_finds(self, result):
        """A slightly different prior, reached both ways."""
        other = RegimePriors(durations=60.0, gap=0.3, level=(0.1, 0.4))
        table = result.prior_sensitivity({"other": other})
        assert table.loc["other", "method"] == "reweighted"
        assert table.loc["other", "pareto_k"] < 0.7
        direct = sample_regimes(
            spec(), two_regimes(), priors=other, draws=400, tune=300, rng=7, progress=False
        )
        for name in ("rho_low", "rho_high"):
            error = 5.0 * direct.draws.rho.std(axis=0).max() / np.sqrt(400)
            assert table.loc["other", name] == pytest.approx(direct.params[name], abs=error)

    def test_a_far_prior_is_refitted(self, segments):
        far = RegimePriors(level=(-0.8, 0.1))
        first = segments.prior_sensitivity({"far": far}, refit=False)
        assert first.loc["far", "method"] == "unreliable"
        assert first.loc["far", "pareto_k"] > 0.7
        then = segments.prior_sensitivity({"far": far})
        assert then.loc["far", "method"] == "refitted"
        assert then.loc["far", "rho_segment2"] < first.loc["base", "rho_segment2"] - 0.1

    def test_a_refit_that_did_not_converge_is_told(self, segments):
        far = {"far": RegimePriors(level=(-0.8, 0.1))}
        values = segments._values
        with pytest.warns(ConvergenceWarning, match="priors 'far': R-hat is 3"):
            table = prior_sensitivity(
                segments._space, values, segments._z, far, lambda _: (values, "R-hat is 3")
            )
        assert table.loc["far", "method"] == "unreliable"

    def test_variants_are_priors(self, segments):
        with pytest.raises(ModelError, match=r"variants\['wide'\]=0.5 must be RegimePriors"):
            segments.prior_sensitivity({"wide": 0.5})


class TestSampler:
    def test_draws_depend_on_the_seed_and_not_on_the_processes(self):
        def draw(n_jobs, rng):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)  # a handful of draws
                found = sample_regimes(
                    spec(),
                    two_regimes(200),
                    draws=20,
                    tune=20,
                    chains=2,
                    n_jobs=n_jobs,
                    rng=rng,
                    progress=False,
                )
            return found.draws.rho

        one, two, other = draw(1, 4), draw(-1, 4), draw(1, 5)
        np.testing.assert_array_equal(one, two)
        assert not np.array_equal(one, other)

    def test_chains_that_did_not_converge_are_told(self):
        with pytest.warns(ConvergenceWarning, match="bulk ESS"):
            found = sample_regimes(
                spec(), two_regimes(200), draws=20, tune=20, chains=2, progress=False
            )
        assert not found.converged
        assert "Sample more draws" in found.message
        assert "NOT converged" in found.summary()

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"chain": "hopping"}, "chain='hopping'"),
            ({"draws": 0}, "draws=0"),
            ({"chains": 1}, "chains=1"),
            ({"target_accept": 1.0}, "target_accept=1.0"),
            ({"n_jobs": 0}, "n_jobs=0"),
            ({"priors": {"gap": 1.0}}, "priors={'gap': 1.0} must be RegimePriors"),
        ],
    )
    def test_bad_input(self, options, message):
        with pytest.raises(ModelError, match=message):
            sample_regimes(spec(), two_regimes(200), **options)

    def test_other_models_are_refused(self):
        """Regimes with dynamics of their own are not what would be sampled."""
        with pytest.raises(ModelError, match="must be SwitchingCorrelation"):
            sample_regimes(rc.SwitchingDCC(margins=None), two_regimes(200))

    def test_method_and_function_take_the_same(self):
        method = inspect.signature(rc.SwitchingCorrelation.sample).parameters
        function = inspect.signature(sample_regimes).parameters
        assert list(method.values())[1:] == list(function.values())[1:]

    def test_nutpie_takes_no_more_processes(self, monkeypatch):
        """PyMC 5 does not tell it; without the setting it takes every core."""
        with quiet():
            import pymc as pm
        taken = {}
        monkeypatch.setattr(pm, "sample", lambda **options: taken.update(options))
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: SimpleNamespace(name=name))
        monkeypatch.setattr(pm, "__version__", "5.28.5")
        space = ParameterSpace(make_chain("recurrent", 2), PRIORS, "normal")
        settings = {"draws": 4, "tune": 4, "chains": 2, "cores": 1}
        _sample(space, two_regimes(200).to_numpy(), settings, progress=False)
        assert taken["nuts_sampler"] == "nutpie"
        assert taken["nuts_sampler_kwargs"] == {"cores": 1}

    def test_three_assets_are_refused(self):
        three = two_regimes(200).assign(C=two_regimes(200, seed=4)["A"])
        with pytest.raises(ModelError, match="two return series"):
            sample_regimes(spec(), three)

    def test_an_estimated_first_row_is_refused(self):
        with pytest.raises(ModelError, match="'stationary' or 'uniform'"):
            sample_regimes(spec(initial="estimated"), two_regimes(200))


class TestDiagnostics:
    @pytest.fixture
    def good(self):
        return np.random.default_rng(0).standard_normal((4, 500))

    def verdict(self, draws, *, divergent=0, energy=None):
        marks = np.zeros((4, 500))
        marks.flat[:divergent] = 1.0
        levels = np.random.default_rng(1).standard_normal((4, 500)) if energy is None else energy
        return diagnose({"x": draws}, marks, levels)

    def test_good(self, good):
        assert self.verdict(good).converged

    def test_one_chain_elsewhere(self, good):
        moved = good + np.array([0.0, 0.0, 0.0, 1.0])[:, None]
        assert "R-hat of x" in self.verdict(moved).message

    def test_slow_chains(self, good):
        assert "bulk ESS of x" in self.verdict(np.cumsum(good, axis=1)).message

    def test_a_chain_that_stands_still(self, good):
        assert not self.verdict(np.ones_like(good)).converged

    def test_divergences(self, good):
        assert self.verdict(good, divergent=1).converged
        assert "2 of 2000 transitions diverged" in self.verdict(good, divergent=2).message

    def test_energies_that_hardly_move(self, good):
        slow = np.cumsum(np.random.default_rng(2).standard_normal((4, 500)), axis=1)
        assert "E-BFMI" in self.verdict(good, energy=slow).message


@pytest.mark.slow
def test_evidence_equals_sequential_monte_carlo(result):
    """An estimator that shares nothing with the bridge but the model."""
    with quiet():
        import pymc as pm

        from regimecorr.models.bayes.graph import build_model

        model, _ = build_model(result._space, result._z)
        with model:
            found = pm.sample_smc(
                draws=2000,
                chains=4,
                cores=1,
                random_seed=1,
                progressbar=False,
                compute_convergence_checks=False,
            )
    values = found.sample_stats["log_marginal_likelihood"].to_numpy()
    last = [float(np.asarray(chain, dtype=float).ravel()[-1]) for chain in values]
    assert result.evidence.log_marginal == pytest.approx(np.mean(last), abs=0.3)


@pytest.mark.slow
def test_nesting_tells_structural_from_transient():
    """A break four years ago without return is structural, a spell like others before is not."""

    def answer(world, seed):
        data = rc.simulate(world, n_obs=1500, rng=seed).std_resid
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # two modes that mix slowly
            found = sample_regimes(
                spec(dist="t"), data, chain="nesting", draws=500, tune=500, progress=False
            )
        return found.p_today()["mean"]

    structural = answer("one_break", 1)
    assert structural["new_normal"] > 0.9
    recurrent = answer("recurrent", 1)
    assert recurrent["new_normal"] < 0.5


def test_bridge_is_reproducible(segments):
    space = segments._space
    real = space.to_real(segments._values).reshape(*segments._shape, -1)
    again = bridge_sampling(
        real,
        lambda u: space.log_posterior(u, segments._z),
        lambda x: float(x.size),
        np.random.default_rng(1),
    )
    assert again.log_marginal == pytest.approx(segments.score, abs=0.05)
