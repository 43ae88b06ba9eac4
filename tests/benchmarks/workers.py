"""Workers: processes that train one network in one library, each when it is asked to; and others that keep a CPU busy.

As a script it is such a worker: `workers.py PEER NET`, then a number of epochs a line on the standard input. It answers
each with the seconds that they took, and first of all with those of its first epoch, compilation in it.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from workload import chosen

HERE = Path(__file__).resolve().parent
# Some machines pin BLAS to the kernel of an older processor by these; a user's machine would not.
PINS = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")


def environment(**changes: str) -> dict[str, str]:
    """This process's environment as a user's would be, with some changes; on the CPU, to compare like with like."""
    kept = {name: value for name, value in os.environ.items() if name not in PINS}
    return {**kept, "JAX_PLATFORMS": "cpu", "CUDA_VISIBLE_DEVICES": "", **changes}


class Worker:
    """A process of `python` that has made its first epoch, of `first` seconds."""

    def __init__(self, python: str, peer: str, net: str, **changes: str) -> None:
        command = [python, str(HERE / "workers.py"), peer, net]
        self._process = subprocess.Popen(
            command, env=environment(**changes), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.first = self._answer()

    def seconds(self, epochs: int) -> float:
        """How long so many epochs take."""
        assert self._process.stdin is not None
        print(epochs, file=self._process.stdin, flush=True)
        return self._answer()

    def processor_seconds(self, epochs: int) -> float:
        """How much of the processor so many epochs take, on all threads of the process; Linux counts in ns."""
        before = self._scheduled()
        self.seconds(epochs)
        return (self._scheduled() - before) / 1e9

    def _scheduled(self) -> int:
        files = Path(f"/proc/{self._process.pid}/task").glob("*/schedstat")
        return sum(int(file.read_text(encoding="utf-8").split()[0]) for file in files)

    def _answer(self) -> float:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise ChildProcessError(f"{self._process.args} ended with {self._process.wait()}")
        return float(line)

    def peak_memory(self) -> float:
        """The most memory that the process has had, in MB; Linux counts in kB."""
        lines = Path(f"/proc/{self._process.pid}/status").read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) / 1000 for line in lines if line.startswith("VmHWM"))

    def stop(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()


@contextmanager
def busy(count: int) -> Iterator[None]:
    """A block beside so many other processes that compute all the time."""
    command = [sys.executable, "-c", "while True: pass"]
    with ExitStack() as stack:
        for _ in range(count):
            process = stack.enter_context(subprocess.Popen(command))
            stack.callback(process.kill)
        yield


def serve(peer: str, net: str, numbers: Iterable[str]) -> Iterator[float]:
    """The seconds of the first epoch, and of each number of epochs; of "NET*10" those of ten models, one by one."""
    name, _, count = net.partition("*")
    runs = [importlib.import_module(f"peers.{peer}").prepare(chosen(name)) for _ in range(int(count or 1))]
    yield sum(run(1) for run in runs)
    for number in numbers:
        yield sum(run(int(number)) for run in runs)


if __name__ == "__main__":
    for taken in serve(sys.argv[1], sys.argv[2], sys.stdin):
        print(taken, flush=True)
