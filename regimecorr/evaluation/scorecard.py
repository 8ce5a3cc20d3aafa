"""Forecasters side by side: every score, beside the base rates and the rivals they must beat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from regimecorr.errors import ModelError
from regimecorr.evaluation.base_rates import EMBARGO_DAYS, fold_base_rate, known_base_rate
from regimecorr.evaluation.binned import calibration_error
from regimecorr.evaluation.blocks import Estimate, calendar_blocks
from regimecorr.evaluation.checks import check_ci_prob
from regimecorr.evaluation.comparison import diebold_mariano
from regimecorr.evaluation.ranking import auc_estimate
from regimecorr.evaluation.scores import brier_skill, corp_decomposition, log_score
from regimecorr.models.base import Array, RandomState, check_count

_BUILT_IN = ("in_sample", "known", "folds")


@dataclass(frozen=True, slots=True)
class _Setting:
    """What is the same for every forecaster."""

    outcome: Array
    blocks: npt.NDArray[np.generic]
    references: Mapping[str, Array | None]
    rivals: Mapping[str, Array]
    n_boot: int
    seed: int
    ci_prob: float

    def rng(self, purpose: int) -> np.random.Generator:
        """Own draws for each purpose: no row depends on which others there are."""
        return np.random.default_rng([self.seed, purpose])


def score_table(
    frame: pd.DataFrame,
    forecasters: Sequence[str],
    *,
    outcome: str = "structural",
    date: str = "date",
    matured: str = "matured",
    references: Sequence[str] = ("in_sample", "known"),
    fold: str | None = None,
    embargo_days: int = EMBARGO_DAYS,
    against: Sequence[str] = (),
    by: str | int = "year",
    n_boot: int = 2000,
    rng: RandomState = 0,
    ci_prob: float = 0.95,
) -> pd.DataFrame:
    """Score forecasters on past forecasts whose outcomes are known.

    A forecaster is scored on the rows where it has a forecast and the outcome has matured; a
    comparison takes the rows that both have. All counts stand in the table.

    Parameters
    ----------
    frame : DataFrame
        One row per forecast.
    forecasters : sequence of str
        Columns of probabilities of the outcome 1; NaN: no forecast.
    outcome : str, default "structural"
        Column of 0 and 1 (or booleans); missing: not matured.
    date, matured : str, default "date", "matured"
        Columns of the date of forecast and the date when its outcome was known. ``matured`` is
        only read for the base rates "known" and "folds".
    references : sequence of str, default ("in_sample", "known")
        Base rates for the skill: "in_sample", the rate of the rows scored, taken anew in every
        resample; "known", that of outcomes matured before the date, see `known_base_rate`; "folds",
        that of the training folds, see `fold_base_rate`; or columns of probabilities.
    fold : str, optional
        Column of fold labels, for "folds".
    embargo_days : int, default 365
        Days between a fold and its training forecasts, for "folds".
    against : sequence of str
        Columns of rivals for Diebold and Mariano's test of Brier scores by calendar block.
    by : str or int, default "year"
        Blocks of the bootstrap: calendar years, an integer number of years, or a column of labels
        (episode, cluster).
    n_boot : int, default 2000
        Resamples of blocks, and simulated perfect forecasters.
    rng : int, Generator or None, default 0
        Seed or generator. The same seed gives a forecaster the same figures whatever other columns
        are scored.
    ci_prob : float, default 0.95
        Mass of the intervals, and below the upper end of the calibration error's band.

    Returns
    -------
    DataFrame
        Index ``forecaster``. ``n``, ``missing`` (matured rows without a forecast), ``n_blocks``,
        ``share`` of outcomes 1, ``mean_p``, ``brier``, ``miscalibration`` and ``discrimination``
        (CORP), ``log_score``, ``auc``, ``ece`` with ``ece_median``, ``ece_upper`` and
        ``ece_pvalue`` of a perfect forecaster and ``ece_block_upper`` of one with clustered
        outcomes; per reference ``skill_<name>``; per rival ``versus_<name>`` (its Brier score is
        larger if negative) with ``p_versus_<name>``. AUC, skills and differences have ``_error``,
        ``_low`` and ``_high``, skills and differences ``_n``. ``note`` says why a figure is NaN.

    Raises
    ------
    ModelError
        If a column is absent, a probability or outcome is none, or no outcome has matured.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from regimecorr.evaluation.scorecard import score_table
    >>> rng = np.random.default_rng(0)
    >>> made = pd.date_range("2001-01-05", periods=300, freq="2W")
    >>> p = rng.beta(4, 6, 300)
    >>> past = pd.DataFrame({"date": made, "matured": made + pd.Timedelta(days=366), "pool": p,
    ...     "transient": 0.0, "structural": rng.random(300) < p})
    >>> table = score_table(past, ["pool", "transient"], against=["transient"], n_boot=199)
    >>> bool(table.loc["pool", "p_versus_transient"] < 0.01)
    True
    """
    check_count("n_boot", n_boot, 99)
    check_ci_prob(ci_prob)
    own = [name for name in references if name not in _BUILT_IN]
    _require(frame, [*forecasters, outcome, date, *own, *against])
    if not len(forecasters):
        raise ModelError("forecasters is empty; name at least one column of probabilities.")
    came = _numbers(frame, outcome)
    if not np.isfinite(came).any():
        raise ModelError(f"No outcome in column {outcome!r} has matured; nothing can be scored.")
    setting = _Setting(
        came,
        _blocks(frame, date, by),
        _references(frame, came, references, date, matured, fold, embargo_days),
        {name: _numbers(frame, name) for name in against},
        n_boot,
        int(np.random.default_rng(rng).integers(2**63)),
        ci_prob,
    )
    rows = [_row(name, _numbers(frame, name), setting) for name in forecasters]
    table = pd.DataFrame(rows, index=pd.Index(list(forecasters), name="forecaster"))
    table.attrs = {
        "n_rows": len(frame),
        "n_matured": int(np.isfinite(came).sum()),
        "by": by,
        "n_boot": n_boot,
        "ci_prob": ci_prob,
    }
    return table


def _row(name: str, p: Array, setting: _Setting) -> dict[str, object]:
    y, blocks = setting.outcome, setting.blocks
    kept = np.isfinite(p) & np.isfinite(y)
    n = int(kept.sum())
    row: dict[str, object] = {"n": n, "missing": int(np.isfinite(y).sum()) - n}
    if not n:
        return {**row, "note": "no forecast with a known outcome"}
    notes: list[str] = []
    parts = corp_decomposition(p[kept], y[kept])
    error = calibration_error(
        p[kept],
        y[kept],
        blocks=blocks[kept],
        n_sim=setting.n_boot,
        rng=setting.rng(0),
        ci_prob=setting.ci_prob,
    )
    area = auc_estimate(
        p[kept],
        y[kept],
        blocks=blocks[kept],
        n_boot=setting.n_boot,
        rng=setting.rng(1),
        ci_prob=setting.ci_prob,
    )
    row |= {
        "n_blocks": np.unique(blocks[kept]).size,
        "share": float(y[kept].mean()),
        "mean_p": float(p[kept].mean()),
        "brier": parts.brier,
        "miscalibration": parts.miscalibration,
        "discrimination": parts.discrimination,
        "log_score": log_score(p[kept], y[kept]),
        **_figures("auc", area, notes),
        "ece": error.value,
        "ece_median": error.median,
        "ece_upper": error.upper,
        "ece_pvalue": error.pvalue,
        "ece_block_upper": error.block_upper,
    }
    row |= _skills(p, kept, setting, notes)
    row |= _comparisons(name, p, kept, setting, notes)
    return {**row, "note": "; ".join(dict.fromkeys(notes))}


def _skills(
    p: Array, kept: npt.NDArray[np.bool_], setting: _Setting, notes: list[str]
) -> dict[str, object]:
    out: dict[str, object] = {}
    for i, (name, reference) in enumerate(setting.references.items()):
        both = kept if reference is None else kept & np.isfinite(reference)
        if both.any():
            skill = brier_skill(
                p[both],
                setting.outcome[both],
                None if reference is None else reference[both],
                blocks=setting.blocks[both],
                n_boot=setting.n_boot,
                rng=setting.rng(2 + i),
                ci_prob=setting.ci_prob,
            )
        else:
            skill = Estimate(float("nan"), reason="no reference is known")
        out |= _figures(f"skill_{name}", skill, notes)
        out[f"skill_{name}_n"] = int(both.sum())
    return out


def _comparisons(
    name: str, p: Array, kept: npt.NDArray[np.bool_], setting: _Setting, notes: list[str]
) -> dict[str, object]:
    """Difference of Brier scores from every rival; none from itself."""
    out: dict[str, object] = {}
    for rival, q in setting.rivals.items():
        both, key = kept & np.isfinite(q), f"versus_{rival}"
        if rival == name or both.sum() < 2:
            if rival != name:
                notes.append(f"{key}: {int(both.sum())} common rows")
            out |= _figures(key, Estimate(float("nan")), notes)
            out |= {f"{key}_n": int(both.sum()), f"p_{key}": float("nan")}
            continue
        y = setting.outcome[both]
        test = diebold_mariano(
            (p[both] - y) ** 2,
            (q[both] - y) ** 2,
            blocks=setting.blocks[both],
            n_boot=setting.n_boot,
            rng=setting.rng(1000),
            ci_prob=setting.ci_prob,
        )
        found = Estimate(test.mean_difference, test.error, test.lower, test.upper, test.reason)
        out |= _figures(key, found, notes)
        out |= {f"{key}_n": test.n_obs, f"p_{key}": test.pvalue}
    return out


def _figures(name: str, found: Estimate, notes: list[str]) -> dict[str, object]:
    if found.reason:
        notes.append(f"{name}: {found.reason}")
    return {
        name: found.value,
        f"{name}_error": found.error,
        f"{name}_low": found.lower,
        f"{name}_high": found.upper,
    }


def _references(
    frame: pd.DataFrame,
    came: Array,
    references: Sequence[str],
    date: str,
    matured: str,
    fold: str | None,
    embargo_days: int,
) -> dict[str, Array | None]:
    """Probabilities by reference; None: the base rate of the rows scored."""
    out: dict[str, Array | None] = {}
    for name in references:
        if name == "in_sample":
            out[name] = None
        elif name == "known":
            _require(frame, [matured])
            out[name] = known_base_rate(came, frame[date], frame[matured])
        elif name == "folds":
            if fold is None:
                raise ModelError('The reference "folds" needs fold=, the column of fold labels.')
            _require(frame, [matured, fold])
            out[name] = fold_base_rate(
                came, frame[date], frame[matured], frame[fold].to_numpy(), embargo_days=embargo_days
            )
        else:
            out[name] = _numbers(frame, name)
    return out


def _blocks(frame: pd.DataFrame, date: str, by: str | int) -> npt.NDArray[np.generic]:
    if by == "year" or isinstance(by, int):
        return calendar_blocks(frame[date], 1 if isinstance(by, str) else by)
    _require(frame, [by])
    if frame[by].isna().any():
        raise ModelError(f"Column {by!r} has missing labels; every forecast needs a block.")
    return np.asarray(pd.factorize(frame[by])[0])


def _numbers(frame: pd.DataFrame, column: str) -> Array:
    if pd.api.types.is_datetime64_any_dtype(frame[column]):
        raise ModelError(f"Column {column!r} must hold numbers, not dates.")
    try:
        return np.asarray(frame[column].to_numpy(dtype=float, na_value=np.nan))
    except (TypeError, ValueError) as error:
        raise ModelError(f"Column {column!r} must hold numbers: {error}.") from error


def _require(frame: pd.DataFrame, columns: Sequence[str]) -> None:
    absent = [name for name in columns if name not in frame.columns]
    if absent:
        raise ModelError(f"Columns {absent} are absent; there are {list(frame.columns)}.")
