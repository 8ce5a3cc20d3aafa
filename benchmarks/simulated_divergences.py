"""How well does the uncalibrated verdict rank simulated divergences whose outcome is known?

Worlds in equal parts; each gives one divergence, judged on a random day of its spell and at its
first row. The outcome is the event itself (the fresh correlation lies on the diverged side of the
midpoint), not the world's label.

    python benchmarks/simulated_divergences.py --n 600 --out
    docs/_results/simulated_divergences.json
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
from rich.progress import track
from sklearn.metrics import brier_score_loss, roc_auc_score

import regimecorr as rc
from regimecorr.data.windows import resolve
from regimecorr.episodes.detect import ENTRY_HISTORY, merge_spells
from regimecorr.errors import RegimeCorrError
from regimecorr.events import fresh_slice, is_structural, state_history
from regimecorr.kernels.rolling import pearson
from regimecorr.worlds import World

WORLDS = get_args(World)
N_OBS = 2500
HORIZON = 252


def find_divergence(world: str, rng: np.random.Generator) -> tuple[Any, int, int]:
    """A simulated pair with one matured divergence: the pair, its first row and a random row of
    the spell.
    """
    while True:
        pair = rc.simulate(world, n_obs=N_OBS, rng=rng)
        x, y = (pair.returns[c].to_numpy() for c in pair.returns.columns)
        state = state_history(x, y, resolve(len(x), 90, 252))["state"].to_numpy()
        last = N_OBS - HORIZON - 1
        spells = [
            (a, min(b, last + 1))
            for a, b in merge_spells(state == "divergent", 45)
            if ENTRY_HISTORY <= a <= last
        ]
        if spells:
            first, stop = spells[rng.integers(len(spells))]
            rows = [t for t in range(first, stop) if state[t] == "divergent"]
            return pair, first, int(rng.choice(rows))


def judge(pair: Any, row: int, seed: int, n_paths: int) -> dict[str, Any]:
    """Verdict on one row and what came of it."""
    as_of = pair.returns.index[row]
    v = rc.assess(pair.prices, as_of=as_of, calibration=None, n_paths=n_paths, rng=seed)
    x, y = (pair.returns[c].to_numpy() for c in pair.returns.columns)
    begin, end = (row + 1 + step for step in fresh_slice(HORIZON))
    sign = -1 if v.reference < 0 else 1
    outcome = bool(is_structural(pearson(x[begin:end], y[begin:end]), sign, v.midpoint))
    members = v.models.drop(index=["panel", "final"])
    return {
        "p": v.p_raw,
        "low": v.interval[0],
        "high": v.interval[1],
        "outcome": outcome,
        "failed": int((members["weight"].isna() | members["p_structural"].isna()).sum()),
        "members": len(members),
        **{f"p_{m}": members.loc[m, "p_structural"] for m in members.index},
        **{f"w_{m}": members.loc[m, "weight"] for m in members.index},
    }


def scores(frame: pd.DataFrame) -> dict[str, float]:
    """AUC with a bootstrap standard error, Brier score and skill against the base rate, per member
    AUC.
    """
    rng = np.random.default_rng(0)
    y, p = frame["outcome"].to_numpy(), frame["p"].to_numpy()
    boot = []
    for _ in range(500):
        pick = rng.integers(0, len(y), len(y))
        if 0 < y[pick].sum() < len(y):
            boot.append(roc_auc_score(y[pick], p[pick]))
    base = y.mean()
    brier = brier_score_loss(y, p)
    alone = {
        f"auc_{c[2:]}": round(float(roc_auc_score(y, frame[c])), 4)
        for c in frame.columns
        if c.startswith("p_") and frame[c].notna().all()
    }
    return {
        "n": len(y),
        "structural_share": round(float(base), 4),
        "auc": round(float(roc_auc_score(y, p)), 4),
        "auc_se": round(float(np.std(boot)), 4),
        "brier": round(float(brier), 4),
        "brier_skill": round(float(1 - brier / (base * (1 - base))), 4),
        "mean_p": round(float(p.mean()), 4),
        "failed_members_share": round(float(frame["failed"].sum() / frame["members"].sum()), 5),
        **alone,
    }


def run(
    n: int, seed: int, n_paths: int, *, at_entry: bool = True
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Judge ``n`` divergences; returns the scores and one row per verdict."""
    rows, errors = [], 0
    began = time.perf_counter()
    for i in track(range(n), description="divergences"):
        rng = np.random.default_rng([seed, i])
        world = WORLDS[i % len(WORLDS)]
        pair, first, day = find_divergence(world, rng)
        for when, row in (("day", day), ("entry", first))[: 1 + at_entry]:
            try:
                found = judge(pair, row, i, n_paths)
            except RegimeCorrError as error:
                errors += 1
                print(f"{world} {i} {when}: {error}")
                continue
            rows.append({"world": world, "when": when, "age": row - first, **found})
    frame = pd.DataFrame(rows)
    out: dict[str, Any] = {"seed": seed, "n_paths": n_paths, "n_obs": N_OBS, "failed_calls": errors}
    for when, part in frame.groupby("when"):
        out[str(when)] = scores(part)
        out[str(when)]["by_world"] = {
            str(w): {
                "n": len(g),
                "structural": round(float(g["outcome"].mean()), 3),
                "mean_p": round(float(g["p"].mean()), 3),
            }
            for w, g in part.groupby("world")
        }
    out["seconds"] = round(time.perf_counter() - began)
    return out, frame


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--n-paths", type=int, default=1000)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--rows", type=Path)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    out, frame = run(args.n, args.seed, args.n_paths)
    text = json.dumps(out, indent=1)
    print(text)
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(text + "\n")
    if args.rows:
        frame.to_csv(args.rows, index=False)


if __name__ == "__main__":
    main()
