"""Importing costs nothing, and every name can be reached first."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {"pymc", "pytensor", "arviz", "matplotlib", "sklearn", "arch", "statsmodels"}
PROGRAM_TIME = """
import time
import pandas, scipy.stats
begun = time.perf_counter()
import regimecorr
print(time.perf_counter() - begun)
"""
# Forgetting the package between the names makes every one of them the first; libraries stay
# loaded, which is what makes this cheap. What was loaded first and whole cannot stand in the way of
# what comes after it, so each is loaded alone.
PROGRAM_COLD = """
import importlib, pkgutil, sys

def forget():
    for name in [n for n in sys.modules if n.partition(".")[0] == "regimecorr"]:
        del sys.modules[name]
    return importlib.import_module("regimecorr")

def reach(package, names):
    for name in names:
        value = getattr(package, name)
        expected = {"__version__": "str", "datasets": "module", "plotting": "module"}.get(name)
        kind = type(value).__name__
        assert kind == expected if expected else callable(value), (name, kind)

names = list(forget().__all__)
for name in names:
    reach(forget(), [name])
reach(forget(), names)
reach(forget(), names[::-1])
modules = [m.name for m in pkgutil.walk_packages(forget().__path__, "regimecorr.")]
# A room of the same name as a function would take its place once it is loaded.
assert {f"regimecorr.{name}" for name in names} & set(modules) == {"regimecorr.plotting"}
for module in modules:
    if not module.endswith("__main__"):
        forget()
        importlib.import_module(module)
print(len(names), len(modules))
"""


def run(program: str) -> str:
    """Run a program in a new interpreter that does not look into the working folder."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_import_loads_nothing_heavy():
    loaded = run("import sys, regimecorr; print(*{m.partition('.')[0] for m in sys.modules})")
    assert not HEAVY & set(loaded.split())


def test_listing_the_names_loads_nothing_heavy():
    program = "import sys, regimecorr; dir(regimecorr); regimecorr.__version__; print(*sys.modules)"
    assert not HEAVY & {m.partition(".")[0] for m in run(program).split()}


def test_import_costs_at_most_a_second_beyond_pandas_and_scipy():
    assert min(float(run(PROGRAM_TIME)) for _ in range(3)) < 1.0


def test_every_name_and_every_module_can_be_loaded_first():
    n_names, n_modules = map(int, run(PROGRAM_COLD).split())
    assert n_names > 0
    assert n_modules > 0


@pytest.mark.parametrize(
    ("module", "name"), [("assessment", "assess"), ("verdict", "Verdict"), ("worlds", "simulate")]
)
def test_a_module_does_not_stand_in_for_a_name(module, name):
    out = run(f"import regimecorr.{module}, regimecorr; print(callable(regimecorr.{name}))")
    assert out.strip() == "True"
