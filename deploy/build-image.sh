#!/bin/sh
# Builds the sidecar's image. Needs Go and one of docker, podman, buildah; pulls nothing.
#
#   deploy/build-image.sh [TAG]      TAG defaults to meshsso:latest
#
#   ENGINE=buildah                   which of them (default: the first that is installed)
#   ENGINE_FLAGS="--storage-driver vfs"   what comes right after its name
#   BINARY=path                      a static binary that was built already, instead of building one
#   GOARCH=arm64                     for another processor
#   VERSION=v1.2.3                   what `meshsso version` says (default: git describe)
#   CA_BUNDLE=path                   CA certificates, PEM (default: this machine's)
set -eu
cd "$(dirname "$0")/.."
tag=${1:-meshsso:latest}
fail() { echo "build-image: $*" >&2; exit 1; }

engine=${ENGINE:-}
if [ -z "$engine" ]; then
    for each in docker podman buildah; do
        if command -v "$each" >/dev/null 2>&1; then engine=$each; break; fi
    done
fi
[ -n "$engine" ] || fail "none of docker, podman and buildah is installed (Debian: apt-get install buildah)"

bundle=${CA_BUNDLE:-}
if [ -z "$bundle" ]; then
    for each in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/ca-bundle.pem /etc/ssl/cert.pem; do
        if [ -r "$each" ]; then bundle=$each; break; fi
    done
fi
if [ -z "$bundle" ] || ! [ -r "$bundle" ]; then
    fail "no CA certificates (Debian: apt-get install ca-certificates), or name them: CA_BUNDLE=file"
fi

context=dist/image
rm -rf "$context"
mkdir -p "$context/run/meshsso"
chmod 755 "$context/run"
chmod 750 "$context/run/meshsso"
install -m 644 "$bundle" "$context/ca-certificates.crt"
if [ -n "${BINARY:-}" ]; then
    install -m 755 "$BINARY" "$context/meshsso"
else
    version=${VERSION:-$(git describe --tags --always --dirty 2>/dev/null || echo unknown)}
    CGO_ENABLED=0 GOOS=linux go build -trimpath -ldflags "-s -w -X github.com/everydaytech/meshsso/program.version=$version" -o "$context/meshsso" ./cmd/meshsso
fi

set -- -t "$tag" -f deploy/Dockerfile
case $engine in
    # HEALTHCHECK is not in the OCI format. chroot needs no namespaces, and nothing is run in this build anyway.
    *buildah) set -- build --format docker --isolation chroot "$@" ;;
    *podman) set -- build --format docker "$@" ;;
    *) set -- build "$@" ;;
esac
# shellcheck disable=SC2086 # flags are words
"$engine" ${ENGINE_FLAGS:-} "$@" "$context"
echo "built $tag"
