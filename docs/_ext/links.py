"""Links to other projects: none unless asked for, because their inventories need a network."""

from __future__ import annotations

from collections.abc import Mapping

VARIABLE = "REGIMECORR_INTERSPHINX"
PROJECTS = {
    "python": ("https://docs.python.org/3", None),
    "numpy": ("https://numpy.org/doc/stable", None),
    "scipy": ("https://docs.scipy.org/doc/scipy", None),
    "pandas": ("https://pandas.pydata.org/docs", None),
    "matplotlib": ("https://matplotlib.org/stable", None),
}


def intersphinx(
    environ: Mapping[str, str],
) -> tuple[list[str], dict[str, tuple[str, str | None]]]:
    """Extensions to load and inventories to fetch: those of `PROJECTS` if the variable is 1."""
    if environ.get(VARIABLE) != "1":
        return [], {}
    return ["sphinx.ext.intersphinx"], dict(PROJECTS)
