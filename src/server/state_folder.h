#pragma once

#include <filesystem>

#include "server/server.h"
#include "server/spool.h"

namespace ctclip {

/// Where a service keeps what outlasts it: a folder that one process has for itself, made where it
/// is missing, mode 0700. Nothing where the options name none. Throws Error{usage} where there can
/// be no such folder or another process has it.
class StateFolder {
 public:
  explicit StateFolder(const ServerOptions& options);

  /// Of the history; empty for one in memory.
  std::filesystem::path history() const {
    return folder_.empty() ? folder_ : folder_ / "history.db";
  }
  /// Of the uploads; empty for a temporary one.
  std::filesystem::path spool() const { return spool_; }

 private:
  std::filesystem::path folder_, spool_;
  Descriptor lock_;
};

}  // namespace ctclip
