#!/usr/bin/env bash
# Runs in the builder image, which sets SRC, OUT, WORK, CC, CXX, CXXFLAGS, LIB_FUZZING_ENGINE and SANITIZER.
set -euo pipefail
exec "$SRC/credence/fuzz/libfuzzer/build.sh"
