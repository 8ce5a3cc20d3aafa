r"""Uncertainty of the second stage: influence of every row, through margins and targets.

With second-stage scores :math:`s_t`, their Hessian :math:`H`, first-stage influence
:math:`\psi^1_t` and the target's :math:`\psi^S_t`, the estimate is to first order

.. math::

    \hat\theta - \theta = -H^{-1} \sum_t A_t, \qquad
    A_t = s_t + \tfrac1T \partial_\phi \bigl(\textstyle\sum s\bigr) \psi^1_t
    + \tfrac1T \partial_S \bigl(\textstyle\sum s\bigr) \psi^S_t

(Engle and Sheppard 2001; Newey and McFadden 1994, section 6). The cross derivatives are
differences, in the k second-stage parameters only, of the likelihood's derivatives by every
residual and by the target, which one backward pass gives: their cost does not grow with the number
of margins.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias, get_args

import numpy as np

from regimecorr.errors import ModelError
from regimecorr.kernels.targeting import corrected_adjoint
from regimecorr.models.base import Array, check_count
from regimecorr.models.dcc.dynamics import Dynamics
from regimecorr.models.dcc.estimation import region_of
from regimecorr.models.dcc.moments import MomentNews
from regimecorr.models.margins import MarginsResult
from regimecorr.models.optimise import Optimum, inverse_information, neighbours
from regimecorr.models.sandwich import automatic_lags, long_run_covariance

Stages: TypeAlias = Literal["second-stage", "two-step", "three-stage"]


@dataclass(frozen=True, eq=False)
class Inference:
    """First-order expansion of an estimated second stage."""

    dynamics: Dynamics
    margins: MarginsResult
    optimum: Optimum

    @cached_property
    def scores(self) -> Array:
        """Scores (n_obs, k) of every row."""
        return self.dynamics.scores(self.optimum.theta)[1]

    @cached_property
    def _slopes(self) -> tuple[list[Array], list[Array], list[Array], list[Array]]:
        """By parameter: derivatives of its summed score by z (target fixed; and not), S, Nbar."""
        region, theta = region_of(self.dynamics), self.optimum.theta
        out: tuple[list[Array], ...] = ([], [], [], [])
        for k in range(theta.size):
            *points, distance = neighbours(theta, k, region)
            sides = []
            for side in points:
                fixed, by_target, by_asymmetry = self.dynamics.adjoints(side, False)
                whole = self.dynamics.adjoints(side, True)[0]
                sides.append((fixed, whole, by_target, by_asymmetry))
            for block, high, low in zip(out, *sides, strict=True):
                block.append((high - low) / distance)
        # From derivatives along the region's units to those by the parameters.
        turn = np.linalg.inv(region.units).T
        turned = [
            list(np.tensordot(turn, np.stack(block), axes=1)) if block else [] for block in out
        ]
        return turned[0], turned[1], turned[2], turned[3]

    def rows(self, stages: Stages = "three-stage") -> Array:
        """Rows ``A_t`` (n_obs, k): scores, with what the earlier stages contribute."""
        if stages not in get_args(Stages):
            raise ModelError(f"stages={stages!r} is unknown; use one of {get_args(Stages)}.")
        total = self.scores.copy()
        if stages == "second-stage":
            return total
        fixed, whole, by_target, by_asymmetry = self._slopes
        through = fixed if stages == "two-step" else whole
        n = len(total)
        for i, leg in enumerate(self.margins.legs):
            if leg.influence.shape[1] == 0:
                continue
            for k, slope in enumerate(through):
                total[:, k] += leg.influence @ (slope[:, i] @ leg.residual_slopes) / n
        if stages == "three-stage":
            for k in range(total.shape[1]):
                total[:, k] += self._target_rows(by_target[k], by_asymmetry[k])
        return total

    @cached_property
    def moment_news(self) -> MomentNews:
        """What every row adds to the moment behind the target."""
        return MomentNews.of(self.dynamics, self.optimum.theta)

    def _target_rows(self, by_target: Array, by_asymmetry: Array) -> Array:
        """Contribution (n_obs,) of every row through the moments that it enters."""
        dynamics = self.dynamics
        out = np.zeros(dynamics.n_obs)
        if dynamics.given is None:
            e = dynamics.innovations(self.optimum.theta)[0]
            slope = dynamics.rule.pull(dynamics.rule.moment(e), by_target)
            out += self.moment_news.rows(slope) / dynamics.n_obs
        if dynamics.layout.asymmetric and dynamics.given_asymmetry is None:
            centred = dynamics.asymmetry_rule.centred(dynamics.negative)
            rows = ((centred @ by_asymmetry) * centred).sum(axis=1)
            out += (rows - rows.mean()) / dynamics.n_obs
        return out

    @cached_property
    def inverse(self) -> Array:
        """Inverse information (k, k) along the free directions, zero across a bound."""
        best = self.optimum
        return inverse_information(best.hessian, best.basis, region_of(self.dynamics).units)

    def influence(self, stages: Stages = "three-stage") -> Array:
        """Influence (n_obs, k): the estimate is the truth plus the mean of these rows."""
        return self.dynamics.n_obs * self.rows(stages) @ self.inverse

    def covariance(self, stages: Stages = "three-stage", lags: int | None = None) -> Array:
        """Covariance (k, k) of the estimates, Newey and West (1987) over ``lags``."""
        n = self.dynamics.n_obs
        return long_run_covariance(self.influence(stages), self._lags(lags)) / n**2

    def _lags(self, lags: int | None) -> int:
        n = self.dynamics.n_obs
        if lags is None:
            return automatic_lags(n)
        check_count("lags", lags, least=0)
        if lags >= n // 2:
            raise ModelError(f"lags={lags} are too many for {n} rows; use fewer than {n // 2}.")
        return lags

    def spread(self, rows: Array) -> float:
        """Standard error of an estimate with these influence rows (n_obs,)."""
        variance = long_run_covariance(rows[:, None], automatic_lags(rows.size))[0, 0]
        return float(np.sqrt(max(variance, 0.0)) / rows.size)

    def target_influence(self, i: int, j: int) -> Array:
        """Influence (n_obs,) of every row on one entry of the target, with the margins' part.

        The dependence of cDCC's target on the dynamic parameters is included.
        """
        dynamics, n = self.dynamics, self.dynamics.n_obs
        if dynamics.given is not None:
            return np.zeros(n)
        theta = self.optimum.theta
        e, q, _ = dynamics.innovations(theta)
        unit = np.zeros((dynamics.size, dynamics.size))
        unit[i, j] += 0.5
        unit[j, i] += 0.5
        out = self.moment_news.rows(dynamics.rule.pull(dynamics.rule.moment(e), unit))
        by_z = dynamics.through_moment(e, unit)
        if dynamics.corrected:
            a, b, _, _ = dynamics.layout.split(theta)
            by_z = corrected_adjoint(dynamics.z, q, by_z, a, b)
            change = dynamics.inputs(theta).dQ0[:, i, j]
            out = out + self.influence()[:, : change.size] @ change
        for column, leg in enumerate(self.margins.legs):
            if leg.influence.shape[1]:
                out = out + leg.influence @ (by_z[:, column] @ leg.residual_slopes)
        return out

    def correlation_std_errors(self, i: int, j: int, lags: int | None = None) -> Array:
        """Delta-method standard errors (n_obs + 1,) of the Fisher z of a pair's correlations.

        From the joint covariance of the dynamic parameters and the pair's target; residuals are
        taken as they are.
        """
        dynamics, n = self.dynamics, self.dynamics.n_obs
        along = np.zeros((1, dynamics.size, dynamics.size))
        along[0, i, j] = along[0, j, i] = 1.0
        _, rho, slopes = dynamics.pair_path(self.optimum.theta, i, j, along)
        k = dynamics.layout.n_dynamic
        influence = self.influence()[:, :k]
        target = self.target_influence(i, j)
        if dynamics.corrected:
            # pair_path's derivatives by a and b already move the target with them
            change = dynamics.inputs(self.optimum.theta).dQ0[:, i, j]
            target = target - influence @ change
        joint = np.column_stack([influence, target])
        covariance = long_run_covariance(joint, self._lags(lags)) / n**2
        variance = np.einsum("tk,kl,tl->t", slopes, covariance, slopes)
        return np.asarray(np.sqrt(np.maximum(variance, 0.0)) / (1.0 - rho**2))
