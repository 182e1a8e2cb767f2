# make demo : tout le programme sur un département fictif.   make test : les essais, et tout ce qu'il leur faut.
GO ?= go
export CGO_ENABLED ?= 0
export GOFLAGS ?= -trimpath

.PHONY: demo build test differential check clean

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

check:
	@sh .ci/check

clean:
	rm -rf grenier .cache grenier-demo
