"""A scan on a cluster: the same table from workers of dask."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from concurrent.futures import Future
from pathlib import Path

import pandas as pd
import pytest
from joblib import parallel_config

import regimecorr as rc
from regimecorr.scanning import stream

distributed = pytest.importorskip("distributed")
pytest.importorskip("pyarrow")
# A cluster on this machine, and no other place, is talked to.
pytestmark = [
    pytest.mark.allow_hosts(["127.0.0.1"]),
    # tornado and distributed warn of themselves when loops and sockets are closed
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
OPTIONS = {"pairs": [("A", "B"), ("C", "D"), ("A", "D")], "n_paths": 400, "calibration": None}


@pytest.fixture(scope="module")
def panel() -> pd.DataFrame:
    worlds = [rc.simulate("recurrent", n_obs=650, rng=seed).prices for seed in (1, 4)]
    return pd.concat([worlds[0], worlds[1].set_axis(["C", "D"], axis=1)], axis=1).assign(FLAT=1.0)


def on_a_cluster(panel, processes: bool, **options) -> rc.Scan:
    """Scan on two workers of dask, of this process or of their own."""
    with (
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=processes,
            protocol="tcp://",
            host="127.0.0.1",
            dashboard_address=None,
        ) as cluster,
        distributed.Client(cluster),
        parallel_config(backend="dask"),
    ):
        return rc.scan(panel, **OPTIONS | options)


@pytest.mark.parametrize("processes", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_dask_gives_the_same_table(panel, tmp_path, processes):
    pairs = [*OPTIONS["pairs"], ("B", "FLAT")]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rc.errors.FailedPairsWarning)
        expected = rc.scan(panel, **OPTIONS | {"pairs": pairs})
        found = on_a_cluster(panel, processes, pairs=pairs, store=tmp_path / "s")
        kept = rc.scan(panel, store=tmp_path / "s", **OPTIONS | {"pairs": pairs})
    for other in (found, kept):
        pd.testing.assert_frame_equal(other.table, expected.table, check_exact=True)
    assert found.failed["benchmark"].tolist() == ["FLAT"]
    assert len(list((tmp_path / "s").glob("part-*.parquet"))) == 1


DEADLY = """
import os, sys, warnings
sys.path.insert(0, {here!r})
import dask
from distributed import Client, LocalCluster
from joblib import parallel_config
import regimecorr as rc
from regimecorr.scanning import stream
from test_scan_store import made_panel

def deadly(job):
    from regimecorr.scanning.rows import blank_row, columns_of
    if job.names == ("A", "C"):
        os._exit(9)
    row = blank_row(columns_of(job.options))
    return row | dict(zip(("asset", "benchmark"), job.names)) | {{"state": "aligned"}}

if __name__ == "__main__":
    stream.row_of = deadly
    warnings.simplefilter("ignore")
    dask.config.set({{"distributed.scheduler.allowed-failures": 1}})
    cluster = LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
    )
    with cluster, Client(cluster), parallel_config(backend="dask"):
        for attempt in (1, 2):  # joblib's backend is the same one
            found = rc.scan(made_panel(n_assets=4), calibration=None, n_paths=400)
            print(len(found.table), *found.failed.to_numpy().ravel(), sep="|")
"""


@pytest.mark.slow
def test_a_pair_that_kills_its_workers(tmp_path):
    """dask gives it up after some workers; the others are made, and this one says what it did."""
    root, here = str(Path(rc.__file__).parents[1]), str(Path(__file__).parent)
    done = subprocess.run(
        [sys.executable, "-c", DEADLY.format(here=here)],
        env=os.environ | {"PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.strip().split("\n")
    assert len(lines) == 2
    for line in lines:
        number, asset, benchmark, reason, unexpected = line.split("|")
        assert (number, asset, benchmark, unexpected) == ("6", "A", "C", "True")
        assert reason.startswith("The process that worked on the pair died")


class DaskDistributedBackend:
    """joblib's, as far as it counts: it calls back for results only."""

    def __init__(self):
        self.futures = []

    def submit(self, func, callback):
        self.futures.append(Future())
        return self.futures[-1]


def test_that_dask_gave_a_task_up_is_told():
    backend, told = DaskDistributedBackend(), []
    stream._hear_of_failures(backend)
    stream._hear_of_failures(backend)  # of the second scan
    for _ in range(3):
        backend.submit(None, told.append)
    error = distributed.KilledWorker("task", "worker", 1)
    good, bad, lost = backend.futures
    good.set_result(1)
    bad.set_exception(error)
    lost.cancel()
    assert told == [error]
    assert stream._worker_died(error)
    assert not stream._worker_died(ValueError())
