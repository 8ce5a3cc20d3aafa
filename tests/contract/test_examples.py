"""The example in the docstring of every public name runs and says the truth."""

from __future__ import annotations

import doctest
import inspect

import pytest

import regimecorr

NO_EXAMPLE = {
    "Verdict",  # made by assess, whose example shows one
    "__version__",
    "datasets",
    "plotting",  # its functions have examples of their own
    "download",  # needs a network
}


@pytest.mark.parametrize("name", sorted(set(regimecorr.__all__) - NO_EXAMPLE))
def test_example(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = inspect.getdoc(getattr(regimecorr, name))
    test = doctest.DocTestParser().get_doctest(text, {}, name, None, 0)
    assert test.examples, f"{name} has no example"
    report: list[str] = []
    doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test, out=report.append)
    assert not report, "".join(report)
