"""The specification of dynamic conditional correlation models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from regimecorr.errors import ConvergenceWarning, ModelError, warn_user
from regimecorr.models.base import (
    Array,
    CorrelationModel,
    Distribution,
    check_count,
    check_distribution,
)
from regimecorr.models.dcc.dynamics import Dynamics, Layout, Presample, Variant
from regimecorr.models.dcc.estimation import estimate
from regimecorr.models.dcc.result import DCCResult
from regimecorr.models.dcc.target import TargetKind, TargetRule
from regimecorr.models.grid import require_params
from regimecorr.models.margins import GARCH, Margins, MarginsResult

_CHOICES: dict[str, tuple[Any, ...]] = {
    "variant": get_args(Variant),
    "presample": get_args(Presample),
    "target": get_args(TargetKind),
    "asymmetry_target": ("uncentred", "centred"),
    "likelihood": ("full", "composite"),
    "pairs": ("contiguous", "all"),
    "shrinkage": (None, "ledoit-wolf"),
}
# Smallest eigenvalue of a correlation matrix that counts as positive.
_SINGULAR = 1e-8


@dataclass(frozen=True, slots=True, kw_only=True)
class DCC(CorrelationModel[DCCResult]):
    r"""Dynamic conditional correlation of two assets or many: CCC, DCC(p, q), cDCC, ADCC.

    .. math::

        Q_t = \Bigl(1 - \sum_i a_i - \sum_j b_j\Bigr) S - g \bar N
        + \sum_{i=1}^p a_i\, e_{t-i} e_{t-i}' + g\, n_{t-1} n_{t-1}' + \sum_{j=1}^q b_j\, Q_{t-j},
        \qquad
        R_t = \mathrm{diag}(Q_t)^{-1/2}\, Q_t\, \mathrm{diag}(Q_t)^{-1/2}

    on standardized residuals :math:`z_t` of the margins. The correlation at t uses returns to
    t - 1. Estimation is by quasi maximum likelihood in steps: margins, target S, then the
    parameters, with analytic gradients from several starts.

    Parameters
    ----------
    variant : {"dcc", "cdcc", "adcc", "ccc"}, default "dcc"
        "dcc" (Engle 2002): :math:`e = z`, :math:`g = 0`. "cdcc" (Aielli 2013): :math:`e_t =
        \mathrm{diag}(Q_t)^{1/2} z_t`, with the target recomputed at every value of the parameters;
        its target is consistent, DCC's is not. "adcc" (Cappiello, Engle and Sheppard 2006): joint
        falls count more, :math:`n = \min(z, 0)`. "ccc" (Bollerslev 1990): constant.
    order : tuple of int, default (1, 1)
        Lags ``(p, q)`` of the shock and of Q; ignored by "ccc".
    dist : {"normal", "t"}, default "normal"
        Errors of the second stage; t is the multivariate t with unit variances and ``nu`` degrees
        of freedom.
    margins : GARCH, mapping of asset to GARCH, or None, default GARCH()
        First stage; None when the returns are standardized residuals already.
    presample : {"target", "zeros", "ones", "rmgarch"}, default "target"
        What stands before the first row. "target": :math:`Q_1 = S`. Otherwise :math:`Q_0 = S` and
        :math:`z_0 = 0` ("zeros": tsmarch, and what rmgarch maximises), :math:`z_0 = 1` ("ones"), or
        :math:`z_0 = n_0 = 1` ("rmgarch": what it reports; it differs from "ones" for "adcc" only).
    target : {"correlation", "covariance"}, default "correlation"
        :math:`S = Z'Z / T` rescaled to a correlation, or the centred covariance with divisor
        T - 1, its diagonal not one (rmgarch, tsmarch).
    asymmetry_target : {"uncentred", "centred"}, default "uncentred"
        :math:`\bar N` is the mean of :math:`n n'`, or (rmgarch, tsmarch) their covariance.
    likelihood : {"full", "composite"}, default "full"
        "composite" adds the likelihoods of pairs (Pakel, Shephard, Sheppard and Engle 2021): for
        many assets, where it is faster and less biased.
    pairs : {"contiguous", "all"}, default "contiguous"
        Pairs of the composite likelihood: neighbouring columns, or all.
    shrinkage : {"ledoit-wolf"} or None, default None
        Shrink the target (scikit-learn's Ledoit and Wolf 2004 intensity); needed when there are
        more assets than rows.

    References
    ----------
    Aielli, G. P. (2013). Dynamic conditional correlation: on properties and estimation. Journal of
    Business & Economic Statistics 31, 282-299.
    Bollerslev, T. (1990). Modelling the coherence in short-run nominal exchange rates. Review of
    Economics and Statistics 72, 498-505.
    Cappiello, L., Engle, R. F. and Sheppard, K. (2006). Asymmetric dynamics in the correlations of
    global equity and bond returns. Journal of Financial Econometrics 4, 537-572.
    Engle, R. (2002). Dynamic conditional correlation. Journal of Business & Economic Statistics 20,
    339-350.
    Ledoit, O. and Wolf, M. (2004). A well-conditioned estimator for large-dimensional covariance
    matrices. Journal of Multivariate Analysis 88, 365-411.
    Pakel, C., Shephard, N., Sheppard, K. and Engle, R. F. (2021). Fitting vast dimensional
    time-varying covariance models. Journal of Business & Economic Statistics 39, 652-668.

    Examples
    --------
    >>> import regimecorr as rc
    >>> world = rc.simulate("mean_reverting", n_obs=1500, rng=1)
    >>> result = rc.DCC(variant="cdcc", dist="t").fit(world.returns)
    >>> bool(result.params["a"] + result.params["b"] < 1)
    True
    >>> result.forecast(5, method="analytic-Q").correlations.shape
    (5, 2, 2)
    """

    variant: Variant = "dcc"
    order: tuple[int, int] = (1, 1)
    dist: Distribution = "normal"
    margins: Margins | None = field(default_factory=GARCH, hash=False)
    presample: Presample = "target"
    target: TargetKind = "correlation"
    asymmetry_target: Literal["uncentred", "centred"] = "uncentred"
    likelihood: Literal["full", "composite"] = "full"
    pairs: Literal["contiguous", "all"] = "contiguous"
    shrinkage: Literal["ledoit-wolf"] | None = None

    def __post_init__(self) -> None:
        check_distribution(self.dist)
        for name, known in _CHOICES.items():
            value = getattr(self, name)
            if not isinstance(value, str | None) or value not in known:
                raise ModelError(f"{name}={value!r} is unknown; use one of {known}.")
        if not isinstance(self.order, tuple) or len(self.order) != 2:
            raise ModelError(f"order={self.order!r} must be a pair (p, q) of lags.")
        check_count("order p", self.order[0])
        check_count("order q", self.order[1], least=0)
        if self.variant == "cdcc" and self.target == "covariance":
            raise ModelError(
                "target='covariance' does not go with variant='cdcc': exact targeting needs a "
                "target with unit diagonal; use target='correlation'."
            )

    @property
    def _two_assets_only(self) -> bool:
        return False

    def _estimate(self, margins: MarginsResult, z: Array) -> DCCResult:
        dynamics = self._dynamics(z)
        _check_target(dynamics.target(np.zeros(dynamics.layout.size)), margins.names, len(z))
        found = estimate(dynamics)
        result = DCCResult(margins, dynamics, found.optimum.theta, estimate=found)
        if not found.converged:
            warn_user(found.message, ConvergenceWarning)
        return result

    def _dynamics(
        self, z: Array, given: Array | None = None, given_asymmetry: Array | None = None
    ) -> Dynamics:
        p, q = (0, 0) if self.variant == "ccc" else self.order
        layout = Layout(p, q, self.variant == "adcc", self.dist == "t")
        size = z.shape[1]
        intensity = 0.0
        if self.shrinkage == "ledoit-wolf" and given is None:
            from sklearn.covariance import ledoit_wolf_shrinkage

            raw = self.target == "correlation"
            intensity = float(ledoit_wolf_shrinkage(z, assume_centered=raw))
        pairs = None
        if self.likelihood == "composite":
            chosen = combinations(range(size), 2) if self.pairs == "all" else _neighbours(size)
            pairs = np.array(list(chosen))
        return Dynamics(
            z=z,
            variant=self.variant,
            layout=layout,
            presample=self.presample,
            rule=TargetRule(self.target, intensity),
            centred_asymmetry=self.asymmetry_target == "centred",
            pairs=pairs,
            given=given,
            given_asymmetry=given_asymmetry,
        )

    def filter(
        self,
        returns: pd.DataFrame | Array,
        params: pd.Series | Mapping[str, float],
        *,
        margins: MarginsResult | None = None,
        target: float | Array | pd.DataFrame | None = None,
    ) -> DCCResult:
        """Run with given parameters.

        Parameters
        ----------
        returns : DataFrame or ndarray of shape (n_obs, n_assets)
        params : Series or mapping
            ``a``, ``b``, ``g``, ``nu``, as far as the variant has them.
        margins : MarginsResult, optional
            Margins already fitted on these returns; fitted now otherwise.
        target : float or (n_assets, n_assets) matrix, optional
            Target S, a correlation for two assets; the sample's by default.

        Returns
        -------
        DCCResult

        Raises
        ------
        ModelError
            If parameters are missing or outside their region, or the target is not a correlation
            matrix.
        """
        fitted, z = self._residuals(returns, margins)
        given = None if target is None else _as_target(target, fitted.names)
        if self.variant == "cdcc" and given is not None and not np.allclose(np.diag(given), 1.0):
            raise ModelError(
                "The target of cDCC must be a correlation matrix; its diagonal is "
                f"{np.diag(given)}."
            )
        dynamics = self._dynamics(z, given)
        values = require_params(dict(params), dynamics.layout.names)
        theta = np.array([values[name] for name in dynamics.layout.names])
        _check_target(dynamics.target(theta), fitted.names, len(z))
        dynamic = theta[: dynamics.layout.n_dynamic]
        persistence = dynamics.persistence(theta)
        if np.any(dynamic < 0) or not persistence < 1:
            shown = ", ".join(f"{name}={values[name]}" for name in dynamics.layout.names)
            raise ModelError(
                f"{shown}: none may be negative, and the persistence (here {persistence:.6g}) must "
                "be below 1."
            )
        if self.dist == "t" and not 2.0 < theta[-1] <= 1e6:
            raise ModelError(f"nu={theta[-1]} must be above 2; dist='normal' is its limit.")
        return DCCResult(fitted, dynamics, theta)

    @classmethod
    def from_arch(cls, results: Sequence[Any], *, spec: DCC | None = None) -> DCCResult:
        """Estimate the correlation stage on margins that the arch package fitted.

        Parameters
        ----------
        results : sequence of arch.univariate.base.ARCHModelResult
            One fitted univariate model per asset, of any mean, volatility and distribution, on the
            same dates and with ``rescale=False``. Constant-mean GARCH(1,1), GJR and EGARCH are
            taken over as they are; other models keep their residuals, volatilities and (numeric)
            derivatives.
        spec : DCC, optional
            Options of the correlation stage; its ``margins`` are not used.

        Returns
        -------
        DCCResult
        """
        from regimecorr.models.arch_margins import margins_from_arch

        margins = margins_from_arch(results)
        chosen = cls() if spec is None else spec
        return chosen.fit(margins.returns, margins=margins)


def _neighbours(size: int) -> list[tuple[int, int]]:
    return [(i, i + 1) for i in range(size - 1)]


def _as_target(target: float | Array | pd.DataFrame, names: tuple[str, ...]) -> Array:
    size = len(names)
    if isinstance(target, pd.DataFrame):
        labelled = target.rename(index=str, columns=str)
        if set(labelled.index) != set(names) or set(labelled.columns) != set(names):
            raise ModelError(
                f"The target is labelled {list(labelled.index)}; the assets are {list(names)}."
            )
        target = labelled.loc[list(names), list(names)].to_numpy()
    matrix = np.array(target, dtype=float)
    if matrix.ndim == 0 and size == 2:
        matrix = np.array([[1.0, float(matrix)], [float(matrix), 1.0]])
    fine = matrix.shape == (size, size) and bool(np.all(np.isfinite(matrix)))
    if not fine or not np.allclose(matrix, matrix.T) or np.linalg.eigvalsh(matrix)[0] <= 0.0:
        raise ModelError(
            f"target={target} must be a correlation within (-1, 1) or a positive definite "
            f"({size}, {size}) matrix."
        )
    matrix = np.ascontiguousarray(0.5 * (matrix + matrix.T))
    matrix.flags.writeable = False
    return matrix


def _check_target(target: Array, names: tuple[str, ...], n_obs: int) -> None:
    smallest = float(np.linalg.eigvalsh(target)[0])
    if smallest > _SINGULAR:
        return
    if len(names) >= n_obs:
        raise ModelError(
            f"{len(names)} assets and {n_obs} returns: the sample correlation matrix is singular. "
            "Use shrinkage='ledoit-wolf' with likelihood='composite', fewer assets or more rows."
        )
    off = np.abs(target - np.diag(np.diag(target)))
    i, j = np.unravel_index(int(off.argmax()), off.shape)
    raise ModelError(
        f"The assets are collinear: the smallest eigenvalue of their correlation matrix is "
        f"{smallest:.1e} (the closest pair is {names[i]} and {names[j]}, {target[i, j]:.9f}). "
        "Remove one of them."
    )
