// `ctclip fusion MODEL ROWS`, from its arguments to what it prints.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <charconv>
#include <fstream>
#include <sstream>

#include "app/commands.h"
#include "base/csv.h"
#include "base/error.h"
#include "fusion_golden.h"

namespace ctclip {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::lightgbm_golden;
using ::testing::Not;
using testing::Rows;

struct Printed {
  std::vector<std::vector<std::string>> records;
  std::string notes;
  int status = 0;
};

Printed run(const std::vector<std::string>& arguments) {
  CLI::App app;
  app::Action action;
  app::add_fusion(app, action);
  std::vector<std::string> reversed = {"fusion"};
  reversed.insert(reversed.end(), arguments.begin(), arguments.end());
  std::reverse(reversed.begin(), reversed.end());  // as CLI::App::parse takes them
  app.parse(reversed);
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  int status = 0;
  try {
    status = action();
  } catch (...) {
    ::testing::internal::GetCapturedStdout();
    ::testing::internal::GetCapturedStderr();
    throw;
  }
  std::istringstream out(::testing::internal::GetCapturedStdout());
  Printed result{{}, ::testing::internal::GetCapturedStderr(), status};
  CsvReader reader(out, "stdout");
  for (std::vector<std::string> fields; reader.next(fields);) result.records.push_back(fields);
  return result;
}

double number(const std::string& text) {
  double value = NAN;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  EXPECT_TRUE(problem == std::errc() && end == text.data() + text.size()) << text;
  return value;
}

/// Every number of the answer is the expected one (`relative` for the difference of two exp).
void expect_rows(const Printed& run, const Rows& expected, double relative) {
  EXPECT_EQ(run.status, 0);
  ASSERT_EQ(run.records.size(), expected.size() + 1);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    ASSERT_EQ(run.records[i + 1].size(), expected.width());
    for (std::size_t k = 0; k < expected.width(); ++k) {
      EXPECT_TRUE(testing::same_number(number(run.records[i + 1][k]), expected[i][k], relative))
          << i << ' ' << k;
    }
  }
}

class FusionCommand : public ::testing::Test {
 protected:
  std::string write(const std::string& name, const std::string& content) const {
    std::ofstream(folder_.path() / name, std::ios::binary) << content;
    return (folder_.path() / name).string();
  }

  void expect_refused(const std::string& table, const ::testing::Matcher<std::string>& message,
                      const std::string& name = "bad.csv") {
    try {
      run({small_, write(name, table)});
      ADD_FAILURE() << "taken: " << table;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::bad_parameter);
      EXPECT_THAT(std::string(error.what()), AllOf(HasSubstr(name), message));
    }
  }

  testing::TempDir folder_;
  std::string main_ = lightgbm_golden("lgbm_binary.txt").string();
  /// raw = -1 or 1 by "a b" <= 0.5 plus -2 or 2 by "c" <= 0.5, NaN as 0.
  std::string small_ =
      write("small.txt",
            "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx=1\n"
            "objective=binary sigmoid:1\nfeature_names=a_b c\n\n"
            "Tree=0\nnum_leaves=2\nsplit_feature=0\nthreshold=0.5\nleft_child=-1\nright_child=-2\n"
            "leaf_value=-1 1\nleaf_count=1 1\ninternal_count=2\n\n\n"
            "Tree=1\nnum_leaves=2\nsplit_feature=1\nthreshold=0.5\nleft_child=-1\nright_child=-2\n"
            "leaf_value=-2 2\nleaf_count=1 1\ninternal_count=2\n\n\nend of trees\n");
};

TEST_F(FusionCommand, ArraysByPosition) {
  const std::string rows = lightgbm_golden("X.npy").string();
  const Printed probability = run({main_, rows});
  EXPECT_THAT(probability.records.at(0), ElementsAre("probability"));
  expect_rows(probability, Rows(lightgbm_golden("prob.npy")), 1e-15);
  EXPECT_THAT(probability.notes, HasSubstr("radiologist"));
  expect_rows(run({main_, rows, "--raw"}), Rows(lightgbm_golden("raw.npy")), 0);
  const Printed shap = run({main_, rows, "--contrib"});
  expect_rows(shap, Rows(lightgbm_golden("contrib.npy")), 0);
  EXPECT_EQ(shap.records[0].size(), 83U);
  EXPECT_EQ(shap.records[0].back(), "expected_value");
}

// Names with blanks, in another order than the model's and with a column too many.
TEST_F(FusionCommand, TablesByName) {
  std::ifstream names(lightgbm_golden("feature_names.txt"));
  std::vector<std::string> header;
  for (std::string name; std::getline(names, name);) header.push_back(name);
  const Rows rows(lightgbm_golden("X.npy"));
  std::ostringstream table;
  table.precision(17);
  table << "patient";
  for (auto name = header.rbegin(); name != header.rend(); ++name) table << ",\"" << *name << '"';
  for (std::size_t i = 0; i < rows.size(); ++i) {
    table << "\r\n\"x, y\"";
    for (std::size_t k = rows.width(); k-- > 0;) table << ',' << rows[i][k];
  }
  const Printed found = run({main_, write("rows.csv", table.str())});
  expect_rows(found, Rows(lightgbm_golden("prob.npy")), 1e-15);
  EXPECT_THAT(found.notes, HasSubstr("ignored: \"patient\""));
}

TEST_F(FusionCommand, ScoresForEveryClass) {
  const Printed found = run({lightgbm_golden("variants/multiclass2.txt").string(),
                             lightgbm_golden("variants/multiclass2_X.npy").string(), "--contrib"});
  expect_rows(found, Rows(lightgbm_golden("variants/multiclass2_contrib.npy")), 0);
  const Printed raw = run({lightgbm_golden("variants/multiclass2.txt").string(),
                           lightgbm_golden("variants/multiclass2_X.npy").string(), "--raw"});
  EXPECT_THAT(raw.records.at(0), ElementsAre("raw_class_0", "raw_class_1"));
}

TEST_F(FusionCommand, ReadsTablesAsPeopleWriteThem) {
  const auto raw = [&](const std::string& csv) {
    std::vector<double> scores;
    const Printed found = run({small_, write("rows.csv", csv), "--raw"});
    for (std::size_t i = 1; i < found.records.size(); ++i) {
      scores.push_back(number(found.records[i].at(0)));
    }
    return scores;
  };
  EXPECT_THAT(raw("1,0\n0,1\n"), ElementsAre(-1, 1));       // no header: by position
  EXPECT_THAT(raw("c,a b\n1,0\n0,1"), ElementsAre(1, -1));  // by name
  EXPECT_THAT(raw("\xEF\xBB\xBF\"c\",a_b\r\n\"1\", 1 \r\n\r\n"), ElementsAre(3));
  EXPECT_THAT(raw("a b,c\n,1\nnan,1\nNA,1\nNaN,1\n"), ElementsAre(1, 1, 1, 1));
  EXPECT_THAT(raw("a b,c,\"q\"\"\n,\"\n1,1,\"x\ny\"\n"), ElementsAre(3));
  EXPECT_THAT(raw("a b,c\n"), ElementsAre());
}

TEST_F(FusionCommand, RefusesBadTables) {
  expect_refused("", HasSubstr("empty"));
  expect_refused("a b,d\n1,2\n", AllOf(HasSubstr("no column: c"), Not(HasSubstr("a_b"))));
  expect_refused("x,y\n1,2\n", HasSubstr("2 of the model's 2 features have no column: a_b, c"));
  expect_refused("a b,a_b,c\n1,2,3\n", HasSubstr("one feature"));
  expect_refused("a b,c\n1,2\n1\n", HasSubstr("line 3 has 1 fields, expected 2"));
  expect_refused("a b,c\n1,secret\n", AllOf(HasSubstr("\"c\""), Not(HasSubstr("secret"))));
  expect_refused("1,2,3\n", HasSubstr("line 1 has 3 fields, expected 2"));
  expect_refused("a b,\"c\n1,2\n", HasSubstr("closing quote"));
  expect_refused("a b,\"c\"d\n1,2\n", HasSubstr("after a closing quote"));
  expect_refused("a b,c\"\n1,2\n", HasSubstr("quote inside"));
  expect_refused(std::string(17U << 20U, 'x'), HasSubstr("bytes"));
}

TEST_F(FusionCommand, JsonLinesByName) {
  const Printed found = run({small_,
                             write("rows.jsonl",
                                   "{\"c\":1,\"a b\":0}\n\n{\"a_b\":1,\"c\":0,\"x\":\"y\"}\n"
                                   "{\"a b\":null,\"c\":1}\n"),
                             "--raw"});
  EXPECT_THAT(found.records, ElementsAre(ElementsAre("raw"), ElementsAre("1"), ElementsAre("-1"),
                                         ElementsAre("1")));
  const auto refused = [&](const std::string& table, const std::string& message) {
    expect_refused(table, HasSubstr(message), "bad.jsonl");
  };
  refused("{\"a b\":1}\n", "1 of the model's 2 features have no column: c");
  refused("{\"a b\":1,\"c\":1}\n{\"a b\":1}\n", "have no column: c");
  refused("{\"a b\":1,\"c\":\"1\"}\n", "line 1, column \"c\": expected a number or nothing");
  refused("{\"a b\":1,\"c\":1}\n\n[1,2]\n", "line 3 is no JSON object");
  refused("{\"a b\":1,", "line 1 is no JSON object");
}

// A study that failed has no answer; no feature of another is ever taken for missing.
TEST_F(FusionCommand, ResultsOfABatchKeepTheirStudies) {
  const std::string header = "path_to_study,study_uid,series_uid,processing_status,c,more,a b\n";
  const auto expected =
      ElementsAre(ElementsAre("path_to_study", "study_uid", "series_uid", "probability"),
                  ElementsAre("'=x,y", "1.2", "1.3", ::testing::_), ElementsAre("z", "", "", ""));
  const std::string json =
      "{\"path_to_study\":\"=x,y\",\"study_uid\":\"1.2\",\"series_uid\":\"1.3\","
      "\"processing_status\":\"Success\",\"c\":1,\"a b\":0}\n"
      "{\"path_to_study\":\"z\",\"study_uid\":null,\"series_uid\":null,"
      "\"processing_status\":\"Failure\"}\n";
  const std::string csv = header + "\"'=x,y\",1.2,1.3,Success,1,7,0\nz,,,Failure,,,\n";
  for (const auto& [name, table] : {std::pair("rows.csv", csv), std::pair("rows.jsonl", json)}) {
    const Printed found = run({small_, write(name, table)});
    EXPECT_THAT(found.records, expected) << name;
    EXPECT_NEAR(number(found.records.at(1).back()), 1 / (1 + std::exp(-1.0)), 1e-15) << name;
    EXPECT_EQ(found.status, 1) << name;
    EXPECT_THAT(found.notes, AllOf(HasSubstr("1 of 2 studies failed"), Not(HasSubstr("ignored"))));
  }
  expect_refused(header + "x,,,Success,1,,\n", HasSubstr("\"a b\": expected a number"));
  expect_refused(header + "x,,,Success,1,,nan\n", HasSubstr("\"a b\": expected a number"));
  expect_refused(header + "x,,,Maybe,1,1,1\n", HasSubstr("expected Success or Failure"));
}

TEST_F(FusionCommand, AWorkbookIsRefusedWithAWayOut) {
  expect_refused("PK", AllOf(HasSubstr("workbooks are not read"), HasSubstr("batch merge")),
                 "bad.xlsx");
}

TEST_F(FusionCommand, RefusesBadArraysAndModels) {
  EXPECT_THROW(run({small_, lightgbm_golden("X.npy").string()}), Error);
  EXPECT_THROW(run({small_, write("rows.txt", "1,2\n")}), Error);
  EXPECT_THROW(run({small_, (folder_.path() / "absent.csv").string()}), Error);
  EXPECT_THROW(run({write("model.txt", "nothing"), write("rows.csv", "1,2\n")}), Error);
  EXPECT_THROW(run({lightgbm_golden("variants/linear_tree.txt").string(),
                    lightgbm_golden("variants/linear_tree_X.npy").string(), "--contrib"}),
               Error);
  EXPECT_THROW(run({small_, write("rows.csv", "1,2\n"), "--raw", "--contrib"}), CLI::ParseError);
  EXPECT_THROW(run({small_}), CLI::ParseError);
}

}  // namespace
}  // namespace ctclip
