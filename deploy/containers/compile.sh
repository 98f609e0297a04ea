#!/bin/sh
# compile.sh VENV: compiles what an environment holds; by content and not by time, so that two builds give the same.
set -eu
# Packages may hold files for other Pythons, which do not compile.
PYTHONHASHSEED=0 "$1/bin/python" -m compileall -qf --invalidation-mode unchecked-hash "$1/lib" || true
