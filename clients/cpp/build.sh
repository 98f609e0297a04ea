#!/bin/sh
# Builds build/ask.
set -eu
cd "$(dirname "$0")"
cmake -S . -B build
cmake --build build --parallel 2
