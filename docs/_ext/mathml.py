"""Formulas as MathML, made at build time by docutils: to be read, pages need no script or request.

A formula that docutils cannot translate is a warning that names it, so the build (``-W``) fails.
"""

from __future__ import annotations

import html
import re
from typing import Any

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
_GATHERED = re.compile(r"\\begin\{gathered\}(.*?)\\end\{gathered\}", re.DOTALL)


#: What docutils raises over a formula that it cannot translate.
FAILURES = (MathError, AttributeError, SyntaxError)


def _known(tex: str) -> str:
    """Say a formula in the commands that docutils knows."""
    for pattern, replacement in _REWRITTEN:
        tex = pattern.sub(replacement, tex)
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
    return tex2mathml(_known(tex), as_block=as_block)


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
