"""What a sampled regime model answers: posterior, probabilities, forecasts, evidence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from regimecorr.kernels.hamilton import sample_regimes_backward
from regimecorr.models.base import Array, Noise, RandomState, RegimeFigures, check_count
from regimecorr.models.bayes import arviz_adapter
from regimecorr.models.bayes.diagnostics import Diagnostics, diagnose
from regimecorr.models.bayes.evidence import Evidence, bridge_sampling
from regimecorr.models.bayes.futures import (
    DrawnFutures,
    follow,
    forecast_table,
    restart,
    states_after,
)
from regimecorr.models.bayes.parameters import ParameterSpace, RegimeDraws
from regimecorr.models.bayes.priors import RegimePriors
from regimecorr.models.bayes.sensitivity import Refit, prior_sensitivity
from regimecorr.models.bayes.tables import figures, gap_table, interval_table
from regimecorr.models.margins import MarginsResult
from regimecorr.models.switching.forecasting import check_quantiles

# Draws behind averaged probabilities; evenly spaced, so they hardly depend on each other.
_AVERAGED = 400


class BayesianSwitchingResult(DrawnFutures):
    """Posterior of a Markov-switching correlation.

    The regimes are identified by their order (recurrent and nesting chains) or by time (change
    points), so the draws need no relabelling. Standardized residuals count as data: the posterior
    leaves out the uncertainty of the margins, which `simulate` adds. With ``joint_margins`` every
    draw has its own GARCH parameters, residuals and, in `simulate`, volatilities.

    Attributes
    ----------
    idata : InferenceData or DataTree
        Draws and sampler statistics, of the installed ArviZ.
    diagnostics : Diagnostics
        R-hat, effective sample sizes, divergences, E-BFMI.
    chain, priors, regimes
        Name of the chain, its priors, names of the regimes.
    joint_margins : bool
        Whether the margins were sampled too; `margins` are the fitted ones in either case.
    draws : RegimeDraws
        Draws of all chains: correlations, transition matrices, first rows, ``nu``, joint margins.
    params : Series
        Posterior means: ``rho_*``, ``p_*`` (probabilities of staying), ``nu``; of joint margins
        ``mu_<asset>, omega_<asset>, alpha_<asset>, beta_<asset>``.
    regime_correlations : Series
        Posterior mean correlation by regime.
    transition : DataFrame
        Posterior mean; ``transition.loc[i, j] = P(S_t = j | S_{t-1} = i)``.
    filtered_probabilities, smoothed_probabilities : DataFrame
        By date and regime, averaged over draws. ``filtered`` at t uses rows to t and the posterior
        of the parameters (full sample); ``smoothed`` uses the full sample throughout.
    correlation_loglikelihood : float
        Log-likelihood of the residuals at the posterior means. Joint margins: of the returns, with
        the log volatilities of the fitted margins added, so that `loglikelihood` is of the returns.
    """

    def __init__(
        self,
        margins: MarginsResult,
        z: Array,
        space: ParameterSpace,
        idata: Any,
        *,
        again: Callable[[ParameterSpace], BayesianSwitchingResult] | None = None,
    ) -> None:
        self.name = f"bayesian {space.chain.name.replace('_', ' ')}"
        self.margins = margins
        self.idata = idata
        self.chain = space.chain.name
        self.priors = space.priors
        self.regimes = space.chain.regimes
        self.joint_margins = space.margins is not None
        self._z = z
        self._space = space
        self._again = again
        posterior = arviz_adapter.posterior(idata)
        self._shape = posterior[next(iter(space.blocks))].shape[:2]
        self._values = {
            name: posterior[name].reshape(-1, *prior.shape) for name, prior in space.blocks.items()
        }
        self.draws = space.regimes(self._values)
        self.params = pd.Series({k: x.mean() for k, x in figures(self.draws, self.regimes).items()})
        self.regime_correlations = pd.Series(self.draws.rho.mean(axis=0), index=self.regimes)
        self.transition = pd.DataFrame(
            self.draws.transition.mean(axis=0), index=self.regimes, columns=self.regimes
        )
        self.diagnostics = self._diagnose()
        index = margins.std_resid.index
        filtered, smoothed, correlations = self._spaced(_AVERAGED).averages(z)
        self.filtered_probabilities = pd.DataFrame(filtered, index=index, columns=self.regimes)
        self.smoothed_probabilities = pd.DataFrame(smoothed, index=index, columns=self.regimes)
        self.filtered = pd.Series(correlations[0], index=index, name="filtered")
        self.smoothed = pd.Series(correlations[1], index=index, name="smoothed")
        # A density of returns becomes one of the fitted margins' residuals.
        self._log_unit = margins.log_volatility if self.joint_margins else 0.0
        at_means = float(self.draws.mean().log_likelihood(z)[0])
        self.correlation_loglikelihood = at_means + self._log_unit
        # Joint margins do not rest on the fit: it gave starting values.
        fit = "" if self.joint_margins else margins.message
        self.converged = self.diagnostics.converged and (self.joint_margins or margins.converged)
        self.message = f"{self.diagnostics.message} {fit}".strip()
        self._seal()

    # ---- posterior ---------------------------------------------------------------------------

    def _diagnose(self) -> Diagnostics:
        """Judge every free parameter, and the figures made of them."""
        draws: dict[str, Array] = {}
        for name, x in self._values.items():
            flat = x.reshape(len(x), -1)
            labels = (
                [name] if flat.shape[1] == 1 else [f"{name}[{i}]" for i in range(flat.shape[1])]
            )
            draws |= {label: flat[:, i] for i, label in enumerate(labels)}
        draws |= {f"rho_{n}": self.draws.rho[:, i] for i, n in enumerate(self.regimes)}
        return diagnose(
            {name: x.reshape(self._shape) for name, x in draws.items()},
            arviz_adapter.sample_stat(self.idata, "diverging"),
            arviz_adapter.sample_stat(self.idata, "energy"),
        )

    def _spaced(self, n: int) -> RegimeDraws:
        """At most n draws, evenly spaced over the chains."""
        total = len(self.draws)
        return self.draws[np.unique(np.linspace(0, total - 1, min(n, total)).astype(int))]

    def intervals(self, ci_prob: float = 0.9) -> pd.DataFrame:
        """Posterior mean, median and equal-tailed interval of the parameters and durations.

        Parameters
        ----------
        ci_prob : float, default 0.9
            Posterior probability of the interval.

        Returns
        -------
        DataFrame
            ``mean``, ``median``, ``lower``, ``upper`` by parameter: those of `params`, and
            ``duration_*``, expected rows in a regime.
        """
        drawn = figures(self.draws, self.regimes)
        durations = self.draws.durations
        for i, name in enumerate(self._space.chain.left):
            drawn[f"duration_{name}"] = durations[:, i]
        return interval_table(drawn, ci_prob)

    @property
    def expected_durations(self) -> pd.DataFrame:
        """Expected rows in each regime: ``mean``, ``median``, ``lower``, ``upper`` (90 %).

        The mean is dominated by rare very long durations; the median is the figure to read. An
        absorbing regime has none.
        """
        left = self._space.chain.left
        return self.intervals().loc[[f"duration_{name}" for name in left]].set_axis(left)

    @cached_property
    def gap_table(self) -> pd.Series:
        """Distance of neighbouring regimes as Fisher z, and how probable a near tie is.

        ``q05`` is the posterior's 5 % quantile of the smallest gap, ``near_tie`` the posterior
        probability that a gap is below 0.1, ``near_tie_prior`` the same under the prior. Where the
        posterior does not fall far below the prior the data have not told the regimes apart.
        Change points: of the smallest difference of consecutive levels.
        """
        return gap_table(self._space, self._values)

    @cached_property
    def today(self) -> Array:
        """Regime probabilities of the last row (n, K) under evenly spaced draws; see `p_today`."""
        some = self._spaced(_AVERAGED)
        return np.array([some.filter(d, self._z)[2][-1] for d in range(len(some))])

    def p_today(self, ci_prob: float = 0.9) -> pd.DataFrame:
        """Probability of every regime at the last row.

        Parameters
        ----------
        ci_prob : float, default 0.9
            Posterior probability of the interval.

        Returns
        -------
        DataFrame
            By regime: ``mean``, which is the posterior probability of the regime, and ``median``,
            ``lower``, ``upper``, how far it depends on the parameters. Nesting chain:
            ``transient_low`` and ``new_normal`` answer whether a low today is transient or
            structural.
        """
        return interval_table({n: self.today[:, i] for i, n in enumerate(self.regimes)}, ci_prob)

    def draw_states(self, n: int, rng: RandomState = None) -> pd.DataFrame:
        """Draw regime paths given the full sample, each under its own draw of the parameters.

        Forward filtering, backward sampling (Chib 1996, Journal of Econometrics 75, 79-97).

        Parameters
        ----------
        n : int
            Number of paths.
        rng : int, Generator or None
            Seed or generator.

        Returns
        -------
        DataFrame of shape (n_obs, n)
            Number of the regime in `regimes`, by date and path.
        """
        check_count("n", n)
        generator = np.random.default_rng(rng)
        drawn = self._draw_parameters(n, generator)
        uniforms = generator.random((n, 1, len(self._z)))
        paths = [
            sample_regimes_backward(drawn.filter(d, self._z)[2], drawn.transition[d], uniforms[d])
            for d in range(n)
        ]
        return pd.DataFrame(np.concatenate(paths).T, index=self.filtered.index)

    # ---- evidence and sensitivity ------------------------------------------------------------

    @cached_property
    def evidence(self) -> Evidence:
        """Log marginal likelihood of the residuals (joint margins: returns), by bridge sampling."""
        real = self._space.to_real(self._values).reshape(*self._shape, -1)
        return bridge_sampling(
            real,
            lambda u: self._space.log_posterior(u, self._z),
            lambda x: arviz_adapter.ess(x, "mean"),
            np.random.default_rng(0),
        )

    @cached_property
    def score(self) -> float:  # type: ignore[override]
        """Log marginal likelihood, computed when first asked for; see `evidence`.

        Joint margins: of the returns, with the log volatilities of the fitted margins added. That
        has the units of other scores on the same margins, but pays for the margins' parameters,
        which others take as given: compare it with scores of joint margins only.
        """
        return self.evidence.log_marginal + self._log_unit

    def prior_sensitivity(
        self, variants: Mapping[str, RegimePriors] | None = None, *, refit: bool = True
    ) -> pd.DataFrame:
        """Show the main figures under other priors.

        Parameters
        ----------
        variants : mapping of str to RegimePriors, optional
            Other priors by name; default: durations halved and doubled, levels and gaps tighter
            and wider (times 0.6 and 1.67).
        refit : bool, default True
            Sample again where reweighting the draws is not reliable (Pareto k above 0.7).

        Returns
        -------
        DataFrame
            By variant, ``base`` first: posterior means ``rho_*``, medians ``duration_*``, today's
            regime probabilities ``p_*``, ``pareto_k`` of the importance weights and ``method``:
            ``draws``, ``reweighted``, ``refitted`` or ``unreliable``.

        Raises
        ------
        ModelError
            If a variant is not `RegimePriors`, or has durations of another number of regimes.

        Warns
        -----
        ConvergenceWarning
            If the chains of a variant that is sampled again did not converge; its figures are
            ``unreliable``.
        """
        return prior_sensitivity(self._space, self._values, self._z, variants, self._refit(refit))

    def _refit(self, wanted: bool) -> Refit | None:
        again = self._again
        if not wanted or again is None:
            return None

        def refit(space: ParameterSpace) -> tuple[dict[str, Array], str]:
            found = again(space)
            return found._values, found.diagnostics.message

        return refit

    # ---- futures -----------------------------------------------------------------------------

    def forecast(
        self,
        horizon: int,
        *,
        quantiles: tuple[float, ...] = (0.05, 0.5, 0.95),
        n_draws: int = 500,
        rng: RandomState = 0,
    ) -> pd.DataFrame:
        """Forecast regime probabilities and the conditional correlation.

        Parameters
        ----------
        horizon : int
            Rows ahead.
        quantiles : tuple of float
            Of the correlation's distribution, with regime and parameter uncertainty.
        n_draws : int, default 500
            Posterior draws that are averaged.
        rng : int, Generator or None
            Chooses the draws.

        Returns
        -------
        DataFrame
            By row ahead: the probability of every regime and ``mean``, the expected correlation,
            averaged over draws, and the quantiles, named ``q05`` and so on.
        """
        check_count("horizon", horizon)
        check_count("n_draws", n_draws)
        check_quantiles(quantiles)
        drawn = self._draw_parameters(n_draws, np.random.default_rng(rng))
        today = np.array([drawn.filter(d, self._z)[2][-1] for d in range(n_draws)])
        return forecast_table(today, drawn, horizon, self.regimes, quantiles)

    def summary(self) -> str:
        """Return a short text: posterior, durations, today, convergence."""
        pair = " and ".join(self.margins.names)
        lines = [f"{self.name}: {self.n_obs} returns of {pair}, {len(self.draws)} draws"]
        lines.append("                          mean     median         5%        95%")
        for name, row in self.intervals().iterrows():
            lines.append(f"  {name!s:<19}" + "".join(f"{x:>11.4g}" for x in row))
        lines.append("  probability today")
        for name, row in self.p_today().iterrows():
            lines.append(f"  {name!s:<19}" + "".join(f"{x:>11.3f}" for x in row))
        gap = self.gap_table
        lines.append(
            f"  smallest gap below 0.1 with probability {gap['near_tie']:.3f} "
            f"(prior {gap['near_tie_prior']:.3f})"
        )
        table = self.diagnostics.table
        lines.append(
            f"  R-hat at most {table['rhat'].max():.3f}, ESS at least "
            f"{table[['ess_bulk', 'ess_tail']].to_numpy().min():.0f}, "
            f"{self.diagnostics.divergences} divergences"
        )
        lines.append("  converged" if self.converged else f"  NOT converged: {self.message}")
        return "\n".join(lines)

    # ---- hooks of the protocol ---------------------------------------------------------------

    def regime_figures(
        self, n_draws: int, rng: np.random.Generator
    ) -> tuple[RegimeFigures, list[RegimeFigures]]:
        """Correlations, probabilities today and chances of staying: posterior means, by draw."""
        drawn = self._draw_parameters(n_draws, rng)
        by_draw = [
            (drawn.rho[d], drawn.filter(d, self._z)[2][-1], np.diag(drawn.transition[d]))
            for d in range(len(drawn))
        ]
        stay = np.diag(self.transition.to_numpy())
        return (self.regime_correlations.to_numpy(), self.today.mean(axis=0), stay), by_draw

    def _draw_parameters(self, n_draws: int, rng: np.random.Generator) -> RegimeDraws:
        """Posterior draws, each once while there are enough."""
        total = len(self.draws)
        return self.draws[rng.choice(total, n_draws, replace=n_draws > total)]

    def _continue(
        self, draws: RegimeDraws, noise: Noise, horizon: int, recent: int
    ) -> tuple[Array, Array, Array]:
        uniforms = noise.uniform(recent)
        start = np.empty(noise.draw.size, dtype=np.int64)
        mean = np.empty(noise.draw.size)
        for d in range(len(draws)):
            filtered = draws.filter(d, self._z)[2]
            mine = noise.draw == d
            path = sample_regimes_backward(filtered[-recent:], draws.transition[d], uniforms[mine])
            start[mine] = path[:, -1]
            mean[mine] = draws.rho[d][path].mean(axis=1)
        states = states_after(draws, start, noise, horizon)
        return *follow(draws, states, noise), mean

    def _restart(self, noise: Noise, n_rows: int, rng: np.random.Generator) -> tuple[Array, Array]:
        return restart(self._draw_parameters(noise.n_draws, rng), noise, n_rows)
