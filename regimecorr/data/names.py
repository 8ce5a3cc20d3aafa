"""Names of assets: text, none of them twice, found or said to be missing."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Hashable, Sequence
from typing import TypeAlias

from regimecorr.errors import DataError, DuplicateAssetError, UnknownAssetError

__all__ = ["SAME_UNDERLYING", "Groups", "check_names", "require", "underlying"]

Groups: TypeAlias = Sequence[Sequence[str]]

#: Columns that follow one underlying; of each group one counts.
SAME_UNDERLYING: tuple[tuple[str, ...], ...] = (
    ("SPY", "SPX", "DIA"),
    ("IWM", "RUT"),
    ("QQQ", "NDX"),
    ("GLD", "GOLD_FUT"),
    ("SLV", "SILVER_FUT"),
    ("USO", "WTI_SPOT"),
    ("UUP_TR", "DXY"),
)


def check_names(labels: Sequence[Hashable], *, where: str) -> list[str]:
    """Return the column names as stripped text, none of them twice."""
    names = [str(label).strip() for label in labels]
    repeated = sorted(name for name, count in Counter(names).items() if count > 1)
    if repeated:
        raise DuplicateAssetError(
            f"{where} has more than one column named {', '.join(map(repr, repeated))}; the limit "
            f"is one column per asset. Rename or drop the repetition."
        )
    return names


def require(name: str, available: Sequence[str]) -> str:
    """Return `name` where it is available, or say which names come close."""
    if not isinstance(name, str):
        raise DataError(
            f"An asset is named by {name!r}, of type {type(name).__name__}; names are strings. "
            f"Available: {', '.join(map(repr, available))}."
        )
    if name in available:
        return name
    folded = {other.casefold(): other for other in available}
    close = [folded[c] for c in difflib.get_close_matches(name.casefold(), list(folded), n=3)]
    hint = f" Did you mean {' or '.join(map(repr, close))}?" if close else ""
    raise UnknownAssetError(
        f"There is no asset {name!r}.{hint} Available: {', '.join(map(str, available))}."
    )


def underlying(name: str) -> str:
    """Return one name for all columns that follow the same underlying."""
    for group in SAME_UNDERLYING:
        if name.upper() in group:
            return group[0]
    return name.upper()
