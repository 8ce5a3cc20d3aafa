"""How well `find_breaks` counts and dates breaks, and what its intervals cover, by simulation.

Run it in an environment in which the package is installed::

    python benchmarks/break_dates.py [--n 1000] [--n-breaks 400] [--n-jobs 1] [--out ...json]

Returns with GARCH(1,1) volatility and t(5) shocks unless told otherwise, margins fitted to each
sample, breaks searched for at 5 %, intervals of 90 %; all four forms of `find_breaks`.

none
    A constant correlation between .25 and .6: how often a break is found all the same.
breaks
    One break, two breaks: share of samples with the right number, and in these the error of the
    dates, coverage and length of the intervals, coverage of the segments' correlations, and by how
    much the step found is larger than the true one.
intervals
    Other intervals for the dates of the default form, where one break is found and true: Bai's
    (1997) symmetric one, the hull of the set of Eo and Morley (2015), and a block bootstrap.
not steps
    Correlations that drift or switch: how many breaks stand in for them.
dating
    The date alone, without a test, beside that of the published statistic and of an exhaustive
    search for the split of largest likelihood.

Every sample is seeded on its own; figures do not depend on the number of processes.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from constancy_size import Rng, along, correlated, not_elliptical, parallel
from scipy import special  # by its name: a ufunc of a script cannot be sent to a process
from scipy.optimize import brentq

import regimecorr as rc
from regimecorr.inference.constancy.paths import moving_blocks
from regimecorr.inference.known_dates import long_run_variance
from regimecorr.inference.segmentation.influence import tail_index, weighted_influence
from regimecorr.inference.segmentation.spans import SpanTester, lm_path
from regimecorr.kernels.chp import maximise_correlation
from regimecorr.kernels.density import constant_loglikelihood
from regimecorr.models.base import Array
from regimecorr.models.margins import MarginsResult

RESULTS = Path(__file__).resolve().parents[1] / "docs" / "_results" / "break_dates.json"
CI_PROB = 0.90
MIN_ROWS = 60
#: Permutations of a test: fewer than the default, to save time; the size does not depend on it.
N_BOOT = 399
#: Resamples of the bootstrap interval.
RESAMPLES = 99
FORMS: dict[str, dict[str, Any]] = {
    "sup_lm": {"method": "sup_lm"},
    "fluctuation": {"method": "fluctuation"},
    "sup_lm, unweighted": {"method": "sup_lm", "robust": False},
    "fluctuation, unweighted": {"method": "fluctuation", "robust": False},
}
#: Rows, levels, first rows after the breaks, degrees of freedom.
Steps = tuple[int, tuple[float, ...], tuple[int, ...], float]
BREAKS: dict[str, Steps] = {
    ".6 to .3 in the middle of 1,000": (1000, (0.6, 0.3), (500,), 5.0),
    ".6 to .3 in the middle of 2,000": (2000, (0.6, 0.3), (1000,), 5.0),
    ".3 to .6 after 700 of 1,000": (1000, (0.3, 0.6), (700,), 5.0),
    ".6 to .2 in the middle of 1,000": (1000, (0.6, 0.2), (500,), 5.0),
    ".6 to .2, 90 before the end of 1,000": (1000, (0.6, 0.2), (910,), 5.0),
    ".6 to .2, 90 before the end of 2,500": (2500, (0.6, 0.2), (2410,), 5.0),
    ".5 to .7 in the middle of 1,000": (1000, (0.5, 0.7), (500,), 5.0),
    ".5 to .7 in the middle of 1,000, normal": (1000, (0.5, 0.7), (500,), np.inf),
    ".5 to .35 in the middle of 2,000": (2000, (0.5, 0.35), (1000,), 5.0),
    ".6, .1, .5 by thirds of 1,500": (1500, (0.6, 0.1, 0.5), (500, 1000), 5.0),
    ".6, .1, .5 by thirds of 2,500": (2500, (0.6, 0.1, 0.5), (833, 1666), 5.0),
    ".5, .1 for 150 rows, .5 in 1,500": (1500, (0.5, 0.1, 0.5), (700, 850), 5.0),
}
DATED = (".6 to .3 in the middle of 1,000", ".6 to .2, 90 before the end of 1,000")


def constant(n: int) -> Callable[[Rng], Array]:
    """A constant correlation."""
    return lambda rng: np.full(n, rng.uniform(0.25, 0.6))


def stepwise(steps: Steps) -> Array:
    """Correlation path (n,)."""
    n, levels, rows, _ = steps
    return np.asarray(np.repeat(levels, np.diff([0, *rows, n])))


def turbulent(rng: Rng) -> pd.DataFrame:
    """A correlation of .45; both volatilities rise by half for 250 rows."""
    frame = along(lambda rng: np.full(1000, 0.45))(rng)
    frame.iloc[600:850] *= 1.5
    return frame


def fluctuating(rng: Rng) -> Array:
    """Correlation .7 and .1 in turn, 50 rows each on average."""
    return np.where((np.cumsum(rng.random(2000) < 0.02) + rng.integers(2)) % 2 == 0, 0.7, 0.1)


NONE: dict[str, Callable[[Rng], pd.DataFrame | Array]] = {
    "1,000 rows": along(constant(1000)),
    "2,500 rows": along(constant(2500)),
    "1,000 rows, normal": along(constant(1000), np.inf),
    "1,000 rows, not elliptical": not_elliptical,
    "1,000 rows, volatility of both up by half for 250": turbulent,
}
NOT_STEPS: dict[str, Callable[[Rng], pd.DataFrame]] = {
    "drift .6 to .2 over 2,000": along(lambda rng: np.linspace(0.6, 0.2, 2000)),
    "regimes .7 and .1, 50 rows each, 2,000": along(fluctuating),
}


def search(sample: pd.DataFrame | Array, rng: Rng) -> tuple[dict[str, rc.Breaks], Any]:
    """Breaks by form; residuals (an array) are taken as they are."""
    margins = rc.GARCH().fit(sample) if isinstance(sample, pd.DataFrame) else None
    found = {
        name: rc.find_breaks(
            sample,
            margins=margins,
            min_rows=MIN_ROWS,
            ci_prob=CI_PROB,
            n_boot=N_BOOT,
            rng=rng,
            **form,
        )
        for name, form in FORMS.items()
    }
    return found, margins


def counts(sample: pd.DataFrame | Array, rng: Rng) -> list[int]:
    """Breaks found by each form."""
    return [len(found.breaks) for found in search(sample, rng)[0].values()]


# --------------------------------------------------------------------------- intervals
def argmax_law(x: float) -> float:
    """P(V <= x) for x > 0, V the argmax of W(v) - |v| / 2, W two-sided (Bai 1997, appendix)."""
    tail = 1.5 * np.exp(x + special.log_ndtr(-1.5 * np.sqrt(x)))
    return float(
        1.0
        + np.sqrt(x / (2.0 * np.pi)) * np.exp(-x / 8.0)
        - 0.5 * (x + 5.0) * special.ndtr(-0.5 * np.sqrt(x))
        + tail
    )


def bai(values: Array, row: int) -> tuple[float, float]:
    """Bai's interval, one long-run variance for both sides."""
    parts = np.split(values, [row])
    rest = np.concatenate([part - part.mean() for part in parts])
    step = float(parts[1].mean() - parts[0].mean())
    scale = float(long_run_variance(rest)) / step**2
    reach = brentq(lambda x: argmax_law(x) - 0.5 - 0.5 * CI_PROB, 1e-6, 100.0)
    half = np.floor(reach * scale) + 1.0
    return row - half, row + half


def hull(values: Array, row: int) -> tuple[float, float]:
    """First and last row of Eo and Morley's set, a variance for either side."""
    path = lm_path(values, MIN_ROWS, len(values) - MIN_ROWS) * float(long_run_variance(values))
    before, after = (float(long_run_variance(part)) for part in np.split(values, [row]))

    def missed(x: float) -> float:
        return float((1 - np.exp(-0.5 * x / before)) * (1 - np.exp(-0.5 * x / after)) - CI_PROB)

    cut = brentq(missed, 1e-9, 50.0 * max(before, after))
    inside = MIN_ROWS + np.flatnonzero(path >= path.max() - cut)
    return float(inside[0]), float(inside[-1])


def bootstrap(z: Array, nu: float, row: int, rng: Rng) -> tuple[float, float]:
    """Interval of dates of resamples, blocks of the cube root of the rows of either side."""
    n = len(z)
    sides = [
        start + moving_blocks(rows, round(rows ** (1 / 3)), RESAMPLES, rng)
        for start, rows in ((0, row), (row, n - row))
    ]
    dates = [
        MIN_ROWS + int(lm_path(weighted_influence(z[rows], nu), MIN_ROWS, n - MIN_ROWS).argmax())
        for rows in np.hstack(sides)
    ]
    low, high = np.quantile(dates, [0.5 - 0.5 * CI_PROB, 0.5 + 0.5 * CI_PROB])
    return 2.0 * row - float(high), 2.0 * row - float(low)


def other_intervals(z: Array, row: int, rng: Rng) -> dict[str, tuple[float, float]]:
    """Intervals of other kinds for a date found."""
    nu = tail_index(z)
    values = weighted_influence(z, nu)
    return {
        "Bai": bai(values, row),
        "hull of Eo and Morley's set": hull(values, row),
        "block bootstrap": bootstrap(z, nu, row, rng),
    }


# ------------------------------------------------------------------------------ breaks
def one_sample(steps: Steps, rng: Rng) -> dict[str, Any]:
    """Number, dates, bounds and levels by form; other intervals for the default one."""
    _, _, rows, nu = steps
    sample = along(lambda rng: stepwise(steps), nu)(rng)
    found, margins = search(sample, rng)
    out: dict[str, Any] = {}
    for form, breaks in found.items():
        table, parts = breaks.breaks, breaks.segments
        out[form] = {
            "row": table["row"].tolist(),
            "bounds": list(zip(table["lower"], table["upper"], strict=True)),
            "levels": parts["correlation"].tolist(),
            "level bounds": list(
                zip(parts["correlation_low"], parts["correlation_high"], strict=True)
            ),
        }
    if len(rows) == 1 and len(out["sup_lm"]["row"]) == 1:
        assert isinstance(margins, MarginsResult)
        z = (margins.z - margins.z.mean(axis=0)) / margins.z.std(axis=0)
        out["intervals"] = other_intervals(z, out["sup_lm"]["row"][0], rng)
    return out


def share(hits: Array | list[bool]) -> dict[str, float]:
    """A share with its standard error."""
    p, n = float(np.mean(hits)), max(np.size(hits), 1)
    return {"share": round(p, 4), "s.e.": round(float(np.sqrt(max(p * (1 - p), 1 / n) / n)), 4)}


def covered(bounds: Any, true: Any) -> Array:
    low, high = np.asarray(bounds, dtype=float).reshape(-1, 2).T
    return np.asarray((low <= true) & (true <= high))


def figures(samples: list[dict[str, Any]], form: str, steps: Steps) -> dict[str, Any]:
    """What is reported of a world and a form."""
    _, levels, rows, _ = steps
    number = np.array([len(s[form]["row"]) for s in samples])
    right = [s[form] for s in samples if len(s[form]["row"]) == len(rows)]
    out: dict[str, Any] = {
        "n": len(samples),
        "found": share(number > 0),
        "right number": share(number == len(rows)),
        "error of the number": round(float(np.mean(number - len(rows))), 3),
    }
    if len(right) < 2:
        return out
    errors = np.abs([np.subtract(s["row"], rows) for s in right])
    widths = np.array([np.diff(s["bounds"], axis=1).ravel() + 1.0 for s in right])
    step = np.abs(np.diff([s["levels"] for s in right], axis=1))
    excess = step - np.abs(np.diff(levels))
    return out | {
        "date error": round(float(errors.mean()), 1),
        "date error, s.e.": round(float(errors.std() / np.sqrt(errors.size)), 1),
        "date error, median": float(np.median(errors)),
        "coverage": share(np.concatenate([covered(s["bounds"], rows) for s in right])),
        "length": round(float(widths.mean()), 1),
        "coverage of levels": share(
            np.concatenate([covered(s["level bounds"], levels) for s in right])
        ),
        "excess of the step": round(float(excess.mean()), 4),
        "excess of the step, s.e.": round(float(excess.std() / np.sqrt(excess.size)), 4),
    }


def intervals(samples: list[dict[str, Any]], steps: Steps) -> dict[str, Any]:
    """Coverage and length of the candidates, the one of the package first."""
    here = [s for s in samples if "intervals" in s]
    if not here:
        return {}
    kinds: dict[str, list[Any]] = {"find_breaks": [s["sup_lm"]["bounds"][0] for s in here]}
    for name in here[0]["intervals"]:
        kinds[name] = [s["intervals"][name] for s in here]
    return {
        name: {
            "coverage": share(covered(bounds, steps[2][0])),
            "length": round(float(np.diff(bounds, axis=1).mean()) + 1.0, 1),
        }
        for name, bounds in kinds.items()
    }


# ------------------------------------------------------------------------------ dating
def likelihood_split(z: Array, nu: float) -> int:
    """Rows before the split of the largest t likelihood, both correlations estimated."""
    n = len(z)

    def top(part: Array) -> float:
        start = float(np.clip(np.corrcoef(part.T)[0, 1], -0.95, 0.95))
        rho, _, _ = maximise_correlation(part, start, nu, nu, nu + 1e-6, 0.999)
        return float(constant_loglikelihood(part, rho, nu))

    splits = range(MIN_ROWS, n - MIN_ROWS + 1)
    return max(splits, key=lambda k: top(z[:k]) + top(z[k:]))


def dated(steps: Steps, rng: Rng) -> list[float]:
    """Errors of dates taken without a test, on residuals."""
    n, _, rows, nu = steps
    z = correlated(stepwise(steps), nu, rng)
    z = (z - z.mean(axis=0)) / z.std(axis=0)
    found = []
    for form in FORMS.values():
        tail = tail_index(z) if form.get("robust", True) else np.inf
        tester = SpanTester(z, form["method"], tail, MIN_ROWS, 1, rng)
        found.append(tester(0, n).row)
    found.append(likelihood_split(z, tail_index(z)))
    return [float(abs(row - rows[0])) for row in found]


def dating(steps: Steps, n: int, n_jobs: int) -> dict[str, Any]:
    """Mean errors of the dates by form, and of the split of largest likelihood."""
    errors = np.array(parallel(lambda rng: dated(steps, rng), n, 2, n_jobs))
    return {
        name: {
            "date error": round(float(column.mean()), 1),
            "s.e.": round(float(column.std() / np.sqrt(n)), 1),
            "n": n,
        }
        for name, column in zip([*FORMS, "likelihood"], errors.T, strict=True)
    }


def numbers(
    world: Callable[[Rng], pd.DataFrame | Array], n: int, seed: int, n_jobs: int
) -> dict[str, Any]:
    """Share of samples with a break, and mean number of breaks, by form."""
    found = np.array(parallel(lambda rng: counts(world(rng), rng), n, seed, n_jobs))
    return {
        form: {"n": n, **share(column > 0), "mean number": round(float(column.mean()), 3)}
        for form, column in zip(FORMS, found.T, strict=True)
    }


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--n-breaks", type=int, help="samples of worlds with breaks, default n")
    parser.add_argument("--n-jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    n, n_jobs = options.n, options.n_jobs
    n_breaks = options.n_breaks or n
    found: dict[str, Any] = {"ci_prob": CI_PROB, "min_rows": MIN_ROWS, "n_boot": N_BOOT}
    found["none"] = {name: numbers(world, n, 0, n_jobs) for name, world in NONE.items()}
    found["breaks"], found["intervals"] = {}, {}
    for name, steps in BREAKS.items():
        samples = parallel(lambda rng, steps=steps: one_sample(steps, rng), n_breaks, 1, n_jobs)
        found["breaks"][name] = {form: figures(samples, form, steps) for form in FORMS}
        if len(steps[2]) == 1:
            found["intervals"][name] = intervals(samples, steps)
    few = max(n_breaks // 2, 1)
    found["not steps"] = {name: numbers(w, few, 3, n_jobs) for name, w in NOT_STEPS.items()}
    found["dating"] = {name: dating(BREAKS[name], few, n_jobs) for name in DATED}
    options.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
