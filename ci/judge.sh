#!/usr/bin/env bash
# Judges a shim in a CI job: builds credence from this checkout, runs it, and leaves the reports in a directory.
#
#   CREDENCE_SHIM            the command of the shim
#   CREDENCE_KNOWN_FAILURES  a list of known failures (docs/verdicts.md); none if empty
#   CREDENCE_ARGS            more options of credence run, split at blanks
#   CREDENCE_REPORTS         the directory of the reports; credence-reports if empty
#
# The exit status is that of credence run.
set -euo pipefail
source_tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
reports=${CREDENCE_REPORTS:-credence-reports}
mkdir -p "$reports"
go build -C "$source_tree" -o "$source_tree/build/credence" ./cmd/credence
args=(--shim "${CREDENCE_SHIM:?the command of the shim}" --scenarios "$reports/scenarios"
	--json "$reports/credence.json" --junit "$reports/credence.xml" --markdown "$reports/credence.md" --html "$reports/credence.html" --badge "$reports/badge.json")
if [[ -n ${CREDENCE_KNOWN_FAILURES:-} ]]; then
	args+=(--known-failures "$CREDENCE_KNOWN_FAILURES")
fi
read -ra more <<<"${CREDENCE_ARGS:-}"
status=0
"$source_tree/build/credence" run "${args[@]}" "${more[@]}" || status=$?
if [[ -n ${GITHUB_STEP_SUMMARY:-} && -s $reports/credence.md ]]; then
	cat "$reports/credence.md" >>"$GITHUB_STEP_SUMMARY"
fi
exit "$status"
