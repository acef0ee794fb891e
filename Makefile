# make up and make test are all you need; make help lists the rest.

STACK ?= local
GO    ?= go

# One command builds all programs of the module, so that Go links one while it compiles the next. Everything here is
# built with the same flags, and the tools with the same versions of what they share: Go's cache then serves them all.
PROGRAMS := . ./components/local/provider/pulumi-resource-mlpathway ./training-image ./inference-image
LINK     := -s -w
# The compiler's own garbage collection is a fifth of its work: let it begin at 1 GiB.
BUILD    := GOGC=off GOMEMLIMIT=1GiB $(GO)
# The CLI of the pinned module does not know its own version.
PULUMI_VERSION = $(shell awk '$$1 == "github.com/pulumi/pulumi/pkg/v3" { print $$2 }' tools/go.mod)
HOST_VERSION   = $(shell awk '$$2 == "github.com/pulumi/pulumi/sdk/v3" { print $$3 }' tools/language-host/go.mod)
VERSION_FLAG   = -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version

# An installed pulumi is used as it is.
TOOLS := bin/process-compose
ifeq ($(shell command -v pulumi 2>/dev/null),)
TOOLS := bin/pulumi bin/pulumi-language-go bin/process-compose
endif

export GOFLAGS += -buildvcs=false
# A killed make takes what it runs along.
export MLPATHWAY_END_WITH_PARENT := 1

.DEFAULT_GOAL := help
.PHONY: help up down preview refresh status logs build setup test test-unit test-provider test-images test-e2e lint fmt \
	cover bench-up clean

help: ## Show this list
	@awk 'BEGIN { FS = ":.*## " } /^[a-z0-9-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  STACK=$(STACK) chooses the stack: stacks/Pulumi.$(STACK).yaml"

up: build ## Bring up the stack: build what is missing, run pulumi up, print the endpoint
	@bin/mlpathway up -s $(STACK)

down: build ## Take the stack away: processes, ports, files
	@bin/mlpathway down -s $(STACK)

preview: build ## Show what up would do
	@bin/mlpathway preview -s $(STACK)

refresh: build ## Compare the stack with what is really there
	@bin/mlpathway refresh -s $(STACK)

status: build ## Show what runs, which model is served, how the last run went
	@bin/mlpathway status -s $(STACK)

logs: build ## Show what the processes wrote (all: bin/mlpathway logs --help)
	@bin/mlpathway logs -s $(STACK)

# --- Building -------------------------------------------------------------------------------------------------------

build: setup $(TOOLS) ## Build the programs of the local stack into bin/
	@[ -x bin/mlpathway ] || echo "Building mlpathway and its images (2 minutes the first time) ..."
	@$(BUILD) build -tags local -ldflags "$(LINK)" -o bin/ $(PROGRAMS)

setup:
	@tools/setup

# The modules of the programs come in while the tools are compiled.
bin/pulumi: tools/go.mod | setup
	@echo "Building Pulumi $(PULUMI_VERSION) and process-compose (3 to 5 minutes, once) ..."
	@$(GO) list -deps -tags local $(PROGRAMS) >/dev/null 2>&1 & \
	$(BUILD) -C tools build -tags disable_grpc_modules -ldflags "$(LINK) $(VERSION_FLAG)=$(PULUMI_VERSION)" -o ../bin/ \
		github.com/pulumi/pulumi/pkg/v3/cmd/pulumi github.com/f1bonacc1/process-compose && wait
	@touch $@

bin/pulumi-language-go: tools/language-host/go.mod | bin/pulumi
	@echo "Building Pulumi's Go language host ..."
	@$(BUILD) -C tools/language-host build -ldflags "$(LINK) $(VERSION_FLAG)=$(HOST_VERSION)" -o ../../bin/ \
		github.com/pulumi/pulumi/sdk/v3/go/pulumi-language-go
	@touch $@

# After Pulumi, which brings it along.
bin/process-compose: tools/go.mod | setup $(filter bin/pulumi,$(TOOLS))
	@[ -x $@ ] || echo "Building process-compose (1 minute, once) ..."
	@$(BUILD) -C tools build -tags disable_grpc_modules -ldflags "$(LINK) $(VERSION_FLAG)=$(PULUMI_VERSION)" -o ../bin/ \
		github.com/f1bonacc1/process-compose
	@touch $@

bin/golangci-lint: tools/lint/go.mod
	@echo "Building golangci-lint (3 minutes, once) ..."
	@$(BUILD) -C tools/lint build -ldflags "$(LINK)" -o ../../bin/ github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	@touch $@

# --- Testing --------------------------------------------------------------------------------------------------------

test: build bin/golangci-lint ## Run everything that CI runs, and print a summary
	@$(GO) -C tools run ./testsummary all

test-unit: ## Run the tests of components, stacks and internal packages
	@$(GO) -C tools run ./testsummary unit conformance

test-provider: build ## Run the tests of the local provider
	@$(GO) -C tools run ./testsummary provider

test-images: build ## Run the tests of the two images
	@$(GO) -C tools run ./testsummary images

test-e2e: build ## Run the tests on the real engine
	@$(GO) -C tools run ./testsummary e2e

lint: bin/golangci-lint ## Check the style and the import rules
	@bin/golangci-lint run

fmt: bin/golangci-lint ## Format the code
	@bin/golangci-lint fmt

cover: ## Show the coverage of the components, function by function
	@mkdir -p coverage
	@$(GO) test -coverpkg=./components/... -coverprofile=coverage/components.out ./components/... ./stacks/... >/dev/null
	@$(GO) tool cover -func=coverage/components.out

bench-up: ## Measure make up on a cold clone and write the times into docs/benchmarks.md (10 minutes)
	@tools/bench-up

clean: ## Remove what was built (first: make down)
	@if [ -d .mlpathway ]; then echo "A stack is still up: make down first."; exit 1; fi
	rm -rf bin coverage
