#include "isolation/study_reader.h"

#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <memory>
#include <new>
#include <utility>

#include "isolation/channel.h"
#include "isolation/child_process.h"
#include "isolation/sandbox.h"
#include "isolation/shared_memory.h"
#include "study/dcmtk_setup.h"

namespace ctclip::isolation {
namespace {

using Clock = std::chrono::steady_clock;

/// The service shows progress to people: no finer than this.
constexpr std::chrono::milliseconds kBetweenReports{50};

[[noreturn]] void leave(int status) { std::_Exit(status); }

template <typename Message>
void tell(Kind kind, const Message& message) {
  if (!send(kSocket, kind, pack(message))) leave(EXIT_FAILURE);  // nobody is there any more
}

Request take_request() {
  Inbox inbox(kSocket);
  Frame frame;
  constexpr std::chrono::seconds kPatience{10};
  if (inbox.wait(kPatience, frame) != Inbox::State::frame || frame.kind != Kind::request) {
    leave(EXIT_FAILURE);
  }
  return unpack<Request>(frame.payload);
}

/// Ends with the service, however that ends; is the first to go where memory runs out.
void become_dependent(pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (getppid() != parent) leave(EXIT_FAILURE);
  prctl(PR_SET_NAME, "ctclip-read", 0, 0, 0);
  std::ofstream("/proc/self/oom_score_adj") << 1000;
  std::signal(SIGXFSZ, SIG_IGN);  // a volume over the limit is an error of ftruncate
}

class Progressing {
 public:
  void operator()(std::string_view stage, int64_t done, int64_t total) {
    const auto now = Clock::now();
    if (stage == stage_ && done != total && now < next_) return;
    stage_ = stage;
    next_ = now + kBetweenReports;
    tell(Kind::progress, Progress{stage_, done, total});
  }

 private:
  std::string stage_;
  Clock::time_point next_;
};

void report(const Volume& volume, StudyFacts facts) {
  const Shape& shape = volume.hu.shape();
  Answer answer;
  std::copy_n(shape.begin(), answer.shape.size(), answer.shape.begin());
  answer.spacing = volume.spacing;
  answer.to_patient = volume.to_patient;
  answer.facts = std::move(facts);
  tell(Kind::answer, answer);
}

void read_study(const Request& request, const std::shared_ptr<const InputFile>& input,
                ThreadPool& pool) {
  StudyFacts facts;
  Watch watch({}, Progressing());
  try {
    const Volume volume =
        load_open_study(input, request.options, memory_in(kVolume), pool, watch, facts);
    report(volume, std::move(facts));
  } catch (const Error& error) {
    tell(Kind::refusal, Refusal{error.code(), error.what(), facts});
  }
}

void serve_request() {
  const Request request = take_request();
  become_dependent(request.parent);
  // Whatever needs files or threads comes before the sandbox, which allows neither.
  set_up_dcmtk();
  ThreadPool pool(request.threads);
  const auto input = std::make_shared<const InputFile>(Descriptor(kInput), request.name);
  const auto voxels = static_cast<uint64_t>(request.options.limits.max_voxels);
  limit_resources({request.memory, pool.threads(), voxels * sizeof(float), request.seconds});
  tell(Kind::ready, Ready{close_sandbox(kSocket, kVolume)});
  if (!request.only_try) read_study(request, input, pool);
  leave(EXIT_SUCCESS);  // the pool's threads and what is still mapped go with the process
}

}  // namespace

void read_one_study() {
  try {
    serve_request();
  } catch (const Error& error) {
    tell(Kind::refusal, Refusal{error.code(), error.what(), {}});
  } catch (const std::bad_alloc&) {
    send(kSocket, Kind::out_of_memory, {});
  } catch (const std::exception& error) {
    tell(Kind::unexpected, Unexpected{error.what()});
  }
  leave(EXIT_SUCCESS);
}

}  // namespace ctclip::isolation
