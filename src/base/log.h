#pragma once

#include <spdlog/spdlog.h>

namespace ctclip {

/// The program's logger (stderr): the one global. Never given a patient's name or ID, nor a
/// client's file name.
spdlog::logger& log();

}  // namespace ctclip
