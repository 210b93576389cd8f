"""The settings of what is drawn: samples, the film, the report."""

from typing import Literal

from pydantic import Field

from gan.config import StrictConfig


class SampleConfig(StrictConfig):
    """What is drawn with the trained generator."""

    weights: Literal["ema", "raw"] = Field("ema", description="the averaged weights, or those of the last iteration")
    seed: int = Field(0, ge=0, le=2**31 - 1, description="seed of the latents")
    grid_rows: int = Field(10, ge=1, le=100, description="rows of the large grid")
    grid_columns: int = Field(10, ge=1, le=100, description="columns of the large grid")
    interpolations: int = Field(5, ge=1, le=100, description="rows of the interpolation figure")
    interpolation_steps: int = Field(11, ge=2, le=100, description="pictures from one end of a row to the other")


class AnimateConfig(StrictConfig):
    """The film of the training."""

    frame_ms: int = Field(100, ge=20, le=60_000, description="milliseconds a frame")
    hold_ms: int = Field(2000, ge=20, le=600_000, description="milliseconds that the last frame stays")
    scale: int = Field(3, ge=1, le=16, description="screen pixels a picture pixel")
    levels: int = Field(32, ge=2, le=256, description="brightness levels a channel; fewer make a smaller file")
    max_frames: int = Field(120, ge=2, description="most frames kept; longer films are thinned evenly")


class ReportConfig(StrictConfig):
    """The page that shows it all."""

    title: str = Field("A GAN learns to draw", min_length=1, description="heading of the report")
