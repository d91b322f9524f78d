#pragma once

#include "base/error.h"

namespace ctclip {

/// The one table from an error to the status of an HTTP answer and of the process.
struct Status {
  int http;
  int exit;
};
Status status_of(Fault fault);
/// The same, for the errors that have a status of their own: 404, 405, and 422 for a key that was
/// used twice.
Status status_of(Code code);

}  // namespace ctclip
