#!/bin/sh
# One night, as a scheduler starts it: safe to start again at any time.
#   xiaobao-night.sh IN OUT STORE       IN: folder of the night's files; OUT: folder of this night's results
# XIAOBAO_HOME holds the binary, data/ and models/ (default: the folder that this script was installed in).
set -u
home=${XIAOBAO_HOME:-$(cd "$(dirname "$0")" && pwd)}
in=$1 out=$2 store=$3
cd "$home" || exit 3
# --resume: goes on with an interrupted run, begins a new one, leaves a complete one as it is.
"$home/xiaobao" triage "$in" --out "$out" --store "$store" --resume --max-rejects 2% --progress json
code=$?
case $code in
    0 | 1) "$home/xiaobao" audit "$out" --store "$store" || exit 3 ;;
esac
# 1: all done, some records rejected: they stand in rejects.jsonl and in the report; the night is not to be started again.
[ $code -eq 1 ] && exit 0
exit $code
