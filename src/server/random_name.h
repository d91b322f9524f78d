#pragma once

#include <string>

namespace ctclip {

/// 128 random bits in hexadecimal: a name that nobody guesses and nobody else has. Throws
/// Error{internal} where the system has no random numbers.
std::string random_name();

}  // namespace ctclip
