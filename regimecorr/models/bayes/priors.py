"""Priors of the Bayesian regime model, stated in durations and correlations."""

from __future__ import annotations

from dataclasses import dataclass, field
from numbers import Real

import numpy as np
import pandas as pd

from regimecorr.errors import ModelError
from regimecorr.models.base import Distribution, RandomState, check_count, check_distribution
from regimecorr.models.bayes.distributions import Beta, Gamma, HalfNormal, Normal, Prior

_QUANTILES = {"5%": 0.05, "50%": 0.5, "95%": 0.95}


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginPriors:
    """Priors of GARCH(1,1) margins that are sampled with the regimes, the same for every asset.

    Parameters
    ----------
    mean : float, default 0.5
        Standard deviation of the mean return, in sample standard deviations, around 0.
    log_variance : float, default 1.0
        Standard deviation of the logarithm of the unconditional variance over the sample's,
        around 0.
    persistence : tuple of float, default (5.0, 1.0)
        Beta prior of ``alpha + beta``: 5 %, 50 % and 95 % quantiles 0.55, 0.87 and 0.99.
    share : tuple of float, default (1.5, 8.0)
        Beta prior of ``alpha / (alpha + beta)``: quantiles 0.02, 0.13 and 0.38.

    Raises
    ------
    ModelError
        If a value has no meaning.

    Notes
    -----
    The data set the scale: mean and variance are measured in the sample's standard deviation, so
    the units of the returns do not matter.

    Examples
    --------
    >>> from regimecorr.models.bayes import MarginPriors, RegimePriors
    >>> RegimePriors(margins=MarginPriors(persistence=(20.0, 1.0))).margins.persistence
    (20.0, 1.0)
    """

    mean: float = 0.5
    log_variance: float = 1.0
    persistence: tuple[float, float] = (5.0, 1.0)
    share: tuple[float, float] = (1.5, 8.0)

    def __post_init__(self) -> None:
        _check_number("mean", self.mean, 0.0)
        _check_number("log_variance", self.log_variance, 0.0)
        for name in ("persistence", "share"):
            _check_pair(name, getattr(self, name))
            for i, value in enumerate(getattr(self, name)):
                _check_number(f"{name}[{i}]", value, 0.0)

    def blocks(self, n: int) -> tuple[Prior, ...]:
        """Priors of mean, logarithm of the variance, persistence and share of ``n`` assets."""
        (a, b), (c, d) = self.persistence, self.share
        return (
            Normal(0.0, self.mean, n),
            Normal(0.0, self.log_variance, n),
            Beta((float(a),) * n, (float(b),) * n),
            Beta((float(c),) * n, (float(d),) * n),
        )

    def widened(self, factor: float) -> MarginPriors:
        """Return wider priors: spreads times ``factor``, Beta parameters over its square."""
        return MarginPriors(
            mean=factor * self.mean,
            log_variance=factor * self.log_variance,
            persistence=(self.persistence[0] / factor**2, self.persistence[1] / factor**2),
            share=(self.share[0] / factor**2, self.share[1] / factor**2),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RegimePriors:
    """Priors of a Bayesian regime model; the defaults suit daily rows.

    Parameters
    ----------
    level : tuple of float, default (0.3, 0.5)
        Mean and standard deviation of the regimes' average level, as Fisher z (``artanh`` of the
        correlation). Change points: of every segment's level; nesting: of the normal regime's.
    gap : float, default 0.5
        Scale of the half-normal distance, as Fisher z, between neighbouring regimes. Its density is
        highest at 0, so the prior does not force regimes apart.
    durations : float, tuple of float or None, default None
        Expected rows in each regime, in the order of the regimes; one number for all. None takes
        the chain's own: recurrent 250, change points 750, nesting 120 in the transient low and 500
        in the normal regime.
    shape : float, default 2.0
        How firm the durations are: the prior weighs as much as ``shape`` completed spells. The
        probability of leaving is ``Beta(shape, shape (d - 1))``, with mean ``1 / d``.
    break_duration : float, default 2016.0
        Nesting chain: expected rows until a permanent break (eight years of days).
    new_level : float, default 0.5
        Nesting chain: standard deviation of the step from the normal level to the new normal's, as
        Fisher z. It may lead up or down.
    nu : tuple of float, default (2.0, 0.1)
        Shape and rate of the Gamma prior of ``nu - 2`` of t errors (Juarez and Steel 2010).
    margins : MarginPriors, default MarginPriors()
        Priors of the margins; used where they are sampled too (``joint_margins=True``).

    Raises
    ------
    ModelError
        If a value has no meaning.

    References
    ----------
    Juarez, M. and Steel, M. (2010). Model-based clustering of non-Gaussian panel data based on
    skew-t distributions. Journal of Business & Economic Statistics 28, 52-66.

    Examples
    --------
    >>> from regimecorr.models.bayes import RegimePriors
    >>> RegimePriors(durations=(60, 250)).leaving((250.0, 250.0)).a
    (2.0, 2.0)
    """

    level: tuple[float, float] = (0.3, 0.5)
    gap: float = 0.5
    durations: float | tuple[float, ...] | None = None
    shape: float = 2.0
    break_duration: float = 2016.0
    new_level: float = 0.5
    nu: tuple[float, float] = (2.0, 0.1)
    margins: MarginPriors = field(default_factory=MarginPriors)

    def __post_init__(self) -> None:
        for name in ("level", "nu"):
            _check_pair(name, getattr(self, name))
        if not isinstance(self.margins, MarginPriors):
            raise ModelError(f"margins={self.margins!r} must be MarginPriors(...).")
        _check_number("level[0]", self.level[0], -np.inf)
        positive = {
            "level[1]": self.level[1],
            "gap": self.gap,
            "shape": self.shape,
            "new_level": self.new_level,
            "nu[0]": self.nu[0],
            "nu[1]": self.nu[1],
        }
        for name, value in positive.items():
            _check_number(name, value, 0.0)
        _check_number("break_duration", self.break_duration, 1.0)
        given = self.durations
        if isinstance(given, tuple):
            for value in given:
                _check_number("durations", value, 1.0)
        elif isinstance(given, list | np.ndarray):
            raise ModelError(f"durations={given!r} must be a number, or a tuple of one by regime.")
        elif given is not None:
            _check_number("durations", given, 1.0)

    def leaving(self, default: tuple[float, ...]) -> Beta:
        """Prior of the probabilities of leaving.

        Parameters
        ----------
        default : tuple of float
            Durations of the chain's regimes, for ``durations=None``; gives their number.

        Returns
        -------
        Beta

        Raises
        ------
        ModelError
            If `durations` names another number of regimes.
        """
        given = self.durations
        if given is None:
            rows = default
        elif isinstance(given, tuple):
            rows = given
        else:
            rows = (float(given),) * len(default)
        if len(rows) != len(default):
            raise ModelError(
                f"durations={given} has {len(rows)} entries; the chain has {len(default)} regimes "
                "that are left. Pass one duration for each, or one number for all."
            )
        return self._hazard(rows)

    def breaking(self) -> Beta:
        """Prior of the probability of a permanent break."""
        return self._hazard((self.break_duration,))

    def average_level(self) -> Normal:
        """Prior of the regimes' average Fisher z; nesting: of the normal regime's."""
        return Normal(*self.level)

    def gaps(self, n: int) -> HalfNormal:
        """Prior of the distances between neighbouring regimes."""
        return HalfNormal(self.gap, n)

    def excess_nu(self) -> Gamma:
        """Prior of ``nu - 2``."""
        return Gamma(*self.nu)

    def table(
        self,
        chain: str = "recurrent",
        n_regimes: int = 2,
        *,
        dist: Distribution = "t",
        n_draws: int = 20_000,
        rng: RandomState = 0,
    ) -> pd.DataFrame:
        """Show what the priors say of correlations and durations, by simulation.

        Parameters
        ----------
        chain : {"recurrent", "change_point", "nesting"}
            The chain.
        n_regimes : int, default 2
            Number of regimes; the nesting chain has three whatever it says.
        dist : {"normal", "t"}
            Error distribution.
        n_draws : int, default 20,000
            Draws from the prior.
        rng : int, Generator or None
            Seed or generator.

        Returns
        -------
        DataFrame
            Quantiles ``5%, 50%, 95%`` by figure: ``rho_*``, ``duration_*`` (expected rows), ``nu``.
        """
        from regimecorr.models.bayes.chains import make_chain
        from regimecorr.models.bayes.parameters import ParameterSpace

        check_count("n_draws", n_draws)
        check_distribution(dist)
        space = ParameterSpace(make_chain(chain, n_regimes), self, dist)
        figures = space.figures(space.sample(n_draws, np.random.default_rng(rng)))
        return figures.quantile(list(_QUANTILES.values())).set_axis(list(_QUANTILES)).T

    def _hazard(self, rows: tuple[float, ...]) -> Beta:
        return Beta(
            tuple(self.shape for _ in rows), tuple(self.shape * (float(d) - 1.0) for d in rows)
        )


def check_priors(name: str, value: object) -> RegimePriors:
    """Return the value, or raise `ModelError` where it is not `RegimePriors`."""
    if not isinstance(value, RegimePriors):
        raise ModelError(f"{name}={value!r} must be RegimePriors(...).")
    return value


def _check_pair(name: str, pair: object) -> None:
    """Raise `ModelError` unless the value is a tuple of two."""
    if not isinstance(pair, tuple) or len(pair) != 2:
        raise ModelError(f"{name}={pair!r} must be a tuple of two numbers.")


def _check_number(name: str, value: object, above: float) -> None:
    """Raise `ModelError` unless the value is a finite number above the limit."""
    good = isinstance(value, Real) and not isinstance(value, bool) and np.isfinite(float(value))
    if not good or not float(value) > above:  # type: ignore[arg-type]
        limit = "" if above == -np.inf else f" above {above:g}"
        raise ModelError(f"{name}={value!r} must be a finite number{limit}.")
