# make demo needs nothing but Go; make test installs what it needs.

GO      ?= go
BIN     := bin
# What the program says of itself, from git; sources without it have neither. The
# same commit gives the same program.
COMMIT  ?= $(shell git describe --always --abbrev=40 --dirty=-modified --exclude '*' 2>/dev/null)
VERSION ?= $(shell git describe --tags --exact-match 2>/dev/null)
LDFLAGS := -s -w $(if $(VERSION),-X main.version=$(VERSION)) $(if $(COMMIT),-X main.commit=$(COMMIT))

# What the tests need beside Go, as Debian packages.
PACKAGES := mariadb-server mariadb-client php-cli php-mysql python3 python3-pymysql haproxy
# The programs by which to tell whether they are there.
PROGRAMS := mariadbd mariadb-install-db mariadb php /usr/bin/python3 node npm haproxy

.PHONY: all build demo embedded test tools unit integration lint fuzz soak bench bench-soak profile pgo bench-go compat compat-tools browser mysql9 man deb release deb-test systemd-test docker-test alerts-test clean

all: build

build:
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/dsmproxy ./cmd/dsmproxy

embedded:
	cd integration/embedded && CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w' -o ../../$(BIN)/dsmproxy-embedded .

demo: build embedded
	$(BIN)/dsmproxy demo $(DEMO)

# lint comes first: it is quick, and finds what does not compile.
test: tools lint unit integration compat

# tools installs what the tests need, as root, or says how.
tools:
	@./.ci/tools $(PACKAGES) -- $(PROGRAMS)
	cd integration/clients/node && npm ci --no-audit --no-fund --loglevel=error

lint:
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); \
	if [ -n "$$unformatted" ]; then echo "gofmt would change:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	cd integration/embedded && $(GO) vet ./...
	cd deploy/check && $(GO) vet ./...

# The simulator of router/fence runs one goroutine at a time, so there the race
# detector finds nothing, and takes minutes.
unit:
	$(GO) test -race -timeout 45m $$($(GO) list ./... | grep -v -e '/integration' -e '/router/fence$$')
	$(GO) test -race -run '^TestLive' ./router/fence
	$(GO) test ./router/fence
	cd integration/embedded && $(GO) test ./...
	cd deploy/check && $(GO) test -count=1 ./...

# The built program is tested at the default level, safe, where a test names none;
# unit's tests of router are at seed then (go test ./router -level safe).
integration: build embedded
	$(GO) test -count=1 -timeout 45m ./integration

fuzz:
	@./.ci/fuzz

# soak simulates many histories of the replication protocol, and counts in how
# many of them each of its mechanisms is missed when it is taken out. Then it
# has real processes fail at random under real clients, for as long as SOAK says.
# A failure prints its seed, and how to replay it.
HISTORIES ?= 2000
SEED      ?= 1
SOAK      ?= 30m

soak: build
	$(GO) test ./router/fence -count=1 -timeout 0 -v -run '^(TestHistories|TestAblations)$$' -histories $(HISTORIES) -seed $(SEED)
	$(GO) test ./integration -count=1 -timeout 0 -v -run '^TestSoak$$' -soak $(SOAK) -seed $(SEED)

# bench measures the proxy beside HAProxy and direct connections; docs/PERFORMANCE.md
# says how to read it. PEER=name:port is one more to compare with, LEVELS are those
# of the proxy, BENCH adds flags (`$(BIN)/bench -h`).
LEVELS ?= seed,safe
bench: build $(BIN)/bench
	$(BIN)/bench -program $(BIN)/dsmproxy -levels $(LEVELS) $(if $(PEER),-peer $(PEER)) -json $(BIN)/bench.json -chart docs/bench.svg $(BENCH)

.PHONY: $(BIN)/bench
$(BIN)/bench:
	$(GO) build -o $@ ./integration/bench

# bench-soak looks for what grows while stores are killed and returned.
SOAK_FOR ?= 10m
bench-soak: build $(BIN)/bench
	$(BIN)/bench -program $(BIN)/dsmproxy -parts soak -duration $(SOAK_FOR) -json $(BIN)/soak.json

# profile shows where the proxy's processor time goes under load.
profile: build $(BIN)/bench
	$(BIN)/bench -program $(BIN)/dsmproxy -payloads 1024 -clients 8,64 -parts load,connect -profile $(BIN)/dsmproxy.pprof $(BENCH)
	$(GO) tool pprof -top -nodecount 40 $(BIN)/dsmproxy $(BIN)/dsmproxy.pprof

# pgo makes the profile by which `make build` optimises from then on.
pgo: profile
	$(GO) tool pprof -proto $(BIN)/dsmproxy.pprof > cmd/dsmproxy/default.pgo

bench-go:
	$(GO) test -count=1 -run Allocat ./protocol ./router/...
	$(GO) test -run '^$$' -bench . -benchmem ./protocol ./rewrite ./router/...

# compat runs other people's code against the proxy: a driver's own tests,
# session handlers from their packages, sysbench.
COMPAT_PACKAGES := sysbench perl libapache-session-perl libcgi-session-perl libplack-middleware-session-perl libdbd-mysql-perl \
	php-symfony-http-foundation php-illuminate-session php-illuminate-database \
	libphp-adodb php-horde-sessionhandler php-horde-db \
	python3-django python3-mysqldb python3-sqlalchemy python3-beaker \
	python3-flask-session python3-flask-sqlalchemy python3-webpy \
	ruby ruby-mysql2 ruby-rack ruby-moneta ruby-sequel ruby-activerecord

compat-tools: tools
	@if ! dpkg -s $(COMPAT_PACKAGES) >/dev/null 2>&1; then \
		if [ "$$(id -u)" != 0 ]; then \
			echo "run as root: apt-get update && apt-get install -y --no-install-recommends $(COMPAT_PACKAGES)"; exit 1; \
		fi; \
		apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $(COMPAT_PACKAGES); \
	fi
	cd integration/compat/node && npm ci --no-audit --no-fund --loglevel=error

compat: build compat-tools
	$(GO) vet -tags compat ./integration/compat
	cd integration/compat/go && $(GO) vet ./...
	$(GO) test -tags compat -count=1 -timeout 30m ./integration/compat

# browser looks at the status page in a real Chromium, which is some 120 MB to
# install: a minute and more.
browser: build tools
	@if ! command -v chromium >/dev/null; then \
		if [ "$$(id -u)" != 0 ]; then echo "run as root: apt-get update && apt-get install -y --no-install-recommends chromium"; exit 1; fi; \
		apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends chromium; \
	fi
	$(GO) vet -tags browser ./integration
	$(GO) test -tags browser -count=1 -timeout 10m ./integration -run TestStatusPage # UPDATE_PICTURES=1 renews those of docs

# mysql9 runs the tests that need a server on MySQL 9 and with its mysql client,
# which are unpacked into a cache, beside the system; no root is needed for that.
MYSQL9          ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/dsmproxy/mysql9
MYSQL9_PACKAGES := ./internal/mariadbtest ./internal/inspect ./internal/verify ./protocol ./router/store ./router/ledger ./router ./cmd/dsmproxy ./integration

mysql9: tools
	@./.ci/mysql9 '$(MYSQL9)'
	$(GO) vet -tags mysql9 $(MYSQL9_PACKAGES)
	$(GO) test -tags mysql9 -count=1 -p 1 -timeout 90m $(MYSQL9_PACKAGES) -mysqld '$(MYSQL9)/bin/mysqld'

man: build
	$(BIN)/dsmproxy man >$(BIN)/dsmproxy.1

# deb makes the Debian package of this machine, release everything that is
# released, with checksums. The same commit gives the same bytes.
DIST ?= $(BIN)/release
deb:
	deploy/release $(BIN)/deb linux/$$($(GO) env GOARCH)

release:
	deploy/release $(DIST)

# deb-test installs the package in a clean Debian system, which it makes with
# debootstrap in a cache, and starts, upgrades and removes it there, as root.
DEBIAN_ROOT ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/dsmproxy/debian
deb-test: deb
	@command -v debootstrap >/dev/null || { echo "run as root: apt-get install -y debootstrap"; exit 1; }
	deploy/debian/test '$(DEBIAN_ROOT)' $(BIN)/deb/dsmproxy_*.deb

# systemd-test boots a Debian system in a container, and has its systemd start,
# watch, reload, upgrade, restart and stop the package, as root.
SYSTEMD_ROOT ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/dsmproxy/systemd
systemd-test: deb
	@for p in debootstrap systemd-nspawn; do command -v $$p >/dev/null || { echo "run as root: apt-get install -y debootstrap systemd-container"; exit 1; }; done
	deploy/debian/live '$(SYSTEMD_ROOT)' $(BIN)/deb/dsmproxy_*.deb

# docker-test builds the image and has Docker run and stop it, before real stores.
docker-test: build tools
	docker build --build-arg COMMIT=$$(git rev-parse HEAD) -f deploy/docker/Dockerfile -t dsmproxy .
	$(GO) vet -tags docker ./integration
	$(GO) test -tags docker -count=1 ./integration -run TestDockerImage

# alerts-test has Prometheus judge the alert rules by series that are so.
alerts-test:
	@command -v promtool >/dev/null || { echo "run as root: apt-get install -y --no-install-recommends prometheus"; exit 1; }
	cd deploy/prometheus && promtool check rules dsmproxy.rules.yaml && promtool test rules dsmproxy.rules_test.yaml

clean:
	rm -rf $(BIN)
