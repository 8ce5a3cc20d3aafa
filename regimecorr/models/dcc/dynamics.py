"""The second stage on given residuals: likelihood, scores, and derivatives by its inputs."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from scipy.linalg import eigh

from regimecorr.kernels.dcc import (
    composite_scores,
    matrix_entries,
    pair_correlation,
    pair_product_derivatives,
    pair_products,
    pair_recursion,
    stacked_entries,
)
from regimecorr.kernels.dcc_matrix import adjoint, full_rows, full_scores, recursion, rescale
from regimecorr.kernels.targeting import corrected_adjoint, corrected_innovations
from regimecorr.models._garch_fit import density_constants
from regimecorr.models.base import Array, IntArray
from regimecorr.models.dcc.target import TargetRule

Variant: TypeAlias = Literal["ccc", "dcc", "cdcc", "adcc"]
Presample: TypeAlias = Literal["target", "zeros", "ones", "rmgarch"]

_PAIR = np.array([[0, 1]])


@dataclass(frozen=True, slots=True)
class Layout:
    """Order of the second-stage parameters: ``a_1 .. a_p, b_1 .. b_q, g, nu``."""

    p: int
    q: int
    asymmetric: bool
    heavy: bool

    @property
    def n_dynamic(self) -> int:
        """Number of parameters but ``nu``."""
        return self.p + self.q + self.asymmetric

    @property
    def size(self) -> int:
        """Number of parameters."""
        return self.n_dynamic + self.heavy

    @property
    def names(self) -> tuple[str, ...]:
        """Names, numbered where there is more than one lag."""
        a = ("a",) if self.p == 1 else tuple(f"a{i + 1}" for i in range(self.p))
        b = ("b",) if self.q == 1 else tuple(f"b{i + 1}" for i in range(self.q))
        return (*a, *b, *(("g",) if self.asymmetric else ()), *(("nu",) if self.heavy else ()))

    def split(self, theta: Array) -> tuple[Array, Array, float, float]:
        """Return ``a``, ``b``, ``g`` (0 without asymmetry) and ``nu`` (infinite for the normal)."""
        a = np.ascontiguousarray(theta[: self.p])
        b = np.ascontiguousarray(theta[self.p : self.p + self.q])
        g = float(theta[self.p + self.q]) if self.asymmetric else 0.0
        return a, b, g, float(theta[-1]) if self.heavy else np.inf


class Inputs(NamedTuple):
    """What the kernels take, in their order; ``d...`` are derivatives in K directions."""

    e: Array
    de: Array
    neg: Array
    a: Array
    b: Array
    g: float
    asymmetric: bool
    C: Array
    dC: Array
    Q0: Array
    dQ0: Array
    E0: Array
    dE0: Array
    N0: Array

    def without_slopes(self) -> Inputs:
        """The same with derivatives in no direction."""
        nothing = np.empty((0, *self.C.shape))
        return self._replace(de=np.empty((0, 0, 0)), dC=nothing, dQ0=nothing, dE0=nothing)

    @property
    def plain(self) -> tuple[Array, Array, Array, Array, float, bool, Array, Array, Array, Array]:
        """The same without derivatives."""
        return (
            self.e, self.neg, self.a, self.b, self.g, self.asymmetric,
            self.C, self.Q0, self.E0, self.N0,
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Dynamics:
    """A variant of DCC on standardized residuals ``z`` (n_obs, N).

    Attributes
    ----------
    pairs : ndarray of shape (n_pairs, 2) or None
        Pairs of the composite likelihood; None for the full one.
    given : ndarray of shape (N, N) or None
        A target that is known, and is not estimated from ``z``.
    given_asymmetry : ndarray of shape (N, N) or None
        The same for the mean of ``n n'``.
    """

    z: Array
    variant: Variant
    layout: Layout
    presample: Presample = "target"
    rule: TargetRule = field(default_factory=TargetRule)
    centred_asymmetry: bool = False
    pairs: IntArray | None = None
    given: Array | None = None
    given_asymmetry: Array | None = None

    @property
    def n_obs(self) -> int:
        """Number of rows."""
        return len(self.z)

    @property
    def size(self) -> int:
        """Number of assets."""
        return int(self.z.shape[1])

    @property
    def corrected(self) -> bool:
        """Whether the innovations are cDCC's."""
        return self.variant == "cdcc"

    @cached_property
    def negative(self) -> Array:
        """Negative parts ``min(z, 0)`` (n_obs, N); zeros where the variant has no asymmetry."""
        return np.minimum(self.z, 0.0) if self.layout.asymmetric else np.zeros_like(self.z)

    @cached_property
    def asymmetry_rule(self) -> TargetRule:
        """Rule of ``Nbar``'s moment, which is taken as it is: plain or centred."""
        return TargetRule("covariance" if self.centred_asymmetry else "correlation")

    @cached_property
    def asymmetry(self) -> Array:
        """``Nbar`` (N, N): mean of ``n n'``, or their centred covariance."""
        if self.given_asymmetry is not None:
            return self.given_asymmetry
        return self.asymmetry_rule.moment(self.negative)

    @cached_property
    def delta(self) -> float:
        """Largest eigenvalue of ``S^{-1/2} Nbar S^{-1/2}``: the weight of g in the persistence."""
        if not self.layout.asymmetric:
            return 0.0
        target = self.target(np.zeros(self.layout.size))
        return float(eigh(self.asymmetry, target, eigvals_only=True)[-1])

    def persistence(self, theta: Array) -> float:
        """Return ``sum a + sum b + delta g``, below one for a positive intercept."""
        a, b, g, _ = self.layout.split(theta)
        return float(a.sum() + b.sum() + self.delta * g)

    @cached_property
    def _plain_moment(self) -> Array:
        return self.rule.moment(self.z)

    def innovations(self, theta: Array) -> tuple[Array, Array, Array]:
        """Innovations ``e``, cDCC's diagonal of Q, and the derivatives of ``e``."""
        if not self.corrected:
            return self.z, np.empty((0, 0)), np.empty((0, 0, 0))
        a, b, _, _ = self.layout.split(theta)
        before = 0.0 if self.presample == "zeros" else 1.0
        out: tuple[Array, Array, Array] = corrected_innovations(self.z, a, b, before)
        return out

    def target(self, theta: Array) -> Array:
        """Target (N, N) at these parameters."""
        if self.given is not None:
            return self.given
        if not self.corrected:
            return self.rule.value(self._plain_moment)
        return self.rule.value(self.rule.moment(self.innovations(theta)[0]))

    def inputs(
        self, theta: Array, along: Array | None = None, target: Array | None = None
    ) -> Inputs:
        """Constants and innovations of the recursion.

        ``along`` (m, N, N) adds directions in which the target moves; ``target`` replaces it.
        """
        layout = self.layout
        a, b, g, _ = layout.split(theta)
        e, _, de = self.innovations(theta)
        n, k = self.size, layout.n_dynamic
        change = np.zeros((k, n, n))
        if target is None and self.given is not None:
            target = self.given
        elif target is None:
            moment = self.rule.moment(e) if self.corrected else self._plain_moment
            target = self.rule.value(moment)
            for i in range(len(de)):
                product = de[i].T @ e / self.n_obs
                change[i] = self.rule.push(moment, product + product.T)
        rest = 1.0 - a.sum() - b.sum()
        nbar = self.asymmetry if layout.asymmetric else np.zeros((n, n))
        dC = rest * change
        dC[: layout.p + layout.q] -= target
        if layout.asymmetric:
            dC[-1] = -nbar
        if along is not None:
            change = np.concatenate([change, along])
            dC = np.concatenate([dC, rest * along])
        zero, one = np.zeros((n, n)), np.ones((n, n))
        at_target = self.presample == "target"
        # (z z', n n') before the sample; rmgarch pads the negative parts with ones as well
        shocks, low = {
            "target": (target, nbar),
            "zeros": (zero, zero),
            "ones": (one, zero),
            "rmgarch": (one, one),
        }[self.presample]
        return Inputs(
            e=e,
            de=de,
            neg=self.negative,
            a=a,
            b=b,
            g=g,
            asymmetric=layout.asymmetric,
            C=rest * target - g * nbar,
            dC=dC,
            Q0=target,
            dQ0=change,
            E0=shocks,
            dE0=change if at_target else np.zeros_like(change),
            N0=low,
        )

    def scores(self, theta: Array) -> tuple[Array, Array]:
        """Log density of every row (n_obs,) and its derivatives (n_obs, k)."""
        nu = self.layout.split(theta)[3]
        inputs = self.inputs(theta)
        if self.pairs is not None or self.size == 2:
            pairs = _PAIR if self.pairs is None else self.pairs
            rows, score = composite_scores(self.z, *inputs[:3], pairs, *inputs[3:], nu)
        else:
            rows, score = full_scores(self.z, *inputs, nu, *density_constants(self.size, nu))
        return rows, score[:, : self.layout.size]

    def total(self, theta: Array) -> tuple[float, Array]:
        """Log-likelihood of the residuals and its gradient (k,)."""
        rows, score = self.scores(theta)
        return float(rows.sum()), score.sum(axis=0)

    def value(self, theta: Array) -> float:
        """Log-likelihood of the residuals without its gradient, for a third of the time."""
        if self.pairs is None and self.size > 2:
            return float(self.full_loglikelihood(theta).sum())
        return float(self._pair_rows(theta, _PAIR if self.pairs is None else self.pairs).sum())

    def full_loglikelihood(self, theta: Array) -> Array:
        """Log density (n_obs,) of all assets, also where the estimation was by pairs."""
        if self.size == 2:
            return self._pair_rows(theta, _PAIR)
        nu = self.layout.split(theta)[3]
        rows: Array = full_rows(self.z, self.q_path(theta), nu, density_constants(self.size, nu)[0])
        return rows

    def _pair_rows(self, theta: Array, pairs: IntArray) -> Array:
        inputs = self.inputs(theta).without_slopes()
        nu = self.layout.split(theta)[3]
        rows: Array = composite_scores(self.z, *inputs[:3], pairs, *inputs[3:], nu)[0]
        return rows

    def q_path(self, theta: Array, target: Array | None = None) -> Array:
        """``Q`` (n_obs + 1, N, N), the last one tomorrow's."""
        out: Array = recursion(*self.inputs(theta, target=target).plain)
        return out

    def correlations(self, theta: Array) -> Array:
        """Conditional correlation matrices (n_obs + 1, N, N), the last one tomorrow's."""
        out: Array = rescale(self.q_path(theta))
        return out

    def pair_path(
        self, theta: Array, i: int, j: int, along: Array | None = None, target: Array | None = None
    ) -> tuple[Array, Array, Array]:
        """Of one pair: ``Q`` (n_obs + 1, 3), correlations, and their derivatives.

        The derivatives are taken along the parameters but ``nu`` and the directions ``along`` of
        the target; none are when ``target`` is given.
        """
        inputs = self.inputs(theta, along, target)
        slopes = inputs if target is None else inputs.without_slopes()
        Q, dQ = pair_recursion(
            pair_products(inputs.e, i, j),
            pair_product_derivatives(inputs.e, slopes.de, i, j),
            pair_products(inputs.neg, i, j),
            inputs.a, inputs.b, inputs.g, inputs.asymmetric,
            matrix_entries(inputs.C, i, j), stacked_entries(slopes.dC, i, j),
            matrix_entries(inputs.Q0, i, j), stacked_entries(slopes.dQ0, i, j),
            matrix_entries(inputs.E0, i, j), stacked_entries(slopes.dE0, i, j),
            matrix_entries(inputs.N0, i, j),
        )  # fmt: skip
        rho, drho = pair_correlation(Q, dQ)
        return Q, rho, drho

    def adjoints(self, theta: Array, through_target: bool) -> tuple[Array, Array, Array]:
        """Derivatives of the log-likelihood by ``z`` (n_obs, N), by the target and by ``Nbar``.

        ``through_target``: the first counts the way through the estimated targets as well.
        """
        nu = self.layout.split(theta)[3]
        inputs = self.inputs(theta)
        shape = (self.n_obs, self.size)
        by_z, by_e, by_neg = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        by_C, by_Q0, by_E0, by_N0 = np.zeros((4, self.size, self.size))
        blocks = [np.arange(self.size)] if self.pairs is None else list(self.pairs)
        const = density_constants(self.size if self.pairs is None else 2, nu)[0]
        for block in blocks:
            part = np.ix_(block, block)
            found = adjoint(
                np.ascontiguousarray(self.z[:, block]),
                np.ascontiguousarray(inputs.e[:, block]),
                np.ascontiguousarray(inputs.neg[:, block]),
                inputs.a, inputs.b, inputs.g, inputs.asymmetric,
                inputs.C[part], inputs.Q0[part], inputs.E0[part], inputs.N0[part],
                nu, const,
            )  # fmt: skip
            for whole, piece in zip((by_z, by_e, by_neg), found[:3], strict=True):
                whole[:, block] += piece
            for whole, piece in zip((by_C, by_Q0, by_E0, by_N0), found[3:], strict=True):
                whole[part] += piece
        at_target = self.presample == "target"
        rest = 1.0 - inputs.a.sum() - inputs.b.sum()
        by_target = rest * by_C + by_Q0 + at_target * by_E0
        by_asymmetry = -inputs.g * by_C + at_target * by_N0
        if through_target and self.given is None:
            by_e = by_e + self.through_moment(inputs.e, by_target)
            if self.layout.asymmetric and self.given_asymmetry is None:
                rule = self.asymmetry_rule
                centred = rule.centred(self.negative)
                by_neg = by_neg + 2.0 * centred @ by_asymmetry / rule.divisor(self.n_obs)
        if self.corrected:
            _, q, _ = self.innovations(theta)
            by_e = corrected_adjoint(self.z, q, by_e, inputs.a, inputs.b)
        return by_z + by_e + by_neg * (self.z < 0.0), by_target, by_asymmetry

    def through_moment(self, e: Array, by_target: Array) -> Array:
        """Derivative by the innovations of what depends on them through the target."""
        moment = self.rule.moment(e)
        slope = self.rule.pull(moment, by_target)
        return np.asarray(2.0 * self.rule.centred(e) @ slope / self.rule.divisor(self.n_obs))
