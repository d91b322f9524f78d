#include "batch/output.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>
#include <unordered_map>

#include "base/csv.h"
#include "base/error.h"

namespace ctclip::batch {
namespace {

namespace fs = std::filesystem;

/// The shortest text that reads back as the same number; empty for none.
template <typename Value>
std::string number(const std::optional<Value>& value) {
  return value ? fmt::format("{}", *value) : "";
}

std::string csv_row(const Row& row) {
  const std::array<std::string, kColumns.size()> fields = {
      guarded_csv_field(row.path_to_study),
      guarded_csv_field(row.study_uid),
      guarded_csv_field(row.series_uid),
      number(row.probability_of_pathology),
      number(row.pathology),
      row.success ? "Success" : "Failure",
      number(row.time_of_processing),
      guarded_csv_field(row.most_dangerous_pathology_type),
      guarded_csv_field(row.error),
      guarded_csv_field(row.error_code),
      guarded_csv_field(warnings_cell(row))};
  return fmt::format("{}", fmt::join(fields, ","));
}

/// A field, led by a comma, for each of `names`; empty for one that the row lacks.
std::string csv_values(const std::vector<std::pair<std::string, double>>& row,
                       const std::vector<std::string>& names) {
  const std::unordered_map<std::string, double> values(row.begin(), row.end());
  std::string text;
  for (const std::string& name : names) {
    const auto found = values.find(name);
    text += found == values.end() ? "," : fmt::format(",{}", found->second);
  }
  return text;
}

template <typename Value>
nlohmann::ordered_json or_null(const std::optional<Value>& value) {
  return value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json(nullptr);
}

nlohmann::ordered_json or_null(const std::string& text) {
  return text.empty() ? nlohmann::ordered_json(nullptr) : nlohmann::ordered_json(text);
}

void sync(const fs::path& file) {
  const int opened = open(file.c_str(), O_RDONLY | O_CLOEXEC);
  const bool done = opened >= 0 && fsync(opened) == 0;
  if (opened >= 0) close(opened);
  if (!done) cannot_write(file);
}

}  // namespace

std::string warnings_cell(const Row& row) {
  return fmt::format("{}", fmt::join(row.warnings, " | "));
}

void cannot_write(const fs::path& file) {
  throw Error(Code::internal,
              fmt::format("{}: cannot be written; is the disk full?", file.string()));
}

void write_whole(const fs::path& output, const std::function<void(const fs::path&)>& write) {
  const fs::path part = output.string() + ".part";
  std::error_code error;
  try {
    write(part);
    sync(part);
  } catch (...) {
    fs::remove(part, error);
    throw;
  }
  fs::rename(part, output, error);
  if (error) cannot_write(output);
}

OutputFormat output_format(const fs::path& output) {
  const std::string ending = output.extension().string();
  if (ending == ".xlsx") return OutputFormat::xlsx;
  if (ending == ".csv") return OutputFormat::csv;
  if (ending == ".jsonl") return OutputFormat::jsonl;
  throw Error(Code::usage, fmt::format("{}: expected a name that ends in .xlsx, .csv or .jsonl",
                                       output.string()));
}

std::string guarded_csv_field(std::string_view text) {
  constexpr std::string_view kFormula = "=+-@\t\r";
  const bool guarded = !text.empty() && kFormula.find(text.front()) != std::string_view::npos;
  return csv_field(guarded ? "'" + std::string(text) : std::string(text));
}

void write_csv(const fs::path& file, const Table& table, const Summary& summary, bool details) {
  std::ofstream out(file, std::ios::binary);
  out << fmt::format("{}", fmt::join(kColumns, ","));
  if (details) {
    for (const std::string& name : summary.probabilities) out << ',' << guarded_csv_field(name);
    for (const std::string& name : summary.features) out << ',' << guarded_csv_field(name);
  }
  out << '\n';
  table.for_each([&](const Row& row) {
    out << csv_row(row);
    if (details) {
      out << csv_values(row.probabilities, summary.probabilities)
          << csv_values(row.features, summary.features);
    }
    out << '\n';
  });
  if (!out.flush()) cannot_write(file);
}

void write_jsonl(const fs::path& file, const Table& table, const Summary& /*summary*/,
                 bool details) {
  std::ofstream out(file, std::ios::binary);
  table.for_each([&](const Row& row) {
    nlohmann::ordered_json json = {
        {"path_to_study", row.path_to_study},
        {"study_uid", or_null(row.study_uid)},
        {"series_uid", or_null(row.series_uid)},
        {"probability_of_pathology", or_null(row.probability_of_pathology)},
        {"pathology", or_null(row.pathology)},
        {"processing_status", row.success ? "Success" : "Failure"},
        {"time_of_processing", or_null(row.time_of_processing)},
        {"most_dangerous_pathology_type", or_null(row.most_dangerous_pathology_type)},
        {"error", or_null(row.error)},
        {"error_code", or_null(row.error_code)},
        {"warnings", row.warnings}};
    if (details) {
      for (const auto& [name, value] : row.probabilities) json[name] = value;
      for (const auto& [name, value] : row.features) json[name] = value;
    }
    out << json.dump() << '\n';
  });
  if (!out.flush()) cannot_write(file);
}

void write_output(const fs::path& output, const Table& table, const Summary& summary,
                  bool details) {
  write_whole(output, [&](const fs::path& part) {
    switch (output_format(output)) {
      case OutputFormat::xlsx:
        return write_xlsx(part, table, summary, details);
      case OutputFormat::csv:
        return write_csv(part, table, summary, details);
      case OutputFormat::jsonl:
        return write_jsonl(part, table, summary, details);
    }
  });
}

}  // namespace ctclip::batch
