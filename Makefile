.PHONY: all demo test bench clean

all:
	scripts/install-deps build
	scripts/build ctclip

demo:
	scripts/demo $(STUDY)

test:
	scripts/test

bench:
	scripts/bench

clean:
	rm -rf build
