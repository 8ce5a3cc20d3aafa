"""What the documentation names exists, and what its scripts fill in is what the records say."""

from __future__ import annotations

import importlib
import re
import runpy
import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
THEORY = sorted(p for p in (DOCS / "theory").glob("*.md") if p.stem != "index")
PAGES = sorted(
    p
    for p in (*DOCS.rglob("*.md"), DOCS / "api.rst", ROOT / "README.md", ROOT / "ARCHITECTURE.md")
    if not {"generated", "_build"} & set(p.parts)
)
#: Scripts that read records, and neither market prices nor minutes of simulation.
FILLING = (
    "make_validation",
    "make_constancy",
    "make_scores",
    "make_monitoring",
    "make_timing",
    "make_scan",
    "make_context",
    "make_claims",
    "make_track_record",
    "make_theory_tables",
    "make_comparison",
    "make_validation_index",
)
#: Sections that every page of the theory has, in this order.
SECTIONS = (
    "What is known when",
    "What it assumes, and where it fails",
    "Checked by",
    "References",
)
LARGEST = 150_000
PATH = re.compile(r"`{1,2}((?:tests|scripts|benchmarks|docs)/[\w./*-]+)`{1,2}")


def named(page: Path) -> list[str]:
    """Paths of the repository that a page names as literals."""
    return PATH.findall(page.read_text(encoding="utf-8"))


def exists(path: str) -> bool:
    """Whether a path, which may hold wildcards, is in the repository."""
    return any(ROOT.glob(path)) if "*" in path else (ROOT / path).exists()


@pytest.fixture
def scripts(monkeypatch):
    """Import scripts by name, and forget them again."""
    known = set(sys.modules)
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    yield importlib.import_module
    for name in set(sys.modules) - known:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(str(ROOT / "scripts")):
            del sys.modules[name]


class TestPaths:
    @pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
    def test_every_path_named_in_a_page_exists(self, page):
        assert [path for path in named(page) if not exists(path)] == []

    def test_pages_do_name_tests(self):
        found = [path for page in PAGES for path in named(page) if path.startswith("tests/")]
        assert len(set(found)) > 80

    def test_an_absent_path_is_seen(self, tmp_path):
        page = tmp_path / "page.md"
        page.write_text("See `tests/unit/test_absent.py` and `tests/unit/test_kernels_*.py`.")
        assert [path for path in named(page) if not exists(path)] == ["tests/unit/test_absent.py"]


class TestTheory:
    @pytest.mark.parametrize("page", THEORY, ids=lambda p: p.stem)
    def test_pages_have_one_order(self, page):
        headings = re.findall(r"^## (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
        places = [headings.index(section) for section in SECTIONS]
        # Among the models the first of them may come early.
        assert places[1:] == sorted(places[1:])
        assert headings[-1] == "References"

    @pytest.mark.parametrize("page", THEORY, ids=lambda p: p.stem)
    def test_pages_name_the_tests_that_check_them(self, page):
        checked = page.read_text(encoding="utf-8").split("## Checked by")[1]
        assert re.search(r"`tests/[\w/]+\.py`", checked)

    @pytest.mark.parametrize("page", THEORY, ids=lambda p: p.stem)
    def test_pages_have_a_figure(self, page):
        figures = re.findall(r"\.\./_static/(\w+\.svg)", page.read_text(encoding="utf-8"))
        assert figures
        for name in figures:
            size = (DOCS / "_static" / name).stat().st_size
            assert 2_000 < size < LARGEST or not name.startswith("theory_")

    def test_every_figure_is_shown_and_drawn(self, scripts):
        drawn = {f"theory_{name}.svg" for name in scripts("make_theory").FIGURES}
        there = {path.name for path in (DOCS / "_static").glob("theory_*.svg")}
        shown = {
            name
            for page in THEORY
            for name in re.findall(r"(theory_\w+\.svg)", page.read_text(encoding="utf-8"))
        }
        assert drawn == there == shown

    def test_the_index_lists_every_page(self):
        index = (DOCS / "theory" / "index.md").read_text(encoding="utf-8")
        table, tree = index.split("```{toctree}")
        for page in THEORY:
            assert f"{{doc}}`{page.stem}`" in table
            assert re.search(rf"^{page.stem}$", tree, flags=re.MULTILINE)


class TestRecords:
    def test_every_record_is_listed(self, scripts):
        listed = [row.file for row in scripts("make_validation_index").RECORDS]
        assert sorted(listed) == sorted(p.name for p in (DOCS / "_results").iterdir())

    def test_what_makes_and_shows_a_record_names_it(self, scripts):
        for row in scripts("make_validation_index").RECORDS:
            for script in {row.made_by, row.shown_by}:
                text = (ROOT / script).read_text(encoding="utf-8")
                assert row.file.split(".")[0] in text, (row.file, script)
            for page in row.pages:
                assert (DOCS / f"{page}.md").exists(), (row.file, page)

    def test_shares_are_shares(self, scripts):
        module = scripts("validation_checks")
        found = module.checks()
        assert all(0.0 <= c.share <= 1.0 and c.n >= 20 for c in found)
        assert {c.kind for c in found} == {"size", "coverage"}
        assert len({(c.page, c.what) for c in found}) == len(found)
        for name, make in module.SOURCES.items():
            assert next(make(), None) is not None, name

    def test_a_departure_is_told_by_its_errors(self, scripts):
        check = scripts("validation_checks").Check("p", "w", 0.05, 0.08, 1000, "size")
        assert check.errors == pytest.approx(0.03 / (0.05 * 0.95 / 1000) ** 0.5)
        assert check.departs
        assert not scripts("validation_checks").Check("p", "w", 0.05, 0.08, 200, "size").departs


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """Return a copy of what the scripts read and write, filled once more."""
    root = tmp_path_factory.mktemp("site")
    shutil.copytree(DOCS, root / "docs", ignore=shutil.ignore_patterns("generated", "_build"))
    shutil.copytree(ROOT / "scripts", root / "scripts")
    shutil.copytree(ROOT / "benchmarks", root / "benchmarks")
    shutil.copy(ROOT / "README.md", root / "README.md")
    known, path, arguments = set(sys.modules), sys.path.copy(), sys.argv.copy()
    sys.path.insert(0, str(root / "scripts"))
    try:
        for name in FILLING:
            sys.argv = [f"{name}.py"]
            runpy.run_path(str(root / "scripts" / f"{name}.py"), run_name="__main__")
    finally:
        sys.path[:], sys.argv[:] = path, arguments
        for name in set(sys.modules) - known:
            if (getattr(sys.modules[name], "__file__", None) or "").startswith(str(root)):
                del sys.modules[name]
    return root


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_filling_a_page_again_changes_nothing(copy, page):
    again = copy / page.relative_to(ROOT)
    if again.exists():
        assert again.read_text(encoding="utf-8") == page.read_text(encoding="utf-8")
