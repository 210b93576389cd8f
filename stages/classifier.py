"""Train the classifier whose features the generator is judged by: on the training split alone."""

from pathlib import Path
from typing import Any

import torch

from gan.data.dataset import ImageDataset
from gan.evaluation.classifier import num_epochs, predict, save_classifier, train_classifier
from gan.evaluation.config import ClassifierConfig
from gan.evaluation.labels import classification_task
from gan.io import recreate_dir, write_json, write_text
from gan.runtime import RuntimeConfig, select_device, set_num_threads
from stages._common import load_section, num_concurrent_jobs, run_stage

Trained = tuple[dict[str, Any], str]  # facts, and lines of the confusion table
MODELS, REPORTS, DATA = Path("models"), Path("reports"), Path("data")


def main() -> None:
    config, runtime = load_section("classifier", ClassifierConfig), load_section("runtime", RuntimeConfig)
    set_num_threads(runtime.threads, num_concurrent_jobs())
    target = DATA / "target/prepared.safetensors"
    options = config, select_device(runtime.device), target.exists()
    facts, rows = train_one(DATA / "prepared.safetensors", MODELS / "classifier.safetensors", *options)
    write_json(REPORTS / "classifier.json", {"test_accuracy": facts["accuracy"]})
    write_text(REPORTS / "confusion.tsv", "actual\tpredicted\n" + rows)
    recreate_dir(MODELS / "extras", "The classifier of data.target, if there is one.")
    if target.exists():
        train_one(target, MODELS / "extras/target_classifier.safetensors", *options)


def train_one(data: Path, out: Path, given: ClassifierConfig, device: torch.device, translated: bool) -> Trained:
    prepared = ImageDataset.load(data)
    train, test, names, task = classification_task(prepared)
    config = given.settled(other_hands=translated and task == "classes")
    classifier = train_classifier(train, len(names), config, device)
    found = predict(classifier, test.images).logits.argmax(1)
    accuracy = (found == test.labels).double().mean().item()
    what = "the training split's labels" if task == "classes" else "how training pictures were turned"
    facts = {
        "shape": list(train.images.shape[1:]),
        "classes": list(names),
        "task": task,
        **{key: prepared.metadata[key] for key in ("stacked", "dataset")},
        "epochs": num_epochs(config, len(train.images)),
        "distortion": config.distortion,
        "accuracy": round(accuracy, 4),
        "name": f"a convolutional network trained on {what} (128 features; {accuracy:.1%} right on the test split)",
    }
    save_classifier(out, classifier, facts)
    print(f"classifier: {accuracy:.2%} of {len(found):,} test pictures right")
    pairs = torch.stack([test.labels, found], 1).tolist()
    return facts, "".join(f"{names[actual]}\t{names[said]}\n" for actual, said in pairs)


if __name__ == "__main__":
    run_stage(main)
