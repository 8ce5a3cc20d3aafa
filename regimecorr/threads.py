"""One BLAS thread at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

import scipy.linalg.blas  # noqa: F401  a library that is loaded later would not be limited
from threadpoolctl import threadpool_limits

_LOCK = Lock()
_inside = 0
_limits: threadpool_limits | None = None


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Hold the libraries of linear algebra to one thread.

    The matrices here are small, so their threads would only wait for each other; and sums that are
    split differently end in other digits, which an optimiser's steps carry on: results must not
    depend on whether a job runs here, in a thread or in a worker process. The limit is that of the
    process. Unlike `threadpoolctl.threadpool_limits`, jobs beside each other may enter and leave in
    any order; the last one to leave lifts the limit. Only the thread that set a limit first may set
    another (threadpoolctl 3.8): who starts threads enters before them.
    """
    global _inside, _limits
    with _LOCK:
        if _inside == 0:
            _limits = threadpool_limits(limits=1, user_api="blas")
        _inside += 1
    try:
        yield
    finally:
        with _LOCK:
            _inside -= 1
            if _inside == 0 and _limits is not None:
                _limits.restore_original_limits()
                _limits = None
