"""Claims about the strength of the link: weakening, beta; stress and risk appetite."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from regimecorr.events import Basis, legs
from regimecorr.indicators.momentum import trailing_return
from regimecorr.inference.claims import risk_appetite, stress
from regimecorr.inference.claims.evidence import ClaimTest, Evidence, from_bootstrap
from regimecorr.inference.claims.sample import ClaimSample
from regimecorr.inference.claims.weights import (
    bootstrap,
    correlation,
    draws,
    in_words,
    known_since,
    later_returns,
    least_squares,
    mean_of,
    overlapping,
    shift_power,
    standard_error,
    weakest,
)
from regimecorr.models.base import Array
from regimecorr.models.sandwich import automatic_lags, long_run_covariance

_FEWEST_ROWS = 126
_YEAR = 252
_SYNC = (
    "The closes lie hours apart, so a beta is the sum of those to the benchmark's day before, same "
    "day and next day (Dimson)."
)


def neighbours(benchmark: Array) -> Array:
    """Benchmark's return of the row before, the same and the next (n_rows, 3); NaN at the ends."""
    gap = np.array([np.nan])
    return np.column_stack(
        [np.concatenate([gap, benchmark[:-1]]), benchmark, np.concatenate([benchmark[1:], gap])]
    )


def dimson_beta(asset: Array, benchmark: Array, weights: Array) -> Array:
    """Sum of the betas to the row before, the same and the next (n_samples,), by row weights.

    Dimson, E. (1979). Risk measurement when shares are subject to infrequent trading. Journal of
    Financial Economics 7, 197-226.
    """
    terms = neighbours(benchmark)
    inner = slice(1, len(benchmark) - 1)
    design = np.column_stack([np.ones(len(benchmark) - 2), terms[inner]])
    return np.asarray(least_squares(design, asset[inner], weights[:, inner])[:, 1:].sum(axis=1))


def overlapping_beta(returns: Array, rows: int, weights: Array) -> Array:
    """Beta (n_samples,) of returns over several rows."""
    sums = overlapping(returns, rows)[rows - 1 :]
    design = np.column_stack([np.ones(len(sums)), sums[:, 1]])
    return np.asarray(least_squares(design, sums[:, 0], weights[:, rows - 1 :])[:, 1])


# --- 8 ---------------------------------------------------------------------------------------


def weakening_link(sample: ClaimSample, *, basis: Basis, since: str) -> Evidence:
    """The beta fell at a date, and a good year of the benchmark lifts the asset less since."""
    test = f"beta and lift of a positive year since {since}; null: no smaller than before"
    after = known_since(sample.dates, since)
    if min(after.sum(), (~after).sum()) < _FEWEST_ROWS:
        return Evidence(
            test=test, uninformative=f"fewer than {_FEWEST_ROWS} rows before or after {since}"
        )
    weights = draws(sample.rows, len(sample.returns))
    beta, lift = _beta_change(sample, after, since, weights), _lift_change(sample, after, weights)
    found = weakest([beta, lift], ["the beta", "the lift of a positive year"])
    # A refuted part speaks for the whole even if the other one could not be read.
    if not (beta.uninformative or lift.uninformative):
        found = replace(found, power=_joint_power(sample, after, beta, lift))
    notes = (
        _SYNC,
        f"{beta.note}; {lift.note}.",
        _beta_in_states(sample, weights),
        _correlation_by_year(sample),
    )
    return replace(found, note=" ".join(notes), out_of_sample=_later_beta(sample))


def _beta_change(sample: ClaimSample, after: np.ndarray, since: str, weights: Array) -> Evidence:
    asset, benchmark = sample.returns.T

    def beta(w: Array, rows: np.ndarray) -> Array:
        return dimson_beta(asset, benchmark, w * rows)

    estimate, replicates = bootstrap(lambda w: beta(w, after) - beta(w, ~after), weights)
    r, r_replicates = bootstrap(
        lambda w: (
            correlation(asset, benchmark, w * after) - correlation(asset, benchmark, w * ~after)
        ),
        weights,
    )
    trend, trend_replicates = bootstrap(lambda w: _beta_trend(sample, w), weights)
    note = (
        f"Beta {bootstrap(lambda w: beta(w, ~after), weights)[0]:.2f} before and "
        f"{bootstrap(lambda w: beta(w, after), weights)[0]:.2f} since {since}, change "
        f"{in_words(estimate, replicates)}, HAC t {_hac_t(sample, after):.1f}; trend of the beta "
        f"{in_words(trend, trend_replicates)} a year; change of the correlation "
        f"{in_words(r, r_replicates)}"
    )
    return from_bootstrap(
        estimate,
        replicates,
        sign=-1.0,
        test=f"change of beta since {since}; null: it did not fall",
        note=note,
    )


def _years(dates: pd.DatetimeIndex) -> Array:
    return np.asarray((dates - dates[0]) / pd.Timedelta(days=365.25), dtype=float)


def _beta_trend(sample: ClaimSample, weights: Array) -> Array:
    """Slope of the beta by year (n_samples,)."""
    asset, benchmark = sample.returns.T
    time = _years(sample.dates)[1:-1]
    terms = neighbours(benchmark)[1:-1]
    design = np.column_stack([np.ones(len(time)), time, terms, terms * time[:, None]])
    return np.asarray(least_squares(design, asset[1:-1], weights[:, 1:-1])[:, 5:].sum(axis=1))


def _hac_t(sample: ClaimSample, after: np.ndarray) -> float:
    """Ratio to its error of the interaction with the date, Newey and West's errors."""
    asset, benchmark = sample.returns.T
    inner = slice(1, len(asset) - 1)
    terms, shift = neighbours(benchmark)[inner], after[inner, None].astype(float)
    design = np.column_stack([np.ones(len(terms)), shift, terms, terms * shift])
    inverse = np.linalg.inv(design.T @ design)
    coefficients = inverse @ design.T @ asset[inner]
    scores = design * (asset[inner] - design @ coefficients)[:, None]
    meat = long_run_covariance(scores, automatic_lags(len(scores)))
    pick = np.r_[np.zeros(5), np.ones(3)]
    return float(pick @ coefficients / np.sqrt(pick @ inverse @ meat @ inverse @ pick))


def _good_year(sample: ClaimSample) -> Array:
    """Benchmark's return over the year to the close before each row (n_rows,)."""
    return trailing_return(sample.pair.prices[sample.pair.benchmark].to_numpy(), _YEAR)[:-1]


def _lift(sample: ClaimSample, weights: Array) -> Array:
    """Asset's mean daily return after positive less after negative years, a year of it."""
    year, asset = _good_year(sample), sample.returns[:, 0]
    up, down = weights * (year > 0.0), weights * (year <= 0.0)
    return _YEAR * (mean_of(asset, up) - mean_of(asset, down))


def _lift_change(sample: ClaimSample, after: np.ndarray, weights: Array) -> Evidence:
    test = "change of the lift of a positive year of the benchmark; null: no smaller"
    year = _good_year(sample)
    cells = [
        int((side & state).sum()) for side in (~after, after) for state in (year > 0.0, year <= 0.0)
    ]
    if min(cells) < _FEWEST_ROWS // 2:
        return Evidence(
            test=test,
            uninformative=f"fewer than {_FEWEST_ROWS // 2} rows after a positive or negative year "
            "of the benchmark on one side of the date",
        )
    before, before_replicates = bootstrap(lambda w: _lift(sample, w * ~after), weights)
    since, since_replicates = bootstrap(lambda w: _lift(sample, w * after), weights)
    note = (
        "after a positive year of the benchmark the asset gained "
        f"{in_words(before, before_replicates)} a year more than after a negative one before, "
        f"{in_words(since, since_replicates)} since (log return; next rows, so nothing overlaps)"
    )
    return from_bootstrap(
        since - before, since_replicates - before_replicates, sign=-1.0, test=test, note=note
    )


def _joint_power(sample: ClaimSample, after: np.ndarray, beta: Evidence, lift: Evidence) -> float:
    """Chance that both parts are shown if the beta halved and the lift went to zero."""
    one = np.ones((1, len(after)))
    effects = (
        0.5 * float(dimson_beta(*legs(sample.returns), one * ~after)[0]) / standard_error(beta),
        float(_lift(sample, one * ~after)[0]) / standard_error(lift),
    )
    shown = np.ones(sample.n_boot, dtype=bool)
    for part, effect in zip((beta, lift), effects, strict=True):
        shown &= part.replicates + effect > np.quantile(part.replicates, 0.95)
    return float(shown.mean())


def _beta_in_states(sample: ClaimSample, weights: Array) -> str:
    """Rolling beta, and the beta in calm and turbulent times of the benchmark."""
    asset, benchmark = sample.returns.T
    n = len(asset)
    ends = np.arange(n, _YEAR, -21)[::-1]
    rows = np.arange(n)
    windows = ((rows >= ends[:, None] - _YEAR) & (rows < ends[:, None])).astype(float)
    rolling = dimson_beta(asset, benchmark, windows)
    volatility = pd.Series(benchmark).rolling(63).std()
    turbulent = (volatility > volatility.expanding().median()).shift(1)
    calm, storm = (turbulent == state for state in (False, True))

    def read(state: pd.Series) -> str:
        rows = state.to_numpy()
        return in_words(*bootstrap(lambda w: dimson_beta(asset, benchmark, w * rows), weights))

    return (
        f"Rolling 252-row beta {rolling[-1]:.2f} now, {np.nanmin(rolling):.2f} to "
        f"{np.nanmax(rolling):.2f} so far; {read(calm)} when the benchmark is calm, {read(storm)} "
        "when its 63-row volatility is above its median to date."
    )


def _correlation_by_year(sample: ClaimSample) -> str:
    years = {
        year: part.iloc[:, 0].corr(part.iloc[:, 1])
        for year, part in sample.pair.returns.groupby(sample.dates.year)
        if len(part) >= 63
    }
    return f"Correlation by year: {', '.join(f'{y} {r:.2f}' for y, r in years.items())}."


def _later_beta(sample: ClaimSample) -> str:
    later = later_returns(sample).to_numpy()
    if len(later) < 42:
        return ""
    beta = float(dimson_beta(*legs(later), np.ones((1, len(later))))[0])
    r = float(np.corrcoef(later.T)[0, 1])
    return f"beta {beta:.2f}, correlation {r:.2f} in {len(later)} later rows"


# --- 15 --------------------------------------------------------------------------------------


def beta_above(sample: ClaimSample, *, basis: Basis, level: float, beyond: float = 0.5) -> Evidence:
    """The beta to the benchmark, with a lead and a lag, exceeds a level."""
    asset, benchmark = sample.returns.T
    weights = draws(sample.rows, len(asset))
    estimate, replicates = bootstrap(lambda w: dimson_beta(asset, benchmark, w), weights)
    same = bootstrap(lambda w: overlapping_beta(sample.returns, 1, w), weights)
    three = bootstrap(lambda w: overlapping_beta(sample.returns, 3, w), weights)
    usual = np.abs(benchmark) <= np.quantile(np.abs(benchmark), 0.99)
    trimmed = bootstrap(lambda w: dimson_beta(asset, benchmark, w * usual), weights)
    note = (
        f"{_SYNC} On 3-row returns {in_words(*three)}; on the same day only {in_words(*same)}; "
        f"without the benchmark's largest 1 % of moves {in_words(*trimmed)}. Power: if it were "
        f"{level + beyond:g}. Block bootstrap."
    )
    found = from_bootstrap(
        estimate,
        replicates,
        null=level,
        test=f"beta with one lead and lag; null: at most {level:g}",
        note=note,
        out_of_sample=_later_beta(sample),
    )
    if found.uninformative:
        return found
    return replace(found, power=shift_power(found, beyond / standard_error(found, level)))


TESTS: dict[str, ClaimTest] = {
    "weakening_link": weakening_link,
    "beta_above": beta_above,
    **stress.TESTS,
    **risk_appetite.TESTS,
}
