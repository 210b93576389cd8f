"""Judge the trained generator, and its snapshots along the training, against the test split."""

from pathlib import Path

from tqdm import tqdm

from gan.data.dataset import ImageDataset
from gan.evaluation.conditional_metrics import gan_train_test_scores, translation_metrics
from gan.evaluation.config import EvaluateConfig
from gan.evaluation.evaluate import evaluate
from gan.evaluation.evaluator import Evaluator
from gan.evaluation.feature_extractor import make_feature_extractor
from gan.evaluation.generation import generate_samples
from gan.evaluation.summary import Metrics
from gan.images import make_grid, save_png
from gan.io import read_metadata, write_json, write_text
from gan.runtime import RuntimeConfig, select_device, set_num_threads
from stages._common import load_section, num_concurrent_jobs, run_stage

MODELS, REPORTS = Path("models"), Path("reports")
FILES = {"ema": "generator", "raw": "generator_raw"}


def main() -> None:
    config, runtime = load_section("evaluate", EvaluateConfig), load_section("runtime", RuntimeConfig)
    set_num_threads(runtime.threads, num_concurrent_jobs())
    device, prepared = select_device(runtime.device), ImageDataset.load(Path("data/prepared.safetensors"))
    judge = make_feature_extractor(MODELS / "classifier.safetensors", config.features, device)
    final, count = MODELS / f"{FILES[config.weights]}.safetensors", config.count(len(prepared.metadata["classes"]))
    seeds = range(config.seed, config.seed + config.repeats)
    sets = [generate_samples(final, prepared, count, seed, runtime.device)[1] for seed in seeds]
    model, obedience, yardstick = read_metadata(final)["model"], Metrics(), None
    if model["architecture"] == "cyclegan":  # translations are judged as pictures of the target
        target = ImageDataset.load(Path("data/target/prepared.safetensors"))
        judges = judge, make_feature_extractor(MODELS / "extras/target_classifier.safetensors", config.features, device)
        yardstick = Evaluator(judges[1], target, len(sets[0].images))
        obedience = translation_metrics(final, judges, sets, (prepared, target), runtime.device)
    elif model["conditional"]:
        obedience = gan_train_test_scores(judge, sets, prepared, device)
    bar = tqdm(sorted((MODELS / "snapshots").glob("*.safetensors")), "snapshots", disable=None, leave=False)
    snapshots = (generate_samples(path, prepared, count, config.seed, runtime.device) for path in bar)
    result = evaluate(
        yardstick or Evaluator(judge, prepared, count),
        [one.images for one in sets],
        ((epoch, one.images) for epoch, one in snapshots),
        {"weights": config.weights, "seeds": list(seeds)},
        obedience,
    )
    write_json(REPORTS / "evaluation.json", result.metrics)
    write_json(REPORTS / "evaluation_details.json", result.details)
    write_text(REPORTS / "quality.tsv", result.table())
    save_png(make_grid(result.pairs, columns=len(result.pairs) // 2, scale=2), REPORTS / "neighbours.png")
    for line in result.verdict:
        print(f"evaluate: {line}")


if __name__ == "__main__":
    run_stage(main)
