// The worst reader: this executable, started by the loader in the program's place, does what the
// "study" says. Whatever it is, the loader ends it and refuses the study.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <limits>
#include <map>
#include <string>
#include <thread>

#include "isolation/channel.h"
#include "isolation/child_process.h"
#include "isolation/shared_memory.h"
#include "isolation_testing.h"
#include "study_testing.h"

namespace ctclip::isolation {
namespace {

using ::testing::HasSubstr;

template <typename Message>
void say(Kind kind, const Message& message) {
  send(kSocket, kind, pack(message));
}

void say_bytes(const std::string& bytes) {
  static_cast<void>(::send(kSocket, bytes.data(), bytes.size(), MSG_NOSIGNAL));
}

[[noreturn]] void stay() {
  for (;;) pause();
}

/// A small volume of ones, as a reader should hand it over.
Answer good_answer() {
  Answer answer;
  answer.shape = {20, 4, 5};
  answer.spacing = {1, 1, 1};
  answer.facts.shape = {20, 4, 5};
  return answer;
}

Tensor fill(float value) {
  Tensor volume = memory_in(kVolume)({20, 4, 5});
  std::ranges::fill(volume.values(), value);
  return volume;
}

void answer_with(const std::function<void(Answer&)>& change) {
  fill(1);
  Answer answer = good_answer();
  change(answer);
  say(Kind::answer, answer);
}

/// A process that outlives the reader and keeps the memory mapped; it ends with the test.
void leave_a_grandchild() {
  const Tensor volume = fill(1);
  if (fork() == 0) {
    close(kSocket);
    sleep(5);
    std::_Exit(0);
  }
  say(Kind::answer, good_answer());
  stay();
}

/// By the kernel, also where a sanitizer would rather report it.
void write_where_nothing_may() {
  std::signal(SIGSEGV, SIG_DFL);
  void* page = mmap(nullptr, 1, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  *static_cast<volatile int*>(page) = 1;
}

const std::map<std::string, std::function<void()>>& behaviours() {
  static const std::map<std::string, std::function<void()>> all = {
      {"good", [] { answer_with([](Answer&) {}); }},
      {"wild write", write_where_nothing_may},
      {"abort", [] { std::abort(); }},
      {"stack",
       [] {
         std::signal(SIGSEGV, SIG_DFL);
         raise(SIGSEGV);
       }},
      {"exit", [] { std::_Exit(3); }},
      {"hang", [] { stay(); }},
      {"spin",
       [] {
         for (std::atomic<unsigned> spin = 0;;) ++spin;
       }},
      {"hang up",
       [] {
         close(kSocket);
         stay();
       }},
      {"out of memory",
       [] {
         send(kSocket, Kind::out_of_memory, {});
         stay();
       }},
      {"noise",
       [] {
         say_bytes(std::string(100, '\xEE'));
         stay();
       }},
      {"endless frame",
       [] {
         say_bytes(std::string("\3\xFF\xFF\xFF\x7F", 5));
         stay();
       }},
      {"half a frame", [] { say_bytes(std::string("\3\x10\0\0\0half", 9)); }},
      {"flood",
       [] {
         for (;;) say(Kind::progress, Progress{"scan", 1, 2});
       }},
      {"no stage",
       [] {
         say(Kind::progress, Progress{"<script>", 1, 2});
         stay();
       }},
      {"backwards",
       [] {
         say(Kind::progress, Progress{"scan", 3, 2});
         stay();
       }},
      {"request",
       [] {
         say(Kind::request, Request{});
         stay();
       }},
      {"shutting down",
       [] {
         say(Kind::refusal, Refusal{Code::shutting_down, "No.", {}});
       }},
      {"refusal",
       [] {
         say(Kind::refusal, Refusal{Code::not_ct, "An MR study.", {}});
         stay();
       }},
      {"unexpected",
       [] {
         say(Kind::unexpected, Unexpected{"a\nb\x1B[31m"});
         stay();
       }},
      {"no memory", [] { say(Kind::answer, good_answer()); }},
      {"less memory",
       [] {
         memory_in(kVolume)({20, 4, 4});
         say(Kind::answer, good_answer());
       }},
      {"huge",
       [] {
         answer_with([](Answer& a) {
           a.shape = {int64_t{1} << 40, 1 << 20, 1 << 20};
           a.facts.shape.assign(a.shape.begin(), a.shape.end());
         });
       }},
      {"negative",
       [] {
         answer_with([](Answer& a) {
           a.shape = {-20, -4, 5};
           a.facts.shape = {-20, -4, 5};
         });
       }},
      {"empty",
       [] {
         answer_with([](Answer& a) {
           a.shape = {0, 4, 5};
           a.facts.shape = {0, 4, 5};
         });
       }},
      {"other shape", [] { answer_with([](Answer& a) {
                             a.facts.shape = {20, 5, 4};
                           }); }},
      {"no spacing", [] { answer_with([](Answer& a) { a.spacing[1] = 0; }); }},
      {"no number", [] { answer_with([](Answer& a) { a.to_patient[3] = std::nan(""); }); }},
      {"no voxel",
       [] {
         fill(std::nanf(""));
         say(Kind::answer, good_answer());
       }},
      {"endless voxel",
       [] {
         fill(-INFINITY);
         say(Kind::answer, good_answer());
       }},
      {"chosen beyond", [] { answer_with([](Answer& a) { a.facts.choice.chosen = 5; }); }},
      {"grandchild", leave_a_grandchild},
      {"goes on writing",
       [] {
         Tensor volume = fill(1);
         say(Kind::answer, good_answer());
         for (;;) std::ranges::fill(volume.values(), volume.data()[0] + 1);
       }},
  };
  return all;
}

/// A reader's first word; the loader's own try at its start ends with it.
void behave() {
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  Inbox inbox(kSocket);
  Frame frame;
  inbox.wait(std::chrono::seconds(10), frame);
  const auto request = unpack<Request>(frame.payload);
  std::array<char, 64> word{};
  const ssize_t size = request.only_try ? 0 : read(kInput, word.data(), word.size());
  const std::string name(word.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  say(Kind::ready, Ready{name == "unfiltered" ? "not here" : ""});
  if (const auto found = behaviours().find(name); found != behaviours().end()) found->second();
}

class Hostile : public ::testing::Test {
 protected:
  Loaded load(const std::string& behaviour,
              std::chrono::milliseconds time = std::chrono::seconds(60)) {
    const std::filesystem::path study = folder_.path() / "study";
    testing::write_file(study, behaviour);
    return load_with(IsolatedLoader({"/proc/self/exe", 1, time, 0}), study);
  }
  void expect_crash(const std::string& behaviour, const std::string& word) {
    const Loaded loaded = load(behaviour);
    ASSERT_EQ(code_of(loaded), Code::read_crashed) << behaviour;
    EXPECT_THAT(loaded.error->what(), HasSubstr(word)) << behaviour;
    EXPECT_TRUE(loaded.volume.hu.empty());
  }

  testing::TempDir folder_;
};

TEST_F(Hostile, AGoodAnswerIsTaken) {
  const Loaded loaded = load("good");
  ASSERT_FALSE(loaded.error) << loaded.error->what();
  EXPECT_THAT(loaded.volume.hu.values(), ::testing::Each(1.0F));
  EXPECT_EQ(loaded.volume.hu.size(), 400);
}

TEST_F(Hostile, ACrashIsARefusalThatNamesItsSignal) {
  expect_crash("wild write", "signal 11 (Segmentation fault)");
  expect_crash("stack", "signal 11");
  expect_crash("abort", "signal 6 (Aborted)");
  expect_crash("exit", "exit status 3");
  expect_crash("hang up", "signal 9");
  expect_crash("half a frame", "exit status 0");
}

TEST_F(Hostile, NonsenseIsARefusal) {
  for (const char* behaviour :
       {"noise", "endless frame", "no stage", "backwards", "request", "shutting down", "no memory",
        "less memory", "huge", "negative", "empty", "other shape", "no spacing", "no number",
        "no voxel", "endless voxel", "chosen beyond", "unfiltered"}) {
    expect_crash(behaviour, "makes no sense");
  }
}

TEST_F(Hostile, HangingEndsWithItsTime) {
  for (const char* behaviour : {"hang", "spin", "flood"}) {
    const auto began = std::chrono::steady_clock::now();
    const Loaded loaded = load(behaviour, std::chrono::milliseconds(1500));
    EXPECT_EQ(code_of(loaded), Code::read_timeout) << behaviour;
    EXPECT_THAT(loaded.error->what(), HasSubstr("1.5 s"));
    EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(30)) << behaviour;
  }
}

TEST_F(Hostile, WhatItRefusesIsPassedOn) {
  EXPECT_EQ(code_of(load("out of memory")), Code::read_out_of_memory);
  const Loaded refused = load("refusal");
  ASSERT_EQ(code_of(refused), Code::not_ct);
  EXPECT_STREQ(refused.error->what(), "An MR study.");
}

TEST_F(Hostile, AnErrorOfTheProgramComesAsPlainText) {
  try {
    load("unexpected");
    FAIL() << "nothing was thrown";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "a?b?[31m");
  }
}

/// The reader is dead and the memory sealed before it is looked at.
TEST_F(Hostile, NobodyWritesToAVolumeThatWasTaken) {
  const Loaded loaded = load("goes on writing");
  ASSERT_FALSE(loaded.error) << loaded.error->what();
  const Tensor before = loaded.volume.hu.clone();
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_TRUE(std::ranges::equal(before.values(), loaded.volume.hu.values()));
  expect_crash("grandchild", "makes no sense");
}

TEST_F(Hostile, CancellationEndsItAtOnce) {
  const std::filesystem::path study = folder_.path() / "study";
  testing::write_file(study, "hang");
  const IsolatedLoader loader({"/proc/self/exe", 1, std::chrono::seconds(60), 0});
  std::stop_source stop;
  const std::jthread canceller([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    stop.request_stop();
  });
  ThreadPool pool(1);
  Watch watch(stop.get_token());
  StudyFacts facts;
  const auto began = std::chrono::steady_clock::now();
  try {
    loader(study, {}, pool, watch, facts);
    FAIL() << "it was not cancelled";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::cancelled);
  }
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(20));
}

TEST_F(Hostile, AProgramThatCannotBeStartedIsSaidAtOnce) {
  try {
    const IsolatedLoader loader({"/no/such/program", 1, std::chrono::seconds(5), 0});
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::internal);
    EXPECT_THAT(error.what(), HasSubstr("No such file"));
  }
}

}  // namespace
}  // namespace ctclip::isolation

int main(int argc, char** argv) try {
  if (argc == 2 && std::string(argv[1]) == ctclip::isolation::kReaderCommand) {
    ctclip::isolation::behave();
    return 0;
  }
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
} catch (...) {
  return EXIT_FAILURE;
}
