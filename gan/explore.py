"""Look around in a generator, in the browser of this machine.

    python -m gan.explore models/generator.safetensors [--port 8080]

A grid of a seed's pictures; pick two, and walk from one to the other; save pictures, the walk, or the latents. Needs
NiceGUI: `make explore` installs it. The server answers this machine alone, unless --host says otherwise.
"""

import argparse
import base64
import io
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from gan.config import UserError
from gan.generate import load_generator, make_labels
from gan.images import make_grid, save_gif
from gan.networks import stylegan
from gan.sampling import generate_images, num_classes_of, sample_latents, slerp

COUNT, COLUMNS, STEPS = 36, 9, 25
SIDE = 168  # screen pixels of the large picture, at least


@dataclass
class Explorer:
    """What the page shows, without the page. `picked`: up to two places in the grid, in the order of the clicks."""

    model: Path
    seed: int = 0
    label: str | None = None
    truncation: float = 1.0
    picked: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Raises UserError if the file is not a generator that makes pictures of noise."""
        self._network, self.metadata = load_generator(self.model, 1.0)
        self.classes: list[str] = list(self.metadata["classes"]) if num_classes_of(self.metadata) else []
        self.truncates = isinstance(self._network, stylegan.Generator)
        if self.classes:
            self.label = self.classes[0]

    @property
    def latents(self) -> Tensor:
        """Those of the grid, [36, latent_dim]."""
        return sample_latents(COUNT, self.metadata["model"]["latent_dim"], self.seed)

    def pictures(self) -> NDArray[np.uint8]:
        """The grid, uint8 [36, C, H, W]."""
        return self._draw(self.latents)

    def pick(self, place: int) -> None:
        """Pick a place of the grid, or let it go if it was picked; a third one takes the place of the first."""
        if place in self.picked:
            self.picked.remove(place)
        else:
            self.picked = [*self.picked[-1:], place]

    def way(self) -> Tensor:
        """The latents from the first picked picture to the second, [25, latent_dim]; of one alone, it; of none, the
        first of the grid."""
        latents = self.latents
        if len(self.picked) == 2:
            return slerp(latents[self.picked[0]], latents[self.picked[1]], STEPS)
        return latents[self.picked or [0]]

    def walk(self) -> NDArray[np.uint8]:
        """The pictures on the way, uint8 [25 or 1, C, H, W]."""
        return self._draw(self.way())

    def png(self, pictures: NDArray[np.uint8], columns: int) -> bytes:
        """Pictures as a PNG."""
        return _bytes(make_grid(pictures, columns, scale=4))

    def gif(self) -> bytes:
        """The walk there and back as a GIF."""
        there = self.walk()
        frames = [make_grid(picture[None], 1, gap=0, scale=6) for picture in [*there, *there[-2:0:-1]]]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "walk.gif")
            save_gif(path, frames, 80, 80)
            return path.read_bytes()

    def npz(self) -> bytes:
        """The latents on the way, with seed, class and truncation, for NumPy."""
        out = io.BytesIO()
        np.savez(out, latents=self.way().numpy(), seed=self.seed, label=self.label or "", truncation=self.truncation)
        return out.getvalue()

    def _draw(self, latents: Tensor) -> NDArray[np.uint8]:
        network = self._network
        if isinstance(network, stylegan.Generator):
            network = stylegan.TruncatedGenerator(network, self.truncation)
        return generate_images(network, latents, make_labels(self.metadata, len(latents), self.label))


def as_png(picture: NDArray[np.uint8]) -> str:
    """An address that holds a picture, uint8 [C, H, W], enlarged in whole steps."""
    scale = max(1, -(-SIDE // picture.shape[1]))
    data = base64.b64encode(_bytes(make_grid(picture[None], 1, gap=0, scale=scale))).decode()
    return f"data:image/png;base64,{data}"


def _bytes(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def build_page(explorer: Explorer) -> None:
    """Lay the page out, and connect it with the explorer."""
    from nicegui import ui

    shown: dict[str, Any] = {"walk": explorer.walk()}

    def refresh_walk() -> None:
        shown["walk"] = explorer.walk()
        steps = len(shown["walk"])
        scrubber.props(f"max={max(steps - 1, 1)}")
        scrubber.set_enabled(steps > 1)
        scrubber.set_value(0)
        show_step()
        for i, card in enumerate(cards):
            card.classes(remove="ring-4", add="ring-4" if i in explorer.picked else "")
        words = {
            0: "Pick two pictures.",
            1: "Pick another to walk to.",
            2: "Drag to walk from the first to the second.",
        }
        hint.set_text(words[len(explorer.picked)])

    def refresh_grid() -> None:
        for image, picture in zip(images, explorer.pictures(), strict=True):
            image.set_source(as_png(picture))
        refresh_walk()

    def show_step() -> None:
        large.set_source(as_png(shown["walk"][min(int(scrubber.value), len(shown["walk"]) - 1)]))

    def change(name: str, value: Any) -> None:
        if value is not None:
            setattr(explorer, name, value)
            refresh_grid()

    def pick(place: int) -> None:
        explorer.pick(place)
        refresh_walk()

    _controls(explorer, change)
    with ui.row().classes("gap-8 items-start"):
        images, cards = [], []
        with ui.grid(columns=COLUMNS).classes("gap-2"):
            for i in range(COUNT):
                with (
                    ui.element("button")
                    .props(f'aria-label="picture {i + 1}" data-testid=cell-{i}')
                    .classes("rounded cursor-pointer ring-amber-600") as card
                ):
                    images.append(ui.image().classes("w-16 h-16").style("image-rendering: pixelated"))
                card.on("click", lambda place=i: pick(place))
                cards.append(card)
        with ui.column().classes("gap-3"):
            large = ui.image().props("data-testid=large").classes("w-64 h-64").style("image-rendering: pixelated")
            hint = ui.label().props("data-testid=hint")
            scrubber = ui.slider(min=0, max=STEPS - 1, value=0, on_change=show_step).props("data-testid=scrubber")
            with ui.row():
                ui.button(
                    "PNG", on_click=lambda: ui.download(explorer.png(shown["walk"], len(shown["walk"])), "walk.png")
                )
                ui.button("GIF", on_click=lambda: ui.download(explorer.gif(), "walk.gif"))
                ui.button("latents", on_click=lambda: ui.download(explorer.npz(), "walk.npz"))
                ui.button("grid", on_click=lambda: ui.download(explorer.png(explorer.pictures(), COLUMNS), "grid.png"))
    refresh_grid()


def _controls(explorer: Explorer, change: Callable[[str, Any], None]) -> None:
    """What the grid is drawn with; `change` is told the name and the new value."""
    from nicegui import ui

    ui.label(f"{explorer.metadata['model']['architecture']}: {explorer.model.name}").classes("text-2xl font-semibold")
    with ui.row().classes("items-end gap-6"):
        ui.number("seed", value=0, min=0, max=2**32 - 1, precision=0).props("data-testid=seed").on_value_change(
            lambda event: change("seed", None if event.value is None else int(event.value))
        )
        if explorer.classes:
            ui.select(explorer.classes, value=explorer.label, label="class").props("data-testid=label").on_value_change(
                lambda event: change("label", event.value)
            )
        if explorer.truncates:
            with ui.column().classes("w-48 gap-0"):
                ui.label("truncation")
                ui.slider(min=0, max=1, step=0.05, value=1).props("label data-testid=truncation").on(
                    "change", lambda event: change("truncation", float(event.args)), throttle=0.2
                )


def main(arguments: list[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m gan.explore", description="Look around in a generator.")
    parser.add_argument("model", type=Path, nargs="?", default=Path("models/generator.safetensors"))
    parser.add_argument("--host", default="127.0.0.1", help="who may look: 127.0.0.1, this machine alone; 0.0.0.0, all")
    parser.add_argument("--port", type=int, default=8080)
    args = parser.parse_args(arguments)
    try:
        Explorer(args.model)
    except UserError as error:
        sys.exit(f"explore: {error}")
    try:
        from nicegui import ui
    except ImportError:
        sys.exit("explore: NiceGUI is not installed; `make explore` installs it")
    torch.set_num_threads(min(2, torch.get_num_threads()))

    @ui.page("/", title="Explorer")
    def index() -> None:
        build_page(Explorer(args.model))  # each visitor has one of their own

    print(f"explore: http://{args.host}:{args.port}", flush=True)
    ui.run(host=args.host, port=args.port, reload=False, show=False, show_welcome_message=False)


if __name__ == "__main__":
    main()
