#pragma once

#include <string_view>

namespace ctclip {

/// docs/openapi.json, the description of this HTTP API, as it was when the program was built.
std::string_view openapi_json();

}  // namespace ctclip
