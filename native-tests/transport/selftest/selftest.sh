#!/bin/sh
# SPDX-License-Identifier: MPL-2.0
# selftest.sh PROGRAM: does the runner report what happened?
# Runs the scenarios of selftest_scenarios.cpp and looks at the report and the exit status.

program=$1
failures=0
TT_SELFTEST=1
export TT_SELFTEST

# run STATUS ARGUMENT...: runs the program into $report, and wants that exit status
run() {
    wanted=$1
    shift
    report=$("$program" --transport tcp "$@" 2>&1)
    status=$?
    [ "$status" -eq "$wanted" ] || wrong "exit status $status, not $wanted: $*"
}

# has PATTERN: the report has a matching line
has() {
    printf '%s\n' "$report" | grep -q -E -e "$1" || wrong "nothing matches: $1"
}

wrong() {
    failures=$((failures + 1))
    printf 'wrong: %s\n%s\n' "$1" "$report"
}

run 0 --filter '^selftest_passes$'
has '^1\.\.1$'
has '^ok 1 - selftest_passes \([0-9.]+ s\)$'
has '^# 42 messages of 42$'
if printf '%s\n' "$report" | grep -q 'of no interest'; then wrong "a note is shown of a scenario that passed"; fi

run 1 --filter '^selftest_fails$'
has '^not ok 1 - selftest_fails '
has '^# .*before the failure$'
has '^# .*FAIL selftest_scenarios.cpp:[0-9]+: .* is "left", not .* "right"$'

run 1 --filter '^selftest_hangs$'
has '^not ok 1 - selftest_hangs '
has '^# hang after 1\.[0-9] s; until then:$'
has '^# .*selftest_side.*the side waits$'
has '^# process [0-9]+ thread .*: state S, in '
# The side is gone with its scenario.
pid=$(printf '%s\n' "$report" | sed -n 's/.*side has pid \([0-9]*\)$/\1/p')
[ -n "$pid" ] || wrong "no pid of the side"
if kill -0 "$pid" 2>/dev/null; then wrong "process $pid outlived its scenario"; fi

run 1 --filter '^selftest_crashes$'
has '^not ok 1 - selftest_crashes '
has '^# ended by Aborted'

run 1 --filter '^selftest_loses_a_peer$'
has '^# .*FAIL selftest_scenarios.cpp:[0-9]+: 1 is 1, not 2 = 2$'
has '^# .*FAIL .*: peer selftest_failing_side\([0-9]+\) ended with status 1'

run 0 --filter '^selftest_skips$'
has "^ok 1 - selftest_skips # SKIP for the runner's own test\$"

run 0 --filter '^selftest_fails_as_known$'
has '^not ok 1 - selftest_fails_as_known .* # TODO a defect that is known$'

# All of them side by side.
run 1 --filter '^selftest_' --jobs 4
has '^1\.\.7$'
has '^ok 7 |^not ok 7 '
has '^# transport tcp: 6 ran, 4 failed, 1 failed by a known defect of libzmq, 1 skipped, '

run 0 --filter '^selftest_passes$' --expect 1
run 1 --filter '^selftest_(passes|skips)$' --expect 2
has '^# only 1 scenarios ran, 2 were expected$'
run 1 --filter '^no such scenario$' --expect 1

run 2 --no-such-option
run 2 --filter '['
run 2 --filter
run 2 --jobs 0
run 2 --jobs two
run 2 --transport carrier-pigeon
run 2 --scale huge
run 2 --peer-env nothing
run 2 --messages none
run 2 --mode other
run 0 --help

run 0 --list --filter '^selftest_'
has '^selftest_hangs$'
unset TT_SELFTEST
run 0 --list
has '^pattern_multipart$'
if printf '%s\n' "$report" | grep -q '^selftest_'; then wrong "selftest scenarios are listed"; fi

[ "$failures" -eq 0 ] && echo "the runner reports what happens"
exit $((failures > 0))
