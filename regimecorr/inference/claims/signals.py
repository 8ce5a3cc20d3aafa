"""Claims about signals: momentum indicators, a high correlation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from regimecorr.data.alignment import AlignedPair
from regimecorr.data.windows import Window, first_rows, resolve, window_size
from regimecorr.data.windows import in_words as window_in_words
from regimecorr.events import Basis, DivergenceRule, legs, series_on_basis, state_history
from regimecorr.indicators.momentum import macd, relative_strength, trailing_return
from regimecorr.inference.blocks import block_length, resampled_rows
from regimecorr.inference.claims.evidence import ClaimTest, Evidence, from_bootstrap, upper_tail
from regimecorr.inference.claims.sample import ClaimSample
from regimecorr.inference.claims.weights import (
    bootstrap,
    draws,
    in_words,
    interval,
    longer_blocks,
    mean_of,
)
from regimecorr.inference.judgement import LEVEL
from regimecorr.inference.nested import clark_west, expanding_coefficients
from regimecorr.kernels.rolling import rolling_pearson_from
from regimecorr.models.base import Array

#: Rows of outcomes before the first forecast, forecasts needed, and rows or spells of a signal.
FIRST, FEWEST, FEWEST_ROWS, FEWEST_SPELLS = 504, 252, 30, 5
_MOMENTUM_ROWS = 63
#: Correlation of signal and outcome that the power is that of.
_LIKELY = 0.1
_POWER = (
    f"Power: if signal and outcome had a correlation of {_LIKELY:g}, which saves "
    f"{_LIKELY**2:.2f} of the squared error; simulated"
)
_SIMULATED, _RESAMPLED = 100, 200


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Forecasts of an outcome without and with a signal, by row of the returns.

    Attributes
    ----------
    outcome, without, with_signal : ndarray of shape (n_rows,)
        NaN where there is none.
    """

    outcome: Array
    without: Array
    with_signal: Array

    @classmethod
    def of(
        cls, outcome: Array, known: Array, signal: Array, horizon: int, first: int = FIRST
    ) -> Comparison:
        """Expanding regressions on what is known (n_rows, k), and on the signal (n_rows,) too.

        A claim says on which side the signal works: its coefficient is to be positive, and as long
        as it is not, the forecast is the one without it (Campbell and Thompson 2008).
        """
        both = np.column_stack([known, signal])
        known = np.where(np.asarray(np.isfinite(both).all(axis=1))[:, None], known, np.nan)
        smaller = expanding_coefficients(known, outcome, horizon, first)
        larger = expanding_coefficients(both, outcome, horizon, first)
        without = (known * smaller).sum(axis=1)
        helps = larger[:, -1] > 0.0
        return cls(outcome, without, np.where(helps, (both * larger).sum(axis=1), without))

    @property
    def scored(self) -> npt.NDArray[np.bool_]:
        """Rows with both forecasts and an outcome."""
        return np.asarray(np.isfinite(self.outcome + self.without + self.with_signal))

    @property
    def plain_gain(self) -> float:
        """Share of the squared error that the signal saves: the out-of-sample R squared."""
        rows = self.scored
        errors = (
            np.sum((self.outcome[rows] - f[rows]) ** 2) for f in (self.with_signal, self.without)
        )
        return float(1.0 - next(errors) / next(errors))

    def evidence(
        self, sample: ClaimSample, horizon: int, *, test: str, note: str = "", wrong: bool = False
    ) -> Evidence:
        """Adjusted gain of the signal, with blocks that are longer than the horizon.

        ``wrong`` says that outcomes were on the other side of the claim.
        """
        rows = self.scored
        if not np.any(self.with_signal[rows] != self.without[rows]):
            reason = "the signal was on the wrong side whenever it could have been used"
            return Evidence(test=test, note=note, uninformative=reason, contradicted=wrong)
        gain = np.where(rows, clark_west(self.outcome, self.without, self.with_signal), 0.0)
        error = float(np.mean((self.outcome[rows] - self.without[rows]) ** 2))
        block = block_length(gain[rows])
        weights = draws(longer_blocks(sample, 2.0 * horizon, block), len(rows)) * rows
        replicates = mean_of(gain, weights) / error
        found = from_bootstrap(float(gain[rows].mean()) / error, replicates, test=test, note=note)
        return replace(found, contradicted=wrong)


def likely_power(
    sample: ClaimSample,
    outcome: Array,
    known: Array,
    signal: Array,
    horizon: int,
    *,
    first: int = FIRST,
    windows: int = 1,
) -> float:
    """Chance to reject if signal and outcome had a correlation of 0.1, by simulation.

    The signal stays as it is. Its outcomes are resampled in blocks of four horizons, without what
    it has to do with them and with the correlation instead; every set of them is forecast anew. A
    shift of the null distribution would not do: estimating the coefficient makes gains vary more.
    Where the claim is tried with several ``windows``, each has its part of the level.
    """
    rows = np.isfinite(outcome) & np.isfinite(signal) & np.isfinite(known).all(axis=1)
    base, y, x = known[rows], outcome[rows], signal[rows]
    y, x = (v - base @ np.linalg.lstsq(base, v, rcond=None)[0] for v in (y, x))
    rest, x = y - x * (x @ y) / (x @ x), x / x.std()
    rest = np.sqrt(1.0 - _LIKELY**2) * rest / rest.std()
    weights = draws(longer_blocks(sample, 2.0 * horizon, 1.0)[:_RESAMPLED], len(rows))
    rng, made, rejected = sample.generator("power"), np.full_like(outcome, np.nan), 0
    n_outcomes = -(-_SIMULATED // windows)
    for _ in range(n_outcomes):
        order = resampled_rows(rest.size, min(4.0 * horizon, rest.size / 3.0), rng)
        made[rows] = rest[order] + _LIKELY * x
        compared = Comparison.of(made, known, signal, horizon, first)
        scored = compared.scored
        gain = np.where(scored, clark_west(made, compared.without, compared.with_signal), 0.0)
        replicates = weights @ gain / (weights @ scored)
        found = from_bootstrap(float(gain[scored].mean()), replicates, test="")
        rejected += found.pvalue < LEVEL / windows
    return rejected / n_outcomes


def next_return(returns: Array, horizon: int) -> Array:
    """Sum of the next ``horizon`` returns (n_rows,); NaN where they are not all there."""
    total = np.concatenate([[0.0], np.cumsum(returns)])
    out = np.full(returns.size, np.nan)
    if returns.size > horizon:
        out[:-horizon] = total[horizon + 1 :] - total[1:-horizon]
    return out


def difference(sample: ClaimSample, on: Array, outcome: Array, horizon: int) -> tuple[float, Array]:
    """Mean outcome with the signal less without it, and its bootstrap values (n_boot,)."""
    known = np.isfinite(on) & np.isfinite(outcome)
    values = np.where(known, outcome, 0.0)
    weights = draws(longer_blocks(sample, 2.0 * horizon, 1.0), len(on))
    yes, no = known & (on == 1.0), known & (on == 0.0)
    return bootstrap(lambda w: mean_of(values, w * yes) - mean_of(values, w * no), weights)


# --- 11 --------------------------------------------------------------------------------------


def momentum_signal(
    sample: ClaimSample,
    *,
    basis: Basis,
    neutral: Sequence[float],
    horizon: int,
    where: Literal["all", "divergences"] = "all",
) -> Evidence:
    """RSI in the neutral band with MACD above its signal line improves a forecast."""
    test = (
        f"out-of-sample gain in forecasting the asset's next {horizon}-row return relative to the "
        "benchmark by RSI and MACD; null: none"
    )
    on = _confirmed(sample.pair, neutral)
    outcome = next_return(sample.returns[:, 0] - sample.returns[:, 1], horizon)
    if where == "divergences":
        outcome = np.where(_divergent(sample.pair), outcome, np.nan)
    reason = _too_rare(on, outcome, FIRST + FEWEST if where == "all" else FEWEST)
    if reason:
        return Evidence(test=test, uninformative=reason)
    first = FIRST if where == "all" else FEWEST // 2
    constant = np.ones((len(on), 1))
    compared = Comparison.of(outcome, constant, on, horizon, first)
    if compared.scored.sum() < FEWEST // 2:
        return Evidence(test=test, uninformative="too few forecasts could be scored")
    more = difference(sample, on, outcome, horizon)
    note = (
        f"{compared.scored.sum()} forecasts, expanding; Clark and West's adjusted gain as a share "
        f"of the squared error, unadjusted {compared.plain_gain:.3f}. {_means(on, outcome)}, "
        f"difference {in_words(*more)}. {_within_divergences(sample, on, horizon)} Indicators on "
        f"the pair's common days; blocks of two horizons. {_POWER}."
    )
    wrong = interval(more[1])[1] < 0.0
    found = compared.evidence(sample, horizon, test=test, note=note, wrong=wrong)
    return replace(
        found,
        power=likely_power(sample, outcome, constant, on, horizon, first=first),
        out_of_sample=_later_signal(sample, neutral, horizon),
    )


def _confirmed(pair: AlignedPair, neutral: Sequence[float]) -> Array:
    """1 where the asset's RSI is neutral and its MACD above the signal line, by row of returns."""
    prices = pair.prices[pair.asset].to_numpy()
    rsi, above = relative_strength(prices), macd(prices).histogram
    state = (rsi >= neutral[0]) & (rsi <= neutral[1]) & (above > 0.0)
    return np.where(np.isnan(rsi + above), np.nan, state)[1:]


def _divergent(pair: AlignedPair, basis: Basis = "levels") -> np.ndarray:
    """Days on which the chart shows a divergence: 90 against 365 days."""
    windows = resolve(pair.dates, "90D", "365D", "365D")
    x, y = legs(series_on_basis(pair, basis))
    states = state_history(x, y, windows, DivergenceRule(reference="overlapping"))["state"]
    return np.asarray(states == "divergent")


def _too_rare(on: Array, outcome: Array, rows: int) -> str:
    known = np.isfinite(on) & np.isfinite(outcome)
    if known.sum() < rows:
        return f"{known.sum()} rows with signal and outcome; at least {rows} are needed"
    state = (on == 1.0) & known
    spells = int(np.sum(state[1:] & ~state[:-1]) + state[0])
    if min(state.sum(), (known & ~state).sum()) < FEWEST_ROWS or spells < FEWEST_SPELLS:
        return (
            f"the signal is given on {state.sum()} rows in {spells} spells of {known.sum()}; at "
            f"least {FEWEST_ROWS} rows with and without it and {FEWEST_SPELLS} spells are needed"
        )
    return ""


def _means(on: Array, outcome: Array) -> str:
    yes, no = (outcome[(on == state) & np.isfinite(outcome)] for state in (1.0, 0.0))
    if min(yes.size, no.size) == 0:
        return f"{yes.size} rows with the signal, {no.size} without"
    return (
        f"Mean outcome {yes.mean():.3f} after the signal ({yes.size} rows), {no.mean():.3f} without"
    )


def _within_divergences(sample: ClaimSample, on: Array, horizon: int) -> str:
    outcome = next_return(sample.returns[:, 0] - sample.returns[:, 1], horizon)
    inside = _divergent(sample.pair)
    spells = int(np.sum(inside[1:] & ~inside[:-1]) + inside[0])
    told = _means(np.where(inside, on, np.nan), outcome)
    return f"Within the chart's {spells} divergent spells (levels, 90D/365D): {told.lower()}."


def _later_signal(sample: ClaimSample, neutral: Sequence[float], horizon: int) -> str:
    if not sample.has_later:
        return ""
    returns = sample.whole.returns.to_numpy()
    outcome = next_return(returns[:, 0] - returns[:, 1], horizon)
    outcome[: len(sample.returns)] = np.nan
    if np.isfinite(outcome).sum() < FEWEST_ROWS:
        return ""
    return _means(_confirmed(sample.whole, neutral), outcome)


# --- 19 --------------------------------------------------------------------------------------


def strong_signal(
    sample: ClaimSample, *, basis: Basis, level: float, windows: Sequence[Window], horizon: int
) -> Evidence:
    """A rolling correlation above a level tells more of the asset's next return."""
    test = (
        f"out-of-sample gain in forecasting the asset's next {horizon}-row return from the "
        f"benchmark's trend where the correlation is above {level:g}; null: none in any window"
    )
    found, notes = [], []
    for window in windows:
        part, told = _one_window(sample, basis, level, window, horizon, test, len(windows))
        found.append(part)
        notes.append(told)
    power = f"{_POWER}, 5 % divided among the windows, mean over them."
    later = [_later_strength(sample, basis, level, window, horizon) for window in windows]
    return replace(
        _best(found),
        note=" ".join([*notes, "Largest statistic of the windows; blocks of two horizons.", power]),
        out_of_sample="; ".join(text for text in later if text),
    )


def _one_window(
    sample: ClaimSample,
    basis: Basis,
    level: float,
    window: Window,
    horizon: int,
    test: str,
    n_windows: int,
) -> tuple[Evidence, str]:
    strong = _strong(sample.pair, basis, level, window)
    outcome = next_return(sample.returns[:, 0], horizon)
    reason = _too_rare(strong, outcome, FIRST + FEWEST)
    if reason:
        text = f"{window_in_words(window)} window: {reason}"
        return Evidence(test=test, uninformative=text), f"{text}."
    trend = _trend(sample.pair)
    known = np.column_stack([np.ones(len(trend)), trend])
    compared = Comparison.of(outcome, known, trend * strong, horizon)
    follow = outcome * trend
    more = difference(sample, strong, follow, horizon)
    note = (
        f"{window_in_words(window)} window: strong on {np.nanmean(strong):.0%} of days, "
        f"out-of-sample gain {compared.plain_gain:.3f} unadjusted; in the direction of the "
        f"benchmark's trend: {_means(strong, follow).lower()}, difference {in_words(*more)}; "
        f"{_next_correlation(sample, strong, horizon)}."
    )
    wrong = interval(more[1])[1] < 0.0
    part = compared.evidence(sample, horizon, test=test, wrong=wrong)
    power = likely_power(sample, outcome, known, trend * strong, horizon, windows=n_windows)
    return replace(part, power=power), note


def _strong(pair: AlignedPair, basis: Basis, level: float, window: Window) -> Array:
    """1 where the rolling correlation exceeds the level, 0 where not, NaN before it exists."""
    first = first_rows(pair.dates, window_size("window", window))
    r = rolling_pearson_from(*legs(series_on_basis(pair, basis)), first)
    return np.where(np.isnan(r), np.nan, r > level)


def _trend(pair: AlignedPair) -> Array:
    """Sign of the benchmark's return of the last 63 rows, by row of returns."""
    prices = pair.prices[pair.benchmark].to_numpy()
    return np.sign(trailing_return(prices, _MOMENTUM_ROWS))[1:]


def _coming_correlation(returns: Array, horizon: int) -> Array:
    """Correlation of the next ``horizon`` returns (n_rows,)."""
    n = len(returns)
    first = np.maximum(np.arange(n) - horizon + 1, -1)
    ended = rolling_pearson_from(*legs(returns), first)
    out = np.full(n, np.nan)
    out[: n - horizon] = ended[horizon:]
    return out


def _next_correlation(sample: ClaimSample, strong: Array, horizon: int) -> str:
    """Whether the next correlation is what a strong one foretells."""
    rows = max(horizon, _MOMENTUM_ROWS)
    coming = _coming_correlation(sample.returns, rows)
    compared = Comparison.of(coming, np.ones((len(strong), 1)), strong, rows)
    mean = [float(np.nanmean(coming[strong == state])) for state in (1.0, 0.0)]
    return (
        f"correlation of the next {rows} rows {mean[0]:.2f} when strong, {mean[1]:.2f} otherwise "
        f"(out-of-sample gain {compared.plain_gain:.2f})"
    )


def _best(found: Sequence[Evidence]) -> Evidence:
    """Evidence of the window with the largest statistic, against the largest of the replicates."""
    usable = [part for part in found if part.replicates.size]
    refuted = all(part.contradicted for part in found)
    if not usable:
        return replace(found[0], contradicted=refuted)
    best = max(usable, key=lambda part: part.statistic)
    replicates = np.max([part.replicates for part in usable], axis=0)
    pvalue, least = upper_tail(best.statistic, replicates)
    return replace(
        best,
        replicates=replicates,
        pvalue=pvalue,
        min_pvalue=least,
        power=float(np.mean([part.power for part in found if np.isfinite(part.power)])),
        contradicted=refuted,
    )


def _later_strength(
    sample: ClaimSample, basis: Basis, level: float, window: Window, horizon: int
) -> str:
    returns = sample.whole.returns.to_numpy()
    if len(returns) - len(sample.returns) < horizon + FEWEST_ROWS:
        return ""
    strong = _strong(sample.whole, basis, level, window)
    follow = next_return(returns[:, 0], horizon) * _trend(sample.whole)
    follow[: len(sample.returns)] = np.nan
    told = _means(strong, follow).lower()
    return f"{window_in_words(window)} window: {told} in the direction of the trend"


TESTS: dict[str, ClaimTest] = {
    "momentum_signal": momentum_signal,
    "strong_signal": strong_signal,
}
