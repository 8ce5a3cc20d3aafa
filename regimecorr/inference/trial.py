"""A claim read off histories: the observed one, and those of every world."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, TypeVar, get_args

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from regimecorr.data.windows import Window, Windows, horizon_end, resolve
from regimecorr.errors import DataError
from regimecorr.events import Array, Basis, DivergenceRule, divergences, is_structural
from regimecorr.inference.nulls import World
from regimecorr.kernels import divergence as column
from regimecorr.models.base import IntArray

Criterion: TypeAlias = Literal["chart", "fresh"]
T = TypeVar("T")
#: Histories made and read at a time; every chunk has its own random numbers.
CHUNK = 50
ROWS_PER_YEAR = 252.0


def on_basis(returns: Array, basis: Basis) -> Array:
    """Series (n_rows, 2) of a history of log returns (n_rows, 2); levels begin at one."""
    if basis == "returns":
        return returns
    logs = np.cumsum(returns, axis=0)
    return np.asarray(np.exp(logs) if basis == "levels" else logs)


@dataclass(frozen=True, slots=True, eq=False)
class Chart:
    """What is read off a history: series, windows, what counts as a divergence, and when it ends.

    Attributes
    ----------
    basis : {"returns", "levels", "log_levels"}
        What is correlated.
    windows : Windows
        The windows on the rows of the history.
    rule : DivergenceRule
        What counts as a divergence.
    deadline : ndarray of shape (n_rows,)
        Last row by which an episode that begins on each row resolves on the chart, if it does.
    """

    basis: Basis
    windows: Windows
    rule: DivergenceRule
    deadline: IntArray

    @classmethod
    def on(
        cls,
        dates: pd.DatetimeIndex | int,
        basis: Basis,
        short_window: Window,
        long_window: Window,
        horizon: Window,
        within: Window | None,
        rule: DivergenceRule,
    ) -> Chart:
        """Resolve the windows on the dates of the history."""
        if basis not in get_args(Basis):
            raise DataError(f"basis={basis!r} is unknown; use {', '.join(get_args(Basis))}.")
        windows = resolve(dates, short_window, long_window, horizon)
        deadline = windows.end if within is None else horizon_end(dates, "within", within)
        return cls(basis, windows, rule, deadline)

    def years(self, begin: int = 0) -> float:
        """Years (of 252 rows) from row ``begin`` on in which an episode could begin."""
        return float((self.rule.anchor(self.windows)[begin:] >= 0).sum() / ROWS_PER_YEAR)

    def series(self, returns: Array) -> Array:
        """What is correlated (n_rows, 2), from log returns."""
        return on_basis(returns, self.basis)

    def read(self, returns: Array, begin: int = 0) -> Array:
        """Episodes (k, 11) of one history of log returns (n_rows, 2) that begin on a row or later.

        Those that began before the history could be read are left out.
        """
        found = divergences(self.series(returns), self.windows, self.rule)
        seen: Array = found[(found[:, column.TRUNCATED] == 0.0) & (found[:, column.FIRST] >= begin)]
        return seen


@dataclass(frozen=True, slots=True, eq=False)
class Episodes:
    """The episodes of many histories on one chart.

    Attributes
    ----------
    history : ndarray of shape (n_episodes,)
        Which history each belongs to.
    rows : ndarray of shape (n_episodes,)
        Rows until the short correlation was back, or until the data ended.
    back : ndarray of shape (n_episodes,)
        Whether it was back before they did.
    matured : ndarray of shape (n_episodes,)
        Whether the horizon had passed.
    chart, fresh : ndarray of shape (n_episodes,)
        Whether a matured one resolved: on the chart by the deadline, or as the fresh correlation
        has it (transient). False where it has not matured.
    turned : ndarray of shape (n_episodes,)
        Whether the long correlation fell below zero within the horizon.
    n_histories : int
    years : float
        Years of each history in which an episode could begin.
    """

    history: IntArray
    rows: Array
    back: np.ndarray
    matured: np.ndarray
    chart: np.ndarray
    fresh: np.ndarray
    turned: np.ndarray
    n_histories: int
    years: float

    @classmethod
    def of(cls, found: Sequence[Array], chart: Chart, begin: int = 0) -> Episodes:
        """Judge the episodes of several histories, read from row ``begin`` on."""
        table = np.vstack(found) if found else np.empty((0, 11))
        history = np.repeat(np.arange(len(found)), [len(f) for f in found])
        first = table[:, column.FIRST].astype(int)
        n = len(chart.windows)
        back, deadline = table[:, column.BACK], chart.deadline[first]
        matured = (
            (table[:, column.END] >= 0) & (deadline >= 0) & np.isfinite(table[:, column.FRESH])
        )
        sign = np.where(table[:, column.REFERENCE] < 0, -1, 1)
        structural = is_structural(table[:, column.FRESH], sign, table[:, column.MIDPOINT])
        return cls(
            history=history,
            rows=np.minimum(back, n - 1) - first,
            back=back < n,
            matured=matured,
            chart=matured & (back <= deadline),
            fresh=matured & ~structural,
            turned=table[:, column.NEGATIVE] == 1.0,
            n_histories=len(found),
            years=chart.years(begin),
        )

    def resolved(self, criterion: Criterion) -> np.ndarray:
        """Whether each episode resolved, by the criterion."""
        return self.chart if criterion == "chart" else self.fresh

    def counts(self, criterion: Criterion) -> tuple[IntArray, IntArray]:
        """Matured and resolved episodes of every history, (n_histories,) each."""
        size = self.n_histories
        matured = np.bincount(self.history[self.matured], minlength=size)
        resolved = np.bincount(self.history[self.resolved(criterion)], minlength=size)
        return matured, resolved

    def shares(self, criterion: Criterion) -> Array:
        """Share of matured episodes that resolved, by history; NaN without any."""
        matured, resolved = self.counts(criterion)
        return np.where(matured > 0, resolved / np.maximum(matured, 1), np.nan)

    def per_year(self) -> Array:
        """Episodes a year, by history."""
        return np.bincount(self.history, minlength=self.n_histories) / self.years

    def medians(self) -> Array:
        """Median rows until the short correlation was back, by history; NaN without episodes."""
        order = np.lexsort((self.rows, self.history))
        rows, number = self.rows[order], np.bincount(self.history, minlength=self.n_histories)
        begin = np.r_[0, np.cumsum(number)[:-1]]
        out = np.full(self.n_histories, np.nan)
        some = number > 0
        low, high = (begin + (number - 1) // 2)[some], (begin + number // 2)[some]
        out[some] = (rows[low] + rows[high]) / 2.0
        return out


def over_histories(
    world: World,
    read: Callable[[Array], T],
    n_boot: int,
    rng: np.random.Generator,
    n_jobs: int = 1,
    done: Callable[[], None] | None = None,
) -> list[T]:
    """What is read off each of ``n_boot`` histories of a world.

    The answer does not depend on ``n_jobs``: the histories are made in chunks with random numbers
    of their own. ``done`` is called after each chunk.
    """
    sizes = [min(CHUNK, n_boot - begun) for begun in range(0, n_boot, CHUNK)]

    def chunk(size: int, stream: np.random.Generator) -> list[T]:
        return [read(path) for path in world.replicate(size, stream)]

    run = Parallel(n_jobs=n_jobs, prefer="threads", return_as="generator")
    found: list[T] = []
    for part in run(
        delayed(chunk)(size, stream)
        for size, stream in zip(sizes, rng.spawn(len(sizes)), strict=True)
    ):
        found += part
        if done is not None:
            done()
    return found


def read_world(
    world: World,
    charts: Sequence[Chart],
    n_boot: int,
    rng: np.random.Generator,
    n_jobs: int = 1,
    done: Callable[[], None] | None = None,
) -> list[Episodes]:
    """Episodes of ``n_boot`` histories of a world, on every chart; see `over_histories`."""
    found = over_histories(
        world, lambda path: [chart.read(path) for chart in charts], n_boot, rng, n_jobs, done
    )
    return [Episodes.of([mine[i] for mine in found], chart) for i, chart in enumerate(charts)]
