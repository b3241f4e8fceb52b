#!/bin/sh
# Builds the image with Debian's buildah in a throw-away store and looks at what is in it. Needs no daemon, no namespaces
# and no network but Go's modules. BINARY=path uses a binary that was built already.
set -eu
cd "$(dirname "$0")/.."
if ! command -v buildah >/dev/null 2>&1; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        apt-get install -y --no-install-recommends buildah >/dev/null 2>&1 || { apt-get update >/dev/null && apt-get install -y --no-install-recommends buildah >/dev/null; }
    else
        echo "test-image: buildah is not installed (Debian: apt-get install buildah)" >&2
        exit 1
    fi
fi

work=$(mktemp -d)
container=
store="--storage-driver vfs --root $work/root --runroot $work/run"
buildah_() {
    # shellcheck disable=SC2086 # flags are words
    buildah $store "$@"
}
clean() {
    if [ -n "$container" ]; then
        buildah_ umount "$container" >/dev/null 2>&1 || true
        buildah_ rm "$container" >/dev/null 2>&1 || true
    fi
    rm -rf "$work"
}
trap clean EXIT
trap 'exit 1' INT TERM

failed=0
expect() { # what, wanted, got
    if [ "$2" = "$3" ]; then
        echo "ok   $1"
    else
        echo "FAIL $1: wanted $2, got $3"
        failed=1
    fi
}

ENGINE=buildah ENGINE_FLAGS=$store deploy/build-image.sh meshsso:test >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
show() { buildah_ inspect --type image --format "$1" meshsso:test; }

expect 'user is a number and not root' 65532:65532 "$(show '{{.Docker.Config.User}}')"
expect 'entry point' '[/meshsso]' "$(show '{{.Docker.Config.Entrypoint}}')"
expect 'command' '[serve]' "$(show '{{.Docker.Config.Cmd}}')"
expect 'health check' '[CMD /meshsso healthcheck]' "$(show '{{.Docker.Config.Healthcheck.Test}}')"
expect 'volume' 'map[/run/meshsso:{}]' "$(show '{{.Docker.Config.Volumes}}')"

container=$(buildah_ from --pull-never meshsso:test)
root=$(buildah_ mount "$container")
expect 'nothing else is in it' 'etc etc/ssl etc/ssl/certs etc/ssl/certs/ca-certificates.crt meshsso run run/meshsso' \
    "$(cd "$root" && find . -mindepth 1 | sed 's,^\./,,' | LC_ALL=C sort | tr '\n' ' ' | sed 's/ $//')"
expect 'owner and mode of the socket folder' '65532:65532 750' "$(stat -c '%u:%g %a' "$root/run/meshsso")"
expect 'the binary belongs to root and is not writable by the user' '0:0 755' "$(stat -c '%u:%g %a' "$root/meshsso")"
expect 'CA certificates are certificates' yes "$(grep -q 'BEGIN CERTIFICATE' "$root/etc/ssl/certs/ca-certificates.crt" && echo yes)"
# A static binary names no interpreter, so it runs where there is no libc: a root with nothing but itself.
if [ "$(id -u)" = 0 ]; then
    expect 'it runs in a root of its own as that user' meshsso "$(chroot --userspec=65532:65532 "$root" /meshsso version 2>&1 | cut -d' ' -f1)"
    expect 'and explains itself there' yes "$(chroot --userspec=65532:65532 "$root" /meshsso --help 2>&1 | grep -q JWT_SECRET && echo yes)"
    expect 'the health check says no when nothing serves' 1 "$(chroot --userspec=65532:65532 "$root" /meshsso healthcheck >/dev/null 2>&1 && echo 0 || echo $?)"
else
    expect 'it runs' meshsso "$("$root/meshsso" version | cut -d' ' -f1)"
fi
if command -v readelf >/dev/null 2>&1; then
    expect 'it is static' 0 "$(readelf -l "$root/meshsso" | grep -c INTERP)"
fi
[ "$failed" = 0 ] && echo "image: all as it should be ($(stat -c %s "$root/meshsso") bytes)"
exit "$failed"
