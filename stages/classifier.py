"""Train the classifier whose features the generator is judged by: on the training split alone."""

from pathlib import Path
from typing import Any

import torch

from gan.data.prepared import Prepared
from gan.evaluation.classifier import epochs_of, look, save_classifier, train_classifier
from gan.evaluation.settings import ClassifierSettings
from gan.evaluation.task import task_of
from gan.files import new_folder, write_json, write_text
from gan.runtime import RuntimeSettings, select_device, set_threads
from stages import run
from stages.jobs import sharers
from stages.params import section

Trained = tuple[dict[str, Any], str]  # facts, and lines of the confusion table
MODELS, REPORTS, DATA = Path("models"), Path("reports"), Path("data")


def main() -> None:
    settings, runtime = section("classifier", ClassifierSettings), section("runtime", RuntimeSettings)
    set_threads(runtime.threads, sharers())
    target = DATA / "target/prepared.safetensors"
    options = settings, select_device(runtime.device), target.exists()
    facts, rows = train_one(DATA / "prepared.safetensors", MODELS / "classifier.safetensors", *options)
    write_json(REPORTS / "classifier.json", {"test_accuracy": facts["accuracy"]})
    write_text(REPORTS / "confusion.tsv", "actual\tpredicted\n" + rows)
    new_folder(MODELS / "extras", "The classifier of data.target, if there is one.")
    if target.exists():
        train_one(target, MODELS / "extras/target_classifier.safetensors", *options)


def train_one(data: Path, out: Path, given: ClassifierSettings, device: torch.device, translated: bool) -> Trained:
    prepared = Prepared.load(data)
    train, test, names, task = task_of(prepared)
    settings = given.settled(other_hands=translated and task == "classes")
    classifier = train_classifier(train, len(names), settings, device)
    found = look(classifier, test.images).logits.argmax(1)
    accuracy = (found == test.labels).double().mean().item()
    what = "the training split's labels" if task == "classes" else "how training pictures were turned"
    facts = {
        "shape": list(train.images.shape[1:]),
        "classes": list(names),
        "task": task,
        **{key: prepared.about[key] for key in ("stacked", "dataset")},
        "epochs": epochs_of(settings, len(train.images)),
        "distortion": settings.distortion,
        "accuracy": round(accuracy, 4),
        "name": f"a convolutional network trained on {what} (128 features; {accuracy:.1%} right on the test split)",
    }
    save_classifier(out, classifier, facts)
    print(f"classifier: {accuracy:.2%} of {len(found):,} test pictures right")
    pairs = torch.stack([test.labels, found], 1).tolist()
    return facts, "".join(f"{names[actual]}\t{names[said]}\n" for actual, said in pairs)


if __name__ == "__main__":
    run(main)
