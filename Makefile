# One command for everything, the same for people and CI.  `make help` lists them.

PREFIX  ?= /usr/local
DESTDIR ?=
CARGO   ?= cargo
TARGET  := $(or $(CARGO_TARGET_DIR),target)
SHARE    = $(DESTDIR)$(PREFIX)/share
UNITS    = $(DESTDIR)$(PREFIX)/lib/systemd/user

.DEFAULT_GOAL := help
.PHONY: help build test lint demo bench install clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

build: ## the release binary
	$(CARGO) build --release --locked

# Without the servers (exit 3: not a Debian system) the tests that need them say so and are skipped; never in CI.
test: ## install what tests need (Debian: apt), then run them all
	@tests/servers/install.sh || { [ $$? = 3 ] && [ "$$CI" != true ]; }
	$(CARGO) build --locked --features testing
	@if $(CARGO) nextest --version >/dev/null 2>&1; then set -x; $(CARGO) nextest run --locked --features testing; \
	else set -x; $(CARGO) test --locked --features testing --lib --bins --tests; fi

lint: ## formatting, clippy and documentation, warnings denied
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets --features testing -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps

demo: ## a first fetch and more against a real server, compared byte for byte
	demo/run.sh

bench: ## against mbsync and the limit; ARGS=--quick for a short one
	benches/run.py $(ARGS)

install: build ## to DESTDIR and PREFIX (/usr/local): binary, manual pages, completions, systemd units
	install -d $(DESTDIR)$(PREFIX)/bin $(UNITS) $(SHARE)/man/man1 $(SHARE)/bash-completion/completions \
		$(SHARE)/zsh/site-functions $(SHARE)/fish/vendor_completions.d
	install -m 755 $(TARGET)/release/mailx $(DESTDIR)$(PREFIX)/bin/mailx
	install -m 644 man/*.1 $(SHARE)/man/man1/
	install -m 644 completions/mailx.bash $(SHARE)/bash-completion/completions/mailx
	install -m 644 completions/_mailx $(SHARE)/zsh/site-functions/_mailx
	install -m 644 completions/mailx.fish $(SHARE)/fish/vendor_completions.d/mailx.fish
	for unit in systemd/*; do sed 's|/usr/local/bin/|$(PREFIX)/bin/|' $$unit > $(UNITS)/$${unit##*/} && \
		chmod 644 $(UNITS)/$${unit##*/} || exit 1; done

clean: ## what was built
	$(CARGO) clean
