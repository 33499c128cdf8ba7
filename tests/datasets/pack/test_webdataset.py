import json
import subprocess
import sys
import tarfile
from importlib.util import find_spec

import cv2
import numpy as np
import pytest

from hilum.datasets.pack import Pack, webdataset
from hilum.datasets.pack.webdataset import write_webdataset
from hilum.errors import RunError
from tests.datasets.pack.drawn import SHORT, fill


@pytest.fixture
def pack(drawn, tmp_path):
    fill(tmp_path / "p", drawn[1], drawn[0], SHORT)
    return Pack.open(tmp_path / "p")


def test_pictures_and_labels_lie_side_by_side(pack):
    (shard,) = write_webdataset(pack, workers=2)
    assert shard.relative_to(pack.path).as_posix() == "webdataset/shard-000000.tar"
    with tarfile.open(shard) as tar:
        members = tar.getmembers()
        files = {member.name: tar.extractfile(member).read() for member in members}
    assert list(files) == [f"{row:08d}.{kind}" for row in range(10) for kind in ("png", "json")]
    assert {(m.mtime, m.uid, m.gid, m.uname, m.gname) for m in members} == {(0, 0, 0, "", "")}
    for row in range(10):
        data = np.frombuffer(files[f"{row:08d}.png"], np.uint8)
        assert np.array_equal(cv2.imdecode(data, cv2.IMREAD_UNCHANGED), pack[row])
    one, other = (json.loads(files[f"{row:08d}.json"]) for row in (1, 4))
    assert one["image"] == "a/1.png"
    assert one["patient"] == "p0"
    assert one["labels"] == {"mass": -1}  # nodule is not mentioned
    assert one["columns"] == {"age_years": 21.5, "visit": 1, "ward": "w1"}
    assert [box["finding"] for box in one["boxes"]] == ["mass", "nodule"]
    assert one["boxes"][0]["xywh"] == pytest.approx([0, 0, 80, 64])  # all of 200 × 160 px
    assert one["to_source"] == [list(line) for line in pack.to_source(1).matrix]
    assert other["labels"] == {"mass": 0, "nodule": 1}
    assert other["columns"] == {"age_years": 24.5, "ward": "w0"}
    assert other["boxes"] == []  # somebody looked
    assert "boxes" not in json.loads(files["00000005.json"])  # nobody did


def test_shards_are_filled_and_the_same_every_time(pack):
    first = write_webdataset(pack, workers=3, shard_bytes=30_000)
    assert len(first) > 2
    assert [path.name for path in first] == [f"shard-{n:06d}.tar" for n in range(len(first))]
    assert all(path.stat().st_size <= 30_000 for path in first)
    bytes_of = {path.name: path.read_bytes() for path in first}
    assert {p.name: p.read_bytes() for p in write_webdataset(pack, workers=1, shard_bytes=30_000)} \
        == bytes_of  # fmt: skip
    assert len(write_webdataset(pack, workers=1)) == 1  # none of the earlier ones is left
    assert [path.name for path in pack.path.iterdir() if "webdataset" in path.name] == [
        "webdataset"
    ]


def test_a_full_disk_leaves_the_earlier_shards(pack, monkeypatch):
    (before,) = write_webdataset(pack, workers=1)
    whole = before.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(webdataset.tarfile.TarFile, "addfile", full)
    with pytest.raises(RunError, match=r"No space left on device.*the pack itself is whole"):
        write_webdataset(pack, workers=1)
    assert before.read_bytes() == whole
    assert not list(pack.path.glob(".webdataset*"))


READS = """
import sys
import numpy as np, webdataset
from hilum.datasets.pack import Pack
pack = Pack.open(sys.argv[1])
urls = sorted(path.as_uri() for path in (pack.path / "webdataset").iterdir())
assert len(urls) > 1
samples = webdataset.WebDataset(urls, shardshuffle=False).decode("l8").to_tuple("png", "json")
seen = list(samples)
assert [said["image"] for _, said in seen] == pack.names.tolist()
assert all(np.array_equal(png, pack[row]) for row, (png, _) in enumerate(seen))
"""


def test_the_webdataset_package_reads_them(pack):
    if find_spec("webdataset") is None:
        pytest.skip("needs webdataset: pip install 'hilum[dev]'")
    write_webdataset(pack, workers=2, shard_bytes=30_000)
    # apart, for the package leaves files open, which is an error here
    command = [sys.executable, "-c", READS, str(pack.path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
