#!/usr/bin/env bash
# Installs what the build and the tests need: Debian packages (as root or through sudo) and LibTorch from PyPI into .venv.
# Does nothing that is already done. FRONTIER_CUDA=ON installs the complete CUDA wheel instead of its CPU part.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(g++ cmake ninja-build ccache git python3 python3-venv ca-certificates
  libtbb-dev libboost-dev libboost-graph-dev nlohmann-json3-dev libcli11-dev libfmt-dev libsqlite3-dev sqlite3 libjpeg-dev libpng-dev
  libgoogle-perftools-dev libgtest-dev libgmock-dev libbenchmark-dev zlib1g-dev libonnx-dev libprotobuf-dev dataset-fashion-mnist libjs-chart.js mate-backgrounds python3-pil)

missing=()
for package in "${packages[@]}"; do
  [[ $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
done
if ((${#missing[@]})); then
  echo "setup: installing ${missing[*]}" >&2
  sudo=()
  if ((EUID != 0)); then
    command -v sudo >/dev/null || { echo "setup: as root, run: apt-get install ${missing[*]}" >&2; exit 1; }
    sudo=(sudo)
  fi
  "${sudo[@]}" apt-get update -qq
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

torch=2.11.0
mode=cpu
[[ ${FRONTIER_CUDA:-} == ON ]] && mode=cuda
stamp=.venv/.frontier-torch-$torch-$mode
if [[ ! -e $stamp ]]; then
  echo "setup: installing torch $torch ($mode) into .venv" >&2
  [[ -x .venv/bin/pip ]] || python3 -m venv .venv
  if [[ $mode == cuda ]]; then
    .venv/bin/pip install -q --disable-pip-version-check "torch==$torch"
  else
    # libtorch_cpu links these two small NVIDIA libraries; the other 3 GB are needed on GPUs only.
    .venv/bin/pip install -q --disable-pip-version-check --no-deps "torch==$torch" 'nvidia-cuda-runtime==13.0.*' 'nvidia-cuda-cupti==13.0.*'
  fi
  touch "$stamp"
fi

# ONNX Runtime, against which tests hold exported networks; NumPy comes with it, 150 MB together.
onnxruntime=1.32.0
stamp=.venv/.frontier-onnxruntime-$onnxruntime
if [[ ! -e $stamp ]]; then
  echo "setup: installing onnxruntime $onnxruntime into .venv" >&2
  .venv/bin/pip install -q --disable-pip-version-check "onnxruntime==$onnxruntime"
  touch "$stamp"
fi
