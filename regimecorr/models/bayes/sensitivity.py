"""Main figures of a regime model under other priors, by reweighting its draws."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from regimecorr.errors import ConvergenceWarning, warn_user
from regimecorr.models.base import Array
from regimecorr.models.bayes import arviz_adapter
from regimecorr.models.bayes.parameters import ParameterSpace
from regimecorr.models.bayes.priors import RegimePriors, check_priors

# Above this shape of their tail importance weights are not reliable (Vehtari et al. 2024).
MAX_K = 0.7
_MOST_DRAWS = 2000

#: Samples again: values of the blocks, and why the chains did not converge if they did not.
Refit = Callable[[ParameterSpace], tuple[dict[str, Array], str]]


def standard_variants(space: ParameterSpace) -> dict[str, RegimePriors]:
    """Durations halved and doubled, levels and gaps (joint margins too) tighter and wider."""
    base = space.priors
    prior = space.blocks["leave"]
    rows = tuple(float(b / a + 1.0) for a, b in zip(prior.a, prior.b, strict=True))  # type: ignore[attr-defined]
    mean, sd = base.level

    def times(factor: float) -> RegimePriors:
        return replace(
            base,
            durations=tuple(max(1.0 + 1e-6, factor * d) for d in rows),
            break_duration=max(1.0 + 1e-6, factor * base.break_duration),
        )

    def spread(factor: float) -> RegimePriors:
        return replace(
            base,
            level=(mean, factor * sd),
            gap=factor * base.gap,
            new_level=factor * base.new_level,
        )

    out = {
        "durations halved": times(0.5),
        "durations doubled": times(2.0),
        "levels tighter": spread(0.6),
        "levels wider": spread(1.0 / 0.6),
    }
    if space.margins is not None:
        out["margins tighter"] = replace(base, margins=base.margins.widened(0.6))
        out["margins wider"] = replace(base, margins=base.margins.widened(1.0 / 0.6))
    return out


def prior_sensitivity(
    space: ParameterSpace,
    values: Mapping[str, Array],
    z: Array,
    variants: Mapping[str, RegimePriors] | None,
    refit: Refit | None,
) -> pd.DataFrame:
    """Return the table of `BayesianSwitchingResult.prior_sensitivity`."""
    some = _spaced(values)
    figures = _figures(space, some, z)
    table = {"base": _row(figures, _even(figures), np.nan, "draws")}
    own = space.log_prior(some)
    for name, priors in (standard_variants(space) if variants is None else variants).items():
        other = replace(space, priors=check_priors(f"variants[{name!r}]", priors))
        weights, k = arviz_adapter.smoothed_weights(other.log_prior(some) - own)
        if k <= MAX_K:
            table[name] = _row(figures, weights, k, "reweighted")
        elif refit is None:
            table[name] = _row(figures, weights, k, "unreliable")
        else:
            new, wrong = refit(other)
            if wrong:
                warn_user(f"Sampled again with the priors {name!r}: {wrong}", ConvergenceWarning)
            again = _figures(other, _spaced(new), z)
            table[name] = _row(again, _even(again), k, "unreliable" if wrong else "refitted")
    return pd.DataFrame(table).T


def _spaced(values: Mapping[str, Array]) -> dict[str, Array]:
    """At most `_MOST_DRAWS` of the draws, evenly spaced."""
    total = len(next(iter(values.values())))
    rows = np.unique(np.linspace(0, total - 1, min(total, _MOST_DRAWS)).astype(int))
    return {name: x[rows] for name, x in values.items()}


def _even(figures: pd.DataFrame) -> Array:
    """Weights of draws that are all alike."""
    return np.full(len(figures), 1.0 / len(figures))


def _figures(space: ParameterSpace, values: Mapping[str, Array], z: Array) -> pd.DataFrame:
    """Correlations, durations, ``nu`` and today's probabilities, by draw."""
    draws = space.regimes(values)
    today = np.array([draws.filter(d, z)[2][-1] for d in range(len(draws))])
    figures = space.figures(values)
    for i, name in enumerate(space.chain.regimes):
        figures[f"p_{name}"] = today[:, i]
    return figures


def _row(figures: pd.DataFrame, weights: Array, k: float, method: str) -> dict[str, object]:
    """Weighted means, of durations medians."""
    out: dict[str, object] = {}
    for name, column in figures.items():
        x = column.to_numpy()
        if str(name).startswith("duration_"):
            order = np.argsort(x)
            reached = np.searchsorted(np.cumsum(weights[order]), 0.5)
            out[str(name)] = float(x[order][min(int(reached), x.size - 1)])
        else:
            out[str(name)] = float(weights @ x)
    return out | {"pareto_k": k, "method": method}
