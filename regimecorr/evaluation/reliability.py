"""CORP reliability diagram: calibrated probability by forecast, with bands from calendar blocks."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from regimecorr.errors import ModelError
from regimecorr.evaluation.binned import bin_table
from regimecorr.evaluation.blocks import FEWEST_BLOCKS, too_few_blocks
from regimecorr.evaluation.checks import check_ci_prob, checked_forecasts
from regimecorr.evaluation.scores import corp_decomposition, isotonic
from regimecorr.models.base import Array, IntArray, RandomState, check_count

Band: TypeAlias = Literal["consistency", "confidence"]


def reliability_curve(
    p: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    blocks: npt.ArrayLike | None = None,
    band: Band = "consistency",
    n_boot: int = 1000,
    rng: RandomState = 0,
    ci_prob: float = 0.9,
) -> pd.DataFrame:
    """Calibrated probability by forecast (isotonic regression), with a pointwise band.

    A consistency band says where the curve of a calibrated forecaster would lie, and stands about
    the diagonal. With ``blocks``, whole calendar blocks are drawn with replacement and the errors
    y - p of each drawn block keep or change their sign together: calibration holds, and what the
    outcomes of one year share is kept. Without, outcomes are drawn independently with the
    probabilities that were forecast (Dimitriadis, Gneiting and Jordan 2021), which is too narrow
    for a panel. A confidence band says where the true curve lies, and stands about the estimate:
    blocks (or rows) are drawn with their outcomes.

    Parameters
    ----------
    p, y : array_like of shape (n,)
        Probabilities and outcomes.
    blocks : array_like of shape (n,), optional
        Calendar blocks (`calendar_blocks`, years by default).
    band : {"consistency", "confidence"}, default "consistency"
        Which band.
    n_boot : int, default 1000
        Resamples, at least 99.
    rng : int, Generator or None, default 0
        Seed or generator.
    ci_prob : float, default 0.9
        Mass of the band at each forecast.

    Returns
    -------
    DataFrame
        One row per different forecast, ascending: ``p``, ``count``, ``observed`` (mean outcome),
        ``calibrated``, ``lower``, ``upper``; ``attrs`` hold ``band``, ``ci_prob``, ``n_obs``,
        ``n_blocks`` (0: independent), ``base_rate``, ``brier``, ``miscalibration``,
        ``discrimination``, ``uncertainty`` and ``reason``. With fewer than three blocks the band
        is NaN and ``reason`` says so.

    Raises
    ------
    ModelError
        If the forecasts are no probabilities, or an option has no meaning.

    References
    ----------
    Dimitriadis, T., Gneiting, T. and Jordan, A. I. (2021). Stable reliability diagrams for
    probabilistic classifiers. Proceedings of the National Academy of Sciences 118, e2016191118.

    Examples
    --------
    >>> from regimecorr.evaluation.reliability import reliability_curve
    >>> curve = reliability_curve([0.1, 0.4, 0.6, 0.9], [0, 1, 0, 1], n_boot=99)
    >>> curve["calibrated"].tolist()
    [0.0, 0.5, 0.5, 1.0]
    """
    check_count("n_boot", n_boot, 99)
    check_ci_prob(ci_prob)
    if band not in get_args(Band):
        raise ModelError(f"band={band!r} must be one of {get_args(Band)}.")
    forecast, outcome = checked_forecasts(p, y)
    level, place, count = np.unique(forecast, return_inverse=True, return_counts=True)
    observed = np.bincount(place, weights=outcome) / count
    calibrated = isotonic(observed, count.astype(float))
    codes, n_blocks = _codes(blocks, forecast.size)
    lower = upper = np.full(level.size, np.nan)
    reason = ""
    if blocks is not None and n_blocks < FEWEST_BLOCKS:
        reason = too_few_blocks(n_blocks)
    else:
        generator = np.random.default_rng(rng)
        draw = _Resamples(forecast, outcome, level, place, codes, blocks is not None, band)
        curves = np.array([draw.curve(generator) for _ in range(n_boot)])
        tail = 0.5 * (1.0 - ci_prob)
        lower, upper = np.quantile(curves, [tail, 1.0 - tail], axis=0)
    curve = pd.DataFrame(
        {
            "p": level,
            "count": count,
            "observed": observed,
            "calibrated": calibrated,
            "lower": lower,
            "upper": upper,
        }
    )
    parts = corp_decomposition(forecast, outcome)
    curve.attrs = {
        "band": band,
        "ci_prob": ci_prob,
        "n_obs": forecast.size,
        "n_blocks": 0 if blocks is None else n_blocks,
        "base_rate": float(outcome.mean()),
        "brier": parts.brier,
        "miscalibration": parts.miscalibration,
        "discrimination": parts.discrimination,
        "uncertainty": parts.uncertainty,
        "reason": reason,
    }
    return curve


def forecast_histogram(p: npt.ArrayLike, y: npt.ArrayLike, bins: int = 20) -> pd.DataFrame:
    """Counts of forecasts in bins of equal width, split by outcome: the strip under the diagram.

    Parameters
    ----------
    p, y : array_like of shape (n,)
        Probabilities and outcomes.
    bins : int, default 20
        Bins of [0, 1].

    Returns
    -------
    DataFrame
        ``left``, ``right``, ``count``, ``ones`` (outcome 1) and ``zeros``.
    """
    table = bin_table(p, y, bins)
    ones = (table["count"] * table["observed"].fillna(0.0)).round().astype(int)
    out = table[["left", "right", "count"]].copy()
    out["ones"], out["zeros"] = ones, out["count"] - ones
    return out


def _codes(blocks: npt.ArrayLike | None, n: int) -> tuple[IntArray, int]:
    """Block of every row, counted from 0; every row its own without blocks."""
    if blocks is None:
        return np.arange(n, dtype=np.int64), n
    labels = np.asarray(blocks)
    if labels.shape != (n,):
        raise ModelError(f"{labels.size} blocks for {n} forecasts; give one per forecast.")
    names, codes = np.unique(labels, return_inverse=True)
    return codes.astype(np.int64), names.size


class _Resamples:
    """Curves of resamples, read at the different forecasts of the sample."""

    def __init__(
        self,
        forecast: Array,
        outcome: Array,
        level: Array,
        place: npt.NDArray[np.intp],
        codes: IntArray,
        clustered: bool,
        band: Band,
    ) -> None:
        self._forecast, self._outcome, self._level = forecast, outcome, level
        self._place, self._codes, self._band = place, codes, band
        self._clustered = clustered
        self._n_blocks = int(codes.max()) + 1

    def curve(self, rng: np.random.Generator) -> Array:
        """Calibrated values (n_levels,) of one resample."""
        if self._band == "consistency" and not self._clustered:
            drawn = (rng.random(self._forecast.size) < self._forecast).astype(float)
            return self._fit(np.ones(drawn.size), drawn)
        blocks = rng.integers(0, self._n_blocks, self._n_blocks)
        count = np.bincount(blocks, minlength=self._n_blocks).astype(float)[self._codes]
        if self._band == "confidence":
            return self._fit(count, count * self._outcome)
        signs = rng.choice([-1.0, 1.0], self._n_blocks)
        net = np.bincount(blocks, weights=signs, minlength=self._n_blocks)[self._codes]
        error = self._outcome - self._forecast
        return self._fit(count, count * self._forecast + net * error)

    def _fit(self, count: Array, total: Array) -> Array:
        """Isotonic regression of resampled outcomes, linear between the forecasts drawn."""
        n = self._level.size
        weight = np.bincount(self._place, weights=count, minlength=n).astype(float)
        some = weight > 0.0
        mean = np.bincount(self._place, weights=total, minlength=n)[some] / weight[some]
        return np.interp(self._level, self._level[some], isotonic(mean, weight[some]))
