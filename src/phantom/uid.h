#pragma once

#include <string>
#include <string_view>

namespace ctclip::phantom {

/// A UID under the root of UUIDs (2.25, DICOM PS3.5 B.2) that follows from a name alone: the same
/// name, the same UID. The UUID is one of version 5 (SHA-1 of a name space and the name, RFC 4122).
std::string uid_of(std::string_view name);

}  // namespace ctclip::phantom
