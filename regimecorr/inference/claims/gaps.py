"""Claims about the log-price gap: who closed it, positioning, and the present set-up."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import cast

import numpy as np
import pandas as pd

from regimecorr.data.dates import parse_day
from regimecorr.data.windows import Window, Windows, resolve
from regimecorr.episodes.closing import read_closings
from regimecorr.episodes.detect import CHART_ELEVATED
from regimecorr.episodes.pathways import pathways_of
from regimecorr.events import Array, Basis, DivergenceRule, Gap, gap_pathways, read_gap
from regimecorr.formatting import day, percent, plural, signed
from regimecorr.inference.claims.evidence import ClaimTest, Evidence
from regimecorr.inference.claims.histories import against_world, too_few_rows
from regimecorr.inference.claims.reversion import gap_narrows, record_gap
from regimecorr.inference.claims.sample import ClaimSample
from regimecorr.inference.nulls import FittedWorld
from regimecorr.inference.positioning import test_positioning
from regimecorr.inference.proportions import proportion

SHORT: Window = "90D"
LONG: Window = "365D"
_LED = {"asset": "asset-led", "benchmark": "benchmark-led"}
_PERMUTED = 9999


def who_closed(
    sample: ClaimSample,
    *,
    basis: Basis,
    story: Sequence[Sequence[str]],
    elevated: float = CHART_ELEVATED,
    merge: int = 1,
    horizon: int = 252,
) -> Evidence:
    """Hold the published story of who closed the gaps against the data, and against luck."""
    test = (
        f"share of the told gaps ({basis}) that the leg named in the story closed within {horizon} "
        "rows; null: independent driftless walks from the same gaps match as many"
    )
    reason = too_few_rows(sample, SHORT, LONG, horizon)
    told = [(parse_day(a, label="story"), parse_day(b, label="story"), leg) for a, b, leg in story]
    if not reason and not any(sample.dates[0] <= b and a <= sample.dates[-1] for a, b, _ in told):
        reason = "the data do not hold the periods of the story"
    if reason:
        return Evidence(test=test, uninformative=reason)
    windows = resolve(sample.dates, SHORT, LONG, horizon)
    rule = DivergenceRule(reference="overlapping", elevated=elevated, merge=merge)
    found = _told(_pathways(sample, basis, windows, rule), told)
    note = _story_note(found, len(told)) + _story_in_rows(sample, basis, rule, told, horizon)
    found = found[found["pathway"] != "no gap"]
    if found.empty:
        return Evidence(
            test=test, uninformative="no told episode began with a gap in these data", note=note
        )
    matches, others = _count_told(found)
    luck = _matches_by_luck(sample, found, windows)
    record = proportion(matches, len(found))
    missing = len(told) - len(found)
    return against_world(
        float(matches),
        luck,
        most=float(len(found)),
        test=test,
        estimate=record.estimate,
        lower=record.clopper_pearson[0],
        upper=record.clopper_pearson[1],
        contradicted=others > 0,
        uninformative=f"{missing} of the {len(told)} told gaps are not in the data"
        if missing
        else "",
        note=f"{note}; walks match {luck.mean():.1f} of {len(found)} on average",
    )


def positioning_decides(
    sample: ClaimSample,
    *,
    basis: Basis,
    predictor: str = "relative_trend",
    above: float | None = None,
    elevated: float = CHART_ELEVATED,
    merge: int = 10,
    horizon: int = 252,
) -> Evidence:
    """Positioning at the start against who closed the gap, with the smallest attainable p."""
    binary = "" if above is None else f" above {above:g}"
    test = (
        f"{predictor.replace('_', ' ')}{binary} at the start against who closed the gap ({basis}); "
        "null: they have nothing to do with each other (permutation, two-sided)"
    )
    reason = too_few_rows(sample, SHORT, LONG, horizon)
    if reason:
        return Evidence(test=test, uninformative=reason)
    windows = resolve(sample.dates, SHORT, LONG, horizon)
    rule = DivergenceRule(reference="overlapping", elevated=elevated, merge=merge)
    in_rows = _positioning_in_rows(sample, basis, rule, horizon, predictor, above)
    closed, led, score = _closings(sample, basis, windows, rule, predictor, above)
    if _no_contrast(led, score):
        return Evidence(
            test=test,
            uninformative=f"{plural(len(led), 'gap')} closed, {int(led.sum())} led by the asset: "
            "nothing that positioning could tell apart",
            note=in_rows,
        )
    exact, firth = _positioning_figures(closed, predictor, above)
    statistic, replicates = _permuted(led, score, sample)
    return Evidence(
        test=test,
        estimate=firth["estimate"],
        lower=firth["lower"],
        upper=firth["upper"],
        statistic=statistic,
        replicates=replicates,
        pvalue=exact["pvalue"],
        min_pvalue=exact["min_pvalue"],
        note=f"{_positioning_note(led, exact, firth, predictor, above)}; {in_rows}",
    )


def setup_resolves(
    sample: ClaimSample,
    *,
    basis: Basis,
    leader: str = "asset",
    direction: str = "up",
    horizon: int = 252,
) -> Evidence:
    """Chance that the present set-up resolves as told, and what came of it."""
    test = (
        f"chance that the {leader} closes the gap by going {direction} within {horizon} rows, by "
        "the fitted DCC from the date on; null: independent walks"
    )
    reason = too_few_rows(sample, SHORT, LONG, horizon)
    if reason:
        return Evidence(test=test, uninformative=reason)
    log_prices = np.log(sample.pair.prices.to_numpy())[1:]
    windows = resolve(sample.dates, SHORT, LONG, horizon)
    gap = read_gap(log_prices, len(windows) - int(windows.long[-1]))
    fitted = cast(FittedWorld, sample.worlds["dcc"]).result
    ahead = fitted.simulate(sample.n_boot, horizon, sample.generator("set-up")).returns
    centre = sample.returns.mean(axis=0)
    walks = sample.histories("independent")[:, :horizon]
    if walks.shape[1] < horizon:
        return Evidence(test=test, uninformative="too few data: fewer rows than the horizon")
    chances = {
        "fitted DCC": _as_told(gap, ahead, leader, direction),
        "walks": _as_told(gap, walks - centre, leader, direction),
        "walks with the drifts of the sample": _as_told(gap, walks, leader, direction),
    }
    mean = {name: float(told.mean()) for name, told in chances.items()}
    split = _split(gap, {"fitted DCC": ahead, "walks": walks - centre})
    return Evidence(
        test=test,
        estimate=mean["fitted DCC"],
        min_pvalue=mean["walks"],
        uninformative=f"one outcome that was still to come: even as told, walks give it with "
        f"probability {percent(mean['walks'])}",
        out_of_sample=_scored(sample, gap, leader, direction, horizon, mean),
        note=f"{_where(gap)}; chance as told: "
        + ", ".join(f"{name} {percent(p)}" for name, p in mean.items())
        + _setup_in_rows(log_prices, ahead, leader, direction)
        + split,
    )


def _pathways(
    sample: ClaimSample, basis: Basis, windows: Windows, rule: DivergenceRule
) -> pd.DataFrame:
    """Episodes with their pathways and positioning, those that began before the data left out."""
    found = pathways_of(sample.pair, basis, windows, rule, 99, 0.95, sample.generator("pathways"))
    known = found.positioning.drop(columns=["start", "gap_z"])
    both = found.episodes.join(known)
    first = sample.dates[int(np.argmax(windows.long >= 0))]
    return both[both["start"] > first]


def _told(
    episodes: pd.DataFrame, told: Sequence[tuple[pd.Timestamp, pd.Timestamp, str]]
) -> pd.DataFrame:
    """The first episode with a gap that began in each period of the story, and who was told."""
    rows = []
    for begin, end, leg in told:
        mine = episodes[episodes["start"].between(begin, end)]
        with_gap = mine[mine["pathway"] != "no gap"]
        chosen = with_gap if len(with_gap) else mine
        if len(chosen):
            rows.append({**chosen.iloc[0].to_dict(), "told": _LED[leg]})
    return pd.DataFrame(rows, columns=[*episodes.columns, "told"])


def _story_note(found: pd.DataFrame, n_told: int) -> str:
    parts = [
        f"{day(row['start'])} {row['pathway']}{' ' if row['direction'] else ''}{row['direction']} "
        f"(told {row['told']})"
        for _, row in found.iterrows()
    ]
    return f"{len(found)} of {n_told} told episodes found: {', '.join(parts) or 'none'}"


def _story_in_rows(
    sample: ClaimSample,
    basis: Basis,
    rule: DivergenceRule,
    told: Sequence[tuple[pd.Timestamp, pd.Timestamp, str]],
    horizon: int,
) -> str:
    windows = resolve(sample.dates, 90, 252, horizon)
    found = _told(_pathways(sample, basis, windows, rule), told)
    matches, others = _count_told(found)
    return f"; with 90 and 252 rows {matches} closed as told, {others} by the other leg"


def _count_told(found: pd.DataFrame) -> tuple[int, int]:
    """How many told gaps the told leg closed, and how many the other one did."""
    closed = found[found["pathway"].isin(list(_LED.values()))]
    matches = int((closed["pathway"] == closed["told"]).sum())
    return matches, len(closed) - matches


def _matches_by_luck(sample: ClaimSample, found: pd.DataFrame, windows: Windows) -> Array:
    """How many of the told gaps (n_boot,) driftless walks close as told; open ones match nothing.

    Gaps whose horizons overlap are watched on the same rows of a walk.
    """
    walks = sample.histories("independent") - sample.returns.mean(axis=0)
    log_prices = np.log(sample.pair.prices.to_numpy())[1:]
    count = np.zeros(sample.n_boot)
    for _, row in found.iterrows():
        at = int(sample.dates.searchsorted(row["start"]))
        gap = read_gap(log_prices[: at + 1], at - int(windows.long[at]) + 1)
        last = int(windows.end[at]) if windows.end[at] >= 0 else len(windows) - 1
        led = read_closings(gap, walks[:, at + 1 : last + 1])["pathway"]
        count += (led == row["told"]).to_numpy()
    return count


def _closings(
    sample: ClaimSample,
    basis: Basis,
    windows: Windows,
    rule: DivergenceRule,
    predictor: str,
    above: float | None,
) -> tuple[pd.DataFrame, np.ndarray, Array]:
    """Gaps that closed, whether the asset led, and the positioning at the start."""
    closed = _pathways(sample, basis, windows, rule)
    closed = closed[closed["pathway"].isin(list(_LED.values())) & closed[predictor].notna()]
    led = (closed["pathway"] == "asset-led").to_numpy()
    score = closed[predictor].to_numpy(dtype=float)
    return closed, led, score if above is None else (score > above).astype(float)


def _no_contrast(led: np.ndarray, score: Array) -> bool:
    return bool(led.all() or not led.any() or np.ptp(score) == 0.0)


def _positioning_figures(
    closed: pd.DataFrame, predictor: str, above: float | None
) -> tuple[Mapping[Hashable, float], Mapping[Hashable, float]]:
    """Rows of the exact test and of Firth's regression."""
    found = test_positioning(closed, predictor=predictor, above=above, n_perm=_PERMUTED, rng=0)
    figures = found.table.to_dict("index")
    return figures["permutation"], figures["firth"]


def _positioning_in_rows(
    sample: ClaimSample,
    basis: Basis,
    rule: DivergenceRule,
    horizon: int,
    predictor: str,
    above: float | None,
) -> str:
    windows = resolve(sample.dates, 90, 252, horizon)
    closed, led, score = _closings(sample, basis, windows, rule, predictor, above)
    text = f"with 90 and 252 rows {int(led.sum())} of {len(led)} led by the asset"
    if _no_contrast(led, score):
        return f"{text}, so there is no estimate"
    exact, firth = _positioning_figures(closed, predictor, above)
    return f"{text}, estimate {signed(firth['estimate'])} (p {exact['pvalue']:.2f})"


def _positioning_note(
    led: np.ndarray,
    exact: Mapping[Hashable, float],
    firth: Mapping[Hashable, float],
    predictor: str,
    above: float | None,
) -> str:
    kind = "slope" if above is None else "log odds ratio"
    text = (
        f"{int(led.sum())} of {len(led)} closings led by the asset; estimate: Firth's {kind} (its "
        f"p-value {firth['pvalue']:.2f}); with these the p-value of an exact test cannot be below "
        f"{exact['min_pvalue']:.2f}"
    )
    if predictor == "gap_z":
        text += "; the sign of the gap says which leg has to rise"
    return text


def _permuted(led: np.ndarray, score: Array, sample: ClaimSample) -> tuple[float, Array]:
    """Studentised difference of means, and its values (n_boot,) with shuffled outcomes."""

    def difference(labels: np.ndarray) -> Array:
        ones = labels.sum(axis=-1)
        with_one, without = (labels * score).sum(axis=-1), (~labels * score).sum(axis=-1)
        return np.asarray(np.abs(with_one / ones - without / (labels.shape[-1] - ones)))

    rng = sample.generator("positioning")
    shuffled = difference(rng.permuted(np.tile(led, (sample.n_boot, 1)), axis=1))
    mean, scale = float(shuffled.mean()), float(shuffled.std()) or 1.0
    # Rounding must not decide whether an arrangement is as extreme as the data's.
    statistic = (float(difference(led)) - mean) / scale - 1e-9
    return statistic, (shuffled - mean) / scale


def _as_told(gap: Gap, moves: Array, leader: str, direction: str) -> np.ndarray:
    """Whether each path (n_paths, n_rows, 2) resolves as told.

    With a gap by the definition: the leg closed it, in that direction. Without one: at the end the
    leg has moved in that direction, further than the other one.
    """
    up = 1.0 if direction == "up" else -1.0
    if gap.closed:
        end = moves.sum(axis=1) * up
        mine, other = (0, 1) if leader == "asset" else (1, 0)
        return np.asarray((end[:, mine] > 0.0) & (end[:, mine] > end[:, other]))
    paths = gap_pathways(gap, moves)
    return np.asarray((paths["pathway"] == _LED[leader]) & (paths["direction"] == direction))


def _where(gap: Gap) -> str:
    if gap.closed:
        return (
            f"no gap at the date by the definition (z = {signed(gap.z)}, a gap needs 0.5), so the "
            "set-up counts as resolved if at the end the leg has moved as told, and further than "
            "the other one"
        )
    side = "ahead" if gap.z > 0 else "behind"
    return f"at the date z = {signed(gap.z)}, the asset {side}"


def _setup_in_rows(log_prices: Array, ahead: Array, leader: str, direction: str) -> str:
    if len(log_prices) < 252:
        return ""
    gap = read_gap(log_prices, 252)
    chance = float(_as_told(gap, ahead, leader, direction).mean())
    return f"; with 252 rows z = {signed(gap.z)}, fitted DCC {percent(chance)}"


def _split(gap: Gap, moves: dict[str, Array]) -> str:
    """Chances of all pathways."""
    if gap.closed:
        return ""
    parts = []
    for name, paths in moves.items():
        told = gap_pathways(gap, paths)
        kinds = (told["pathway"] + " " + told["direction"]).str.strip().value_counts(normalize=True)
        parts.append(f"{name}: " + ", ".join(f"{kind} {percent(p)}" for kind, p in kinds.items()))
    return f"; {'; '.join(parts)}"


def _scored(
    sample: ClaimSample,
    gap: Gap,
    leader: str,
    direction: str,
    horizon: int,
    chances: dict[str, float],
) -> str:
    """What came of it in the later rows, and the Brier scores so far."""
    if not sample.has_later:
        return ""
    later = np.diff(np.log(sample.whole.prices.to_numpy()[len(sample.dates) :]), axis=0)[:horizon]
    came = bool(_as_told(gap, later[None], leader, direction)[0])
    over = len(later) == horizon or (not gap.closed and came)
    moves = later.sum(axis=0)
    scores = ", ".join(f"{name} {(p - came) ** 2:.2f}" for name, p in chances.items())
    verb = "has" if came else "has not"
    return (
        f"{sample.pair.asset} {signed(moves[0])}, {sample.pair.benchmark} {signed(moves[1])} in "
        f"logs over {len(later)} of {horizon} rows: it {verb} resolved as told"
        f"{'' if over else ' so far'}; Brier scores{'' if over else ' if it stays so'}: {scores}"
    )


TESTS: dict[str, ClaimTest] = {
    "who_closed": who_closed,
    "positioning_decides": positioning_decides,
    "setup_resolves": setup_resolves,
    "record_gap": record_gap,
    "gap_narrows": gap_narrows,
}
