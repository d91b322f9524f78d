#include "server/identity.h"

#include <array>
#include <utility>

#include "base/error.h"
#include "server/text.h"

namespace ctclip {
namespace {

constexpr std::array<std::pair<std::string_view, Scope>, 3> kNames = {
    {{"submit", Scope::submit}, {"read", Scope::read}, {"admin", Scope::admin}}};

Scope scope_of(std::string_view name) {
  for (const auto& [known, scope] : kNames) {
    if (known == name) return scope;
  }
  throw Error(
      Code::usage,
      "expected the scopes submit, read or admin, separated by commas, found " + shown(name));
}

}  // namespace

Scopes Scopes::parse(std::string_view text) {
  Scopes scopes;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    scopes.bits_ |= static_cast<unsigned>(scope_of(trim(text.substr(begin, end - begin))));
    begin = end + 1;
  }
  return scopes;
}

std::string Scopes::text() const {
  std::string text;
  for (const auto& [name, scope] : kNames) {
    if ((bits_ & static_cast<unsigned>(scope)) == 0) continue;
    if (!text.empty()) text += ',';
    text += name;
  }
  return text;
}

}  // namespace ctclip
