"""The judgement of a claim: the observed record beside that of every world, and the verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import pandas as pd

from regimecorr.episodes.survival import kaplan_meier
from regimecorr.inference.contrast import (
    likelihood_ratios,
    power_table,
    rank_pvalue,
    record_pvalue,
)
from regimecorr.inference.proportions import Proportion, proportion
from regimecorr.inference.trial import Criterion, Episodes
from regimecorr.models.base import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ClaimVerdict: TypeAlias = Literal["supported", "contradicted", "uninformative"]
#: Below this power, or between these likelihood ratios, a record says nothing.
LEAST_POWER = 0.5
RATIO_BAND = (1.0 / 3.0, 3.0)
LEVEL = 0.05


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ClaimTrial:
    """A claim that divergences resolve, beside what every world would show.

    Attributes
    ----------
    observed : Series
        The chart's record: ``episodes``, ``episodes_per_year``, ``matured`` (the horizon has
        passed), ``resolved`` of them by the criterion, ``resolved_chart``, ``resolved_fresh``,
        ``share_resolved``, ``median_rows`` until the short correlation was back.
    worlds : DataFrame
        By world: ``episodes_per_year``; ``matured_per_year``; ``without``, the share of histories
        without a matured episode; ``resolved_chart`` and ``resolved_fresh``, shares of matured
        episodes; ``turned``, the share in which the long correlation fell below zero within the
        horizon; ``median_rows``; ``all_of_k``, the chance that as many episodes as observed all
        resolve, taken as independent; and where the observed record falls among the histories, as
        two-sided p-values ``p_episodes``, ``p_resolved``, ``p_rows`` of its figures and
        ``p_record`` of all three together (`record_pvalue`).
    likelihood_ratios : DataFrame
        Of the observed record (how many of the matured resolved, taken as independent), world of
        the row over world of the column.
    power : DataFrame
        Chance that the share of resolved episodes rejects the world of the row, at the level of
        5 %, when that of the column is true; with a grid, the share at the most favourable choice.
    contrast : tuple of str
        The world of the claim (nothing changed) and its rival (a permanent break).
    verdict : {"supported", "contradicted", "uninformative"}
        See `reason`.
    reason : str
        Why.
    record : Proportion or None
        Exact and Bayesian intervals of the observed share; None without a matured episode.
    survival : dict of DataFrame
        Kaplan-Meier curve of the rows until the short correlation was back, observed and by world.
    grid : DataFrame or None
        With a grid: by choice of thresholds and windows the observed record and each world's share
        of resolved episodes; its last row holds the best choice, chosen anew in every history.
    statistics : dict of DataFrame
        By world, of every history (n_boot rows): ``share_resolved`` (NaN without a matured
        episode), ``episodes_per_year``, ``median_rows``.
    options : dict
        What was asked.
    replayed : ClaimTrial or None
        The same histories read with the second pair of windows.
    """

    observed: pd.Series
    worlds: pd.DataFrame
    likelihood_ratios: pd.DataFrame
    power: pd.DataFrame
    contrast: tuple[str, str]
    verdict: ClaimVerdict
    reason: str
    record: Proportion | None
    survival: Mapping[str, pd.DataFrame] = field(repr=False)
    grid: pd.DataFrame | None
    statistics: Mapping[str, pd.DataFrame] = field(repr=False)
    options: Mapping[str, Any]
    replayed: ClaimTrial | None = field(default=None, repr=False)

    def __repr__(self) -> str:
        k, n = int(self.observed["resolved"]), int(self.observed["matured"])
        return f"<ClaimTrial: {k} of {n} resolved, {self.verdict}>"

    def summary(self) -> str:
        """Return the trial as text."""
        from regimecorr.reporting.claim import claim_text

        return claim_text(self)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw how fast episodes resolve, observed and in each world (Kaplan-Meier)."""
        from regimecorr.plotting.claim import plot_claim

        return plot_claim(self.survival, self.observed, self.worlds, ax=ax)

    def plot_worlds(self, ax: Axes | None = None) -> Axes:
        """Draw the episodes a year of every world's histories against the observed ones."""
        from regimecorr.plotting.claim import plot_worlds

        return plot_worlds(self.statistics, self.observed, self.worlds, ax=ax)


def judge(
    observed: Episodes,
    readings: Mapping[str, Episodes],
    criterion: Criterion,
    contrast: tuple[str, str],
    options: Mapping[str, Any],
    grid: pd.DataFrame | None = None,
    replayed: ClaimTrial | None = None,
    shares: Mapping[str, Array] | None = None,
) -> ClaimTrial:
    """Compare the observed episodes with those of the worlds, and pronounce the verdict.

    ``shares`` are the shares of resolved episodes whose power is judged, by world; by default those
    of the chart itself.
    """
    record = _record(observed, criterion)
    k, n = int(record["resolved"]), int(record["matured"])
    statistics = {w: _statistics(e, criterion) for w, e in readings.items()}
    worlds = pd.DataFrame(
        {w: _world_row(e, statistics[w], record, criterion) for w, e in readings.items()}
    ).T
    worlds.index.name = "world"
    matured = pd.Series({w: e.matured.sum() for w, e in readings.items()}, dtype=float)
    resolved = pd.Series({w: e.resolved(criterion).sum() for w, e in readings.items()}, dtype=float)
    ratios = likelihood_ratios(k, n, resolved, matured)
    own = {w: table["share_resolved"].to_numpy() for w, table in statistics.items()}
    power = power_table(own if shares is None else dict(shares), LEVEL)
    verdict, reason = _verdict(k, n, worlds.T[contrast[0]], ratios, power, contrast)
    return ClaimTrial(
        observed=record,
        worlds=worlds,
        likelihood_ratios=ratios,
        power=power,
        contrast=contrast,
        verdict=verdict,
        reason=reason,
        record=proportion(k, n) if n else None,
        survival={w: _survival(e) for w, e in {"observed": observed, **readings}.items()},
        grid=grid,
        statistics=statistics,
        options=dict(options),
        replayed=replayed,
    )


def _record(observed: Episodes, criterion: Criterion) -> pd.Series:
    matured = int(observed.matured.sum())
    resolved = int(observed.resolved(criterion).sum())
    return pd.Series(
        {
            "episodes": float(len(observed.rows)),
            "episodes_per_year": float(observed.per_year()[0]),
            "matured": float(matured),
            "resolved": float(resolved),
            "resolved_chart": float(observed.chart.sum()),
            "resolved_fresh": float(observed.fresh.sum()),
            "share_resolved": resolved / matured if matured else np.nan,
            "median_rows": float(observed.medians()[0]),
        },
        name="observed",
    )


def _statistics(episodes: Episodes, criterion: Criterion) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "share_resolved": episodes.shares(criterion),
            "episodes_per_year": episodes.per_year(),
            "median_rows": episodes.medians(),
        }
    ).rename_axis("history")


def _world_row(
    episodes: Episodes, statistics: pd.DataFrame, record: pd.Series, criterion: Criterion
) -> dict[str, float]:
    matured = episodes.matured
    number = int(matured.sum())

    def among(flag: np.ndarray) -> float:
        return float(flag[matured].mean()) if number else float("nan")

    columns = {
        "episodes": "episodes_per_year",
        "resolved": "share_resolved",
        "rows": "median_rows",
    }
    ranks = {
        f"p_{name}": rank_pvalue(record[column], statistics[column].to_numpy())
        for name, column in columns.items()
    }
    several = list(columns.values())
    ranks["p_record"] = record_pvalue(
        record[several].to_numpy(dtype=float), statistics[several].to_numpy()
    )
    return {
        "episodes_per_year": float(statistics["episodes_per_year"].mean()),
        "matured_per_year": number / episodes.n_histories / episodes.years,
        "without": float(statistics["share_resolved"].isna().mean()),
        "resolved_chart": among(episodes.chart),
        "resolved_fresh": among(episodes.fresh),
        "turned": among(episodes.turned),
        "median_rows": float(np.median(episodes.rows)) if len(episodes.rows) else np.nan,
        "all_of_k": among(episodes.resolved(criterion)) ** record["matured"],
        **ranks,
    }


def _survival(episodes: Episodes) -> pd.DataFrame:
    """Kaplan-Meier curve of the rows until the short correlation was back."""
    if len(episodes.rows) == 0:
        columns = ["at_risk", "events", "survival", "std_error", "lower", "upper"]
        return pd.DataFrame(columns=columns, dtype=float)
    # An episode that begins on the last row has been seen for part of a row.
    return kaplan_meier(np.maximum(episodes.rows, 0.5), episodes.back)


def _verdict(
    k: int,
    n: int,
    world: pd.Series,
    ratios: pd.DataFrame,
    power: pd.DataFrame,
    contrast: tuple[str, str],
) -> tuple[ClaimVerdict, str]:
    believed, rival = contrast
    if n == 0:
        return "uninformative", "No episode has matured, so there is no record."
    if k < n:
        return (
            "contradicted",
            f"The claim's own count fails: {n - k} of {n} episodes did not resolve.",
        )
    powers = np.array([power.loc[rival, believed], power.loc[believed, rival]], dtype=float)
    best = float(np.nanmax(powers)) if np.isfinite(powers).any() else float("nan")
    if not best >= LEAST_POWER:
        how = f"has power {best:.2f}" if np.isfinite(best) else "has no power that can be computed"
        return (
            "uninformative",
            f"{k} of {n} resolved, but this count {how} to tell {rival!r} from {believed!r}.",
        )
    ratio = float(ratios.to_numpy()[ratios.index.get_loc(believed), ratios.index.get_loc(rival)])
    if RATIO_BAND[0] < ratio < RATIO_BAND[1]:
        return (
            "uninformative",
            f"{k} of {n} resolved, which is {ratio:.2f} times as likely under {believed!r} as "
            f"under {rival!r}: between 1/3 and 3.",
        )
    if ratio <= RATIO_BAND[0]:
        return (
            "contradicted",
            f"{k} of {n} resolved, which is only {ratio:.2f} times as likely under {believed!r} as "
            f"under {rival!r}.",
        )
    if world["p_record"] < LEVEL:
        return (
            "contradicted",
            f"{k} of {n} resolved, but {believed!r}, the world that the claim believes in, hardly "
            f"gives such a record (p = {world['p_record']:.3f}).",
        )
    return (
        "supported",
        f"{k} of {n} resolved; the count has power {best:.2f} and is {ratio:.1f} times as likely "
        f"under {believed!r} as under {rival!r}.",
    )
