"""Formulas as MathML, made at build time by docutils: to be read, pages need no script or request.

A formula that docutils cannot translate is a warning that names it, so the build (``-W``) fails.
What browsers without a font for mathematics would draw wrongly is said in another way.
"""

from __future__ import annotations

import html
import re
from typing import Any
from xml.etree import ElementTree

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.writers.html5 import HTML5Translator

logger = logging.getLogger(__name__)

#: What docutils does not know, in words that it does.
_REWRITTEN = (
    (re.compile(r"\\dots(?![a-z])"), r"\\ldots"),
    (re.compile(r"\\(Big|big)(?=[(\[]|\\\{)"), r"\\\1l"),
    (re.compile(r"\\(Big|big)(?=[)\]]|\\\})"), r"\\\1r"),
    (re.compile(r"\\([dt]?)frac(\w)(\w)"), r"\\\1frac{\2}{\3}"),
    (re.compile(r"\\textstyle\b"), ""),
)
_PRIME = re.compile(r"(\\text\{[^}]*\})|'")
_GATHERED = re.compile(r"\\begin\{gathered\}(.*?)\\end\{gathered\}", re.DOTALL)

_NAMESPACE = "http://www.w3.org/1998/Math/MathML"
_APPLY = "\u2061"
_ACCENTS = "ˉˆ˜˙ˇ→"
_BRACE = "⏟"

#: What docutils raises over a formula that it cannot translate.
FAILURES = (MathError, AttributeError, SyntaxError)


def _known(tex: str) -> str:
    """Say a formula in the commands that docutils knows."""
    for pattern, replacement in _REWRITTEN:
        tex = pattern.sub(replacement, tex)
    tex = _PRIME.sub(lambda found: found[1] or r"^\prime ", tex)
    # Rows below one another: flush left, in one column.
    tex = _GATHERED.sub(
        lambda rows: r"\begin{aligned}&" + rows[1].replace(r"\\", r"\\&") + r"\end{aligned}", tex
    )
    parts = [part for part in re.split(r"\n\s*\n", tex) if part.strip()]
    if len(parts) > 1:  # paragraphs of a math directive are equations below one another
        tex = r"\begin{aligned}" + r"\\".join(parts) + r"\end{aligned}"
    return tex


def to_mathml(tex: str, *, as_block: bool) -> str:
    """Translate a formula; raises one of `FAILURES` if it cannot be."""
    ElementTree.register_namespace("", _NAMESPACE)
    root = ElementTree.fromstring(
        tex2mathml(_known(tex), as_block=as_block).replace("&ApplyFunction;", _APPLY)
    )
    for element in root.iter():
        _place_accent(element)
        _space_operators(element)
    return ElementTree.tostring(root, encoding="unicode")


def _tag(element: ElementTree.Element) -> str:
    return element.tag.removeprefix(f"{{{_NAMESPACE}}}")


def _made(name: str, *children: ElementTree.Element, **given: str) -> ElementTree.Element:
    made = ElementTree.Element(f"{{{_NAMESPACE}}}{name}", given)
    made.extend(children)
    return made


def _place_accent(element: ElementTree.Element) -> None:
    """Put bars and hats above their letter, where they are seen, and its subscript beside it.

    The words below a brace stay below it.
    """
    if _tag(element) == "mover":
        # As an accent, Chromium draws it into the letter.
        element.attrib.pop("accent", None)
    elif _tag(element) == "munderover" and element[2].text in _ACCENTS:
        letter, below, accent = element
        element.tag = f"{{{_NAMESPACE}}}msub"
        element[:] = [_made("mover", letter, accent), below]
    elif _tag(element) == "msub" and _tag(element[0]) == "munder" and element[0][1].text == _BRACE:
        element.tag = f"{{{_NAMESPACE}}}munder"


def _space_operators(element: ElementTree.Element) -> None:
    """Part an operator such as ln from what it is applied to, unless that stands in brackets."""
    children = list(element)
    for place in reversed(range(len(children) - 1)):
        if children[place].text == _APPLY and children[place + 1].text not in ("(", "["):
            element.insert(place + 1, _made("mspace", width="0.1667em"))


def _mathml(node: nodes.Element, *, as_block: bool) -> str:
    tex = node.astext()
    try:
        return to_mathml(tex, as_block=as_block)
    except FAILURES as error:
        logger.warning("No MathML for %r: %s", tex, error, location=node, type="mathml")
        return f"<code>{html.escape(tex)}</code>"


def visit_math(translator: HTML5Translator, node: nodes.math) -> None:
    """Write a formula of a line."""
    translator.body.append(_mathml(node, as_block=False))
    raise nodes.SkipNode


def visit_displaymath(translator: HTML5Translator, node: nodes.math_block) -> None:
    """Write a formula of its own, with its number if it has one."""
    translator.body.append(translator.starttag(node, "div", CLASS="math"))
    if node["number"]:
        translator.body.append(f'<span class="eqno">({html.escape(str(node["number"]))})</span>')
    translator.body.append(_mathml(node, as_block=True) + "</div>\n")
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the renderer; ``html_math_renderer = "mathml"`` chooses it."""
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_displaymath, None))
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
