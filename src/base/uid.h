#pragma once

#include <string>
#include <string_view>

namespace ctclip {

/// `text` without the padding of DICOM's VR UI (NUL, and the spaces that many writers use) if it is
/// a UID (PS3.5 section 9.1): at most 64 characters, components of digits with dots between them.
/// Empty if it is none: a patient's name in its place must not be stored, logged or answered. A
/// component may have leading zeros. The standard forbids them, but scanners and anonymisers write
/// them.
std::string uid_of(std::string_view text);

}  // namespace ctclip
