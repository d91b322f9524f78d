#include "batch/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/log.h"
#include "base/terminal.h"

namespace ctclip::batch {
namespace {

std::string duration(double seconds) {
  const auto whole = static_cast<int64_t>(std::ceil(seconds));
  if (whole < 3600) return fmt::format("{}:{:02}", whole / 60, whole % 60);
  return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

std::string rate(double per_second) {
  if (per_second >= 1) return fmt::format("{:.1f}/s", per_second);
  return fmt::format("{:.1f}/min", per_second * 60);
}

std::string roughly(std::chrono::nanoseconds time) {
  const auto seconds = std::chrono::round<std::chrono::seconds>(time).count();
  return seconds < 90 ? fmt::format("{} s", seconds) : fmt::format("{} min", (seconds + 30) / 60);
}

}  // namespace

std::string waiting_text(const std::string& what, std::chrono::nanoseconds waited,
                         std::optional<std::chrono::milliseconds> left) {
  std::string text = "waiting for " + what;
  if (waited >= std::chrono::seconds(2)) text += fmt::format("; {} so far", roughly(waited));
  if (left) text += fmt::format("; trying again for up to {}", roughly(*left));
  return text;
}

std::string bar(const Standing& standing, int width) {
  const int64_t now = standing.success + standing.failed, done = standing.before + now;
  const int64_t filled = standing.total > 0 ? done * width / standing.total : 0;
  std::string text = fmt::format("[{}{}] {}/{} studies, {} ok, {} failed",
                                 std::string(static_cast<std::size_t>(filled), '#'),
                                 std::string(static_cast<std::size_t>(width - filled), '-'), done,
                                 standing.total, standing.success, standing.failed);
  if (now <= 0 || standing.seconds <= 0) return text;
  const double per_second = static_cast<double>(now) / standing.seconds;
  return text + fmt::format(", {}, {} left", rate(per_second),
                            duration(static_cast<double>(standing.total - done) / per_second));
}

Progress::Progress() : terminal_(Terminal::of_stderr()) {}

void Progress::looking(int64_t files) {
  terminal_.show(fmt::format("looking for studies: {} files", files));
}

void Progress::found(int64_t studies, int64_t passed_over) {
  terminal_.clear();
  terminal_.print(
      fmt::format("Found {} studies; {} other files passed over\n", studies, passed_over));
}

void Progress::begin(int64_t total, int64_t done) {
  const std::lock_guard lock(mutex_);
  if (done > 0) {
    terminal_.print(fmt::format("Going on: {} of {} studies have their rows\n", done, total));
  }
  standing_ = {total, done, 0, 0, 0};
  began_ = std::chrono::steady_clock::now();
  terminal_.show(bar(standing_));
}

void Progress::waiting(const std::string& what, std::optional<std::chrono::milliseconds> left) {
  constexpr std::chrono::seconds kBetween{60};
  const std::lock_guard lock(mutex_);
  const auto now = std::chrono::steady_clock::now();
  const bool first = !waiting_since_, says_more = left && !told_how_long_;
  if (first) waiting_since_ = now;
  if (!first && !says_more && now - told_ < kBetween) return;
  told_ = now;
  told_how_long_ = left.has_value();
  log().warn("{}", waiting_text(what, now - *waiting_since_, left));
}

void Progress::answered(int64_t number, const Row& row, int64_t total) {
  const std::lock_guard lock(mutex_);
  standing_.total = total;
  ++(row.success ? standing_.success : standing_.failed);
  const auto now = std::chrono::steady_clock::now();
  standing_.seconds = std::chrono::duration<double>(now - began_).count();
  waiting_since_.reset();
  told_how_long_ = false;
  if (!terminal_.shows_progress()) {
    const std::string tries = row.tries > 1 ? fmt::format(" after {} tries", row.tries) : "";
    const std::string what = row.success ? "Success" : fmt::format("Failure, {}", row.error_code);
    const std::string warned = row.warnings.empty() ? "" : ", with warnings";
    log().info("study {} of {}: {}{}{}", number, standing_.total, what, tries, warned);
    return;
  }
  constexpr std::chrono::milliseconds kShortest{100};  // a terminal need not draw more often
  const bool last = standing_.before + standing_.success + standing_.failed == standing_.total;
  if (now - shown_ < kShortest && !last) return;
  shown_ = now;
  terminal_.show(bar(standing_));
}

void Progress::end() {
  const std::lock_guard lock(mutex_);
  terminal_.keep();
}

}  // namespace ctclip::batch
