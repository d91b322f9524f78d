#include "app/command_tree.h"

namespace ctclip::app {

std::vector<const CLI::App*> commands_below(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App* below) { return !below->get_name().empty(); });
}

std::vector<const CLI::Option*> options_of(const CLI::App& app) {
  std::vector<const CLI::Option*> options = app.get_options();
  // CLI11 makes an option group a command without a name, with a help option of its own.
  for (const CLI::App* group :
       app.get_subcommands([](const CLI::App* below) { return below->get_name().empty(); })) {
    for (const CLI::Option* option : group->get_options()) {
      if (option != group->get_help_ptr()) options.push_back(option);
    }
  }
  return options;
}

}  // namespace ctclip::app
