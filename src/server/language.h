#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace ctclip {

enum class Language { english, russian };

/// What an Accept-Language (RFC 9110, 12.5.4) likes best of the two: the higher quality, of equal
/// ones the first named, English where it says nothing of either. Ranges match as in RFC 4647's
/// lookup ("ru-RU" takes "ru"); an element that is malformed says nothing.
Language preferred_language(std::string_view accept_language);

/// "en", "ru": what Content-Language says.
std::string_view tag_of(Language language);

/// What an error is in Russian.
struct RussianSentence {
  std::string_view text;  ///< empty for a code that has none yet, which a test refuses
  bool whole = false;     ///< the English messages of this code say no more than that
};
RussianSentence russian_sentence(Code code);

/// The `error` of an answer. In Russian: the sentence for its code and, where the English one says
/// more than that (which file, which limit, expected and found), that one as it is, behind it.
std::string error_text(const Error& error, Language language);

}  // namespace ctclip
