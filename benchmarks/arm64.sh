#!/usr/bin/env bash
# kinetoken on aarch64, emulated on a Debian or Ubuntu machine of another kind: inspect, generate, play to a GIF, a clip
# that must be the same as here, and the quick tests. Writes benchmarks/results/arm64.md.
#
#   make arm64                                     # as root; less than ten minutes once its cache is filled
#   TESTS=tests/runtime/sampling make arm64        # other tests; then nothing is written
#
# The cache, ${XDG_CACHE_HOME:-~/.cache}/kinetoken/arm64, holds a root file system of debootstrap and the wheels for
# aarch64: about 700 MB; delete it to fill it anew. Where something is missing, one line says what, and nothing is run.
set -euo pipefail
cd "$(dirname "$0")/.."
suite=bookworm
tests=${TESTS:-@.ci/quick}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/kinetoken/arm64
root=$cache/$suite
site=$root/opt/site
began=$SECONDS

skip() { echo "arm64: skipped: $1"; exit 0; }
step() { printf '== %s (%s s)\n' "$1" "$((SECONDS - began))"; }

[ "$(uname -s)" = Linux ] || skip "needs Linux, this is $(uname -s)"
[ "$(id -u)" = 0 ] || skip "needs root, for chroot and mounts"
if ! command -v debootstrap >/dev/null || ! command -v qemu-aarch64-static >/dev/null; then
  command -v apt-get >/dev/null || skip "debootstrap and qemu-user-static are not installed, and there is no apt-get"
  (apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    debootstrap qemu-user-static) >/dev/null 2>&1 || skip "apt-get cannot install debootstrap and qemu-user-static"
fi
python=${PYTHON:-python3}
"$python" -m pip --version >/dev/null 2>&1 || skip "$python has no pip"
"$python" -c 'import kinetoken' 2>/dev/null || skip "$python has no kinetoken: pip install -e '.[dev]'"

# The kernel starts aarch64 programs in qemu.
formats=/proc/sys/fs/binfmt_misc
if [ "$(uname -m)" != aarch64 ] && [ ! -e $formats/qemu-aarch64 ]; then
  [ -e $formats/register ] || mount -t binfmt_misc binfmt_misc $formats 2>/dev/null || skip "no binfmt_misc in this kernel"
  cat /usr/lib/binfmt.d/qemu-aarch64.conf >$formats/register || skip "the kernel does not take qemu-aarch64"
fi
mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9

if [ ! -e "$root.filled" ]; then
  step "root file system"
  rm -rf "$root"
  debootstrap --arch=arm64 --variant=minbase --include=python3,libgomp1 $suite "$root" >"$cache/debootstrap.log" 2>&1 \
    || skip "debootstrap failed: see $cache/debootstrap.log"
  touch "$root.filled"
fi
there() { chroot "$root" /usr/bin/env -i "$@"; }
version=$(there python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')

# Wheels come by pip of this machine: under qemu it takes a minute more.
wheels=(--only-binary=:all: --python-version "$version" --implementation cp)
for tag in manylinux_2_28 manylinux_2_27 manylinux_2_17 manylinux2014; do wheels+=(--platform "${tag}_aarch64"); done
packages=(numpy onnxruntime tokenizers platformdirs shtab pytest pytest-xdist hypothesis packaging onnx pillow
  "pyglet>=2.1.2,<3" websockets)
if [ "$(cat "$site.filled" 2>/dev/null)" != "$version ${packages[*]}" ]; then
  step "wheels"
  rm -rf "$site" "$site.filled"
  "$python" -m pip install -q --disable-pip-version-check "${wheels[@]}" --target "$site" "${packages[@]}" \
    || skip "pip cannot get the wheels for aarch64"
  echo "$version ${packages[*]}" >"$site.filled"
fi

step "kinetoken"
work=$(mktemp -d "$cache/run.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir "$work/clone" "$work/here"
git ls-files -z | tar -c --null -T - | tar -x -C "$work/clone"
"$python" -m pip install -q --disable-pip-version-check --no-deps --target "$work/installed" .
OMP_NUM_THREADS=1 "$python" benchmarks/same_seed.py write "$work/here" --clips 3 --exact

# Mounts of a namespace of its own end with it. Not /sys: with that of this machine, ONNX Runtime looks for its processor.
cat >"$work/inside.sh" <<'INSIDE'
set -euo pipefail
root=$1 work=$2 tests=$3
mkdir -p "$root/opt/run"
mount -t proc proc "$root/proc"
mount --bind "$work" "$root/opt/run"
there() {
  chroot "$root" /usr/bin/env -i -C /opt/run/clone PATH=/usr/bin:/bin HOME=/tmp LANG=C.UTF-8 OMP_NUM_THREADS=1 \
    QEMU_CPU=neoverse-n1 PYTHONHASHSEED=0 PYTHONPATH=/opt/site:/opt/run/installed "$@" \
    2> >(grep -v -e 'Error in cpuinfo' -e cpuinfo_initialize >&2)
}
step() { printf '== %s (%s s)\n' "$1" "$SECONDS"; }
there python3 -c '
import platform, numpy, onnxruntime, tokenizers
print(f"{platform.machine()}, Python {platform.python_version()}, numpy {numpy.__version__}, "
      f"onnxruntime {onnxruntime.__version__}, tokenizers {tokenizers.__version__}")' | tee "$work/versions"
step inspect
there python3 -m kinetoken inspect | head -3
step generate
there python3 -m kinetoken generate "a person walks forward" --seconds 2 --seed 7 -o /opt/run/walk.bvh
step "play to a GIF"
there python3 -m kinetoken play "a person walks forward" --seconds 2 --seed 7 --film /opt/run/walk.gif
step "the same clip"
there python3 benchmarks/same_seed.py write /opt/run/there --clips 3 --exact
there python3 benchmarks/same_seed.py compare /opt/run/here /opt/run/there | tee "$work/same"
step "quick tests"
there python3 -m pytest -q -p no:cacheprovider -n "$(nproc)" $tests | tee "$work/tests"
INSIDE
unshare --mount bash "$work/inside.sh" "$root" "$work" "$tests"

[ -z "${TESTS:-}" ] || { step "done"; exit 0; }
step "benchmarks/results/arm64.md"
emulator=$(qemu-aarch64-static --version | head -1)
cat >benchmarks/results/arm64.md <<RESULT
# aarch64, emulated

\`make arm64\`, $(date -u +%Y-%m-%d): $(cat "$work/versions"), Debian $suite, $emulator. Took $((SECONDS - began)) s.

- \`inspect\`, \`generate\` to a BVH and \`play\` to a GIF of $(stat -c %s "$work/walk.gif") bytes ran.
- \`--exact\`, three clips here and there: $(grep 'same tokens' "$work/same"), $(grep -o 'joints apart at most: [0-9.]* micrometres' "$work/same").
- Quick tests: $(tail -1 "$work/tests").
RESULT
cat benchmarks/results/arm64.md
