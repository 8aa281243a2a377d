#!/bin/sh
# SPDX-License-Identifier: MPL-2.0
# Usage: ci/report-issue.sh <success|failure|cancelled> <folder of the reports> [address of the run]
# Keeps one issue that says how the series stands to upstream's newest: opened when it fails,
# updated as long as it does, closed when all is well again. Needs gh, with GH_TOKEN or a login.
set -eu
title='The series and the newest libzmq'
outcome=$1
reports=$2
run=${3:-}

number=$(gh issue list --state open --limit 200 --json number,title \
  --jq "map(select(.title == \"$title\")) | .[0].number // empty")

if [ "$outcome" = success ]; then
  [ -n "$number" ] || exit 0
  gh issue close "$number" --comment "All is well again. $run"
  exit 0
fi

body=$(mktemp)
trap 'rm -f "$body"' EXIT
# What is cut off at the end is no loss: it is in the artifacts.
{
  printf '%s\n\n' "$run"
  if ls -d "$reports"/verify/repaired-* >/dev/null 2>&1; then
    printf 'A repair by three-way merge is in the artifacts of the run: read it before you take it.\n\n'
  fi
  [ "$outcome" != cancelled ] || printf 'The run was cancelled, or took too long.\n\n'
  if [ -f "$reports/verify-bisect.md" ]; then
    cat "$reports/verify-bisect.md"
  fi
  if [ -f "$reports/verify/summary.md" ]; then
    cat "$reports/verify/summary.md"
  else
    echo 'The run ended before there was a report.'
  fi
  # GitHub takes no more than 65536 characters.
} | head -c 60000 >"$body"

if [ -n "$number" ]; then
  gh issue edit "$number" --body-file "$body"
else
  gh issue create --title "$title" --body-file "$body"
fi
