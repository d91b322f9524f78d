#include "app/help.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "app/choices.h"
#include "base/terminal.h"

namespace ctclip::app {
namespace {

constexpr int kNarrowest = 40, kUsual = 80;
constexpr std::size_t kColumn = 30;        ///< where descriptions begin
constexpr std::size_t kNarrowColumn = 10;  ///< the same on a terminal that is narrower than usual
constexpr std::size_t kListInPlace = 40;   ///< of values; a longer one stands in the description

/// Words, and parts of words that are longer than a line.
std::vector<std::string> pieces(const std::string& word, std::size_t most) {
  std::vector<std::string> parts;
  std::string_view rest = word;
  while (rest.size() > most) {
    const std::size_t end = rest.find_last_of("|/,", most - 1);
    if (end == std::string_view::npos) break;
    parts.emplace_back(rest.substr(0, end + 1));
    rest.remove_prefix(end + 1);
  }
  parts.emplace_back(rest);
  return parts;
}

bool takes_value(const CLI::Option& option) { return option.get_type_size() != 0; }

/// Of "INT:INT in [0 - 1024]": "0 to 1024".
std::string range_of(const std::string& type) {
  const std::size_t begin = type.find(" in ["), end = type.find(']', begin);
  if (begin == std::string::npos || end == std::string::npos) return {};
  std::string range = type.substr(begin + 5, end - begin - 5);
  return CLI::detail::find_and_replace(range, " - ", " to ");
}

/// What stands for a value: the list that it is from, or the name of its type.
std::string value_of(const CLI::Option& option) {
  std::string list = fmt::format("{}", fmt::join(choices_of(option), "|"));
  if (!list.empty() && list.size() <= kListInPlace) return list;
  const std::string type = option.get_type_name();
  std::string name = type.substr(0, type.find(':'));
  if (name == "INT" || name == "UINT" || name == "FLOAT") {
    return type.find(":SIZE") == std::string::npos ? "N" : "SIZE";
  }
  return name;
}

/// "--threads N", "-h,--help", "STUDY..."
std::string left_of(const CLI::Option& option, bool is_positional) {
  const std::string name = option.get_name(is_positional, !is_positional);
  const bool many = option.get_expected_max() == CLI::detail::expected_max_vector_size;
  if (is_positional) return name + (many ? "..." : "");
  return takes_value(option) ? fmt::format("{} {}", name, value_of(option)) : name;
}

std::string names_of(const std::set<CLI::Option*>& options) {
  std::vector<std::string> names;
  names.reserve(options.size());
  for (const CLI::Option* option : options) names.push_back(option->get_name());
  return fmt::format("{}", fmt::join(names, ", "));
}

/// " [0 to 1024; default 0; CTCLIP_THREADS]"
std::string terms_of(const CLI::Option& option) {
  std::vector<std::string> terms;
  if (takes_value(option)) {
    if (const auto range = range_of(option.get_type_name()); !range.empty()) terms.push_back(range);
    if (!option.get_default_str().empty()) terms.push_back("default " + option.get_default_str());
    if (option.get_required() && !option.get_positional()) terms.emplace_back("required");
    if (option.get_expected_max() == CLI::detail::expected_max_vector_size &&
        !option.get_positional()) {
      terms.emplace_back("may be repeated");
    }
  }
  if (!option.get_needs().empty()) terms.push_back("needs " + names_of(option.get_needs()));
  if (!option.get_excludes().empty())
    terms.push_back("not with " + names_of(option.get_excludes()));
  if (!option.get_envname().empty()) terms.push_back("variable " + option.get_envname());
  return terms.empty() ? "" : fmt::format(" [{}]", fmt::join(terms, "; "));
}

}  // namespace

int help_width() {
  const char* columns = std::getenv("COLUMNS");
  int width = 0;
  if (columns != nullptr) {
    const std::string_view text = columns;
    std::from_chars(text.data(), text.data() + text.size(), width);
  }
  if (width <= 0) width = terminal_width(STDOUT_FILENO);
  return width <= 0 ? kUsual : std::max(width, kNarrowest);
}

std::string wrap(const std::string& text, std::size_t indent, std::size_t width) {
  const std::string margin(indent, ' ');
  std::string out;
  for (const std::string& paragraph : CLI::detail::split(text, '\n')) {
    std::string line = margin;
    for (const std::string& word : CLI::detail::split(paragraph, ' ')) {
      bool joined = false;  // to the piece before it
      for (const std::string& piece : pieces(word, width - indent)) {
        const std::size_t gap = line.size() > indent && !joined ? 1 : 0;
        if (line.size() > indent && line.size() + gap + piece.size() > width) {
          out += line + '\n';
          line = margin;
        } else if (gap > 0) {
          line += ' ';
        }
        line += piece;
        joined = true;
      }
    }
    out += (line == margin ? "" : line) + '\n';
  }
  return out;
}

HelpFormatter::HelpFormatter(int width) : width_(static_cast<std::size_t>(width)) {}

std::string HelpFormatter::entry(const std::string& left, const std::string& right) const {
  const std::size_t column = width_ < kUsual ? kNarrowColumn : kColumn;
  const std::string text = wrap(right, column, width_);
  const std::string head = "  " + left;
  if (head.size() + 2 <= column) return head + text.substr(head.size());
  return wrap(left, 2, width_) + text;
}

std::string HelpFormatter::make_option(const CLI::Option* option, bool is_positional) const {
  return entry(left_of(*option, is_positional), make_option_desc(option) + terms_of(*option));
}

std::string HelpFormatter::make_subcommand(const CLI::App* command) const {
  return entry(command->get_name(), command->get_description());
}

std::string HelpFormatter::make_expanded(const CLI::App* group) const {
  std::string out = "\n" + wrap(group->get_description() + ":", 0, width_);
  for (const CLI::Option* option : group->get_options()) {
    if (option != group->get_help_ptr()) out += make_option(option, false);
  }
  return out;
}

std::string HelpFormatter::make_description(const CLI::App* app) const {
  return wrap(app->get_description(), 0, width_) + "\n";
}

std::string HelpFormatter::make_usage(const CLI::App* app, std::string name) const {
  std::string usage = CLI::Formatter::make_usage(app, std::move(name));
  CLI::detail::rtrim(usage);
  return wrap(usage, 0, width_);
}

std::string HelpFormatter::make_footer(const CLI::App* app) const {
  return app->get_footer().empty() ? "" : wrap(app->get_footer(), 0, width_);
}

}  // namespace ctclip::app
