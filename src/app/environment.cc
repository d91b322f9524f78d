#include "app/environment.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <string_view>
#include <utility>
#include <vector>

#include "base/names.h"

namespace ctclip::app {
namespace {

constexpr std::string_view kPrefix = "CTCLIP_";

/// Variables that a service may find and that none of its options is read from.
constexpr std::array kOthers = {
    "CTCLIP_MODEL_PATH",    // of an existing deployment: pipeline/bundle.cc
    "CTCLIP_API_KEY",       // of `ctclip batch`
    "CTCLIP_MODELS_DIR",    // compose.yaml
    "CTCLIP_DEMO_MODELS",   // scripts/demo
    "CTCLIP_TEST_SECONDS",  // scripts/test, and what the tests find
    "CTCLIP_DATA",         "CTCLIP_GOLDEN", "CTCLIP_CONTAINER_BUILD",
};

/// "CTCLIP_PORT" -> "8000"
std::vector<std::pair<std::string, std::string>> variables() {
  std::vector<std::pair<std::string, std::string>> found;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::size_t equals = text.find('=');
    if (!text.starts_with(kPrefix) || equals == std::string_view::npos) continue;
    found.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  return found;
}

std::vector<std::string> known_names(const CLI::App& command) {
  std::vector<std::string> names(kOthers.begin(), kOthers.end());
  for (const CLI::Option* option : command.get_options()) {
    if (!option->get_envname().empty()) names.push_back(option->get_envname());
  }
  return names;
}

std::string complaint_of_flag(const std::string& value) {
  for (const char* word : {"true", "false", "1", "0", "on", "off", "yes", "no"}) {
    if (value == word) return {};
  }
  return fmt::format("expected true or false, found \"{}\"", value);
}

/// What the option's validators say of one value; CLI11 keeps them by index and throws beyond.
std::string complaint_of_validators(CLI::Option& option, std::string value) {
  try {
    for (int i = 0;; ++i) {
      if (std::string why = (*option.get_validator(i))(value); !why.empty()) return why;
    }
  } catch (const CLI::OptionNotFound&) {
    return {};
  }
}

std::string complaint_of(CLI::Option& option, const std::string& value) {
  if (value.find_first_not_of(" \t\r\n") == std::string::npos) {
    return fmt::format("expected a value, found \"{}\"; unset it for the default", value);
  }
  if (option.get_expected_max() == 0) return complaint_of_flag(value);
  if (option.get_delimiter() == '\0') return complaint_of_validators(option, value);
  for (const std::string& part : CLI::detail::split(value, option.get_delimiter())) {
    if (std::string why = complaint_of_validators(option, part); !why.empty()) return why;
  }
  return {};
}

CLI::Option* option_of(CLI::App& command, const std::string& variable) {
  const auto found =
      command.get_options([&](CLI::Option* one) { return one->get_envname() == variable; });
  return found.empty() ? nullptr : found.front();
}

}  // namespace

std::string variable_of(const std::string& option) {
  std::string name = std::string(kPrefix) + option.substr(option.find_first_not_of('-'));
  for (char& c : name) c = c == '-' ? '_' : static_cast<char>(std::toupper(c));
  return name;
}

std::string complaint_about_environment(CLI::App& command) {
  const std::vector<std::string> known = known_names(command);
  std::string complaint;
  for (const auto& [name, value] : variables()) {
    std::string why;
    if (CLI::Option* option = option_of(command, name)) {
      why = complaint_of(*option, value);
    } else if (std::ranges::find(known, name) == known.end()) {
      why = "there is no such variable" + did_you_mean(name, known);
    }
    if (why.empty()) continue;
    if (complaint.empty()) complaint = fmt::format("{}: {}", name, why);
    unsetenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): there is one thread yet
  }
  return complaint;
}

}  // namespace ctclip::app
