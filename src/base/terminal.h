#pragma once

#include <mutex>
#include <string>
#include <string_view>

namespace ctclip {

/// Columns of the terminal that `descriptor` is; 0 if it is none.
int terminal_width(int descriptor);

/// Stderr, which is shared by a line that shows progress and by lines that stay. If it is a
/// terminal, progress is its last line, and every other line is printed above it; if not, progress
/// is not shown. Everything that may write to stderr while progress is shown writes through this.
/// Thread-safe.
class Terminal {
 public:
  static Terminal& of_stderr();

  /// Whether progress is shown at all.
  bool shows_progress() const { return is_terminal_; }
  /// Replaces the progress line; cut off where the terminal ends.
  void show(std::string line);
  /// Takes the progress line away.
  void clear();
  /// Leaves the progress line where it is, and begins a new one.
  void keep();
  /// Prints text that ends with a newline above the progress line.
  void print(std::string_view text);

 private:
  Terminal();

  const bool is_terminal_;
  std::mutex mutex_;
  std::string progress_;
};

}  // namespace ctclip
