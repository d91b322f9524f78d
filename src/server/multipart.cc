#include "server/multipart.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "base/error.h"
#include "base/split.h"
#include "server/text.h"

namespace ctclip {
namespace {

[[noreturn]] void refuse(const std::string& what) {
  throw Error(Code::bad_multipart, "The form is no well-formed multipart/form-data: " + what + ".");
}

bool is_boundary_char(char c) {
  return is_alphanumeric(c) || std::string_view("'()+_,-./:=? ").find(c) != std::string_view::npos;
}

/// One `; name=value` after another, the value a token or a quoted string (RFC 9110 section 5.6.6).
class ParameterList {
 public:
  explicit ParameterList(std::string_view text) : rest_(text) {}

  struct Parameter {
    std::string name, value;
  };
  std::optional<Parameter> next() {
    rest_ = trim(rest_);
    while (!rest_.empty() && rest_.front() == ';') rest_ = trim(rest_.substr(1));
    if (rest_.empty()) return std::nullopt;
    const std::size_t equals = rest_.find('=');
    if (equals == std::string_view::npos) refuse("a header's parameter has no value");
    Parameter parameter{lower(trim(rest_.substr(0, equals))), {}};
    rest_ = trim(rest_.substr(equals + 1));
    parameter.value = !rest_.empty() && rest_.front() == '"' ? quoted() : token();
    return parameter;
  }

 private:
  std::string token() {
    const std::size_t end = std::min(rest_.find(';'), rest_.size());
    std::string value(trim(rest_.substr(0, end)));
    rest_.remove_prefix(end);
    return value;
  }
  std::string quoted() {
    std::string value;
    for (std::size_t i = 1; i < rest_.size(); ++i) {
      if (rest_[i] == '"') {
        rest_.remove_prefix(i + 1);
        return value;
      }
      if (rest_[i] == '\\' && i + 1 < rest_.size()) ++i;
      value += rest_[i];
    }
    refuse("a quoted string in a header does not end");
  }

  std::string_view rest_;
};

FormPart read_disposition(std::string_view value) {
  const std::size_t end = std::min(value.find(';'), value.size());
  if (lower(trim(value.substr(0, end))) != "form-data") {
    refuse("expected a part's Content-Disposition to be form-data");
  }
  FormPart part;
  bool named = false;
  ParameterList parameters(value.substr(end));
  while (const auto parameter = parameters.next()) {
    if (parameter->name == "name") {
      if (named) refuse("a part has two names");
      named = true;
      part.name = parameter->value;
    }
    if (parameter->name == "filename" || parameter->name == "filename*") part.is_file = true;
  }
  if (!named) refuse("a part has no name");
  return part;
}

void require_plain_encoding(std::string_view value) {
  const std::string encoding = lower(trim(value));
  if (encoding != "binary" && encoding != "8bit" && encoding != "7bit") {
    refuse("a part has a Content-Transfer-Encoding, which forms do not use");
  }
}

FormPart read_headers(std::string_view block) {
  std::optional<FormPart> part;
  while (!block.empty()) {
    const std::string_view line = take_until(block, "\r\n");
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) refuse("a part's header line has no colon");
    const std::string name = lower(trim(line.substr(0, colon)));
    const std::string_view value = line.substr(colon + 1);
    if (name == "content-transfer-encoding") require_plain_encoding(value);
    if (name != "content-disposition") continue;
    if (part) refuse("a part has two Content-Disposition headers");
    part = read_disposition(value);
  }
  if (!part) refuse("a part has no Content-Disposition");
  return *std::move(part);
}

}  // namespace

std::string form_boundary(std::string_view content_type) {
  const std::size_t end = std::min(content_type.find(';'), content_type.size());
  if (lower(trim(content_type.substr(0, end))) != "multipart/form-data") return {};
  ParameterList parameters(content_type.substr(end));
  while (const auto parameter = parameters.next()) {
    if (parameter->name != "boundary") continue;
    const std::string& boundary = parameter->value;
    if (boundary.empty() || boundary.size() > 70 || boundary.back() == ' ') {
      refuse("expected a boundary of 1 to 70 characters");
    }
    for (const char c : boundary) {
      if (!is_boundary_char(c)) refuse("the boundary has a character that none may have");
    }
    return boundary;
  }
  refuse("Content-Type names no boundary");
}

// The first boundary may stand at the very start, without the CRLF that belongs to each later one:
// the parser begins as if a CRLF had come.
MultipartParser::MultipartParser(std::string_view boundary, FormSink& sink)
    : delimiter_("\r\n--" + std::string(boundary)), sink_(sink), matched_(2) {}

void MultipartParser::feed(std::string_view bytes) {
  while (!bytes.empty()) {
    switch (state_) {
      case State::preamble:
      case State::data:
        bytes = until_delimiter(bytes);
        break;
      case State::after_boundary:
        bytes = boundary_tail(bytes);
        break;
      case State::headers:
        bytes = headers(bytes);
        break;
      case State::epilogue:
        return;
    }
  }
}

void MultipartParser::finish() const {
  if (state_ != State::epilogue) refuse("it ends before its last boundary");
}

void MultipartParser::emit(std::string_view bytes) {
  if (state_ == State::data && !bytes.empty()) sink_.part_data(bytes);
}

void MultipartParser::delimiter_found() {
  if (state_ == State::data) sink_.end_part();
  matched_ = 0;
  held_.clear();
  state_ = State::after_boundary;
}

// Only the delimiter's first byte is a CR, so a match that fails cannot have held the beginning of
// another one: what was held back is data, and the search goes on at the byte that did not fit.
std::string_view MultipartParser::until_delimiter(std::string_view bytes) {
  while (matched_ > 0 && !bytes.empty()) {
    if (bytes.front() != delimiter_[matched_]) {
      emit(std::string_view(delimiter_).substr(0, matched_));
      matched_ = 0;
      break;
    }
    bytes.remove_prefix(1);
    if (++matched_ == delimiter_.size()) {
      delimiter_found();
      return bytes;
    }
  }
  if (bytes.empty()) return bytes;
  if (const void* hit = memmem(bytes.data(), bytes.size(), delimiter_.data(), delimiter_.size())) {
    const auto at = static_cast<std::size_t>(static_cast<const char*>(hit) - bytes.data());
    emit(bytes.substr(0, at));
    delimiter_found();
    return bytes.substr(at + delimiter_.size());
  }
  const std::size_t last_cr = bytes.rfind('\r');
  const bool may_continue =
      last_cr != std::string_view::npos && delimiter_.starts_with(bytes.substr(last_cr));
  matched_ = may_continue ? bytes.size() - last_cr : 0;
  emit(bytes.substr(0, bytes.size() - matched_));
  return {};
}

// After a boundary: two hyphens end the form; blanks and CRLF begin a part.
std::string_view MultipartParser::boundary_tail(std::string_view bytes) {
  while (!bytes.empty()) {
    const char c = bytes.front();
    bytes.remove_prefix(1);
    if (held_.empty() && (c == ' ' || c == '\t')) continue;
    held_ += c;
    if (held_ == "-" || held_ == "\r") continue;
    if (held_ == "--") {
      state_ = State::epilogue;
      return {};
    }
    if (held_ != "\r\n") refuse("a boundary is followed by something else than a line's end");
    if (++parts_ > kMaxParts) refuse("more than " + std::to_string(kMaxParts) + " parts");
    state_ = State::headers;
    return bytes;
  }
  return bytes;
}

// The header block ends with an empty line; `held_` begins with the CRLF of the boundary's line, so
// that a part without any header ends the same way.
std::string_view MultipartParser::headers(std::string_view bytes) {
  constexpr std::string_view kEnd = "\r\n\r\n";
  const std::size_t known = held_.size();
  const std::size_t taken = std::min(bytes.size(), kMaxHeaderBytes + kEnd.size() - known);
  held_ += bytes.substr(0, taken);
  const std::size_t end = held_.find(kEnd, known < kEnd.size() ? 0 : known - (kEnd.size() - 1));
  if (end == std::string::npos) {
    if (held_.size() >= kMaxHeaderBytes) {
      refuse("a part's headers are longer than " + std::to_string(kMaxHeaderBytes) + " bytes");
    }
    return bytes.substr(taken);
  }
  const std::string_view block = std::string_view(held_).substr(std::min<std::size_t>(2, end), end);
  const FormPart part = read_headers(block.substr(0, end - std::min<std::size_t>(2, end)));
  state_ = State::data;
  const std::size_t used = end + kEnd.size() - known;
  held_.clear();
  sink_.begin_part(part);
  return bytes.substr(used);
}

}  // namespace ctclip
