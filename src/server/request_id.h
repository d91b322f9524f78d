#pragma once

#include <string>
#include <string_view>

namespace ctclip {

/// Under which a request is found in the log; it goes with every answer.
constexpr std::string_view kRequestIdHeader = "X-Request-ID";

/// The client's where it is a plain name (server/text.h), else a new one: 32 random hexadecimal
/// digits.
std::string request_id_of(std::string_view from_client);

}  // namespace ctclip
