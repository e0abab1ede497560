#!/bin/sh
# Prints the path of uv, installing it (and what that needs) first on a machine that has only Python 3.11 and root.
set -eu
release=0.13.9
home="${XDG_CACHE_HOME:-$HOME/.cache}/shardwright/tools"
say() { echo "bootstrap: $*" >&2; }

if uv --version >/dev/null 2>&1; then
  command -v uv
  exit 0
fi
if [ ! -x "$home/bin/uv" ]; then
  if ! python3 -c 'import ensurepip' >/dev/null 2>&1; then
    say "installing python3-venv"
    apt-get update -qq >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv ca-certificates >&2
  fi
  say "installing uv $release into $home"
  python3 -m venv "$home" >&2
  "$home/bin/pip" install --quiet --disable-pip-version-check "uv==$release" >&2
fi
echo "$home/bin/uv"
