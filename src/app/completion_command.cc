#include <fmt/format.h>

#include <map>
#include <memory>
#include <string>

#include "app/choices.h"
#include "app/commands.h"
#include "app/completion.h"

namespace ctclip::app {

void add_completion(CLI::App& app, Action& action) {
  using Make = std::string (*)(const CLI::App&);
  static const std::map<std::string, Make> shells = {
      {"bash", bash_completion}, {"zsh", zsh_completion}, {"fish", fish_completion}};
  auto shell = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("completion", "Print the completion script of a shell");
  take_one_of(command->add_option("SHELL", *shell, "bash, zsh or fish")->required(),
              {"bash", "zsh", "fish"});
  command->callback([shell, &app, &action] {
    action = [shell, &app] {
      fmt::print("{}", shells.at(*shell)(app));
      return 0;
    };
  });
}

}  // namespace ctclip::app
