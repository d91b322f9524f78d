#include "server/request_id.h"

#include "server/random_name.h"
#include "server/text.h"

namespace ctclip {

std::string request_id_of(std::string_view from_client) {
  return is_plain_name(from_client) ? std::string(from_client) : random_name();
}

}  // namespace ctclip
