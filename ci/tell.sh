#!/bin/sh
# SPDX-License-Identifier: MPL-2.0
# Usage: ci/tell.sh <command> [argument …]
# Runs a command and ends as it does. On GitHub its exit code becomes the output "code" of the step,
# so that later ones can tell a broken series (1) from a source that is not to be had (4), and what
# it said last goes to the summary when it failed.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
{
  code=0
  "$@" 2>&1 || code=$?
  echo "$code" >"$dir/code"
} | tee "$dir/log"
code=$(cat "$dir/code")
[ -z "${GITHUB_OUTPUT:-}" ] || echo "code=$code" >>"$GITHUB_OUTPUT"
if [ "$code" -ne 0 ] && [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then
  {
    printf '\n`%s` ended with %s:\n\n~~~\n' "$*" "$code"
    tail -n 40 "$dir/log"
    printf '~~~\n'
  } >>"$GITHUB_STEP_SUMMARY"
fi
exit "$code"
