"""Train the classifier whose features the evaluation uses, on the training split only."""

from pathlib import Path

import torch

from gan.data.dataset import ImageDataset
from gan.evaluation.classifier import classification_task, num_epochs, predict, save_classifier, train_classifier
from gan.evaluation.config import ClassifierConfig
from gan.io import recreate_dir, write_json, write_text
from gan.runtime import RuntimeConfig, select_device, set_num_threads
from stages._common import load_section, num_concurrent_jobs, run_stage

SOURCE = Path("data/prepared.safetensors")
TARGET = Path("data/target/prepared.safetensors")
OUT = Path("models/classifier.safetensors")
EXTRAS = Path("models/extras")
REPORTS = Path("reports")


def main() -> None:
    config = load_section("classifier", ClassifierConfig)
    runtime = load_section("runtime", RuntimeConfig)
    set_num_threads(runtime.threads, num_concurrent_jobs())
    device = select_device(runtime.device)
    has_target = TARGET.exists()
    accuracy, predictions = train_one(SOURCE, OUT, config, device, cross_domain=has_target)
    rows = [("actual", "predicted"), *predictions]
    write_json(REPORTS / "classifier.json", {"test_accuracy": accuracy})
    write_text(REPORTS / "confusion.tsv", "".join(f"{actual}\t{predicted}\n" for actual, predicted in rows))
    recreate_dir(EXTRAS, "The classifier of data.target, if it is set.")
    if has_target:
        train_one(TARGET, EXTRAS / "target_classifier.safetensors", config, device, cross_domain=True)


def train_one(
    data: Path, out: Path, config: ClassifierConfig, device: torch.device, *, cross_domain: bool
) -> tuple[float, list[tuple[str, str]]]:
    """Train, test and save a classifier; return its accuracy and each test image's actual and predicted class.

    cross_domain: whether it must also recognize images of another dataset.
    """
    dataset = ImageDataset.load(data)
    train, test, class_names, task = classification_task(dataset)
    config = config.resolve(cross_domain=cross_domain and task == "classes")
    classifier = train_classifier(train, len(class_names), config, device)
    predictions = predict(classifier, test.images).logits.argmax(1)
    accuracy = (predictions == test.labels).double().mean().item()
    print(f"classifier: {accuracy:.2%} accuracy on {len(test.labels):,} test images")
    trained_on = "the training split's labels" if task == "classes" else "rotations of the training images"
    metadata = {
        "shape": list(train.images.shape[1:]),
        "classes": list(class_names),
        "task": task,
        "stacked": dataset.metadata["stacked"],
        "dataset": dataset.metadata["dataset"],
        "epochs": num_epochs(config, len(train.images)),
        "augmentation": config.augmentation,
        "accuracy": round(accuracy, 4),
        "name": f"a convolutional network trained on {trained_on} (128 features, {accuracy:.1%} test accuracy)",
    }
    save_classifier(out, classifier, metadata)
    labels = zip(test.labels.tolist(), predictions.tolist(), strict=True)
    return round(accuracy, 4), [(class_names[actual], class_names[predicted]) for actual, predicted in labels]


if __name__ == "__main__":
    run_stage(main)
