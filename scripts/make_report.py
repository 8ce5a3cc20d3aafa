"""Write an example report, and what a browser shows of it: screenshots and pages on paper.

    python scripts/make_report.py OUT [--prices FILE] [--as-of DATE] [--basis BASIS] [--no-claims]

Without a file of prices it is the bundled simulated twin. OUT gets ``report.html`` and, where a
Chromium is on PATH, ``report-400-light.png`` and so on, and ``report.pdf``.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from browser import Browser, find_browser

import regimecorr as rc

WIDTHS = (400, 1280)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="OUT")
    parser.add_argument("--prices", type=Path, metavar="FILE", help="anything load_prices takes")
    parser.add_argument("--as-of", metavar="DATE")
    parser.add_argument("--basis", default="returns")
    parser.add_argument("--no-claims", dest="claims", action="store_false")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    prices = given.prices or rc.datasets.load_eth_russell_twin()
    verdict = rc.assess(prices, as_of=given.as_of, basis=given.basis)
    begun = time.perf_counter()
    page = verdict.to_html(given.folder / "report.html", claims=given.claims)
    print(f"{page}: {page.stat().st_size / 1000:.0f} kB, {time.perf_counter() - begun:.1f} s")
    program = find_browser()
    if program is None:
        print("No Chromium on PATH: no screenshots.")
        return
    with Browser(program) as browser:
        for width in WIDTHS:
            for dark in (False, True):
                seen = browser.open(page, width, dark=dark)
                name = f"report-{width}-{'dark' if dark else 'light'}"
                browser.screenshot(given.folder / f"{name}.png")
                print(
                    f"{name}: {seen['scroll']} of {seen['width']} px, {len(browser.requests)} "
                    f"request, complaints {browser.complaints}, faint {seen['faint']}"
                )
        browser.media("print")
        browser.print(given.folder / "report.pdf")


if __name__ == "__main__":
    main()
