"""Delivery to a folder: whole files under telling names, in spite of full disks and killed servers."""

import json
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from export_places import BOOKS, NOON, Told, a_delivery, all_of, to

from lamplighter.export.delivery import DeliveryFailed
from running_server import eventually
from small_disk import small_disk


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_the_files_get_names_of_agent_day_and_run(tmp_path: Path) -> None:
    delivery, told = a_delivery(tmp_path / "run", BOOKS), Told()
    told.deliver(delivery, to(tmp_path / "out"))
    folder = "prices/2026-11-22/run-7"
    assert files_in(tmp_path / "out") == [
        f"{folder}/records.csv",
        f"{folder}/records.jsonl",
        f"{folder}/records.parquet",
    ]
    for kind, file in delivery.files.items():
        assert (tmp_path / "out" / folder / f"records.{kind}").read_bytes() == file.read_bytes()
    assert told.lines == [f"delivered 2 records to {tmp_path}/out/{folder}/records.parquet"]


def test_name_and_formats_can_be_chosen(tmp_path: Path) -> None:
    section = to(
        f"file://{tmp_path}/with%20space", name="{date}/{time}-{agent}-{attempt}.{format}", formats=["csv"]
    )
    Told().deliver(a_delivery(tmp_path / "run", BOOKS), section)
    assert files_in(tmp_path / "with space") == ["2026-11-22/120000-prices-1.csv"]


def test_the_date_is_that_of_the_due_time_or_else_of_the_end(tmp_path: Path) -> None:
    delivery = a_delivery(tmp_path / "run", BOOKS, finished=NOON.replace(day=23))
    section = to(tmp_path / "out", name="{date}-{run}", formats=["jsonl"])
    Told().deliver(delivery, section)
    Told().deliver(replace(delivery, key="another", run_id=8, scheduled_time=None), section)
    assert files_in(tmp_path / "out") == ["2026-11-22-7", "2026-11-23-8"]


@pytest.mark.parametrize("name", ["../../etc", "a/b", "..", "a\0b\n", "ä" * 200, "\ud800"])
def test_no_name_of_an_agent_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    section = to(tmp_path / "out", name="{agent}/{format}", formats=["jsonl"])
    Told().deliver(a_delivery(tmp_path / "run", BOOKS, agent_name=name), section)
    [path] = files_in(tmp_path / "out")
    assert path.count("/") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "run"]


def test_a_file_of_the_same_name_is_replaced(tmp_path: Path) -> None:
    section = to(tmp_path / "out", name="latest.jsonl", formats=["jsonl"])
    Told().deliver(a_delivery(tmp_path / "1", [{"a": 1}]), section)
    Told().deliver(a_delivery(tmp_path / "2", [{"a": 2}], key="run-8-1"), section)
    assert all_of(tmp_path / "out/latest.jsonl") == [{"a": 2}]


def test_without_records_there_is_an_empty_file_of_lines_and_no_table(tmp_path: Path) -> None:
    Told().deliver(a_delivery(tmp_path / "run", []), to(tmp_path / "out", name="records.{format}"))
    assert files_in(tmp_path / "out") == ["records.jsonl"]
    assert (tmp_path / "out/records.jsonl").read_bytes() == b""


def test_a_folder_that_cannot_be_written_is_named_and_not_tried_again(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    told = Told()
    with pytest.raises(DeliveryFailed, match=r"not delivered to .*/file/out: .*Not a directory"):
        told.deliver(a_delivery(tmp_path / "run", BOOKS), to(tmp_path / "file/out"))
    assert told.waits == []


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from export_places import Told, a_delivery, to
from lamplighter.export.delivery import DeliveryFailed
folder = Path(sys.argv[1])
delivery = a_delivery(folder / "run", [{"n": number} for number in range(20_000)])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
try:
    Told().deliver(delivery, to(folder / "out", formats=["jsonl"], name="latest.jsonl"))
except DeliveryFailed as problem:
    print(problem)
"""


def test_a_disk_that_becomes_full_leaves_nothing_half_written(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/latest.jsonl").write_text("of yesterday")
    done = run_program(FULL_DISK, tmp_path)
    assert "not delivered to" in done
    assert "File too large" in done
    assert files_in(tmp_path / "out") == ["latest.jsonl"]
    assert (tmp_path / "out/latest.jsonl").read_text() == "of yesterday"


def test_a_full_disk_is_told_and_leaves_nothing_half_written(tmp_path: Path) -> None:
    delivery = a_delivery(tmp_path / "run", [{"n": number, "x": "x" * 1000} for number in range(5_000)])
    with small_disk(tmp_path / "out", mib=2):
        with pytest.raises(DeliveryFailed, match="No space left on device"):
            Told().deliver(delivery, to(tmp_path / "out", formats=["jsonl"]))
        assert files_in(tmp_path / "out") == []


def run_program(program: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program, str(folder)],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    return done.stdout


# It stands still with half of the file written: the rest of the records comes out of a pipe.
HALF_WAY = """
import os, sys
from dataclasses import replace
from pathlib import Path
from export_places import BOOKS, Told, a_delivery, to
folder = Path(sys.argv[1])
delivery = a_delivery(folder / "run", BOOKS)
os.mkfifo(folder / "pipe")
slow = replace(delivery, files={"jsonl": delivery.files["jsonl"], "csv": folder / "pipe"})
Told().deliver(slow, to(folder / "out", formats=["csv"], name="records.csv"))
"""


def test_a_server_killed_half_way_leaves_nothing_to_see_and_the_next_try_delivers_once(
    tmp_path: Path,
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", HALF_WAY, str(tmp_path)], env={"PYTHONPATH": ":".join(sys.path)}
    )
    eventually((tmp_path / "pipe").exists)
    with (tmp_path / "pipe").open("wb", buffering=0) as pipe:
        pipe.write(b"x" * 2_000_000)  # more than the copying takes at once
        eventually(lambda: any(path.stat().st_size for path in (tmp_path / "out").glob(".*")))
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert [name for name in files_in(tmp_path / "out") if not name.startswith(".")] == []
    again = a_delivery(tmp_path / "run", BOOKS)
    section = to(tmp_path / "out", formats=["csv"], name="records.csv")
    Told().deliver(again, section)
    assert files_in(tmp_path / "out") == ["records.csv"]
    assert (tmp_path / "out/records.csv").read_bytes() == again.files["csv"].read_bytes()


def test_runs_that_deliver_the_same_name_at_once_do_not_mix(tmp_path: Path) -> None:
    section = to(tmp_path / "out", formats=["jsonl"], name="latest.jsonl")
    deliveries = [
        a_delivery(tmp_path / str(number), [{"n": number}] * 5000, key=f"run-{number}-1")
        for number in range(4)
    ]
    threads = [threading.Thread(target=Told().deliver, args=(one, section)) for one in deliveries]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert files_in(tmp_path / "out") == ["latest.jsonl"]
    found = [json.dumps(record) for record in all_of(tmp_path / "out/latest.jsonl")]
    assert len(found) == 5000
    assert len(set(found)) == 1
