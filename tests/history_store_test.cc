#include "history/store.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>

#include <atomic>
#include <fstream>
#include <functional>
#include <thread>

#include "base/error.h"
#include "refusal.h"
#include "testing.h"

namespace ctclip::history {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::refusal;
using ::testing::SizeIs;

const Viewer kAdmin{"", true};

Study study(const std::string& id, const std::string& content = "c") {
  Study made;
  made.id = id;
  made.sha256 = content;
  made.bytes = 10;
  made.options = "{}";
  made.received = now();
  made.bundle = "models";
  made.precision = "f32";
  made.version = "1";
  return made;
}

Outcome answer(const std::string& text = R"({"pathology":1})") {
  Outcome outcome;
  outcome.bundle = "models";
  outcome.precision = "f32";
  outcome.version = "1";
  outcome.seconds = R"({"scan":0.5})";
  outcome.answer = text;
  return outcome;
}

std::vector<std::string> ids(const std::vector<Study>& studies) {
  std::vector<std::string> found;
  for (const Study& one : studies) found.push_back(one.id);
  return found;
}

class StoreTest : public ::testing::Test {
 protected:
  std::filesystem::path file() const { return folder_.path() / "history.db"; }
  void answered(Store& store, const Study& one, const Wish& wish = {}) {
    ASSERT_FALSE(store.accept(one, wish));
    ASSERT_TRUE(store.start(one.id));
    ASSERT_TRUE(store.finish(one.id, answer()));
  }
  /// Changes what no call can: as if a study had ended long ago.
  void sql(const std::string& text) const {
    SQLite::Database(file().string(), SQLite::OPEN_READWRITE).exec(text);
  }
  testing::TempDir folder_;
};

TEST_F(StoreTest, AStudyGoesOneWayAndIsThereAfterwards) {
  {
    Store store(file());
    EXPECT_FALSE(store.accept(study("a"), {}));
    EXPECT_EQ(store.find("a", kAdmin)->state, State::queued);
    EXPECT_TRUE(store.start("a"));
    EXPECT_FALSE(store.start("a"));
    EXPECT_EQ(store.find("a", kAdmin)->attempts, 1);
    EXPECT_TRUE(store.finish("a", answer()));
  }
  Store store(file());
  const auto found = store.find("a", kAdmin);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->state, State::done);
  EXPECT_EQ(found->answer, R"({"pathology":1})");
  EXPECT_EQ(found->seconds, R"({"scan":0.5})");
  EXPECT_FALSE(found->upload);
  EXPECT_TRUE(found->finished);
  EXPECT_THAT(store.unfinished(), IsEmpty());
}

TEST_F(StoreTest, GivesNoUidThatIsNone) {
  Store store(file());
  ASSERT_FALSE(store.accept(study("a"), {}));
  ASSERT_TRUE(store.start("a"));
  Outcome outcome = answer();
  outcome.study_uid = "1.2";
  outcome.series_uid = "SECRET^NAME";
  ASSERT_TRUE(store.finish("a", outcome));
  EXPECT_EQ(store.find("a", kAdmin)->study_uid, "1.2");
  EXPECT_EQ(store.find("a", kAdmin)->series_uid, "");
}

TEST_F(StoreTest, TheFirstToEndAStudyWins) {
  Store store(file());
  store.accept(study("a"), {});
  ASSERT_TRUE(store.finish("a", answer("1")));
  EXPECT_FALSE(store.finish("a", answer("2")));
  EXPECT_FALSE(store.cancel("a", kAdmin));
  EXPECT_EQ(store.find("a", kAdmin)->answer, "1");
  store.accept(study("b", "other"), {});
  ASSERT_TRUE(store.cancel("b", kAdmin));
  EXPECT_FALSE(store.start("b"));
  EXPECT_FALSE(store.finish("b", answer()));
  EXPECT_EQ(store.find("b", kAdmin)->state, State::cancelled);
  EXPECT_EQ(store.find("b", kAdmin)->answer, "");
}

TEST_F(StoreTest, OneOfManyThreadsEndsAStudy) {
  Store store(file());
  store.accept(study("a"), {});
  std::atomic<int> won = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      if (store.finish("a", answer(std::to_string(i)))) won += 1 << (4 * i);
    });
  }
  for (std::thread& thread : threads) thread.join();
  const int winner = std::stoi(store.find("a", kAdmin)->answer);
  EXPECT_EQ(won, 1 << (4 * winner));
}

TEST_F(StoreTest, WhatHasNotEndedIsGivenBackInOrder) {
  {
    Store store(file());
    for (const char* id : {"c", "a", "b"}) store.accept(study(id, id), {});
    store.start("c");
    store.finish("a", answer());
  }
  Store store(file());
  EXPECT_THAT(ids(store.unfinished()), ElementsAre("c", "b"));
  EXPECT_THAT(store.uploads(), ::testing::UnorderedElementsAre("b", "c"));
  store.requeue("c");
  EXPECT_EQ(store.find("c", kAdmin)->state, State::queued);
  EXPECT_EQ(store.find("c", kAdmin)->attempts, 1);
}

TEST_F(StoreTest, AKeyIsOneStudy) {
  Store store(file());
  EXPECT_FALSE(store.accept(study("a", "x"), {"key", true}));
  EXPECT_EQ(store.accept(study("b", "y"), {"key", true})->id, "a");
  EXPECT_FALSE(store.find("b", kAdmin));
  Study foreign = study("c", "x");
  foreign.owner = "someone";
  EXPECT_FALSE(store.accept(foreign, {"key", true}));
}

TEST_F(StoreTest, AStudyThatNobodyWaitsForLeavesItsKey) {
  Store store(file());
  Study waited = study("a");
  waited.attached = true;
  store.accept(waited, {"key", true});
  store.cancel("a", kAdmin);
  EXPECT_FALSE(store.accept(study("b"), {"key", true}));
  store.cancel("b", kAdmin);  // on request: that is what became of the key
  EXPECT_EQ(store.accept(study("c"), {"key", true})->id, "b");
}

TEST_F(StoreTest, TheSameQuestionHasItsAnswer) {
  Store store(file());
  answered(store, study("a"));
  EXPECT_EQ(store.accept(study("b"), {})->id, "a");
  EXPECT_FALSE(store.accept(study("c"), {"", true}));  // a fresh one
  const auto differs = [&](auto change) {
    Study other = study("d");
    change(other);
    const bool taken = !store.accept(other, {});
    if (taken) store.discard("d");
    return taken;
  };
  EXPECT_TRUE(differs([](Study& one) { one.sha256 = "y"; }));
  EXPECT_TRUE(differs([](Study& one) { one.options = "[]"; }));
  EXPECT_TRUE(differs([](Study& one) { one.bundle = "other models"; }));
  EXPECT_TRUE(differs([](Study& one) { one.precision = "bf16"; }));
  EXPECT_TRUE(differs([](Study& one) { one.version = "2"; }));
  EXPECT_TRUE(differs([](Study& one) { one.owner = "someone"; }));
  EXPECT_TRUE(differs([](Study& one) { one.bundle = ""; }));
  // The key that came with it belongs to the answer.
  EXPECT_EQ(store.accept(study("e"), {"key", false})->id, "a");
  EXPECT_EQ(store.accept(study("f", "y"), {"key", true})->id, "a");
}

TEST_F(StoreTest, FailedStudiesAreNoAnswers) {
  Store store(file());
  store.accept(study("a"), {});
  Outcome failed = answer();
  failed.state = State::failed;
  failed.error_code = "no_lungs";
  store.finish("a", failed);
  EXPECT_FALSE(store.accept(study("b"), {}));
}

TEST_F(StoreTest, EveryoneSeesTheirOwn) {
  Store store(file());
  Study mine = study("a", "x");
  mine.owner = "me";
  store.accept(mine, {});
  store.accept(study("b", "y"), {});
  EXPECT_TRUE(store.find("a", {"me"}));
  EXPECT_FALSE(store.find("b", {"me"}));
  EXPECT_FALSE(store.find("a", {""}));
  EXPECT_FALSE(store.cancel("b", {"me"}));
  EXPECT_THAT(ids(store.list({{"me"}, {}, {}, {}, "", 10})), ElementsAre("a"));
  EXPECT_THAT(ids(store.list({kAdmin, {}, {}, {}, "", 10})), ElementsAre("b", "a"));
  EXPECT_EQ(refusal([&] { store.list({{"me"}, {}, {}, {}, "b", 10}); }), Code::bad_parameter);
}

TEST_F(StoreTest, PagesHoldEachStudyOnceThoughNewOnesCome) {
  Store store(file());
  for (int i = 0; i < 7; ++i) store.accept(study("s" + std::to_string(i), std::to_string(i)), {});
  std::vector<std::string> seen;
  std::string after;
  for (int page = 0; page < 3; ++page) {
    const auto found = ids(store.list({kAdmin, {}, {}, {}, after, 3}));
    seen.insert(seen.end(), found.begin(), found.end());
    after = found.back();
    store.accept(study("late" + std::to_string(page), "late" + std::to_string(page)), {});
  }
  EXPECT_THAT(seen, ElementsAre("s6", "s5", "s4", "s3", "s2", "s1", "s0"));
}

TEST_F(StoreTest, ListsByStateAndTime) {
  Store store(file());
  for (const char* id : {"a", "b", "c"}) store.accept(study(id, id), {});
  store.finish("b", answer());
  EXPECT_THAT(ids(store.list({kAdmin, State::done, {}, {}, "", 10})), ElementsAre("b"));
  EXPECT_THAT(ids(store.list({kAdmin, {}, now() + 1'000, {}, "", 10})), IsEmpty());
  EXPECT_THAT(store.list({kAdmin, {}, now() - 60'000, now() + 1'000, "", 10}), SizeIs(3));
}

TEST_F(StoreTest, TheAuditTellsWhatHappened) {
  Store store(file());
  Study sent = study("a");
  sent.client = "10.0.0.1";
  answered(store, sent);
  store.note_read(*store.find("a", kAdmin), {"admin", true, "10.0.0.2"});
  std::vector<std::string> events;
  for (const Event& event : store.events(0, 100)) {
    events.push_back(event.event + " " + event.study + " " + event.client);
  }
  EXPECT_THAT(events, ElementsAre("accepted a 10.0.0.1", "started a 10.0.0.1", "done a 10.0.0.1",
                                  "read a 10.0.0.2"));
  EXPECT_THAT(store.events(3, 100), SizeIs(1));
}

TEST_F(StoreTest, ForgetsWhatHasHadItsTimeAndNothingElse) {
  Store store(file());
  answered(store, study("old", "x"));
  answered(store, study("new", "y"));
  store.accept(study("open", "z"), {});
  sql("UPDATE studies SET received = 1, finished = CASE id WHEN 'old' THEN 1 ELSE finished END "
      "WHERE id <> 'new'");
  sql("UPDATE audit SET time = 1 WHERE study = 'old' AND event = 'accepted'");
  EXPECT_THAT(store.prune({}, 1'000), IsEmpty());
  EXPECT_THAT(ids(store.list({kAdmin, {}, {}, {}, "", 10})), ElementsAre("open", "new"));
  std::vector<std::string> old_events;
  for (const Event& event : store.events(0, 100)) {
    if (event.study == "old") old_events.push_back(event.event);
  }
  EXPECT_THAT(old_events, ElementsAre("started", "done", "expired"));
}

TEST_F(StoreTest, RefusedKeysAreRememberedButDoNotFillIt) {
  constexpr int kMost = 100'000, kMore = 3;
  Store store({});
  store.accept(study("a"), {});
  for (int i = 0; i < kMost + kMore; ++i) {
    store.note_refused_key(i < kMore ? "192.0.2.1" : "192.0.2.2", "/predict");
  }
  store.prune({}, 1'000);
  const std::vector<Event> events = store.events(0, 2 * kMost);
  ASSERT_EQ(events.size(), kMost + 1U);
  EXPECT_EQ(events[0].event, "accepted");
  EXPECT_EQ(events[1].event, "refused");
  EXPECT_EQ(events[1].client, "192.0.2.2");
  EXPECT_EQ(events[1].detail, "/predict");
}

TEST_F(StoreTest, AnUploadIsForgottenBeforeItsStudy) {
  Store store(file());
  store.accept(study("a"), {});
  Outcome outcome = answer();
  outcome.keeps_upload = true;
  store.finish("a", outcome);
  Retention retention;
  retention.uploads = std::chrono::hours(48);
  EXPECT_THAT(store.prune(retention, 1'000), IsEmpty());
  EXPECT_THAT(store.uploads(), ElementsAre("a"));
  sql("UPDATE studies SET finished = 1");
  EXPECT_THAT(store.prune(retention, 1'000), ElementsAre("a"));
  EXPECT_TRUE(store.find("a", kAdmin));
  store.forget_upload("a");
  EXPECT_THAT(store.prune(retention, 1'000), IsEmpty());
  EXPECT_FALSE(store.find("a", kAdmin));
}

TEST_F(StoreTest, InMemoryItHoldsNoMoreThanTold) {
  Store store({});
  EXPECT_FALSE(store.persistent());
  for (int i = 0; i < 6; ++i) answered(store, study("s" + std::to_string(i), std::to_string(i)));
  store.accept(study("open", "z"), {});
  store.prune({}, 2);
  EXPECT_THAT(ids(store.list({kAdmin, {}, {}, {}, "", 10})), ElementsAre("open", "s5", "s4"));
}

TEST_F(StoreTest, ALockedHistoryIsUnavailableAndNotLost) {
  Store store(file());
  store.accept(study("a"), {});
  {
    SQLite::Database other(file().string(), SQLite::OPEN_READWRITE);
    other.exec("BEGIN IMMEDIATE");
    EXPECT_EQ(refusal([&] { store.finish("a", answer()); }), Code::history_unavailable);
    EXPECT_TRUE(store.find("a", kAdmin));  // looking at it needs no lock
    other.exec("ROLLBACK");
  }
  EXPECT_TRUE(store.finish("a", answer()));
}

TEST_F(StoreTest, ADamagedHistoryIsSetAsideWithEverything) {
  {
    Store store(file());
    for (int i = 0; i < 60; ++i) answered(store, study(std::to_string(i), std::to_string(i)));
  }
  const auto size = std::filesystem::file_size(file());
  {
    std::fstream bytes(file(), std::ios::in | std::ios::out | std::ios::binary);
    bytes.seekp(static_cast<std::streamoff>(size / 2));
    bytes << std::string(16'384, 'x');
  }
  Store store(file());
  EXPECT_THAT(store.list({kAdmin, {}, {}, {}, "", 10}), IsEmpty());
  EXPECT_EQ(std::filesystem::file_size(store.set_aside() / "history.db"), size);
  answered(store, study("a"));
}

TEST_F(StoreTest, WhatIsNoDatabaseIsSetAside) {
  std::ofstream(file()) << "This is no database, and long enough to be seen as none.\n";
  Store store(file());
  EXPECT_TRUE(std::filesystem::exists(store.set_aside() / "history.db"));
  answered(store, study("a"));
}

TEST_F(StoreTest, ALaterHistoryIsLeftAlone) {
  { Store store(file()); }
  sql("PRAGMA user_version = 99");
  EXPECT_EQ(refusal([&] { Store store(file()); }), Code::usage);
  EXPECT_EQ(refusal([&] { Store::read_only(file()); }), Code::usage);
}

TEST_F(StoreTest, IsReadWhileItIsWritten) {
  EXPECT_EQ(refusal([&] { Store::read_only(file()); }), Code::usage);
  Store store(file());
  store.accept(study("a"), {});
  const Store reader = Store::read_only(file());
  EXPECT_TRUE(reader.find("a", kAdmin));
  store.finish("a", answer());
  EXPECT_EQ(reader.find("a", kAdmin)->state, State::done);
}

TEST(Time, IsWrittenAndReadInUtc) {
  EXPECT_EQ(iso_time(0), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(iso_time(1'795'517'524'123), "2026-11-24T10:52:04.123Z");
  EXPECT_EQ(parse_time("2026-11-24T10:52:04.123Z"), 1'795'517'524'123);
  EXPECT_EQ(parse_time("2026-11-24T10:52:04Z"), 1'795'517'524'000);
  EXPECT_EQ(parse_time("2026-11-24"), 1'795'478'400'000);
  for (const char* wrong : {"", "2026-13-01", "2026-02-30", "2026-1-1", "2026-11-24T10:52",
                            "2026-11-24T24:00:00Z", "2026-11-24T10:52:04", "2026-11-24 10:52:04Z",
                            "2026-11-24T10:52:04.12Z", "-026-11-24", "2026-11-24T10:52:04.123Zx"}) {
    EXPECT_FALSE(parse_time(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace ctclip::history
