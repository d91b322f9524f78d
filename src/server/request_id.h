#pragma once

#include <string>
#include <string_view>

namespace ctclip {

/// Under which a request is found in the log; it goes with every answer.
constexpr std::string_view kRequestIdHeader = "X-Request-ID";

/// Whether a client's own name for its request may stand in a log and a header: 1 to 64 of
/// A-Z a-z 0-9 . _ -
bool is_request_id(std::string_view text);

/// The client's where it is well-formed, else a new one: 32 random hexadecimal digits.
std::string request_id_of(std::string_view from_client);

}  // namespace ctclip
