"""The claim that one of the two moves first."""

from __future__ import annotations

import numpy as np

from regimecorr.errors import DataError
from regimecorr.events import Basis
from regimecorr.indicators.cointegration import johansen
from regimecorr.indicators.lead_lag import CrossCorrelation, GrangerTest, cross_correlation, granger
from regimecorr.inference.claims.evidence import ClaimTest, Evidence, upper_tail
from regimecorr.inference.claims.sample import ClaimSample
from regimecorr.inference.claims.weights import later_returns
from regimecorr.inference.judgement import LEVEL
from regimecorr.models.base import Array

_FEWEST_ROWS = 252
_GRANGER_LAGS = 5
_LIKELY = 0.1


def leads_or_lags(sample: ClaimSample, *, basis: Basis, max_lag: int) -> Evidence:
    """One of the two follows the other, by more than the hours between their closes.

    A correlation with the day next to it is not counted: the closes of one day may lie hours
    apart, and then the market that closed first takes in the other's news on the day after.
    """
    test = (
        f"cross-correlation of standardized returns at lags of 2 to {max_lag} rows either way, "
        "largest statistic; null: none is positive"
    )
    if max_lag < 2:
        raise DataError(f"max_lag={max_lag} must be at least 2: the first lag is not counted.")
    n = len(sample.returns)
    if n < _FEWEST_ROWS + max_lag:
        return Evidence(test=test, uninformative=f"{n} rows are too few for {max_lag} lags")
    z = sample.margins.z
    lags = np.concatenate([np.arange(-max_lag, 0), np.arange(1, max_lag + 1)])
    found = cross_correlation(z[:, 0], z[:, 1], lags, sample.rows)
    counted = np.abs(lags) >= 2
    best = int(np.argmax(np.where(counted, found.statistic, -np.inf)))
    replicates = found.deviations[:, counted].max(axis=1)
    pvalue, least = upper_tail(float(found.statistic[best]), replicates)
    critical = float(np.quantile(replicates, 1.0 - LEVEL))
    r, error = float(found.correlation[best]), float(found.error[best])
    low, high = np.quantile(found.deviations[:, best], [0.025, 0.975])
    return Evidence(
        test=test,
        estimate=r,
        lower=r - float(high) * error,
        upper=r - float(low) * error,
        statistic=float(found.statistic[best]),
        replicates=replicates,
        pvalue=pvalue,
        min_pvalue=least,
        power=_power(found, counted, critical),
        note=_note(sample, found, best, critical),
        out_of_sample=_later(sample, int(lags[best])),
    )


def _power(found: CrossCorrelation, counted: np.ndarray, critical: float) -> float:
    """Chance to reject with a correlation of 0.1 at one lag, any of them."""
    moved = found.deviations[:, counted] + _LIKELY / found.error[counted]
    others = found.deviations[:, counted].max(axis=1)
    return float(np.mean(np.maximum(moved, others[:, None]) > critical))


def _who(sample: ClaimSample, lag: int) -> str:
    names = (sample.pair.asset, sample.pair.benchmark)
    first, second = names if lag > 0 else names[::-1]
    return f"{first} {abs(lag)} rows before {second}"


def _note(sample: ClaimSample, found: CrossCorrelation, best: int, critical: float) -> str:
    one = [int(np.flatnonzero(found.lags == k)[0]) for k in (1, -1)]
    single = ", ".join(
        f"{_who(sample, int(found.lags[i]))} {found.correlation[i]:.3f} "
        f"(t {found.statistic[i]:.1f})"
        for i in one
    )
    sums = [
        float(found.correlation[(found.lags * side >= low) & (found.lags * side <= high)].sum())
        for side in (1, -1)
        for low, high in ((2, 5), (6, found.lags.max()))
    ]
    asset, benchmark = sample.pair.asset, sample.pair.benchmark
    return (
        f"Largest: {_who(sample, int(found.lags[best]))}; it would take "
        f"{critical * float(found.error[best]):.3f}. Next to each other, not counted as the closes "
        f"may lie hours apart: {single}. Sums over 2-5 and 6-{found.lags.max()} rows: {asset} "
        f"first {sums[0]:.2f} and {sums[1]:.2f}, {benchmark} first {sums[2]:.2f} and "
        f"{sums[3]:.2f}. "
        f"{_granger_note(sample)} Power: a correlation of {_LIKELY:g} at one lag."
    )


def _granger_note(sample: ClaimSample) -> str:
    """Granger tests both ways in the vector error-correction model, daily and weekly.

    The relation of the levels is Johansen's estimate, which converges so fast that it counts as
    known; given it, the model is estimated equation by equation.
    """
    logs = np.log(sample.pair.prices.to_numpy())
    slope = johansen(logs, _GRANGER_LAGS).slope
    gap = (logs[:, 0] - slope * logs[:, 1])[1:]
    texts = []
    for cause, effect in ((0, 1), (1, 0)):
        x, y = sample.returns[:, cause], sample.returns[:, effect]
        daily = granger(x, y, _GRANGER_LAGS, skip=1, gap=gap)
        texts.append(
            f"{sample.pair.prices.columns[cause]} to {sample.pair.prices.columns[effect]} "
            f"p {daily.pvalue:.2f} (lags 2 to {_GRANGER_LAGS + 1} of rows), "
            f"{_weekly(x, y, gap).pvalue:.2f} (weeks)"
        )
    return (
        "Granger in a vector error-correction model (relation of the log prices by Johansen, "
        f"slope {slope:.2f}; robust errors): {'; '.join(texts)}."
    )


def _weekly(cause: Array, effect: Array, gap: Array) -> GrangerTest:
    """Two lags of sums over five rows that do not overlap, ending with the last row.

    A few hours of a week's end move a fifth of a day's news, so all lags are tested.
    """
    weeks = len(cause) // 5
    start = len(cause) - 5 * weeks
    x, y = (v[start:].reshape(weeks, 5).sum(axis=1) for v in (cause, effect))
    return granger(x, y, 2, gap=gap[start:].reshape(weeks, 5)[:, -1])


def _later(sample: ClaimSample, lag: int) -> str:
    later = later_returns(sample).to_numpy()
    if len(later) < 63 + abs(lag):
        return ""
    x, y = later.T if lag > 0 else later.T[::-1]
    k = abs(lag)
    r = float(np.corrcoef(x[:-k], y[k:])[0, 1])
    return f"{r:.2f} at that lag in {len(later)} later rows"


TESTS: dict[str, ClaimTest] = {"leads_or_lags": leads_or_lags}
