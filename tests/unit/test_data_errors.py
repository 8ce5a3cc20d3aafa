"""The vocabulary of errors and warnings."""

from __future__ import annotations

import inspect
import pickle
import warnings

import pytest

from regimecorr import errors

NAMES = [name for name in errors.__all__ if inspect.isclass(getattr(errors, name))]


@pytest.mark.parametrize("name", NAMES)
def test_every_class_tells_cause_and_remedy(name: str) -> None:
    doc = getattr(errors, name).__doc__
    assert "Cause:" in doc
    assert "Remedy:" in doc


@pytest.mark.parametrize("name", NAMES)
def test_every_class_descends_from_a_root_and_travels_between_processes(name: str) -> None:
    kind = getattr(errors, name)
    root = errors.RegimeCorrWarning if name.endswith("Warning") else errors.RegimeCorrError
    assert issubclass(kind, root)
    again = pickle.loads(pickle.dumps(kind("what, limit, remedy")))
    assert type(again) is kind
    assert str(again) == "what, limit, remedy"


def test_builtin_parents() -> None:
    assert issubclass(errors.DataError, ValueError)
    assert issubclass(errors.DownloadError, OSError)
    assert issubclass(errors.EstimationError, RuntimeError)
    assert issubclass(errors.ModelError, ValueError)
    assert issubclass(errors.RegimeCorrWarning, UserWarning)


def test_warning_points_at_the_caller_outside_the_package() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        errors.warn_user("look here", errors.StaleDataWarning)
    assert caught[0].filename == __file__
