"""Figures as inline SVG: described for screen readers, small, in the colours of the page."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import cast
from xml.etree import ElementTree

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from regimecorr.plotting import style

_NAMESPACE = re.compile(r"\{[^}]*\}")
_HEX = re.compile(r"#[0-9a-f]{6}")
_FONT = re.compile(r"(font: [^;]*?px)[^;]*")
_REFERENCE = re.compile(r"url\(#([^)]+)\)")
#: A hundredth of a point is far less than a pixel shows.
_DIGITS = re.compile(r"-?\d+\.\d{3,}")
#: Custom property of the page by colour of the house style; others stay as they were drawn.
COLOURS = {
    "#ffffff": "paper",
    "#000000": "black",
    style.INK: "ink",
    style.GREY: "grey",
    style.SILVER: "silver",
    style.PALE: "pale",
    style.BLUE: "blue",
    style.SKY: "sky",
    style.VERMILLION: "vermillion",
    style.ORANGE: "orange",
    style.GREEN: "green",
}
_PROPERTIES = {colour.lower(): f"--f-{name}" for colour, name in COLOURS.items()}


def inline_svg(draw: Callable[[], Figure | Axes], key: str, title: str, description: str) -> str:
    """Draw a figure as an SVG element for an HTML page.

    Text stays text, which the browser draws with the fonts of its reader: emoji and names written
    from right to left are legible, and can be found and copied. The same figure gives the same
    bytes.

    Parameters
    ----------
    draw : callable
        Returns the figure, or axes of it.
    key : str
        Prefix of all identifiers, so that figures on one page share none.
    title, description : str
        What a screen reader says.

    Returns
    -------
    str
    """
    with _fonts_of_the_reader():
        drawn = draw()
        figure = cast(Figure, drawn if isinstance(drawn, Figure) else drawn.get_figure(root=True))
        svg = _printed(figure, key)
    root = ElementTree.fromstring(svg)
    kept = _references(root)
    for parent in list(root.iter()):
        for child in list(parent):
            if _NAMESPACE.sub("", child.tag) in ("style", "metadata"):
                parent.remove(child)
    for element in root.iter():
        element.tag = _NAMESPACE.sub("", element.tag)
        letters = element.tag in ("text", "tspan")
        element.attrib = dict(_attributes(element.attrib, key, kept, letters))
        if not letters:
            element.text = None
        element.tail = None
    for name, text in (("desc", description), ("title", title)):
        told = ElementTree.Element(name, {"id": f"{key}-{name}"})
        told.text = text
        root.insert(0, told)
    size = root.attrib["viewBox"]
    root.attrib = {
        "role": "img",
        "aria-labelledby": f"{key}-title {key}-desc",
        "viewBox": size,
    }
    return ElementTree.tostring(root, encoding="unicode")


@contextmanager
def _fonts_of_the_reader() -> Iterator[None]:
    """Leave letters that matplotlib's font lacks to the browser, without a warning of each."""
    with warnings.catch_warnings(), style.style(), rc_context({"svg.fonttype": "none"}):
        warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from", UserWarning)
        warnings.filterwarnings("ignore", r"Matplotlib currently does not support", UserWarning)
        yield


def _printed(figure: Figure, key: str) -> str:
    _settle(figure)
    target = io.StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with rc_context({"svg.hashsalt": f"regimecorr {key}"}):
        # `savefig` would draw the figure once more, only to lay it out again.
        FigureCanvasSVG(figure).print_svg(  # type: ignore[no-untyped-call]
            target, metadata=nothing
        )
    return target.getvalue()


def _settle(figure: Figure) -> None:
    """Lay a figure out once, and drop the digits in which its solver differs between runs.

    Identifiers of clips are hashes of the edges of the axes, to the last bit.
    """
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
    figure.set_layout_engine("none")
    for ax in figure.axes:
        left, bottom, width, height = (round(edge, 6) for edge in ax.get_position().bounds)
        ax.set_position((left, bottom, width, height))


def _references(root: ElementTree.Element) -> set[str]:
    """Identifiers that something refers to; the others say nothing to a reader."""
    found: set[str] = set()
    for element in root.iter():
        for name, value in element.attrib.items():
            if name.endswith("href"):
                found.add(value.removeprefix("#"))
            found.update(_REFERENCE.findall(value))
    return found


def _attributes(
    given: dict[str, str], key: str, kept: set[str], letters: bool
) -> Iterator[tuple[str, str]]:
    for long_name, value in given.items():
        name = _NAMESPACE.sub("", long_name)
        if name == "id":
            if value in kept:
                yield name, f"{key}-{value}"
        elif name == "href":
            yield name, f"#{key}-{value.removeprefix('#')}"
        elif name == "d":
            yield name, " ".join(_DIGITS.sub(_rounded, value).split())
        elif name == "style":
            themed = _HEX.sub(lambda found: _themed(found[0], letters), value)
            yield name, _REFERENCE.sub(rf"url(#{key}-\1)", _FONT.sub(r"\1 var(--f-font)", themed))
        else:
            yield name, _REFERENCE.sub(rf"url(#{key}-\1)", value)


def _themed(colour: str, letters: bool) -> str:
    """A colour of the house style as a property of the page, which has darker ones for letters."""
    name = _PROPERTIES.get(colour)
    if name is None:
        return colour
    return f"var({name}-text, var({name}))" if letters else f"var({name})"


def _rounded(found: re.Match[str]) -> str:
    text = f"{float(found[0]):.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
