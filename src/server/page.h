#pragma once

#include <string>

namespace ctclip {

/// What the service is, its warning and a form, in Russian and English. One file without anything
/// from elsewhere, and without script unless `with_key`: then a field for the API key is there,
/// which only a script can send; it is kept until the browser's tab is closed.
std::string page_html(bool with_key);

/// Its Content-Security-Policy: that very script may run, and no other.
std::string page_policy(bool with_key);

}  // namespace ctclip
