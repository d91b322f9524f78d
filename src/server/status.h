#pragma once

#include "base/error.h"

namespace ctclip {

/// The one table from an error to the status of an HTTP answer and of the process.
struct Status {
  int http;
  int exit;
};
Status status_of(Fault fault);

}  // namespace ctclip
