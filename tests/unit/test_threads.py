"""The limit on BLAS threads holds until the last job has left it."""

from __future__ import annotations

from contextlib import ExitStack

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from regimecorr.threads import one_blas_thread


def threads() -> set[int]:
    np.ones((2, 2)) @ np.ones((2, 2))
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


@pytest.fixture(autouse=True)
def two():
    """Two threads to begin with, whatever the machine says."""
    with threadpool_limits(limits=2, user_api="blas"):
        yield


def test_jobs_may_leave_in_any_order():
    before = threads()
    first, second = ExitStack(), ExitStack()
    first.enter_context(one_blas_thread())
    second.enter_context(one_blas_thread())
    assert threads() == {1}
    first.close()
    assert threads() == {1}
    second.close()
    assert threads() == before == {2}


def test_an_error_lifts_the_limit():
    with pytest.raises(ZeroDivisionError), one_blas_thread():
        _ = 1 / 0
    assert threads() == {2}
