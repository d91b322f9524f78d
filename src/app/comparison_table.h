#pragma once

#include <string>

#include "pipeline/comparison.h"

namespace ctclip::app {

/// The differences as a table, flipped decisions and changed types under it.
std::string as_table(const Comparison& comparison);

}  // namespace ctclip::app
