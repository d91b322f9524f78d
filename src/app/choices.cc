#include "app/choices.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/names.h"

namespace ctclip::app {
namespace {

constexpr char kBetween = '|';

/// CLI11 keeps nothing but text beside an option, so the names travel in a validator's description,
/// which is the part of the type's name after the first colon.
CLI::Validator describing(const std::vector<std::string>& names) {
  return CLI::Validator(fmt::format("{}", fmt::join(names, std::string(1, kBetween))));
}

std::string expected(const std::vector<std::string>& names) {
  if (names.size() == 1) return names.front();
  return fmt::format("{} or {}", fmt::join(names.begin(), names.end() - 1, ", "), names.back());
}

}  // namespace

CLI::Option* take_enumerator(CLI::Option* option, const std::vector<Choice>& choices,
                             const std::string& label) {
  std::vector<std::string> names;
  names.reserve(choices.size());
  for (const Choice& choice : choices) names.push_back(choice.name);
  CLI::Validator validator = describing(names);
  validator.operation([choices, names](std::string& typed) -> std::string {
    const auto name = find_name(typed, names);
    if (!name) {
      return fmt::format("expected {}, found {}{}", expected(names), typed,
                         did_you_mean(typed, names));
    }
    typed = std::ranges::find(choices, *name, &Choice::name)->value;
    return {};
  });
  return option->transform(validator)->type_name(label);
}

CLI::Option* take_one_of(CLI::Option* option, const std::vector<std::string>& names,
                         const std::string& label) {
  std::vector<Choice> choices;
  choices.reserve(names.size());
  for (const std::string& name : names) choices.push_back({name, name});
  return take_enumerator(option, choices, label);
}

CLI::Option* offer(CLI::Option* option, const std::vector<std::string>& names) {
  return option->check(describing(names));
}

std::vector<std::string> choices_of(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  const std::size_t colon = type.find(':');
  if (colon == std::string::npos || type.find(kBetween) == std::string::npos) return {};
  return CLI::detail::split(type.substr(colon + 1), kBetween);
}

}  // namespace ctclip::app
