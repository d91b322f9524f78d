#include "server/state_folder.h"

#include "base/error.h"

namespace ctclip {

StateFolder::StateFolder(const ServerOptions& options) : spool_(options.spool) {
  if (options.state.empty()) {
    if (options.retention.uploads.count() > 0) {
      throw Error(Code::usage, "Uploads can be kept only with a folder for the service's state.");
    }
    return;
  }
  lock_ = hold_folder(options.state, "The state's folder",
                      "name another folder with --state, or keep nothing with --state none");
  folder_ = std::filesystem::canonical(options.state);
  if (spool_.empty()) spool_ = folder_ / "uploads";
}

}  // namespace ctclip
