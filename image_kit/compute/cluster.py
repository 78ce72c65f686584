"""Which machines train together. TensorFlow's own environment variable TF_CONFIG says so. It is checked here."""

import contextlib
import json
import os
import socket
import time
from dataclasses import dataclass

from image_kit.errors import UserError

VARIABLE = "TF_CONFIG"
EXAMPLE = '{"cluster": {"worker": ["10.0.0.1:2222", "10.0.0.2:2222"]}, "task": {"type": "worker", "index": 0}}'
# Long enough to start the machines one after another by hand.
GATHERING_SECONDS = 300
ATTEMPT_SECONDS = 1  # between two attempts to reach a machine
JOBS = ("chief", "worker")  # in the order in which TensorFlow counts them


@dataclass(frozen=True)
class Cluster:
    """Two or more machines, and this one's place among them.

    Attributes:
        jobs: the addresses ("host:port") of each job, "chief" (if there is one) before "worker".
        job: the job of this process.
        index: the index of this process in its job.
    """

    jobs: dict[str, tuple[str, ...]]
    job: str
    index: int

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses of all machines, the chief's first."""
        return tuple(address for addresses in self.jobs.values() for address in addresses)

    @property
    def place(self) -> int:
        """This machine's number among `addresses`."""
        return self.addresses.index(self.jobs[self.job][self.index])

    @property
    def is_chief(self) -> bool:
        """Whether this machine writes the run folder and prints messages."""
        return self.place == 0

    def gather(self, seconds: float = GATHERING_SECONDS) -> None:
        """Wait until every machine is there. TensorFlow itself would wait for ever and ignore Ctrl-C.

        Each machine listens on its own address and tries the others. It goes on when it has reached all of them.
        TensorFlow's own server then listens on the same address and answers the machines that are still trying.

        Raises UserError if a machine does not answer in time, or if this machine's port is taken.
        """
        host, _, port = self.addresses[self.place].rpartition(":")
        try:
            listener = socket.create_server(("", int(port)))
        except OSError as error:
            raise UserError(
                f"{VARIABLE}: cannot listen on port {port} of {host} ({error.strerror}); choose another"
            ) from None
        with listener:
            end = time.monotonic() + seconds
            missing = [address for address in self.addresses if address != self.addresses[self.place]]
            while missing := [address for address in missing if not _answers(address)]:
                if time.monotonic() > end:
                    raise UserError(
                        f"{VARIABLE}: {', '.join(missing)} did not answer within {seconds:g} s; start the same command "
                        "there too, and check that the machines can reach each other"
                    )
                time.sleep(ATTEMPT_SECONDS)

    def sentence(self) -> str:
        """What a worker says about itself: one line."""
        return f"Machine {self.place + 1} of {len(self.addresses)}: {self.addresses[0]} prints and writes everything."


def cluster_from_environment() -> Cluster | None:
    """What TF_CONFIG says; None if it is not set or names no other machine.

    Raises UserError if TensorFlow would not understand it, or would wait for ever.
    """
    text = os.environ.get(VARIABLE, "").strip()
    return parse(text) if text else None


def parse(text: str) -> Cluster | None:
    """The cluster in the text of a TF_CONFIG, see `cluster_from_environment`."""
    try:
        config = json.loads(text)
    except ValueError as error:
        raise _error(f"must be JSON ({error})", text) from None
    if config == {}:
        return None
    if not (isinstance(config, dict) and isinstance(config.get("cluster"), dict)):
        raise _error('must have a "cluster": the addresses of each job', text)
    jobs = _jobs(config["cluster"], text)
    task = config.get("task")
    if not isinstance(task, dict) or task.get("type") not in list(jobs):  # a JSON value may have no hash
        raise _error(f'must have a "task" whose "type" is one of the cluster\'s jobs ({", ".join(jobs)})', text)
    index, addresses = task.get("index"), jobs[task["type"]]
    if type(index) is not int or not 0 <= index < len(addresses):
        raise _error(f'the "index" of the task must be a number from 0 to {len(addresses) - 1}', text)
    cluster = Cluster(jobs, task["type"], index)
    return cluster if len(cluster.addresses) > 1 else None


def _jobs(given: dict, text: str) -> dict[str, tuple[str, ...]]:
    if not given or set(given) - set(JOBS):
        raise _error(f"the cluster's jobs must be of {' and '.join(JOBS)}", text)
    for addresses in given.values():
        if not (isinstance(addresses, list) and addresses and all(_is_address(address) for address in addresses)):
            raise _error('each job must be a list of addresses "HOST:PORT"', text)
    jobs = {job: tuple(given[job]) for job in JOBS if job in given}
    every = [address for addresses in jobs.values() for address in addresses]
    if len(set(every)) < len(every):
        raise _error("each address may be given once", text)
    if len(jobs.get("chief", ())) > 1:
        raise _error("there may be one chief", text)
    return jobs


def _is_address(address: object) -> bool:
    host, _, port = address.rpartition(":") if isinstance(address, str) else ("", "", "")
    return bool(host) and port.isascii() and port.isdecimal() and len(port) <= 5 and 0 < int(port) < 2**16


def _answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    with contextlib.suppress(OSError), socket.create_connection((host.strip("[]"), int(port)), ATTEMPT_SECONDS):
        return True
    return False


def _error(rule: str, text: str) -> UserError:
    shown = text if len(text) <= 200 else text[:200] + "..."
    return UserError(f"{VARIABLE}: {rule}; received {shown!r}; for instance {EXAMPLE}, or unset it to train alone")
