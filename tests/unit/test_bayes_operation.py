"""The operation that PyMC samples through: its value, its gradient, its compilation."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.special import expit, logit

from regimecorr.kernels.regime_gradient import regime_gradient
from regimecorr.models.bayes import RegimePriors
from regimecorr.models.bayes.chains import make_chain
from regimecorr.models.bayes.parameters import ParameterSpace
from regimecorr.models.bayes.sampling import quiet


class TestOperation:
    @pytest.fixture
    def inputs(self):
        z = np.random.default_rng(0).standard_normal((60, 2))
        moves = np.array([[0.95, 0.05], [0.1, 0.9]])
        return z, np.array([0.1, 0.6]), moves, np.array([0.6, 0.4]), 6.0

    @pytest.mark.parametrize("mode", [None, "NUMBA", "FAST_COMPILE"])
    def test_value_and_gradient_are_the_kernels(self, inputs, mode):
        with quiet():
            import pytensor
            import pytensor.tensor as pt

            from regimecorr.models.bayes.op import RegimeLikelihood

            symbols = [pt.as_tensor(x).type() for x in inputs]
            value = RegimeLikelihood()(*symbols)[0]
            function = pytensor.function(
                symbols, [value, *pytensor.grad(value, symbols)], mode=mode
            )
            nodes = function.maker.fgraph.apply_nodes
            assert sum(isinstance(node.op, RegimeLikelihood) for node in nodes) == 1
            found = function(*inputs)
        for ours, kernel in zip(found, regime_gradient(*inputs), strict=True):
            np.testing.assert_allclose(ours, kernel, rtol=1e-12)

    def test_second_derivatives_are_refused(self, inputs):
        with quiet():
            import pytensor
            import pytensor.tensor as pt

            from regimecorr.models.bayes.op import RegimeLikelihood

            rho = pt.dvector()
            z, _, moves, start, nu = inputs
            value = RegimeLikelihood()(z, rho, moves, start, nu)[0]
            slope = pytensor.grad(value, rho)
            with pytest.raises(Exception, match="no second derivatives"):
                pytensor.grad(slope.sum(), rho)

    @pytest.mark.parametrize(
        ("chain", "k", "dist"),
        [("recurrent", 2, "t"), ("recurrent", 3, "normal"), ("nesting", 3, "t")],
    )
    def test_model_equals_its_numpy_twin(self, chain, k, dist):
        """Same prior, same likelihood; and same Jacobian where the coordinates are the same."""
        z = np.random.default_rng(0).standard_normal((90, 2))
        priors = RegimePriors(durations=(60.0, 250.0)) if k == 2 else RegimePriors()
        space = ParameterSpace(make_chain(chain, k), priors, dist)
        with quiet():
            from regimecorr.models.bayes.graph import build_model

            model, data = build_model(space, np.zeros((90, 2)))
            data.set_value(z)
            plain = model.compile_logp(jacobian=False)
            free = {rv.name: (rv, model.rvs_to_values[rv]) for rv in model.free_RVs}
            sorts = "signed_gap" in free
            for i, sign in itertools.product(range(3), [1.0, -1.0] if sorts else [1.0]):
                values = space.sample(1, np.random.default_rng(i))
                given = dict(values)
                jacobian = 0.0
                if sorts:
                    # Log odds are relative to those of the priors' means.
                    away = np.log(np.array(space.blocks["leave"].b))
                    x = expit(logit(values["leave"]) + away - np.log(np.exp(away).mean()))
                    given["signed_gap"] = sign * values["gap"]
                    given["unsorted_leave"] = x[:, :: int(sign)]
                    slope = values["leave"] * (1.0 - values["leave"]) / (x * (1.0 - x))
                    jacobian = np.log(slope).sum()
                point = {}
                for name, (rv, value) in free.items():
                    transform = model.rvs_to_transforms[rv]
                    x = np.asarray(given[name][0])
                    forward = transform.forward(x, *rv.owner.inputs).eval() if transform else x
                    point[value.name] = forward
                likelihood = space.regimes(values).log_likelihood(z)[0]
                # Two orders of the same regimes share the density.
                expected = space.log_prior(values)[0] + jacobian + likelihood - np.log(2.0) * sorts
                assert float(plain(point)) == pytest.approx(expected, rel=1e-9)
                if not sorts and "split" not in values:
                    both = float(model.compile_logp()(point))
                    u = space.to_real(values)
                    assert both == pytest.approx(space.log_posterior(u, z)[0], rel=1e-9)

    def test_unequal_durations_make_no_step_where_the_regimes_meet(self):
        """Where the likelihood does not know leaving either, the exchange changes nothing.

        A step would be rejected whatever the size of the sampler's, which tuning then shrinks to
        nothing: priors of unequal durations would not be sampled where the data know one level.
        """
        space = ParameterSpace(
            make_chain("recurrent", 2), RegimePriors(durations=(60.0, 500.0)), "normal"
        )
        with quiet():
            from regimecorr.models.bayes.graph import build_model

            model, _ = build_model(space, np.random.default_rng(0).standard_normal((90, 2)))
            density = model.compile_logp()
            point = model.initial_point()
            point["unsorted_leave_logodds__"] = np.array([-4.0, -7.0])
            below, above = (density(point | {"signed_gap": np.array([g])}) for g in (-1e-9, 1e-9))
        assert float(below) == pytest.approx(float(above), abs=0.5)
