"""Training of one model in several processes, on one or several machines."""

import io
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NoReturn

import torch
import torch.distributed as dist
from torch import Tensor
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from gan.config import UserError


@dataclass(frozen=True)
class DistributedContext:
    """The rank of this process among `world_size` processes, each of which trains on its shard of every batch."""

    rank: int = 0
    world_size: int = 1

    @staticmethod
    def is_launched() -> bool:
        """Whether torchrun has started this process."""
        return dist.is_available() and dist.is_torchelastic_launched()

    @classmethod
    def init(cls, device: torch.device) -> "DistributedContext":
        """Join the processes that torchrun has started; without torchrun, return a context of one process.

        Raises UserError if the device cannot be used by several processes.
        """
        if not cls.is_launched():
            return cls()
        local_rank = int(os.environ["LOCAL_RANK"])
        if device.type == "mps":
            raise UserError("runtime.device: mps cannot be used by several processes; use cpu, or runtime.processes: 1")
        if device.type == "cuda":
            num_gpus = torch.cuda.device_count()
            if local_rank >= num_gpus:
                raise UserError(f"runtime.processes: this machine has {num_gpus} GPUs; set it to {num_gpus} or less")
            torch.cuda.set_device(local_rank)
        # The main process may wait a long time for another process that trains the same run. A process that ends is
        # detected without this timeout.
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=timedelta(days=1))
        return cls(dist.get_rank(), dist.get_world_size())

    @property
    def is_main_process(self) -> bool:
        """Whether this process writes files and prints."""
        return self.rank == 0

    @property
    def stop_check_interval(self) -> int:
        """Iterations between two calls of `any_rank`, each of which costs a message to all processes."""
        return 1 if self.world_size == 1 else 10

    def shard(self, batch: Tensor) -> Tensor:
        """Return this rank's shard of a tensor [N, ...] that all ranks hold."""
        return batch if self.world_size == 1 else batch.tensor_split(self.world_size)[self.rank]

    def all_reduce(self, tensor: Tensor) -> Tensor:
        """Replace `tensor` by its sum over the ranks, and return it."""
        if self.world_size > 1:
            dist.all_reduce(tensor)
        return tensor

    def all_reduce_grads(self, parameters: Iterable[Tensor]) -> None:
        """Replace the gradients of `parameters` by their sums over the ranks, in one message."""
        if self.world_size > 1:
            gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
            vector_to_parameters(self.all_reduce(parameters_to_vector(gradients)), gradients)

    def any_rank(self, flag: bool) -> bool:
        """Whether `flag` is true on any rank. All ranks must call this."""
        if self.world_size == 1:
            return flag
        device = "cuda" if dist.get_backend() == "nccl" else "cpu"
        return bool(self.all_reduce(torch.tensor(int(flag), device=device)))

    def broadcast_object(self, value: Any) -> Any:
        """Return the main process's value (CPU tensors and plain data) on all ranks."""
        if self.world_size == 1:
            return value
        buffer = io.BytesIO()  # torch.save writes the common storage of several tensors once; pickle repeats it
        torch.save(value, buffer)
        payload = [buffer.getvalue()]
        dist.broadcast_object_list(payload)
        return torch.load(io.BytesIO(payload[0]), map_location="cpu", weights_only=True)

    def shutdown(self) -> None:
        """Leave the process group."""
        if dist.is_available() and dist.is_initialized():
            dist.destroy_process_group()


SINGLE_PROCESS = DistributedContext()


def launch(module: str, num_processes: int) -> NoReturn:
    """Run `python -m module` in several processes of this machine, as `torchrun --standalone` does, and exit.

    Raises UserError if one of them fails (it has printed why), KeyboardInterrupt if a signal stopped them.
    """
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=num_processes,
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
        raise UserError(f"process {rank} of {num_processes} ended with status {failure.exitcode}; see above") from None
    sys.exit()  # the main process has printed its results
