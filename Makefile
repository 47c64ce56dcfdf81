# Everything that can be done with passeur's sources; `make help` lists it.
# Needs Go, git, make and gcc; what else the tests need, `make deps` installs.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := build

GO ?= go
# a file to send in the demo; empty: 64 MiB that it makes itself
FILE ?=
# two kinds of routers for natlab; empty: every kind with every other
PAIR ?=
# how long each fuzz target runs, and which: an expression for "FOLDER NAME"; empty: all
FUZZTIME ?= 60s
FUZZ ?=
# rounds of the benchmark, and which rows, with commas; empty: all (bin/bench -list)
ROUNDS ?= 3
ROW ?=
# how long the soak goes on
DURATION ?= 1h
# how many nodes the simulated networks have
NODES ?= 20 50 100 300
# systems to make a release for; empty: all, linux/amd64 and others (packaging/release)
TARGETS ?=
# where govulncheck looks, file://DIR for a copy; empty: vuln.go.dev
VULNDB ?=
# tests of a package that take longer are stopped
TIMEOUT ?= 10m
# how often up to three tests that failed run again; they are named at the end
RERUNS ?= 2
# what the dashboard has of others
VENDOR := cmd/node/dashboard/web/lib

TOOL = $(GO) tool -modfile=tools.mod

# The race detector for all Go code but SQLite, which is C translated to Go: neither it
# nor checkptr knows that memory, and nine tenths of the tests' time went there.
RACE = -race $(foreach p,modernc.org/sqlite/lib modernc.org/libc,'-gcflags=$(p)=-race=false -d=checkptr=0')
# Packages whose tests take longest begin first, lest one of them runs on alone.
LONG = ./node ./test/natlab/through ./test/browser ./test/homes ./cmd/node ./test/release
# Packages that are tested at a time: one more than there are processors, as many wait.
AT_ONCE = $(shell echo $$(($$(nproc) + 1)))

.PHONY: build
build: ## make bin/passeur
	$(GO) build -trimpath -o bin/passeur ./cmd/node

.PHONY: test
test: deps lint ## all checks and all tests, with the race detector
	scratch=$$(test/scratch.sh); trap 'rm -rf "$$scratch"' EXIT; TMPDIR=$$scratch \
	$(TOOL) gotestsum --format pkgname --hide-summary skipped --packages "$(LONG) ./..." \
		--rerun-fails=$(RERUNS) --rerun-fails-max-failures 3 -- $(RACE) -vet=off -p $(AT_ONCE) -count=1 -timeout $(TIMEOUT)

.PHONY: demo
demo: build ## two people and a DHT node on this machine: a file crosses (FILE=path)
	bin/passeur demo $(if $(FILE),"$(FILE)")

.PHONY: bench
bench: build ## how fast passeur is, next to others: ROUNDS=3, ROW=name,name
	$(GO) build -trimpath -o bin/bench ./test/bench
	bin/bench -rounds $(ROUNDS) $(if $(ROW),-row "$(ROW)")

.PHONY: natlab
natlab: deps ## two nodes behind two routers: PAIR=prc,sym of open fullcone prc prcrst prcnofw sym upnp
	NATLAB_PAIR="$(PAIR)" $(GO) test -count=1 -v -timeout 30m -run '^TestMatrix$$' ./test/natlab/through

.PHONY: faults
faults: ROUNDS = 500
faults: deps ## ROUNDS=500 files, each with a fault on its way, and a table of what became of them
	FAULTS_ROUNDS=$(ROUNDS) $(GO) test -count=1 -v -timeout 24h -run '^TestFaults$$' ./test/faults

.PHONY: soak
soak: deps ## files, messages and restarts for DURATION=1h, and what nodes have at its end
	FAULTS_SOAK=$(DURATION) $(GO) test -count=1 -v -timeout 0 -run '^TestSoak$$' ./test/faults

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZTIME=60s, or those of FUZZ=expression
	grep -rnoE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' . \
	| sed -E 's|^(.*)/[^/]*:[0-9]+:func (.*)|\1 \2|' | sort -u | { grep -E -- "$(FUZZ)" || true; } \
	| while read -r dir name; do \
		echo "== $$dir $$name"; \
		$(GO) test -run='^$$' -fuzz="^$$name\$$" -fuzztime=$(FUZZTIME) -fuzzminimizetime=20x "$$dir" </dev/null; \
	done

.PHONY: load
load: ## one node under far too much of everything, and whether its limits hold: a table
	LOAD_WHOLE=yes nice -n 10 $(GO) test -count=1 -v -timeout 2h -run '^TestLoad$$' ./test/load

.PHONY: scale
scale: ## what a node costs in networks of growing size, simulated: NODES="20 50 100 300"
	SCALE_NODES="$(NODES)" nice -n 10 $(GO) test -count=1 -v -timeout 6h -run '^TestScale$$' ./test/scale

.PHONY: lint
lint: ## gofmt, go vet, staticcheck
	@echo gofmt -l .
	@unformatted=$$(gofmt -l .); \
	if [ -n "$$unformatted" ]; then echo "not formatted, run gofmt -w on:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(TOOL) staticcheck ./...

.PHONY: release
release: ## dist/: binaries, archives, Debian packages, bills of materials: TARGETS=linux/amd64
	rm -rf dist
	CGO_ENABLED=0 GOFLAGS=-trimpath $(GO) run ./packaging/release dist $(TARGETS)

.PHONY: release-check
release-check: deps ## is a release for all systems the same when it is built twice from nothing?
	RELEASE_ALL=yes $(GO) test -count=1 -v -timeout 2h ./test/release

.PHONY: audit
audit: ## known faults of what is linked (asks vuln.go.dev): VULNDB=file://DIR for a copy of it
	$(GO) run golang.org/x/vuln/cmd/govulncheck@v1.9.0 $(if $(VULNDB),-db "$(VULNDB)") ./...

.PHONY: deps
deps: ## the Debian packages that tests need, if they are missing
	@test/deps.sh

.PHONY: vendor-web
vendor-web: ## the dashboard's libraries anew, at the versions of test/browser/package-lock.json
	cd test/browser && npm ci --ignore-scripts --no-audit --no-fund
	rm -rf $(VENDOR) && mkdir -p $(VENDOR)
	cd test/browser/node_modules && cp --parents -t ../../../$(VENDOR) \
		lean-qr/LICENSE lean-qr/index.mjs \
		lit-html/LICENSE lit-html/{lit-html,directive,directive-helpers}.{js,d.ts} \
		lit-html/directives/{live,repeat}.{js,d.ts}
	cp test/browser/lean-qr.d.mts $(VENDOR)/lean-qr/index.d.mts
	cd $(VENDOR) && find . -type f ! -name SHA256SUMS | LC_ALL=C sort | xargs sha256sum >SHA256SUMS

.PHONY: clean
clean: ## remove what was built here
	rm -rf bin dist test/bench/out test/browser/{out,node_modules}

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
