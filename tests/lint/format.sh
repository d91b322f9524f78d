#!/bin/sh
# clang-format 14 over every source. Usage: format.sh SOURCE_DIR
set -eu
cd "$1"
find src tests bench '(' -name '*.cc' -o -name '*.h' ')' -print0 |
  xargs -0 clang-format-14 --dry-run -Werror
