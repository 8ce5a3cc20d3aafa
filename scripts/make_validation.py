"""Write the tables of docs/validation.md from the recorded results.

python benchmarks/run.py --repeats 5
python benchmarks/dcc.py --refits 1000
python benchmarks/dcc_coverage.py
python scripts/make_dcc_reference.py
python benchmarks/regimes.py
python benchmarks/regime_recovery.py --replications 1000
python benchmarks/regime_tests.py
python benchmarks/chp_size.py
python scripts/fisher_defect.py
python benchmarks/sbc.py
python benchmarks/nuts.py
python benchmarks/joint_margins.py
python scripts/make_validation.py
"""

from __future__ import annotations

import json
from pathlib import Path

from scipy.stats import beta, norm

from regimecorr.models.bayes import MarginPriors, RegimePriors

DOCS = Path(__file__).resolve().parents[1] / "docs"


def error(n: int, share: float = 0.95) -> str:
    """Monte-Carlo error of a share, in points."""
    return f"{100 * (share * (1 - share) / n) ** 0.5:.1f} points"


def speed(results: dict) -> list[str]:
    """Times and memory of a verdict."""
    rows = ["| | best | median | unit |", "|---|---|---|---|"]
    for name, value in results.items():
        rows.append(f"| {name} | {value['best']:.2f} | {value['median']:.2f} | {value['unit']} |")
    return rows


def dcc_speed(record: dict) -> list[str]:
    """Times of dynamic conditional correlation next to pymgarch, checks, and cost curves."""
    rows = ["| case | regimecorr best (s) | pymgarch best (s) | wanted |", "|---|---|---|---|"]
    for line in record["results"]:
        what = line["what"] if line["unit"] == "s" else f"{line['what']} ({line['unit']})"
        cells = []
        for package in ("regimecorr", "pymgarch"):
            best = line.get(package, {}).get("best")
            digits = 3 if line["unit"] == "s" else 0
            cells.append("–" if best is None else f"{best:.{digits}f}")
        rows.append(f"| {line['case']}. {what} | {cells[0]} | {cells[1]} | {line['wanted']} |")

    compiled = record["pymgarch_compiled_by_numba"]
    notes = []
    if compiled is not None:
        how = "compiled by numba" if compiled else "not compiled"
        notes.append(f"pymgarch {record['libraries']['pymgarch']} ran {how}.")
    checks = record["checks"].values()
    gaps = [check["loglikelihood_gap"] for check in checks if "loglikelihood_gap" in check]
    if gaps:
        notes.append(
            f"Log-likelihoods of both packages on the same data differ by at most {max(gaps):.4f}."
        )
    for check in checks:
        own = check["regimecorr"]
        if "share_converged" in own:
            peer = check.get("pymgarch")
            of_peer = f" (pymgarch: the first {peer['refits']})" if peer else ""
            notes.append(
                f"Bootstrap: {own['refits']:,} refits on blocks of {check['block']} rows"
                f"{of_peer}, {own['ms_per_refit']:.1f} ms each in the mean, "
                f"{own['processor_ms_per_refit']:.1f} ms of the processor; "
                f"{100 * own['share_converged']:.1f} % converged."
            )
    rows += ["", " ".join(notes), ""]

    rows.append("| one likelihood with its gradient | sizes | ms | slope | order |")
    rows.append("|---|---|---|---|---|")
    for line in record["curves"]:
        sizes = " / ".join(f"{v:,}" for v in line["values"])
        costs = " / ".join(f"{v:.3g}" for v in line["ms"])
        rows.append(
            f"| {line['what']}, by {line['x']} | {sizes} | {costs} | {line['slope']:.2f} | "
            f"{line['order']} |"
        )
    return rows


def dcc_reference(rows: list[dict]) -> list[str]:
    """The DCC family against other software on the same data."""
    out = [
        "| model | against | its log-likelihood | ours less it | parameters | standard errors |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        worst = f"within {row['parameters']:.0e}" if row["parameters"] else "given"
        out.append(
            f"| {row['model']} | {row['against']} | {row['theirs']:.6f} "
            f"| {row['difference']:.0e} | {worst} | {row['standard errors'] or '–'} |"
        )
    return out


def dcc_coverage(record: dict) -> list[str]:
    """Coverage and bias of the DCC family in simulation, and exact targeting."""
    out = [
        "| simulated, fitted | parameter | truth | mean | bias | sd | two-step | three-stage |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for case, found in record["cases"].items():
        for name, row in found.items():
            if not isinstance(row, dict):
                continue
            covers = (row.get(f"coverage {s}") for s in ("two-step", "three-stage"))
            cells = ("–" if c is None else f"{100 * c:.1f} %" for c in covers)
            out.append(
                f"| {case} | {name} | {row['truth']:g} | {row['mean']:.4f} | {row['bias']:.4f} | "
                f"{row['sd']:.4f} | {' | '.join(cells)} |"
            )
    bands = ", ".join(
        f"{case}: {100 * found['band coverage']:.1f} %" for case, found in record["cases"].items()
    )
    n = next(iter(record["cases"].values()))["replications"]
    long = record["targeting"]
    return [
        *out,
        "",
        f"{n:,} replications of {record['n_obs']:,} rows a case; the standard error of a coverage "
        f"of 95 % is {error(n)}. Days on which the 95 % band holds "
        f"the true conditional correlation: {bands}.",
        "",
        f"Exact targeting, {long['paths']} simulated cDCC paths of {long['n_obs']:,} rows with "
        f"true target {long['truth']}: cDCC finds {long['cdcc']:.4f} (standard error "
        f"{long['standard error']:.4f}), the sample correlation that DCC takes is "
        f"{long['dcc']:.4f}.",
    ]


def regime_recovery(record: dict) -> list[str]:
    """Errors of the two-regime estimates beside RSDC's, and coverage of the intervals."""
    rows = ["| rows | parameter | RMSE | RSDC's (its error) | bias | coverage of 95 % |"]
    rows.append("|---|---|---|---|---|---|")
    for n in ("500", "1000", "2000"):
        for name, found in record[n].items():
            rows.append(
                f"| {int(n):,} | {name} | {found['rmse']:.3f} | {found['rsdc']:.3f} "
                f"({found['rsdc_error']:.3f}) | {found['bias']:+.3f} | "
                f"{100 * found['coverage']:.0f} % |"
            )
    note = "RSDC's are over 100; their error is that of 100 of ours."
    n = record["replications"]
    last = f"The standard error of a coverage of 95 % is {error(n)}."
    return [*rows, "", f"{n:,} replications a size; {note} {last}"]


def rsdc_samples(record: dict) -> list[str]:
    """Errors on RSDC's own samples, ours beside the published ones."""
    rows = ["| rows | parameter | RMSE | RSDC's | bias | RSDC's | highest | samples below it |"]
    rows.append("|---|---|---|---|---|---|---|---|")
    for n in ("500", "1000", "2000"):
        found = record["rsdc_samples"][n]
        for name, row in found["parameters"].items():
            rows.append(
                f"| {int(n):,} | {name} | {row['rmse']:.3f} | {row['rsdc']:.3f} | "
                f"{row['bias']:+.3f} | {row['rsdc_bias']:+.3f} | {row['highest']:.3f} | "
                f"{found['missed']} |"
            )
    note = "highest: RMSE of the highest maximum that 64 starts of every kind find."
    return [*rows, "", f"{record['rsdc_samples']['replications']} samples a size; {note}"]


def regime_tests(record: dict) -> list[str]:
    """Size and power of the bootstrap likelihood ratio."""
    rows = ["| simulated | replications | at 10 % | at 5 % | at 1 % |", "|---|---|---|---|---|"]
    for case, found in record["rejected"].items():
        cells = [
            f"{100 * found[level]:.1f} ({100 * found[level + ' error']:.1f})"
            for level in ("0.1", "0.05", "0.01")
        ]
        rows.append(f"| {case} | {found['replications']:,} | {' | '.join(cells)} |")
    return [*rows, "", f"{record['n_obs']:,} rows a sample; standard errors in brackets."]


def claim_worlds(record: dict) -> list[str]:
    """What the chart's rule and the fresh rule say in worlds whose truth is known."""
    columns = (
        "matured a year",
        "chart within 126",
        "chart within 252",
        "fresh",
        "transient by definition",
    )
    rows = [f"| truth | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for name, found in record.items():
        if name not in ("speed", "independent walks"):
            cells = [f"{found[columns[0]]:.3f}", *(f"{found[c]:.3f}" for c in columns[1:])]
            rows.append(f"| {name} | {' | '.join(cells)} |")
    walks, speed = record["independent walks"], record["speed"]
    fewest = min(row["matured"] for row in record.values() if "fresh" in row)
    return [
        *rows,
        "",
        f"{walks['histories']:,} histories of each, at least {fewest:,} matured episodes: standard "
        f"errors of shares of at most {error(fewest, 0.5)} if they were independent. Independent "
        f"walks, price levels: {walks['episodes a year']:.2f} episodes a year "
        f"({walks['matured a year']:.2f} with a "
        f"year of data after them), {100 * walks['resolved within 252']:.0f} % back within 252 "
        f"rows, {100 * walks['resolved within 126']:.0f} % within 126, median "
        f'{walks["median rows"]:.0f} rows; "5 of 5" is at most '
        f"{walks['likelihood ratio of 5 of 5, at most']:.2f} times as likely with any link as "
        f"with none. With {speed['histories']:,} histories of {speed['rows']:,} rows "
        f"`test_claim` takes {speed['test_claim, s']:.0f} s and `test_claims` "
        f"{speed['test_claims, s']:.0f} s on {speed['jobs']} cores.",
    ]


def chp_tests(record: dict) -> list[str]:
    """Size and power of the Carrasco-Hu-Ploberger test at 5 %."""
    rows = ["| | simulated | replications | supTS | expTS |", "|---|---|---|---|---|"]
    for kind in ("size", "power"):
        for case, found in record[kind].items():
            cells = [
                f"{100 * found[f'{name} at 5%']:.1f} ({100 * found[f'{name} at 5%, s.e.']:.1f})"
                for name in ("supTS", "expTS")
            ]
            rows.append(f"| {kind} | {case} | {found['replications']} | {' | '.join(cells)} |")
    note = f"Rejected at 5 %, in percent; {record['n_obs']:,} rows a sample."
    ranges = record["power by range of the persistence, t5 errors"]
    names = list(next(iter(ranges.values())))
    power = [f"| persistence searched | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for span, found in ranges.items():
        power.append(f"| {span} | {' | '.join(f'{100 * found[n]:.1f}' for n in names)} |")
    n = next(iter(record["power"].values()))["replications"]
    last = f"Power by the range of the process's persistence, t5 errors, {n} replications."
    return [*rows, "", note, "", *power, "", last]


def regime_speed(record: dict) -> list[str]:
    """Times of regime models."""
    rows = ["| case | best (s) | median (s) | wanted |", "|---|---|---|---|"]
    for name, found in record["results"].items():
        wanted = record["wanted"].get(name)
        limit = "" if wanted is None else f"at most {wanted:g}"
        rows.append(f"| {name} | {found['best']:.4f} | {found['median']:.4f} | {limit} |")
    return rows


def fisher_defect(record: dict) -> list[str]:
    """What a Markov regression makes of a constant correlation."""
    rows = [
        "| | two regimes by BIC | means apart by Wald | median gap | median shorter duration |",
        "|---|---|---|---|---|",
    ]
    for name, found in record.items():
        if name == "truth":
            continue
        wald = found.get("Wald test finds a difference, share")
        cells = (
            f"{100 * found['BIC prefers two regimes, share']:.0f} %",
            "–" if wald is None else f"{100 * wald:.0f} %",
            f"{found['difference, median']:.2f}",
            f"{found['duration, median']:.0f} rows",
        )
        rows.append(f"| {name} | {' | '.join(cells)} |")
    n = record["SwitchingCorrelation"]["series"]
    note = f"{n} series, errors of shares up to {error(n, 0.5)}"
    return [*rows, "", f"Truth: {record['truth']}; {note}."]


def calibration(record: dict) -> list[str]:
    """Simulation-based calibration of the sampled regime models."""
    rows = ["| case | simulations | parameters ranked | smallest p | the same, Bonferroni |"]
    rows.append("|---|---|---|---|---|")
    for case, found in record["cases"].items():
        values = [row["p_value"] for row in found["parameters"].values()]
        rows.append(
            f"| {case} | {found['simulations']} | {len(values)} | {min(values):.3f} | "
            f"{found['p_bonferroni']:.2f} |"
        )
    return rows


def sampling_time(record: dict) -> list[str]:
    """Time and convergence of NUTS."""
    rows = ["| chain | seconds | largest R-hat | smallest bulk ESS | tail ESS | divergences |"]
    rows.append("|---|---|---|---|---|---|")
    for case, found in record["cases"].items():
        rows.append(
            f"| {case} | {found['seconds']:.0f} | {found['max_rhat']:.3f} | "
            f"{found['min_ess_bulk']:,} | {found['min_ess_tail']:,} | {found['divergences']} |"
        )
    return rows


def implied_priors() -> list[str]:
    """Quantiles that the default priors of two recurrent regimes imply."""
    table = RegimePriors().table()
    rows = ["| default, recurrent, two regimes | 5% | 50% | 95% |", "|---|---|---|---|"]
    for name, row in table.iterrows():
        cells = " | ".join(f"{x:,.0f}" if abs(x) > 60 else f"{x:.2f}" for x in row)
        rows.append(f"| `{name}` | {cells} |")
    return rows


def margin_priors() -> list[str]:
    """Default priors of sampled margins and their quantiles."""
    p = MarginPriors()
    laws = {
        f"mean over s | N(0, {p.mean:g}²)": norm(scale=p.mean),
        f"log of the variance over s² | N(0, {p.log_variance:g}²)": norm(scale=p.log_variance),
        f"α + β | Beta{p.persistence}": beta(*p.persistence),
        f"α / (α + β) | Beta{p.share}": beta(*p.share),
    }
    rows = ["| parameter | prior | 5% | 50% | 95% |", "|---|---|---|---|---|"]
    for name, law in laws.items():
        rows.append(f"| {name} | {' | '.join(f'{law.ppf(q):.2f}' for q in (0.05, 0.5, 0.95))} |")
    return rows


def joint_margins(record: dict) -> list[str]:
    """Cost and effect of sampling the margins."""
    rows = [f"| | {' | '.join(record)} |", f"|{'---|' * (len(record) + 1)}"]
    for key in next(iter(record.values())):
        rows.append(f"| {key} | {' | '.join(f'{found[key]:,}' for found in record.values())} |")
    return rows


def interval(study: dict) -> list[str]:
    """How often the interval holds the true probability, by member."""
    rows = [
        "| | pool: held | mean width | family known: held | mean width |",
        "|---|---|---|---|---|",
    ]
    pool, family = study["pool"], study["family"]
    pairs = [("all", pool, family)]
    pairs += [(m, pool["by member"][m], family["by member"][m]) for m in pool["by member"]]
    for name, a, b in pairs:
        cells = [f"{x['coverage']:.3f} ({x['error']:.3f}) | {x['mean width']:.2f}" for x in (a, b)]
        rows.append(f"| {name} ({a['n']}) | {' | '.join(cells)} |")
    return rows


def fill(text: str, name: str, rows: list[str]) -> str:
    """Put a table between its markers."""
    start, end = f"<!-- {name}: start -->", f"<!-- {name}: end -->"
    head, tail = text.split(start)[0], text.split(end)[1]
    return f"{head}{start}\n" + "\n".join(rows) + f"\n{end}{tail}"


def main() -> None:
    """Run from the command line."""
    timed = json.loads((DOCS.parent / "benchmarks" / "results.json").read_text())
    page = DOCS / "validation.md"
    text = fill(page.read_text(), "speed", speed(timed["results"]))
    dcc = json.loads((DOCS.parent / "benchmarks" / "dcc_results.json").read_text())
    text = fill(text, "dcc-speed", dcc_speed(dcc))
    reference = json.loads((DOCS / "_results" / "dcc_reference.json").read_text())
    text = fill(text, "dcc-reference", dcc_reference(reference))
    coverage = json.loads((DOCS / "_results" / "dcc_coverage.json").read_text())
    text = fill(text, "dcc-coverage", dcc_coverage(coverage))
    for name, file, make in (
        ("rsdc_samples", "regime_recovery", rsdc_samples),
        ("regime_recovery", "regime_recovery", regime_recovery),
        ("regime_tests", "regime_tests", regime_tests),
        ("chp_size", "chp_size", chp_tests),
        ("interval", "interval_coverage", interval),
        ("claim_worlds", "claim_worlds", claim_worlds),
    ):
        record = json.loads((DOCS / "_results" / f"{file}.json").read_text())
        text = fill(text, name, make(record))
    regimes = json.loads((DOCS.parent / "benchmarks" / "regimes_results.json").read_text())
    page.write_text(fill(text, "regime_speed", regime_speed(regimes)))

    page = DOCS / "theory" / "regimes.md"
    defect = json.loads((DOCS / "_results" / "fisher_defect.json").read_text())
    page.write_text(fill(page.read_text(), "fisher-defect", fisher_defect(defect)))

    page = DOCS / "theory" / "bayes.md"
    text = page.read_text()
    text = fill(text, "margin_priors", margin_priors())
    for name, make in (
        ("sbc", calibration),
        ("nuts", sampling_time),
        ("joint_margins", joint_margins),
    ):
        record = json.loads((DOCS / "_results" / f"{name}.json").read_text())
        text = fill(text, name, make(record))
    page.write_text(fill(text, "priors", implied_priors()))


if __name__ == "__main__":
    main()
