"""One pair of a scan: its verdict, its spell and its test, or why there is none."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from regimecorr.data.alignment import AlignedPair, align
from regimecorr.data.windows import resolve
from regimecorr.errors import RegimeCorrError, collected_warnings
from regimecorr.evaluation.outlook import (
    Outlook,
    OutlookOptions,
    Question,
    look_ahead,
    question_of,
    streams_of,
)
from regimecorr.evaluation.panel import Names, fingerprint, name_seed
from regimecorr.events import Array, legs, state_history
from regimecorr.inference.constancy import ConstancyTest, test_constancy
from regimecorr.inference.known_dates import FEWEST_ROWS
from regimecorr.models.margins import GARCH
from regimecorr.scanning.rows import Row, blank_row, columns_of
from regimecorr.threads import one_blas_thread

#: States in which the relationship is not what it was.
BREAKING = ("divergent", "strained")
#: `test_constancy` wants this many rows.
_TEST_ROWS = 200


@dataclass(frozen=True, slots=True, eq=False)
class PairJob:
    """What a worker gets to know of a pair: its own two columns and nothing else.

    Attributes
    ----------
    prices : DataFrame of shape (n_days, 2)
        Prices to the day, NaN where there is none.
    as_of : Timestamp
        The day.
    options : OutlookOptions
        How the pair is looked at.
    seed : int
        Seed of the pair, see `seed_of`.
    inputs : str
        Hash of its prices.
    """

    prices: pd.DataFrame
    as_of: pd.Timestamp
    options: OutlookOptions
    seed: int
    inputs: str

    @property
    def names(self) -> Names:
        """Asset and benchmark."""
        asset, benchmark = self.prices.columns
        return str(asset), str(benchmark)

    def blank(self) -> Row:
        """Whose row it is, with nothing known yet."""
        asset, benchmark = self.names
        row = blank_row(columns_of(self.options))
        return row | {
            "asset": asset,
            "benchmark": benchmark,
            "seed": self.seed,
            "inputs": self.inputs,
        }

    def figures(self) -> Row:
        """What the row says; raises where it cannot be made."""
        pair = align(self.prices, as_of=self.as_of)
        outlook = look_ahead(question_of(pair, self.options), streams_of(self.seed))
        with one_blas_thread():
            test = short_window_test(pair, self.options.short_window, self.options.long_window)
        spell = _spell(outlook.question)
        return outlook_figures(outlook) | spell | _tested(test) | _families(outlook)


def job_of(
    table: pd.DataFrame, names: Names, as_of: pd.Timestamp, options: OutlookOptions, rng: int
) -> PairJob:
    """Cut a pair out of a table of prices."""
    prices = table.loc[:as_of, list(names)].dropna(how="all")
    prices.attrs = {}
    return PairJob(prices, as_of, options, seed_of(names, rng), fingerprint(prices.dropna()))


def seed_of(names: Names, rng: int) -> int:
    """Seed of a pair, made of its names: neither its place nor its company matters."""
    return int(np.random.SeedSequence([rng, name_seed(names)]).generate_state(1)[0])


def row_of(job: PairJob) -> Row:
    """Make the row of a pair; one that cannot be made says why.

    Every error becomes a row, so that one pair never takes the others with it. Those that the
    package does not raise on purpose are marked ``unexpected``. Interruptions pass.
    """
    row = job.blank()
    with collected_warnings() as seen:
        try:
            row |= job.figures()
        except RegimeCorrError as error:
            row |= {"failed": True, "reason": str(error)}
        except Exception as error:
            row |= {"failed": True, "unexpected": True, "reason": _told(error)}
    row["notes"] = " ".join(dict.fromkeys(str(warning) for warning in seen))
    return row


def lost_row(job: PairJob) -> Row:
    """The row of a pair whose worker died over it twice."""
    reason = "The process that worked on the pair died, alone too: out of memory, or a crash."
    return job.blank() | {"failed": True, "unexpected": True, "reason": reason}


def _told(error: Exception) -> str:
    """Type, message and place of an error that nobody foresaw."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{Path(last.filename).name}, line {last.lineno}"
    return f"{type(error).__name__}: {error} ({place})"


def outlook_figures(outlook: Outlook) -> Row:
    """Figures of an outlook, as they stand in a row."""
    question, figures = outlook.question, outlook.figures()
    low, high = figures.pop("interval")
    failed = [f"{m.name}: {m.reason}" for m in outlook.pool.members.values() if m.reason]
    return figures | {
        "as_of": f"{outlook.as_of:%Y-%m-%d}",
        "low": low,
        "high": high,
        "n_returns": len(question.pair.prices) - 1,
        "uncalibrated": question.uncalibrated,
        "members_failed": "; ".join(failed),
    }


def short_window_test(pair: AlignedPair, short: int, long: int) -> ConstancyTest | None:
    """Test that the short window has the correlation of the reference.

    The residuals of the pair's margins are compared before and after the first row of the short
    window, which is fixed by the day and not read off the chart. None where the windows are too
    short for a test.
    """
    if min(short, long) < FEWEST_ROWS or short + long < _TEST_ROWS:
        return None
    return windows_test(np.asarray(GARCH().fit(pair.returns).z), short, long)


def windows_test(residuals: Array, short: int, long: int) -> ConstancyTest:
    """`short_window_test` of residuals (n_obs, 2)."""
    last = residuals[-(short + long) :]
    return test_constancy(last, method="known_date", margins=None, date=long)


def _tested(test: ConstancyTest | None) -> Row:
    if test is None:
        return {}
    figures: dict[str, Any] = {name: float(test.details[name]) for name in ("before", "after")}
    return figures | {"statistic": float(test.statistic), "pvalue": test.pvalue}


def _spell(question: Question) -> Row:
    """When the state that lasts today began, if it is one of breaking."""
    if question.events.here.state not in BREAKING:
        return {}
    dates = question.pair.dates
    windows = resolve(dates, *question.options.windows)
    state = state_history(*legs(question.values), windows)["state"]
    calm = np.flatnonzero(~state.isin(BREAKING).to_numpy())
    first = int(calm[-1]) + 1
    return {
        "since": f"{dates[first]:%Y-%m-%d}",
        "spell_rows": len(dates) - first,
        "spell_days": (dates[-1] - dates[first]).days,
    }


def _families(outlook: Outlook) -> Row:
    weights, families = outlook.pool.weights, outlook.question.options.families
    return {
        f"weight_{family}": float(sum(weights[name] for name in members))
        for family, members in families.items()
    }
