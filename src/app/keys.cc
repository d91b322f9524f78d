#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <string>

#include "app/commands.h"
#include "server/api_keys.h"

namespace ctclip::app {
namespace {

struct KeysOptions {
  std::filesystem::path file, out;
  std::string id, scopes = "submit,read";
};

int add(const KeysOptions& options) {
  const Scopes scopes = Scopes::parse(options.scopes);
  if (options.out.empty()) {
    fmt::print("{}\n", add_key(options.file, options.id, scopes));
  } else {
    add_key_into(options.out, options.file, options.id, scopes);
  }
  fmt::print(
      stderr, "The only copy of the key of {} is {}. SIGHUP tells a running service.\n", options.id,
      options.out.empty() ? "the line on stdout" : "the last line of " + options.out.string());
  return 0;
}

int remove(const KeysOptions& options) {
  remove_key(options.file, options.id);
  fmt::print(stderr, "The key of {} is gone; SIGHUP tells a running service.\n", options.id);
  return 0;
}

int list(const KeysOptions& options) {
  for (const ApiKey& key : read_keys(options.file)) {
    fmt::print("{} {}\n", key.id, key.scopes.text());
  }
  return 0;
}

using Run = int (*)(const KeysOptions&);

CLI::App* add_command(CLI::App& keys, Action& action, const std::shared_ptr<KeysOptions>& options,
                      const std::string& name, const std::string& meaning, Run run) {
  CLI::App* command = keys.add_subcommand(name, meaning);
  command->add_option("--api-keys", options->file, "File of keys, as `serve` takes it")
      ->envname("CTCLIP_API_KEYS")
      ->required();
  command->callback([options, run, &action] { action = [options, run] { return run(*options); }; });
  return command;
}

}  // namespace

void add_keys(CLI::App& app, Action& action) {
  auto options = std::make_shared<KeysOptions>();
  CLI::App* keys = app.add_subcommand("keys", "API keys of the service: make, list, remove");
  keys->require_subcommand(1);
  CLI::App* added = add_command(*keys, action, options, "add",
                                "Make a key and print it, or write it to a file, once", add);
  added->add_option("ID", options->id, "Whose it is: a name for logs")->required();
  added->add_option("--scopes", options->scopes, "Of submit, read and admin, with commas")
      ->capture_default_str();
  added->add_option("--out", options->out,
                    "File for the key instead of stdout: a new one with mode 0600, or one that "
                    "nobody else may read");
  add_command(*keys, action, options, "list", "Ids and scopes of the keys", list);
  add_command(*keys, action, options, "remove", "Take a key away", remove)
      ->add_option("ID", options->id, "Whose it is")
      ->required();
}

}  // namespace ctclip::app
