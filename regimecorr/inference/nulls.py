"""Worlds that a claim is tried in: each makes new histories of a pair's returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias, get_args, runtime_checkable

import numpy as np
import pandas as pd

from regimecorr.errors import ModelError
from regimecorr.events import legs
from regimecorr.inference.blocks import block_length, resampled_rows
from regimecorr.kernels.rolling import pearson
from regimecorr.models.base import Array, CorrelationModel, CorrelationResult
from regimecorr.models.dcc.spec import DCC
from regimecorr.models.margins import GARCH, MarginsResult
from regimecorr.models.switching.spec import SwitchingCorrelation

NullName: TypeAlias = Literal["independent", "constant", "dcc", "regimes", "break", "bootstrap"]
NULLS: tuple[NullName, ...] = get_args(NullName)


@runtime_checkable
class World(Protocol):
    """Something that makes new histories of a pair."""

    def replicate(self, n_paths: int, rng: np.random.Generator) -> Array:
        """Log returns (n_paths, n_rows, 2)."""


@dataclass(frozen=True, slots=True, eq=False)
class IndependentLegs:
    """Nothing ties the legs together: each leg's returns are block-bootstrapped on their own.

    Blocks have the length that suits the squared returns, so that volatility still clusters.
    """

    returns: Array = field(repr=False)
    blocks: tuple[float, float]

    @classmethod
    def of(cls, returns: Array) -> IndependentLegs:
        """Choose the blocks."""
        squares = (returns - returns.mean(axis=0)) ** 2
        return cls(returns, (block_length(squares[:, 0]), block_length(squares[:, 1])))

    def replicate(self, n_paths: int, rng: np.random.Generator) -> Array:
        """Log returns (n_paths, n_rows, 2)."""
        n = len(self.returns)
        out = np.empty((n_paths, n, 2))
        for path in out:
            for leg, block in enumerate(self.blocks):
                path[:, leg] = self.returns[resampled_rows(n, block, rng), leg]
        return out


@dataclass(frozen=True, slots=True, eq=False)
class ResampledPairs:
    """The sample itself, in another order: stationary bootstrap of its rows, legs together.

    The block length is that of the product of the standardized residuals.
    """

    returns: Array = field(repr=False)
    block: float

    @classmethod
    def of(cls, margins: MarginsResult) -> ResampledPairs:
        """Choose the block."""
        return cls(margins.returns.to_numpy(), block_length(margins.z.prod(axis=1)))

    def replicate(self, n_paths: int, rng: np.random.Generator) -> Array:
        """Log returns (n_paths, n_rows, 2)."""
        n = len(self.returns)
        return np.stack([self.returns[resampled_rows(n, self.block, rng)] for _ in range(n_paths)])


@dataclass(frozen=True, slots=True, eq=False)
class ResidualWorld:
    """A correlation path imposed on the resampled residuals of fitted margins.

    The standardized residuals are whitened with their correlation, resampled row by row and
    recoloured with the path's; the returns are rebuilt by the margins' recursions. With
    ``after=None`` the correlation is constant; otherwise it breaks, once and for good, from
    ``before`` to ``after`` at a row drawn between the shares ``dates`` of the sample.
    """

    margins: MarginsResult = field(repr=False)
    before: float
    after: float | None = None
    dates: tuple[float, float] = (0.2, 0.8)

    @classmethod
    def of(
        cls, margins: MarginsResult, before: float | None = None, after: float | None = None
    ) -> ResidualWorld:
        """Take the correlation of the sample as the level where none is given."""
        for level in (before, after):
            if level is not None and not -1.0 < level < 1.0:
                raise ModelError(f"A correlation of {level} does not lie between -1 and 1.")
        return cls(margins, _correlation(margins.z) if before is None else before, after)

    def replicate(self, n_paths: int, rng: np.random.Generator) -> Array:
        """Log returns (n_paths, n_rows, 2)."""
        z = self.margins.z
        n = len(z)
        # Mean and scale of a leg's residuals are near 0 and 1, not there: each keeps its own.
        mean, scale = z.mean(axis=0), z.std(axis=0)
        white = _mix((z - mean) / scale, *_inverse(*_root(_correlation(z))))
        rho = np.full((n_paths, n), self.before)
        if self.after is not None:
            low, high = (int(share * n) for share in self.dates)
            begin = rng.integers(low, high, n_paths)
            rho[np.arange(n) >= begin[:, None]] = self.after
        drawn = white[rng.integers(0, n, (n_paths, n))]
        shocks = mean + scale * _mix(drawn, *_root(rho))
        draw = np.arange(n_paths)
        return self.margins.paths(shocks, draw, self.margins.repeat(n_paths))


def _correlation(z: Array) -> float:
    return float(pearson(*legs(z)))


def _root(rho: float | Array) -> tuple[Array, Array]:
    """Diagonal and off-diagonal entry of the symmetric square root of a correlation matrix."""
    up, down = np.sqrt(1.0 + np.asarray(rho)), np.sqrt(1.0 - np.asarray(rho))
    return (up + down) / 2.0, (up - down) / 2.0


def _inverse(diagonal: Array, off: Array) -> tuple[Array, Array]:
    size = diagonal**2 - off**2
    return diagonal / size, -off / size


def _mix(z: Array, diagonal: Array, off: Array) -> Array:
    """Rows of ``z`` (..., 2) times [[diagonal, off], [off, diagonal]]."""
    x, y = z[..., 0], z[..., 1]
    return np.stack([diagonal * x + off * y, off * x + diagonal * y], axis=-1)


@dataclass(frozen=True, slots=True, eq=False)
class FittedWorld:
    """A fitted correlation model, replicated at its estimates."""

    result: CorrelationResult

    def replicate(self, n_paths: int, rng: np.random.Generator) -> Array:
        """Log returns (n_paths, n_rows, 2)."""
        return self.result.replicate(n_paths, rng).returns


def make_worlds(
    nulls: Sequence[NullName | CorrelationModel[Any]],
    returns: pd.DataFrame,
    margins: GARCH | MarginsResult,
    break_levels: tuple[float | None, float] = (None, 0.0),
) -> dict[str, World]:
    """Worlds by name, fitted to the returns; they share one fit of the margins, made here or given.

    ``break_levels`` are the correlations of "break" before (None: that of the sample) and after.
    """
    if isinstance(nulls, str) or not nulls:
        raise ModelError(f"nulls={nulls!r} must be a sequence of worlds of {', '.join(NULLS)}.")
    two = isinstance(break_levels, (tuple, list)) and len(break_levels) == 2
    if not two or break_levels[1] is None:
        raise ModelError(
            f"break_levels={break_levels!r} must be the correlations before the break (None: that "
            "of the sample) and after it, such as (None, 0.0)."
        )
    fitted = margins.fit(returns) if isinstance(margins, GARCH) else margins
    worlds: dict[str, World] = {}
    for null in nulls:
        name = null if isinstance(null, str) else type(null).__name__
        if name in worlds:
            raise ModelError(f"The world {name!r} is named twice in nulls.")
        worlds[name] = _make(null, returns, fitted, break_levels)
    return worlds


def _make(
    null: NullName | CorrelationModel[Any],
    returns: pd.DataFrame,
    fitted: MarginsResult,
    break_levels: tuple[float | None, float],
) -> World:
    if isinstance(null, CorrelationModel):
        return FittedWorld(null.fit(returns, margins=fitted))
    match null:
        case "independent":
            return IndependentLegs.of(returns.to_numpy())
        case "bootstrap":
            return ResampledPairs.of(fitted)
        case "constant":
            return ResidualWorld.of(fitted)
        case "break":
            return ResidualWorld.of(fitted, *break_levels)
        case "dcc":
            return FittedWorld(DCC(dist="t").fit(returns, margins=fitted))
        case "regimes":
            return FittedWorld(SwitchingCorrelation(dist="t").fit(returns, margins=fitted))
    raise ModelError(
        f"nulls names {null!r}; use {', '.join(NULLS)}, or a specification such as DCC()."
    )
