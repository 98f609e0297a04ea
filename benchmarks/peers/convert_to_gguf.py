"""Converts a checkpoint to llama.cpp's format with llama.cpp's own converter.

The converter knows tokenizers by a digest of what they make of a test text, and so knows none
that is not published. sightline-nano's splits text as `qwen2` does there: digits one by one.

Runs in the peer's own environment: it imports nothing of this project.
"""

from __future__ import annotations

import argparse
import runpy
import sys
from pathlib import Path

SPLITTING = "qwen2"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--llama-cpp", type=Path, required=True, help="llama.cpp's source tree")
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True, help="where the files go")
    arguments = parser.parse_args()
    sys.path[:0] = [str(arguments.llama_cpp), str(arguments.llama_cpp / "gguf-py")]
    from conversion.base import TextModel  # type: ignore[import-not-found]

    TextModel.get_vocab_base_pre = lambda _self, _tokenizer: SPLITTING
    convert(arguments, "model.gguf")
    convert(arguments, "vision.gguf", "--mmproj")


def convert(arguments: argparse.Namespace, name: str, *options: str) -> None:
    """Runs the converter's own script for one of the two files."""
    target = ["--outtype", "f32", "--outfile", str(arguments.folder / name), *options]
    sys.argv = ["convert", str(arguments.model), *target]
    runpy.run_path(str(arguments.llama_cpp / "convert_hf_to_gguf.py"), run_name="__main__")


if __name__ == "__main__":
    main()
