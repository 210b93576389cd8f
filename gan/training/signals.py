"""Ctrl-C and SIGTERM, taken note of at once and acted on between two iterations."""

import signal
from types import FrameType, TracebackType
from typing import Self


class GracefulStop:
    """While entered, the first SIGINT or SIGTERM sets `wanted`; a second one stops the process as usual.

    If `patient`, it does not: processes that were started together get a signal from the terminal and one from who
    started them.
    """

    def __init__(self, *, patient: bool = False) -> None:
        self.wanted, self._patient = False, patient
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
        if self.wanted and not self._patient:
            raise KeyboardInterrupt
        self.wanted = True
