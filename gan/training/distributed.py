"""Several processes, on one machine or many, that train one model together."""

import io
import os
import sys
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NoReturn

import torch
import torch.distributed as dist
from torch import Tensor

from gan.config import UserError


@dataclass(frozen=True)
class DistributedContext:
    """A process's place among `size` of them. Each works on its part of every batch; one process is a team, too."""

    rank: int = 0
    size: int = 1

    @staticmethod
    def is_started() -> bool:
        """Whether torchrun has started this process."""
        return dist.is_available() and dist.is_torchelastic_launched()

    @classmethod
    def join(cls, device: torch.device) -> "DistributedContext":
        """The team that torchrun has started this process for, or one of its own. Raises UserError if it cannot."""
        if not cls.is_started():
            return cls()
        place = int(os.environ["LOCAL_RANK"])
        if device.type == "mps":
            raise UserError("runtime.device: mps cannot add up over processes; use cpu, or runtime.processes: 1")
        if device.type == "cuda":
            if place >= torch.cuda.device_count():
                raise UserError(f"runtime.processes: more than this machine's GPUs, {torch.cuda.device_count()}")
            torch.cuda.set_device(place)
        # The first process may wait for another run of the same settings; one that ends is noticed at once.
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=timedelta(days=1))
        return cls(dist.get_rank(), dist.get_world_size())

    @property
    def ask_every(self) -> int:
        """Iterations between two questions of `any`, each of which costs a message to all."""
        return 1 if self.size == 1 else 10

    @property
    def leads(self) -> bool:
        """Whether it is this process that writes and prints."""
        return self.rank == 0

    def part(self, rows: Tensor) -> Tensor:
        """The rows that are this process's."""
        return rows if self.size == 1 else rows.tensor_split(self.size)[self.rank]

    def add(self, tensor: Tensor) -> Tensor:
        """Replace `tensor` by its sum over the processes, and return it."""
        if self.size > 1:
            dist.all_reduce(tensor)
        return tensor

    def any(self, wish: bool) -> bool:
        """Whether any process has this wish. All must ask."""
        if self.size == 1:
            return wish
        backend = "cuda" if dist.get_backend() == "nccl" else "cpu"
        count = torch.tensor(int(wish), device=backend)
        dist.all_reduce(count)
        return bool(count)

    def from_leader(self, value: Any) -> Any:
        """The leader's value, tensors on the CPU and plain data, for all. Only the leader needs to have one."""
        if self.size == 1:
            return value
        file = io.BytesIO()  # torch.save writes what tensors share once, pickle as often as they share it
        torch.save(value, file)
        box = [file.getvalue()]
        dist.broadcast_object_list(box)
        return torch.load(io.BytesIO(box[0]), map_location="cpu", weights_only=True)

    def leave(self) -> None:
        """End working together."""
        if dist.is_available() and dist.is_initialized():
            dist.destroy_process_group()


SINGLE_PROCESS = DistributedContext()


def launch(module: str, processes: int) -> NoReturn:
    """Run `python -m module` in so many processes of this machine, as `torchrun --standalone` does, and exit.

    Raises UserError if one of them fails (it has said why), KeyboardInterrupt if they were asked to stop.
    """
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=processes,
        run_id=str(os.getpid()),
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        max_restarts=0,
        monitor_interval=0.1,
    )
    try:
        elastic_launch(config, sys.executable)("-m", module)
    except (SignalException, KeyboardInterrupt):
        raise KeyboardInterrupt from None
    except ChildFailedError as error:
        rank, failure = error.get_first_failure()
        if failure.exitcode == 130:
            raise KeyboardInterrupt from None
        raise UserError(f"process {rank} of {processes} ended with status {failure.exitcode}; see above") from None
    sys.exit()  # the first of them has said all there is to say
