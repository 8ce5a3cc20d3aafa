"""From the pool of one pair to the probability that a verdict states."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from regimecorr.data.alignment import AlignedPair
from regimecorr.episodes.detect import ENTRY_HISTORY
from regimecorr.errors import DataError
from regimecorr.evaluation.backtest import HORIZON, LONG_WINDOW, SHORT_WINDOW
from regimecorr.evaluation.fresh_forecast import FreshForecast
from regimecorr.evaluation.pool import OUTER_DRAWS, Pool
from regimecorr.evaluation.pooling import perturbed_weights, probability_interval, without_noise
from regimecorr.evaluation.readings import Events
from regimecorr.evaluation.vintages import Calibration, Vintage
from regimecorr.events import Array

#: Rows of the short and the long window and the horizon whose outcomes were learned from.
CALIBRATED_WINDOWS = (SHORT_WINDOW, LONG_WINDOW, HORIZON)


@dataclass(frozen=True, slots=True)
class FinalProbability:
    """Probabilities of a verdict, before and after calibration.

    Attributes
    ----------
    p_raw, p_structural : float
        Of the pool, and with the panel forecast and calibrated (the same without a vintage).
    p_unchanged : float
        Part of transient: the pool's share of it.
    interval : tuple of float
        5 % and 95 % quantiles of ``p_structural``.
    """

    p_raw: float
    p_structural: float
    p_unchanged: float
    interval: tuple[float, float]


def no_probability() -> FinalProbability:
    """Return what stands where nothing was established that could break."""
    nan = float("nan")
    return FinalProbability(nan, nan, nan, (nan, nan))


@dataclass(frozen=True, slots=True)
class Learned:
    """What past outcomes say about a pair on its day: a vintage and the panel forecast of it."""

    vintage: Vintage
    panel: FreshForecast


def learned_for(
    pair: AlignedPair, calibration: Calibration | None, refusal: str
) -> tuple[Learned | None, str]:
    """Take the vintage in force on the pair's last day, and its panel forecast.

    Returns None with the reason if there is none before that day, the pair has fewer than 750
    returns, the panel forecaster cannot read its prices, or the options are refused.
    """
    if refusal or calibration is None:
        return None, refusal or "calibration=None asked for the raw pool"
    n_obs, day = len(pair.prices) - 1, pair.dates[-1]
    if n_obs < ENTRY_HISTORY:
        return None, f"{n_obs} returns; calibrated divergences had at least {ENTRY_HISTORY}"
    vintage = calibration.at(day)
    if vintage is None:
        return None, (
            f"{day:%Y-%m-%d} is before the first vintage of the {calibration.name} calibration, "
            f"{calibration.vintages[0].before}"
        )
    try:
        return Learned(vintage, vintage.panel.of_pair(pair)), ""
    except DataError as error:
        return None, f"the panel forecaster cannot read this pair: {str(error).rstrip('.')}"


def refusal_of(
    basis: str,
    method: str,
    windows: tuple[int, int, int],
    family_prior: Mapping[str, float] | None,
) -> str:
    """Why these options are never calibrated; empty if they are."""
    if basis != "returns":
        return f"basis={basis!r} is never calibrated"
    if method == "bayes":
        return "method='bayes' is never calibrated"
    if windows != CALIBRATED_WINDOWS:
        return f"windows {windows} are not the calibrated {CALIBRATED_WINDOWS}"
    return "" if family_prior is None else "a family_prior of your own is never calibrated"


def final_probability(
    pool: Pool, events: Events, learned: Learned | None, rng: np.random.Generator
) -> FinalProbability:
    """Pool, calibrate if something was learned, and say how sure that is.

    The interval is that of 200 outer draws: a member by its weight, with its parameters (and of
    the break model the hazard), and, calibrated, the coefficients and the parameters of the panel
    forecaster. Monte-Carlo variance is removed.
    """
    raw = float(pool.average(lambda f: events.structural(f).mean()))
    unchanged = float(pool.average(lambda f: events.unchanged(f).mean()))
    for_pool, for_learned = rng.spawn(2)
    draws = _pool_draws(pool, raw, for_pool)
    if learned is None:
        return FinalProbability(raw, raw, unchanged, probability_interval(draws, raw))
    coefficients, panel = learned.vintage.coefficients, learned.panel
    p = float(coefficients.apply(raw, panel.p_structural))
    drawn_panel = panel.draw_structural(OUTER_DRAWS, for_learned)
    interval = probability_interval(coefficients.draw(draws, drawn_panel, for_learned), p)
    # The models say how transient divides; calibration says how much of it there is.
    part = unchanged / (1.0 - raw) if raw < 1.0 else 0.0
    return FinalProbability(raw, p, part * (1.0 - p), interval)


def _pool_draws(pool: Pool, p: float, rng: np.random.Generator) -> Array:
    """Raw probabilities (200,) under drawn parameters, weights and break hazards."""
    alive = pool.alive()
    weights = np.array([pool.weights[m.name] for m in alive])
    drawn = perturbed_weights(weights, OUTER_DRAWS, rng)
    halves = np.einsum("dm,mdh->dh", drawn, np.array([m.outer for m in alive]))
    return without_noise(halves[:, 0], halves[:, 1], p)
