#include <gmock/gmock.h>

#include <filesystem>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>

#include "batch/merge.h"
#include "batch/run.h"
#include "batch/summary.h"
#include "batch_testing.h"
#include "study/series.h"

namespace ctclip {
namespace {

using batch::Question;
using batch::Reply;
using batch::Row;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

/// The studies of an archive, the one first that is answered if none is asked for; and those that
/// fail. An archive whose first is "" names none.
struct Archive {
  std::vector<std::string> studies;
  std::set<std::string> failing;
};

/// Answers as a service does, until its answers are used up: then it is gone.
class Archives {
 public:
  std::map<std::string, Archive> archives;
  int left = 1000;
  std::vector<std::string> asked;  ///< "both.zip 1.2"

  Reply answer(const Question& question) {
    const std::lock_guard lock(mutex_);
    if (left-- <= 0) return {Reply::Kind::unreachable, {}, "unreachable", "It is gone.", {}};
    const std::string name = question.file.filename();
    asked.push_back(name + " " + question.study_uid);
    const Archive& archive = archives.at(name);
    const bool any = question.study_uid.empty();
    const std::string uid = any ? archive.studies.front() : question.study_uid;
    nlohmann::ordered_json json = {{"study_uid", uid}};
    if (uid.empty() || archive.failing.contains(uid)) {
      json.update(batch::failure("no_lungs", "No lungs."));
    } else {
      json.update({{"probability_of_pathology", std::stod(uid) / 10},
                   {"pathology", 0},
                   {"processing_status", "Success"}});
    }
    nlohmann::ordered_json series = nlohmann::ordered_json::array();
    for (const std::string& study : archive.studies) series.push_back({{"study_uid", study}});
    std::vector<std::string> warnings;
    const std::string others = other_studies_warning(other_studies(archive.studies, uid));
    if (any && !others.empty()) warnings.push_back(others);
    json["details"] = {{"study", {{"series", series}, {"warnings", warnings}}}};
    return {Reply::Kind::answer, json, {}, {}, {}};
  }

 private:
  std::mutex mutex_;
};

class Asking : public batch::Backend {
 public:
  explicit Asking(Archives& archives) : archives_(archives) {}
  Reply ask(const Question& question, const std::stop_token&) override {
    return archives_.answer(question);
  }

 private:
  Archives& archives_;
};

class ArchiveBatch : public ::testing::Test {
 protected:
  ArchiveBatch() {
    options_.input = folder_.path() / "in";
    options_.output = folder_.path() / "r.csv";
    options_.answering = "service";
    options_.retry.retries = 0;
    put("a.zip", {{"1.1"}, {}});
    put("both.zip", {{"1.3", "1.2", "1.4"}, {}});
  }
  void put(const std::string& name, const Archive& archive) {
    testing::write_file(options_.input / name, "PK\x03\x04" + std::string(put_++, ' '));
    archives_.archives[name] = archive;
  }
  batch::Ran run() {
    batch::Progress progress;
    archives_.asked.clear();
    return batch::run_batch(
        options_,
        [&]() -> batch::MakeBackend { return [&] { return std::make_unique<Asking>(archives_); }; },
        {}, progress);
  }
  batch::Table table() {
    batch::Table table;
    table.add(batch::journal_of(options_.output));
    return table;
  }
  std::vector<Row> rows() {
    std::vector<Row> rows;
    table().for_each([&](const Row& row) { rows.push_back(row); });
    return rows;
  }
  /// "both.zip 1.2 ok"
  std::vector<std::string> told() {
    std::vector<std::string> told;
    for (const Row& row : rows()) {
      told.push_back(row.path + " " + row.study_uid + (row.success ? " ok" : " failed"));
    }
    return told;
  }

  testing::TempDir folder_;
  batch::BatchOptions options_;
  Archives archives_;
  std::size_t put_ = 0;
};

TEST_F(ArchiveBatch, EveryStudyOfAnArchiveHasItsRow) {
  const batch::Ran ran = run();
  EXPECT_EQ(ran.studies, 4);
  EXPECT_TRUE(ran.complete());
  EXPECT_THAT(archives_.asked, ElementsAre("a.zip ", "both.zip ", "both.zip 1.2", "both.zip 1.4"));
  EXPECT_THAT(told(),
              ElementsAre("a.zip 1.1 ok", "both.zip 1.2 ok", "both.zip 1.3 ok", "both.zip 1.4 ok"));
  for (const Row& row : rows()) {
    EXPECT_EQ(*row.probability_of_pathology, std::stod(row.study_uid) / 10);
    EXPECT_THAT(row.warnings, IsEmpty()) << "every study has its row: none is left to be named";
  }
  EXPECT_EQ(batch::summarise(table()).unanswered, 0);
}

TEST_F(ArchiveBatch, GoesOnWithTheStudiesThatHaveNoRow) {
  for (int answers = 0; answers <= 4; ++answers) {
    options_.overwrite = true;
    options_.resume = false;
    archives_.left = answers;
    const batch::Ran first = run();
    EXPECT_EQ(first.rows, answers);
    EXPECT_EQ(first.complete(), answers == 4);
    const int missing = answers < 2 ? 0 : 4 - answers;  // of the archive, once it was asked about
    EXPECT_EQ(batch::summarise(table()).unanswered, missing);
    for (const Row& row : rows()) {
      if (row.path != "both.zip") continue;
      EXPECT_EQ(row.warnings.size(), missing > 0 ? 1U : 0U);
      if (missing == 1) {
        EXPECT_THAT(row.warnings, ElementsAre(HasSubstr("not looked at: 1.4")));
      }
    }
    options_.overwrite = false;
    options_.resume = true;
    archives_.left = 1000;
    EXPECT_TRUE(run().complete());
    EXPECT_EQ(archives_.asked.size(), 4U - static_cast<unsigned>(answers)) << "asked twice";
    EXPECT_EQ(told().size(), 4U);
    EXPECT_TRUE(run().complete());
    EXPECT_THAT(archives_.asked, IsEmpty());
  }
}

TEST_F(ArchiveBatch, AStudyThatFailsIsARowOfItsOwnAndAskedAgainByItself) {
  archives_.archives["both.zip"].failing = {"1.3", "1.4"};
  EXPECT_TRUE(run().complete());
  EXPECT_THAT(told(), ElementsAre("a.zip 1.1 ok", "both.zip 1.2 ok", "both.zip 1.3 failed",
                                  "both.zip 1.4 failed"));
  EXPECT_EQ(batch::summarise(table()).failed, 2);
  archives_.archives["both.zip"].failing = {"1.4"};
  options_.resume = options_.retry_failed = true;
  EXPECT_TRUE(run().complete());
  EXPECT_THAT(archives_.asked, UnorderedElementsAre("both.zip 1.3", "both.zip 1.4"));
  EXPECT_THAT(told(), ElementsAre("a.zip 1.1 ok", "both.zip 1.2 ok", "both.zip 1.3 ok",
                                  "both.zip 1.4 failed"));
}

TEST_F(ArchiveBatch, WhereNoStudyWasTakenEachSaysWhy) {
  put("none.zip", {{"", "1.7", "1.8"}, {"1.7", "1.8"}});
  EXPECT_TRUE(run().complete());
  EXPECT_THAT(told(), ElementsAre("a.zip 1.1 ok", "both.zip 1.2 ok", "both.zip 1.3 ok",
                                  "both.zip 1.4 ok", "none.zip 1.7 failed", "none.zip 1.8 failed"));
}

TEST_F(ArchiveBatch, RowsOfAnArchiveThatChangedAreGone) {
  EXPECT_TRUE(run().complete());
  put("both.zip", {{"1.4", "1.5"}, {}});
  options_.resume = true;
  EXPECT_TRUE(run().complete());
  EXPECT_THAT(told(), ElementsAre("a.zip 1.1 ok", "both.zip 1.4 ok", "both.zip 1.5 ok"));
}

TEST_F(ArchiveBatch, WhatFailedAsAWholeIsReplacedByItsStudies) {
  archives_.archives["both.zip"].studies.insert(archives_.archives["both.zip"].studies.begin(), "");
  archives_.archives["a.zip"] = {{""}, {}};
  EXPECT_TRUE(run().complete());
  EXPECT_EQ(told().front(), "a.zip  failed");
  archives_.archives["a.zip"] = {{"1.1", "1.9"}, {}};
  options_.resume = options_.retry_failed = true;
  EXPECT_TRUE(run().complete());
  EXPECT_THAT(told(), ElementsAre("a.zip 1.1 ok", "a.zip 1.9 ok", "both.zip 1.2 ok",
                                  "both.zip 1.3 ok", "both.zip 1.4 ok"));
}

TEST_F(ArchiveBatch, WorkersShareTheStudiesAndShardsTheArchives) {
  std::vector<std::filesystem::path> parts;
  for (int i = 0; i < 20; ++i) put(std::to_string(i) + ".zip", {{"2.1", "2.2", "2.3"}, {}});
  options_.jobs = 4;
  int64_t studies = 0;
  for (int part = 1; part <= 3; ++part) {
    options_.shard = {part, 3};
    options_.output = folder_.path() / (std::to_string(part) + ".csv");
    const batch::Ran ran = run();
    EXPECT_TRUE(ran.complete());
    studies += ran.studies;
    parts.push_back(batch::journal_of(options_.output));
  }
  EXPECT_EQ(studies, 64);
  const batch::Table all = batch::merge(parts, false);
  EXPECT_EQ(all.rows(), 64);
  EXPECT_EQ(all.unanswered(), 0);
}

TEST_F(ArchiveBatch, AnArchiveInTwoJournalsIsRefused) {
  EXPECT_TRUE(run().complete());
  const auto journal = batch::journal_of(options_.output);
  std::filesystem::copy(journal, folder_.path() / "again.journal.jsonl");
  batch::Table twice;
  twice.add(journal);
  EXPECT_THAT(testing::error_of([&] { twice.add(folder_.path() / "again.journal.jsonl"); }).second,
              HasSubstr("in an earlier journal, too"));
}

}  // namespace
}  // namespace ctclip
