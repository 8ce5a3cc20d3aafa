r"""Tse's Lagrange-multiplier test.

Under the alternative :math:`\rho_{ij,t} = \rho_{ij} + \delta_{ij} y_{i,t-1} y_{j,t-1}`, y the
returns less their means. With R the correlation matrix, K its inverse and :math:`z^* = K z`, the
score of :math:`\delta_{ij}` at zero is

.. math::

    m_{ij,t} = (z^*_{it} z^*_{jt} - K_{ij}) y_{i,t-1} y_{j,t-1}.

The robust form asks whether its mean is zero, with the variance that the mean has when variances,
means and correlations are estimated, whatever the law of z: the influence of every row on those
estimates, times the derivative of the mean by them, is added to m (Newey 1985; Wooldridge 1990).
Products of heavy tails are skewed, so the studentised statistic is compared with that of samples in
which the scores of the correlation stand in random order.
The textbook form is Tse's outer-product statistic for normal errors; as the estimates are not those
of joint maximum likelihood, the scores of all other parameters are projected out (Neyman's
C(alpha)), which changes nothing at the joint optimum.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from regimecorr.errors import ModelError
from regimecorr.inference.constancy.inputs import Sample
from regimecorr.inference.constancy.options import Options
from regimecorr.inference.constancy.products import against, chi_squared
from regimecorr.inference.constancy.result import ConstancyTest
from regimecorr.kernels.garch import garch_scores
from regimecorr.models._garch_fit import Margin, density_constants
from regimecorr.models.base import Array
from regimecorr.models.margins import AnyMargin, MarginsResult


class _Moments:
    """Scores of the correlations and of their dependence on the last row, at the estimates."""

    def __init__(self, sample: Sample, margins: MarginsResult) -> None:
        self.z, self.legs = sample.z, margins.legs
        self.n, assets = self.z.shape
        self.i, self.j = np.triu_indices(assets, 1)
        self.inverse = np.linalg.inv(sample.correlation)
        self.star = self.z @ self.inverse
        self.residual = np.column_stack([leg.std_resid * leg.volatility for leg in self.legs])
        products = self.residual[:, self.i] * self.residual[:, self.j]
        # The scale is free; the first row has no past.
        self.past = np.vstack([np.zeros(len(self.i)), products[:-1]])
        self.past /= np.sqrt((self.past**2).mean(axis=0))
        #: Scores (n, n_pairs) of the correlations, and of delta.
        self.rho = self.star[:, self.i] * self.star[:, self.j] - self.inverse[self.i, self.j]
        self.delta = self.rho * self.past

    def slopes(self, k: int) -> tuple[Array, Array]:
        """Derivatives of leg k's scaled residual by all that was estimated of it; influences.

        Beside the parameters of the margin these are mean and scale of its residuals.
        """
        leg, z = self.legs[k], self.z[:, k]
        if len(leg.residual_slopes) != self.n:
            raise ModelError(
                f"The margin of {leg.name!r} was fitted on {len(leg.residual_slopes)} of the "
                f"{self.n} rows; fit the margins on all rows for Tse's test."
            )
        by_theta = leg.residual_slopes / leg.std_resid.std()
        by_theta = by_theta - by_theta.mean(axis=0) - np.outer(z, z @ by_theta / self.n)
        slopes = np.column_stack([by_theta, np.full(self.n, -1.0), -z])
        return slopes, np.column_stack([leg.influence, z, 0.5 * (z * z - 1.0)])

    def corrected(self) -> Array:
        """Score of delta with what the estimates add: (n, n_pairs), of independent rows."""
        out = self.delta.copy()
        i, j, inverse, star = self.i, self.j, self.inverse, self.star
        influence_rho = self.z[:, i] * self.z[:, j] - (self.z[:, i] * self.z[:, j]).mean(axis=0)
        for k in range(self.z.shape[1]):
            slopes, influence = self.slopes(k)
            by_residual = (inverse[i, k] * star[:, j] + inverse[j, k] * star[:, i]) * self.past
            out += influence @ (by_residual.T @ slopes / self.n).T
            # The leg is one side of some pairs.
            partner = np.where(i == k, j, i)
            mine = (i == k) | (j == k)
            effect = np.where(mine[:, None], self.z[:, partner].T @ slopes / self.n, 0.0)
            influence_rho = influence_rho + influence @ effect.T
        return np.asarray(out + influence_rho @ self._by_correlation().T)

    def _by_correlation(self) -> Array:
        """Mean derivatives (n_pairs, n_pairs) of the score of delta by the correlations."""
        inverse, star = self.inverse, self.star
        out = np.empty((len(self.i), len(self.i)))
        for p, (i, j) in enumerate(zip(self.i, self.j, strict=True)):
            for q, (k, m) in enumerate(zip(self.i, self.j, strict=True)):
                first = inverse[i, k] * star[:, m] + inverse[i, m] * star[:, k]
                second = inverse[j, k] * star[:, m] + inverse[j, m] * star[:, k]
                constant = inverse[i, k] * inverse[m, j] + inverse[i, m] * inverse[k, j]
                slope = constant - first * star[:, j] - second * star[:, i]
                out[p, q] = (slope * self.past[:, p]).mean()
        return out

    def permuted(self, n_boot: int, rng: np.random.Generator) -> Array:
        """Statistics (n_boot,) with the scores of the correlations in random order."""
        out = np.empty(n_boot)
        for b in range(n_boot):
            rows = self.rho[rng.permutation(self.n)] * self.past
            out[b] = _quadratic(rows.sum(axis=0), rows)
        return out

    def nuisance(self) -> Array:
        """Gaussian scores (n, k) of margins and correlations."""
        columns = [self.rho]
        for k, leg in enumerate(self.legs):
            own, by_residual = _gaussian_scores(leg, self.z[:, k])
            columns.append(own + (self.z[:, k] - self.star[:, k])[:, None] * by_residual)
        scores = np.column_stack(columns)
        scale = np.sqrt((scores**2).mean(axis=0))
        return np.asarray(scores[:, scale > 0.0] / scale[scale > 0.0])


def _gaussian_scores(leg: AnyMargin, z: Array) -> tuple[Array, Array]:
    """Scores (n, k) of a leg by itself, and the derivatives (n, k) of its residual."""
    if not isinstance(leg, Margin):
        raise ModelError(
            f"The textbook form of Tse's test needs the scores of GARCH margins; {leg.name!r} "
            "comes from another arch model. Use robust=True."
        )
    if not leg.free:
        return np.column_stack([z, z * z - 1.0]), np.column_stack([np.full_like(z, -1.0), -z])
    n, free = len(z), list(leg.free)
    scores, residual, slopes = np.empty((n, 6)), np.empty(n), np.empty((n, 5))
    theta = leg.theta.copy()
    theta[5] = np.inf
    constants = density_constants(1, np.inf)
    garch_scores(
        leg.series, theta, leg.backcast, leg.exponential, *constants, scores, residual, slopes
    )
    free = [position for position in free if position < 5]
    return scores[:, free], slopes[:, free]


def _quadratic(total: Array, rows: Array) -> float:
    """Sum (k,) in the metric of the outer product of rows (n, k)."""
    return float(total @ np.linalg.solve(rows.T @ rows, total))


def tse(sample: Sample, options: Options) -> ConstancyTest:
    """Tse's test (2000)."""
    assert sample.margins is not None
    n_pairs = len(sample.names) * (len(sample.names) - 1) // 2
    if n_pairs > sample.n_obs // 10:
        raise ModelError(
            f"{len(sample.names)} assets have {n_pairs} correlations, too many for {sample.n_obs} "
            f"rows; Tse's test takes at most {sample.n_obs // 10}. Use method='engle_sheppard'."
        )
    moments = _Moments(sample, sample.margins)
    notes = sample.notes()
    subject = "it follows" if n_pairs == 1 else "they follow"
    figures = {"df": float(n_pairs)}
    if options.robust:
        rows = moments.corrected()
        statistic = _quadratic(moments.delta.sum(axis=0), rows)
        replicates = moments.permuted(options.n_boot, options.rng)
        pvalue, law, critical = against(replicates, statistic)
        figures["n_boot"] = float(options.n_boot)
    else:
        others = moments.nuisance()
        rows = moments.delta - others @ np.linalg.lstsq(others, moments.delta, rcond=None)[0]
        statistic = _quadratic(rows.sum(axis=0), rows)
        pvalue, law, critical = chi_squared(statistic, n_pairs)
        notes.append("textbook form: outer product of the scores of normal errors")
    return ConstancyTest(
        method="tse",
        statistic=statistic,
        pvalue=pvalue,
        null=sample.null,
        alternative=f"{subject} the product of the last row's returns",
        distribution=law,
        critical_values=critical,
        robust=options.robust,
        names=sample.names,
        n_obs=sample.n_obs,
        details=pd.Series(figures),
        notes=tuple(notes),
    )
