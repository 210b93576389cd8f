"""The machine's side of a run: device, threads, processes, precision."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from gan.config import Float, StrictConfig, UserError

if TYPE_CHECKING:
    import torch


class RuntimeConfig(StrictConfig):
    """What depends on the machine. No stage reruns when it changes: the results differ in rounding.

    They differ by more than that, and the models' files say so, where `precision` is bfloat16, and where several
    processes train networks in which pictures of a batch have a part in one another: each sees those of its own part
    (BatchNorm on CPUs, minibatch discrimination, StyleGAN's noise, mixing and deviations; CycleGAN has no pool then).
    """

    device: Literal["auto", "cpu", "cuda", "mps"] = Field(
        "auto", description="where to compute; auto: a GPU if there is one"
    )
    threads: Literal["auto"] | Annotated[int, Field(ge=1)] = Field("auto", description="CPU threads; auto: one a core")
    processes: int = Field(
        1, ge=1, le=4096, description="processes of this machine that share each batch, such as one a GPU"
    )
    precision: Literal["float32", "bfloat16"] = Field(
        "float32", description="bfloat16: matrix products in mixed precision, where the hardware has it; results differ"
    )
    checkpoint_seconds: Float = Field(60, gt=0, description="seconds between two checkpoints of the training")


def select_device(name: str = "auto") -> "torch.device":
    """The device of that name; `auto` takes CUDA, else Apple's GPU, else the CPU."""
    import torch

    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        name = next(kind for kind, is_there in there.items() if is_there)
    if not there[name]:
        has = ", ".join(kind for kind, is_there in there.items() if is_there)
        raise UserError(f"device {name} is not available to PyTorch here; this machine has: {has}, or use auto")
    return torch.device(name)


def set_num_threads(threads: int | Literal["auto"], sharers: int = 1) -> None:
    """Use that many CPU threads; `auto`: PyTorch's choice, one for each core, divided by `sharers` of the machine."""
    import torch

    if threads != "auto" or sharers > 1:
        torch.set_num_threads(threads if threads != "auto" else max(1, torch.get_num_threads() // sharers))
