"""Every section of params.yaml and the class of its settings."""

from gan.data.download import DataSettings
from gan.data.prepare import PrepareSettings
from gan.figures.animation import AnimateSettings
from gan.figures.page import ReportSettings
from gan.figures.samples import SampleSettings
from gan.networks.build import ModelSettings
from gan.runtime import RuntimeSettings
from gan.settings import Settings
from gan.training.settings import TrainSettings

SECTIONS: dict[str, type[Settings]] = {
    "data": DataSettings,
    "prepare": PrepareSettings,
    "model": ModelSettings,
    "train": TrainSettings,
    "sample": SampleSettings,
    "animate": AnimateSettings,
    "report": ReportSettings,
    "runtime": RuntimeSettings,
}
