# Every target sets up what it needs by itself, in .venv of this checkout.
#
#   make demo        back a real tree up on schedule, lose it, get it back, lock it (KEEP=1 leaves it running)
#   make run         start Safehold for keeps on DATA (~/.local/share/safehold) and PORT (8640)
#   make test        lint, types, rooms and all tests; make test-fast leaves the slow ones out
#   make test-real   the tests against real services
#   make check       lint, types and rooms only
#   make bench       the comparison with restic and Borg, into benches/results (BENCH: its options)
#   make soak        the long trials: 10,000 kills, power cuts below a file system, fuzz under sanitizers, guards taken out
#   make coverage    branch coverage of the store by its tests; fails below 95 %
#   make lock        write requirements/*.txt anew from pyproject.toml
#
# PYTHON=/path/to/python3 chooses the interpreter (3.11 or newer).

DATA ?= $(HOME)/.local/share/safehold
PORT ?=
KEEP ?=
export PYTHON KEEP

.PHONY: demo run test test-fast test-real check bench soak coverage lock
.DEFAULT_GOAL := test

demo:
	@tools/setup run
	@.venv/bin/python -m tools.demo

run:
	@tools/setup run
	@[ -e "$(DATA)/safehold.toml" ] || .venv/bin/safehold init --data "$(DATA)" --profile safehold $(if $(PORT),--port $(PORT))
	@exec .venv/bin/safehold serve --data "$(DATA)" $(if $(PORT),--port $(PORT))

test test-fast test-real soak:
	@tools/setup test
	@tools/servers $@
	@tools/test $@

coverage:
	@tools/setup test
	@tools/servers test
	@tools/servers test-real
	@tools/coverage

check:
	@tools/setup test
	@tools/check

bench:
	@tools/setup run
	@.venv/bin/python -m benches.compare $(BENCH)

lock:
	@tools/setup test
	@tools/lock
