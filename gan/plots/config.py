"""Config of the sample, animate and report stages."""

from typing import Literal

from pydantic import Field

from gan.config import StrictConfig


class SampleConfig(StrictConfig):
    """Sample images of the trained generator."""

    weights: Literal["ema", "raw"] = Field("ema", description="averaged weights, or those of the last iteration")
    seed: int = Field(0, ge=0, le=2**31 - 1, description="seed of the latents")
    grid_rows: int = Field(10, ge=1, le=100, description="rows of the large grid")
    grid_columns: int = Field(10, ge=1, le=100, description="columns of the large grid")
    interpolations: int = Field(5, ge=1, le=100, description="number of interpolations, one per row")
    interpolation_steps: int = Field(11, ge=2, le=100, description="images per interpolation")


class AnimateConfig(StrictConfig):
    """Animation of the training."""

    frame_ms: int = Field(100, ge=20, le=60_000, description="milliseconds per frame")
    hold_ms: int = Field(2000, ge=20, le=600_000, description="milliseconds of the last frame")
    scale: int = Field(3, ge=1, le=16, description="screen pixels per image pixel")
    levels: int = Field(32, ge=2, le=256, description="brightness levels per channel; fewer levels make a smaller file")
    max_frames: int = Field(120, ge=2, description="maximum number of frames, evenly spaced over the training")


class ReportConfig(StrictConfig):
    """HTML report."""

    title: str = Field("A GAN learns to draw", min_length=1, description="heading of the report")
