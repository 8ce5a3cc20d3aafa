"""Structure of the chain: how regimes may follow each other, and which levels they have.

A chain states its blocks of parameters with their priors, and turns values into correlations,
transition matrix and first-row probabilities. The same lines serve numpy arrays of draws and
symbolic PyTensor variables: ``xp`` is either module.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

from regimecorr.errors import ModelError
from regimecorr.models.base import check_count
from regimecorr.models.bayes.distributions import Dirichlet, Normal, Prior
from regimecorr.models.bayes.priors import RegimePriors
from regimecorr.models.switching.chain import regime_names

ChainName: TypeAlias = Literal["recurrent", "change_point", "nesting"]
FirstRow: TypeAlias = Literal["stationary", "uniform"]


class Chain(ABC):
    """How regimes may follow each other.

    Attributes
    ----------
    name : str
        As `sample_regimes` takes it.
    regimes : list of str
        Names of the regimes.
    absorbing : bool
        Whether the last regime is never left.
    """

    name: ChainName
    absorbing: bool = False

    @property
    @abstractmethod
    def regimes(self) -> list[str]:
        """Names of the regimes."""

    @property
    def left(self) -> list[str]:
        """Names of the regimes that can be left."""
        return self.regimes[:-1] if self.absorbing else self.regimes

    @abstractmethod
    def blocks(self, priors: RegimePriors) -> dict[str, Prior]:
        """Blocks of parameters, all but the errors' ``nu``."""

    @abstractmethod
    def structure(self, v: Mapping[str, Any], xp: Any) -> tuple[Any, Any, Any]:
        """Return correlations (..., K), transition (..., K, K) and first row (..., K)."""


@dataclass(frozen=True, slots=True)
class Recurrent(Chain):
    """Regimes that come back, in the order of their correlation.

    The Fisher z levels are an average plus half-normal gaps. A row of the transition matrix is a
    Dirichlet with ``shape (d - 1)`` on the diagonal and ``shape / (K - 1)`` beside it, written as
    the probability of leaving (Beta) times the split among the other regimes.

    Parameters
    ----------
    n_regimes : int
        Number of regimes.
    first : {"stationary", "uniform"}
        Regime probabilities of the first row.
    """

    n_regimes: int = 2
    first: FirstRow = "stationary"
    name: ChainName = "recurrent"

    @property
    def regimes(self) -> list[str]:
        """See `Chain`."""
        return regime_names(self.n_regimes)

    def blocks(self, priors: RegimePriors) -> dict[str, Prior]:
        """See `Chain`."""
        k = self.n_regimes
        out: dict[str, Prior] = {
            "level": priors.average_level(),
            "gap": priors.gaps(k - 1),
            "leave": priors.leaving((250.0,) * k),
        }
        if k > 2:
            out["split"] = Dirichlet(priors.shape / (k - 1), k, k - 1)
        return out

    def structure(self, v: Mapping[str, Any], xp: Any) -> tuple[Any, Any, Any]:
        """See `Chain`."""
        k = self.n_regimes
        leave = [v["leave"][..., i] for i in range(k)]
        rows = []
        for i in range(k):
            others = (
                [leave[i]] if k == 2 else [leave[i] * v["split"][..., i, j] for j in range(k - 1)]
            )
            rows.append([*others[:i], 1.0 - leave[i], *others[i:]])
        start = _stationary(rows) if self.first == "stationary" else _even(leave[0], k)
        fisher = _ordered(v["level"], [v["gap"][..., i] for i in range(k - 1)])
        return xp.tanh(xp.stack(fisher, axis=-1)), _matrix(rows, xp), xp.stack(start, axis=-1)


@dataclass(frozen=True, slots=True)
class ChangePoints(Chain):
    """Segments that follow each other and never come back (Chib 1998), levels in any order.

    The sample begins in the first segment and need not reach the last one.

    Parameters
    ----------
    n_regimes : int
        Number of segments, one more than the breaks.
    """

    n_regimes: int = 2
    name: ChainName = "change_point"
    absorbing: bool = True

    @property
    def regimes(self) -> list[str]:
        """See `Chain`."""
        return [f"segment{i + 1}" for i in range(self.n_regimes)]

    def blocks(self, priors: RegimePriors) -> dict[str, Prior]:
        """See `Chain`."""
        k = self.n_regimes
        mean, sd = priors.level
        return {"levels": Normal(mean, sd, k), "leave": priors.leaving((750.0,) * (k - 1))}

    def structure(self, v: Mapping[str, Any], xp: Any) -> tuple[Any, Any, Any]:
        """See `Chain`."""
        k = self.n_regimes
        never = 0.0 * v["leave"][..., 0]
        rows = [[never] * k for _ in range(k)]
        for i in range(k - 1):
            rows[i][i] = 1.0 - v["leave"][..., i]
            rows[i][i + 1] = v["leave"][..., i]
        rows[-1][-1] = never + 1.0
        start = xp.stack([never + 1.0, *[never] * (k - 1)], axis=-1)
        return xp.tanh(v["levels"]), _matrix(rows, xp), start


@dataclass(frozen=True, slots=True)
class Nesting(Chain):
    """Transient lows and a permanent break in one chain: transient or structural.

    ``normal`` and ``transient_low`` recur, the latter a half-normal gap below; from both of them a
    break leads at one rate to ``new_normal``, which is never left and may lie above or below. A low
    at the end of the sample is transient if the chain is in ``transient_low`` and structural if in
    ``new_normal``: only permanence and level tell them apart.

    Parameters
    ----------
    first : {"stationary", "uniform"}
        First row: the long-run shares of normal and transient low (without breaks), or evens.
    """

    first: FirstRow = "stationary"
    name: ChainName = "nesting"
    absorbing: bool = True

    @property
    def regimes(self) -> list[str]:
        """See `Chain`."""
        return ["transient_low", "normal", "new_normal"]

    def blocks(self, priors: RegimePriors) -> dict[str, Prior]:
        """See `Chain`."""
        return {
            "level": priors.average_level(),
            "gap": priors.gaps(1),
            "shift": Normal(0.0, priors.new_level),
            "leave": priors.leaving((120.0, 500.0)),
            "hazard": priors.breaking(),
        }

    def structure(self, v: Mapping[str, Any], xp: Any) -> tuple[Any, Any, Any]:
        """See `Chain`."""
        low, normal = v["leave"][..., 0], v["leave"][..., 1]
        broken = v["hazard"][..., 0]
        never, intact = 0.0 * broken, 1.0 - broken
        rows = [
            [intact * (1.0 - low), intact * low, broken],
            [intact * normal, intact * (1.0 - normal), broken],
            [never, never, never + 1.0],
        ]
        pair = [[1.0 - low, low], [normal, 1.0 - normal]]
        start = _stationary(pair) if self.first == "stationary" else _even(low, 2)
        fisher = [v["level"] - v["gap"][..., 0], v["level"], v["level"] + v["shift"]]
        return (
            xp.tanh(xp.stack(fisher, axis=-1)),
            _matrix(rows, xp),
            xp.stack([*start, never], axis=-1),
        )


def make_chain(name: str, n_regimes: int, first: str = "stationary") -> Chain:
    """Return the chain of that name, or raise `ModelError`."""
    check_count("n_regimes", n_regimes, 2)
    if first not in get_args(FirstRow):
        raise ModelError(
            f"initial={first!r} has no prior; the Bayesian model takes 'stationary' or 'uniform'."
        )
    row: FirstRow = "stationary" if first == "stationary" else "uniform"
    if name == "recurrent":
        return Recurrent(n_regimes, row)
    if name == "change_point":
        return ChangePoints(n_regimes)
    if name == "nesting":
        return Nesting(row)
    raise ModelError(f"chain={name!r} is unknown; use one of {get_args(ChainName)}.")


def _ordered(level: Any, gaps: Sequence[Any]) -> list[Any]:
    """Ascending Fisher z levels around their average."""
    above = [0.0 * gaps[0]]
    for gap in gaps:
        above.append(above[-1] + gap)
    average = sum(above[1:], above[0]) / len(above)
    return [level + step - average for step in above]


def _matrix(rows: Sequence[Sequence[Any]], xp: Any) -> Any:
    return xp.stack([xp.stack(row, axis=-1) for row in rows], axis=-2)


def _even(like: Any, k: int) -> list[Any]:
    return [0.0 * like + 1.0 / k] * k


def _stationary(rows: Sequence[Sequence[Any]]) -> list[Any]:
    """Stationary distribution by state reduction, without a subtraction.

    Grassmann, Taksar and Heyman (1985), Operations Research 33, 1107-1116.
    """
    a = [list(row) for row in rows]
    k = len(a)
    for n in range(k - 1, 0, -1):
        total = sum(a[n][1:n], a[n][0])
        for i in range(n):
            a[i][n] = a[i][n] / total
            for j in range(n):
                if i != j:
                    a[i][j] = a[i][j] + a[i][n] * a[n][j]
    weights = [0.0 * a[0][0] + 1.0]
    for n in range(1, k):
        weights.append(sum((weights[i] * a[i][n] for i in range(1, n)), weights[0] * a[0][n]))
    total = sum(weights[1:], weights[0])
    return [w / total for w in weights]
