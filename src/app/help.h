#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace ctclip::app {

/// Columns for a help text: COLUMNS, or the width of the terminal that stdout is, or 80; at least
/// 40.
int help_width();

/// Breaks text between words so that no line is longer than `width`, except for a word that is
/// itself longer and cannot be broken after `|`, `/` or `,`. Each line begins with `indent` blanks.
std::string wrap(const std::string& text, std::size_t indent, std::size_t width);

/// Help as the program prints it: an option's name and value on the left, what it does on the
/// right, then what is allowed, the default and the variable in brackets.
class HelpFormatter : public CLI::Formatter {
 public:
  explicit HelpFormatter(int width);

  std::string make_option(const CLI::Option* option, bool is_positional) const override;
  std::string make_subcommand(const CLI::App* command) const override;
  std::string make_expanded(const CLI::App* group) const override;
  std::string make_description(const CLI::App* app) const override;
  std::string make_usage(const CLI::App* app, std::string name) const override;
  std::string make_footer(const CLI::App* app) const override;

 private:
  std::string entry(const std::string& left, const std::string& right) const;

  std::size_t width_;
};

}  // namespace ctclip::app
