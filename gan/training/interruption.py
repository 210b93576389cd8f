"""Ctrl-C and SIGTERM, taken note of at once and acted on between two iterations."""

import signal
from types import FrameType, TracebackType
from typing import Self


class Interruption:
    """While entered, the first SIGINT or SIGTERM sets `wanted`; a second one stops the process as usual."""

    def __init__(self) -> None:
        self.wanted = False
        self._before: dict[int, signal.Handlers | object] = {}

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        if self.wanted:
            raise KeyboardInterrupt
        self.wanted = True
