#!/bin/sh
# install.sh torch|plain PACKAGE...: puts services into /opt/sightline, a virtual environment of its own.
set -eu
kind=$1
shift
venv=/opt/sightline
python3 -m venv "$venv"
pip() { "$venv/bin/pip" --disable-pip-version-check install --quiet --no-cache-dir --no-compile "$@"; }

# What compiles the stubs stays outside.
python3 -m venv /tmp/build
/tmp/build/bin/pip --disable-pip-version-check install --quiet --upgrade 'pip>=25.1'
/tmp/build/bin/pip --disable-pip-version-check install --quiet --constraint constraints.txt --group build build
for package in protos services/*; do
  PATH="/tmp/build/bin:$PATH" /tmp/build/bin/python -m build --wheel --no-isolation --outdir /tmp/wheels "$package"
done

if [ "$kind" = torch ]; then
  pip --index-url "$TORCH_INDEX_URL" torch==2.13.0
  pip --constraint constraints.txt torch==2.13.0 # what it needs, in the versions that were tested
fi
for package in "$@"; do
  extras=$(printf '%s' "$package" | sed -n 's/.*\(\[.*\]\)$/\1/p')
  name=sightline-$(basename "${package%%\[*}")
  pip --constraint constraints.txt --find-links /tmp/wheels "$name$extras"
done
"$venv/bin/pip" --disable-pip-version-check uninstall --quiet --yes pip
sh compile.sh "$venv"
