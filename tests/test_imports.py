"""The house stands as drawn: imports run one way, examples in the code run, and what the docs tell to type works."""

import ast
import doctest
import importlib
import re
import shlex
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import typer

from serving.settings import ServiceSettings
from tests.support import ROOT
from veraison.cli import app

PACKAGES = ("veraison", "data", "features", "training", "serving", "monitoring")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
WITH_EXAMPLES = [path for path in SOURCES if ">>>" in path.read_text(encoding="utf-8")]


def name_of(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


# Imports


def test_imports_run_one_way(tmp_path):
    command = [Path(sys.executable).with_name("lint-imports"), "--cache-dir", tmp_path, "--config", "pyproject.toml"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout
    assert "Imports run one way KEPT" in ran.stdout


def imported(path, within=ast.walk):
    """The modules that a file imports."""
    found = set()
    for node in within(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def test_serving_sees_training_only_through_the_bundle():
    for path in (ROOT / "serving").rglob("*.py"):
        seen = {name for name in imported(path) if name.startswith("training.")}
        assert all(name.startswith("training.bundle") for name in seen), (path, seen)


def test_monitoring_sees_of_serving_only_its_decisions():
    for path in (ROOT / "monitoring").rglob("*.py"):
        seen = {name for name in imported(path) if name.startswith("serving.")}
        assert all(name.startswith("serving.decisions") for name in seen), (path, seen)


@pytest.mark.parametrize("package", ["data", "features", "serving"])
def test_what_serves_loads_no_heavy_reports(package):
    for path in (ROOT / package).rglob("*.py"):
        assert not {name.partition(".")[0] for name in imported(path)} & {"shap", "evidently", "mlflow"}, path


def test_the_command_line_starts_without_the_model_libraries():
    slow = "lightgbm", "sklearn", "mlflow", "bentoml", "evidently", "shap", "altair"
    script = f"import sys, veraison.cli; print([name for name in {slow} if name in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"


# Examples


@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=name_of)
def test_the_examples_of_a_module_run(path):
    with warnings.catch_warnings(action="ignore"):  # of what it imports
        module = importlib.import_module(name_of(path))
    result = doctest.testmod(module)
    assert result.attempted
    assert not result.failed


def test_there_are_examples():
    assert len(WITH_EXAMPLES) > 10


# The command line and what is written about it

ROOT_COMMAND = typer.main.get_command(app)


def commands(command, words=()):
    """Every command that does something, with the words that call it."""
    for name, inner in getattr(command, "commands", {}).items():
        if not getattr(inner, "commands", None) or inner.invoke_without_command:
            yield (*words, name), inner
        yield from commands(inner, (*words, name))


COMMANDS = dict(commands(ROOT_COMMAND))


def misuse(line):
    """Why a line cannot be typed, None where it can; commands are parsed, not run."""
    command, path = ROOT_COMMAND, ["veraison"]
    typed = shlex.split(line.partition(" | ")[0], comments=True)
    words = ["1" if word == "N" else word for word in typed[1:]]
    while words and words[0] in getattr(command, "commands", {}):
        path.append(words[0])
        command, words = command.commands[words[0]], words[1:]
    if len(path) == 1 and words not in ([], ["--help"], ["-h"]):
        return f"{line}: no such command"
    if words in (["--help"], ["-h"]):
        return None
    try:
        command.make_context(" ".join(path), words)
    except Exception as problem:
        return f"{line}: {problem}"
    return None


@pytest.mark.parametrize("words", [(), *COMMANDS], ids=" ".join)
def test_every_command_has_help(words, capsys):
    with pytest.raises(SystemExit) as ended:
        app([*words, "--help"], prog_name="veraison")
    assert ended.value.code == 0
    assert f"Usage: {' '.join(('veraison', *words))} " in capsys.readouterr().out


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_shows_an_example_that_can_be_typed(words):
    text = COMMANDS[words].help or ""
    lines = re.findall(r"veraison [^·\n]+", text[text.index("Example") :])
    assert any(line.startswith(f"veraison {' '.join(words)}") for line in lines)
    assert [problem for line in lines if (problem := misuse(line.strip()))] == []


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_option_says_what_it_is(words):
    for parameter in COMMANDS[words].params:
        assert getattr(parameter, "help", None), f"{' '.join(words)}: {parameter.name}"


DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])


@pytest.mark.parametrize("path", [path for path in DOCUMENTS if path.exists()], ids=lambda path: path.name)
def test_what_the_documents_tell_to_type_can_be_typed(path):
    text = path.read_text(encoding="utf-8")
    blocks = "\n".join(re.findall(r"^```(?:\w*)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)).replace("\\\n", " ")
    lines = re.findall(r"^(?:\$ |\.venv/bin/)?(veraison .+)$", blocks, re.MULTILINE)
    lines += [line for line in re.findall(r"`(veraison [^`]+)`", text) if "..." not in line]
    assert [problem for line in lines if (problem := misuse(line))] == []


def test_every_command_stands_in_the_documents():
    text = "\n".join(path.read_text(encoding="utf-8") for path in DOCUMENTS if path.exists())
    assert [" ".join(words) for words in COMMANDS if f"veraison {' '.join(words)}" not in text] == []


def test_every_variable_of_the_environment_stands_in_the_documents():
    pages = (ROOT / "docs" / "operate.md", *sorted((ROOT / "docs" / "operate").glob("*.md")))
    text = "\n".join(path.read_text(encoding="utf-8") for path in pages)
    assert [name for name in ServiceSettings.model_fields if f"`VERAISON_{name.upper()}`" not in text] == []


def test_a_line_that_cannot_be_typed_is_found():
    assert misuse("veraison frobnicate")
    assert misuse("veraison score --frobnicate")
    assert misuse("veraison explain")
    assert misuse("veraison models promote")
    assert misuse("veraison ingest a.ndjson --mapping m.toml  # a remark") is None
