"""Paths of tests, scripts and benchmarks that a page names become links to a copy of the file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.addnodes import download_reference
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

NAMED = re.compile(r"(?:tests|scripts|benchmarks)/[\w/]+\.py")
ROOT = Path(__file__).resolve().parents[2]


class SourceLinks(SphinxTransform):
    """Wrap every literal that is such a path of an existing file."""

    default_priority = 500

    def apply(self, **kwargs: Any) -> None:
        """Wrap them."""
        for literal in list(self.document.findall(nodes.literal)):
            path = literal.astext()
            if NAMED.fullmatch(path) and (ROOT / path).exists():
                link = download_reference("", "", reftarget=f"/../{path}", refdoc=self.env.docname)
                link["refexplicit"] = True
                literal.replace_self(link)
                link += literal


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the transform."""
    app.add_transform(SourceLinks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
