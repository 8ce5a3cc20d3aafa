"""The text that a fitted dynamic conditional correlation prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from regimecorr.models.dcc.result import DCCResult

_TITLES = {"ccc": "CCC", "dcc": "DCC", "cdcc": "cDCC", "adcc": "ADCC"}


def summarise(result: DCCResult) -> str:
    """Both stages, likelihood and convergence as plain text."""
    layout = result.dynamics.layout
    order = "" if result.name == "ccc" else f"({layout.p}, {layout.q})"
    errors = "multivariate t" if layout.heavy else "normal"
    lines = [
        f"{_TITLES[result.name]}{order}, {errors} errors: {result.n_obs} returns of "
        f"{' and '.join(result.names) if len(result.names) < 6 else f'{len(result.names)} assets'}",
        "",
        "Margins (robust standard errors)",
        *_margins(result),
        "",
        "Correlation",
        *_second_stage(result),
        *_target(result),
        "",
        f"Log-likelihood  {result.loglikelihood:14.3f}   (correlation stage "
        f"{result.correlation_loglikelihood:.3f})",
    ]
    if not np.isnan(result.composite_loglikelihood):
        lines.append(
            f"Composite       {result.composite_loglikelihood:14.3f}   "
            f"({len(result.dynamics.pairs)} pairs, what was maximised)"  # type: ignore[arg-type]
        )
    if result._estimate is not None:
        lines.append(
            f"AIC             {result.aic:14.3f}   BIC {result.bic:.3f}   "
            f"({result.n_params} parameters)"
        )
        report = result.convergence
        lines.append(
            f"Starts          {report['starts']:>14}   {report['followed']} followed, "
            f"{report['agree']} agree; gradient norm {report['gradient_norm']:.1e}"
        )
    lines.append("Converged" if result.converged else "NOT converged")
    if result.message:
        lines.append(result.message)
    return "\n".join(lines)


def _cell(value: float) -> str:
    return f"{'':>11}" if np.isnan(value) else f"{value:11.5g}"


def _margins(result: DCCResult) -> list[str]:
    margins = result.margins
    if margins.n_params == 0:
        return ["  none: the returns are standardized residuals"]
    frame = margins.params.replace([np.inf], np.nan)
    frame = frame.loc[:, [c for c in frame if any(c in leg.estimated for leg in margins.legs)]]
    errors = margins.std_errors
    width = max(len(name) for name in margins.names)
    lines = [f"  {'':<{width}}" + "".join(f"{c:>11}" for c in frame)]
    for leg in margins.legs[:20]:
        known = leg.estimated.reindex(frame.columns)
        lines.append(f"  {leg.name:<{width}}" + "".join(_cell(v) for v in known))
        spread = (float(errors[column][leg.name]) for column in frame)
        lines.append(f"  {'':<{width}}" + "".join(_bracketed(v) for v in spread))
    held = [f"{leg.name}: {', '.join(leg.bounds_hit)}" for leg in margins.legs if leg.bounds_hit]
    if held:
        lines.append(f"  held by a bound, without standard error: {'; '.join(held)}")
    if len(margins.legs) > 20:
        lines.append(f"  ... and {len(margins.legs) - 20} more")
    return lines


def _bracketed(value: float) -> str:
    return f"{'':>11}" if np.isnan(value) else f"{f'({value:.4g})':>11}"


def _second_stage(result: DCCResult) -> list[str]:
    if result.params.empty:
        return ["  no dynamic parameters"]
    if result._inference is None:
        named = zip(result.dynamics.layout.names, result.params.to_numpy(), strict=True)
        return [f"  {name:<4}{value:11.6g}   (given)" for name, value in named]
    table = pd.DataFrame({"estimate": result.params})
    table["two-step"] = result.standard_errors("two-step")
    table["three-stage"] = result.standard_errors("three-stage")
    lines = [f"  {'':<4}{'estimate':>11}{'two-step SE':>14}{'three-stage SE':>16}"]
    for name, row in zip(result.dynamics.layout.names, table.to_numpy(), strict=True):
        two, three = ("held" if np.isnan(v) else f"{v:.4g}" for v in row[1:])
        lines.append(f"  {name:<4}{row[0]:11.6g}{two:>14}{three:>16}")
    return lines


def _target(result: DCCResult) -> list[str]:
    names = result.names
    if len(names) == 2:
        value = float(result.target.to_numpy()[0, 1])
        text = f"  target correlation {value:.4f}"
        if result._inference is not None and result.dynamics.given is None:
            text += f" ({float(result.target_std_errors.to_numpy()[0, 1]):.4f})"
        return [text]
    off = result.target.to_numpy()[np.triu_indices(len(names), 1)]
    return [f"  target correlations from {off.min():.3f} to {off.max():.3f}, mean {off.mean():.3f}"]
