#pragma once

#include <atomic>
#include <cstddef>
#include <future>
#include <type_traits>
#include <utility>
#include <vector>

#include "app/options.h"
#include "app/study_input.h"
#include "base/watch.h"

namespace ctclip::app {

/// Works on studies in order, the next one while the present one is still being worked on: it is
/// read and prepared while the one before it computes. `work(number, watch)` runs on a thread of
/// its own; `take(input, answer)` gets the answers in order, on the caller's thread. The terminal
/// shows the progress of the study whose answer is awaited.
template <typename Work, typename Take>
void work_one_ahead(const std::vector<StudyInput>& inputs, const Work& work, const Take& take) {
  using Answer = std::invoke_result_t<const Work&, std::size_t, Watch&>;
  std::atomic<std::size_t> shown = 0;
  const auto watched = [&](std::size_t number) {
    Watch::Listener show = progress_on_terminal(inputs[number].label());
    if (show) {
      show = [&shown, number, all = std::move(show)](std::string_view stage, int64_t done,
                                                     int64_t total) {
        if (shown == number) all(stage, done, total);
      };
    }
    Watch watch({}, std::move(show));
    return work(number, watch);
  };
  const auto start = [&](std::size_t number) {
    return number < inputs.size() ? std::async(std::launch::async, watched, number)
                                  : std::future<Answer>();
  };
  std::future<Answer> present = start(0);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    std::future<Answer> next = start(i + 1);
    Answer answer = present.get();
    end_progress();
    take(inputs[i], std::move(answer));
    shown = i + 1;
    present = std::move(next);
  }
}

}  // namespace ctclip::app
