"""The level audit: how much of a level-correlation chart is there without any relationship."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from regimecorr.data.alignment import AlignedPair, align
from regimecorr.data.dates import parse_day
from regimecorr.data.windows import Window, in_words
from regimecorr.episodes.detect import CHART_ELEVATED, check_readable
from regimecorr.errors import DataError
from regimecorr.events import Array, DivergenceRule, legs, rolling_correlations
from regimecorr.formatting import MISSING, percent, signed
from regimecorr.inference.nulls import IndependentLegs, World, make_worlds
from regimecorr.inference.trial import Chart, Episodes, over_histories
from regimecorr.models.base import RandomState, check_count
from regimecorr.models.margins import GARCH

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Spells fewer rows apart than this are one episode.
MERGE = 10
BAND = (0.6, 0.9)
N_BOOT = 200
#: Hundredths at which the distribution of the long correlation is kept.
EDGES = np.linspace(-1.0, 1.0, 201)


@dataclass(frozen=True, slots=True)
class LevelFigures:
    """What a chart of level correlations shows.

    Attributes
    ----------
    share_in_band : float
        Share of rows with the long level correlation in the band.
    episodes_per_year : float
        Episodes a year (252 rows): spells with a negative short level correlation while the long
        one is elevated, spells less than 10 rows apart being one.
    share_resolved : float
        Share of episodes whose horizon has passed with the short level correlation back above zero
        within it; NaN without such episodes.
    share_long_negative : float
        Share of the same episodes in which the long level correlation falls below zero within it.
    median_rows : float
        Median rows until the short correlation was back, unfinished ones at their age; NaN without
        episodes.
    distribution : tuple of float
        Share of rows with a long correlation at or below -1, -0.99, ..., 1.
    """

    share_in_band: float
    episodes_per_year: float
    share_resolved: float
    share_long_negative: float
    median_rows: float
    distribution: tuple[float, ...] = field(repr=False)

    def share_between(self, low: float, high: float) -> float:
        """Share of rows with the long level correlation between two values."""
        at = np.interp([low, high], EDGES, self.distribution)
        return float(at[1] - at[0])


@dataclass(frozen=True, slots=True)
class LevelAudit:
    """Level correlations of a pair, beside those of other worlds.

    Attributes
    ----------
    short, long : float
        Correlation of the price levels over the last short and long window.
    observed : LevelFigures
        What the chart shows.
    worlds : dict of LevelFigures
        The same figures, averaged over histories of ``independent`` legs (each leg's returns
        block-bootstrapped on their own, so that nothing ties them together), of a ``constant``
        correlation of returns and of the fitted ``dcc``.
    short_window, long_window, band, elevated, horizon, n_boot
        As passed.
    correlation : DataFrame
        By date the rolling correlations of price levels, ``levels_short`` and ``levels_long``, and
        of returns, ``returns_short`` and ``returns_long``; each window ends with its date.
    """

    short: float
    long: float
    observed: LevelFigures
    worlds: Mapping[str, LevelFigures]
    short_window: Window
    long_window: Window
    band: tuple[float, float]
    elevated: float
    horizon: Window
    n_boot: int
    correlation: pd.DataFrame = field(repr=False, compare=False)

    @property
    def independent(self) -> LevelFigures:
        """The figures of legs that nothing ties together."""
        return self.worlds["independent"]

    @property
    def table(self) -> pd.DataFrame:
        """Figures by row: ``observed``, then the worlds."""
        rows = {"observed": self.observed, **self.worlds}
        frame = pd.DataFrame({name: asdict(f) for name, f in rows.items()}).T
        return frame.drop(columns="distribution").astype(float)

    @property
    def distribution(self) -> pd.DataFrame:
        """Share of rows by tenth of the long level correlation, observed and by world."""
        rows = {"observed": self.observed, **self.worlds}
        tenths = pd.IntervalIndex.from_breaks(np.round(EDGES[::10], 1), name="long correlation")
        shares = {name: np.diff(np.array(f.distribution)[::10]) for name, f in rows.items()}
        return pd.DataFrame(shares, index=tenths)

    def to_dict(self) -> dict[str, Any]:
        """Return the audit as plain numbers, without the distributions and the paths."""
        plain = asdict(self)
        del plain["correlation"]
        for figures in (plain["observed"], *plain["worlds"].values()):
            del figures["distribution"]
        return plain

    def sentence(self) -> str:
        """Say in one sentence what the chart of levels is worth."""
        low, high = self.band
        mine, chance = self.observed, self.independent
        text = (
            f"Price levels (not returns): {in_words(self.short_window)} correlation "
            f"{signed(self.short)}, {in_words(self.long_window)} {signed(self.long)}, in "
            f"[{low:g}, {high:g}] on {mine.share_in_band:.0%} of days; the same moves with nothing "
            f"tying the legs together spend {chance.share_in_band:.0%} there and show "
            f"{chance.episodes_per_year:.2f} negative spells a year "
            f"(here {mine.episodes_per_year:.2f})"
        )
        if np.isfinite(chance.share_resolved):
            span = f"{self.horizon} rows" if isinstance(self.horizon, int) else self.horizon
            text += f", {percent(chance.share_resolved)} of which 'resolve' within {span}"
        return text + "."

    def summary(self) -> str:
        """Return the audit as text: the sentence, the table, and what follows."""
        shown = self.table.rename(
            columns={
                "share_in_band": "in band",
                "episodes_per_year": "a year",
                "share_resolved": "resolved",
                "share_long_negative": "turned",
                "median_rows": "rows",
            }
        )
        formats = {
            "a year": "{:.2f}".format,
            "rows": lambda v: f"{v:.0f}" if np.isfinite(v) else MISSING,
        }
        text = shown.apply(lambda column: column.map(formats.get(str(column.name), percent)))
        return "\n".join([self.sentence(), "", text.to_string(), "", self._answer()])

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw the correlation of price levels against that of returns, by date.

        Parameters
        ----------
        ax : Axes, optional
            Where to draw; default: a new figure.

        Returns
        -------
        Axes
        """
        from regimecorr.plotting.levels import plot_levels

        windows = (self.short_window, self.long_window)
        return plot_levels(self.correlation, self.table, band=self.band, windows=windows, ax=ax)

    def _answer(self) -> str:
        mine, chance = self.observed, self.independent
        if mine.share_in_band > 0:
            parts = [
                f"{min(chance.share_in_band / mine.share_in_band, 1.0):.0%} of the days in the band"
            ]
        else:
            parts = ["none of the days in the band (there are none)"]
        if mine.episodes_per_year > 0:
            share = min(chance.episodes_per_year / mine.episodes_per_year, 1.0)
            parts.append(f"{share:.0%} of the episodes")
        return f"Without any relationship the chart would still show {' and '.join(parts)}."


def audit_levels(
    prices: Any,
    *,
    asset: str | None = None,
    benchmark: str | None = None,
    as_of: Any = None,
    since: Any = None,
    short_window: Window = 90,
    long_window: Window = 252,
    band: tuple[float, float] = BAND,
    elevated: float = CHART_ELEVATED,
    horizon: Window = 252,
    n_boot: int = N_BOOT,
    margins: GARCH | None = None,
    rng: RandomState = 0,
    n_jobs: int = 1,
) -> LevelAudit:
    """Tell how much of a chart of level correlations is there without any relationship.

    Price levels wander, and wandering series are correlated in samples whether or not anything ties
    them together (Yule 1926). The audit reads the chart's figures off the pair, and off histories
    in which the legs are independent, in which returns have one constant correlation, and in which
    they follow the fitted DCC.

    Parameters
    ----------
    prices : DataFrame, dict of Series or path
        Prices; anything `load_prices` takes.
    asset, benchmark : str, optional
        Columns; may be omitted when there are two.
    as_of : str, date or Timestamp, optional
        Use rows on or before this date only.
    since : str, date or Timestamp, optional
        Count from this date on, in the pair and in the histories; windows reach back before it.
    short_window, long_window : int or str, default 90 and 252
        Windows in rows, or offsets ("90D", "365D").
    band : tuple of float, default (0.6, 0.9)
        Where the published chart says the long correlation lies.
    elevated : float, default 0.3
        Long level correlation at which a negative short one counts as a divergence.
    horizon : int or str, default 252
        Time within which an episode may "resolve".
    n_boot : int, default 200
        Histories of every world.
    margins : GARCH, optional
        Margins of the worlds with a correlation; default ``GARCH()``.
    rng : int, Generator or None
        Seed or generator.
    n_jobs : int, default 1
        Threads; the answer does not depend on it.

    Returns
    -------
    LevelAudit

    Raises
    ------
    DataError
        If prices, windows, band, dates or ``n_boot`` cannot be used.

    References
    ----------
    Yule, G. U. (1926). Why do we sometimes get nonsense-correlations between time-series? Journal
    of the Royal Statistical Society 89, 1-63. Ernst, P. A., Shepp, L. A. and Wyner, A. J. (2017).
    Yule's "nonsense correlation" solved! Annals of Statistics 45, 1789-1809.

    Examples
    --------
    >>> import regimecorr as rc
    >>> prices = rc.simulate("constant", n_obs=1000, rng=1).prices
    >>> audit = rc.audit_levels(prices, n_boot=20)
    >>> bool(0 <= audit.independent.share_in_band <= 1)
    True
    >>> list(audit.table.index)
    ['observed', 'independent', 'constant', 'dcc']
    """
    check_count("n_boot", n_boot)
    pair = align(prices, asset=asset, benchmark=benchmark, as_of=as_of)
    chart = _chart(pair, short_window, long_window, elevated, horizon)
    begin = 0 if since is None else _first_row(pair, since)
    fitted = GARCH() if margins is None else margins
    worlds = make_worlds(("independent", "constant", "dcc"), pair.returns, fitted)
    return _audit(pair, chart, band, begin, worlds, n_boot, rng, n_jobs)


def audit_of(
    pair: AlignedPair, short_window: int, long_window: int, horizon: int, rng: RandomState
) -> LevelAudit:
    """Audit an aligned pair against independent legs alone, which need no fit."""
    chart = _chart(pair, short_window, long_window, CHART_ELEVATED, horizon)
    worlds = {"independent": IndependentLegs.of(pair.returns.to_numpy())}
    return _audit(pair, chart, BAND, 0, worlds, N_BOOT, rng, 1)


def _chart(
    pair: AlignedPair,
    short_window: Window,
    long_window: Window,
    elevated: float,
    horizon: Window,
) -> Chart:
    rule = DivergenceRule(reference="overlapping", elevated=elevated, merge=MERGE)
    chart = Chart.on(pair.dates, "levels", short_window, long_window, horizon, None, rule)
    check_readable(chart.windows, "overlapping")
    return chart


def _first_row(pair: AlignedPair, since: Any) -> int:
    day = parse_day(since, label="since")
    row = int(pair.dates.searchsorted(day))
    if row >= len(pair.dates) - 1:
        raise DataError(
            f"since={day:%Y-%m-%d} leaves no rows; the data end on {pair.dates[-1]:%Y-%m-%d}."
        )
    return row


def _audit(
    pair: AlignedPair,
    chart: Chart,
    band: tuple[float, float],
    begin: int,
    worlds: Mapping[str, World],
    n_boot: int,
    rng: RandomState,
    n_jobs: int,
) -> LevelAudit:
    if not -1 <= band[0] < band[1] <= 1:
        raise DataError(f"band={band} must be two increasing correlations.")
    # The first price belongs to no return, so the chart is read from the second on.
    correlation = _paths(pair, chart)
    streams = np.random.default_rng(rng).spawn(len(worlds))
    read = partial(read_levels, chart=chart, band=band, begin=begin)
    found = {
        name: figures_of(over_histories(world, read, n_boot, stream, n_jobs), chart, begin)
        for (name, world), stream in zip(worlds.items(), streams, strict=True)
    }
    own = figures_of([read(pair.returns.to_numpy())], chart, begin)
    w = chart.windows
    return LevelAudit(
        float(correlation["levels_short"].iloc[-1]),
        float(correlation["levels_long"].iloc[-1]),
        own,
        found,
        w.short_window,
        w.long_window,
        band,
        chart.rule.elevated,
        w.horizon,
        n_boot,
        correlation,
    )


def _paths(pair: AlignedPair, chart: Chart) -> pd.DataFrame:
    """Rolling correlations of levels and of returns, by date."""
    returns = pair.returns.to_numpy()
    series = {"levels": chart.series(returns), "returns": returns}
    found = {
        f"{kind}_{window}": path
        for kind, values in series.items()
        for window, path in zip(
            ("short", "long"), rolling_correlations(*legs(values), chart.windows), strict=True
        )
    }
    return pd.DataFrame(found, index=pair.dates)


def read_levels(
    returns: Array, chart: Chart, band: tuple[float, float], begin: int
) -> tuple[Array, Array]:
    """Episodes of a history and its long correlation: rows at or below each edge, and in the band.

    Counted from row ``begin`` on.
    """
    _, long = rolling_correlations(*legs(chart.series(returns)), chart.windows)
    long = np.sort(long[begin:][np.isfinite(long[begin:])])
    inside = np.searchsorted(long, band[1], "right") - np.searchsorted(long, band[0], "left")
    below = np.searchsorted(long, EDGES + 1e-12, "right")
    return chart.read(returns, begin), np.r_[inside, below]


def figures_of(read: list[tuple[Array, Array]], chart: Chart, begin: int) -> LevelFigures:
    """Figures of a chart over several histories together."""
    episodes = Episodes.of([found for found, _ in read], chart, begin)
    counts = np.sum([c for _, c in read], axis=0)
    rows = max(float(counts[-1]), 1.0)
    matured = int(episodes.matured.sum())
    return LevelFigures(
        share_in_band=float(counts[0]) / rows,
        episodes_per_year=float(episodes.per_year().mean()),
        share_resolved=float(episodes.chart.sum()) / matured if matured else np.nan,
        share_long_negative=(
            float(episodes.turned[episodes.matured].mean()) if matured else np.nan
        ),
        median_rows=float(np.median(episodes.rows)) if len(episodes.rows) else np.nan,
        distribution=tuple((counts[1:] / rows).tolist()),
    )
