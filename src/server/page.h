#pragma once

#include <string_view>

namespace ctclip {

/// What the service is, its warning and a form, in Russian and English. One file without script and
/// without anything from elsewhere.
std::string_view page_html();

}  // namespace ctclip
