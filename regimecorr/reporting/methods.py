"""How a verdict was made, with its settings, and where its prices come from."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import pandas as pd

from regimecorr import __version__
from regimecorr.data.provenance import fingerprint
from regimecorr.events import WEAK_REFERENCE
from regimecorr.formatting import day, percent, plural
from regimecorr.reporting.answer import scale_sentence
from regimecorr.reporting.facts import BASIS_WORDS, fresh_window, members

if TYPE_CHECKING:
    from regimecorr.inference.claims.trial import ClaimsTable
    from regimecorr.verdict import Verdict

#: Each member's equation in words.
MEMBER_WORDS = {
    "constant": "one correlation for all rows; its posterior is exact, by quadrature",
    "dcc": "DCC(1,1) with t errors: tomorrow's correlation is the average one, pulled by today's "
    "shocks and by its own last value, maximum likelihood",
    "reverting": "the Fisher z of the correlation is a walk that returns to a mean, half-lives "
    "averaged over a declared grid",
    "switching": "a hidden Markov chain switches between levels of correlation",
    "break": "every row the level survives, or with a small hazard is replaced for good by a new "
    "one; hazards averaged over a declared grid",
    "drift": "the Fisher z of the correlation is a random walk",
    "change_point": "sampled change points between levels that do not come back",
    "nesting": "a sampled chain of a transient low, the normal level and a new normal",
}
#: What computes, beside this package; the versions stand in every report.
LIBRARIES = ("numpy", "scipy", "pandas", "numba", "arch", "scikit-learn", "matplotlib")


def methods(v: Verdict, claims: ClaimsTable | None = None) -> list[tuple[str, str]]:
    """Return how the verdict was made: keyword and paragraph.

    Parameters
    ----------
    v : Verdict
        The verdict.
    claims : ClaimsTable or None
        The trial in the report.

    Returns
    -------
    list of (str, str)
    """
    told = [
        ("Question", _question(v)),
        ("Margins", "Each asset has a GARCH(1,1) variance of its own returns, known the row "
         "before; the models of correlation see returns divided by its root, and simulated futures "
         "go back through it."),
        *((f"Model: {name}", MEMBER_WORDS[str(name)]) for name in members(v).index
          if str(name) in MEMBER_WORDS),
        ("Weights", _weights(v)),
        ("Futures", f"{v.settings['n_paths']:,} futures of each model, {v.settings['horizon']} "
         "rows long, with drawn parameters and states; a model's probability is the share of its "
         "futures that are structural."),
        ("Calibration", _calibration(v)),
        ("Interval", "5% and 95% quantiles of 200 draws of a model by its weight, with its "
         "parameters"
         + (", the coefficients and the panel forecaster" if v.calibrated else "")
         + "; Monte-Carlo variance removed."),
        ("Level audit", f"The chart of price levels is read off {v.levels.n_boot} histories in "
         "which each asset's returns are block-bootstrapped on their own, so that nothing "
         "ties them together."),
        ("Words", f"Probabilities in words: {scale_sentence()}."),
        ("Seed", _seed(v)),
        ("Versions", _versions()),
    ]  # fmt: skip
    if claims is not None:
        told.insert(-3, ("Claims", _claims(claims)))
    return [(key, text) for key, text in told if text]


def provenance(v: Verdict) -> list[tuple[str, str]]:
    """Return where the prices come from and what was done to them: keyword and paragraph."""
    origin, report = v.data.get("provenance", {}), v.data.get("alignment", {})
    index = v.prices.index
    told = [
        ("Source", _source(origin)),
        ("Simulated", "Yes: these are no market prices." if v.data.get("simulated")
         else "Not marked as simulated."),
        ("Dates", f"{day(index[0])} to {day(index[-1])}, {plural(len(index), 'common price')}; "
         "later rows were not used."),
        ("Dropped rows", _dropped(report)),
        ("Longest gap", f"{report['longest_gap_days']} days, to {report['longest_gap_end']}"
         if report else ""),
        ("Unchanged prices", _stale(v, report)),
        ("What was done", "; ".join(map(str, origin.get("notes", ())))),
        ("SHA-256 of the prices used", fingerprint(v.prices)),
        ("SHA-256 of the source", str(origin.get("source_sha256", ""))),
    ]  # fmt: skip
    return [(key, text) for key, text in told if text]


def settings(v: Verdict) -> list[tuple[str, str]]:
    """Return everything recorded about data and call: item and value."""
    parts = {name: v.data.get(name, {}) for name in ("provenance", "alignment")}
    rest = {name: value for name, value in v.data.items() if name not in parts}
    return [
        *(
            (f"{part}: {key}", _plain(value))
            for part in parts
            for key, value in parts[part].items()
        ),
        *((key, _plain(value)) for key, value in rest.items()),
        *((f"setting: {key}", _plain(value)) for key, value in v.settings.items()),
    ]


def _question(v: Verdict) -> str:
    s, window = v.settings, fresh_window(v)
    return (
        f"Log returns on common days; correlations of {BASIS_WORDS[v.basis]} (Pearson) over "
        f"{s['short_window']} rows, and over the {s['long_window']} rows before those (the "
        f"reference; at least {WEAK_REFERENCE:g} in size). Structural: the correlation of rows "
        f"{window.first} to {window.last} ahead is on the diverged side of the midpoint, which is "
        "frozen today."
    )


def _weights(v: Verdict) -> str:
    prior = v.settings.get("family_prior")
    how = "all families alike" if prior is None else f"by family {_plain(prior)}"
    score = (
        "the log marginal likelihood of the posterior"
        if v.settings["method"] == "bayes"
        else "the log marginal likelihood where it is exact, else the maximised log-likelihood "
        "less half the number of parameters times the log of the rows"
    )
    return f"In proportion to prior ({how}) times exp(score); the score is {score}."


def _calibration(v: Verdict) -> str:
    if not v.calibrated:
        why = v.models["reason"]["panel"]
        return f"None: {why}." if why else ""
    return (
        f"Calibration {v.settings['calibration']!r}, learned from {v.models['note']['panel']}: "
        f"{v.models['note']['final']}, where pool is what the models above say and panel what "
        f"a regression over the past of many pairs says. The label is transient below "
        f"{percent(v.settings['thresholds'][0])} and structural above "
        f"{percent(v.settings['thresholds'][1])}."
    )


def _seed(v: Verdict) -> str:
    seed = v.settings.get("rng")
    return "Not recorded (a generator was passed)." if seed is None else f"{seed}"


def _versions() -> str:
    known = [f"regimecorr {__version__}", f"Python {platform.python_version()}"]
    return ", ".join([*known, *(f"{name} {version(name)}" for name in LIBRARIES)]) + "."


def _claims(claims: ClaimsTable) -> str:
    o = claims.options
    more = [f"{role} {o[role]}" for role in ("peer", "market") if o.get(role)]
    return (
        f"{plural(len(claims.table), 'claim')}, each by its own test; {o['n_boot']} bootstrap "
        "samples and histories; p-values adjusted over the family by Romano and Wolf's stepdown"
        + (f"; with {' and '.join(more)}." if more else ".")
    )


def _source(origin: Mapping[str, Any]) -> str:
    parts = [str(origin.get("source", "unknown source"))]
    if origin.get("kind"):
        parts.append(f"({origin['kind']})")
    if origin.get("description"):
        parts.append(f": {origin['description']}")
    return " ".join(parts).replace(" :", ":")


def _dropped(report: Mapping[str, Any]) -> str:
    if not report:
        return ""
    return (
        f"{report['dropped_asset']:,} of {report['asset']} alone and "
        f"{report['dropped_benchmark']:,} of {report['benchmark']} alone; "
        f"{report['weekend_moves_cumulated']:,} returns cover dropped days (mostly weekends)."
    )


def _stale(v: Verdict, report: Mapping[str, Any]) -> str:
    runs = [
        f"{name} {plural(report[leg]['rows'], 'row')} to {report[leg]['end']}"
        for name, leg in ((v.asset, "stale_asset"), (v.benchmark, "stale_benchmark"))
        if report and report[leg]["rows"]
    ]
    return f"Longest run: {', '.join(runs)}." if runs else ""


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return "n/a" if pd.isna(value) else f"{value:.6g}"
    if isinstance(value, dict):
        return json.dumps(value, default=str, ensure_ascii=False)
    if isinstance(value, Iterable) and not isinstance(value, str):
        return ", ".join(_plain(item) for item in value)
    return "none" if value is None else str(value)
