"""From an aligned pair to its probability: what `assess`, `scan` and a replay share."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
import pandas as pd

from regimecorr.data.alignment import AlignedPair
from regimecorr.errors import LevelBasisWarning, ModelError, UncalibratedWarning, warn_user
from regimecorr.evaluation.final import (
    FinalProbability,
    Learned,
    final_probability,
    learned_for,
    no_probability,
    refusal_of,
)
from regimecorr.evaluation.pair_pool import pool_of
from regimecorr.evaluation.pool import OUTER_DRAWS, Pool, specs_of
from regimecorr.evaluation.pooling import BAYES_FAMILIES, FAMILIES, member_priors
from regimecorr.evaluation.readings import Events
from regimecorr.evaluation.vintages import Calibration, CalibrationName, calibration_of
from regimecorr.events import Array, Basis, check_windows, series_on_basis, situation
from regimecorr.models.base import check_count
from regimecorr.threads import one_blas_thread

OutlookMethod: TypeAlias = Literal["pool", "bayes"]


class Streams(NamedTuple):
    """Random numbers of a verdict: each part has its own, so that none moves the others."""

    pool: np.random.Generator
    weights: np.random.Generator
    audit: np.random.Generator
    walks: np.random.Generator
    regimes: np.random.Generator


def streams_of(rng: int | np.random.Generator | None) -> Streams:
    """Split a seed or generator."""
    generator = np.random.default_rng(rng)
    pool, weights, audit, walks = generator.spawn(4)
    return Streams(pool, weights, audit, walks, generator)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutlookOptions:
    """How a pair is turned into a probability; `assess` describes every option.

    Raises
    ------
    ModelError
        If an option is unknown.
    """

    basis: Basis = "returns"
    short_window: int = 90
    long_window: int = 252
    horizon: int = 252
    method: OutlookMethod = "pool"
    calibration: CalibrationName | Calibration | None = "market"
    family_prior: Mapping[str, float] | None = None
    thresholds: tuple[float, float] = (1 / 3, 2 / 3)
    n_paths: int = 4000

    def __post_init__(self) -> None:
        if self.method not in ("pool", "bayes"):
            raise ModelError(f"method={self.method!r} is unknown; use 'pool' or 'bayes'.")
        _check_thresholds(self.thresholds)
        check_count("n_paths", self.n_paths, 2 * OUTER_DRAWS)
        calibration_of(self.calibration)
        member_priors(self.family_prior, self.families)

    @property
    def families(self) -> Mapping[str, tuple[str, ...]]:
        """Members by family."""
        return BAYES_FAMILIES if self.method == "bayes" else FAMILIES

    @property
    def priors(self) -> dict[str, float]:
        """Prior probability by member."""
        return member_priors(self.family_prior, self.families)

    @property
    def learned_from(self) -> Calibration | None:
        """The calibration asked for."""
        return calibration_of(self.calibration)

    @property
    def windows(self) -> tuple[int, int, int]:
        """Rows of short window, long window and horizon."""
        return self.short_window, self.long_window, self.horizon

    def specs(self, n_jobs: int = 1) -> dict[str, Any]:
        """Specification by member."""
        return specs_of(self.method, n_jobs)

    def to_dict(self) -> dict[str, Any]:
        """Return all but the basis, the calibration by its name: the settings of a verdict."""
        used, prior = self.learned_from, self.family_prior
        return {
            "short_window": self.short_window,
            "long_window": self.long_window,
            "horizon": self.horizon,
            "method": self.method,
            "calibration": None if used is None else used.name,
            "family_prior": None if prior is None else dict(prior),
            "thresholds": self.thresholds,
            "n_paths": self.n_paths,
        }


def without_record(options: OutlookOptions) -> OutlookOptions:
    """Options as a worker needs them: names are looked up there, a record of one's own stays."""
    used = options.calibration
    if not isinstance(used, Calibration):
        return options
    light = dataclasses.replace(used, record=used.record.iloc[:0])
    return dataclasses.replace(options, calibration=light)


def _check_thresholds(thresholds: Any) -> None:
    try:
        low, high = (float(value) for value in thresholds)
    except (TypeError, ValueError):
        low, high = np.nan, np.nan
    if not 0.0 <= low <= high <= 1.0:
        raise ModelError(f"thresholds={thresholds!r} must be two ascending probabilities.")


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """A pair on its day, read and checked, before anything is estimated.

    Attributes
    ----------
    pair : AlignedPair
        Its prices to that day.
    options : OutlookOptions
        How it is looked at.
    values : ndarray of shape (n_obs, 2)
        What is correlated.
    events : Events
        The situation, and what is read off futures.
    learned : Learned or None
        The vintage in force and its panel forecast.
    uncalibrated : str
        Why there is none; empty if there is.
    """

    pair: AlignedPair
    options: OutlookOptions
    values: Array
    events: Events
    learned: Learned | None
    uncalibrated: str


def question_of(pair: AlignedPair, options: OutlookOptions) -> Question:
    """Read the situation of a pair at its last row, and what past outcomes say about it.

    Raises
    ------
    DataError
        If the windows do not fit the data, or a series does not move in one of them.
    """
    values = series_on_basis(pair, options.basis)
    check_windows(len(values), *options.windows)
    here = situation(values, options.short_window, options.long_window)
    events = Events(pair, options.basis, here, options.short_window, options.horizon)
    refusal = refusal_of(options.basis, options.method, options.windows, options.family_prior)
    learned, uncalibrated = learned_for(pair, options.learned_from, refusal)
    return Question(pair, options, values, events, learned, uncalibrated)


def warn_uncalibrated(basis: str, reason: str) -> None:
    """Warn that a probability is the raw pool's: once, for the most specific reason."""
    if basis != "returns":
        warn_user(
            f"basis={basis!r}: correlations of price levels are high and turn negative by chance "
            "alone; the probability is the raw pool's. Use basis='returns' for a question about "
            "the relationship.",
            LevelBasisWarning,
        )
    else:
        warn_user(
            f"Not calibrated: {reason}. The probability is the raw pool's and may be "
            "over-confident. Pass calibration=None to ask for that.",
            UncalibratedWarning,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Outlook:
    """The probability of a pair, with the pool that it was read off.

    Attributes
    ----------
    question : Question
        What was asked.
    pool : Pool
        Members, futures and weights.
    final : FinalProbability
        Probabilities before and after calibration.
    reason : str
        Why there is no probability, empty when there is one.
    """

    question: Question
    pool: Pool
    final: FinalProbability
    reason: str

    @property
    def label(self) -> str:
        """In ``divergent`` or ``strained`` what the probability says; otherwise the state."""
        state, p = self.question.events.here.state, self.final.p_structural
        low, high = self.question.options.thresholds
        if state not in ("divergent", "strained"):
            return state
        if p < low:
            return "transient"
        return "structural" if p > high else "undecided"

    @property
    def calibrated(self) -> bool:
        """Whether the probability was calibrated on past outcomes."""
        return self.question.learned is not None and not self.reason

    @property
    def base_rate(self) -> float:
        """Share of structural among past days of this state; NaN without a calibration."""
        learned = self.question.learned
        if learned is None or self.reason:
            return np.nan
        return learned.vintage.base_rate(self.question.events.here.state)

    @property
    def as_of(self) -> pd.Timestamp:
        """The last row used."""
        return pd.Timestamp(self.question.pair.prices.index[-1])

    def figures(self) -> dict[str, Any]:
        """Return the figures of a `Verdict`, under its names."""
        pair, here, final = self.question.pair, self.question.events.here, self.final
        return {
            "asset": pair.asset,
            "benchmark": pair.benchmark,
            "as_of": self.as_of,
            "state": here.state,
            "label": self.label,
            "p_structural": final.p_structural,
            "p_transient": 1.0 - final.p_structural,
            "p_unchanged": final.p_unchanged,
            "p_raw": final.p_raw,
            "interval": final.interval,
            "calibrated": self.calibrated,
            "base_rate": self.base_rate,
            "r_short": here.r_short,
            "r_long": here.r_long,
            "reference": here.reference,
            "midpoint": here.midpoint,
            "reason": self.reason,
        }


def look_ahead(
    question: Question,
    streams: Streams,
    *,
    n_jobs: int = 1,
    done: Callable[[str], None] = lambda name: None,
) -> Outlook:
    """Fit, simulate and weigh the pool, and read the probability off it.

    Parameters
    ----------
    question : Question
        The pair on its day.
    streams : Streams
        Random numbers.
    n_jobs : int, default 1
        Threads; with ``method="bayes"`` processes of the sampler.
    done : callable, optional
        Called with the name of every step that is done: the margins and each member.

    Raises
    ------
    EstimationError
        If two models fail.
    SamplingError
        If a posterior's chains did not converge.
    """
    options, events = question.options, question.events
    pool = pool_of(
        question.pair.returns,
        events,
        options.specs(n_jobs),
        options.priors,
        n_paths=options.n_paths,
        rng=streams.pool,
        n_jobs=1 if options.method == "bayes" else n_jobs,  # there the sampler takes them
        done=done,
    )
    if events.here.state == "weak":
        reason = (
            f"The reference correlation is {events.here.reference:+.2f}, weaker than 0.25: "
            "nothing was established, so nothing can break."
        )
        return Outlook(question, pool, no_probability(), reason)
    with one_blas_thread():
        final = final_probability(pool, events, question.learned, streams.weights)
    return Outlook(question, pool, final, "")
