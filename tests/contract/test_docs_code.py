"""The code of the documentation runs, and what its pages show is what it prints."""

from __future__ import annotations

import importlib.util
import inspect
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

import regimecorr

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
#: README's prices.csv: the simulated twin under the names of its example.
README_SETUP = """
import regimecorr
twin = regimecorr.datasets.load_eth_russell_twin().rename(columns={"RUT": "IWM"})
twin.to_csv("prices.csv")
"""


def script(name: str, folder: Path = ROOT / "scripts") -> ModuleType:
    """Load a module that belongs to no package."""
    spec = importlib.util.spec_from_file_location(name, folder / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


run_pages = script("run_pages")


class TestPages:
    @pytest.mark.parametrize(
        "page", run_pages.pages(DOCS), ids=lambda page: page.relative_to(DOCS).as_posix()
    )
    def test_shows_what_it_prints(self, page):
        outputs = run_pages.run_page(page)
        assert outputs, "no block of this page runs"
        for output in outputs:
            if output.shown is not None:
                assert output.printed.strip(), f"line {output.line} prints nothing"
                assert run_pages.agrees(output.shown, output.printed), (
                    f"line {output.line} of {page.name} prints\n{output.printed}\n"
                    f"its page shows\n{output.shown}\nRun scripts/run_pages.py."
                )

    def test_first_steps_and_tutorials_are_run(self):
        names = {page.relative_to(DOCS).as_posix() for page in run_pages.pages(DOCS)}
        tutorials = {f"tutorials/{page.name}" for page in DOCS.glob("tutorials/*.md")}
        assert {"start.md", *tutorials} - {"tutorials/index.md"} <= names
        models = {f"theory/{name}.md" for name in ("dcc", "regimes", "breaks", "constancy")}
        assert models <= names

    def test_readme_runs(self):
        outputs = run_pages.run_page(ROOT / "README.md", README_SETUP)
        assert any("Structural" in output.printed for output in outputs)


class TestRunner:
    def page(self, folder: Path, text: str) -> Path:
        path = folder / "page.md"
        path.write_text(text, encoding="utf-8")
        return path

    def test_blocks_share_names_and_setup_is_unseen(self, tmp_path):
        text = "<!-- setup\na = 1\n-->\n\n```python\nb = a + 1\n```\n\n```python\nprint(b)\n```\n"
        outputs = run_pages.run_page(self.page(tmp_path, text))
        assert [output.printed for output in outputs] == ["", "2\n"]

    def test_refills_what_was_printed(self, tmp_path):
        page = self.page(tmp_path, "```python\nprint('new')\n```\n\n```text\nold\n```\n")
        run_pages.refill(page)
        assert page.read_text(encoding="utf-8").endswith("```text\nnew\n```\n")

    def test_not_run_needs_a_reason(self, tmp_path):
        text = "<!-- not run: needs a network -->\n```python\nraise OSError\n```\n"
        assert run_pages.run_page(self.page(tmp_path, text)) == []
        with pytest.raises(OSError):
            run_pages.run_page(self.page(tmp_path, text.replace(": needs a network", "")))

    def test_an_unseen_warning_is_an_error(self, tmp_path):
        text = (
            "```python\nfrom regimecorr.errors import StaleDataWarning, warn_user\n"
            "warn_user('It did not move.', StaleDataWarning)\n```\n"
        )
        with pytest.raises(ValueError, match="StaleDataWarning: It did not move"):
            run_pages.run_page(self.page(tmp_path, text))

    @pytest.mark.parametrize(
        ("shown", "printed", "same"),
        [
            ("p 0.47", "p   0.47\n", True),
            ("p 0.47", "p 0.48", True),
            ("p 0.47", "p 0.51", False),
            ("47% of 28", "48% of 28", True),
            ("47% of 28", "47% of 29", False),
            ("47 %", "50 %", False),
            ("2017-07-31", "2017-07-30", False),
            ("divergent", "strained", False),
            ("-12,808.92", "-12,808.93", True),
            ("0.4", "0.40", False),
        ],
    )
    def test_agreement(self, shown, printed, same):
        assert run_pages.agrees(shown, printed) is same


class TestReference:
    def test_every_public_name_stands_once(self):
        text = (DOCS / "api.rst").read_text(encoding="utf-8")
        blocks = re.findall(
            r"autosummary::\n   :toctree: generated/\n\n((?:   \S+\n)+)", text + "\n"
        )
        entries = [line.strip() for block in blocks for line in block.splitlines()]
        public = {name: getattr(regimecorr, name) for name in regimecorr.__all__}
        modules = {name: part for name, part in public.items() if inspect.ismodule(part)}
        names = public.keys() - modules.keys() - {"__version__"}
        assert {name: entries.count(name) for name in names} == dict.fromkeys(names, 1)
        for name, module in modules.items():
            assert f"``rc.{name}``" in text
            assert module.__name__ in text
        assert len(entries) == len(set(entries))


class TestConfiguration:
    @pytest.mark.parametrize(("value", "linked"), [(None, False), ("0", False), ("1", True)])
    def test_inventories_are_fetched_on_request_only(self, value, linked):
        links = script("links", DOCS / "_ext")
        environ = {} if value is None else {"REGIMECORR_INTERSPHINX": value}
        extensions, inventories = links.intersphinx(environ)
        assert ("sphinx.ext.intersphinx" in extensions) is linked
        assert bool(inventories) is linked

    def test_the_build_is_strict_and_asks_the_environment(self):
        text = (DOCS / "conf.py").read_text(encoding="utf-8")
        assert "intersphinx(os.environ)" in text
        assert "nitpicky = True" in text


class TestFormulas:
    """Formulas are MathML in the page: docs/_ext/mathml.py."""

    @pytest.fixture
    def mathml(self):
        pytest.importorskip("sphinx", reason="needs Sphinx, from the extra [docs]")
        return script("mathml", DOCS / "_ext")

    @pytest.mark.parametrize(
        ("tex", "holds"),
        [
            (r"t-89 \dots t", "…"),
            (r"p + \tfrac12", "<mfrac"),
            (r"\Big(\frac{1}{2}\Big)", "<mfrac"),
            (r"\begin{gathered} a = b \\ c = d \end{gathered}", "<mtr"),
            ("a &= b\n\nc &= d", "<mtr"),
        ],
    )
    def test_says_what_docutils_lacks_in_its_words(self, mathml, tex, holds):
        assert holds in mathml.to_mathml(tex, as_block=True)

    @pytest.mark.parametrize(
        ("tex", "drawn"),
        [
            (r"\bar p", "<mover><mi>p</mi><mo>ˉ</mo></mover>"),
            (r"\hat p_d", "<msub><mover><mi>p</mi><mo>ˆ</mo></mover><mi>d</mi></msub>"),
            (r"Q_t'", "<msubsup><mi>Q</mi><mi>t</mi><mi>′</mi></msubsup>"),
            (r"\ln T", '<mi>ln</mi><mo>\u2061</mo><mspace width="0.1667em"/><mi>T</mi>'),
            (r"\exp(x)", "<mi>exp</mi><mo>\u2061</mo><mo>(</mo><mi>x</mi><mo>)</mo>"),
            (r"\max_j x", '<munder><mo movablelimits="true">max</mo><mi>j</mi></munder><mi>x</mi>'),
            (
                r"\underbrace{x}_{\text{it's so}}",
                "<munder><munder><mi>x</mi><mo>⏟</mo></munder><mtext>it's so</mtext></munder>",
            ),
        ],
    )
    def test_is_drawn_as_it_is_meant_without_a_font_for_it(self, mathml, tex, drawn):
        """Bars that are seen, subscripts beside the letter, primes raised, operators apart."""
        found = mathml.to_mathml(tex, as_block=False).replace(' stretchy="false"', "")
        inside = re.sub(r">\s+<", "><", found).replace(" />", "/>")
        assert re.sub(r"^<math[^>]*>|</math>$", "", inside.strip()) == drawn

    @pytest.mark.parametrize("tex", [r"\nocommand", r"\frac{1}", r"\begin{rows}a\end{rows}"])
    def test_a_formula_that_cannot_be_said_is_an_error(self, mathml, tex):
        with pytest.raises(mathml.FAILURES):
            mathml.to_mathml(tex, as_block=False)
