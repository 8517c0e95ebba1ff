from __future__ import annotations

import pickle

import pytest

from nas.errors import DeviceError, SpecError
from nas.measure import Device, host, load_device
from nas.measure.devices import check_device


def test_names():
    assert load_device("cpu") == Device(name="cpu")
    assert load_device("cuda", check=False) == Device(name="cuda:0", kind="cuda")
    assert load_device("cuda:1", check=False).index == 1
    assert load_device("cuda:1", check=False).lock_name == "cuda-1"


def test_the_lock_is_that_of_the_gpu_whatever_number_a_process_knows_it_by(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,GPU-5f,MIG-GPU-5f/1/0")
    assert [Device(kind="cuda", index=i).lock_name for i in range(3)] == [
        "cuda-3",
        "cuda-GPU-5f",
        "cuda-MIG-GPU-5f_1_0",
    ]
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert Device(kind="cuda", index=1).lock_name == "cuda-1"


def test_a_file_and_a_mapping_say_the_same(tmp_path):
    path = tmp_path / "box.yaml"
    path.write_text("name: box\nthreads: 1\nbatch: 8\nprecision: bfloat16\nchannels_last: true\ncpus: [0]\n")
    tree = {"name": "box", "batch": 8, "precision": "bfloat16", "channels_last": True, "cpus": [0]}
    assert load_device(path, check=False) == load_device(tree, check=False)
    assert load_device(str(path), check=False).cpus == (0,)


def test_the_key_tells_apart_what_changes_latency_and_nothing_else():
    changes = [{"threads": 2}, {"batch": 2}, {"precision": "float16"}, {"channels_last": True}, {"cpus": (1,)}]
    changes += [{"runtime": "other"}, {"kind": "cuda"}]
    keys = {Device(**change).key for change in changes} | {Device().key}
    assert len(keys) == len(changes) + 1
    assert Device(name="mine").key == Device().key
    assert Device().key == "cpu runtime=eager precision=float32 batch=1 threads=1 cpus=any layout=contiguous"


def test_mistakes_in_a_file_are_told_with_their_place(tmp_path):
    path = tmp_path / "box.yaml"
    path.write_text("name: box\nthread: 2\n")
    with pytest.raises(SpecError, match=r"box.yaml:2:1.*unknown key 'thread'; did you mean 'threads'"):
        load_device(path)
    path.write_text("name: box\nprecision: half\n")
    with pytest.raises(SpecError, match=r"box.yaml:2:12: at precision: must be 'float32', 'bfloat16' or 'float16'"):
        load_device(path)
    with pytest.raises(SpecError, match="greater than or equal to 1"):
        load_device({"threads": 0})


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"threads": 1000}, r"threads must be at most \d+ \(usable cores\), got 1000"),
        ({"cpus": [0, 4000]}, r"cpus must be among \[.*\], but got \[4000\]"),
        ({"cpus": [0, 0]}, "cpus must be different"),
        ({"cpus": [0], "threads": 2}, r"threads must be at most 1 \(usable cores\)"),
        ({"runtime": "eagre"}, "no runtime 'eagre'; did you mean 'eager'"),
    ],
)
def test_what_the_host_does_not_offer_is_an_error_before_work_starts(tree, message):
    with pytest.raises(DeviceError, match=message):
        load_device(tree)
    assert load_device(tree, check=False).name == "cpu"


def test_a_device_of_another_node_is_checked_there():
    device = load_device({"resource": "edge-box", "threads": 1000, "runtime": "of the box"})
    assert (device.name, device.resource) == ("edge-box", "edge-box")
    assert device.at_home == device.model_copy(update={"resource": None})
    assert device.key == device.at_home.key
    with pytest.raises(DeviceError, match="device edge-box must be used on a Ray node that offers edge-box"):
        check_device(device)
    with pytest.raises(DeviceError, match="threads must be at most"):
        check_device(device.at_home)


@pytest.mark.parametrize("resource", ["GPU", "memory", "node:10.0.0.1"])
def test_a_resource_is_one_that_only_some_nodes_have(resource):
    with pytest.raises(SpecError, match=f"must be a resource that nodes are started with.*but got '{resource}'"):
        load_device({"resource": resource})


def test_a_device_of_this_host_is_written_as_before_there_were_resources():
    assert "resource" not in Device().model_dump()
    assert "resource" not in Device().model_dump_json()
    device = Device(resource="edge-box", threads=2)
    assert Device.model_validate(device.model_dump()) == device


def test_unknown_name():
    with pytest.raises(DeviceError, match="must be cpu, cuda, cuda:INDEX or a YAML file, but got 'tpu'"):
        load_device("tpu")


def test_a_containers_share_of_time_bounds_the_threads(monkeypatch, tmp_path):
    (tmp_path / "cpu.max").write_text("150000 100000\n")
    assert host.cpu_quota(tmp_path) == 1.5
    monkeypatch.setattr("nas.measure.devices.cpu_quota", lambda: 1.5)
    monkeypatch.setattr("nas.measure.devices.allowed_cpus", lambda: (0, 1))
    with pytest.raises(DeviceError, match=r"at most 1.5 \(this container's share"):
        check_device(Device(threads=2))


def test_quota_of_the_older_control_groups_and_none_at_all(tmp_path):
    assert host.cpu_quota(tmp_path) is None
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert host.cpu_quota(tmp_path) is None
    older = tmp_path / "older"
    (older / "cpu").mkdir(parents=True)
    (older / "cpu/cpu.cfs_quota_us").write_text("200000")
    (older / "cpu/cpu.cfs_period_us").write_text("100000")
    assert host.cpu_quota(older) == 2.0


def test_cuda_asked_for_and_absent():
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("this host has a GPU")
    with pytest.raises(DeviceError, match=r"CUDA must be available, but .*; measure on cpu, or install it"):
        load_device("cuda")


def test_devices_are_frozen_and_picklable():
    device = Device(threads=2)
    assert pickle.loads(pickle.dumps(device)) == device
    with pytest.raises(ValueError, match="frozen"):
        device.threads = 3
