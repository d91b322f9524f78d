.PHONY: all install deb demo test bench clean

PREFIX ?= /usr/local

all:
	scripts/install-deps build
	scripts/build ctclip

# DESTDIR= and PREFIX= as everywhere. What is installed may be moved as a whole.
install: all
	cmake --install build/release --prefix $(PREFIX) --strip

deb:
	scripts/install-deps build package
	scripts/build ctclip
	cpack --config build/release/CPackConfig.cmake
	@ls build/packages/*.deb

demo:
	scripts/demo $(STUDY)

test:
	scripts/test

bench:
	scripts/bench

clean:
	rm -rf build
