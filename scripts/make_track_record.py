"""Fill docs/concepts/track_record.md from the recorded scores, and draw its diagrams.

python scripts/make_simulated.py
python scripts/make_calibrations.py ../shared/data
python benchmarks/real_record.py ../shared/data
python benchmarks/simulated_record.py
python scripts/make_readme.py ../shared/data
python scripts/make_track_record.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from make_validation import fill

from regimecorr.evaluation.vintages import shipped
from regimecorr.plotting.reliability import plot_reliability
from regimecorr.plotting.style import save

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGE = DOCS / "concepts" / "track_record.md"
NAMES = {
    "p_structural": "**calibrated (the verdict)**",
    "p_simulated": "calibrated on simulated worlds",
    "p_market": "calibrated on markets",
    "p_panel": "panel forecaster alone",
    "p_pool": "pool alone, calibrated",
    "p_raw": "raw pool",
    "p_constant": "constant correlation",
    "p_dcc": "DCC",
    "p_reverting": "mean reversion",
    "p_switching": "Markov regimes",
    "p_break": "breaks",
    "p_drift": "drift",
    "p_ewma": "EWMA",
    "p_chart": "chart rule",
    "p_transient": "always transient",
}


def frame(rows: Any) -> pd.DataFrame:
    """Table of a record whose first column is its index."""
    table = pd.DataFrame(rows)
    return table.set_index(str(table.columns[0]))


def plus(value: float | None, error: float | None = None) -> str:
    """A skill with its sign, and its standard error in brackets."""
    if value is None or not np.isfinite(value):
        return ""
    text = f"{value:+.3f}".replace("+0.", "+.").replace("-0.", "-.")
    return text if error is None or not np.isfinite(error) else f"{text} ({share(error)})"


def share(value: float | None) -> str:
    """A number below one without its zero."""
    if value is None or not np.isfinite(value):
        return ""
    return f"{value:.3f}".removeprefix("0") if value < 1 else f"{value:.3f}"


def markdown(head: list[str], rows: list[list[str]]) -> list[str]:
    """A table."""
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    return [*lines, *(f"| {' | '.join(row)} |" for row in rows)]


def real(record: dict[str, Any], side: str) -> list[str]:
    """Scores out of fold."""
    table = frame(record["by_block"][side])
    head = ["", "skill: these cases", "training folds", "known then", "AUC", "ECE (band)", "log"]
    rows = [
        [
            NAMES[str(name)],
            plus(r["skill_in_sample"], r["skill_in_sample_error"]),
            plus(r["skill_folds"], r["skill_folds_error"]),
            plus(r["skill_known"], r["skill_known_error"]),
            share(r["auc"]),
            f"{share(r['ece'])} ({share(r['ece_upper'])})",
            share(r["log_score"]),
        ]
        for name, r in table.iterrows()
    ]
    first = table.iloc[0]
    note = f"{first['n']:.0f} divergences, {100 * first['share']:.1f} % structural."
    return [*markdown(head, rows), "", note]


def better(record: dict[str, Any]) -> list[str]:
    """One-sided tests."""
    found = record["better"]
    head = ["Brier score smaller than that of", "reference positive", "both signs"]
    rows = [
        [NAMES[name], f"{found['positive'][name]:.4f}", f"{found['both'][name]:.4f}"]
        for name in found["both"]
    ]
    return markdown(head, rows)


def blocks(record: dict[str, Any]) -> list[str]:
    """What was said and what came, by calendar block and by year of the forward record."""
    rows = [
        [
            f"{b['first']} to {b['last']}",
            f"{b['n']}",
            f"{100 * b['p_structural']:.0f} %",
            f"{100 * b['structural']:.0f} %",
        ]
        for b in record["blocks"]
    ]
    return markdown(["block", "divergences", "said", "came"], rows)


def ablation(record: dict[str, Any]) -> list[str]:
    """What each step contributes."""
    rows = [
        [
            str(name),
            plus(r["skill_in_sample"]),
            plus(r["skill_folds"]),
            share(r["auc"]),
            share(r["ece"]),
            plus(r["gain"], r["gain_error"]) if r["gain"] else "",
        ]
        for name, r in frame(record["ablation"]).iterrows()
    ]
    head = ["step", "skill: these cases", "training folds", "AUC", "ECE", "final's gain over it"]
    return markdown(head, rows)


def forward(record: dict[str, Any]) -> list[str]:
    """Scores of what the vintages said."""
    rows = []
    for since in ("2012", "2014"):
        for side in ("both", "positive", "negative"):
            table = frame(record["forward"][since][side])
            for name in ("p_structural", "p_raw"):
                r = table.loc[name]
                bands = f"{share(r['ece_upper'])}; {share(r['ece_block_upper'])}"
                rows.append(
                    [
                        f"from {since}, {side}",
                        NAMES[name].strip("*"),
                        f"{r['n']:.0f}",
                        plus(r["skill_in_sample"], r["skill_in_sample_error"]),
                        plus(r["skill_base_rate"], r["skill_base_rate_error"]),
                        share(r["auc"]),
                        f"{share(r['ece'])} ({bands})",
                    ]
                )
    head = ["", "", "n", "skill: these cases", "vintage's base rate", "AUC", "ECE (bands)"]
    return markdown(head, rows)


def ages(record: dict[str, Any]) -> list[str]:
    """Scores at later ages."""
    rows = []
    for age, sides in record["ages"].items():
        for name in ("p_structural", "p_raw"):
            r = frame(sides["positive"]).loc[name]
            rows.append(
                [
                    age,
                    NAMES[name].strip("*"),
                    f"{r['n']:.0f}",
                    plus(r["skill_in_sample"], r["skill_in_sample_error"]),
                    plus(r["skill_folds"], r["skill_folds_error"]),
                    share(r["auc"]),
                    f"{share(r['ece'])} ({share(r['ece_upper'])})",
                ]
            )
    head = [
        "rows after entry",
        "",
        "n",
        "skill: these cases",
        "training folds",
        "AUC",
        "ECE (band)",
    ]
    return markdown(head, rows)


def states(record: dict[str, Any]) -> list[str]:
    """Calibration of the panel forecast by state."""
    rows = [
        [
            name,
            f"{r['n']:,}",
            f"{100 * r['mean_p']:.1f} %",
            f"{100 * r['share']:.1f} %",
            plus(r["skill"]),
            f"{share(r['ece'])} ({share(r['ece_block_upper'])})",
        ]
        for name, r in record["by_state"].items()
    ]
    return markdown(["state", "rows", "said", "came", "skill", "ECE (band by year)"], rows)


def left_out(record: dict[str, Any]) -> list[str]:
    """Scores on asset classes that were never seen."""
    rows = []
    for side in ("positive", "negative", "both"):
        r = frame(record["left_out_classes"][side]).iloc[0]
        rows.append(
            [
                side,
                f"{r['n']:.0f}",
                plus(r["skill_in_sample"], r["skill_in_sample_error"]),
                plus(r["skill_folds"], r["skill_folds_error"]),
                share(r["auc"]),
                f"{share(r['ece'])} ({share(r['ece_upper'])})",
            ]
        )
    head = ["reference", "n", "skill: these cases", "training folds", "AUC", "ECE (band)"]
    return markdown(head, rows)


def hyper_priors(record: dict[str, Any]) -> list[str]:
    """Equal and learned hyper-priors side by side."""
    table = frame(record["scores"])
    rows = []
    for name in ("break", "reverting", "drift", "pool"):
        pair = [table.loc[f"{name}, {kind}"] for kind in ("equal", "learned")]
        label = "raw pool" if name == "pool" else NAMES[f"p_{name}"]
        skills = [plus(r["skill_in_sample"], r["skill_in_sample_error"]) for r in pair]
        rows.append([label, *skills, *(share(r["auc"]) for r in pair)])
    return markdown(["", "skill: equal", "learned", "AUC: equal", "learned"], rows)


def simulated(record: dict[str, Any]) -> list[str]:
    """Scores on simulated worlds."""
    rows = []
    sets = {
        "a random day of the spell": record["day"],
        **{f"of these, {k} rows old": v for k, v in record["ages"].items()},
        "first row of the spell": record["entry"],
        "regimes linked to volatility": record["linked"],
    }
    for label, rows_of in sets.items():
        table = frame(rows_of)
        for name in ("p_simulated", "p_raw"):
            r = table.loc[name]
            rows.append(
                [
                    label,
                    NAMES[name],
                    f"{r['n']:.0f}",
                    f"{100 * r['share']:.0f} %",
                    plus(r["skill_in_sample"], r["skill_in_sample_error"]),
                    share(r["auc"]),
                    f"{share(r['ece'])} ({share(r['ece_upper'])})",
                ]
            )
    return markdown(["", "", "n", "structural", "skill", "AUC", "ECE (band)"], rows)


def worlds(record: dict[str, Any]) -> list[str]:
    """What was said and what came, by world."""
    rows = [
        [str(name).replace("_", " "), *(f"{100 * r[c]:.0f} %" for c in columns)]
        for columns in [("structural", "p_simulated", "p_raw", "p_market")]
        for name, r in frame(record["worlds"]).iterrows()
    ]
    return markdown(["world", "came", "calibrated", "raw pool", "calibrated on markets"], rows)


def cross(real_record: dict[str, Any], simulated_record: dict[str, Any]) -> list[str]:
    """Each calibration on both kinds of outcomes."""
    market = frame(real_record["by_block"]["positive"])
    worlds_of = frame(simulated_record["day"])
    rows = []
    for label, on_market, on_worlds in (
        ("market", "p_structural", "p_market"),
        ("simulated", "p_simulated", "p_simulated"),
        ("none (raw pool)", "p_raw", "p_raw"),
    ):
        a, b = market.loc[on_market], worlds_of.loc[on_worlds]
        rows.append(
            [
                label,
                f"{plus(a['skill_in_sample'], a['skill_in_sample_error'])}, AUC {share(a['auc'])}, "
                f"ECE {share(a['ece'])}",
                f"{plus(b['skill_in_sample'], b['skill_in_sample_error'])}, AUC {share(b['auc'])}, "
                f"ECE {share(b['ece'])}",
            ]
        )
    return markdown(["calibrated on", "real divergences", "simulated divergences"], rows)


def vintages() -> list[str]:
    """Coefficients by vintage."""
    rows = [
        [
            str(v.before),
            f"{v.n_outcomes}",
            f"{100 * v.base_rate():.0f} %",
            *(f"{c:+.2f}" for c in v.coefficients.coefficients),
            f"{v.coefficients.prior_sd:g}",
        ]
        for v in shipped("market").vintages
    ]
    head = ["prices before", "outcomes", "structural", "c0", "c1 (pool)", "c2 (panel)", "prior sd"]
    return markdown(head, rows)


def verdicts(record: list[dict[str, Any]]) -> list[str]:
    """The verdicts on Ethereum and small caps by the vintage of their date."""
    rows = []
    for v in record:
        if v["p_structural"] is None:
            rows.append([v["as_of"], v["state"], "none", "", "", "", "", v["came"]])
            continue
        low, high = v["interval"]
        rows.append(
            [
                v["as_of"],
                v["state"],
                f"{100 * v['p_structural']:.0f} %",
                f"{100 * low:.0f} to {100 * high:.0f} %",
                f"{100 * v['p_raw']:.0f} %",
                f"{100 * v['base_rate']:.0f} %",
                v["record"],
                v["came"],
            ]
        )
    head = ["as of", "state", "structural", "interval", "raw", "base rate", "record", "what came"]
    return markdown(head, rows)


def diagram(curve: dict[str, Any], title: str, path: Path) -> None:
    """Draw a reliability diagram from its record."""
    table = pd.DataFrame(curve["curve"])
    table.attrs = curve["attrs"]
    axes = plot_reliability(table, histogram=pd.DataFrame(curve["histogram"]), title=title)
    save(axes.figure, path)


def main() -> None:
    """Run from the command line."""
    found, engine, said, learned = (
        json.loads((DOCS / "_results" / f"{name}.json").read_text())
        for name in ("real_record", "simulated_record", "verdicts", "hyper_priors")
    )
    text = PAGE.read_text()
    for name, rows in (
        ("real", real(found, "positive")),
        ("negative", real(found, "negative")),
        ("better", better(found)),
        ("blocks", blocks(found)),
        ("forward", forward(found)),
        ("ablation", ablation(found)),
        ("ages", ages(found)),
        ("states", states(found)),
        ("left-out", left_out(found)),
        ("hyper-priors", hyper_priors(learned)),
        ("simulated", simulated(engine)),
        ("worlds", worlds(engine)),
        ("cross", cross(found, engine)),
        ("vintages", vintages()),
        ("verdicts", verdicts(said)),
    ):
        text = fill(text, name, rows)
    PAGE.write_text(text)
    static = DOCS / "_static"
    for name, title in (("p_raw", "Raw pool"), ("p_structural", "Calibrated")):
        diagram(found["curves"][name], title, static / f"real_{name}.svg")
    for name, title in (("p_raw", "Raw pool"), ("p_simulated", "Calibrated")):
        diagram(engine["curves"][name], title, static / f"simulated_{name}.svg")


if __name__ == "__main__":
    main()
