#include "app/state_option.h"

#include <cstdlib>

#include "base/error.h"

namespace ctclip::app {
namespace {

namespace fs = std::filesystem;

/// The folder that a variable names. A relative path names none: it would be another folder in
/// each working directory.
fs::path folder_in(const char* variable) {
  const char* value = std::getenv(variable);  // NOLINT(concurrency-mt-unsafe): nothing sets any
  fs::path folder = value == nullptr ? "" : value;
  return folder.is_absolute() ? folder : fs::path();
}

}  // namespace

CLI::Option* add_state_option(CLI::App& command, std::string& state, const std::string& meaning) {
  return command.add_option("--state", state, meaning)->envname("CTCLIP_STATE");
}

fs::path state_folder(const std::string& state) {
  if (state == "none") return {};
  if (!state.empty()) return state;
  if (const fs::path folder = folder_in("XDG_STATE_HOME"); !folder.empty()) {
    return folder / "ctclip";
  }
  if (const fs::path home = folder_in("HOME"); !home.empty()) return home / ".local/state/ctclip";
  throw Error(Code::usage,
              "There is no folder for the state: neither XDG_STATE_HOME nor HOME names an absolute "
              "path. Name a folder with --state or CTCLIP_STATE, or `none` to keep nothing.");
}

}  // namespace ctclip::app
