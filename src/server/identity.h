#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

namespace ctclip {

/// What an API key allows: to submit studies, to read answers, and `admin`, which is everything,
/// other keys' studies and the service's figures included.
enum class Scope : unsigned { submit = 1, read = 2, admin = 4 };

class Scopes {
 public:
  constexpr Scopes() = default;
  constexpr Scopes(std::initializer_list<Scope> scopes) {
    for (const Scope one : scopes) bits_ |= static_cast<unsigned>(one);
  }
  /// "submit,read". Throws Error{usage}: the word that is no scope.
  static Scopes parse(std::string_view text);

  constexpr bool has(Scope scope) const {
    return (bits_ & (static_cast<unsigned>(scope) | static_cast<unsigned>(Scope::admin))) != 0;
  }
  /// As `parse` takes it.
  std::string text() const;
  bool operator==(const Scopes&) const = default;

 private:
  unsigned bits_ = 0;
};

/// Who asks. Where no keys are in force everyone is the same: no id, and no admin, so that nobody
/// is asked for a key and nobody rules over the others.
struct Identity {
  std::string id;  ///< of the API key: no secret, and fit for logs and databases
  Scopes scopes{Scope::submit, Scope::read};

  /// Whose the studies are that this identity submits.
  const std::string& owner() const { return id; }
  /// A key's studies are its own; an admin sees everyone's.
  bool may_see(std::string_view owner_of_study) const {
    return scopes.has(Scope::admin) || owner_of_study == id;
  }
};

}  // namespace ctclip
