# Credence. `make help` lists the targets.

GO          ?= go
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
CREDENCE    := build/credence
SHIMS       := build/shims
MATRIX      := $(GO) run ./cmd/matrix
ALL_SHIMS   := $(SHIMS)/reference $(SHIMS)/libsignal-go $(SHIMS)/libolm $(SHIMS)/libsignal-c $(SHIMS)/vodozemac $(SHIMS)/libsignal-java.jar \
               $(SHIMS)/venv/installed shims/olm-js/node_modules shims/libsignal-ts/node_modules

.DEFAULT_GOAL := help
.PHONY: help conformance demo test test-browser race race-reference check sizes vectors vectors-check schemadoc shims shims-here findings record campaigns zoo zoo-check mutants mutants-check search formal schedules build bench bench-check fuzz fuzz-zoo fuzz-coverage release release-check clean FORCE

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

conformance: $(CREDENCE) $(SHIMS)/reference $(SHIMS)/libsignal-go ## main job: judge the reference and go.mau.fi/libsignal over shims
	$(CREDENCE) run --shim $(SHIMS)/reference
	$(MATRIX) -details libsignal-go-live

test: ## all tests of the project
	$(GO) test -timeout 30m ./...

test-browser: ## the tests of the HTML report in headless Chromium, which is installed if it is missing (Debian)
	@command -v chromium >/dev/null || { echo "installing chromium"; \
		if [ "$$(id -u)" = 0 ]; then apt-get update -qq && apt-get install -y -qq chromium; else sudo apt-get update -qq && sudo apt-get install -y -qq chromium; fi; }
	$(GO) test ./report -run Browser -count 1

race: ## all tests with the race detector
	$(GO) test -race ./...

race-reference: ## devices that work at the same time, and their post office, under the race detector (needs a C compiler)
	@if command -v $$($(GO) env CC) >/dev/null; then $(GO) test -race ./reference/client ./reference/postoffice; else echo "no C compiler: the race detector is left out"; fi

demo: ## a conversation of users with several devices, step by step
	$(GO) run ./cmd/credence demo

check: ## formatting, vet, staticcheck
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo "not gofmt-clean"; exit 1; }
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...
	$(GO) vet -C bench ./...
	cd bench && $(GO) run $(STATICCHECK) ./...

sizes: ## count the lines of files and functions, which a test keeps within their bounds
	$(GO) test -count 1 -run TestSizes -v .

vectors: ## write the vectors from the reference
	$(GO) run ./cmd/vecgen

vectors-check: ## exit 1 if the vectors are not what the reference gives
	$(GO) run ./cmd/vecgen -check

schemadoc: ## write the schema of the shim protocol, its reference and transcript, and the reference of the vector format
	$(GO) run ./cmd/schemadoc
	$(GO) test ./shim/process -run Transcript -update

shims: $(ALL_SHIMS) ## build every shim, run the suite on each, compare with the recorded verdicts
	$(MATRIX)

shims-here: ## the same with those shims whose packages install here; says which did not
	-@$(MAKE) --no-print-directory -k $(ALL_SHIMS)
	$(MATRIX) -allow-missing

findings: $(ALL_SHIMS) ## run the matrix and write docs/findings.md and docs/proof.md
	$(MATRIX) -docs docs

record: $(ALL_SHIMS) ## run the matrix and record its verdicts
	$(MATRIX) -record -docs docs

campaigns: $(ALL_SHIMS) ## fuzz every shim for CAMPAIGN (3m), keep the findings in shims/campaigns and write docs/campaigns.md
	$(MATRIX) -fuzz $(or $(CAMPAIGN),3m) -docs docs

zoo: ## run the suite on every bug of conformance/zoo and write docs/zoo.md (two minutes)
	$(GO) run ./cmd/zoo -docs docs/zoo.md

zoo-check: ## the same, writing nothing; fails if a bug is not caught
	$(GO) run ./cmd/zoo

mutants: ## judge every small change of the reference, take each rule away in each set and role, and write docs/mutants.md (hours)
	@mkdir -p build
	$(GO) run ./cmd/mutants -out build/mutants.jsonl || [ $$? = 1 ]
	$(GO) run ./cmd/mutants -rules -out build/rules.jsonl || [ $$? = 1 ]
	$(GO) run ./cmd/mutants -docs docs/mutants.md build/mutants.jsonl build/rules.jsonl

mutants-check: ## judge a sample of them and those that survived once; fails if one survives without an explanation
	$(GO) run ./cmd/mutants -check -every 200

search: $(CREDENCE) ## every schedule of two accounts with two devices, up to eight events, fewer where more may happen; and of two parties
	$(CREDENCE) search --target reference --depth 8
	for group in loss void; do $(CREDENCE) search --target reference --events basis,$$group --depth 5 || exit 1; done
	for group in prekeys rotation abuse; do $(CREDENCE) search --target reference --events basis,$$group --depth 4 || exit 1; done
	$(CREDENCE) search --target reference --level ratchet --depth 6

formal: ## check the models of the protocol in formal/ with Spin, which is installed if it is missing (Debian): docs/formal.md
	@command -v spin >/dev/null || { echo "installing spin"; \
		if [ "$$(id -u)" = 0 ]; then apt-get update -qq && apt-get install -y -qq spin; else sudo apt-get update -qq && sudo apt-get install -y -qq spin; fi; }
	@formal/check build/formal

SCHEDULES ?= 10000

schedules: $(CREDENCE) $(SHIMS)/venv/installed ## SCHEDULES (10000) random schedules of each level on the reference and on the implementation in Python (hours)
	$(CREDENCE) search --target reference --random $(SCHEDULES)
	$(CREDENCE) search --shim '$(SHIMS)/venv/bin/python shims/python/shim.py' --random $(SCHEDULES)

bench: ## measure the reference and the harness against their primitives and other libraries, and write docs/performance.md (half an hour)
	$(GO) run -C bench . -docs ../docs -long $(or $(LONG),10m) -zoo

bench-check: ## run every benchmark once, and the tests of their command
	@mkdir -p build
	$(GO) test -C bench -cpu 1 -benchtime 1x -bench 'OneWay|PingPong|SetUp|Send|Message|Rotation|CatchUp|Script|RoundTrip' ./... > build/bench-check.txt || { cat build/bench-check.txt; exit 1; }

FUZZTIME ?= 10s

fuzz: ## fuzz each native target for FUZZTIME (10s), then run a campaign on the reference
	@for target in $$($(GO) test ./fuzz -list '^Fuzz' | grep '^Fuzz'); do echo "$$target"; \
		$(GO) test ./fuzz -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1s || exit 1; done
	$(GO) run ./cmd/credence fuzz --target reference --time $(FUZZTIME) --seeds fuzz/corpus

fuzz-zoo: ## run campaigns on planted bugs until each is found, and write docs/planted.md (half an hour)
	$(GO) run ./cmd/zoo -fuzz -docs docs/planted.md

fuzz-coverage: ## what of reference/ the campaigns on the reference reach in FUZZTIME
	$(GO) build -cover -coverpkg=./reference/...,./cmd/credence -o build/credence-cover ./cmd/credence
	rm -rf build/coverage && mkdir -p build/coverage
	GOCOVERDIR=build/coverage build/credence-cover fuzz --target reference --time $(FUZZTIME) --seeds fuzz/corpus
	$(GO) tool covdata percent -i build/coverage -pkg credence/reference/...
	$(GO) tool covdata textfmt -i build/coverage -pkg credence/reference/... -o build/coverage.txt
	$(GO) tool cover -func build/coverage.txt | tail -1

build: $(CREDENCE) ## build the credence command into build/

$(CREDENCE): FORCE
	$(GO) build -o $@ ./cmd/credence

$(SHIMS)/reference: FORCE
	$(GO) build -o $@ ./shims/reference

$(SHIMS)/libsignal-go: FORCE
	$(GO) build -C shims/libsignal-go -o $(CURDIR)/$@ .

$(SHIMS)/libolm: FORCE
	@test -f /usr/include/olm/olm.h || { echo "installing libolm-dev"; \
		if [ "$$(id -u)" = 0 ]; then apt-get update -qq && apt-get install -y -qq libolm-dev; else sudo apt-get update -qq && sudo apt-get install -y -qq libolm-dev; fi; }
	$(GO) build -C shims/libolm -o $(CURDIR)/$@ .

$(SHIMS)/vodozemac: FORCE
	cargo build --quiet --locked --release --manifest-path shims/vodozemac/Cargo.toml --target-dir build/cargo
	@mkdir -p $(@D) && cp build/cargo/release/vodozemac $@

$(SHIMS)/libsignal-java.jar: FORCE
	mvn --quiet --batch-mode --file shims/libsignal-java/pom.xml package
	@mkdir -p $(@D) && cp build/maven/libsignal-java.jar $@

$(SHIMS)/libsignal-c: FORCE
	@test -f /usr/include/signal/signal_protocol.h -a -f /usr/include/cjson/cJSON.h -a -f /usr/include/openssl/evp.h || \
		{ packages="libsignal-protocol-c-dev libcjson-dev libssl-dev"; echo "installing $$packages"; \
		if [ "$$(id -u)" = 0 ]; then apt-get update -qq && apt-get install -y -qq $$packages; else sudo apt-get update -qq && sudo apt-get install -y -qq $$packages; fi; }
	$(MAKE) -C shims/libsignal-c OUT=$(CURDIR)/$@

shims/olm-js/node_modules: shims/olm-js/package-lock.json
	npm ci --silent --prefix shims/olm-js
	@touch $@

# npm ci also compiles it, into dist.
shims/libsignal-ts/node_modules: $(addprefix shims/libsignal-ts/,package-lock.json tsconfig.json shim.ts signer.ts store.ts)
	npm ci --silent --prefix shims/libsignal-ts
	@touch $@

$(SHIMS)/venv/installed: shims/syndace/requirements.txt
	python3 -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

VERSION   := $(shell sed -n 's/^const SuiteVersion = "\(.*\)"/\1/p' conformance/verdict/report.go)
COMMIT    := $(shell git rev-parse --short=12 HEAD 2>/dev/null)
RELEASE   ?= build/release
PLATFORMS := linux-amd64 linux-arm64 darwin-amd64 darwin-arm64 windows-amd64 windows-arm64

release: ## credence for every platform, and the vectors, with their hashes, into build/release; the same bytes each time
	rm -rf $(RELEASE) && mkdir -p $(RELEASE)
	@set -e; for p in $(PLATFORMS); do \
		out=$(RELEASE)/credence-$(VERSION)-$$p; case $$p in windows-*) out=$$out.exe;; esac; echo $$out; \
		CGO_ENABLED=0 GOOS=$${p%-*} GOARCH=$${p#*-} GOFLAGS= $(GO) build -trimpath -buildvcs=false -ldflags '-s -w -buildid= -X main.commit=$(COMMIT)' -o $$out ./cmd/credence; done
	tar --sort=name --format=ustar --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=u=rw,go=r --transform 's,^,credence-vectors-$(VERSION)/,' \
		-cf - LICENSE $$(cd vectors && ls *.json README.md | sed 's,^,vectors/,') | gzip -9n > $(RELEASE)/credence-vectors-$(VERSION).tar.gz
	cd $(RELEASE) && sha256sum credence-* > SHA256SUMS

release-check: ## build the release, and again in another folder with an empty cache, and compare the bytes
	$(MAKE) --no-print-directory release
	rm -rf build/again && mkdir -p build/again/tree && git archive HEAD | tar -x -C build/again/tree
	GOCACHE=$(CURDIR)/build/again/cache $(MAKE) --no-print-directory -C build/again/tree release RELEASE=$(CURDIR)/build/again/release COMMIT=$(COMMIT)
	diff -r $(RELEASE) build/again/release && echo "two builds, equal bytes"

clean: ## remove what was built
	rm -rf build

FORCE:
