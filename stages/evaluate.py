"""Judge the trained generator, and its snapshots along the training, against the test split."""

from pathlib import Path

from tqdm import tqdm

from gan.data.prepared import Prepared
from gan.evaluation.evaluate import evaluate
from gan.evaluation.judge import make_judge
from gan.evaluation.obedience import conditional_figures, translation_figures
from gan.evaluation.samples import samples_of
from gan.evaluation.settings import EvaluateSettings
from gan.evaluation.summary import Figures
from gan.evaluation.yardstick import Yardstick
from gan.figures.grids import grid, save_png
from gan.files import read_about, write_json, write_text
from gan.runtime import RuntimeSettings, select_device, set_threads
from stages import run
from stages.jobs import sharers
from stages.params import section

MODELS, REPORTS = Path("models"), Path("reports")
FILES = {"ema": "generator", "raw": "generator_raw"}


def main() -> None:
    settings, runtime = section("evaluate", EvaluateSettings), section("runtime", RuntimeSettings)
    set_threads(runtime.threads, sharers())
    device, prepared = select_device(runtime.device), Prepared.load(Path("data/prepared.safetensors"))
    judge = make_judge(MODELS / "classifier.safetensors", settings.features, device)
    final, count = MODELS / f"{FILES[settings.weights]}.safetensors", settings.count(len(prepared.about["classes"]))
    seeds = range(settings.seed, settings.seed + settings.repeats)
    sets = [samples_of(final, prepared, count, seed, runtime.device)[1] for seed in seeds]
    model, obedience, yardstick = read_about(final)["model"], Figures(), None
    if model["architecture"] == "cyclegan":  # translations are judged as pictures of the target
        target = Prepared.load(Path("data/target/prepared.safetensors"))
        judges = judge, make_judge(MODELS / "extras/target_classifier.safetensors", settings.features, device)
        yardstick = Yardstick(judges[1], target, len(sets[0].images))
        obedience = translation_figures(final, judges, sets, (prepared, target), runtime.device)
    elif model["conditional"]:
        obedience = conditional_figures(judge, sets, prepared, device)
    bar = tqdm(sorted((MODELS / "snapshots").glob("*.safetensors")), "snapshots", disable=None, leave=False)
    snapshots = (samples_of(path, prepared, count, settings.seed, runtime.device) for path in bar)
    result = evaluate(
        yardstick or Yardstick(judge, prepared, count),
        [one.images for one in sets],
        ((epoch, one.images) for epoch, one in snapshots),
        {"weights": settings.weights, "seeds": list(seeds)},
        obedience,
    )
    write_json(REPORTS / "evaluation.json", result.metrics)
    write_json(REPORTS / "evaluation_details.json", result.details)
    write_text(REPORTS / "quality.tsv", result.table())
    save_png(grid(result.pairs, columns=len(result.pairs) // 2, scale=2), REPORTS / "neighbours.png")
    for line in result.verdict:
        print(f"evaluate: {line}")


if __name__ == "__main__":
    run(main)
