# make demo : tout le programme sur un département fictif.   make test : les essais, et tout ce qu'il leur faut.
GO ?= go
export CGO_ENABLED ?= 0
export GOFLAGS ?= -trimpath

.PHONY: demo build test differential bench-validate bench-publish check clean

demo:
	$(GO) run ./cmd/grenier demo

build:
	$(GO) build -o grenier ./cmd/grenier

# Real servers (PostgreSQL, S3) and independent readers (DuckDB, SHACL) are set up by .ci/setup where that is possible; what cannot be had is
# said, and its tests are skipped by name. TESTFLAGS=-race adds the race detector.
test:
	@sh .ci/test $(TESTFLAGS)

# Generated tables judged by frictionless-py as well: 2,400 instead of the 200 of `make test`.
differential:
	@GRENIER_TEST_DIFFERENTIAL=$${GRENIER_TEST_DIFFERENTIAL:-2400} sh .ci/test -count=1 -run TestDifferential -v

# What the judge costs beside encoding/csv and excelize, each in a process of its own, and the speed of DECP documents. BENCH_BIG=10000000 adds
# the memory that a file of 2 GB takes.
bench-validate:
	@GRENIER_BENCH_VALIDATE=$${BENCH_ROWS:-1000000} GRENIER_BENCH_BIG=$${BENCH_BIG:-} $(GO) test ./harvest -count=1 -run '^TestBenchValidate$$' -v -timeout 60m
	@$(GO) test ./harvest -run '^$$' -bench 'DECP|GeoJSON'

# What pressing costs beside DuckDB from npm, by turns, each in a process of its own; the gates fail it. Then the rows API. BENCH_BIG=10000000 adds
# the memory that a file of 2.7 GB takes.
bench-publish:
	@sh .ci/bench/publish

check:
	@sh .ci/check

clean:
	rm -rf grenier .cache grenier-demo
