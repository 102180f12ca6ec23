"""The recipes for other installers agree with the project, as far as that can be told without their tools."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from ..support import PROJECT, ROOT, printed_flags, run

CONDA = (ROOT / "packaging" / "conda" / "recipe.yaml").read_text()
SPACK = (ROOT / "packaging" / "spack" / "packages" / "ftorch" / "package.py").read_text()
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
READ = [*WORKFLOWS, *FORMS, ROOT / "packaging" / "conda" / "recipe.yaml", ROOT / "CITATION.cff"]
#: Names that conda gives to what pip calls otherwise.
CONDAS = {"torch": "pytorch", "nlohmann-json": "nlohmann_json"}


def required(wanted: str) -> tuple[str, str]:
    """Return name and version of a requirement as pip is told it."""
    found = re.match(r"([\w.-]+)(.*)", wanted)
    assert found is not None
    return found[1], found[2]


def test_versions_agree() -> None:
    version = PROJECT["version"]
    assert f'version: "{version}"' in CONDA
    assert f'version("{version}")' in SPACK
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text()
    page = (ROOT / "docs" / "packaging.md").read_text()
    assert f"libftorch.so.{version.rpartition('.')[0]}`" in page
    major = re.search(r"CTORCH_INTERFACE_MAJOR (\d+)", (ROOT / "src" / "ctorch" / "include" / "ctorch_version.h").read_text())
    assert major is not None
    assert f"libctorch.so.{major[1]}`" in page


def test_conda_requires_what_pip_does() -> None:
    listed = re.findall(r"^    - ([\w.-]+) ?(.*)$", CONDA, re.MULTILINE)
    for wanted in (*PYPROJECT["build-system"]["requires"], *PROJECT["dependencies"]):
        name, version = required(wanted)
        assert (CONDAS.get(name, name), version) in listed
    assert ("python", PROJECT["requires-python"]) in listed


def test_spack_requires_what_pip_does() -> None:
    tree = ast.parse(SPACK)
    wanted = [str(call.args[0].value) for call in ast.walk(tree) if isinstance(call, ast.Call) and call.args
              and isinstance(call.args[0], ast.Constant) and ast.unparse(call.func) == "depends_on"]  # fmt: skip
    lowest, above = re.findall(r"\d+\.\d+", dict(map(required, PROJECT["dependencies"]))["torch"])
    newest = f"2.{int(above.partition('.')[2]) - 1}"
    build = dict(map(required, PYPROJECT["build-system"]["requires"]))
    assert f"py-torch@{lowest}:{newest}" in wanted
    assert f"py-fypp@{build['fypp'].removeprefix('>=')}:" in wanted
    assert f"nlohmann-json@{build['nlohmann-json'].removeprefix('>=')}:" in wanted
    assert f"python@{PROJECT['requires-python'].removeprefix('>=')}:" in wanted
    needed = re.search(r"cmake_minimum_required\(VERSION (\S+)\)", (ROOT / "CMakeLists.txt").read_text())
    assert needed is not None
    assert f"cmake@{needed[1]}:" in wanted


@pytest.mark.parametrize("recipe", ["packaging/container/Containerfile", "packaging/container/ftorch.def", "pyproject.toml"])
def test_what_the_build_needs_is_installed(recipe: str) -> None:
    """Containers and wheels install what the pages tell their readers to install, and a PyTorch that is admitted."""
    text = (ROOT / recipe).read_text()
    page = (ROOT / "docs" / "install.md").read_text()
    line = re.search(r"^pip install (.*)\npip install --no-build-isolation \.$", page, re.MULTILINE)
    assert line is not None
    assert line[1] in text
    default = re.search(r"^default_torch=(\S+)$", (ROOT / "scripts" / "setup").read_text(), re.MULTILINE)
    assert default is not None
    assert set(re.findall(r"torch==(\S+?)[\s\"]", text)) == {default[1]}


def test_nothing_of_the_host_is_in_a_wheel() -> None:
    words = PYPROJECT["tool"]["cibuildwheel"]["repair-wheel-command"].split()
    left_out = {words[place + 1] for place, word in enumerate(words) if word == "--exclude"}
    assert left_out >= {"libtorch.so", "libtorch_cpu.so", "libc10.so", "libgfortran.so.5", "libgomp.so.1"}


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_run_targets_of_make(workflow: Path) -> None:
    targets = set(re.findall(r"^([a-z][\w-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    called = re.findall(r"run: make (\S+)", workflow.read_text())
    assert set(called) <= targets
    assert called or "cibuildwheel" in workflow.read_text()


def test_workflows_run_all_that_must_pass() -> None:
    text = "".join(workflow.read_text() for workflow in WORKFLOWS)
    for target in ("test", "lint", "site", "test-long"):
        assert f"run: make {target}\n" in text
    bounds = [int(number) for number in re.findall(r"2\.(\d+)", dict(map(required, PROJECT["dependencies"]))["torch"])]
    assert {int(number) for number in re.findall(r"torch==2\.(\d+)\.\d+", text)} == set(range(*bounds))


def test_issues_ask_for_the_report() -> None:
    for form in FORMS:
        if form.name != "config.yml":
            assert "python -m ftorch --info" in form.read_text(), form


@pytest.mark.long
@pytest.mark.parametrize("path", READ, ids=lambda path: path.name)
def test_yaml(path: Path) -> None:
    """It can be read, and of what has a schema at hand, follows it."""
    yaml: Any = import_module("yaml")
    assert isinstance(yaml.safe_load(path.read_text()), dict)
    if path in WORKFLOWS:
        run(sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", path)


@pytest.mark.long
def test_a_wrong_workflow_is_seen(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yml"
    wrong.write_text(WORKFLOWS[0].read_text().replace("runs-on:", "runs_on:"))
    words = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", str(wrong)]
    assert subprocess.run(words, capture_output=True, check=False).returncode == 1


@pytest.mark.long
def test_fpm(tmp_path: Path) -> None:
    """The real fpm builds and runs a program with an installed library."""
    shutil.copytree(ROOT / "packaging" / "fpm", tmp_path / "my_model")
    first = " ".join(printed_flags("gfortran", "--fflags"))
    last = " ".join(printed_flags("gfortran", "--ldflags"))
    words = ["fpm", "run", "--compiler", "gfortran", "--flag", first, "--link-flag", last]
    assert "sum 3.0 3.0 3.0 3.0 3.0 3.0\n" in run(*words, cwd=tmp_path / "my_model")
