"""Do the tests and bands of scores keep their level where the outcomes of a year share its shocks?

Run it in an environment in which the package is installed::

    python benchmarks/score_tests.py [--n 1000] [--n-jobs 1] [--out docs/_results/score_tests.json]

398 forecasts in 8 or 18 calendar years of unequal size (one forecast a year for certain, the others
by shares from a Dirichlet law, all weights 2), each on a random day, its outcome known a year
later. On the latent scale the outcome is 1 if

    m + first + second + rest > 0,    variances v, v and 1 - 2 v,

``first`` and ``second`` are what can be known at the date, ``rest`` is not. ``common`` is the share
of the variance of each known part that the forecasts of a year have in common, 0 or a half;
``shock`` is that share of the rest. m makes the base rate .45. What is nominal in which column:

skill, AUC, ECE, diagram
    The perfect forecaster knows both parts and states the probability of the outcome given them,
    with any shock, so that it is calibrated. v makes its skill .07 exactly: one less the ratio of
    expected Brier scores, its own and that of the base rate .45, the limit over many years. That is
    what the interval of the skill shall hold (reference: the rate of the sample; in column "skill,
    rate known" the .45 itself); likewise for the AUC. "Percentiles" are those of the same
    resamples. The calibration error shall lie below the 95 % end of its bands. The diagram's curve
    shall lie in its 90 % band, at each forecast: the column is the mean share of forecasts.
Diebold and Mariano
    Of two rivals one knows the first part and one the second, and states the probability given it.
    Both are calibrated, and they are exchangeable, so that their expected losses are equal
    whatever the shock. By lags: in the order of time, lag from `overlap_lag`.
PIT
    The forecast law of the rest is the right one, normal, so that each transform is uniform.

Diagrams are measured on a quarter of the samples. Every sample is seeded on its own; figures do
not depend on the number of processes. Beside every share stands its Monte-Carlo standard error.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# One thread a process, before the libraries are loaded: the matrices are tiny.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from scipy import optimize, stats

from regimecorr.evaluation.binned import calibration_error
from regimecorr.evaluation.blocks import BlockBootstrap, Estimate
from regimecorr.evaluation.comparison import diebold_mariano, overlap_lag
from regimecorr.evaluation.pit import pit_uniformity
from regimecorr.evaluation.ranking import auc_estimate
from regimecorr.evaluation.reliability import reliability_curve
from regimecorr.evaluation.scores import _skill, brier_skill
from regimecorr.models.base import Array, IntArray

RESULTS = Path(__file__).resolve().parents[1] / "docs" / "_results" / "score_tests.json"
N_FORECASTS = 398
YEARS = (8, 18)
SHOCKS = (0.0, 0.1, 0.3)
BASE_RATE = 0.45
SKILL = 0.07
#: Share of the variance of what is known that the forecasts of a year have in common.
COMMON = (0.0, 0.5)
#: Weight of every year in the Dirichlet law of the years' shares.
WEIGHT = 2.0
#: Resamples of every interval and test, and of the diagram's bands.
N_BOOT = 999
N_CURVES = 499
CI_PROB = 0.95
BAND = 0.9
SIZE = 0.05
#: Column: the share that is nominal.
LEVELS = {
    "DM by years": SIZE,
    "DM by lags": SIZE,
    "skill": CI_PROB,
    "skill, percentiles": CI_PROB,
    "skill, rate known": CI_PROB,
    "AUC": CI_PROB,
    "ECE, independent": CI_PROB,
    "ECE by years": CI_PROB,
    "diagram, independent": BAND,
    "diagram by years": BAND,
    "PIT": SIZE,
}
#: Columns measured on a part of the samples: N_CURVES isotonic regressions each.
DIAGRAMS = ("diagram, independent", "diagram by years")


def skill_of(known: float) -> float:
    """Skill of a calibrated forecaster who knows this share of the latent variance."""
    m = stats.norm.ppf(BASE_RATE)
    law = stats.multivariate_normal([0.0, 0.0], [[1.0, known], [known, 1.0]])
    both = float(law.cdf([m, m]))  # two cases with the same knowledge: the mean square of p
    return (both - BASE_RATE**2) / (BASE_RATE * (1.0 - BASE_RATE))


def known_share(skill: float = SKILL) -> float:
    """Share of the latent variance that the perfect forecaster knows, 2 v."""
    return float(optimize.brentq(lambda share: skill_of(share) - skill, 1e-6, 0.9))


def probability(known: Array, variance: float) -> Array:
    """Probability of the outcome given a known part (n,) with this share of the variance."""
    return np.asarray(stats.norm.cdf((stats.norm.ppf(BASE_RATE) + known) / np.sqrt(1.0 - variance)))


def expected_auc(known: float, n: int = 20_000) -> float:
    """AUC of a calibrated forecaster over many years: a sum over quantiles of its forecasts."""
    z = stats.norm.ppf((np.arange(n) + 0.5) / n)
    p = probability(np.sqrt(known) * z, known)
    below = np.cumsum(1.0 - p) - 0.5 * (1.0 - p)
    return float(p @ below / (p.sum() * (1.0 - p).sum()))


@dataclass(frozen=True, slots=True)
class Sample:
    """Forecasts in the order of time: perfect (n,), of two rivals (2, n), and what came."""

    perfect: Array
    rivals: Array
    outcome: Array
    transform: Array
    date: pd.DatetimeIndex
    year: IntArray


def draw(years: int, common: float, shock: float, known: float, rng: np.random.Generator) -> Sample:
    """Forecasts and outcomes of one sample."""
    share = rng.dirichlet(np.full(years, WEIGHT))
    more = rng.choice(years, N_FORECASTS - years, p=share)
    day = rng.integers(0, 365, N_FORECASTS)
    codes = np.concatenate([np.arange(years), more])
    order = np.lexsort((day, codes))
    codes, day = codes[order], day[order]

    def normal(shared: float, rows: int) -> Array:
        own = rng.standard_normal((rows, N_FORECASTS))
        of_year = rng.standard_normal((rows, years))[:, codes]
        return np.asarray(np.sqrt(shared) * of_year + np.sqrt(1.0 - shared) * own)

    parts = np.sqrt(known / 2.0) * normal(common, 2)
    rest = normal(shock, 1)[0]
    p = probability(parts.sum(axis=0), known)
    starts = (codes + 2001 - 1970).astype("datetime64[Y]").astype("datetime64[D]")
    return Sample(
        perfect=p,
        rivals=probability(parts, known / 2.0),
        outcome=(stats.norm.ppf(p) + rest > 0.0).astype(float),
        transform=stats.norm.cdf(rest),
        date=pd.DatetimeIndex(starts + day),
        year=2001 + codes,
    )


def comparisons(sample: Sample, n_boot: int, seed: int) -> dict[str, float]:
    """P-values at most 5 %: Diebold and Mariano's of the rivals, and that of the transforms."""
    first, second = (sample.rivals - sample.outcome) ** 2
    lag = overlap_lag(sample.date, sample.date + pd.Timedelta(days=365))
    by_years = diebold_mariano(first, second, blocks=sample.year, n_boot=n_boot, rng=seed)
    by_lags = diebold_mariano(first, second, lag=lag)
    pit = pit_uniformity(sample.transform, sample.year, n_boot=n_boot, rng=seed)
    return {
        "DM by years": _rejects(by_years.pvalue),
        "DM by lags": _rejects(by_lags.pvalue),
        "PIT": _rejects(pit.pvalue),
        "difference of the rivals": by_years.mean_difference,
        "lag": float(lag),
        "largest year": float(np.bincount(sample.year).max() / N_FORECASTS),
    }


def intervals(sample: Sample, auc: float, n_boot: int, seed: int) -> dict[str, float]:
    """Whether intervals and bands hold skill, AUC and calibration error of the perfect one."""
    p, y, year = sample.perfect, sample.outcome, sample.year
    options: dict[str, Any] = {"blocks": year, "n_boot": n_boot, "rng": seed}
    # The resamples of `brier_skill` with this seed, and their percentiles.
    boot = BlockBootstrap(year, n_boot, seed)
    drawn = _skill(boot.sums(np.column_stack([np.ones(y.size), y, (p - y) ** 2])))
    low, high = np.quantile(drawn, [0.5 - 0.5 * CI_PROB, 0.5 + 0.5 * CI_PROB])
    found = brier_skill(p, y, ci_prob=CI_PROB, **options)
    against = brier_skill(p, y, BASE_RATE, ci_prob=CI_PROB, **options)
    area = auc_estimate(p, y, ci_prob=CI_PROB, **options)
    error = calibration_error(p, y, blocks=year, n_sim=n_boot, rng=seed, ci_prob=CI_PROB)
    return {
        "skill": _covers(found, SKILL),
        "skill, percentiles": float(low <= SKILL <= high),
        "skill, rate known": _covers(against, SKILL),
        "AUC": _covers(area, auc),
        "ECE, independent": float(error.value <= error.upper),
        "ECE by years": float(error.value <= error.block_upper),
        "calibration error": error.value,
        "skill found": found.value,
        "spread": float(p.std()),
    }


def diagrams(sample: Sample, n_boot: int, seed: int) -> dict[str, float]:
    """Share of the forecasts at which the perfect forecaster's curve lies in its band."""
    out = {}
    for name, blocks in zip(DIAGRAMS, (None, sample.year), strict=True):
        curve = reliability_curve(
            sample.perfect, sample.outcome, blocks=blocks, n_boot=n_boot, rng=seed, ci_prob=BAND
        )
        low, high = curve["lower"] - 1e-12, curve["upper"] + 1e-12
        inside = curve["calibrated"].between(low, high)
        out[name] = float(np.average(inside, weights=curve["count"]))
    return out


def replicate(
    years: int,
    common: float,
    shock: float,
    number: int,
    *,
    known: float,
    auc: float,
    n_boot: int,
    n_curves: int,
) -> dict[str, float]:
    """All columns of one sample, and what describes it; NaN where a test has no answer.

    No resamples for the diagrams (``n_curves=0``): without their columns.
    """
    rng = np.random.default_rng([years, round(1000 * shock), number])
    sample = draw(years, common, shock, known, rng)
    return {
        **comparisons(sample, n_boot, number),
        **intervals(sample, auc, n_boot, number),
        **(diagrams(sample, n_curves, number) if n_curves else {}),
    }


def summary(table: pd.DataFrame) -> dict[str, Any]:
    """Shares with their Monte-Carlo errors, and medians of what describes the samples."""
    columns = {}
    for name in LEVELS:
        values = table[name].dropna().to_numpy()
        share = float(values.mean())
        spread = float(values.std())  # of zeros and ones: sqrt(share (1 - share))
        columns[name] = {
            "share": round(share, 4),
            "s.e.": round(float(spread / np.sqrt(values.size)), 4),
            "samples": int(values.size),
        }
    gap = table["difference of the rivals"]
    return {
        "columns": columns,
        "calibration error, median": round(float(table["calibration error"].median()), 4),
        "calibration error, 95 %": round(float(table["calibration error"].quantile(0.95)), 4),
        "skill found, mean": round(float(table["skill found"].mean()), 4),
        "difference of the rivals over its error": round(float(gap.mean() / gap.sem()), 2),
        "spread of the forecasts": round(float(table["spread"].mean()), 4),
        "lag, median": float(table["lag"].median()),
        "largest year, median": round(float(table["largest year"].median()), 3),
    }


def study(
    years: int,
    common: float,
    shock: float,
    n: int,
    n_diagrams: int,
    *,
    n_boot: int = N_BOOT,
    n_curves: int = N_CURVES,
    n_jobs: int = 1,
) -> dict[str, Any]:
    """Measure one row of the table on ``n`` samples, the diagrams on the first ``n_diagrams``."""
    known = known_share()
    options = {"known": known, "auc": expected_auc(known), "n_boot": n_boot}
    rows = Parallel(n_jobs=n_jobs)(
        delayed(replicate)(
            years, common, shock, i, n_curves=n_curves if i < n_diagrams else 0, **options
        )
        for i in range(n)
    )
    return {"years": years, "common": common, "shock": shock, **summary(pd.DataFrame(rows))}


def _covers(found: Estimate, truth: float) -> float:
    return float(found.lower <= truth <= found.upper) if np.isfinite(found.error) else float("nan")


def _rejects(pvalue: float) -> float:
    # The slack makes a p-value of exactly .05 count.
    return float(pvalue <= SIZE + 1e-12) if np.isfinite(pvalue) else float("nan")


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--n-jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    known = known_share()
    record: dict[str, Any] = {
        "n": arguments.n,
        "n_diagrams": max(arguments.n // 4, 1),
        "n_boot": N_BOOT,
        "n_curves": N_CURVES,
        "forecasts": N_FORECASTS,
        "base rate": BASE_RATE,
        "skill": SKILL,
        "skill of a rival": round(skill_of(known / 2.0), 4),
        "auc": round(expected_auc(known), 4),
        "known share": round(known, 4),
        "levels": LEVELS,
        "rows": [],
    }
    for setting in itertools.product(YEARS, COMMON, SHOCKS):
        row = study(*setting, arguments.n, record["n_diagrams"], n_jobs=arguments.n_jobs)
        record["rows"].append(row)
        shares = {name: found["share"] for name, found in row["columns"].items()}
        print(*setting, json.dumps(shares), flush=True)
    arguments.out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
