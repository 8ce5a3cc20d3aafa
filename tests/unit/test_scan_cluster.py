"""A scan on a cluster: the same table from workers of dask."""

from __future__ import annotations

import warnings

import pandas as pd
import pytest
from joblib import parallel_config

import regimecorr as rc

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
