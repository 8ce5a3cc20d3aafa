"""Test of a span of rows for one break: statistic, p-value, date, interval."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
from scipy.special import kolmogorov

from regimecorr.inference.constancy.fluctuation import fluctuation_path, long_run_sd, sums_path
from regimecorr.inference.known_dates import long_run_variance, squared_sums
from regimecorr.inference.segmentation.dating import interval
from regimecorr.inference.segmentation.influence import weighted_influence
from regimecorr.inference.segmentation.seeded import seeded_path
from regimecorr.models.base import Array

SpanMethod: TypeAlias = Literal["sup_lm", "fluctuation"]
Search: TypeAlias = Literal["binary", "seeded"]
# Permuted values held in memory at once.
_CHUNK = 2_000_000


@dataclass(frozen=True, slots=True, eq=False)
class SpanTest:
    """One break within the rows from ``start`` to before ``stop``.

    Attributes
    ----------
    start, stop : int
    statistic, pvalue : float
    row : int
        First row after the most likely break.
    path : ndarray of shape (n_dates,)
        The statistic by date, from ``first`` rows before the break on.
    first : int
    values : ndarray of shape (stop - start,)
        Influence of the rows.
    replicates : ndarray of shape (n_boot,)
        Statistics of permuted values; empty where the law is known.
    """

    start: int
    stop: int
    statistic: float
    pvalue: float
    row: int
    path: Array
    first: int
    values: Array
    replicates: Array

    def interval(self, ci_prob: float) -> tuple[int, int]:
        """First and last row of the interval of the date."""
        squared = bool(self.replicates.size)
        scale = float(long_run_sd(self.values))
        # Back from the statistic to sums of values.
        curve = self.path * (scale**2 if squared else scale * np.sqrt(len(self.values)))
        low, high = interval(curve, self.first, self.values, squared, ci_prob)
        return self.start + low, self.start + high


@dataclass(slots=True)
class SpanTester:
    """Tests spans of residuals (n, 2), each once.

    Attributes
    ----------
    z : ndarray of shape (n, 2)
    method : {"sup_lm", "fluctuation"}
    nu : float
        Degrees of freedom of the weights; infinite for Pearson's correlation.
    min_rows : int
        Fewest rows on either side of a date.
    n_boot : int
        Permutations of "sup_lm".
    rng : Generator
    seeded : bool
        Whether the statistic of "sup_lm" is the largest over seeded intervals of the span.
    """

    z: Array
    method: SpanMethod
    nu: float
    min_rows: int
    n_boot: int
    rng: np.random.Generator
    seeded: bool = False
    _done: dict[tuple[int, int], SpanTest] = field(default_factory=dict, init=False)

    def __call__(self, start: int, stop: int) -> SpanTest:
        """Test the rows from ``start`` to before ``stop``, at least twice ``min_rows``."""
        if (start, stop) not in self._done:
            run = self._sup_lm if self.method == "sup_lm" else self._fluctuation
            self._done[start, stop] = run(start, stop)
        return self._done[start, stop]

    def _sup_lm(self, start: int, stop: int) -> SpanTest:
        """Largest of the LM statistics; their law by permutation of the rows."""
        values = weighted_influence(self.z[start:stop], self.nu)
        path = self._path(values)
        replicates = permuted_maxima(values, self._path, self.n_boot, self.rng)
        statistic = float(path.max())
        pvalue = (1.0 + np.sum(replicates >= statistic)) / (1.0 + self.n_boot)
        return self._result(start, stop, statistic, pvalue, path, values, replicates)

    def _path(self, values: Array) -> Array:
        """Statistic by date (..., n - 2 min_rows + 1) of values (..., n)."""
        if self.seeded:
            return seeded_path(values, self.min_rows)
        return lm_path(values, self.min_rows, values.shape[-1] - self.min_rows)

    def _fluctuation(self, start: int, stop: int) -> SpanTest:
        """Wied, Krämer and Dehling's statistic; with weights, of the sums of the influence."""
        z = self.z[start:stop]
        values = weighted_influence(z, self.nu)
        path = np.abs(fluctuation_path(z) if np.isinf(self.nu) else sums_path(values))
        statistic = float(path.max())
        within = path[self.min_rows - 1 : stop - start - self.min_rows]
        return self._result(
            start, stop, statistic, float(kolmogorov(statistic)), within, values, np.empty(0)
        )

    def _result(
        self,
        start: int,
        stop: int,
        statistic: float,
        pvalue: float,
        path: Array,
        values: Array,
        replicates: Array,
    ) -> SpanTest:
        return SpanTest(
            start=start,
            stop=stop,
            statistic=statistic,
            pvalue=float(pvalue),
            row=start + self.min_rows + int(path.argmax()),
            path=path,
            first=self.min_rows,
            values=values,
            replicates=replicates,
        )


def lm_path(values: Array, first: int, last: int) -> Array:
    """LM statistics (..., last - first + 1) of values (..., n), by the rows before the break."""
    return np.asarray(squared_sums(values, first, last) / long_run_variance(values)[..., None])


def permuted_maxima(
    values: Array, path: Callable[[Array], Array], n_boot: int, rng: np.random.Generator
) -> Array:
    """Largest statistics (n_boot,) by date of values (n,) in random order."""
    size = max(1, _CHUNK // len(values))
    found = []
    for done in range(0, n_boot, size):
        rows = np.tile(values, (min(size, n_boot - done), 1))
        found.append(path(rng.permuted(rows, axis=1, out=rows)).max(axis=-1))
    return np.concatenate(found)
