"""The verdict as one HTML file that needs nothing else."""

from __future__ import annotations

import io
import re
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import jinja2
from markupsafe import Markup

from regimecorr.files import replace_file
from regimecorr.formatting import day, percent, signed
from regimecorr.reporting.facts import (
    BASIS_WORDS,
    LEVEL_WARNING,
    SIMULATED_WARNING,
    base_rate_sentence,
    definition,
    fresh_window,
    record_sentences,
)
from regimecorr.reporting.tables import report_tables

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from regimecorr.inference.context.result import Context
    from regimecorr.verdict import Verdict

_PREAMBLE = re.compile(r"\A.*?(?=<svg\b)", re.DOTALL)
_NAMESPACES = re.compile(r'\sxmlns(?::\w+)?="[^"]*"')
_SIZE = re.compile(r'\s(?:width|height)="[^"]*pt"')
_HEAD = re.compile(r"<svg\b[^>]*>")
_REFERENCES = re.compile(r'(\sid="|href="#|url\(#)')


def write_html(v: Verdict, path: Path, context: Context | None = None) -> Path:
    """Write a verdict as one self-contained file.

    The file appears complete or not at all, and holds neither clock nor random identifiers: the
    same verdict gives the same bytes.

    Parameters
    ----------
    v : Verdict
        The verdict.
    path : Path
        Where to write; an existing file is replaced.
    context : Context or None
        What surrounds the pair.

    Returns
    -------
    Path
        The same path.

    Raises
    ------
    FileNotFoundError
        If the folder does not exist.
    """
    path = Path(path)
    folder = path.parent
    if not folder.is_dir():
        raise FileNotFoundError(
            f"The folder {str(folder)!r} does not exist, so {path.name!r} cannot be written; "
            "create it first."
        )
    replace_file(path, render_html(v, context).encode("utf-8"))
    return path


def render_html(v: Verdict, context: Context | None = None) -> str:
    """Return a verdict as an HTML document.

    Parameters
    ----------
    v : Verdict
        The verdict.
    context : Context or None
        What surrounds the pair.

    Returns
    -------
    str
    """
    source = files("regimecorr.reporting").joinpath("templates/report.html.j2")
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    template = environment.from_string(source.read_text(encoding="utf-8"))
    return template.render(
        v=v,
        state=v.state if v.label == v.state else f"{v.state}, {v.label}",
        day=day,
        percent=percent,
        signed=signed,
        basis=BASIS_WORDS[v.basis],
        known=v.p_structural == v.p_structural,
        definition=definition(v),
        record=record_sentences(v),
        base_rate=base_rate_sentence(v),
        window=fresh_window(v),
        warnings=[
            text
            for text, applies in (
                (SIMULATED_WARNING, bool(v.data.get("simulated"))),
                (LEVEL_WARNING, v.basis != "returns"),
            )
            if applies
        ],
        tables=report_tables(v),
        # matplotlib's own markup; it escapes the names in it
        figure=Markup(_inline_svg(v.plot(), "figure")),
        context=context,
        surroundings=Markup(_inline_svg(context.plot(), "surroundings")) if context else "",
    )


def _settle(figure: Figure) -> None:
    """Lay a figure out once, and drop the digits in which its solver differs between runs.

    Identifiers of clips are hashes of the edges of the axes, to the last bit.
    """
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for ax in figure.axes:
        left, bottom, width, height = (round(edge, 6) for edge in ax.get_position().bounds)
        ax.set_position((left, bottom, width, height))


def _inline_svg(figure: Figure, caption: str) -> str:
    """A figure as an SVG element, without the namespaces that HTML does not need."""
    from matplotlib import rc_context

    _settle(figure)
    target = io.StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with rc_context({"svg.hashsalt": f"regimecorr {caption}", "svg.fonttype": "path"}):
        figure.savefig(target, format="svg", metadata=nothing)
    svg = _PREAMBLE.sub("", target.getvalue(), count=1)
    head = _HEAD.match(svg)
    if head is None:
        return svg
    opening = _SIZE.sub("", _NAMESPACES.sub("", head.group()))
    named = opening.replace("<svg", f'<svg role="img" aria-labelledby="{caption}"', 1)
    # Two figures on one page must not share identifiers.
    return named + _REFERENCES.sub(rf"\g<1>{caption}-", svg[head.end() :])
