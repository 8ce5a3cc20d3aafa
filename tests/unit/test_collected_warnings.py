"""Warnings that are collected in place of being issued."""

from __future__ import annotations

import threading
import warnings

import pytest

from regimecorr.errors import (
    ConvergenceWarning,
    RegimeCorrWarning,
    StaleDataWarning,
    collected_warnings,
    warn_user,
)


def test_the_innermost_that_wants_it_takes_it():
    with collected_warnings() as outer, collected_warnings(StaleDataWarning) as inner:
        warn_user("stale", StaleDataWarning)
        warn_user("flat", ConvergenceWarning)
    assert [str(w) for w in inner] == ["stale"]
    assert [str(w) for w in outer] == ["flat"]
    with collected_warnings() as outer, collected_warnings() as inner:
        warn_user("stale", StaleDataWarning)
    assert (len(outer), len(inner)) == (0, 1)


def test_what_nobody_wants_is_issued():
    with collected_warnings(StaleDataWarning) as seen, pytest.warns(ConvergenceWarning):
        warn_user("flat", ConvergenceWarning)
    assert seen == []


def test_an_error_ends_the_collecting():
    with pytest.raises(KeyError), collected_warnings():
        raise KeyError
    with pytest.warns(StaleDataWarning):
        warn_user("stale", StaleDataWarning)


def test_threads_keep_theirs_and_the_filters_as_they_are():
    before, meet, found = list(warnings.filters), threading.Barrier(2), {}

    def work(name: str) -> None:
        with collected_warnings() as seen:
            meet.wait(10)
            warn_user(name, RegimeCorrWarning)
            meet.wait(10)
            found[name] = [str(w) for w in seen]

    threads = [threading.Thread(target=work, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert found == {"one": ["one"], "two": ["two"]}
    assert warnings.filters == before
