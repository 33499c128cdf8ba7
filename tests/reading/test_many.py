import tarfile
import threading
import time

import cv2
import numpy as np
import pytest

from hilum.domain import Reading, Refusal
from hilum.imaging import find_files
from hilum.reading import read_many


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for i in range(12):
        cv2.imwrite(str(tmp_path / f"{i:02d}.png"), rng.integers(0, 255, (64, 64), np.uint8))
    (tmp_path / "05.png").write_bytes(b"not a picture")
    return tmp_path


def name_of(item):
    return item.name if isinstance(item, Refusal) else item.source.name


@pytest.mark.parametrize("workers", [1, 3])
def test_results_come_in_order_whatever_takes_long(make_reader, folder, workers):
    def finish(item):
        time.sleep(0.02 if name_of(item) == "00.png" else 0)
        return name_of(item), type(item)

    found = list(read_many(find_files([folder]), make_reader(), workers=workers, finish=finish))
    assert [name for name, _ in found] == [f"{i:02d}.png" for i in range(12)]
    assert [kind for _, kind in found].count(Reading) == 11
    assert found[5][1] is Refusal


def test_threads_give_what_one_gives(make_reader, folder):
    def finish(item):
        return None if isinstance(item, Refusal) else item.predictions

    files = find_files([folder])
    alone = list(read_many(files, make_reader(), workers=1, finish=finish))
    assert list(read_many(files, make_reader(), workers=4, finish=finish)) == alone


def test_it_does_not_run_ahead_without_bound(make_reader, folder):
    begun, lock = [], threading.Lock()

    def finish(item):
        with lock:
            begun.append(name_of(item))

    results = read_many(find_files([folder] * 1), make_reader(), workers=1, finish=finish)
    next(results)
    time.sleep(0.3)
    assert len(begun) <= 6  # the one given out, and five that wait
    results.close()
    assert len(begun) < 12


def test_an_unexpected_error_ends_the_run_unless_guarded(make_reader, folder):
    def finish(item):
        if name_of(item) == "03.png":
            raise ZeroDivisionError("a bug")
        return name_of(item)

    files = find_files([folder])
    with pytest.raises(ZeroDivisionError, match="a bug"):
        list(read_many(files, make_reader(), workers=2, finish=finish))

    def guard(work, file):
        try:
            return work(file)
        except ZeroDivisionError:
            return f"failed: {file.name}"

    found = list(read_many(files, make_reader(), workers=2, finish=finish, guard=guard))
    assert found[3] == "failed: 03.png"
    assert len(found) == 12


def test_threads_of_opencv_are_as_before(make_reader, folder):
    cv2.setNumThreads(2)
    seen = list(
        read_many(
            find_files([folder]), make_reader(), workers=2, finish=lambda _: cv2.getNumThreads()
        )
    )
    assert set(seen) == {1}
    assert cv2.getNumThreads() == 2


@pytest.mark.parametrize("kind", ["gz", ""])
@pytest.mark.parametrize("workers", [1, 3])
def test_members_of_an_archive_give_what_their_files_give(
    make_reader, folder, tmp_path_factory, workers, kind
):
    path = tmp_path_factory.mktemp("packed") / "all.tar"
    with tarfile.open(path, f"w:{kind}") as file:
        for one in sorted(folder.iterdir()):
            file.add(one, one.name)

    def finish(item):
        time.sleep(0.02 if name_of(item).endswith("00.png") else 0)
        return None if isinstance(item, Refusal) else item.predictions

    whole = list(read_many(find_files([folder]), make_reader(), workers=2, finish=finish))
    files = find_files([path])
    assert whole == list(read_many(files, make_reader(), workers=workers, finish=finish))
    chosen = files.files[2:9:3]  # as when a run is resumed
    some = list(read_many(chosen, make_reader(), workers=workers, finish=finish))
    assert some == whole[2:9:3]


def test_a_compressed_archive_is_unpacked_once_whatever_the_threads(
    make_reader, folder, tmp_path, monkeypatch
):
    from hilum.imaging import tararchive

    with tarfile.open(tmp_path / "all.tgz", "w:gz") as file:
        for one in sorted(folder.glob("*.png")):
            file.add(one, one.name)
    files = find_files([tmp_path / "all.tgz"])
    opened, whole = [], tararchive.Unpacked
    monkeypatch.setattr(tararchive, "Unpacked", lambda *a: opened.append(a) or whole(*a))
    names = list(read_many(files, make_reader(), workers=4, finish=name_of))
    assert names == [file.name for file in files]
    assert len(opened) == 1


def test_an_archive_that_is_cut_between_listing_and_reading(make_reader, folder, tmp_path):
    with tarfile.open(path := tmp_path / "all.tgz", "w:gz") as file:
        for one in sorted(folder.glob("*.png")):
            file.add(one, one.name)
    files = find_files([path])
    path.write_bytes(path.read_bytes()[:9000])
    kinds = list(read_many(files, make_reader(), workers=2, finish=type))
    assert kinds[0] is Reading
    assert kinds[-1] is Refusal
    assert len(kinds) == 12
