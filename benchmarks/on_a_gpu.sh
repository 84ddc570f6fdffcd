#!/usr/bin/env bash
# Measures a graphics card within eight minutes, on a bare machine with CUDA: see on_a_gpu.py, and docs/gpu.md.
# Packages go into an environment of their own that also sees what is installed; nothing else on the machine changes.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if "$python" -m venv --system-site-packages "$work/venv" 2>/dev/null; then
  own=$("$work/venv/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
  # an environment made from within an environment sees the outer one's packages only if it is told
  "$python" -c 'import sys; print("\n".join(p for p in sys.path if p.endswith(("site-packages", "dist-packages"))))' >"$own/outer.pth"
  python="$work/venv/bin/python"
else
  echo "no venv here (Debian: apt-get install python3-venv): packages are used as they are installed" >&2
fi
limit=480
case " $* " in *" --prepare "*) limit=3600 ;; esac
timeout -k 10 "$limit" "$python" benchmarks/on_a_gpu.py "$@"
