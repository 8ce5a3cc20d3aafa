"""The command line: `python -m regimecorr assess`.

Exit codes: 0 a verdict was given; 2 wrong usage or unusable input; 3 prices could not be had;
4 the models failed; 130 interrupted. The answer goes to standard output, everything else to
standard error.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regimecorr import __version__
from regimecorr.files import PICTURE_SUFFIXES

if TYPE_CHECKING:
    from regimecorr.verdict import Verdict

OK, USAGE, NO_DATA, FAILED, INTERRUPTED = 0, 2, 3, 4, 130
_PROGRAM = "regimecorr"


class _UsageError(Exception):
    """An argument that argparse alone cannot judge."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments without the program's name; default: those of the process.

    Returns
    -------
    int
        Exit code.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A name that the terminal's encoding lacks is no reason to lose the answer.
        sys.stdout.reconfigure(errors="backslashreplace")
    parser = _parser()
    try:
        arguments = parser.parse_args(argv)
    except SystemExit as stop:
        # argparse has printed the help, the version or the usage error.
        return OK if stop.code in (None, 0) else USAGE
    try:
        if arguments.command is None:
            parser.print_help()
            code = USAGE
        else:
            code = _run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader (head, less) has gone; nothing is left to say, not even at shutdown.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except KeyboardInterrupt:
        _tell("error", "interrupted")
        return INTERRUPTED
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=_PROGRAM,
        description="Is a divergence of two correlated assets transient or structural?",
    )
    parser.add_argument("--version", action="version", version=f"{_PROGRAM} {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    assess = commands.add_parser(
        "assess",
        help="assess the pair as of a day",
        description="Estimate the probability that the current divergence of a pair is structural.",
        epilog="Exit codes: 0 verdict given, 2 wrong usage or unusable input, 3 prices could not "
        "be had, 4 models failed, 130 interrupted.",
    )
    assess.add_argument(
        "prices",
        nargs="?",
        metavar="PRICES",
        help="CSV or Parquet file with one column of dates and one per asset; without it Ethereum "
        "(ETH) against the Russell 2000 (--benchmark RUT, or its fund IWM) from cache or download, "
        "offline their simulated twin",
    )
    pair = assess.add_argument_group("pair and day")
    pair.add_argument("--asset", metavar="NAME", help="column of the asset")
    pair.add_argument("--benchmark", metavar="NAME", help="column of the benchmark")
    pair.add_argument("--as-of", metavar="DATE", help="last day used (default: the last row)")
    event = assess.add_argument_group("definitions")
    event.add_argument(
        "--basis",
        choices=("returns", "levels", "log_levels"),
        default="returns",
        help="what is correlated (default: returns)",
    )
    for name, default in (("short-window", 90), ("long-window", 252), ("horizon", 252)):
        event.add_argument(
            f"--{name}", type=int, default=default, metavar="ROWS", help=f"default: {default}"
        )
    run = assess.add_argument_group("simulation")
    run.add_argument(
        "--n-paths", type=int, default=4000, metavar="N", help="paths a model (default: 4000)"
    )
    run.add_argument(
        "--method",
        choices=("pool", "bayes"),
        default="pool",
        help="estimated models, in seconds, or sampled posteriors, in minutes (default: pool)",
    )
    run.add_argument("--seed", type=int, default=0, metavar="N", help="default: 0")
    run.add_argument(
        "--n-jobs", type=int, default=1, metavar="N", help="threads, -1 for all (default: 1)"
    )
    run.add_argument("--raw", action="store_true", help="ask for the raw pool, without calibration")
    output = assess.add_argument_group("output")
    output.add_argument(
        "--json", action="store_true", help="JSON on standard output in place of the summary"
    )
    output.add_argument("--plot", type=Path, metavar="FILE", help="picture: .png, .pdf or .svg")
    output.add_argument("--html", type=Path, metavar="FILE", help="self-contained report")
    return parser


def _run(arguments: argparse.Namespace) -> int:
    """Assess, and turn what the package raises on purpose into one line and an exit code."""
    from regimecorr.errors import DownloadError, EstimationError, RegimeCorrError

    try:
        with warnings.catch_warnings():
            _show_warnings()
            _check_outputs(arguments)
            verdict = _assess(arguments)
            _write_files(verdict, arguments)
        _print_answer(verdict, as_json=arguments.json)
    except BrokenPipeError:
        raise
    except DownloadError as error:
        return _fail(error, NO_DATA)
    except EstimationError as error:
        return _fail(error, FAILED)
    except (_UsageError, RegimeCorrError, OSError) as error:
        return _fail(error, USAGE)
    return OK


def _assess(arguments: argparse.Namespace) -> Verdict:
    from regimecorr.assessment import assess

    return assess(
        arguments.prices,
        asset=arguments.asset,
        benchmark=arguments.benchmark,
        as_of=arguments.as_of,
        basis=arguments.basis,
        short_window=arguments.short_window,
        long_window=arguments.long_window,
        horizon=arguments.horizon,
        method=arguments.method,
        calibration=None if arguments.raw else "market",
        n_paths=arguments.n_paths,
        rng=arguments.seed,
        n_jobs=arguments.n_jobs,
    )


def _check_outputs(arguments: argparse.Namespace) -> None:
    """Find what would fail after the models have run before they run."""
    if arguments.seed < 0:
        raise _UsageError(f"--seed {arguments.seed} must not be negative.")
    picture: Path | None = arguments.plot
    if picture is not None and picture.suffix.lower() not in PICTURE_SUFFIXES:
        known = ", ".join(PICTURE_SUFFIXES)
        raise _UsageError(f"--plot {picture}: the extension must be one of {known}.")
    for option, path in (("--plot", picture), ("--html", arguments.html)):
        if path is None:
            continue
        if not path.parent.is_dir():
            raise _UsageError(f"{option} {path}: the folder {path.parent} does not exist.")
        if path.is_dir():
            raise _UsageError(f"{option} {path} is a folder; name a file.")


def _write_files(verdict: Verdict, arguments: argparse.Namespace) -> None:
    if arguments.plot is not None:
        from regimecorr.plotting.style import save

        save(verdict.plot(), arguments.plot)
    if arguments.html is not None:
        verdict.to_html(arguments.html)


def _print_answer(verdict: Verdict, *, as_json: bool) -> None:
    if as_json:
        import json

        print(json.dumps(verdict.to_dict(), indent=2, allow_nan=False))
    else:
        print(verdict.summary())


def _show_warnings() -> None:
    """Say the package's warnings in one line each, on standard error; leave others silent."""
    from regimecorr.errors import RegimeCorrWarning, UncalibratedWarning

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        text = str(message)
        if isinstance(message, UncalibratedWarning):
            # The remedy is an argument of assess; here it is an option.
            text = text.replace("calibration=None", "--raw")
        _tell("warning", text)

    warnings.simplefilter("ignore")
    warnings.simplefilter("always", RegimeCorrWarning)
    warnings.showwarning = show


def _fail(error: Exception, code: int) -> int:
    message = str(error) or type(error).__name__
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        message = f"{error.filename}: {error.strerror}"
    _tell("error", message)
    return code


def _tell(kind: str, message: str) -> None:
    print(f"{_PROGRAM}: {kind}: {' '.join(message.split())}", file=sys.stderr)
