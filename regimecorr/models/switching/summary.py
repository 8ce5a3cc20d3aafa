"""The text of a regime model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from regimecorr.models.switching.result import SwitchingResult


def summarise(result: SwitchingResult, estimated: bool) -> str:
    """Estimates with their errors, regimes today and how long they last, likelihood, doubts."""
    heads = ", ".join(result.margins.names)
    lines = [f"{result.name}: {result.n_obs} returns of {heads}"]
    unknown = pd.Series(np.nan, index=[*result.params.index, *result.regimes])
    errors = result.std_errors if estimated else unknown
    lines.append(f"  {'':<18}{'estimate':>12}{'std error':>12}")
    for key in map(str, result.params.index):
        lines.append(f"  {key:<18}{result.params[key]:>12.5g}{_known(float(errors[key])):>12}")
    spread = result.duration_std_errors if estimated else unknown
    lines.append(f"  {'regime':<18}{'today':>12}{'lasts':>12}{'std error':>12}{'share':>12}")
    today = result.filtered_probabilities.iloc[-1]
    share = result.smoothed_probabilities.mean()
    for name in result.regimes:
        lines.append(
            f"  {name:<18}{today[name]:>12.3f}{result.expected_durations[name]:>12.5g}"
            f"{_known(float(spread[name])):>12}{share[name]:>12.3f}"
        )
    lines.append(f"  log-likelihood {result.loglikelihood:.3f} (joint)")
    lines.append(
        f"  correlation stage {result.correlation_loglikelihood:.3f}, AIC {result.aic:.3f}, BIC "
        f"{result.bic:.3f}, ICL {result.icl:.3f}"
    )
    if estimated:
        report = result.convergence
        agree = f"{report['agree']} of {report['starts']} starts agree"
        lines.append(f"  {'converged' if result.converged else 'NOT converged'}; {agree}")
    if result.message:
        lines.append(f"  {result.message}")
    return "\n".join(lines)


def _known(value: float) -> str:
    return f"{value:.4g}" if np.isfinite(value) else "-"
