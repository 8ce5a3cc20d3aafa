"""How good are the probabilities on real markets? Out of fold, strictly forward, and in parts.

    python benchmarks/real_record.py ../shared/data

Reads ``panel_daily.csv`` of the folder (the prices are not part of the repository) and the raw
forecasts on record, docs/_results/backtest.jsonl; missing ones are made, about a second and a half
each. Writes docs/_results/real_record.json: scores only. The specifications that were tried stand
in docs/concepts/track_record.md.
"""

from __future__ import annotations

import argparse
import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from regimecorr.errors import RegimeCorrWarning
from regimecorr.evaluation.backtest import backtest
from regimecorr.evaluation.binned import calibration_error
from regimecorr.evaluation.blocks import calendar_blocks
from regimecorr.evaluation.calibration import PRIORS, recalibrate
from regimecorr.evaluation.comparison import diebold_mariano
from regimecorr.evaluation.divergences import LATER_AGES
from regimecorr.evaluation.features import MEAN_FEATURES, SPREAD_FEATURES
from regimecorr.evaluation.forecaster import PanelForecaster
from regimecorr.evaluation.learning import calibrate
from regimecorr.evaluation.out_of_block import calibrated_by_block
from regimecorr.evaluation.panel import Panel, read_panel
from regimecorr.evaluation.panel_fit import Equations, out_of_fold
from regimecorr.evaluation.pit import pit_uniformity
from regimecorr.evaluation.pool import SPECS
from regimecorr.evaluation.reliability import forecast_histogram, reliability_curve
from regimecorr.evaluation.samples import PanelRows, calendar_folds, rows_of, training_rows
from regimecorr.evaluation.scorecard import score_table
from regimecorr.evaluation.vintages import shipped
from regimecorr.formatting import plain

RESULTS = Path(__file__).resolve().parents[1] / "docs" / "_results"
EMBARGO = 400
LEAST_ROWS = 2000
RIVALS = ("p_transient", "p_chart", "p_ewma", "p_dcc")
MEMBERS = tuple(f"p_{name}" for name in SPECS)
FORECASTERS = ("p_structural", "p_simulated", "p_panel", "p_pool", "p_raw", *MEMBERS, *RIVALS[:3])


@dataclass(frozen=True)
class Study:
    """The panel, its divergences at every age with their features, and the rows learned from."""

    panel: Panel
    known: dict[int, pd.DataFrame]
    rows: dict[int, PanelRows]
    training: PanelRows
    spec: PanelForecaster


def read(folder: Path, store: Path) -> Study:
    """Take up the forecasts on record."""
    panel = read_panel(pd.read_csv(folder / "panel_daily.csv", index_col=0, parse_dates=True))
    frame = backtest(panel, store=store, calibration=None).matured
    spec = PanelForecaster()
    known, rows = {}, {}
    for age in (0, *LATER_AGES):
        table = frame[frame["age"] == age].reset_index(drop=True)
        known[age] = table.assign(p_transient=0.0)
        rows[age] = rows_of(panel, table, spec.windows)
    training = training_rows(panel, spec.windows, spec.every)
    return Study(panel, known, rows, training, spec)


def scores(
    frame: pd.DataFrame,
    forecasters: tuple[str, ...] = FORECASTERS,
    references: tuple[str, ...] = ("in_sample", "known", "folds"),
) -> Any:
    """Score forecasters on positive references, on negative ones, and on both."""
    out = {}
    for name, part in (
        ("positive", frame[frame["sign"] > 0]),
        ("negative", frame[frame["sign"] < 0]),
        ("both", frame),
    ):
        out[name] = plain(
            score_table(
                part,
                forecasters,
                references=references,
                fold="fold",
                embargo_days=EMBARGO,
                against=[r for r in RIVALS if r in part],
            )
        )
    return out


def ablation(study: Study, frame: pd.DataFrame, final: pd.DataFrame) -> Any:
    """What each step contributes: out of fold, reference positive, paired with the final one."""
    known, rows = study.known[0], study.rows[0]
    base = study.spec.equations
    plain_mean = tuple(f for f in MEAN_FEATURES if not f.startswith("sign_"))
    steps: dict[str, Any] = {
        "panel: ridge, one standard deviation": Equations(plain_mean, (), base.penalty),
        "panel: and sign correlations": Equations(MEAN_FEATURES, (), base.penalty),
        "panel: and a model of the standard deviation": Equations(
            MEAN_FEATURES, SPREAD_FEATURES, base.penalty
        ),
    }
    columns: dict[str, Any] = {"raw pool": frame["p_raw"]}
    weight = frame[[f"weight_{m}" for m in SPECS]].to_numpy(dtype=float)
    prior = np.array([0.2, 0.1, 0.1, 0.2, 0.2, 0.2])
    columns["raw pool, likelihoods ignored (lambda 0)"] = (
        frame[list(MEMBERS)].to_numpy(dtype=float) @ prior
    )
    columns["raw pool, family priors by empirical Bayes"] = family_prior_by_block(
        frame, rows, weight / prior
    )
    columns["pool alone, calibrated"] = final["p_pool"]
    for name, equations in steps.items():
        columns[name] = out_of_fold(
            equations, study.training, rows, n_folds=5, embargo_days=EMBARGO
        ).p_structural
    for given in PRIORS[1:]:
        columns[f"pool and panel, prior sd {given.sd[0]:g}"] = fixed_prior(study, given)
    columns["pool and panel, prior chosen (final)"] = final["p_structural"]
    table = known.assign(fold=final["fold"], **{f"s{i}": c for i, c in enumerate(columns.values())})
    table = table[table["sign"] > 0]
    names = [f"s{i}" for i in range(len(columns))]
    found = score_table(
        table, names, references=("in_sample", "folds"), fold="fold", embargo_days=EMBARGO
    )
    y = table["structural"].to_numpy(dtype=float)
    last = (table[names[-1]].to_numpy(dtype=float) - y) ** 2
    unit = y.mean() * (1.0 - y.mean())
    gains = []
    for name in names[:-1]:
        loss = (table[name].to_numpy(dtype=float) - y) ** 2
        gap = diebold_mariano(loss, last, blocks=calendar_blocks(table["date"]))
        gains.append((gap.mean_difference / unit, gap.error / unit))
    found["gain"], found["gain_error"] = zip(*[*gains, (0.0, 0.0)], strict=True)
    found.index = pd.Index(list(columns), name="step")
    return plain(found)


def family_prior_by_block(frame: pd.DataFrame, rows: PanelRows, likelihood: Any) -> Any:
    """Raw pool under family priors that maximise the marginal likelihood outside each block."""
    members = frame[list(MEMBERS)].to_numpy(dtype=float)
    out = np.full(len(frame), np.nan)
    for fold in calendar_folds(rows.date, 5, EMBARGO):
        inside, outside = fold.inside(rows.date), fold.outside(rows.date, rows.matured)
        prior = np.full(len(SPECS), 1.0 / len(SPECS))
        for _ in range(500):  # EM of mixture weights
            post = prior * likelihood[outside]
            prior = (post / post.sum(axis=1, keepdims=True)).mean(axis=0)
        weight = prior * likelihood[inside]
        out[inside] = (weight * members[inside]).sum(axis=1) / weight.sum(axis=1)
    return out


def fixed_prior(study: Study, prior: Any) -> Any:
    """Pool and panel with one width of the prior, by block."""
    known, rows, equations = study.known[0], study.rows[0], study.spec.equations
    p, y = (known[c].to_numpy(dtype=float) for c in ("p_raw", "structural"))
    out = np.full(len(known), np.nan)
    for fold in calendar_folds(rows.date, 5, EMBARGO):
        inside, outside = fold.inside(rows.date), fold.outside(rows.date, rows.matured)
        left = study.training.take(fold.outside(study.training.date, study.training.matured))
        inner = out_of_fold(equations, left, rows.take(outside), n_folds=4, embargo_days=EMBARGO)
        found = recalibrate(p[outside], y[outside], inner.p_structural, prior=prior)
        out[inside] = found.apply(p[inside], equations.fit(left).chances(rows.take(inside)))
    return out


def left_out_classes(study: Study, folds: pd.Series) -> Any:
    """Panel forecasts of pairs whose two asset classes were never seen, by block as well."""
    known, rows = study.known[0], study.rows[0]
    classes = [set(study.panel.class_pair(p.names).split("-")) for p in study.panel.pairs]
    label = known["classes"].to_numpy()
    out = np.full(len(known), np.nan)
    for fold in calendar_folds(rows.date, 5, EMBARGO):
        left = study.training.take(fold.outside(study.training.date, study.training.matured))
        inside = fold.inside(rows.date)
        for name in np.unique(label[inside]):
            other = np.array([not c & set(name.split("-")) for c in classes])[left.pair]
            here = inside & (label == name)
            if other.sum() >= LEAST_ROWS:
                out[here] = study.spec.equations.fit(left.take(other)).chances(rows.take(here))
    table = known.assign(p_other=out, fold=folds)
    return scores(table[np.isfinite(out)], ("p_other",))


def by_state(study: Study) -> Any:
    """Is the panel forecast calibrated on days that are not divergent? All rows, out of fold."""
    rows = study.training
    found = out_of_fold(study.spec.equations, rows, rows, n_folds=5, embargo_days=EMBARGO)
    state = rows.states()
    y = (rows.target < rows.middle).astype(float)
    out: dict[str, Any] = {}
    for name in ("divergent", "strained", "aligned"):
        mine = state == name
        blocks = calendar_blocks(rows.date[mine])
        error = calibration_error(found.p_structural[mine], y[mine], blocks=blocks)
        out[name] = {
            "n": int(mine.sum()),
            "share": float(y[mine].mean()),
            "mean_p": float(found.p_structural[mine].mean()),
            "ece": error.value,
            "ece_block_upper": error.block_upper,
            "skill": float(
                1.0
                - np.mean((found.p_structural[mine] - y[mine]) ** 2)
                / (y[mine].mean() * (1.0 - y[mine].mean()))
            ),
        }
    return out


def pit(study: Study) -> Any:
    """Where the fresh correlation of divergences fell in its forecast law, by block."""
    rows, sign = study.rows[0], study.known[0]["sign"].to_numpy()
    found = out_of_fold(study.spec.equations, study.training, rows, n_folds=5, embargo_days=EMBARGO)
    u = found.pit[sign > 0]
    test = pit_uniformity(u, blocks=calendar_blocks(rows.date[sign > 0]))
    return {
        "statistic": test.statistic,
        "pvalue": test.pvalue,
        "tenths": (np.histogram(u, bins=10, range=(0.0, 1.0))[0] / len(u)).tolist(),
    }


def better(table: pd.DataFrame) -> Any:
    """One-sided p-values of "the final forecast has the smaller Brier score", by calendar year."""
    out: dict[str, Any] = {}
    for name, part in (("positive", table[table["sign"] > 0]), ("both", table)):
        y = part["structural"].to_numpy(dtype=float)
        loss = {
            c: (part[c].to_numpy(dtype=float) - y) ** 2 for c in ("p_structural", "p_raw", *RIVALS)
        }
        blocks = calendar_blocks(part["date"])
        out[name] = {
            rival: diebold_mariano(
                loss["p_structural"], loss[rival], blocks=blocks, n_boot=9999, alternative="less"
            ).pvalue
            for rival in ("p_raw", *RIVALS)
        }
    return out


def curves(table: pd.DataFrame, columns: tuple[str, ...]) -> Any:
    """Reliability diagrams with bands by calendar block."""
    part = table[table["sign"] > 0]
    y, blocks = part["structural"].to_numpy(dtype=float), calendar_blocks(part["date"])
    out = {}
    for name in columns:
        p = part[name].to_numpy(dtype=float)
        curve = reliability_curve(p, y, blocks=blocks)
        out[name] = {
            "curve": plain(curve),
            "attrs": plain(dict(curve.attrs)),
            "histogram": plain(forecast_histogram(p, y)),
        }
    return out


def forward(study: Study, store: Path) -> Any:
    """What the vintages said, each of the divergences that began while it was in force."""
    record = calibrate(study.panel, store=store).record
    known = study.known[0].drop(columns=["matured"])
    table = record[record["structural"].notna()].merge(
        known.drop(columns=["structural"]), on=["asset", "benchmark", "date"], how="left"
    )
    table = table.assign(fold=table["date"].dt.year)
    names = ("p_structural", "p_raw", "p_transient", "p_chart", "p_ewma", "p_dcc")
    out = {}
    for since in (2012, 2014):
        part = table[table["date"] >= f"{since}-01-01"]
        out[str(since)] = scores(part, names, ("in_sample", "base_rate"))
    by_year = table[table["sign"] > 0].groupby("fold")
    out["by_year"] = plain(
        by_year[["structural", "p_structural"]].mean().assign(n=by_year.size()).reset_index()
    )
    return out


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--store", type=Path, default=RESULTS / "backtest.jsonl")
    parser.add_argument("--out", type=Path, default=RESULTS / "real_record.json")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", RegimeCorrWarning)
    study = read(arguments.folder, arguments.store)
    known, rows, equations = study.known[0], study.rows[0], study.spec.equations
    final = calibrated_by_block(known, rows, study.training, equations)
    engine = shipped("simulated").vintages[-1]
    table = known.join(final).assign(
        p_simulated=engine.coefficients.apply(known["p_raw"], engine.panel.chances(rows))
    )
    record: dict[str, Any] = {
        "n_pairs": len(study.panel.pairs),
        "n_rows": len(study.training),
        "coefficients": plain(final.groupby("fold")[["c0", "c1", "c2", "prior_sd"]].first()),
        "by_block": scores(table),
        "better": better(table),
        "blocks": plain(
            table[table["sign"] > 0]
            .groupby("fold")
            .agg(
                first=("date", "min"),
                last=("date", "max"),
                n=("structural", "size"),
                structural=("structural", "mean"),
                p_structural=("p_structural", "mean"),
            )
        ),
        "ablation": ablation(study, known, final),
        "forward": forward(study, arguments.store),
        "left_out_classes": left_out_classes(study, final["fold"]),
        "by_state": by_state(study),
        "pit": pit(study),
        "curves": curves(table, ("p_raw", "p_structural")),
        "ages": {},
    }
    for age in LATER_AGES:
        later, features = study.known[age], study.rows[age]
        found = calibrated_by_block(later, features, study.training, equations, past=(known, rows))
        record["ages"][str(age)] = scores(later.join(found), ("p_structural", "p_raw", *RIVALS))
    arguments.out.write_text(json.dumps(record, indent=1, allow_nan=False) + "\n")


if __name__ == "__main__":
    main()
