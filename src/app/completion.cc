#include "app/completion.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "app/choices.h"
#include "app/command_tree.h"

namespace ctclip::app {
namespace {

struct Offered {
  std::string name;     ///< "--models"
  std::string meaning;  ///< the first sentence of its description
  bool takes_value = false;
  std::vector<std::string> values;  ///< if there is a list of them
};

struct Command {
  std::string path;  ///< "ctclip models check"
  std::vector<Offered> commands, options;
  std::vector<std::string> words;  ///< if its arguments are from a list
};

std::string first_part(const std::string& text) {
  std::size_t end = text.size();
  for (const char* sign : {". ", "; ", ": ", " (", "\n"}) end = std::min(end, text.find(sign));
  return text.substr(0, end);
}

std::vector<Offered> offered_options(const CLI::App& app) {
  std::vector<Offered> found;
  for (const CLI::Option* option : options_of(app)) {
    for (const std::string& name : option->get_lnames()) {
      found.push_back({"--" + name, first_part(option->get_description()),
                       option->get_type_size() != 0, choices_of(*option)});
    }
  }
  return found;
}

std::vector<std::string> words_of(const CLI::App& app) {
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_positional()) return choices_of(*option);
  }
  return {};
}

/// The program and every command, each before what is below it.
void collect(const CLI::App& app, const std::string& before, std::vector<Command>& all) {
  Command command{before + app.get_name(), {}, offered_options(app), words_of(app)};
  for (const CLI::App* below : commands_below(app)) {
    command.commands.push_back(
        {below->get_name(), first_part(below->get_description()), false, {}});
  }
  all.push_back(command);
  for (const CLI::App* below : commands_below(app)) collect(*below, command.path + " ", all);
}

std::vector<Command> collected(const CLI::App& app) {
  std::vector<Command> all;
  collect(app, "", all);
  return all;
}

std::string quoted(const std::string& text) {
  return "'" + CLI::detail::find_and_replace(text, "'", "'\\''") + "'";
}

std::string names(const std::vector<Offered>& offered) {
  std::vector<std::string> out;
  out.reserve(offered.size());
  for (const Offered& one : offered) out.push_back(one.name);
  return fmt::format("{}", fmt::join(out, " "));
}

/// Lines of a `case` in bash and zsh: what `text` makes of each command.
template <typename Text>
std::string cases(const std::vector<Command>& commands, const Text& text) {
  std::string out;
  for (const Command& command : commands) {
    const std::string body = text(command);
    if (!body.empty()) out += fmt::format("    '{}') {} ;;\n", command.path, body);
  }
  return out;
}

/// The same of each option that takes a value: "ctclip predict --models".
template <typename Text>
std::string value_cases(const std::vector<Command>& commands, const Text& text) {
  std::string out;
  for (const Command& command : commands) {
    for (const Offered& option : command.options) {
      if (!option.takes_value) continue;
      out += fmt::format("    '{} {}') {} ;;\n", command.path, option.name, text(option));
    }
  }
  return out;
}

std::string meanings(const std::vector<Offered>& offered) {
  std::string out;
  for (const Offered& one : offered) {
    const std::string name = CLI::detail::find_and_replace(one.name, ":", "\\:");
    out += " " + quoted(name + ":" + one.meaning);
  }
  return out;
}

}  // namespace

std::string bash_completion(const CLI::App& app) {
  const std::vector<Command> commands = collected(app);
  const auto list = [](const char* what, const std::string& words) {
    return words.empty() ? "" : fmt::format("{}='{}'", what, words);
  };
  const std::string below = cases(
      commands, [&](const Command& command) { return list("commands", names(command.commands)); });
  const std::string offered = cases(commands, [&](const Command& command) {
    const std::string words = fmt::format("{}", fmt::join(command.words, " "));
    return fmt::format("options='{}' values='{}'", names(command.options), words);
  });
  const std::string values = value_cases(commands, [](const Offered& option) {
    return fmt::format("is_value=1 values='{}'", fmt::join(option.values, " "));
  });
  return fmt::format(
      R"(# Completion of ctclip for bash, made by `ctclip completion bash`.

_ctclip_commands() {{
  commands=
  case $1 in
{}  esac
}}

_ctclip_options() {{
  options= values=
  case $1 in
{}  esac
}}

_ctclip_values() {{
  is_value= values=
  case $1 in
{}  esac
}}

_ctclip() {{
  local commands options values is_value word path=ctclip
  local current=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD - 1]}}
  COMPREPLY=()
  for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
    _ctclip_commands "$path"
    [[ " $commands " == *" $word "* ]] && path+=" $word"
  done
  if [[ $current == = ]]; then current=; elif [[ $before == = ]]; then before=${{COMP_WORDS[COMP_CWORD - 2]}}; fi
  _ctclip_values "$path $before"
  if [[ ! $is_value ]]; then
    _ctclip_options "$path"
    _ctclip_commands "$path"
    values="$commands $values"
    [[ $current == -* ]] && values=$options
  fi
  mapfile -t COMPREPLY < <(compgen -W "$values" -- "$current")
}}

complete -o default -F _ctclip ctclip
)",
      below, offered, values);
}

std::string zsh_completion(const CLI::App& app) {
  const std::vector<Command> commands = collected(app);
  const std::string below = cases(commands, [](const Command& command) {
    return command.commands.empty() ? "" : fmt::format("commands=({})", meanings(command.commands));
  });
  const std::string offered = cases(commands, [](const Command& command) {
    return fmt::format("options=({}) values=({})", meanings(command.options),
                       fmt::join(command.words, " "));
  });
  const std::string values = value_cases(commands, [](const Offered& option) {
    return fmt::format("is_value=1 values=({})", fmt::join(option.values, " "));
  });
  return fmt::format(
      R"(#compdef ctclip
# Completion of ctclip for zsh, made by `ctclip completion zsh`.

_ctclip_commands() {{
  commands=()
  case $1 in
{}  esac
}}

_ctclip_options() {{
  options=() values=()
  case $1 in
{}  esac
}}

_ctclip_values() {{
  is_value= values=()
  case $1 in
{}  esac
}}

_ctclip() {{
  local word is_value typed=ctclip current=$words[CURRENT] before=$words[CURRENT-1]
  local -a commands options values
  for word in "${{(@)words[2,CURRENT-1]}}"; do
    _ctclip_commands "$typed"
    [[ -n ${{(M)commands:#${{(b)word}}:*}} ]] && typed+=" $word"
  done
  if [[ $current == --*=* ]]; then
    before=${{current%%=*}}
    compset -P '*='
  fi
  _ctclip_values "$typed $before"
  if [[ -n $is_value ]]; then
    if (( $#values )); then compadd -a values; else _files; fi
    return
  fi
  _ctclip_options "$typed"
  _ctclip_commands "$typed"
  if [[ $current == -* ]]; then
    _describe -o option options
  elif (( $#commands )); then
    _describe command commands
  elif (( $#values )); then
    compadd -a values
  else
    _files
  fi
}}

if [[ $funcstack[1] == _ctclip ]]; then _ctclip "$@"; else compdef _ctclip ctclip; fi
)",
      below, offered, values);
}

std::string fish_completion(const CLI::App& app) {
  std::string out = R"(# Completion of ctclip for fish, made by `ctclip completion fish`.

# Whether the command line so far is of this command: "ctclip models check".
function __ctclip_is
    set -l path ctclip
    for word in (commandline -opc)[2..-1]
        contains -- "$path $word" $__ctclip_commands; and set path "$path $word"
    end
    test "$path" = "$argv"
end

)";
  const std::vector<Command> commands = collected(app);
  const auto escaped = [](const std::string& text) {  // single quotes of fish know \' and \\ alone
    return "'" +
           CLI::detail::find_and_replace(CLI::detail::find_and_replace(text, "\\", "\\\\"), "'",
                                         "\\'") +
           "'";
  };
  out += "set -g __ctclip_commands";
  for (const Command& command : commands) out += fmt::format(" '{}'", command.path);
  out += "\n";
  for (const Command& command : commands) {
    const std::string when = fmt::format("complete -c ctclip -n '__ctclip_is {}'", command.path);
    for (const Offered& below : command.commands) {
      out += fmt::format("{} -f -a {} -d {}\n", when, below.name, escaped(below.meaning));
    }
    if (!command.words.empty()) {
      out += fmt::format("{} -f -a '{}'\n", when, fmt::join(command.words, " "));
    }
    for (const Offered& option : command.options) {
      const std::string values = option.values.empty()
                                     ? (option.takes_value ? " -r -F" : "")
                                     : fmt::format(" -x -a '{}'", fmt::join(option.values, " "));
      out += fmt::format("{} -l {}{} -d {}\n", when, option.name.substr(2), values,
                         escaped(option.meaning));
    }
  }
  return out;
}

}  // namespace ctclip::app
