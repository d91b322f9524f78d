#include "server/status.h"

namespace ctclip {

Status status_of(Fault fault) {
  switch (fault) {
    case Fault::bad_request:
      return {400, 1};
    case Fault::too_large:
      return {413, 1};
    case Fault::unprocessable:
      return {422, 1};
    case Fault::busy:
      return {429, 1};
    case Fault::unavailable:
      return {503, 1};
    case Fault::cancelled:
      return {499, 1};
    case Fault::usage:
    case Fault::bad_model:
      return {500, 2};
    case Fault::internal:
      break;
  }
  return {500, 1};
}

Status status_of(Code code) {
  switch (code) {
    case Code::unauthenticated:
      return {401, 1};
    case Code::forbidden:
      return {403, 1};
    case Code::not_found:
      return {404, 1};
    case Code::method_not_allowed:
      return {405, 1};
    case Code::upload_too_slow:
      return {408, 1};
    case Code::idempotency_conflict:
      return {422, 1};  // as its IETF draft has it
    default:
      return status_of(info(code).fault);
  }
}

}  // namespace ctclip
