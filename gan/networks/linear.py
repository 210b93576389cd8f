"""A Linear layer that trains faster on CPUs with AVX-512, beside the plain one that it equals."""

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx
from torch.nn.functional import linear

# With fewer weights, oneDNN takes longer to prepare a product than to compute it.
MIN_WEIGHTS = 4096


class Linear(nn.Linear):
    """nn.Linear whose matrix products are oneDNN's while it is trained where they are faster: [B, I] → [B, O].

    The parameters, their names and first values are nn.Linear's. Results are equal to rounding. MKL, which nn.Linear
    calls, makes no use of AVX-512 on AMD's processors; oneDNN does.
    """

    def forward(self, x: Tensor) -> Tensor:
        if self.training and self.weight.numel() >= MIN_WEIGHTS and onednn_is_faster(x):
            output: Tensor = Product.apply(x, self.weight, self.bias)
            return output
        return linear(x, self.weight, self.bias)


def onednn_is_faster(x: Tensor) -> bool:
    """Whether to multiply `x` by oneDNN. This is a rule, not a measurement, so a machine always rounds alike."""
    return (
        x.dtype == torch.float32
        and x.device.type == "cpu"
        and not torch.is_autocast_enabled("cpu")
        and torch.backends.mkldnn.is_available()
        and torch.backends.cpu.get_cpu_capability() == "AVX512"
    )


class Product(torch.autograd.Function):
    """a bᵀ + bias for a [M, K], b [N, K] and bias [N] or None, by oneDNN: [M, N]. Differentiable any number of times."""

    @staticmethod
    def forward(ctx: FunctionCtx, a: Tensor, b: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(a, b)
        product: Tensor = torch.ops.mkldnn._linear_pointwise.default(a, b, bias, "none", [], "")
        return product

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[no-untyped-def]
        a, b = ctx.saved_tensors
        a_grad = Product.apply(grad, b.t(), None) if _is_needed(ctx, 0) else None
        b_grad = Product.apply(grad.t(), a.t(), None) if _is_needed(ctx, 1) else None
        bias_grad = grad.sum(0) if _is_needed(ctx, 2) else None
        return a_grad, b_grad, bias_grad


def _is_needed(ctx, index: int) -> bool:  # type: ignore[no-untyped-def]
    """Whether the backward pass that is running needs the gradient of input number `index`.

    ctx.needs_input_grad does not tell: it is true for weights even while only the gradient of images is wanted.
    """
    if not ctx.needs_input_grad[index]:
        return False
    try:
        return bool(torch._C._will_engine_execute_node(ctx.next_functions[index][0]))
    except RuntimeError:  # PyTorch does not tell for a leaf that torch.autograd.grad was asked for
        return True
