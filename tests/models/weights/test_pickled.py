"""Files of torch.save: tensors come out, and nothing in them is run."""

from __future__ import annotations

import io
import os
import pickle
import struct
import zipfile
from collections import OrderedDict

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")

from hilum.errors import RecipeError  # noqa: E402
from hilum.models.weights.pickled import (  # noqa: E402
    MAGIC,
    NESTED,
    PROTOCOL,
    _array,
    _Storage,
    _Tensor,
    tensors_in,
)

pytestmark = pytest.mark.train
FORMS = {"archive": True, "before-1.6": False}


def saved(what, form="archive"):
    stream = io.BytesIO()
    torch.save(what, stream, _use_new_zipfile_serialization=FORMS[form])
    return stream.getvalue()


def network():
    torch.manual_seed(0)
    inner = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.BatchNorm2d(4))
    return torch.nn.Sequential(OrderedDict(first=inner, last=torch.nn.Linear(4, 2)))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("whole", [True, False])
def test_a_network_and_its_tensors_are_the_same(form, whole):
    made = network()
    made.names, made.numbers = ["a", "b"], np.arange(3)  # what else a network may hold
    state = made.state_dict()
    found = tensors_in(saved(made if whole else state, form), "net.pt")
    assert found.keys() == state.keys()
    assert all(np.array_equal(found[name], state[name].numpy()) for name in state)
    assert found["first.0.weight"].dtype == np.float32
    assert found["first.1.num_batches_tracked"].dtype == np.int64


@pytest.mark.parametrize("form", FORMS)
def test_parts_and_kinds_of_tensors(form):
    base = torch.arange(24, dtype=torch.float64).reshape(4, 6)
    state = {
        "turned": base.T,
        "part": base[1:3, 2:5],
        "half": base.half(),
        "none": base[:0],
        "one": torch.tensor(3),
        "yes": torch.tensor([True, False]),
    }
    found = tensors_in(saved({"state_dict": state, "epoch": 3}, form), "net.pt")
    for name, tensor in state.items():
        assert np.array_equal(found[name], tensor.numpy()), name
    assert {found[name].dtype for name in ("turned", "half")} == {np.dtype(np.float32)}


class Evil:
    """Calls a function of the interpreter when it is loaded in the ordinary way."""

    def __init__(self, call, *arguments):
        self.does = (call, arguments)

    def __reduce__(self):
        return self.does


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize(
    ("call", "arguments", "name"),
    [
        (os.system, ("touch ran",), "system"),
        (eval, ("open('ran', 'w')",), "eval"),
        (getattr, ("os", "system"), "getattr"),
        (torch.load, ("ran",), "torch.serialization.load"),
        (torch.nn.init.zeros_, (1,), "torch.nn.init.zeros_"),
    ],
)
def test_what_would_run_code_is_refused_and_not_run(
    form, whole, call, arguments, name, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    made = network()
    made.evil = Evil(call, *arguments)
    bad = saved(made if whole else {**made.state_dict(), "evil": made.evil}, form)
    with pytest.raises(RecipeError, match=rf"net.pt is refused: it names \S*{name}"):
        tensors_in(bad, "net.pt")
    assert not list(tmp_path.iterdir())


def archive(pickled: bytes, **storages: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        file.writestr("net/data.pkl", pickled)
        for name, data in storages.items():
            file.writestr(f"net/data/{name}", data)
    return stream.getvalue()


STORAGE = (
    b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x00aX\x03\x00\x00\x00cpuK\x04tQ"
)
REBUILD = b"\x80\x02}X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor_v2\n("


def tensor(offset: bytes, size: bytes, stride: bytes) -> bytes:
    """A pickle of {"w": a tensor of four numbers}."""
    parts = REBUILD, STORAGE, offset, size, stride, b"\x89N", b"tRs."
    return b"".join(parts)


def big(number: int) -> bytes:
    return b"\x8a\x08" + struct.pack("<q", number)


FOUR = np.arange(4, dtype="<f4").tobytes()


def test_a_tensor_by_hand_is_read():
    found = tensors_in(archive(tensor(b"K\x01", b"(K\x03t", b"(K\x01t"), a=FOUR), "net.pt")
    assert found["w"].tolist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    "pickled",
    [
        tensor(b"K\x02", b"(K\x03t", b"(K\x01t"),  # beyond the end
        tensor(b"K\x00", b"(" + big(1 << 39) + b"t", b"(K\x00t"),  # without end
        tensor(b"K\x00", b"(K\x02t", b"(" + big(-1) + b"t"),
        tensor(b"K\x00", b"(K\x02K\x02t", b"(K\x01t"),
        b"\x80\x02}" + b"r\xff\xff\xff\xff.",  # a memo of 2^32 places
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n}X\x01\x00\x00\x00aK\x01sb.",  # fields for it
        b"\x80\x02ctorch.nn.modules.conv\nConv2d\n}X\x01\x00\x00\x00aK\x01sb.",  # for a class
        b"\x80\x02(X\x05\x00\x00\x00otherK\x01tQ.",
        b"\x80\x02}.",
        b"\x80\x02K\x01.",
        b"",
    ],
)
def test_pickles_by_hand_are_refused(pickled):
    with pytest.raises(RecipeError, match=r"net\.pt (is|holds)"):
        tensors_in(archive(pickled, a=FOUR), "net.pt")


REFUSED = r"net\.pt is refused: {}\. .*Nothing was run"


def fields(what: bytes, state: bytes) -> bytes:
    """A pickle of {"w": something that is then given other fields}."""
    return b"\x80\x02}X\x01\x00\x00\x00w" + what + state + b"bs."


@pytest.mark.parametrize("state", [b"](K\x00K\x01e", b"}", b"(NK\x01t", b"]"])
@pytest.mark.parametrize("what", ["tensor", "storage"])
def test_nothing_that_was_checked_is_given_other_fields(what, state):
    made = tensor(b"K\x00", b"(K\x01t", b"(K\x01t").removeprefix(b"\x80\x02}X\x01\x00\x00\x00w")
    pickled = fields(STORAGE if what == "storage" else made.removesuffix(b"s."), state)
    with pytest.raises(RecipeError, match=REFUSED.format("what was made and checked .* fields")):
        tensors_in(archive(pickled, a=FOUR), "net.pt")


@pytest.mark.parametrize(
    ("start", "offset", "size", "stride"),
    [
        (0, 0, (2,), (-1,)),
        (0, -2, (2,), (1,)),
        (-2, 0, (2,), (1,)),
        (0, 0, (-2, -2), (1, 1)),
        (0, 3, (2, 2), (2, -2)),
    ],
)
def test_no_number_from_before_or_beyond_a_storage(start, offset, size, stride):
    stored = np.arange(4, dtype=np.float32)
    with pytest.raises(ValueError, match="begins before"):
        _array(_Tensor(_Storage("a", "<f4", start), offset, size, stride), lambda _: stored)


@pytest.mark.parametrize(
    "deeper",
    [
        b"\x85",  # a tuple of it
        b"(h\x00t" + b"q\x00",
        b"h\x00h\x00\x86q\x00",
        b"\x85NN\x86b",  # kept through an operation that changes nothing
        b"\x85(e",
        b"(X\x06\x00\x00\x00moduleh\x00\x85tQq\x00",
    ],
)
@pytest.mark.parametrize("levels", [NESTED + 2, 200_000])
def test_tuples_without_end_are_refused_before_they_are_hashed(deeper, levels):
    """The interpreter would end here without an exception."""
    pickled = b"\x80\x02})q\x00" + deeper * levels + b"Ns."
    with pytest.raises(RecipeError, match=REFUSED.format("tuples without end")):
        tensors_in(archive(pickled), "net.pt")


def test_tuples_of_a_few_levels_are_read():
    deep: tuple[object, ...] = ()
    for _ in range(NESTED - 2):
        deep = (deep,)
    state = {deep: 1, "w": torch.ones(2)}
    assert tensors_in(saved(state), "net.pt")["w"].tolist() == [1.0, 1.0]


def test_a_packed_byte_order_is_not_unpacked(monkeypatch):
    stream = io.BytesIO(archive(pickle.dumps({}, 2)))
    with zipfile.ZipFile(stream, "a") as file:
        file.writestr("net/byteorder", bytes(1 << 20), zipfile.ZIP_DEFLATED)
    read = []
    monkeypatch.setattr(zipfile.ZipFile, "read", lambda _, member: read.append(member))
    with pytest.raises(RecipeError, match="damaged"):
        tensors_in(stream.getvalue(), "net.pt")
    assert not read


@pytest.mark.parametrize("kind", ["V0", "O", "S0", "<f4,<f4", "float32"])
def test_storages_of_other_kinds_are_refused(kind):
    name = b"X" + struct.pack("<I", len(kind)) + kind.encode()
    storage = STORAGE.replace(b"ctorch\nFloatStorage\n", name)
    body = b"\x80\x02}X\x01\x00\x00\x00w" + storage + b"s."
    old = b"".join(pickle.dumps(one, 2) for one in (MAGIC, PROTOCOL, {}))
    keys = pickle.dumps(["a"], 2) + struct.pack("<q", 4) + FOUR
    for data in (archive(body, a=FOUR), old + body + keys):
        with pytest.raises(RecipeError, match=REFUSED.format("a storage of an unknown kind")):
            tensors_in(data, "net.pt")


def test_modules_without_end():
    body = (
        b"\x80\x02ctorch.nn.modules.container\nSequential\n)\x81q\x00"
        b"}X\x08\x00\x00\x00_modules}X\x01\x00\x00\x00ah\x00ssb."
    )
    with pytest.raises(RecipeError, match="damaged"):
        tensors_in(archive(body), "net.pt")


def test_an_archive_that_is_packed_or_of_another_byte_order():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("net/data.pkl", pickle.dumps({}, 2) + bytes(10_000))
    with pytest.raises(RecipeError, match="damaged"):
        tensors_in(stream.getvalue(), "net.pt")
    sound = pickle.dumps({}, 2)
    old = pickle.dumps(MAGIC, 2) + pickle.dumps(PROTOCOL, 2) + pickle.dumps({"little_endian": 0}, 2)
    with pytest.raises(RecipeError, match="damaged"):
        tensors_in(old + sound + pickle.dumps([], 2), "net.pt")


@pytest.mark.parametrize("form", FORMS)
def test_cut_or_changed_anywhere_is_told_or_harmless(form):
    """Any other exception than the refusal fails the test."""
    whole = saved(network(), form)
    for length in range(0, len(whole), max(1, len(whole) // 60)):
        with pytest.raises(RecipeError, match=r"net\.pt"):
            tensors_in(whole[:length], "net.pt")
    rng = np.random.default_rng(0)
    refused = 0
    for at in rng.integers(0, len(whole), 300):
        changed = bytearray(whole)
        changed[at] ^= int(rng.integers(1, 256))
        try:
            tensors_in(bytes(changed), "net.pt")
        except RecipeError:
            refused += 1
    assert refused > 30


@pytest.mark.parametrize("data", [b"", b"<html>", b"PK\x03\x04", b"\x80\x02.", bytes(99)])
def test_other_files(data):
    with pytest.raises(RecipeError, match=r"no file of torch\.save"):
        tensors_in(data, "net.pt")
