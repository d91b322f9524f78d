#pragma once

#include "server/server.h"
#include "server/studies.h"

namespace ctclip {

/// What an upload asks of the detectors, by its parameters and the service's options.
Submission make_submission(Upload upload, const ServerOptions& options);

}  // namespace ctclip
