#!/bin/sh
# The one click: loads the weights, starts encoder, generator and web, and serves the page on 8080.
# SIGHTLINE_MODEL names another checkpoint; `jupyter` as argument starts the notebook beside it.
set -eu
if [ "${1:-}" = jupyter ]; then
  shift
  PYTHONPATH=/opt/protos /opt/jupyter/bin/jupyter lab --allow-root --no-browser --ip=0.0.0.0 --port=8888 \
    --notebook-dir=/srv/notebooks "$@" &
fi
exec python3 -m sightline_common.launcher
