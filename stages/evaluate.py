"""Judge the trained generator, and its snapshots along the training, against the test split."""

from pathlib import Path

import torch
from torch import Tensor

from gan.data.prepared import Prepared, Split
from gan.evaluation.evaluate import evaluate
from gan.evaluation.judge import make_judge
from gan.evaluation.obedience import drawn_labels, obedience_of
from gan.evaluation.settings import EvaluateSettings
from gan.evaluation.yardstick import Yardstick
from gan.figures.grids import grid, save_png
from gan.files import read_about, write_json, write_text
from gan.networks.build import load_network
from gan.runtime import RuntimeSettings, select_device, set_threads
from gan.sampling import class_count, draw, draw_latents
from stages import run
from stages.jobs import sharers
from stages.params import section

MODELS, REPORTS = Path("models"), Path("reports")
FILES = {"ema": "generator", "raw": "generator_raw"}


def main() -> None:
    settings, runtime = section("evaluate", EvaluateSettings), section("runtime", RuntimeSettings)
    set_threads(runtime.threads, sharers())
    prepared = Prepared.load(Path("data/prepared.safetensors"))
    judge = make_judge(MODELS / "classifier.safetensors", settings.features, select_device(runtime.device))
    count = settings.count(len(prepared.about["classes"]))

    def samples(path: Path, seed: int) -> tuple[int, Tensor]:
        network, about = load_network(path, "generator")
        latents = draw_latents(count, about["model"]["latent_dim"], seed)
        labels = drawn_labels(prepared.train.labels, count, seed) if class_count(about) else None
        return about.get("epoch", 0), torch.from_numpy(draw(network, latents, labels, device=runtime.device))

    seeds = range(settings.seed, settings.seed + settings.repeats)
    final = MODELS / f"{FILES[settings.weights]}.safetensors"
    snapshots = (samples(path, settings.seed) for path in sorted((MODELS / "snapshots").glob("*.safetensors")))
    sets = [samples(final, seed)[1] for seed in seeds]
    obedience = {}
    if class_count(read_about(final)):
        labels = [drawn_labels(prepared.train.labels, count, seed) for seed in seeds]
        obedience = obedience_of(judge, [Split(*pair) for pair in zip(sets, labels, strict=True)], prepared)
    about = {"weights": settings.weights, "seeds": list(seeds)}
    result = evaluate(Yardstick(judge, prepared, count), sets, snapshots, about, obedience)
    write_json(REPORTS / "evaluation.json", result.metrics)
    write_json(REPORTS / "evaluation_details.json", result.details)
    write_text(REPORTS / "quality.tsv", result.table())
    save_png(grid(result.pairs, columns=len(result.pairs) // 2, scale=2), REPORTS / "neighbours.png")
    for line in result.verdict:
        print(f"evaluate: {line}")


if __name__ == "__main__":
    run(main)
