"""PyTensor operations around compiled kernels: the regime likelihood, and GARCH residuals."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.gradient import DisconnectedType, grad_not_implemented
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op
from pytensor.link.numba.dispatch import basic as numba_basic

from regimecorr.kernels import density, garch_adjoint
from regimecorr.kernels import regime_gradient as regimes
from regimecorr.kernels.regime_gradient import regime_gradient


class RegimeLikelihood(Op):  # type: ignore[misc]
    """Log-likelihood of a Markov-switching correlation, marginal over the regimes.

    Inputs: residuals (n_obs, 2), correlations (K,), transition matrix (K, K), first-row
    probabilities (K,), ``nu``. Outputs: the log-likelihood, then its derivatives by each input.
    The pullback of the first output is made of the others, so value and gradient are one node of
    the compiled graph and cost one filter pass. Second derivatives are not implemented.
    """

    __props__ = ()

    def make_node(self, *inputs: Any) -> Any:
        """Convert the inputs to float64 tensors."""
        variables = [pt.as_tensor_variable(x).astype("float64") for x in inputs]
        types = [x.type() for x in variables]
        return Apply(self, variables, [pt.dscalar(), *types])

    def perform(self, node: Any, inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
        """Run the compiled kernel (C and Python linkers)."""
        z, rho, transition, start, nu = inputs
        found = regime_gradient(
            np.ascontiguousarray(z),
            np.ascontiguousarray(rho),
            np.ascontiguousarray(transition),
            np.ascontiguousarray(start),
            float(nu),
        )
        for place, value in zip(outputs, found, strict=True):
            place[0] = np.asarray(value)

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list[Any]:
        """Gradient of the log-likelihood: its cotangent times the other outputs."""
        if any(not isinstance(c.type, DisconnectedType) for c in cotangents[1:]):
            reason = "the regime likelihood has no second derivatives"
            return [grad_not_implemented(self, i, x, reason) for i, x in enumerate(inputs)]
        return [cotangents[0] * slope for slope in outputs[1:]]

    def infer_shape(self, *args: Any) -> list[Any]:
        """Derivatives have the shapes of their inputs."""
        shapes = args[-1]
        return [(), *shapes]


class GarchResiduals(Op):  # type: ignore[misc]
    """Standardized residuals of GARCH(1,1) margins.

    Inputs: returns (n_obs, k), parameters (4, k) with rows ``mu, omega, alpha, beta``, backcasts
    (k,). Outputs: residuals (n_obs, k), sum of the log volatilities. Returns and backcasts are
    data: there are no derivatives by them.
    """

    __props__ = ()

    def make_node(self, *inputs: Any) -> Any:
        """Convert the inputs to float64 tensors."""
        variables = [pt.as_tensor_variable(x).astype("float64") for x in inputs]
        return Apply(self, variables, [variables[0].type(), pt.dscalar()])

    def perform(self, node: Any, inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
        """Run the compiled kernel (C and Python linkers)."""
        found = garch_adjoint.garch_residuals(*(np.ascontiguousarray(x) for x in inputs))
        for place, value in zip(outputs, found, strict=True):
            place[0] = np.asarray(value)

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list[Any]:
        """Derivatives by the parameters, from those by the residuals and the log volatilities."""
        given = [
            pt.zeros_like(out) if isinstance(c.type, DisconnectedType) else c
            for out, c in zip(outputs, cotangents, strict=True)
        ]
        reason = "returns and backcasts are data"
        return [
            grad_not_implemented(self, 0, inputs[0], reason),
            _GarchAdjoint()(*inputs, *given),
            grad_not_implemented(self, 2, inputs[2], reason),
        ]

    def infer_shape(self, *args: Any) -> list[Any]:
        """Residuals have the shape of the returns."""
        return [args[-1][0], ()]


class _GarchAdjoint(Op):  # type: ignore[misc]
    """Pullback of `GarchResiduals`: its inputs, then the cotangents of its outputs."""

    __props__ = ()

    def make_node(self, *inputs: Any) -> Any:
        """Convert the inputs to float64 tensors."""
        variables = [pt.as_tensor_variable(x).astype("float64") for x in inputs]
        return Apply(self, variables, [variables[1].type()])

    def perform(self, node: Any, inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
        """Run the compiled kernel (C and Python linkers)."""
        arrays = (np.ascontiguousarray(x) for x in inputs[:4])
        outputs[0][0] = garch_adjoint.garch_adjoint(*arrays, float(inputs[4]))

    def infer_shape(self, *args: Any) -> list[Any]:
        """Derivatives have the shape of the parameters."""
        return [args[-1][1]]


if not hasattr(Op, "pullback"):  # PyTensor 2
    RegimeLikelihood.L_op = RegimeLikelihood.pullback
    GarchResiduals.L_op = GarchResiduals.pullback


def _version(*modules: ModuleType) -> int:
    """Return a number that changes with the source of the kernels.

    PyTensor keeps compiled graphs on disk under the name of the operation; without it an update of
    the package would run the old kernel.
    """
    sources = [Path(str(module.__file__)) for module in modules]
    return zlib.crc32(b"".join(path.read_bytes() for path in sources))


def _numba_likelihood(op: RegimeLikelihood, node: Any, **_: Any) -> Any:
    """Numba twin of `RegimeLikelihood.perform`, and the version of its cache."""
    kernel = regime_gradient

    @numba_basic.numba_njit  # type: ignore[untyped-decorator, unused-ignore]
    def regime_likelihood(z, rho, transition, start, nu):  # type: ignore[no-untyped-def]
        value, d_z, d_rho, d_transition, d_start, d_nu = kernel(
            np.ascontiguousarray(z),
            np.ascontiguousarray(rho),
            np.ascontiguousarray(transition),
            np.ascontiguousarray(start),
            nu.item(),
        )
        return np.asarray(value), d_z, d_rho, d_transition, d_start, np.asarray(d_nu)

    return regime_likelihood, _version(density, regimes)


def _numba_residuals(op: GarchResiduals, node: Any, **_: Any) -> Any:
    """Numba twin of `GarchResiduals.perform`, and the version of its cache."""
    kernel = garch_adjoint.garch_residuals

    @numba_basic.numba_njit  # type: ignore[untyped-decorator, unused-ignore]
    def garch_residuals(returns, theta, backcast):  # type: ignore[no-untyped-def]
        z, total = kernel(
            np.ascontiguousarray(returns),
            np.ascontiguousarray(theta),
            np.ascontiguousarray(backcast),
        )
        return z, np.asarray(total)

    return garch_residuals, _version(garch_adjoint)


def _numba_adjoint(op: _GarchAdjoint, node: Any, **_: Any) -> Any:
    """Numba twin of `_GarchAdjoint.perform`, and the version of its cache."""
    kernel = garch_adjoint.garch_adjoint

    @numba_basic.numba_njit  # type: ignore[untyped-decorator, unused-ignore]
    def pull_back(returns, theta, backcast, d_z, d_log):  # type: ignore[no-untyped-def]
        return kernel(
            np.ascontiguousarray(returns),
            np.ascontiguousarray(theta),
            np.ascontiguousarray(backcast),
            np.ascontiguousarray(d_z),
            d_log.item(),
        )

    return pull_back, _version(garch_adjoint)


for _operation, _twin in (
    (RegimeLikelihood, _numba_likelihood),
    (GarchResiduals, _numba_residuals),
    (_GarchAdjoint, _numba_adjoint),
):
    numba_basic.register_funcify_default_op_cache_key(_operation)(_twin)
