#include "server/request_id.h"

#include <algorithm>

#include "server/random_name.h"
#include "server/text.h"

namespace ctclip {
namespace {

constexpr std::size_t kLongest = 64;  // a UUID has 36, a trace of W3C 55

bool may_stand(char c) { return is_alphanumeric(c) || c == '.' || c == '_' || c == '-'; }

}  // namespace

bool is_request_id(std::string_view text) {
  return !text.empty() && text.size() <= kLongest && std::ranges::all_of(text, may_stand);
}

std::string request_id_of(std::string_view from_client) {
  return is_request_id(from_client) ? std::string(from_client) : random_name();
}

}  // namespace ctclip
