import getpass
import json
import platform
from importlib.metadata import version

import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")

from hilum.errors import RunError  # noqa: E402
from hilum.training import environment as room  # noqa: E402
from hilum.training.environment import environment, keep_environment  # noqa: E402

pytestmark = pytest.mark.train


def test_what_is_told():
    told = environment()
    assert told["packages"]["torch"] == version("torch")
    assert told["python"] == platform.python_version()
    assert told["processor"]["name"]
    assert 1 <= told["processor"]["cores_allowed"] <= told["processor"]["cores"]
    assert told["processor"]["threads"] == torch.get_num_threads()
    assert told["memory_gb"] > 0.1
    assert len(told["gpus"]) == (torch.cuda.device_count() if torch.cuda.is_available() else 0)


def test_nobody_is_told():
    said = json.dumps(environment())
    values = said.replace("/", " ").replace('"', " ").split()
    assert platform.node() not in values
    assert getpass.getuser() not in values
    assert "/" not in said.replace(environment()["processor"]["name"], "")


CPUINFO = {
    "linux on intel": (
        "model name\t: Xeon\nflags\t\t: fpu amx_tile amx_bf16 avx2\n\nflags\t\t: avx512f\n",
        ("Xeon", {"avx2", "amx_tile", "amx_bf16"}),
    ),
    "linux on arm": ("processor\t: 0\nFeatures\t: fp sve bf16\n", (None, {"sve", "bf16"})),
}


@pytest.mark.parametrize(("text", "expected"), CPUINFO.values(), ids=list(CPUINFO))
def test_processors_are_read(tmp_path, monkeypatch, text, expected):
    listed = tmp_path / "cpuinfo"
    listed.write_text(text)
    monkeypatch.setattr(room, "Path", lambda _: listed)
    name, flags = room._processor()
    assert name == (expected[0] or platform.processor() or platform.machine())
    assert set(flags) & set(room.FLAGS) == expected[1]


def test_a_machine_is_written_once_and_another_beside_it(tmp_path, monkeypatch):
    path = tmp_path / "environment.json"
    first = keep_environment(path)
    assert keep_environment(path) == first == json.loads(path.read_text())
    assert len(first) == 1
    elsewhere = environment() | {"memory_gb": 1.5}
    monkeypatch.setattr(room, "environment", lambda: elsewhere)
    assert keep_environment(path) == [*first, elsewhere]
    assert json.loads(path.read_text()) == [*first, elsewhere]


@pytest.mark.parametrize(("text", "message"), [("{", "is damaged"), ("{}", "holds no list")])
def test_a_damaged_file_is_refused(tmp_path, text, message):
    path = tmp_path / "environment.json"
    path.write_text(text)
    with pytest.raises(RunError, match=message):
        keep_environment(path)
