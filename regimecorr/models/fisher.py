"""The baseline that users know: statsmodels' Markov regression on the Fisher z of a correlation."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import numpy as np
import pandas as pd

from regimecorr.data.alignment import AlignedPair, align
from regimecorr.data.prices import PriceSource
from regimecorr.errors import (
    ConvergenceWarning,
    EstimationError,
    ModelError,
    WindowError,
    warn_user,
)
from regimecorr.kernels.rolling import rolling_pearson
from regimecorr.models.base import Array, RandomState, check_count
from regimecorr.models.dcc import DCC
from regimecorr.models.switching.chain import regime_names

if TYPE_CHECKING:
    from statsmodels.tsa.regime_switching.markov_regression import MarkovRegression

Observed: TypeAlias = Literal["rolling", "dcc"]

_LEAST_ROWS = 200
_LARGEST = 1.0 - 1e-9
_EM_STEPS = 20
_OPTIMISER_STEPS = 500
_FIRST_STAY = 0.98
# What scipy's BFGS reports when it does not converge.
_REASONS = {
    1: f"the optimiser used up its {_OPTIMISER_STEPS} steps",
    2: "the optimiser stopped at the limit of its precision",
    3: "the likelihood is not a number",
}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FisherSwitchingResult:
    """Markov regression on the Fisher z of a correlation; see `fisher_switching` for its defect.

    Attributes
    ----------
    regime_correlations : Series
        ``tanh`` of the regimes' means, ``low`` to ``high``.
    transition : DataFrame of shape (n_regimes, n_regimes)
        ``transition.iloc[i, j] = P(S_t = j | S_{t-1} = i)``.
    expected_durations : Series
        ``1 / (1 - p_ii)`` in rows.
    filtered_probabilities, smoothed_probabilities : DataFrame
        Regime probabilities by date; filtered at t uses the correlation to t, smoothed the full
        sample.
    correlation : Series
        The correlation whose Fisher z was modelled: of the rows to t ("rolling"), or DCC's
        conditional correlation, which uses returns to t - 1 but parameters of the full sample.
    loglikelihood, bic : float
        Of the Fisher z, as if its rows had no memory but their regime.
    loglikelihoods : ndarray
        Those that the starts reached, best first.
    converged : bool
        Whether the optimiser converged; ``message`` says why not.
    on : {"rolling", "dcc"}
    window : int
        Rows of the rolling window; 0 for DCC.
    statsmodels : MarkovRegressionResults
        What statsmodels returned; its regimes are not sorted and its standard errors take the rows
        for independent.
    """

    regime_correlations: pd.Series
    transition: pd.DataFrame
    expected_durations: pd.Series
    filtered_probabilities: pd.DataFrame
    smoothed_probabilities: pd.DataFrame
    correlation: pd.Series
    loglikelihood: float
    bic: float
    loglikelihoods: Array
    converged: bool
    message: str
    on: Observed
    window: int
    statsmodels: Any

    def __repr__(self) -> str:
        values = ", ".join(f"{name} {r:+.2f}" for name, r in self.regime_correlations.items())
        return f"<FisherSwitchingResult on {self._observed}: {values}>"

    @property
    def _observed(self) -> str:
        return f"the {self.window}-row correlation" if self.on == "rolling" else "DCC's correlation"

    @property
    def defect(self) -> str:
        """Why not to rely on these regimes."""
        if self.on == "rolling":
            return (
                f"neighbouring windows share {self.window - 1} of {self.window} rows, so the "
                "series wanders even when the correlation is constant: the regimes, their "
                "durations and the standard errors are artefacts of the window. Use "
                "SwitchingCorrelation."
            )
        return (
            "DCC's correlation is an estimate that is smooth by construction, taken here for data: "
            "the regimes and their durations are those of DCC's memory, and the standard errors "
            "ignore its error. Use SwitchingCorrelation."
        )

    def summary(self) -> str:
        """Return a short text: estimates, convergence, and the defect."""
        lines = [
            f"Markov regression on the Fisher z of {self._observed}, {len(self.correlation)} rows",
            f"  {'regime':<10}{'correlation':>12}{'P(stay)':>10}{'duration':>10}{'today':>8}",
        ]
        rows = zip(
            regime_names(len(self.transition)),
            self.regime_correlations.to_numpy(),
            np.diag(self.transition),
            self.expected_durations.to_numpy(),
            self.filtered_probabilities.to_numpy()[-1],
            strict=True,
        )
        for name, rho, stay, duration, today in rows:
            lines.append(f"  {name:<10}{rho:>12.3f}{stay:>10.4f}{duration:>10.1f}{today:>8.2f}")
        lines.append(f"  log-likelihood {self.loglikelihood:.3f}, BIC {self.bic:.3f}")
        lines.append(f"  {'converged' if self.converged else f'NOT converged: {self.message}'}")
        return "\n".join([*lines, f"  defect: {self.defect}"])


def fisher_switching(
    prices: PriceSource,
    *,
    asset: str | None = None,
    benchmark: str | None = None,
    on: Observed = "rolling",
    window: int = 90,
    n_regimes: int = 2,
    switching_variance: bool = False,
    n_starts: int = 4,
    rng: RandomState = 0,
) -> FisherSwitchingResult:
    r"""Fit statsmodels' Markov regression to the Fisher z of a rolling or DCC correlation.

    .. math::

        \mathrm{artanh}\, r_t = \mu_{S_t} + \sigma_{(S_t)} \epsilon_t

    It is widely used, and it is wrong; it is here to be compared with
    `regimecorr.SwitchingCorrelation`, which models the returns themselves. A rolling correlation is
    a moving average of ``window`` products of returns, so it wanders even when the correlation is
    constant, and a model whose rows have no memory but their regime explains that memory by
    regimes. DCC's correlation is a generated regressor with the same memory by construction.

    Parameters
    ----------
    prices : DataFrame, dict of Series or path
        Prices; anything `load_prices` takes.
    asset, benchmark : str, optional
        Columns; may be omitted when there are two.
    on : {"rolling", "dcc"}, default "rolling"
        Rolling Pearson correlation of log returns, or the conditional correlation of
        `regimecorr.DCC` with its defaults.
    window : int, default 90
        Rows of the rolling window, at least 10; not used by "dcc".
    n_regimes : int, default 2
        Number of regimes, at least 2.
    switching_variance : bool, default False
        Whether each regime has its own variance. Then a "regime" may be a spell of calm or noisy
        correlation rather than of a low or high one.
    n_starts : int, default 4
        Starting points: quantiles of the series, then random ones. EM, then BFGS, from each.
    rng : int, Generator or None, default 0
        Seed or generator of the random starts.

    Returns
    -------
    FisherSwitchingResult

    Raises
    ------
    DataError
        If the prices cannot be used.
    WindowError
        If the window is below 10 rows.
    ModelError
        If an option is unknown, or the correlation reaches one or does not exist.
    EstimationError
        If no start leads to a finite likelihood.

    Warns
    -----
    ConvergenceWarning
        If the optimiser did not converge, with its reason.

    Notes
    -----
    On 120 simulated pairs with a correlation of 0.4 for ever (1,500 days, t6 shocks, GARCH legs),
    BIC prefers two regimes of the 90-row correlation to one on 100 % of them, and statsmodels'
    standard errors call the two means different on 100 %: 0.17 apart at the median, the shorter
    regime lasting 78 rows. DCC finds dynamics on 69 % of the pairs, and BIC two regimes of its
    correlation on 89 % of those. `regimecorr.SwitchingCorrelation` on the same pairs is preferred
    to a constant correlation on 0 % (``docs/_results/fisher_defect.json``, made by
    ``scripts/fisher_defect.py``).

    References
    ----------
    Hamilton, J. (1989). A new approach to the economic analysis of nonstationary time series and
    the business cycle. Econometrica 57, 357-384.

    Examples
    --------
    >>> import regimecorr as rc
    >>> prices = rc.simulate("constant", n_obs=700, rng=1).prices
    >>> result = rc.fisher_switching(prices, n_starts=1)
    >>> bool(result.expected_durations.min() > 20)  # regimes where there are none
    True
    """
    _check_options(on, window, n_regimes, n_starts)
    rows = _LEAST_ROWS + (int(window) if on == "rolling" else 1)
    pair = align(prices, asset=asset, benchmark=benchmark, min_rows=rows)
    correlation = _rolling(pair, int(window)) if on == "rolling" else _dcc(pair)
    values = correlation.to_numpy()
    inside = np.abs(values) < _LARGEST
    if not inside.all():
        day = correlation.index[int(np.argmin(inside))]
        raise ModelError(
            f"The correlation of {pair.asset} and {pair.benchmark} is {correlation[day]} on "
            f"{day:%Y-%m-%d}; it must lie within (-1, 1) to have a Fisher z. Use a longer window, "
            "or leave out rows in which a price did not move."
        )
    return _fitted(correlation, n_regimes, switching_variance, n_starts, rng, on, int(window))


def _check_options(on: str, window: int, n_regimes: int, n_starts: int) -> None:
    if on not in get_args(Observed):
        raise ModelError(f"on={on!r} is unknown; use one of {', '.join(get_args(Observed))}.")
    if isinstance(window, bool) or not isinstance(window, (int, np.integer)) or window < 10:
        raise WindowError(f"window={window!r} must be a whole number of rows, at least 10.")
    check_count("n_regimes", n_regimes, 2)
    check_count("n_starts", n_starts)


def _rolling(pair: AlignedPair, window: int) -> pd.Series:
    returns = pair.returns.to_numpy()
    x, y = (np.ascontiguousarray(returns[:, i]) for i in range(2))
    whole = pd.Series(rolling_pearson(x, y, window), index=pair.returns.index, name=f"r{window}")
    return whole.iloc[window - 1 :]


def _dcc(pair: AlignedPair) -> pd.Series:
    return DCC().fit(pair.returns).filtered.rename("dcc")


def _fitted(
    correlation: pd.Series,
    n_regimes: int,
    switching_variance: bool,
    n_starts: int,
    rng: RandomState,
    on: Observed,
    window: int,
) -> FisherSwitchingResult:
    """Fit from every start; sort the regimes of the best."""
    from statsmodels.tsa.regime_switching.markov_regression import MarkovRegression

    fisher = np.arctanh(correlation.to_numpy())
    centre, scale = float(fisher.mean()), float(fisher.std())
    if scale <= 1e-12:
        cause = "DCC found no dynamics" if on == "dcc" else "one window holds the whole sample"
        raise ModelError(f"The correlation never moves ({cause}); there are no regimes to find.")
    options: dict[str, Any] = {"k_regimes": n_regimes, "switching_variance": switching_variance}
    # The optimiser's tolerance is absolute: it sees a series of unit variance.
    model = MarkovRegression((fisher - centre) / scale, **options)
    starts = _starts(model, n_starts, rng)
    params, values, message = _best_of(model, starts)
    means = np.array([model.parameters[i, "exog"] for i in range(n_regimes)]).ravel()
    params[means] = centre + scale * params[means]
    params[model.parameters["variance"]] *= scale**2
    with warnings.catch_warnings():
        # Its own doubts about its standard errors: nobody shall use them.
        warnings.simplefilter("ignore")
        best = MarkovRegression(fisher, **options).smooth(params, cov_type="approx")
    order = np.argsort(params[means], kind="stable")
    names = regime_names(n_regimes)
    matrix = best.regime_transition[:, :, 0].T[np.ix_(order, order)]
    if message:
        warn_user(f"The Markov regression did not converge: {message}.", ConvergenceWarning)

    def by_date(probabilities: Array) -> pd.DataFrame:
        return pd.DataFrame(probabilities[:, order], index=correlation.index, columns=names)

    loglikelihood = float(best.llf)
    return FisherSwitchingResult(
        regime_correlations=pd.Series(
            np.tanh(params[means][order]), index=names, name="correlation"
        ),
        transition=pd.DataFrame(matrix, index=names, columns=names),
        expected_durations=pd.Series(
            1.0 / np.maximum(1.0 - np.diag(matrix), 1e-300), index=names, name="duration"
        ),
        filtered_probabilities=by_date(best.filtered_marginal_probabilities),
        smoothed_probabilities=by_date(best.smoothed_marginal_probabilities),
        correlation=correlation,
        loglikelihood=loglikelihood,
        bic=float(len(best.params) * np.log(correlation.size) - 2.0 * loglikelihood),
        loglikelihoods=values - correlation.size * np.log(scale),
        converged=not message,
        message=message,
        on=on,
        window=window if on == "rolling" else 0,
        statsmodels=best,
    )


def _starts(model: MarkovRegression, n_starts: int, rng: RandomState) -> list[Array]:
    """Starting points: means at quantiles of the series, first even ones, then random ones."""
    k = model.k_regimes
    generator = np.random.default_rng(rng)
    out = []
    for i in range(n_starts):
        levels, stay, variance = (np.arange(k) + 0.5) / k, _FIRST_STAY, 0.5
        if i > 0:
            levels = np.sort(generator.uniform(0.02, 0.98, k))
            stay = float(1.0 - 10.0 ** generator.uniform(-3.0, -1.0))
            variance = float(generator.uniform(0.1, 0.9))
        matrix = np.full((k, k), (1.0 - stay) / (k - 1))
        np.fill_diagonal(matrix, stay)
        start = np.empty(model.k_params)
        start[model.parameters["regime_transition"]] = matrix[:-1].ravel()
        for j, mean in enumerate(np.quantile(model.endog, levels)):
            start[model.parameters[j, "exog"]] = mean
        start[model.parameters["variance"]] = variance
        out.append(start)
    return out


def _best_of(model: MarkovRegression, starts: list[Array]) -> tuple[Array, Array, str]:
    """Parameters of the highest likelihood, all likelihoods, and why the best did not converge."""
    runs = []
    failures = ["the likelihood is not finite"]
    for start in starts:
        with warnings.catch_warnings():
            # Its warnings say that it did not converge, or that a trial step left the parameters'
            # range; the flag says the first, the likelihood the second.
            warnings.simplefilter("ignore")
            try:
                run = model.fit(
                    start, em_iter=_EM_STEPS, maxiter=_OPTIMISER_STEPS, cov_type="none", disp=0
                )
            except (RuntimeError, np.linalg.LinAlgError) as error:
                failures.append(str(error))
                continue
        if np.isfinite(run.llf) and np.all(np.isfinite(run.params)):
            runs.append(run)
    if not runs:
        raise EstimationError(
            f"The Markov regression failed from all of {len(starts)} starts ({failures[-1]}): "
            "statsmodels' filter can break on a row that is unlikely in every regime. Use "
            "SwitchingCorrelation, or a longer window."
        )
    best = max(runs, key=lambda run: float(run.llf))
    message = ""
    if not best.mle_retvals["converged"]:
        flag = int(best.mle_retvals["warnflag"])
        slope = float(np.abs(best.mle_retvals["gopt"]).max())
        message = f"{_REASONS.get(flag, f'flag {flag}')}; its largest gradient a row is {slope:.1e}"
    values = np.sort([float(run.llf) for run in runs])[::-1]
    return np.array(best.params, dtype=float), values, message
