#!/usr/bin/env bash
# Make the environment $1 from the hash-locked requirements; name or install what the system lacks.
set -euo pipefail
venv=$1
python=${PYTHON:-python3}
here=$(cd "$(dirname "$0")/.." && pwd)
. "$here/tools/need.sh"

command -v "$python" >/dev/null || need python3 "Python 3.11 or newer"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
  stop "$("$python" --version) is too old: lqmodel needs Python 3.11 or newer" "name another: make setup PYTHON=python3.12"
"$python" -c 'import ensurepip, venv' 2>/dev/null || need python3-venv "Python's venv and ensurepip"
if [ "$(uname -s)" = Linux ] && ! "$python" -c 'import ctypes; ctypes.CDLL("libgomp.so.1")' 2>/dev/null; then
  need libgomp1 "OpenMP, which LightGBM runs on"
fi

say "making $venv with $("$python" --version)"
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
say "installing the locked packages, hashes checked (about two minutes)"
export PIP_DISABLE_PIP_VERSION_CHECK=1
"$venv/bin/python" -m pip install -q --require-hashes -r "$here/requirements.txt"
"$venv/bin/python" -m pip install -q --no-deps --no-build-isolation -e "$here"
say "compiling what is compiled on each machine (half a minute)"
"$venv/bin/python" -m lqmodel.warm
say "done"
