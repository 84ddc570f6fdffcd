.PHONY: check lint format test quick lowest arm64 docs browser audit blender blender-test

PYTHON ?= python

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

docs:  ## every block of README and docs runs as written, the slow ones too
	KINETOKEN_DOCS=all pytest tests/docs

browser:  ## the page of kinetoken web in a real Chromium, minutes; pictures lie in /tmp/kinetoken-browser
	pytest -m "browser or not browser" tests/runtime/web/test_web_page.py --basetemp=/tmp/kinetoken-browser

quick:  ## the core of the tests, in under three minutes on two cores and without torch
	pytest -q @.ci/quick

lowest:  ## the lowest version of each dependency, and the quick tests; PYTHON=python3.10 for the oldest Python
	python .ci/lowest.py --python $(PYTHON)

arm64:  ## the quick tests and a few commands on aarch64, emulated; needs root on Debian or Ubuntu
	bash benchmarks/arm64.sh

audit:  ## known holes of the versions that CI installs; needs pip-audit and the network
	@python -c "import pip_audit" 2>/dev/null \
	|| { echo "make audit: pip-audit is not installed: pip install pip-audit"; exit 1; }
	python -m pip_audit --strict --no-deps --disable-pip -r .ci/constraints.txt

blender:  ## the Blender extension as a zip, in dist/
	python extras/blender/build.py

# BPY: a folder with the bpy package (pip install --target FOLDER bpy==4.5.* numpy==1.26.*), if this Python lacks it.
blender-test:  ## the extension in Blender itself; minutes
	PYTHONPATH=$(BPY) pytest -m blender tests/blender
