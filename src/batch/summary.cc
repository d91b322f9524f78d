#include "batch/summary.h"

#include <fmt/format.h>

#include <unordered_set>

#include "base/error.h"

namespace ctclip::batch {
namespace {

/// A service that makes up names must not make up a table without end.
constexpr std::size_t kMostColumns = 2000;

void add_new(const std::vector<std::pair<std::string, double>>& values,
             std::unordered_set<std::string>& known, std::vector<std::string>& names) {
  for (const auto& value : values) {
    if (known.insert(value.first).second) names.push_back(value.first);
  }
}

}  // namespace

int band_of(double probability) {
  if (probability < 0.3) return 0;
  if (probability < 0.5) return 1;
  return probability <= 0.7 ? 2 : 3;
}

Summary summarise(const Table& table) {
  Summary summary;
  summary.unanswered = table.unanswered();
  std::unordered_set<std::string> known;
  table.for_each([&](const Row& row) {
    ++summary.total;
    ++(row.success ? summary.success : summary.failed);
    summary.warned += row.warnings.empty() ? 0 : 1;
    if (!row.bundle.empty()) summary.bundles.insert(row.bundle);
    if (!row.success) {
      ++summary.failures[row.error_code];
      return;
    }
    summary.pathology += *row.pathology;
    ++summary.bands.at(static_cast<std::size_t>(band_of(*row.probability_of_pathology)));
    add_new(row.probabilities, known, summary.probabilities);
    add_new(row.features, known, summary.features);
    if (known.size() > kMostColumns) {
      throw Error(Code::internal, "the answers name more features than any model has");
    }
  });
  return summary;
}

std::string summary_text(const Summary& summary, const std::string& output) {
  std::string text = fmt::format("\n=== Summary ===\nTotal: {}\nSuccess: {}\nFailed: {}\n",
                                 summary.total, summary.success, summary.failed);
  for (const auto& [code, count] : summary.failures) text += fmt::format("  {}: {}\n", code, count);
  const auto add = [&](std::string_view what, int64_t count) {
    if (count > 0) text += fmt::format("{}: {}\n", what, count);
  };
  add("With warnings", summary.warned);
  add("Not looked at", summary.unanswered);
  for (const std::string& bundle : summary.bundles) text += fmt::format("Models: {}\n", bundle);
  return text + fmt::format("Results saved to: {}\n", output);
}

}  // namespace ctclip::batch
