#!/usr/bin/env bash
# Measures every figure and renders them. Leave the machine alone meanwhile.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo "the service (about a minute)"
go test -run '^$' -bench '^BenchmarkFigures$' -benchtime 1x ./program -figures "$work/service.json"
echo "the shim"
node bench/shim.js "$work/shim.json"
echo "the policy and live sessions"
node bench/policy.js "$work/policy.json"
echo "large tenants (about six minutes)"
node bench/scale.js "$work/scale.json"
echo "the session proxy beside HAProxy (about a minute)"
command -v haproxy >/dev/null || apt-get install -y --no-install-recommends haproxy
go test -run '^$' -bench '^BenchmarkFigures$' -benchtime 1x ./meshbridge/proxy -figures "$work/proxy.json"
node bench/merge.js bench/results.json "$work/service.json" "$work/shim.json" "$work/policy.json" "$work/scale.json" "$work/proxy.json"
node bench/render.js
cat docs/benchmarks.md
