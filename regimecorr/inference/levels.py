"""The level audit: how much of a level-correlation chart is there without any relationship."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from regimecorr.data.alignment import AlignedPair, align
from regimecorr.episodes.detect import merge_spells
from regimecorr.errors import DataError
from regimecorr.events import Array, check_windows, legs
from regimecorr.formatting import signed
from regimecorr.kernels.resample import stationary_indices
from regimecorr.kernels.rolling import rolling_pearson

MEAN_BLOCK = 20.0
MERGE = 10
BAND = (0.6, 0.9)
THRESHOLD = 0.3
N_BOOT = 200


@dataclass(frozen=True, slots=True)
class LevelFigures:
    """What a chart of level correlations shows.

    Attributes
    ----------
    share_in_band : float
        Share of rows with the long level correlation in the band.
    episodes_per_year : float
        Episodes a year (252 rows): spells with a negative short level correlation while the long
        one is at least the threshold, spells less than 10 rows apart being one.
    share_resolved : float
        Share of episodes with ``horizon`` later rows whose short level correlation is back at zero
        or above within them; NaN without such episodes.
    share_long_negative : float
        Share of the same episodes in which the long level correlation falls below zero within them.
    """

    share_in_band: float
    episodes_per_year: float
    share_resolved: float
    share_long_negative: float


@dataclass(frozen=True, slots=True)
class LevelAudit:
    """Level correlations of a pair, beside those of the same moves without any relationship.

    Attributes
    ----------
    short, long : float
        Correlation of the price levels over the last short and long window.
    observed, independent : LevelFigures
        The chart's figures, and their averages over histories in which each leg's returns are
        block-bootstrapped on their own, so that nothing ties them together.
    """

    short: float
    long: float
    observed: LevelFigures
    independent: LevelFigures
    short_window: int
    long_window: int
    band: tuple[float, float]
    threshold: float
    horizon: int
    n_boot: int

    def to_dict(self) -> dict[str, Any]:
        """Return the audit as plain numbers."""
        return asdict(self)

    def sentence(self) -> str:
        """Say in one sentence what the chart of levels is worth."""
        low, high = self.band
        mine, chance = self.observed, self.independent
        text = (
            f"Price levels (not returns): {self.short_window}-row correlation "
            f"{signed(self.short)}, {self.long_window}-row {signed(self.long)}, in "
            f"[{low:g}, {high:g}] on {mine.share_in_band:.0%} of days; the same moves with nothing "
            f"tying the legs together spend {chance.share_in_band:.0%} there and show "
            f"{chance.episodes_per_year:.2f} negative spells a year "
            f"(here {mine.episodes_per_year:.2f})"
        )
        if np.isfinite(chance.share_resolved):
            text += f", {chance.share_resolved:.0%} of which 'resolve' within {self.horizon} rows"
        return text + "."


def audit_levels(
    prices: Any,
    *,
    asset: str | None = None,
    benchmark: str | None = None,
    as_of: Any = None,
    short_window: int = 90,
    long_window: int = 252,
    band: tuple[float, float] = BAND,
    threshold: float = THRESHOLD,
    horizon: int = 252,
    n_boot: int = N_BOOT,
    rng: int | np.random.Generator | None = 0,
) -> LevelAudit:
    """Audit a chart of price-level correlations.

    Parameters
    ----------
    prices : DataFrame, dict of Series or path
        Prices; anything `load_prices` takes.
    asset, benchmark : str, optional
        Columns; may be omitted when there are two.
    as_of : str, date or Timestamp, optional
        Use rows on or before this date only.
    short_window, long_window : int, default 90 and 252
        Rows of the two level correlations.
    band : tuple of float, default (0.6, 0.9)
        Where commentary says the long correlation lies.
    threshold : float, default 0.3
        Long level correlation at which a negative short one counts as a divergence.
    horizon : int, default 252
        Rows within which an episode may "resolve".
    n_boot : int, default 200
        Histories with independent legs (stationary bootstrap of each leg's returns, mean block 20
        rows).
    rng : int, Generator or None
        Seed or generator.

    Returns
    -------
    LevelAudit

    Raises
    ------
    DataError
        If prices, windows, band or ``n_boot`` cannot be used.

    References
    ----------
    Yule, G. U. (1926). Why do we sometimes get nonsense-correlations between time-series? Journal
    of the Royal Statistical Society 89, 1-63.

    Examples
    --------
    >>> import regimecorr as rc
    >>> prices = rc.simulate("constant", n_obs=1000, rng=1).prices
    >>> audit = rc.audit_levels(prices, n_boot=20)
    >>> bool(0 <= audit.independent.share_in_band <= 1)
    True
    """
    pair = align(prices, asset=asset, benchmark=benchmark, as_of=as_of)
    return audit_of(pair, short_window, long_window, band, threshold, horizon, n_boot, rng)


def audit_of(
    pair: AlignedPair,
    short_window: int,
    long_window: int,
    band: tuple[float, float],
    threshold: float,
    horizon: int,
    n_boot: int,
    rng: int | np.random.Generator | None,
) -> LevelAudit:
    """Audit a pair that is already aligned; see `audit_levels`."""
    returns = pair.returns.to_numpy()
    check_windows(len(returns), short_window, long_window, horizon)
    if not -1 <= band[0] < band[1] <= 1:
        raise DataError(f"band={band} must be two increasing correlations.")
    if n_boot < 1:
        raise DataError(f"n_boot={n_boot} must be at least 1.")
    options = (short_window, long_window, band, threshold, horizon)
    levels = pair.prices.to_numpy()
    short, long, observed = _figures(levels, *options)
    generator = np.random.default_rng(rng)
    n = len(returns)
    draws = []
    for _ in range(n_boot):
        moves = np.empty_like(returns)
        for leg in range(2):
            picks = stationary_indices(generator.integers(0, n, n), generator.random(n), MEAN_BLOCK)
            moves[:, leg] = returns[picks, leg]
        path = np.exp(np.vstack([np.zeros(2), np.cumsum(moves, axis=0)]))
        draws.append(_counts(path, *options))
    return LevelAudit(
        short, long, observed, _ratios(np.sum(draws, axis=0)), *options, n_boot=n_boot
    )


def _figures(
    levels: Array, short_window: int, long_window: int, band: tuple[float, float], *rest: Any
) -> tuple[float, float, LevelFigures]:
    x, y = legs(levels)
    short = float(rolling_pearson(x, y, short_window)[-1])
    long = float(rolling_pearson(x, y, long_window)[-1])
    return short, long, _ratios(_counts(levels, short_window, long_window, band, *rest))


def _counts(
    levels: Array,
    short_window: int,
    long_window: int,
    band: tuple[float, float],
    threshold: float,
    horizon: int,
) -> Array:
    """Counts (6,) that the figures are ratios of.

    Rows, rows in the band, entries, matured entries, resolved ones, ones whose long correlation
    turned negative.
    """
    x, y = legs(levels)
    short = rolling_pearson(x, y, short_window)[long_window - 1 :]
    long = rolling_pearson(x, y, long_window)[long_window - 1 :]
    n = short.size
    inside = int(np.sum((long >= band[0]) & (long <= band[1])))
    spells = merge_spells((short < 0) & (long >= threshold), MERGE)
    entry = np.array([first for first, _ in spells if first > 0], dtype=int)
    matured = entry[entry + horizon < n]
    resolved = sum(bool(np.any(short[e : e + horizon + 1] >= 0)) for e in matured)
    negative = sum(bool(np.any(long[e : e + horizon + 1] < 0)) for e in matured)
    return np.array([n, inside, entry.size, matured.size, resolved, negative], dtype=float)


def _ratios(counts: Array) -> LevelFigures:
    rows, inside, entries, matured, resolved, negative = counts
    return LevelFigures(
        share_in_band=inside / rows,
        episodes_per_year=252.0 * entries / rows,
        share_resolved=resolved / matured if matured else np.nan,
        share_long_negative=negative / matured if matured else np.nan,
    )
