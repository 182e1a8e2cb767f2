# make demo : tout le programme sur un département fictif.   make test : les essais, et tout ce qu'il leur faut.
GO ?= go
export CGO_ENABLED ?= 0
export GOFLAGS ?= -trimpath

.PHONY: demo build test differential bench-validate bench-publish bench-web bench-search check clean bench-dcat

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

# What the site answers beside nginx on the same bytes, on the same processors, by turns, and searches over HTTP; the gates fail it.
bench-web:
	@sh .ci/bench/web

# How well the judged searches are answered, and how fast searches are over 10,000 and 100,000 datasets; the gates fail it.
bench-search:
	@sh .ci/bench/search

# The whole catalogue of 100,000 datasets in one document, in each syntax: seconds and memory, with gates. BENCH_DATASETS changes how many.
bench-dcat:
	@GRENIER_BENCH_DCAT=$${BENCH_DATASETS:-100000} $(GO) test ./cmd/grenier -count=1 -run '^TestBenchDCAT$$' -v -timeout 30m

check:
	@sh .ci/check

clean:
	rm -rf grenier .cache grenier-demo
