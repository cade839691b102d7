# Two commands do everything: `make demo` shows Berth at work, `make test` proves it.
GO       ?= go
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
EMBEDDED := internal/embedded/files
SHIMTAGS := seccomp netgo osusergo
LDFLAGS   = -s -w -X main.version=$(VERSION)
export CGO_ENABLED = 0

# What `make package` names the files by: a tag v1.2.3, or the commit after the last one.
RELEASE  ?= $(shell git describe --tags --exact-match --match 'v[0-9]*' 2>/dev/null | sed 's/^v//' | grep . || git log -1 --format=0.0.0-%cd.%h --date=format:%Y%m%d%H%M%S 2>/dev/null || echo 0.0.0-dev)
RELEASED ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 0)

.PHONY: demo build test test-vm bench scale tools vet generate clean seccomp package

# The image's first task, from nothing to a page that answers; Berth stays up (`bin/berth down` ends it).
demo: build
	@./examples/hello-web/demo.sh

build: seccomp
	@mkdir -p bin
	$(GO) build -trimpath -ldflags '-s -w' -o bin/hello ./cmd/hello
	CGO_ENABLED=1 $(GO) build -trimpath -tags '$(SHIMTAGS)' -ldflags '$(LDFLAGS) -extldflags -static' -o bin/berth-shim ./cmd/berth-shim
	GOOS=linux GOARCH=amd64 $(GO) build -trimpath -ldflags '-s -w' -o bin/berth-pause-amd64 ./cmd/berth-pause
	GOOS=linux GOARCH=arm64 $(GO) build -trimpath -ldflags '-s -w' -o bin/berth-pause-arm64 ./cmd/berth-pause
	@for program in hello berth-shim berth-pause-amd64 berth-pause-arm64; do \
		[ $(EMBEDDED)/$$program.zst -nt bin/$$program ] || $(GO) run ./internal/embedded/pack bin/$$program $(EMBEDDED)/$$program.zst; done
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/berth ./cmd/berth

# libseccomp (LGPL-2.1) is linked into berth-shim statically; NOTICE tells what that means.
seccomp:
	@[ -e /usr/include/seccomp.h ] || { echo "installing libseccomp-dev, which berth-shim is built with"; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq libseccomp-dev >/dev/null; } \
		|| { echo "make: install libseccomp's development files (Debian, Ubuntu: apt-get install libseccomp-dev) and try again"; exit 1; }

test: build tools vet
	$(GO) test -timeout 20m ./...

# The native engine under cgroup v2, in a virtual machine in software: a quarter of an hour.
test-vm: seccomp
	@./test/vm/run.sh

tools:
	@./test/tools.sh

vet:
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); [ -z "$$unformatted" ] || { echo "gofmt these: $$unformatted"; exit 1; }
	$(GO) vet ./...
	$(GO) -C release vet ./...
	CGO_ENABLED=1 $(GO) vet -tags '$(SHIMTAGS)' ./cmd/berth-shim/...
	$(GO) tool staticcheck ./...
	CGO_ENABLED=1 $(GO) tool staticcheck -tags '$(SHIMTAGS)' ./cmd/berth-shim/...

# Each budget of the design beside its floor, measured in the same run; JSON=FILE takes the table too.
bench: build
	$(GO) test -run '^$$' -bench . -benchtime 1x -timeout 20m ./test/bench/balancer
	$(GO) test -run '^$$' -bench . -benchtime 1x -timeout 20m ./test/bench $(if $(JSON),-args -o $(abspath $(JSON)))

# Launches each second, latency, memory and restart of a control plane with hollow agents: docs/scale.md.
scale:
	@mkdir -p bin
	@$(GO) build -trimpath -o bin/scale ./test/scale
	@bin/scale $(if $(JSON),--output json >$(JSON)) $(SCALE)

# For this machine's architecture, into dist: an archive, a Debian package, an OCI image of Berth, their checksums.
package: VERSION = $(RELEASE)
package: build
	$(GO) -C release run . -root .. -out ../dist -version '$(RELEASE)' -time $(RELEASED)

generate:
	$(GO) generate ./api

clean:
	rm -rf bin dist $(EMBEDDED)/*.zst
