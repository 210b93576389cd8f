"""The line that a person watches while a training runs."""

import time

from tqdm import tqdm

from gan.training.metrics_log import MetricsLog

REFRESH_SECONDS = 0.5  # reading the losses waits for the device, so it is done on an interval
LOG_SECONDS = 30.0


class ProgressBar:
    """A tqdm bar with the running means of the epoch; where there is no terminal, a line now and then."""

    def __init__(self, first: int, last: int, *, quiet: bool = False) -> None:
        self._first, self._last, self._quiet = first, last, quiet
        self._started = self._shown = self._printed = time.perf_counter()
        self._bar = tqdm(total=last, initial=first, unit="it", disable=quiet or None, smoothing=0.05)

    def show(self, history: MetricsLog, epochs: int) -> None:
        """Bring the line up to date, if it is time to."""
        now = time.perf_counter()
        if self._quiet or now - self._shown < REFRESH_SECONDS:
            return
        self._shown, step = now, history.step
        if self._bar.disable and now - self._printed < LOG_SECONDS:
            return
        epoch = -(-step // history.per_epoch)
        generator, discriminator = list(history.epoch_means().values())[:2]
        text = f"epoch {epoch}/{epochs} · G {generator:.4f} · D {discriminator:.4f}"
        if self._bar.disable:
            rate = (step - self._first) / (now - self._started)
            print(f"train: {text} · iteration {step:,} of {self._last:,} · {rate:.1f} it/s", flush=True)
            self._printed = now
        self._bar.set_description_str(text, refresh=False)
        self._bar.update(step - self._bar.n)

    def close(self, step: int) -> float:
        """End the line after iteration `step`; returns the seconds since the start."""
        self._bar.update(step - self._bar.n)
        self._bar.close()
        return time.perf_counter() - self._started
