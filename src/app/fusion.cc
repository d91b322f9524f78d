#include <fmt/format.h>
#include <fmt/ranges.h>

#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "app/commands.h"
#include "app/feature_rows.h"
#include "base/csv.h"
#include "base/error.h"
#include "fusion/lightgbm.h"
#include "fusion/names.h"

namespace ctclip::app {
namespace {

struct FusionOptions {
  std::string model, rows;
  bool raw = false;
  bool contrib = false;
};

std::vector<std::string> header(const lightgbm::Model& model, const FusionOptions& options) {
  std::vector<std::string> columns;
  const bool several = model.outputs() > 1;
  for (std::size_t k = 0; k < model.outputs(); ++k) {
    if (!options.contrib) {
      const char* what = options.raw ? "raw" : "probability";
      columns.push_back(several ? fmt::format("{}_class_{}", what, k) : what);
      continue;
    }
    const std::string prefix = several ? fmt::format("class_{}/", k) : "";
    for (const auto& name : model.feature_names()) columns.push_back(csv_field(prefix + name));
    columns.push_back(prefix + "expected_value");
  }
  return columns;
}

/// Prints shortest decimals that read back as the same double.
int run_fusion(const FusionOptions& options) {
  const auto model = lightgbm::Model::load(options.model);
  if (options.contrib && !model.no_contributions().empty()) {
    throw Error(Code::bad_model, model.origin() + ": " + model.no_contributions());
  }
  const std::vector<std::string> columns = header(model, options);
  std::vector<double> answer(columns.size());
  bool begun = false;
  const auto begin = [&] {
    if (!std::exchange(begun, true)) std::cout << fmt::format("{}\n", fmt::join(columns, ","));
  };
  for_each_row(options.rows, model, std::cerr, [&](std::span<const double> row) {
    // Not before the first row is known to be good: a refused table prints nothing.
    begin();
    if (options.contrib) {
      model.contributions(row, answer);
    } else if (options.raw) {
      model.raw(row, answer);
    } else {
      model.probability(row, answer);
    }
    std::cout << fmt::format("{}\n", fmt::join(answer, ","));
  });
  begin();  // a table without rows
  std::cout.flush();
  if (!std::cout) throw Error(Code::internal, "the answer could not be written");
  if (!options.raw && !options.contrib) std::cerr << kWarningEnglish << '\n';
  return 0;
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
                   ".npy (rows, features), or .csv; with a header, columns are found by name")
      ->required();
  auto* raw = command->add_flag("--raw", options->raw, "Raw scores instead of probabilities");
  command->add_flag("--contrib", options->contrib, "SHAP values, the expected value last")
      ->excludes(raw);
  command->footer(std::string(kWarningEnglish));
  command->callback([options, &action] { action = [options] { return run_fusion(*options); }; });
}

}  // namespace ctclip::app
