#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "app/choices.h"
#include "app/commands.h"
#include "app/history_rows.h"
#include "app/state_option.h"
#include "base/error.h"
#include "fusion/names.h"
#include "history/store.h"

namespace ctclip::app {
namespace {

struct HistoryCommand {
  std::filesystem::path output;
  std::string state, status, from, to, id;
  int64_t limit = 20;
  bool audit = false, json = false;
};

history::Store open(const HistoryCommand& command) {
  const std::filesystem::path folder = state_folder(command.state);
  if (folder.empty()) throw Error(Code::usage, "--state: expected a folder, found none");
  return history::Store::read_only(folder / "history.db");
}

std::optional<history::Time> time_option(const std::string& name, const std::string& text) {
  if (text.empty()) return std::nullopt;
  const auto time = history::parse_time(text);
  if (!time) {
    throw Error(Code::usage, fmt::format("{}: expected a UTC time as 2026-11-24T10:52:04Z, or a "
                                         "date, found {}",
                                         name, text));
  }
  return time;
}

history::Filter filter_of(const HistoryCommand& command) {
  history::Filter filter;
  filter.viewer.admin = true;
  filter.state = history::state_from(command.status);
  filter.from = time_option("--from", command.from);
  filter.to = time_option("--to", command.to);
  return filter;
}

int list(const HistoryCommand& command) {
  const history::Store store = open(command);
  history::Filter filter = filter_of(command);
  filter.limit = command.limit;
  fmt::print(stderr, "{}\n", kWarningEnglish);
  if (command.json) {
    for (const history::Study& study : store.list(filter))
      fmt::print("{}\n", json_of(study).dump());
    return 0;
  }
  fmt::print("{:<32}  {:<24}  {:<9}  {:>11}  {}\n", "id", "received", "state", "probability",
             "pathology or error");
  for (const history::Study& study : store.list(filter)) fmt::print("{}\n", line_of(study));
  return 0;
}

int show(const HistoryCommand& command) {
  const history::Store store = open(command);
  const auto study = store.find(command.id, {{}, true});
  if (!study) throw Error(Code::usage, command.id + ": there is no such study in the history");
  fmt::print("{}\n", json_of(*study).dump(2));
  return 0;
}

int export_table(const HistoryCommand& command) {
  const history::Store store = open(command);
  const int64_t rows = command.audit ? write_audit(command.output, store)
                                     : write_studies(command.output, store, filter_of(command));
  fmt::print("{}: {} rows\n", command.output.string(), rows);
  return 0;
}

CLI::App* add(CLI::App& history, const char* name, const char* does, HistoryCommand& options) {
  CLI::App* command = history.add_subcommand(name, does);
  command->footer(std::string(kWarningEnglish));
  add_state_option(*command, options.state,
                   "Folder of the service's state, as its own --state; default: the user's");
  return command;
}

void add_filters(CLI::App& command, HistoryCommand& options) {
  take_one_of(command.add_option("--status", options.status, "Only studies in this state"),
              {"queued", "running", "done", "failed", "cancelled"});
  command.add_option("--from", options.from,
                     "Received then or later: 2026-11-24 or 2026-11-24T10:52:04Z, UTC");
  command.add_option("--to", options.to, "Received before then");
}

}  // namespace

void add_history(CLI::App& app, Action& action) {
  auto options = std::make_shared<HistoryCommand>();
  CLI::App* history = app.add_subcommand("history", "Tell what a service was asked and answered");
  history->footer(std::string(kWarningEnglish));
  history->require_subcommand(1);
  CLI::App* listing = add(*history, "list", "Print the newest studies", *options);
  add_filters(*listing, *options);
  listing->add_option("--limit", options->limit, "How many")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  listing->add_flag("--json", options->json, "One line of JSON for each study, as show prints it");
  listing->callback([options, &action] { action = [options] { return list(*options); }; });
  CLI::App* one = add(*history, "show", "Print one study as JSON", *options);
  one->add_option("ID", options->id, "As the service gave it")->required();
  one->callback([options, &action] { action = [options] { return show(*options); }; });
  CLI::App* table = add(*history, "export", "Write studies into a table", *options);
  table->add_option("OUTPUT", options->output, "Table: .xlsx, .csv or .jsonl")->required();
  add_filters(*table, *options);
  table->add_flag("--audit", options->audit,
                  "Instead: every event, who caused it and when, oldest first");
  table->callback([options, &action] { action = [options] { return export_table(*options); }; });
}

}  // namespace ctclip::app
