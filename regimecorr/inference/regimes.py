"""How many regimes: bootstrap likelihood ratio, and information criteria beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from regimecorr.errors import ModelError
from regimecorr.inference.chp import CHPTest, carrasco_hu_ploberger
from regimecorr.kernels.regimes import regime_states
from regimecorr.models.base import Array, Distribution, Noise, RandomState, check_count
from regimecorr.models.margins import GARCH, Margins, MarginsResult
from regimecorr.models.switching.chain import RegimeParams
from regimecorr.models.switching.emissions import ConstantEmission
from regimecorr.models.switching.estimation import fit_regimes, quick_optimum
from regimecorr.models.switching.result import SwitchingResult
from regimecorr.models.switching.spec import SwitchingCorrelation, constant_emission
from regimecorr.progress import LateProgress
from regimecorr.threads import one_blas_thread

_LEVELS = (0.10, 0.05, 0.01)
_CHUNK = 10
_MARGINS = GARCH()


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RegimeTest:
    """Likelihood ratio of K + 1 regimes against K, with its bootstrap distribution.

    Attributes
    ----------
    n_regimes : int
        K, the number of regimes under the null hypothesis.
    statistic : float
        Twice the gain in log-likelihood of the standardized residuals.
    pvalue : float
        ``(1 + #{LR* >= LR}) / (B + 1)``.
    mc_error : float
        Monte-Carlo standard error of the p-value.
    simulated : ndarray of shape (n_boot,)
        Statistics of samples that were simulated under the null.
    """

    n_regimes: int
    statistic: float
    pvalue: float
    mc_error: float
    simulated: Array = field(repr=False)

    @property
    def null(self) -> str:
        """The null hypothesis in words."""
        return _in_words(self.n_regimes)

    @property
    def alternative(self) -> str:
        """The alternative in words."""
        return _in_words(self.n_regimes + 1)

    @property
    def critical_values(self) -> pd.Series:
        """Quantiles of the simulated statistics at 10, 5 and 1 %."""
        values = np.quantile(self.simulated, [1.0 - level for level in _LEVELS])
        return pd.Series(values, index=[f"{100 * level:g}%" for level in _LEVELS])

    def __repr__(self) -> str:
        return (
            f"<RegimeTest: {self.null} against {self.alternative}, LR {self.statistic:.2f}, "
            f"p {self.pvalue:.3f}>"
        )

    def summary(self) -> str:
        """Return a short text."""
        critical = ", ".join(f"{k}: {v:.2f}" for k, v in self.critical_values.items())
        return (
            f"Null: {self.null}; alternative: {self.alternative}\n"
            f"  likelihood ratio  {self.statistic:.3f}\n"
            f"  p-value           {self.pvalue:.4f} (Monte-Carlo error {self.mc_error:.4f}, "
            f"{self.simulated.size} samples)\n"
            f"  critical values   {critical}"
        )


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RegimeSelection:
    """Regime models of ascending size, side by side.

    Attributes
    ----------
    table : DataFrame
        By number of regimes: ``loglikelihood`` of the standardized residuals, ``n_params``,
        ``aic``, ``bic``, ``icl``, ``smallest_share`` (expected share of rows in the smallest
        regime), and of the test against one regime more ``lr``, ``pvalue`` and ``mc_error``.
    n_regimes : int
        The smallest number that the test does not reject in favour of one more; the largest tried
        if every one is rejected.
    tests : tuple of RegimeTest
    constancy : CHPTest or None
        The test of Carrasco, Hu and Ploberger of one regime; None for more than two assets.
    results : tuple of SwitchingResult
        Fits by number of regimes; the first is the constant correlation.
    level : float
        Level of the tests.
    """

    table: pd.DataFrame
    n_regimes: int
    tests: tuple[RegimeTest, ...]
    constancy: CHPTest | None
    results: tuple[SwitchingResult, ...]
    level: float

    def __repr__(self) -> str:
        return f"<RegimeSelection: {self.n_regimes} of at most {len(self.results)} regimes>"

    def summary(self) -> str:
        """Return the table with what it says."""
        by = {name: 1 + int(self.table[name].argmin()) for name in ("bic", "icl")}
        text = (
            f"{self.table.round(4).to_string()}\n"
            f"Bootstrap likelihood ratio at {100 * self.level:g} %: {_in_words(self.n_regimes)}; "
            f"BIC: {by['bic']}, ICL: {by['icl']}."
        )
        return text if self.constancy is None else f"{text}\n{self.constancy.summary()}"


def test_regimes(
    returns: pd.DataFrame | Array,
    *,
    n_regimes: int = 1,
    dist: Distribution = "t",
    margins: Margins | None = _MARGINS,
    n_boot: int = 199,
    n_starts: int = 6,
    rng: RandomState = 0,
    n_jobs: int = 1,
) -> RegimeTest:
    r"""Test K correlation regimes against K + 1 by the parametric bootstrap likelihood ratio.

    Under K regimes some parameters of K + 1 mean nothing and others lie on their bounds, so
    the likelihood ratio has no chi-square distribution. Here samples are simulated at the
    K-regime estimates, both models are fitted to every one, and the p-value is
    :math:`(1 + \#\{LR^* \ge LR\}) / (B + 1)` (McLachlan 1987).

    Parameters
    ----------
    returns : DataFrame or ndarray of shape (n_obs, n_assets)
        Returns; standardized residuals with ``margins=None``.
    n_regimes : int, default 1
        K; one regime is a constant correlation.
    dist : {"normal", "t"}, default "t"
        Distribution of the residuals. With "normal" fat tails are taken for regimes and the test
        rejects far too often.
    margins : GARCH, mapping of asset to GARCH, or None, default GARCH()
        Margins. They are fitted once: the bootstrap repeats the correlation stage only.
    n_boot : int, default 199
        Simulated samples, at least 19.
    n_starts : int, default 6
        Starts of every fit, the sample's included.
    rng : int, Generator or None, default 0
        Seed or generator; the answer does not depend on ``n_jobs``.
    n_jobs : int, default 1
        Processes; -1 for one per core.

    Returns
    -------
    RegimeTest

    Raises
    ------
    ModelError
        If the returns or an option cannot be used.

    References
    ----------
    McLachlan, G. J. (1987). On bootstrapping the likelihood ratio test statistic for the number of
    components in a normal mixture. Applied Statistics 36, 318-324. Rodriguez-Rondon, G. and
    Dufour, J.-M. (2026). Monte Carlo likelihood ratio tests for Markov switching models. Bank of
    Canada Staff Working Paper 2026-23.

    Examples
    --------
    >>> import regimecorr as rc
    >>> world = rc.simulate("recurrent", n_obs=600, rng=1)
    >>> rc.test_regimes(world.std_resid, margins=None, n_boot=19).n_regimes
    1
    """
    check_count("n_regimes", n_regimes)
    _check_bootstrap(n_boot, n_starts, n_jobs)
    _, emission = _residual_stage(returns, dist, margins)
    return _bootstrap(emission, n_regimes, dist, n_boot, n_starts, rng, n_jobs)


test_regimes.__test__ = False  # type: ignore[attr-defined]


def select_regimes(
    returns: pd.DataFrame | Array,
    *,
    max_regimes: int = 3,
    dist: Distribution = "t",
    margins: Margins | None = _MARGINS,
    level: float = 0.05,
    n_boot: int = 199,
    n_starts: int = 6,
    rng: RandomState = 0,
    n_jobs: int = 1,
) -> RegimeSelection:
    """Fit one to several correlation regimes and say how many the data ask for.

    Every number is tested against one more (`test_regimes`); AIC, BIC and ICL stand beside, and
    `carrasco_hu_ploberger` of the residuals, which fits no regime at all.

    Parameters
    ----------
    returns : DataFrame or ndarray of shape (n_obs, n_assets)
        Returns; standardized residuals with ``margins=None``.
    max_regimes : int, default 3
        Largest number that is fitted, at least 2.
    dist : {"normal", "t"}, default "t"
        Distribution of the residuals.
    margins : GARCH, mapping of asset to GARCH, or None, default GARCH()
        Margins; they are fitted once.
    level : float, default 0.05
        Level of every test.
    n_boot : int, default 199
        Simulated samples of every test, at least 19.
    n_starts : int, default 6
        Starts of every fit.
    rng : int, Generator or None, default 0
        Seed or generator; the answer does not depend on ``n_jobs``.
    n_jobs : int, default 1
        Processes; -1 for one per core.

    Returns
    -------
    RegimeSelection

    Raises
    ------
    ModelError
        If the returns or an option cannot be used.

    Examples
    --------
    >>> import regimecorr as rc
    >>> world = rc.simulate("recurrent", n_obs=600, rng=1)
    >>> found = rc.select_regimes(world.std_resid, margins=None, max_regimes=2, n_boot=19)
    >>> list(found.table.index)
    [1, 2]
    """
    check_count("max_regimes", max_regimes, 2)
    _check_bootstrap(n_boot, n_starts, n_jobs)
    if not 0.0 < level < 1.0:
        raise ModelError(f"level={level} must lie between 0 and 1.")
    fitted, emission = _residual_stage(returns, dist, margins)
    results = tuple(_result(fitted, emission, k, dist, n_starts) for k in range(1, max_regimes + 1))
    *streams, last = np.random.default_rng(rng).spawn(max_regimes)
    tests = tuple(
        _bootstrap(emission, k + 1, dist, n_boot, n_starts, stream, n_jobs)
        for k, stream in enumerate(streams)
    )
    kept = [test.n_regimes for test in tests if test.pvalue > level]
    constancy = None
    if len(fitted.names) == 2:
        constancy = carrasco_hu_ploberger(
            fitted.std_resid, dist=dist, margins=None, n_boot=n_boot, rng=last, n_jobs=n_jobs
        )
    return RegimeSelection(
        _table(results, tests), min([*kept, max_regimes]), tests, constancy, results, level
    )


def _table(results: Sequence[SwitchingResult], tests: Sequence[RegimeTest]) -> pd.DataFrame:
    rows = [
        {
            "loglikelihood": r.correlation_loglikelihood,
            "n_params": r.n_free,
            "aic": r.aic,
            "bic": r.bic,
            "icl": r.icl,
            "smallest_share": float(r.smoothed_probabilities.mean().min()),
        }
        for r in results
    ]
    for row, test in zip(rows, tests, strict=False):
        row |= {"lr": test.statistic, "pvalue": test.pvalue, "mc_error": test.mc_error}
    return pd.DataFrame(rows, index=pd.RangeIndex(1, len(rows) + 1, name="regimes"))


def _result(
    margins: MarginsResult, emission: ConstantEmission, k: int, dist: str, n_starts: int
) -> SwitchingResult:
    with one_blas_thread():
        found = fit_regimes(emission, k, heavy=dist == "t", n_starts=n_starts)
    return SwitchingResult("switching", margins, emission, found.params, estimate=found)


def _residual_stage(
    returns: pd.DataFrame | Array, dist: Distribution, margins: Margins | None
) -> tuple[MarginsResult, ConstantEmission]:
    fitted, z = SwitchingCorrelation(dist=dist, margins=margins)._residuals(returns, None)
    return fitted, constant_emission(z, fitted.names)


def _bootstrap(
    emission: ConstantEmission,
    k: int,
    dist: str,
    n_boot: int,
    n_starts: int,
    rng: RandomState,
    n_jobs: int,
) -> RegimeTest:
    heavy = dist == "t"
    streams = np.random.default_rng(rng).spawn(n_boot)
    with one_blas_thread():
        null, observed = likelihood_ratio(emission, k, heavy, n_starts)
    chunks = [streams[i : i + _CHUNK] for i in range(0, n_boot, _CHUNK)]
    # Processes: the optimiser's steps are Python, which threads would take turns at.
    jobs = (delayed(_replicates)(emission, null, heavy, n_starts, chunk) for chunk in chunks)
    found: list[float] = []
    with LateProgress(f"{k} against {k + 1} regimes", n_boot) as progress:
        for values in Parallel(n_jobs=n_jobs, return_as="generator")(jobs):
            found += values
            for _ in values:
                progress.advance(f"{len(found)} of {n_boot}")
    simulated = np.array(found)
    pvalue = (1.0 + float((simulated >= observed).sum())) / (n_boot + 1.0)
    error = float(np.sqrt(pvalue * (1.0 - pvalue) / n_boot))
    return RegimeTest(k, observed, pvalue, error, simulated)


def _replicates(
    emission: ConstantEmission,
    null: RegimeParams,
    heavy: bool,
    n_starts: int,
    streams: Sequence[np.random.Generator],
) -> list[float]:
    """Likelihood ratios of samples that are simulated under the null."""
    out = []
    with one_blas_thread():
        for stream in streams:
            sample = emission.on(simulated_residuals(emission, null, stream))
            out.append(likelihood_ratio(sample, null.n_regimes, heavy, n_starts)[1])
    return out


def likelihood_ratio(
    emission: ConstantEmission, k: int, heavy: bool, n_starts: int
) -> tuple[RegimeParams, float]:
    """Parameters of k regimes, and twice the gain of one more; never negative."""
    null, fewer = quick_optimum(emission, k, heavy=heavy, n_starts=n_starts)
    _, more = quick_optimum(emission, k + 1, heavy=heavy, n_starts=n_starts)
    return null, 2.0 * max(more - fewer, 0.0)


def simulated_residuals(
    emission: ConstantEmission, params: RegimeParams, rng: np.random.Generator
) -> Array:
    """Standardized residuals of a new history, as long as the sample, at given parameters."""
    n, size = emission.z.shape
    noise = Noise(1, 1, rng)
    uniforms = noise.uniform(n)
    first = np.searchsorted(np.cumsum(params.start)[:-1], uniforms[:, 0])
    cumulative = np.cumsum(params.transition, axis=1)[None]
    later = regime_states(first, noise.draw, cumulative, np.ascontiguousarray(uniforms[:, 1:]))
    shocks = noise.shocks(np.array([params.nu]), n, size)
    states = np.column_stack([first, later])
    z = emission.realise(params.own[None], noise.draw, states, shocks, anew=True)[1]
    return np.ascontiguousarray(z[0])


def _check_bootstrap(n_boot: int, n_starts: int, n_jobs: int) -> None:
    check_count("n_boot", n_boot, 19)
    check_count("n_starts", n_starts)
    if n_jobs != -1:
        check_count("n_jobs", n_jobs)


def _in_words(k: int) -> str:
    return "a constant correlation" if k == 1 else f"{k} regimes"
