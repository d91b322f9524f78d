#include "app/history_rows.h"

#include <fmt/format.h>

#include <array>
#include <deque>
#include <nlohmann/json.hpp>

#include "batch/plain_table.h"
#include "fusion/names.h"

namespace ctclip::app {
namespace {

using batch::Cell;
using batch::Column;
using history::Study;
using nlohmann::ordered_json;

constexpr int64_t kPage = 500;  ///< rows in memory

constexpr std::array kStudyColumns = {Column{"id", 34},
                                      Column{"owner", 16},
                                      Column{"client", 16},
                                      Column{"state", 10},
                                      Column{"received", 25},
                                      Column{"started", 25},
                                      Column{"finished", 25},
                                      Column{"bytes", 12},
                                      Column{"sha256", 66},
                                      Column{"study_uid", 40},
                                      Column{"series_uid", 40},
                                      Column{"probability_of_pathology", 12},
                                      Column{"pathology", 10},
                                      Column{"most_dangerous_pathology_type", 30},
                                      Column{"time_of_processing", 12},
                                      Column{"error_code", 20},
                                      Column{"error", 50},
                                      Column{"bundle_sha256", 66},
                                      Column{"precision", 10},
                                      Column{"version", 10},
                                      Column{"options", 40},
                                      Column{"seconds", 40}};

constexpr std::array kAuditColumns = {
    Column{"number", 10}, Column{"time", 25},   Column{"event", 12}, Column{"study", 34},
    Column{"owner", 16},  Column{"client", 16}, Column{"detail", 30}};

Cell text(const std::string& value) { return value.empty() ? Cell() : Cell(value); }
Cell time(const std::optional<history::Time>& value) {
  return value ? Cell(history::iso_time(*value)) : Cell();
}

ordered_json answer_of(const Study& study) {
  return study.answer.empty() ? ordered_json(nullptr) : ordered_json::parse(study.answer);
}

/// A field of an answer.
Cell cell(const ordered_json& answer, const char* name) {
  if (!answer.is_object() || !answer.contains(name)) return {};
  const ordered_json& value = answer[name];
  if (value.is_number()) return value.get<double>();
  if (value.is_string()) return text(value.get<std::string>());
  return {};
}

std::vector<Cell> row_of(const Study& study) {
  const ordered_json answer = answer_of(study);
  return {study.id,
          text(study.owner),
          text(study.client),
          std::string(name_of(study.state)),
          time(study.received),
          time(study.started),
          time(study.finished),
          static_cast<double>(study.bytes),
          study.sha256,
          text(study.study_uid),
          text(study.series_uid),
          cell(answer, "probability_of_pathology"),
          cell(answer, "pathology"),
          cell(answer, "most_dangerous_pathology_type"),
          cell(answer, "time_of_processing"),
          text(study.error_code),
          text(study.error),
          text(study.bundle),
          text(study.precision),
          text(study.version),
          study.options,
          study.seconds};
}

std::vector<Cell> row_of(const history::Event& event) {
  return {static_cast<double>(event.number),
          time(event.time),
          text(event.event),
          text(event.study),
          text(event.owner),
          text(event.client),
          text(event.detail)};
}

/// Rows from a store that gives pages: `page` fills what is empty, and leaves it so at the end.
template <typename Item, typename Page>
int64_t write_pages(const std::filesystem::path& output, std::span<const Column> columns,
                    Page page) {
  std::deque<Item> ready;
  int64_t rows = 0;
  batch::write_table(output, columns, [&](std::vector<Cell>& row) {
    if (ready.empty()) page(ready);
    if (ready.empty()) return false;
    row = row_of(ready.front());
    ready.pop_front();
    ++rows;
    return true;
  });
  return rows;
}

}  // namespace

std::string line_of(const Study& study) {
  const ordered_json answer = answer_of(study);
  const Cell probability = cell(answer, "probability_of_pathology");
  const Cell pathology = cell(answer, "most_dangerous_pathology_type");
  const auto* number = std::get_if<double>(&probability);
  const auto* name = std::get_if<std::string>(&pathology);
  return fmt::format("{:<32}  {:<24}  {:<9}  {:>11}  {}", study.id,
                     history::iso_time(study.received), name_of(study.state),
                     number == nullptr ? "" : fmt::format("{:.3f}", *number),
                     name == nullptr ? study.error_code : *name);
}

ordered_json json_of(const Study& study) {
  const auto or_null = [](const auto& value) {
    return value ? ordered_json(history::iso_time(*value)) : ordered_json(nullptr);
  };
  return {{"id", study.id},
          {"owner", study.owner},
          {"client", study.client},
          {"state", name_of(study.state)},
          {"stage", study.stage},
          {"attempts", study.attempts},
          {"received", history::iso_time(study.received)},
          {"started", or_null(study.started)},
          {"finished", or_null(study.finished)},
          {"bytes", study.bytes},
          {"sha256", study.sha256},
          {"options", ordered_json::parse(study.options)},
          {"study_uid", study.study_uid},
          {"series_uid", study.series_uid},
          {"bundle_sha256", study.bundle},
          {"precision", study.precision},
          {"version", study.version},
          {"seconds", ordered_json::parse(study.seconds)},
          {"error_code", study.error_code},
          {"error", study.error},
          {"warning", kWarningEnglish},
          {"answer", answer_of(study)}};
}

int64_t write_studies(const std::filesystem::path& output, const history::Store& store,
                      history::Filter filter) {
  filter.limit = kPage;
  return write_pages<Study>(output, kStudyColumns, [&](std::deque<Study>& ready) {
    for (Study& study : store.list(filter)) ready.push_back(std::move(study));
    if (!ready.empty()) filter.after = ready.back().id;
  });
}

int64_t write_audit(const std::filesystem::path& output, const history::Store& store) {
  int64_t after = 0;
  return write_pages<history::Event>(output, kAuditColumns, [&](std::deque<history::Event>& ready) {
    for (history::Event& event : store.events(after, kPage)) ready.push_back(std::move(event));
    if (!ready.empty()) after = ready.back().number;
  });
}

}  // namespace ctclip::app
