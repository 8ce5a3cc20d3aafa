"""All published claims on trial: one table, one row a claim."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from inspect import signature
from typing import Any

import numpy as np
import pandas as pd

from regimecorr.data.alignment import align
from regimecorr.data.prices import load_prices
from regimecorr.errors import DataError
from regimecorr.formatting import MISSING, day
from regimecorr.inference.claims.battery import CLAIM_TESTS
from regimecorr.inference.claims.evidence import Evidence
from regimecorr.inference.claims.sample import ClaimSample
from regimecorr.inference.claims.table import (
    Event,
    PublishedClaim,
    published_claims,
    published_events,
    untestable_claims,
)
from regimecorr.inference.judgement import LEAST_POWER, LEVEL
from regimecorr.inference.stepdown import romano_wolf
from regimecorr.models.base import RandomState, check_count
from regimecorr.progress import LateProgress


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ClaimsTable:
    """Verdicts on many claims.

    Attributes
    ----------
    table : DataFrame
        By id of the claim: ``statement``, ``basis``, ``test``, ``estimate`` with its 95 % interval
        ``lower``, ``upper``; ``pvalue`` and the smallest that the test could reach, ``min_pvalue``;
        ``adjusted``, the p-value of Romano and Wolf's stepdown over the family; ``power``;
        ``verdict`` (supported, contradicted or uninformative), ``reason``, ``out_of_sample`` and
        ``note``.
    untestable : DataFrame
        Statements that prices cannot test, with the reason.
    evidence : dict of Evidence
        By id, with the statistics in bootstrap samples.
    options : dict
        What was asked.
    """

    table: pd.DataFrame
    untestable: pd.DataFrame
    evidence: Mapping[int | str, Evidence]
    options: Mapping[str, Any]

    def __repr__(self) -> str:
        counts = self.table["verdict"].value_counts()
        return f"<ClaimsTable: {', '.join(f'{n} {v}' for v, n in counts.items())}>"

    def summary(self) -> str:
        """Return the verdicts as text."""
        o = self.options
        lines = [
            f"{len(self.table)} claims on trial: {o['asset']} / {o['benchmark']}, "
            f"{day(o['first'])} to {day(o['last'])}"
        ]
        for key, row in self.table.iterrows():
            lines.append(f"{key!s:>3}  {row['verdict']:<14}{row['statement']}")
            lines.append(f"     {row['test']}: {_figures(row)}")
            lines += [
                f"     {text}"
                for text in (row["reason"], row["out_of_sample"] and f"Since: {row.out_of_sample}")
                if text
            ]
        lines.append("Not testable from prices:")
        lines += [f"     {r.statement} {r.reason}" for r in self.untestable.itertuples()]
        return "\n".join(lines)


def _figures(row: pd.Series) -> str:
    parts = [
        f"{row['estimate']:.3g} [{row['lower']:.3g}, {row['upper']:.3g}]"
        if np.isfinite(row["estimate"])
        else MISSING
    ]
    for name, label in (
        ("pvalue", "p"),
        ("adjusted", "adjusted"),
        ("min_pvalue", "least possible"),
        ("power", "power"),
    ):
        if np.isfinite(row[name]):
            parts.append(f"{label} {row[name]:.3f}")
    return ", ".join(parts)


def test_claims(
    prices: Any,
    *,
    asset: str | None = None,
    benchmark: str | None = None,
    as_of: Any = None,
    peer: str | None = None,
    market: str | None = None,
    macro: pd.DataFrame | None = None,
    claims: Sequence[PublishedClaim] | None = None,
    events: Sequence[Event] | None = None,
    n_boot: int = 500,
    rng: RandomState = 0,
    n_jobs: int = 1,
) -> ClaimsTable:
    """Put the published claims about a pair on trial, all of them together.

    Every claim is tried by its own test. Those that resample the data share one set of bootstrap
    samples, those against a world one set of its histories; the p-values are adjusted for the
    number of claims by Romano and Wolf's stepdown. A claim is *contradicted* if the data refute it
    (its own count fails, or the unadjusted 95 % interval of its figure excludes it), *supported* if
    its adjusted p-value is below 5 %, and *uninformative* otherwise, or if its test has a known
    power below one half or could not reach 5 % whatever happened.

    Parameters
    ----------
    prices : DataFrame, dict of Series or path
        Prices; anything `load_prices` takes. Further columns serve ``peer`` and ``market``.
    asset, benchmark : str, optional
        Columns; may be omitted when there are two.
    as_of : str, date or Timestamp, optional
        Date of the trial: the tests use rows on or before it; later ones are read only for the
        out-of-sample outcomes. Default: the last row.
    peer : str, optional
        Column of another asset of the asset's kind (Bitcoin, for Ethereum).
    market : str, optional
        Column of the market (the S&P 500).
    macro : DataFrame, optional
        Macro series by date of observation: ``VIX`` and ``WALCL`` (total assets of the Federal
        Reserve) are used, the latter from the day after its release. Claims about risk appetite
        need it.
    claims : sequence of PublishedClaim, optional
        Claims to try; default `published_claims`.
    events : sequence of Event, optional
        Dates that are said to have changed the relationship; default `published_events`.
    n_boot : int, default 500
        Bootstrap samples, and histories of every null world, at least 100.
    rng : int, Generator or None
        Seed or generator.
    n_jobs : int, default 1
        Threads that make histories; the answer does not depend on it.

    Returns
    -------
    ClaimsTable

    Raises
    ------
    DataError
        If prices, dates or names cannot be used, or a claim names a test that does not exist or
        options that the test does not take.

    References
    ----------
    Romano, J. P. and Wolf, M. (2005). Stepwise multiple testing as formalized data snooping.
    Econometrica 73, 1237-1282.

    Examples
    --------
    >>> import regimecorr as rc
    >>> prices = rc.simulate("recurrent", n_obs=1500, rng=3).prices
    >>> first = rc.published_claims()[:1]
    >>> found = rc.test_claims(prices, claims=first, n_boot=100)
    >>> found.table["verdict"].iloc[0] in ("supported", "contradicted", "uninformative")
    True
    """
    check_count("n_boot", n_boot, 100)
    chosen = published_claims() if claims is None else tuple(claims)
    _check_claims(chosen)
    _check_macro(macro)
    table = load_prices(prices)
    whole = align(table, asset=asset, benchmark=benchmark)
    pair = align(table, asset=asset, benchmark=benchmark, as_of=as_of)
    others = [c for c in table.columns if c not in (pair.asset, pair.benchmark)]
    for role, name in (("peer", peer), ("market", market)):
        if name is not None and name not in others:
            raise DataError(f"{role}={name!r} is no further column; there are {others or 'none'}.")
    sample = ClaimSample(
        pair,
        whole,
        table[others],
        peer,
        market,
        macro,
        published_events() if events is None else tuple(events),
        n_boot,
        int(np.random.default_rng(rng).integers(2**63)),
        n_jobs,
    )
    evidence: dict[int | str, Evidence] = {}
    with LateProgress("claims on trial", len(chosen)) as progress:
        for claim in chosen:
            trial = CLAIM_TESTS[claim.test]
            evidence[claim.id] = trial(sample, basis=claim.basis, **claim.options)
            progress.advance(claim.test)
    options = {
        "asset": pair.asset,
        "benchmark": pair.benchmark,
        "first": pair.prices.index[0],
        "last": pair.prices.index[-1],
        "peer": peer,
        "market": market,
        "n_boot": n_boot,
    }
    return ClaimsTable(_verdicts(chosen, evidence, n_boot), untestable_claims(), evidence, options)


test_claims.__test__ = False  # type: ignore[attr-defined]


def _check_claims(claims: Sequence[PublishedClaim]) -> None:
    ids = [claim.id for claim in claims]
    if len(set(ids)) < len(ids) or not ids:
        raise DataError(f"The claims must have ids of their own, and be at least one: {ids}.")
    for claim in claims:
        if claim.test not in CLAIM_TESTS:
            raise DataError(
                f"Claim {claim.id} names the test {claim.test!r}; there are "
                f"{', '.join(sorted(CLAIM_TESTS))}."
            )
        try:
            signature(CLAIM_TESTS[claim.test]).bind(None, basis=claim.basis, **claim.options)
        except TypeError as error:
            raise DataError(
                f"Claim {claim.id}: the options {dict(claim.options)} do not fit the test "
                f"{claim.test!r}: {error}."
            ) from error


def _check_macro(macro: Any) -> None:
    if macro is None:
        return
    if not isinstance(macro, pd.DataFrame) or not isinstance(macro.index, pd.DatetimeIndex):
        raise DataError("macro must be a DataFrame of series by date (a DatetimeIndex).")
    if macro.index.tz is not None:
        raise DataError(
            f"macro has dates in {macro.index.tz}; pass plain dates (index.tz_localize(None))."
        )


def _verdicts(
    claims: Sequence[PublishedClaim], evidence: Mapping[int | str, Evidence], n_boot: int
) -> pd.DataFrame:
    found = [evidence[claim.id] for claim in claims]
    known = [e.replicates.size == n_boot for e in found]
    statistics = [e.statistic if k else np.nan for e, k in zip(found, known, strict=True)]
    replicates = [
        e.replicates if k else np.full(n_boot, np.nan) for e, k in zip(found, known, strict=True)
    ]
    adjusted = romano_wolf(np.array(statistics), np.column_stack(replicates))
    rows = []
    for claim, mine, p in zip(claims, found, adjusted, strict=True):
        # A test without bootstrap samples (Fisher's) joins the family by Bonferroni.
        if not np.isfinite(p) and np.isfinite(mine.pvalue):
            p = min(1.0, mine.pvalue * len(claims))
        verdict, reason = _verdict(mine, float(p))
        rows.append(
            {
                "id": claim.id,
                "statement": claim.statement,
                "basis": claim.basis,
                "test": mine.test,
                "estimate": mine.estimate,
                "lower": mine.lower,
                "upper": mine.upper,
                "pvalue": mine.pvalue,
                "min_pvalue": mine.min_pvalue,
                "adjusted": p,
                "power": mine.power,
                "verdict": verdict,
                "reason": reason,
                "out_of_sample": mine.out_of_sample,
                "note": mine.note,
            }
        )
    return pd.DataFrame(rows).set_index("id")


def _verdict(evidence: Evidence, adjusted: float) -> tuple[str, str]:
    if evidence.contradicted:
        return "contradicted", "The data refute it."
    if evidence.uninformative:
        return "uninformative", evidence.uninformative
    if evidence.power < LEAST_POWER:
        return "uninformative", f"The test has power {evidence.power:.2f} only."
    if evidence.min_pvalue > LEVEL:
        return (
            "uninformative",
            f"The test cannot reach p below {evidence.min_pvalue:.2f} with these data.",
        )
    if adjusted < LEVEL:
        return "supported", f"p = {adjusted:.3f} after adjustment for the number of claims."
    if not np.isfinite(adjusted):
        return "uninformative", "There is no test of it with these data."
    return "uninformative", f"p = {adjusted:.2f} after adjustment for the number of claims."
