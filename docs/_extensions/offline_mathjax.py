"""Serve MathJax with the pages, from the package sphinx-mathjax-offline.

To use it, a Sphinx configuration puts this folder on ``sys.path`` and names ``sphinx.ext.mathjax``
and ``offline_mathjax`` among its extensions. Readers then fetch nothing elsewhere. Of the package's
24 MB, the script and fonts that the pages use are copied.
"""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

PACKAGE = "sphinx-mathjax-offline"
SCRIPT = "tex-chtml.js"
FONTS = Path("output/chtml/fonts")


def source() -> Path:
    """Return the folder of the bundled MathJax, or stop the build and say what to install."""
    found = find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise ExtensionError(f"{PACKAGE} is not installed; pip install {PACKAGE}.")
    return Path(found.origin).parent / "static" / "mathjax"


def copy(app: Sphinx, exception: Exception | None) -> None:
    """Copy script and fonts beside the pages, once they are built."""
    if exception is None and app.builder.format == "html":
        target = Path(app.outdir) / "_static" / "mathjax"
        target.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source() / SCRIPT, target / SCRIPT)
        shutil.copytree(source() / FONTS, target / FONTS, dirs_exist_ok=True)


def setup(app: Sphinx) -> dict[str, Any]:
    """Point Sphinx at the copy."""
    source()
    app.config.mathjax_path = f"mathjax/{SCRIPT}"  # type: ignore[attr-defined]
    app.connect("build-finished", copy)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
