#include "batch/run.h"

#include <fmt/format.h>

#include <condition_variable>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "base/error.h"
#include "batch/discovery.h"
#include "batch/index.h"
#include "batch/journal.h"
#include "batch/packages.h"
#include "batch/row.h"

namespace ctclip::batch {
namespace {

namespace fs = std::filesystem;

JournalHeader header_of(const BatchOptions& options) {
  return {fs::weakly_canonical(options.input).string(), options.answering, options.shard,
          options.threshold, options.any_anatomy};
}

/// What an earlier run left is never lost by accident.
void require_free(const BatchOptions& options) {
  if (options.overwrite) return;
  const bool begun = fs::exists(journal_of(options.output)), there = fs::exists(options.output);
  if (options.resume ? begun || !there : !begun && !there) return;
  const std::string what = options.resume
                               ? ", but has no journal to resume; --overwrite begins anew"
                               : " or was begun; --resume goes on, --overwrite begins anew";
  throw Error(Code::usage, options.output.string() + ": exists" + what);
}

void remove_earlier(const BatchOptions& options) {
  if (!options.overwrite) return;
  fs::remove(options.output);
  fs::remove(journal_of(options.output));
}

/// The rows of an earlier run, as they count now.
struct Before {
  Index& index;
  bool retry_failed;
  std::string models;

  void operator()(const Row& row) {
    if (!row.models.empty()) models = row.models;
    index.set_done(row.path, row.fingerprint, row.study_uid, row.other_studies,
                   row.success || !retry_failed);
  }
};

class Run {
 public:
  Run(const BatchOptions& options, const Stops& stops, Progress& progress)
      : options_(options), stops_(stops), progress_(progress) {}

  Ran run(const std::function<MakeBackend()>& open_backend) {
    require_free(options_);
    find_studies();
    if (stops_.finish.stop_requested()) return {};
    remove_earlier(options_);
    Before before{index_, options_.retry_failed, {}};
    Journal journal(journal_of(options_.output), header_of(options_), std::ref(before));
    journal_ = &journal;
    models_ = before.models;
    progress_.begin(index_.studies(), index_.done());
    if (index_.done() < index_.studies()) answer_all(open_backend);
    progress_.end();
    if (error_) std::rethrow_exception(error_);
    Ran ran{index_.studies(), index_.done(), stopped_};
    if (ran.complete()) journal.finish();
    return ran;
  }

 private:
  void find_studies() {
    const Discovered found = discover(options_.input, options_.limits, index_, stops_.finish,
                                      [this](int64_t files) { progress_.looking(files); });
    index_.group(options_.shard);
    if (stops_.finish.stop_requested()) return;
    progress_.found(index_.studies(), found.passed_over);
    if (found.files > 0) return;
    throw Error(Code::usage, fmt::format("--input-dir holds no study: no ZIP, NIfTI or DICOM among "
                                         "its {} files",
                                         found.passed_over));
  }

  void answer_all(const std::function<MakeBackend()>& open_backend) {
    const MakeBackend make_backend = open_backend();
    const Packages packages(options_.output);
    packages_ = &packages;
    const std::stop_callback pass_on(stops_.finish, [this] { halt_.request_stop(); });
    std::vector<std::jthread> workers;
    workers.reserve(static_cast<std::size_t>(options_.jobs));
    for (int i = 0; i < options_.jobs; ++i) {
      workers.emplace_back([this, &make_backend] { work(make_backend); });
    }
  }

  void work(const MakeBackend& make_backend) {
    try {
      const auto backend = make_backend();
      while (const auto study = next()) {
        if (const auto row = answer(*study, *backend)) keep(*study, *row);
      }
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!error_) error_ = std::current_exception();
      halt_.request_stop();
    }
  }

  std::optional<Study> next() {
    const std::lock_guard lock(mutex_);
    if (halt_.stop_requested()) return std::nullopt;
    return index_.next();
  }

  /// Nothing if the study has to wait for another run, or turned out to be several.
  std::optional<Row> answer(const Study& study, Backend& backend) {
    const Asked asked = ask(study, backend);
    const Reply& reply = asked.reply;
    switch (reply.kind) {
      case Reply::Kind::abandoned:
        return std::nullopt;
      case Reply::Kind::unreachable:
        give_up(fmt::format("The service cannot be reached, tried {} times: {}.", asked.tries,
                            reply.error));
        return std::nullopt;
      case Reply::Kind::misdirected:
        give_up(reply.error);
        return std::nullopt;
      default:
        break;
    }
    const bool answered = reply.kind == Reply::Kind::answer;
    Row row =
        make_row(answered ? reply.answer : failure(reply.error_code, reply.error), study.asked_for);
    if (row.study_uid.empty()) row.study_uid = study.study_uid;
    std::erase(row.other_studies, row.study_uid);
    if (row.study_uid.empty() && !row.other_studies.empty()) {
      // None of them was taken: each has to say why by itself.
      const std::lock_guard lock(mutex_);
      index_.split(study, row.other_studies);
      return std::nullopt;
    }
    row.path = as_text(study.path);
    row.fingerprint = study.fingerprint;
    row.tries = asked.tries;
    row.path_to_study = as_text((options_.input / study.path).lexically_normal().string());
    return row;
  }

  Asked ask(const Study& study, Backend& backend) {
    const auto wait = [this](std::chrono::milliseconds time) { return wait_for(time); };
    const auto told = [this](const Reply& reply, std::chrono::milliseconds left) {
      if (reply.kind == Reply::Kind::unreachable) progress_.waiting(reply.error, left);
    };
    const auto ask_with = [&](const fs::path& file) {
      return ask_patiently(backend, {file, study.asked_for}, study.number, options_.retry, wait,
                           stops_.abandon, told);
    };
    if (study.alone) return ask_with(options_.input / study.path);
    try {
      const TemporaryFile package = pack(study);
      return ask_with(package.path());
    } catch (const Error& error) {
      if (error.fault() == Fault::unavailable || error.fault() == Fault::internal) throw;
      return {{Reply::Kind::answer,
               failure(std::string(info(error.code()).name), error.what()),
               {},
               {},
               {}},
              1};
    }
  }

  TemporaryFile pack(const Study& study) {
    const auto size = static_cast<uint64_t>(study.fingerprint.size);
    if (size > options_.limits.inflated_bytes) {
      throw Error(Code::inflated_too_large,
                  fmt::format("The study's files have more than {} bytes.",
                              options_.limits.inflated_bytes));
    }
    if (static_cast<uint64_t>(study.fingerprint.files) > options_.limits.entries) {
      throw Error(Code::too_many_entries,
                  fmt::format("The study has more than {} files.", options_.limits.entries));
    }
    std::unique_lock lock(mutex_);
    const std::vector<std::string> files = index_.files(study);
    lock.unlock();
    return packages_->make(options_.input, files, study.number);
  }

  void keep(const Study& study, const Row& row) {
    {
      const std::lock_guard lock(mutex_);
      require_same_models(row);
    }
    journal_->append(row);
    int64_t total = 0;
    {
      const std::lock_guard lock(mutex_);
      index_.set_done(row.path, row.fingerprint, row.study_uid, row.other_studies, true);
      total = index_.studies();
    }
    progress_.answered(study.number, row, total);
  }

  void require_same_models(const Row& row) {
    if (row.models.empty()) return;
    if (models_.empty()) models_ = row.models;
    if (models_ == row.models) return;
    throw Error(
        Code::bad_model,
        fmt::format("the models that answer now (sha256 {}) are not those of the rows so far "
                    "({}): one result is of one bundle",
                    row.models.substr(0, 12), models_.substr(0, 12)));
  }

  void give_up(const std::string& why) {
    const std::lock_guard lock(mutex_);
    if (stopped_.empty()) stopped_ = why;
    halt_.request_stop();
  }

  /// False where the batch is to end.
  bool wait_for(std::chrono::milliseconds time) {
    std::unique_lock lock(waiting_);
    wake_.wait_for(lock, halt_.get_token(), time, [] { return false; });
    return !halt_.stop_requested();
  }

  const BatchOptions& options_;
  const Stops& stops_;
  Progress& progress_;
  Index index_;
  Journal* journal_ = nullptr;
  const Packages* packages_ = nullptr;

  std::stop_source halt_;  ///< no other study is begun
  std::mutex mutex_;       ///< for what follows, and the index
  std::string models_, stopped_;
  std::exception_ptr error_;

  std::mutex waiting_;
  std::condition_variable_any wake_;
};

}  // namespace

Ran run_batch(const BatchOptions& options, const std::function<MakeBackend()>& open_backend,
              const Stops& stops, Progress& progress) {
  return Run(options, stops, progress).run(open_backend);
}

}  // namespace ctclip::batch
