"""Two processes on two cores that make a training's steps together: what one calls, both do, each for its own half.

OpenMP, by which PyTorch shares out an operation, divides each one anew: what a core has written another one reads, and
where the host gives the cores no common cache, waiting for that is a third of the time. A process that has one half of
all weights for good reads nothing of the other half but activations.
"""

import ctypes
import mmap
import os
import signal
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from math import prod
from typing import NoReturn, TypeVar

import torch
from torch import Tensor, nn

from gan.config import UserError

T = TypeVar("T")
PAGE, LINE = 4096, 64  # bytes of memory and of a cache
SPINS = 2000  # looks at the other one's count, of 50 ns each; what both do between two meetings takes about that long
TURNS = 4000  # looks after which a process naps, as the other one has something else to do, such as a frame to draw
NAP, GROWTH, NAPS = 5e-5, 1.05, 75  # seconds; a nap is longer than the one before, up to 2 ms after some 40 ms
PR_SET_PDEATHSIG = 1  # prctl(2)


class Pair:
    """This process, of rank 0, and while it is `active` a copy of it, of rank 1."""

    def __init__(self) -> None:
        self.rank, self.active = 0, False
        self._functions: list[Callable[..., object]] = []
        self._counts = memoryview(mmap.mmap(-1, PAGE)).cast("q")  # how often each one has come to `meet`
        # Which function, how many numbers, and these. Two in turn: the other may not have read the one before.
        self._messages = [memoryview(mmap.mmap(-1, PAGE)).cast("d") for _ in range(2)]
        self._met = self._called = self._first = self._other = 0
        self._cores: list[int] = []
        self.settle = self.both(lambda: None)  # returns when the other one is done with all calls before

    @staticmethod
    def possible() -> bool:
        """Whether there is to be a pair: for two threads and at least as many cores, on Linux on x86-64.

        Such a processor shows others what one core has written in the order of writing: `meet` relies on that.
        """
        return (
            hasattr(os, "fork")
            and os.uname()[::4] == ("Linux", "x86_64")
            and torch.get_num_threads() == 2 <= len(os.sched_getaffinity(0))
        )

    def both(self, function: Callable[..., T]) -> Callable[..., T]:
        """`function` of up to 500 numbers, such that whoever calls it in the first process calls it in both.

        Like `meet`, the call raises UserError if the other process is gone.
        """
        assert not self.active  # the other one would not know of it
        number = len(self._functions)
        self._functions.append(function)

        def call(*numbers: float) -> T:
            message = self._messages[self._called & 1]
            message[0], message[1] = number, len(numbers)
            for i, value in enumerate(numbers, 2):
                message[i] = value
            self._called += 1
            self.meet()
            return function(*numbers)

        return call

    def meet(self) -> None:
        """Wait until the other one is here, too; then each can read what the other wrote before."""
        met = self._met = self._met + 1
        counts, other, looks = self._counts, (1 - self.rank) * LINE // 8, 0
        counts[self.rank * LINE // 8] = met
        while counts[other] < met:
            looks += 1
            if looks > SPINS:
                self._linger(looks)

    @contextmanager
    def working(self) -> Iterator[None]:
        """Be active; meanwhile, this process has one thread."""
        if self.active:
            raise RuntimeError("this pair is at work already")
        threads = torch.get_num_threads()
        self._cores = sorted(os.sched_getaffinity(0))
        try:
            torch.set_num_threads(1)  # before there is a copy: it must not touch the threads that it does not have
            self._start()
            self._stay()
            yield
            self.settle()
        finally:
            self._end()
            os.sched_setaffinity(0, self._cores)
            torch.set_num_threads(threads)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """For what this process does by itself between two calls, if that takes long: with two threads if the pair is
        active, as the other one soon leaves its core."""
        if not self.active:
            yield
            return
        threads, cores = torch.get_num_threads(), os.sched_getaffinity(0)
        os.sched_setaffinity(0, self._cores)  # or the second thread, if it is a new one, would stay on this core, too
        torch.set_num_threads(2)
        try:
            yield
        finally:
            torch.set_num_threads(threads)
            os.sched_setaffinity(0, cores)

    def _start(self) -> None:
        self._met = self._called = self._counts[0] = self._counts[LINE // 8] = 0
        self._first = os.getpid()
        # A signal to stop is the first one's business, which may want to finish a step. The other one, which dies with
        # it, gets none, not even before it knows what it is.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
        try:
            with warnings.catch_warnings():
                # Python 3.12 warns of threads, whose locks a copy would find locked. They are OpenMP's and that of the
                # progress bar, and the copy uses neither.
                warnings.simplefilter("ignore", DeprecationWarning)
                self._other = os.fork()
            if self._other == 0:
                self._serve()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        self.active = True

    def _stay(self) -> None:
        """Where there are but two cores, keep to one: a process that is moved leaves its cache behind."""
        if len(self._cores) == 2:
            os.sched_setaffinity(0, {self._cores[self.rank]})

    def _end(self) -> None:
        self.active = False
        if self._other:
            with suppress(ProcessLookupError, ChildProcessError):  # where SIGCHLD is ignored, nobody need wait for it
                os.kill(self._other, signal.SIGKILL)
                os.waitpid(self._other, 0)
            self._other = 0

    def _serve(self) -> NoReturn:
        """Be the other one, which does as it is told until it is killed."""
        try:
            self.rank = 1
            self._stay()
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            while True:
                self.meet()
                message = self._messages[self._called & 1]
                self._called += 1
                self._functions[int(message[0])](*message[2 : 2 + int(message[1])])
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)

    def _linger(self, looks: int) -> None:
        """Wait in a way that lets others have the core."""
        if looks < TURNS:
            os.sched_yield()
            return
        time.sleep(NAP * GROWTH ** min(looks - TURNS, NAPS))
        if self.rank == 1:
            if os.getppid() != self._first:  # it died before this one asked to be told
                os._exit(1)
        elif (status := self._status()) is not None:
            self._other = 0
            why = "was killed, maybe for want of memory" if os.WIFSIGNALED(status) else "has failed, see above"
            raise UserError(f"the second process {why}; run again, the training goes on from its last checkpoint")

    def _status(self) -> int | None:
        """How the other process ended; None while it lives."""
        try:
            ended, status = os.waitpid(self._other, os.WNOHANG)
        except ChildProcessError:
            return signal.SIGKILL
        return status if ended else None


def shared(*shape: int, dtype: torch.dtype | None = None) -> Tensor:
    """Zeros, as those of torch.zeros, in memory that a process and its copies have in common."""
    count, dtype = prod(shape), dtype or torch.get_default_dtype()
    memory = mmap.mmap(-1, max(PAGE, count * dtype.itemsize))
    return torch.frombuffer(memory, dtype=dtype, count=count).view(shape) if count else torch.zeros(shape, dtype=dtype)


def share(*tensors: Tensor) -> None:
    """Move tensors, in place, to such memory."""
    for tensor in tensors:
        tensor.data = shared(*tensor.shape, dtype=tensor.dtype).copy_(tensor.detach())


def share_network(network: nn.Module) -> None:
    """The same for parameters and buffers."""
    share(*network.parameters(), *network.buffers())
