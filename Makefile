# `make help` lists what there is. `make demo` and `make test` need Go and Node only: they install the rest themselves.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo attack test test-go test-shim test-e2e test-image lint verify generate bench build image fuzz prerequisites

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
ESBUILD := go tool -modfile=tools/esbuild/go.mod esbuild
BUF := tools/npm/node_modules/.bin/buf
ESLINT := tools/npm/node_modules/.bin/eslint -c tools/npm/eslint.config.mjs
FUZZTIME ?= 20s

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: e2e/node_modules ## everything on this machine: PostgreSQL, meshsso, MeshCentral, two agents, a dashboard (DEMO_CHECK=1: one headless sign-in)
	@node e2e/bin/demo.js

attack: e2e/node_modules js-shim/node_modules prerequisites ## every frame, tunnel and request, as each role, with and without MeshSSO; the last line is one JSON object
	@node e2e/bin/attack.js

test: test-go test-shim test-e2e test-image ## every test: Go, JavaScript, end to end, the container image

test-go: e2e/node_modules
	go vet ./...
	go test -race ./...

test-shim: js-shim/node_modules
	node --test --test-concurrency=2 js-shim/test/*.test.js

test-e2e: e2e/node_modules js-shim/node_modules prerequisites build
	node --test --test-concurrency=1 e2e/test/*.test.js

test-image: build
	deploy/test-image.sh

prerequisites: e2e/node_modules # Chromium, Xvfb and their like: installed as root on Debian, else named
	@node -e "require('./e2e/lab/prerequisites').ensurePrerequisites(console.log).catch((err) => { console.error(err.message); process.exit(1); })"

lint: tools/npm/node_modules ## golangci-lint, buf, eslint
	go tool -modfile=tools/golangci/go.mod golangci-lint run ./...
	$(BUF) lint
	$(BUF) format -d --exit-code
	$(ESLINT) js-shim e2e bench meshbridge/embed

verify: tools/npm/node_modules ## regenerates what is generated and fails on a difference
	@before=$$(git status --porcelain); $(MAKE) --no-print-directory generate; after=$$(git status --porcelain); \
	if [ "$$before" != "$$after" ] || ! git diff --quiet -- proto js-shim/proto meshbridge/embed/dist docs/benchmarks.md; then \
		echo "generated files are not up to date: run make generate and commit" >&2; git status --short >&2; exit 1; fi
	go mod tidy -diff
	$(BUF) breaking --against '.git#ref=HEAD'

generate: tools/npm/node_modules # Go from the contract, the shim's copy of it, what a dashboard loads, the page of figures
	$(BUF) generate
	cp proto/meshsso/v1/auth.proto js-shim/proto/auth.proto
	$(ESBUILD) meshbridge/embed/src/embed.js meshbridge/embed/src/embed-react.js --bundle --format=esm --charset=utf8 --target=es2022 --external:react --external:./embed.js --outdir=meshbridge/embed/dist --log-level=warning
	node bench/render.js

bench: e2e/node_modules js-shim/node_modules ## measures the figures of docs/benchmarks.md anew (minutes)
	bench/run.sh

fuzz: ## each fuzz target for FUZZTIME (20s)
	@go list ./... | while read -r package; do \
		go test -list '^Fuzz' "$$package" | grep '^Fuzz' | while read -r target; do \
			echo "$$package $$target"; go test "$$package" -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME); done; done

build: ## bin/meshsso, a static binary
	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X github.com/everydaytech/meshsso/program.version=$(VERSION)" -o bin/meshsso ./cmd/meshsso

image: ## the container image meshsso:VERSION, with docker, podman or buildah
	deploy/build-image.sh meshsso:$(VERSION)

%/node_modules: %/package-lock.json
	npm ci --no-audit --no-fund --loglevel=error --prefix $*
	@touch $@

# Not `npm ci`: it insists on the packages of every platform, and a registry may not serve all of them.
tools/npm/node_modules: tools/npm/package-lock.json
	npm install --no-save --no-audit --no-fund --loglevel=error --prefix tools/npm
	@touch $@
