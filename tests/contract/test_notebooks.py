"""The notebooks: what they may use and show, and that they run."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

import regimecorr

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
NAMES = sorted(path.stem for path in FOLDER.glob("*.ipynb"))
CASE = "case_study"
TWIN = (
    "prices=rc.datasets.load_eth_russell_twin()",
    "n_boot=100",
    "n_paths=400",
    "every=800",
)
#: As in ``in /home/me/x`` or ``"C:\\x"``; not ``https://x``, ``90/252`` or ``</div>``.
ABSOLUTE = re.compile(r"(?<![\w:/<.)*])/[a-z]\w*/\w|\b[A-Za-z]:\\")


def read(name: str) -> nbformat.NotebookNode:
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)


def code_cells(name: str) -> list[nbformat.NotebookNode]:
    return [cell for cell in read(name).cells if cell.cell_type == "code"]


def program(name: str) -> ast.Module:
    """The code of a notebook without the lines that are IPython's."""
    lines = "\n".join(cell.source for cell in code_cells(name)).splitlines()
    return ast.parse("\n".join(line for line in lines if not line.startswith("%")))


def printed(name: str) -> str:
    """Everything that a notebook shows as text."""
    texts = []
    for cell in code_cells(name):
        for output in cell.outputs:
            texts.append(output.get("text", ""))
            data = output.get("data", {})
            texts += [value for kind, value in data.items() if kind.startswith("text/")]
    return "\n".join(texts)


def run(name: str, *arguments: str) -> str:
    """Execute in a process of its own, where no socket is blocked; return what it said."""
    done = subprocess.run(
        [sys.executable, str(FOLDER / "run.py"), str(FOLDER / f"{name}.ipynb"), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def changes(values: tuple[str, ...]) -> list[str]:
    return [part for value in values for part in ("--set", value)]


def test_there_are_notebooks():
    assert {CASE, "quickstart", "dcc", "bayes", "calibration", "scan"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
class TestRules:
    def test_public_names_only(self, name, root):
        listed = (root / "docs" / "api.rst").read_text(encoding="utf-8")
        for node in ast.walk(program(name)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("regimecorr"):
                room = node.module.removeprefix("regimecorr.")
                for alias in node.names:
                    ways = (f"{room}.{alias.name}", f"{room.partition('.')[2]}.{alias.name}")
                    documented = any(f"   {way}\n" in listed for way in ways)
                    documented |= f"automodule:: {node.module}\n" in listed
                    exported = getattr(importlib.import_module(node.module), "__all__", ())
                    assert documented or alias.name in exported, (node.module, alias.name)
            if isinstance(node, ast.Attribute) and not isinstance(node.value, ast.Attribute):
                assert not node.attr.startswith("_")
                if isinstance(node.value, ast.Name) and node.value.id == "rc":
                    assert node.attr in regimecorr.__all__

    def test_kernel_is_whatever_python_runs_it(self, name):
        metadata = read(name).metadata
        assert metadata.kernelspec == {
            "display_name": "Python 3",
            "language": "python",
            "name": "python3",
        }
        assert metadata.language_info == {"name": "python"}

    def test_no_absolute_path(self, name):
        for cell in read(name).cells:
            assert not ABSOLUTE.search(cell.source), ABSOLUTE.search(cell.source)
        assert not ABSOLUTE.search(printed(name)), ABSOLUTE.search(printed(name))

    def test_saved_without_outputs_but_the_case_study(self, name):
        cells = code_cells(name)
        assert all(cell.execution_count is None for cell in cells)
        if name != CASE:
            assert not any(cell.outputs for cell in cells)
            return
        assert sum(bool(cell.outputs) for cell in cells) > 0.9 * len(cells)
        assert (FOLDER / f"{name}.ipynb").stat().st_size < 1_000_000

    def test_pictures_have_a_description(self, name):
        draws = re.compile(r"^plt\.show\(\)$|\.plot\(\)$|\.figure$", re.MULTILINE)
        for cell in code_cells(name):
            if draws.search(cell.source):
                assert cell.metadata["mystnb"]["image"]["alt"], cell.id

    def test_cells_have_names_and_no_machine(self, name):
        ids = [cell.id for cell in read(name).cells]
        assert len(set(ids)) == len(ids)
        assert all("execution" not in cell.metadata for cell in read(name).cells)


class TestCaseStudy:
    def test_one_line_decides_the_prices(self):
        lines = "\n".join(cell.source for cell in code_cells(CASE)).splitlines()
        assert sum(line.startswith("prices = ") for line in lines) == 1
        assert "prices = " in code_cells(CASE)[0].source

    def test_no_prices_are_shown(self, eth_iwm):
        """No close of the pair's last ten years stands in what is printed, but by chance."""
        text = printed(CASE).replace(",", "")
        numbers = set(re.findall(r"\d+\.\d+", text))
        for name in eth_iwm:
            # Two decimals say little below a hundred: any correlation could be one.
            closes = eth_iwm.loc[eth_iwm[name] > 100.0, name]
            for digits in (2, 3, 4):
                shown = numbers & {f"{price:.{digits}f}" for price in closes}
                assert not shown, (name, shown)

    def test_pictures_are_pixels(self):
        """A drawing in vectors would hold the prices themselves."""
        for cell in code_cells(CASE):
            for output in cell.outputs:
                kinds = set(output.get("data", {}))
                assert not kinds & {"image/svg+xml", "application/pdf"}, cell.id

    def test_it_says_nothing_without_the_code(self):
        """Results stand in outputs: in the text there are dates and the claims' own numbers."""
        text = "\n".join(c.source for c in read(CASE).cells if c.cell_type == "markdown")
        assert not re.search(r"[+-]0\.\d\d|\bp = |\d+\.\d %", text)

    def test_runs_on_the_simulated_twin(self, tmp_path):
        out = tmp_path / "twin.ipynb"
        run(CASE, *changes(TWIN), "--out", str(out))
        made = nbformat.read(out, as_version=4)
        text = "\n".join(
            output.data["text/markdown"]
            for cell in made.cells
            for output in cell.get("outputs", [])
            if "text/markdown" in output.get("data", {})
        )
        assert "These prices are simulated." in text
        assert "**Known:**" in text
        assert "**Not known:**" in text
        pictures = {c.id: o.data for c in made.cells for o in c.get("outputs", []) if "data" in o}
        assert "image/png" in pictures["verdict-picture"]

    @pytest.mark.slow
    def test_runs_on_the_market_as_saved(self, market_data, tmp_path):
        out = tmp_path / "market.ipynb"
        run(CASE, "--data", str(market_data), "--out", str(out))
        text = {True: "", False: ""}
        for saved, book in ((True, read(CASE)), (False, nbformat.read(out, as_version=4))):
            for cell in book.cells:
                for output in cell.get("outputs", []):
                    text[saved] += output.get("text", "")
                    text[saved] += output.get("data", {}).get("text/markdown", "")
        assert text[True] == text[False]


class TestRun:
    def test_quickstart(self):
        assert "quickstart.ipynb" in run("quickstart", "--set", "n_paths=400")

    def test_kernel_is_this_python(self):
        from jupyter_client.kernelspec import KernelSpecManager

        command = KernelSpecManager().get_kernel_spec("python3").argv[0]
        assert command in (sys.executable, "python", "python3")

    @pytest.mark.parametrize("change", ["n_paths=1", "no_such_name=1"])
    def test_what_fails_is_told(self, change, tmp_path):
        source = "n_paths = 2\nassert n_paths == 2, 'changed'"
        book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
        nbformat.write(book, tmp_path / "small.ipynb")
        command = [sys.executable, str(FOLDER / "run.py"), str(tmp_path / "small.ipynb")]
        done = subprocess.run(
            [*command, "--set", change], capture_output=True, text=True, check=False
        )
        assert done.returncode != 0
        assert ("changed" if change == "n_paths=1" else "no_such_name") in done.stderr

    def test_a_warning_is_an_error(self, tmp_path):
        source = "import warnings\nwarnings.warn('look here')"
        book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
        nbformat.write(book, tmp_path / "small.ipynb")
        command = [sys.executable, str(FOLDER / "run.py"), str(tmp_path / "small.ipynb")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode != 0
        assert "look here" in done.stderr
