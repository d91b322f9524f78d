#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <utility>
#include <vector>

namespace ctclip::app {

/// One value of an option whose values are a closed list.
struct Choice {
  std::string name;   ///< as it is typed
  std::string value;  ///< what CLI11 converts to the option's type: the number of an enumerator
};

/// Makes `option` take one of these names, or several if it is a list: `--part chest|head|abdomen`
/// in the help, a suggestion in the error for any other. `label` stands in the help instead of a
/// list that is too long for it.
CLI::Option* take_one_of(CLI::Option* option, const std::vector<std::string>& names,
                         const std::string& label = "");
/// The same for what is no string.
CLI::Option* take_enumerator(CLI::Option* option, const std::vector<Choice>& choices,
                             const std::string& label = "");

/// Makes completion offer these names as values, though others are taken as well.
CLI::Option* offer(CLI::Option* option, const std::vector<std::string>& names);

/// What the two gave an option; empty if it takes anything.
std::vector<std::string> choices_of(const CLI::Option& option);

template <typename Enum>
Choice choice(std::string name, Enum value) {
  return {std::move(name), std::to_string(static_cast<int>(value))};
}

}  // namespace ctclip::app
