#include <gmock/gmock.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "batch/merge.h"
#include "batch/summary.h"
#include "batch_testing.h"

namespace ctclip {
namespace {

using batch::Journal;
using batch::JournalHeader;
using batch::JournalReader;
using batch::Row;
using testing::a_failure;
using testing::a_header;
using testing::a_row;
using ::testing::ElementsAre;
using testing::error_of;
using ::testing::HasSubstr;
using testing::read_file;
using testing::write_file;
using testing::write_journal;

namespace fs = std::filesystem;

std::vector<std::string> paths_in(const fs::path& journal, const JournalHeader& header) {
  std::vector<std::string> paths;
  const Journal opened(journal, header, [&](const Row& row) { paths.push_back(row.path); });
  return paths;
}

class JournalTest : public ::testing::Test {
 protected:
  fs::path at(const std::string& name) const { return folder_.path() / name; }
  testing::TempDir folder_;
};

TEST_F(JournalTest, ARowComesBackAsItWent) {
  Row row = a_row("кириллица \"quoted\"\n.zip", 0.1 + 0.2);
  row.probabilities = {{"ctclip_Pneumonia", 0.123456789012345678}, {"supervised_covid", 1e-9}};
  row.features = {{"ctclip_top3_mean", 0.1}};
  row.bundle = "demo (not for patients)";
  const Row back = batch::row_of(nlohmann::ordered_json::parse(to_json(row).dump()));
  EXPECT_EQ(to_json(back), to_json(row));
  EXPECT_EQ(*back.probability_of_pathology, 0.1 + 0.2);
  const Row failed = batch::row_of(to_json(a_failure("x", "no_lungs")));
  EXPECT_FALSE(failed.success);
  EXPECT_FALSE(failed.probability_of_pathology || failed.pathology || failed.time_of_processing);
}

TEST_F(JournalTest, ANumberThatIsNoneOfOursIsDamage) {
  for (const char* name : {"size", "modified", "files", "tries"}) {
    auto line = to_json(a_row("a.zip"));
    line[name] = 1e300;
    EXPECT_THROW(batch::row_of(line), Error) << name;
  }
}

TEST_F(JournalTest, CutOffAnywhereItGoesOnWithItsWholeLines) {
  const std::vector<std::string> names = {"a.zip", "b.zip", "c.zip"};
  const fs::path whole = write_journal(at("r.csv"), a_header(),
                                       {a_row("a.zip"), a_row("b.zip"), a_row("c.zip")}, false);
  const std::string bytes = read_file(whole);
  const fs::path cut = at("cut.journal.jsonl");
  for (std::size_t size = 0; size <= bytes.size(); ++size) {
    write_file(cut, bytes.substr(0, size));
    const auto lines = std::ranges::count(bytes.substr(0, size), '\n');
    const auto rows = static_cast<std::size_t>(std::max<std::ptrdiff_t>(0, lines - 1));
    std::vector<std::string> expected(names.begin(),
                                      names.begin() + static_cast<std::ptrdiff_t>(rows));
    {
      std::vector<std::string> found;
      Journal journal(cut, a_header(), [&](const Row& row) { found.push_back(row.path); });
      ASSERT_EQ(found, expected) << "cut after " << size << " bytes";
      journal.append(a_row("new.zip"));
    }
    expected.emplace_back("new.zip");
    ASSERT_EQ(paths_in(cut, a_header()), expected) << "cut after " << size << " bytes";
  }
}

TEST_F(JournalTest, DamageInTheMiddleIsRefusedByItsLine) {
  const fs::path path = write_journal(at("r.csv"), a_header(), {a_row("a"), a_row("b")});
  std::string bytes = read_file(path);
  bytes[bytes.find('\n') + 1] = 'x';
  write_file(path, bytes);
  const auto [code, message] = error_of([&] { paths_in(path, a_header()); });
  EXPECT_EQ(code, "usage");
  EXPECT_THAT(message, HasSubstr("line 2 is damaged"));
  write_file(path, "{\"some\": \"json\"}\n");
  EXPECT_THAT(error_of([&] { paths_in(path, a_header()); }).second, HasSubstr("no journal"));
}

TEST_F(JournalTest, AnotherBatchIsRefused) {
  const fs::path path = write_journal(at("r.csv"), a_header(), {a_row("a")});
  JournalHeader other = a_header();
  other.input = "/others";
  EXPECT_THAT(error_of([&] { paths_in(path, other); }).second, HasSubstr("--input-dir"));
  other = a_header({1, 2});
  EXPECT_THAT(error_of([&] { paths_in(path, other); }).second, HasSubstr("--shard 1/1"));
  other = a_header();
  other.answering = "in process";
  EXPECT_THAT(error_of([&] { paths_in(path, other); }).second, HasSubstr("service"));
  other = a_header();
  other.threshold = 0.3;
  EXPECT_THAT(error_of([&] { paths_in(path, other); }).second, HasSubstr("--threshold"));
  EXPECT_THAT(paths_in(path, a_header()), ElementsAre("a"));
}

TEST_F(JournalTest, OnlyOneProcessHasIt) {
  const Journal first(at("j"), a_header(), [](const Row&) {});
  EXPECT_THAT(error_of([&] { paths_in(at("j"), a_header()); }).second, HasSubstr("another"));
}

TEST_F(JournalTest, OfTwoRowsOfAStudyTheLaterCounts) {
  batch::Table table;
  table.add(write_journal(at("r.csv"), a_header(),
                          {a_failure("b", "busy"), a_row("a"), a_row("b", 0.75)}));
  std::vector<std::pair<std::string, bool>> rows;
  table.for_each([&](const Row& row) { rows.emplace_back(row.path, row.success); });
  EXPECT_THAT(rows, ElementsAre(std::pair("a", true), std::pair("b", true)));
  const batch::Summary summary = batch::summarise(table);
  EXPECT_EQ(summary.total, 2);
  EXPECT_EQ(summary.failed, 0);
  EXPECT_EQ(summary.pathology, 1);
  EXPECT_THAT(summary.bands, ElementsAre(1, 0, 0, 1));
}

class Merge : public JournalTest {
 protected:
  void put(const std::string& name, const batch::Shard& shard, const std::vector<Row>& rows,
           bool finish = true) {
    write_file(at(name), "a result");
    write_journal(at(name), a_header(shard), rows, finish);
  }
  std::string refused(const std::vector<std::string>& names, bool partial = false) {
    return error_of([&] { merged(names, partial); }).second;
  }
  std::vector<std::string> merged(const std::vector<std::string>& names, bool partial = false) {
    std::vector<fs::path> parts;
    for (const std::string& name : names) parts.push_back(at(name));
    std::vector<std::string> paths;
    batch::merge(parts, partial).for_each([&](const Row& row) { paths.push_back(row.path); });
    return paths;
  }
};

TEST_F(Merge, ShardsMakeAWhole) {
  put("1.csv", {1, 3}, {a_row("c"), a_row("a")});
  put("2.csv", {2, 3}, {});
  put("3.csv", {3, 3}, {a_row("b")});
  EXPECT_THAT(merged({"3.csv", "1.csv.journal.jsonl", "2.csv"}), ElementsAre("a", "b", "c"));
}

TEST_F(Merge, SaysWhatIsMissing) {
  put("1.csv", {1, 3}, {a_row("a")});
  put("3.csv", {3, 3}, {a_row("b")});
  EXPECT_THAT(refused({"1.csv", "3.csv"}), HasSubstr("shard 2/3 is missing"));
  EXPECT_THAT(merged({"1.csv", "3.csv"}, true), ElementsAre("a", "b"));
}

TEST_F(Merge, SaysWhatIsUnfinished) {
  put("1.csv", {1, 2}, {a_row("a")});
  put("2.csv", {2, 2}, {a_row("b")}, false);
  EXPECT_THAT(refused({"1.csv", "2.csv"}), AllOf(HasSubstr("2.csv"), HasSubstr("(1 rows)")));
  EXPECT_THAT(merged({"1.csv", "2.csv"}, true), ElementsAre("a", "b"));
}

TEST_F(Merge, RefusesTheSameTwice) {
  put("1.csv", {1, 2}, {a_row("a")});
  put("again.csv", {1, 2}, {a_row("a")});
  put("2.csv", {2, 2}, {a_row("a")});
  EXPECT_THAT(refused({"1.csv", "again.csv", "2.csv"}), HasSubstr("is shard 1/2, and so is"));
  EXPECT_THAT(refused({"1.csv", "2.csv"}), HasSubstr("in an earlier journal, too"));
}

TEST_F(Merge, RefusesOtherModelsAndWhatIsNoBatch) {
  Row other = a_row("b");
  other.models = "def";
  put("1.csv", {1, 2}, {a_row("a")});
  put("2.csv", {2, 2}, {other});
  EXPECT_THAT(refused({"1.csv", "2.csv"}), HasSubstr("other models"));
  write_file(at("alone.csv"), "a,b\n");
  EXPECT_THAT(refused({"alone.csv"}), HasSubstr("alone.csv.journal.jsonl"));
}

}  // namespace
}  // namespace ctclip
