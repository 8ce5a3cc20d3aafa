"""The commands: from arguments to the text that is printed. Heavy imports wait until here."""

from __future__ import annotations

import argparse
import json
import textwrap
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from regimecorr.data.alignment import AlignedPair
    from regimecorr.replay.result import History
    from regimecorr.verdict import Verdict

#: Layout of the JSON of `episodes`, `audit` and `scan`; `assess` and `history` have their own.
SCHEMA_VERSION = 1
#: Arguments of `find_episodes` and `audit_levels` that are options of the same name.
_EPISODE_OPTIONS = (
    "basis",
    "short_window",
    "long_window",
    "horizon",
    "threshold",
    "reference",
    "elevated",
    "start",
    "merge",
    "refractory",
)
_AUDIT_OPTIONS = (
    "since",
    "short_window",
    "long_window",
    "elevated",
    "horizon",
    "n_boot",
    "n_jobs",
)
_WIDTH = 100


def assess_pair(arguments: argparse.Namespace) -> str:
    """Assess, write the files asked for and return the summary or JSON."""
    from regimecorr.assessment import assess

    verdict = assess(
        _prices(arguments),
        asset=arguments.asset,
        benchmark=arguments.benchmark,
        as_of=arguments.as_of,
        basis=arguments.basis,
        **_forecast(arguments),
    )
    _write_files(verdict, arguments)
    return _dumped(verdict.to_dict()) if arguments.json else verdict.summary()


def list_episodes(arguments: argparse.Namespace) -> str:
    """Find the past divergences, write them where asked and return the table or JSON."""
    from regimecorr.episodes.detect import find_episodes

    pair = _aligned(arguments)
    options = {name: getattr(arguments, name) for name in _EPISODE_OPTIONS}
    found = find_episodes(pair.prices, asset=pair.asset, benchmark=pair.benchmark, **options)
    _write_table(found, arguments)
    if arguments.json:
        return _dumped({**_about(pair, options), "episodes": found})
    return "\n".join([*_opening(pair), "", *_rule(options), *_episode_lines(found, pair)])


def audit_chart(arguments: argparse.Namespace) -> str:
    """Audit the chart of levels and return the summary or JSON."""
    from regimecorr.inference.levels import audit_levels

    pair = _aligned(arguments)
    options = {name: getattr(arguments, name) for name in _AUDIT_OPTIONS}
    options |= {"band": tuple(arguments.band), "rng": arguments.seed}
    audit = audit_levels(pair.prices, asset=pair.asset, benchmark=pair.benchmark, **options)
    if arguments.json:
        return _dumped({**_about(pair, options), "audit": audit.to_dict()})
    lines = [line for text in audit.summary().split("\n") for line in _wrapped(text)]
    return "\n".join([*_opening(pair), "", *lines])


def scan_panel(arguments: argparse.Namespace) -> str:
    """Scan, write the table where asked and return the summary or JSON."""
    from regimecorr.scanning import scan

    found = scan(
        _prices(arguments),
        pairs="all" if arguments.pairs is None else [(a, b) for a, b in arguments.pairs],
        as_of=arguments.as_of,
        store=arguments.store,
        **_forecast(arguments),
    )
    _write_table(found.table.reset_index(), arguments)
    if not arguments.json:
        return found.summary()
    about = {"schema_version": SCHEMA_VERSION, "as_of": found.as_of, "settings": found.settings}
    return _dumped({**about, "pairs": found.table, "share": found.share})


def replay_verdicts(arguments: argparse.Namespace) -> str:
    """Replay, write the files asked for and return the summary or JSON."""
    from regimecorr.replay import history

    found = history(
        _prices(arguments),
        asset=arguments.asset,
        benchmark=arguments.benchmark,
        start=arguments.start,
        as_of=arguments.as_of,
        every=arguments.every,
        basis=arguments.basis,
        **_forecast(arguments),
    )
    _write_table(found.frame.reset_index(), arguments)
    _write_plot(found, arguments)
    return _dumped(found.to_dict()) if arguments.json else found.summary()


#: What each command does with its arguments.
COMMANDS: Mapping[str, Callable[[argparse.Namespace], str]] = {
    "assess": assess_pair,
    "episodes": list_episodes,
    "audit": audit_chart,
    "scan": scan_panel,
    "history": replay_verdicts,
}


def _forecast(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the options that make a probability."""
    names = ("short_window", "long_window", "horizon", "method", "n_paths", "n_jobs")
    options = {name: getattr(arguments, name) for name in names}
    return options | {
        "calibration": None if arguments.raw else "market",
        "rng": arguments.seed,
    }


def _write_table(table: pd.DataFrame, arguments: argparse.Namespace) -> None:
    if arguments.csv is None:
        return
    from regimecorr.files import replace_file

    text = table.to_csv(index=False, date_format="%Y-%m-%d", lineterminator="\n")
    replace_file(arguments.csv, text.encode("utf-8"))


def _prices(arguments: argparse.Namespace) -> Any:
    """Return the path, or the table of the field asked for; None without a file."""
    if arguments.price is None:
        return arguments.prices
    from regimecorr.data.prices import load_prices

    return load_prices(arguments.prices, price=arguments.price)


def _aligned(arguments: argparse.Namespace) -> AlignedPair:
    from regimecorr.data.alignment import align
    from regimecorr.data.defaults import default_pair

    prices, asset, benchmark = _prices(arguments), arguments.asset, arguments.benchmark
    if prices is None:
        prices, asset, benchmark = default_pair(asset, benchmark)
    return align(prices, asset=asset, benchmark=benchmark, as_of=arguments.as_of)


def _write_plot(result: Verdict | History, arguments: argparse.Namespace) -> None:
    if arguments.plot is not None:
        from regimecorr.plotting.style import save

        save(result.plot(), arguments.plot)


def _write_files(verdict: Verdict, arguments: argparse.Namespace) -> None:
    _write_plot(verdict, arguments)
    if arguments.html is not None:
        verdict.to_html(arguments.html, context=arguments.context, claims=arguments.claims)


def _dumped(content: Mapping[str, Any]) -> str:
    from regimecorr.formatting import plain

    return json.dumps(plain(dict(content)), indent=2, allow_nan=False)


def _about(pair: AlignedPair, options: Mapping[str, Any]) -> dict[str, Any]:
    """Say in JSON what was read and how."""
    return {
        "schema_version": SCHEMA_VERSION,
        "asset": pair.asset,
        "benchmark": pair.benchmark,
        "as_of": pair.prices.index[-1],
        "settings": dict(options),
        "data": {
            "provenance": pair.provenance,
            "alignment": pair.report.to_dict(),
            "simulated": bool(pair.provenance.get("simulated", False)),
        },
    }


def _opening(pair: AlignedPair) -> list[str]:
    """Say in text what was read, simulated prices before all."""
    from regimecorr.formatting import day

    told = pair.provenance
    more = f" ({told['description']})" if told.get("description") else ""
    index = pair.prices.index
    text = (
        f"{pair.asset} / {pair.benchmark} | {told.get('source', 'unknown source')}{more} | "
        f"{day(index[0])} to {day(index[-1])} | {len(index):,} common prices"
    )
    if told.get("simulated"):
        text = f"SIMULATED prices: what follows says nothing about any market. {text}"
    return _wrapped(text)


def _rule(options: Mapping[str, Any]) -> list[str]:
    from regimecorr.data.windows import in_words
    from regimecorr.episodes.detect import default_elevated
    from regimecorr.reporting.facts import BASIS_WORDS

    short, long = (in_words(options[name]) for name in ("short_window", "long_window"))
    elevated = options["elevated"]
    if elevated is None:
        elevated = default_elevated(options["reference"])
    text = (
        f"Divergent: {short} correlation of {BASIS_WORDS[options['basis']]} at or below "
        f"{options['threshold']:g} while the {long} one "
    )
    if options["reference"] == "before":
        text += f"before it is {elevated:g} or more (for a negative one, the mirror image)."
    else:
        text += f"of the same day is {elevated:g} or more."
    lines = _wrapped(text)
    if options["basis"] != "returns":
        lines += _wrapped(
            "WARNING: correlations of price levels turn negative by chance alone; "
            "`regimecorr audit` says how often."
        )
    return lines


def _episode_lines(found: pd.DataFrame, pair: AlignedPair) -> list[str]:
    import pandas as pd

    from regimecorr.formatting import count, day, plural, signed

    if len(found) == 0:
        return ["No episode."]
    kinds = found["outcome"].value_counts(sort=False)
    told = ", ".join(f"{number} {kind}" for kind, number in kinds.items())
    years = (pair.prices.index[-1] - pair.prices.index[0]).days / 365.25
    shown = pd.DataFrame(
        {
            "start": found["start"].map(day),
            "end": found["end"].map(day).where(~found["censored"], "lasts"),
            "rows": found["rows"].map(count),
            "reference": found["reference"].map(signed),
            "short": found["r_short"].map(signed),
            "depth": found["depth"].map(signed),
            "ended as": found["resolved_into"],
            "fresh": found["fresh"].map(signed),
            "outcome": found["outcome"],
            "price gap": found["pathway"],
        }
    )
    head = f"{plural(len(found), 'episode')} in {years:.1f} years: {told}."
    return [head, "", *shown.to_string(index=False).split("\n")]


def _wrapped(text: str) -> list[str]:
    if len(text) <= _WIDTH:
        return [text]
    return textwrap.wrap(text, _WIDTH, break_on_hyphens=False)
