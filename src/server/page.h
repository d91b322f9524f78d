#pragma once

#include <string>

namespace ctclip {

/// What the service is, its warning and a form, in Russian and English. One file without anything
/// from elsewhere. Its script shows an answer's warnings above the answer. `with_key`: a field for
/// the API key is there, which is kept until the browser's tab is closed; without, the form works
/// without a script, too.
std::string page_html(bool with_key);

/// Its Content-Security-Policy: that very script may run, and no other.
std::string page_policy(bool with_key);

}  // namespace ctclip
