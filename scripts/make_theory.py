"""Draw the figures of docs/theory.

    python scripts/make_theory.py [name ...]

Each is simulated with a fixed seed, read off the bundled pair, or drawn from a record in
docs/_results; none needs market prices.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from theory_models import MODELS
from theory_records import RECORDS
from theory_tests import TESTS

from regimecorr.plotting.style import save, style

STATIC = Path(__file__).resolve().parents[1] / "docs" / "_static"
FIGURES = {**MODELS, **TESTS, **RECORDS}


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", default=list(FIGURES), help="figures; default all")
    for name in parser.parse_args().names:
        with style():
            save(FIGURES[name](), STATIC / f"theory_{name}.svg")


if __name__ == "__main__":
    main()
