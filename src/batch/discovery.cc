#include "batch/discovery.h"

#include <fmt/format.h>

#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "base/error.h"
#include "base/parallel.h"

namespace ctclip::batch {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kAtOnce = 256;  // files of a round
constexpr int kReaders = 4;           // opening a file waits for the disk more than for the core

[[noreturn]] void cannot_list(const std::error_code& error) {
  throw Error(Code::usage,
              fmt::format("--input-dir, or a folder in it, cannot be listed: {}", error.message()));
}

/// Judges files a round at a time.
class Judge {
 public:
  Judge(const fs::path& input, const Limits& limits, Index& index, const SeenFiles& seen)
      : input_(input), limits_(limits), index_(index), seen_(seen), pool_(kReaders) {}

  void add(std::string path) {
    paths_.push_back(std::move(path));
    if (paths_.size() == kAtOnce) finish();
  }
  void finish() {
    std::vector<std::optional<StudyFile>> judged(paths_.size());
    pool_.run(static_cast<int64_t>(paths_.size()), [&](int64_t i) {
      const auto at = static_cast<std::size_t>(i);
      judged[at] = judge_file(input_, paths_[at], limits_);
    });
    for (const auto& file : judged) {
      if (file) index_.add(*file);
      ++(file ? discovered_.files : discovered_.passed_over);
    }
    paths_.clear();
    if (seen_) seen_(discovered_.files + discovered_.passed_over);
  }
  Discovered discovered() const { return discovered_; }

 private:
  const fs::path& input_;
  const Limits& limits_;
  Index& index_;
  const SeenFiles& seen_;
  ThreadPool pool_;
  std::vector<std::string> paths_;
  Discovered discovered_;
};

}  // namespace

Discovered discover(const fs::path& input, const Limits& limits, Index& index,
                    const std::stop_token& stop, const SeenFiles& seen) {
  Judge judge(input, limits, index, seen);
  std::error_code error;
  fs::recursive_directory_iterator at(input, error);
  if (error) cannot_list(error);
  for (; at != fs::recursive_directory_iterator(); at.increment(error)) {
    if (error) cannot_list(error);
    if (stop.stop_requested()) break;
    if (is_passed_over(at->path().filename().string())) {
      at.disable_recursion_pending();
      continue;
    }
    std::error_code gone;
    if (at->is_directory(gone)) continue;
    judge.add(at->path().lexically_relative(input).generic_string());
  }
  if (error) cannot_list(error);
  judge.finish();
  return judge.discovered();
}

}  // namespace ctclip::batch
