"""Compiled packages: the right numbers from each kind of code, and clear words for everything that cannot be."""

from __future__ import annotations

import hashlib
import random
import subprocess
from pathlib import Path

import pytest

from . import package_files
from .conftest import Build
from .forks import SETTINGS, assert_stopped, endings
from .misuse.table import ARGUMENT, DEVICE, FILE, HANDLE, MEMORY, MODEL, SUCCESS, Row
from .package_runs import run_package, start
from .test_damaged_files import damaged
from .test_leaks import NOISE_KB

KIT = ("package_kit.f90",)
MISUSE = ("forks.f90", "misuse/kit.f90", "misuse/packages.fypp")
INFERENCE_ONLY = "is a compiled package, which computes results only"

#: Scenarios of misuse/packages.fypp.
SCENARIOS = (
    Row("wrong_dtype", ARGUMENT, "input 1 'state' (K): expected float32 [batch, 5], got float64 [1, 5]; pass convert=.true."),
    Row("transposed", ARGUMENT, "got float32 [5, 4]; if the dimensions are only in another order, permute_dims gives the view"),
    Row("wrong_size", ARGUMENT, "expected float32 [batch, 5], got float32 [4, 6]"),
    Row("batch_range", ARGUMENT, "batch may be 1 or more; if none is no mistake, export the model with --symbol batch=0.."),
    Row("no_variant", MODEL, "'few_sizes.pt2' has no variant for batch = 65; export it with this size among --batch"),
    Row("output_shape", ARGUMENT, "output 1 'rate': the model returns float32 [1, 3], the tensor given for it is float32 [1, 4]"),
    Row("output_dtype", ARGUMENT, "pass convert=.true. or an array of the model's dtype"),
    Row("converted", SUCCESS),
    Row("backwards", ARGUMENT, "x: dimension 1 runs backwards"),
    Row("unallocated", ARGUMENT, "x is not allocated or not associated"),
    Row("training", MODEL, INFERENCE_ONLY),
    Row("load_training", MODEL, INFERENCE_ONLY),
    Row("load_requiring", MODEL, "train with a torch_trainer (pt2ts export-training), or export the module as TorchScript"),
    Row("recorded", MODEL, INFERENCE_ONLY),
    Row("differentiated", MODEL, INFERENCE_ONLY),
    Row("other_dtype", MODEL, "was loaded for cpu, which cannot be changed afterwards, nor can the dtypes of its contract"),
    Row("weights_built_in", MODEL, "the others have the old values compiled in"),
    Row("saved_built_in", MODEL, "'own.pt2' has no variant that could be saved with the weights that were put in"),
    Row("save_written_over", FILE, "the file 'written_over.pt2' that the model was loaded from has been written over since"),
    Row("save_plain", FILE, "has no contract of pt2ts, so it cannot be written again; copy the file"),
    Row("sum_short", ARGUMENT, "argument 'sha256': expected 64 hexadecimal digits, as sha256sum prints them, got 'abc'"),
    Row("sum_blank", ARGUMENT, "argument 'sha256': expected 64 hexadecimal digits"),
    Row("sum_other", FILE, "'linear.pt2' is not the file that argument 'sha256' asks for: its sum is "),
    Row("sum_of_torchscript", FILE, "'linear.pt' is not the file that argument 'sha256' asks for"),
    Row("plain_untrusted", FILE, "pass trust=.true. if you know who made the file"),
    Row("plain_wrong_shape", MODEL, ""),
    Row("plain_inputs", ARGUMENT, "the model takes 1 input, got 2"),
    Row("stats_not_loaded", HANDLE, "torch_model_stats: model is not initialised"),
    Row("other_device", DEVICE, "cuda"),
)

#: Of each kind, by each compiler.
DAMAGED_FILES = 2500
DAMAGED = "the package's contract is damaged"
#: Files that cannot be loaded.
FILES = (
    Row("newer_torch.pt2", FILE, "was compiled with PyTorch"),
    Row("training.pt2", FILE, "is a compiled training step, not a model; load it into a torch_trainer"),
    Row("odd_kind.pt2", FILE, "its kind is 'art'"),
    Row("wrong_digest.pt2", FILE, "the digest of its members is not the one that its contract has"),
    Row("exchanged.pt2", FILE, "the digest of its members is not the one that its contract has"),
    Row("no_variants.pt2", FILE, "it has no variants"),
    Row("weight_outside.pt2", FILE, "weight 'layer.weight' does not lie in extra/ftorch_weights.bin"),
    Row("weight_shape.pt2", FILE, "the shape of weight 'layer.weight' is impossible"),
    Row("weight_between.pt2", FILE, "weight 'layer.weight' does not lie in"),
    Row("unknown_kind.pt2", FILE, "it has a variant of the unknown kind 'quantum'"),
    Row("unknown_symbol.pt2", FILE, "sizes of the unknown symbol 'level'"),
    Row("no_kernel.pt2", FILE, "it names the member 'extra/ftorch_kernel_b7.so', which is not there"),
    Row("path_name.pt2", FILE, "a variant is called '../b1'"),
    Row("odd_layout.pt2", FILE, "unknown layout 'spiral'"),
    *(Row(f"without_{name}.pt2", FILE, DAMAGED) for name in ("digest", "kind", "weights", "variants", "torch")),
    Row("kernel_abi.pt2", FILE, "variant 'b1', has interface 3, this library knows 2; install a newer version of it"),
    *(
        Row(f"kernel_{name}.pt2", FILE, "variant 'any', is not what the contract says of it")
        for name in ("workspace", "packed", "fixed", "grain")
    ),
    Row("kernel_range.pt2", FILE, "the kernel 'any' is said to compute other sizes than one"),
    Row("kernel_nobody.pt2", FILE, "variant 'any' has sizes of the unknown symbol 'level'"),
    Row("kernel_text.pt2", FILE, "/extra/ftorch_kernel_b1.so' cannot be loaded: "),
    Row("truncated.pt2", FILE, "is truncated or corrupt"),
    Row("flipped.pt2", FILE, "is corrupt: the checksum of"),
    Row("compressed.pt2", FILE, "is compressed, which no package is"),
    Row("outside.pt2", FILE, "which leads out of its folder"),
    Row("twice.pt2", FILE, "it has two members"),
    Row("two_contracts.pt2", FILE, "its members lie in several folders"),
    Row("no_code.pt2", FILE, "there is no library in data/aotinductor/model/"),
    Row("future.pt2", DEVICE, "cannot run on this processor"),
    Row("machine.pt2", DEVICE, "needs riscv64 and lacks a machine of type riscv64"),
    Row("plain.pt2", FILE, "is a compiled package without a contract of pt2ts"),
)


@pytest.mark.parametrize("program", ["packages", "package_weights"])
def test_numbers(build: Build, packages: Path, program: str) -> None:
    built = build(*KIT, f"{program}.f90", flags=("-fopenmp",))
    done = start(built, folder=packages)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == "right\n"
    assert done.stderr == ""


@pytest.fixture(scope="session")
def outcomes(build: Build, packages: Path) -> dict[str, list[str]]:
    """What each scenario of misuse/packages.fypp printed."""
    done = start(build(*MISUSE), "all", folder=packages)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [line.split("|", 4) for line in done.stdout.splitlines()]
    assert all(len(line) == 5 for line in lines), done.stdout
    return {line[0]: line[1:] for line in lines}


@pytest.mark.parametrize("row", SCENARIOS, ids=lambda row: row.name)
def test_status_and_message(outcomes: dict[str, list[str]], row: Row) -> None:
    status, left, failed, message = outcomes[row.name]
    assert int(status) == row.status, message
    assert row.fragment in message
    assert ("in another order" in message) == ("in another order" in row.fragment), "advice only where it helps"
    assert (left, failed) == ("0", "0")


def test_table_is_complete(outcomes: dict[str, list[str]]) -> None:
    assert set(outcomes) == {row.name for row in SCENARIOS}


def test_program_stops(build: Build, packages: Path) -> None:
    done = start(build(*MISUSE), "each", "5", folder=packages, **SETTINGS)
    found = {ending.name: ending for ending in endings(done)}
    assert set(found) == {row.name for row in SCENARIOS}
    for row in SCENARIOS:
        if row.status:
            assert_stopped(found[row.name], row.fragment)


@pytest.fixture(scope="session")
def refusals(build: Build, packages: Path) -> dict[str, list[str]]:
    """What loading each of the bad files gave."""
    names = "\n".join(row.name for row in FILES) + "\n"
    done = start(build("forks.f90", "load_list.f90"), folder=packages, text=names)
    *lines, live = done.stdout.splitlines()
    assert live == "live 0"
    return {name: rest for name, *rest in (line.split("|", 2) for line in lines)}


@pytest.mark.parametrize("row", FILES, ids=lambda row: row.name)
def test_bad_file(refusals: dict[str, list[str]], row: Row) -> None:
    status, message = refusals[row.name]
    assert int(status) == row.status, message
    assert message.startswith("torch_model_load: ")
    assert row.fragment in message


def test_older_torch_runs(build: Build, packages: Path) -> None:
    assert run_package(build, packages, "older_torch.pt2") == "stat 0 model b1"
    assert run_package(build, packages, "older_code.pt2") == "stat 0 model model"


def test_sum_of_the_file(build: Build, packages: Path, tmp_path: Path) -> None:
    """The right sum is taken, in capitals too, for both formats."""
    for name in ("linear.pt2", "linear.pt"):
        sum_of_file = hashlib.sha256((packages / name).read_bytes()).hexdigest().upper()
        source = tmp_path / "load.f90"
        source.write_text(
            "program load\n  use :: ftorch\n  implicit none (type, external)\n  type(torch_model) :: model\n"
            f"  call torch_model_load(model, '{name}', &\n    sha256='{sum_of_file}')\n"
            "  call torch_delete(model)\n  print '(a)', 'loaded'\nend program load\n"
        )
        done = start(build(str(source)), folder=packages)
        assert done.stdout == "loaded\n", done.stderr


def test_trusted(build: Build, packages: Path) -> None:
    assert run_package(build, packages, "plain.pt2", "trust") == "stat 0 inside"
    assert "holds several models" in run_package(build, packages, "two_plain.pt2", "trust")


@pytest.mark.parametrize("flags", ["-avx2", "-fma", "-avx2,-fma", "-fma -sse2"])
def test_older_processor(build: Build, packages: Path, flags: str) -> None:
    """What the processor lacks is seen before the code runs; TorchScript steps in where it is in the file."""
    found = run_package(build, packages, "linear.pt2", FTORCH_CPU_FLAGS=flags)
    assert found == "stat 0 fallback fallback"
    refused = run_package(build, packages, "compiled.pt2", FTORCH_CPU_FLAGS=flags)
    assert refused.startswith(f"stat {DEVICE} ")
    assert "variant 'b1' needs x86_64 with avx2, fma and lacks " in refused
    assert "--with-fallback" in refused
    trusted = run_package(build, packages, "plain.pt2", "trust", FTORCH_CPU_FLAGS=flags)
    assert trusted.startswith(f"stat {DEVICE} ")


def test_flags_cannot_be_added(build: Build, packages: Path) -> None:
    found = run_package(build, packages, "linear.pt2", FTORCH_CPU_FLAGS="quantum")
    assert "expected flags to take away, like -avx2, got 'quantum'" in found


@pytest.mark.long
@pytest.mark.parametrize("name", ["kernel", "script", "compiled", "contract"])
def test_damaged_packages(build: Build, packages: Path, tmp_path: Path, name: str) -> None:
    """Thousands of damaged packages: each is refused, or gives the numbers of the undamaged one."""
    chance = random.Random(name)  # noqa: S311 - the same damage every time
    source = packages / f"{'script' if name == 'contract' else name}.pt2"
    good = source.read_bytes()
    members, spec = package_files.read(source)
    (tmp_path / "good.pt").write_bytes(good)
    names = ["good.pt"]
    for number in range(DAMAGED_FILES):
        path = tmp_path / f"{number}.pt"
        if name == "contract":  # the archive is right, the text of the contract is not
            package_files.write(path, members, spec)
            text = package_files.contract_bytes(path)
            package_files.write_with_contract(path, members, damaged(text, chance))
        else:
            path.write_bytes(damaged(good, chance))
        names.append(path.name)
    done = subprocess.run(
        [build("damaged_files.f90")],
        cwd=tmp_path,
        input="\n".join(names) + "\n",
        capture_output=True,
        text=True,
        timeout=3000,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-500:] + done.stderr[-2000:]
    *lines, live = (line.split() for line in done.stdout.splitlines())
    assert live == ["live", "0"]
    assert [line[0] for line in lines] == names
    right = lines[0][1:]
    assert right[0] == "0"
    refusals = {str(FILE), str(DEVICE), str(MODEL), str(ARGUMENT), str(MEMORY)} if name == "contract" else {str(FILE)}
    for _, status, *values in lines[1:]:
        assert status in refusals or [status, *values] == right


@pytest.mark.parametrize("name", ["kernel", "aoti", "script"])
@pytest.mark.parametrize(
    ("scenario", "count"),
    [
        ("forwards", 2000),
        ("loads", 30),
        *(pytest.param(*case, marks=pytest.mark.long) for case in (("forwards", 10**6), ("loads", 1000))),
    ],
)
def test_memory_is_flat(build: Build, packages: Path, name: str, scenario: str, count: int) -> None:
    files = (f"{name}.pt2", "truncated.pt2")
    done = start(build("process_memory.f90", "leaks.f90"), scenario, str(count), *files, folder=packages)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[-1]) < NOISE_KB


@pytest.mark.long
@pytest.mark.parametrize("name", ["kernel", "aoti", "script"])
def test_threads_share_the_work(build: Build, packages: Path, name: str) -> None:
    """The same calls by 1, 2 and 4 threads: right, without waiting for each other, at what they cost one (on one core: twice)."""
    done = start(build("thread_scaling.f90", flags=("-fopenmp",)), f"{name}.pt2", folder=packages)
    assert done.returncode == 0, done.stdout + done.stderr
    one, two, four, *waits = (float(word) for word in done.stdout.split())
    assert max(two, four) < 2.5 * one, (one, two, four)
    assert max(waits) < 100, waits  # in 200,000 calls
