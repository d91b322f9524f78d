#include <fmt/format.h>

#include <memory>
#include <string>
#include <vector>

#include "app/choices.h"
#include "app/command_tree.h"
#include "app/commands.h"
#include "app/complaint.h"

namespace ctclip::app {
namespace {

int print_help(const CLI::App& app, const std::vector<std::string>& names) {
  std::string path = app.get_name();
  for (const std::string& name : names) path += " " + name;
  const CLI::App& command = command_of(app, names);
  fmt::print("{}", command.get_formatter()->make_help(&command, path, CLI::AppFormatMode::Normal));
  return 0;
}

}  // namespace

void add_help(CLI::App& app, Action& action) {
  auto names = std::make_shared<std::vector<std::string>>();
  CLI::App* command = app.add_subcommand("help", "Print the help of the program or of a command");
  std::vector<std::string> known;
  for (const CLI::App* other : commands_below(app)) known.push_back(other->get_name());
  offer(command->add_option("COMMAND", *names, "A command, for example `models check`"), known);
  command->callback(
      [names, &app, &action] { action = [names, &app] { return print_help(app, *names); }; });
}

}  // namespace ctclip::app
