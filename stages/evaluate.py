"""Evaluate the trained generator and its snapshots against the test split."""

from pathlib import Path

from tqdm import tqdm

from gan.data.dataset import ImageDataset
from gan.evaluation.conditional_metrics import gan_train_test_scores, translation_metrics
from gan.evaluation.config import EvaluateConfig
from gan.evaluation.evaluator import Evaluator, evaluate
from gan.evaluation.feature_extractor import make_feature_extractor
from gan.evaluation.generation import generate_samples
from gan.evaluation.summary import Metrics
from gan.images import make_grid, save_png
from gan.io import read_metadata, write_json, write_text
from gan.runtime import RuntimeConfig, select_device, set_num_threads
from stages._common import load_section, num_concurrent_jobs, run_stage

SOURCE = Path("data/prepared.safetensors")
TARGET = Path("data/target/prepared.safetensors")
GENERATORS = {"ema": Path("models/generator.safetensors"), "raw": Path("models/generator_raw.safetensors")}
SNAPSHOTS = Path("models/snapshots")
CLASSIFIER = Path("models/classifier.safetensors")
TARGET_CLASSIFIER = Path("models/extras/target_classifier.safetensors")
REPORTS = Path("reports")


def main() -> None:
    config = load_section("evaluate", EvaluateConfig)
    runtime = load_section("runtime", RuntimeConfig)
    set_num_threads(runtime.threads, num_concurrent_jobs())
    device = select_device(runtime.device)
    dataset = ImageDataset.load(SOURCE)
    extractor = make_feature_extractor(CLASSIFIER, config.features, device)

    generator = GENERATORS[config.weights]
    num_samples = config.num_samples(len(dataset.metadata["classes"]))
    seeds = range(config.seed, config.seed + config.repeats)
    sample_sets = [generate_samples(generator, dataset, num_samples, seed, runtime.device)[1] for seed in seeds]
    model = read_metadata(generator)["model"]
    conditional: Metrics = {}
    if model["architecture"] == "cyclegan":  # the samples are translations, so the target dataset is the reference
        target = ImageDataset.load(TARGET)
        extractors = (extractor, make_feature_extractor(TARGET_CLASSIFIER, config.features, device))
        evaluator = Evaluator(extractors[1], target, len(sample_sets[0].images))
        conditional = translation_metrics(generator, extractors, sample_sets, (dataset, target), runtime.device)
    else:
        evaluator = Evaluator(extractor, dataset, num_samples)
        if model["conditional"]:
            conditional = gan_train_test_scores(extractor, sample_sets, dataset, device)

    paths = tqdm(sorted(SNAPSHOTS.glob("*.safetensors")), "snapshots", disable=None, leave=False)
    snapshots = (generate_samples(path, dataset, num_samples, config.seed, runtime.device) for path in paths)
    evaluation = evaluate(
        evaluator,
        [samples.images for samples in sample_sets],
        ((epoch, samples.images) for epoch, samples in snapshots),
        metadata={"weights": config.weights, "seeds": list(seeds)},
        conditional=conditional,
    )
    write_json(REPORTS / "evaluation.json", evaluation.metrics)
    write_json(REPORTS / "evaluation_details.json", evaluation.details)
    write_text(REPORTS / "quality.tsv", evaluation.snapshot_table())
    pairs = evaluation.nearest_pairs  # samples in the first row of the grid, training images in the second
    save_png(make_grid(pairs, columns=len(pairs) // 2, scale=2), REPORTS / "neighbors.png")
    for line in evaluation.findings:
        print(f"evaluate: {line}")


if __name__ == "__main__":
    run_stage(main)
