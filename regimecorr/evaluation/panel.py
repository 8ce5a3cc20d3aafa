"""The panel: all pairs of distinct underlyings on their common days."""

from __future__ import annotations

import hashlib
import itertools
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd

from regimecorr.data import checks
from regimecorr.data.dates import parse_day
from regimecorr.data.names import SAME_UNDERLYING, Groups
from regimecorr.data.prices import PriceSource, load_prices, require
from regimecorr.errors import DataError, DuplicateAssetError, ModelError, ReturnsNotPricesError
from regimecorr.events import Array

Names: TypeAlias = tuple[str, str]
Pairs: TypeAlias = Literal["all"] | Sequence[Names]

#: No prices of an asset.
LEFT_OUT: tuple[str, ...] = ("VIX",)
_CLASS_MEMBERS = {
    "equity": "SPY SPX DIA QQQ NDX IWM RUT ARKK EWY EEM_TR XLE_TR XLF_TR N225 DAX",
    "bond": "TLT IEF_TR",
    "credit": "HYG_TR LQD_TR",
    "commodity": "GLD GOLD_FUT SLV SILVER_FUT USO WTI_SPOT",
    "currency": "UUP_TR DXY EURUSD",
    "crypto": "BTC ETH XRP BNB SOL LTC ADA DOGE",
}
#: Asset class by column; a column that is not here is of class "other".
ASSET_CLASSES: dict[str, str] = {
    name: label for label, members in _CLASS_MEMBERS.items() for name in members.split()
}
#: Common prices of a usable pair, as `align` wants them.
LEAST_ROWS = 600
_MAX_GAP_DAYS = 30
#: A price that is not positive now and then is left out; a column of them is no price.
MOST_NOT_POSITIVE = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class PanelPair:
    """One pair on its common days.

    Attributes
    ----------
    asset, benchmark : str
        Names, in the order of the table's columns.
    dates : DatetimeIndex
        Dates of the returns.
    returns : ndarray of shape (n_rows, 2)
        Log returns; moves on days that only one of them trades are cumulated, as `align` does.
    """

    asset: str
    benchmark: str
    dates: pd.DatetimeIndex
    returns: Array

    @property
    def names(self) -> Names:
        """Asset and benchmark."""
        return self.asset, self.benchmark


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """Prices of many assets and their pairs.

    Attributes
    ----------
    table : DataFrame of shape (n_days, n_assets)
        Checked prices, NaN where there is none.
    pairs : tuple of PanelPair
        Pairs that can be used.
    skipped : dict
        Reason by pair that cannot.
    classes : dict
        Asset class by column.
    notes : tuple of str
        What was left out of the table.
    """

    table: pd.DataFrame
    pairs: tuple[PanelPair, ...]
    skipped: dict[Names, str]
    classes: dict[str, str]
    notes: tuple[str, ...]

    def until(self, before: Any) -> Panel:
        """Return the panel as it stood before a day: the rows earlier than it and nothing else."""
        day = parse_day(before, label="before")
        wanted = [p.names for p in self.pairs] + list(self.skipped)
        of_pairs = tuple(f"{a} / {b}: " for a, b in wanted)  # made anew: a hole may be later
        notes = tuple(n for n in self.notes if not n.startswith(of_pairs))
        return _build(self.table.loc[self.table.index < day], wanted, self.classes, notes)

    def class_pair(self, names: Names) -> str:
        """Classes of a pair in alphabetical order: "commodity-equity"."""
        return "-".join(sorted(self.classes.get(name, "other") for name in names))


def pairs_of(
    prices: PriceSource,
    pairs: Pairs = "all",
    *,
    same: Groups = SAME_UNDERLYING,
    leave_out: Sequence[str] = LEFT_OUT,
) -> list[Names]:
    """Name the pairs of distinct underlyings.

    Parameters
    ----------
    prices : DataFrame, dict of Series or path
        Prices; anything `load_prices` takes.
    pairs : "all" or list of (asset, benchmark), default "all"
        "all": every pair of underlyings; a group of ``same`` is represented by the column whose
        prices begin first (the first of them if several do).
    same : list of lists of str
        Columns that follow one underlying. Names that are not in the table are ignored.
    leave_out : list of str, default ("VIX",)
        Columns that "all" does not take.

    Returns
    -------
    list of tuple of str

    Raises
    ------
    DuplicateAssetError
        If a named pair is one underlying, or stands twice.
    UnknownAssetError
        If a named pair has a column that is not there.
    ModelError
        If a column is in two groups, or no pair is left.

    Examples
    --------
    >>> import pandas as pd
    >>> days = pd.date_range("2020-01-01", periods=3)
    >>> table = pd.DataFrame({"SPY": [None, 1.0, 2.0], "SPX": [1.0, 2, 3], "TLT": 1.0}, days)
    >>> pairs_of(table)
    [('SPX', 'TLT')]
    """
    return chosen_names(load_prices(prices), pairs, same, leave_out)


def chosen_names(
    table: pd.DataFrame,
    pairs: Pairs = "all",
    same: Groups = SAME_UNDERLYING,
    leave_out: Sequence[str] = LEFT_OUT,
) -> list[Names]:
    """Name the pairs of a table that is loaded; see `pairs_of`."""
    names = [str(name) for name in table.columns]
    group = _groups(names, same)
    if isinstance(pairs, str):
        if pairs != "all":
            raise ModelError(f'pairs={pairs!r} is unknown; use "all" or a list of name pairs.')
        priced = table.notna().to_numpy()
        first = dict(zip(names, priced.argmax(axis=0).tolist(), strict=True))
        chosen: dict[str, str] = {}
        for place, name in enumerate(names):
            if name in leave_out or not priced[:, place].any():
                continue
            rival = chosen.get(group[name])
            if rival is None or first[name] < first[rival]:
                chosen[group[name]] = name
        kept = [name for name in names if name in chosen.values()]
        found = list(itertools.combinations(kept, 2))
    else:
        found = [_named(entry, names, group) for entry in pairs]
        if len({frozenset(entry) for entry in found}) < len(found):
            raise DuplicateAssetError(f"A pair stands twice in {found}; name each once.")
    if not found:
        raise ModelError(f"No pair of distinct underlyings can be made of {names}.")
    return found


def _groups(names: Sequence[str], same: Groups) -> dict[str, str]:
    """Group of every column, named after the group's first member."""
    group = {name: name for name in names}
    seen: set[str] = set()
    for members in same:
        if isinstance(members, str):
            raise ModelError(f"same={same!r} must be a list of lists of names.")
        twice = seen & set(members)
        if twice:
            raise ModelError(f"{sorted(twice)} stand in two groups of `same`; one is the limit.")
        seen |= set(members)
        group |= {name: f"group of {members[0]}" for name in members if name in group}
    return group


def _named(entry: Names, names: Sequence[str], group: Mapping[str, str]) -> Names:
    if isinstance(entry, str) or len(entry) != 2:
        raise ModelError(f"{entry!r} is no pair; give (asset, benchmark).")
    a, b = (require(name, names) for name in entry)
    if group[a] == group[b]:
        raise DuplicateAssetError(
            f"{a} and {b} follow one underlying; choose two, or pass other groups in `same`."
        )
    return a, b


def read_panel(
    prices: PriceSource | Panel,
    *,
    pairs: Pairs = "all",
    same: Groups = SAME_UNDERLYING,
    leave_out: Sequence[str] = LEFT_OUT,
    classes: Mapping[str, str] | None = None,
) -> Panel:
    """Read a table of prices into pairs.

    Each pair has the days on which both have a price, as `align` gives them (crypto loses its
    weekends against an exchange). Single prices that are not positive are left out and noted.

    Parameters
    ----------
    prices : DataFrame, dict of Series, path or Panel
        Prices; anything `load_prices` takes. A `Panel` is returned as it is.
    pairs, same, leave_out
        See `pairs_of`.
    classes : mapping, optional
        Asset class by column; default `ASSET_CLASSES`.

    Returns
    -------
    Panel

    Raises
    ------
    ReturnsNotPricesError
        If more than 1 % of a column's values are not positive.
    DataError, ModelError
        If no pair can be used; everything that `load_prices` and `pairs_of` raise.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> days = pd.bdate_range("2015-01-01", periods=900)
    >>> walk = np.exp(0.01 * np.random.default_rng(0).standard_normal((900, 3)).cumsum(axis=0))
    >>> panel = read_panel(pd.DataFrame(walk, days, ["A", "B", "C"]))
    >>> [pair.names for pair in panel.pairs]
    [('A', 'B'), ('A', 'C'), ('B', 'C')]
    """
    if isinstance(prices, Panel):
        return prices
    table, notes = _positive(load_prices(prices), leave_out)
    wanted = chosen_names(table, pairs, same, leave_out)
    panel = _build(table, wanted, dict(ASSET_CLASSES if classes is None else classes), notes)
    if not panel.pairs:
        example, reason = next(iter(panel.skipped.items()))
        raise DataError(f"None of {len(wanted)} pairs can be used; {' / '.join(example)}: {reason}")
    return panel


def fingerprint(prices: pd.DataFrame) -> str:
    """Hash of names, days and prices of a pair on its common days."""
    digest = hashlib.sha256("|".join(str(name) for name in prices.columns).encode())
    digest.update(prices.index.to_numpy().astype("datetime64[D]").astype(np.int64).tobytes())
    digest.update(np.ascontiguousarray(prices.to_numpy(dtype=float)).tobytes())
    return digest.hexdigest()[:16]


def name_seed(names: Names) -> int:
    """Number made of a pair's names, so that its random numbers are its own."""
    return zlib.crc32("|".join(names).encode())


def _positive(
    table: pd.DataFrame, leave_out: Sequence[str]
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Leave out prices that are not positive, or raise where they are many."""
    notes = []
    for name in table.columns:
        bad = table.index[table[name] <= 0.0]
        if name in leave_out or not len(bad):
            continue
        share = len(bad) / int(table[name].notna().sum())
        if share > MOST_NOT_POSITIVE:
            raise ReturnsNotPricesError(
                f"{share:.0%} of {name} are not positive, so it is no series of prices; rebuild "
                f"prices from returns, or put {name} into leave_out."
            )
        notes.append(f"{name}: {len(bad)} not positive left out, the first on {bad[0]:%Y-%m-%d}")
    return table.where(table > 0.0), tuple(notes)


def _build(
    table: pd.DataFrame,
    wanted: Sequence[Names],
    classes: dict[str, str],
    notes: tuple[str, ...],
) -> Panel:
    pairs, skipped, more = [], {}, []
    for names in wanted:
        try:
            pair, note = aligned(table, names)
        except DataError as error:  # kept with its reason; the panel goes on without the pair
            skipped[names] = str(error)
            continue
        pairs.append(pair)
        more += [note] if note else []
    return Panel(table, tuple(pairs), skipped, classes, (*notes, *more))


def aligned(table: pd.DataFrame, names: Names) -> tuple[PanelPair, str]:
    """Bring two columns onto their common days; returns the pair and what to know of it.

    With holes it is the first stretch between them that has enough rows: what comes after a hole
    must not decide what was known before it.
    """
    both = table[list(names)]
    common = both.dropna()
    wide = np.flatnonzero(checks.gaps_in_days(common.index) > _MAX_GAP_DAYS) + 1
    stretches = np.split(np.arange(len(common)), wide)
    part = common.iloc[next((s for s in stretches if len(s) >= LEAST_ROWS), stretches[0])]
    checks.check_rows(both, part, min_rows=LEAST_ROWS, span="")
    checks.check_prices(part)
    checks.check_variation(part)
    returns = np.diff(np.log(part.to_numpy()), axis=0)
    note = ""
    if len(part) < len(common):
        note = (
            f"{names[0]} / {names[1]}: {part.index[0]:%Y-%m-%d} to {part.index[-1]:%Y-%m-%d}, the "
            f"first stretch without a hole of more than {_MAX_GAP_DAYS} days"
        )
    return PanelPair(*names, pd.DatetimeIndex(part.index[1:]), returns), note
