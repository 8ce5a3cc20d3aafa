"""The report in a headless Chromium: phone and desktop, light and dark, screen and paper."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import regimecorr as rc

ROOT = Path(__file__).resolve().parents[2]
HOSTILE = ("<script>alert(1)</script>", 'A & B "quoted" $x_1$ שלום 🚀 ' + "long" * 30)


@pytest.fixture(scope="module")
def script() -> ModuleType:
    path = ROOT / "scripts" / "browser.py"
    spec = importlib.util.spec_from_file_location("browser", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def browser(script: ModuleType) -> Any:
    program = script.find_browser()
    if program is None:
        pytest.skip(f"needs one of {', '.join(script.NAMES)} on PATH")
    with script.Browser(program) as running:
        yield running


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    prices = rc.simulate("one_break", n_obs=1500, rng=13).prices.set_axis(list(HOSTILE), axis=1)
    v = rc.assess(prices, as_of="2005-02-01", calibration=None, n_paths=400)
    claims = rc.test_claims(v.prices, claims=rc.published_claims()[:3], n_boot=100)
    return v.to_html(tmp_path_factory.mktemp("report") / "report.html", claims=claims)


@pytest.mark.parametrize("width", [320, 400, 1280])
@pytest.mark.parametrize("dark", [False, True])
def test_on_a_screen(browser: Any, page: Path, width: int, dark: bool) -> None:
    seen = browser.open(page, width, dark=dark)
    assert (seen["width"], seen["dark"]) == (width, dark)
    assert seen["scroll"] <= width
    assert seen["outside"] == []
    assert seen["faint"] == []
    assert browser.complaints == []
    assert browser.requests == [page.resolve().as_uri()]
    for name in HOSTILE:
        assert name in seen["text"]


def test_on_paper(browser: Any, page: Path, tmp_path: Path) -> None:
    on_screen = browser.open(page, 1280, dark=True)
    assert set(on_screen["details"]) == {0}
    browser.media("print", dark=True)
    printed = browser.look()
    assert min(printed["details"]) > 0
    assert printed["faint"] == []
    browser.print(tmp_path / "report.pdf")
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")


BAD = """<!DOCTYPE html><title>bad</title><body style="margin:0"><p style="width:3000px">wide</p>
<p style="color:#bbb">faint</p><img src="missing.png"><script>undefined.x</script></body>"""


def test_defects_are_seen(browser: Any, tmp_path: Path) -> None:
    bad = tmp_path / "bad.html"
    bad.write_text(BAD, encoding="utf-8")
    seen = browser.open(bad, 400)
    assert seen["scroll"] > 400
    assert seen["outside"]
    assert [tag for tag, *_ in seen["faint"]] == ["P"]
    assert any("TypeError" in text for text in browser.complaints)
    assert len(browser.requests) == 2
