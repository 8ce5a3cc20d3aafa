"""Sphinx configuration; builds without a network.

Names of other projects are shown and not linked. ``REGIMECORR_INTERSPHINX=1`` fetches their
inventories and links what they know.
"""

import os
import shutil
import sys
from importlib.metadata import version as _installed
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))
from links import intersphinx

project = "regimecorr"
author = "The regimecorr developers"
copyright = "2026, The regimecorr developers"
release = version = _installed("regimecorr")

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "mathml",
    "sources",
    "numpydoc",
    "myst_nb",
]
templates_path = ["_templates"]
exclude_patterns = ["_build"]
# autosummary takes the first for its own pages
source_suffix = {".rst": "restructuredtext", ".md": "myst-nb", ".ipynb": "myst-nb"}

myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

autosummary_generate = True
autodoc_typehints = "none"  # types stand in the docstrings, in words
autodoc_member_order = "bysource"
numpydoc_show_class_members = False  # the class template lists them once
numpydoc_xref_param_type = False

nitpicky = True
nitpick_ignore_regex = [
    # names of other projects: shown, not linked
    (
        r"py:.*",
        r"(arch|collections|datetime|matplotlib|np|numpy|os|pandas|pathlib|pd|scipy|typing)\..*",
    ),
    # base classes and annotations of the standard library
    (r"py:.*", r"(Exception|UserWarning|OSError|RuntimeError|ValueError)"),
]

_linking, intersphinx_mapping = intersphinx(os.environ)
extensions += _linking
intersphinx_timeout = 10

html_math_renderer = "mathml"  # no script, no request
html_theme = "pydata_sphinx_theme"
html_title = f"regimecorr {release}"
html_theme_options = {
    "navigation_with_keys": False,
    "show_prev_next": True,
    "header_links_before_dropdown": 8,
    "navbar_persistent": ["search-button"],
    "show_toc_level": 2,
}
#: Pages without others below them: their list of pages would be empty.
SINGLE = ("index", "start", "comparison", "validation", "gallery", "glossary", "changelog")
html_sidebars = {page: [] for page in SINGLE}
html_static_path = ["_static", "notebooks/_static"]
html_css_files = ["site.css", "notebooks.css"]
html_show_sourcelink = False
html_last_updated_fmt = None  # the same source gives the same pages

# --------------------------------------------------------------------------------------------------
# Notebooks: copied when the pages are built. Those without outputs are executed, and an error or a
# warning in them fails the build; the case study needs prices that are not part of the repository,
# so it shows the outputs that it was saved with.
nb_execution_mode = "auto"
nb_execution_excludepatterns = ["case_study.ipynb"]
nb_execution_timeout = 600
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nb_output_stderr = "error"
nb_code_prompt_show = "Show the code"
nb_code_prompt_hide = "Hide the code"
_pages = Path(__file__).parent / "notebooks"
for _page in _pages.glob("*.ipynb"):
    _page.unlink()
for _notebook in (_pages.parents[1] / "notebooks").glob("*.ipynb"):
    shutil.copy2(_notebook, _pages)
