"""How long divergences last, how they end, and whether old ones are less likely to end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import pandas as pd

from regimecorr.episodes.aft import AftFit, HazardTest, constant_hazard, fit_aft
from regimecorr.episodes.aft_likelihood import Family
from regimecorr.episodes.spells import WAYS, Spells, read_spells
from regimecorr.episodes.survival import (
    Array,
    MedianDuration,
    check_interval,
    cumulative_incidence,
    kaplan_meier,
    median_duration,
    survival_at,
)
from regimecorr.errors import DataError, EstimationError, ModelError
from regimecorr.formatting import MISSING, percent, plural

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Endings below which parametric figures are shown for completeness only. The standard error of
#: the log shape is sqrt(6) / pi / sqrt(endings) = 0.25 with ten.
MIN_ENDINGS = 10
_ROW = 1.0
_FAMILIES: tuple[Family, ...] = get_args(Family)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class DurationResult:
    """Durations of episodes, in rows.

    Attributes
    ----------
    n_episodes, n_censored : int
        Episodes used, and those among them whose end was not seen.
    n_recovered : int
        Episodes that ended because the short correlation recovered; the other ended ones saw their
        reference decay.
    survival : DataFrame
        Kaplan-Meier curve of still being divergent, see `kaplan_meier`.
    median : MedianDuration
        ``estimate``, ``lower``, ``upper``; infinite where the curve or its band does not come down
        to one half.
    at_horizons : DataFrame
        By ``horizon``: ``at_risk``, ``survival``, ``std_error``, ``lower``, ``upper``, and the
        incidences ``recovers`` and ``reference_decays``. NaN beyond the longest spell watched.
    aft : DataFrame
        By ``model`` (weibull, loglogistic): ``shape``, ``shape_std_error``, ``shape_lower``,
        ``shape_upper``, the same of ``scale``, ``loglikelihood``, ``aic``, and in the Weibull row
        ``lr`` and ``pvalue`` of a constant hazard. NaN where a model cannot be estimated; ``notes``
        says why.
    effects : DataFrame
        By ``model`` and ``covariate``: ``effect`` on log duration, ``std_error``, ``lower``,
        ``upper``, ``time_ratio``, ``pvalue``. Empty without covariates.
    incidence : DataFrame
        By ``time``: probability of having ended because the short correlation ``recovers`` or
        because the ``reference_decays``, with ``_std_error``, ``_lower`` and ``_upper``, see
        `cumulative_incidence`.
    delete_one : DataFrame
        One row an episode: its ``start``, ``rows``, ``ended``, and what the others say without it:
        ``survival_h`` for every horizon h, ``median`` and the Weibull ``shape``; NaN where they
        cannot tell.
    ci_prob : float
        Probability of every interval.
    notes : tuple of str
        What was left out, counted as censored, or not estimated, and why.
    """

    n_episodes: int
    n_censored: int
    n_recovered: int
    survival: pd.DataFrame
    median: MedianDuration
    at_horizons: pd.DataFrame
    aft: pd.DataFrame
    effects: pd.DataFrame
    incidence: pd.DataFrame
    delete_one: pd.DataFrame
    ci_prob: float
    notes: tuple[str, ...]

    @property
    def n_ended(self) -> int:
        """Episodes whose end was seen."""
        return self.n_episodes - self.n_censored

    @property
    def parametric(self) -> bool:
        """Whether enough episodes ended (ten) to read the parametric figures."""
        return self.n_ended >= MIN_ENDINGS

    def __repr__(self) -> str:
        return (
            f"<DurationResult: {plural(self.n_episodes, 'episode')}, {self.n_censored} censored, "
            f"median {_rows(self.median.estimate)} rows>"
        )

    def plot(self, *, forecast: pd.DataFrame | None = None, ax: Axes | None = None) -> Axes:
        """Draw how soon the episodes had recovered, beside a forecast if there is one.

        Parameters
        ----------
        forecast : DataFrame, optional
            That of a `Verdict`, with ``p_chart_resolved`` by row ahead.
        ax : Axes, optional
            Where to draw; default: a new figure.

        Returns
        -------
        Axes
        """
        from regimecorr.plotting.resolution import plot_resolution

        return plot_resolution(forecast, self.incidence, n_episodes=self.n_episodes, ax=ax)

    def summary(self) -> str:
        """Return the findings as text."""
        return _summary(self)


def episode_durations(
    episodes: pd.DataFrame,
    *,
    ci_prob: float = 0.95,
    horizons: Sequence[float] = (21, 63, 126, 252),
    covariates: Sequence[str] | None = None,
) -> DurationResult:
    """Estimate how long divergences last.

    Parameters
    ----------
    episodes : DataFrame
        From `find_episodes`, or several such frames below one another. Read are ``start``,
        ``rows``, ``censored``, ``resolved_into`` and, if present, ``rows_back``, ``provisional``,
        ``truncated`` and ``age``. "aligned" and "strained" mean that the short correlation
        recovered, "weak" that the reference decayed first (unless ``rows_back`` equals ``rows``:
        then the short correlation was back on that very row, which counts as recovered). An episode
        counts as censored if it is, if it is provisional (it may still go on), or if the state at
        its end is unreadable. ``age`` holds the rows that a spell had lasted before the first of
        its ``rows``: it then counts from that age only (left truncation) and lasted ``age + rows``
        in all. Without ``age``, truncated episodes are left out: nobody knows when they began.
    ci_prob : float, default 0.95
        Probability of intervals and bands.
    horizons : sequence of float, default (21, 63, 126, 252)
        Rows at which survival is read.
    covariates : sequence of str, optional
        Numeric columns of ``episodes``, known at the start, that durations may depend on.

    Returns
    -------
    DurationResult

    Raises
    ------
    DataError
        If there are no episodes, or a column is missing or cannot be used.
    ModelError
        If an option is outside its range.
    EstimationError
        If models with the covariates asked for cannot be estimated.

    Notes
    -----
    Intervals take episodes as independent; those of several pairs in the same months are not. In
    the parametric models a duration of r rows means an end in (r - 1, r].

    Examples
    --------
    >>> import regimecorr as rc
    >>> prices = rc.simulate("recurrent", n_obs=6000, rng=3).prices
    >>> result = rc.episode_durations(rc.find_episodes(prices))
    >>> result.n_episodes, result.n_censored, result.parametric
    (6, 0, False)
    >>> list(result.at_horizons.index)
    [21.0, 63.0, 126.0, 252.0]
    """
    check_interval(ci_prob)
    at = _check_horizons(horizons)
    spells, notes = read_spells(episodes, list(covariates or ()))
    curve = kaplan_meier(spells.time, spells.ended, entry=spells.age, ci_prob=ci_prob)
    incidence = cumulative_incidence(
        spells.time, spells.endings, names=WAYS, entry=spells.age, ci_prob=ci_prob
    )
    aft, effects, reasons = _parametric(spells, ci_prob)
    return DurationResult(
        n_episodes=spells.time.size,
        n_censored=int(np.sum(~spells.ended)),
        n_recovered=int(np.sum(spells.endings == WAYS[0])),
        survival=curve,
        median=median_duration(curve),
        at_horizons=_at_horizons(curve, incidence, at),
        aft=aft,
        effects=effects,
        incidence=incidence,
        delete_one=_delete_one(spells, at),
        ci_prob=ci_prob,
        notes=(*notes, *_early_zero(curve), *reasons),
    )


def _check_horizons(horizons: Sequence[float]) -> Array:
    at = np.atleast_1d(np.asarray(horizons, dtype=np.float64))
    if at.size == 0 or not np.all(np.isfinite(at) & (at > 0.0)):
        raise ModelError(f"horizons={horizons!r} must be positive numbers of rows, at least one.")
    return np.unique(at)


def _at_horizons(curve: pd.DataFrame, incidence: pd.DataFrame, at: Array) -> pd.DataFrame:
    out = survival_at(curve, at)
    last = np.searchsorted(incidence.index.to_numpy(dtype=np.float64), at, side="right") - 1
    for way in WAYS:
        out[way] = np.where(out["survival"].isna(), np.nan, incidence[way].to_numpy()[last])
    return out


def _early_zero(curve: pd.DataFrame) -> list[str]:
    """Say so if late entries leave the curve at zero while spells are still watched."""
    zero = curve.index[curve["survival"] == 0.0]
    if len(zero) and zero[0] < curve.index[-1]:
        return [
            f"The curve is 0 from {zero[0]:g} rows on although later spells were watched: all that "
            "were at risk then ended. Read it with care; truncated spells cause this."
        ]
    return []


_FIGURES = [
    *("shape", "shape_std_error", "shape_lower", "shape_upper"),
    *("scale", "scale_std_error", "scale_lower", "scale_upper"),
    *("loglikelihood", "aic", "lr", "pvalue"),
]


def _parametric(spells: Spells, ci_prob: float) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Frames of figures and effects, and reasons for what is missing."""
    index = pd.Index(_FAMILIES, name="model", dtype=object)
    figures = pd.DataFrame(np.nan, index=index, columns=_FIGURES)
    fits: dict[str, AftFit] = {}
    reasons: list[str] = []
    for family in _FAMILIES:
        try:
            fits[family] = _fit(spells, family, ci_prob)
            test = _test(spells) if family == "weibull" else None
        except EstimationError as error:
            if spells.covariates.shape[1]:
                raise
            reasons.append(f"No {family} model: {error}")
            continue
        figures.loc[family] = _figures(fits[family], test)
    return figures, _effects(fits), reasons


def _fit(spells: Spells, family: Family, ci_prob: float = 0.95) -> AftFit:
    return fit_aft(
        spells.time,
        spells.ended,
        family=family,
        covariates=spells.covariates,
        entry=spells.age,
        grid=_ROW,
        ci_prob=ci_prob,
    )


def _test(spells: Spells) -> HazardTest:
    return constant_hazard(
        spells.time, spells.ended, covariates=spells.covariates, entry=spells.age, grid=_ROW
    )


def _figures(fit: AftFit, test: HazardTest | None) -> list[float]:
    return [
        *(fit.shape, fit.shape_std_error, *fit.shape_interval),
        *(fit.scale, fit.scale_std_error, *fit.scale_interval),
        *(fit.loglikelihood, fit.aic),
        *((np.nan, np.nan) if test is None else (test.statistic, test.pvalue)),
    ]


def _effects(fits: dict[str, AftFit]) -> pd.DataFrame:
    columns = ["effect", "std_error", "lower", "upper", "time_ratio", "pvalue"]
    if not fits:
        index = pd.MultiIndex.from_arrays([[], []], names=["model", "covariate"])
        return pd.DataFrame(columns=columns, index=index, dtype=float)
    return pd.concat({name: fit.effects for name, fit in fits.items()}, names=["model"])


def _delete_one(spells: Spells, at: Array) -> pd.DataFrame:
    columns = [f"survival_{h:g}" for h in at]
    out = pd.DataFrame(
        {"start": spells.starts, "rows": spells.time - spells.age, "ended": spells.ended}
    )
    out[[*columns, "median", "shape"]] = np.nan
    for i in range(len(out) if len(out) > 1 else 0):
        others = spells.without(i)
        curve = kaplan_meier(others.time, others.ended, entry=others.age)
        out.loc[i, columns] = survival_at(curve, at)["survival"].to_numpy()
        out.loc[i, "median"] = median_duration(curve).estimate
        try:
            out.loc[i, "shape"] = _fit(others, "weibull").shape
        except (EstimationError, DataError):
            # Without this episode the shape has no estimate (or a covariate no variation): that is
            # what the missing value says.
            continue
    return out


def _rows(value: float) -> str:
    if np.isnan(value):
        return MISSING
    return "not reached" if np.isinf(value) else f"{value:.4g}"


def _bounds(lower: float, upper: float, write: Any) -> str:
    return f"[{write(lower)}, {write(upper)}]"


def _summary(result: DurationResult) -> str:
    decayed = result.n_ended - result.n_recovered
    lines = [
        f"Durations of {plural(result.n_episodes, 'episode')} in rows, intervals "
        f"{100 * result.ci_prob:g} %",
        f"  recovered {result.n_recovered}, reference decayed {decayed}, censored "
        f"{result.n_censored}",
        f"  median {_rows(result.median.estimate)} "
        f"{_bounds(result.median.lower, result.median.upper, _rows)}",
        "  rows   still divergent        recovers  reference decays  watched",
    ]
    for horizon, row in result.at_horizons.iterrows():
        band = _bounds(row["lower"], row["upper"], percent)
        lines.append(
            f"  {horizon:<6g} {percent(row['survival']):>4} {band:<17} {percent(row[WAYS[0]]):>8} "
            f"{percent(row[WAYS[1]]):>17} {row['at_risk']:>8.0f}"
        )
    if not result.parametric:
        lines.append(
            f"Only {plural(result.n_ended, 'episode')} ended, fewer than {MIN_ENDINGS}: the "
            "Kaplan-Meier curve is all that can be said. Parametric figures, if any, are shown for "
            "completeness."
        )
    lines += _parametric_lines(result)
    lines += _delete_one_line(result.delete_one)
    return "\n".join([*lines, *result.notes])


def _parametric_lines(result: DurationResult) -> list[str]:
    lines = []
    for model, row in result.aft.dropna(subset="shape").iterrows():
        shape_bounds = _bounds(row["shape_lower"], row["shape_upper"], _rows)
        scale_bounds = _bounds(row["scale_lower"], row["scale_upper"], _rows)
        lines.append(
            f"  {model:<12} shape {_rows(row['shape'])} {shape_bounds}, "
            f"scale {_rows(row['scale'])} {scale_bounds}, AIC {row['aic']:.1f}"
        )
    names = [f"{model} {name}" for model, name in result.effects.index]
    for name, (_, row) in zip(names, result.effects.iterrows(), strict=True):
        lines.append(
            f"  {name}: time ratio {row['time_ratio']:.3g} "
            f"{_bounds(np.exp(row['lower']), np.exp(row['upper']), _rows)}, p {row['pvalue']:.3f}"
        )
    shape, lr, pvalue = (float(result.aft[c].loc["weibull"]) for c in ("shape", "lr", "pvalue"))
    if np.isfinite(pvalue):
        reading = _reading(shape, pvalue < 1.0 - result.ci_prob)
        lines.append(
            f"Constant hazard (Weibull shape 1): likelihood ratio {lr:.2f}, p {pvalue:.3f}"
            + (f"; {reading}." if result.parametric else ".")
        )
    return lines


def _reading(shape: float, rejected: bool) -> str:
    if not rejected:
        return "older spells are neither more nor less likely to end, as far as these tell"
    kind = "less" if shape < 1.0 else "more"
    return f"the longer a spell has lasted, the {kind} likely it is to end"


def _delete_one_line(frame: pd.DataFrame) -> list[str]:
    if len(frame) < 2:
        return []
    parts = []
    for name in [c for c in frame.columns if c.startswith("survival_")]:
        low, high = frame[name].min(), frame[name].max()
        parts.append(f"{name.removeprefix('survival_')} rows {percent(low)} to {percent(high)}")
    text = "Without any one episode: still divergent after " + ", ".join(parts)
    if frame["shape"].notna().any():
        text += f"; Weibull shape {_rows(frame['shape'].min())} to {_rows(frame['shape'].max())}"
    return [text + "."]
