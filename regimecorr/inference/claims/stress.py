"""The claim that the asset falls less in stress."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from regimecorr.events import Basis, legs
from regimecorr.indicators.tails import downside_beta, exceedance_correlation
from regimecorr.inference.claims.evidence import ClaimTest, Evidence, from_bootstrap
from regimecorr.inference.claims.sample import ClaimSample
from regimecorr.inference.claims.weights import (
    in_words,
    known_since,
    later_returns,
    overlapping,
    returns_with_others,
    shift_power,
    standard_error,
)
from regimecorr.models.base import Array

_FEWEST_STRESS = 20
_CHUNK = 200


def falls_less_in_stress(
    sample: ClaimSample, *, basis: Basis, since: str, stress: float
) -> Evidence:
    """The asset falls less, per unit of the benchmark's fall, on its worst days since a date."""
    test = (
        f"downside beta on the benchmark's worst {stress:.0%} of days since {since} less before; "
        "null: not smaller"
    )
    after = known_since(sample.dates, since)
    bad = sample.returns[:, 1] < np.quantile(sample.returns[:, 1], stress)
    counts = int((bad & ~after).sum()), int((bad & after).sum())
    if min(counts) < _FEWEST_STRESS:
        return Evidence(
            test=test,
            uninformative=f"{counts[0]} stress days before and {counts[1]} since {since}; at least "
            f"{_FEWEST_STRESS} are needed on either side",
        )
    before, since_then = (_stress_figures(sample, side, stress) for side in (~after, after))
    changes = {key: _difference(since_then[key], before[key]) for key in before}
    found = from_bootstrap(*changes["beta"], sign=-1.0, test=test)
    if not found.uninformative:
        effect = 0.5 * before["beta"][0] / standard_error(found)
        found = replace(found, power=shift_power(found, effect))
    parts = [
        f"{label} {before[key][0]:.2f} before, {since_then[key][0]:.2f} since, change "
        f"{in_words(*changes[key])}"
        for key, label in (
            ("beta", "Downside beta (about zero)"),
            ("slope", "downside slope (Ang, Chen and Xing)"),
            ("exceedance", "exceedance correlation (both below their medians)"),
            ("three", "downside beta of 3-row returns"),
        )
    ]
    return replace(
        found,
        note=f"{counts[0]} and {counts[1]} stress days. {'; '.join(parts)}."
        f"{_others(sample, after, stress)} Power: if it halved.",
        out_of_sample=_later_stress(sample, stress),
    )


def _difference(new: tuple[float, Array], old: tuple[float, Array]) -> tuple[float, Array]:
    return new[0] - old[0], new[1] - old[1]


def _stress_figures(
    sample: ClaimSample, side: np.ndarray, stress: float
) -> dict[str, tuple[float, Array]]:
    """Figures of the rows on one side of the date; the quantiles are those of all rows."""
    three = overlapping(sample.returns, 3)
    three[:2] = np.inf  # no three rows yet: below no threshold

    def read(rows: np.ndarray) -> dict[str, Array]:
        here = side[rows]
        (a, b), (a3, b3) = (np.moveaxis(values[rows], -1, 0) for values in (sample.returns, three))
        # Rows on the other side are moved out of the way: never below a threshold.
        low, low3 = (np.quantile(v, stress, axis=-1) for v in (b, b3))
        medians = np.median(a, axis=-1), np.median(b, axis=-1)
        b, b3 = np.where(here, b, np.inf), np.where(here, b3, np.inf)
        return {
            "beta": downside_beta(a, b, low),
            "slope": downside_beta(a, b, low, centred=True),
            "exceedance": exceedance_correlation(a, b, *medians),
            "three": downside_beta(a3, b3, low3),
        }

    with np.errstate(invalid="ignore"):
        observed = read(np.arange(len(side)))
        parts = [
            read(part) for part in np.array_split(sample.rows, max(1, sample.n_boot // _CHUNK))
        ]
    return {
        key: (float(observed[key]), np.concatenate([part[key] for part in parts]))
        for key in observed
    }


def _others(sample: ClaimSample, after: np.ndarray, stress: float) -> str:
    """The same change for the peer against the benchmark, and for the asset against the market."""
    pair, table = sample.pair, returns_with_others(sample)
    links = [(sample.peer, pair.benchmark), (pair.asset, sample.market)]
    told = []
    for name, index in links:
        if name is None or index is None:
            continue
        returns = table[[name, index]].to_numpy()
        told.append(f"{name} against {index} {_downside_change(sample, returns, after, stress)}")
    return f" Change of downside beta of {'; '.join(told)}." if told else ""


def _downside_change(sample: ClaimSample, returns: Array, after: np.ndarray, stress: float) -> str:
    """Change of the downside beta of returns (n_rows, 2), on rows that have both."""
    known = np.isfinite(returns).all(axis=1)
    if not known.any():
        return "not known: no common rows"
    bad = known & (returns[:, 1] < np.quantile(returns[known, 1], stress))
    counts = int((bad & ~after).sum()), int((bad & after).sum())
    if min(counts) < _FEWEST_STRESS:
        return f"not known: {counts[0]} and {counts[1]} stress days"
    asset, index = np.where(known, returns.T, [[0.0], [np.nan]])

    def read(rows: np.ndarray) -> Array:
        a, b = asset[rows], index[rows]
        low = np.nanquantile(b, stress, axis=-1)
        b = np.where(np.isnan(b), np.inf, b)  # below no threshold
        old, new = (
            downside_beta(a, np.where(side[rows], b, np.inf), low) for side in (~after, after)
        )
        return np.asarray(new - old)

    with np.errstate(invalid="ignore"):
        parts = np.array_split(sample.rows, max(1, sample.n_boot // _CHUNK))
        replicates = np.concatenate([read(part) for part in parts])
        return in_words(float(read(np.arange(len(after)))), replicates)


def _later_stress(sample: ClaimSample, stress: float) -> str:
    later = later_returns(sample).to_numpy()
    bad = later[:, 1] < np.quantile(sample.returns[:, 1], stress)
    if bad.sum() < 3:
        return ""
    beta = float(downside_beta(*legs(later[bad]), np.inf))
    return f"downside beta {beta:.2f} on {int(bad.sum())} later stress days"


TESTS: dict[str, ClaimTest] = {"falls_less_in_stress": falls_less_in_stress}
