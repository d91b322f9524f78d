.PHONY: all install deb demo test fuzz bench clean

PREFIX ?= /usr/local

all:
	scripts/install-deps build
	scripts/build ctclip

# DESTDIR= and PREFIX= as everywhere. What is installed may be moved as a whole.
install: all
	cmake --install build/release --prefix $(PREFIX) --strip

deb:
	scripts/install-deps build package
	scripts/build -DCTCLIP_PACKAGE=ON ctclip
	cpack --config build/release/CPackConfig.cmake
	@ls build/packages/*.deb

demo:
	scripts/demo $(STUDY)

test:
	scripts/test

# FUZZ_SECONDS (60) for each target, FUZZ_JOBS (1) targets at once, TARGETS="zip dicom" for some.
fuzz:
	scripts/fuzz $(TARGETS)

bench:
	scripts/bench

clean:
	rm -rf build
