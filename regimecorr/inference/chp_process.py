"""The statistics of Carrasco, Hu and Ploberger (2014) for any model, from its derivatives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import log_ndtr

from regimecorr.errors import ModelError
from regimecorr.formatting import plural
from regimecorr.kernels.chp import switching_process
from regimecorr.models.base import Array

_GRID_SIZE = 25
# mu_2 in the span of the scores up to rounding: the persistence says nothing.
_DEGENERATE = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class ConstancyProcess:
    """The standardized statistic at every direction and persistence of the alternative.

    Attributes
    ----------
    standardized : ndarray of shape (n_directions, n_rho)
        ``Gamma* / sqrt(mean eps^2)``; NaN where ``mu_2`` lies in the span of the scores, so that
        the alternative cannot be told from the null.
    directions : ndarray of shape (n_directions, k)
    persistence : ndarray of shape (n_rho,)
    """

    standardized: Array
    directions: Array
    persistence: Array

    @property
    def sup_ts(self) -> float:
        """``supTS``: the largest ``max(0, TS)^2 / 2``."""
        top = np.fmax(np.nan_to_num(self.standardized, nan=0.0), 0.0).max()
        return float(0.5 * top**2)

    @property
    def log_exp_ts(self) -> float:
        r"""Logarithm of ``expTS``.

        That is the average over directions and persistences of
        :math:`\sqrt{2\pi} e^{(TS - 1)^2 / 2} \Phi(TS - 1)`, which is 1 where TS does not exist.
        """
        shifted = self.standardized - 1.0
        log_psi = 0.5 * np.log(2.0 * np.pi) + 0.5 * shifted**2 + log_ndtr(shifted)
        log_psi = np.where(np.isnan(shifted), 0.0, log_psi)
        top = log_psi.max()
        return float(top + np.log(np.exp(log_psi - top).mean()))

    @property
    def exp_ts(self) -> float:
        """``expTS``; infinite above 1e308."""
        with np.errstate(over="ignore"):
            return float(np.exp(self.log_exp_ts))

    @property
    def best_persistence(self) -> float:
        """Persistence at which ``supTS`` is reached; NaN when it is 0."""
        if self.sup_ts == 0.0:
            return float("nan")
        return float(self.persistence[np.nanargmax(self.standardized) % self.persistence.size])


def constancy_process(
    scores: Array,
    hessians: Array,
    persistence: Array,
    *,
    switching: Sequence[int] = (0,),
    directions: Array | None = None,
    n_total: int | None = None,
    floor: float = 0.0,
) -> ConstancyProcess:
    r"""Evaluate the test of Carrasco, Hu and Ploberger for any model from its derivatives.

    With :math:`l_t` and :math:`M_t` the first and second derivatives of row t's log density by the
    switching parameters, and :math:`h` a direction,

    .. math::

        \mu_{2,t} = \tfrac12 \bigl[h'M_t h + (h'l_t)^2\bigr]
        + h'l_t \sum_{s<t} \rho^{t-s} h'l_s, \quad
        \Gamma^* = T^{-1/2} \sum_t \mu_{2,t}, \quad TS = \Gamma^* / \sqrt{n^{-1} \sum_t e_t^2},

    :math:`e_t` the residual of :math:`\mu_{2,t}` regressed on all scores.

    Parameters
    ----------
    scores : ndarray of shape (n, p)
        Scores of all parameters at the maximum of the null's likelihood.
    hessians : ndarray of shape (n, k, k)
        Second derivatives by the k parameters that switch.
    persistence : ndarray of shape (n_rho,)
        Persistences of the alternative, within (-1, 1).
    switching : sequence of int, default (0,)
        Columns of ``scores`` that switch, k of them, in the order of ``hessians``.
    directions : ndarray of shape (n_directions, k), optional
        Directions of the switch; neither sign nor length matters. Needed when k > 1.
    n_total : int, optional
        T of :math:`\Gamma^*`; default n. The published figures count an autoregression's presample.
    floor : float, default 0
        Mean square of e below which TS is taken not to exist; rounding is looked after.

    Returns
    -------
    ConstancyProcess

    References
    ----------
    Carrasco, M., Hu, L. and Ploberger, W. (2014). Optimal test for Markov switching parameters.
    Econometrica 82, 765-784, equations 2.5 to 2.9.
    """
    k = len(switching)
    if hessians.shape != (len(scores), k, k):
        raise ModelError(
            f"hessians have shape {hessians.shape}; {len(scores)} rows of scores and "
            f"{plural(k, 'switching parameter')} need {(len(scores), k, k)}."
        )
    if directions is None:
        if k > 1:
            raise ModelError(f"{k} parameters switch; pass the directions in which they do.")
        directions = np.ones((1, 1))
    persistence = np.ascontiguousarray(persistence, dtype=float)
    if np.any(np.abs(persistence) >= 1.0):
        raise ModelError(f"The persistences must lie within (-1, 1); got {persistence.tolist()}.")
    basis = _orthonormal(scores)
    out = np.empty((len(directions), persistence.size))
    for i, h in enumerate(directions):
        slope = np.ascontiguousarray(scores[:, list(switching)] @ h)
        curvature = np.ascontiguousarray(np.einsum("tij,i,j->t", hessians, h, h))
        total, residual, square = switching_process(slope, curvature, basis, persistence)
        exists = (residual > _DEGENERATE * square) & (residual >= floor)
        scale = (n_total or len(scores)) * np.where(exists, residual, 1.0)
        out[i] = np.where(exists, total / np.sqrt(scale), np.nan)
    return ConstancyProcess(out, directions, persistence)


def _orthonormal(scores: Array) -> Array:
    """Orthonormal basis of the span of the scores, whatever their units."""
    norms = np.sqrt((scores**2).sum(axis=0))
    scaled = scores[:, norms > 0.0] / norms[norms > 0.0]
    left, sizes, _ = np.linalg.svd(scaled, full_matrices=False)
    return np.ascontiguousarray(left[:, sizes > 1e-10])


def persistence_grid(rho_min: float, rho_max: float, size: int = _GRID_SIZE) -> Array:
    """Persistences with equal steps of ``log(1 - rho)``, that is of the log memory."""
    return np.asarray(1.0 - np.geomspace(1.0 - rho_min, 1.0 - rho_max, size), dtype=float)
