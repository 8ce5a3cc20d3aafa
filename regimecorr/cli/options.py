"""The options of the command line, and what argparse alone cannot judge of them."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from regimecorr import __version__
from regimecorr.files import PICTURE_SUFFIXES

PROGRAM = "regimecorr"
_CODES = (
    "Exit codes: 0 answer given, 2 wrong usage or unusable input, 3 prices could not be had, "
    "4 models failed, 130 interrupted."
)
_PRICES = (
    "CSV or Parquet file: a column of dates and one per asset; or a row per asset and day; or as "
    "yfinance writes it. Without it Ethereum (ETH) against the Russell 2000 (--benchmark RUT, or "
    "its fund IWM) from cache or download, offline their simulated twin"
)
_BASES = ("returns", "levels", "log_levels")


class UsageError(Exception):
    """An argument that argparse alone cannot judge."""


def make_parser() -> argparse.ArgumentParser:
    """Make the parser of all commands."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Is a divergence of two correlated assets transient or structural?",
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    _add_assess(commands)
    _add_episodes(commands)
    _add_audit(commands)
    _add_scan(commands)
    _add_history(commands)
    return parser


def check_options(arguments: argparse.Namespace) -> None:
    """Find what would fail after the work is done before it begins.

    Raises
    ------
    UsageError
        A negative seed, no thread to work with, a price without a file, what a report shall hold
        without a report, or a file that cannot be written or would replace the prices.
    """
    given = vars(arguments)
    if given.get("seed", 0) < 0:
        raise UsageError(f"--seed {arguments.seed} must not be negative.")
    if given.get("n_jobs", 1) < 1 and arguments.n_jobs != -1:
        raise UsageError(f"--n-jobs {arguments.n_jobs} must be at least 1, or -1 for all.")
    if arguments.price is not None and arguments.prices is None:
        raise UsageError(f"--price {arguments.price} chooses a field of a file; name the file.")
    if given.get("html") is None and (given.get("claims") or not given.get("context", True)):
        option = "--claims" if arguments.claims else "--no-context"
        raise UsageError(f"{option} is about the report; name its file with --html.")
    picture: Path | None = given.get("plot")
    if picture is not None and picture.suffix.lower() not in PICTURE_SUFFIXES:
        known = ", ".join(PICTURE_SUFFIXES)
        raise UsageError(f"--plot {picture}: the extension must be one of {known}.")
    for option in ("plot", "html", "csv"):
        path: Path | None = given.get(option)
        if path is None:
            continue
        if not path.parent.is_dir():
            raise UsageError(f"--{option} {path}: the folder {path.parent} does not exist.")
        if path.is_dir():
            raise UsageError(f"--{option} {path} is a folder; name a file.")
        if arguments.prices is not None and path.resolve() == Path(arguments.prices).resolve():
            raise UsageError(f"--{option} {path} is the file of the prices; name another one.")


def window(text: str) -> int | str:
    """Read a window: rows where it is a whole number, else an offset such as 90D."""
    return int(text) if re.fullmatch(r"\s*[+-]?\d+\s*", text) else text


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    summary: str,
    description: str,
) -> argparse.ArgumentParser:
    """Add a command with what all of them take."""
    command = commands.add_parser(name, help=summary, description=description, epilog=_CODES)
    command.add_argument("prices", nargs="?", metavar="PRICES", help=_PRICES)
    pair = command.add_argument_group("pair and day")
    pair.add_argument("--asset", metavar="NAME", help="the asset")
    pair.add_argument("--benchmark", metavar="NAME", help="the benchmark")
    _add_day_and_price(pair)
    return command


def _add_day_and_price(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--as-of", metavar="DATE", help="last day used (default: the last row)")
    group.add_argument(
        "--price",
        metavar="FIELD",
        help='which price, where a table has several: "close", "adj close" (default: close)',
    )


def _add_assess(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    command = _command(
        commands,
        "assess",
        "assess the pair as of a day",
        "Estimate the probability that the current divergence of a pair is structural.",
    )
    event = command.add_argument_group("definitions")
    _add_basis(event)
    _add_forecast(command, event)
    output = _add_output(command)
    _add_plot(output)
    output.add_argument("--html", type=Path, metavar="FILE", help="self-contained report")
    output.add_argument(
        "--no-context",
        dest="context",
        action="store_false",
        help="leave what surrounds the pair out of the report",
    )
    output.add_argument(
        "--claims",
        action="store_true",
        help="put the published claims on trial in the report, in some seconds",
    )


def _add_forecast(
    command: argparse.ArgumentParser, event: argparse._ArgumentGroup, workers: str = "threads"
) -> None:
    """Add what makes a probability: windows, paths, method, seed, workers, calibration."""
    for name, default in (("short-window", 90), ("long-window", 252), ("horizon", 252)):
        event.add_argument(
            f"--{name}", type=int, default=default, metavar="ROWS", help=f"default: {default}"
        )
    run = command.add_argument_group("simulation")
    run.add_argument(
        "--n-paths", type=int, default=4000, metavar="N", help="paths a model (default: 4000)"
    )
    run.add_argument(
        "--method",
        choices=("pool", "bayes"),
        default="pool",
        help="estimated models, in seconds, or sampled posteriors, in minutes (default: pool)",
    )
    _add_seed_and_jobs(run, workers)
    run.add_argument("--raw", action="store_true", help="ask for the raw pool, without calibration")


def _add_scan(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    command = commands.add_parser(
        "scan",
        help="assess every pair of a panel",
        description="Give the verdict of every pair of a panel, ranked.",
        epilog=_CODES,
    )
    command.add_argument(
        "prices", metavar="PRICES", help="CSV or Parquet file of many assets, as for assess"
    )
    panel = command.add_argument_group("pairs and day")
    panel.add_argument(
        "--pair",
        dest="pairs",
        action="append",
        nargs=2,
        metavar=("ASSET", "BENCHMARK"),
        help="a pair; may be given several times (default: all pairs of distinct underlyings)",
    )
    _add_day_and_price(panel)
    _add_forecast(command, command.add_argument_group("definitions"), "processes")
    output = _add_output(command)
    output.add_argument(
        "--store", type=Path, metavar="DIR", help="folder that keeps every pair; goes on from there"
    )
    output.add_argument("--csv", type=Path, metavar="FILE", help="all columns, a row a pair")


def _add_history(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    command = _command(
        commands,
        "history",
        "replay the verdict of the pair through its past",
        "Give the verdict of many past days, each from prices to its own day, and what came.",
    )
    days = command.add_argument_group("days")
    days.add_argument(
        "--start", metavar="DATE", help="first day (default: the first that can have a verdict)"
    )
    days.add_argument(
        "--every",
        type=int,
        default=21,
        metavar="ROWS",
        help="from verdict to verdict (default: 21)",
    )
    event = command.add_argument_group("definitions")
    _add_basis(event)
    _add_forecast(command, event, "processes")
    output = _add_output(command)
    _add_plot(output)
    output.add_argument("--csv", type=Path, metavar="FILE", help="all columns, a row a verdict")


def _add_plot(output: argparse._ArgumentGroup) -> None:
    output.add_argument("--plot", type=Path, metavar="FILE", help="picture: .png, .pdf or .svg")


def _add_episodes(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    command = _command(
        commands,
        "episodes",
        "list the past divergences of the pair",
        "Find the spells in which the pair was divergent, and what became of them.",
    )
    event = command.add_argument_group("definitions")
    _add_basis(event)
    _add_windows(event, "time after which the outcome is read")
    event.add_argument(
        "--threshold",
        type=float,
        default=0.0,
        metavar="R",
        help="short correlation at or below which a row diverges (default: 0)",
    )
    event.add_argument(
        "--reference",
        choices=("before", "overlapping"),
        default="before",
        help="long window that ended before the short one began, or that of the same day, as in "
        "charts (default: before)",
    )
    event.add_argument(
        "--elevated",
        type=float,
        metavar="R",
        help="what the reference must reach (default: 0.25 before, 0.3 overlapping)",
    )
    event.add_argument(
        "--start",
        choices=("spell", "crossing", "day"),
        default="spell",
        help="what begins an episode: the first divergent row, a crossing of the threshold, or any "
        "divergent row (default: spell)",
    )
    event.add_argument(
        "--merge",
        type=int,
        metavar="ROWS",
        help="spells closer than this are one (default: half the short window)",
    )
    event.add_argument(
        "--refractory",
        type=int,
        default=0,
        metavar="ROWS",
        help="fewest rows between beginnings (default: 0)",
    )
    output = _add_output(command)
    output.add_argument("--csv", type=Path, metavar="FILE", help="all columns, a row an episode")


def _add_audit(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    command = _command(
        commands,
        "audit",
        "audit a chart of price-level correlations",
        "Tell how much of a chart of level correlations is there without any relationship.",
    )
    event = command.add_argument_group("the chart")
    event.add_argument("--since", metavar="DATE", help="count from this day on")
    _add_windows(event, 'time within which an episode may "resolve"')
    event.add_argument(
        "--band",
        type=float,
        nargs=2,
        default=(0.6, 0.9),
        metavar=("LOW", "HIGH"),
        help="where the long correlation is said to lie (default: 0.6 0.9)",
    )
    event.add_argument(
        "--elevated",
        type=float,
        default=0.3,
        metavar="R",
        help="long correlation at which a negative short one is a divergence (default: 0.3)",
    )
    run = command.add_argument_group("simulation")
    run.add_argument(
        "--n-boot", type=int, default=200, metavar="N", help="histories a world (default: 200)"
    )
    _add_seed_and_jobs(run)
    _add_output(command)


def _add_basis(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--basis",
        choices=_BASES,
        default="returns",
        help="what is correlated (default: returns)",
    )


def _add_windows(group: argparse._ArgumentGroup, horizon: str) -> None:
    for name, default in (("short-window", 90), ("long-window", 252)):
        group.add_argument(
            f"--{name}",
            type=window,
            default=default,
            metavar="WINDOW",
            help=f"rows, or days such as {default}D (default: {default})",
        )
    group.add_argument(
        "--horizon",
        type=window,
        default=252,
        metavar="WINDOW",
        help=f"{horizon} (default: 252)",
    )


def _add_seed_and_jobs(group: argparse._ArgumentGroup, workers: str = "threads") -> None:
    group.add_argument("--seed", type=int, default=0, metavar="N", help="default: 0")
    group.add_argument(
        "--n-jobs", type=int, default=1, metavar="N", help=f"{workers}, -1 for all (default: 1)"
    )


def _add_output(command: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    output = command.add_argument_group("output")
    output.add_argument(
        "--json", action="store_true", help="JSON on standard output in place of the summary"
    )
    return output
