"""The command line: `python -m regimecorr assess`, `episodes`, `audit`, `scan`, `history`.

Exit codes: 0 an answer was given; 2 wrong usage or unusable input; 3 prices could not be had;
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
from typing import Any

from regimecorr.cli.options import PROGRAM, UsageError, check_options, make_parser

OK, USAGE, NO_DATA, FAILED, INTERRUPTED = 0, 2, 3, 4, 130


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
    parser = make_parser()
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


def _run(arguments: argparse.Namespace) -> int:
    """Answer, and turn what the package raises on purpose into one line and an exit code."""
    from regimecorr.cli.commands import COMMANDS
    from regimecorr.errors import DownloadError, EstimationError, RegimeCorrError

    try:
        with warnings.catch_warnings():
            _show_warnings()
            check_options(arguments)
            answer = COMMANDS[arguments.command](arguments)
        sys.stdout.write(f"{answer}\n")
    except BrokenPipeError:
        raise
    except DownloadError as error:
        return _fail(error, NO_DATA)
    except EstimationError as error:
        return _fail(error, FAILED)
    except (UsageError, RegimeCorrError, OSError) as error:
        return _fail(error, USAGE)
    return OK


def _show_warnings() -> None:
    """Say the package's warnings once and in one line, on standard error; leave others silent."""
    from regimecorr.errors import RegimeCorrWarning, UncalibratedWarning

    said: set[str] = set()

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        text = str(message)
        if isinstance(message, UncalibratedWarning):
            # The remedy is an argument of assess; here it is an option.
            text = text.replace("calibration=None", "--raw")
        if text not in said:
            said.add(text)
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
    sys.stderr.write(f"{PROGRAM}: {kind}: {' '.join(message.split())}\n")
