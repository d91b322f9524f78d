#include "batch/in_process.h"

#include <fmt/format.h>

#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

namespace ctclip::batch {
namespace {

/// Requests a stop when the time is up, unless the object has gone by then.
class Alarm {
 public:
  Alarm(std::chrono::milliseconds after, std::stop_source& stop)
      : thread_([this, after, &stop](const std::stop_token& done) {
          std::unique_lock lock(mutex_);
          wake_.wait_for(lock, done, after, [] { return false; });
          if (!done.stop_requested()) stop.request_stop();
        }) {}

 private:
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread thread_;  // the last: it ends before what it uses
};

class InProcess : public Backend {
 public:
  InProcess(std::shared_ptr<const Analyser> analyser, const InProcessOptions& options)
      : analyser_(std::move(analyser)), options_(options) {}

  Reply ask(const Question& question, const std::stop_token& stop) override {
    AnalysisRequest request;
    request.input = question.file;
    request.study.study_uid = question.study_uid;
    request.study.any_anatomy = options_.any_anatomy;
    request.threshold = options_.threshold;
    request.details = true;
    std::stop_source ended;
    const std::stop_callback pass_on(stop, [&ended] { ended.request_stop(); });
    const Alarm alarm(options_.timeout, ended);
    Watch watch(ended.get_token());
    Analysis analysis = analyser_->analyse(request, watch);
    const bool cancelled = analysis.error && analysis.error->code() == Code::cancelled;
    if (!cancelled) return {Reply::Kind::answer, std::move(analysis.answer), {}, {}, {}};
    if (stop.stop_requested()) return {Reply::Kind::abandoned, {}, {}, {}, {}};
    const double seconds = std::chrono::duration<double>(options_.timeout).count();
    return {Reply::Kind::answer,
            failure("timeout", fmt::format("There was no answer within {:g} s.", seconds)),
            {},
            {},
            {}};
  }

 private:
  std::shared_ptr<const Analyser> analyser_;
  InProcessOptions options_;
};

}  // namespace

std::unique_ptr<Backend> make_in_process(std::shared_ptr<const Analyser> analyser,
                                         const InProcessOptions& options) {
  return std::make_unique<InProcess>(std::move(analyser), options);
}

}  // namespace ctclip::batch
