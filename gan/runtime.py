"""Machine-dependent configuration: device, CPU threads, processes, precision."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from gan.config import Float, StrictConfig, UserError

if TYPE_CHECKING:
    import torch


class RuntimeConfig(StrictConfig):
    """Configuration of the machine. A change reruns no stage: results differ by rounding only.

    Two exceptions are recorded in a saved model's metadata: bfloat16, and several processes. Layers that mix the images
    of a batch (BatchNorm on CPUs, minibatch statistics, StyleGAN's noise and mixing) then see one process's shard only,
    and CycleGAN's image pool is not used.
    """

    device: Literal["auto", "cpu", "cuda", "mps"] = Field(
        "auto", description="where to compute; auto: a GPU if there is one"
    )
    threads: Literal["auto"] | Annotated[int, Field(ge=1)] = Field(
        "auto", description="CPU threads; auto: one per core"
    )
    processes: int = Field(
        1, ge=1, le=4096, description="processes on this machine that split each batch, for example one per GPU"
    )
    precision: Literal["float32", "bfloat16"] = Field(
        "float32", description="bfloat16: mixed precision, where the hardware supports it; changes the results"
    )
    checkpoint_seconds: Float = Field(60, gt=0, description="seconds between two checkpoints of the training")


def select_device(name: str = "auto") -> "torch.device":
    """Return the device of that name; `auto`: CUDA if available, else Apple's GPU (mps), else the CPU.

    Raises UserError if PyTorch does not have the device on this machine.
    """
    import torch

    is_available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    available = [device for device in is_available if is_available[device]]
    if name == "auto":
        name = available[0]
    if name not in available:
        raise UserError(f"device {name} is not available to PyTorch here; choose from: auto, {', '.join(available)}")
    return torch.device(name)


def set_num_threads(threads: int | Literal["auto"], num_jobs: int = 1) -> None:
    """Set the number of CPU threads; `auto`: one per core, divided by the number of jobs that run at the same time."""
    import torch

    if threads != "auto":
        torch.set_num_threads(threads)
    elif num_jobs > 1:
        torch.set_num_threads(max(1, torch.get_num_threads() // num_jobs))
