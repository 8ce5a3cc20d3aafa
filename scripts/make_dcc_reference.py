"""Compare the DCC family with other software on S&P 500 and WTI, for docs/validation.md.

    python scripts/make_dcc_reference.py
    python scripts/make_validation.py

The numbers of rmgarch, tsmarch, pymgarch and the exact optima are those of tests/reference/data;
tests/reference/test_dcc.py asserts what this script records in docs/_results/dcc_reference.json.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

import regimecorr as rc
from regimecorr.models._garch_fit import Margin
from regimecorr.models.margins import MarginsResult

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "tests" / "reference" / "data"
RESULTS = ROOT / "docs" / "_results" / "dcc_reference.json"
MODELS = {
    "dcc_mvn": ("DCC, normal", {}),
    "dcc_mvt": ("DCC, t", {"dist": "t"}),
    "adcc_mvn": ("ADCC, normal", {"variant": "adcc", "asymmetry_target": "centred"}),
}
THEIRS = {"a": "[Joint]dcca1", "b": "[Joint]dccb1", "g": "[Joint]dccg1", "nu": "[Joint]mshape"}


def load(name: str) -> dict:
    """Numbers of one package."""
    return json.loads((DATA / f"{name}_sp500_wti.json").read_text())


def returns() -> pd.DataFrame:
    """Returns in percent of the prices that arch ships."""
    prices = rc.datasets.load_spx_wti()
    return 100 * np.log(prices).diff().dropna()


def rugarch_margins(frame: pd.DataFrame, fits: list[dict]) -> MarginsResult:
    """Margins at given parameters under rugarch's rule: h_1 is the mean squared residual."""
    legs = []
    for name, fit in zip(frame, fits, strict=True):
        alpha, beta = fit.get("alpha1", fit.get("alpha")), fit.get("beta1", fit.get("beta"))
        theta = np.array([fit["mu"], fit["omega"], alpha, 0.0, beta, np.inf])
        series = np.ascontiguousarray(frame[name].to_numpy())
        backcast = (np.mean((series - theta[0]) ** 2) - theta[1]) / (alpha + beta)
        legs.append(Margin(str(name), "GARCH", series, theta, (0, 1, 2, 4), np.eye(4), backcast))
    return MarginsResult(frame, tuple(legs))


def line(model: str, against: str, theirs: float, ours: float, worst: float, errors: str) -> dict:
    """One row of the table."""
    return {
        "model": model,
        "against": against,
        "theirs": theirs,
        "difference": ours - theirs,
        "parameters": worst,
        "standard errors": errors,
    }


def furthest(found: pd.Series, expected: list[float]) -> float:
    """Largest relative difference."""
    return float(np.abs(found.to_numpy() / np.array(expected) - 1.0).max())


def errors_text(found: pd.Series, expected: list[float]) -> str:
    """How far standard errors are from others."""
    return f"within {100 * furthest(found, expected):.1f} %"


def main() -> None:
    """Run from the command line."""
    frame = returns()
    rmgarch, exact, pymgarch = load("rmgarch"), load("exact"), load("pymgarch")
    theirs = rugarch_margins(frame, [f["coef"] for f in rmgarch["univariate"]["fits"]])
    precise = rugarch_margins(frame, exact["sp500_wti"]["univariate"])
    rows = []
    for key, (title, options) in MODELS.items():
        block = rmgarch[key]
        known = {mine: block["dcc"][name] for mine, name in THEIRS.items() if name in block["dcc"]}
        spec = rc.DCC(**options, presample="rmgarch", target="covariance")
        at = spec.filter(frame, known, margins=theirs)
        fitted = spec.fit(frame, margins=theirs)
        two_step = [block["se_two_step_correct_transpose"][THEIRS[k]] for k in known]
        rows.append(
            line(
                title,
                "rmgarch 1.4-2, at its parameters",
                block["loglik"],
                at.loglikelihood,
                0.0,
                errors_text(fitted.standard_errors("two-step", lags=0), two_step),
            )
        )
        for presample in ("zeros", "ones"):
            best = exact["sp500_wti"][f"{key}_z0_{int(presample == 'ones')}"]
            fitted = rc.DCC(**options, presample=presample, target="covariance").fit(
                frame, margins=precise
            )
            worst = furthest(fitted.params, [best[k] for k in fitted.params.index])
            against = f"exact optimum, z0 = {presample}"
            rows.append(line(title, against, best["loglik"], fitted.loglikelihood, worst, ""))
    best = exact["sp500_wti_cdcc"]
    fitted = rc.DCC(variant="cdcc").fit(frame, margins=theirs)
    shift = -exact["sp500_wti"]["sum_univ_ll"] - rmgarch["dcc_mvn"]["sum_univ_loglik"]
    worst = furthest(fitted.params, [best["a"], best["b"]])
    ours = fitted.loglikelihood - shift
    rows.append(line("cDCC, normal", "exact optimum", best["loglik"], ours, worst, ""))
    peers = [("dcc_mvn", {}), ("dcc_mvt", {"dist": "t"}), ("adcc_mvn", {"variant": "adcc"})]
    for key, options in peers:
        block = pymgarch[f"pymgarch_sp500_wti_{key}"]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fitted = rc.DCC(**options).fit(frame)
        title = MODELS[key][0]
        if key == "adcc_mvn":
            title += ", on the bound"
        worst = furthest(fitted.params, list(block["params"].values()))
        errors = "it has none"
        if block["se"]:
            errors = errors_text(fitted.standard_errors("two-step", lags=0), block["se"])
        rows.append(
            line(title, "pymgarch 0.6.0", block["loglik"], fitted.loglikelihood, worst, errors)
        )
    RESULTS.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    print(pd.DataFrame(rows).to_string())


if __name__ == "__main__":
    main()
