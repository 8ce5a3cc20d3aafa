"""Priors, chains and evidence of the Bayesian regime model; nothing here loads PyMC."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from regimecorr.errors import EstimationError, ModelError
from regimecorr.models.bayes import RegimePriors
from regimecorr.models.bayes.chains import Nesting, Recurrent, make_chain
from regimecorr.models.bayes.distributions import Beta, Dirichlet, Gamma, HalfNormal, Normal
from regimecorr.models.bayes.evidence import bridge_sampling
from regimecorr.models.bayes.parameters import ParameterSpace
from regimecorr.models.switching.chain import stationary

PRIORS = [
    Normal(0.3, 0.5),
    Normal(-1.0, 2.0, 3),
    HalfNormal(0.5, 2),
    Gamma(2.0, 0.1),
    Beta((2.0, 1.0), (498.0, 3.0)),
    Dirichlet(0.7, 3, 2),
    Dirichlet(1.5, 2, 4),
]
SPACES = [
    (chain, k, dist)
    for chain, k in [("recurrent", 2), ("recurrent", 4), ("change_point", 3), ("nesting", 3)]
    for dist in ("normal", "t")
]


def space(chain="recurrent", k=2, dist="t", first="stationary", **priors):
    return ParameterSpace(make_chain(chain, k, first), RegimePriors(**priors), dist)


class TestDistributions:
    @pytest.mark.parametrize("prior", PRIORS, ids=repr)
    def test_coordinates_there_and_back(self, prior):
        x = prior.sample(50, np.random.default_rng(0))
        assert x.shape == (50, *prior.shape)
        u = prior.to_real(x)
        assert u.shape == (50, prior.n_real)
        np.testing.assert_allclose(prior.from_real(u)[0], x, rtol=1e-9, atol=1e-300)

    @pytest.mark.parametrize("prior", PRIORS, ids=repr)
    def test_jacobian(self, prior):
        """By differences of the free entries: the last probability of a row follows."""
        u = np.random.default_rng(1).normal(size=(1, prior.n_real)) * 0.7
        free = slice(None, -1) if isinstance(prior, Dirichlet) else slice(None)

        def entries(v):
            value = prior.from_real(v[None])[0][0]
            return value[..., free].ravel() if prior.shape else value.ravel()

        step = 1e-6
        columns = [
            (entries(u[0] + step * e) - entries(u[0] - step * e)) / (2.0 * step)
            for e in np.eye(prior.n_real)
        ]
        expected = np.linalg.slogdet(np.array(columns).T)[1]
        assert prior.from_real(u)[1][0] == pytest.approx(expected, abs=1e-5)

    def test_densities_are_scipys(self):
        rng = np.random.default_rng(2)
        for prior, twin in [
            (Normal(0.3, 0.5), stats.norm(0.3, 0.5)),
            (HalfNormal(0.5, 1), stats.halfnorm(scale=0.5)),
            (Gamma(2.0, 0.1), stats.gamma(2.0, scale=10.0)),
            (Beta((2.0,), (498.0,)), stats.beta(2.0, 498.0)),
        ]:
            x = prior.sample(20, rng)
            np.testing.assert_allclose(prior.log_density(x), twin.logpdf(x.ravel()), rtol=1e-10)
            assert stats.kstest(prior.sample(4000, rng).ravel(), twin.cdf).pvalue > 1e-3
        rows = Dirichlet(0.7, 2, 3).sample(5, rng)
        expected = [sum(stats.dirichlet.logpdf(r, [0.7] * 3) for r in draw) for draw in rows]
        np.testing.assert_allclose(Dirichlet(0.7, 2, 3).log_density(rows), expected, rtol=1e-10)


class TestPriors:
    def test_leaving_probabilities_have_the_mean_of_the_duration(self):
        prior = RegimePriors(durations=(60, 250), shape=3.0).leaving((1.0, 1.0))
        np.testing.assert_allclose(
            np.array(prior.a) / (np.array(prior.a) + np.array(prior.b)), [1 / 60, 1 / 250]
        )
        assert prior.a == (3.0, 3.0)

    def test_a_row_of_the_recurrent_chain_is_the_stated_dirichlet(self):
        """Beta for leaving times the split: moments of Dirichlet(shape (d-1), shape/2, shape/2)."""
        draws = space(k=3, durations=5.0, shape=2.0).sample(60_000, np.random.default_rng(0))
        rows = space(k=3).regimes(draws).transition[:, 0]
        alpha = np.array([8.0, 1.0, 1.0])
        twin = stats.dirichlet(alpha)
        np.testing.assert_allclose(rows.mean(axis=0), twin.mean(), atol=2e-3)
        np.testing.assert_allclose(np.cov(rows.T), twin.cov(), atol=3e-4)

    def test_table_shows_the_implied_quantiles(self):
        table = RegimePriors(durations=100.0).table()
        assert list(table.columns) == ["5%", "50%", "95%"]
        expected = 1.0 / stats.beta(2.0, 198.0).ppf([0.95, 0.5, 0.05])
        np.testing.assert_allclose(table.loc["duration_low"], expected, rtol=0.05)
        assert table.loc["nu", "50%"] == pytest.approx(
            2.0 + stats.gamma(2, scale=10).median(), rel=0.03
        )
        assert "nu" not in RegimePriors().table(dist="normal").index
        assert "duration_new_normal" not in RegimePriors().table("nesting").index

    def test_the_gap_may_vanish(self):
        """The density of the gap is highest at zero: regimes are not forced apart."""
        prior = RegimePriors().gaps(1)
        x = np.linspace(0.0, 2.0, 50)[:, None]
        assert np.all(np.diff(prior.log_density(x)) < 0.0)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"gap": 0.0}, "gap=0.0 must be a finite number above 0"),
            ({"level": (0.3, -1.0)}, r"level\[1\]=-1.0"),
            ({"level": 0.3}, "level=0.3 must be a tuple of two"),
            ({"level": (np.nan, 0.5)}, r"level\[0\]=nan"),
            ({"durations": 1.0}, "durations=1.0 must be a finite number above 1"),
            ({"durations": (50.0, 0.5)}, "durations=0.5"),
            ({"durations": "long"}, "durations='long'"),
            ({"durations": [50.0, 60.0]}, "must be a number, or a tuple of one by regime"),
            ({"shape": True}, "shape=True"),
            ({"break_duration": np.inf}, "break_duration=inf"),
            ({"nu": (2.0, 0.0)}, r"nu\[1\]=0.0"),
        ],
    )
    def test_bad_input(self, options, message):
        with pytest.raises(ModelError, match=message):
            RegimePriors(**options)

    def test_durations_of_another_number_of_regimes(self):
        with pytest.raises(ModelError, match="has 3 entries; the chain has 2 regimes"):
            RegimePriors(durations=(50.0, 60.0, 70.0)).table()

    def test_a_table_of_unknown_errors(self):
        with pytest.raises(ModelError, match="dist='cauchy'"):
            RegimePriors().table(dist="cauchy")


class TestChains:
    @pytest.mark.parametrize(("chain", "k", "dist"), SPACES)
    @pytest.mark.parametrize("first", ["stationary", "uniform"])
    def test_probabilities(self, chain, k, dist, first):
        ours = space(chain, k, dist, first)
        draws = ours.regimes(ours.sample(200, np.random.default_rng(0)))
        assert draws.rho.shape == (200, k)
        assert np.all(np.abs(draws.rho) < 1.0)
        for p in (draws.transition, draws.start):
            assert np.all(p >= 0.0)
            np.testing.assert_allclose(p.sum(axis=-1), 1.0, rtol=1e-12)
        assert np.all(np.isinf(draws.nu) if dist == "normal" else draws.nu > 2.0)

    def test_recurrent_levels_ascend_around_their_average(self):
        ours = space(k=4)
        values = ours.sample(100, np.random.default_rng(0))
        fisher = np.arctanh(ours.regimes(values).rho)
        np.testing.assert_allclose(np.diff(fisher, axis=1), values["gap"], rtol=1e-7)
        np.testing.assert_allclose(fisher.mean(axis=1), values["level"], atol=1e-9)

    @pytest.mark.parametrize("k", [2, 3, 5])
    def test_stationary_start(self, k):
        draws = space(k=k).regimes(space(k=k).sample(20, np.random.default_rng(0)))
        for d in range(20):
            np.testing.assert_allclose(
                draws.start[d] @ draws.transition[d], draws.start[d], atol=1e-12
            )
            np.testing.assert_allclose(draws.start[d], stationary(draws.transition[d]), atol=1e-8)

    def test_change_points_only_go_forward(self):
        ours = space("change_point", 3)
        draws = ours.regimes(ours.sample(10, np.random.default_rng(0)))
        allowed = np.triu(np.ones((3, 3))) - np.eye(3, k=2)
        assert np.all((draws.transition > 0.0) == allowed.astype(bool))
        np.testing.assert_array_equal(draws.transition[:, 2, 2], 1.0)
        np.testing.assert_array_equal(draws.start, np.tile([1.0, 0.0, 0.0], (10, 1)))
        assert np.all(np.isinf(draws.durations[:, 2]))

    def test_nesting_structure(self):
        ours = space("nesting")
        values = ours.sample(500, np.random.default_rng(0))
        draws = ours.regimes(values)
        low, normal, new = draws.rho.T
        assert np.all(low < normal)
        assert 0.3 < (new < normal).mean() < 0.7
        np.testing.assert_allclose(draws.transition[:, :2, 2], values["hazard"].repeat(2, axis=1))
        np.testing.assert_array_equal(draws.transition[:, 2], np.tile([0.0, 0.0, 1.0], (500, 1)))
        assert np.all(draws.start[:, 2] == 0.0)

    def test_nesting_without_breaks_is_the_recurrent_chain(self):
        nested, plain = Nesting(), Recurrent(2)
        leave, gap = np.array([[0.02, 0.005]]), np.array([[0.6]])
        common = {"leave": leave, "gap": gap}
        rho, moves, start = nested.structure(
            common | {"level": np.array([0.8]), "shift": np.zeros(1), "hazard": np.zeros((1, 1))},
            np,
        )
        rho2, moves2, start2 = plain.structure(common | {"level": np.array([0.5])}, np)
        np.testing.assert_allclose(rho[:, :2], rho2)
        np.testing.assert_allclose(moves[:, :2, :2], moves2)
        np.testing.assert_allclose(start[:, :2], start2)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (("hopping", 2), "chain='hopping' is unknown"),
            (("recurrent", 1), "n_regimes=1"),
            (("recurrent", 2, "estimated"), "initial='estimated' has no prior"),
        ],
    )
    def test_bad_input(self, options, message):
        with pytest.raises(ModelError, match=message):
            make_chain(*options)


class TestParameterSpace:
    @pytest.mark.parametrize(("chain", "k", "dist"), SPACES)
    def test_there_and_back(self, chain, k, dist):
        ours = space(chain, k, dist)
        values = ours.sample(30, np.random.default_rng(0))
        u = ours.to_real(values)
        assert u.shape == (30, ours.n_real)
        for name, x in ours.from_real(u)[0].items():
            np.testing.assert_allclose(x, values[name], rtol=1e-9)

    def test_posterior_is_prior_times_likelihood(self):
        ours, z = space(), np.random.default_rng(0).standard_normal((50, 2))
        values = ours.sample(5, np.random.default_rng(1))
        u = ours.to_real(values)
        expected = ours.log_prior(values) + ours.regimes(values).log_likelihood(z)
        np.testing.assert_allclose(
            ours.log_posterior(u, z) - ours.from_real(u)[1], expected, rtol=1e-10
        )

    def test_likelihood_is_the_filters(self):
        ours, z = space("nesting"), np.random.default_rng(0).standard_normal((80, 2))
        draws = ours.regimes(ours.sample(5, np.random.default_rng(1)))
        rows = [draws.filter(d, z)[0].sum() for d in range(5)]
        np.testing.assert_allclose(draws.log_likelihood(z), rows, rtol=1e-12)

    def test_the_edge_has_no_likelihood(self):
        ours = space(dist="normal")
        u = np.array([[60.0, 0.1, -4.0, -4.0], [0.2, 0.1, -4.0, -4.0]])
        z = np.random.default_rng(0).standard_normal((50, 2))
        found = ours.log_posterior(u, z)
        assert found[0] == -np.inf
        assert np.isfinite(found[1])


class TestBridgeSampling:
    """Integrals that are known."""

    @staticmethod
    def evidence(draws, log_target, seed=0):
        return bridge_sampling(draws, log_target, lambda x: x.size, np.random.default_rng(seed))

    @pytest.mark.parametrize("shape", [0.8, 3.0])
    def test_skewed_density(self, shape):
        """log of a Gamma variable times an independent t; the integral is exp(7)."""
        rng = np.random.default_rng(1)
        u = np.stack([np.log(rng.gamma(shape, size=(4, 2000))), rng.standard_t(7, (4, 2000))], -1)

        def log_target(v):
            first = stats.gamma(shape).logpdf(np.exp(v[:, 0])) + v[:, 0]
            return 7.0 + first + stats.t(7).logpdf(v[:, 1])

        found = self.evidence(u, log_target)
        assert 0.0 < found.std_error < 0.05
        assert abs(found.log_marginal - 7.0) < 4.0 * found.std_error

    def test_standard_error_is_the_spread(self):
        def once(seed):
            rng = np.random.default_rng(seed)
            u = np.log(rng.gamma(1.0, size=(2, 400, 1)))
            return self.evidence(u, lambda v: (v - np.exp(v))[:, 0], seed)

        runs = [once(seed) for seed in range(60)]
        errors = np.array([r.log_marginal for r in runs])
        assert abs(errors.mean()) < 0.02
        assert 0.6 < errors.std() / np.mean([r.std_error for r in runs]) < 1.5

    def test_minus_infinity_of_the_target_is_a_zero(self):
        rng = np.random.default_rng(2)
        u = np.abs(rng.standard_normal((2, 4000, 1)))

        def log_target(v):
            return np.where(v[:, 0] > 0.0, -0.5 * v[:, 0] ** 2, -np.inf)

        found = self.evidence(u, log_target)
        assert found.log_marginal == pytest.approx(0.5 * np.log(np.pi / 2.0), abs=0.05)

    def test_draws_that_tell_nothing_are_refused(self):
        u = np.random.default_rng(3).standard_normal((2, 50, 1))
        with pytest.raises(EstimationError, match="not finite"):
            self.evidence(u, lambda v: np.full(len(v), np.nan))
        with pytest.raises(EstimationError, match="do not span"):
            self.evidence(np.zeros((2, 50, 1)), lambda v: v[:, 0])
        with pytest.raises(EstimationError, match="worth nan"):
            bridge_sampling(u, lambda v: v[:, 0], lambda _: np.nan, np.random.default_rng(0))


def test_nothing_heavy_is_imported():
    code = (
        "import sys; from regimecorr.models.bayes import RegimePriors; RegimePriors().table();"
        "print([m for m in ('pymc', 'pytensor', 'arviz') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
