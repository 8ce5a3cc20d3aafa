"""Divergences of simulated worlds, whose generator is known, as the backtest has those of markets.

What is learned from worlds of `TRAINING` is tried on worlds of `HELD_OUT`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from regimecorr.episodes.detect import ENTRY_HISTORY, merge_spells
from regimecorr.errors import ModelError
from regimecorr.evaluation.backtest import FORECASTS, HORIZON, SHORT_WINDOW, raw_forecast
from regimecorr.evaluation.divergences import PairStates, pair_states
from regimecorr.evaluation.features import (
    MEAN_FEATURES,
    SPREAD_FEATURES,
    FeatureWindows,
)
from regimecorr.evaluation.panel import Panel, PanelPair
from regimecorr.evaluation.samples import PanelRows, rows_of, training_rows, with_room
from regimecorr.evaluation.store import append_record, read_records
from regimecorr.events import fresh_slice
from regimecorr.models.base import check_count
from regimecorr.progress import LateProgress
from regimecorr.worlds import (
    HELD_OUT_RANGES,
    RANGES,
    Ranges,
    SimulatedPair,
    World,
    simulate_within,
)

When: TypeAlias = Literal["day", "entry"]

#: The mixture that calibration is fitted to and tried on, in equal parts.
EIGHT_WORLDS: tuple[World, ...] = (
    "constant",
    "mean_reverting",
    "recurrent",
    "one_break",
    "partial_break",
    "drift",
    "several_breaks",
    "random_walk",
)
N_PATHS = 1000
#: Spells with fewer rows between them are one.
MERGE = SHORT_WINDOW // 2
_DIGITS = 6
_VERSION = 1
#: What a record was made with; it stands in the store only.
_OPTIONS = ("version", "n_paths", "seed", "when", "generator")
_STATE = ("r_short", "r_long", "reference", "midpoint", "fresh", "structural")
#: Features by the name of their column.
MEAN_COLUMNS = tuple(f"mean_{name}" for name in MEAN_FEATURES)
SPREAD_COLUMNS = tuple(f"spread_{name}" for name in SPREAD_FEATURES)
_NUMBERS = (
    *_STATE,
    "latent_recent",
    "latent_fresh",
    "unchanged",
    *FORECASTS,
    *MEAN_COLUMNS,
    *SPREAD_COLUMNS,
    "middle",
    "target",
)


@dataclass(frozen=True, slots=True)
class Generator:
    """Where simulated pairs come from.

    Attributes
    ----------
    ranges : mapping
        Ranges of the parameters by world.
    n_obs : (int, int)
        Least and greatest number of returns, drawn evenly between.
    """

    ranges: Ranges
    n_obs: tuple[int, int]

    def draw(self, world: World, rng: np.random.Generator) -> SimulatedPair:
        """Simulate a pair."""
        return simulate_within(self.ranges, world, n_obs=self.rows(rng), rng=rng)

    def rows(self, rng: np.random.Generator) -> int:
        """Draw a number of returns."""
        low, high = self.n_obs
        return low if low == high else int(rng.integers(low, high + 1))

    @property
    def fingerprint(self) -> str:
        """Hash of the settings."""
        plain = [(w, sorted(limits.items())) for w, limits in sorted(self.ranges.items())]
        return hashlib.sha256(repr((plain, self.n_obs)).encode()).hexdigest()[:16]


TRAINING = Generator(RANGES, (2500, 2500))
HELD_OUT = Generator(HELD_OUT_RANGES, (1800, 3200))


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedSet:
    """Divergences to be made.

    Attributes
    ----------
    name : str
        Stands in the column ``set``.
    n : int
        How many; a multiple of the worlds.
    generator : Generator, default `TRAINING`
        Where they come from.
    worlds : tuple of str, default `EIGHT_WORLDS`
        Taken in turn, so that each has an equal part.
    when : {"day", "entry"}, default "day"
        A random divergent day of the spell, or its first.
    seed : int, default 0
        Divergence i has the seed ``[seed, i]``, whatever else is made.
    """

    name: str
    n: int
    generator: Generator = TRAINING
    worlds: tuple[World, ...] = EIGHT_WORLDS
    when: When = "day"
    seed: int = 0

    def __post_init__(self) -> None:
        check_count("n", self.n, 1)
        if self.n % len(self.worlds):
            raise ModelError(
                f"n={self.n} must be a multiple of {len(self.worlds)}, the number of worlds: "
                "each has an equal part."
            )
        if self.when not in ("day", "entry"):
            raise ModelError(f'when={self.when!r} is unknown; use "day" or "entry".')


def find_divergence(
    world: World, rng: np.random.Generator, generator: Generator = TRAINING
) -> tuple[SimulatedPair, int, int]:
    """Simulate pairs until one has a divergence whose outcome is known.

    Returns
    -------
    pair : SimulatedPair
    first : int
        First row of a random spell, with at least 750 earlier returns; spells less than 45 rows
        apart are one.
    day : int
        Random divergent row of that spell whose horizon has passed.
    """
    pair, first, day, _ = _find(world, rng, generator)
    return pair, first, day


def _find(
    world: World, rng: np.random.Generator, generator: Generator
) -> tuple[SimulatedPair, int, int, PairStates]:
    fixed = Generator(generator.ranges, (generator.rows(rng),) * 2)
    while True:
        pair = fixed.draw(world, rng)
        state = pair_states(pair.returns.to_numpy(), FeatureWindows())
        last = len(pair.returns) - HORIZON - 1
        spells = [
            (a, min(b, last + 1))
            for a, b in merge_spells(state.divergent, MERGE)
            if ENTRY_HISTORY <= a <= last
        ]
        if spells:
            first, stop = spells[rng.integers(len(spells))]
            rows = [t for t in range(first, stop) if state.divergent[t]]
            return pair, first, int(rng.choice(rows)), state


def simulated_divergences(
    wanted: SimulatedSet,
    *,
    store: str | Path | None = None,
    n_paths: int = N_PATHS,
    n_jobs: int = 1,
) -> pd.DataFrame:
    """Forecast divergences of simulated pairs, each from the rows up to its day.

    Parameters
    ----------
    wanted : SimulatedSet
        Which.
    store : path, optional
        File to which each is written as it is made, one JSON object a line; what stands there is
        not made again. Several sets may share it.
    n_paths : int, default 1000
        Simulated paths of each model.
    n_jobs : int, default 1
        Processes.

    Returns
    -------
    DataFrame
        One row a divergence: ``set``, ``number``, ``world``, ``n_obs`` (returns of the pair),
        ``row`` (of its returns), ``age`` (rows since the spell began), ``date`` and ``matured``;
        ``sign``, ``r_short``, ``r_long``, ``reference``, ``midpoint``, ``fresh`` and the outcome
        ``structural``; the true correlation averaged over the short window (``latent_recent``)
        and the fresh one (``latent_fresh``), and ``unchanged``, whether the divergence was
        transient with the former on the reference's side of the midpoint; the columns of
        `FORECASTS` and ``failed``, the reason if there is none; the features of the panel
        forecaster, ``mean_`` and ``spread_``, with ``middle`` and ``target`` as in `PanelRows`.
        Numbers have six decimals.

    Raises
    ------
    DataError
        If the store holds divergences made with other options.

    Examples
    --------
    >>> one = SimulatedSet(name="one", n=1, worlds=("one_break",), seed=1)
    >>> found = simulated_divergences(one, n_paths=400)
    >>> bool(found["p_raw"].between(0, 1).all())
    True
    """
    made_with = _VERSION, int(n_paths), int(wanted.seed), wanted.when, wanted.generator.fingerprint
    options = dict(zip(_OPTIONS, made_with, strict=True))
    known: dict[int, dict[str, Any]] = {}
    if store is not None:
        own = (r for r in read_records(store, options, where={"set": wanted.name}))
        known = {row["number"]: row for row in own}
    missing = [i for i in range(wanted.n) if i not in known]
    for new in _made(wanted, missing, n_paths, n_jobs):
        known[new["number"]] = new
        if store is not None:
            append_record(store, options | new)
    return simulated_frame(known[i] for i in range(wanted.n))


def simulated_frame(records: Iterable[dict[str, Any]]) -> pd.DataFrame:
    """Table of records as they stand in a store."""
    frame = pd.DataFrame(list(records))
    frame = frame.drop(columns=[c for c in (*_OPTIONS, "seal") if c in frame.columns])
    frame = frame.astype(dict.fromkeys(_NUMBERS, float))
    for name in ("date", "matured"):
        frame[name] = pd.to_datetime(frame[name])
    return frame


def _made(
    wanted: SimulatedSet, numbers: Sequence[int], n_paths: int, n_jobs: int
) -> Iterable[dict[str, Any]]:
    work = Parallel(n_jobs=n_jobs, return_as="generator")
    tasks = (delayed(simulated_divergence)(wanted, i, n_paths) for i in numbers)
    with LateProgress("divergences", len(numbers)) as progress:
        for made in work(tasks):
            progress.advance(f"{made['world']} {made['number']}")
            yield made


def simulated_divergence(
    wanted: SimulatedSet, number: int, n_paths: int = N_PATHS
) -> dict[str, Any]:
    """Make one divergence of a set: its state, outcome, forecasts and features.

    A forecast that fails is told with its reason, its figures are missing.
    """
    world = wanted.worlds[number % len(wanted.worlds)]
    rng = np.random.default_rng([wanted.seed, number])
    pair, first, day, state = _find(world, rng, wanted.generator)
    row = first if wanted.when == "entry" else day
    out: dict[str, Any] = {
        "set": wanted.name,
        "number": number,
        "world": world,
        "n_obs": len(pair.returns),
        "row": row,
        "age": row - first,
        "date": f"{pair.returns.index[row]:%Y-%m-%d}",
        "matured": f"{pair.returns.index[row + HORIZON]:%Y-%m-%d}",
        "sign": int(state.sign[row]),
    }
    out |= {name: float(getattr(state, name)[row]) for name in _STATE}
    out |= _latent(pair, row, out) | _features(pair, row)
    try:
        out |= raw_forecast(pair.prices.iloc[: row + 2], n_paths, int(rng.integers(2**31)))
    except Exception as error:  # a finding of the record, which must not lose its hardest cases
        out |= dict.fromkeys(FORECASTS, float("nan"))
        out["failed"] = f"{type(error).__name__}: {error}"
    return {k: round(v, _DIGITS) if isinstance(v, float) else v for k, v in out.items()}


def _latent(pair: SimulatedPair, row: int, here: dict[str, Any]) -> dict[str, float]:
    """Averages of the true correlation, and whether the relationship had never changed."""
    rho = pair.correlation.to_numpy()
    begin, end = fresh_slice(HORIZON)
    recent = float(rho[row + 1 - SHORT_WINDOW : row + 1].mean())
    kept = here["sign"] * recent >= here["sign"] * here["midpoint"]
    return {
        "latent_recent": recent,
        "latent_fresh": float(rho[row + 1 + begin : row + 1 + end].mean()),
        "unchanged": float(kept and not here["structural"]),
    }


def _features(pair: SimulatedPair, row: int) -> dict[str, float]:
    """Features of the panel forecaster at a row, by column."""
    one = _panel([pair])
    asset, benchmark = one.pairs[0].names
    place = pd.DataFrame({"asset": [asset], "benchmark": [benchmark], "row": [row]})
    rows = rows_of(one, place, FeatureWindows())
    mean = rows.mean[0, : len(MEAN_FEATURES)]
    return {
        **dict(zip(MEAN_COLUMNS, mean.tolist(), strict=True)),
        **dict(zip(SPREAD_COLUMNS, rows.spread[0].tolist(), strict=True)),
        "middle": float(rows.middle[0]),
        "target": float(rows.target[0]),
    }


def panel_rows(frame: pd.DataFrame) -> PanelRows:
    """Rows of a frame of `simulated_divergences` as the panel forecaster sees them, in its order.

    Every divergence is a pair of its own, named after its set and number.
    """
    labels = [f"{s} {n}" for s, n in zip(frame["set"], frame["number"], strict=True)]
    return PanelRows(
        names=tuple((f"{label} A", f"{label} B") for label in labels),
        pair=np.arange(len(frame)),
        row=frame["row"].to_numpy(dtype=np.int64),
        date=pd.DatetimeIndex(frame["date"]),
        matured=pd.DatetimeIndex(frame["matured"]),
        mean=with_room(frame[list(MEAN_COLUMNS)].to_numpy(dtype=float)),
        spread=frame[list(SPREAD_COLUMNS)].to_numpy(dtype=float),
        middle=frame["middle"].to_numpy(dtype=float),
        target=frame["target"].to_numpy(dtype=float),
    )


def simulated_panel(
    n_pairs: int,
    *,
    generator: Generator = TRAINING,
    worlds: Sequence[World] = EIGHT_WORLDS,
    seed: int = 0,
) -> Panel:
    """Simulate a panel of independent pairs, worlds in turn; pair i has the seed ``[seed, i]``.

    Nothing is selected: most of its rows are no divergence.
    """
    check_count("n_pairs", n_pairs, 1)
    return _panel(
        [
            generator.draw(worlds[i % len(worlds)], np.random.default_rng([seed, i]))
            for i in range(n_pairs)
        ]
    )


def _panel(simulated: Sequence[SimulatedPair]) -> Panel:
    """Panel of simulated pairs, legs named after world and number."""
    pairs, tables = [], []
    for i, one in enumerate(simulated):
        names = [f"{one.world} {i} {leg}" for leg in one.prices.columns]
        dates = pd.DatetimeIndex(one.returns.index)
        pairs.append(PanelPair(names[0], names[1], dates, one.returns.to_numpy()))
        tables.append(one.prices.set_axis(names, axis=1))
    return Panel(pd.concat(tables, axis=1), tuple(pairs), {}, {}, ())


def simulated_rows(
    n_pairs: int,
    *,
    generator: Generator = TRAINING,
    worlds: Sequence[World] = EIGHT_WORLDS,
    every: int = 21,
    seed: int = 0,
) -> PanelRows:
    """Rows of simulated pairs that a panel forecaster can learn from: all states, all dates."""
    panel = simulated_panel(n_pairs, generator=generator, worlds=worlds, seed=seed)
    return training_rows(panel, FeatureWindows(), every)
