"""A Linear layer that equals nn.Linear up to rounding and trains faster on CPUs with AVX-512."""

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx
from torch.nn.functional import linear

# With fewer weights, oneDNN takes longer to prepare a product than to compute it.
MIN_WEIGHTS = 4096


class Linear(nn.Linear):
    """nn.Linear that computes its matrix products with oneDNN in training, where that is faster: [B, I] → [B, O].

    Parameters, their names and initial values are those of nn.Linear. MKL, which nn.Linear calls, does not use AVX-512
    on AMD's processors; oneDNN does.
    """

    def forward(self, x: Tensor) -> Tensor:
        if self.training and self.weight.numel() >= MIN_WEIGHTS and onednn_is_faster(x):
            output: Tensor = Product.apply(x, self.weight, self.bias)
            return output
        return linear(x, self.weight, self.bias)


def onednn_is_faster(x: Tensor) -> bool:
    """Whether to multiply `x` with oneDNN. A fixed rule: a measurement could change the rounding between runs."""
    return (
        x.ndim == 2
        and len(x) > 0
        and x.dtype == torch.float32
        and x.device.type == "cpu"
        and not torch.is_autocast_enabled("cpu")
        and torch.backends.mkldnn.is_available()
        and torch.backends.cpu.get_cpu_capability() == "AVX512"
    )


class Product(torch.autograd.Function):
    """a bᵀ + bias by oneDNN: a [M, K], b [N, K], bias [N] or None → [M, N]. Differentiable any number of times."""

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
    """Whether the current backward pass needs the gradient of input number `index`.

    ctx.needs_input_grad is not enough: it is true for weights even if only the gradient of the images is requested.
    """
    if not ctx.needs_input_grad[index]:
        return False
    try:
        return bool(torch._C._will_engine_execute_node(ctx.next_functions[index][0]))
    except RuntimeError:  # PyTorch cannot answer for a leaf that was passed to torch.autograd.grad
        return True
