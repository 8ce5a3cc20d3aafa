"""Fill the list of records and of departures in docs/validation.md.

    python scripts/make_validation_index.py

Every file of docs/_results stands in `RECORDS`, with the command that makes it, the script that
shows it and the page where it stands; a contract test holds them to that.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from make_scores import short
from make_validation import fill
from validation_checks import LIMIT, Check, checks

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGE = DOCS / "validation.md"


@dataclass(frozen=True, slots=True)
class Record:
    """A file of docs/_results.

    Attributes
    ----------
    file : str
        Its name.
    what : str
        What was measured.
    pages : tuple of str
        Pages of the documentation that show it, without extension.
    made_by, shown_by : str
        Script that writes it, and the script that fills the pages.
    market : bool
        Whether making it takes market prices that are not part of the repository.
    """

    file: str
    what: str
    pages: tuple[str, ...]
    made_by: str
    shown_by: str
    market: bool = False


def _theory(file: str, what: str, page: str, made_by: str, shown_by: str) -> Record:
    return Record(f"{file}.json", what, (f"theory/{page}",), made_by, shown_by)


def _here(file: str, what: str, made_by: str) -> Record:
    return Record(f"{file}.json", what, ("validation",), made_by, "scripts/make_validation.py")


def _market(file: str, what: str, pages: tuple[str, ...], made_by: str, shown_by: str) -> Record:
    return Record(file, what, pages, made_by, shown_by, market=True)


_TRACK = "scripts/make_track_record.py"
RECORDS = (
    Record(
        "concepts.json",
        "the chart's rule between unrelated prices",
        ("concepts/fresh", "concepts/levels_mislead", "concepts/probability"),
        "scripts/make_concepts.py",
        "scripts/make_concepts.py",
    ),
    Record(
        "dcc_reference.json",
        "DCC family against rmgarch, pymgarch and exact optima",
        ("validation", "comparison"),
        "scripts/make_dcc_reference.py",
        "scripts/make_validation.py",
    ),
    Record(
        "regimes_reference.json",
        "two regimes against RSDC and exact optima",
        ("comparison",),
        "scripts/make_regimes_reference.py",
        "scripts/make_comparison.py",
    ),
    Record(
        "margins_speed.json",
        "time of univariate fits beside arch",
        ("comparison",),
        "benchmarks/margins_speed.py",
        "scripts/make_comparison.py",
    ),
    _here("dcc_coverage", "coverage of DCC's intervals and bands", "benchmarks/dcc_coverage.py"),
    _here(
        "claim_worlds", "the chart's rule where the truth is known", "benchmarks/claim_worlds.py"
    ),
    _here(
        "regime_recovery",
        "errors and coverage of regime estimates",
        "benchmarks/regime_recovery.py",
    ),
    _here("regime_tests", "size and power of the bootstrap LR", "benchmarks/regime_tests.py"),
    _here("chp_size", "size and power of the Carrasco-Hu-Ploberger test", "benchmarks/chp_size.py"),
    _here(
        "interval_coverage", "coverage of the verdict's interval", "benchmarks/interval_coverage.py"
    ),
    _theory(
        "rolling_law",
        "law of a rolling correlation",
        "rolling",
        "benchmarks/rolling_law.py",
        "scripts/make_theory_tables.py",
    ),
    _theory(
        "constant_hazard",
        "size of the test of a constant hazard",
        "durations",
        "benchmarks/constant_hazard.py",
        "scripts/make_theory_tables.py",
    ),
    _theory(
        "fisher_defect",
        "a Markov regression on a rolling correlation",
        "regimes",
        "scripts/fisher_defect.py",
        "scripts/make_validation.py",
    ),
    _theory(
        "sbc",
        "simulation-based calibration of posteriors",
        "bayes",
        "benchmarks/sbc.py",
        "scripts/make_validation.py",
    ),
    _theory(
        "nuts",
        "sampling times and diagnostics",
        "bayes",
        "benchmarks/nuts.py",
        "scripts/make_validation.py",
    ),
    _theory(
        "joint_margins",
        "posteriors with joint margins",
        "bayes",
        "benchmarks/joint_margins.py",
        "scripts/make_validation.py",
    ),
    _theory(
        "constancy_size",
        "size and power of tests of a constant correlation",
        "constancy",
        "benchmarks/constancy_size.py",
        "scripts/make_constancy.py",
    ),
    _theory(
        "break_dates",
        "breaks: levels, dates, coverage",
        "breaks",
        "benchmarks/break_dates.py",
        "scripts/make_breaks.py",
    ),
    _theory(
        "seeded_breaks",
        "the seeded search",
        "breaks",
        "benchmarks/seeded_breaks.py",
        "scripts/make_breaks.py",
    ),
    _theory(
        "monitoring",
        "false alarms and delays",
        "monitoring",
        "benchmarks/monitoring.py",
        "scripts/make_monitoring.py",
    ),
    _theory(
        "timing",
        "closes hours apart: bias, coverage, size",
        "timing",
        "benchmarks/timing.py",
        "scripts/make_timing.py",
    ),
    _theory(
        "score_tests",
        "levels of tests and intervals of scores",
        "scores",
        "benchmarks/score_tests.py",
        "scripts/make_scores.py",
    ),
    Record(
        "context_states.json",
        "intervals and tests by state",
        ("concepts/context",),
        "benchmarks/context_states.py",
        "scripts/make_context.py",
    ),
    Record(
        "scan_fdr.json",
        "false discoveries among many pairs",
        ("concepts/scan",),
        "benchmarks/scan_fdr.py",
        "scripts/make_scan.py",
    ),
    Record(
        "scan_speed.json",
        "time and memory of a scan",
        ("concepts/scan",),
        "benchmarks/scan.py",
        "scripts/make_scan.py",
    ),
    Record(
        "simulated_record.json",
        "scores on simulated worlds",
        ("concepts/track_record",),
        "benchmarks/simulated_record.py",
        _TRACK,
    ),
    Record(
        "simulated_training.jsonl",
        "forecasts of simulated divergences, to learn from",
        ("concepts/track_record",),
        "scripts/make_simulated.py",
        "scripts/make_calibrations.py",
    ),
    Record(
        "simulated_held_out.jsonl",
        "the same, to be tried on",
        ("concepts/track_record",),
        "scripts/make_simulated.py",
        "benchmarks/simulated_record.py",
    ),
    _market(
        "backtest.jsonl",
        "raw forecasts of the market's divergences",
        ("concepts/track_record",),
        "benchmarks/real_record.py",
        "benchmarks/real_record.py",
    ),
    _market(
        "real_record.json",
        "scores on markets",
        ("concepts/track_record",),
        "benchmarks/real_record.py",
        _TRACK,
    ),
    _market(
        "hyper_priors.json",
        "hyper-priors learned from other pairs",
        ("concepts/track_record",),
        "benchmarks/hyper_priors.py",
        _TRACK,
    ),
    _market(
        "verdicts.json",
        "verdicts on Ethereum and small caps",
        ("concepts/track_record",),
        "scripts/make_readme.py",
        _TRACK,
    ),
    _market(
        "history.json",
        "verdicts on Ethereum and small caps every 21 rows",
        ("gallery",),
        "scripts/make_readme.py",
        "scripts/make_gallery.py",
    ),
    _market(
        "claims.json",
        "the published claims on trial",
        ("theory/claims",),
        "scripts/make_claims.py",
        "scripts/make_claims.py",
    ),
    _market(
        "context_case.json",
        "context of Ethereum and small caps",
        ("concepts/context",),
        "scripts/make_context.py",
        "scripts/make_context.py",
    ),
)


def link(page: str) -> str:
    """Link to a page of the documentation."""
    return "here" if page == "validation" else f"{{doc}}`{page}`"


def records(rows: tuple[Record, ...]) -> list[str]:
    """Every record: what it holds, where it stands and what makes it."""
    out = ["| record | what | shown | made by | filled in by |", "|---" * 5 + "|"]
    for row in rows:
        pages = ", ".join(link(page) for page in row.pages)
        made = f"`{row.made_by}`" + (", market prices" if row.market else "")
        shown = "the same" if row.shown_by == row.made_by else f"`{row.shown_by}`"
        out.append(f"| `{row.file}` | {row.what} | {pages} | {made} | {shown} |")
    return out


def by_page(every: list[Check]) -> list[str]:
    """How many shares departed, page by page."""
    rows = [
        "| page | in use | depart | for contrast | depart |",
        "|---" * 5 + "|",
    ]
    for page in dict.fromkeys(check.page for check in every):
        count: Counter[tuple[bool, bool]] = Counter(
            (check.used, check.departs) for check in every if check.page == page
        )
        used, other = ((count[(u, True)], count[(u, False)]) for u in (True, False))
        cells = (sum(used), used[0], sum(other), other[0])
        rows.append(f"| {link(page)} | {' | '.join(str(c) for c in cells)} |")
    return rows


def departures(every: list[Check]) -> list[str]:
    """Shares in use that are more than three standard errors from their nominal value."""
    used = [check for check in every if check.used]
    found = sorted((c for c in used if c.departs), key=lambda c: -abs(c.errors))
    rows = ["| what | kind | nominal | measured | samples | errors away | page |", "|---" * 7 + "|"]
    for c in found:
        rows.append(
            f"| {c.what} | {c.kind} | {short(c.nominal, 2)} | {short(c.share)} | {c.n:,} | "
            f"{c.errors:+.1f} | {link(c.page)} |"
        )
    head = (
        f"Of {len(used)} recorded shares of what the package does by default, {len(found)} lie "
        f"more than {LIMIT:g} standard errors from their nominal value; by chance it would be one."
    )
    return [head, "", *by_page(every), "", *rows]


def main() -> None:
    """Run from the command line."""
    text = PAGE.read_text(encoding="utf-8")
    text = fill(text, "departures", departures(checks()))
    PAGE.write_text(fill(text, "records", records(RECORDS)), encoding="utf-8")


if __name__ == "__main__":
    main()
