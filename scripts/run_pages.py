"""Run the code of documentation pages and write what it prints beneath it.

    python scripts/run_pages.py [docs/start.md docs/tutorials/*.md]

The Python blocks of a page run in order, in one namespace and in a temporary folder. A fenced block
of ``text`` right after one is what it printed, warnings of the package included; this script writes
it and ``tests/contract/test_docs_code.py`` compares it. Two comments of a page are read::

    <!-- setup              <!-- not run: needs a network -->
    code that runs, unseen  before a block that is shown only
    -->

"""

from __future__ import annotations

import argparse
import contextlib
import io
import linecache
import re
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from regimecorr.errors import RegimeCorrWarning

DOCS = Path(__file__).resolve().parents[1] / "docs"
_BLOCK = re.compile(
    r"^<!-- setup\n(?P<setup>.*?)^-->$"
    r"|^(?:<!-- not run: (?P<reason>[^\n]+) -->\n+)?```python\n(?P<code>.*?)^```$"
    r"(?:\n+```text\n(?P<shown>.*?)^```$)?",
    flags=re.MULTILINE | re.DOTALL,
)
_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
_LAST_PLACES = 2.0


@dataclass(frozen=True, slots=True)
class Output:
    """What a block printed, beside what its page shows (None: nothing is shown)."""

    line: int
    printed: str
    shown: str | None
    span: tuple[int, int]


def pages(docs: Path = DOCS) -> list[Path]:
    """Pages whose code is run: the first steps, the tutorials, the concepts and the theory."""
    rooms = ("tutorials", "concepts", "theory")
    found = [docs / "start.md", *(page for room in rooms for page in docs.glob(f"{room}/*.md"))]
    return sorted(page for page in found if _runs(page.read_text(encoding="utf-8")))


def _runs(text: str) -> bool:
    """Whether a block of a page is run."""
    return any(m["code"] and m["reason"] is None for m in _BLOCK.finditer(text))


def run_page(page: Path, setup: str = "") -> list[Output]:
    """Run the blocks of a page in order.

    Parameters
    ----------
    page : Path
        A Markdown file.
    setup : str, default ""
        Code that runs first, in the same namespace.

    Returns
    -------
    list of Output
        One for each block that ran.

    Raises
    ------
    ValueError
        If a block warns and the page does not show it.
    """
    text = page.read_text(encoding="utf-8")
    names: dict[str, Any] = {"__name__": "page"}
    outputs = []
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder), _printing_warnings():
        exec(compile(setup, "<setup>", "exec", dont_inherit=True), names)
        for match in _BLOCK.finditer(text):
            if match["setup"] is not None:
                _run(match, "setup", text, page, names)
            elif match["reason"] is None:
                outputs.append(_run(match, "code", text, page, names))
    return outputs


def agrees(shown: str, printed: str) -> bool:
    """Whether two texts say the same.

    Line breaks and spaces do not count. Figures with a decimal point, and percentages, may differ
    by two units of their last place: compilers and versions of libraries round differently.
    """
    left, right = " ".join(shown.split()), " ".join(printed.split())
    if _NUMBER.sub("#", left) != _NUMBER.sub("#", right):
        return False
    pairs = zip(_NUMBER.finditer(left), _NUMBER.finditer(right), strict=True)
    return all(_close(one, other) for one, other in pairs)


def refill(page: Path) -> None:
    """Write what the blocks of a page print into the text blocks beneath them."""
    text = page.read_text(encoding="utf-8")
    for output in reversed(run_page(page)):
        if output.shown is not None:
            start, end = output.span
            text = text[:start] + output.printed + text[end:]
    page.write_text(text, encoding="utf-8")


def _run(match: re.Match[str], group: str, text: str, page: Path, names: dict[str, Any]) -> Output:
    line = text.count("\n", 0, match.start(group))
    source = "\n" * line + match[group]
    printed = io.StringIO()
    linecache.cache[str(page)] = (len(text), None, text.splitlines(keepends=True), str(page))
    with contextlib.redirect_stdout(printed):
        exec(compile(source, str(page), "exec", dont_inherit=True), names)
    shown = match["shown"]
    if shown is None and "Warning: " in printed.getvalue():
        raise ValueError(f"{page.name}, line {line + 1}, warns unseen: {printed.getvalue()}")
    return Output(line + 1, printed.getvalue(), shown, match.span("shown"))


@contextlib.contextmanager
def _printing_warnings() -> Iterator[None]:
    """Print warnings of the package as a reader would see them; all others are errors."""

    def show(message: Warning | str, category: type[Warning], *_: Any) -> None:
        print(f"{category.__name__}: {message}")

    wide = ("display.width", 100, "display.max_columns", 20, "display.precision", 3)
    with warnings.catch_warnings(), pd.option_context(*wide):
        warnings.simplefilter("error")
        warnings.simplefilter("always", RegimeCorrWarning)
        warnings.showwarning = show  # type: ignore[assignment]
        yield


def _close(one: re.Match[str], other: re.Match[str]) -> bool:
    a, b = one[0].replace(",", ""), other[0].replace(",", "")
    rest = one.string[one.end() : one.end() + 2]
    if "." not in a and not rest.lstrip().startswith("%"):
        return a == b
    places = len(a.partition(".")[2])
    same_form = places == len(b.partition(".")[2])
    return same_form and abs(float(a) - float(b)) <= (_LAST_PLACES + 1e-6) * 10.0**-places


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("pages", nargs="*", type=Path, help="default: all that are run")
    for page in parser.parse_args().pages or pages():
        print(page)
        refill(page.resolve())


if __name__ == "__main__":
    main()
