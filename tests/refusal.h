#pragma once

#include <functional>
#include <optional>

#include "base/error.h"

namespace ctclip::testing {

/// The code of the Error that `work` throws; none where it throws none.
inline std::optional<Code> refusal(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    return error.code();
  }
  return std::nullopt;
}

}  // namespace ctclip::testing
