#include "isolation/isolated_loader.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <limits>
#include <thread>
#include <utility>

#include "base/log.h"
#include "isolation/conversation.h"
#include "isolation/shared_memory.h"

namespace ctclip::isolation {
namespace {

constexpr std::chrono::milliseconds kStart{60'000};

Request request_for(const LoaderOptions& loader, const StudyOptions& study, std::string name) {
  Request request;
  request.parent = getpid();
  request.name = std::move(name);
  request.options = study;
  request.threads = loader.threads > 0
                        ? loader.threads
                        : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  request.memory = loader.memory > 0 ? loader.memory : memory_for(study.limits);
  // Never reached before the time is over, unless the service itself hangs.
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(loader.time).count() + 1;
  request.seconds = static_cast<uint64_t>(seconds) * static_cast<uint64_t>(request.threads);
  return request;
}

/// What the rest of the program relies on, whoever wrote it.
void require_sound(const Answer& answer) {
  const auto finite = [](auto value) { return std::isfinite(value); };
  const auto positive = [](float value) { return std::isfinite(value) && value > 0; };
  const StudyFacts& facts = answer.facts;
  const bool sound = std::ranges::all_of(answer.spacing, positive) &&
                     std::ranges::all_of(answer.to_patient, finite) &&
                     std::ranges::equal(facts.shape, answer.shape) &&
                     (!facts.choice.chosen || *facts.choice.chosen < facts.choice.series.size());
  if (!sound) refuse_nonsense("impossible facts");
}

void require_numbers(const Tensor& voxels, ThreadPool& pool) {
  constexpr int64_t kBlock = 1 << 20;
  constexpr auto kInfinity = std::bit_cast<uint32_t>(std::numeric_limits<float>::infinity());
  std::atomic<bool> sound = true;
  pool.run_blocks(voxels.size(), kBlock, [&](int64_t begin, int64_t end) {
    uint32_t largest = 0;  // of the bits without sign: beyond all numbers are infinity and NaN
    for (int64_t i = begin; i < end; ++i) {
      largest = std::max(largest, std::bit_cast<uint32_t>(voxels.data()[i]) & 0x7FFF'FFFFU);
    }
    if (largest >= kInfinity) sound = false;
  });
  if (!sound) refuse_nonsense("voxels that are no numbers");
}

Volume take(int memory, const Answer& answer, const Limits& limits, ThreadPool& pool) {
  require_sound(answer);
  try {
    Volume volume = {take_volume(memory, answer.shape, limits.max_voxels), answer.spacing,
                     answer.to_patient};
    require_numbers(volume.hu, pool);
    return volume;
  } catch (const Malformed& error) {
    refuse_nonsense(error.what());
  }
}

}  // namespace

uint64_t memory_for(const Limits& limits) {
  constexpr uint64_t kPerFile = 4096, kDecoding = uint64_t{1} << 30;
  return static_cast<uint64_t>(limits.max_voxels) * sizeof(float) + limits.entries * kPerFile +
         kDecoding;
}

IsolatedLoader::IsolatedLoader(LoaderOptions options) : options_(std::move(options)) {
  const Descriptor memory = make_shared_memory();
  Request request = request_for(options_, {}, {});
  request.only_try = true;
  Watch watch;
  // It needs an input, but reads nothing of it: any descriptor will do. A time that is short for a
  // study is no reason not to start on a machine that is busy.
  Conversation conversation(options_.program, memory.get(), memory.get(), request,
                            std::max(options_.time, kStart));
  const std::string missing = conversation.await_ready(watch);
  filtered_ = missing.empty();
  if (!filtered_) {
    log().warn(
        "this system has no seccomp ({}): the processes that read studies have their limits of "
        "memory and time, but their system calls are not filtered",
        missing);
  }
}

Volume IsolatedLoader::operator()(const std::filesystem::path& input, const StudyOptions& options,
                                  ThreadPool& pool, Watch& watch, StudyFacts& facts) const {
  facts = {};
  watch.check();
  const InputFile file(input);
  const Descriptor memory = make_shared_memory();
  Conversation conversation(options_.program, file.descriptor(), memory.get(),
                            request_for(options_, options, file.name()), options_.time);
  if (const std::string missing = conversation.await_ready(watch); filtered_ && !missing.empty()) {
    refuse_nonsense("no filter of system calls");
  }
  Answer answer = conversation.follow(watch, facts);
  Volume volume = take(memory.get(), answer, options.limits, pool);
  facts = with_uids_only(std::move(answer.facts));
  return volume;
}

StudyLoader loader_of_files_and_folders(LoaderOptions options) {
  return [isolated = IsolatedLoader(std::move(options))](
             const std::filesystem::path& input, const StudyOptions& study, ThreadPool& pool,
             Watch& watch, StudyFacts& facts) {
    std::error_code ignored;  // whatever it is, who opens it says what is wrong
    return std::filesystem::is_directory(input, ignored)
               ? load_study(input, study, pool, watch, facts)
               : isolated(input, study, pool, watch, facts);
  };
}

}  // namespace ctclip::isolation
