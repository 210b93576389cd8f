"""A player of a game: a network, its gradients and its optimizer."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from gan.networks.factory import answer
from gan.networks.layers import is_batch_dependent
from gan.training.adam import Adam, Gradients
from gan.training.chain import Chain, Tape
from gan.training.distributed import SINGLE_PROCESS, DistributedContext
from gan.training.flat import Flat
from gan.training.halves import Halves
from gan.training.losses import Slopes
from gan.training.pair import Pair, share_network
from gan.training.penalties import zero_centered_penalty

Back = Callable[[Tensor], Tensor | None]  # a way back: see Player.forward
Reply = Callable[[Slopes], Tensor | None]
TINY = 1e-20


class Player:
    """A network that is trained: a pass forward, and a pass back that moves it.

    A perceptron on the CPU takes the written-out passes of Chain, or of Halves while the pair that it may have is
    active; other networks, and autocast, those of autograd.
    """

    def __init__(
        self,
        network: nn.Module,
        lr: float,
        betas: tuple[float, float],
        *,
        team: DistributedContext = SINGLE_PROCESS,
        bfloat16: bool = False,
        pair: Pair | None = None,
        rows: int = 0,
    ) -> None:
        """With `bfloat16`, matrix products and convolutions are made in that type (autocast); weights stay float32.

        pair: of processes, for a network that Halves.fits, and batches of up to so many rows.
        """
        self.network, self._team, self._bfloat16 = network, team, bfloat16
        if pair is not None:
            share_network(network)
        self.parameters = list(network.parameters())
        self.optimizer = Adam(self.parameters, lr, betas)
        self._chain = Chain(network) if Chain.fits(network) and not bfloat16 else None
        self._tape = Tape([], [])  # of the last pass through the chain
        self._halves: Halves | None = None
        if pair is not None:
            assert Halves.fits(network)
            self._halves = Halves(network, self.optimizer, pair, rows)
        self._extra: list[Tensor | None] | None = None  # gradients to be added to those of the next move
        self._gathered = Flat(self.parameters) if team.size > 1 else None

    def answer(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """What the network makes of a batch, by autograd."""
        with self.mixed(x.device):
            out = answer(self.network, x, labels)
        return out.float() if self._bfloat16 else out

    def mixed(self, device: torch.device) -> torch.autocast:
        """The context in which the network computes, in bfloat16 if that is wanted."""
        return torch.autocast(device.type, torch.bfloat16, enabled=self._bfloat16)

    def forward(
        self, x: Tensor, labels: Tensor | None = None, *, before: Tensor | None = None, wanted: bool = False
    ) -> tuple[Tensor, Back]:
        """The network's output for the batch [before; x], with the labels of all of it, and the way back.

        The way back takes the gradient of the output, once, and makes the optimizer's step by the gradients of the
        parameters, summed over the team; if `wanted` it returns the gradient of x, else None.
        """
        skip = 0 if before is None else len(before)
        if self._halves is not None and self._halves.active:
            halves = self._halves
            return halves.forward(x, before), lambda g: halves.back(g, skip, wanted)
        if self._chain is not None and labels is None:
            chain = self._chain
            output, tape = chain.run(x if before is None else torch.cat([before, x]))
            self._tape = tape

            def through_chain(g: Tensor) -> Tensor | None:
                self.optimizer.begin()
                below = chain.run_back(tape, g, skip, wanted, self._take)
                self._finish()
                return below

            return output, through_chain
        x = x.detach().requires_grad_(wanted)
        out = self.answer(x if before is None else torch.cat([before, x]), labels)

        def through_graph(g: Tensor) -> Tensor | None:
            found = torch.autograd.grad(out, [*self.parameters, *([x] if wanted else [])], g)
            self.move(found[: len(self.parameters)])
            return found[-1] if wanted else None

        return out.detach(), through_graph

    def add(self, gradients: Sequence[Tensor | None], weight: float) -> None:
        """Have the next move add gradients of all parameters, `weight` times; None stands for zero. Not for halves,
        which make their own."""
        assert self._halves is None or not self._halves.active
        scaled = [None if gradient is None else gradient * weight for gradient in gradients]
        if self._extra is None:
            self._extra = scaled
            return
        pairs = zip(self._extra, scaled, strict=True)  # not in place: autograd may give two parameters the same tensor
        self._extra = [one if other is None else other if one is None else one + other for one, other in pairs]

    def move(self, gradients: Gradients) -> None:
        """Make the optimizer's step by gradients of all parameters, summed over the team."""
        self.optimizer.begin()
        # The optimizer goes through numbers as they lie in memory: a gradient must lie as its parameter does.
        self._take(0, [gradient.contiguous() for gradient in gradients])
        self._finish()

    def _take(self, start: int, gradients: Gradients) -> None:
        if self._extra is not None:
            pairs = zip(gradients, self._extra[start:], strict=False)
            gradients = [one if other is None else one + other for one, other in pairs]
        # Alone, a parameter moves as soon as it can, while its gradient is in the cores' caches.
        if self._gathered is None:
            self.optimizer.move(start, gradients)
        else:
            self._gathered.put(start, gradients)

    def _finish(self) -> None:
        self._extra = None
        if self._gathered is not None:
            self._team.add(self._gathered.values)
            self.optimizer.move(0, self._gathered.views)

    def state_dict(self) -> dict[str, Any]:
        """The network's and the optimizer's."""
        return {"network": self.network.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from such a state."""
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])


class Critic(Player):
    """The discriminator: what it says of real pictures and fakes serves its own move and the generator's."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        """As a Player's."""
        super().__init__(*arguments, **more)
        self._apart = is_batch_dependent(self.network)
        self._flat = self._chain is not None and self._chain.piecewise_linear

    def judge(self, real: Tensor, fakes: Tensor, labels: Tensor | None, wanted: bool) -> tuple[Tensor, Reply]:
        """Logits of real pictures and of as many fakes, both with these labels, [2, B, 1], and the way back.

        The way back takes both losses' slopes and makes the optimizer's step; if `wanted` it returns the gradient of
        the generator's loss by the fakes, as the discriminator was before its step.
        """
        if self._apart:
            return self._judge_apart(real, fakes, labels, wanted)
        both = None if labels is None else labels.repeat(2)
        logits, back = self.forward(fakes, both, before=real, wanted=wanted)
        count = len(logits) // 2  # a pack of pictures has one logit
        together = len(fakes) // count

        def reply(slopes: Slopes) -> Tensor | None:
            # One pass back serves both players. Row i of what reaches the fakes is the derivative of the loss by its
            # logit o_i times a vector that is the same for both losses: the generator's gradient is the
            # discriminator's times (∂L_G/∂o_i) / (∂L_D/∂o_i). Where D is so sure that its derivative (nearly)
            # underflows, a bit more, far below what D's weights can feel, keeps the quotient exact; a sum of zero would
            # take a derivative of exactly minus that bit.
            by_fake = slopes.discriminator_by_fake + TINY
            below = back(torch.cat([slopes.discriminator_by_real, by_fake]))
            if below is None:
                return None
            share = slopes.generator_by_fake / by_fake
            if together > 1:
                share = share.repeat_interleave(together, 0)
            return below.flatten(1).mul_(share).view_as(fakes)

        return logits.unflatten(0, (2, count)), reply

    def zero_centered_penalty(self, pictures: Tensor, labels: Tensor | None, half: int, weight: float) -> Tensor:
        """The penalty of that name on pictures that were judged last, half 0: the real ones, 1: the fakes. The next
        move minimises it, too, `weight` times."""
        rows = slice(half * len(pictures), (half + 1) * len(pictures))
        if self._halves is not None and self._halves.active:
            return self._halves.flatness(rows, weight)
        if self._chain is not None and self._flat and labels is None:
            value, gradients = self._chain.flatness(self._tape, rows)
            self.add(gradients, weight)
            return value
        return self.penalise(zero_centered_penalty(lambda x: self.answer(x, labels), pictures), weight)

    def penalise(self, value: Tensor, weight: float) -> Tensor:
        """Have the next move minimise a penalty made by autograd, too, `weight` times; returns its value."""
        found = torch.autograd.grad(value, self.parameters, materialize_grads=True)
        self.add([gradient.contiguous() for gradient in found], weight)
        return value.detach()

    def _judge_apart(self, real: Tensor, fakes: Tensor, labels: Tensor | None, wanted: bool) -> tuple[Tensor, Reply]:
        """Real pictures and fakes as batches of their own, since a picture's logit depends on the others'."""
        x = fakes.detach().requires_grad_(wanted)
        on_real, on_fake = self.answer(real, labels), self.answer(x, labels)

        def reply(slopes: Slopes) -> Tensor | None:
            below = torch.autograd.grad(on_fake, x, slopes.generator_by_fake, retain_graph=True)[0] if wanted else None
            by_logits = slopes.discriminator_by_real, slopes.discriminator_by_fake
            self.move(torch.autograd.grad((on_real, on_fake), self.parameters, by_logits))
            return below

        return torch.stack([on_real, on_fake]).detach(), reply
