#include <fmt/format.h>
#include <fmt/ranges.h>

#include <iostream>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "app/commands.h"
#include "app/feature_rows.h"
#include "base/csv.h"
#include "base/error.h"
#include "batch/output.h"
#include "fusion/lightgbm.h"
#include "fusion/names.h"

namespace ctclip::app {
namespace {

struct FusionOptions {
  std::string model, rows;
  bool raw = false;
  bool contrib = false;
};

/// Prints a line for each row: the study, if the table tells it, then what the model says, as the
/// shortest decimals that read back as the same double.
class Answers {
 public:
  Answers(const lightgbm::Model& model, const FusionOptions& options, bool studies)
      : model_(model), options_(options), answer_(columns().size()), studies_(studies) {}

  void print_header() const {
    std::vector<std::string> names;
    if (studies_) names.assign(kStudyColumns.begin(), kStudyColumns.end());
    for (const auto& name : columns()) names.push_back(csv_field(name));
    std::cout << fmt::format("{}\n", fmt::join(names, ","));
  }

  void print(const FeatureRow& row) {
    ++rows_;
    for (const auto& text : row.study) std::cout << batch::guarded_csv_field(text) << ',';
    if (row.values.empty()) {
      ++failed_;
      std::cout << std::string(answer_.size() - 1, ',') << '\n';
      return;
    }
    compute(row.values);
    std::cout << fmt::format("{}\n", fmt::join(answer_, ","));
  }

  int64_t rows() const { return rows_; }
  int64_t failed() const { return failed_; }

 private:
  std::vector<std::string> columns() const {
    std::vector<std::string> names;
    const bool several = model_.outputs() > 1;
    for (std::size_t k = 0; k < model_.outputs(); ++k) {
      if (!options_.contrib) {
        const char* what = options_.raw ? "raw" : "probability";
        names.push_back(several ? fmt::format("{}_class_{}", what, k) : what);
        continue;
      }
      const std::string prefix = several ? fmt::format("class_{}/", k) : "";
      for (const auto& name : model_.feature_names()) names.push_back(prefix + name);
      names.push_back(prefix + "expected_value");
    }
    return names;
  }

  void compute(std::span<const double> values) {
    if (options_.contrib) {
      model_.contributions(values, answer_);
    } else if (options_.raw) {
      model_.raw(values, answer_);
    } else {
      model_.probability(values, answer_);
    }
  }

  const lightgbm::Model& model_;
  const FusionOptions& options_;
  std::vector<double> answer_;
  bool studies_;
  int64_t rows_ = 0, failed_ = 0;
};

int run_fusion(const FusionOptions& options) {
  const auto model = lightgbm::Model::load(options.model);
  if (options.contrib && !model.no_contributions().empty()) {
    throw Error(Code::bad_model, model.origin() + ": " + model.no_contributions());
  }
  const auto table = open_table(options.rows, model, std::cerr);
  Answers answers(model, options, table->of_batch());
  FeatureRow row;
  // Not before the first row is known to be good: a refused table prints nothing.
  bool more = table->next(row);
  answers.print_header();
  for (; more; more = table->next(row)) answers.print(row);
  std::cout.flush();
  if (!std::cout) throw Error(Code::internal, "the answer could not be written");
  if (!options.raw && !options.contrib) std::cerr << kWarningEnglish << '\n';
  if (answers.failed() == 0) return 0;
  std::cerr << fmt::format("{} of {} studies failed in the batch and have no answer\n",
                           answers.failed(), answers.rows());
  return 1;
}

}  // namespace

void add_fusion(CLI::App& app, Action& action) {
  auto* command =
      app.add_subcommand("fusion", "Evaluate a LightGBM model alone on rows of features");
  const auto options = std::make_shared<FusionOptions>();
  command->add_option("MODEL", options->model, "LightGBM text model, or a pickle that holds one")
      ->required();
  command
      ->add_option("ROWS", options->rows,
                   ".npy (rows, features), .csv or .jsonl, as ctclip batch --details writes them; "
                   "named columns are found by name")
      ->required();
  auto* raw = command->add_flag("--raw", options->raw, "Raw scores instead of probabilities");
  command->add_flag("--contrib", options->contrib, "SHAP values, the expected value last")
      ->excludes(raw);
  command->footer(std::string(kWarningEnglish));
  command->callback([options, &action] { action = [options] { return run_fusion(*options); }; });
}

}  // namespace ctclip::app
