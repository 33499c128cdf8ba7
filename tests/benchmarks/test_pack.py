from benchmarks import pack
from benchmarks.options import Options


def test_every_side_gives_the_same_pixels_and_is_timed(tmp_path, monkeypatch):
    forgot = []
    monkeypatch.setattr(pack, "DRAWN", 5)
    monkeypatch.setattr(pack, "KINDS", 2)
    monkeypatch.setattr(pack, "PX", 64)
    monkeypatch.setattr(pack, "_forgetting", lambda _: (lambda: forgot.append(1), "not at all"))
    section = pack.run(Options(folder=tmp_path, repeat=2, data=tmp_path / "none"))
    assert len(forgot) == 2  # one round from the disk, of two sides
    sides = [row[0] for row in section.tables[0].rows]
    assert sides == [pack.OURS, pack.FITTED, pack.PLAIN, pack.FILES,
                     f"{pack.OURS}, {pack.COLD}", f"{pack.FILES}, {pack.COLD}"]  # fmt: skip
    assert [mark.met for mark in section.marks] != [None, None]
    assert section.notes[0].startswith("Drawn radiographs; packed at")


def test_the_system_is_made_to_forget(tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"1")
    monkeypatch.setattr(pack.os, "access", lambda *_: False)  # not the cache of the whole machine
    forget, how = pack._forgetting(tmp_path)
    forget()
    assert how == "the system is advised to forget the files (`posix_fadvise`)"
