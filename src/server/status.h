#pragma once

#include "base/error.h"

namespace ctclip {

/// The one table from an error to the status of an HTTP answer and of the process.
struct Status {
  int http;
  int exit;
};
Status status_of(Fault fault);
/// The same, for the two errors of HTTP's own that have a status of their own: 404 and 405.
Status status_of(Code code);

}  // namespace ctclip
