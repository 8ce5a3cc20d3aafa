"""Claims and events as data: read from the package's table, or written by the user."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, get_args

import pandas as pd

from regimecorr.data.dates import parse_day
from regimecorr.errors import DataError
from regimecorr.events import Basis


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedClaim:
    """A statement, and the test that tries it.

    Attributes
    ----------
    id : int or str
        How the table names it.
    statement : str
        The claim in words.
    basis : {"returns", "levels", "log_levels"}
        What it speaks about.
    test : str
        Function that tries it, by its name in `regimecorr.inference.claims.battery.CLAIM_TESTS`.
    options : dict
        Passed to that function.

    Examples
    --------
    >>> import regimecorr as rc
    >>> own = rc.PublishedClaim(id="beta", statement="A has a beta above one.", basis="returns",
    ...                         test="beta_above", options={"level": 1.0})
    >>> own.test
    'beta_above'
    """

    id: int | str
    statement: str
    basis: Basis
    test: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.basis not in get_args(Basis):
            raise DataError(
                f"Claim {self.id}: basis={self.basis!r} is unknown; use "
                f"{', '.join(get_args(Basis))}."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that may have changed a relationship.

    Attributes
    ----------
    name : str
        What happened.
    date : Timestamp
        When; anything that is one clear date is taken.

    Examples
    --------
    >>> import regimecorr as rc
    >>> rc.Event(name="the Merge", date="2022-09-15").date
    Timestamp('2022-09-15 00:00:00')
    """

    name: str
    date: pd.Timestamp

    def __post_init__(self) -> None:
        object.__setattr__(self, "date", parse_day(self.date, label=f"the date of {self.name!r}"))


@cache
def _tables() -> dict[str, list[dict[str, Any]]]:
    text = (files("regimecorr.inference.claims") / "claims.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def published_claims() -> tuple[PublishedClaim, ...]:
    """Return the published claims about Ethereum and the Russell 2000.

    Returns
    -------
    tuple of PublishedClaim

    Examples
    --------
    >>> import regimecorr as rc
    >>> rc.published_claims()[0].statement
    'The 1-year rolling correlation lies mostly between 0.6 and 0.9.'
    """
    return tuple(PublishedClaim(**row) for row in _tables()["claim"])


def published_events() -> tuple[Event, ...]:
    """Return the events that are said to have changed the relationship of Ethereum to equities.

    Returns
    -------
    tuple of Event

    Examples
    --------
    >>> import regimecorr as rc
    >>> rc.published_events()[0].name
    'EIP-1559'
    """
    return tuple(Event(name=row["name"], date=row["date"]) for row in _tables()["event"])


def untestable_claims() -> pd.DataFrame:
    """Return the statements that prices cannot test (``statement``, ``reason``)."""
    return pd.DataFrame(_tables()["untestable"])
