#include "isolation/conversation.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/uid.h"

namespace ctclip::isolation {
namespace {

/// How soon a client that went away is noticed.
constexpr std::chrono::milliseconds kLook{50};
constexpr std::array<std::string_view, 3> kStages = {"scan", "decode", "lungs"};

[[noreturn]] void out_of_memory() {
  throw Error(Code::read_out_of_memory,
              "Reading the study takes more memory than a study is given.");
}

/// A reader may refuse a study; it has no say in what the service itself is doing.
bool is_readers(Fault fault) {
  return fault == Fault::bad_request || fault == Fault::too_large ||
         fault == Fault::unprocessable || fault == Fault::internal;
}

std::array<Descriptor, 2> make_sockets() {
  std::array<int, 2> ends = {-1, -1};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    throw Error(Code::internal, fmt::format("The system gives no socket for a reader: {}.",
                                            std::generic_category().message(errno)));
  }
  return {Descriptor(ends[0]), Descriptor(ends[1])};
}

/// What a reader says of an error of the program is for the log: one line of plain characters.
std::string printable(std::string text) {
  constexpr std::size_t kMost = 200;
  text.resize(std::min(text.size(), kMost));
  std::ranges::replace_if(
      text, [](char c) { return c < ' ' || c > '~'; }, '?');
  return text;
}

}  // namespace

void refuse_nonsense(const char* what) {
  log().warn("the process that read a study answered with {}", what);
  throw Error(Code::read_crashed,
              "The process that read the study answered with what makes no sense, and was ended.");
}

StudyFacts with_uids_only(StudyFacts facts) {
  facts.study_uid = uid_of(facts.study_uid);
  facts.series_uid = uid_of(facts.series_uid);
  for (Series& series : facts.choice.series) {
    series.study_uid = uid_of(series.study_uid);
    series.series_uid = uid_of(series.series_uid);
  }
  return facts;
}

Conversation::Conversation(const std::filesystem::path& program, int input, int volume,
                           const Request& request, std::chrono::milliseconds time)
    : inbox_(-1), time_(time), deadline_(std::chrono::steady_clock::now() + time) {
  auto [mine, its] = make_sockets();
  socket_ = std::move(mine);
  inbox_ = Inbox(socket_.get());
  reader_.emplace(program, its.get(), input, volume);
  its.close();  // so that the end of the reader is the end of the conversation
  if (!send(socket_.get(), Kind::request, pack(request))) judge_end();
}

std::string Conversation::await_ready(Watch& watch) {
  const Frame frame = next(watch);
  try {
    if (frame.kind != Kind::ready) refuse(frame, nullptr);
    return printable(unpack<Ready>(frame.payload).missing);
  } catch (const Malformed& error) {
    refuse_nonsense(error.what());
  }
}

Answer Conversation::follow(Watch& watch, StudyFacts& facts) {
  for (;;) {
    const Frame frame = next(watch);
    try {
      if (frame.kind == Kind::progress) {
        show(unpack<Progress>(frame.payload), watch);
        continue;
      }
      stage_.reset();
      if (frame.kind != Kind::answer) refuse(frame, &facts);
      auto answer = unpack<Answer>(frame.payload);
      reader_->kill();
      reader_->wait();
      return answer;
    } catch (const Malformed& error) {
      refuse_nonsense(error.what());
    }
  }
}

Frame Conversation::next(Watch& watch) {
  Frame frame;
  for (;;) {
    watch.check();
    if (std::chrono::steady_clock::now() >= deadline_) {
      throw Error(
          Code::read_timeout,
          fmt::format("Reading the study takes longer than the {:g} s that a study is given.",
                      std::chrono::duration<double>(time_).count()));
    }
    try {
      const Inbox::State state = inbox_.wait(kLook, frame);
      if (state == Inbox::State::frame) return frame;
      if (state == Inbox::State::ended) judge_end();
    } catch (const Malformed& error) {
      refuse_nonsense(error.what());
    }
  }
}

void Conversation::show(const Progress& progress, Watch& watch) {
  if (std::ranges::find(kStages, progress.stage) == kStages.end() || progress.done < 0 ||
      progress.done > progress.total) {
    throw Malformed("an impossible stage");
  }
  if (!stage_ || progress.stage != name_of_stage_) {
    stage_.reset();
    name_of_stage_ = progress.stage;
    stage_.emplace(watch, progress.stage);
  }
  if (progress.total > 0) watch.advance(progress.done, progress.total);
}

void Conversation::refuse(const Frame& frame, StudyFacts* facts) {
  if (frame.kind == Kind::out_of_memory) out_of_memory();
  if (frame.kind == Kind::unexpected) {
    throw std::runtime_error(printable(unpack<Unexpected>(frame.payload).what));
  }
  if (frame.kind != Kind::refusal) throw Malformed("a frame out of turn");
  auto refusal = unpack<Refusal>(frame.payload);
  if (!is_readers(info(refusal.code).fault)) throw Malformed("a refusal that is not its own");
  if (facts != nullptr) *facts = with_uids_only(std::move(refusal.facts));
  throw Error(refusal.code, refusal.message);
}

void Conversation::judge_end() {
  reader_
      ->kill();  // in case that it only closed its socket; an end that has begun stays what it is
  const int status = reader_->wait();
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU) {
    throw Error(Code::read_timeout,
                "Reading the study takes more processor time than a study is given.");
  }
  log().warn("the process that read a study ended {}", describe_end(status));
  throw Error(Code::read_crashed,
              fmt::format("The process that read the study ended {}; no other study was affected.",
                          describe_end(status)));
}

}  // namespace ctclip::isolation
