"""Rows as they are made, by whatever joblib has to work with."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Future
from contextlib import closing
from typing import Any, TypeVar

from joblib import Parallel, delayed, effective_n_jobs

from regimecorr.errors import ModelError
from regimecorr.scanning.pair import PairJob, lost_row, row_of
from regimecorr.scanning.rows import Row

Key = TypeVar("Key")


def stream_rows(
    keys: Sequence[Key],
    job_of: Callable[[Key], PairJob],
    key_of: Callable[[Row], Key],
    n_jobs: int | None,
    backend: str | None,
) -> Iterator[Row]:
    """Make the row of every job; each is there as soon as it is ready, in no order.

    A job is cut out of the table when a worker is free, so that few are held at a time. Where a
    worker dies (of dask: where it has given a task up), the jobs that were on their way are done
    again one at a time, in a process of this machine, and one over which it dies again becomes a
    row that says so.

    Parameters
    ----------
    keys : sequence
        What tells the rows apart, such as pairs or days.
    job_of : callable
        Makes the job of a key.
    key_of : callable
        Reads the key off a row.
    n_jobs : int or None
        Processes; None: what `joblib.parallel_config` says, otherwise 1.
    backend : str or None
        Backend of joblib; None: what `joblib.parallel_config` says, otherwise processes.

    Raises
    ------
    ModelError
        If joblib does not know the backend.
    """
    waiting = list(keys)
    while waiting:
        begun: list[Key] = []
        done: set[Key] = set()

        def jobs(waiting: list[Key] = waiting, begun: list[Key] = begun) -> Iterator[PairJob]:
            for key in waiting:
                begun.append(key)
                yield job_of(key)

        try:
            with closing(_parallel(jobs(), n_jobs, backend)) as rows:
                for row in rows:
                    done.add(key_of(row))
                    yield row
            return
        except Exception as error:
            suspects = [key for key in begun if key not in done]
            if not suspects or not _worker_died(error):
                raise
        for key in suspects:
            yield _alone(job_of(key))
        waiting = [key for key in waiting if key not in done and key not in suspects]


def check_backend(n_jobs: int | None, backend: str | None) -> None:
    """Raise `ModelError` unless joblib can make something of the backend."""
    try:
        Parallel(n_jobs=n_jobs, backend=backend)
    except (ValueError, ImportError) as error:
        raise ModelError(f"backend={backend!r} cannot be used: {error}") from error


def _parallel(
    jobs: Iterator[PairJob], n_jobs: int | None, backend: str | None
) -> Generator[Row, None, None]:
    """Rows of jobs in the order in which they are ready; in batches where joblib cannot stream."""
    try:
        # A batch of several would keep rows back that are ready.
        work = Parallel(
            n_jobs=n_jobs, backend=backend, batch_size=1, return_as="generator_unordered"
        )
    except ValueError:  # the backend can only return lists
        yield from _batches(jobs, n_jobs, backend)
        return
    _hear_of_failures(work._backend)
    with closing(work(_tasks(jobs))) as rows:
        yield from rows


def _worker_died(error: Exception) -> bool:
    """Whether an error means that the process that worked on a pair is gone."""
    if isinstance(error, BrokenExecutor):
        return True
    distributed = sys.modules.get("distributed")  # without it no error is one of dask
    return distributed is not None and isinstance(error, distributed.KilledWorker)


def _hear_of_failures(backend: Any) -> None:
    """Let joblib's backend for dask pass on that a task has failed.

    In joblib 1.6 it only calls back for tasks with a result. For one that dask gives up, because
    workers died over it again and again, `Parallel` would wait for ever.
    """
    name = "submit" if hasattr(backend, "submit") else "apply_async"  # before joblib 1.5
    if type(backend).__name__ != "DaskDistributedBackend" or name in vars(backend):
        return
    submit = getattr(backend, name)

    def told(func: Any, callback: Callable[[Any], None]) -> Future[Any]:
        def on_failure(future: Future[Any]) -> None:
            error = None if future.cancelled() else future.exception()
            if error is not None:
                callback(error)

        future: Future[Any] = submit(func, callback)
        future.add_done_callback(on_failure)
        return future

    setattr(backend, name, told)


def _batches(jobs: Iterator[PairJob], n_jobs: int | None, backend: str | None) -> Iterator[Row]:
    work = Parallel(n_jobs=n_jobs, backend=backend, batch_size=1)
    while batch := list(itertools.islice(jobs, max(2, effective_n_jobs(n_jobs)))):
        yield from work(_tasks(batch))


def _tasks(jobs: Iterable[PairJob]) -> Iterator[object]:
    return (delayed(row_of)(job) for job in jobs)


def _alone(job: PairJob) -> Row:
    """Row of a pair in a process of its own; the death of the process is its reason."""
    try:
        (row,) = Parallel(n_jobs=2, backend="loky")([delayed(row_of)(job)])
    except BrokenExecutor:
        return lost_row(job)
    return dict(row)
