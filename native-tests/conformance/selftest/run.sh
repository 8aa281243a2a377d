#!/bin/sh
# SPDX-License-Identifier: MPL-2.0
# Checks what the runner reports of the cases in cases.c.
# Usage: run.sh <conformance-selftest>
set -u
program=$1
out=$(mktemp -d) || exit 1
trap 'rm -rf "$out"' EXIT
failed=0

complain()
{
    echo "selftest: $*" >&2
    failed=1
}

# expect <exit code> <file> <option>...: runs the program, output in the file
expect()
{
    code=$1
    file=$out/$2
    shift 2
    "$program" "$@" >"$file" 2>"$file.err"
    actual=$?
    [ "$actual" -eq "$code" ] || complain "$*: exit code $actual, not $code"
}

# has <file> <line>: the output has exactly this line
has()
{
    grep -qxF -- "$2" "$out/$1" || complain "$1 lacks the line: $2"
}

expect 1 all --timeout 3
has all '1..19'
has all 'ok 1 - 1.2 passes'
has all 'ok 2 - 1.10 sorted after 1.2'
has all '# a comment'
has all 'not ok 3 - 2.1 returns the wrong value'
has all '# 2 + 2: expected 5, actual 4'
has all 'not ok 4 - 2.2 sets the wrong errno'
grep -q '^# .*: expected -1, errno 104 ECONNRESET; actual -1, errno 6 ENXIO$' \
    "$out/all" || complain "no diagnostic for the wrong errno"
has all 'not ok 5 - 2.3 holds the wrong bytes'
grep -q '^# .*: 1 of 4 bytes differ, the first at 2: expected 0x7a, actual 0x63$' \
    "$out/all" || complain "no diagnostic for the wrong bytes"
grep -q '^# at cases.c:[0-9]*$' "$out/all" || complain "no file and line"
has all 'not ok 6 - 3.1 crashes'
has all 'not ok 7 - 3.2 crashes, as a quirk'
has all 'not ok 8 - 3.3 exits by itself'
has all "# exit status 3, not of the case's own making"
has all 'not ok 9 - 4.1 hangs, with a child that ignores signals'
has all '# hang: no end after 3 s'
has all 'ok 10 - 4.2 leaves a child behind'
has all 'ok 11 - 5.1 skips # SKIP there is no card'
has all 'ok 12 - 6.1 reproduced (quirk: reproduced)'
has all 'ok 13 - 6.2 not reproduced (quirk: not reproduced)'
has all '# not reproduced: not seen'
has all 'ok 14 - 6.3 a quirk whose check fails (quirk: not reproduced)'
has all 'ok 15 - 6.4 reproduced in part (quirk: reproduced in part)'
has all 'ok 16 - 6.5 hangs where that is allowed # SKIP may wedge a real driver: --quirks runs it'
has all 'ok 17 - 7.1 slow, side by side'
has all 'ok 19 - 7.3 alone'
has all '# ran 17 of 19 cases: 10 held, 7 failed; 2 skipped'

expect 0 quirk --quirks --timeout 1 --filter 6.5
has quirk 'ok 1 - 6.5 hangs where that is allowed (quirk: hangs)'

# A prefix is of whole numbers: 1.1 is not 1.10.
expect 2 none --filter 1.1
expect 0 prefix --filter 1
has prefix '1..2'
expect 0 regex --filter 'sorted|reproduced$'
has regex '1..3'
expect 0 list --list --filter 7
has list '7.1  slow, side by side  [slow]'

# The floor counts what ran: a run of nothing but skips proves nothing.
expect 1 skips --filter 5
expect 0 allowed --filter 5 --floor 0
expect 0 enough --filter 1 --floor 2
expect 1 few --filter 1 --floor 3
has few '# fewer cases ran than the floor of 3'

expect 2 unknown --nonsense
expect 2 timeout --timeout soon
expect 2 expression --filter '('
expect 2 argument surplus
expect 0 help --help
expect 0 tap --filter 1.2 --tap-out "$out/tap.txt"
has tap.txt 'ok 1 - 1.2 passes'
expect 0 foreground --foreground --filter 1.2
expect 2 foreground-two --foreground --filter 1

# The slow cases ran side by side, so all took well below their sum.
start=$(date +%s)
expect 0 slow --filter 7
[ $(($(date +%s) - start)) -lt 4 ] || complain "slow cases ran one by one"

exit $failed
