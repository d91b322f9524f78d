#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/reply.h"

namespace ctclip {

/// Puts the headers on an answer that keep a browser from doing what it should not: nothing is
/// sniffed, kept, framed by others or told to them. What the answer says itself stays.
void add_security_headers(Reply& reply, bool secure);

/// Pages of other origins that may use the service. Off unless there are some.
class Cors {
 public:
  /// Origins as browsers send them: https://viewer.example.org, with a port where it is not the
  /// scheme's. Throws Error{usage} for anything else, "*" included.
  explicit Cors(std::vector<std::string> origins);

  bool allows(std::string_view origin) const;
  /// The answer to the question that browsers ask beforehand: an OPTIONS with an allowed `Origin`.
  static Reply preflight(std::string_view allowed_methods);
  /// Lets an allowed origin's page read the answer.
  void mark(Reply& reply, std::string_view origin) const;

 private:
  const std::vector<std::string> origins_;
};

}  // namespace ctclip
