"""Every recorded share that has a nominal value: which of them depart from it, by one rule."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parents[1] / "docs" / "_results"
#: Standard errors under the nominal value beyond which a share is listed.
LIMIT = 3.0


@dataclass(frozen=True, slots=True)
class Check:
    """A share with a nominal value.

    Attributes
    ----------
    page : str
        Page that has its table.
    what : str
        What was measured.
    nominal, share : float
        What it should be and what it was.
    n : int
        Samples.
    kind : str
        ``size`` (a rate of false rejections) or ``coverage``.
    used : bool
        Whether the package does it by default; otherwise it is a textbook form, or a world that the
        method is not made for, shown for contrast.
    """

    page: str
    what: str
    nominal: float
    share: float
    n: int
    kind: str
    used: bool = True

    @property
    def errors(self) -> float:
        """Distance from the nominal value in its standard errors."""
        spread = math.sqrt(self.nominal * (1.0 - self.nominal) / self.n)
        return (self.share - self.nominal) / spread

    @property
    def departs(self) -> bool:
        """Whether the distance is beyond the limit."""
        return abs(self.errors) > LIMIT


def record(name: str) -> Any:
    """Read a recorded result."""
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def constancy() -> Iterator[Check]:
    """Sizes of the tests of a constant correlation."""
    for world, forms in record("constancy_size")["size"].items():
        for form, methods in forms.items():
            for method, found in methods.items():
                used = form == "default" and world != "not elliptical"
                what = f"{method}, {form} form, {world}"
                yield Check("theory/constancy", what, 0.05, found["5%"], found["n"], "size", used)


def breaks() -> Iterator[Check]:
    """False alarms of the search for breaks, and coverage of dates and levels."""
    found = record("break_dates")
    for world, forms in found["none"].items():
        for form, row in forms.items():
            what = f"a break found, {form}, {world}"
            used = "unweighted" not in form
            yield Check("theory/breaks", what, 0.05, row["share"], row["n"], "size", used)
    for world, forms in found["breaks"].items():
        for form, row in forms.items():
            used = form == "sup_lm" and "150 rows" not in world
            for name, title in (("coverage", "dates"), ("coverage of levels", "levels")):
                # Shares of breaks or segments in the samples with the right number of breaks.
                n = round(row["n"] * row["right number"]["share"])
                if n < 20 or row[name]["share"] is None:
                    continue
                what = f"interval of {title}, {form}, {world}"
                share = row[name]["share"]
                yield Check("theory/breaks", what, found["ci_prob"], share, n, "coverage", used)


def monitoring() -> Iterator[Check]:
    """False alarms of the detectors that have a rate."""
    found = record("monitoring")
    for world, histories in found["quiet"].items():
        for rows, rules in histories.items():
            for rule, periods in rules.items():
                if rule.startswith(("bayes", "chart")):
                    continue
                used = "DCC" not in world and "," not in rule.replace(", gamma", "")
                for period, cell in periods.items():
                    what = f"{rule}, {world}, m {rows}, B {period}"
                    share = cell["share"]
                    yield Check("theory/monitoring", what, 0.05, share, found["n"], "size", used)


def dcc() -> Iterator[Check]:
    """Coverage of the intervals of DCC's parameters."""
    for case, found in record("dcc_coverage")["cases"].items():
        for name, row in found.items():
            share = row.get("coverage three-stage") if isinstance(row, dict) else None
            if share is not None:
                # DCC's target is compared with the process's own, which it does not estimate.
                used = not (name == "target" and case.startswith("DCC"))
                n = found["replications"]
                yield Check("validation", f"{name}, {case}", 0.95, share, n, "coverage", used)


def regimes() -> Iterator[Check]:
    """Coverage of intervals, and sizes of the tests for regimes."""
    found = record("regime_recovery")
    for rows in ("500", "1000", "2000"):
        for name, row in found[rows].items():
            what = f"{name}, two regimes, {rows} rows"
            n = found["replications"]
            yield Check("validation", what, 0.95, row["coverage"], n, "coverage")
    for case, row in record("regime_tests")["rejected"].items():
        if not case.startswith("power"):
            what, used = f"bootstrap LR, {case}", "wrong" not in case
            yield Check("validation", what, 0.05, row["0.05"], row["replications"], "size", used)
    for case, row in record("chp_size")["size"].items():
        # With simulated laws the test is told the tails; independent shocks ask for permutation.
        used = "test with normal" not in case and case != "independent t5 shocks"
        for name in ("supTS", "expTS"):
            what = f"Carrasco-Hu-Ploberger {name}, {case}"
            share = row[f"{name} at 5%"]
            yield Check("validation", what, 0.05, share, row["replications"], "size", used)


def pool() -> Iterator[Check]:
    """Coverage of the verdict's interval."""
    found = record("interval_coverage")
    for part in ("pool", "family"):
        rows = {"all worlds": found[part], **found[part]["by member"]}
        for name, row in rows.items():
            what = f"interval, {part}, {name}"
            yield Check("theory/pool", what, 0.9, row["coverage"], row["n"], "coverage")


def timing() -> Iterator[Check]:
    """Coverage of the readings for their targets; bands and tests."""
    found = record("timing")
    for row in found["correlations"]:
        what = f"{row['reading']}, {row['hours']} hours, {row['rows']} rows"
        yield Check("theory/timing", what, 0.95, row["covers target"], row["n"], "coverage")
    for case, row in found["ccf"].items():
        for name in ("joint", "pointwise"):
            what = f"{name} band, {case}"
            yield Check("theory/timing", what, 0.05, row[name], row["n"], "size")
    for case, row in found["adjustment"].items():
        for name in ("asset", "benchmark", "both"):
            what = f"symmetric adjustment, {name}, {case}"
            yield Check("theory/timing", what, 0.05, row[name], row["n"], "size")
        what, share = f"Gonzalo-Granger share, {case}", row["Gonzalo-Granger"]
        yield Check("theory/timing", what, 0.95, share, row["n"], "coverage")


def scores() -> Iterator[Check]:
    """Levels of the tests and intervals of scores."""
    found = record("score_tests")
    naive = ("DM by lags", "skill, percentiles", "ECE, independent", "diagram, independent")
    for row in found["rows"]:
        design = f"{row['years']} years, common {row['common']:g}, shock {row['shock']:g}"
        for name, cell in row["columns"].items():
            nominal = found["levels"][name]
            kind = "size" if nominal < 0.5 else "coverage"
            used = name not in naive
            what = f"{name}, {design}"
            n = cell["samples"]
            yield Check("theory/scores", what, nominal, cell["share"], n, kind, used)


def context() -> Iterator[Check]:
    """Intervals and tests by state of a third series."""
    found = record("context_states")
    for row in found["rows"]:
        design = f"{row['correlation']} correlation, states {row['states']}"
        for name, title, nominal, kind in (
            ("returns", "interval of returns", 0.95, "coverage"),
            ("residuals", "interval of residuals", 0.95, "coverage"),
            ("test", "test by shifts", 0.05, "size"),
        ):
            if name == "test" and row["correlation"] == "tied":
                continue  # there is something to find
            share = row["columns"][name]["share"]
            what = f"{title}, {design}"
            yield Check("concepts/context", what, nominal, share, found["n"], kind)


def scan() -> Iterator[Check]:
    """Size of one test among many pairs; one sample of pairs counts as one trial."""
    for case, row in record("scan_fdr")["tests"].items():
        what = f"known date, {case}"
        yield Check("concepts/scan", what, 0.05, row["size"]["0.05"]["mean"], row["n"], "size")


def hazard() -> Iterator[Check]:
    """Size of the test of a constant hazard."""
    found = record("constant_hazard")
    for row in found["rows"]:
        for name in ("intervals", "exact"):
            what = f"constant hazard, {name}, mean {row['mean']}, {row['spells']} spells"
            share = row[name]["rejected"]
            used = name == "intervals"
            level = found["level"]
            yield Check("theory/durations", what, level, share, row["n"], "size", used)


SOURCES: dict[str, Callable[[], Iterator[Check]]] = {
    "constancy_size": constancy,
    "break_dates": breaks,
    "monitoring": monitoring,
    "dcc_coverage": dcc,
    "regime_recovery": regimes,
    "interval_coverage": pool,
    "timing": timing,
    "score_tests": scores,
    "context_states": context,
    "scan_fdr": scan,
    "constant_hazard": hazard,
}


def checks() -> list[Check]:
    """All of them."""
    return [check for make in SOURCES.values() for check in make()]
