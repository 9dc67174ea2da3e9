#!/usr/bin/env bash
# Add Spark to the environment $1, from its own hash-locked requirements: a download of 430 MB that few need.
set -euo pipefail
venv=$1
here=$(cd "$(dirname "$0")/.." && pwd)
. "$here/tools/need.sh"

need_java
say "adding Spark to $venv, hashes checked (about one minute)"
export PIP_DISABLE_PIP_VERSION_CHECK=1
# pyspark comes as source only; without isolation it is built by the locked setuptools and not by any newer one
"$venv/bin/python" -m pip install -q --no-deps --no-build-isolation --require-hashes -r "$here/requirements-spark.txt"
say "done"
