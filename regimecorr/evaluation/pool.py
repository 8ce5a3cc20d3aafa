"""Fit the pool's members on one set of margins and simulate them; failures keep their reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from regimecorr.errors import (
    DegenerateRegimeWarning,
    EstimationError,
    SamplingError,
    collected_warnings,
)
from regimecorr.evaluation.pooling import Array, pool_weights
from regimecorr.evaluation.posteriors import Sampled, bayes_specs, today_in_words
from regimecorr.models.base import CorrelationResult, Futures, IntArray
from regimecorr.models.breaks import BreakCorrelation, BreakResult
from regimecorr.models.constant import ConstantCorrelation
from regimecorr.models.dcc import DCC
from regimecorr.models.drifting import DriftingCorrelation
from regimecorr.models.margins import MarginsResult
from regimecorr.models.switching import SwitchingCorrelation
from regimecorr.threads import one_blas_thread

OUTER_DRAWS = 200

#: Specification of every member; all work on the same fitted margins.
SPECS: dict[str, Any] = {
    "constant": ConstantCorrelation(),
    "dcc": DCC(dist="t"),
    "reverting": DriftingCorrelation(kind="mean_reverting"),
    "switching": SwitchingCorrelation(),
    "break": BreakCorrelation(),
    "drift": DriftingCorrelation(kind="random_walk"),
}

Reader = Callable[[Futures], Array]


def specs_of(method: str, n_jobs: int) -> dict[str, Any]:
    """Specification of every member under a method, in the order of their families."""
    return bayes_specs(n_jobs) if method == "bayes" else SPECS


@dataclass(slots=True)
class Member:
    """One member of the pool: fit, futures, why it failed if it did, what to know if it did not."""

    name: str
    fit: CorrelationResult | None = None
    futures: Futures | None = None
    outer: Array = field(default_factory=lambda: np.empty((0, 2)))
    reason: str = ""
    note: str = ""

    @property
    def score(self) -> float:
        """What the pool weighs; NaN for a failed member."""
        return np.nan if self.fit is None or self.futures is None else self.fit.score


@dataclass(frozen=True, slots=True)
class Pool:
    """All members by name, with their weights (failed: 0)."""

    members: dict[str, Member]
    weights: dict[str, float]

    def alive(self) -> list[Member]:
        """Members that were fitted and simulated."""
        return [m for m in self.members.values() if m.futures is not None]

    def average(self, read: Reader) -> Array:
        """Weighted average over members of a figure read off their futures."""
        return np.asarray(
            sum(
                self.weights[m.name] * np.asarray(read(m.futures))
                for m in self.alive()
                if m.futures
            ),
            dtype=float,
        )

    @property
    def idata(self) -> dict[str, Any]:
        """ArviZ data of the sampled members."""
        found = {m.name: getattr(m.fit, "idata", None) for m in self.alive()}
        return {name: idata for name, idata in found.items() if idata is not None}

    def mixture(self, n_paths: int) -> Futures:
        """Paths of all members in proportion to their weights.

        Those of each member are spread evenly over its draws.
        """
        alive = self.alive()
        share = np.array([self.weights[m.name] for m in alive]) * n_paths
        count = np.floor(share).astype(int)
        for i in np.argsort(count - share)[: n_paths - int(count.sum())]:
            count[i] += 1
        picked = []
        for member, n in zip(alive, count, strict=True):
            if member.futures is not None and n > 0:
                rows = np.arange(n) * len(member.futures.draw) // n
                picked.append((member.futures, rows))
        return Futures(
            *(
                np.concatenate([getattr(f, name)[rows] for f, rows in picked])
                for name in ("returns", "correlation", "recent", "draw")
            )
        )


def run_pool(
    returns: pd.DataFrame,
    margins: MarginsResult,
    specs: Mapping[str, Any],
    priors: dict[str, float],
    *,
    flip: Array,
    horizon: int,
    recent: int,
    n_paths: int,
    chance: Reader,
    rng: np.random.Generator,
    n_jobs: int,
    done: Callable[[str], None],
) -> Pool:
    """Fit and simulate every member.

    Parameters
    ----------
    returns : DataFrame of shape (n_obs, 2)
        Returns multiplied by ``flip``.
    margins : MarginsResult
        Fitted on these returns.
    specs : mapping
        Specification by member.
    priors : dict
        Prior probability by member.
    flip : ndarray of shape (2,)
        Signs of the legs; futures are multiplied back, so what they give is raw.
    horizon, recent, n_paths : int
        Rows ahead, rows of the recent mean, paths of each member.
    chance : callable
        Reads off futures each path's chance of being structural.
    rng : Generator
        Spawned once per member in a fixed order, so the answer does not depend on ``n_jobs``.
    n_jobs : int
        Threads.
    done : callable
        Called with a member's name when it is ready.

    Returns
    -------
    Pool

    Raises
    ------
    EstimationError
        If two members fail, or the chains of one do not converge.
    """

    def work(name: str, generator: np.random.Generator) -> Member:
        member = Member(name)
        if priors[name] == 0.0 and isinstance(specs[name], Sampled):
            member.reason = "not sampled: its prior is 0"
            done(name)
            return member
        main, extra = generator.spawn(2)
        try:
            # A regime that the data do not need is a finding, reported in the pool's table.
            with collected_warnings(DegenerateRegimeWarning):
                fit, note = _fitted(specs[name], returns, margins, generator)
            futures = fit.simulate(n_paths, horizon, main, n_draws=OUTER_DRAWS, recent=recent)
            outer = futures
            if isinstance(fit, BreakResult):
                # The interval doubts the hazard itself: every one of the declared grid alike.
                outer = fit.with_equal_hazards().simulate(
                    n_paths, horizon, extra, n_draws=OUTER_DRAWS, recent=recent
                )
                _unorient(outer, flip)
            _unorient(futures, flip)
            if not np.isfinite(fit.score) or not np.all(np.isfinite(futures.returns)):
                raise EstimationError(f"score {fit.score:g} or simulated returns are not finite")
            member.outer = _halves(chance(outer), outer.draw)
            member.fit, member.futures, member.note = fit, futures, note
        except SamplingError:
            raise
        except Exception as error:  # the reason is reported in the verdict, and two failures raise
            member.reason = f"{type(error).__name__}: {error}"
        done(name)
        return member

    streams = rng.spawn(len(specs))
    with one_blas_thread():
        found = Parallel(n_jobs=n_jobs, prefer="threads")(
            delayed(work)(name, stream) for name, stream in zip(specs, streams, strict=True)
        )
    members = {m.name: m for m in found}
    failed = [m for m in found if m.futures is None and priors[m.name] > 0.0]
    if len(failed) > 1:
        raise EstimationError(
            f"{len(failed)} of {len(specs)} models failed, so there is no verdict: "
            + "; ".join(f"{m.name}: {m.reason}" for m in failed)
        )
    weights = pool_weights({m: members[m].score for m in specs}, priors)
    return Pool(members, weights)


def _fitted(
    spec: Any, returns: pd.DataFrame, margins: MarginsResult, rng: np.random.Generator
) -> tuple[CorrelationResult, str]:
    """Fit or sample a member; returns it and what to know of it."""
    if isinstance(spec, Sampled):
        sampled = spec.fit(returns, margins=margins, rng=rng.spawn(1)[0])
        return sampled, f"{today_in_words(sampled)} {sampled.message}".strip()
    fit: CorrelationResult = spec.fit(returns, margins=margins)
    return fit, fit.message


def _halves(hits: Array, draw: IntArray) -> Array:
    """Share of hits by parameter draw among its even and among its odd paths, (n_draws, 2).

    The paths are independent, so these are two independent estimates of every draw's probability.
    """
    out = np.empty((int(draw.max()) + 1, 2))
    first = np.searchsorted(draw, draw)
    odd = (np.arange(draw.size) - first) % 2
    for half in (0, 1):
        mine = odd == half
        out[:, half] = np.bincount(draw[mine], hits[mine]) / np.bincount(draw[mine])
    return out


def _unorient(futures: Futures, flip: Array) -> None:
    """Undo the orientation of the legs in place."""
    futures.returns[:] *= flip
    futures.correlation[:] *= flip.prod()
    futures.recent[:] *= flip.prod()
