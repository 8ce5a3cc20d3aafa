"""A chart's claim on trial: what the chart shows, and what it would show in other worlds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import product
from typing import Any, get_args

import numpy as np
import pandas as pd

from regimecorr.data.alignment import align
from regimecorr.data.windows import Window
from regimecorr.episodes.detect import check_readable, default_elevated
from regimecorr.errors import DataError, ModelError
from regimecorr.events import Basis, DivergenceRule, Reference, Start
from regimecorr.inference.contrast import rank_pvalue
from regimecorr.inference.judgement import ClaimTrial, judge
from regimecorr.inference.nulls import NULLS, NullName, World, make_worlds
from regimecorr.inference.trial import CHUNK, Chart, Criterion, Episodes, read_world
from regimecorr.models.base import CorrelationModel, RandomState, check_count
from regimecorr.models.margins import GARCH
from regimecorr.progress import LateProgress

_GRID_KEYS = ("threshold", "elevated", "short_window", "long_window")
_MARGINS = GARCH()


def test_claim(
    prices: Any,
    *,
    asset: str | None = None,
    benchmark: str | None = None,
    as_of: Any = None,
    basis: Basis = "returns",
    short_window: Window = "90D",
    long_window: Window = "365D",
    criterion: Criterion = "chart",
    horizon: Window = 252,
    within: Window | None = None,
    threshold: float = 0.0,
    reference: Reference = "overlapping",
    elevated: float | None = None,
    start: Start = "spell",
    merge: int = 10,
    refractory: int = 0,
    nulls: Sequence[NullName | CorrelationModel[Any]] = NULLS,
    contrast: tuple[str, str] = ("constant", "break"),
    grid: Mapping[str, Sequence[Any]] | None = None,
    replay: tuple[Window, Window] | None = (90, 252),
    break_levels: tuple[float | None, float] = (None, 0.0),
    margins: GARCH = _MARGINS,
    n_boot: int = 1000,
    rng: RandomState = 0,
    n_jobs: int = 1,
) -> ClaimTrial:
    """Put the claim "every divergence resolved" on trial.

    The episodes of the pair are read as the chart reads them. Then the same reading is made of
    ``n_boot`` histories of every null world, fitted to the pair: what would the chart show if
    nothing tied the legs together, if nothing ever changed, if the relationship broke for good?
    The verdict is by rule:

    - *contradicted* if an observed episode did not resolve: the claim's own count fails;
    - *uninformative* if the count cannot tell a permanent break from no change: the larger of the
      two powers (rejecting the break when nothing changed, and the reverse, at 5 %) is below one
      half or unknown, or the likelihood ratio of the two worlds lies between 1/3 and 3, or no
      episode has matured;
    - *contradicted* if the record is three times as likely in the rival world, or the claim's world
      hardly gives it (share resolved, episodes a year, time to the return: p of all three together
      below 5 %);
    - *supported* otherwise.

    Parameters
    ----------
    prices : DataFrame, dict of Series or path
        Prices; anything `load_prices` takes.
    asset, benchmark : str, optional
        Columns; may be omitted when there are two.
    as_of : str, date or Timestamp, optional
        Use rows on or before this date only.
    basis : {"returns", "levels", "log_levels"}, default "returns"
        What is correlated.
    short_window, long_window : int or str, default "90D" and "365D"
        Windows of the chart, in rows or as offsets; published charts count days.
    criterion : {"chart", "fresh"}, default "chart"
        "chart": an episode resolved if the short correlation was back above the threshold
        ``within`` the time allowed. "fresh": if the correlation of fresh rows, the second half of
        the horizon, lies on the reference's side of the midpoint.
    horizon : int or str, default 252
        Episodes count once this has passed since they began.
    within : int or str, optional
        Time that the chart's criterion allows; the horizon by default.
    threshold, reference, elevated, start, refractory : see `find_episodes`
        What counts as a divergence; see `find_episodes`. The reference is the chart's,
        "overlapping", by default.
    merge : int, default 10
        Spells closer than this many rows are one episode.
    nulls : sequence of str or model specifications
        Worlds: "independent" (each leg's returns in blocks of their own), "constant" (resampled
        residuals with one correlation), "dcc", "regimes" (fitted models), "break" (as constant, but
        broken for good at a random date in the middle 60 % of the sample), "bootstrap" (blocks of
        the pair's rows), or specifications such as ``DCC(dist="normal")``.
    contrast : tuple of str, default ("constant", "break")
        The world that the claim believes in, and the one that it excludes.
    grid : dict of sequences, optional
        Choices of ``threshold``, ``elevated``, ``short_window`` and ``long_window`` that the chart
        could have made. Every history is read at all of them, and the most favourable one is chosen
        in it as it may have been in the data; the power is that of this choice.
    replay : tuple, default (90, 252)
        A second pair of windows; the same histories are read with them too, and
        ``ClaimTrial.replayed`` holds that trial. None: no second reading.
    break_levels : tuple, default (None, 0.0)
        Correlation of the standardized residuals before and after the break of "break"; None is
        that of the sample.
    margins : GARCH
        Margins that the worlds share.
    n_boot : int, default 1000
        Histories of every world, at least 50.
    rng : int, Generator or None
        Seed or generator.
    n_jobs : int, default 1
        Threads; the answer does not depend on it.

    Returns
    -------
    ClaimTrial

    Raises
    ------
    DataError
        If prices, windows or the definition of an episode cannot be used.
    ModelError
        If the worlds or their number cannot.

    References
    ----------
    Yule, G. U. (1926). Why do we sometimes get nonsense-correlations between time-series? Journal
    of the Royal Statistical Society 89, 1-63.

    Examples
    --------
    >>> import regimecorr as rc
    >>> prices = rc.simulate("one_break", n_obs=1500, rng=4).prices
    >>> trial = rc.test_claim(prices, basis="levels", nulls=("independent", "constant", "break"),
    ...                       n_boot=60)
    >>> trial.verdict
    'uninformative'
    """
    check_count("n_boot", n_boot, 50)
    _check(criterion, contrast, nulls, replay)
    pair = align(prices, asset=asset, benchmark=benchmark, as_of=as_of)
    dates = pair.dates
    settings: dict[str, Any] = {
        "threshold": threshold,
        "elevated": default_elevated(reference) if elevated is None else elevated,
        "short_window": short_window,
        "long_window": long_window,
    }
    again = [] if replay is None else [settings | dict(zip(_GRID_KEYS[2:], replay, strict=True))]
    cells = [settings, *again, *_cells(settings, grid)]
    charts = []
    for cell in cells:
        rule = DivergenceRule(
            reference=reference,
            elevated=cell["elevated"],
            threshold=cell["threshold"],
            start=start,
            merge=merge,
            refractory=refractory,
        )
        windows = (cell["short_window"], cell["long_window"], horizon)
        chart = Chart.on(dates, basis, *windows, within, rule)
        check_readable(chart.windows, reference)
        charts.append(chart)
    worlds = make_worlds(nulls, pair.returns, margins, break_levels)
    readings = _read_worlds(worlds, charts, n_boot, rng, n_jobs)
    observed = [Episodes.of([chart.read(pair.returns.to_numpy())], chart) for chart in charts]
    options = settings | {
        "basis": basis,
        "criterion": criterion,
        "horizon": horizon,
        "within": horizon if within is None else within,
        "reference": reference,
        "start": start,
        "merge": merge,
        "refractory": refractory,
        "n_boot": n_boot,
        "asset": pair.asset,
        "benchmark": pair.benchmark,
        "first": pair.prices.index[0],
        "last": pair.prices.index[-1],
    }
    begin = 1 + len(again)
    table = shares = None
    if grid is not None:
        found = {name: reading[begin:] for name, reading in readings.items()}
        table = _grid_table(cells[begin:], observed[begin:], found, criterion)
        shares = {name: _favourite(cells, criterion)[0] for name, cells in found.items()}
    second = None
    if again:
        second = judge(
            observed[1],
            {name: reading[1] for name, reading in readings.items()},
            criterion,
            contrast,
            options | again[0],
        )
    first = {name: reading[0] for name, reading in readings.items()}
    return judge(observed[0], first, criterion, contrast, options, table, second, shares)


test_claim.__test__ = False  # type: ignore[attr-defined]


def _check(
    criterion: str,
    contrast: tuple[str, str],
    nulls: Sequence[NullName | CorrelationModel[Any]],
    replay: tuple[Window, Window] | None,
) -> None:
    if criterion not in get_args(Criterion):
        raise DataError(f"criterion={criterion!r} is unknown; use 'chart' or 'fresh'.")
    if replay is not None and not (isinstance(replay, (tuple, list)) and len(replay) == 2):
        raise DataError(
            f"replay={replay!r} must be a short and a long window, such as (90, 252), or None."
        )
    chosen = [nulls] if isinstance(nulls, str) else nulls  # make_worlds refuses a single name
    names = [n if isinstance(n, str) else type(n).__name__ for n in chosen]
    two = isinstance(contrast, (tuple, list)) and len(contrast) == len(set(contrast)) == 2
    if not two or not set(contrast) <= set(names):
        raise ModelError(
            f"contrast={contrast!r} must name two worlds of nulls, which are {', '.join(names)}."
        )


def _cells(
    settings: Mapping[str, Any], grid: Mapping[str, Sequence[Any]] | None
) -> list[dict[str, Any]]:
    if grid is None:
        return []
    unknown = [key for key in grid if key not in _GRID_KEYS]
    if unknown or not all(np.ndim(v) == 1 and len(v) for v in grid.values()):
        raise DataError(f"grid={grid!r} must give lists of choices of {', '.join(_GRID_KEYS)}.")
    return [
        {**settings, **dict(zip(grid, choice, strict=True))} for choice in product(*grid.values())
    ]


def _read_worlds(
    worlds: Mapping[str, World],
    charts: Sequence[Chart],
    n_boot: int,
    rng: RandomState,
    n_jobs: int,
) -> dict[str, list[Episodes]]:
    streams = np.random.default_rng(rng).spawn(len(worlds))
    chunks = len(worlds) * (-(-n_boot // CHUNK))
    with LateProgress("claim on trial", chunks) as progress:
        return {
            name: read_world(world, charts, n_boot, stream, n_jobs, partial(progress.advance, name))
            for (name, world), stream in zip(worlds.items(), streams, strict=True)
        }


def _grid_table(
    cells: Sequence[Mapping[str, Any]],
    observed: Sequence[Episodes],
    readings: Mapping[str, Sequence[Episodes]],
    criterion: Criterion,
) -> pd.DataFrame:
    """By choice the observed record and the worlds' shares; the best choice in the last row."""
    table = pd.DataFrame([{k: c[k] for k in _GRID_KEYS} for c in cells], dtype=object)
    counts = [e.counts(criterion) for e in observed]
    table["matured"] = [int(m[0]) for m, _ in counts]
    table["resolved"] = [int(r[0]) for _, r in counts]
    best = len(table)
    table.loc[best, list(_GRID_KEYS)] = "best"
    mine = _favourite(observed, criterion)
    table.loc[best, ["matured", "resolved"]] = [mine[1][0], mine[2][0]]
    for name, found in readings.items():
        share = [e.resolved(criterion).sum() / max(e.matured.sum(), 1) for e in found]
        chosen, matured, resolved = _favourite(found, criterion)
        table[name] = [*share, resolved.sum() / max(matured.sum(), 1)]
        pvalues = [
            rank_pvalue(o.shares(criterion)[0], e.shares(criterion))
            for o, e in zip(observed, found, strict=True)
        ]
        table[f"p_{name}"] = [*pvalues, rank_pvalue(mine[0][0], chosen)]
    return table


def _favourite(
    cells: Sequence[Episodes], criterion: Criterion
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Share, matured and resolved by history at the choice that suits the claim best.

    That is the largest share, and among equal ones the one with most episodes.
    """
    counts = np.array([e.counts(criterion) for e in cells], dtype=float)  # (cells, 2, histories)
    matured, resolved = counts[:, 0], counts[:, 1]
    share = np.where(matured > 0, resolved / np.maximum(matured, 1.0), -1.0)
    pick = np.argmax(share + 1e-9 * matured, axis=0)
    rows = np.arange(share.shape[1])
    best = share[pick, rows]
    return np.where(best < 0, np.nan, best), matured[pick, rows], resolved[pick, rows]
