#include "app/complaint.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "app/command_tree.h"
#include "base/error.h"
#include "base/names.h"

namespace ctclip::app {
namespace {

std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : commands_below(app)) names.push_back(command->get_name());
  return names;
}

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : options_of(app)) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

std::string unknown_command(const std::string& typed, const CLI::App& app) {
  const std::vector<std::string> names = command_names(app);
  const std::string suggestion = did_you_mean(typed, names);
  return fmt::format(
      "there is no command {}{}", typed,
      suggestion.empty() ? fmt::format("; commands are {}", fmt::join(names, ", ")) : suggestion);
}

/// Looked at first, whatever CLI11 stumbled over: the value of a misspelt option often looks like
/// some other mistake.
std::string unexpected(const CLI::App& command) {
  const std::vector<std::string> extras = command.remaining();
  const auto option = std::ranges::find_if(
      extras, [](const std::string& extra) { return extra.size() > 1 && extra.front() == '-'; });
  if (option != extras.end()) {
    const std::string name = option->substr(0, option->find('='));
    return fmt::format("there is no option {}{}", name, did_you_mean(name, option_names(command)));
  }
  if (extras.empty()) return {};
  if (!commands_below(command).empty()) return unknown_command(extras.front(), command);
  return fmt::format("{}: one argument too many", extras.front());
}

}  // namespace

std::string complaint(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App* command = &app;
  std::string path = app.get_name();
  while (!command->get_subcommands().empty()) {
    command = command->get_subcommands().front();
    path += " " + command->get_name();
  }
  std::string what = unexpected(*command);
  const std::vector<std::string> below = command_names(*command);
  if (what.empty() && command->get_require_subcommand_min() > 0 && !below.empty()) {
    what = fmt::format("expected a command: {}", fmt::join(below, ", "));
  }
  if (what.empty()) what = error.what();
  return fmt::format("ctclip: {}\n`{} --help` tells more.\n", what, path);
}

const CLI::App& command_of(const CLI::App& app, const std::vector<std::string>& names) {
  const CLI::App* command = &app;
  for (const std::string& name : names) {
    const auto found = command->get_subcommands(
        [&name](const CLI::App* below) { return below->get_name() == name; });
    if (found.empty()) throw Error(Code::usage, unknown_command(name, *command));
    command = found.front();
  }
  return *command;
}

}  // namespace ctclip::app
