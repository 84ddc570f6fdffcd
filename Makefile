.PHONY: check lint format test

check: lint test  ## what CI runs

lint:
	ruff check .
	ruff format --check .
	mypy
	lint-imports

format:
	ruff check --fix .
	ruff format .

test:
	pytest
