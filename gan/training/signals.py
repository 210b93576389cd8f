"""Graceful stop after Ctrl-C or SIGTERM: a flag that the loop reads between two iterations."""

import signal
from types import FrameType, TracebackType
from typing import Self


class GracefulStop:
    """Context in which the first SIGINT or SIGTERM sets `stop_requested`, and a second one stops the process.

    With `ignore_repeats` a second signal changes nothing: processes that were started together receive one from the
    terminal and one from their launcher.
    """

    def __init__(self, *, ignore_repeats: bool = False) -> None:
        self.stop_requested = False
        self.ignore_repeats = ignore_repeats
        self.previous_handlers: dict[int, signal.Handlers | object] = {}

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM):
            self.previous_handlers[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self.previous_handlers.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        if self.stop_requested and not self.ignore_repeats:
            raise KeyboardInterrupt
        self.stop_requested = True
