# Every target sets up what it needs in .venv, once.
#   make demo    run the pipelines against the sandbox club and show what they did
#   make test    the tests
#   make check   format, lint, types, import contracts, dead code, dependencies, spelling
#   make chaos   at least 500 kills at random and one at every syscall (half an hour at most)
#   make year    a year at a small club, day by day, all pipelines on their schedules (some minutes)
#   make mutants takes away one guard of the bridge at a time, to see that a test notices (some minutes)
#   make bench   the bridge beside its floors and peers, as ratios
#   make collector  the OpenTelemetry Collector of collector-config, built once and kept in the user's cache; prints its path (needs Go)
#   make sdk-matrix  what touches OpenTelemetry on the oldest version that is supported (the lock has the newest)
#   make lock    renew requirements.lock and tests/oldest.lock (the only target that needs to resolve versions)

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# One build for all trees; another list of components is another build.
COLLECTOR := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/otel_sqlite/otelcol-$(shell git hash-object collector-config/builder.yaml | cut -c1-12)
# OpenTelemetry's packages have two numbers, as the lower bounds in pyproject.toml; everything else is that of $(VENV).
OLDEST := $(VENV)/oldest
OLDEST_SDK := 1.45.1
OLDEST_OTHERS := 0.66b1
SDK_TESTS := tests/acceptance/test_setups.py $(wildcard $(addprefix tests/otel_sqlite/test_,$(addsuffix .py,\
  auto exporter instrument mapping privacy processor provider testing)))
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: demo test check chaos year mutants bench collector collector-path format lock clean
.DELETE_ON_ERROR:

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "otel_sqlite needs Python 3.11 or newer; name one: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -m venv $(VENV) >/dev/null 2>&1 \
	  || { rm -rf $(VENV); echo "python3 -m venv does not work here: install the system package (Debian, Ubuntu: apt-get install python3-venv)"; exit 1; }

# The lock has two parts: what `make demo` needs, then what development adds.
$(VENV)/.demo: requirements.lock pyproject.toml | $(BIN)/python
	@echo "Setting up $(VENV) (what the demo needs) ..."
	@sed '/^# development/,$$d' requirements.lock > $(VENV)/demo.lock
	@$(PIP) install --require-hashes --no-deps -r $(VENV)/demo.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements.lock pyproject.toml | $(BIN)/python
	@echo "Setting up $(VENV) (development) ..."
	@$(PIP) install --require-hashes --no-deps -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@ $(VENV)/.demo

# Exit code 1 says that something failed: in a demo of a club like any other, something does.
demo: $(VENV)/.demo
	@$(BIN)/sync-all --sandbox || [ $$? -eq 1 ]
	@$(BIN)/sync-nikki --sandbox || [ $$? -eq 1 ]
	@$(BIN)/sync-freescout --sandbox || [ $$? -eq 1 ]
	@echo && $(BIN)/otel-sqlite runs --limit 6 || [ $$? -eq 1 ]
	@echo && $(BIN)/otel-sqlite show all || [ $$? -eq 1 ]

test: $(VENV)/.dev
	@$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --cov --cov-fail-under=95 $(ARGS)

check: $(VENV)/.dev
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/deptry .
	@$(BIN)/vulture
	@$(BIN)/codespell
	@$(BIN)/validate-pyproject pyproject.toml

format: $(VENV)/.dev
	@$(BIN)/ruff format --quiet .
	@$(BIN)/ruff check --fix --quiet .

chaos: $(VENV)/.dev
	@$(BIN)/python -m tests.faults.chaos $(ARGS)

year: $(VENV)/.dev
	@$(BIN)/python -c "from tests.acceptance.season import main; main()"

mutants: $(VENV)/.dev
	@$(BIN)/python -m tests.faults.mutants $(ARGS)

bench: $(VENV)/.dev
	@$(BIN)/python -m tests.benchmarks $(ARGS)

collector: $(COLLECTOR)
	@echo $(COLLECTOR)

collector-path:
	@echo $(COLLECTOR)

# From 1.21 on, Go fetches by itself the newer version that the builder asks for.
$(COLLECTOR):
	@[ -n "$$(go env GOTOOLCHAIN 2>/dev/null)" ] \
	  || { echo "make collector needs Go 1.21 or newer: https://go.dev/doc/install" >&2; exit 1; }
	@echo "Building $@ (once; some minutes, a quarter of an hour on a busy machine) ..." >&2
	@mkdir -p $(@D)
	@build=$$(mktemp -d $@.XXXXXX); trap 'rm -rf "$$build"' EXIT; \
	version=$$(sed -n 's/^ *version: //p' collector-config/builder.yaml); \
	awk -v build="$$build" '{ print } /^dist:/ { print "  output_path: " build }' collector-config/builder.yaml > "$$build/builder.yaml"; \
	CGO_ENABLED=0 go run go.opentelemetry.io/collector/cmd/builder@v$$version --config="$$build/builder.yaml" 2>&1 \
	  | tee $@.log | sed -n -e 's/.*Getting go modules.*/  downloading .../p' -e 's/.*Compiling$$/  compiling .../p' >&2; \
	mv "$$build/otelcol-pipelines" $@ 2>/dev/null || { tail -n 20 $@.log >&2; echo "not built; all that was said: $@.log" >&2; exit 1; }

$(OLDEST)/.done: tests/oldest.lock $(VENV)/.dev
	@echo "Setting up $(OLDEST) ..."
	@rm -rf $(OLDEST) && $(BIN)/python -m venv --without-pip $(OLDEST)
	@$(PIP) --python $(OLDEST)/bin/python install --require-hashes --no-deps -r tests/oldest.lock
	@here=$$($(BIN)/python -c 'import site; print(site.getsitepackages()[0])'); \
	  echo "import site; site.addsitedir('$$here')" > "$$($(OLDEST)/bin/python -c 'import site; print(site.getsitepackages()[0])')/others.pth"
	@touch $@

sdk-matrix: $(OLDEST)/.done
	@test "$$($(OLDEST)/bin/python -c 'from opentelemetry.sdk.version import __version__; print(__version__)')" = $(OLDEST_SDK)
	@$(OLDEST)/bin/python -m pytest -q $(or $(ARGS),$(SDK_TESTS))

# Entries of the full resolution that the demo's lacks make up the second part.
lock: $(VENV)/.dev
	@$(PIP) install uv
	@printf 'hatchling\neditables\n' > $(VENV)/build.in
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	  --no-emit-package otel-sqlite --extra otlp --extra cli --extra pipelines --extra sandbox $(UV_ARGS) \
	  pyproject.toml $(VENV)/build.in -o $(VENV)/demo.lock
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	  --no-emit-package otel-sqlite --all-extras $(UV_ARGS) -c $(VENV)/demo.lock pyproject.toml $(VENV)/build.in -o $(VENV)/all.lock
	@{ echo "# Renew with 'make lock'. First what 'make demo' needs, then what development adds."; cat $(VENV)/demo.lock; \
	  echo "# development"; \
	  awk 'NR == FNR { if (/^[^ #]/) seen[$$1] = 1; next } /^[^ #]/ { keep = !($$1 in seen) } keep' $(VENV)/demo.lock $(VENV)/all.lock; \
	} > requirements.lock
	@sed -n 's/^\(opentelemetry-[a-z-]*==\)1\..*/\1$(OLDEST_SDK)/p; s/^\(opentelemetry-[a-z-]*==\)0\..*/\1$(OLDEST_OTHERS)/p' \
	  requirements.lock > $(VENV)/oldest.in
	@{ echo "# Renew with 'make lock'. OpenTelemetry as old as it is supported."; \
	  $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-deps $(UV_ARGS) \
	    $(VENV)/oldest.in; \
	} > tests/oldest.lock

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage*
