"""README.md, README.zh-CN.md and docs/ agree with the code."""

import ast
import importlib
import re
from pathlib import Path

import pytest
import yaml

from gan.evaluation.findings import summarize
from gan.evaluation.memorization import Memorization
from gan.evaluation.summary import Summary
from stages.report import CONFIG_SECTIONS
from tests.conftest import ROOT
from tools.parameters import parameter_table
from tools.presets import PRESETS, load_preset

DOCUMENTS = ["README.md", "README.zh-CN.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md")))]
TEXTS = {name: (ROOT / name).read_text(encoding="utf-8") for name in DOCUMENTS}
README = TEXTS["README.md"]
CHINESE = TEXTS["README.zh-CN.md"]

every_document = pytest.mark.parametrize("name", DOCUMENTS)


def code_blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def without_comments(blocks: list[str]) -> list[str]:
    lines = [re.sub(r"(^|\s+)# .*", "", line).rstrip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line]


def commands(text: str) -> list[str]:
    """Shell lines, and text in backticks outside code blocks."""
    return without_comments(code_blocks(text, "sh")) + re.findall(r"`([^`\n]+)`", re.sub(r"(?s)```.*?```", "", text))


def heading_anchors(text: str) -> set[str]:
    """Anchors of the headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"(?s)```.*?```", "", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def first_column(text: str, header: str) -> list[str]:
    """Names in backticks in the first column of the table with this header cell."""
    table = re.split(rf"^\| {re.escape(header)} \|.*\n\|[-|]+\n", text, flags=re.MULTILINE)[1].split("\n\n")[0]
    return [name for row in table.splitlines() for name in re.findall(r"`([^`]+)`", row.split(" | ")[0])]


def test_readme_has_at_most_220_lines() -> None:
    assert len(README.splitlines()) <= 220


def test_chinese_readme_has_the_same_commands_code_images_and_tables() -> None:
    for language in ("sh", "python"):
        english, chinese = (without_comments(code_blocks(text, language)) for text in (README, CHINESE))
        assert english == chinese, language
    english, chinese = (re.findall(r"!\[[^]]*\]\(([^)]+)\)", text) for text in (README, CHINESE))
    assert english == chinese
    for headers in (("Preset", "预设"), ("`data.dataset`", "`data.dataset`"), ("Metric", "指标")):
        english, chinese = (first_column(text, header) for text, header in zip((README, CHINESE), headers, strict=True))
        assert english == chinese, headers


@pytest.mark.parametrize("command", ["make run", "make test", "dvc repro", "dvc params diff"])
def test_readme_has_the_everyday_commands(command: str) -> None:
    assert command in without_comments(code_blocks(README, "sh"))


def test_every_preset_has_a_row() -> None:
    assert first_column(README, "Preset") == list(PRESETS)


def test_preset_rows_name_parameters_of_the_preset() -> None:
    for preset, cell in re.findall(r"^\| `([a-z0-9-]+)` \| (.+?) \|", README, re.MULTILINE):
        if preset not in PRESETS:
            continue
        parameters = load_preset(preset)
        for section, key, value in re.findall(r"`([a-z]+)\.([a-z0-9_]+)=([^`]+)`", cell):
            assert parameters[section][key] == yaml.safe_load(value), (preset, section, key)


def test_readmes_show_the_findings_as_a_run_prints_them() -> None:
    summary = Summary({"classes_covered": 10, "coverage": 0.95}, {}, {"coverage": 1})
    memorization = Memorization(0.86, 0.8, 0.01, 0, 0, [])
    snapshots = [{"epoch": 192, "frechet_ratio": 10.3}, {"epoch": 200, "frechet_ratio": 10.3}]
    findings = summarize(summary, 10.3, memorization, snapshots, 10)
    shown = "".join(f"report: {line}\n" for line in findings)
    assert shown in README
    assert shown in CHINESE


def test_the_graph_has_every_stage() -> None:
    index = TEXTS["docs/README.md"]
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    graph = index.split("```mermaid")[1].split("```")[0]
    assert all(stage in graph for stage in stages)
    assert set(first_column(index, "Stage")) == set(stages)


def test_the_table_of_parameters_is_that_of_the_code() -> None:
    assert parameter_table() in TEXTS["docs/parameters.md"]


def test_the_index_lists_every_page() -> None:
    pages = {Path(name).name for name in DOCUMENTS if name.startswith("docs/")} - {"README.md"}
    assert set(re.findall(r"^\| \[([a-z]+\.md)\]", TEXTS["docs/README.md"], re.MULTILINE)) == pages


@every_document
def test_relative_links_resolve(name: str) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", TEXTS[name]):
        if target.startswith("http"):
            continue
        path, _, anchor = target.partition("#")
        file = (ROOT / name).parent / path if path else ROOT / name
        assert file.is_file(), target
        if anchor:
            assert anchor in heading_anchors(file.read_text(encoding="utf-8")), target


@every_document
def test_named_parameters_exist(name: str) -> None:
    sections = "|".join(CONFIG_SECTIONS)
    for section, key in re.findall(rf"(?:`|-S '?)({sections})\.([a-z0-9_]+)(?=[`= ])", TEXTS[name]):
        assert key in CONFIG_SECTIONS[section].model_fields, f"{section}.{key}"


@every_document
def test_named_presets_exist(name: str) -> None:
    for preset in re.findall(r"tools\.preset ([a-z0-9][a-z0-9-]*)", TEXTS[name]):
        assert preset in PRESETS, preset


@every_document
def test_make_targets_exist(name: str) -> None:
    makefile = (ROOT / "Makefile").read_text()
    for command in commands(TEXTS[name]):
        for target in re.findall(r"^make ([a-z-]+)", command):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


@every_document
def test_modules_and_their_options_exist(name: str) -> None:
    for module, arguments in re.findall(r"python -m ([a-z_.]+)([^`\n#]*)", TEXTS[name]):
        file = ROOT / (module.removesuffix(".").replace(".", "/") + ".py")
        assert file.is_file(), module
        # An option may be added by another module of the folder.
        sources = "".join(path.read_text(encoding="utf-8") for path in {file, *file.parent.glob("*.py")})
        for option in re.findall(r"(?<=\s)(--[a-z-]+|-S)\b", arguments):
            assert f'"{option}"' in sources, f"{module} {option}"
        if module == "benchmarks.quality":
            assert f'"{arguments.split()[0]}"' in sources, f"{module} {arguments}"


@every_document
def test_named_paths_exist(name: str) -> None:
    generated = (ROOT / "dvc.yaml").read_text() + (ROOT / ".gitignore").read_text()
    for path in re.findall(r"`((?:gan|stages|tools|benchmarks|tests|docs|presets)/[^`\s*]*)`", TEXTS[name]):
        assert (ROOT / path).exists(), path
    for path in re.findall(r"`((?:data|models|reports)/[^`\s*]*)`", TEXTS[name]):
        assert (ROOT / path).exists() or path.rstrip("/") in generated, path


@every_document
def test_imports_in_the_code_work(name: str) -> None:
    for block in code_blocks(TEXTS[name], "python"):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("gan"):
                module = importlib.import_module(str(node.module))
                assert all(hasattr(module, alias.name) for alias in node.names), ast.unparse(node)
