# Every target installs what it needs first; the second time that takes no time.
.DEFAULT_GOAL := help
.PHONY: help demo test test-full check serve bench wheel clean

python := .venv/bin/python
export PYTHONUTF8 := 1

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' Makefile

demo: ## Render every sample into out/
	@.ci/setup
	@.ci/demo samples out $(python) -m docgen

test: ## Run all tests with the coverage gate
	@.ci/test

test-full: ## Run all tests with faults, fuzz and soaks at full size
	@DOCGEN_TESTS=full .ci/test

check: ## Check format, lint, types and architecture, then run the tests
	@.ci/check

serve: ## Serve the web application on http://127.0.0.1:8000
	@.ci/setup
	@$(python) -m docgen serve

bench: ## Measure how fast documents are made
	@.ci/setup
	@$(python) -m bench; reached=$$?; $(python) -m bench.sheets && exit $$reached

wheel: ## Build the wheel into dist/
	@.ci/wheel

clean: ## Remove everything that was made, except .venv
	@rm -rf out dist build htmlcov .coverage .coverage.*
	@rm -rf .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find . -path ./.venv -prune -o -name __pycache__ -type d -exec rm -rf {} +
