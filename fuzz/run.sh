#!/bin/sh
# Runs fuzz targets with the project's own compiler: fuzz/run.sh SECONDS [TARGET...]. All of them unless some are named.
# Coverage is LLVM's pass, which stable has; what it has found is kept in fuzz/corpus, what fails in fuzz/artifacts.
set -eu
cd "$(dirname "$0")"
seconds=${1:?usage: fuzz/run.sh SECONDS [TARGET...]}
shift
[ $# -gt 0 ] || set -- $(basename -s .rs fuzz_targets/*.rs)
# With a target named, build scripts and macros are built without these.
host=$(rustc -vV | sed -n 's/^host: //p')
export RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares -Cdebug-assertions -Coverflow-checks"
cargo build --release --target "$host"
for target; do
    echo "== $target, $seconds seconds"
    mkdir -p "corpus/$target" "artifacts/$target"
    if ! "target/$host/release/$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="artifacts/$target/" "corpus/$target" >"artifacts/$target.log" 2>&1; then
        tail -n 40 "artifacts/$target.log" >&2
        exit 1
    fi
    grep '^stat::' "artifacts/$target.log"
done
