"""A scan on disk: taken up after a kill, never mixed, never rewritten, damage told."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import regimecorr as rc
from regimecorr.errors import DamagedStoreWarning, DataError, FailedPairsWarning
from regimecorr.scanning import store as module
from regimecorr.scanning import stream
from regimecorr.scanning.pair import lost_row, row_of
from regimecorr.scanning.rows import blank_row, columns_of

pytest.importorskip("pyarrow")
N_ASSETS = 6


def made_panel(n_obs: int = 650, n_assets: int = N_ASSETS) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    common = rng.standard_normal((n_obs, 1))
    returns = 0.01 * (0.7 * common + rng.standard_normal((n_obs, n_assets)))
    days = pd.bdate_range("2014-01-01", periods=n_obs)
    return pd.DataFrame(100 * np.exp(returns.cumsum(axis=0)), days, list("ABCDEFGHIJ")[:n_assets])


@pytest.fixture(scope="module")
def panel() -> pd.DataFrame:
    return made_panel()


@pytest.fixture
def counted(monkeypatch):
    """Rows that cost nothing and depend on prices and options; returns the pairs made."""
    pairs = []

    def fake(job):
        pairs.append(job.names)
        row = blank_row(columns_of(job.options))
        asset, benchmark = job.names
        figure = float(np.abs(np.sin(job.prices.to_numpy().sum() + job.options.n_paths)))
        row |= {"asset": asset, "benchmark": benchmark, "state": "aligned", "pvalue": figure}
        row |= {"as_of": f"{job.as_of:%Y-%m-%d}", "p_structural": figure, "seed": job.seed}
        return row | {"inputs": job.inputs}

    monkeypatch.setattr(stream, "row_of", fake)
    return pairs


def scanned(panel, folder, **options):
    return rc.scan(panel, store=folder, **{"calibration": None, "n_paths": 400} | options)


def same(first: rc.Scan, second: rc.Scan) -> None:
    pd.testing.assert_frame_equal(first.table, second.table, check_exact=True)
    pd.testing.assert_frame_equal(first.share, second.share, check_exact=True)


def parts(folder: Path) -> list[Path]:
    return sorted(folder.glob("part-*.parquet"))


PROGRAM = """
import sys
sys.path.insert(0, {here!r})
from pathlib import Path
from test_scan_store import made_panel, scanned
if __name__ == "__main__":
    scanned(made_panel(n_assets=4), Path({folder!r}), n_jobs={n_jobs})
"""


class TestKilled:
    @pytest.mark.parametrize("n_jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
    def test_goes_on_where_it_was_killed(self, tmp_path, monkeypatch, n_jobs):
        panel, folder = made_panel(n_assets=4), tmp_path / "scan"
        here, root = str(Path(__file__).parent), str(Path(rc.__file__).parents[1])
        program = PROGRAM.format(here=here, folder=str(folder), n_jobs=n_jobs)
        work = subprocess.Popen(
            [sys.executable, "-c", program],
            env=os.environ | {"PYTHONPATH": root},
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        begun = time.monotonic()
        while len(parts(folder)) < 2 and work.poll() is None and time.monotonic() - begun < 120:
            time.sleep(0.01)
        os.killpg(work.pid, signal.SIGKILL)
        told = work.communicate()[1].decode()
        assert work.returncode == -signal.SIGKILL, told
        kept = len(parts(folder))
        assert 2 <= kept < 6
        made = []
        monkeypatch.setattr(stream, "row_of", lambda job: made.append(job.names) or row_of(job))
        resumed = scanned(panel, folder)
        assert len(made) == 6 - kept
        assert len(parts(folder)) == 1
        monkeypatch.undo()
        same(resumed, rc.scan(panel, calibration=None, n_paths=400))


class TestResuming:
    def test_what_is_there_is_not_made_again(self, panel, tmp_path, counted):
        first = scanned(panel, tmp_path / "s", pairs=[("A", "B"), ("C", "D")])
        assert len(counted) == 2
        whole = scanned(panel, tmp_path / "s")
        assert len(counted) == 15
        assert len(set(counted)) == 15
        same(whole, scanned(panel, tmp_path / "s"))
        assert len(counted) == 15
        same(first, scanned(panel, tmp_path / "s", pairs=[("C", "D"), ("A", "B")]))
        same(whole, rc.scan(panel, calibration=None, n_paths=400))

    def test_every_pair_is_on_disk_before_the_next_is_waited_for(
        self, panel, tmp_path, counted, monkeypatch
    ):
        folder, fake, seen = tmp_path / "s", stream.row_of, []

        def row_of(job):
            seen.append(len(parts(folder)))
            if len(seen) == 5:
                raise KeyboardInterrupt
            return fake(job)

        monkeypatch.setattr(stream, "row_of", row_of)
        with pytest.raises(KeyboardInterrupt):
            scanned(panel, folder)
        assert seen == [0, 1, 2, 3, 4]
        monkeypatch.setattr(stream, "row_of", fake)
        scanned(panel, folder)
        assert len(counted) == 15

    def test_failures_of_the_package_are_kept_others_made_again(self, panel, tmp_path, monkeypatch):
        bad = panel.assign(FLAT=1.0)
        calls = []

        def look_ahead(question, streams):
            calls.append(question.pair.benchmark)
            raise OverflowError("for once")

        monkeypatch.setattr("regimecorr.scanning.pair.look_ahead", look_ahead)
        pairs = [("A", "FLAT"), ("A", "B")]
        for attempt in (1, 2):
            with pytest.warns(FailedPairsWarning, match="2 of 2"):
                found = scanned(bad, tmp_path / "s", pairs=pairs)
            assert calls == ["B"] * attempt
        monkeypatch.undo()
        with pytest.warns(FailedPairsWarning, match="1 of 2"):
            found = scanned(bad, tmp_path / "s", pairs=pairs)
        assert found.failed["benchmark"].tolist() == ["FLAT"]

    def test_a_pair_that_was_made_again_is_not_made_a_third_time(
        self, panel, tmp_path, counted, monkeypatch
    ):
        """Killed before the files were merged, it stands in two; whichever is read first."""
        fake = stream.row_of
        failed = {"failed": True, "unexpected": True, "state": "", "pvalue": np.nan}
        monkeypatch.setattr(stream, "row_of", lambda job: fake(job) | failed)
        with pytest.warns(FailedPairsWarning):
            scanned(panel, tmp_path / "s", as_of=panel.index[-1])
        monkeypatch.setattr(stream, "row_of", fake)
        monkeypatch.setattr(module.ScanStore, "merge", lambda self: None)
        whole = scanned(panel, tmp_path / "s")
        assert len(counted) == 30
        assert len(parts(tmp_path / "s")) == 16
        monkeypatch.undo()
        monkeypatch.setattr(stream, "row_of", raising(AssertionError))
        for files in (1, 1):
            same(whole, scanned(panel, tmp_path / "s"))
            assert len(parts(tmp_path / "s")) == files

    def test_damage_while_it_runs_is_mended(self, panel, tmp_path, counted, monkeypatch):
        fake = stream.row_of

        def row_of(job):
            if len(counted) == 9:
                parts(tmp_path / "s")[0].write_bytes(b"")
                parts(tmp_path / "s")[1].unlink()
            return fake(job)

        monkeypatch.setattr(stream, "row_of", row_of)
        whole = scanned(panel, tmp_path / "s")
        monkeypatch.setattr(stream, "row_of", raising(AssertionError))
        same(whole, scanned(panel, tmp_path / "s"))

    def test_numbers_of_numpy_are_the_same_options(self, panel, tmp_path, counted):
        options = {"short_window": 90, "family_prior": {"constant": 1.0, "break": 0.5}}
        scanned(panel, tmp_path / "s", **options)
        options |= {"short_window": np.int64(90), "n_paths": np.int64(400), "rng": np.int64(0)}
        options |= {"family_prior": {"constant": np.float32(1.0), "break": np.float64(0.5)}}
        scanned(panel, tmp_path / "s", **options)
        assert len(counted) == 15

    def test_many_files_become_one(self, panel, tmp_path, counted, monkeypatch):
        monkeypatch.setattr(module, "MERGE_AT", 4)
        folder, most, add = tmp_path / "s", [], module.ScanStore.add

        def watched(self, row):
            add(self, row)
            most.append(len(parts(folder)))

        monkeypatch.setattr(module.ScanStore, "add", watched)
        first = scanned(panel, folder)
        assert most == [1, 2, 3, 1, 2, 3, 4, 2, 3, 4, 5, 3, 4, 5, 6]
        assert len(parts(folder)) == 1
        same(first, scanned(panel, folder))
        assert len(counted) == 15

    def test_a_kill_while_merging_does_no_harm(self, panel, tmp_path, counted, monkeypatch):
        folder = tmp_path / "s"
        unlink = Path.unlink

        def killed(path, missing_ok=False):
            if path.name.startswith("part-"):
                raise KeyboardInterrupt
            unlink(path, missing_ok=missing_ok)

        monkeypatch.setattr(Path, "unlink", killed)
        with pytest.raises(KeyboardInterrupt):
            scanned(panel, folder)
        monkeypatch.setattr(Path, "unlink", unlink)
        assert len(parts(folder)) == 16
        monkeypatch.setattr(stream, "row_of", raising(AssertionError))
        (folder / ".0123.part").write_bytes(b"half")
        assert len(scanned(panel, folder).table) == 15
        assert len(parts(folder)) == 1
        assert not (folder / ".0123.part").exists()


def raising(error):
    def fail(*args, **options):
        raise error

    return fail


class TestDamage:
    @pytest.mark.parametrize("kind", ["cut", "flipped", "text", "empty"])
    def test_is_told_and_made_again(self, panel, tmp_path, counted, kind):
        folder = tmp_path / "s"
        whole = scanned(panel, folder, pairs=[("A", "B"), ("C", "D")])
        (path,) = parts(folder)
        content = path.read_bytes()
        flipped = bytearray(content)
        flipped[200] ^= 1
        path.write_bytes(
            {"cut": content[:-100], "flipped": bytes(flipped), "text": b"x", "empty": b""}[kind]
        )
        with pytest.warns(DamagedStoreWarning, match=f"1 of the files .*{path.name}"):
            again = scanned(panel, folder, pairs=[("A", "B"), ("C", "D")])
        assert len(counted) == 4
        same(whole, again)
        assert path.with_suffix(".damaged").exists()
        # It is told once.
        same(whole, scanned(panel, folder, pairs=[("A", "B"), ("C", "D")]))

    def test_only_the_pairs_of_the_damaged_file(self, panel, tmp_path, counted, monkeypatch):
        folder, fake = tmp_path / "s", stream.row_of

        def third_stops(job):
            if len(counted) == 3:
                raise KeyboardInterrupt
            return fake(job)

        monkeypatch.setattr(stream, "row_of", third_stops)
        with pytest.raises(KeyboardInterrupt):
            scanned(panel, folder)
        monkeypatch.setattr(stream, "row_of", fake)
        parts(folder)[0].write_bytes(b"PAR1")
        with pytest.warns(DamagedStoreWarning):
            scanned(panel, folder)
        assert len(counted) == 3 + 12 + 1


class TestRefusals:
    def test_other_prices(self, panel, tmp_path, counted):
        scanned(panel, tmp_path / "s")
        other = panel.copy()
        other.iloc[10, 2] *= 1.001
        with pytest.raises(DataError, match="A / C in the store was made from other prices"):
            scanned(other, tmp_path / "s")
        scanned(other, tmp_path / "s", pairs=[("A", "B")])  # its prices are the same

    def test_a_failed_pair_is_made_again_from_mended_prices(self, panel, tmp_path, counted):
        broken = panel.copy()
        broken.iloc[:100, 2] = np.nan
        fine = stream.row_of

        def failing(job):
            row = fine(job)
            short = job.prices.notna().all(axis=1).sum() < 600
            return row | ({"failed": True, "reason": "too short"} if short else {})

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(stream, "row_of", failing)
            with pytest.warns(FailedPairsWarning):
                first = scanned(broken, tmp_path / "s")
        assert len(first.failed) == 5
        counted.clear()
        mended = scanned(panel, tmp_path / "s")
        assert len(counted) == 5
        assert len(mended.failed) == 0
        counted.clear()
        same(scanned(panel, tmp_path / "s"), mended)
        assert counted == []

    def test_later_prices_after_the_day_are_no_other_prices(self, panel, tmp_path, counted):
        day = panel.index[-30]
        scanned(panel, tmp_path / "s", as_of=day)
        scanned(panel.iloc[:-10], tmp_path / "s", as_of=day)
        assert len(counted) == 15

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"n_paths": 500}, "'n_paths': 400}, not {'n_paths': 500"),
            ({"rng": 1}, "'rng': 0"),
            ({"calibration": "market"}, "'calibration': None"),
            ({"as_of": "2016-06-01"}, "'as_of': '2016-06-28'"),
            ({"thresholds": (0.2, 0.8)}, "'thresholds'"),
        ],
    )
    def test_other_options(self, panel, tmp_path, counted, options, words):
        scanned(panel, tmp_path / "s")
        with pytest.raises(DataError, match=words):
            scanned(panel, tmp_path / "s", **options)

    def test_a_calibration_of_ones_own_is_known_by_its_content(self, panel, tmp_path, counted):
        from dataclasses import replace

        from regimecorr.evaluation.vintages import shipped

        own = replace(shipped("market"), name="own")
        other = replace(own, vintages=own.vintages[:-1])
        scanned(panel, tmp_path / "s", calibration=own)
        scanned(panel, tmp_path / "s", calibration=own)
        assert len(counted) == 15
        with pytest.raises(DataError, match="'calibration': 'own "):
            scanned(panel, tmp_path / "s", calibration=other)

    def test_no_store(self, panel, tmp_path, counted):
        with pytest.raises(DataError, match="does not exist"):
            scanned(panel, tmp_path / "none" / "s")
        (tmp_path / "file").write_text("x")
        with pytest.raises(DataError, match="is a file"):
            scanned(panel, tmp_path / "file")
        with pytest.raises(DataError, match=r"holds file and no scan\.json"):
            scanned(panel, tmp_path)
        assert (tmp_path / "file").read_text() == "x"
        assert [path.name for path in tmp_path.iterdir()] == ["file"]  # not even a lock

    @pytest.mark.parametrize("text", ["{", "[]", '{"options": 3}', '{"format": 9, "options": {}}'])
    def test_a_manifest_that_is_none(self, panel, tmp_path, counted, text):
        scanned(panel, tmp_path / "s", pairs=[("A", "B")])
        (tmp_path / "s" / "scan.json").write_text(text)
        with pytest.raises(DataError, match=r"scan\.json (cannot be read|has format 9)"):
            scanned(panel, tmp_path / "s")

    def test_two_scans_at_once(self, panel, tmp_path, counted, monkeypatch):
        fake = stream.row_of

        def second(job):
            with pytest.raises(DataError, match=r"Another scan has .* open"):
                scanned(panel, tmp_path / "s")
            return fake(job)

        monkeypatch.setattr(stream, "row_of", second)
        scanned(panel, tmp_path / "s", pairs=[("A", "B")])
        monkeypatch.setattr(stream, "row_of", fake)
        scanned(panel, tmp_path / "s")  # the lock is free again

    def test_without_pyarrow(self, panel, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "pyarrow", None)
        monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
        with pytest.raises(DataError, match=r"pip install \"regimecorr\[data\]\""):
            scanned(panel, tmp_path / "s")
        assert not (tmp_path / "s").exists()


def test_the_manifest_tells_what_was_asked(panel, tmp_path, counted):
    scanned(panel, tmp_path / "s", rng=7)
    told = json.loads((tmp_path / "s" / "scan.json").read_text())
    assert told["options"]["rng"] == 7
    assert told["options"]["as_of"] == "2016-06-28"


class TestDeadWorker:
    """A process that is gone in the middle of a pair, as by the killer of memory hogs."""

    def test_takes_its_own_pair_only(self, panel, tmp_path, counted, monkeypatch):
        """What a broken pool of processes raises, without the processes."""
        real, lonely = stream._parallel, []

        def breaking(jobs, n_jobs, backend):
            if lonely:  # the second pool is sound
                yield from real(jobs, n_jobs, backend)
                return
            ahead = [next(jobs) for _ in range(3)]  # sent before the first is ready
            yield from real(iter(ahead[1:2]), n_jobs, backend)
            for job in jobs:
                if job.names == ("B", "C"):
                    raise BrokenProcessPool
                yield from real(iter([job]), n_jobs, backend)

        def alone(job):
            lonely.append(job.names)
            return lost_row(job) if job.names == ("B", "C") else stream.row_of(job)

        monkeypatch.setattr(stream, "_parallel", breaking)
        monkeypatch.setattr(stream, "_alone", alone)
        with pytest.warns(FailedPairsWarning, match="1 of 15 .* 1 of them by unexpected"):
            found = scanned(panel, tmp_path / "s")
        assert found.failed[["asset", "benchmark"]].to_numpy().tolist() == [["B", "C"]]
        assert sorted(lonely) == [("A", "B"), ("A", "D"), ("B", "C")]
        assert len(counted) == len(set(counted)) == 14

    def test_before_any_pair_was_sent(self, panel, monkeypatch):
        monkeypatch.setattr(stream, "_parallel", raising(BrokenProcessPool))
        with pytest.raises(BrokenProcessPool):
            rc.scan(panel, calibration=None)

    @pytest.mark.slow
    def test_in_earnest(self):
        """A process that is gone in the middle of a pair, as by the killer of memory hogs."""
        program = textwrap.dedent(
            """
            import os, sys, warnings
            sys.path.insert(0, {here!r})
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
                found = rc.scan(made_panel(n_assets=4), calibration=None, n_paths=400, n_jobs=2)
                print(len(found.table), *found.failed.to_numpy().ravel(), sep="|")
            """
        ).format(here=str(Path(__file__).parent))
        root = str(Path(rc.__file__).parents[1])
        done = subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"PYTHONPATH": root},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        number, asset, benchmark, reason, unexpected = done.stdout.strip().split("|")
        assert (number, asset, benchmark, unexpected) == ("6", "A", "C", "True")
        assert reason.startswith("The process that worked on the pair died")
