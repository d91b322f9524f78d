#pragma once

#include <string>
#include <string_view>

namespace ctclip {

// Text as HTTP has it: ASCII, whatever the locale.

bool is_alphanumeric(char c);
/// Whether a name that somebody else chose may stand in a log, a header and a file of words: 1 to
/// 64 of A-Z a-z 0-9 . _ -
bool is_plain_name(std::string_view text);
/// Without blanks and tabs at either end.
std::string_view trim(std::string_view text);
std::string lower(std::string_view text);
/// What a client sent, fit to be quoted to it in an error: at most 40 characters, printable ASCII.
std::string shown(std::string_view text);

}  // namespace ctclip
