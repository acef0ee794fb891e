# make up and make test are all you need; make help lists the rest.

STACK ?= local
GO    ?= go

# One command builds all programs of the module, so that Go links one while it compiles the next. Everything here is
# built with the same flags, and the tools with the same versions of what they share: Go's cache then serves them all.
PROGRAMS := . ./components/local/provider/pulumi-resource-mlpathway ./training-image ./inference-image
LINK     := -s -w
# The compiler's own garbage collection is a fifth of its work: let it begin at 1 GiB.
BUILD    := GOGC=off GOMEMLIMIT=1GiB $(GO)
VERSION  := $(shell git describe --always --dirty 2>/dev/null || echo unknown)
# The CLI of the pinned module does not know its own version.
PULUMI_VERSION = $(shell awk '$$1 == "github.com/pulumi/pulumi/pkg/v3" { print $$2 }' tools/go.mod)
HOST_VERSION   = $(shell awk '$$2 == "github.com/pulumi/pulumi/sdk/v3" { print $$3 }' tools/language-host/go.mod)
VERSION_FLAG   = -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version

# An installed pulumi is used as it is.
ifeq ($(shell command -v pulumi 2>/dev/null),)
TOOLS    := bin/pulumi bin/pulumi-language-go bin/process-compose
PACKAGES := github.com/pulumi/pulumi/pkg/v3/cmd/pulumi github.com/f1bonacc1/process-compose
else
TOOLS    := bin/process-compose
PACKAGES := github.com/f1bonacc1/process-compose
endif
FIRST    := $(firstword $(TOOLS))

# The same flags for everything, tests too, so that Go's cache serves all of it. Without DWARF the compiler does an
# eighth less; with -trimpath the cache serves every clone. internal/cli/environment.go has the same flags.
export GOFLAGS += -trimpath -buildvcs=false -gcflags=all=-dwarf=false
# The library of ONNX Runtime that make clients brings, for the tests and the container.
export ONNXRUNTIME_LIB ?= $(CURDIR)/bin/npm/node_modules/onnxruntime-node/bin/napi-v6/linux/$(patsubst amd64,x64,$(shell $(GO) env GOARCH))/libonnxruntime.so.1
# A killed make takes what it runs along.
export MLPATHWAY_END_WITH_PARENT := 1

.DEFAULT_GOAL := help
.PHONY: help up down preview refresh status logs build programs setup test test-unit test-provider test-images test-engine test-e2e test-cluster lint fmt clients \
	cover proto record pods bench-up bench-aws bench-engine bench-check bench-serve bench-train bench-tune bench-cluster control-plane plan image-inference image-training stack-programs clean

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

build: setup programs $(TOOLS) ## Build the programs of the local stack into bin/

setup:
	@tools/setup

# The modules of the tools come in while the programs are compiled.
programs: setup
	@[ -x bin/mlpathway ] || echo "Building mlpathway and its images (2 to 3 minutes the first time) ..."
	@[ -x $(FIRST) ] || $(GO) -C tools list -deps -tags disable_grpc_modules $(PACKAGES) >/dev/null 2>&1 & \
	$(BUILD) build -tags local -ldflags "$(LINK) -X main.version=$(VERSION)" -o bin/ $(PROGRAMS) && wait

$(FIRST): tools/go.mod | programs
	@echo "Building $(notdir $(PACKAGES)) (1 minute, 4 where Pulumi is among them; once) ..."
	@$(BUILD) -C tools build -tags disable_grpc_modules -ldflags "$(LINK) $(VERSION_FLAG)=$(PULUMI_VERSION)" -o ../bin/ \
		$(PACKAGES)
	@touch $@

ifneq ($(FIRST),bin/process-compose)
bin/process-compose: | $(FIRST)
endif

bin/pulumi-language-go: tools/language-host/go.mod | $(FIRST)
	@echo "Building Pulumi's Go language host ..."
	@$(BUILD) -C tools/language-host build -ldflags "$(LINK) $(VERSION_FLAG)=$(HOST_VERSION)" -o ../../bin/ \
		github.com/pulumi/pulumi/sdk/v3/go/pulumi-language-go
	@touch $@

bin/golangci-lint: tools/lint/go.mod
	@echo "Building golangci-lint (3 minutes, once) ..."
	@$(BUILD) -C tools/lint build -ldflags "$(LINK)" -o ../../bin/ github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	@touch $@

# Programs that nobody here wrote and that the tests of the inference image talk to.
CLIENTS := github.com/fullstorydev/grpcurl/cmd/grpcurl github.com/johannesboyne/gofakes3/cmd/gofakes3 \
	github.com/fsouza/fake-gcs-server

clients: ## Bring the clients, browsers and stand-ins for object stores that the inference image is tested with
	@tools/clients/setup
	@$(BUILD) -C tools/clients build -ldflags "$(LINK)" -o ../../bin/clients/ ./sagemaker ./browser $(CLIENTS)

# --- Testing --------------------------------------------------------------------------------------------------------

# The API server judges the objects of every stack; what acts on them is tested where it is built already, or with
# MLPATHWAY_REQUIRE_CLUSTER=1.
test: export MLPATHWAY_REQUIRE_CLUSTER ?= admission
test: build bin/golangci-lint stack-programs clients control-plane ## Run everything that CI runs, and print a summary
	@$(GO) -C tools run ./testsummary all

test-unit: ## Run the tests of components, stacks and internal packages
	@$(GO) -C tools run ./testsummary unit conformance

test-provider: build ## Run the tests of the local provider
	@$(GO) -C tools run ./testsummary provider

test-images: build clients ## Run the tests of the two images
	@$(GO) -C tools run ./testsummary images clients race onnxruntime container

test-engine: build stack-programs ## Run every stack on the real engine, with a stand-in for the clouds
	@$(GO) -C tools run ./testsummary engine

# The targets that the stack files ask for. The tests on the engine build a program for each; a cloud's SDK takes minutes
# and gigabytes the first time, so it is compiled here, one at a time, where one can see it.
STACK_TARGETS = $(shell awk '$$1 == "mlpathway:target:" { print $$2 }' stacks/Pulumi.*.yaml | sort -u)

stack-programs:
	@for target in $(STACK_TARGETS); do \
		[ $$target = local ] || echo "Compiling the program for $$target (5 minutes the first time) ..."; \
		$(BUILD) list -export -deps -tags $$target . >/dev/null || exit 1; \
	done

record: build stack-programs ## Write golden graphs and the states of a release anew: make record RELEASE=v0.1.0
	@[ -n "$(RELEASE)" ] || { echo "error: which release? make record RELEASE=v0.1.0"; exit 1; }
	@mkdir -p coverage
	@MLPATHWAY_UPDATE_GOLDEN=1 $(GO) test -count=1 ./components/... ./tests >coverage/record.txt || \
		{ cat coverage/record.txt; exit 1; }
	@MLPATHWAY_RECORD=$(RELEASE) $(GO) test -count=1 -v -tags local -timeout 30m -run 'TestRecordStates|TestGoldenGraph' \
		./tests/engine >coverage/record.txt || { cat coverage/record.txt; exit 1; }
	@grep -o 'BREAKING CHANGE.*' coverage/record.txt || echo "Nothing breaks a stack that exists."
	@git status --short -- tests/testdata 'components/*/testdata' docs README.md

test-e2e: build ## Run the tests on the real engine
	@$(GO) -C tools run ./testsummary e2e

control-plane:
	@$(GO) run -tags local ./tests/cluster/binaries/build -admission >/dev/null

# Pods run as images that the Dockerfiles make, or as programs: the built programs alone. The images' stand-ins for public
# bases are made of Debian's packages.
PODS ?= images

test-cluster: programs pods ## Run the tests on a real Kubernetes control plane, as root; build it if it is missing (15 minutes of CPU, once)
	@$(GO) run -tags local ./tests/cluster/binaries/build >/dev/null
	@MLPATHWAY_REQUIRE_CLUSTER=1 MLPATHWAY_PODS=$(PODS) $(GO) -C tools run ./testsummary cluster

pods:
	@tools/cluster/setup $(PODS)
ifeq ($(PODS),images)
	@echo "Building the images for the pods (3 minutes, once) ..."
	@TAGS=local inference-image/container/build native docker localhost/mlpathway/inference >/dev/null
	@TAGS=local ONLY=build WORK=$(CURDIR)/bin/.container training-image/container/build
endif

lint: bin/golangci-lint ## Check the style and the import rules
	@tools/lint-all

fmt: bin/golangci-lint ## Format the code
	@bin/golangci-lint fmt

proto: ## Write the Go code of the gRPC protocol (needs protoc)
	@GOBIN=$(CURDIR)/bin/proto $(GO) install google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.12
	@GOBIN=$(CURDIR)/bin/proto $(GO) install google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.6.0
	PATH=$(CURDIR)/bin/proto:$$PATH protoc -I inference-image/oip --go_out=inference-image/oip \
		--go_opt=paths=source_relative --go-grpc_out=inference-image/oip --go-grpc_opt=paths=source_relative oip.proto

cover: ## Show the coverage of the components, function by function
	@mkdir -p coverage
	@$(GO) test -coverpkg=./components/... -coverprofile=coverage/components.out ./components/... ./stacks/... >/dev/null
	@$(GO) tool cover -func=coverage/components.out

bench-up: ## Measure make up on a cold clone and write the times into docs/benchmarks.md (10 minutes)
	@tools/bench-up

bench-engine: build stack-programs ## Measure where an up spends its time and write it into docs/benchmarks.md (10 minutes)
	@MLPATHWAY_BENCH=$(CURDIR)/docs/benchmarks.md $(GO) test -count=1 -v -tags local -timeout 30m -run TestBenchmark \
		./tests/engine | grep -v '^=== '

bench-policies: ## Measure the policy engine beside Open Policy Agent and write the times into docs/benchmarks.md (5 minutes)
	@$(GO) -C tools/policies-bench build -o ../../bin/policies-bench .
	@bin/policies-bench -write docs/benchmarks.md

bench-serve: ## Measure the inference image beside others and write docs/benchmarks.md (10 minutes)
	@tools/clients/setup bench
	@$(BUILD) build -tags local -ldflags "$(LINK)" -o bin/ ./inference-image ./inference-image/bench
	@bin/bench -server bin/inference-image -onnxruntime-node bin/npm/node_modules/onnxruntime-node -page docs/benchmarks.md

image-training: ## Build and try the container of the training image with buildah and podman, also as two ranks (as root)
	@training-image/container/build

bench-tune: ## Compare grid, random and Bayesian search on the example, in three spaces (20 minutes)
	@$(GO) test -count=1 -v -tags local,bench -timeout 120m -run TwoHundred ./training-image/tune | grep -v '^=== '

bench-aws: ## Measure the compilation of the AWS target, cold and warm, and write docs/benchmarks.md (5 minutes)
	@$(GO) -C tools run ./bench-compile -target aws -write docs/benchmarks.md

image-inference: ## Build the containers of the inference image with buildah, and try them with podman (as root)
	@tools/clients/setup
	@$(GO) test -count=1 -v -timeout 30m -tags container ./inference-image/container | grep -v '^=== '

test-xgboost3: ## Run the tests of trees with XGBoost 3 of Debian 13 in a root directory of its own (as root)
	@training-image/container/xgboost3

bench-train: ## Measure the training image beside scikit-learn and write docs/benchmarks.md (15 minutes; Debian)
	@$(BUILD) build -tags local -ldflags "$(LINK)" -o bin/ ./training-image
	@$(BUILD) build -tags local -ldflags "$(LINK)" -o bin/bench-train ./training-image/bench
	@bin/bench-train -page docs/benchmarks.md

bench-check: ## Measure check over all stacks and write the times into docs/benchmarks.md (builds the AWS target)
	@tools/bench-check

bench-cluster: ## Measure 100 to 1,000 GPU nodes with 5 pods each and write it into docs/benchmarks.md (4 minutes)
	@$(GO) run -tags local ./tests/cluster/binaries/build >/dev/null
	@MLPATHWAY_REQUIRE_CLUSTER=1 MLPATHWAY_BENCH=$(CURDIR)/docs/benchmarks.md $(GO) test -count=1 -v -tags kubernetes \
		-timeout 60m -run TestBenchmark ./tests/cluster/scale | grep -v '^=== '

plan: build ## Show what the stack would make, which rules it breaks and what it would cost
	@bin/mlpathway plan -s $(STACK)

clean: ## Remove what was built (first: make down)
	@if [ -d .mlpathway ]; then echo "A stack is still up: make down first."; exit 1; fi
	rm -rf bin coverage
