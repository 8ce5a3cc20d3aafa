"""The verdict as one HTML file that needs nothing else."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import jinja2
from markupsafe import Markup, escape

from regimecorr.files import replace_file
from regimecorr.formatting import day, percent, signed
from regimecorr.reporting import tables
from regimecorr.reporting.answer import answer
from regimecorr.reporting.facts import (
    BASIS_WORDS,
    LEVEL_WARNING,
    SIMULATED_WARNING,
    fresh_window,
    record_sentences,
)
from regimecorr.reporting.methods import methods, provenance, settings
from regimecorr.reporting.pictures import context_pictures, verdict_pictures
from regimecorr.reporting.reasons import reasons

if TYPE_CHECKING:
    from regimecorr.inference.claims.trial import ClaimsTable
    from regimecorr.inference.context.result import Context
    from regimecorr.verdict import Verdict


_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page.

    Attributes
    ----------
    key : str
        Its anchor.
    title : str
        Its heading, and its line in the table of contents.
    """

    key: str
    title: str


def write_html(
    v: Verdict, path: Path, context: Context | None = None, claims: ClaimsTable | None = None
) -> Path:
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
    claims : ClaimsTable or None
        The published claims on trial.

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
    replace_file(path, render_html(v, context, claims).encode("utf-8"))
    return path


def render_html(
    v: Verdict, context: Context | None = None, claims: ClaimsTable | None = None
) -> str:
    """Return a verdict as an HTML document.

    Parameters
    ----------
    v : Verdict
        The verdict.
    context : Context or None
        What surrounds the pair.
    claims : ClaimsTable or None
        The published claims on trial.

    Returns
    -------
    str
    """
    loader = jinja2.PackageLoader("regimecorr.reporting")
    environment = jinja2.Environment(
        loader=loader,
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["dated"] = _dated
    css, _, _ = loader.get_source(environment, "report.css")
    return environment.get_template("report.html.j2").render(
        v=v,
        css=Markup(css),
        state=v.state if v.label == v.state else f"{v.state}, {v.label}",
        day=day,
        percent=percent,
        signed=signed,
        basis=BASIS_WORDS[v.basis],
        known=v.p_structural == v.p_structural,
        answer=answer(v),
        reasons=reasons(v),
        record=record_sentences(v),
        window=fresh_window(v),
        warnings=_warnings(v),
        sections=_sections(v, context, claims),
        tables=tables,
        figures=tables.report_tables(v),
        pictures=verdict_pictures(v),
        context=context,
        surroundings=[] if context is None else context_pictures(context),
        claims=claims,
        methods=methods(v, claims),
        provenance=provenance(v),
        settings=settings(v),
    )


def _dated(text: str) -> Markup:
    """Keep dates in one line."""
    return Markup(_DATE.sub(r"<time>\g<0></time>", str(escape(text))))


def _warnings(v: Verdict) -> list[str]:
    """What must not be missed."""
    given = (
        (SIMULATED_WARNING, bool(v.data.get("simulated"))),
        (LEVEL_WARNING, v.basis != "returns"),
    )
    return [text for text, applies in given if applies]


def _sections(v: Verdict, context: Context | None, claims: ClaimsTable | None) -> list[Section]:
    """The table of contents."""
    told = [
        Section("answer", "The answer"),
        Section("why", "Why"),
        Section("pictures", "Pictures"),
        *(Section(table.key, table.title) for table in tables.report_tables(v)),
        Section("levels", "Price levels"),
        Section("record", "Track record"),
        Section("methods", "Methods"),
        Section("provenance", "Provenance"),
        Section("definitions", "Definitions"),
        Section("summary", "Summary to copy"),
    ]
    place = next(i for i, part in enumerate(told) if part.key == "methods")
    if context is not None:
        told.insert(place, Section("context", "Context"))
    if claims is not None:
        told.insert(place - 1, Section("claims", "Claims on trial"))
    return told
