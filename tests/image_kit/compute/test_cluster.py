"""TF_CONFIG is understood, or refused in one clear line."""

import contextlib
import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from image_kit.compute import cluster
from image_kit.compute.cluster import Cluster, parse
from image_kit.errors import UserError

TWO = ["10.0.0.1:2222", "10.0.0.2:2222"]


ADDRESSES = 'each job must be a list of addresses "HOST:PORT"'
TASK = 'must have a "task" whose "type" is one of the cluster\'s jobs (worker)'
INDEX = 'the "index" of the task must be a number from 0 to 1'


def config(jobs, **task):
    return json.dumps({"cluster": jobs, "task": task})


def test_workers_alone_are_led_by_the_first():
    first, second = (parse(config({"worker": TWO}, type="worker", index=index)) for index in (0, 1))
    assert first == Cluster({"worker": tuple(TWO)}, "worker", 0)
    assert (first.place, first.is_chief, first.addresses) == (0, True, tuple(TWO))
    assert (second.place, second.is_chief) == (1, False)
    assert second.sentence() == "Machine 2 of 2: 10.0.0.1:2222 prints and writes everything."


def test_a_chief_comes_before_the_workers_wherever_it_is_named():
    jobs = {"worker": TWO, "chief": ["boss:1"]}
    boss = parse(config(jobs, type="chief", index=0))
    assert boss.is_chief
    assert boss.addresses == ("boss:1", *TWO)
    worker = parse(config(jobs, type="worker", index=1))
    assert (worker.place, worker.is_chief) == (2, False)


def test_the_example_of_the_error_message_is_right():
    assert parse(cluster.EXAMPLE) == Cluster({"worker": tuple(TWO)}, "worker", 0)


@pytest.mark.parametrize("text", ["{}", config({"worker": ["localhost:1"]}, type="worker", index=0)])
def test_a_config_without_another_machine_is_none(text):
    assert parse(text) is None


@pytest.mark.parametrize("text", [None, "", "  "])
def test_without_the_variable_there_is_no_cluster(monkeypatch, text):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if text is not None:
        monkeypatch.setenv("TF_CONFIG", text)
    assert cluster.cluster_from_environment() is None


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("{", "must be JSON (Expecting property name"),
        ("[1]", 'must have a "cluster"'),
        ('{"cluster": 3}', 'must have a "cluster"'),
        (config({}, type="worker", index=0), "the cluster's jobs must be of chief and worker"),
        (config({"ps": TWO}, type="ps", index=0), "the cluster's jobs must be of chief and worker"),
        (config({"worker": []}, type="worker", index=0), ADDRESSES),
        (config({"worker": "a:1"}, type="worker", index=0), ADDRESSES),
        (config({"worker": ["a", "b:1"]}, type="worker", index=0), ADDRESSES),
        (
            config({"worker": ["a:0", "b:1"]}, type="worker", index=0),
            'each job must be a list of addresses "HOST:PORT"',
        ),
        (config({"worker": ["a:65536", "b:1"]}, type="worker", index=0), ADDRESSES),
        (config({"worker": ["a:" + "9" * 5000, "b:1"]}, type="worker", index=0), ADDRESSES),
        (config({"worker": ["a:1", 7]}, type="worker", index=0), ADDRESSES),
        (config({"worker": ["a:1", "a:1"]}, type="worker", index=0), "each address may be given once"),
        (config({"chief": TWO}, type="chief", index=0), "there may be one chief"),
        (
            json.dumps({"cluster": {"worker": TWO}}),
            'must have a "task" whose "type" is one of the cluster\'s jobs (wor',
        ),
        (config({"worker": TWO}, type="chief", index=0), TASK),
        (config({"worker": TWO}, type=[], index=0), TASK),
        (config({"worker": TWO}, type="worker", index=2), INDEX),
        (config({"worker": TWO}, type="worker", index="0"), INDEX),
        (config({"worker": TWO}, type="worker", index=True), INDEX),
        (config({"worker": TWO}, type="worker"), INDEX),
    ],
)
def test_what_tensorflow_would_not_understand_is_refused(text, rule):
    with pytest.raises(UserError) as raised:
        parse(text)
    message = str(raised.value)
    assert message.startswith(f"TF_CONFIG: {rule}")
    shown = text if len(text) <= 200 else text[:200] + "..."
    assert f"received {shown!r}; for instance {{" in message
    assert message.endswith("or unset it to train alone")


def free_ports(count):
    """Ports of loopback on which nothing listens now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [each.getsockname()[1] for each in sockets]


def machines(count):
    """A cluster on loopback, as each of its machines sees it."""
    addresses = tuple(f"127.0.0.1:{port}" for port in free_ports(count))
    return [Cluster({"worker": addresses}, "worker", index) for index in range(count)]


def test_machines_wait_for_each_other():
    first, second, third = machines(3)
    with ThreadPoolExecutor(3) as pool:
        waiting = [pool.submit(each.gather, 30) for each in (first, second)]
        time.sleep(1.5)
        assert not any(each.done() for each in waiting)
        third.gather(30)
        # Its port answers again once TensorFlow runs there.
        with socket.create_server(("127.0.0.1", int(third.addresses[2].rpartition(":")[2]))):
            assert [each.result(60) for each in waiting] == [None, None]


def test_a_machine_that_does_not_answer_is_named():
    first, _ = machines(2)
    with pytest.raises(UserError) as raised:
        first.gather(0.5)
    assert str(raised.value) == (
        f"TF_CONFIG: {first.addresses[1]} did not answer within 0.5 s; start the same command there too, "
        "and check that the machines can reach each other"
    )


def test_a_port_that_is_taken_is_an_error():
    first, _ = machines(2)
    port = int(first.addresses[0].rpartition(":")[2])
    with (
        socket.create_server(("", port)),
        pytest.raises(UserError, match=f"TF_CONFIG: cannot listen on port {port} of 127.0.0.1 .*; choose another"),
    ):
        first.gather(0.5)


def test_train_refuses_it_before_anything_else(tmp_path, run_command):
    process = run_command(tmp_path, "train.py", "mnist_dense", TF_CONFIG="{'cluster': 1}")
    assert process.returncode == 2
    assert process.stdout == ""
    (line,) = process.stderr.splitlines()
    assert line.startswith("train.py: error: TF_CONFIG: must be JSON (")
    assert list(tmp_path.iterdir()) == []
