"""Progress bar of a training."""

import time

from tqdm import tqdm

from gan.training.metrics_log import MetricsLog

REFRESH_SECONDS = 0.5  # reading the losses waits for the device, so it is done on an interval
LOG_SECONDS = 30.0


class ProgressBar:
    """tqdm bar with the epoch's mean losses; without a terminal, one printed line every LOG_SECONDS."""

    def __init__(self, start_step: int, total_steps: int, *, disabled: bool = False) -> None:
        self.start_step = start_step
        self.total_steps = total_steps
        self.disabled = disabled
        self.start_time = time.perf_counter()
        self.refresh_time = self.start_time
        self.log_time = self.start_time
        self.bar = tqdm(total=total_steps, initial=start_step, unit="it", disable=disabled or None, smoothing=0.05)

    def update(self, log: MetricsLog, epochs: int) -> None:
        """Show the state of `log` if an update is due."""
        now = time.perf_counter()
        if self.disabled or now - self.refresh_time < REFRESH_SECONDS:
            return
        self.refresh_time = now
        if self.bar.disable and now - self.log_time < LOG_SECONDS:
            return
        epoch = -(-log.step // log.steps_per_epoch)
        g_loss, d_loss = list(log.epoch_means().values())[:2]
        text = f"epoch {epoch}/{epochs} · G {g_loss:.4f} · D {d_loss:.4f}"
        if self.bar.disable:
            speed = (log.step - self.start_step) / (now - self.start_time)
            print(f"train: {text} · iteration {log.step:,} of {self.total_steps:,} · {speed:.1f} it/s", flush=True)
            self.log_time = now
        self.bar.set_description_str(text, refresh=False)
        self.bar.update(log.step - self.bar.n)

    def close(self, step: int) -> float:
        """Close the bar after iteration `step`; return the seconds since it was opened."""
        self.bar.update(step - self.bar.n)
        self.bar.close()
        return time.perf_counter() - self.start_time
