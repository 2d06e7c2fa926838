#!/usr/bin/env bash
# Build every native fuzz target as a libFuzzer executable, and zip its seeds.
#
#   OUT   where the executables go (build/libfuzzer)
#   WORK  where the rest goes (a temporary directory)
#   CC, CXX, CXXFLAGS, LIB_FUZZING_ENGINE  as OSS-Fuzz sets them (clang, the same, nothing, -fsanitize=fuzzer)
#
# The source tree is not touched: the targets come in through `go build -overlay`.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
root=$PWD
OUT=${OUT:-$root/build/libfuzzer}
mkdir -p "$OUT"
OUT=$(cd "$OUT" && pwd)
if [[ -n ${WORK:-} ]]; then
	mkdir -p "$WORK"
	work=$(mktemp -d "$(cd "$WORK" && pwd)/libfuzzer.XXXXXX")
else
	work=$(mktemp -d)
fi
trap 'rm -rf "$work"' EXIT

if [[ ${SANITIZER:-address} == coverage ]]; then
	echo "libfuzzer: no coverage builds; use go test ./fuzz -coverpkg=./..." >&2
	exit 1
fi
if [[ -z ${CC:-} ]]; then
	CC=$(command -v clang || { compgen -c clang- | grep -E '^clang-[0-9]+$' | sort -Vru || true; } | head -n 1)
	[[ -n $CC ]] || { echo "libfuzzer: no clang found; set CC" >&2; exit 1; }
fi
export CC CGO_ENABLED=1
CXX=${CXX:-$CC}

# The targets, as files that are no tests and that use libfuzzer.F in place of testing.F.
entries=()
for file in fuzz/*_test.go; do
	name=$(basename "$file" _test.go)_libfuzzer.go
	if grep -q 'testing\.F\b' "$file"; then
		sed -e 's|^package .*|&; import "credence/fuzz/libfuzzer"|' -e 's|\btesting\.F\b|libfuzzer.F|g' "$file" >"$work/$name"
		printf '\nvar _ testing.TB\n' >>"$work/$name"
	else
		cp "$file" "$work/$name"
	fi
	entries+=("\"$root/fuzz/$name\": \"$work/$name\"")
done
(IFS=,; echo "{\"Replace\": {${entries[*]}}}") >"$work/overlay.json"

targets=$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*testing\.F).*/\1/p' fuzz/*_test.go)
[[ -n $targets ]] || { echo "libfuzzer: no targets in fuzz/" >&2; exit 1; }
for target in $targets; do
	cat >"$work/main.go" <<-GO
		package main

		// #include <stddef.h>
		import "C"

		import (
			"unsafe"

			target "credence/fuzz"
			"credence/fuzz/libfuzzer"
		)

		var loaded *libfuzzer.F

		//export LLVMFuzzerInitialize
		func LLVMFuzzerInitialize(*C.int, ***C.char) C.int {
			loaded = libfuzzer.Load("$target", target.$target)
			return 0
		}

		//export LLVMFuzzerTestOneInput
		func LLVMFuzzerTestOneInput(data *C.char, size C.size_t) C.int {
			loaded.Run(C.GoBytes(unsafe.Pointer(data), C.int(size)))
			return 0
		}

		func main() {}
	GO
	# The packages without instrumentation are those of github.com/AdamKorcz/go-118-fuzz-build, and testing.
	go build -buildmode=c-archive -tags=libfuzzer -trimpath -overlay "$work/overlay.json" \
		-gcflags=all=-d=libfuzzer \
		-gcflags=runtime/cgo=-d=libfuzzer=0 -gcflags=runtime/pprof=-d=libfuzzer=0 -gcflags=syscall=-d=libfuzzer=0 -gcflags=testing=-d=libfuzzer=0 \
		-o "$work/$target.a" "$work/main.go"
	# shellcheck disable=SC2086  # the flags are lists
	$CXX ${CXXFLAGS:-} ${LIB_FUZZING_ENGINE:--fsanitize=fuzzer} "$work/$target.a" -o "$OUT/$target"

	mkdir "$work/$target"
	FUZZ_SEEDS=$work/$target "$OUT/$target" >/dev/null
	rm -f "$OUT/${target}_seed_corpus.zip"
	(cd "$work/$target" && python3 -m zipfile -c "$OUT/${target}_seed_corpus.zip" ./*)
	echo "$target: $(find "$work/$target" -type f | wc -l) seeds"
done
