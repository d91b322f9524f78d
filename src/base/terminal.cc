#include "base/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>
#include <utility>

namespace ctclip {
namespace {

constexpr std::string_view kWipe = "\r\033[K";

/// One write, so that what other processes write does not come in between.
void write_out(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

/// A line that wraps could not be wiped. Cut between characters, each of which counts as a column.
std::string cut(std::string line, int width) {
  int columns = 0;
  for (std::size_t at = 0; at < line.size(); ++at) {
    const bool begins = (static_cast<unsigned char>(line[at]) & 0xC0U) != 0x80U;
    if (begins && ++columns >= width) {
      line.resize(at);
      break;
    }
  }
  return line;
}

}  // namespace

int terminal_width(int descriptor) {
  winsize size{};
  return ioctl(descriptor, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

Terminal::Terminal() : is_terminal_(isatty(STDERR_FILENO) != 0) {}

Terminal& Terminal::of_stderr() {
  static Terminal terminal;
  return terminal;
}

void Terminal::show(std::string line) {
  if (!is_terminal_) return;
  const int width = terminal_width(STDERR_FILENO);
  const std::lock_guard lock(mutex_);
  progress_ = width > 0 ? cut(std::move(line), width) : std::move(line);
  write_out(std::string(kWipe) + progress_);
}

void Terminal::clear() {
  const std::lock_guard lock(mutex_);
  if (!std::exchange(progress_, {}).empty()) write_out(std::string(kWipe));
}

void Terminal::keep() {
  const std::lock_guard lock(mutex_);
  if (!std::exchange(progress_, {}).empty()) write_out("\n");
}

void Terminal::print(std::string_view text) {
  const std::lock_guard lock(mutex_);
  if (progress_.empty()) return write_out(std::string(text));
  write_out(std::string(kWipe) + std::string(text) + progress_);
}

}  // namespace ctclip
